//! What the decoder's fuzz targets share: whatever the bytes are, nothing panics, every iterator
//! ends, no view reaches beyond its message, and what has no error can be read to its end.

use bgptap::bgp::evidence::{Readings, Widths};
use bgptap::bgp::family::KNOWN;
use bgptap::bgp::header::{HEADER_LEN, MAX_LEN_EXTENDED};
use bgptap::bgp::nlri::Form;
use bgptap::bgp::{
    Context, Family, FamilySet, Message, MessageType, NlriField, OpenFacts, Update, View,
};
use bgptap::sink::json::{ContextSource, Meta, write_message};
use std::net::{IpAddr, Ipv4Addr};

/// A family that the decoder knows by name.
pub fn family(selector: u8) -> Family {
    KNOWN[usize::from(selector) % KNOWN.len()]
}

/// A context out of one octet: AS numbers of four octets, path identifiers, several labels.
pub fn context(selector: u8) -> Context {
    let set = |bit: u8| {
        let member = selector >> bit & 1 == 1;
        let families = KNOWN.into_iter().filter(|_| member);
        families.collect::<FamilySet>()
    };
    Context {
        as4: selector & 1 == 1,
        add_path: set(1),
        multiple_labels: set(2),
        ..Context::assumed()
    }
}

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
            let facts = OpenFacts::new(open);
            let both = Context::negotiate(&facts, &facts);
            assert_eq!(Context::expected(Some(&facts), Some(&facts)), both);
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
    let source = Some((context, ContextSource::Inferred));
    write_message(&mut out, &meta, message, source, None);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    let line: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    let errors = line["errors"].as_array().map_or(0, Vec::len);
    assert_eq!(errors, message.errors().len());
}

/// A field of a family, by itself and in the attributes that can carry it.
pub fn visit_nlri(form: Form, bytes: &[u8]) {
    visit_field(NlriField::new(form, bytes), bytes, false);
    let set =
        |member: bool| -> FamilySet { [form.family].into_iter().filter(|_| member).collect() };
    let context = Context {
        add_path: set(form.add_path),
        multiple_labels: set(form.multiple_labels),
        ..Context::assumed()
    };
    let [a, b] = form.family.afi.0.to_be_bytes();
    let head = [a, b, form.family.safi.0];
    let (code, value) = if form.withdrawn {
        (15, [&head[..], bytes].concat())
    } else {
        (14, [&head[..], &[4, 192, 0, 2, 1, 0], bytes].concat())
    };
    let built = attribute(0x80, code, &value).and_then(|attribute| update(&attribute));
    if let Some(Ok(message)) = built.as_deref().map(|raw| Message::parse(raw, &context)) {
        visit(&message, &context);
    }
}

/// An attribute, alone in an UPDATE.
pub fn visit_attribute(flags: u8, code: u8, value: &[u8], context: &Context) {
    let built = attribute(flags, code, value).and_then(|attribute| update(&attribute));
    if let Some(Ok(message)) = built.as_deref().map(|raw| Message::parse(raw, context)) {
        visit(&message, context);
    }
}
