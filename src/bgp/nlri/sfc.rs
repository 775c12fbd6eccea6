//! Routes of service function chains (RFC 9015 §3), with ADD-PATH.

use super::part::{RouteDistinguisher, fault, hex, routed, take_path_id};
use super::{Codec, Form, check_typed};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// A route of the family as delimited; [`Sfc::route`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sfc<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// Route type (IANA "SFC Route Types").
    pub kind: u16,
    /// What is specific to the route type, as sent.
    pub value: &'a [u8],
}

/// A route of one of the types of RFC 9015 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "nlri_type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SfcRoute<'a> {
    /// Type 1: a node hosts an instance of a service function (RFC 9015 §3.1).
    ServiceFunctionInstance {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Service function type (IANA "Service Function Chaining Service Function Types").
        service_function_type: u16,
    },
    /// Type 2: a controller makes a path through such instances (RFC 9015 §3.2); the SFP
    /// attribute says which.
    ServiceFunctionPath {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Service path identifier, 24 bits (RFC 8300 §2.3).
        service_path_id: u32,
    },
    /// A type that is not known.
    Unknown {
        /// Route type.
        #[serde(rename = "type")]
        kind: u16,
        /// What is specific to it, as sent.
        #[serde(rename = "raw", serialize_with = "hex")]
        value: &'a [u8],
    },
}

impl<'a> Sfc<'a> {
    /// The route. [`SfcRoute::Unknown`] if its type is not known: that is no fault
    /// (RFC 7606 §5.4).
    ///
    /// # Errors
    /// It is not what its type asks for.
    pub fn route(&self) -> Result<SfcRoute<'a>, Fault> {
        let (kind, value) = (self.kind, self.value);
        let mut input = Reader::new(value);
        let read = match kind {
            1 => instance(&mut input),
            2 => path(&mut input),
            _ => return Ok(SfcRoute::Unknown { kind, value }),
        };
        read.filter(|_| input.is_empty())
            .ok_or(fault("malformed SFC route"))
    }
}

fn instance<'a>(input: &mut Reader<'a>) -> Option<SfcRoute<'a>> {
    Some(SfcRoute::ServiceFunctionInstance {
        rd: input.array().map(RouteDistinguisher)?,
        service_function_type: input.u16()?,
    })
}

fn path<'a>(input: &mut Reader<'a>) -> Option<SfcRoute<'a>> {
    let rd = input.array().map(RouteDistinguisher)?;
    let [a, b, c] = input.array()?;
    Some(SfcRoute::ServiceFunctionPath {
        rd,
        service_path_id: u32::from_be_bytes([0, a, b, c]),
    })
}

/// Octets before what is specific to the route type: type and length.
const HEAD: usize = 4;

/// Decoder of routes of service function chains.
#[derive(Clone, Copy, Debug)]
pub struct SfcRoutes;

impl Codec for SfcRoutes {
    type Item<'a> = Sfc<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Sfc<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let read = |input: &mut Reader<'a>| {
            let (kind, length) = (input.u16()?, input.u16()?);
            Some((kind, input.take(usize::from(length))?))
        };
        let text = "SFC route does not fit the field";
        let (kind, value) = read(input).ok_or(fault(text))?;
        Ok(Sfc {
            path_id,
            kind,
            value,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_typed::<Self>(field, form, HEAD, report, |item| item.route().err());
    }
}

impl Serialize for Sfc<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = Some(self.kind);
        routed(serializer, self.route(), self.path_id, kind, self.value)
    }
}

/// No implementation with vectors is known; these are the figures of RFC 9015 §3 and the
/// values of its example in §8.
#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::json;

    const FAMILY: Family = Family::SFC;

    /// §8: "RD = 192.0.2.1/1, SFT = 41" on the first forwarder.
    #[test]
    fn an_instance() {
        let hex = "0001 000a 0001c00002010001 0029";
        assert_eq!(
            one(FAMILY, hex),
            json!({
                "nlri_type": "service-function-instance",
                "rd": "192.0.2.1:1",
                "service_function_type": 41,
            })
        );
        with_path_id(FAMILY, hex);
    }

    /// §8.1: "SFP1: RD = 198.51.100.1/101, SPI = 15".
    #[test]
    fn a_path() {
        let hex = "0002 000b 0001c63364010065 00000f";
        assert_eq!(
            one(FAMILY, hex),
            json!({
                "nlri_type": "service-function-path",
                "rd": "198.51.100.1:101",
                "service_path_id": 15,
            })
        );
        with_path_id(FAMILY, hex);
    }

    #[test]
    fn unknown_types_are_no_fault_and_malformed_routes_end_nothing() {
        let form = Form::new(FAMILY);
        let field = bytes("0003 0001 07  0001 0002 0001  0002 000b 0001c63364010065 00000f");
        assert_eq!(faults(form, &field), [(9, None)]);
        let items = json(form, &field);
        assert_eq!(
            items[0],
            json!({ "nlri_type": "unknown", "type": 3, "raw": "07" })
        );
        assert_eq!(items[1]["nlri_type"], "malformed");
        assert_eq!(items[2]["nlri_type"], "service-function-path");
        assert_eq!(faults(form, &bytes("0001 000a 00")), [(0, None)]);
    }
}
