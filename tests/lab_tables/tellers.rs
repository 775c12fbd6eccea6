//! What each implementation says of the routes that a neighbour has told it.

use crate::support::lab::{Lab, Table, canonical};
use serde_json::Value;
use std::fmt;

/// A route with the attributes that all can tell; `None` where one cannot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) prefix: String,
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) next_hop: String,
    pub(crate) med: Option<u64>,
    pub(crate) communities: Option<Vec<String>>,
    pub(crate) large: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Software {
    Bird,
    Frr,
    Gobgp,
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

    /// Who tells what: what was received, and of GoBGP also what was sent.
    pub(crate) const ALL: [Self; 11] = [
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
            "192.0.2.3",
            "192.0.2.4",
            1,
            "bgpctl -j -s $RUN/openbgpd/bgpd.sock show rib inet neighbor 192.0.2.3 in",
        ),
        teller(
            Software::Openbgpd,
            "2001:db8:179::3",
            "2001:db8:179::4",
            2,
            "bgpctl -j -s $RUN/openbgpd/bgpd.sock show rib inet6 neighbor 2001:db8:179::3 in",
        ),
    ];

    fn namespace(&self) -> &'static str {
        match self.software {
            Software::Bird => "bird",
            Software::Frr => "frr",
            Software::Gobgp => "gobgp",
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

    /// A route without what the router does not tell.
    pub(crate) fn as_told(&self, route: &Route) -> Route {
        let mut route = route.clone();
        match self.software {
            Software::Bird | Software::Gobgp => {}
            Software::Frr => (route.communities, route.large) = (None, None),
            Software::Openbgpd => {
                // A metric of 0 stands for none.
                route.med = route.med.filter(|med| *med != 0);
                (route.communities, route.large) = (None, None);
            }
        }
        route
    }

    pub(crate) fn routes(&self, lab: &Lab) -> Vec<Route> {
        let text = lab.shell(self.namespace(), self.command);
        if self.software == Software::Bird {
            return bird(&text);
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
        if let Some((name, value)) = line.trim().split_once(": ")
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
                origin: String::new(),
                path: String::new(),
                next_hop: String::new(),
                med: None,
                communities: Some(Vec::new()),
                large: Some(Vec::new()),
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
                communities: None,
                large: None,
            }
        })
        .collect()
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
    Route {
        prefix: prefix.into(),
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
            Route {
                prefix: canonical(&text("prefix")),
                origin: text("origin").to_lowercase(),
                path: text("aspath"),
                next_hop: text("exit_nexthop"),
                med: route["metric"].as_u64().filter(|med| *med != 0),
                communities: None,
                large: None,
            }
        })
        .collect()
}
