//! Reading fields.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Field, Kind, Tlvs};
use crate::bgp::family::Afi;
use crate::bgp::nlri::Prefix;
use crate::bgp::nlri::part::{MacAddr, RouteDistinguisher, addr, prefix};
use crate::bgp::reader::Reader;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Uint(u64),
    /// A number that need not be whole.
    Float(f32),
    /// Flags.
    Flags(FlagSet),
    /// An address.
    Addr(IpAddr),
    /// A MAC address.
    Mac(MacAddr),
    /// A system identifier of IS-IS.
    SystemId(SystemId),
    /// A route distinguisher.
    Rd(RouteDistinguisher),
    /// A prefix.
    Prefix(Prefix),
    /// Text as sent.
    Text(&'a [u8]),
    /// Octets.
    Hex(&'a [u8]),
    /// A list.
    Records(Records<'a>),
    /// TLVs.
    Tlvs(Tlvs<'a>),
}

/// Flags with their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagSet {
    bits: u64,
    width: usize,
    names: &'static [&'static str],
}

impl FlagSet {
    /// All bits, as a number of the field's width.
    #[must_use]
    pub const fn bits(&self) -> u64 {
        self.bits
    }

    /// The flags that are set: position from the most significant bit on, and name.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Option<&'static str>)> + Clone + use<> {
        let Self { bits, width, names } = *self;
        let set = (0..width).filter(move |at| bits >> (width - 1 - at) & 1 == 1);
        set.map(move |at| (at, names.get(at).copied().filter(|name| !name.is_empty())))
    }
}

/// A system identifier of IS-IS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemId(pub [u8; 6]);

impl fmt::Display for SystemId {
    /// As routers print it: `0000.0000.0015`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{g:02x}")
    }
}

/// Records of like fields, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    unread: &'a [u8],
    fields: &'static [Field],
}

impl PartialEq for Records<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.unread == other.unread && core::ptr::eq(self.fields, other.fields)
    }
}

impl<'a> Records<'a> {
    pub(super) const fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// Hands out the fields of the first record and goes behind it; whether there is one.
    pub fn visit_next(&mut self, step: &mut dyn FnMut(&'static str, Value<'a>)) -> bool {
        if self.unread.is_empty() {
            return false;
        }
        let mut input = Reader::new(self.unread);
        let read = take_all(self.fields, &mut input, step).is_some();
        // A record of no octets would never end.
        let ended = !read || input.len() == self.unread.len();
        self.unread = if ended { &[] } else { input.rest() };
        !ended
    }
}

/// The fields do not fit the value, or leave something of it.
pub(super) struct Malformed;

/// Hands out the fields of a value.
pub(super) fn visit<'a>(
    fields: &'static [Field],
    value: &'a [u8],
    step: &mut dyn FnMut(&'static str, Value<'a>),
) -> Result<(), Malformed> {
    let mut input = Reader::new(value);
    let read = take_all(fields, &mut input, step);
    read.filter(|()| input.is_empty()).ok_or(Malformed)
}

fn take_all<'a>(
    fields: &'static [Field],
    input: &mut Reader<'a>,
    step: &mut dyn FnMut(&'static str, Value<'a>),
) -> Option<()> {
    fields
        .iter()
        .try_for_each(|field| take(*field, input, step))
}

/// Takes one field, whatever number of values it has.
fn take<'a>(
    Field(name, kind): Field,
    input: &mut Reader<'a>,
    step: &mut dyn FnMut(&'static str, Value<'a>),
) -> Option<()> {
    match kind {
        Kind::Skip(octets) => {
            input.take(octets)?;
        }
        Kind::Rest => input.clear(),
        Kind::Bits(parts) => take_bits(parts, input, step)?,
        Kind::Masks => {
            let [standard, user, _, _] = input.array()?;
            step("sabm", Value::Hex(input.take(usize::from(standard))?));
            step("udabm", Value::Hex(input.take(usize::from(user))?));
        }
        Kind::FamilyAddr => {
            let family = input.u16()?;
            step("address_family", Value::Uint(u64::from(family)));
            if family != 0 {
                step(name, Value::Addr(family_addr(Afi(family), rest(input))?));
            }
        }
        Kind::ByLength(choices) => {
            let fits = |(length, _): &&(usize, _)| *length == input.len();
            let (_, fields) = choices.iter().find(fits)?;
            take_all(fields, input, step)?;
        }
        _ => step(name, take_one(kind, input)?),
    }
    Some(())
}

fn take_one<'a>(kind: Kind, input: &mut Reader<'a>) -> Option<Value<'a>> {
    Some(match kind {
        Kind::Uint(octets) => Value::Uint(uint(input.take(octets)?)),
        Kind::Low(octets, bits) => {
            let mask = u64::MAX.checked_shl(bits).map_or(u64::MAX, |high| !high);
            Value::Uint(uint(input.take(octets)?) & mask)
        }
        Kind::Float => Value::Float(f32::from_bits(input.u32()?)),
        Kind::Flags(octets, names) => Value::Flags(FlagSet {
            bits: uint(input.take(octets)?),
            width: 8 * octets,
            names,
        }),
        Kind::Ipv4 => Value::Addr(Ipv4Addr::from(input.array::<4>()?).into()),
        Kind::Ipv6 => Value::Addr(Ipv6Addr::from(input.array::<16>()?).into()),
        Kind::Mac => Value::Mac(MacAddr(input.array()?)),
        Kind::SystemId => Value::SystemId(SystemId(input.array()?)),
        Kind::Rd => Value::Rd(RouteDistinguisher(input.array()?)),
        Kind::Hex(octets) => Value::Hex(input.take(octets)?),
        Kind::Addr => Value::Addr(addr(rest(input))?),
        Kind::Prefix(afi) => {
            let (prefix, _) = prefix(afi, input.u8()?, rest(input))?;
            Value::Prefix(prefix)
        }
        Kind::Text => Value::Text(rest(input)),
        Kind::Raw => Value::Hex(rest(input)),
        Kind::Times(count, fields) => records(fields, input, count)?,
        Kind::Many(fields) => {
            let records = records(fields, input, usize::MAX)?;
            if !input.is_empty() {
                return None;
            }
            records
        }
        Kind::Tlv(table) => {
            let all = input.rest();
            let mut tlvs = Tlvs::new(all, table);
            tlvs.next().filter(super::Tlv::is_valid)?;
            let one = input.take(all.len() - tlvs.unread().len())?;
            Value::Tlvs(Tlvs::new(one, table))
        }
        Kind::Tlvs(table) => Value::Tlvs(Tlvs::new(rest(input), table)),
        // Those with several values, or none.
        Kind::Skip(_)
        | Kind::Rest
        | Kind::Bits(_)
        | Kind::Masks
        | Kind::FamilyAddr
        | Kind::ByLength(_) => return None,
    })
}

/// As many whole records as there are, `limit` at most.
fn records<'a>(
    fields: &'static [Field],
    input: &mut Reader<'a>,
    limit: usize,
) -> Option<Value<'a>> {
    let all = input.rest();
    let mut count = 0;
    while count < limit && !input.is_empty() {
        let before = input.len();
        take_all(fields, input, &mut |_, _| ())?;
        count += 1;
        if input.len() == before {
            return None;
        }
    }
    if limit != usize::MAX && count < limit {
        return None;
    }
    let unread = all.get(..all.len() - input.len())?;
    Some(Value::Records(Records { unread, fields }))
}

fn take_bits<'a>(
    parts: &'static [(&'static str, u32)],
    input: &mut Reader<'a>,
    step: &mut dyn FnMut(&'static str, Value<'a>),
) -> Option<()> {
    let width: u32 = parts.iter().map(|(_, bits)| bits).sum();
    let bits = uint(input.take(usize::try_from(width / 8).ok()?)?);
    let mut below = width;
    for (name, wide) in parts {
        below = below.checked_sub(*wide)?;
        let mask = (1u64 << wide).wrapping_sub(1);
        if !name.is_empty() {
            step(name, Value::Uint(bits >> below & mask));
        }
    }
    Some(())
}

/// Octets, eight at most, as a number.
fn uint(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |value, octet| value << 8 | u64::from(*octet))
}

fn rest<'a>(input: &mut Reader<'a>) -> &'a [u8] {
    let rest = input.rest();
    input.clear();
    rest
}

fn family_addr(family: Afi, bytes: &[u8]) -> Option<IpAddr> {
    addr(bytes).filter(|addr| match family {
        Afi::IPV4 => addr.is_ipv4(),
        Afi::IPV6 => addr.is_ipv6(),
        _ => false,
    })
}
