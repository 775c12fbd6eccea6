//! Capabilities of an OPEN (RFC 5492).

mod lists;

use super::family::{Afi, Family};
use super::names;
use super::reader::Reader;
use lists::exact;

pub use lists::{
    ExtendedNextHops, FamilyOctets, FilterTypes, GracefulRestart, LongLived, LongLivedRestart,
    PathLimits,
};

/// One capability.
///
/// One whose value is not as its specification has it stays readable as
/// [`Capability::Malformed`]; receivers behave as if it were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability<'a> {
    /// 1, RFC 4760 §8: a family that the sender speaks.
    Multiprotocol(Family),
    /// 2, RFC 2918 §2.
    RouteRefresh,
    /// 3, RFC 5291 §3, and 130, the same before it was a standard: which route filters the
    /// sender can send or receive.
    RouteFilters {
        /// 3 or 130.
        code: u8,
        /// Per family.
        filters: FilterTypes<'a>,
    },
    /// 5, RFC 8950 §4.
    ExtendedNextHop(ExtendedNextHops<'a>),
    /// 6, RFC 8654 §3.
    ExtendedMessage,
    /// 7, RFC 8205 §2.1: BGPsec for one address family in one direction.
    BgpSec {
        /// Version, 0.
        version: u8,
        /// The sender can send; else it can receive.
        send: bool,
        /// The address family.
        afi: Afi,
    },
    /// 8, RFC 8277 §2.1: how many labels the sender can take per family.
    MultipleLabels(FamilyOctets<'a>),
    /// 9, RFC 9234 §4.1.
    Role(u8),
    /// 64, RFC 4724 §3.
    GracefulRestart(GracefulRestart<'a>),
    /// 65, RFC 6793 §3: the sender's AS number.
    FourOctetAs(u32),
    /// 69, RFC 7911 §4.
    AddPath(FamilyOctets<'a>),
    /// 70, RFC 7313 §3.1.
    EnhancedRouteRefresh,
    /// 71, RFC 9494 §3.1.
    LongLivedGracefulRestart(LongLivedRestart<'a>),
    /// 73, FQDN draft: host and domain name as sent.
    Fqdn {
        /// Host name, not necessarily UTF-8.
        host: &'a [u8],
        /// Domain name, not necessarily UTF-8.
        domain: &'a [u8],
    },
    /// 75, software version draft: the text as sent.
    SoftwareVersion(&'a [u8]),
    /// 76, draft-abraitis-idr-addpath-paths-limit: how many paths per prefix the sender wants.
    PathsLimit(PathLimits<'a>),
    /// 77, draft-ietf-idr-linklocal-capability: link-local addresses alone as next hops.
    LinkLocalNextHop,
    /// 128, RFC 8810: route refresh before it was a standard.
    RouteRefreshCisco,
    /// 131, RFC 8810: several sessions, one for each group of families; flags and the codes of
    /// the capabilities that tell the groups apart.
    MultisessionCisco {
        /// 0x80: ready to take several sessions.
        flags: u8,
        /// Capability codes.
        codes: &'a [u8],
    },
    /// One of the above with a value that cannot be read.
    Malformed {
        /// Capability code.
        code: u8,
        /// Its value, untouched.
        value: &'a [u8],
    },
    /// Any other.
    Other {
        /// Capability code.
        code: u8,
        /// Its value, untouched.
        value: &'a [u8],
    },
}

impl<'a> Capability<'a> {
    /// The capability of a code and a value.
    #[must_use]
    pub fn parse(code: u8, value: &'a [u8]) -> Self {
        match Self::typed(code, value) {
            Some(typed) => typed,
            None if Self::KNOWN.contains(&code) => Self::Malformed { code, value },
            None => Self::Other { code, value },
        }
    }

    /// Codes of the capabilities of which a specification says what the value looks like.
    pub const KNOWN: &'static [u8] = &[
        1, 2, 3, 5, 6, 7, 8, 9, 64, 65, 69, 70, 71, 73, 75, 76, 77, 128, 130, 131,
    ];

    fn typed(code: u8, value: &'a [u8]) -> Option<Self> {
        Some(match (code, value) {
            (1, &[a, b, _reserved, safi]) => {
                Self::Multiprotocol(Family::new(u16::from_be_bytes([a, b]), safi))
            }
            (2, []) => Self::RouteRefresh,
            (3 | 130, _) => Self::RouteFilters {
                code,
                filters: FilterTypes::read(value)?,
            },
            (5, _) => Self::ExtendedNextHop(ExtendedNextHops::read(value)?),
            (6, []) => Self::ExtendedMessage,
            (7, &[head, a, b]) => Self::BgpSec {
                version: head >> 4,
                send: head & 0x08 != 0,
                afi: Afi(u16::from_be_bytes([a, b])),
            },
            (8, _) => Self::MultipleLabels(FamilyOctets::read(value)?),
            (9, &[role]) => Self::Role(role),
            (64, _) => Self::GracefulRestart(GracefulRestart::read(value)?),
            (65, &[a, b, c, d]) => Self::FourOctetAs(u32::from_be_bytes([a, b, c, d])),
            (69, _) => Self::AddPath(FamilyOctets::read(value)?),
            (70, []) => Self::EnhancedRouteRefresh,
            (71, _) => Self::LongLivedGracefulRestart(LongLivedRestart::read(value)?),
            (73, _) => {
                let mut reader = Reader::new(value);
                let host = reader.u8().and_then(|n| reader.take(usize::from(n)))?;
                let domain = reader.u8().and_then(|n| reader.take(usize::from(n)))?;
                if !reader.is_empty() {
                    return None;
                }
                Self::Fqdn { host, domain }
            }
            (75, &[length, ref text @ ..]) if text.len() == usize::from(length) => {
                Self::SoftwareVersion(text)
            }
            (76, _) => Self::PathsLimit(PathLimits(exact(value)?)),
            (77, []) => Self::LinkLocalNextHop,
            (128, []) => Self::RouteRefreshCisco,
            (131, &[flags, ref codes @ ..]) => Self::MultisessionCisco { flags, codes },
            _ => return None,
        })
    }

    /// Capability code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match *self {
            Self::Multiprotocol(_) => 1,
            Self::RouteRefresh => 2,
            Self::RouteFilters { code, .. }
            | Self::Malformed { code, .. }
            | Self::Other { code, .. } => code,
            Self::ExtendedNextHop(_) => 5,
            Self::ExtendedMessage => 6,
            Self::BgpSec { .. } => 7,
            Self::MultipleLabels(_) => 8,
            Self::Role(_) => 9,
            Self::GracefulRestart(_) => 64,
            Self::FourOctetAs(_) => 65,
            Self::AddPath(_) => 69,
            Self::EnhancedRouteRefresh => 70,
            Self::LongLivedGracefulRestart(_) => 71,
            Self::Fqdn { .. } => 73,
            Self::SoftwareVersion(_) => 75,
            Self::PathsLimit(_) => 76,
            Self::LinkLocalNextHop => 77,
            Self::RouteRefreshCisco => 128,
            Self::MultisessionCisco { .. } => 131,
        }
    }

    /// IANA's name in short form.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        names::capability(self.code())
    }
}

#[cfg(test)]
mod tests;
