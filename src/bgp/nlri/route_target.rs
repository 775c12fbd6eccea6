//! Route target membership (RFC 4684 §4), with ADD-PATH.

use super::labeled::take_bits;
use super::part::{HOST_BITS, fault, take_path_id};
use super::{Codec, Form, check_each};
use crate::bgp::attribute::ExtCommunity;
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Which route targets a router wants: a prefix of origin AS and route target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTarget {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// Length of the prefix in bits: 0, which is every route target, or 32 to 96.
    pub len: u8,
    /// Origin AS, unless the length is 0.
    origin_as: u32,
    /// The route target; bits behind the length are zero.
    target: [u8; 8],
}

impl RouteTarget {
    /// The AS that wants them; none in the default route target, of length 0.
    #[must_use]
    pub fn origin_as(&self) -> Option<u32> {
        (self.len > 0).then_some(self.origin_as)
    }

    /// The route target, if the prefix has all of it.
    #[must_use]
    pub fn target(&self) -> Option<ExtCommunity> {
        (self.len == LEN_MAX).then_some(ExtCommunity(self.target))
    }
}

const LEN_MAX: u8 = 96;
const AS_BITS: u8 = 32;

/// Decoder of route target membership.
#[derive(Clone, Copy, Debug)]
pub struct RouteTargets;

impl Codec for RouteTargets {
    type Item<'a> = RouteTarget;

    fn take(input: &mut Reader<'_>, form: Form) -> Result<RouteTarget, Fault> {
        read(input, form).map(|(item, _)| item)
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            read(input, form).map(|(_, host_bits)| host_bits.then_some(HOST_BITS))
        });
    }
}

/// One NLRI, and whether bits behind the prefix are set.
fn read(input: &mut Reader<'_>, form: Form) -> Result<(RouteTarget, bool), Fault> {
    let path_id = take_path_id(input, form)?;
    let (len, octets) = take_bits(input)?;
    let text = "route target membership of a length that it cannot have";
    if len != 0 && !(AS_BITS..=LEN_MAX).contains(&len) {
        return Err(fault(text));
    }
    let mut bytes = [0; 16];
    let target = bytes.get_mut(..octets.len()).ok_or(fault(text))?;
    target.copy_from_slice(octets.rest());
    let sent = u128::from_be_bytes(bytes);
    let host = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
    let [a, b, c, d, target @ .., _, _, _, _] = (sent & !host).to_be_bytes();
    let item = RouteTarget {
        path_id,
        len,
        origin_as: u32::from_be_bytes([a, b, c, d]),
        target,
    };
    Ok((item, sent & host != 0))
}

/// `{"nlri_type", "path_id", "origin_as", "route_target"}`; with less than a whole route target
/// its octets as `route_target_prefix`, and the length of all in bits, `prefix_len`.
impl Serialize for RouteTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("nlri_type", "route-target")?;
        if let Some(path_id) = self.path_id {
            map.serialize_entry("path_id", &path_id)?;
        }
        if let Some(origin_as) = self.origin_as() {
            map.serialize_entry("origin_as", &origin_as)?;
        }
        if let Some(target) = self.target() {
            map.serialize_entry("route_target", &Show(target))?;
        } else {
            map.serialize_entry("prefix_len", &self.len)?;
            let octets = usize::from(self.len.saturating_sub(AS_BITS)).div_ceil(8);
            let sent = self.target.get(..octets).unwrap_or_default();
            if !sent.is_empty() {
                map.serialize_entry("route_target_prefix", &Hex(sent))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use crate::bgp::error::Disposition;
    use serde_json::json;

    const FAMILY: Family = Family::ROUTE_TARGET;

    /// Sent by GoBGP 3.10, AS 65001, for a VRF that imports 65000:200.
    #[test]
    fn a_whole_route_target() {
        let hex = "60 0000fde9 0002fde8000000c8";
        assert_eq!(
            one(FAMILY, hex),
            json!({
                "nlri_type": "route-target",
                "origin_as": 65001,
                "route_target": "RT:65000:200",
            })
        );
        with_path_id(FAMILY, hex);
    }

    /// RFC 4684 §4: the default, any route target of an AS, and what is between.
    #[test]
    fn prefixes_of_route_targets() {
        let default = json!({ "nlri_type": "route-target", "prefix_len": 0 });
        assert_eq!(one(FAMILY, "00"), default);
        let any = json!({ "nlri_type": "route-target", "origin_as": 65001, "prefix_len": 32 });
        assert_eq!(one(FAMILY, "20 0000fde9"), any);
        assert_eq!(
            one(FAMILY, "40 0000fde9 0002fde8"),
            json!({
                "nlri_type": "route-target",
                "origin_as": 65001,
                "prefix_len": 64,
                "route_target_prefix": "0002fde8",
            })
        );
    }

    /// FRR refuses the same lengths, `bgpd/bgp_rtc.c`.
    #[test]
    fn lengths_that_cannot_be() {
        let form = Form::new(FAMILY);
        for hex in ["08 00", "1f 0000fde8", "61 0000fde9 0002fde8000000c8 00"] {
            assert_eq!(faults(form, &bytes(hex)), [(0, None)], "{hex}");
            assert!(json(form, &bytes(hex)).is_empty());
        }
    }

    #[test]
    fn host_bits_are_masked_and_reported() {
        let (form, field) = (Form::new(FAMILY), bytes("33 0000fde9 0002ff"));
        assert_eq!(faults(form, &field), [(0, Some(Disposition::Ignore))]);
        assert_eq!(json(form, &field)[0]["route_target_prefix"], "0002e0");
    }
}
