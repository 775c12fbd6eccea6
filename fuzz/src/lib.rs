//! What the decoder's fuzz targets share: whatever the bytes are, nothing panics, every iterator
//! ends, no view reaches beyond its message, and what has no error can be read to its end.

pub mod selector;
pub mod tlv;

use bgptap::bgp::evidence::{Readings, Widths};
use bgptap::bgp::header::{HEADER_LEN, MAX_LEN_EXTENDED};
use bgptap::bgp::nlri::Form;
use bgptap::bgp::{
    Context, FamilySet, Message, MessageType, NlriField, Open, OpenFacts, Possible, Update, View,
};
use bgptap::sink::json::{ContextSource, MessageLine, Meta, write_message};
use std::net::{IpAddr, Ipv4Addr};

pub use selector::{context, family};

/// A message with its header; `None` if it would be longer than any.
pub fn whole(kind: u8, body: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(HEADER_LEN + body.len()).ok()?;
    Some([&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat())
}

/// An attribute with its header, its length in two octets.
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(value.len()).ok()?;
    Some([&[flags | 0x10, code][..], &length.to_be_bytes(), value].concat())
}

/// An UPDATE of attributes alone, header included.
pub fn update(attributes: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(attributes.len()).ok()?;
    whole(
        2,
        &[&[0, 0], &length.to_be_bytes()[..], attributes].concat(),
    )
}

/// Reads, visits and renders a body.
pub fn visit_body(kind: MessageType, body: &[u8], context: &Context) {
    if body.len() + HEADER_LEN > usize::from(MAX_LEN_EXTENDED) {
        return;
    }
    visit(&Message::parse_body(kind, body, context), context);
}

/// Visits and renders a message.
pub fn visit(message: &Message<'_>, context: &Context) {
    for error in message.errors() {
        assert!(usize::from(error.offset) <= message.length(), "{error}");
    }
    match message {
        Message::Update(update) => visit_update(update),
        Message::Open(open) => {
            assert!(2 * open.capabilities().count() <= open.body().len());
            visit_pair(&OpenFacts::new(open), &OpenFacts::new(open));
        }
        Message::RouteRefresh(refresh) => {
            let filters = refresh.route_filters();
            let groups = filters.into_iter().flat_map(|filters| filters.groups());
            let entries: usize = groups.map(|group| group.entries().count()).sum();
            assert!(entries <= refresh.body().len());
        }
        _ => {}
    }
    render(message, context);
}

/// What two OPENs agree on, both ways: no more than each says, and nothing that one alone rules out.
pub fn visit_pair(one: &OpenFacts, other: &OpenFacts) {
    for (sender, receiver) in [(one, other), (other, one)] {
        let both = Context::negotiate(sender, receiver);
        assert_eq!(Context::expected(Some(sender), Some(receiver)), both);
        let within = |set: FamilySet, all: FamilySet| set.intersection(all) == set;
        assert!(within(both.add_path, sender.add_path_send));
        assert!(within(both.add_path, receiver.add_path_receive));
        assert!(within(
            both.families,
            sender.families.intersection(receiver.families)
        ));
        assert_eq!(both.extended, receiver.extended_message);
        for (sender, receiver) in [
            (Some(sender), None),
            (None, Some(receiver)),
            (Some(sender), Some(receiver)),
        ] {
            let possible = Possible::new(sender, receiver);
            assert!(possible.as4 || !both.as4);
            assert!(
                possible
                    .add_path
                    .is_none_or(|all| within(both.add_path, all))
            );
            let labels = possible.multiple_labels;
            assert!(labels.is_none_or(|all| within(both.multiple_labels, all)));
        }
    }
}

/// Two OPENs of one session, whatever is wrong with them.
pub fn visit_opens(one: &[u8], other: &[u8]) {
    if let (Ok(one), Ok(other)) = (Open::parse(one), Open::parse(other)) {
        visit_pair(&OpenFacts::new(&one), &OpenFacts::new(&other));
    }
}

fn visit_update(update: &Update<'_>) {
    let valid = update.errors().total() == 0;
    for attribute in update.attributes() {
        inside(attribute.value, update.body());
        let malformed = matches!(attribute.view(update.context()), View::Malformed(_));
        assert!(!(valid && malformed), "attribute {}", attribute.code);
    }
    for field in update.all_withdrawn().chain(update.all_announced()) {
        visit_field(field, update.body(), valid);
    }
    let _ = (update.eor(), Widths::of(update));
}

/// `valid`: no error was reported, so the field must be readable to its end.
pub fn visit_field(field: NlriField<'_>, body: &[u8], valid: bool) {
    inside(field.as_bytes(), body);
    let mut items = field.iter();
    let count = items.by_ref().count();
    assert!(count <= field.as_bytes().len());
    assert!(!valid || items.unread().is_empty(), "{}", field.family());
    let fitting = Readings::of(field.family()).that_fit(field);
    assert!(fitting.iter().count() <= 4);
}

/// Asserts that `part` lies inside `whole`.
fn inside(part: &[u8], whole: &[u8]) {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    assert!(part.start == part.end || whole.start <= part.start && part.end <= whole.end);
}

/// One line of JSON, with every error that the message has.
fn render(message: &Message<'_>, context: &Context) {
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
        ..MessageLine::new(&meta, message)
    };
    write_message(&mut out, &line);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    let line: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    let errors = line["errors"].as_array().map_or(0, Vec::len);
    assert_eq!(errors, message.errors().len());
}

/// What the session of a field has agreed on is the context, but for how the field is read.
fn carrier(form: Form, context: &Context) -> Context {
    let set = |set: FamilySet, member: bool| match member {
        true => set.with(form.family),
        false => set.without(form.family),
    };
    Context {
        add_path: set(context.add_path, form.add_path),
        multiple_labels: set(context.multiple_labels, form.multiple_labels),
        ..*context
    }
}

/// Lengths that a next hop can have, and some that it cannot (RFC 2545 §3, 4659 §3.2.1, 8950 §4).
const NEXT_HOPS: [usize; 8] = [4, 16, 32, 12, 24, 48, 0, 5];

/// A field of a family, by itself and in the attributes that can carry it.
pub fn visit_nlri(form: Form, next_hop: u8, bytes: &[u8], context: &Context) {
    visit_field(NlriField::new(form, bytes), bytes, false);
    let context = carrier(form, context);
    let [a, b] = form.family.afi.0.to_be_bytes();
    let head = [a, b, form.family.safi.0];
    let (code, value) = if form.withdrawn {
        (15, [&head[..], bytes].concat())
    } else {
        let length = NEXT_HOPS[usize::from(next_hop) % NEXT_HOPS.len()];
        let address = [[length as u8].as_slice(), &[32; 48][..length], &[0]].concat();
        (14, [&head[..], &address, bytes].concat())
    };
    visit_attribute(0x80, code, &value, &context);
}

/// How a field of NLRI is read, from a family and the lower bits of an octet.
pub fn form(which: u8, bits: u8) -> Form {
    Form {
        family: family(which),
        add_path: bits & 1 != 0,
        multiple_labels: bits & 2 != 0,
        withdrawn: bits & 4 != 0,
    }
}

/// Octets as the value of an attribute, or as a field of NLRI: the lowest bit of `kind` says which of
/// both, its other ones with which flags, or how it is read.
pub fn holder(kind: u8, which: u8, bytes: &[u8], context: &Context) {
    match kind & 1 {
        0 => visit_attribute(kind & 0xe0, which, bytes, context),
        _ => visit_nlri(form(which, kind >> 1), kind >> 4, bytes, context),
    }
}

/// An attribute, alone in an UPDATE.
pub fn visit_attribute(flags: u8, code: u8, value: &[u8], context: &Context) {
    let built = attribute(flags, code, value).and_then(|attribute| update(&attribute));
    if let Some(Ok(message)) = built.as_deref().map(|raw| Message::parse(raw, context)) {
        visit(&message, context);
    }
}
