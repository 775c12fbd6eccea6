//! Capabilities that list address families.

use crate::bgp::family::Family;
use crate::bgp::reader::Reader;

/// `value` as whole elements of `N` bytes.
pub(super) fn exact<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    let (elements, rest) = value.as_chunks::<N>();
    rest.is_empty().then_some(elements)
}

/// A list of AFI, SAFI and one octet about that family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyOctets<'a>(&'a [[u8; 4]]);

impl<'a> FamilyOctets<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        exact(value).map(Self)
    }

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
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        exact(value).map(Self)
    }

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

impl<'a> GracefulRestart<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (header, families) = value.split_first_chunk()?;
        Some(Self {
            header: u16::from_be_bytes(*header),
            families: FamilyOctets::read(families)?,
        })
    }

    /// The families whose forwarding state was preserved (F bit).
    pub fn preserved(&self) -> impl Iterator<Item = Family> + use<'a> {
        let marked = self.families.iter().filter(|(_, flags)| flags & 0x80 != 0);
        marked.map(|(family, _)| family)
    }

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

/// The value of the long-lived graceful restart capability (RFC 9494 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLivedRestart<'a>(&'a [[u8; 7]]);

/// What the long-lived graceful restart capability says about a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLived {
    /// The family.
    pub family: Family,
    /// 0x80 says that forwarding state was preserved.
    pub flags: u8,
    /// Seconds for which the receiver may go on using stale routes, 24 bits.
    pub stale_time: u32,
}

impl<'a> LongLivedRestart<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        exact(value).map(Self)
    }

    /// What is said, family by family.
    pub fn iter(&self) -> impl Iterator<Item = LongLived> + Clone + use<'a> {
        self.0
            .iter()
            .map(|&[a, b, safi, flags, x, y, z]| LongLived {
                family: Family::new(u16::from_be_bytes([a, b]), safi),
                flags,
                stale_time: u32::from_be_bytes([0, x, y, z]),
            })
    }
}

/// Families with the number of paths per prefix that the sender wants at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLimits<'a>(pub(super) &'a [[u8; 5]]);

impl<'a> PathLimits<'a> {
    /// Family and limit.
    pub fn iter(&self) -> impl Iterator<Item = (Family, u16)> + Clone + use<'a> {
        self.0.iter().map(|&[a, b, safi, x, y]| {
            (
                Family::new(u16::from_be_bytes([a, b]), safi),
                u16::from_be_bytes([x, y]),
            )
        })
    }
}

/// Families with the types of outbound route filters that are known for them (RFC 5291 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterTypes<'a> {
    bytes: &'a [u8],
}

impl<'a> FilterTypes<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Self { bytes };
        while rest.next().is_some() {}
        (!bytes.is_empty() && rest.bytes.is_empty()).then_some(Self { bytes })
    }
}

impl<'a> Iterator for FilterTypes<'a> {
    /// The family, then pairs of a filter type and 1 (the sender can receive such filters),
    /// 2 (it can send them) or 3 (both).
    type Item = (Family, &'a [[u8; 2]]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader::new(self.bytes);
        let afi = reader.u16()?;
        let [_reserved, safi, count] = reader.array()?;
        let types = reader.take(2 * usize::from(count))?;
        self.bytes = reader.rest();
        Some((Family::new(afi, safi), types.as_chunks().0))
    }
}
