//! EVPN routes (RFC 7432 §7, RFC 9136 §3, RFC 9251 §9, RFC 9572 §3), with ADD-PATH.

mod read;
mod route;

pub use route::{EvpnLabels, EvpnRoute, Multicast, RouteKey};

use super::part::{fault, routed, take_path_id, take_typed};
use super::{Codec, Form, check_typed};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// An EVPN route as delimited; [`Evpn::route`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evpn<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// Route type (IANA "EVPN Route Types").
    pub kind: u8,
    /// What is specific to the route type, as sent.
    pub value: &'a [u8],
}

impl<'a> Evpn<'a> {
    /// The route. [`EvpnRoute::Unknown`] if its type is not known: that is no fault
    /// (RFC 7606 §5.4).
    ///
    /// # Errors
    /// It is not what its type asks for.
    pub fn route(&self) -> Result<EvpnRoute<'a>, Fault> {
        read::route(self.kind, self.value)
    }
}

/// Octets before what is specific to the route type: type and length.
const HEAD: usize = 2;

/// Decoder of EVPN routes.
#[derive(Clone, Copy, Debug)]
pub struct EvpnRoutes;

impl Codec for EvpnRoutes {
    type Item<'a> = Evpn<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Evpn<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "EVPN route does not fit the field";
        let (kind, value) = take_typed(input).ok_or(fault(text))?;
        Ok(Evpn {
            path_id,
            kind,
            value,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_typed::<Self>(field, form, HEAD, report, |item| {
            item.route().map_or_else(Some, |route| route.inspect())
        });
    }
}

/// `{"nlri_type", "path_id", ..}`: the path identifier if there is one, then the fields of the
/// type; the octets as `raw` if they are not what the type asks for.
impl Serialize for Evpn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = Some(self.kind.into());
        routed(serializer, self.route(), self.path_id, kind, self.value)
    }
}

#[cfg(test)]
mod tests;
