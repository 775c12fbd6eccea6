//! IPv4 and IPv6 prefixes (RFC 4271 §4.3, RFC 4760 §5), with ADD-PATH (RFC 7911 §3).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::part::{HOST_BITS, has_host_bits, host_mask, leading_u32, masked};
use super::{Codec, Each, Form, Reader};
use crate::bgp::error::{ErrorCode, Fault};
use crate::bgp::family::Afi;
use crate::bgp::text::AddressText;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The network address; bits beyond `len` are zero whatever was sent.
    pub addr: IpAddr,
    /// Prefix length in bits.
    pub len: u8,
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
}

impl Prefix {
    /// Its first `len` bits.
    #[must_use]
    pub fn cut(&self, len: u8) -> Self {
        let addr = match self.addr {
            IpAddr::V4(addr) => {
                let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(addr.to_bits() & !host))
            }
            IpAddr::V6(addr) => {
                let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() & !host))
            }
        };
        let len = len.min(self.len);
        Self { addr, len, ..*self }
    }

    /// Whether all addresses of `other` are of this one, too. Path identifiers do not matter.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let cut = other.cut(self.len);
        self.len <= other.len && cut.addr == self.addr
    }
}

impl core::fmt::Display for Prefix {
    /// `192.0.2.0/24`, without the path identifier.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

/// Decoder of IPv4 prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4;

/// Decoder of IPv6 prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6;

// RFC 7606 §5.3: a prefix that is too long, or that does not fit the field,
// makes the rest of the field unreadable.
const TOO_LONG: Fault = Fault::new(
    0,
    ErrorCode::InvalidNetworkField,
    "prefix length beyond the address length",
);
const CUT: Fault = Fault::new(
    0,
    ErrorCode::InvalidNetworkField,
    "prefix does not fit the field",
);

impl Codec for Ipv4 {
    type Item<'a> = Prefix;

    #[inline]
    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Prefix, Fault> {
        let (path_id, len, bits) = take_ipv4(input, form)?;
        Ok(ipv4(path_id, len, bits))
    }

    #[inline]
    fn fold<'a, B>(
        mut input: Reader<'a>,
        form: Form,
        init: B,
        mut f: impl FnMut(B, Self::Item<'a>) -> B,
    ) -> B {
        fold_ipv4(&mut input, form, init, |folded, (path_id, len, bits)| {
            f(folded, ipv4(path_id, len, bits))
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        let mut input = Reader::new(field);
        let faulty = fold_ipv4(&mut input, form, 0, |all, (_, len, bits)| {
            all | host_bits(len, bits)
        });
        if faulty != 0 || !input.is_empty() {
            report_all(field, report, |input| {
                let (_, len, bits) = take_ipv4(input, form)?;
                Ok(host_bits(len, bits) != 0)
            });
        }
    }
}

/// Goes through the prefixes up to one that cannot be read, which stays in `input`.
#[inline]
fn fold_ipv4<B>(
    input: &mut Reader<'_>,
    form: Form,
    init: B,
    mut f: impl FnMut(B, (Option<u32>, u8, u32)) -> B,
) -> B {
    let mut folded = init;
    loop {
        while !form.add_path
            && let Some((len, bits)) = take_word(input)
        {
            folded = f(folded, (None, len, bits));
        }
        let mut ahead = *input;
        let Ok(taken) = take_ipv4(&mut ahead, form) else {
            return folded;
        };
        folded = f(folded, taken);
        *input = ahead;
    }
}

/// What is left of an address when the bits that the prefix covers are shifted out.
#[inline]
const fn host_bits(len: u8, bits: u32) -> u32 {
    ((bits as u64) << (len & 63)) as u32
}

#[inline]
fn ipv4(path_id: Option<u32>, len: u8, bits: u32) -> Prefix {
    let addr = IpAddr::V4(Ipv4Addr::from_bits(bits & !host_mask(len)));
    Prefix { addr, len, path_id }
}

/// Takes a prefix of /17 to /24 off the front, as most of the Internet's are. It takes four octets with its
/// length, so that one load reads length and address.
#[inline]
fn take_word(input: &mut Reader<'_>) -> Option<(u8, u32)> {
    let (bytes, rest) = input.rest().split_first_chunk::<4>()?;
    let [len @ 17..=24, ..] = *bytes else {
        return None;
    };
    *input = Reader::new(rest);
    Some((len, u32::from_be_bytes(*bytes) << 8))
}

impl Codec for Ipv6 {
    type Item<'a> = Prefix;

    #[inline]
    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Prefix, Fault> {
        let (path_id, len, octets) = take_octets(input, form, 128)?;
        Ok(Prefix {
            addr: masked(Afi::IPV6, len, octets),
            len,
            path_id,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        let step = |input: &mut Reader<'_>| {
            let (_, len, octets) = take_octets(input, form, 128)?;
            Ok(has_host_bits(len, octets))
        };
        let mut input = Reader::new(field);
        while !input.is_empty() {
            if step(&mut input) != Ok(false) {
                return report_all(field, report, step);
            }
        }
    }
}

/// Path identifier, length and address of an IPv4 prefix; of the address all that was sent.
#[inline]
fn take_ipv4(input: &mut Reader<'_>, form: Form) -> Result<(Option<u32>, u8, u32), Fault> {
    if !form.add_path
        && let Some((len, bits)) = take_word(input)
    {
        return Ok((None, len, bits));
    }
    let (path_id, len, octets) = take_octets(input, form, 32)?;
    Ok((path_id, len, leading_u32(octets)))
}

/// Path identifier, length in bits, and the octets that the length covers.
#[inline]
fn take_octets<'a>(
    input: &mut Reader<'a>,
    form: Form,
    bits_max: u8,
) -> Result<(Option<u32>, u8, &'a [u8]), Fault> {
    let path_id = if form.add_path {
        Some(input.u32().ok_or(CUT)?)
    } else {
        None
    };
    let len = input.u8().ok_or(CUT)?;
    if len > bits_max {
        return Err(TOO_LONG);
    }
    let octets = input.take(usize::from(len).div_ceil(8)).ok_or(CUT)?;
    Ok((path_id, len, octets))
}

/// Reports the first prefix with bits behind its length, and the one that ends the field before its end.
/// `step` takes one and says whether it has such bits.
#[cold]
fn report_all(
    field: &[u8],
    report: &mut dyn FnMut(Fault),
    step: impl Fn(&mut Reader<'_>) -> Result<bool, Fault>,
) {
    let mut input = Reader::new(field);
    let mut reported = false;
    while !input.is_empty() {
        let at = field.len() - input.len();
        match step(&mut input) {
            Ok(host_bits) if host_bits && !reported => {
                reported = true;
                report(HOST_BITS.shifted(at));
            }
            Ok(_) => {}
            Err(fault) => return report(fault.shifted(at)),
        }
    }
}

/// Iterator over prefixes of one address family, up to one that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Prefixes<'a> {
    input: Reader<'a>,
    form: Form,
}

impl<'a> Prefixes<'a> {
    pub(crate) const fn new(bytes: &'a [u8], form: Form) -> Self {
        Self {
            input: Reader::new(bytes),
            form,
        }
    }
}

impl Prefixes<'_> {
    fn is_ipv6(&self) -> bool {
        self.form.family.afi == Afi::IPV6
    }
}

impl Iterator for Prefixes<'_> {
    type Item = Prefix;

    #[inline]
    fn next(&mut self) -> Option<Prefix> {
        if self.input.is_empty() {
            return None;
        }
        let taken = if self.is_ipv6() {
            Ipv6::take(&mut self.input, self.form)
        } else {
            Ipv4::take(&mut self.input, self.form)
        };
        if taken.is_err() {
            self.input.clear();
        }
        taken.ok()
    }

    /// As all of `for_each`, `sum`, `count` and the like do: the family is asked for once.
    #[inline]
    fn fold<B, F: FnMut(B, Prefix) -> B>(self, init: B, f: F) -> B {
        if self.is_ipv6() {
            Each::<Ipv6>::new(self.input.rest(), self.form).fold(init, f)
        } else {
            Each::<Ipv4>::new(self.input.rest(), self.form).fold(init, f)
        }
    }
}

impl core::iter::FusedIterator for Prefixes<'_> {}

/// A string, or an object if it has a path identifier.
impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(path_id) = self.path_id else {
            return AddressText::new(self.addr, Some(self.len)).serialize(serializer);
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("prefix", &AddressText::new(self.addr, Some(self.len)))?;
        map.serialize_entry("path_id", &path_id)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Family;

    fn form(v6: bool, add_path: bool) -> Form {
        let family = if v6 {
            Family::IPV6_UNICAST
        } else {
            Family::IPV4_UNICAST
        };
        Form {
            add_path,
            ..Form::new(family)
        }
    }

    fn read(bytes: &[u8], v6: bool, add_path: bool) -> Vec<String> {
        Prefixes::new(bytes, form(v6, add_path))
            .map(|p| match p.path_id {
                Some(id) => format!("{id}:{p}"),
                None => p.to_string(),
            })
            .collect()
    }

    fn faults(bytes: &[u8], v6: bool) -> Vec<Fault> {
        let mut list = Vec::new();
        let check = if v6 { Ipv6::check } else { Ipv4::check };
        check(bytes, form(v6, false), &mut |fault| list.push(fault));
        list
    }

    #[test]
    fn every_length_of_ipv4() {
        for len in 0..=32u8 {
            let octets = usize::from(len).div_ceil(8);
            let mut bytes = vec![len];
            bytes.resize(1 + octets, 0xff);
            bytes.extend_from_slice(&[8, 10]);
            let network = u32::MAX
                .checked_shl(32 - u32::from(len))
                .unwrap_or_default();
            let network = if len == 0 { 0 } else { network };
            let expected = format!("{}/{len}", Ipv4Addr::from_bits(network));
            assert_eq!(read(&bytes, false, false), [expected, "10.0.0.0/8".into()]);
            assert_eq!(faults(&bytes, false).is_empty(), len % 8 == 0);
        }
    }

    #[test]
    fn every_length_of_ipv6() {
        for len in 0..=128u8 {
            let mut bytes = vec![len];
            bytes.resize(1 + usize::from(len).div_ceil(8), 0xff);
            let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or_default();
            let expected = format!("{}/{len}", Ipv6Addr::from_bits(!host));
            assert_eq!(read(&bytes, true, false), [expected]);
        }
    }

    #[test]
    fn trailing_host_bits_are_masked_and_reported_once() {
        let bytes = [24, 10, 0, 0, 20, 192, 168, 0xff, 9, 10, 0xff];
        assert_eq!(
            read(&bytes, false, false),
            ["10.0.0.0/24", "192.168.240.0/20", "10.128.0.0/9"]
        );
        assert_eq!(faults(&bytes, false), [HOST_BITS.shifted(4)]);
    }

    #[test]
    fn a_length_beyond_the_address_or_the_field_ends_it() {
        assert_eq!(faults(&[33, 1, 2, 3, 4, 5], false), [TOO_LONG]);
        assert_eq!(faults(&[129], true), [TOO_LONG]);
        assert_eq!(faults(&[8, 10, 24, 10, 0], false), [CUT.shifted(2)]);
        assert_eq!(read(&[8, 10, 24, 10, 0], false, false), ["10.0.0.0/8"]);
        assert_eq!(faults(&[255], true), [TOO_LONG]);
    }

    #[test]
    fn path_identifiers_precede_the_length() {
        let bytes = [0x18, 1, 2, 3, 24, 192, 0, 2, 0, 0, 0, 7, 0];
        assert_eq!(
            read(&bytes, false, true),
            ["402719235:192.0.2.0/24", "7:0.0.0.0/0"]
        );
        // The same bytes without context: 0x18 is a length of 24.
        assert_eq!(read(&bytes, false, false)[0], "1.2.3.0/24");
    }
}
