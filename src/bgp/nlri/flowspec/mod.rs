//! FlowSpec: filters for traffic (RFC 8955 §4, RFC 8956 §3), with ADD-PATH; in a VPN (SAFI 134)
//! behind a route distinguisher (RFC 8955 §8).

mod component;
mod text;

use super::part::{HOST_BITS, RouteDistinguisher, fault, take_path_id};
use super::{Codec, Form, check_each};
use crate::bgp::error::Fault;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use component::{
    Bitmask, Component, ComponentType, Components, Numeric, Operation, Operations, Pattern, Test,
};

/// A filter: traffic that passes the tests of all components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSpec<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// The VPN that it belongs to (SAFI 134).
    pub rd: Option<RouteDistinguisher>,
    afi: Afi,
    filter: &'a [u8],
}

impl<'a> FlowSpec<'a> {
    /// The components in wire order, up to one that cannot be read.
    #[must_use]
    pub const fn components(&self) -> Components<'a> {
        Components::new(self.filter, self.afi)
    }

    /// The components as sent, without length and route distinguisher.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.filter
    }

    /// RFC 8955 §4.2: components in ascending order of type, each once, all known and encoded as
    /// specified. Bits behind a prefix mean nothing (RFC 4271 §4.3, RFC 8956 §3.1).
    fn fault(&self) -> Option<Fault> {
        let mut components = self.components();
        let (mut last, mut host_bits) = (0, false);
        for component in components.by_ref() {
            if component.kind.0 <= last {
                return Some(fault("FlowSpec components out of order or repeated"));
            }
            last = component.kind.0;
            host_bits |= matches!(component.test, Test::Pattern(pattern) if pattern.host_bits);
        }
        if !components.unread().is_empty() || last == 0 {
            return Some(fault("FlowSpec component unknown or malformed"));
        }
        host_bits.then_some(HOST_BITS)
    }
}

/// Decoder of FlowSpec.
#[derive(Clone, Copy, Debug)]
pub struct FlowSpecs;

impl Codec for FlowSpecs {
    type Item<'a> = FlowSpec<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<FlowSpec<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "FlowSpec NLRI does not fit the field";
        let mut value = take_value(input).map(Reader::new).ok_or(fault(text))?;
        let rd = match form.family {
            Family {
                safi: Safi::FLOWSPEC_VPN,
                ..
            } => {
                let text = "route distinguisher does not fit the NLRI";
                Some(RouteDistinguisher(value.array().ok_or(fault(text))?))
            }
            _ => None,
        };
        Ok(FlowSpec {
            path_id,
            rd,
            afi: form.family.afi,
            filter: value.rest(),
        })
    }

    /// RFC 8955 §10: what is not encoded as specified is malformed as in RFC 4760 §7, which
    /// gives up the family or the session.
    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            Self::take(input, form).map(|flow| flow.fault())
        });
    }
}

/// What is behind the length, which is one octet below 240 and two octets, 0xfnnn, from there
/// on (RFC 8955 §4.1).
fn take_value<'a>(input: &mut Reader<'a>) -> Option<&'a [u8]> {
    let first = input.u8()?;
    let length = if first < 0xf0 {
        usize::from(first)
    } else {
        usize::from(first & 0x0f) << 8 | usize::from(input.u8()?)
    };
    input.take(length)
}

/// `{"nlri_type": "flowspec", "path_id", "rd", "text", "components"}`; `raw` has the octets
/// from a component on that cannot be read.
impl Serialize for FlowSpec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("nlri_type", "flowspec")?;
        if let Some(path_id) = self.path_id {
            map.serialize_entry("path_id", &path_id)?;
        }
        if let Some(rd) = self.rd {
            map.serialize_entry("rd", &rd)?;
        }
        map.serialize_entry("text", &Show(self))?;
        map.serialize_entry("components", &List(|| self.components()))?;
        let mut components = self.components();
        components.by_ref().for_each(drop);
        if !components.unread().is_empty() {
            map.serialize_entry("raw", &Hex(components.unread()))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
