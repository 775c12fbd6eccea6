//! RFC 7606 case by case: what is reported, and what stays readable. The table of all attributes
//! with all faults is in `dispositions.rs`.

use super::*;
use crate::bgp::attribute::View;
use crate::bgp::family::FamilySet;
use crate::bgp::{Disposition, ErrorCode};

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfb, 0xf0];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const PREFIX: &[u8] = &[24, 198, 51, 100];

fn body(withdrawn: &[u8], attributes: &[&[u8]], announced: &[u8]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = |field: &[u8]| u16::try_from(field.len()).expect("short").to_be_bytes();
    [
        &length(withdrawn),
        withdrawn,
        &length(&attributes),
        &attributes,
        announced,
    ]
    .concat()
}

fn parse(body: &[u8]) -> Update<'_> {
    Update::parse(body, &Context::assumed())
}

/// Code, attribute and disposition of each error of a message with the
/// mandatory attributes, `extra` and one prefix.
fn errors(extra: &[&[u8]]) -> Vec<(ErrorCode, Option<u8>, Disposition)> {
    let attributes = [&[ORIGIN, AS_PATH, NEXT_HOP], extra].concat();
    let body = body(&[], &attributes, PREFIX);
    let update = parse(&body);
    assert_eq!(
        update.announced().prefixes().count(),
        1,
        "NLRI stay readable"
    );
    list(&update)
}

fn list(update: &Update<'_>) -> Vec<(ErrorCode, Option<u8>, Disposition)> {
    let errors = update.errors().as_slice();
    errors
        .iter()
        .map(|e| (e.code, e.attribute, e.disposition))
        .collect()
}

#[test]
fn a_valid_update_has_no_errors() {
    assert_eq!(errors(&[]), []);
}

#[test]
fn origin_seven_is_treated_as_withdraw() {
    let body = body(&[], &[&[0x40, 1, 1, 7], AS_PATH, NEXT_HOP], PREFIX);
    let update = parse(&body);
    assert_eq!(
        list(&update),
        [(
            ErrorCode::InvalidOrigin,
            Some(1),
            Disposition::TreatAsWithdraw
        )]
    );
    assert_eq!(update.errors().as_slice()[0].offset, 19 + 4 + 3);
    assert_eq!(update.origin(), None);
    let first = update.attributes().next().expect("an attribute");
    assert_eq!(first.view(update.context()), View::Malformed(&[7]));
    assert!(update.as_path().is_some());
}

#[test]
fn flags_must_be_those_of_the_attribute() {
    let conflict = (
        ErrorCode::AttributeFlags,
        Some(8),
        Disposition::TreatAsWithdraw,
    );
    let communities = |flags| [flags, 8, 4, 0, 2, 0, 1];
    assert_eq!(errors(&[&communities(0x80)]), [conflict]);
    assert_eq!(errors(&[&communities(0x40)]), [conflict]);
    assert_eq!(errors(&[&communities(0xe0)]), [], "Partial does not matter");
    assert_eq!(
        errors(&[&[0xd0, 8, 0, 4, 0, 2, 0, 1]]),
        [],
        "nor does Extended Length"
    );
}

#[test]
fn an_unknown_well_known_attribute_resets_the_session() {
    let expected = (
        ErrorCode::UnrecognizedWellKnown,
        Some(200),
        Disposition::SessionReset,
    );
    assert_eq!(errors(&[&[0x40, 200, 0]]), [expected]);
    assert_eq!(errors(&[&[0xc0, 200, 0]]), []);
}

#[test]
fn the_first_of_two_attributes_counts() {
    let body = body(
        &[],
        &[
            ORIGIN,
            AS_PATH,
            NEXT_HOP,
            &[0x40, 1, 1, 2],
            &[0xc0, 200, 0],
            &[0xc0, 200, 0],
        ],
        PREFIX,
    );
    let update = parse(&body);
    let twice = |code| {
        (
            ErrorCode::MalformedAttributeList,
            Some(code),
            Disposition::AttributeDiscard,
        )
    };
    assert_eq!(list(&update), [twice(1), twice(200)]);
    assert_eq!(update.origin(), Some(Origin::Igp));
}

#[test]
fn mp_attributes_given_twice_reset_the_session() {
    let unreach: &[u8] = &[0x80, 15, 4, 0, 2, 1, 0];
    let expected = (
        ErrorCode::MalformedAttributeList,
        Some(15),
        Disposition::SessionReset,
    );
    assert_eq!(errors(&[unreach, unreach]), [expected]);
}

#[test]
fn each_missing_mandatory_attribute_is_named() {
    let body = body(&[], &[], PREFIX);
    let codes: Vec<_> = list(&parse(&body)).iter().map(|e| e.1).collect();
    assert_eq!(codes, [Some(1), Some(2), Some(3)]);
    let reach = [0x80, 14, 9, 0, 1, 1, 4, 192, 0, 2, 1, 0];
    let with_mp = super::tests::body(&[], &[ORIGIN, AS_PATH, &reach], &[]);
    assert_eq!(
        list(&parse(&with_mp)),
        [],
        "MP_REACH_NLRI has its own next hop"
    );
}

#[test]
fn an_attribute_that_does_not_fit_hides_the_rest_but_not_the_nlri() {
    let body = body(
        &[],
        &[ORIGIN, AS_PATH, NEXT_HOP, &[0xc0, 8, 200, 1, 2]],
        PREFIX,
    );
    let update = parse(&body);
    assert_eq!(
        list(&update),
        [(
            ErrorCode::AttributeLength,
            Some(8),
            Disposition::TreatAsWithdraw
        )]
    );
    assert_eq!(update.attributes().count(), 3);
    assert_eq!(update.announced().prefixes().count(), 1);
}

#[test]
fn without_reachable_nlri_treat_as_withdraw_becomes_a_reset() {
    let malformed: &[u8] = &[0xc0, 8, 5, 1, 2, 3, 4, 5];
    let only_attributes = body(&[], &[ORIGIN, AS_PATH, malformed], &[]);
    assert_eq!(
        parse(&only_attributes).errors().worst(),
        Some(Disposition::SessionReset)
    );
    let discarded = body(&[], &[ORIGIN, AS_PATH, &[0x40, 6, 1, 0]], &[]);
    assert_eq!(
        parse(&discarded).errors().worst(),
        Some(Disposition::AttributeDiscard)
    );
}

#[test]
fn lengths_beyond_the_message_leave_nothing_readable() {
    for bytes in [
        &[][..],
        &[0],
        &[0, 0, 0],
        &[0, 5, 24, 10, 0, 0],
        &[0, 0, 0, 9, 1, 2],
    ] {
        let update = parse(bytes);
        assert_eq!(update.errors().worst(), Some(Disposition::SessionReset));
        assert_eq!(update.attributes().count(), 0);
        assert_eq!(update.announced().iter().count(), 0);
        assert_eq!(update.eor(), None);
    }
}

#[test]
fn a_prefix_that_is_too_long_resets_the_session() {
    for (withdrawn, announced, offset) in [(&[8, 10, 33][..], PREFIX, 23), (&[], &[33][..], 43)] {
        let body = body(withdrawn, &[ORIGIN, AS_PATH, NEXT_HOP], announced);
        let update = parse(&body);
        assert_eq!(
            list(&update),
            [(
                ErrorCode::InvalidNetworkField,
                None,
                Disposition::SessionReset
            )]
        );
        assert_eq!(update.errors().as_slice()[0].offset, offset);
    }
}

#[test]
fn trailing_host_bits_are_reported_and_the_update_kept() {
    let body = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &[20, 192, 168, 0xff]);
    let update = parse(&body);
    assert_eq!(
        list(&update),
        [(ErrorCode::InvalidNetworkField, None, Disposition::Ignore)]
    );
    let prefixes: Vec<_> = update
        .announced()
        .prefixes()
        .map(|p| p.to_string())
        .collect();
    assert_eq!(prefixes, ["192.168.240.0/20"]);
}

#[test]
fn add_path_applies_to_the_families_of_the_context() {
    let context = Context {
        add_path: FamilySet::EMPTY.with(Family::IPV4_UNICAST),
        ..Context::assumed()
    };
    let nlri: &[u8] = &[0x18, 1, 2, 3, 24, 198, 51, 100];
    let bytes = body(nlri, &[ORIGIN, AS_PATH, NEXT_HOP], nlri);
    let update = Update::parse(&bytes, &context);
    for field in [update.withdrawn(), update.announced()] {
        let prefixes: Vec<_> = field.prefixes().collect();
        assert_eq!(prefixes.len(), 1);
        assert_eq!(prefixes[0].path_id, Some(0x1801_0203));
        assert_eq!(prefixes[0].to_string(), "198.51.100.0/24");
    }
    let plain = parse(&bytes);
    assert_eq!(plain.announced().prefixes().count(), 2);
}

#[test]
fn end_of_rib_in_both_forms() {
    let eor = |attributes: &[&[u8]]| parse(&body(&[], attributes, &[])).eor();
    assert_eq!(eor(&[]), Some(Family::IPV4_UNICAST));
    assert_eq!(
        eor(&[&[0x90, 15, 0, 3, 0, 2, 1]]),
        Some(Family::IPV6_UNICAST)
    );
    assert_eq!(eor(&[&[0x80, 15, 3, 0, 25, 70]]), Some(Family::new(25, 70)));
    assert_eq!(
        eor(&[&[0x80, 15, 4, 0, 2, 1, 0]]),
        None,
        "a withdrawn default route"
    );
    assert_eq!(eor(&[ORIGIN, AS_PATH]), None);
    assert_eq!(parse(&body(&[0], &[], &[])).eor(), None);
}

#[test]
fn two_octet_sessions_merge_the_as4_attributes() {
    let old = Context {
        as4: false,
        ..Context::assumed()
    };
    let path: &[u8] = &[0x40, 2, 6, 2, 2, 0, 100, 0x5b, 0xa0];
    let as4_path: &[u8] = &[0xc0, 17, 6, 2, 1, 0, 1, 0x11, 0x70];
    let trans: &[u8] = &[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 1];
    let other: &[u8] = &[0xc0, 7, 6, 0, 7, 192, 0, 2, 1];
    let as4_aggregator: &[u8] = &[0xc0, 18, 8, 0, 1, 0x11, 0x70, 192, 0, 2, 1];
    let merged = |aggregator, context: &Context| {
        let bytes = body(
            &[],
            &[ORIGIN, path, NEXT_HOP, aggregator, as4_path, as4_aggregator],
            PREFIX,
        );
        let update = Update::parse(&bytes, context);
        (
            update.path().map(|path| path.to_string()),
            update.aggregator().map(|aggregator| aggregator.asn),
        )
    };
    assert_eq!(merged(trans, &old), (Some("100 70000".into()), Some(70000)));
    assert_eq!(
        merged(other, &old),
        (Some("100 23456".into()), Some(7)),
        "an AGGREGATOR that is not AS_TRANS says that an old router aggregated"
    );
}

#[test]
fn attributes_are_found_by_code_however_high() {
    let extra: &[u8] = &[0xc0, 128, 4, 1, 2, 3, 4];
    let bytes = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, extra], PREFIX);
    let update = parse(&bytes);
    assert_eq!(update.attribute(128).map(|a| a.value), Some(&extra[3..]));
    assert_eq!(update.attribute(129), None);
    assert!(update.has(128) && !update.has(64));
}
