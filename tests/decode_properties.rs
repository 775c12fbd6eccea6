//! Whatever the bytes are: nothing panics, every iterator ends, and no view
//! yields more than its message holds.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgptap::bgp::attribute::{AsPath, MergedPath};
use bgptap::bgp::family::KNOWN;
use bgptap::bgp::header::HEADER_LEN;
use bgptap::bgp::nlri::NlriIter;
use bgptap::bgp::{
    Capability, Context, Family, FamilySet, Form, Message, Nlri, NlriField, Open, Update, View,
};
use bgptap::sink::json::{ContextSource, MessageLine, MessageWriter, Meta, write_message};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "support/octets.rs"]
mod octets;

use octets::{ATTRIBUTES, CAPABILITIES};

/// The tables have every attribute and capability that has a decoder, and each is well-formed.
#[test]
fn every_decoder_has_its_octets() {
    let codes: BTreeSet<u8> = ATTRIBUTES.iter().map(|attribute| attribute[1]).collect();
    for (code, _) in View::KNOWN {
        assert!(codes.contains(code), "attribute {code}");
    }
    let codes: BTreeSet<u8> = CAPABILITIES.iter().map(|c| c[0]).collect();
    for code in Capability::KNOWN {
        assert!(codes.contains(code), "capability {code}");
    }
    for octets in ATTRIBUTES {
        let wide = octets[0] & 0x10 != 0;
        let value = &octets[if wide { 4 } else { 3 }..];
        // AGGREGATOR is there in both widths.
        let widths = [true, false].map(|as4| {
            let context = Context {
                as4,
                ..Context::assumed()
            };
            View::new(octets[1], value, &context)
        });
        let readable = |view: &View<'_>| !matches!(view, View::Malformed(_));
        assert!(widths.iter().any(readable), "{octets:?}");
    }
    for octets in CAPABILITIES {
        assert_eq!(usize::from(octets[1]), octets.len() - 2);
        let parsed = Capability::parse(octets[0], &octets[2..]);
        assert!(
            !matches!(parsed, Capability::Malformed { .. }),
            "{octets:?}"
        );
    }
}

const PREFIXES: [&[u8]; 6] = [
    &[0],
    &[8, 10],
    &[24, 198, 51, 100],
    &[20, 192, 168, 0xff],
    &[32, 192, 0, 2, 1],
    &[0, 0, 0, 7, 24, 198, 51, 100],
];

fn whole(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + body.len()).expect("short");
    [&[0xff; 16][..], &length.to_be_bytes(), &[code], body].concat()
}

fn update() -> impl Strategy<Value = Vec<u8>> {
    let routes = || vec(select(&PREFIXES[..]), 0..6).prop_map(|list| list.concat());
    let attributes = vec(select(&ATTRIBUTES[..]), 0..8).prop_map(|list| list.concat());
    (routes(), attributes, routes()).prop_map(|(withdrawn, attributes, announced)| {
        let length = |field: &[u8]| u16::try_from(field.len()).expect("short").to_be_bytes();
        let fields = [
            &length(&withdrawn),
            &withdrawn[..],
            &length(&attributes),
            &attributes,
        ];
        whole(2, &[&fields.concat()[..], &announced].concat())
    })
}

fn open() -> impl Strategy<Value = Vec<u8>> {
    vec(select(&CAPABILITIES[..]), 0..8).prop_map(|list| {
        let list = list.concat();
        let length = u8::try_from(list.len()).expect("short");
        let head = [4, 0xfd, 0xe8, 0, 180, 192, 0, 2, 1, length + 2, 2, length];
        whole(1, &[&head[..], &list].concat())
    })
}

/// A message with some octets of its body replaced.
fn mutated(base: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (base, vec((any::<Index>(), any::<u8>()), 0..6)).prop_map(|(mut bytes, changes)| {
        let body = &mut bytes[HEADER_LEN..];
        for (index, value) in changes {
            let at = index.index(body.len());
            body[at] = value;
        }
        bytes
    })
}

/// Each family of the table has path identifiers and several labels, or has not.
fn context() -> impl Strategy<Value = Context> {
    let some = || {
        any::<u64>().prop_map(|bits| {
            let numbered = KNOWN.into_iter().enumerate();
            numbered
                .filter(|(n, _)| bits >> n & 1 == 1)
                .map(|(_, family)| family)
                .collect()
        })
    };
    (any::<bool>(), some(), some()).prop_map(|(as4, add_path, multiple_labels)| Context {
        as4,
        add_path,
        multiple_labels,
        ..Context::assumed()
    })
}

/// A valid NLRI of each family whose NLRI have a shape of their own.
const ROUTES: [(Family, &[u8]); 18] = [
    (Family::IPV4_LABELED, &[0x30, 0, 1, 0x41, 123, 1, 1]),
    (
        Family::IPV6_LABELED,
        &[0x38, 0, 0, 0x31, 0x20, 1, 0xd, 0xb8],
    ),
    (
        Family::IPV4_VPN,
        &[0x68, 0, 1, 2, 0, 0, 0, 2, 0, 0xff, 3, 4, 10, 1],
    ),
    (
        Family::IPV6_VPN,
        &[
            0x78, 0, 0x13, 0x61, 0, 0, 0, 2, 0, 0xff, 3, 4, 0x20, 1, 0xd, 0xb8,
        ],
    ),
    (
        Family::IPV4_VPN_MULTICAST,
        &[0x50, 0, 0, 0, 2, 0, 0xff, 3, 4, 10, 1],
    ),
    (
        Family::EVPN,
        &[3, 17, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 32, 10, 0, 0, 1],
    ),
    (
        Family::EVPN,
        &[
            1, 25, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 4, 0, 0, 16,
        ],
    ),
    (
        Family::EVPN,
        &[
            10, 23, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 32, 239, 1, 1, 1, 32, 10, 0, 0, 1,
        ],
    ),
    (
        Family::EVPN,
        &[
            11, 24, 3, 17, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 32, 10, 0, 0, 1, 32, 10, 0, 0, 2,
        ],
    ),
    (
        Family::ROUTE_TARGET,
        &[0x60, 0, 0, 0xfd, 0xe9, 0, 2, 0xfd, 0xe8, 0, 0, 0, 200],
    ),
    (
        Family::VPLS,
        &[
            0, 17, 0, 0, 0, 2, 0, 0, 0, 3, 0, 5, 0, 1, 0, 8, 2, 0x9c, 0xe1,
        ],
    ),
    (
        Family::IPV4_MVPN,
        &[
            5, 18, 0, 0, 0, 2, 0, 0, 0, 3, 32, 10, 0, 0, 1, 32, 239, 1, 1, 1,
        ],
    ),
    (
        Family::IPV4_MVPN,
        &[
            4, 18, 2, 12, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 10, 0, 0, 1,
        ],
    ),
    (
        Family::MDT,
        &[128, 0, 0, 0, 2, 0, 0, 0, 3, 10, 0, 0, 1, 239, 1, 1, 1],
    ),
    (
        Family::IPV4_MUP,
        &[1, 0, 1, 12, 0, 0, 0, 100, 0, 0, 0, 100, 24, 10, 0, 1],
    ),
    (
        Family::IPV4_MUP,
        &[
            1, 0, 4, 17, 0, 0, 0, 100, 0, 0, 0, 100, 64, 10, 0, 0, 1, 0, 0, 0x30, 0x39,
        ],
    ),
    (
        Family::IPV4_SR_POLICY,
        &[96, 0, 0, 0, 1, 0, 0, 0, 200, 10, 0, 0, 2],
    ),
    (
        Family::SFC,
        &[0, 2, 0, 11, 0, 1, 192, 0, 2, 1, 0, 1, 0, 0, 15],
    ),
];

fn form(family: Family) -> impl Strategy<Value = Form> {
    any::<[bool; 3]>().prop_map(move |[add_path, multiple_labels, withdrawn]| Form {
        family,
        add_path,
        multiple_labels,
        withdrawn,
    })
}

/// Routes of one family with a few octets replaced, and how they are to be read.
fn mutated_routes() -> impl Strategy<Value = (Form, Vec<u8>)> {
    select(&ROUTES[..]).prop_flat_map(|(family, route)| {
        let bytes = vec(Just(route), 1..4).prop_map(|list| list.concat());
        let changes = vec((any::<Index>(), any::<u8>()), 0..5);
        let bytes = (bytes, changes).prop_map(|(mut bytes, changes)| {
            for (index, value) in changes {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            bytes
        });
        (form(family), bytes)
    })
}

/// Reads a field alone, and as an attribute of an UPDATE, which reports its errors.
fn visit_routes(form: Form, bytes: &[u8]) {
    visit_field(NlriField::new(form, bytes), bytes, false);
    let set = |yes: bool| {
        if yes {
            FamilySet::EMPTY.with(form.family)
        } else {
            FamilySet::EMPTY
        }
    };
    let context = Context {
        add_path: set(form.add_path),
        multiple_labels: set(form.multiple_labels),
        ..Context::assumed()
    };
    let (afi, safi) = (form.family.afi.0.to_be_bytes(), form.family.safi.0);
    let value = [&afi[..], &[safi], bytes].concat();
    let length = |length: usize| u16::try_from(length).expect("short").to_be_bytes();
    let attribute = [&[0x90, 15][..], &length(value.len()), &value].concat();
    visit(
        &whole(
            2,
            &[&[0, 0][..], &length(attribute.len()), &attribute].concat(),
        ),
        &context,
    );
}

/// Asserts that `part` lies inside `whole`.
fn inside(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.start == part.end || whole.start <= part.start && part.end <= whole.end);
}

/// `valid`: no error was reported, so the field must be readable to its end.
fn visit_field(field: NlriField<'_>, body: &[u8], valid: bool) {
    inside(field.as_bytes(), body);
    inside(field.unread(), field.as_bytes());
    assert!(
        !valid || field.unread().is_empty(),
        "an error that was not reported"
    );
    let mut octets = field.unread().len();
    let mut items = 0;
    for nlri in field.iter() {
        items += 1;
        octets += match nlri {
            Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) => {
                let width = if prefix.addr.is_ipv4() { 32 } else { 128 };
                assert!(prefix.len <= width);
                assert_eq!(prefix.path_id.is_some(), field.has_path_ids());
                let id = if field.has_path_ids() { 4 } else { 0 };
                id + 1 + usize::from(prefix.len).div_ceil(8)
            }
            Nlri::Opaque(bytes) => bytes.len(),
            // Each takes an octet at least: a length.
            _ => 1,
        };
        let json = serde_json::to_value(nlri).expect("JSON");
        assert!(!valid || json["nlri_type"] != "malformed");
    }
    assert!(octets <= field.as_bytes().len());
    if field.prefixes().next().is_some() {
        assert_eq!(octets, field.as_bytes().len());
        assert_eq!(field.prefixes().count(), items);
    }
    if !field.is_opaque() {
        assert_eq!(field.count(), items);
    }
    at_once_as_one_by_one(field);
}

/// What goes through a whole field at once, in a way of its own, gives the same as step by step.
fn at_once_as_one_by_one(field: NlriField<'_>) {
    fn check<T: PartialEq>(mut list: impl Iterator<Item = T> + Clone) {
        let mut at_once = Vec::new();
        list.clone().for_each(|item| at_once.push(item));
        let one_by_one: Vec<_> = std::iter::from_fn(|| list.next()).collect();
        assert!(at_once == one_by_one);
    }
    check(field.prefixes());
    match field.iter() {
        NlriIter::Ipv4(list) => check(list),
        NlriIter::Ipv6(list) => check(list),
        NlriIter::Vpn(list) => check(list),
        list => check(list),
    }
}

fn visit_path(path: AsPath<'_>, limit: usize) {
    let asns: usize = path.segments().map(|s| s.asns.count()).sum();
    let merged = MergedPath::new(path, Some(path));
    let merged: usize = merged.segments().map(|s| s.asns.count()).sum();
    assert!(2 * asns <= limit && merged <= 2 * asns);
}

fn visit_update(update: &Update<'_>) {
    let body = update.body();
    let valid = update.errors().total() == 0;
    let mut octets = 0;
    for attribute in update.attributes() {
        inside(attribute.value, body);
        octets += 3 + attribute.value.len();
        let limit = attribute.value.len();
        match attribute.view(update.context()) {
            View::AsPath(path) => visit_path(path, limit),
            View::As4Path(path) => visit_path(path.0, limit),
            View::MpReach(mp) => {
                assert!(mp.next_hops.iter().count() <= 2);
                visit_field(mp.nlri, body, valid);
            }
            View::MpUnreach(mp) => visit_field(mp.nlri, body, valid),
            View::Communities(list) => assert_eq!(4 * list.iter().count(), limit),
            View::ExtCommunities(list) => assert_eq!(8 * list.iter().count(), limit),
            View::LargeCommunities(list) => assert_eq!(12 * list.iter().count(), limit),
            View::ClusterList(list) => assert_eq!(4 * list.iter().count(), limit),
            View::Malformed(value) | View::Unknown(value) => inside(value, body),
            _ => {}
        }
        assert!(update.has(attribute.code));
        assert_eq!(
            update.attribute(attribute.code).map(|a| a.code),
            Some(attribute.code)
        );
    }
    assert!(octets <= body.len());
    let views = update.attributes().map(|a| (a, a.view(update.context())));
    assert!(update.views().eq(views), "read otherwise the second time");
    for field in update.all_withdrawn().chain(update.all_announced()) {
        visit_field(field, body, valid);
    }
    if valid {
        let malformed = |view| matches!(view, View::Malformed(_));
        let mut views = update.attributes().map(|a| a.view(update.context()));
        assert!(!views.any(malformed), "an error that was not reported");
    }
}

fn visit_open(open: &Open<'_>) {
    let body = open.body();
    for (_, value) in open.parameters() {
        inside(value, body);
    }
    assert!(2 * open.capabilities().count() <= body.len());
    for capability in open.capabilities() {
        visit_capability(capability, body);
    }
}

/// Each list ends, and has no more elements than octets.
fn visit_capability(capability: Capability<'_>, body: &[u8]) {
    let limit = body.len();
    let count = match capability {
        Capability::RouteFilters { filters, .. } => filters.map(|(_, types)| 1 + types.len()).sum(),
        Capability::ExtendedNextHop(list) => list.iter().count(),
        Capability::MultipleLabels(list) | Capability::AddPath(list) => list.iter().count(),
        Capability::GracefulRestart(restart) => {
            restart.families.iter().count() + restart.preserved().count()
        }
        Capability::LongLivedGracefulRestart(list) => list.iter().count(),
        Capability::PathsLimit(list) => list.iter().count(),
        Capability::Fqdn { host, domain } => {
            inside(host, body);
            inside(domain, body);
            host.len() + domain.len()
        }
        Capability::SoftwareVersion(text) => {
            inside(text, body);
            text.len()
        }
        Capability::MultisessionCisco { codes, .. } => codes.len(),
        Capability::Malformed { value, .. } | Capability::Other { value, .. } => {
            inside(value, body);
            value.len()
        }
        _ => 0,
    };
    assert!(count <= limit);
}

thread_local! {
    /// It sees the messages of many cases, so that what it keeps is used.
    static WRITER: RefCell<MessageWriter> = RefCell::default();
}

/// Reads, visits and renders.
fn visit(bytes: &[u8], context: &Context) {
    let Ok(message) = Message::parse(bytes, context) else {
        return;
    };
    assert_eq!(message.length(), bytes.len());
    for error in message.errors() {
        assert!(usize::from(error.offset) <= bytes.len());
    }
    match &message {
        Message::Update(update) => visit_update(update),
        Message::Open(open) => visit_open(open),
        Message::Notification(notification) => inside(notification.data, bytes),
        _ => {}
    }
    let meta = Meta {
        ts_ns: 1,
        ts_source: "file",
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        peer_port: 1,
        peer_asn: None,
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local_port: 179,
        local_asn: None,
        session: 1,
        seq: 1,
        event_no: 1,
        host: "h",
        searched: false,
    };
    let mut out = Vec::new();
    let line = MessageLine {
        context: Some((context, ContextSource::Inferred)),
        raw: Some(bytes),
        ..MessageLine::new(&meta, &message)
    };
    write_message(&mut out, &line);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    WRITER.with_borrow_mut(|writer| {
        let mut again = Vec::new();
        writer.write(&mut again, &line);
        assert_eq!(again, out, "what was written before has the same form");
    });
    let line: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(
        line["errors"].as_array().map_or(0, Vec::len),
        message.errors().len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..200), context in context()) {
        visit(&bytes, &context);
    }

    #[test]
    fn arbitrary_bodies(code in 0..7u8, body in vec(any::<u8>(), 0..200), context in context()) {
        visit(&whole(code, &body), &context);
    }

    #[test]
    fn mutated_updates(bytes in mutated(update()), context in context()) {
        visit(&bytes, &context);
    }

    /// Of every family in the table, and of one that is not in it.
    #[test]
    fn arbitrary_nlri(
        (form, bytes) in (0..=KNOWN.len()).prop_flat_map(|index| {
            let unknown = Family::new(4711, 70);
            let family = KNOWN.get(index).copied().unwrap_or(unknown);
            (form(family), vec(any::<u8>(), 0..80))
        })
    ) {
        visit_routes(form, &bytes);
    }

    #[test]
    fn mutated_nlri((form, bytes) in mutated_routes()) {
        visit_routes(form, &bytes);
    }

    #[test]
    fn mutated_opens(bytes in mutated(open()), context in context()) {
        visit(&bytes, &context);
    }

    #[test]
    fn cut_messages_are_refused(bytes in update(), keep in any::<Index>(), context in context()) {
        let cut = &bytes[..keep.index(bytes.len())];
        prop_assert!(Message::parse(cut, &context).is_err());
        visit_update(&Update::parse(cut, &context));
    }
}
