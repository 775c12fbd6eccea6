//! Unicast and multicast prefixes, packed.

use super::entry::{Entry, State, Told};
use crate::bgp::Prefix;
use crate::intern::AttrSet;
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and a length in the room of the address: behind the bits of the prefix stands a one. For
/// host routes there is no room behind; for these `pack` says `true`.
pub(super) trait Bits: Copy + Eq + Hash + std::fmt::Debug {
    /// `None` if the address is of the other family.
    fn pack(prefix: &Prefix) -> Option<(Self, bool)>;
    fn unpack(self, host: bool) -> (IpAddr, u8);
}

impl Bits for u32 {
    fn pack(prefix: &Prefix) -> Option<(Self, bool)> {
        let IpAddr::V4(addr) = prefix.addr else {
            return None;
        };
        let end = (1u32 << 31).checked_shr(prefix.len.into());
        Some((addr.to_bits() | end.unwrap_or(0), end.is_none()))
    }

    fn unpack(self, host: bool) -> (IpAddr, u8) {
        let end = self & self.wrapping_neg();
        let (bits, len) = if host {
            (self, 32)
        } else {
            (self ^ end, end.leading_zeros() as u8)
        };
        (Ipv4Addr::from_bits(bits).into(), len)
    }
}

/// 128 bits with the alignment of 32.
impl Bits for [u32; 4] {
    fn pack(prefix: &Prefix) -> Option<(Self, bool)> {
        let IpAddr::V6(addr) = prefix.addr else {
            return None;
        };
        let end = (1u128 << 127).checked_shr(prefix.len.into());
        let bits = addr.to_bits() | end.unwrap_or(0);
        let part = |shift: u32| (bits >> shift) as u32;
        Some(([part(96), part(64), part(32), part(0)], end.is_none()))
    }

    fn unpack(self, host: bool) -> (IpAddr, u8) {
        let bits = self
            .iter()
            .fold(0u128, |bits, part| bits << 32 | u128::from(*part));
        let end = bits & bits.wrapping_neg();
        let (bits, len) = if host {
            (bits, 128)
        } else {
            (bits ^ end, end.leading_zeros() as u8)
        };
        (Ipv6Addr::from_bits(bits).into(), len)
    }
}

/// A path identifier (RFC 7911), or the lack of one.
pub(super) trait Path: Copy + Eq + Hash + std::fmt::Debug {
    fn of(path_id: Option<u32>) -> Self;
    fn get(self) -> Option<u32>;
}

impl Path for () {
    fn of(_: Option<u32>) {}

    fn get(self) -> Option<u32> {
        None
    }
}

impl Path for u32 {
    fn of(path_id: Option<u32>) -> Self {
        path_id.unwrap_or(0)
    }

    fn get(self) -> Option<u32> {
        Some(self)
    }
}

/// A packed prefix with its path identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PrefixKey<B, P> {
    bits: B,
    path: P,
    host: bool,
}

impl<B: Bits, P: Path> PrefixKey<B, P> {
    pub(super) fn new(prefix: &Prefix) -> Option<Self> {
        let (bits, host) = B::pack(prefix)?;
        Some(Self {
            bits,
            path: P::of(prefix.path_id),
            host,
        })
    }
}

/// A route to a prefix: twelve bytes for IPv4 without path identifier.
pub(super) struct PrefixRoute<B, P> {
    bits: B,
    path: P,
    told: Told,
}

impl<B: Bits, P: Path> PrefixRoute<B, P> {
    const fn key(&self) -> PrefixKey<B, P> {
        PrefixKey {
            bits: self.bits,
            path: self.path,
            host: self.told.state.extra(),
        }
    }

    pub(super) fn prefix(&self) -> Prefix {
        let (addr, len) = self.bits.unpack(self.told.state.extra());
        Prefix {
            addr,
            len,
            path_id: self.path.get(),
        }
    }
}

impl<B: Bits, P: Path> Entry for PrefixRoute<B, P> {
    type Key<'a> = PrefixKey<B, P>;
    type Layout = ();

    fn new(key: Self::Key<'_>, attributes: AttrSet, state: State) -> Self {
        Self {
            bits: key.bits,
            path: key.path,
            told: Told {
                attributes,
                state: state.with_extra(key.host),
            },
        }
    }

    fn is(&self, (): (), key: Self::Key<'_>) -> bool {
        self.key() == key
    }

    fn hash_of(hasher: &RandomState, (): (), key: Self::Key<'_>) -> u64 {
        hasher.hash_one(key)
    }

    fn hash(&self, hasher: &RandomState, (): ()) -> u64 {
        hasher.hash_one(self.key())
    }

    fn told(&self) -> &Told {
        &self.told
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length of both families comes back, with all bits set and with none.
    #[test]
    fn packing_loses_nothing() {
        for len in 0..=128u8 {
            let mask = !u128::MAX.checked_shr(len.into()).unwrap_or(0);
            for addr in [0, mask] {
                let prefix = Prefix {
                    addr: Ipv6Addr::from_bits(addr).into(),
                    len,
                    path_id: None,
                };
                let (bits, host) = <[u32; 4]>::pack(&prefix).expect("IPv6");
                assert_eq!(bits.unpack(host), (prefix.addr, len));
                assert_eq!(u32::pack(&prefix), None);
                let Some(len) = len.checked_sub(96) else {
                    continue;
                };
                let prefix = Prefix {
                    addr: Ipv4Addr::from_bits(addr as u32).into(),
                    len,
                    path_id: None,
                };
                let (bits, host) = u32::pack(&prefix).expect("IPv4");
                assert_eq!(bits.unpack(host), (prefix.addr, len));
            }
        }
    }

    #[test]
    fn routes_are_as_small_as_they_are_said_to_be() {
        assert_eq!(size_of::<PrefixRoute<u32, ()>>(), 12);
        assert_eq!(size_of::<PrefixRoute<u32, u32>>(), 16);
        assert_eq!(size_of::<PrefixRoute<[u32; 4], ()>>(), 24);
        assert_eq!(size_of::<PrefixRoute<[u32; 4], u32>>(), 28);
    }
}
