//! Adj-RIBs beside those of three router implementations: prefix by prefix with attributes, after the
//! initial table, after churn, and after sessions were reset.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ours;
#[path = "../support/mod.rs"]
mod support;
mod tellers;

use ours::{Ours, Recording, Rib};
use std::collections::BTreeSet;
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

fn sample<T: std::fmt::Debug>(items: &BTreeSet<T>, but: &BTreeSet<T>) -> String
where
    T: Ord,
{
    let rest: Vec<_> = items.difference(but).collect();
    format!(
        "{} of {}: {:?}",
        rest.len(),
        items.len(),
        &rest[..rest.len().min(3)]
    )
}

/// The routes of a table as one router tells them.
fn compare_attributes(lab: &Lab, ours: &Ours, teller: &Teller, when: &str) -> usize {
    let told = teller.routes(lab);
    let with_sets = told.iter().filter(|route| has_set(&route.path)).count();
    let theirs: BTreeSet<Route> = told.into_iter().filter(|r| !has_set(&r.path)).collect();
    let empty = Rib::default();
    let rib = ours.get(&teller.table()).unwrap_or(&empty);
    let mine = rib.routes.iter().map(|route| teller.as_told(route));
    // BIRD forgets at once what has its own AS in the path (RFC 4271 §9.1.2).
    let own = teller.forgets_as();
    let mine: BTreeSet<Route> = mine
        .filter(|route| own.is_none_or(|own| route.path.split(' ').all(|asn| asn != own)))
        .collect();
    assert!(
        mine == theirs,
        "{when}, {teller}: only here {}; only there {}",
        sample(&mine, &theirs),
        sample(&theirs, &mine)
    );
    println!(
        "{when}, {teller}: {} routes equal, {with_sets} with AS_SET",
        mine.len()
    );
    mine.len()
}

/// The prefixes of all tables of all routers.
fn compare_prefixes(lab: &Lab, scratch: &Scratch, ours: &Ours, when: &str) -> usize {
    let folder = scratch.path(&format!("tables-{}", when.replace(' ', "-")));
    lab.script(&["tables", folder.to_str().unwrap()]);
    let told = told(&folder);
    let (mut compared, sets) = (0, with_sets(lab));
    for entry in &told {
        let sent_told = told
            .iter()
            .any(|other| other.table == entry.table && other.said == "sent");
        if entry.said == "received" && sent_told {
            continue;
        }
        let empty = Rib::default();
        let rib = ours.get(&entry.table).unwrap_or(&empty);
        let mine: BTreeSet<String> = rib.routes.iter().map(|r| r.prefix.clone()).collect();
        let text = std::fs::read_to_string(&entry.file).unwrap();
        let theirs = text.lines().map(canonical);
        let theirs: BTreeSet<String> = theirs.filter(|p| !sets.contains(p)).collect();
        assert!(
            mine == theirs,
            "{when}, {:?} ({}): only here {}; only there {}",
            entry.table,
            entry.said,
            sample(&mine, &theirs),
            sample(&theirs, &mine)
        );
        compared += 1;
    }
    compared
}

/// Prefixes of routes with AS_SETs, by the router that gets them first.
fn with_sets(lab: &Lab) -> BTreeSet<String> {
    let routes = Teller::EXABGP.routes(lab).into_iter();
    let sets = routes.filter(|route| has_set(&route.path));
    sets.map(|route| route.prefix).collect()
}

fn compare(lab: &Lab, scratch: &Scratch, recording: &Recording, when: &str) -> Ours {
    let ours = recording.tables(scratch);
    for (table, rib) in &ours {
        assert_eq!(rib.status, "complete", "{when}, {table:?}");
        assert_eq!(rib.stale, 0, "{when}, {table:?}");
    }
    let tables = compare_prefixes(lab, scratch, &ours, when);
    assert!(tables >= 10, "{tables} tables");
    let routes: usize = Teller::ALL
        .iter()
        .map(|teller| compare_attributes(lab, &ours, teller, when))
        .sum();
    assert!(routes > 5 * PREFIXES as usize, "{routes} routes");
    ours
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
    let initial = compare(&lab, &scratch, &recording, "initial table");

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
           echo withdraw route 203.0.113.128/26 next-hop 192.0.2.5; } >$RUN/exabgp/commands",
    );
    lab.script(&["wait"]);
    let churn = compare(&lab, &scratch, &recording, "churn");
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
    let reset = compare(&lab, &scratch, &recording, "reset");
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
