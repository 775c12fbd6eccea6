//! Two speakers, and the tables of what they say.
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test needs a part")]

use bgptap::bgp::{Family, Message, MessageType, Open, OpenFacts};
use bgptap::rib::{AdjRib, Changes, Ribs, RouteKey};
use bgptap::session::{End, Key, Session, Sight};
use bgptap::wire::{Endpoint, Segment};
use std::net::{IpAddr, Ipv4Addr};

pub const SECOND: u64 = 1_000_000_000;
/// TCP is gone.
pub const LOST: End = End::Silent("fin");
pub const START_NS: u64 = 1_700_000_000 * SECOND;

/// A session between 10.0.0.1, whose messages are direction 0, and 10.0.0.2.
pub struct Speakers {
    pub ribs: Ribs,
    pub session: Session,
    pub now_ns: u64,
    port: u16,
}

/// Capabilities as code and value.
pub type Capabilities<'a> = &'a [(u8, &'a [u8])];

/// Four-octet AS numbers; IPv4 and IPv6 unicast, VPNv4, EVPN.
pub const BASIC: [(u8, &[u8]); 5] = [
    (65, &[0, 0, 0xfd, 0xe8]),
    (1, &[0, 1, 0, 1]),
    (1, &[0, 2, 0, 1]),
    (1, &[0, 1, 0, 128]),
    (1, &[0, 25, 0, 70]),
];

fn key(port: u16) -> Key {
    key_with(2, port)
}

fn key_with(last: u8, port: u16) -> Key {
    let end = |last, port| Endpoint {
        addr: IpAddr::from([10, 0, 0, last]),
        port,
    };
    Key::of(&Segment::between(end(1, 179), end(last, port))).0
}

/// Of AS 65000 and 65001.
fn open(id: u8, capabilities: Capabilities<'_>) -> Vec<u8> {
    let mut list = Vec::new();
    for (code, value) in capabilities {
        list.extend([*code, value.len() as u8]);
        if *code == 65 {
            list.extend([0, 0, 0xfd, 0xe7 + id]);
        } else {
            list.extend_from_slice(value);
        }
    }
    let length = list.len() as u8;
    let mut body = vec![4, 0xfd, 0xe7 + id, 0, 180, 192, 0, 2, id];
    body.extend([length + 2, 2, length]);
    body.extend(list);
    body
}

impl Speakers {
    /// A session joined when it was up.
    pub fn joined() -> Self {
        Self {
            ribs: Ribs::new(1 << 30),
            session: Session::new(key(40000), 1, false),
            now_ns: START_NS,
            port: 40000,
        }
    }

    /// A session from its beginning, both sides with the same capabilities.
    pub fn new(capabilities: Capabilities<'_>) -> Self {
        Self::within(1 << 30, capabilities)
    }

    /// The same, with tables that may take so many bytes.
    pub fn within(bytes_max: u64, capabilities: Capabilities<'_>) -> Self {
        let mut speakers = Self::joined();
        speakers.ribs = Ribs::new(bytes_max);
        speakers.session = Session::new(key(40000), 1, true);
        speakers.open(capabilities, capabilities);
        speakers
    }

    /// Both OPENs, after which the session is up.
    pub fn open(&mut self, one: Capabilities<'_>, two: Capabilities<'_>) {
        self.say_opens(one, two);
        self.establish();
    }

    /// Both OPENs and no more.
    pub fn say_opens(&mut self, one: Capabilities<'_>, two: Capabilities<'_>) {
        for (direction, capabilities) in [one, two].into_iter().enumerate() {
            self.say_open(direction, capabilities);
        }
    }

    pub fn say_open(&mut self, direction: usize, capabilities: Capabilities<'_>) {
        let body = open(direction as u8 + 1, capabilities);
        let facts = OpenFacts::new(&Open::parse(&body).unwrap());
        self.session.take_open(direction, facts);
        self.say(direction, MessageType::Open, &body);
        self.session.see(self.session.sight_of_open());
    }

    /// Both sides' KEEPALIVE.
    pub fn establish(&mut self) {
        self.session.see(Sight::Traffic);
        self.ribs.established(&self.session, self.now_ns);
    }

    /// Another connection between the two; the one before is over only if somebody says so.
    pub fn reconnect(&mut self, one: Capabilities<'_>, two: Capabilities<'_>) {
        self.connect();
        self.open(one, two);
    }

    /// Another connection, on which nothing was said; the session of the one before.
    pub fn connect(&mut self) -> Session {
        self.port += 1;
        let session = Session::new(key(self.port), 1, true);
        std::mem::replace(&mut self.session, session)
    }

    /// A session between 10.0.0.1 and another than 10.0.0.2.
    pub fn meet(&mut self, last: u8, capabilities: Capabilities<'_>) {
        self.session = Session::new(key_with(last, self.port), 1, true);
        self.open(capabilities, capabilities);
    }

    pub fn end(&mut self, end: End) {
        self.session.see(Sight::End);
        self.ribs.end(self.session.id, end, self.now_ns);
    }

    pub fn say(&mut self, direction: usize, kind: MessageType, body: &[u8]) -> Option<Changes> {
        let context = *self.session.context(direction);
        let message = Message::parse_body(kind, body, &context);
        let (ribs, session) = (&mut self.ribs, &self.session);
        ribs.message(session, direction, &message, self.now_ns)
    }

    pub fn update(&mut self, body: &[u8]) -> Changes {
        self.say(0, MessageType::Update, body)
            .expect("an UPDATE that can be read")
    }

    /// 1 begins, 2 ends a refresh.
    pub fn refresh(&mut self, family: Family, subtype: u8) -> Option<Changes> {
        let [a, b] = family.afi.0.to_be_bytes();
        self.say(
            0,
            MessageType::RouteRefresh,
            &[a, b, subtype, family.safi.0],
        )
    }

    /// The table of what 10.0.0.1 said.
    pub fn rib(&self, family: Family) -> Option<&AdjRib> {
        self.ribs.session(self.session.id)?.direction(0).rib(family)
    }

    /// Its routes: prefix with path identifier or octets in hex, attributes as sent, stale.
    pub fn routes(&self, family: Family) -> Vec<(String, Vec<u8>, bool)> {
        let routes = self.rib(family).into_iter().flat_map(AdjRib::routes);
        let mut routes: Vec<_> = routes
            .map(|route| {
                let key = match route.key {
                    RouteKey::Prefix(prefix) => match prefix.path_id {
                        Some(id) => format!("{prefix} {id}"),
                        None => prefix.to_string(),
                    },
                    key => {
                        let mut octets = Vec::new();
                        self.ribs.nlri(&key, &mut octets);
                        octets.iter().map(|o| format!("{o:02x}")).collect()
                    }
                };
                let attributes = self.ribs.attributes(route.attributes);
                let attributes = attributes.flat_map(|a| [&[a.code][..], a.value].concat());
                (key, attributes.collect(), route.stale)
            })
            .collect();
        routes.sort();
        routes
    }

    pub fn keys(&self, family: Family) -> Vec<String> {
        self.routes(family)
            .into_iter()
            .map(|route| route.0)
            .collect()
    }
}

/// An attribute with its header.
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let [a, b] = (value.len() as u16).to_be_bytes();
    [&[flags | 0x10, code, a, b], value].concat()
}

/// ORIGIN, AS_PATH and NEXT_HOP; the path is `asns`.
pub fn mandatory(asns: &[u32]) -> Vec<u8> {
    let mut path = vec![2, asns.len() as u8];
    path.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    let next_hop = Ipv4Addr::new(192, 0, 2, 1).octets();
    [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &path),
        attribute(0x40, 3, &next_hop),
    ]
    .concat()
}

/// The body of an UPDATE.
pub fn update(withdrawn: &[u8], attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| (field.len() as u16).to_be_bytes();
    [
        &length(withdrawn)[..],
        withdrawn,
        &length(attributes),
        attributes,
        announced,
    ]
    .concat()
}

/// MP_REACH_NLRI with one next hop.
pub fn reach(family: Family, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let [a, b] = family.afi.0.to_be_bytes();
    let head = [a, b, family.safi.0, next_hop.len() as u8];
    attribute(0x80, 14, &[&head, next_hop, &[0], nlri].concat())
}

/// MP_UNREACH_NLRI.
pub fn unreach(family: Family, nlri: &[u8]) -> Vec<u8> {
    let [a, b] = family.afi.0.to_be_bytes();
    attribute(0x80, 15, &[&[a, b, family.safi.0][..], nlri].concat())
}
