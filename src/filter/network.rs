//! Addresses and prefixes, and what is asked of them.

use super::error::Mistake;
use crate::bgp::nlri::Prefix;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address or a network: the addresses in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    addr: IpAddr,
    len: u8,
}

impl Network {
    #[inline]
    pub(super) fn contains(&self, addr: IpAddr) -> bool {
        self.shares(addr, self.len)
    }

    /// Whether the first `bits` bits are the same.
    #[inline]
    fn shares(&self, addr: IpAddr, bits: u8) -> bool {
        match (self.addr, addr) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits.into()
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits.into()
            }
            _ => false,
        }
    }

    const fn bits(&self) -> u8 {
        match self.addr {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }
}

impl FromStr for Network {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        let addr: IpAddr = addr
            .parse()
            .map_err(|_| Mistake::new(format!("`{addr}` is no IP address")))?;
        let whole = Self { addr, len: 0 }.bits();
        let len = match len {
            Some(len) => length(len, whole)?,
            None => whole,
        };
        let network = Prefix {
            addr,
            len: whole,
            path_id: None,
        };
        let network = network.cut(len);
        if network.addr != addr {
            let mistake = Mistake::new("bits are set behind the prefix");
            return Err(mistake.hint(format!("the network is {network}")));
        }
        Ok(Self { addr, len })
    }
}

fn length(text: &str, max: u8) -> Result<u8, Mistake> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let len = text.parse().ok().filter(|len| digits && *len <= max);
    len.ok_or_else(|| Mistake::new(format!("`{text}` is no length from 0 to {max}")))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == self.bits() {
            write!(f, "{}", self.addr)
        } else {
            write!(f, "{}/{}", self.addr, self.len)
        }
    }
}

/// How a prefix may lie to the one that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Exact,
    Longer,
    Shorter,
    Any,
}

impl Relation {
    /// Its names: those of `bgpreader`, and those of routers.
    pub(super) const NAMES: [(&'static str, Self); 9] = [
        ("exact", Self::Exact),
        ("longer", Self::Longer),
        ("more", Self::Longer),
        ("more-specific", Self::Longer),
        ("shorter", Self::Shorter),
        ("less", Self::Shorter),
        ("less-specific", Self::Shorter),
        ("covers", Self::Shorter),
        ("any", Self::Any),
    ];
}

/// Prefixes that lie to one another in some way: those of `from` to `to` bits that agree with `net`, as
/// far as both go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrefixPattern {
    net: Network,
    from: u8,
    to: u8,
}

impl PrefixPattern {
    fn new(net: Network, relation: Relation) -> Self {
        let (from, to) = match relation {
            Relation::Exact => (net.len, net.len),
            Relation::Longer => (net.len, net.bits()),
            Relation::Shorter => (0, net.len),
            Relation::Any => (0, net.bits()),
        };
        Self { net, from, to }
    }

    /// A prefix, plain or as BIRD writes a pattern: `+` with those inside, `-` with those around,
    /// `{from,to}` with their lengths.
    pub(super) fn parse(text: &str, relation: Option<Relation>) -> Result<Self, Mistake> {
        let (net, suffix) = if let Some(net) = text.strip_suffix('+') {
            (net, Suffix::Relation(Relation::Longer))
        } else if let Some(net) = text.strip_suffix('-') {
            (net, Suffix::Relation(Relation::Shorter))
        } else if let Some((net, range)) = text.strip_suffix('}').and_then(|t| t.split_once('{')) {
            (net, Suffix::Range(range))
        } else {
            let relation = relation.unwrap_or(Relation::Exact);
            return Ok(Self::new(text.parse()?, relation));
        };
        if relation.is_some() {
            let mistake = Mistake::new("the relation is told twice");
            return Err(mistake.hint("either a word before the prefix, or a sign behind it"));
        }
        let net: Network = net.parse()?;
        match suffix {
            Suffix::Relation(relation) => Ok(Self::new(net, relation)),
            Suffix::Range(range) => {
                let (from, to) = range
                    .split_once(',')
                    .ok_or_else(|| Mistake::new("lengths are written `{from,to}`"))?;
                let from = length(from.trim(), net.bits())?;
                let to = length(to.trim(), net.bits())?;
                if from > to {
                    return Err(Mistake::new(format!("no length is from {from} to {to}")));
                }
                Ok(Self { net, from, to })
            }
        }
    }

    #[inline]
    pub(super) fn matches(&self, prefix: &Prefix) -> bool {
        self.from <= prefix.len
            && prefix.len <= self.to
            && self.net.shares(prefix.addr, self.net.len.min(prefix.len))
    }
}

enum Suffix<'t> {
    Relation(Relation),
    Range(&'t str),
}

impl fmt::Display for PrefixPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { addr, len } = self.net;
        write!(f, "{addr}/{len}")?;
        match (self.from, self.to) {
            (from, to) if from == len && to == len => Ok(()),
            (from, to) if from == len && to == self.net.bits() => f.write_str("+"),
            (0, to) if to == len => f.write_str("-"),
            (from, to) => write!(f, "{{{from},{to}}}"),
        }
    }
}
