//! The page of the histogram: how long messages took from the wire until they were decoded.

use super::{BAD, DIM, GOOD, LABEL, VALUE, WARN};
use crate::top::app::App;
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

/// Columns beside the bars.
const BESIDE: u16 = 28;
/// From this many seconds on a message is late, and from that many very late.
const LATE: [f64; 2] = [1e-3, 0.1];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let latency = &app.status.latency;
    let mut lines = vec![Line::styled("from the wire to the decoded message", LABEL)];
    if latency.count == 0 {
        lines.push(Line::styled("no message yet", DIM));
        frame.render_widget(Text::from(lines), area);
        return;
    }
    lines.push(summary(app));
    let most = latency.buckets.iter().map(|(_, count)| *count).max();
    let width = area.width.saturating_sub(BESIDE);
    let mut from = 0.0;
    for (bound, count) in &latency.buckets {
        let to = bound.map_or("more".into(), text::short_time);
        let bar = bar(*count, most.unwrap_or(1), width);
        let style = match from {
            from if from >= LATE[1] => BAD,
            from if from >= LATE[0] => WARN,
            _ => GOOD,
        };
        lines.push(Line::from(vec![
            Span::raw(format!("{:>6} to {to:<6} ", text::short_time(from))),
            Span::styled(format!("{:>7} ", text::count(*count)), VALUE),
            Span::styled(bar, style),
        ]));
        from = bound.unwrap_or(from);
    }
    frame.render_widget(Text::from(lines), area);
}

#[allow(clippy::cast_precision_loss, reason = "shown with two digits")]
fn summary(app: &App) -> Line<'static> {
    let latency = &app.status.latency;
    let mean = text::short_time(latency.sum / latency.count as f64);
    let mut spans = vec![
        Span::raw(format!("{} messages", text::count(latency.count))),
        Span::styled("  mean ", LABEL),
        Span::styled(mean, VALUE),
    ];
    for name in ["p50", "p90", "p99", "p99.9"] {
        if let Some(time) = latency.quantiles.get(name) {
            spans.push(Span::styled(format!("  {name} "), LABEL));
            spans.push(Span::styled(text::short_time(*time), VALUE));
        }
    }
    Line::from(spans)
}

/// A bar of eighths of characters; what is there is seen, however little it is.
fn bar(count: u64, most: u64, width: u16) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(width) * 8;
    let length = u128::from(count) * eighths / u128::from(most.max(1));
    let length = usize::try_from(length)
        .unwrap_or(0)
        .max(usize::from(count > 0));
    format!("{}{}", "█".repeat(length / 8), EIGHTHS[length % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_longest() {
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(5, 10, 4), "██");
        assert_eq!(bar(1, 1_000_000, 4), "▏", "little is not nothing");
        assert_eq!(bar(0, 10, 4), "");
        assert_eq!(bar(u64::MAX, u64::MAX, u16::MAX).chars().count(), 65_535);
    }
}
