//! Pages as they stand on a screen.

use super::draw;
use crate::top::app::{App, Next, View};
use crate::top::feed::{Figures, News};
use crate::top::source::Trouble;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

/// What a side sends: `lost` bytes of it are in no message.
fn side(peer: &str, asn: u32, messages: u64, lost: u64) -> Value {
    json!({
        "peer": peer, "peer_port": 179, "peer_asn": asn.to_string(), "messages": messages,
        "open": {"router_id": "192.0.2.9", "hold_time": 90, "as4": true, "families": [[1, 1]]},
        "counts": {"messages": {"UPDATE": messages}, "announced": messages * 3, "withdrawn": 0, "gaps": 1},
        "bytes": {"captured": 1000, "gap": lost},
        "tcp": {"rtt": {"smoothed_us": 3400, "min_us": 1200, "samples": 9}, "hold_margin_ms": 61_000},
        "tables": [{"afi": 1, "safi": 1, "routes": messages * 2, "status": "complete"}],
    })
}

fn session(id: u8, state: u8, messages: u64, lost: u64) -> Value {
    json!({
        "session": format!("{id:016x}"), "state": state, "since": 1000, "last": 4600, "hold_time": 90,
        "families": [[1, 1], [2, 1]],
        "directions": [
            side(&format!("192.0.2.{id}"), 65000 + u32::from(id), messages, lost),
            side(&format!("192.0.2.{}", id + 100), 65100, 1, 0),
        ],
    })
}

/// Two sessions, the second of them down; so many messages of the first, and bytes lost.
fn figures(at: f64, messages: u64, lost: u64) -> News {
    let status = json!({
        "version": "9.9", "host": "monitor", "time": 4600, "started": 1000,
        "frames": {"eth0": {"seen": 10}}, "lost": {},
        "latency": {"count": 3, "sum": 6e-5, "quantiles": {"p50": 2e-5}, "buckets": [[1e-5, 1], [2e-5, 2], [null, 0]]},
        "outputs": [{"name": "json", "dropped": {"queue_full": 0}}],
    });
    let sessions = json!([session(1, 6, messages, lost), session(2, 1, 5, 0)]);
    News::Figures(Box::new(Figures {
        status: serde_json::from_value(status).expect("a status"),
        sessions: serde_json::from_value(sessions).expect("sessions"),
        at,
    }))
}

fn app() -> App {
    let mut app = App::new("127.0.0.1:9180".into());
    app.take(figures(1.0, 100, 0));
    app.take(figures(2.0, 120, 0));
    app
}

fn screen(app: &mut App, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
    terminal.draw(|frame| draw(frame, app)).expect("memory");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let lines = buffer.content().chunks(buffer.area.width.into());
    let lines = lines.map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(app: &mut App) -> String {
    text(&screen(app, 130, 30))
}

/// Nothing is left of the hold time of a session that is down, and nothing is late there.
#[test]
fn a_session_that_is_down_has_no_margin() {
    let mut app = app();
    let table = shown(&mut app);
    let line = |peer: &str| table.lines().find(|line| line.contains(peer)).expect(peer);
    assert!(line("192.0.2.1:").contains("61s"), "{table}");
    assert!(!line("192.0.2.2:").contains("61s"), "{table}");
}

/// As long as a third of the hold time is left nobody is alarmed.
#[test]
fn a_margin_that_runs_out_is_red() {
    let with = |milliseconds: u64| {
        let mut app = app();
        let News::Figures(mut figures) = figures(3.0, 130, 0) else {
            panic!("figures");
        };
        figures.sessions[0].directions[0].tcp.hold_margin_ms = Some(milliseconds);
        app.take(News::Figures(figures));
        screen(&mut app, 130, 30)
    };
    let (enough, little) = (with(30_000), with(29_000));
    assert!(text(&enough).contains("30s") && !red(&enough).contains("30s"));
    assert!(red(&little).contains("29s"), "{}", text(&little));
}

/// The page of a session says what is left, and what was the least; nothing of one that is down.
#[test]
fn a_sessions_page_has_its_margins() {
    let mut app = app();
    let News::Figures(mut figures) = figures(3.0, 130, 0) else {
        panic!("figures");
    };
    figures.sessions[0].directions[0].tcp.hold_margin_min_ms = Some(12_400);
    figures.sessions[1].directions[0].tcp.hold_margin_min_ms = Some(11_000);
    app.take(News::Figures(figures));
    press_code(&mut app, KeyCode::Enter);
    let page = shown(&mut app);
    assert!(page.contains("61s left (least 12s)"), "{page}");
    press_code(&mut app, KeyCode::Esc);
    press_code(&mut app, KeyCode::Down);
    press_code(&mut app, KeyCode::Enter);
    let page = shown(&mut app);
    assert!(page.contains("Idle") && !page.contains(" left"), "{page}");
}

/// The characters that stand in red.
fn red(buffer: &Buffer) -> String {
    let cells = buffer.content().iter().filter(|cell| cell.fg == Color::Red);
    cells.map(|cell| cell.symbol()).collect()
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        press_code(app, KeyCode::Char(key));
    }
}

fn press_code(app: &mut App, code: KeyCode) -> Next {
    app.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn event(session: u8, kind: &str, more: &str) -> News {
    let line = format!(
        r#"{{"type":"{kind}","timestamp":3600.5,"peer":"192.0.2.{session}","local":"192.0.2.100","session":"{session:016x}"{more}}}"#
    );
    News::Events(line.into_bytes())
}

#[test]
fn sessions_with_both_sides() {
    let text = shown(&mut app());
    for part in [
        "bgptap 9.9 monitor (127.0.0.1:9180)",
        "Sessions 1/2 up",
        "192.0.2.1:179",
        "192.0.2.101:179",
        "65001",
        "Established",
        "1:00:00",
        "Idle",
        "ipv4/unicast",
        "ipv6/unicast",
        "240",
        "3.4ms",
        "61s",
        "Lost nothing",
        "F10Quit",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(
        text.contains("Messages    20/s"),
        "20 messages in a second:\n{text}"
    );
    assert!(text.contains("Prefixes    60/s"), "{text}");
}

#[test]
fn bars_of_the_chosen_session_stand_as_those_of_others() {
    let buffer = screen(&mut app(), 130, 30);
    let mut lines = buffer.content().chunks(130);
    let chosen = lines
        .find(|line| line[0].modifier.contains(Modifier::REVERSED) && line[0].symbol() == "1")
        .expect("a chosen session");
    let (bars, others): (Vec<_>, Vec<_>) = chosen.iter().partition(|cell| cell.fg == Color::Green);
    let bars: Vec<_> = bars.iter().filter(|cell| cell.symbol() == "█").collect();
    assert!(!bars.is_empty(), "it has said something");
    let reversed = |cell: &Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(bars.iter().all(|cell| !reversed(cell)), "{bars:?}");
    assert!(others.iter().filter(|cell| reversed(cell)).count() > 60);
}

#[test]
fn losses_are_red_wherever_they_stand() {
    let mut app = app();
    let calm = screen(&mut app, 130, 30);
    assert_eq!(red(&calm).trim(), "Idle", "only the session that is down");
    app.take(figures(3.0, 120, 1500));
    let red_text = red(&screen(&mut app, 130, 30));
    assert!(
        red_text.contains("LOST") && red_text.contains("1.5 kB"),
        "{red_text}"
    );
    press(&mut app, "4");
    let losses = screen(&mut app, 130, 30);
    assert!(
        text(&losses).contains("192.0.2.1 → 192.0.2.101"),
        "{}",
        text(&losses)
    );
    assert!(red(&losses).contains("gap"));
}

#[test]
fn the_chosen_session_stays_chosen_when_others_pass_it() {
    let mut app = app();
    press_code(&mut app, KeyCode::Down);
    press(&mut app, "S");
    assert_eq!(app.table.selected(), Some(0), "what is down comes first");
    press(&mut app, "I");
    assert_eq!(app.table.selected(), Some(1));
    press_code(&mut app, KeyCode::Enter);
    assert!(shown(&mut app).contains("session 0000000000000002  Idle"));
}

#[test]
fn a_sessions_page_has_its_messages_decoded() {
    let mut app = app();
    app.take(event(2, "KEEPALIVE", ""));
    app.take(event(
        1,
        "UPDATE",
        r#","path_text":"65001","withdrawals":[{"afi":1,"safi":1,"prefixes":["10.0.0.0/8"]}]"#,
    ));
    app.take(event(1, "KEEPALIVE", ""));
    press_code(&mut app, KeyCode::Enter);
    press_code(&mut app, KeyCode::Down);
    let text = shown(&mut app);
    for part in [
        "session 0000000000000001  Established for 1:00:00  hold time 90s",
        "AS65001  id 192.0.2.9",
        "hold 90s, 4-octet AS",
        "newest first (2)",
        "01:00:00.500 UPDATE",
        "-1 10.0.0.0/8  path 65001",
        "path_text 65001",
        "prefixes [10.0.0.0/8]",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    press_code(&mut app, KeyCode::Esc);
    assert!(shown(&mut app).contains("192.0.2.101:179"), "back");
}

#[test]
fn events_are_filtered_and_stand_still() {
    let mut app = app();
    app.take(event(1, "GAP", r#","bytes":1500,"reason":"mirror_loss""#));
    app.take(event(2, "KEEPALIVE", ""));
    press(&mut app, "2");
    let all = screen(&mut app, 130, 30);
    assert!(text(&all).contains("192.0.2.2 → 192.0.2.100"));
    assert!(red(&all).contains("GAP") && red(&all).contains("1.5 kB lost: mirror_loss"));
    press(&mut app, "\\peer=192.0.2.1");
    press_code(&mut app, KeyCode::Enter);
    let filtered = shown(&mut app);
    assert!(filtered.contains("filter: peer=192.0.2.1"), "{filtered}");
    assert!(!filtered.contains("192.0.2.2 →"), "{filtered}");
    press(&mut app, "\\");
    press_code(&mut app, KeyCode::Esc);
    press(&mut app, " ");
    app.take(event(2, "NOTIFICATION", ""));
    let held = shown(&mut app);
    assert!(
        held.contains("PAUSED") && !held.contains("NOTIFICATION"),
        "{held}"
    );
    press(&mut app, " ");
    assert!(shown(&mut app).contains("NOTIFICATION"));
    press(&mut app, "\\colour=red");
    press_code(&mut app, KeyCode::Enter);
    assert!(shown(&mut app).contains("no such key: colour="));
}

/// On a screen of 80 columns half of it is not enough for what a side can do: it goes on in the next line.
#[test]
fn nothing_of_a_session_is_cut_off_at_the_edge() {
    let mut figures = session(1, 6, 100, 0);
    let open = &mut figures["directions"][1]["open"];
    for can in [
        "extended_message",
        "route_refresh",
        "enhanced_refresh",
        "graceful_restart",
    ] {
        open[can] = json!(true);
    }
    figures["families"] = json!((1..9).map(|safi| [2, safi]).collect::<Vec<_>>());
    let sessions = serde_json::from_value(json!([figures])).expect("sessions");
    let mut app = app();
    let News::Figures(mut news) = self::figures(3.0, 100, 0) else {
        panic!("figures are figures");
    };
    news.sessions = sessions;
    app.take(News::Figures(news));
    press_code(&mut app, KeyCode::Enter);
    let wide = text(&screen(&mut app, 250, 40));
    let narrow = text(&screen(&mut app, 80, 40));
    let side = wide
        .lines()
        .find(|line| line.contains("can "))
        .expect("what it can");
    let (_, side) = side.rsplit_once("can ").expect("the other side");
    let heads = wide.lines().find(|line| line.contains("hold time 90s"));
    for word in side
        .split_whitespace()
        .chain(heads.into_iter().flat_map(str::split_whitespace))
    {
        assert!(narrow.contains(word), "no {word} in:\n{narrow}");
    }
    assert!(side.contains("graceful restart"), "{side}");
}

#[test]
fn sessions_are_found_and_filtered() {
    let mut app = app();
    press(&mut app, "/as65002");
    press_code(&mut app, KeyCode::Enter);
    assert_eq!(app.table.selected(), Some(1));
    press(&mut app, "\\established");
    assert_eq!(app.shown.len(), 1, "while it is typed");
    press_code(&mut app, KeyCode::Esc);
    assert_eq!(app.shown.len(), 2);
}

#[test]
fn help_names_the_keys_and_any_key_ends_it() {
    let mut app = app();
    press(&mut app, "?");
    assert!(shown(&mut app).contains("any key goes back"));
    press(&mut app, "q");
    assert!(shown(&mut app).contains("192.0.2.101:179"));
    assert_eq!(press_code(&mut app, KeyCode::F(1)), Next::Go);
    press(&mut app, "x");
    assert_eq!(press_code(&mut app, KeyCode::Char('q')), Next::Quit);
    assert_eq!(press_code(&mut app, KeyCode::F(10)), Next::Quit);
    let ctrl = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    assert_eq!(app.key(ctrl('c')), Next::Quit);
    assert_eq!(app.key(ctrl('z')), Next::Suspend);
}

#[test]
fn the_histogram_has_its_bars() {
    let mut app = app();
    press(&mut app, "3");
    let text = shown(&mut app);
    assert!(text.contains("3 messages  mean 20µs  p50 20µs"), "{text}");
    assert!(text.contains("10µs to 20µs"), "{text}");
    assert!(text.contains("████"), "{text}");
}

#[test]
fn no_answer_is_told_and_the_last_figures_stay() {
    let mut app = app();
    app.take(News::Trouble(Trouble::Unreachable("refused".into())));
    let buffer = screen(&mut app, 130, 30);
    assert!(red(&buffer).contains("NO ANSWER from 127.0.0.1:9180: refused"));
    assert!(text(&buffer).contains("192.0.2.1:179"));
    app.take(figures(3.0, 130, 0));
    assert!(!shown(&mut app).contains("NO ANSWER"));
}

#[test]
fn every_page_fits_every_size() {
    let mut app = app();
    app.take(event(1, "UPDATE", ""));
    for (width, height) in [(1, 1), (10, 3), (40, 8), (80, 24), (300, 100)] {
        for view in View::ALL {
            press(
                &mut app,
                ["1", "2", "3", "4"][View::ALL.iter().position(|v| *v == view).unwrap_or(0)],
            );
            screen(&mut app, width, height);
        }
        press(&mut app, "1");
        for keys in ["?", "x>", "I/abc"] {
            press(&mut app, keys);
            screen(&mut app, width, height);
        }
        press_code(&mut app, KeyCode::Esc);
        press_code(&mut app, KeyCode::Enter);
        screen(&mut app, width, height);
    }
    let narrow = text(&screen(&mut App::new("x".into()), 60, 20));
    assert!(narrow.contains("waiting for figures"), "{narrow}");
}

#[test]
fn of_many_sessions_the_chosen_one_is_on_the_screen() {
    let mut app = App::new("x".into());
    let sessions: Vec<Value> = (1..=99).map(|id| session(id, 6, 1, 0)).collect();
    app.take(News::Figures(Box::new(Figures {
        sessions: serde_json::from_value(json!(sessions)).expect("sessions"),
        ..Figures::default()
    })));
    press_code(&mut app, KeyCode::End);
    assert!(shown(&mut app).contains("192.0.2.99:179"));
    press_code(&mut app, KeyCode::Home);
    let first = shown(&mut app);
    assert!(
        first.contains("192.0.2.1:179") && !first.contains("192.0.2.99:"),
        "{first}"
    );
    press_code(&mut app, KeyCode::PageDown);
    assert_eq!(app.table.selected(), Some(10));
    assert!(shown(&mut app).contains("192.0.2.11:179"));
}
