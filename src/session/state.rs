//! The state of a session as a bystander can tell it.

/// States of the BGP finite state machine (RFC 4271 §8.2.2), numbered as in MRT (RFC 6396 §4.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No connection.
    #[default]
    Idle = 1,
    /// A TCP connection is being made or exists.
    Connect = 2,
    /// Never seen from outside: a router that listens sends nothing.
    Active = 3,
    /// One side has sent its OPEN.
    OpenSent = 4,
    /// Both sides have sent their OPEN.
    OpenConfirm = 5,
    /// Both sides have confirmed, or an UPDATE was seen.
    Established = 6,
}

/// What was seen on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A SYN.
    Syn,
    /// An OPEN; `both` if the other side's has been seen too.
    Open {
        /// The other side's OPEN has been seen too.
        both: bool,
    },
    /// A KEEPALIVE; `both` if the other side has sent one since the OPENs too.
    Keepalive {
        /// Each side has sent a KEEPALIVE after the OPENs.
        both: bool,
        /// No OPEN was seen: the session was joined when it was already up.
        joined: bool,
    },
    /// An UPDATE or ROUTE-REFRESH: only sent when established.
    Traffic,
    /// A NOTIFICATION, a FIN, a RST, or silence.
    End,
}

impl State {
    /// The state after `sight`.
    #[must_use]
    pub fn after(self, sight: Sight) -> Self {
        match sight {
            Sight::Syn => Self::Connect,
            Sight::Open { both: false } => Self::OpenSent,
            Sight::Open { both: true } => Self::OpenConfirm,
            Sight::Keepalive { both, joined } if both || joined => Self::Established,
            Sight::Keepalive { .. } => self,
            Sight::Traffic => Self::Established,
            Sight::End => Self::Idle,
        }
    }

    /// The state with that number in MRT.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Idle,
            2 => Self::Connect,
            3 => Self::Active,
            4 => Self::OpenSent,
            5 => Self::OpenConfirm,
            6 => Self::Established,
            _ => return None,
        })
    }

    /// The name in RFC 4271.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }

    /// The number in MRT.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_session_passes_through_the_states() {
        let mut state = State::default();
        let mut path = vec![state.number()];
        for sight in [
            Sight::Syn,
            Sight::Open { both: false },
            Sight::Open { both: true },
            Sight::Keepalive {
                both: false,
                joined: false,
            },
            Sight::Keepalive {
                both: true,
                joined: false,
            },
            Sight::Traffic,
            Sight::End,
        ] {
            state = state.after(sight);
            path.push(state.number());
        }
        assert_eq!(path, [1, 2, 4, 5, 5, 6, 6, 1]);
    }

    #[test]
    fn a_session_joined_midway_is_established_at_its_first_message() {
        let keepalive = Sight::Keepalive {
            both: false,
            joined: true,
        };
        assert_eq!(State::Idle.after(keepalive), State::Established);
        assert_eq!(State::Idle.after(Sight::Traffic), State::Established);
    }
}
