//! What a router changes in a route as it tells it to an external neighbour. BIRD's export table and FRR's tables show
//! routes before that, so that what they show has to be changed in the same way before it is compared with the wire.
//!
//! By RFC 4271:
//! * §5.1.1: ORIGIN is made where a route begins. BIRD's static routes show none; they are sent as IGP.
//! * §5.1.2 b: the own AS number comes first in `AS_PATH`, or is all of it if the route begins here.
//! * §5.1.3, 2: the next hop is the own address, or that of a third router if it is on the neighbour's network, as all
//!   are here. Which it is, routers show: BIRD keeps the next hop among sessions on the same interface, and FRR writes
//!   the unspecified address where its own goes out. One of the other IP version is none for this neighbour (RFC 8950
//!   was not agreed on, or for IPv4 in the session's IPv6 alone): the own address again.
//! * §5.1.4: a MED from one neighbouring AS does not go to others. BIRD's manual (`bgp_med`) says that only the filter
//!   of the export can set one, which no filter here does; FRR has one of its own for what it originates.
//! * §5.1.5: `LOCAL_PREF` is not sent. What is shown is the router's own default.
//!
//! Communities of all kinds, aggregators and `ATOMIC_AGGREGATE` go on as they are (RFC 1997, RFC 4360 §6, RFC 8092 §3,
//! RFC 4271 §5.1.6 and §5.1.7).

use crate::route::Route;
use std::net::IpAddr;

/// A router about what it tells one neighbour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Egress {
    pub(crate) own_as: &'static str,
    /// Of the session.
    pub(crate) own_address: &'static str,
    /// What it originates has the MED that is shown.
    pub(crate) own_med: bool,
}

impl Egress {
    /// The route on the wire that is shown like this.
    pub(crate) fn sent(self, mut shown: Route) -> Route {
        let begins_here = shown.path.is_empty();
        if shown.origin.is_empty() {
            shown.origin = "igp".into();
        }
        if !(begins_here && self.own_med) {
            shown.med = None;
        }
        shown.path = format!("{} {}", self.own_as, shown.path)
            .trim_end()
            .to_owned();
        let own = self.own_address.parse::<IpAddr>().unwrap();
        let goes_out = |hop: IpAddr| !hop.is_unspecified() && hop.is_ipv4() == own.is_ipv4();
        if !shown.next_hop.parse().is_ok_and(goes_out) {
            shown.next_hop = own.to_string();
        }
        shown.local_pref = None;
        shown
    }
}

#[test]
fn each_attribute_is_changed_as_it_is_on_the_way_out() {
    let egress = Egress {
        own_as: "65001",
        own_address: "192.0.2.1",
        own_med: true,
    };
    let learned = Route {
        prefix: "10.0.0.0/8".into(),
        origin: "egp".into(),
        path: "65005 {1,2}".into(),
        next_hop: "192.0.2.5".into(),
        med: Some(50),
        local_pref: Some(100),
        communities: Some(vec!["1:2".into()]),
        ..Route::default()
    };
    let sent = egress.sent(learned.clone());
    let expected = Route {
        path: "65001 65005 {1,2}".into(),
        med: None,
        local_pref: None,
        ..learned
    };
    assert_eq!(sent, expected);

    for next_hop in ["", "0.0.0.0", "::", "2001:db8::5"] {
        let own = Route {
            next_hop: next_hop.into(),
            med: Some(0),
            ..Route::default()
        };
        let sent = egress.sent(own.clone());
        assert_eq!((&*sent.path, &*sent.origin), ("65001", "igp"));
        assert_eq!((&*sent.next_hop, sent.med), ("192.0.2.1", Some(0)));
        let strict = Egress {
            own_med: false,
            ..egress
        };
        assert_eq!(strict.sent(own).med, None);
    }
}
