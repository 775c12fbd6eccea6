//! Expressions with each test of the language, and what the fields of the lines of `--json` say to them.

use super::changes;
use super::fields::{
    address, any_as, as_of, communities, families, first_as, is_one_of, items, next_hops,
    origin_as, prefixes,
};
use bgpkit_parser::models::NetworkPrefix;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An expression, and for each event whether it is to be selected.
pub type Case = (String, Vec<bool>);

/// Cases whose values are those that some of the events have.
pub struct Cases<'e> {
    events: &'e [Value],
    pub list: Vec<Case>,
}

impl<'e> Cases<'e> {
    pub fn of(events: &'e [Value]) -> Self {
        let list = Vec::new();
        let mut cases = Self { events, list };
        cases.of_types();
        cases.of_sessions();
        cases.of_ases();
        cases.of_families();
        cases.of_prefixes();
        cases.of_attributes();
        cases
    }

    fn add(&mut self, expr: impl Into<String>, wants: impl Fn(&Value) -> bool) {
        let wanted = self.events.iter().map(wants).collect();
        self.list.push((expr.into(), wanted));
    }

    /// Some of the values that events have: those that are in fewest and in most of them.
    fn some<T: Ord + Clone>(&self, of: impl Fn(&Value) -> Vec<T>) -> Vec<T> {
        let mut counts = BTreeMap::<T, usize>::new();
        for event in self.events {
            for value in of(event).into_iter().collect::<BTreeSet<_>>() {
                *counts.entry(value).or_default() += 1;
            }
        }
        let mut all: Vec<_> = counts.into_iter().collect();
        all.sort_by_key(|(_, count)| *count);
        let ends = [all.first(), all.last()].into_iter().flatten();
        ends.map(|(value, _)| value.clone()).collect()
    }

    fn of_types(&mut self) {
        for kind in [
            "update",
            "open",
            "keepalive",
            "notification",
            "route-refresh",
            "unknown",
            "state",
            "transfer",
            "tcp",
            "gap",
            "malformed",
        ] {
            let told = kind.to_uppercase().replace('-', "_");
            self.add(format!("type {kind}"), |event| event["type"] == told);
        }
        self.add("TYPE Gap,route_refresh", |event| {
            is_one_of(event, &["GAP", "ROUTE_REFRESH"])
        });
        let has = |event: &Value, name: &str| items(event, name).next().is_some();
        for name in ["announces", "announcements"] {
            self.add(name, |event| has(event, "announcements"));
        }
        for name in ["withdraws", "withdrawals"] {
            self.add(name, |event| has(event, "withdrawals"));
        }
        self.add("eor", |event| !event["eor"].is_null());
        self.add("errors", |event| {
            has(event, "errors") || event["type"] == "MALFORMED"
        });
        let changes = changes::of(self.events.iter());
        self.list.push(("only-changes".into(), changes));
        self.add("not eor and type update or type tcp,gap", |event| {
            is_one_of(event, &["TCP", "GAP"]) || event["type"] == "UPDATE" && event["eor"].is_null()
        });
    }

    fn of_sessions(&mut self) {
        for id in self.some(|event| vec![event["session"].as_str().unwrap().to_owned()]) {
            self.add(format!("session {id}"), |event| event["session"] == id);
        }
        for (name, ends) in [
            ("peer", &["peer"][..]),
            ("neighbor", &["peer"]),
            ("local", &["local"]),
            ("endpoint", &["peer", "local"]),
        ] {
            for value in self.some(|event| vec![address(event, "local")]) {
                self.add(format!("{name} {value}"), |event| {
                    ends.iter().any(|end| address(event, end) == value)
                });
            }
        }
    }

    fn of_ases(&mut self) {
        type Of = fn(&Value) -> Vec<u64>;
        let tests: [(&[&str], Of); 5] = [
            (&["peer-as", "peer-asn"], |event| as_of(event, "peer_asn")),
            (&["local-as"], |event| as_of(event, "local_asn")),
            (&["first-as"], first_as),
            (&["origin-as", "origin-asn"], origin_as),
            (&["as", "asn"], any_as),
        ];
        for (names, of) in tests {
            for name in names {
                for asn in self.some(of) {
                    let fits = |event: &Value| of(event).contains(&asn);
                    self.add(format!("{name} {asn}"), fits);
                    // RFC 5396 §2.
                    self.add(format!("{name} {}.{}", asn >> 16, asn & 0xffff), fits);
                    let above = (asn / 2)..=asn;
                    self.add(format!("{name} {}-{asn}", asn / 2), |event| {
                        of(event).iter().any(|asn| above.contains(asn))
                    });
                }
            }
        }
    }

    fn of_families(&mut self) {
        type Fits = fn((u64, u64)) -> bool;
        let names: [(&str, Fits); 15] = [
            ("ipv4", |(afi, _)| afi == 1),
            ("ipv6", |(afi, _)| afi == 2),
            ("evpn", |(_, safi)| safi == 70),
            ("flowspec", |(_, safi)| safi == 133),
            ("ipv4/unicast", |family| family == (1, 1)),
            ("ipv6/unicast", |family| family == (2, 1)),
            ("ipv6-unicast", |family| family == (2, 1)),
            ("vpnv4", |family| family == (1, 128)),
            ("vpnv6", |family| family == (2, 128)),
            ("1/128", |family| family == (1, 128)),
            ("*/flowspec", |(_, safi)| safi == 133),
            ("l2vpn/evpn", |family| family == (25, 70)),
            ("ipv4/labeled-unicast", |family| family == (1, 4)),
            ("1/4,2/133", |family| matches!(family, (1, 4) | (2, 133))),
            ("*/128", |(_, safi)| safi == 128),
        ];
        for (name, fits) in names {
            let is = |event: &Value| families(event).into_iter().any(fits);
            self.add(format!("family {name}"), is);
            // What has no routes, and yet a family.
            for kind in ["transfer", "route-refresh"] {
                let told = kind.to_uppercase().replace('-', "_");
                self.add(format!("type {kind} and family {name}"), |event| {
                    event["type"] == told && is(event)
                });
            }
            self.add(format!("family {name} and eor"), |event| {
                is(event) && !event["eor"].is_null()
            });
        }
    }

    fn of_prefixes(&mut self) {
        for value in self.some(|event| prefixes(event).iter().map(|p| p.prefix).collect()) {
            let wider = value.supernet().and_then(|net| net.supernet());
            for net in [Some(value), wider].into_iter().flatten() {
                let is = |event: &Value, fits: &dyn Fn(&NetworkPrefix) -> bool| {
                    prefixes(event).iter().any(fits)
                };
                for relation in ["prefix", "net", "prefix exact"] {
                    self.add(format!("{relation} {net}"), |event| {
                        is(event, &|p| p.prefix == net)
                    });
                }
                let inside = |event: &Value| is(event, &|p| net.contains(&p.prefix));
                for relation in ["longer", "more", "more-specific"] {
                    self.add(format!("prefix {relation} {net}"), inside);
                }
                self.add(format!("prefix {net}+"), inside);
                let outside = |event: &Value| is(event, &|p| p.prefix.contains(&net));
                for relation in ["shorter", "less", "less-specific", "covers"] {
                    self.add(format!("prefix {relation} {net}"), outside);
                }
                self.add(format!("prefix {net}-"), outside);
                self.add(format!("prefix any {net}"), |event| {
                    inside(event) || outside(event)
                });
                let least = net.prefix_len();
                let most = net.max_prefix_len().min(least + 1);
                self.add(format!("prefix {net}{{{least},{most}}}"), |event| {
                    is(event, &|p| {
                        net.contains(&p.prefix) && p.prefix.prefix_len() <= most
                    })
                });
            }
        }
    }

    fn of_attributes(&mut self) {
        for hop in self.some(next_hops) {
            self.add(format!("next-hop {hop}"), |event| {
                next_hops(event).contains(&hop)
            });
        }
        let path = |event: &Value| event["path_text"].as_str().map(str::to_owned);
        for text in self.some(|event| path(event).into_iter().collect()) {
            let regex = text.replace(['{', '}', '(', ')', '[', ']'], ".");
            for name in ["aspath", "as-path", "path", "bgp-path"] {
                self.add(format!("{name} '^{regex}$'"), |event| {
                    path(event).as_ref() == Some(&text)
                });
            }
        }
        for community in self.some(communities) {
            self.add(format!("community {community}"), |event| {
                communities(event).contains(&community)
            });
        }
        // By the names of IANA's registry.
        for (name, value) in [("no-export", "65535:65281"), ("blackhole", "65535:666")] {
            self.add(format!("community {name}"), |event| {
                communities(event).iter().any(|one| one == value)
            });
        }
        let begins = |event: &Value, begin: &str| {
            let all = communities(event);
            all.iter().any(|one| one.starts_with(begin))
        };
        self.add("community 0x0002*", |event| begins(event, "0x0002"));
        // Of two octets and of four (RFC 4360 §3.1, RFC 5668 §2).
        self.add("community rt:65001:*", |event| {
            begins(event, "0x0002fde9") || begins(event, "0x02020000fde9")
        });
    }
}
