//! What speaks against a table being whole.

/// Why a table may lack routes, or have too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The session was joined when it was already up, without the sender's OPEN.
    Joined,
    /// The receiver's OPEN was not seen: how NLRI are encoded is not sure. Or both were, and one of them
    /// does not have the family: the receiver may ignore its routes.
    Assumed,
    /// Bytes are missing.
    Gap,
    /// A message could not be read, or was one for which its receiver has to end the session.
    Malformed,
    /// How NLRI are encoded turned out to be another: what had been read was dropped.
    Encoding,
    /// Another session seemed to have taken the place of this one, so that its tables were dropped, and yet it went on.
    Dropped,
    /// The receiver may have kept routes from an earlier session that was not seen (RFC 4724 §4.2); until End-of-RIB.
    Restart,
    /// There was no room for all routes.
    Limit,
}

impl Why {
    /// The name in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Assumed => "assumed",
            Self::Gap => "gap",
            Self::Malformed => "malformed",
            Self::Encoding => "encoding",
            Self::Dropped => "dropped",
            Self::Restart => "restart",
            Self::Limit => "limit",
        }
    }
}

/// Since when a table may not be what the receiver has, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Nanoseconds since the epoch.
    pub since_ns: u64,
    /// The first reason.
    pub why: Why,
}

/// What speaks against a table being whole. Routes for which there was no room are a matter of their own: nothing else
/// that is doubtful hides them, and what ends the other doubts need not end this one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    /// The first reason but [`Why::Limit`].
    other: Option<Partial>,
    /// Since when routes have been refused.
    refused_ns: Option<u64>,
}

impl Doubt {
    /// Nothing but routes refused since then, if any.
    pub(super) const fn of_refused(refused_ns: Option<u64>) -> Self {
        Self {
            other: None,
            refused_ns,
        }
    }

    pub(super) fn add(&mut self, now_ns: u64, why: Why) {
        if why == Why::Limit {
            self.refused_ns.get_or_insert(now_ns);
        } else {
            self.other.get_or_insert(Partial {
                since_ns: now_ns,
                why,
            });
        }
    }

    /// The first reason, if there is one.
    pub(super) const fn first(&self) -> Option<Partial> {
        match (self.other, self.refused_ns) {
            (None, None) => None,
            (Some(other), None) => Some(other),
            (Some(other), Some(refused_ns)) if other.since_ns <= refused_ns => Some(other),
            (_, Some(since_ns)) => Some(Partial {
                since_ns,
                why: Why::Limit,
            }),
        }
    }
}
