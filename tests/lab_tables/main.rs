//! Adj-RIBs beside those of three router implementations: prefix by prefix with attributes, after the
//! initial table, after churn, and after sessions were reset.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ours;
#[path = "../support/mod.rs"]
mod support;
mod tellers;
mod wire;

use ours::{Found, Ours, Recording, Rib};
use std::collections::BTreeSet;
use std::fmt::Debug;
use support::Scratch;
use support::lab::{self, Lab, canonical, told};
use support::net::allowed;
use tellers::{Route, Teller};

const PREFIXES: u32 = 3000;

/// RFC 9774 §3 (2025) has receivers treat routes with AS_SETs as withdrawn, which these routers are too
/// old for. ExaBGP sends one; bgptap must not have it, all of them do.
fn has_set(path: &str) -> bool {
    path.contains('{')
}

fn sample<T: Ord + Debug>(items: &BTreeSet<T>, but: &BTreeSet<T>) -> String {
    let rest: Vec<_> = items.difference(but).collect();
    format!(
        "{} of {}: {:?}",
        rest.len(),
        items.len(),
        &rest[..rest.len().min(3)]
    )
}

/// Nothing if both are equal, else what each has alone.
fn equal<T: Ord + Debug>(mine: &BTreeSet<T>, theirs: &BTreeSet<T>) -> Result<(), String> {
    if mine == theirs {
        return Ok(());
    }
    let (here, there) = (sample(mine, theirs), sample(theirs, mine));
    Err(format!("only here {here}; only there {there}"))
}

/// The routes of a table as one router tells them.
fn compare_attributes(lab: &Lab, ours: &Ours, teller: &Teller) -> Result<usize, String> {
    let empty = Rib::default();
    let rib = ours.get(&teller.table()).unwrap_or(&empty);
    let selected = teller.select(&rib.routes);
    let told = teller.routes(lab, &selected);
    let theirs: BTreeSet<Route> = told.into_iter().filter(|r| !has_set(&r.path)).collect();
    let mine = selected.iter().map(|route| teller.as_told(route));
    // BIRD forgets at once what has its own AS in the path (RFC 4271 §9.1.2).
    let own = teller.forgets_as();
    let mine: BTreeSet<Route> = mine
        .filter(|route| own.is_none_or(|own| route.path.split(' ').all(|asn| asn != own)))
        .collect();
    equal(&mine, &theirs).map_err(|amiss| format!("{teller}: {amiss}"))?;
    Ok(mine.len())
}

/// The prefixes of all tables of all routers: those in the Adj-RIBs, and those that events announced and did
/// not withdraw.
fn compare_prefixes(lab: &Lab, scratch: &Scratch, found: &Found) -> Result<usize, String> {
    let folder = scratch.path("tables");
    lab.script(&["tables", "--once", folder.to_str().unwrap()]);
    let told = told(&folder);
    let sets = with_sets(lab);
    for entry in &told {
        let amiss = |by: &str| {
            let (table, said, by) = (entry.table, entry.said.clone(), by.to_owned());
            move |amiss| format!("{table:?} ({said}) by {by}: {amiss}")
        };
        let text = std::fs::read_to_string(&entry.file).unwrap();
        let mut theirs: BTreeSet<String> = text.lines().map(canonical).collect();
        let wire = found.wire.get(&entry.table).cloned().unwrap_or_default();
        equal(&wire, &theirs).map_err(amiss("events"))?;
        theirs.retain(|prefix| !sets.contains(prefix));
        let rib = found.ours.get(&entry.table);
        let routes = rib.map_or(&[][..], |rib| &rib.routes);
        let mine = routes.iter().map(|route| route.prefix.clone()).collect();
        equal(&mine, &theirs).map_err(amiss("tables"))?;
    }
    Ok(told.len())
}

/// Prefixes of routes with AS_SETs, by the router that gets them first.
fn with_sets(lab: &Lab) -> BTreeSet<String> {
    let routes = Teller::EXABGP.routes(lab, &[]).into_iter();
    let sets = routes.filter(|route| has_set(&route.path));
    sets.map(|route| route.prefix).collect()
}

/// What the recording has by now, if that is what the routers have.
fn compare(lab: &Lab, scratch: &Scratch, recording: &Recording) -> Result<Ours, String> {
    let found = recording.found(scratch);
    for (table, rib) in &found.ours {
        if (rib.status.as_str(), rib.stale) != ("complete", 0) {
            return Err(format!("{table:?}: {}, {} stale", rib.status, rib.stale));
        }
    }
    let tables = compare_prefixes(lab, scratch, &found)?;
    let mut routes = 0;
    for teller in &Teller::ALL {
        routes += compare_attributes(lab, &found.ours, teller)?;
    }
    println!("{tables} tables and the attributes of {routes} routes equal");
    assert!(tables >= 19, "{tables} tables");
    assert!(routes > 5 * PREFIXES as usize, "{routes} routes");
    Ok(found.ours)
}

#[test]
fn tables_are_those_of_the_routers() {
    if !allowed() || !lab::installed() {
        return;
    }
    let scratch = Scratch::new("lab_tables");
    let lab = Lab::up(Some(PREFIXES));
    let recording = Recording::start(&lab, &scratch);
    lab.script(&["go"]);
    // Tables may be equal before all has come that is on its way: `far` is a prefix that has to be at the far end, too.
    let compared = |when: &str, far: Option<&str>| {
        println!("{when}:");
        lab::settled(|| {
            let ours = compare(&lab, &scratch, &recording)?;
            let missing = [Teller::ONE_BY_ONE, Teller::OPENBGPD]
                .into_iter()
                .find(|teller| {
                    let routes = &ours[&teller.table()].routes;
                    far.is_some_and(|prefix| routes.iter().all(|route| route.prefix != prefix))
                });
            missing.map_or(Ok(ours), |teller| {
                Err(format!("{teller}: {far:?} has not come yet"))
            })
        })
    };
    let initial = compared("initial table", None);

    // A tenth goes and comes back, half of it with other attributes; ExaBGP changes and withdraws.
    lab.shell(
        "feeder",
        "sed -i.full 1~10d $RUN/feeder/table4.conf $RUN/feeder/table6.conf",
    );
    lab.shell("feeder", "birdc -s $RUN/feeder/bird.ctl configure");
    std::thread::sleep(std::time::Duration::from_secs(2));
    lab.shell(
        "feeder",
        "for v in 4 6; do mv $RUN/feeder/table$v.conf.full $RUN/feeder/table$v.conf; \
         sed -i '1~20s/bgp_path.prepend/bgp_community.add((77,77)); bgp_path.prepend/' $RUN/feeder/table$v.conf; done",
    );
    lab.shell("feeder", "birdc -s $RUN/feeder/bird.ctl configure");
    lab.shell(
        "exabgp",
        "{ echo announce route 203.0.113.0/26 next-hop 192.0.2.5 origin igp med 60 'as-path [65005 65005]'; \
           echo announce route 203.0.113.192/26 next-hop 192.0.2.5 origin egp 'as-path [65005 65006]' \
             'aggregator (65006:192.0.2.9) atomic-aggregate community [65005:9 no-peer]'; \
           echo withdraw route 203.0.113.128/26 next-hop 192.0.2.5; } >$RUN/exabgp/commands",
    );
    lab.script(&["wait"]);
    let churn = compared("churn", Some("203.0.113.192/26"));
    let changed = |ours: &Ours| {
        let feeder = ours[&Teller::FEEDER.table()].routes.iter();
        let communities = feeder.filter_map(|route| route.communities.as_ref());
        communities
            .filter(|list| list.iter().any(|c| c == "77:77"))
            .count()
    };
    assert_eq!(changed(&initial), 0);
    assert_eq!(
        changed(&churn),
        PREFIXES as usize / 20,
        "routes were replaced"
    );

    // The route with an aggregator has come to the end of the chain, and path identifiers were compared.
    let told = |teller: &Teller| -> Vec<Route> {
        let routes = teller.select(&churn[&teller.table()].routes);
        routes
            .into_iter()
            .map(|route| teller.as_told(route))
            .collect()
    };
    for teller in [Teller::ONE_BY_ONE, Teller::OPENBGPD] {
        let aggregated = told(&teller).into_iter().filter(|route| {
            route.aggregator.as_deref() == Some("65006:192.0.2.9") && route.atomic == Some(true)
        });
        assert_eq!(aggregated.count(), 1, "{teller}");
    }
    for teller in [Teller::ONE_BY_ONE, Teller::GOBGP_LIST] {
        assert!(
            told(&teller).iter().all(|route| route.path_id.is_some()),
            "{teller}"
        );
    }

    // Each implementation resets a session in its own way.
    lab.shell("feeder", "birdc -s $RUN/feeder/bird.ctl restart bird4");
    lab.shell(
        "frr",
        "vtysh --vty_socket $RUN/frr -c 'clear bgp 192.0.2.1'",
    );
    // The client sometimes waits for an answer that does not come, though the reset is done.
    lab.shell("gobgp", "timeout 10 gobgp neighbor 192.0.2.4 reset || true");
    std::thread::sleep(std::time::Duration::from_secs(3));
    lab.script(&["wait"]);
    let reset = compared("reset", Some("203.0.113.192/26"));
    for (table, again) in [("feeder", true), ("exabgp", false)] {
        let teller = if again {
            Teller::FEEDER
        } else {
            Teller::EXABGP
        };
        let session = |ours: &Ours| ours[&teller.table()].session.clone();
        assert_eq!(session(&churn) != session(&reset), again, "{table}");
    }
}
