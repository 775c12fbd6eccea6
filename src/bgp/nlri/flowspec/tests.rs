//! FlowSpec against the examples of its RFCs and what other implementations encode.

use super::super::vectors::{bytes, faults, json, one, with_path_id};
use super::super::{Form, Nlri, NlriField};
use super::*;
use crate::bgp::error::Disposition;
use serde_json::json;

fn text(family: Family, hex: &str) -> String {
    let value = one(family, hex);
    value["text"].as_str().expect("text").to_owned()
}

/// The text of the first NLRI and the octets that could not be read.
fn broken(family: Family, hex: &str) -> (String, String) {
    let bytes = bytes(hex);
    assert_eq!(faults(Form::new(family), &bytes), [(0, None)], "in {hex}");
    let value = &json(Form::new(family), &bytes)[0];
    let string = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    (string("text"), string("raw"))
}

/// RFC 8955 §4.3.
#[test]
fn the_examples_of_rfc_8955() {
    let v4 = Family::IPV4_FLOWSPEC;
    assert_eq!(
        text(v4, "0b 01 18 c0 00 02 03 81 06 04 81 19"),
        "destination-ipv4 192.0.2.0/24 protocol =tcp port =25"
    );
    assert_eq!(
        text(
            v4,
            "12 01 18 c0 00 02 02 18 cb 00 71 04 03 89 45 8b 91 1f 90"
        ),
        "destination-ipv4 192.0.2.0/24 source-ipv4 203.0.113.0/24 port [ >=137&<=139 =8080 ]"
    );
    assert_eq!(
        text(v4, "09 01 20 c0 00 02 01 0c 80 05"),
        "destination-ipv4 192.0.2.1/32 fragment dont-fragment+first-fragment"
    );
}

/// RFC 8956 §3.8: a pattern in the middle of an address, from bit 64 and from bit 65.
#[test]
fn the_examples_of_rfc_8956() {
    let v6 = Family::IPV6_FLOWSPEC;
    let rest = "source-ipv6 2001:db8::/32/0 next-header =tcp";
    assert_eq!(
        text(
            v6,
            "12 01 68 40 12 34 56 78 9a 02 20 00 20 01 0d b8 03 81 06"
        ),
        format!("destination-ipv6 ::1234:5678:9a00:0/104/64 {rest}")
    );
    assert_eq!(
        text(
            v6,
            "12 01 68 41 24 68 ac f1 34 02 20 00 20 01 0d b8 03 81 06"
        ),
        format!("destination-ipv6 ::1234:5678:9a00:0/104/65 {rest}")
    );
    // §3.1: length and offset zero match every address.
    assert_eq!(text(v6, "03 01 00 00"), "destination-ipv6 ::/0/0");
}

/// Octets and text by ExaBGP 4.2.21.
#[test]
fn filters_of_vpns() {
    let hex = "20 0000fde800000007 01180a0001 0220c0a80001 05131f90541f98910c38 0c8202";
    let value = one(Family::IPV4_FLOWSPEC_VPN, hex);
    assert_eq!(value["rd"], "65000:7");
    assert_eq!(
        value["text"],
        "destination-ipv4 10.0.1.0/24 source-ipv4 192.168.0.1/32 \
         destination-port [ >=8080&<8088 =3128 ] fragment !is-fragment"
    );
    let hex = "1b00010a000001000501200020010db80381110b812e0da100012345";
    let value = one(Family::IPV6_FLOWSPEC_VPN, hex);
    assert_eq!(value["rd"], "10.0.0.1:5");
    assert_eq!(
        value["text"],
        "destination-ipv6 2001:db8::/32/0 next-header =udp traffic-class =46 flow-label =74565"
    );
    with_path_id(Family::IPV6_FLOWSPEC_VPN, hex);
}

/// The bits of ExaBGP's vector `bgp-flow-4`, and how they look as data.
#[test]
fn the_structure_in_json() {
    let octets = bytes("0d 01 12 0a 00 c0 09 00 90 c2 41 03 81 06");
    let form = Form::new(Family::IPV4_FLOWSPEC);
    assert_eq!(
        json(form, &octets)[0]["components"],
        json!([
            { "type": 1, "name": "destination-ipv4", "prefix": "10.0.192.0/18" },
            { "type": 9, "name": "tcp-flags", "operations": [
                { "op": "any", "value": 0x90 },
                { "and": true, "not": true, "op": "any", "value": 0x41 },
            ] },
            { "type": 3, "name": "protocol", "operations": [{ "op": "=", "value": 6 }] },
        ])
    );
    // RFC 8955 §4.2: ascending order of types.
    assert_eq!(faults(form, &octets), [(0, None)]);
}

/// A known error elsewhere: 10.0.1.0/24 read as if it were a field of prefixes.
#[test]
fn filters_are_no_prefixes() {
    let octets = bytes("05 01 18 0a 00 01");
    let field = NlriField::new(Form::new(Family::IPV4_FLOWSPEC), &octets);
    assert_eq!(field.prefixes().count(), 0);
    let items: Vec<_> = field.iter().collect();
    let [Nlri::FlowSpecs(flow)] = items[..] else {
        panic!("one filter, not {items:?}");
    };
    assert_eq!(flow.to_string(), "destination-ipv4 10.0.1.0/24");
}

/// RFC 8955 §4.1: from 240 octets on the length has two; the octets are ExaBGP's. ExaBGP 4.2
/// itself cannot read them back: it shifts the high nibble by sixteen.
#[test]
fn long_filters_have_a_length_of_two_octets() {
    let mut hex = String::from("f132 01180a0001 04");
    for port in 1000..1100 {
        let last = if port == 1099 { "91" } else { "11" };
        hex += &format!("{last}{port:04x}");
    }
    let value = one(Family::IPV4_FLOWSPEC, &hex);
    let operations = &value["components"][1]["operations"];
    assert_eq!(operations.as_array().map(Vec::len), Some(100));
    assert_eq!(operations[99]["value"], 1099);
    // The long form of a short length is readable: nothing forbids it to be read.
    assert_eq!(
        text(Family::IPV4_FLOWSPEC, "f005 01180a0001"),
        "destination-ipv4 10.0.1.0/24"
    );
}

#[test]
fn numeric_operators_without_comparison_show_no_value() {
    assert_eq!(
        text(
            Family::IPV4_FLOWSPEC,
            "0e 04 00 01 07 02 06 03 42 04 a5 00000005"
        ),
        "port [ false true !=3&>4 <=5 ]"
    );
}

/// RFC 8955 §4.2.2.9, §4.2.2.11, §4.2.2.12: those of other components are only recommended.
#[test]
fn values_of_the_wrong_width_are_malformed() {
    let (v4, v6) = (Family::IPV4_FLOWSPEC, Family::IPV6_FLOWSPEC);
    let wrong = |family, length: &str, component: &str| {
        let hex = format!("{length} 038106 {component}");
        let (text, raw) = broken(family, &hex);
        assert!(text.ends_with(" =tcp"), "{text}");
        assert_eq!(raw, component, "the component stays as it was sent");
    };
    // TCP flags have one or two octets; code points and fragments have one.
    assert_eq!(text(v4, "03 098102"), "tcp-flags =syn");
    assert_eq!(text(v4, "04 09910102"), "tcp-flags =syn+ns");
    wrong(v4, "09", "09a100000002");
    wrong(v4, "0d", "09b10000000000000002");
    for family in [v4, v6] {
        wrong(family, "07", "0b91002e");
        wrong(family, "07", "0c910002");
        // The second of two counts as the first does.
        wrong(family, "09", "0b012e91002e");
    }
    // Any other can have any: a protocol and a port in eight octets.
    assert_eq!(
        text(v4, "14 03b10000000000000006 04b10000000000000050"),
        "protocol =tcp port =80"
    );
}

/// RFC 8955 §4.2.1.1, §4.2.1.2, §4.2.2.9 to §4.2.2.12, RFC 8956 §3.6: reserved bits are ignored,
/// and so is AND in the first operator.
#[test]
fn bits_without_a_meaning_are_ignored() {
    let (v4, v6) = (Family::IPV4_FLOWSPEC, Family::IPV6_FLOWSPEC);
    assert_eq!(text(v4, "05 03 49 06 c9 11"), "protocol [ =tcp&=udp ]");
    assert_eq!(text(v4, "03 03 c9 06"), "protocol =tcp");
    assert_eq!(text(v4, "03 09 cd 02"), "tcp-flags =syn");
    assert_eq!(text(v4, "04 0991f002"), "tcp-flags =syn");
    assert_eq!(text(v4, "03 0b81ee"), "dscp =46");
    assert_eq!(text(v4, "03 0c81f3"), "fragment =dont-fragment+is-fragment");
    assert_eq!(text(v6, "03 0c81f3"), "fragment =is-fragment");
}

#[test]
fn malformed_filters_keep_what_can_be_read() {
    let v4 = Family::IPV4_FLOWSPEC;
    let some = |text: &str, raw: &str| (text.to_owned(), raw.to_owned());
    let first = "destination-ipv4 10.0.1.0/24";
    // An unknown component; flow labels are not for IPv4.
    assert_eq!(broken(v4, "08 01180a0001 0e8101"), some(first, "0e8101"));
    assert_eq!(broken(v4, "08 01180a0001 0d8101"), some(first, "0d8101"));
    // No end of the list, a value that is cut, a prefix that is cut or too long.
    assert_eq!(broken(v4, "08 01180a0001 030106"), some(first, "030106"));
    assert_eq!(broken(v4, "08 01180a0001 039106"), some(first, "039106"));
    assert_eq!(broken(v4, "04 01180a00"), some("", "01180a00"));
    assert_eq!(broken(v4, "07 01210a00010000"), some("", "01210a00010000"));
    // No component at all, and one twice.
    assert_eq!(broken(v4, "00"), some("", ""));
    assert_eq!(broken(v4, "06 038106 038111").1, "");
    // RFC 8956 §3.1: the offset is below the length.
    let v6 = Family::IPV6_FLOWSPEC;
    assert_eq!(broken(v6, "03 012020"), some("", "012020"));
    assert_eq!(broken(v6, "05 0120400102"), some("", "0120400102"));
}

#[test]
fn what_does_not_fit_ends_the_field() {
    let form = Form::new(Family::IPV4_FLOWSPEC);
    let octets = bytes("03 038106 2b 0000");
    assert_eq!(faults(form, &octets), [(4, None)]);
    assert_eq!(json(form, &octets).len(), 1);
    let vpn = Form::new(Family::IPV4_FLOWSPEC_VPN);
    assert_eq!(faults(vpn, &bytes("03 038106")), [(0, None)]);
}

/// RFC 4271 §4.3, RFC 8956 §3.1: bits behind the prefix mean nothing.
#[test]
fn host_bits_are_masked_and_reported() {
    let ignored = [(0, Some(Disposition::Ignore))];
    let check = |family, hex: &str, expected: &str| {
        let (form, octets) = (Form::new(family), bytes(hex));
        assert_eq!(faults(form, &octets), ignored, "{hex}");
        assert_eq!(json(form, &octets)[0]["text"], expected);
    };
    let v4 = "destination-ipv4 10.0.16.0/20";
    check(
        Family::IPV4_FLOWSPEC,
        "08 01140a0011 038106",
        &format!("{v4} protocol =tcp"),
    );
    let v6 = "source-ipv6 2001:db0::/28/0";
    check(Family::IPV6_FLOWSPEC, "07 021c00 20010db8", v6);
    // What is graver hides it.
    let worse = bytes("08 01140a0011 0e8106");
    assert_eq!(
        faults(Form::new(Family::IPV4_FLOWSPEC), &worse),
        [(0, None)]
    );
}
