//! FlowSpec in the words of ExaBGP, and its JSON form.

use core::fmt::{self, Display};

use super::{Bitmask, Component, ComponentType, FlowSpec, Numeric, Operation, Operations, Test};
use crate::bgp::text::{List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

impl Display for FlowSpec<'_> {
    /// `destination-ipv4 10.0.1.0/24 protocol =tcp destination-port [ >=80&<=90 =443 ]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for component in self.components() {
            write!(f, "{separator}{} {component}", component.name())?;
            separator = " ";
        }
        Ok(())
    }
}

impl Display for Component<'_> {
    /// The test alone: `=tcp`, `[ >=80&<=90 =443 ]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            Test::Pattern(pattern) => pattern.fmt(f),
            Test::Numeric(list) => alternatives(f, list.iter(), |f, operation| {
                numeric(f, self.kind, operation)
            }),
            Test::Bitmask(list) => alternatives(f, list.iter(), |f, operation| {
                let names = names(self.kind);
                write!(
                    f,
                    "{}{}",
                    operation.operator.symbol(),
                    Bits(operation.value, names)
                )
            }),
        }
    }
}

/// Alternatives with blanks between them, in brackets if there is more than one operation.
fn alternatives<O: Copy>(
    f: &mut fmt::Formatter<'_>,
    list: impl Iterator<Item = Operation<O>> + Clone,
    write: impl Fn(&mut fmt::Formatter<'_>, Operation<O>) -> fmt::Result,
) -> fmt::Result {
    let several = list.clone().nth(1).is_some();
    if several {
        f.write_str("[ ")?;
    }
    for (index, operation) in list.enumerate() {
        if operation.and {
            f.write_str("&")?;
        } else if index > 0 {
            f.write_str(" ")?;
        }
        write(f, operation)?;
    }
    f.write_str(if several { " ]" } else { "" })
}

fn numeric(
    f: &mut fmt::Formatter<'_>,
    kind: ComponentType,
    operation: Operation<Numeric>,
) -> fmt::Result {
    f.write_str(operation.operator.symbol())?;
    let name = match kind {
        ComponentType::PROTOCOL => protocol(operation.value),
        _ => None,
    };
    match name {
        _ if !operation.operator.compares() => Ok(()),
        Some(name) => f.write_str(name),
        None => operation.value.fmt(f),
    }
}

/// IANA "Protocol Numbers", those that filters are about.
const fn protocol(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "icmp",
        2 => "igmp",
        6 => "tcp",
        8 => "egp",
        17 => "udp",
        46 => "rsvp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        89 => "ospf",
        94 => "ipip",
        103 => "pim",
        132 => "sctp",
        _ => return None,
    })
}

/// Names of the bits of a bitmask, the lowest first.
const fn names(kind: ComponentType) -> &'static [&'static str] {
    match kind {
        // RFC 8955 §4.2.2.9: octets 12 and 13 of the TCP header.
        ComponentType::TCP_FLAGS => &[
            "fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr", "ns",
        ],
        // RFC 8955 §4.2.2.12.
        _ => &[
            "dont-fragment",
            "is-fragment",
            "first-fragment",
            "last-fragment",
        ],
    }
}

/// Bits by name, joined by `+`; those without a name as one number, and so is no bit at all.
struct Bits(u64, &'static [&'static str]);

impl Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "";
        for (index, name) in self.1.iter().enumerate() {
            if self.0 >> index & 1 == 1 {
                rest &= !(1 << index);
                write!(f, "{separator}{name}")?;
                separator = "+";
            }
        }
        if rest != 0 || self.0 == 0 {
            write!(f, "{separator}{rest:#x}")?;
        }
        Ok(())
    }
}

/// `{"type", "name", "prefix", "offset"}` or `{"type", "name", "operations"}`.
impl Serialize for Component<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind.0)?;
        map.serialize_entry("name", self.name())?;
        match &self.test {
            Test::Pattern(pattern) => {
                map.serialize_entry("prefix", &Show(pattern.prefix))?;
                if let Some(offset) = pattern.offset {
                    map.serialize_entry("offset", &offset)?;
                }
            }
            Test::Numeric(list) => map.serialize_entry("operations", list)?,
            Test::Bitmask(list) => map.serialize_entry("operations", list)?,
        }
        map.end()
    }
}

impl Serialize for Operations<'_, Numeric> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        List(|| self.iter()).serialize(serializer)
    }
}

impl Serialize for Operations<'_, Bitmask> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        List(|| self.iter()).serialize(serializer)
    }
}

/// `{"and": true, "op": ">=", "value": 80}`; `and` only where it is set.
impl Serialize for Operation<Numeric> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.and {
            map.serialize_entry("and", &true)?;
        }
        map.serialize_entry("op", self.operator.symbol())?;
        map.serialize_entry("value", &self.value)?;
        map.end()
    }
}

/// `{"and": true, "not": true, "op": "all", "value": 18}`; `op` is `any` or `all`.
impl Serialize for Operation<Bitmask> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.and {
            map.serialize_entry("and", &true)?;
        }
        if self.operator.not() {
            map.serialize_entry("not", &true)?;
        }
        let bits = if self.operator.all() { "all" } else { "any" };
        map.serialize_entry("op", bits)?;
        map.serialize_entry("value", &self.value)?;
        map.end()
    }
}
