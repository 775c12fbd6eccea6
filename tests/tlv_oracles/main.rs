//! tshark as an oracle for attributes and NLRI that are made of TLVs.
//!
//! Each template is one attribute value or one NLRI with holes; random octets fill them, and every
//! field that tshark 4.0 shows of it must be what our JSON says. What tshark does not know or
//! gets wrong has no template here but vectors in the unit tests, with the clause that decides.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::net::Ipv4Addr;

use bgptap::bgp::{Context, Message};
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;

mod link_state;
#[path = "../support/mod.rs"]
mod support;
mod tunnels;

use support::dissect::pdml;
use support::have;

/// Something to fill and to compare.
struct Template {
    /// Type code of the attribute.
    code: u8,
    /// Hexadecimal digits; `?` stands for any of them, `~~` for any letter.
    value: &'static str,
    /// tshark's fields, and where our JSON has the same, `*` standing for any index or key.
    fields: &'static [(&'static str, &'static str)],
}

/// Octets that differ from call to call but not from run to run.
struct Random(u64);

impl Random {
    fn octet(&mut self) -> u8 {
        // Knuth's MMIX generator; its upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    fn fill(&mut self, template: &str) -> Vec<u8> {
        let text: Vec<char> = template.chars().filter(|c| !c.is_whitespace()).collect();
        let mut digit = |c: &char| match c {
            '?' => self.octet() & 15,
            _ => u8::try_from(c.to_digit(16).expect("hexadecimal")).expect("below 16"),
        };
        let pairs = text.chunks(2);
        pairs
            .map(|pair| match pair {
                // Letters from a to o.
                ['~', '~'] => 0x61 + digit(&'?') % 15,
                [a, b] => digit(a) << 4 | digit(b),
                _ => panic!("half an octet in {template}"),
            })
            .collect()
    }
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    [&[flags | 0x10, code], &length[..], value].concat()
}

/// An UPDATE with ORIGIN, an empty AS_PATH unless BGPsec_PATH stands for it, LOCAL_PREF and the
/// attribute.
fn update(code: u8, value: &[u8]) -> Vec<u8> {
    let optional = matches!(code, 14 | 29 | 33);
    let path = match code {
        33 => Vec::new(),
        _ => attribute(0x40, 2, &[]),
    };
    let list = [
        attribute(0x40, 1, &[0]),
        path,
        attribute(0x40, 5, &[0, 0, 0, 100]),
        attribute(if optional { 0x80 } else { 0xc0 }, code, value),
    ]
    .concat();
    let length = u16::try_from(list.len()).expect("short");
    let whole = (length + 23).to_be_bytes();
    [
        &[0xff; 16][..],
        &whole,
        &[2, 0, 0],
        &length.to_be_bytes(),
        &list,
    ]
    .concat()
}

/// `value` and `show` of each field of that name, in the order of the wire.
fn their_fields(packet: &str, name: &str) -> Vec<(String, String)> {
    let wanted = format!("name=\"{name}\"");
    let part = |line: &str, key: &str| {
        let start = line.find(&format!(" {key}=\""))? + key.len() + 3;
        let length = line[start..].find('"')?;
        Some(line[start..start + length].to_owned())
    };
    let lines = packet.lines().filter(|line| line.contains(&wanted));
    lines
        .map(|line| {
            let value = part(line, "value").expect("a field of the wire");
            (value, part(line, "show").expect("always there"))
        })
        .collect()
}

/// The attributes with a key of their own and the NLRI of MP_REACH_NLRI, as JSON.
fn our_json(message: &[u8]) -> Value {
    let Ok(Message::Update(update)) = Message::parse(message, &Context::assumed()) else {
        panic!("no UPDATE: {message:02x?}");
    };
    assert_eq!(update.errors().as_slice(), [], "in {message:02x?}");
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    let mut map = serializer.serialize_map(None).expect("to memory");
    for attribute in update.attributes() {
        let view = attribute.view(update.context());
        view.serialize_entry(&mut map).expect("serializable");
    }
    if let Some(mp) = update.mp_reach() {
        let nlri: Vec<_> = mp.nlri.iter().collect();
        map.serialize_entry("nlri", &nlri).expect("serializable");
    }
    map.end().expect("to memory");
    serde_json::from_slice(&out).expect("JSON")
}

/// What is at the path.
fn select<'a>(json: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('/').fold(vec![json], |found, step| {
        let each = found.into_iter().flat_map(|value| match step {
            "*" => match value {
                Value::Array(list) => list.iter().collect::<Vec<_>>(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            },
            _ => match step.parse::<usize>() {
                Ok(index) => value.get(index).into_iter().collect(),
                Err(_) => value.get(step).into_iter().collect(),
            },
        });
        each.collect()
    })
}

/// Whether both say the same: a number as the octets, anything else as the text or the octets.
fn same(ours: &Value, (value, show): &(String, String)) -> bool {
    let octets = u64::from_str_radix(value, 16);
    match ours {
        Value::Number(number) => match (number.as_u64(), octets) {
            (Some(number), Ok(octets)) if number == octets => true,
            // A float, of whatever unit tshark shows it in.
            (_, Ok(octets)) => u32::try_from(octets).is_ok_and(|bits| {
                number.as_f64().expect("a number") as f32 == f32::from_bits(bits)
            }),
            _ => false,
        },
        // JSON has no word for what is no number.
        Value::Null => octets.is_ok_and(|bits| !f32::from_bits(bits as u32).is_finite()),
        Value::String(text) => {
            let bare: String = text.chars().filter(|c| !".:".contains(*c)).collect();
            let addr = text.parse::<Ipv4Addr>().map(u32::from);
            let addr = addr.is_ok_and(|addr| octets == Ok(u64::from(addr)));
            text == show || bare == *value || addr
        }
        _ => false,
    }
}

/// Fills each template many times; both readings of all fields must be the same.
fn compare(templates: &[Template]) {
    if !have("tshark") {
        return;
    }
    let mut random = Random(0x0b67_7a70);
    let mut filled = Vec::new();
    for template in templates.iter().cycle().take(25 * templates.len()) {
        filled.push((
            template,
            update(template.code, &random.fill(template.value)),
        ));
    }
    let messages: Vec<_> = filled.iter().map(|(_, message)| message.clone()).collect();
    let packets = pdml(&messages);
    for ((template, message), packet) in filled.iter().zip(&packets) {
        let json = our_json(message);
        for (field, path) in template.fields {
            let (ours, theirs) = (select(&json, path), their_fields(packet, field));
            let equal = ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(&theirs)
                    .all(|(ours, theirs)| same(ours, theirs));
            assert!(
                equal && !ours.is_empty(),
                "{field} is {theirs:?}, {path} is {ours:?} in {json}"
            );
        }
    }
}
