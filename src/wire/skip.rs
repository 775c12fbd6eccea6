//! Why a frame is no BGP segment.

/// Why a frame was passed over. Every skipped frame is counted under one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// No IPv4 or IPv6 header follows the link header.
    NotIp,
    /// IP, but not TCP.
    NotTcp,
    /// TCP, but neither port is one of those looked for.
    OtherPort,
    /// A fragment of an IP datagram. BGP speakers avoid fragments by the TCP
    /// segment size; they are counted and not put together.
    Fragment,
    /// The frame ends before its headers do.
    Truncated,
    /// A header contradicts itself.
    BadHeader,
}

impl Skip {
    /// All reasons, in the order of [`Skip::index`].
    pub const ALL: [Self; 6] = [
        Self::NotIp,
        Self::NotTcp,
        Self::OtherPort,
        Self::Fragment,
        Self::Truncated,
        Self::BadHeader,
    ];

    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// A dense number below [`Skip::COUNT`], for counters.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name in metrics and in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotIp => "not_ip",
            Self::NotTcp => "not_tcp",
            Self::OtherPort => "other_port",
            Self::Fragment => "fragment",
            Self::Truncated => "truncated",
            Self::BadHeader => "bad_header",
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
