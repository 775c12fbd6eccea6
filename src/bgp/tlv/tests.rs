//! Properties of every table: octets made from it are valid, and no octets at all harm its views.

use super::check::Flaw;
use super::*;
use crate::bgp::attribute::TLV_TABLES;
use crate::bgp::closed;
use crate::bgp::nlri::link_state_descriptor::{LINK, PREFIX_V4, PREFIX_V6, SID};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;

/// Every table that nothing else holds.
fn tables() -> impl Iterator<Item = &'static Table> {
    let descriptors: [&Table; 4] = [&LINK, &PREFIX_V4, &PREFIX_V6, &SID];
    TLV_TABLES.iter().copied().chain(descriptors)
}

/// Choices that a test case has made beforehand.
struct Entropy<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Entropy<'_> {
    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at % self.bytes.len()]
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// Octets that are what the fields ask for.
fn sample(fields: &[Field], entropy: &mut Entropy<'_>) -> Vec<u8> {
    let each = |field: &Field| sample_field(field.1, entropy);
    fields.iter().flat_map(each).collect()
}

fn sample_field(kind: Kind, entropy: &mut Entropy<'_>) -> Vec<u8> {
    let repeat = |count: usize, fields: &[Field], entropy: &mut Entropy<'_>| {
        let each = |_| sample(fields, entropy);
        (0..count).flat_map(each).collect()
    };
    match kind {
        Kind::Uint(octets) | Kind::Flags(octets, _) | Kind::Hex(octets) => entropy.octets(octets),
        Kind::Skip(octets) | Kind::Low(octets, _) => entropy.octets(octets),
        Kind::Bits(parts) => {
            let width: u32 = parts.iter().map(|(_, bits)| bits).sum();
            assert_eq!(width % 8, 0, "whole octets");
            entropy.octets(usize::try_from(width / 8).expect("small"))
        }
        Kind::Float | Kind::Ipv4 => entropy.octets(4),
        Kind::Ipv6 => entropy.octets(16),
        Kind::Mac | Kind::SystemId => entropy.octets(6),
        Kind::Rd => entropy.octets(8),
        Kind::Masks => {
            let lengths = [entropy.below(9), entropy.below(9)];
            let [a, b] = lengths.map(|length| u8::try_from(length).expect("small"));
            [vec![a, b, 0, 0], entropy.octets(lengths[0] + lengths[1])].concat()
        }
        Kind::FamilyAddr => match entropy.below(3) {
            0 => vec![0, 0],
            1 => [vec![0, 1], entropy.octets(4)].concat(),
            _ => [vec![0, 2], entropy.octets(16)].concat(),
        },
        Kind::Addr => {
            let octets = [4, 16][entropy.below(2)];
            entropy.octets(octets)
        }
        Kind::Prefix(_) => {
            let bits = u8::try_from(entropy.below(33)).expect("small");
            [vec![bits], entropy.octets(usize::from(bits).div_ceil(8))].concat()
        }
        Kind::Text | Kind::Raw | Kind::Rest => {
            let octets = entropy.below(20);
            entropy.octets(octets)
        }
        Kind::Times(count, fields) => repeat(count, fields, entropy),
        Kind::Many(fields) => {
            let count = entropy.below(4);
            repeat(count, fields, entropy)
        }
        Kind::Tlv(table) => sample_tlv(table, entropy),
        Kind::Tlvs(table) => sample_tlvs(table, entropy),
        Kind::ByLength(choices) => {
            let (length, fields) = choices[entropy.below(choices.len())];
            let octets = sample(fields, entropy);
            assert_eq!(octets.len(), length, "of {fields:?}");
            octets
        }
    }
}

fn sample_tlvs(table: &Table, entropy: &mut Entropy<'_>) -> Vec<u8> {
    let count = entropy.below(4);
    let each = |_| sample_tlv(table, entropy);
    (0..count).flat_map(each).collect()
}

fn sample_tlv(table: &Table, entropy: &mut Entropy<'_>) -> Vec<u8> {
    let rows: Vec<_> = table.rows.iter().copied().flatten().collect();
    let choice = entropy.byte();
    let Row(kind, _, fields) = rows[usize::from(choice) % rows.len()];
    let value = sample(fields, entropy);
    framed(table.head, *kind, &value)
}

/// A TLV around a value; one that does not fit the length is left out.
fn framed(head: Head, kind: u16, value: &[u8]) -> Vec<u8> {
    let narrow = [u8::try_from(kind).unwrap_or(u8::MAX)];
    let wide = match head {
        Head::Wide => return concat(&kind.to_be_bytes(), true, value),
        Head::Long => true,
        Head::Narrow => false,
        Head::Split => kind >= 128,
    };
    concat(&narrow, wide, value)
}

fn concat(kind: &[u8], wide: bool, value: &[u8]) -> Vec<u8> {
    let (Ok(long), short) = (u16::try_from(value.len()), u8::try_from(value.len())) else {
        return Vec::new();
    };
    match short {
        _ if wide => [kind, &long.to_be_bytes(), value].concat(),
        Ok(short) => [kind, &[short], value].concat(),
        Err(_) => Vec::new(),
    }
}

/// Reads everything there is, and returns how many values there were.
fn walk(tlvs: Tlvs<'_>, whole: &[u8]) -> usize {
    let inside = |part: &[u8]| {
        let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
        assert!(part.start == part.end || whole.start <= part.start && part.end <= whole.end);
    };
    let mut count = 0;
    for tlv in tlvs {
        inside(tlv.value);
        count += 1;
        tlv.visit(&mut |_, value| match value {
            Value::Text(octets) | Value::Hex(octets) => inside(octets),
            Value::Tlvs(inner) => count += walk(inner, tlv.value),
            Value::Records(mut records) => while records.visit_next(&mut |_, _| count += 1) {},
            _ => {}
        });
    }
    count
}

fn flaws(tlvs: Tlvs<'_>) -> Vec<Flaw> {
    let mut list = Vec::new();
    tlvs.check(&mut |flaw| list.push(flaw));
    list
}

proptest! {
    #[test]
    fn octets_made_from_a_table_are_valid(bytes in vec(any::<u8>(), 64..512)) {
        for table in tables() {
            let mut entropy = Entropy { bytes: &bytes, at: 0 };
            let octets = sample_tlvs(table, &mut entropy);
            let tlvs = Tlvs::new(&octets, table);
            prop_assert_eq!(flaws(tlvs), []);
            prop_assert_eq!(tlvs.map(|tlv| tlv.name).find(Option::is_none), None);
            let json = serde_json::to_string(&tlvs).expect("serializable");
            prop_assert!(!json.contains("malformed"), "{}", json);
        }
    }

    #[test]
    fn no_octets_harm_a_view(
        bytes in vec(any::<u8>(), 64..512),
        changes in vec((any::<Index>(), any::<u8>()), 0..6),
    ) {
        for table in tables() {
            let mut entropy = Entropy { bytes: &bytes, at: 0 };
            let mut octets = sample_tlvs(table, &mut entropy);
            for (index, value) in &changes {
                if !octets.is_empty() {
                    let at = index.index(octets.len());
                    octets[at] = *value;
                }
            }
            for octets in [&octets, &bytes] {
                let tlvs = Tlvs::new(octets, table);
                // No value is made from less than four bits, and each level can read them anew.
                prop_assert!(walk(tlvs, octets) <= 2 * octets.len() * depth(table));
                for flaw in flaws(tlvs) {
                    prop_assert!(flaw.at <= octets.len());
                }
                let text = serde_json::to_string(&tlvs).expect("serializable");
                let json: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
                let malformed = text.contains(r#""malformed":true"#);
                prop_assert_eq!(malformed, !flaws(tlvs).is_empty(), "{}", text);
                prop_assert!(json.len() <= octets.len());
            }
        }
    }
}

/// Levels of tables, this one included.
fn depth(table: &Table) -> usize {
    fn of(fields: &[Field]) -> usize {
        let each = |Field(_, kind): &Field| match kind {
            Kind::Tlv(table) | Kind::Tlvs(table) => depth(table),
            Kind::Many(fields) | Kind::Times(_, fields) => of(fields),
            Kind::ByLength(choices) => choices.iter().map(|(_, f)| of(f)).max().unwrap_or(0),
            _ => 0,
        };
        fields.iter().map(each).max().unwrap_or(0)
    }
    let rows = table.rows.iter().copied().flatten();
    let inner = rows.map(|Row(_, _, fields)| of(fields));
    1 + inner.chain(table.others.map(of)).max().unwrap_or(0)
}

#[test]
fn types_and_names_of_a_table_are_unique_and_its_depth_is_small() {
    for table in tables() {
        let rows: Vec<_> = table.rows.iter().copied().flatten().collect();
        let kinds: BTreeSet<_> = rows.iter().map(|Row(kind, ..)| kind).collect();
        let names: BTreeSet<_> = rows.iter().map(|Row(_, name, _)| name).collect();
        assert_eq!((kinds.len(), names.len()), (rows.len(), rows.len()));
        assert!(depth(table) <= 5);
    }
}

static INNER: Table = Table::new(
    Head::Narrow,
    &[&[Row(1, "number", &[Field("value", Kind::Uint(2))])]],
);
static OUTER: Table = Table::new(
    Head::Split,
    &[&[
        Row(1, "inner", &[Field("tlvs", Kind::Tlvs(&INNER))]),
        Row(
            200,
            "list",
            &[Field("value", Kind::Many(&[Field("", Kind::Uint(2))]))],
        ),
        Row(
            3,
            "flags",
            &[Field("value", Kind::Flags(1, &["a", "", "c"]))],
        ),
    ]],
);

#[test]
fn lengths_and_places_of_flaws() {
    let octets = [
        1, 7, 1, 2, 0, 5, 1, 1, 9, // inner: a good number, a short one
        200, 0, 4, 0, 1, 0, 2, // list, whose type has two octets of length
        7, 1, 0xff, // not known
        3, 2, 0, 0, // flags, too long
        1, 9, 0, // does not fit
    ];
    let tlvs = Tlvs::new(&octets, &OUTER);
    let flaw = |wrong, at, top| Flaw { wrong, at, top };
    assert_eq!(
        flaws(tlvs),
        [
            flaw(Wrong::Value, 6, Some(1)),
            flaw(Wrong::Value, 19, Some(3)),
            flaw(Wrong::Framing, 23, Some(1)),
        ]
    );
    assert_eq!(tlvs.worst(), Some(flaw(Wrong::Framing, 23, Some(1))));
    assert_eq!(
        serde_json::to_value(tlvs).expect("serializable"),
        serde_json::json!([
            { "type": 1, "name": "inner", "tlvs": [
                { "type": 1, "name": "number", "value": 5 },
                { "type": 1, "name": "number", "malformed": true, "raw": "09" },
            ] },
            { "type": 200, "name": "list", "value": [1, 2] },
            { "type": 7, "raw": "ff" },
            { "type": 3, "name": "flags", "malformed": true, "raw": "0000" },
            { "malformed": true, "raw": "010900" },
        ])
    );
}

#[test]
fn flags_have_names_or_numbers() {
    let tlvs = Tlvs::new(&[3, 1, 0b1110_0001], &OUTER);
    let value = tlvs.find(3).and_then(|tlv| tlv.get("value"));
    assert_eq!(
        serde_json::to_value(value).expect("serializable"),
        serde_json::json!(["a", "bit-1", "c", "bit-7"])
    );
}

/// The names that fields have in the JSON form, those of what they hold too.
fn names(fields: &[Field], out: &mut BTreeSet<&'static str>) {
    for Field(name, kind) in fields {
        match kind {
            Kind::Skip(_) | Kind::Rest => continue,
            Kind::Masks => out.extend(["sabm", "udabm"]),
            Kind::FamilyAddr => out.extend(["address_family", *name]),
            Kind::Bits(parts) => out.extend(parts.iter().map(|(name, _)| *name)),
            Kind::ByLength(choices) => choices.iter().for_each(|(_, fields)| names(fields, out)),
            Kind::Times(_, fields) | Kind::Many(fields) => {
                out.insert(name);
                names(fields, out);
            }
            Kind::Tlv(table) | Kind::Tlvs(table) => {
                out.insert(name);
                names_in(table, out);
            }
            _ => {
                out.insert(name);
            }
        }
    }
}

fn names_in(table: &Table, out: &mut BTreeSet<&'static str>) {
    let rows = table.rows.iter().copied().flatten();
    rows.for_each(|Row(_, _, fields)| names(fields, out));
    names(table.others.unwrap_or_default(), out);
}

#[test]
fn the_schema_has_the_fields_of_all_tables() {
    let mut wanted = BTreeSet::from(["type", "name", "malformed", "raw"]);
    tables().for_each(|table| names_in(table, &mut wanted));
    // What stands in a list without a name of its own.
    wanted.remove("");
    assert_eq!(closed::fields("tlv"), wanted);
}
