//! The page of what went missing.

use super::{BAD, GOOD, LABEL, WARN};
use crate::top::app::App;
use crate::top::losses::{self, Unit};
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let mut losses = losses::of(app);
    // What is lost comes before what is only wrong.
    losses.sort_by_key(|loss| !loss.is_loss());
    let mut lines = Vec::new();
    if !losses.iter().any(losses::Loss::is_loss) {
        let text = "nothing is lost: every frame and every byte is accounted for";
        lines.push(Line::styled(text, GOOD));
    }
    lines.extend(losses.iter().map(|loss| {
        let style = if loss.is_loss() { BAD } else { WARN };
        let count = match loss.unit {
            Unit::Bytes => text::bytes(loss.count),
            unit => format!("{} {}", text::count(loss.count), unit.name()),
        };
        Line::from(vec![
            Span::styled(format!("{count:>18}  "), style),
            Span::styled(format!("{:<24} ", loss.what), style),
            Span::raw(loss.place.clone()),
        ])
    }));
    for pool in &app.status.pools {
        let share = pool.utilisation * 100.0;
        let style = if pool.utilisation > 0.8 { BAD } else { GOOD };
        let mut line = Line::from(vec![
            Span::styled(format!("{share:>16.1} %  "), style),
            Span::styled(format!("{:<24} ", "of the pool in use"), LABEL),
            Span::raw(pool.name.clone()),
        ]);
        if pool.fallbacks > 0 {
            let text = format!(
                "  the heap helped out {} times",
                text::count(pool.fallbacks)
            );
            line.push_span(Span::styled(text, WARN));
        }
        lines.push(line);
    }
    lines.extend(
        app.notices
            .iter()
            .rev()
            .map(|text| Line::styled(text.clone(), WARN)),
    );
    let scroll = app.scroll.min(lines.len().saturating_sub(1));
    frame.render_widget(Text::from(lines.split_off(scroll)), area);
}
