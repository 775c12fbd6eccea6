//! Numbers that tshark has a name for have one here, too; so has all that is decoded.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::LazyLock;

use bgptap::bgp::{Capability, View, family, names};
use support::skip::skip;

type Tables = BTreeMap<String, BTreeMap<u32, String>>;

/// Names by number of each field of tshark's BGP dissector that has a table of them.
fn tables() -> Option<&'static Tables> {
    static TABLES: LazyLock<Option<Tables>> = LazyLock::new(read);
    TABLES.as_ref()
}

fn read() -> Option<Tables> {
    let output = Command::new("tshark")
        .args(["-G", "values"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut tables = Tables::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        if let ["V", field, number, name] = fields[..] {
            let number = match number.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            // Some tables have numbers below zero; none of these is asked for.
            if let Ok(number) = number {
                let table = tables.entry(field.to_owned()).or_default();
                table.insert(number, name.to_owned());
            }
        }
    }
    Some(tables)
}

fn low(number: u32) -> u8 {
    u8::try_from(number).expect("an octet")
}

#[test]
fn numbers_with_a_name_in_tshark_have_one_here() {
    let Some(tables) = tables() else {
        return skip("tshark is missing");
    };
    type Name = fn(u32) -> Option<&'static str>;
    let checks: [(&str, Name, &[u32]); 15] = [
        // 99 was never assigned; BGP-LS tried it.
        (
            "bgp.update.path_attribute.type_code",
            |n| names::attribute(low(n)),
            &[99],
        ),
        // RFC 4760 §9 reserves 3 and 130, which RFC 2858 had used for two families at once.
        ("bgp.cap.mp.safi", |n| names::safi(low(n)), &[0, 3, 130]),
        ("bgp.cap.type", |n| names::capability(low(n)), &[0]),
        (
            "bgp.route_refresh.orf.type",
            |n| names::route_filter(low(n)),
            &[],
        ),
        ("bgp.route_refresh.subtype", |n| names::refresh(low(n)), &[]),
        (
            "bgp.update.path_attribute.pmsi.tunnel.type",
            |n| names::pmsi_tunnel(low(n)),
            &[],
        ),
        (
            "bgp.update.path_attribute.community_wellknown",
            names::community,
            &[],
        ),
        (
            "bgp.ext_com.stype_tr_as2",
            |n| names::ext_community(0x00, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_ntr_as2",
            |n| names::ext_community(0x40, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_tr_IP4",
            |n| names::ext_community(0x01, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_tr_as4",
            |n| names::ext_community(0x02, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_tr_opaque",
            |n| names::ext_community(0x03, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_ntr_opaque",
            |n| names::ext_community(0x43, low(n)),
            &[],
        ),
        (
            "bgp.ext_com.stype_tr_evpn",
            |n| names::ext_community(0x06, low(n)),
            &[],
        ),
        // 4: Cisco's security groups; 0x84 and 0x85: tags; they are in no registry.
        (
            "bgp.ext_com.stype_tr_exp",
            |n| names::ext_community(0x80, low(n)),
            &[4, 0x84, 0x85],
        ),
    ];
    for (field, name, exceptions) in checks {
        let table = tables.get(field).expect(field);
        let nameless = table.keys().filter(|number| name(**number).is_none());
        let nameless: Vec<_> = nameless.copied().collect();
        assert_eq!(nameless, exceptions, "{field}");
    }
}

/// The names of error codes are texts of the RFCs, so that both have the same.
#[test]
fn errors_are_called_as_tshark_calls_them() {
    let Some(tables) = tables() else {
        return skip("tshark is missing");
    };
    let fields = [
        (0, "bgp.notify.major_error"),
        (1, "bgp.notify.minor_error"),
        (2, "bgp.notify.minor_error_open"),
        (3, "bgp.notify.minor_error_update"),
        (5, "bgp.notify.minor_error_state"),
        (6, "bgp.notify.minor_error_cease"),
    ];
    let mut differences = Vec::new();
    for (code, field) in fields {
        for (number, theirs) in tables.get(field).expect(field) {
            let theirs = theirs.trim_end_matches(" [Deprecated]");
            let ours = match code {
                0 => names::error(low(*number)),
                _ => names::error_subcode(code, low(*number)),
            };
            if ours != Some(theirs) {
                differences.push((code, *number, ours));
            }
        }
    }
    let expected = [
        // RFC 7313 §5; tshark 4.0 has the message of a draft there.
        (0, 7, Some("ROUTE-REFRESH Message Error")),
        // Cisco's alone; IANA lists 8 as deprecated.
        (2, 8, None),
        // RFC 4486 §4.
        (6, 2, Some("Administrative Shutdown")),
        (6, 4, Some("Administrative Reset")),
    ];
    assert_eq!(differences, expected);
}

/// RFC 4271 §4.5; IANA: "Reserved" below Cease and ROUTE-REFRESH Message Error.
#[test]
fn subcode_zero_of_each_code() {
    let named = |code| names::error_subcode(code, 0);
    for code in [1, 2, 3, 4, 8, 9] {
        assert_eq!(named(code), Some("Unspecific"), "{code}");
    }
    assert_eq!(named(5), Some("Unspecified Error"), "RFC 6608 §3");
    for code in [0, 6, 7, 10, 255] {
        assert_eq!(named(code), None, "{code}");
    }
}

#[test]
fn all_that_is_decoded_has_a_name() {
    for (code, _) in View::KNOWN {
        assert!(names::attribute(*code).is_some(), "attribute {code}");
    }
    for code in Capability::KNOWN {
        assert!(names::capability(*code).is_some(), "capability {code}");
    }
    for family in family::KNOWN {
        assert!(
            family.afi.name().is_some() && family.safi.name().is_some(),
            "{family}"
        );
    }
}
