//! Why a frame is no BGP segment.

/// Why a frame was passed over. Every skipped frame is counted under one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// No IPv4 or IPv6 header follows the headers before it.
    NotIp,
    /// IP, but neither TCP nor an encapsulation in which there may be some.
    NotTcp,
    /// TCP, but neither port is one of those looked for.
    OtherPort,
    /// A fragment of an IP datagram that is not put together.
    Fragment,
    /// The frame, or the datagram in it, ends before its headers do.
    Truncated,
    /// A header contradicts itself.
    BadHeader,
    /// The TCP checksum does not fit.
    BadChecksum,
    /// There are more headers before TCP than are followed.
    TooDeep,
    /// A fragment that became part of a datagram, which another frame completed.
    FragmentAssembled,
    /// A fragment with nothing that had not come before.
    FragmentDuplicate,
    /// A fragment of an IPv6 datagram that others overlap (RFC 5722).
    FragmentOverlap,
    /// A fragment of a datagram that others did not complete in time.
    FragmentTimeout,
    /// A fragment of a datagram that was given up for a limit on fragments or their bytes.
    FragmentLimit,
    /// A fragment of a datagram that others did not complete before the capture ended.
    FragmentPending,
    /// A record of an MRT archive that holds neither a message nor a change of state: a table.
    Archive,
}

impl Skip {
    /// All reasons, in the order of [`Skip::index`].
    pub const ALL: [Self; 15] = [
        Self::NotIp,
        Self::NotTcp,
        Self::OtherPort,
        Self::Fragment,
        Self::Truncated,
        Self::BadHeader,
        Self::BadChecksum,
        Self::TooDeep,
        Self::FragmentAssembled,
        Self::FragmentDuplicate,
        Self::FragmentOverlap,
        Self::FragmentTimeout,
        Self::FragmentLimit,
        Self::FragmentPending,
        Self::Archive,
    ];

    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// A dense number below [`Skip::COUNT`], for counters.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name in metrics and in the summary. The steering program uses the same ones.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIp => "not_ip",
            Self::NotTcp => "not_tcp",
            Self::OtherPort => "other_port",
            Self::Fragment => "fragment",
            Self::Truncated => "truncated",
            Self::BadHeader => "bad_header",
            Self::BadChecksum => "bad_checksum",
            Self::TooDeep => "too_deep",
            Self::FragmentAssembled => "fragment_assembled",
            Self::FragmentDuplicate => "fragment_duplicate",
            Self::FragmentOverlap => "fragment_overlap",
            Self::FragmentTimeout => "fragment_timeout",
            Self::FragmentLimit => "fragment_limit",
            Self::FragmentPending => "fragment_pending",
            Self::Archive => "archive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters are indexed by `index`, labelled by `ALL`: both must agree.
    #[test]
    fn indices_follow_the_order_of_all() {
        for (at, skip) in Skip::ALL.into_iter().enumerate() {
            assert_eq!(skip.index(), at, "{}", skip.name());
        }
    }
}
