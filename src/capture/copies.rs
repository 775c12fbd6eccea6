//! What a tap of the host's own traffic did.

use serde::Serialize;
use std::fmt;

/// What a tap copied, in packets as the host's stack has them: up to 64 KiB each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// Packets that came in or went out.
    pub seen: u64,
    /// BGP, copied.
    pub copied: u64,
    /// BGP that could not be copied.
    pub failed: u64,
}

/// What one tap did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TapCounts {
    /// The tapped interface.
    pub interface: String,
    /// To this host.
    pub ingress: Copies,
    /// From this host.
    pub egress: Copies,
    /// Frames lost in the pair.
    pub dropped: u64,
}

impl TapCounts {
    /// Copies that did not get as far as the capture.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.ingress.failed + self.egress.failed + self.dropped
    }
}

impl fmt::Display for TapCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: copied {} coming in and {} going out, not copied {}, lost behind that {}",
            self.interface,
            self.ingress.copied,
            self.egress.copied,
            self.ingress.failed + self.egress.failed,
            self.dropped
        )
    }
}
