//! What a decoder has shown of an UPDATE, as sums that any decoder can make: every value counts,
//! and the code of the attribute that it came in. The sums are cheap, so that they tell the
//! decoders apart and not the sums.

use std::net::IpAddr;

/// Sums over all values of a message, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) attributes: u64,
    pub(crate) announced: u64,
    pub(crate) withdrawn: u64,
}

impl Seen {
    /// An attribute: its code and the sum over its values.
    #[inline]
    pub(crate) fn attribute(&mut self, code: u8, value: u64) {
        let weight = 2 * u64::from(code) + 1;
        self.attributes = self.attributes.wrapping_add(value.wrapping_mul(weight));
    }

    /// The same for what was seen in another message.
    #[inline]
    pub(crate) fn add(&mut self, other: Self) {
        self.attributes = self.attributes.wrapping_add(other.attributes);
        self.announced = self.announced.wrapping_add(other.announced);
        self.withdrawn = self.withdrawn.wrapping_add(other.withdrawn);
    }
}

/// Sum over the elements of a list.
#[inline]
pub(crate) fn sum(list: impl Iterator<Item = u64>) -> u64 {
    list.fold(0, u64::wrapping_add)
}

#[inline]
pub(crate) fn addr(addr: IpAddr) -> u64 {
    match addr {
        IpAddr::V4(addr) => u64::from(addr.to_bits()),
        IpAddr::V6(addr) => halves(addr.to_bits()),
    }
}

/// Both halves of an IPv6 address.
#[inline]
pub(crate) fn halves(bits: u128) -> u64 {
    let [high, low] = [(bits >> 64) as u64, bits as u64];
    high.wrapping_add(low.rotate_left(8))
}

#[inline]
pub(crate) fn prefix(address: IpAddr, len: u8) -> u64 {
    addr(address).wrapping_shl(8).wrapping_add(u64::from(len))
}

/// A prefix of a VPN with its route distinguisher and the sum over its 20-bit labels.
#[inline]
pub(crate) fn vpn(prefix: u64, rd: u64, labels: u64) -> u64 {
    prefix
        .wrapping_add(rd.rotate_left(16))
        .wrapping_add(labels.wrapping_mul(0x1_0001))
}

/// A segment of a path: its type code and the sum over its AS numbers.
#[inline]
pub(crate) fn segment(kind: u8, asns: u64) -> u64 {
    asns.wrapping_add(u64::from(kind) << 48)
}

#[inline]
pub(crate) fn aggregator(asn: u32, addr: u32) -> u64 {
    u64::from(asn) << 32 | u64::from(addr)
}
