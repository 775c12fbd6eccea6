//! What the NLRI of several families are made of.

mod esi;
mod label;
mod mac;
mod rd;
mod typed;

pub use esi::Esi;
pub use label::{Label, Labels};
pub use mac::MacAddr;
pub use rd::RouteDistinguisher;
pub(crate) use typed::{Routed, hex, raw, routed, show, take_typed};

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Form, Prefix};
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::family::Afi;
use crate::bgp::reader::Reader;

/// Bits of an address behind the prefix length, which mean nothing (RFC 4271 §4.3) and are
/// masked: the route is kept.
pub(crate) const HOST_BITS: Fault = Fault::new(
    0,
    ErrorCode::InvalidNetworkField,
    "bits set beyond the prefix length",
)
.with(Disposition::Ignore);

/// A fault of the NLRI `text` is about, with the disposition of the field that it is in.
pub(crate) const fn fault(text: &'static str) -> Fault {
    Fault::new(0, ErrorCode::InvalidNetworkField, text)
}

/// The path identifier, if the field has them (RFC 7911 §3).
#[inline]
pub(crate) fn take_path_id(input: &mut Reader<'_>, form: Form) -> Result<Option<u32>, Fault> {
    if !form.add_path {
        return Ok(None);
    }
    let id = input
        .u32()
        .ok_or(fault("path identifier does not fit the field"))?;
    Ok(Some(id))
}

/// An address behind its length in bits: 32 or 128, no other. The inner `None` is a
/// length of zero, which stands for "any" in multicast (RFC 6625) and "unknown" in EVPN.
pub(crate) fn take_addr(input: &mut Reader<'_>) -> Option<Option<IpAddr>> {
    match input.u8()? {
        0 => Some(None),
        32 => input
            .array()
            .map(|b: [u8; 4]| Some(Ipv4Addr::from(b).into())),
        128 => input
            .array()
            .map(|b: [u8; 16]| Some(Ipv6Addr::from(b).into())),
        _ => None,
    }
}

/// An address whose own length says what it is: four or sixteen octets, no others.
pub(crate) fn addr(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// A prefix of `len` bits out of the octets that were sent for it, and whether bits behind it
/// were set. `None` if `len` exceeds the address, or the octets are not those that it covers.
#[inline]
pub(crate) fn prefix(afi: Afi, len: u8, octets: &[u8]) -> Option<(Prefix, bool)> {
    if octets.len() != usize::from(len).div_ceil(8) {
        return None;
    }
    if len > address_bits(afi) {
        return None;
    }
    let prefix = Prefix {
        addr: masked(afi, len, octets),
        len,
        path_id: None,
    };
    Some((prefix, has_host_bits(len, octets)))
}

/// The address of a prefix of `len` bits out of the octets that were sent for it; the bits behind are zero.
///
/// Always inline: where the family is known, no memory is needed to hold an address of either.
#[inline(always)]
pub(crate) fn masked(afi: Afi, len: u8, octets: &[u8]) -> IpAddr {
    if afi == Afi::IPV6 {
        let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
        Ipv6Addr::from_bits(leading_u128(octets) & !host).into()
    } else {
        Ipv4Addr::from_bits(leading_u32(octets) & !host_mask(len)).into()
    }
}

/// The bits of an IPv4 address that a prefix of `len` bits, 32 at most, does not cover.
#[inline]
pub(crate) const fn host_mask(len: u8) -> u32 {
    // In a register of twice the width a length of 32 is none of its own.
    (u32::MAX as u64).wrapping_shr(len as u32) as u32
}

/// Up to eight octets as the upper end of a number, and zeros behind them.
///
/// It takes loads of fixed size that overlap. A copy into an array would be a call, and a load of the
/// array would have to wait until all that the copy has stored is in the cache.
#[inline]
pub(crate) fn leading(octets: &[u8]) -> u64 {
    let count = octets.len();
    if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        let [first, last] = [first, last].map(|word| u64::from(u32::from_be_bytes(*word)) << 32);
        return first | last.wrapping_shr(8 * (count as u32 - 4));
    }
    // First, middle and last are all of up to three.
    let at = |index: usize| {
        octets
            .get(index)
            .map_or(0, |octet| u64::from(*octet) << 56 >> (8 * index))
    };
    at(0) | at(count / 2) | at(count.saturating_sub(1))
}

/// The same of up to four.
#[inline]
pub(crate) fn leading_u32(octets: &[u8]) -> u32 {
    (leading(octets) >> 32) as u32
}

/// The same of up to sixteen.
#[inline]
pub(crate) fn leading_u128(octets: &[u8]) -> u128 {
    let (high, low) = octets.split_at_checked(8).unwrap_or((octets, &[]));
    u128::from(leading(high)) << 64 | u128::from(leading(low))
}

/// Bits of an address of the family.
pub(crate) const fn address_bits(afi: Afi) -> u8 {
    match afi {
        Afi::IPV6 => 128,
        _ => 32,
    }
}

/// Whether bits behind a prefix of `len` bits are set in the octets that were sent for it.
#[inline]
pub(crate) fn has_host_bits(len: u8, octets: &[u8]) -> bool {
    let below = match len % 8 {
        0 => 0,
        used => 0xffu8 >> used,
    };
    octets.last().is_some_and(|last| last & below != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_masked_and_say_so() {
        let text = |afi, len, octets: &[u8]| {
            prefix(afi, len, octets).map(|(prefix, host)| (prefix.to_string(), host))
        };
        let some = |text: &str, host| Some((text.to_owned(), host));
        assert_eq!(
            text(Afi::IPV4, 20, &[10, 1, 0xff]),
            some("10.1.240.0/20", true)
        );
        assert_eq!(text(Afi::IPV4, 0, &[]), some("0.0.0.0/0", false));
        assert_eq!(
            text(Afi::IPV4, 32, &[10, 1, 2, 3]),
            some("10.1.2.3/32", false)
        );
        assert_eq!(
            text(Afi::IPV6, 32, &[0x20, 1, 0xd, 0xb8]),
            some("2001:db8::/32", false)
        );
        assert_eq!(text(Afi::IPV6, 128, &[0xff; 16]).map(|t| t.1), Some(false));
        assert_eq!(text(Afi::IPV4, 33, &[0; 5]), None);
        assert_eq!(text(Afi::IPV6, 129, &[0; 17]), None);
        assert_eq!(text(Afi::IPV4, 24, &[10, 1]), None);
    }

    /// As a copy into an array of zeros has it.
    #[test]
    fn octets_lead_the_number() {
        let octets: Vec<u8> = (1..=16).collect();
        for count in 0..=octets.len() {
            let sent = &octets[..count];
            let mut whole = [0; 16];
            whole[..count].copy_from_slice(sent);
            assert_eq!(leading_u128(sent), u128::from_be_bytes(whole));
            if count <= 8 {
                assert_eq!(leading(sent), (u128::from_be_bytes(whole) >> 64) as u64);
            }
        }
    }

    #[test]
    fn addresses_behind_their_length() {
        let take = |bytes: &[u8]| take_addr(&mut Reader::new(bytes));
        assert_eq!(take(&[0]), Some(None));
        assert_eq!(
            take(&[32, 10, 0, 0, 1]),
            Some(Some(Ipv4Addr::new(10, 0, 0, 1).into()))
        );
        assert_eq!(take(&[128, 0, 0]), None);
        assert_eq!(take(&[24, 10, 0, 0]), None);
    }

    #[test]
    fn the_length_of_an_address_says_what_it_is() {
        assert_eq!(
            addr(&[10, 0, 0, 1]),
            Some(Ipv4Addr::new(10, 0, 0, 1).into())
        );
        assert_eq!(addr(&[0; 16]), Some(Ipv6Addr::UNSPECIFIED.into()));
        assert_eq!(addr(&[]), None);
        assert_eq!(addr(&[0; 5]), None);
    }
}
