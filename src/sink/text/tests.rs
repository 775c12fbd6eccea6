use super::*;
use crate::bgp::Family;
use crate::sink::json;

fn meta() -> Meta<'static> {
    Meta {
        ts_ns: 951_782_400_000_001_999,
        ts_source: "file",
        peer: "192.0.2.1".parse().expect("an address"),
        peer_port: 179,
        peer_asn: Some(4_200_000_000),
        local: "2001:db8::2".parse().expect("an address"),
        local_port: 40000,
        local_asn: None,
        session: 0xabc,
        seq: 7,
        event_no: 9,
        host: "tap",
        searched: false,
    }
}

/// What every line of [`meta`] begins with: a leap day, to the microsecond.
const BEGIN: &str = "2000-02-29 00:00:00.000001Z 192.0.2.1 AS4200000000 > 2001:db8::2 ";

fn whole(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("short");
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(code);
    bytes.extend_from_slice(body);
    bytes
}

/// An UPDATE of what is withdrawn, attributes and what is announced.
fn update(withdrawn: &[u8], attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| u16::try_from(field.len()).expect("short").to_be_bytes();
    let fields = [
        &length(withdrawn)[..],
        withdrawn,
        &length(attributes),
        attributes,
        announced,
    ];
    whole(2, &fields.concat())
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

/// What a writer of lines makes of a message, behind [`BEGIN`].
fn told_by(mut lines: TextWriter, bytes: &[u8], context: &Context) -> String {
    let message = Message::parse(bytes, context).expect("a header");
    let context = (context, json::ContextSource::Assumed);
    let text = written(|out| lines.message(out, &meta(), &message, context, None));
    let text = text.strip_prefix(BEGIN).expect("time and speakers");
    text.strip_suffix('\n').expect("a whole line").to_owned()
}

fn told(bytes: &[u8]) -> String {
    told_by(
        TextWriter::new(Options::default()),
        bytes,
        &Context::assumed(),
    )
}

/// ORIGIN igp, AS_PATH `64496 65536`, NEXT_HOP 192.0.2.9.
const MANDATORY: &[u8] = &[
    0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0, 0, 0xfb, 0xf0, 0, 1, 0, 0, 0x40, 3, 4, 192, 0, 2, 9,
];

#[test]
fn an_update_in_a_line() {
    assert_eq!(
        told(&update(&[8, 10], MANDATORY, &[24, 198, 51, 100])),
        "UPDATE +198.51.100.0/24 -10.0.0.0/8 via 64496 65536 next-hop 192.0.2.9"
    );
    let six: Vec<u8> = (1..=6).flat_map(|net| [8, net]).collect();
    assert_eq!(
        told(&update(&six, &[], &[])),
        "UPDATE -1.0.0.0/8 -2.0.0.0/8 -3.0.0.0/8 -4.0.0.0/8 (-2 more)"
    );
    assert_eq!(
        told(&update(&[], &[], &[])),
        "UPDATE End-of-RIB ipv4/unicast"
    );
}

/// Prefixes as routers print them: a label behind `@`, the route distinguisher before (RFC 4364 §4.2).
#[test]
fn families_beside_unicast_are_named() {
    let mut mp = vec![0x80, 14, 32, 0, 1, 128, 12];
    mp.extend([0; 8]);
    mp.extend([192, 0, 2, 9, 0]);
    mp.extend([112, 0, 100, 1, 0, 0, 0xfd, 0xe8, 0, 0, 0, 7, 10, 1, 1]);
    let text = told(&update(&[], &[&MANDATORY[..17], &mp].concat(), &[]));
    assert!(
        text.starts_with("UPDATE ipv4/vpn +65000:7:10.1.1.0/24@1600 via 64496 65536"),
        "{text}"
    );
    let flow = [0x80, 14, 11, 0, 1, 133, 0, 0, 5, 1, 24, 192, 0, 2];
    let text = told(&update(&[], &[&MANDATORY[..17], &flow].concat(), &[]));
    assert!(
        text.contains(" +{") && text.contains("192.0.2.0/24"),
        "{text}"
    );
}

#[test]
fn errors_come_at_the_end_in_the_words_of_rfc_7606() {
    let origin = [0x40, 1, 1, 9];
    let bytes = update(&[], &[&origin, &MANDATORY[4..]].concat(), &[8, 10]);
    let text = told(&bytes);
    let error =
        "ERROR treat-as-withdraw: ORIGIN is none of igp, egp, incomplete (ORIGIN, offset 26)";
    assert!(text.ends_with(error), "{text}");
}

#[test]
fn the_other_messages() {
    assert_eq!(told(&whole(4, &[])), "KEEPALIVE");
    assert_eq!(
        told(&whole(5, &[0, 2, 1, 1])),
        "ROUTE-REFRESH ipv6/unicast begin"
    );
    let open = [4, 0xfb, 0xf0, 0, 90, 192, 0, 2, 1, 0];
    assert_eq!(
        told(&whole(1, &open)),
        "OPEN asn 64496 hold 90 router-id 192.0.2.1"
    );
    let text = b"\x1b[2Jgone";
    let mut body = vec![6, 2, 8];
    body.extend_from_slice(text);
    assert_eq!(
        told(&whole(3, &body)),
        r#"NOTIFICATION Cease/Administrative Shutdown "\u{1b}[2Jgone""#
    );
    assert_eq!(
        told(&whole(77, &[1, 2])),
        "UNKNOWN type 77, body of 2 bytes ERROR session-reset: unknown message type (offset 18)"
    );
}

#[test]
fn verbose_lines_have_every_attribute() {
    let lines = TextWriter::new(Options {
        verbose: true,
        ..Options::default()
    });
    let mut attributes = MANDATORY.to_vec();
    attributes.extend([0xc0, 8, 8, 0, 2, 0, 1, 0xff, 0xff, 0xff, 1]);
    attributes.extend([0xc0, 99, 2, 0xab, 0xcd]);
    let text = told_by(
        lines,
        &update(&[], &attributes, &[8, 10]),
        &Context::assumed(),
    );
    for line in [
        "session 0000000000000abc ports 179 > 40000 message 7 length 65",
        "origin igp",
        "path 64496 65536",
        "next_hop 192.0.2.9",
        "community 2:1 no-export",
        "unknown_attributes {code=99 flags=192 value=abcd}",
        "announced ipv4/unicast next-hop 192.0.2.9",
        "  +10.0.0.0/8",
    ] {
        assert!(
            text.contains(&format!("\n    {line}")),
            "no {line} in {text}"
        );
    }
    assert!(text.contains("source=assumed"), "{text}");
}

#[test]
fn events_and_names() {
    let names = ["192.0.2.1=rtr1".parse::<PeerName>().expect("a pair")];
    let mut lines = TextWriter::new(Options {
        names: names.into_iter().collect(),
        ..Options::default()
    });
    let begin = BEGIN.replace("192.0.2.1 ", "rtr1 ");
    let meta = meta();
    let (up, before) = (State::Established, State::OpenConfirm);
    let text = [
        written(|out| lines.state(out, &meta, up, before, "keepalive")),
        written(|out| lines.gap(out, &meta, 1448, "mirror_loss")),
        written(|out| lines.malformed(out, &meta, 42, "bad_marker")),
        written(|out| lines.alarm(out, &meta, Alarm::HoldMarginLow(1_500_000_000))),
        written(|out| {
            let transfer = Transfer::EndOfRib {
                family: Family::IPV6_UNICAST,
                again: false,
                after_ns: Some(12_000_000),
            };
            lines.transfer(out, &meta, &transfer);
        }),
    ];
    let expected = [
        "STATE OpenConfirm -> Established (keepalive)",
        "GAP 1448 bytes missing (mirror_loss)",
        "MALFORMED 42 bytes without a message (bad_marker)",
        "TCP hold_margin_low 1500 ms",
        "TRANSFER end_of_rib ipv6/unicast after 12 ms",
    ];
    for (text, expected) in text.iter().zip(expected) {
        assert_eq!(*text, format!("{begin}{expected}\n"));
    }
}

/// Without its escapes a coloured line is the plain one.
#[test]
fn colours_add_nothing_but_escapes() {
    let bytes = update(&[8, 10], MANDATORY, &[24, 198, 51, 100]);
    let message = Message::parse(&bytes, &Context::assumed()).expect("a header");
    let make = |coloured| {
        let mut lines = TextWriter::new(Options {
            coloured,
            ..Options::default()
        });
        let context = Context::assumed();
        let context = (&context, json::ContextSource::Assumed);
        written(|out| lines.message(out, &meta(), &message, context, None))
    };
    let coloured = make(true);
    assert!(coloured.contains("\u{1b}["));
    let stripped = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(stripped, make(false));
}
