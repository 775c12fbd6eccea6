//! What routers answer about their routes, and what is left out of it.

use super::{Said, Software, Teller};
use crate::egress::Egress;
use crate::route::Route;
use crate::support::lab::Lab;
use crate::{bird, frr, gobgp, openbgpd};
use serde_json::Value;

impl Teller {
    /// A route without what the router does not tell.
    pub(crate) fn as_told(&self, route: &Route) -> Route {
        let mut route = route.clone();
        match self.software {
            Software::Bird | Software::Gobgp => route.path_id = None,
            Software::GobgpList => {
                route = Route {
                    prefix: route.prefix,
                    path_id: route.path_id,
                    path: route.path,
                    next_hop: route.next_hop,
                    ..Route::default()
                };
            }
            Software::FrrAdjacent => {
                route.path_id = None;
                (route.aggregator, route.atomic) = (None, None);
                (route.communities, route.large, route.extended) = (None, None, None);
            }
            Software::Frr => {
                if self.said == Said::Sent {
                    route.next_hop.clear();
                }
            }
            Software::Openbgpd => {
                // A metric of 0 stands for none.
                route.med = route.med.filter(|med| *med != 0);
                route.path_id = None;
                // It leaves AS4_PATH aside wherever AGGREGATOR has another AS than AS_TRANS. By RFC 6793 §4.2.3 that is
                // to be done if AS4_AGGREGATOR has come too, which none of these routes has: the path is ours.
                if self.afi == 1 && self.said == Said::Received && route.aggregator.is_some() {
                    route.path = route.path.replace("4200000003", "23456");
                }
            }
        }
        route
    }

    /// The routes as they are on the wire, by what the router tells.
    pub(crate) fn routes(&self, lab: &Lab) -> Vec<Route> {
        let (router, own_as) = self.router();
        let ask = |command: &str| lab.shell(router, command);
        let question = self.question;
        let text = match self.software {
            Software::Bird => ask(&format!(
                "birdc -s $RUN/{router}/bird.ctl show route {question} all"
            )),
            Software::Frr | Software::FrrAdjacent => {
                ask(&format!("vtysh --vty_socket $RUN/frr -c '{question}'"))
            }
            Software::Gobgp | Software::GobgpList => ask(&format!("gobgp neighbor {question}")),
            Software::Openbgpd => ask(&format!(
                "bgpctl -j -s $RUN/openbgpd/bgpd.sock show rib {question}"
            )),
        };
        // No routes are a sentence with some, not JSON: the tables then differ, unless there are none.
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let egress = Egress {
            own_as,
            own_address: self.own_address(),
            own_med: self.software != Software::Bird,
        };
        let sent = |shown: Vec<Route>| shown.into_iter().map(|route| egress.sent(route)).collect();
        let without_default = |mut shown: Vec<Route>| {
            // The router's own preference, which no external neighbour has sent.
            shown.iter_mut().for_each(|route| route.local_pref = None);
            shown
        };
        match (self.software, self.said) {
            (Software::Bird, Said::Sent) => sent(bird::bird(&text)),
            (Software::Bird, Said::Received) => without_default(bird::bird(&text)),
            (Software::Frr, Said::Received) => frr::received(&value, self.neighbour()),
            (Software::Frr, Said::Sent) => {
                let mut routes: Vec<Route> = sent(frr::advertised(&value, self.neighbour()));
                routes.iter_mut().for_each(|route| route.next_hop.clear());
                routes
            }
            (Software::FrrAdjacent, Said::Received) => frr::adjacent(&value["receivedRoutes"]),
            (Software::FrrAdjacent, Said::Sent) => sent(frr::adjacent(&value["advertisedRoutes"])),
            (Software::Gobgp, _) => gobgp::table(&value),
            (Software::GobgpList, _) => gobgp::list(&text),
            // What it shows has been changed for the neighbour already.
            (Software::Openbgpd, _) => openbgpd::openbgpd(&value["rib"]),
        }
    }
}
