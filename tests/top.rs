//! `bgptap top` and `live --top` in a pseudo-terminal: what the screen shows of sessions on the wire, what keys
//! do, and that the terminal is as it was in the end.
#![cfg(all(feature = "capture", feature = "top"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/pty.rs"]
mod pty;
mod support;

use bgptap::top::{Events, Source, Trouble, show};
use pty::{PATIENCE, Pty};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::net::{Live, Net, TAP, allowed};
use support::{Scratch, recording};

const ADDRESS: &str = "127.0.0.1:9180";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const F1: &str = "\x1bOP";
const F10: &str = "\x1b[21~";

/// The recording up to its first NOTIFICATION, so that all sessions are up in the end; without every
/// `lost`th frame.
fn shortened(scratch: &Scratch, lost: usize) -> PathBuf {
    /// Frames until then; its header, and that of each record.
    const FRAMES: usize = 1300;
    const HEADERS: (usize, usize) = (24, 16);
    let whole = fs::read(recording()).unwrap();
    let (mut kept, mut rest) = (whole[..HEADERS.0].to_vec(), &whole[HEADERS.0..]);
    for number in 1..=FRAMES {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (record, behind) = rest.split_at(HEADERS.1 + length);
        if number % lost != 0 {
            kept.extend_from_slice(record);
        }
        rest = behind;
    }
    let path = scratch.path("shortened.pcap");
    fs::write(&path, kept).unwrap();
    path
}

/// `bgptap top` in the namespace of a monitor.
fn top(net: &Net, rows: u16, cols: u16) -> Pty {
    top_with(net, "TERM=xterm-256color", rows, cols)
}

/// The same with a variable in its environment.
fn top_with(net: &Net, variable: &str, rows: u16, cols: u16) -> Pty {
    let command = [
        "ip",
        "netns",
        "exec",
        &net.mon,
        "env",
        variable,
        env!("CARGO_BIN_EXE_bgptap"),
        "top",
        ADDRESS,
    ];
    Pty::start(&command, rows, cols)
}

/// Whether a text stands on the screen in red.
fn in_red(screen: &vt100::Screen, text: &str) -> bool {
    let (rows, cols) = screen.size();
    (0..rows.get()).any(|row| {
        let cells = (0..cols.get()).filter_map(|col| screen.cell(row, col));
        let red = cells.filter(|cell| cell.fgcolor() == vt100::Color::Idx(1));
        let line: String = red.map(|cell| cell.contents().to_owned()).collect();
        line.contains(text)
    })
}

/// The terminal as a shell wants it.
fn assert_given_back(pty: &Pty) {
    pty.until("end of the alternate screen", |screen| {
        !screen.alternate_screen() && !screen.hide_cursor()
    });
    assert!(pty.is_cooked(), "lines are edited and echoed again");
}

#[test]
fn sessions_on_the_wire_are_shown_and_keys_work() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--http", ADDRESS]);
    let mut pty = top(&net, 40, 150);
    pty.shows("no session has said anything yet");
    assert!(pty.look(vt100::Screen::alternate_screen) && !pty.is_cooked());
    net.replay(&shortened(&scratch, usize::MAX), &["--speed", "max"]);
    for text in ["192.0.2.10:", "Established", "ipv4/unicast", "Lost nothing"] {
        pty.shows(text);
    }
    for (key, text) in [("?", "any key goes back"), (F1, "any key goes back")] {
        pty.keys(key);
        pty.shows(text);
        pty.keys("x");
        pty.until("end of the help", |screen| {
            !screen.contents().contains(text)
        });
    }
    // The events of what came while it listened.
    pty.keys("2");
    pty.shows("KEEPALIVE");
    pty.keys("\\type=open peer=192.0.2.4");
    pty.keys(ENTER);
    pty.until("event that passes the filter alone", |screen| {
        let text = screen.contents();
        text.contains("192.0.2.4 → 192.0.2.3  AS ") && !text.contains("KEEPALIVE")
    });
    pty.keys("3");
    pty.shows("from the wire to the decoded message");
    pty.keys("1/192.0.2.4");
    pty.keys(ENTER);
    pty.keys(ENTER);
    for text in [
        "hold time 9s",
        "last messages, newest first",
        "192.0.2.4:",
        "context",
    ] {
        pty.shows(text);
    }
    pty.keys(ESCAPE);
    pty.shows("PFX/S");
    pty.resize(20, 60);
    pty.until("fewer columns", |screen| {
        let text = screen.contents();
        text.contains("PEER") && !text.contains("MARGIN") && text.contains("F1Help")
    });
    pty.keys("q");
    assert!(pty.ended().success());
    assert_given_back(&pty);
    let summary = live.stop();
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
}

#[test]
fn what_the_mirror_lost_is_red() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--http", ADDRESS]);
    let mut pty = top(&net, 40, 150);
    pty.shows("Sessions");
    net.replay(&shortened(&scratch, 40), &["--speed", "max"]);
    pty.until("loss in red", |screen| {
        in_red(screen, "LOST") && in_red(screen, "of sessions")
    });
    pty.keys("4");
    pty.until("gap in red", |screen| in_red(screen, "gap"));
    // The instance goes: the screen stays, and says so.
    live.stop();
    pty.until("word about that", |screen| in_red(screen, "NO ANSWER"));
    let terminate = Command::new("kill").arg(pty.pid().to_string()).status();
    assert!(terminate.unwrap().success());
    pty.ended();
    assert_given_back(&pty);
}

/// No cell has a colour; what is lost is bold.
#[test]
fn no_color_is_honoured() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--http", ADDRESS]);
    let mut pty = top_with(&net, "NO_COLOR=1", 40, 150);
    pty.shows("Sessions");
    net.replay(&shortened(&scratch, 40), &["--speed", "max"]);
    pty.shows("Established");
    for key in ["1", "2", "3", "4", "1", ENTER] {
        pty.keys(key);
        pty.until("no colours, and something bold", |screen| {
            let (rows, cols) = screen.size();
            let places = (0..rows.get()).flat_map(|row| (0..cols.get()).map(move |col| (row, col)));
            let cells = places.filter_map(|(row, col)| screen.cell(row, col));
            let plain = |cell: &&vt100::Cell| {
                [cell.fgcolor(), cell.bgcolor()] == [vt100::Color::Default; 2]
            };
            let cells: Vec<_> = cells.collect();
            cells.iter().all(plain) && cells.iter().any(|cell| cell.bold())
        });
    }
    pty.keys("q");
    assert!(pty.ended().success());
    live.stop();
}

#[test]
fn a_capture_is_watched_by_its_own_process() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let command = [
        "ip",
        "netns",
        "exec",
        &net.mon,
        env!("CARGO_BIN_EXE_bgptap"),
        "live",
        "-i",
        TAP,
        "--top",
    ];
    let mut pty = Pty::start(&command, 40, 150);
    pty.shows("no session has said anything yet");
    net.replay(&shortened(&scratch, usize::MAX), &["--speed", "max"]);
    pty.shows("192.0.2.10:");
    pty.keys("2");
    pty.shows("UPDATE");
    pty.keys(F10);
    assert!(pty.ended().success());
    pty.shows("unaccounted frames 0, bytes 0");
    assert_given_back(&pty);
}

/// What is told while the screen is on is on the screen, and told again when the terminal is given back.
#[test]
fn what_a_capture_says_is_on_its_screen() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let config = scratch.write("bgptap.toml", b"only-changes = false\n");
    let command = [
        "ip",
        "netns",
        "exec",
        &net.mon,
        env!("CARGO_BIN_EXE_bgptap"),
        "live",
        "-i",
        TAP,
        "--top",
        "--config",
        config.to_str().unwrap(),
    ];
    let mut pty = Pty::start(&command, 40, 150);
    pty.shows("no session has said anything yet");
    let reload = |pty: &Pty, text: &[u8]| {
        fs::write(&config, text).unwrap();
        let pid = pty.pid().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args(["-s", "HUP", &pid]).status().unwrap().success());
    };
    reload(&pty, b"only-changes = true\n");
    pty.shows("SIGHUP: the configuration was read again");
    reload(&pty, b"only-chances = true\n");
    pty.shows("SIGHUP: refused, all stays as it was");
    pty.keys("4");
    pty.shows("only-chances = true");
    pty.until("screen that is whole", |screen| {
        let text = screen.contents();
        // The first line and the last, which a line between would have moved.
        text.starts_with("bgptap") && text.contains("F10") && !text.contains("bgptap: SIGHUP")
    });
    pty.keys(F10);
    assert!(pty.ended().success());
    pty.shows("bgptap: SIGHUP: the configuration was read again");
    pty.shows("bgptap: SIGHUP: refused");
    assert_given_back(&pty);
}

/// Whether a process has ended, waited for or not.
fn has_ended(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')').next().unwrap().starts_with(" Z")
    })
}

/// The terminal goes, as with the window that it is in or the connection of sshd: script(1), which has it, is killed.
/// Both end with it, whether SIGHUP ends them or is ignored, as by nohup(1).
#[test]
fn without_its_terminal_it_ends() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("top"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--http", ADDRESS]);
    for (name, what) in [
        ("top", format!("top {ADDRESS}")),
        (
            "live",
            "live -i lo --backend af-packet --force --metrics 127.0.0.1:0 --top".to_owned(),
        ),
    ] {
        for (ignored, hangup) in [("heard", ""), ("ignored", "trap '' HUP;")] {
            let pid = scratch.path(&format!("{name}-{ignored}"));
            let inner = format!(
                "{hangup} echo $$ >{}; exec {} {what}",
                pid.display(),
                env!("CARGO_BIN_EXE_bgptap")
            );
            let command = ["ip", "netns", "exec", &net.mon];
            let script = [
                "script",
                "--quiet",
                "--flush",
                "--command",
                &inner,
                "/dev/null",
            ];
            let mut pty = Pty::start(&[&command[..], &script].concat(), 40, 150);
            pty.shows("F10");
            let pid = fs::read_to_string(pid).unwrap();
            let pid = pid.trim();
            assert!(!has_ended(pid), "{name}");
            let script = pty.pid().to_string();
            let mut kill = Command::new("kill");
            assert!(
                kill.args(["-s", "KILL", &script])
                    .status()
                    .unwrap()
                    .success()
            );
            pty.ended();
            let begin = Instant::now();
            while !has_ended(pid) {
                if begin.elapsed() > PATIENCE {
                    let _ = Command::new("kill").args(["-s", "KILL", pid]).status();
                    panic!("{name}, SIGHUP {ignored}: it goes on without its terminal");
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
    live.stop();
}

/// The error of a `bgptap top` that does not begin.
fn refused(address: &str) -> String {
    let mut top = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    let output = top.args(["top", address]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_cannot_be_watched_is_told_with_the_remedy() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let said = refused(&free.to_string());
    assert!(said.contains(&format!("asking bgptap at {free}")), "{said}");
    assert!(said.contains(&format!("--http {free}")), "{said}");
    use bgptap::sink::metrics::Server;
    let metrics = Server::start(([127, 0, 0, 1], 0).into(), Arc::default()).unwrap();
    let said = refused(&metrics.address().to_string());
    assert!(said.contains("404") && said.contains("--metrics"), "{said}");
}

/// Set for [`a_screen_that_panics`].
const PANICS: &str = "BGPTAP_TEST_SCREEN_PANICS";

/// Answers once.
struct Brittle(AtomicU32);

impl Source for Brittle {
    fn name(&self) -> String {
        "brittle".into()
    }

    fn status(&self) -> Result<Vec<u8>, Trouble> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(br#"{"host":"monitor"}"#.to_vec()),
            _ => panic!("as a bug would"),
        }
    }

    fn sessions(&self, _: usize, _: usize) -> Result<Vec<u8>, Trouble> {
        Ok(br#"{"sessions":[]}"#.to_vec())
    }

    fn events(&self) -> Result<Box<dyn Events>, Trouble> {
        Err(Trouble::Busy("none".into()))
    }
}

/// A program of [`a_panic_gives_the_terminal_back`]; nothing by itself.
#[test]
fn a_screen_that_panics() {
    if std::env::var_os(PANICS).is_some() {
        let source: Arc<dyn Source> = Arc::new(Brittle(AtomicU32::new(0)));
        show(&source, Duration::from_secs(1), &AtomicBool::new(false)).unwrap();
    }
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let this = std::env::current_exe().unwrap();
    let set = format!("{PANICS}=1");
    let this = this.to_str().unwrap();
    let command = [
        "env",
        &set,
        this,
        "--exact",
        "a_screen_that_panics",
        "--nocapture",
    ];
    let mut pty = Pty::start(&command, 30, 100);
    pty.shows("as a bug would");
    pty.ended();
    assert_given_back(&pty);
}
