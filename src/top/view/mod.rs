//! The pages, drawn.

mod detail;
mod events;
mod header;
mod latency;
mod losses;
mod over;
mod sessions;
#[cfg(test)]
mod tests;

use super::app::{App, Over, View};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};

/// Lost, wrong, or down.
pub(super) const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// Not as it should be, and not lost either.
pub(super) const WARN: Style = Style::new().fg(Color::Yellow);
/// As it should be.
pub(super) const GOOD: Style = Style::new().fg(Color::Green);
/// What is looked at.
pub(super) const VALUE: Style = Style::new().add_modifier(Modifier::BOLD);
/// What only says what something is.
pub(super) const LABEL: Style = Style::new().fg(Color::Cyan);
/// Of little importance.
pub(super) const DIM: Style = Style::new().fg(Color::DarkGray);
/// Bars, keys and the chosen line.
pub(super) const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws all of the screen.
pub fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let rows = Layout::vertical([
        Constraint::Length(header::HEIGHT),
        Constraint::Min(1),
        Constraint::Length(1),
    ]);
    let [head, page, foot] = rows.areas(frame.area());
    header::draw(frame, head, app);
    match (&app.detail, app.view) {
        (Some(_), _) => detail::draw(frame, page, app),
        (None, View::Sessions) => sessions::draw(frame, page, app),
        (None, View::Events) => events::draw(frame, page, app),
        (None, View::Latency) => latency::draw(frame, page, app),
        (None, View::Losses) => losses::draw(frame, page, app),
    }
    match &app.over {
        Over::Nothing => over::keys(frame, foot),
        Over::Help => over::help(frame, frame.area()),
        Over::Sort(place) => {
            over::sort(frame, page, *place);
            over::keys(frame, foot);
        }
        Over::Input(asked, text) => over::input(frame, foot, *asked, text),
    }
}
