//! What lies over a page: keys, help, the list of columns, the line that is typed.

use super::{BAR, LABEL, VALUE};
use crate::top::app::Asked;
use crate::top::filter;
use crate::top::sort::Column;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

const KEYS: [(&str, &str); 7] = [
    ("F1", "Help"),
    ("F2", "View"),
    ("F3", "Search"),
    ("F4", "Filter"),
    ("F6", "SortBy"),
    ("Enter", "Session"),
    ("F10", "Quit"),
];

const HELP: [(&str, &str); 14] = [
    (
        "1 2 3 4, Tab F2",
        "sessions, events, latency, losses; the next of them",
    ),
    ("↑ ↓ j k PgUp PgDn Home End", "move"),
    ("Enter", "the session, with its last messages decoded"),
    ("Esc", "back; leave what is typed, and clear the filter"),
    ("F3 /", "search; n goes on to the next"),
    ("F4 \\", "filter"),
    ("F6 > .", "choose the column to sort by"),
    ("I", "the other way round"),
    (
        "P M T N S",
        "sort by messages a second, routes, time up, peer, state",
    ),
    (
        "R H G",
        "sort by round-trip time, hold time left, bytes lost",
    ),
    ("Space Z", "events stand still, and go on"),
    ("F1 h ?", "this help"),
    ("Ctrl-Z", "back to the shell (not of live --top)"),
    ("F10 q Ctrl-C", "quit"),
];

/// The keys at the bottom.
pub(super) fn keys(frame: &mut Frame<'_>, area: Rect) {
    let spans = KEYS.iter().flat_map(|(key, what)| {
        [
            Span::styled(format!(" {key}"), VALUE),
            Span::styled(format!("{what:<7}"), BAR),
        ]
    });
    frame.render_widget(Line::from(spans.collect::<Vec<_>>()), area);
}

pub(super) fn help(frame: &mut Frame<'_>, area: Rect) {
    let keys = HELP.iter().map(|(keys, what)| {
        Line::from(vec![
            Span::styled(format!("{keys:>27}  "), VALUE),
            Span::raw(*what),
        ])
    });
    let mut lines: Vec<_> = keys.collect();
    lines.push(Line::from(vec![
        Span::styled("A filter of events: ", LABEL),
        Span::raw(filter::HELP),
    ]));
    lines.push(Line::raw(
        "Two lines are a session: what the one side sends, and what the other. PEER is the sender, ROUTES those \
         that it has told (~: its table is partial), MARGIN what is left of the hold time, LOST bytes that are in \
         no message. Red is lost, down or wrong.",
    ));
    lines.push(Line::styled("any key goes back", LABEL));
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(Clear, area);
    frame.render_widget(text.block(Block::bordered().title(" bgptap top ")), area);
}

/// The list of columns.
pub(super) fn sort(frame: &mut Frame<'_>, page: Rect, place: usize) {
    let area = Rect {
        width: page.width.min(16),
        ..page
    };
    let columns = Column::ALL.iter().enumerate().map(|(at, column)| {
        let (name, key) = column.name();
        let line = Line::raw(format!(" {name:<8} {key} "));
        if at == place {
            line.patch_style(BAR)
        } else {
            line
        }
    });
    let mut lines = vec![Line::styled("Sort by", LABEL.patch(BAR))];
    lines.extend(columns);
    frame.render_widget(Clear, area);
    frame.render_widget(Text::from(lines), area);
}

/// The line that is typed, in place of the keys.
pub(super) fn input(frame: &mut Frame<'_>, area: Rect, asked: Asked, text: &str) {
    let label = match asked {
        Asked::Search => "Search: ",
        Asked::Filter => "Filter: ",
    };
    let line = Line::from(vec![Span::styled(label, VALUE), Span::raw(text.to_owned())]);
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
    let x = area
        .x
        .saturating_add(width)
        .min(area.right().saturating_sub(1));
    frame.render_widget(Clear, area);
    frame.render_widget(line, area);
    frame.set_cursor_position(Position { x, y: area.y });
}
