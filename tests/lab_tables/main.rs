//! Adj-RIBs beside those of three router implementations: prefix by prefix with attributes, after the
//! initial table, after churn, and after sessions were reset.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bird;
mod egress;
mod frr;
mod gobgp;
mod openbgpd;
mod ours;
mod route;
#[path = "../support/mod.rs"]
mod support;
mod tellers;
mod text;
mod wire;

use ours::{Found, Ours, Recording, Rib};
use route::{Counts, Route, equal, equal_routes};
use std::collections::{BTreeMap, BTreeSet};
use support::Scratch;
use support::lab::{self, Lab, Table, canonical, told};
use support::net::allowed;
use tellers::{Said, Teller};

/// Of the feeder: IPv4, and as many of IPv6 as `scripts/lab` then makes.
const PREFIXES: u32 = 3000;
const PREFIXES6: u32 = PREFIXES / 10;

/// RFC 9774 §3 (2025) has receivers treat routes with AS_SETs as withdrawn, which these routers are too
/// old for. ExaBGP sends one; bgptap must not have it, all of them do.
fn has_set(path: &str) -> bool {
    path.contains('{')
}

/// The routes of a table as one router tells them; how much there was to compare.
fn compare_attributes(lab: &Lab, ours: &Ours, teller: &Teller) -> Result<Counts, String> {
    let empty = Rib::default();
    let rib = ours.get(&teller.table()).unwrap_or(&empty);
    let told = teller.routes(lab).into_iter();
    let theirs: BTreeSet<Route> = told
        .filter(|route| !has_set(&route.path))
        .map(|route| teller.as_told(&route))
        .collect();
    let mine = rib.routes.iter().map(|route| teller.as_told(route));
    let own = teller.forgets_as();
    let mine: BTreeSet<Route> = mine
        .filter(|route| own.is_none_or(|own| route.path.split(' ').all(|asn| asn != own)))
        .collect();
    let counts = equal_routes(&mine, &theirs).map_err(|amiss| format!("{teller}: {amiss}"))?;
    let least = teller.least([PREFIXES, PREFIXES6]);
    if mine.len() < least {
        return Err(format!("{teller}: {} routes of {least}", mine.len()));
    }
    for name in teller.tells() {
        assert_eq!(counts.of(name), mine.len(), "{teller}: {name}");
    }
    Ok(counts)
}

/// The prefixes of all tables of all routers: those in the Adj-RIBs, and those that events announced and did
/// not withdraw.
fn compare_prefixes(
    lab: &Lab,
    scratch: &Scratch,
    found: &Found,
) -> Result<BTreeSet<Table>, String> {
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
    Ok(told.iter().map(|entry| entry.table).collect())
}

/// Prefixes of routes with AS_SETs, by the router that gets them first.
fn with_sets(lab: &Lab) -> BTreeSet<String> {
    let routes = Teller::EXABGP.routes(lab).into_iter();
    let sets = routes.filter(|route| has_set(&route.path));
    sets.map(|route| route.prefix).collect()
}

/// What the recording has by now, if that is what the routers have.
fn compare(
    lab: &Lab,
    scratch: &Scratch,
    recording: &Recording,
) -> Result<(Ours, Compared), String> {
    let found = recording.found(scratch);
    for (table, rib) in &found.ours {
        if (rib.status.as_str(), rib.stale) != ("complete", 0) {
            return Err(format!("{table:?}: {}, {} stale", rib.status, rib.stale));
        }
        // All sessions are external (RFC 4271 §5.1.5).
        assert!(rib.routes.iter().all(|route| route.local_pref.is_none()));
    }
    let tables = compare_prefixes(lab, scratch, &found)?;
    let mut compared = Compared::default();
    for teller in &Teller::ALL {
        let counts = compare_attributes(lab, &found.ours, teller)?;
        let key = (teller.name(), teller.said);
        compared.entry(key).or_default().add(&counts);
    }
    let routes: usize = compared.values().map(|counts| counts.of("prefix")).sum();
    let count = tables.len();
    println!("{count} tables and the attributes of {routes} routes equal");
    // Both ways of every session and family; but BIRD tells ExaBGP no IPv6.
    assert_eq!(tables, Teller::ALL.iter().map(Teller::table).collect());
    Ok((found.ours, compared))
}

/// What was compared of each router in each direction.
type Compared = BTreeMap<(&'static str, Said), Counts>;

/// Each attribute that a router has to tell of was among what was compared: equal tables without any would prove
/// nothing.
fn all_kinds(compared: &Compared) {
    const LISTS: [&str; 3] = ["community", "large", "extended"];
    let has = |router, said, names: &[&str]| {
        for name in names {
            let count = compared[&(router, said)].of(name);
            println!("{router} {said:?}: {name} of {count} routes");
            assert!(count > 0, "{router} {said:?}: {name}");
        }
    };
    for router in ["feeder", "bird", "frr", "gobgp"] {
        has(router, Said::Sent, &LISTS);
        has(router, Said::Received, &LISTS);
    }
    has("openbgpd", Said::Received, &LISTS);
    has("openbgpd", Said::Sent, &["origin", "path", "next_hop"]);
    // BIRD passes no MED on, GoBGP neither; FRR sends one of its own.
    for (router, said) in [
        ("bird", Said::Received),
        ("frr", Said::Sent),
        ("gobgp", Said::Received),
    ] {
        has(router, said, &["med"]);
    }
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
            let (ours, compared) = compare(&lab, &scratch, &recording)?;
            let missing = [Teller::FRR, Teller::OPENBGPD].into_iter().find(|teller| {
                let routes = &ours[&teller.table()].routes;
                far.is_some_and(|prefix| routes.iter().all(|route| route.prefix != prefix))
            });
            missing.map_or(Ok((ours, compared)), |teller| {
                Err(format!("{teller}: {far:?} has not come yet"))
            })
        })
    };
    let (initial, _) = compared("initial table", None);

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
         sed -i '1~20s/bgp_path.prepend/bgp_community.add((77,77)); bgp_ext_community.add((rt,65010,77)); bgp_path.prepend/' $RUN/feeder/table$v.conf; done",
    );
    lab.shell("feeder", "birdc -s $RUN/feeder/bird.ctl configure");
    lab.shell(
        "exabgp",
        "{ echo announce route 203.0.113.0/26 next-hop 192.0.2.5 origin igp med 60 'as-path [65005 65005]'; \
           echo announce route 203.0.113.192/26 next-hop 192.0.2.5 origin egp 'as-path [65005 65006]' \
             'aggregator (65006:192.0.2.9) atomic-aggregate community [65005:9 no-peer] extended-community [target:65005:9 origin:65005:10]'; \
           echo withdraw route 203.0.113.128/26 next-hop 192.0.2.5; } >$RUN/exabgp/commands",
    );
    lab.script(&["wait"]);
    let (churn, kinds) = compared("churn", Some("203.0.113.192/26"));
    all_kinds(&kinds);
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
        let routes = churn[&teller.table()].routes.iter();
        routes.map(|route| teller.as_told(route)).collect()
    };
    for teller in [Teller::FRR, Teller::OPENBGPD] {
        let aggregated = told(&teller).into_iter().filter(|route| {
            route.aggregator.as_deref() == Some("65006:192.0.2.9") && route.atomic == Some(true)
        });
        assert_eq!(aggregated.count(), 1, "{teller}");
    }
    for teller in [Teller::FRR, Teller::GOBGP_LIST] {
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
    // Each is another session on the wire, before the routers are asked what they have of it.
    let session = |ours: &Ours, teller: &Teller| {
        let rib = ours.get(&teller.table());
        rib.map(|rib| rib.session.clone())
    };
    lab::settled(|| {
        let ours = recording.found(&scratch).ours;
        for teller in [Teller::FEEDER, Teller::FRR, Teller::OPENBGPD] {
            match (session(&churn, &teller), session(&ours, &teller)) {
                (Some(before), Some(now)) if now != before => (),
                (before, now) => return Err(format!("{teller}: {before:?}, now {now:?}")),
            }
        }
        Ok(())
    });
    lab.script(&["wait"]);
    let (reset, kinds) = compared("reset", Some("203.0.113.192/26"));
    all_kinds(&kinds);
    for (teller, again) in [
        (Teller::FEEDER, true),
        (Teller::FRR, true),
        (Teller::OPENBGPD, true),
        (Teller::EXABGP, false),
        (Teller::GOBGP_LIST, false),
    ] {
        let [before, now] = [&churn, &reset].map(|ours| session(ours, &teller).unwrap());
        println!("{teller}: session {before}, after the resets {now}");
        assert_eq!(before != now, again, "{teller}");
    }
}
