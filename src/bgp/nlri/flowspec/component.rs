//! Components of a FlowSpec filter and their operators (RFC 8955 §4.2, RFC 8956 §3).

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use super::super::{Prefix, part};
use crate::bgp::family::Afi;
use crate::bgp::reader::Reader;

/// Type of a component (IANA "Flow Spec Component Types" and "Flow Spec IPv6 Component Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentType(pub u8);

impl ComponentType {
    /// Destination prefix.
    pub const DESTINATION: Self = Self(1);
    /// Source prefix.
    pub const SOURCE: Self = Self(2);
    /// IP protocol, in IPv6 that of the upper layer.
    pub const PROTOCOL: Self = Self(3);
    /// TCP flags.
    pub const TCP_FLAGS: Self = Self(9);
    /// Differentiated services code point.
    pub const DSCP: Self = Self(11);
    /// Fragment.
    pub const FRAGMENT: Self = Self(12);
    /// Flow label, IPv6 only (RFC 8956 §3.7).
    pub const FLOW_LABEL: Self = Self(13);

    /// The word that ExaBGP has for it, which operators know.
    #[must_use]
    pub fn name(self, afi: Afi) -> Option<&'static str> {
        let v6 = afi == Afi::IPV6;
        Some(match self.0 {
            1 if v6 => "destination-ipv6",
            1 => "destination-ipv4",
            2 if v6 => "source-ipv6",
            2 => "source-ipv4",
            3 if v6 => "next-header",
            3 => "protocol",
            4 => "port",
            5 => "destination-port",
            6 => "source-port",
            7 => "icmp-type",
            8 => "icmp-code",
            9 => "tcp-flags",
            10 => "packet-length",
            11 if v6 => "traffic-class",
            11 => "dscp",
            12 => "fragment",
            13 if v6 => "flow-label",
            _ => return None,
        })
    }
}

/// The form that the values of a component have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ValueForm {
    /// Octets at most; the RFCs only recommend a width for most.
    octets: usize,
    /// The bits that mean something; the others are to be ignored.
    bits: u64,
}

impl ValueForm {
    const fn of(kind: ComponentType, afi: Afi) -> Self {
        let (octets, bits) = match kind {
            // RFC 8955 §4.2.2.9: octet 14 of the TCP header, or octets 13 and 14, where the four
            // bits of the data offset are treated as 0.
            ComponentType::TCP_FLAGS => (2, 0x0fff),
            // RFC 8955 §4.2.2.11: the six lower bits.
            ComponentType::DSCP => (1, 0x3f),
            // RFC 8956 §3.6: IPv6 has no "don't fragment".
            ComponentType::FRAGMENT if matches!(afi, Afi::IPV6) => (1, 0x0e),
            // RFC 8955 §4.2.2.12.
            ComponentType::FRAGMENT => (1, 0x0f),
            _ => (8, u64::MAX),
        };
        Self { octets, bits }
    }
}

/// One component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component<'a> {
    /// What it looks at.
    pub kind: ComponentType,
    /// What it wants to see there.
    pub test: Test<'a>,
    pub(super) afi: Afi,
}

impl Component<'_> {
    /// The word that ExaBGP has for the type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.name(self.afi).unwrap_or_default()
    }
}

/// The test of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test<'a> {
    /// An address begins with, or has in it, these bits.
    Pattern(Pattern),
    /// A number compares as one of the alternatives says.
    Numeric(Operations<'a, Numeric>),
    /// Bits are set as one of the alternatives says.
    Bitmask(Operations<'a, Bitmask>),
}

/// Bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The bits at their place in an address; the length is where they end.
    pub prefix: Prefix,
    /// How many leading bits do not matter: IPv6 only (RFC 8956 §3.1).
    pub offset: Option<u8>,
    /// Bits behind the last one that counts were set; they are zero in `prefix`.
    pub host_bits: bool,
}

impl fmt::Display for Pattern {
    /// `192.0.2.0/24`; in IPv6 the offset follows, as ExaBGP and GoBGP write it:
    /// `2001:db8::/32/0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.prefix.fmt(f)?;
        match self.offset {
            Some(offset) => write!(f, "/{offset}"),
            None => Ok(()),
        }
    }
}

/// How an operator octet of one kind reads: its low four bits.
pub trait Operator: Copy {
    /// From the operator octet.
    fn new(octet: u8) -> Self;
}

/// A numeric operator (RFC 8955 §4.2.1.1): the number is less, greater or equal, if any of
/// these bits is set and true. None is false, all are true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numeric(u8);

impl Operator for Numeric {
    fn new(octet: u8) -> Self {
        Self(octet & 7)
    }
}

impl Numeric {
    /// `=`, `<`, `<=`, `>`, `>=`, `!=`, or `true` and `false`, which need no value.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self.0 {
            0 => "false",
            1 => "=",
            2 => ">",
            3 => ">=",
            4 => "<",
            5 => "<=",
            6 => "!=",
            _ => "true",
        }
    }

    /// Whether the value decides: not for `true` and `false`.
    #[must_use]
    pub const fn compares(self) -> bool {
        !matches!(self.0, 0 | 7)
    }
}

/// A bitmask operator (RFC 8955 §4.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitmask(u8);

impl Operator for Bitmask {
    fn new(octet: u8) -> Self {
        Self(octet & 3)
    }
}

impl Bitmask {
    /// The outcome is negated.
    #[must_use]
    pub const fn not(self) -> bool {
        self.0 & 2 != 0
    }

    /// All bits of the value have to be set, otherwise any of them.
    #[must_use]
    pub const fn all(self) -> bool {
        self.0 & 1 != 0
    }

    /// As ExaBGP writes it: `!` for not, `=` for all.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self.0 {
            0 => "",
            1 => "=",
            2 => "!",
            _ => "!=",
        }
    }
}

/// One operator and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<O> {
    /// Has to hold together with the one before; otherwise it is an alternative. AND binds
    /// more tightly.
    pub and: bool,
    /// What to do with the value.
    pub operator: O,
    /// The value, sent in one, two, four or eight octets; bits that are to be ignored are zero.
    pub value: u64,
}

/// The operations of one component, up to the end-of-list bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations<'a, O> {
    bytes: &'a [u8],
    form: ValueForm,
    operator: core::marker::PhantomData<O>,
}

impl<'a, O: Operator> Operations<'a, O> {
    /// Takes operations off the front, up to the one with the end-of-list bit.
    fn take(input: &mut Reader<'a>, form: ValueForm) -> Option<Self> {
        let whole = input.rest();
        loop {
            let (last, _) = take_operation::<O>(input, form)?;
            if last {
                break;
            }
        }
        Some(Self {
            bytes: whole.get(..whole.len() - input.len())?,
            form,
            operator: core::marker::PhantomData,
        })
    }

    /// The operations in wire order; at least one.
    pub fn iter(&self) -> impl Iterator<Item = Operation<O>> + Clone + use<'a, O> {
        let (mut input, form) = (Reader::new(self.bytes), self.form);
        let mut first = true;
        core::iter::from_fn(move || {
            let (_, operation) = take_operation(&mut input, form)?;
            // RFC 8955 §4.2.1.1: in the first one the bit is unset, whatever was sent.
            let and = !core::mem::take(&mut first) && operation.and;
            Some(Operation { and, ..operation })
        })
    }
}

/// One operation, and whether it is the last of the component.
fn take_operation<O: Operator>(
    input: &mut Reader<'_>,
    form: ValueForm,
) -> Option<(bool, Operation<O>)> {
    let octet = input.u8()?;
    let octets = 1 << (octet >> 4 & 3);
    let value = input.take(octets).filter(|_| octets <= form.octets)?;
    let value = value.iter().fold(0, |sum, b| sum << 8 | u64::from(*b));
    let operation = Operation {
        and: octet & 0x40 != 0,
        operator: O::new(octet),
        value: value & form.bits,
    };
    Some((octet & 0x80 != 0, operation))
}

/// Iterator over the components of a filter, up to one that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct Components<'a> {
    input: Reader<'a>,
    afi: Afi,
}

impl<'a> Components<'a> {
    pub(super) const fn new(filter: &'a [u8], afi: Afi) -> Self {
        Self {
            input: Reader::new(filter),
            afi,
        }
    }

    /// The octets not read yet; after the end, those from a component on that cannot be read.
    #[must_use]
    pub const fn unread(&self) -> &'a [u8] {
        self.input.rest()
    }

    fn read(&self, input: &mut Reader<'a>) -> Option<Component<'a>> {
        let kind = ComponentType(input.u8()?);
        kind.name(self.afi)?;
        let form = ValueForm::of(kind, self.afi);
        let test = match kind {
            ComponentType::DESTINATION | ComponentType::SOURCE => {
                Test::Pattern(take_pattern(input, self.afi)?)
            }
            ComponentType::TCP_FLAGS | ComponentType::FRAGMENT => {
                Test::Bitmask(Operations::take(input, form)?)
            }
            _ => Test::Numeric(Operations::take(input, form)?),
        };
        Some(Component {
            kind,
            test,
            afi: self.afi,
        })
    }
}

impl<'a> Iterator for Components<'a> {
    type Item = Component<'a>;

    fn next(&mut self) -> Option<Component<'a>> {
        let mut input = self.input;
        let component = self.read(&mut input)?;
        self.input = input;
        Some(component)
    }
}

impl core::iter::FusedIterator for Components<'_> {}

fn take_pattern(input: &mut Reader<'_>, afi: Afi) -> Option<Pattern> {
    let len = input.u8()?;
    if afi == Afi::IPV6 {
        return take_pattern6(input, len);
    }
    let octets = input.take(usize::from(len).div_ceil(8))?;
    let (prefix, host_bits) = part::prefix(afi, len, octets)?;
    Some(Pattern {
        prefix,
        offset: None,
        host_bits,
    })
}

/// RFC 8956 §3.1: the bits from `offset` to `len`, padded to octets. Bits before the offset
/// are not sent, which many implementations get wrong; they are zero in what is shown.
fn take_pattern6(input: &mut Reader<'_>, len: u8) -> Option<Pattern> {
    let offset = input.u8()?;
    let bits = len.checked_sub(offset)?;
    if bits == 0 && len != 0 {
        return None;
    }
    let octets = input.take(usize::from(bits).div_ceil(8))?;
    let (sent, host_bits) = part::prefix(Afi::IPV6, bits, octets)?;
    let IpAddr::V6(addr) = sent.addr else {
        return None;
    };
    let bits = addr.to_bits().checked_shr(u32::from(offset)).unwrap_or(0);
    (len <= 128).then_some(Pattern {
        prefix: Prefix {
            addr: Ipv6Addr::from_bits(bits).into(),
            len,
            path_id: None,
        },
        offset: Some(offset),
        host_bits,
    })
}
