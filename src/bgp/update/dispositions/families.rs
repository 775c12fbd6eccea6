//! What attributes must hold because of the family of the routes (RFC 9012 §13, RFC 9830 §4.2.1,
//! RFC 9136 §3.2), and how many labels routes may have (RFC 8277 §2.1).

use super::*;
use crate::bgp::{Family, FamilySet, LabelLimits};

/// RFC 9012 §3.1: IPv4, well-formed.
const END: &[u8] = &[6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1];
/// IPv6 with an address of four octets.
const BAD_END: &[u8] = &[6, 10, 0, 0, 0, 0, 0, 2, 192, 0, 2, 1];
/// A DS field.
const OTHER: &[u8] = &[7, 1, 46];

fn tunnel(kind: u8, subs: &[&[u8]]) -> Vec<u8> {
    let subs = subs.concat();
    let length = u8::try_from(subs.len()).expect("short");
    [&[0, kind, 0, length][..], &subs].concat()
}

fn tunnels(list: &[Vec<u8>]) -> Vec<u8> {
    attribute(0xc0, 23, &list.concat())
}

/// An MP_REACH_NLRI with one NLRI.
fn reach(family: Family, nlri: &[u8]) -> Vec<u8> {
    let afi = family.afi.0.to_be_bytes();
    let next_hop: &[u8] = match family.is_vpn() {
        true => &[12, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1],
        false => &[4, 192, 0, 2, 1],
    };
    attribute(
        0x80,
        14,
        &[&afi[..], &[family.safi.0], next_hop, &[0], nlri].concat(),
    )
}

const WITHDRAW: (ErrorCode, Option<u8>, Disposition) =
    (OptionalAttribute, Some(23), TreatAsWithdraw);
const IGNORE: (ErrorCode, Option<u8>, Disposition) = (OptionalAttribute, Some(23), Ignore);

/// RFC 9012 §13: in the families of §6 a tunnel needs exactly one egress endpoint; one that has a
/// malformed one is ignored in any family; without a tunnel the routes go.
#[test]
fn tunnels_without_an_end_are_none() {
    let vpn = reach(
        Family::IPV4_VPN,
        &[0x68, 0, 1, 0x41, 0, 0, 0, 2, 0, 0, 0, 3, 10, 1],
    );
    let mvpn = reach(
        Family::IPV4_MVPN,
        &[1, 12, 0, 0, 0, 2, 0, 0, 0, 3, 10, 0, 0, 1],
    );
    let judge = |routes: &[u8], list: &[Vec<u8>]| {
        let given: [&[u8]; 2] = [&tunnels(list), routes];
        super::judge(&given, &[], &Context::assumed())
    };
    let cases: [(&[Vec<u8>], &Verdict, &Verdict); 7] = [
        (&[tunnel(8, &[END])], &vec![], &vec![]),
        (&[tunnel(8, &[OTHER])], &vec![WITHDRAW], &vec![]),
        (&[tunnel(8, &[])], &vec![WITHDRAW], &vec![]),
        (&[tunnel(8, &[END, END])], &vec![WITHDRAW], &vec![]),
        (
            &[tunnel(8, &[BAD_END])],
            &vec![IGNORE, WITHDRAW],
            &vec![IGNORE, WITHDRAW],
        ),
        // One that is good is enough, even of a kind that is not known.
        (&[tunnel(8, &[OTHER]), tunnel(99, &[END])], &vec![], &vec![]),
        (
            &[tunnel(8, &[BAD_END]), tunnel(2, &[END])],
            &vec![IGNORE],
            &vec![IGNORE],
        ),
    ];
    for (list, in_vpn, in_mvpn) in cases {
        assert_eq!(judge(&vpn, list), *in_vpn, "{list:?}");
        assert_eq!(judge(&mvpn, list), *in_mvpn, "{list:?}");
    }
    // The NLRI field is IPv4 unicast, which is one of the families.
    assert_eq!(verdict(&[&tunnels(&[tunnel(8, &[OTHER])])]), [WITHDRAW]);
}

/// RFC 9830 §2.2, §4.2.1, §5.
#[test]
fn routes_of_policies_need_a_policy_and_someone_to_use_it() {
    let nlri = [96, 0, 0, 0, 1, 0, 0, 0, 200, 10, 0, 0, 2];
    let routes = reach(Family::IPV4_SR_POLICY, &nlri);
    let policy = || tunnel(15, &[&[12, 6, 0, 0, 0, 0, 0, 100]]);
    let one = tunnels(&[policy()]);
    let no_advertise = attribute(0xc0, 8, &[0xff, 0xff, 0xff, 2]);
    let target = attribute(0xc0, 16, &[1, 2, 192, 0, 2, 1, 0, 0]);
    let reach_withdraw = (OptionalAttribute, Some(14), TreatAsWithdraw);
    let check = |given: &[&[u8]], expected: &[_]| {
        let given = [given, &[&routes]].concat();
        assert_eq!(
            judge(&given, &[], &Context::assumed()),
            expected,
            "{given:?}"
        );
    };
    check(&[&one, &no_advertise], &[]);
    check(&[&one, &target], &[]);
    check(&[&one], &[reach_withdraw]);
    // Another route target than that of a router.
    check(&[&one, &valid(16)], &[reach_withdraw]);
    check(&[&no_advertise], &[reach_withdraw]);
    let two = tunnels(&[policy(), policy()]);
    check(&[&two, &target], &[WITHDRAW]);
    let vxlan = tunnels(&[tunnel(8, &[END])]);
    check(&[&vxlan, &target], &[WITHDRAW]);
    let both = tunnels(&[policy(), tunnel(8, &[END])]);
    check(&[&both, &target], &[WITHDRAW]);
    // What leaves is not asked for anything.
    let value = [&[0, 1, 73][..], &nlri].concat();
    let leaves = attribute(0x80, 15, &value);
    assert_eq!(judge(&[&leaves], &[], &Context::assumed()), []);
}

/// RFC 9136 §3.2: segment, gateway, router's MAC and label are not all zero.
#[test]
fn ip_prefix_routes_lead_somewhere() {
    let route = |esi: u8, gateway: u8, label: u8| {
        let head = [5, 34, 0, 0, 0, 2, 0, 0, 0, 3];
        let rest = [24, 10, 1, 1, 0, 192, 0, 2, gateway, 0, 0, label];
        let mut nlri = [&head[..], &[esi; 10], &[0; 4], &rest].concat();
        if gateway == 0 {
            nlri[29..33].fill(0);
        }
        reach(Family::EVPN, &nlri)
    };
    let check = |given: &[&[u8]], expected: &[_]| {
        let context = Context::assumed();
        assert_eq!(judge(given, &[], &context), expected, "{given:?}");
    };
    let withdraw = [(OptionalAttribute, Some(14), TreatAsWithdraw)];
    let nowhere = route(0, 0, 0);
    check(&[&nowhere], &withdraw);
    check(&[&route(0, 0, 1)], &[]);
    check(&[&route(0, 1, 0)], &[]);
    check(&[&route(1, 0, 0)], &[]);
    check(&[&route(1, 1, 0)], &withdraw);
    let mac = |last: u8| attribute(0xc0, 16, &[6, 3, 0, 0, 0, 0, 0, last]);
    check(&[&nowhere, &mac(1)], &[]);
    check(&[&nowhere, &mac(0)], &withdraw);
    // Another community; and what is withdrawn need not lead anywhere.
    check(&[&nowhere, &valid(16)], &withdraw);
    let value = [&[0, 25, 70][..], &nowhere[12..]].concat();
    check(&[&attribute(0x80, 15, &value)], &[]);
}

/// RFC 8277 §2.1: more labels than the receiver can take.
#[test]
fn no_more_labels_than_the_receiver_takes() {
    let three = [0x68, 0, 6, 0x40, 0, 0xc, 0x80, 0, 0x12, 0xc1, 10, 1, 1, 0];
    let labeled = reach(Family::IPV4_LABELED, &three);
    let [rd, prefix] = [&[0, 0, 0, 2, 0, 0, 0, 3][..], &[10, 1]];
    let vpn = [&[0x98], &three[1..10], rd, prefix].concat();
    let vpn = reach(Family::IPV4_VPN, &vpn);
    let families = [Family::IPV4_LABELED, Family::IPV4_VPN];
    let context = |limit| Context {
        multiple_labels: FamilySet::from_iter(families),
        label_limits: LabelLimits::all(limit),
        ..Context::assumed()
    };
    let withdraw = [(OptionalAttribute, Some(14), TreatAsWithdraw)];
    for routes in [&labeled, &vpn] {
        assert_eq!(judge(&[routes], &[], &context(2)), withdraw);
        for limit in [3, 255] {
            assert_eq!(judge(&[routes], &[], &context(limit)), [], "{limit}");
        }
    }
}
