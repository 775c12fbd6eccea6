//! Segment routing policies (RFC 9830 §2.1), with ADD-PATH.

use core::net::IpAddr;

use super::part::{addr, fault, routed, take_path_id};
use super::{Codec, Form, check_each};
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::family::Afi;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// A policy as delimited; [`SrPolicy::policy`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrPolicy<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// IPv4 or IPv6.
    pub afi: Afi,
    /// Length of the NLRI in bits.
    pub bits: u8,
    /// What is behind the length, as sent.
    pub value: &'a [u8],
}

/// What a candidate path of a policy is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "nlri_type", rename = "sr-policy")]
pub struct SrPolicyKey {
    /// What tells candidate paths of the same policy apart.
    pub distinguisher: u32,
    /// The intent that the policy serves.
    pub color: u32,
    /// Where the policy leads; zero stands for anywhere.
    pub endpoint: IpAddr,
}

impl SrPolicy<'_> {
    /// The policy.
    ///
    /// # Errors
    /// The length is not that of the address family, 96 or 192 bits: to be treated as
    /// withdrawn (RFC 9830 §5).
    pub fn policy(&self) -> Result<SrPolicyKey, Fault> {
        let read = || {
            let mut input = Reader::new(self.value);
            let key = SrPolicyKey {
                distinguisher: input.u32()?,
                color: input.u32()?,
                endpoint: addr(input.rest())?,
            };
            let whole = usize::from(self.bits) == 8 * self.value.len();
            let fits = key.endpoint.is_ipv6() == (self.afi == Afi::IPV6);
            (whole && fits).then_some(key)
        };
        let text = "SR policy of a length that is not that of its family";
        read().ok_or(fault(text).with(Disposition::TreatAsWithdraw))
    }
}

/// Decoder of segment routing policies.
#[derive(Clone, Copy, Debug)]
pub struct SrPolicies;

impl Codec for SrPolicies {
    type Item<'a> = SrPolicy<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<SrPolicy<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "SR policy does not fit the field";
        let bits = input.u8().ok_or(fault(text))?;
        let value = input.take(usize::from(bits).div_ceil(8));
        Ok(SrPolicy {
            path_id,
            afi: form.family.afi,
            bits,
            value: value.ok_or(fault(text))?,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            Ok(Self::take(input, form)?.policy().err())
        });
    }
}

/// `{"nlri_type", "distinguisher", "color", "endpoint", "path_id"}`, the last if there is one;
/// the octets as `raw` if their number is wrong.
impl Serialize for SrPolicy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        routed(serializer, self.policy(), self.path_id, None, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::json;

    const V4: Family = Family::IPV4_SR_POLICY;
    const V6: Family = Family::IPV6_SR_POLICY;

    /// ExaBGP, `qa/decoding/bgp-sr-policy-2`.
    #[test]
    fn a_policy_of_ipv4() {
        let hex = "60 00000001 000000c8 0a000002";
        assert_eq!(
            one(V4, hex),
            json!({
                "nlri_type": "sr-policy",
                "distinguisher": 1,
                "color": 200,
                "endpoint": "10.0.0.2",
            })
        );
        with_path_id(V4, hex);
    }

    #[test]
    fn a_policy_of_ipv6() {
        let hex = "c0 00000002 00000064 20010db8000000000000000000000001";
        let policy = one(V6, hex);
        assert_eq!(
            (&policy["color"], &policy["endpoint"]),
            (&json!(100), &json!("2001:db8::1"))
        );
        with_path_id(V6, hex);
    }

    /// RFC 9830 §5: what can be skipped is treated as withdrawn, and what follows is read.
    #[test]
    fn other_lengths_are_skipped() {
        let good = "60 00000001 000000c8 0a000002";
        let withdraw = Some(Disposition::TreatAsWithdraw);
        for bad in [
            "58 00000001 000000c8 0a0000",
            "5f 00000001 000000c8 0a000002",
            "c0 00000001 000000c8 20010db8000000000000000000000001",
            "00",
        ] {
            let field = bytes(&format!("{good} {bad} {good}"));
            let form = Form::new(V4);
            assert_eq!(faults(form, &field), [(13, withdraw)], "{bad}");
            let items = json(form, &field);
            assert_eq!(items.len(), 3);
            assert_eq!(items[1]["nlri_type"], "malformed");
            assert_eq!(items[2]["nlri_type"], "sr-policy");
        }
        assert_eq!(faults(Form::new(V6), &bytes(good)), [(0, withdraw)]);
        assert_eq!(faults(Form::new(V4), &bytes("60 00000001")), [(0, None)]);
    }
}
