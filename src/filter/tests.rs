//! The language: what is read, what is refused and where, and that printing is the inverse of reading.

use super::community::{Admin, CommunityPattern};
use super::expr::{End, EventType, Expr, SessionId, Test, Trait, Whose};
use super::path::PathPattern;
use super::span::Span;
use super::*;
use crate::bgp::attribute::Community;
use crate::bgp::attribute::LargeCommunity;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::bgp::nlri::Prefix;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    match Filter::parse(text) {
        Ok(filter) => filter.to_string(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_names_that_operators_know_are_understood() {
    for (written, canonical) in [
        ("TYPE Update", "type update"),
        ("type route_refresh , gap", "type route-refresh,gap"),
        ("neighbor 10.0.0.1", "peer 10.0.0.1"),
        (
            "peer 2001:db8::/32,10.0.0.0/8",
            "peer 2001:db8::/32,10.0.0.0/8",
        ),
        ("peer_asn 1.10", "peer-as 65546"),
        ("as 64512-65534", "as 64512-65534"),
        ("prefix 10.0.0.0/8", "prefix 10.0.0.0/8"),
        ("prefix more 10.0.0.0/8", "prefix 10.0.0.0/8+"),
        ("net less-specific 10.0.0.0/8", "prefix 10.0.0.0/8-"),
        ("prefix covers 192.0.2.1", "prefix 192.0.2.1/32-"),
        ("prefix any 10.0.0.0/8", "prefix 10.0.0.0/8{0,32}"),
        (
            "prefix 10.0.0.0/8{16,24}, ::/0+",
            "prefix 10.0.0.0/8{16,24},::/0+",
        ),
        ("family ipv4", "family ipv4/*"),
        ("family vpnv4,EVPN", "family ipv4/vpn,*/evpn"),
        (
            "family ipv6-labeled-unicast,1/128",
            "family ipv6/labeled-unicast,ipv4/vpn",
        ),
        ("family 4711/*", "family 4711/*"),
        (
            "community no_export,65000:*",
            "community 65535:65281,65000:*",
        ),
        ("community *:1:2-3", "community *:1:2-3"),
        (
            "community RT:65000:1,ro:192.0.2.1:7",
            "community rt:65000:1,soo:192.0.2.1:7",
        ),
        ("community 0x0002FDE8*", "community 0x0002fde8*"),
        ("as-path ^65000_", "aspath \"^65000_\""),
        ("aspath '^(1|2) '", "aspath \"^(1|2) \""),
        (
            "not eor and announces or withdrawals",
            "not eor and announces or withdraws",
        ),
        (
            "!eor && errors || only_changes",
            "not eor and errors or only-changes",
        ),
        ("(type update)", "type update"),
        ("not (eor or errors)", "not (eor or errors)"),
        (
            "(eor or errors) and announces",
            "(eor or errors) and announces",
        ),
        ("session 00000000000000aB", "session 00000000000000ab"),
    ] {
        assert_eq!(shown(written), canonical, "{written}");
        assert_eq!(shown(canonical), canonical, "{written}");
    }
}

#[test]
fn mistakes_are_told_where_they_are() {
    for (text, at, what) in [
        ("", "", "the name of a test"),
        ("prefx 10.0.0.0/8", "prefx", "perhaps `prefix`"),
        ("type updte", "updte", "perhaps `update`"),
        ("type update, ", "", "a value of `type` is missing"),
        ("peer = 1.2.3.4", "=", "without a sign"),
        ("peer 1.2.3", "1.2.3", "no IP address"),
        (
            "prefix 10.0.0.1/8",
            "10.0.0.1/8",
            "the network is 10.0.0.0/8",
        ),
        ("prefix 10.0.0.0/33", "10.0.0.0/33", "from 0 to 32"),
        ("prefix longer 10.0.0.0/8+", "10.0.0.0/8+", "told twice"),
        (
            "prefix 10.0.0.0/8{24,16}",
            "10.0.0.0/8{24,16}",
            "from 24 to 16",
        ),
        ("eor and prefix", "", "a value of `prefix`"),
        ("family ipv5", "ipv5", "perhaps `ipv"),
        ("community 65536:1", "65536:1", "more than 65535"),
        ("community no-exprt", "no-exprt", "perhaps `no-export`"),
        ("community 0x12", "0x12", "sixteen"),
        ("as 4294967296", "4294967296", "32 bits"),
        ("as 5-4", "5-4", "empty"),
        ("as +5", "+5", "no number"),
        ("aspath '(1'", "(", "unclosed group"),
        ("aspath _1_, '_2_ *(3'", "(", "unclosed group"),
        ("aspath '_1_+|_2_[3'", "[", "unclosed character class"),
        (
            "aspath '_é{2,1}'",
            "{2,1}",
            "invalid repetition count range",
        ),
        (
            "aspath \"a{1000}{1000}\"",
            "\"a{1000}{1000}\"",
            "too much memory",
        ),
        ("(eor", "(", "not closed"),
        ("eor)", ")", "not opened"),
        ("eor errors", "errors", "`and` or `or`"),
        ("(eor errors)", "errors", "closing bracket"),
        ("peer 10.0.0.1 10.0.0.2", "10.0.0.2", "separated by commas"),
        ("aspath 1|2", "|", "quotes"),
        ("aspath 'x", "'x", "counterpart"),
        ("session 12", "12", "sixteen"),
        ("eor and\n  nought", "nought", "there is no test"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(&text[error.span()], at, "{text}: {error}");
        let message = error.to_string();
        assert!(message.contains(what), "{text}: {message}");
        assert!(
            message
                .lines()
                .any(|line| line.trim_start().starts_with('^')),
            "{message}"
        );
    }
    let deep = format!("{}eor", "(".repeat(100_000));
    assert!(Filter::parse(&deep).is_err(), "the stack is not used up");
    let nots = "not ".repeat(10_000);
    assert!(Filter::parse(&format!("{nots}eor")).is_err());
}

#[test]
fn an_error_reads_like_this() {
    let error = Filter::parse("type update and famly ipv4").expect_err("a slip");
    let expected = "there is no test `famly`\n  type update and famly ipv4\n                  ^^^^^\n  perhaps `family`";
    assert_eq!(error.to_string(), expected);
}

fn prefix(text: &str) -> Prefix {
    let (addr, len) = text.split_once('/').expect("a prefix");
    Prefix {
        addr: addr.parse().expect("an address"),
        len: len.parse().expect("a length"),
        path_id: None,
    }
}

#[test]
fn prefixes_lie_to_one_another_as_their_relation_says() {
    let matching = |expr: &str| {
        let Expr::Test(Test::Prefix(patterns)) = parse::parse(expr).expect(expr) else {
            panic!("{expr} asks for a prefix");
        };
        let candidates = [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.16.0.0/12",
            "10.16.1.0/24",
            "11.0.0.0/8",
            "::/0",
            "a00::/8",
        ];
        let fits = |text: &&str| patterns.iter().any(|p| p.matches(&prefix(text)));
        candidates.into_iter().filter(fits).collect::<Vec<_>>()
    };
    assert_eq!(matching("prefix 10.16.0.0/12"), ["10.16.0.0/12"]);
    assert_eq!(
        matching("prefix longer 10.16.0.0/12"),
        ["10.16.0.0/12", "10.16.1.0/24"]
    );
    assert_eq!(
        matching("prefix shorter 10.16.0.0/12"),
        ["0.0.0.0/0", "10.0.0.0/8", "10.16.0.0/12"]
    );
    assert_eq!(matching("prefix any 10.16.0.0/12").len(), 4);
    assert_eq!(matching("prefix covers 10.16.1.7").len(), 4);
    assert_eq!(matching("prefix 10.16.0.0/12{9,23}"), ["10.16.0.0/12"]);
    assert_eq!(matching("prefix 0.0.0.0/0"), ["0.0.0.0/0"]);
    assert_eq!(matching("prefix longer ::/0"), ["::/0", "a00::/8"]);
}

#[test]
fn communities_of_each_kind_keep_to_themselves() {
    let pattern = |text: &str| text.parse::<CommunityPattern>().expect(text);
    let of = |asn: u32, value: u32| Community(asn << 16 | value);
    assert!(pattern("65000:*").standard(of(65000, 7)));
    assert!(!pattern("65000:*").standard(of(65001, 7)));
    assert!(pattern("*:100-200").standard(of(1, 200)));
    assert!(pattern("no-export").standard(Community(0xffff_ff01)));
    let large = LargeCommunity {
        global: 4_200_000_000,
        local1: 1,
        local2: 2,
    };
    assert!(pattern("4200000000:*:2").large(large));
    assert!(!pattern("*:*:3").large(large));
    assert!(!pattern("*:*").large(large), "two parts are another kind");
    // RFC 4360 §3.1, §3.2, §4, §5, and RFC 5668 §2 for four octets.
    let two_octets = ExtCommunity([0x00, 0x02, 0xfd, 0xe8, 0, 0, 0, 100]);
    let address = ExtCommunity([0x01, 0x03, 192, 0, 2, 1, 0, 7]);
    let four_octets = ExtCommunity([0x02, 0x02, 0xfa, 0x56, 0xea, 0x00, 0, 5]);
    assert!(pattern("rt:65000:100").extended(two_octets));
    assert!(pattern("rt:*:100").extended(two_octets));
    assert!(!pattern("soo:65000:100").extended(two_octets));
    assert!(pattern("soo:192.0.2.1:*").extended(address));
    assert!(pattern("soo:*:*").extended(address));
    assert!(pattern("rt:4200000000:5").extended(four_octets));
    assert!(pattern("0x0002fde8*").extended(two_octets));
    assert!(pattern("0x0002fde800000064").extended(two_octets));
    assert!(!pattern("0x0003*").extended(two_octets));
    assert!(pattern("0x*").extended(address));
}

#[test]
fn an_underscore_separates_as_numbers() {
    let matches = |regex: &str, path: &str| PathPattern::new(regex).expect(regex).matches(path);
    assert!(matches("_65001_", "65001"));
    assert!(matches("_65001_", "1 65001 2"));
    assert!(matches("_65001_", "1 {65001,2}"));
    assert!(matches("_65001_", "(65001 65002) 1"));
    assert!(!matches("_65001_", "1 650012"));
    assert!(matches("^65001_.*_2$", "65001 7 2"));
    assert!(matches("^$", ""));
    assert!(matches("^[0-9]+$", "7"));
    assert!(!matches("^[0-9]+$", "7 8"));
    assert!(matches(r"\d \d", "7 8"));
}

fn span() -> impl Strategy<Value = Span> {
    let range = |(a, b): (u32, u32)| Span::new(a.min(b), a.max(b));
    prop_oneof![
        Just(Span::ALL),
        any::<u32>().prop_map(Span::only),
        any::<(u32, u32)>().prop_map(range),
    ]
}

fn half() -> impl Strategy<Value = Span> {
    let range = |(a, b): (u16, u16)| Span::new(a.min(b).into(), a.max(b).into());
    prop_oneof![Just(Span::ALL), any::<(u16, u16)>().prop_map(range)]
}

fn community() -> impl Strategy<Value = CommunityPattern> {
    let admin = prop_oneof![
        span().prop_map(Admin::As),
        any::<[u8; 4]>().prop_map(|octets| Admin::Address(octets.into())),
    ];
    prop_oneof![
        [half(), half()].prop_map(CommunityPattern::Standard),
        [span(), span(), span()].prop_map(CommunityPattern::Large),
        (2u8..=3, admin, span()).prop_map(|(sub_type, admin, local)| {
            CommunityPattern::Extended {
                sub_type,
                admin,
                local,
            }
        }),
        (any::<u64>(), 0u8..=16).prop_map(|(bits, digits)| CommunityPattern::Raw {
            bits: bits
                & u64::MAX
                    .checked_shl(64 - 4 * u32::from(digits))
                    .unwrap_or(0),
            digits,
        }),
    ]
}

fn network() -> impl Strategy<Value = String> {
    let cut = |(addr, len): (std::net::IpAddr, u8)| {
        let len = len % if addr.is_ipv4() { 33 } else { 129 };
        let whole = if addr.is_ipv4() { 32 } else { 128 };
        Prefix {
            addr,
            len: whole,
            path_id: None,
        }
        .cut(len)
        .to_string()
    };
    (any::<std::net::IpAddr>(), any::<u8>()).prop_map(cut)
}

fn some<T: std::fmt::Debug>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(item, 1..4)
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("what was made to be valid")
}

fn test() -> impl Strategy<Value = Test> {
    let pattern = (network(), 0..4usize).prop_map(|(net, suffix)| {
        let bits = if net.contains(':') { 128 } else { 32 };
        let suffix = ["", "+", "-", &format!("{{3,{bits}}}")][suffix].to_owned();
        network::PrefixPattern::parse(&format!("{net}{suffix}"), None).expect("a pattern")
    });
    let family = (any::<Option<u8>>(), any::<Option<u8>>()).prop_map(|(afi, safi)| {
        let text = |part: Option<u8>| part.map_or("*".to_owned(), |n| n.to_string());
        parsed(&format!("{}/{}", text(afi), text(safi)))
    });
    let path = "[0-9_ ^$.*\\[\\]'|(){},&!]{0,12}"
        .prop_filter_map("a regular expression", |text| PathPattern::new(&text).ok());
    prop_oneof![
        some(prop::sample::select(EventType::ALL)).prop_map(Test::Type),
        some(any::<u64>().prop_map(SessionId)).prop_map(Test::Session),
        (
            prop::sample::select(End::ALL),
            some(network().prop_map(|n| parsed(&n)))
        )
            .prop_map(|(end, nets)| Test::Address(end, nets)),
        (prop::sample::select(Whose::ALL), some(span()))
            .prop_map(|(whose, asns)| Test::Asn(whose, asns)),
        some(family).prop_map(Test::Family),
        some(pattern).prop_map(Test::Prefix),
        some(network().prop_map(|n| parsed(&n))).prop_map(Test::NextHop),
        some(path).prop_map(Test::Path),
        some(community()).prop_map(Test::Community),
        prop::sample::select(Trait::ALL).prop_map(Test::Is),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    test()
        .prop_map(Expr::Test)
        .prop_recursive(4, 16, 3, |inner| {
            let several = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                several().prop_map(Expr::Or),
                several().prop_map(Expr::And),
                inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            ]
        })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(expr in expr()) {
        let text = expr.to_string();
        let read = parse::parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&expr), "{}", text);
    }

    /// Also what is no expression ends in an error with a place in it.
    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n\té]{0,40}|((type|peer|prefix|aspath|community|family|not|and|or|\\(|\\)|,|eor|1:2|::/0|10.0.0.0/8\\+|'|\") ?){0,12}") {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => {
                prop_assert!(text.get(error.span()).is_some());
                prop_assert!(error.to_string().contains('^'));
            }
        }
    }
}
