//! Random NLRI of every family, read by us and by others.
//!
//! An encoder of this test's own makes UPDATEs of random values; what we read in them must be
//! those values, and so must be what tshark, routecore and bgpkit-parser read, as far as they
//! know the family. Where one of them is wrong it is named with the clause that says so.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use bgptap::bgp::family::KNOWN;
use bgptap::bgp::{Family, Message, Nlri, NlriField, Update};
use proptest::prelude::*;
use serde_json::Value;

mod bgpkit;
mod evpn;
mod flowspec;
mod multicast;
mod routecore;
mod services;
mod source;
#[path = "../support/mod.rs"]
mod support;
mod tshark;
mod update;
mod words;

use source::{Mode, Source};
use update::{Case, case};

/// Hands the one field of NLRI of a valid UPDATE to `use_it`.
fn with_field<T>(case: &Case, use_it: impl FnOnce(&Update<'_>, NlriField<'_>) -> T) -> T {
    let message = case.message();
    let Ok(Message::Update(update)) = Message::parse(&message, &case.context()) else {
        panic!("no UPDATE: {message:02x?}");
    };
    assert_eq!(update.errors().as_slice(), [], "of {case:?}");
    let mut fields = update.all_announced().chain(update.all_withdrawn());
    let field = fields.next().expect("a field");
    assert!(fields.next().is_none(), "one field only");
    use_it(&update, field)
}

/// An UPDATE that announces the NLRI of `field`.
fn announcement(family: Family, field: &[u8]) -> Vec<u8> {
    let mode = Mode {
        family,
        multiple_labels: false,
        withdrawn: false,
    };
    let octets = field.to_vec();
    let json = Value::Null;
    let case = Case {
        mode,
        add_path: false,
        plain: false,
        next_hops: vec![[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1].into()],
        sources: vec![(0, Source { octets, json })],
    };
    case.message()
}

/// Families whose NLRI are made of TLVs: `tests/tlv_oracles` is about them.
const ELSEWHERE: [Family; 2] = [Family::LINK_STATE, Family::LINK_STATE_VPN];

/// Capabilities are kept for it, it has names, and this test or another one sends it.
#[test]
fn each_family_that_is_decoded_is_known_named_and_sent() {
    for family in Nlri::FAMILIES {
        assert!(KNOWN.contains(family), "{family}");
        let named = family.afi.name().is_some() && family.safi.name().is_some();
        assert!(named, "{family}");
        let sent = source::FAMILIES.contains(family);
        assert_ne!(sent, ELSEWHERE.contains(family), "{family}");
    }
    assert_eq!(
        Nlri::FAMILIES.len(),
        source::FAMILIES.len() + ELSEWHERE.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// What is read is what was sent: each NLRI with all its fields, and the next hops.
    #[test]
    fn what_is_read_is_what_was_sent(case in case(|_| true)) {
        with_field(&case, |update, field| {
            assert_eq!(field.family(), case.mode.family);
            assert_eq!(field.has_path_ids(), case.add_path);
            let read: Vec<Value> = field
                .iter()
                .map(|nlri| serde_json::to_value(nlri).expect("serializable"))
                .collect();
            assert_eq!(read, case.json());
            if !case.mode.withdrawn {
                let mp = update.mp_reach();
                let hops: Vec<_> = match &mp {
                    Some(mp) => mp.next_hops.iter().collect(),
                    None => update.next_hop().map(Into::into).into_iter().collect(),
                };
                assert_eq!(hops, case.next_hops);
            }
        });
    }

    /// An UPDATE that withdraws nothing in a multiprotocol attribute ends the initial transfer of
    /// its family (RFC 4724 §2), and one with a route in it does not.
    #[test]
    fn end_of_rib_of_each_family(case in case(|family| family.safi.0 != 1 || family.afi.0 != 1)) {
        let empty = Case { sources: Vec::new(), ..case.clone() };
        for (case, ends) in [(&case, false), (&empty, true)] {
            let message = case.message();
            let Ok(Message::Update(update)) = Message::parse(&message, &case.context()) else {
                panic!("no UPDATE: {message:02x?}");
            };
            let expected = (ends && case.mode.withdrawn).then_some(case.mode.family);
            assert_eq!(update.eor(), expected);
        }
    }
}
