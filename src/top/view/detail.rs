//! The page of a session: both sides, and the last messages decoded.

use super::{BAD, BAR, DIM, GOOD, LABEL, VALUE, WARN, events};
use crate::top::app::{App, Detail};
use crate::top::describe;
use crate::top::events::Event;
use crate::top::model::{Session, Side};
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::Paragraph;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let Some(detail) = &app.detail else { return };
    let halves = Layout::horizontal([Constraint::Fill(1); 2]).spacing(2);
    let widths = halves.areas::<2>(area).map(|half| half.width.into());
    let (title, sides) = match app.session(&detail.session) {
        Some(session) => {
            let about = |side: usize| about(session, &session.directions[side], widths[side]);
            (head(app, session, area.width.into()), [about(0), about(1)])
        }
        None => {
            let over = Line::styled("the session is over (Esc goes back)", WARN);
            (vec![over], [Vec::new(), Vec::new()])
        }
    };
    let high = |lines: usize| Constraint::Length(u16::try_from(lines).unwrap_or(u16::MAX));
    let rows = Layout::vertical([
        high(title.len()),
        high(sides[0].len().max(sides[1].len())),
        Constraint::Fill(1),
        Constraint::Fill(2),
    ]);
    let [top, middle, list, message] = rows.areas(area);
    frame.render_widget(Text::from(title), top);
    for (side, half) in sides.into_iter().zip(halves.areas::<2>(middle)) {
        frame.render_widget(Text::from(side), half);
    }
    messages(frame, list, message, app, detail);
}

fn head(app: &App, session: &Session, width: usize) -> Vec<Line<'static>> {
    let state = text::state(session.state.into());
    let mut text = format!("session {}  {state}", session.session);
    if let Some(since) = session.since {
        let up = text::long_time(app.status.time.saturating_sub(since));
        text = format!("{text} for {up}");
    }
    if let Some(hold) = session.hold_time {
        text = format!("{text}  hold time {hold}s");
    }
    let families = text::families(&session.families);
    let lines = broken(&format!("{text}  {families}"), width);
    let style = LABEL.patch(BAR);
    lines
        .into_iter()
        .map(|line| Line::styled(line, style))
        .collect()
}

/// Columns of the labels in front of fields.
const LABEL_WIDTH: usize = 10;

/// A labelled value, in as many lines as it takes.
fn field(label: &'static str, value: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let lines = broken(value, width.saturating_sub(LABEL_WIDTH));
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    let lines = lines.into_iter().zip(labels).map(|(line, label)| {
        Line::from(vec![
            Span::styled(format!("{label:<LABEL_WIDTH$}"), LABEL),
            Span::styled(line, style),
        ])
    });
    lines.collect()
}

/// A text in lines no wider than that, where its words allow it; one at least.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn about(session: &Session, side: &Side, width: usize) -> Vec<Line<'static>> {
    let asn = side.peer_asn.as_deref().unwrap_or("?");
    let open = side.open.as_ref();
    let router = open.map_or_else(String::new, |open| format!("  id {}", open.router_id));
    let counts = &side.counts;
    let tables = side.tables.iter().map(|table| {
        let name = text::family(table.afi, table.safi);
        let why = table
            .reason
            .as_deref()
            .map_or_else(String::new, |why| format!(": {why}"));
        format!(
            "{name} {} ({}{why})",
            text::count(table.routes),
            table.status
        )
    });
    let tcp = &side.tcp;
    let rtt = match tcp.rtt.samples {
        0 => "rtt ?".to_owned(),
        _ => {
            let time = |us: u64| text::short_time(us as f64 / 1e6);
            format!(
                "rtt {} (least {})",
                time(tcp.rtt.smoothed_us),
                time(tcp.rtt.min_us)
            )
        }
    };
    let margin = match (tcp.hold_margin_ms, tcp.hold_margin_min_ms) {
        _ if !session.is_up() => "-".into(),
        (Some(now), least) => {
            let least = least.map_or_else(String::new, |ms| format!(" (least {}s)", ms / 1000));
            format!("{}s left{least}", now / 1000)
        }
        _ => "?".into(),
    };
    let lost = side.lost_bytes();
    let bytes = &side.bytes;
    let loss = format!(
        "{} in {} gaps, {} in no message",
        text::bytes(bytes.gap),
        counts.gaps,
        text::bytes(bytes.quarantined)
    );
    let ends = format!("{}:{}  AS{asn}{router}", side.peer, side.peer_port);
    let nlri = format!("+{} -{}", counts.announced, counts.withdrawn);
    let tables = tables.collect::<Vec<_>>().join(", ");
    let tcp_text = format!("{rtt}, {} sent again", tcp.retransmitted);
    let window = format!(
        "{}, closed {} times",
        text::bytes(tcp.window.into()),
        tcp.zero_windows
    );
    let late = warn_if(session.is_up() && tcp.hold_margin_ms == Some(0));
    let plain = Style::new();
    let fields = [
        ("can", capabilities(side), plain),
        ("said", said(side), plain),
        ("prefixes", nlri, plain),
        ("tables", tables, plain),
        ("tcp", tcp_text, plain),
        ("window", window, plain),
        ("hold time", margin, late),
        ("lost", loss, if lost > 0 { BAD } else { GOOD }),
    ];
    let ends = broken(&ends, width);
    let ends = ends.into_iter().map(|line| Line::styled(line, VALUE));
    let fields = fields
        .iter()
        .flat_map(|(label, value, style)| field(label, value, *style, width));
    ends.chain(fields).collect()
}

fn warn_if(bad: bool) -> Style {
    if bad { BAD } else { Style::new() }
}

/// Messages by type, those that there were.
fn said(side: &Side) -> String {
    let types = side.counts.messages.iter().filter(|(_, count)| **count > 0);
    let types: Vec<_> = types
        .map(|(name, count)| format!("{} {name}", text::count(*count)))
        .collect();
    types.join(", ")
}

fn capabilities(side: &Side) -> String {
    let Some(open) = &side.open else {
        return "its OPEN was not seen".into();
    };
    let flags = [
        ("4-octet AS", open.as4),
        ("extended messages", open.extended_message),
        ("refresh", open.route_refresh),
        ("enhanced refresh", open.enhanced_refresh),
        ("graceful restart", open.graceful_restart),
        (
            "ADD-PATH",
            !open.add_path_send.is_empty() || !open.add_path_receive.is_empty(),
        ),
    ];
    let names = flags.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
    let hold = format!("hold {}s", open.hold_time);
    names.fold(hold, |text, name| format!("{text}, {name}"))
}

/// The last messages, and one of them whole.
fn messages(frame: &mut Frame<'_>, list: Rect, area: Rect, app: &App, detail: &Detail) {
    let ring = app.events.of(&detail.session);
    let newest: Vec<&Arc<Event>> = ring
        .into_iter()
        .flat_map(|ring| ring.iter().rev())
        .collect();
    let [head, rows] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(list);
    let title = format!("last messages, newest first ({})", newest.len());
    frame.render_widget(Line::styled(title, LABEL.patch(BAR)), head);
    if newest.is_empty() {
        let text = "none since this screen was opened";
        frame.render_widget(Line::styled(text, DIM), rows);
        return;
    }
    let chosen = detail.message.min(newest.len() - 1);
    let first = (chosen + 1).saturating_sub(usize::from(rows.height).max(1));
    let lines = newest
        .iter()
        .enumerate()
        .skip(first)
        .take(rows.height.into());
    let lines = lines.map(|(place, event)| {
        let line = events::line(event, false);
        if place == chosen {
            line.patch_style(BAR)
        } else {
            line
        }
    });
    frame.render_widget(Text::from(lines.collect::<Vec<_>>()), rows);
    whole(frame, area, newest[chosen], detail.scroll);
}

fn whole(frame: &mut Frame<'_>, area: Rect, event: &Event, scroll: u16) {
    let [head, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let title = format!("{} {}", event.head.kind, text::clock(event.head.timestamp));
    frame.render_widget(Line::styled(title, LABEL.patch(BAR)), head);
    let value: Value = serde_json::from_str(&event.line).unwrap_or_default();
    let leaves = describe::tree(&value).into_iter();
    let lines = leaves.map(|(depth, key, value)| {
        Line::from(vec![
            Span::raw("  ".repeat(depth)),
            Span::styled(format!("{key} "), LABEL),
            Span::raw(value),
        ])
    });
    let text = Paragraph::new(lines.collect::<Vec<_>>());
    frame.render_widget(text.scroll((scroll, 0)), rest);
}
