//! What sessions are sorted by.

use super::history::{History, Series};
use super::model::Session;
use super::text;
use std::cmp::Reverse;
use std::net::IpAddr;

/// A column to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// Address of the first side.
    #[default]
    Peer,
    /// Sessions that are not established first.
    State,
    /// Those that came up last first.
    Up,
    /// Most routes first.
    Routes,
    /// Most messages a second first.
    Rate,
    /// Longest round-trip time first.
    Rtt,
    /// Least hold time left first.
    Margin,
    /// Most bytes lost first.
    Lost,
}

impl Column {
    /// All, in the order of the list.
    pub const ALL: [Self; 8] = [
        Self::Peer,
        Self::State,
        Self::Up,
        Self::Routes,
        Self::Rate,
        Self::Rtt,
        Self::Margin,
        Self::Lost,
    ];

    /// In the list, with its key.
    #[must_use]
    pub const fn name(self) -> (&'static str, char) {
        match self {
            Self::Peer => ("PEER", 'N'),
            Self::State => ("STATE", 'S'),
            Self::Up => ("UP", 'T'),
            Self::Routes => ("ROUTES", 'M'),
            Self::Rate => ("MSG/S", 'P'),
            Self::Rtt => ("RTT", 'R'),
            Self::Margin => ("MARGIN", 'H'),
            Self::Lost => ("LOST", 'G'),
        }
    }

    /// The column of a key.
    #[must_use]
    pub fn of_key(key: char) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name().1 == key)
    }

    /// Its place in the list.
    #[must_use]
    pub fn place(self) -> usize {
        Self::ALL.iter().position(|is| *is == self).unwrap_or(0)
    }

    /// Sorts sessions; equal ones by their addresses, so that they stay where they are.
    pub fn sort(self, sessions: &mut [Session], rates: &History<String>) {
        sessions.sort_by_cached_key(|session| {
            let sides = session.directions.iter();
            let figure: Reverse<u64> = match self {
                Self::Peer => Reverse(0),
                Self::State => Reverse(u64::from(6 - session.state.min(6))),
                Self::Up => Reverse(session.since.unwrap_or(0)),
                Self::Routes => Reverse(session.routes()),
                Self::Rate => Reverse(milli(rates.get(&session.session))),
                Self::Rtt => Reverse(sides.map(|s| s.tcp.rtt.smoothed_us).max().unwrap_or(0)),
                Self::Margin => {
                    let least = sides.filter_map(|side| side.tcp.hold_margin_ms).min();
                    let least = least.filter(|_| session.is_up());
                    Reverse(u64::MAX - least.unwrap_or(u64::MAX))
                }
                Self::Lost => Reverse(session.lost_bytes()),
            };
            let [a, b] = &session.directions;
            let address = |text: &str| text.parse::<IpAddr>().ok();
            let sides = [
                (address(&a.peer), a.peer_port),
                (address(&b.peer), b.peer_port),
            ];
            (figure, sides, session.session.clone())
        });
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is small and no less than 0"
)]
fn milli(series: Option<&Series>) -> u64 {
    series.map_or(0, |series| (series.rate() * 1e3) as u64)
}

/// What a session can be found by, in small letters.
#[must_use]
pub fn words(session: &Session) -> String {
    let sides = session.directions.iter().map(|side| {
        let asn = side.peer_asn.as_deref().unwrap_or("?");
        format!("{} as{asn} {} ", side.peer, side.peer_port)
    });
    let sides: String = sides.collect();
    let (state, families) = (
        text::state(session.state.into()),
        text::families(&session.families),
    );
    format!("{sides}{state} {families} {}", session.session).to_lowercase()
}
