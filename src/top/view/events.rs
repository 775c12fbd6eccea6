//! The page of events as they come, newest first.

use super::{BAD, BAR, DIM, GOOD, LABEL, WARN};
use crate::top::app::App;
use crate::top::describe;
use crate::top::events::Event;
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use serde_json::Value;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let [head, list] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(title(app), head);
    let lines = app.tail().skip(app.scroll).take(list.height.into());
    let lines: Vec<_> = lines.map(|event| line(event, true)).collect();
    if lines.is_empty() {
        let text = if app.filter.is_empty() {
            "events come here as they happen"
        } else {
            "no event has passed the filter"
        };
        frame.render_widget(Line::styled(text, DIM), list);
    } else {
        frame.render_widget(Text::from(lines), list);
    }
}

fn title(app: &App) -> Line<'static> {
    let mut spans = vec![Span::raw(format!("{} events", app.events.count))];
    if app.held.is_some() {
        spans.push(Span::styled("  PAUSED (Space goes on)", WARN));
    }
    if !app.filter.is_empty() {
        spans.push(Span::styled(format!("  filter: {}", app.filter_text), WARN));
    }
    if let Some(wrong) = &app.wrong {
        spans.push(Span::styled(format!("  {wrong}"), BAD));
    }
    if app.missed > 0 {
        let missed = format!("  not shown {} times: too slow, or no answer", app.missed);
        spans.push(Span::styled(missed, BAD));
    }
    Line::from(spans).style(LABEL.patch(BAR))
}

/// An event in a line; `sides` says who told whom.
pub(super) fn line(event: &Event, sides: bool) -> Line<'static> {
    let value: Value = serde_json::from_str(&event.line).unwrap_or_default();
    let head = &event.head;
    let bad = event.is_loss() || describe::has_errors(&value);
    let kind = if bad { BAD } else { style(&head.kind) };
    let mut spans = vec![
        Span::styled(text::clock(head.timestamp), DIM),
        Span::styled(format!(" {:<13} ", head.kind), kind),
    ];
    if sides {
        spans.push(Span::raw(format!("{} → {}  ", head.peer, head.local)));
    } else {
        spans.push(Span::raw(format!("{} →  ", head.peer)));
    }
    let rest = if bad { BAD } else { Style::new() };
    spans.push(Span::styled(describe::line(&value), rest));
    Line::from(spans)
}

fn style(kind: &str) -> Style {
    match kind {
        "UPDATE" => GOOD,
        "NOTIFICATION" => BAD,
        "STATE" | "TCP" | "ROUTE_REFRESH" => WARN,
        "KEEPALIVE" => DIM,
        _ => LABEL,
    }
}
