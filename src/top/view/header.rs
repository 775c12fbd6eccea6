//! The lines above every page: who is shown, how much comes, whether anything is lost, and the tabs.

use super::{BAD, BAR, DIM, GOOD, LABEL, VALUE, WARN};
use crate::top::app::{App, View};
use crate::top::losses;
use crate::top::text;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Lines that it takes.
pub(super) const HEIGHT: u16 = 5;
/// Rates that stand as bars beside their figure.
const BARS: usize = 24;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let rows: [Rect; HEIGHT as usize] = Layout::vertical([Constraint::Length(1); 5]).areas(area);
    let status = &app.status;
    let up = text::long_time(status.time.saturating_sub(status.started));
    let name = Line::from(vec![
        Span::styled("bgptap ", VALUE),
        Span::raw(format!("{} ", status.version)),
        Span::styled(format!("{} ", status.host), LABEL),
        Span::styled(format!("({})", app.source), DIM),
    ]);
    frame.render_widget(name, rows[0]);
    let right = Line::from(vec![Span::styled("up ", LABEL), Span::raw(up)]);
    let right = Paragraph::new(right).alignment(Alignment::Right);
    frame.render_widget(right, right_half(rows[0]));
    frame.render_widget(traffic(app), rows[1]);
    frame.render_widget(timing(app), rows[2]);
    frame.render_widget(health(app), rows[3]);
    frame.render_widget(tabs(app), rows[4]);
}

fn right_half(area: Rect) -> Rect {
    let [_, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
    right
}

/// Sessions, and what they say.
fn traffic(app: &App) -> Line<'static> {
    let (sessions, up) = app.session_counts();
    let style = if up < sessions { WARN } else { GOOD };
    let mut spans = vec![
        Span::styled("Sessions ", LABEL),
        Span::styled(format!("{up}/{sessions} up"), style),
    ];
    for (label, series) in [("Messages", &app.totals[0]), ("Prefixes", &app.totals[1])] {
        let bars = text::sparkline(series.newest(BARS), BARS);
        spans.push(Span::styled(format!("   {label} "), LABEL));
        spans.push(Span::styled(
            format!("{:>5}/s ", text::rate(series.rate())),
            VALUE,
        ));
        spans.push(Span::styled(bars, GOOD));
    }
    Line::from(spans)
}

/// Frames, latency and memory.
fn timing(app: &App) -> Line<'static> {
    let status = &app.status;
    let mut spans = vec![
        Span::styled("Frames ", LABEL),
        Span::styled(format!("{:>5}/s", text::rate(app.totals[2].rate())), VALUE),
    ];
    for name in ["p50", "p99", "p99.9"] {
        if let Some(time) = status.latency.quantiles.get(name).filter(|t| **t > 0.0) {
            spans.push(Span::styled(format!("   {name} "), LABEL));
            spans.push(Span::styled(text::short_time(*time), VALUE));
        }
    }
    if let Some(rib) = &status.rib {
        let taken = text::bytes(rib.tables + rib.attributes);
        spans.push(Span::styled("   Tables ", LABEL));
        spans.push(Span::raw(format!(
            "{taken} of {}",
            text::bytes(rib.bytes_max)
        )));
    }
    let pools = status.pools.iter();
    if let Some(fullest) = pools.max_by(|a, b| a.utilisation.total_cmp(&b.utilisation)) {
        let style = if fullest.utilisation > 0.8 {
            BAD
        } else {
            Style::new()
        };
        let share = fullest.utilisation * 100.0;
        spans.push(Span::styled("   Fullest pool ", LABEL));
        spans.push(Span::styled(format!("{} {share:.0}%", fullest.name), style));
    }
    Line::from(spans)
}

/// Whether all is well.
fn health(app: &App) -> Line<'static> {
    if let Some(trouble) = &app.trouble {
        return Line::styled(
            format!("NO ANSWER from {}: {trouble}; trying on", app.source),
            BAD,
        );
    }
    let lost: Vec<_> = losses::of(app)
        .into_iter()
        .filter(|loss| loss.is_loss())
        .collect();
    let sum = losses::brief(&lost);
    let mut line = if lost.is_empty() {
        Line::from(vec![
            Span::styled("Lost ", LABEL),
            Span::styled("nothing", GOOD),
        ])
    } else {
        Line::from(vec![Span::styled("LOST ", BAD), Span::styled(sum, BAD)])
    };
    if let Some(notice) = app.notices.back() {
        line.push_span(Span::styled(format!("   {notice}"), WARN));
    }
    line
}

fn tabs(app: &App) -> Line<'static> {
    let mut spans: Vec<_> = (1..)
        .zip(View::ALL)
        .map(|(number, view)| {
            let here = view == app.view;
            Span::styled(
                format!(" {number} {} ", view.name()),
                if here { BAR } else { DIM },
            )
        })
        .collect();
    if app.view == View::Sessions && !app.session_filter.is_empty() {
        spans.push(Span::styled(
            format!("  filter: {}", app.session_filter),
            WARN,
        ));
    }
    Line::from(spans)
}
