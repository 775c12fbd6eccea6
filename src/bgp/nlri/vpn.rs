//! Prefixes of VPNs (RFC 4364 §4.3.4, RFC 4659 §3.2), with ADD-PATH.

use super::labeled::{serialize_labels, serialize_prefix, take_bits};
use super::part::{
    HOST_BITS, Labels, RouteDistinguisher, address_bits, fault, has_host_bits, masked, take_path_id,
};
use super::{Codec, Form, Prefix, check_each, fold_each};
use crate::bgp::error::Fault;
use crate::bgp::family::{Afi, Safi};
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A prefix of a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpnPrefix<'a> {
    /// The prefix, with its path identifier.
    pub prefix: Prefix,
    /// What makes the prefix unique.
    pub rd: RouteDistinguisher,
    /// The labels (SAFI 128); routes for the upstream multicast hop (SAFI 129) have none,
    /// RFC 6514 §10.
    pub labels: Option<Labels<'a>>,
}

/// Decoder of VPN prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Vpn;

impl Codec for Vpn {
    type Item<'a> = VpnPrefix<'a>;

    #[inline]
    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<VpnPrefix<'a>, Fault> {
        let afi = form.family.afi;
        Ok(Parts::take(input, form, afi)?.read(afi))
    }

    /// Asks once for the family, not for each address.
    #[inline]
    fn fold<'a, B>(
        input: Reader<'a>,
        form: Form,
        init: B,
        mut f: impl FnMut(B, Self::Item<'a>) -> B,
    ) -> B {
        match form.family.afi {
            Afi::IPV6 => {
                let f = |folded, parts: Parts<'a>| f(folded, parts.read(Afi::IPV6));
                fold_each(input, init, f, |input| Parts::take(input, form, Afi::IPV6))
            }
            _ => {
                let f = |folded, parts: Parts<'a>| f(folded, parts.read(Afi::IPV4));
                fold_each(input, init, f, |input| Parts::take(input, form, Afi::IPV4))
            }
        }
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            let parts = Parts::take(input, form, form.family.afi)?;
            let host_bits = has_host_bits(parts.len, parts.octets);
            Ok(host_bits.then_some(HOST_BITS))
        });
    }
}

const TOO_LONG: &str = "prefix length beyond the address length";

/// What one NLRI is made of; the prefix as it was sent.
struct Parts<'a> {
    path_id: Option<u32>,
    labels: Option<Labels<'a>>,
    rd: RouteDistinguisher,
    len: u8,
    octets: &'a [u8],
}

impl<'a> Parts<'a> {
    #[inline]
    fn take(input: &mut Reader<'a>, form: Form, afi: Afi) -> Result<Self, Fault> {
        let path_id = take_path_id(input, form)?;
        let (bits, mut octets) = take_bits(input)?;
        let whole = octets.len();
        let labels = match form.family.safi {
            Safi::VPN_MULTICAST => None,
            _ => Some(Labels::take(&mut octets, form)?),
        };
        let text = "route distinguisher does not fit the NLRI";
        let rd = RouteDistinguisher(octets.array().ok_or(fault(text))?);
        let octets = octets.rest();
        // A length that ends inside the labels or the distinguisher leaves less than no bit.
        let len = usize::from(bits).checked_sub(8 * (whole - octets.len()));
        let len = len.and_then(|len| u8::try_from(len).ok());
        let len = len.filter(|len| *len <= address_bits(afi));
        Ok(Self {
            path_id,
            labels,
            rd,
            len: len.ok_or(fault(TOO_LONG))?,
            octets,
        })
    }

    #[inline]
    fn read(self, afi: Afi) -> VpnPrefix<'a> {
        VpnPrefix {
            prefix: Prefix {
                addr: masked(afi, self.len, self.octets),
                len: self.len,
                path_id: self.path_id,
            },
            rd: self.rd,
            labels: self.labels,
        }
    }
}

/// `{"prefix", "path_id", "rd", "labels"}`, path identifier and labels if there are any.
impl Serialize for VpnPrefix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_prefix(&mut map, &self.prefix)?;
        map.serialize_entry("rd", &self.rd)?;
        if let Some(labels) = &self.labels {
            serialize_labels(&mut map, labels)?;
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

    const V4: Family = Family::IPV4_VPN;
    const V6: Family = Family::IPV6_VPN;

    /// Sent by GoBGP 3.10 for `vpnv4 10.3.0.0/17 label 300 rd 65000:1`,
    /// `vpnv4 10.4.0.0/30 label 301 rd 192.0.2.9:5`, and with `send-max 4` the first of them.
    #[test]
    fn vpn_ipv4_as_gobgp_sends_it() {
        let first = "69 0012c1 0000fde800000001 0a0300";
        let expected = json!({ "prefix": "10.3.0.0/17", "rd": "65000:1", "labels": [300] });
        assert_eq!(one(V4, first), expected);
        with_path_id(V4, first);
        let expected = json!({ "prefix": "10.4.0.0/30", "rd": "192.0.2.9:5", "labels": [301] });
        assert_eq!(one(V4, "76 0012d1 0001c00002090005 0a040000"), expected);
    }

    /// Sent by GoBGP 3.10 for `vpnv6 2001:db8::/32 label 310`. With the S bit cleared the octets
    /// behind the label look like more of them: 2001:db8:: must not be read as labels.
    #[test]
    fn vpn_ipv6_is_not_read_as_labels() {
        let expected = json!({ "prefix": "2001:db8::/32", "rd": "65535:2", "labels": [310] });
        let sent = "78 001361 0000ffff00000002 20010db8";
        assert_eq!(one(V6, sent), expected);
        with_path_id(V6, sent);
        assert_eq!(one(V6, &sent.replace("001361", "001360")), expected);
    }

    /// "IPv4-VPNv4" of FRR's `tests/bgpd/test_mp_attr.c`, which must parse: two NLRI whose labels
    /// have no S bit.
    #[test]
    fn the_vector_of_frr() {
        let field = bytes("68 000102 0000000200ff0304 0a01  69 ff0000 0000c0a800010a02 030000");
        let form = Form::new(V4);
        let expected = [
            json!({ "prefix": "10.1.0.0/16", "rd": "2:16712452", "labels": [16] }),
            json!({ "prefix": "3.0.0.0/17", "rd": "49320:68098", "labels": [0xff000] }),
        ];
        assert_eq!(json(form, &field), expected);
        assert_eq!(faults(form, &field), []);
    }

    #[test]
    fn host_bits_are_masked_and_reported() {
        let field = bytes("69 0012c1 0000fde800000001 0a03ff");
        let form = Form::new(V4);
        assert_eq!(faults(form, &field), [(0, Some(Disposition::Ignore))]);
        assert_eq!(json(form, &field)[0]["prefix"], "10.3.128.0/17");
    }

    /// The cases of the same file that must not parse: lengths that leave too little or too much.
    #[test]
    fn the_lengths_that_frr_refuses() {
        let form = Form::new(V4);
        for hex in [
            "10 0a01 11 0a0203 00",
            "59 000102 0000000200ff0304 0a01 69 ff0000 0000c0a800010a0203",
            "00",
        ] {
            assert_eq!(faults(form, &bytes(hex)).last().map(|f| f.1), Some(None));
        }
    }

    #[test]
    fn a_withdrawal_ignores_the_label() {
        let form = Form {
            withdrawn: true,
            ..Form::new(V6)
        };
        let expected = json!({ "prefix": "2001:db8::/32", "rd": "65000:1" });
        for label in ["800000", "000000"] {
            let hex = format!("78 {label} 0000fde800000001 20010db8");
            assert_eq!(json(form, &bytes(&hex)), std::slice::from_ref(&expected));
            assert_eq!(faults(form, &bytes(&hex)), []);
        }
    }

    /// RFC 8277 §2.3.
    #[test]
    fn several_labels_where_negotiated() {
        let form = Form {
            multiple_labels: true,
            ..Form::new(V4)
        };
        let field = bytes("80 000640 000c81 0000fde800000001 0a01");
        let expected = json!({ "prefix": "10.1.0.0/16", "rd": "65000:1", "labels": [100, 200] });
        assert_eq!(json(form, &field), [expected]);
        assert_eq!(faults(form, &field), []);
    }

    #[test]
    fn routes_for_the_upstream_hop_have_no_label() {
        let expected = json!({ "prefix": "10.1.0.0/16", "rd": "65000:1" });
        let hex = "50 0000fde800000001 0a01";
        assert_eq!(one(Family::IPV4_VPN_MULTICAST, hex), expected);
        with_path_id(Family::IPV4_VPN_MULTICAST, hex);
        let expected = json!({ "prefix": "2001:db8::/32", "rd": "65000:1" });
        assert_eq!(
            one(Family::IPV6_VPN_MULTICAST, "60 0000fde800000001 20010db8"),
            expected
        );
    }
}
