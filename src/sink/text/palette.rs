//! Which colours mean what.

use crate::bgp::MessageType;
use anstyle::{AnsiColor, Style};

/// The styles of a line. [`Palette::plain`] has none, and writes no escapes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Palette {
    /// What is there for completeness: times, KEEPALIVEs.
    pub(super) dim: Style,
    /// What stands out: headings, names of attributes.
    pub(super) strong: Style,
    /// What comes: announcements, sessions that are up.
    pub(super) good: Style,
    /// What goes: withdrawals.
    pub(super) gone: Style,
    /// What changes: states, requests, what TCP does.
    pub(super) change: Style,
    /// What is wrong or lost.
    pub(super) bad: Style,
    /// OPENs.
    pub(super) open: Style,
}

impl Palette {
    /// No styles at all.
    pub(super) fn plain() -> Self {
        Self::default()
    }

    /// The sixteen colours that every terminal has and its user has chosen.
    pub(super) fn coloured() -> Self {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        Self {
            dim: Style::new().dimmed(),
            strong: Style::new().bold(),
            good: color(AnsiColor::Green),
            gone: color(AnsiColor::Magenta),
            change: color(AnsiColor::Yellow),
            bad: color(AnsiColor::Red).bold(),
            open: color(AnsiColor::Cyan),
        }
    }

    /// The style of a type's name.
    pub(super) fn of(&self, kind: MessageType) -> Style {
        match kind {
            MessageType::Open => self.open,
            MessageType::Update => self.strong,
            MessageType::Keepalive => self.dim,
            MessageType::RouteRefresh => self.change,
            MessageType::Notification | MessageType::Unknown(_) => self.bad,
        }
    }
}
