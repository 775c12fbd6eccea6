//! The page of all sessions: two lines each, one for what either side sends.

use super::{BAD, BAR, DIM, GOOD, LABEL, WARN};
use crate::top::app::App;
use crate::top::model::{Session, Side};
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

/// Rates that stand as bars.
const BARS: u16 = 14;
/// Less than a third of the hold time left: the sender has missed a KEEPALIVE.
const MARGIN_PART: u64 = 3;

/// A column: its head, its width, and from which width of the screen on it is there.
const COLUMNS: [(&str, u16, u16); 11] = [
    ("PEER", 0, 0),
    ("AS", 10, 50),
    ("STATE", 11, 0),
    ("FAMILIES", 14, 120),
    ("ROUTES", 7, 40),
    ("MSGS", 6, 100),
    ("PFX/S", 6, 60),
    ("", BARS, 90),
    ("RTT", 7, 70),
    ("MARGIN", 7, 80),
    ("LOST", 8, 0),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &mut App) {
    if app.shown.is_empty() {
        frame.render_widget(Paragraph::new(why_empty(app)).style(DIM), area);
        return;
    }
    let there: Vec<usize> = (0..COLUMNS.len())
        .filter(|column| area.width >= COLUMNS[*column].2)
        .collect();
    // Of long lists only what is on the screen is drawn.
    let (first, visible) = window(app, area);
    let rows = app.shown.iter().enumerate();
    let rows = rows.skip(first).take(visible).map(|(place, session)| {
        let cells = cells(app, session);
        let chosen = app.table.selected() == Some(place);
        let cells = there
            .iter()
            .map(|column| Cell::from(cells[*column].clone()));
        let row = Row::new(cells.collect::<Vec<_>>()).height(2);
        if chosen { row.style(BAR) } else { row }
    });
    let sorted = app.sort.name().0;
    let heads = there.iter().map(|column| {
        let (name, ..) = COLUMNS[*column];
        let shown = if name == "STATE" && sorted == "UP" {
            "UP"
        } else {
            name
        };
        let mark = if shown == sorted {
            if app.reversed { "▲" } else { "▼" }
        } else {
            ""
        };
        Cell::from(format!("{shown}{mark}"))
    });
    let widths = there.iter().map(|column| match COLUMNS[*column].1 {
        0 => Constraint::Fill(1),
        width => Constraint::Length(width),
    });
    let table = Table::new(rows.collect::<Vec<_>>(), widths.collect::<Vec<_>>());
    let head = Row::new(heads.collect::<Vec<_>>()).style(LABEL.patch(BAR));
    frame.render_widget(table.header(head), area);
}

/// The first session on the screen, and how many there are room for.
fn window(app: &mut App, area: Rect) -> (usize, usize) {
    let room = usize::from(area.height.saturating_sub(1))
        .div_ceil(2)
        .max(1);
    // The last one may be cut: the chosen one must not be.
    let whole = usize::from(area.height.saturating_sub(1) / 2).max(1);
    let chosen = app.table.selected().unwrap_or(0);
    let offset = app.table.offset_mut();
    *offset = (*offset).clamp((chosen + 1).saturating_sub(whole), chosen);
    (*offset, room)
}

fn why_empty(app: &App) -> &'static str {
    if !app.alive {
        "waiting for figures"
    } else if app.all().is_empty() {
        "no session has said anything yet"
    } else {
        "no session passes the filter (F4 changes it, Esc clears it)"
    }
}

fn cells(app: &App, session: &Session) -> [Text<'static>; COLUMNS.len()] {
    let sides = &session.directions;
    let lines = |line: &dyn Fn(usize, &Side) -> Line<'static>| {
        let lines = sides.iter().enumerate();
        Text::from(
            lines
                .map(|(number, side)| line(number, side))
                .collect::<Vec<_>>(),
        )
    };
    let key = |number| (session.session.clone(), number);
    let rates = |number| app.prefixes.get(&key(number));
    [
        lines(&|_, side| Line::raw(format!("{}:{}", side.peer, side.peer_port))),
        lines(&|_, side| Line::raw(side.peer_asn.clone().unwrap_or_else(|| "?".into()))),
        state(app, session),
        families(session),
        lines(&|_, side| routes(side)),
        lines(&|_, side| right(&text::count(side.messages), 6)),
        lines(&|number, _| {
            right(
                &rates(number).map_or_else(String::new, |s| text::rate(s.rate())),
                6,
            )
        }),
        lines(&|number, _| {
            let rates = rates(number).into_iter();
            let rates = rates.flat_map(|series| series.newest(BARS.into()));
            // Reversed in the chosen line, nothing would look like the most.
            Line::styled(text::sparkline(rates, BARS.into()), GOOD.not_reversed())
        }),
        lines(&|_, side| rtt(side)),
        lines(&|_, side| margin(session, side)),
        lines(&|_, side| lost(side)),
    ]
}

fn right(text: &str, width: usize) -> Line<'static> {
    Line::raw(format!("{text:>width$}"))
}

fn state(app: &App, session: &Session) -> Text<'static> {
    let style = match session.state {
        6 => GOOD,
        0 | 1 => BAD,
        _ => WARN,
    };
    let now = app.status.time;
    let time = match session.since {
        Some(since) => text::long_time(now.saturating_sub(since)),
        None if session.last > 0 => {
            format!("{} ago", text::long_time(now.saturating_sub(session.last)))
        }
        None => String::new(),
    };
    let name = text::state(session.state.into());
    Text::from(vec![Line::styled(name, style), Line::raw(time)])
}

/// Two on the first line, how many more on the second.
fn families(session: &Session) -> Text<'static> {
    let names: Vec<_> = session
        .families
        .iter()
        .map(|f| text::family(f.0, f.1))
        .collect();
    let second = match names.get(1..) {
        Some([one]) => one.clone(),
        Some(more) if !more.is_empty() => format!("and {} more", more.len()),
        _ => String::new(),
    };
    let first = names.first().cloned().unwrap_or_default();
    Text::from(vec![Line::raw(first), Line::raw(second)])
}

/// Routes, with a sign where a table is partial.
fn routes(side: &Side) -> Line<'static> {
    if side.tables.is_empty() {
        return Line::styled("      -", DIM);
    }
    let partial = side.tables.iter().any(|table| table.status == "partial");
    let (sign, style) = if partial {
        ("~", WARN)
    } else {
        ("", Style::new())
    };
    Line::styled(
        format!("{:>7}", format!("{sign}{}", text::count(side.routes()))),
        style,
    )
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn rtt(side: &Side) -> Line<'static> {
    let rtt = &side.tcp.rtt;
    if rtt.samples == 0 {
        return Line::styled("      -", DIM);
    }
    right(&text::short_time(rtt.smoothed_us as f64 / 1e6), 7)
}

fn margin(session: &Session, side: &Side) -> Line<'static> {
    let Some(margin) = side.tcp.hold_margin_ms.filter(|_| session.is_up()) else {
        return Line::styled("      -", DIM);
    };
    let hold = u64::from(session.hold_time.unwrap_or(0)) * 1000;
    let style = if margin * MARGIN_PART < hold {
        BAD
    } else {
        Style::new()
    };
    Line::styled(format!("{:>7}", format!("{}s", margin / 1000)), style)
}

fn lost(side: &Side) -> Line<'static> {
    match side.lost_bytes() {
        0 => Line::styled("       -", DIM),
        bytes => Line::from(Span::styled(format!("{:>8}", text::bytes(bytes)), BAD)),
    }
}
