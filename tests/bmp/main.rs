//! BMP feeds as their consumers see them: a station that decodes by another project's code, and pmacct's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

#[path = "../filtered_outputs/changes.rs"]
mod changes;
#[cfg(feature = "capture")]
mod comeback;
mod conversation;
mod ends;
mod figures;
mod known;
#[cfg(feature = "capture")]
mod live;
mod ours;
mod pair;
mod pmacct;
mod sessions;
mod station;
#[path = "../support/mod.rs"]
mod support;
mod view;

use conversation::Conversation;
use ours::{Ours, Side};
use station::{Messages, Station};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use support::Scratch;
use view::{AllAttributes, Peer, Table, View};

/// The views of all connections, by router.
fn views(connections: &[Messages]) -> BTreeMap<IpAddr, View> {
    let mut views = BTreeMap::new();
    for messages in connections {
        let view = View::of(messages);
        let router = view.name.parse().unwrap();
        assert!(
            views.insert(router, view).is_none(),
            "{router} has two connections"
        );
    }
    views
}

/// The tables of all peers that are up.
fn tables(views: &BTreeMap<IpAddr, View>) -> BTreeMap<Side, Table> {
    of_sides(views, |peer, sent| peer.tables[sent].clone())
}

/// All attributes of the routes in them.
fn all_attributes(views: &BTreeMap<IpAddr, View>) -> BTreeMap<Side, AllAttributes> {
    of_sides(views, |peer, sent| peer.attributes[sent].clone())
}

fn of_sides<K, V>(
    views: &BTreeMap<IpAddr, View>,
    table: impl Fn(&Peer, usize) -> BTreeMap<K, V>,
) -> BTreeMap<Side, BTreeMap<K, V>> {
    let mut tables = BTreeMap::new();
    for (router, view) in views {
        for (address, peer) in &view.peers {
            for sent in [false, true] {
                let table = table(peer, usize::from(sent));
                if !table.is_empty() && router != address {
                    tables.insert((*router, *address, sent), table);
                }
            }
        }
    }
    tables
}

/// The figures of the last reports, of all peers that are up and of no others, are what we count ourselves.
fn check_figures(views: &BTreeMap<IpAddr, View>, ours: &Ours, what: &str) -> usize {
    let mut theirs = BTreeMap::new();
    for (router, view) in views {
        let others = view.peers.iter().filter(|(address, _)| *address != router);
        theirs.extend(others.map(|(address, peer)| ((*router, *address), peer.figures.clone())));
    }
    assert_eq!(theirs, sessions::figures(ours), "{what}");
    theirs.len()
}

/// A follower was told of the UPDATEs of a side, byte for byte and in order. Those that the receiver cannot use
/// it has seen in a mirror; what they withdraw none the less (RFC 7606 §2) was told by others.
fn check_updates(view: Option<&View>, side: &Side, said: &[(String, bool)], what: &str) -> usize {
    let told = view
        .map(|view| view.of_side(side.1, side.2))
        .unwrap_or_default();
    let (errored, good): (Vec<_>, Vec<_>) = said.iter().partition(|(_, errored)| *errored);
    if errored.is_empty() {
        let good: Vec<_> = good.iter().map(|(bytes, _)| bytes).collect();
        assert_eq!(told.iter().collect::<Vec<_>>(), good, "{what}: {side:?}");
    } else {
        let mut told = told.iter();
        let all = good.iter().all(|(bytes, _)| told.any(|got| got == bytes));
        assert!(all, "{what}: {side:?}");
        let mirrored = view.map_or(0, |view| view.errored(side.1, side.2));
        assert_eq!(mirrored, errored.len(), "{what}: {side:?}");
    }
    good.len()
}

/// Captures of many projects: a follower of the feeds ends with the tables that we have, was told every
/// UPDATE by both ends, byte for byte and in order, and of peers that are up only.
#[test]
fn followers_of_the_corpus_end_with_our_tables() {
    let Some(files) = support::corpus() else {
        return;
    };
    let (mut routes, mut updates, mut seen, mut peers) = (0, 0, 0, 0);
    for file in files
        .iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "bgp"))
    {
        let what = file.display().to_string();
        let station = Station::start();
        let ours = ours::read(file, station.address, &[]);
        assert!(matches!(ours.status, Some(0 | 1)), "{what}: {}", ours.log);
        let views = views(&station.finish());
        assert!(views.values().all(|view| view.terminated), "{what}");
        let theirs = tables(&views);
        for view in views.values() {
            assert_eq!(view.refused, Vec::<String>::new(), "{what}: {}", view.name);
        }
        assert_eq!(theirs, ours.tables, "{what}");
        assert_eq!(all_attributes(&views), ours.attributes, "{what}");
        peers += check_figures(&views, &ours, &what);
        for (side, said) in ours.updates() {
            updates += check_updates(views.get(&side.0), &side, &said, &what);
        }
        routes += theirs.values().map(BTreeMap::len).sum::<usize>();
        seen += usize::from(!views.is_empty());
    }
    println!("{seen} captures, {routes} routes, {updates} UPDATEs, figures of {peers} peers");
    assert!(
        seen > 20 && routes > 100 && updates > 500 && peers > 50,
        "{seen}, {routes}, {updates}, {peers}"
    );
}

/// Those told by `--router` are routers, with all their addresses; others only appear as neighbours.
#[test]
fn only_routers_that_were_named_are_told_of() {
    let station = Station::start();
    let named = ["--router", "2001:db8:179::3,192.0.2.77"];
    let ours = ours::read(support::recording(), station.address, &named);
    assert_eq!(ours.status, Some(0), "{}", ours.log);
    let views = views(&station.finish());
    let router: IpAddr = "2001:db8:179::3".parse().unwrap();
    assert_eq!(views.keys().collect::<Vec<_>>(), [&router]);
    let neighbours: BTreeSet<IpAddr> = views[&router].peers.keys().copied().collect();
    let wanted = ours.tables.keys().filter(|side| side.0 == router);
    assert_eq!(neighbours, wanted.map(|side| side.1).collect());
    assert!(!neighbours.is_empty());
}

/// A filter by what changes while routes stay: the station has those that are selected, and none that was once and
/// is not any more.
#[test]
fn a_filtered_feed_ends_with_the_routes_that_are_selected() {
    let mut talk = Conversation::new();
    // Half of them are announced anew with another origin, either way, and some of each go.
    (0..100).for_each(|number| talk.announce(number, 1));
    (100..200).for_each(|number| talk.announce(number, 2));
    (0..50).for_each(|number| talk.announce(number, 2));
    (100..150).for_each(|number| talk.announce(number, 1));
    (45..55).for_each(|number| talk.withdraw(number));
    (145..155).for_each(|number| talk.withdraw(number));
    let scratch = Scratch::new("bmp-filter");
    let file = scratch.write("talk.pcap", &talk.part());
    let station = Station::start();
    let filter = ["--bmp-filter", "announces and origin-as 1"];
    let ours = ours::read(&file, station.address, &filter);
    assert_eq!(ours.status, Some(0), "{}", ours.log);
    let (wanted, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (talk.routes.into_iter()).partition(|(_, path)| path == "65001 1");
    assert!(wanted.len() > 50 && others.len() > 50);
    let views = views(&station.finish());
    let ends: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
    for (router, neighbour, sent) in [(ends[1], ends[0], false), (ends[0], ends[1], true)] {
        let table = &views[&router].peers[&neighbour].tables[usize::from(sent)];
        let told = table.iter();
        let told = told.map(|((prefix, _), (path, _))| (prefix.clone(), path.clone()));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), wanted, "{router}");
    }
    // Figures are those of the whole tables.
    let figure = views[&ends[1]].peers[&ends[0]].figures["9 1/1"];
    assert_eq!(figure, (wanted.len() + others.len()) as u64);
    assert!(ours.log.contains("of bmp"), "{}", ours.log);
}

/// Of a recording of real routers the station has the routes of the whole feed whose path ends in an AS; the lines and
/// tables of the same run have everything.
#[test]
fn a_filtered_feed_has_the_routes_of_the_whole_that_fit() {
    let run = |more: &[&str]| {
        let station = Station::start();
        let ours = ours::read(support::recording(), station.address, more);
        assert_eq!(ours.status, Some(0), "{}", ours.log);
        (tables(&views(&station.finish())), ours)
    };
    let (everything, all) = run(&[]);
    let origin = |path: &str| path.rsplit(' ').next().unwrap_or_default().to_owned();
    let paths = everything.values().flat_map(BTreeMap::values);
    let origins: BTreeSet<_> = paths.map(|(path, _)| origin(path)).collect();
    assert!(origins.len() > 1, "{everything:?}");
    for asn in origins.iter().filter(|asn| !asn.is_empty()) {
        let mut wanted = everything.clone();
        for table in wanted.values_mut() {
            table.retain(|_, (path, _)| origin(path) == *asn);
        }
        wanted.retain(|_, table| !table.is_empty());
        let (told, ours) = run(&["--bmp-filter", &format!("origin-as {asn}")]);
        assert_eq!(told, wanted, "{asn}");
        assert!(ours.events == all.events, "{asn}: other lines");
        assert!(ours.tables == all.tables, "{asn}: other tables");
    }
}

/// What `--only-changes` leaves of a feed: UPDATEs that change a table of the test's own, end a transfer or keep a route
/// from going with it, and all that is no UPDATE. So a follower ends with the same tables.
#[test]
fn a_feed_of_changes_lacks_nothing_but_updates_without_one() {
    let run = |more: &[&str]| {
        let station = Station::start();
        let ours = ours::read(support::recording(), station.address, more);
        assert_eq!(ours.status, Some(0), "{}", ours.log);
        (views(&station.finish()), ours)
    };
    let (whole, mut ours) = run(&[]);
    let (told, _) = run(&["--only-changes"]);
    let changes = changes::of(ours.events.iter());
    let all = ours.events.len();
    let mut changes = changes.into_iter();
    ours.events.retain(|event| {
        let ends_or_refreshes = !event["eor"].is_null() || !event["rib"]["refreshed"].is_null();
        changes.next().unwrap() || ends_or_refreshes || ours::is_errored(event)
    });
    let idle = all - ours.events.len();
    assert!(idle > 0, "each of the UPDATEs changes something");
    for (side, said) in ours.updates() {
        check_updates(told.get(&side.0), &side, &said, "changes");
    }
    assert_eq!(tables(&told), tables(&whole));
    assert!(told.keys().eq(whole.keys()));
    let updates = |views: &BTreeMap<IpAddr, View>| -> usize {
        views.values().map(|view| view.updates.len()).sum()
    };
    // By both ends of the session.
    assert_eq!(updates(&told) + 2 * idle, updates(&whole));
    for (router, view) in &told {
        let whole = &whole[router];
        assert_eq!(view.peer_ups, whole.peer_ups, "{router}");
        assert_eq!(view.downs.len(), whole.downs.len(), "{router}");
        assert_eq!(view.mirrored, whole.mirrored, "{router}");
        for (address, peer) in &view.peers {
            assert_eq!(peer.figures, whole.peers[address].figures, "{router}");
        }
    }
}
