//! Each attribute with each fault: what RFC 7606 and the RFC of the attribute have a receiver do.

use super::Update;
use crate::bgp::Disposition::{self, AttributeDiscard, Ignore, SessionReset, TreatAsWithdraw};
use crate::bgp::ErrorCode::{self, *};
use crate::bgp::{Context, Peering, View};
use tables::{EDGES, LENGTHS, VALID, VALUES};

mod families;
mod tables;

const PREFIX: &[u8] = &[24, 198, 51, 100];

fn row(code: u8) -> (u8, u8, &'static [u8]) {
    let row = VALID.into_iter().find(|row| row.1 == code);
    row.expect("in the table")
}

fn flags_of(code: u8) -> u8 {
    row(code).0
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("short");
    [&[flags, code, length][..], value].concat()
}

/// The body of an UPDATE with ORIGIN, AS_PATH, NEXT_HOP, each unless it is `given`, and `given`;
/// BGPsec_PATH stands for AS_PATH (RFC 8205 §4.1).
fn body(given: &[&[u8]], announced: &[u8]) -> Vec<u8> {
    let has = |code| {
        given
            .iter()
            .any(|attribute| attribute.get(1) == Some(&code))
    };
    let replaced = |code| has(code) || code == 2 && has(33);
    let mut attributes = Vec::new();
    for (flags, code, value) in VALID.iter().take(3).filter(|(_, code, _)| !replaced(*code)) {
        attributes.extend(attribute(*flags, *code, value));
    }
    attributes.extend(given.concat());
    let length = u16::try_from(attributes.len()).expect("short");
    [&[0, 0], &length.to_be_bytes()[..], &attributes, announced].concat()
}

type Verdict = Vec<(ErrorCode, Option<u8>, Disposition)>;

fn judge(given: &[&[u8]], announced: &[u8], context: &Context) -> Verdict {
    let body = body(given, announced);
    let update = Update::parse(&body, context);
    let field = update.announced();
    assert_eq!(field.as_bytes(), announced, "the NLRI field can be located");
    let errors = update.errors();
    assert_eq!(errors.as_slice().len(), usize::from(errors.total()));
    let errors = errors.as_slice().iter();
    errors
        .map(|e| (e.code, e.attribute, e.disposition))
        .collect()
}

fn verdict(given: &[&[u8]]) -> Verdict {
    judge(given, PREFIX, &Context::assumed())
}

/// No attribute that has a decoder is forgotten here, and the others have none.
#[test]
fn every_attribute_has_its_rows() {
    let mut known: Vec<_> = View::KNOWN
        .iter()
        .map(|(code, flags)| (flags.0, *code))
        .collect();
    let rows = VALID.into_iter().map(|(flags, code, _)| (flags, code));
    let mut rows: Vec<_> = rows.filter(|(_, code)| ![34, 200].contains(code)).collect();
    known.sort_by_key(|(_, code)| *code);
    rows.sort_by_key(|(_, code)| *code);
    assert_eq!(known, rows);
    let edges = EDGES.map(|(_, code, ..)| code);
    let mut valid = VALID.map(|(_, code, _)| code);
    let mut sorted = edges;
    sorted.sort_unstable();
    valid.sort_unstable();
    assert_eq!(sorted, valid);
}

/// Empty, an octet too few, an octet too many.
#[test]
fn each_attribute_at_the_edges_of_its_length() {
    for (clause, code, empty, shorter, longer) in EDGES {
        let (flags, _, value) = row(code);
        let cut = value.split_last().map_or(&[][..], |(_, head)| head);
        let more = [value, &[0]].concat();
        for (value, expected) in [(&[][..], empty), (cut, shorter), (&more, longer)] {
            let given = attribute(flags, code, value);
            let expected: Vec<_> = expected
                .map(|(e, d)| (e, Some(code), d))
                .into_iter()
                .collect();
            assert_eq!(verdict(&[&given]), expected, "{clause}: {code}, {value:?}");
        }
    }
}

#[test]
fn valid_attributes_have_no_faults() {
    for (flags, code, value) in VALID {
        assert_eq!(verdict(&[&attribute(flags, code, value)]), [], "{code}");
    }
}

/// RFC 7606 §3 c; §5.3 for the MP attributes, RFC 7311 §3.2 for AIGP.
#[test]
fn each_attribute_with_wrong_flags() {
    for (flags, code, value) in VALID {
        for bit in [0x80, 0x40] {
            let expected = match (code, bit) {
                (14 | 15, _) => (AttributeFlags, SessionReset),
                (26, _) => (AttributeFlags, AttributeDiscard),
                // RFC 4271 §6.3: what is not optional must be known.
                (34 | 200, 0x80) => (UnrecognizedWellKnown, SessionReset),
                // Nobody knows whether it ought to be transitive.
                (34 | 200, _) => continue,
                _ => (AttributeFlags, TreatAsWithdraw),
            };
            let given = attribute(flags ^ bit, code, value);
            let expected = [(expected.0, Some(code), expected.1)];
            assert_eq!(verdict(&[&given]), expected, "{code} without {bit:#x}");
        }
        for bit in [0x20, 0x0f] {
            let given = attribute(flags | bit, code, value);
            assert_eq!(verdict(&[&given]), [], "{code}: Partial and unused bits");
        }
    }
}

/// RFC 7606 §3 g.
#[test]
fn each_attribute_twice() {
    for (flags, code, value) in VALID {
        let given = attribute(flags, code, value);
        let disposition = match code {
            14 | 15 => SessionReset,
            _ => AttributeDiscard,
        };
        let expected = [(MalformedAttributeList, Some(code), disposition)];
        assert_eq!(verdict(&[&given, &given]), expected, "{code}");
    }
}

/// RFC 7606 §4; §3 j where the routes are in what is lost.
#[test]
fn each_attribute_longer_than_the_attributes() {
    for (flags, code, value) in VALID {
        let mut given = attribute(flags, code, value);
        given[2] += 1;
        let disposition = match code {
            14 | 15 => SessionReset,
            _ => TreatAsWithdraw,
        };
        let mut expected = vec![(AttributeLength, Some(code), disposition)];
        // RFC 8205 §4.1: without BGPsec_PATH there would have to be an AS_PATH.
        let missing = match code {
            1..=3 => Some(code),
            33 => Some(2),
            _ => None,
        };
        if missing.is_some() {
            expected.push((MissingWellKnown, missing, TreatAsWithdraw));
        }
        assert_eq!(verdict(&[&given]), expected, "{code}");
    }
    for rest in [&[0xc0][..], &[0xc0, 8], &[0xd0, 8, 0]] {
        let code = rest.get(1).copied();
        let expected = [(AttributeLength, code, TreatAsWithdraw)];
        assert_eq!(verdict(&[rest]), expected, "fewer octets than a header");
    }
}

/// The lengths that each attribute may have, and what any other means.
#[test]
fn each_attribute_of_each_length() {
    for (clause, code, allowed, error, disposition) in LENGTHS {
        let flags = flags_of(code);
        for length in 0..60 {
            // MP_UNREACH_NLRI of a family that is not decoded; else any octets.
            if code == 15 && length >= 3 {
                continue;
            }
            let given = attribute(flags, code, &vec![1; length]);
            let mut expected = Vec::new();
            if !allowed(length) {
                expected.push((error, Some(code), disposition));
            }
            assert_eq!(
                verdict(&[&given]),
                expected,
                "{clause}: {code}, {length} octets"
            );
        }
    }
}

/// Values that the length does not give away.
#[test]
fn each_attribute_with_a_malformed_value() {
    for (clause, code, value, error, disposition) in VALUES {
        let flags = flags_of(code);
        let given = attribute(flags, code, value);
        assert_eq!(
            verdict(&[&given]),
            [(error, Some(code), disposition)],
            "{clause}"
        );
    }
}

fn between(peering: Peering) -> Context {
    Context {
        peering,
        ..Context::assumed()
    }
}

fn valid(code: u8) -> Vec<u8> {
    let (flags, code, value) = row(code);
    attribute(flags, code, value)
}

/// RFC 7606 §7.5, §7.9, §7.10: what only internal neighbors may send; RFC 6793 §6: what only OLD
/// speakers may.
#[test]
fn what_the_neighbor_must_not_send_is_discarded() {
    let external = between(Peering::External);
    for code in [5, 9, 10, 17, 18] {
        let expected = [(MalformedAttributeList, Some(code), AttributeDiscard)];
        assert_eq!(
            judge(&[&valid(code)], PREFIX, &external),
            expected,
            "{code}"
        );
        assert_eq!(verdict(&[&valid(code)]), [], "nobody knows");
    }
    for code in [5, 9] {
        let flags = flags_of(code);
        let given = attribute(flags, code, &[1, 2, 3]);
        let expected = [(AttributeLength, Some(code), AttributeDiscard)];
        assert_eq!(
            judge(&[&given], PREFIX, &external),
            expected,
            "malformed, too"
        );
    }
    let member = attribute(0x40, 2, &[3, 1, 0, 0, 0xfd, 0xe9]);
    let confederation = judge(&[&member, &valid(5)], PREFIX, &external);
    assert_eq!(
        confederation,
        [],
        "RFC 5065 §5: members exchange LOCAL_PREF"
    );
    // What is malformed is so as among internal neighbors, wherever the path stands.
    for code in [5, 9, 10] {
        let given = attribute(flags_of(code), code, &[1, 2, 3]);
        let expected = [(AttributeLength, Some(code), TreatAsWithdraw)];
        for given in [[&member[..], &given[..]], [&given[..], &member[..]]] {
            assert_eq!(judge(&given, PREFIX, &external), expected, "{code}");
        }
        let twice = [(MalformedAttributeList, Some(code), AttributeDiscard)];
        let given = [&member[..], &valid(code), &valid(code)];
        assert_eq!(judge(&given, PREFIX, &external), twice, "{code}");
    }
}

/// RFC 7606 §3 d; RFC 4271 §5: LOCAL_PREF is mandatory among internal neighbors.
#[test]
fn local_pref_is_mandatory_among_internal_neighbors() {
    let internal = between(Peering::Internal);
    let missing = [(MissingWellKnown, Some(5), TreatAsWithdraw)];
    assert_eq!(judge(&[], PREFIX, &internal), missing);
    assert_eq!(judge(&[&valid(5)], PREFIX, &internal), []);
    assert_eq!(judge(&[&valid(9), &valid(5)], PREFIX, &internal), []);
}

/// RFC 9774 §3 names both; RFC 6793 §6 has a NEW speaker discard the one from another.
#[test]
fn sets_in_as4_path_matter_where_it_is_part_of_the_path() {
    let sets = attribute(0xc0, 17, &[1, 1, 0, 0, 0, 9]);
    let path = attribute(0x40, 2, &[2, 1, 0, 9]);
    let old = Context {
        as4: false,
        ..between(Peering::External)
    };
    let withdrawn = [(MalformedAsPath, Some(17), TreatAsWithdraw)];
    assert_eq!(judge(&[&path, &sets], PREFIX, &old), withdrawn);
    let discarded = [(MalformedAttributeList, Some(17), AttributeDiscard)];
    let new = between(Peering::External);
    assert_eq!(judge(&[&sets], PREFIX, &new), discarded);
}

/// RFC 7606 §5.2.
#[test]
fn without_reachable_routes_only_discarding_is_left() {
    let context = Context::assumed();
    let reset = |error, code| vec![(error, Some(code), SessionReset)];
    let communities = attribute(0xc0, 8, &[1, 2, 3, 4, 5]);
    assert_eq!(
        judge(&[&communities], &[], &context),
        reset(AttributeLength, 8)
    );
    let atomic = attribute(0x40, 6, &[1]);
    let discard = [(AttributeLength, Some(6), AttributeDiscard)];
    assert_eq!(judge(&[&atomic], &[], &context), discard);
    let cut: &[u8] = &[0xc0, 8, 200];
    assert_eq!(judge(&[cut], &[], &context), reset(AttributeLength, 8));
    // An MP_REACH_NLRI without NLRI makes nothing reachable.
    let empty = attribute(0x80, 14, &[0, 1, 1, 4, 192, 0, 2, 1, 0]);
    let given: &[&[u8]] = &[&communities, &empty];
    assert_eq!(judge(given, &[], &context), reset(AttributeLength, 8));
    assert_eq!(judge(&[&atomic, &empty], &[], &context), discard);
    let given: &[&[u8]] = &[&communities, &valid(14)];
    let withdraw = [(AttributeLength, Some(8), TreatAsWithdraw)];
    assert_eq!(judge(given, &[], &context), withdraw);
}

/// RFC 8654 §4: a message beyond 4096 octets needs a receiver that asked for it.
#[test]
fn extended_messages_need_the_capability() {
    let announced = PREFIX.repeat(1100);
    let long = |context| {
        let verdict = judge(&[&valid(5)], &announced, context);
        verdict
            .into_iter()
            .map(|(code, _, d)| (code, d))
            .collect::<Vec<_>>()
    };
    let internal = between(Peering::Internal);
    assert_eq!(long(&internal), [(BadMessageLength, SessionReset)]);
    let extended = Context {
        extended: true,
        ..internal
    };
    assert_eq!(long(&extended), []);
    assert_eq!(long(&Context::assumed()), [], "the OPENs were not seen");
}

/// RFC 8950 §4: IPv6 next hops of IPv4 routes need the capability.
#[test]
fn ipv6_next_hops_of_ipv4_routes_need_the_capability() {
    let mut value = vec![0, 1, 1, 16];
    value.extend([0x20; 16]);
    value.extend([0, 24, 203, 0, 113]);
    let reach = attribute(0x80, 14, &value);
    let external = between(Peering::External);
    let expected = [(OptionalAttribute, Some(14), SessionReset)];
    assert_eq!(judge(&[&reach], PREFIX, &external), expected);
    let agreed = Context {
        extended_next_hop: external.families.with(crate::bgp::Family::IPV4_UNICAST),
        ..external
    };
    assert_eq!(judge(&[&reach], PREFIX, &agreed), []);
}

/// RFC 8205 §4.1, §5.2: BGPsec_PATH stands for AS_PATH, and never beside it.
#[test]
fn bgpsec_path_takes_the_place_of_as_path() {
    let bgpsec = valid(33);
    let [origin, next_hop] = [0, 2].map(|row: usize| {
        let (flags, code, value) = VALID[row];
        attribute(flags, code, value)
    });
    let errors = |list: &[&[u8]]| {
        let attributes = list.concat();
        let length = u16::try_from(attributes.len()).expect("short");
        let body = [&[0, 0], &length.to_be_bytes()[..], &attributes, PREFIX].concat();
        let update = Update::parse(&body, &Context::assumed());
        let errors = update.errors().as_slice().iter();
        let list: Verdict = errors
            .map(|e| (e.code, e.attribute, e.disposition))
            .collect();
        list
    };
    assert_eq!(errors(&[&origin, &next_hop, &bgpsec]), []);
    let missing = (MissingWellKnown, Some(2), TreatAsWithdraw);
    assert_eq!(errors(&[&origin, &next_hop]), [missing]);
    let (flags, code, path) = VALID[1];
    let both = errors(&[&origin, &attribute(flags, code, path), &next_hop, &bgpsec]);
    assert_eq!(both, [(MalformedAttributeList, Some(33), TreatAsWithdraw)]);
}
