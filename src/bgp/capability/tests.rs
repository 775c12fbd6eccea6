use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A capability with its code and length in front, as it is sent.
fn parse(bytes: &[u8]) -> Capability<'_> {
    assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
    Capability::parse(bytes[0], &bytes[2..])
}

#[test]
fn values_of_the_wrong_length_stay_readable() {
    let value = [0u8; 3];
    for code in 0..=255u8 {
        let expected = match Capability::parse(code, &value) {
            Capability::Malformed { code: c, value: v }
            | Capability::Other { code: c, value: v } => {
                assert_eq!((c, v), (code, &value[..]));
                continue;
            }
            typed => typed.code(),
        };
        // Three octets are what BGPsec has, or what a list begins with.
        assert!(matches!(expected, 7 | 64 | 75 | 131), "{code}");
    }
}

#[test]
fn what_has_a_specification_is_malformed_and_all_else_is_other() {
    let odd = [0xff; 11];
    for code in 0..=255u8 {
        let parsed = Capability::parse(code, &odd);
        assert_eq!(parsed.code(), code);
        match parsed {
            Capability::Other { .. } => assert!(!Capability::KNOWN.contains(&code), "{code}"),
            Capability::Malformed { .. } => assert!(Capability::KNOWN.contains(&code), "{code}"),
            // Any octets behind the first are capability codes.
            typed => assert_eq!(typed.code(), 131),
        }
    }
}

#[test]
fn add_path_lists_families() {
    let value = [0, 1, 1, 3, 0, 2, 1, 1];
    let Capability::AddPath(list) = Capability::parse(69, &value) else {
        panic!("not typed");
    };
    let list: Vec<_> = list.iter().collect();
    assert_eq!(list, [(Family::IPV4_UNICAST, 3), (Family::IPV6_UNICAST, 1)]);
}

#[test]
fn graceful_restart_flags_and_time() {
    let value = [0xc0, 0x78, 0, 1, 1, 0x80, 0, 2, 1, 0];
    let Capability::GracefulRestart(restart) = Capability::parse(64, &value) else {
        panic!("not typed");
    };
    assert!(restart.restarted() && restart.notifications());
    assert_eq!(restart.restart_time(), 120);
    assert_eq!(restart.families.iter().count(), 2);
    let preserved: Vec<_> = restart.preserved().collect();
    assert_eq!(preserved, [Family::IPV4_UNICAST]);
}

/// "ORF-many" of FRR's `tests/bgpd/test_capability.c`, which must parse.
#[test]
fn route_filters_of_several_families_and_types() {
    let sent = bytes(
        "03 21  00010001 03 4003 8001 8002  00020001 03 4003 8001 8002  00020002 03 4001 8002 8003",
    );
    let Capability::RouteFilters { code: 3, filters } = parse(&sent) else {
        panic!("not typed");
    };
    let first = [[0x40, 3], [0x80, 1], [0x80, 2]];
    let last = [[0x40, 1], [0x80, 2], [0x80, 3]];
    let expected = [
        (Family::IPV4_UNICAST, &first[..]),
        (Family::IPV6_UNICAST, &first[..]),
        (Family::IPV6_MULTICAST, &last[..]),
    ];
    assert_eq!(filters.collect::<Vec<_>>(), expected);
}

/// "ORFlo" and "ORFlu" of the same file: more and fewer entries than the length covers.
#[test]
fn route_filters_that_do_not_fit() {
    for hex in ["00010001 02 4003", "00010001 01 4003 80", "00010001", ""] {
        let value = bytes(hex);
        let expected = Capability::Malformed {
            code: 130,
            value: &value,
        };
        assert_eq!(Capability::parse(130, &value), expected);
    }
}

/// A test vector of NetGauze (`crates/bgp-pkt/src/wire/tests/mod.rs`): IPv4 and IPv6 unicast,
/// forwarding preserved, and the stale time with octets of our own choice.
#[test]
fn long_lived_graceful_restart() {
    let sent = bytes("47 0e 00010180000000 00020180000e10");
    let Capability::LongLivedGracefulRestart(list) = parse(&sent) else {
        panic!("not typed");
    };
    let list: Vec<_> = list
        .iter()
        .map(|entry| (entry.family, entry.flags, entry.stale_time))
        .collect();
    let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
    assert_eq!(list, [(v4, 0x80, 0), (v6, 0x80, 3600)]);
}

/// RFC 8205 §2.1: version in the upper four bits, then the direction; 1 is sending.
#[test]
fn bgpsec_says_which_way() {
    for (head, send) in [(0x00, false), (0x08, true)] {
        let expected = Capability::BgpSec {
            version: 0,
            send,
            afi: Afi::IPV6,
        };
        assert_eq!(Capability::parse(7, &[head, 0, 2]), expected);
    }
}

#[test]
fn limits_and_what_cisco_had_before_the_standards() {
    let value = [0, 1, 1, 0, 10, 0, 2, 1, 1, 0];
    let Capability::PathsLimit(list) = Capability::parse(76, &value) else {
        panic!("not typed");
    };
    let list: Vec<_> = list.iter().collect();
    let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
    assert_eq!(list, [(v4, 10), (v6, 256)]);
    // As ExaBGP sends it, `qa/encoding/conf-cap-link-local-nexthop.ci`.
    assert_eq!(parse(&[77, 0]), Capability::LinkLocalNextHop);
    assert_eq!(parse(&[128, 0]), Capability::RouteRefreshCisco);
    let sessions = Capability::MultisessionCisco {
        flags: 0x80,
        codes: &[1],
    };
    assert_eq!(parse(&[131, 2, 0x80, 1]), sessions);
}
