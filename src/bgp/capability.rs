//! Capabilities of an OPEN (RFC 5492).

use super::family::Family;
use super::names;
use super::reader::Reader;

/// One capability.
///
/// A value that its specification does not allow is ignored by receivers
/// (RFC 5492 §3); here it stays readable as [`Capability::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability<'a> {
    /// 1, RFC 4760 §8: a family that the sender speaks.
    Multiprotocol(Family),
    /// 2, RFC 2918 §2.
    RouteRefresh,
    /// 5, RFC 8950 §4.
    ExtendedNextHop(ExtendedNextHops<'a>),
    /// 6, RFC 8654 §3.
    ExtendedMessage,
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
    /// 73, FQDN draft: host and domain name as sent.
    Fqdn {
        /// Host name, not necessarily UTF-8.
        host: &'a [u8],
        /// Domain name, not necessarily UTF-8.
        domain: &'a [u8],
    },
    /// 75, software version draft: the text as sent.
    SoftwareVersion(&'a [u8]),
    /// Any other, or one whose value cannot be read.
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
        Self::typed(code, value).unwrap_or(Self::Other { code, value })
    }

    fn typed(code: u8, value: &'a [u8]) -> Option<Self> {
        Some(match (code, value) {
            (1, &[a, b, _reserved, safi]) => {
                Self::Multiprotocol(Family::new(u16::from_be_bytes([a, b]), safi))
            }
            (2, []) => Self::RouteRefresh,
            (5, _) => Self::ExtendedNextHop(ExtendedNextHops(exact(value)?)),
            (6, []) => Self::ExtendedMessage,
            (8, _) => Self::MultipleLabels(FamilyOctets(exact(value)?)),
            (9, &[role]) => Self::Role(role),
            (64, &[flags, time, ref families @ ..]) => Self::GracefulRestart(GracefulRestart {
                header: u16::from_be_bytes([flags, time]),
                families: FamilyOctets(exact(families)?),
            }),
            (65, &[a, b, c, d]) => Self::FourOctetAs(u32::from_be_bytes([a, b, c, d])),
            (69, _) => Self::AddPath(FamilyOctets(exact(value)?)),
            (70, []) => Self::EnhancedRouteRefresh,
            (73, _) => {
                let mut reader = Reader::new(value);
                let host = reader.u8().and_then(|n| reader.take(usize::from(n)))?;
                let domain = reader.u8().and_then(|n| reader.take(usize::from(n)))?;
                Self::Fqdn { host, domain }
            }
            (75, &[length, ref text @ ..]) if text.len() == usize::from(length) => {
                Self::SoftwareVersion(text)
            }
            _ => return None,
        })
    }

    /// Capability code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match *self {
            Self::Multiprotocol(_) => 1,
            Self::RouteRefresh => 2,
            Self::ExtendedNextHop(_) => 5,
            Self::ExtendedMessage => 6,
            Self::MultipleLabels(_) => 8,
            Self::Role(_) => 9,
            Self::GracefulRestart(_) => 64,
            Self::FourOctetAs(_) => 65,
            Self::AddPath(_) => 69,
            Self::EnhancedRouteRefresh => 70,
            Self::Fqdn { .. } => 73,
            Self::SoftwareVersion(_) => 75,
            Self::Other { code, .. } => code,
        }
    }

    /// IANA's name in short form.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        names::capability(self.code())
    }
}

/// `value` as whole elements of `N` bytes.
fn exact<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    let (elements, rest) = value.as_chunks::<N>();
    rest.is_empty().then_some(elements)
}

/// A list of AFI, SAFI and one octet about that family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyOctets<'a>(&'a [[u8; 4]]);

impl<'a> FamilyOctets<'a> {
    /// The families, each with its octet: flags, count or send/receive.
    pub fn iter(&self) -> impl Iterator<Item = (Family, u8)> + Clone + use<'a> {
        self.0
            .iter()
            .map(|&[a, b, safi, octet]| (Family::new(u16::from_be_bytes([a, b]), safi), octet))
    }
}

/// NLRI families with the AFI that their next hop may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedNextHops<'a>(&'a [[u8; 6]]);

impl<'a> ExtendedNextHops<'a> {
    /// Family of the NLRI and AFI of the next hop.
    pub fn iter(&self) -> impl Iterator<Item = (Family, u16)> + Clone + use<'a> {
        // The SAFI field has two octets here (RFC 8950 §4); SAFIs have one.
        self.0.iter().map(|&[a, b, _, safi, c, d]| {
            (
                Family::new(u16::from_be_bytes([a, b]), safi),
                u16::from_be_bytes([c, d]),
            )
        })
    }
}

/// The value of the graceful restart capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GracefulRestart<'a> {
    header: u16,
    /// Families with their flags; 0x80 says that forwarding state was preserved.
    pub families: FamilyOctets<'a>,
}

impl GracefulRestart<'_> {
    /// The sender has restarted (R bit).
    #[must_use]
    pub const fn restarted(&self) -> bool {
        self.header & 0x8000 != 0
    }

    /// NOTIFICATIONs are subject to graceful restart too (N bit, RFC 8538 §2).
    #[must_use]
    pub const fn notifications(&self) -> bool {
        self.header & 0x4000 != 0
    }

    /// Seconds that the sender needs to come back.
    #[must_use]
    pub const fn restart_time(&self) -> u16 {
        self.header & 0x0fff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_wrong_length_stay_readable() {
        for code in 0..=255u8 {
            let value = [0u8; 3];
            match Capability::parse(code, &value) {
                Capability::Other { code: c, value: v } => {
                    assert_eq!((c, v), (code, &value[..]));
                }
                typed => assert!(matches!(code, 64 | 73 | 75), "{typed:?}"),
            }
        }
    }

    #[test]
    fn add_path_lists_families() {
        let value = [0, 1, 1, 3, 0, 2, 1, 1];
        let Capability::AddPath(list) = Capability::parse(69, &value) else {
            panic!("not typed");
        };
        let list: Vec<_> = list.iter().collect();
        assert_eq!(list, [(Family::IPV4_UNICAST, 3), (Family::IPV6_UNICAST, 1)]);
    }

    #[test]
    fn graceful_restart_flags_and_time() {
        let value = [0xc0, 0x78, 0, 1, 1, 0x80];
        let Capability::GracefulRestart(restart) = Capability::parse(64, &value) else {
            panic!("not typed");
        };
        assert!(restart.restarted() && restart.notifications());
        assert_eq!(restart.restart_time(), 120);
        assert_eq!(
            restart.families.iter().next(),
            Some((Family::IPV4_UNICAST, 0x80))
        );
    }
}
