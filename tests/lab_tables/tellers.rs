//! What each implementation says of the routes that a neighbour has told it.

use crate::support::lab::{Lab, Table, canonical};
use serde_json::Value;
use std::fmt;

/// A route with the attributes that routers tell; `None` where it has none, or where a router does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) prefix: String,
    pub(crate) path_id: Option<u64>,
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) next_hop: String,
    pub(crate) med: Option<u64>,
    /// All sessions of the lab are external: it must not be there (RFC 4271 §5.1.5).
    pub(crate) local_pref: Option<u64>,
    /// `AS:ADDRESS`.
    pub(crate) aggregator: Option<String>,
    pub(crate) atomic: Option<bool>,
    pub(crate) communities: Option<Vec<String>>,
    pub(crate) large: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Software {
    Bird,
    /// The table as received.
    Frr,
    /// What it says of single routes, which is more.
    FrrRoutes,
    Gobgp,
    /// The list for people: it has path identifiers, JSON has not.
    GobgpList,
    Openbgpd,
}

/// One router about one direction.
pub(crate) struct Teller {
    software: Software,
    sender: &'static str,
    receiver: &'static str,
    afi: u64,
    /// In the router's namespace.
    command: &'static str,
}

const fn teller(
    software: Software,
    sender: &'static str,
    receiver: &'static str,
    afi: u64,
    command: &'static str,
) -> Teller {
    Teller {
        software,
        sender,
        receiver,
        afi,
        command,
    }
}

impl Teller {
    /// What BIRD has of ExaBGP.
    pub(crate) const EXABGP: Self = teller(
        Software::Bird,
        "192.0.2.5",
        "192.0.2.1",
        1,
        "birdc -s $RUN/bird/bird.ctl show route import table exabgp.ipv4 all",
    );

    /// What BIRD has of the feeder.
    pub(crate) const FEEDER: Self = teller(
        Software::Bird,
        "192.0.2.10",
        "192.0.2.1",
        1,
        "birdc -s $RUN/bird/bird.ctl show route import table feeder4.ipv4 all",
    );

    /// What FRR has of BIRD, a few routes of it one by one: [`Self::select`].
    pub(crate) const ONE_BY_ONE: Self = teller(
        Software::FrrRoutes,
        "192.0.2.1",
        "192.0.2.2",
        1,
        "vtysh --vty_socket $RUN/frr",
    );

    /// What GoBGP has of FRR, with path identifiers.
    pub(crate) const GOBGP_LIST: Self = teller(
        Software::GobgpList,
        "2001:db8:179::2",
        "2001:db8:179::3",
        1,
        "gobgp neighbor 2001:db8:179::2 adj-in -a ipv4",
    );

    /// What OpenBGPD has of GoBGP.
    pub(crate) const OPENBGPD: Self = teller(
        Software::Openbgpd,
        "192.0.2.3",
        "192.0.2.4",
        1,
        "bgpctl -j -s $RUN/openbgpd/bgpd.sock show rib inet detail neighbor 192.0.2.3 in",
    );

    /// Who tells what: what was received, and of GoBGP also what was sent.
    pub(crate) const ALL: [Self; 13] = [
        Self::ONE_BY_ONE,
        Self::GOBGP_LIST,
        Self::OPENBGPD,
        Self::EXABGP,
        Self::FEEDER,
        teller(
            Software::Bird,
            "2001:db8:179::a",
            "2001:db8:179::1",
            2,
            "birdc -s $RUN/bird/bird.ctl show route import table feeder6.ipv6 all",
        ),
        teller(
            Software::Bird,
            "192.0.2.2",
            "192.0.2.1",
            1,
            "birdc -s $RUN/bird/bird.ctl show route import table frr4.ipv4 all",
        ),
        teller(
            Software::Frr,
            "192.0.2.1",
            "192.0.2.2",
            1,
            "vtysh --vty_socket $RUN/frr -c 'show bgp ipv4 unicast neighbors 192.0.2.1 received-routes json'",
        ),
        teller(
            Software::Frr,
            "2001:db8:179::1",
            "2001:db8:179::2",
            2,
            "vtysh --vty_socket $RUN/frr -c 'show bgp ipv6 unicast neighbors 2001:db8:179::1 received-routes json'",
        ),
        teller(
            Software::Gobgp,
            "2001:db8:179::2",
            "2001:db8:179::3",
            1,
            "gobgp neighbor 2001:db8:179::2 adj-in -a ipv4 -j",
        ),
        teller(
            Software::Gobgp,
            "2001:db8:179::2",
            "2001:db8:179::3",
            2,
            "gobgp neighbor 2001:db8:179::2 adj-in -a ipv6 -j",
        ),
        teller(
            Software::Gobgp,
            "192.0.2.3",
            "192.0.2.4",
            1,
            "gobgp neighbor 192.0.2.4 adj-out -a ipv4 -j",
        ),
        teller(
            Software::Openbgpd,
            "2001:db8:179::3",
            "2001:db8:179::4",
            2,
            "bgpctl -j -s $RUN/openbgpd/bgpd.sock show rib inet6 detail neighbor 2001:db8:179::3 in",
        ),
    ];

    fn namespace(&self) -> &'static str {
        match self.software {
            Software::Bird => "bird",
            Software::Frr | Software::FrrRoutes => "frr",
            Software::Gobgp | Software::GobgpList => "gobgp",
            Software::Openbgpd => "openbgpd",
        }
    }

    pub(crate) fn table(&self) -> Table {
        let address = |text: &str| text.parse().unwrap();
        (address(self.sender), address(self.receiver), self.afi)
    }

    /// The AS whose routes it does not keep.
    pub(crate) fn forgets_as(&self) -> Option<&'static str> {
        (self.software == Software::Bird).then_some("65001")
    }

    /// Of a table of ours, the routes that the router is asked for.
    pub(crate) fn select<'a>(&self, routes: &'a [Route]) -> Vec<&'a Route> {
        let mut all: Vec<_> = routes.iter().collect();
        if self.software == Software::FrrRoutes {
            // FRR drops what has its own AS in the path. What others than the feeder announce is asked for as a whole.
            all.retain(|route| route.path.split(' ').all(|asn| asn != "65002"));
            all.sort();
            let of_others = |route: &&Route| route.prefix.starts_with("203.0.113.");
            let (rest, fed): (Vec<_>, Vec<_>) = all.into_iter().partition(of_others);
            let step = fed.len().div_ceil(40).max(1);
            all = fed.into_iter().step_by(step).chain(rest).collect();
        }
        all
    }

    /// A route without what the router does not tell.
    pub(crate) fn as_told(&self, route: &Route) -> Route {
        let mut route = route.clone();
        match self.software {
            Software::Bird => (route.path_id, route.local_pref) = (None, None),
            Software::Gobgp => route.path_id = None,
            Software::GobgpList => {
                route = Route {
                    prefix: route.prefix,
                    path_id: route.path_id,
                    path: route.path,
                    next_hop: route.next_hop,
                    ..Route::default()
                };
            }
            Software::Frr => {
                route.path_id = None;
                (route.aggregator, route.atomic) = (None, None);
                (route.communities, route.large) = (None, None);
            }
            Software::FrrRoutes => {}
            Software::Openbgpd => {
                // A metric of 0 stands for none, and a preference of its own for none.
                route.med = route.med.filter(|med| *med != 0);
                (route.path_id, route.local_pref) = (None, None);
                // It leaves AS4_PATH aside wherever AGGREGATOR has another AS than AS_TRANS. By RFC 6793 §4.2.3 that is
                // to be done if AS4_AGGREGATOR has come too, which none of these routes has: the path is ours.
                if self.afi == 1 && route.aggregator.is_some() {
                    route.path = route.path.replace("4200000003", "23456");
                }
            }
        }
        route
    }

    /// The routes that the router tells, of those that were selected.
    pub(crate) fn routes(&self, lab: &Lab, selected: &[&Route]) -> Vec<Route> {
        let ask = |command: &str| lab.shell(self.namespace(), command);
        if self.software == Software::FrrRoutes {
            let show =
                |route: &&Route| format!(" -c 'show bgp ipv4 unicast {} json'", route.prefix);
            let shows: String = selected.iter().map(show).collect();
            return frr_routes(&ask(&format!("{}{shows}", self.command)), self.sender);
        }
        let text = ask(self.command);
        match self.software {
            Software::Bird => return bird(&text),
            Software::GobgpList => return gobgp_list(&text),
            _ => {}
        }
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match self.software {
            Software::Frr => frr(&value["receivedRoutes"]),
            Software::Gobgp => gobgp(&value),
            _ => openbgpd(&value["rib"]),
        }
    }
}

impl fmt::Display for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            software,
            sender,
            receiver,
            afi,
            ..
        } = self;
        write!(f, "{software:?} on {sender} to {receiver}, AFI {afi}")
    }
}

/// `PREFIX unicast [..]`, then lines with attributes; further paths of a prefix leave it out.
fn bird(text: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for line in text.lines() {
        // The space is there without a value, too.
        if let Some((name, value)) = line.trim_start().split_once(": ")
            && line.starts_with('\t')
        {
            let Some(route) = routes.last_mut() else {
                continue;
            };
            let value = value.trim();
            match name {
                "BGP.origin" => route.origin = value.to_lowercase(),
                "BGP.as_path" => route.path = value.into(),
                "BGP.next_hop" => route.next_hop = value.split(' ').next().unwrap().into(),
                "BGP.med" => route.med = value.parse().ok(),
                "BGP.community" => route.communities = Some(tuples(value)),
                "BGP.large_community" => route.large = Some(tuples(value)),
                "BGP.atomic_aggr" => route.atomic = Some(true),
                "BGP.aggregator" => {
                    let (address, asn) = value.split_once(" AS").unwrap();
                    route.aggregator = Some(format!("{asn}:{address}"));
                }
                _ => {}
            }
        } else if line.contains(" unicast [") {
            let prefix = line.split_whitespace().next().unwrap();
            let prefix = if line.starts_with(' ') {
                routes.last().unwrap().prefix.clone()
            } else {
                canonical(prefix)
            };
            routes.push(Route {
                prefix,
                atomic: Some(false),
                communities: Some(Vec::new()),
                large: Some(Vec::new()),
                ..Route::default()
            });
        }
    }
    routes
}

/// `(1,2) (3,4)` or `(1, 2, 3)`, sorted.
fn tuples(text: &str) -> Vec<String> {
    let parts = text.split(')').filter(|part| part.contains('('));
    let mut tuples: Vec<String> = parts
        .map(|part| part.replace(['(', ' '], "").replace(',', ":"))
        .collect();
    tuples.sort();
    tuples
}

fn frr(routes: &Value) -> Vec<Route> {
    let routes = routes.as_object().into_iter().flatten();
    routes
        .map(|(prefix, route)| {
            let text = |name: &str| route[name].as_str().unwrap_or_default().to_owned();
            let origin = match text("bgpOriginCode").as_str() {
                "i" => "igp",
                "e" => "egp",
                _ => "incomplete",
            };
            let global = route["nextHopGlobal"].as_str();
            Route {
                prefix: canonical(prefix),
                origin: origin.into(),
                path: text("path"),
                next_hop: global.map_or_else(|| text("nextHop"), ToOwned::to_owned),
                med: route["metric"].as_u64(),
                local_pref: route["locPrf"].as_u64(),
                ..Route::default()
            }
        })
        .collect()
}

/// The answers about single routes, one JSON object behind the other: what a neighbour told.
fn frr_routes(text: &str, neighbor: &str) -> Vec<Route> {
    let answers = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut routes = Vec::new();
    for answer in answers.map_while(Result::ok) {
        let prefix = canonical(answer["prefix"].as_str().unwrap_or_default());
        for path in answer["paths"].as_array().into_iter().flatten() {
            if path["peer"]["peerId"] != neighbor {
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let aggregator = path["aggregatorAs"].as_u64();
            routes.push(Route {
                prefix: prefix.clone(),
                path_id: path["addpathRxId"].as_u64(),
                origin: text(&path["origin"]).to_lowercase(),
                path: text(&path["aspath"]["string"]),
                next_hop: text(&path["nexthops"][0]["ip"]),
                med: path["metric"].as_u64(),
                local_pref: path["locPrf"].as_u64(),
                aggregator: aggregator.map(|asn| format!("{asn}:{}", text(&path["aggregatorId"]))),
                atomic: Some(path["atomicAggregate"] == true),
                communities: Some(list(&path["community"]["list"], number_of)),
                large: Some(list(&path["largeCommunity"]["list"], str::to_owned)),
            });
        }
    }
    routes
}

/// A list of texts, sorted.
fn list(values: &Value, text: impl Fn(&str) -> String) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    let mut list: Vec<_> = values.filter_map(Value::as_str).map(text).collect();
    list.sort();
    list
}

/// FRR and OpenBGPD name the communities of RFC 1997 and RFC 3765.
fn number_of(community: &str) -> String {
    match community {
        "noExport" | "NO_EXPORT" => "65535:65281".into(),
        "noAdvertise" | "NO_ADVERTISE" => "65535:65282".into(),
        "localAs" | "NO_EXPORT_SUBCONFED" => "65535:65283".into(),
        "noPeer" | "NO_PEER" => "65535:65284".into(),
        numbers => numbers.into(),
    }
}

/// `ID PREFIX NEXT-HOP AS AS... AGE [{ATTRIBUTES}]`, below a head.
fn gobgp_list(text: &str) -> Vec<Route> {
    let routes = text.lines().skip(1).filter_map(|line| {
        let mut words = line.split('[').next()?.split_whitespace();
        let path_id = words.next()?.parse().ok()?;
        let (prefix, next_hop) = (words.next()?, words.next()?);
        let mut path: Vec<_> = words.collect();
        path.pop()?;
        Some(Route {
            prefix: canonical(prefix),
            path_id: Some(path_id),
            path: path.join(" "),
            next_hop: next_hop.into(),
            ..Route::default()
        })
    });
    routes.collect()
}

fn gobgp(table: &Value) -> Vec<Route> {
    let routes = table.as_object().into_iter().flatten();
    routes
        .flat_map(|(prefix, paths)| {
            let paths = paths.as_array().unwrap().iter();
            paths.map(|path| gobgp_path(&canonical(prefix), &path["attrs"]))
        })
        .collect()
}

fn gobgp_path(prefix: &str, attributes: &Value) -> Route {
    let list = attributes.as_array().unwrap();
    let of = |code: u64| {
        list.iter()
            .find(|a| a["type"] == code)
            .unwrap_or(&Value::Null)
    };
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let segments = items(&of(2)["as_paths"]).into_iter().map(|segment| {
        let asns = items(&segment["asns"]);
        let asns: Vec<String> = asns.iter().map(Value::to_string).collect();
        match segment["segment_type"].as_u64() {
            Some(1) => format!("{{{}}}", asns.join(",")),
            _ => asns.join(" "),
        }
    });
    let path: Vec<String> = segments.collect();
    let communities = items(&of(8)["communities"]).into_iter().map(|community| {
        let community = community.as_u64().unwrap();
        format!("{}:{}", community >> 16, community & 0xffff)
    });
    let mut communities: Vec<String> = communities.collect();
    communities.sort();
    let large = items(&of(32)["value"]).into_iter();
    let mut large: Vec<String> = large
        .map(|l| format!("{}:{}:{}", l["ASN"], l["LocalData1"], l["LocalData2"]))
        .collect();
    large.sort();
    let next_hop = of(14)["nexthop"].as_str().or(of(3)["nexthop"].as_str());
    let aggregator = of(7);
    Route {
        prefix: prefix.into(),
        path_id: None,
        local_pref: of(5)["value"].as_u64(),
        aggregator: aggregator["address"]
            .as_str()
            .map(|address| format!("{}:{address}", aggregator["as"])),
        atomic: Some(!of(6).is_null()),
        origin: match of(1)["value"].as_u64() {
            Some(0) => "igp".into(),
            Some(1) => "egp".into(),
            _ => "incomplete".into(),
        },
        path: path.join(" "),
        next_hop: next_hop.unwrap_or_default().into(),
        med: of(4)["metric"].as_u64(),
        communities: Some(communities),
        large: Some(large),
    }
}

fn openbgpd(rib: &Value) -> Vec<Route> {
    let routes = rib.as_array().into_iter().flatten();
    routes
        .map(|route| {
            let text = |name: &str| route[name].as_str().unwrap_or_default().to_owned();
            let of = |kind: &str| {
                let attributes = route["attributes"].as_array();
                attributes.into_iter().flatten().find(|a| a["type"] == kind)
            };
            let aggregator = of("Aggregator");
            Route {
                prefix: canonical(&text("prefix")),
                origin: text("origin").to_lowercase(),
                path: text("aspath"),
                next_hop: text("exit_nexthop"),
                med: route["metric"].as_u64().filter(|med| *med != 0),
                aggregator: aggregator.map(|found| {
                    format!("{}:{}", found["AS"], found["router_id"].as_str().unwrap())
                }),
                atomic: Some(of("Atomic Aggregate").is_some()),
                communities: Some(list(&route["communities"], number_of)),
                large: Some(list(&route["large_communities"], str::to_owned)),
                ..Route::default()
            }
        })
        .collect()
}
