//! Two sessions at a time between the same addresses, which BMP cannot tell apart.

use super::conversation::Conversation;
use super::station::Station;
use super::support::Scratch;
use super::support::encode::{Order, pcap};
use super::view::View;
use super::{ours, views};
use std::collections::BTreeMap;

/// The routes of 192.0.2.1 as a router tells of them.
fn routes(view: &View) -> BTreeMap<String, String> {
    let peer = &view.peers[&"192.0.2.1".parse().unwrap()];
    let routes = peer.tables[0].iter();
    let route =
        |((prefix, _), (path, _)): (&(String, _), &(String, _))| (prefix.clone(), path.clone());
    routes.map(route).collect()
}

/// The younger one is told; once it is over, the older one is told again, with its tables, and goes on.
#[test]
fn the_older_of_two_sessions_has_its_routes_back() {
    let mut older = Conversation::new();
    (0..20).for_each(|number| older.announce(number, 1));
    let mut frames = older.frames();
    let mut younger = Conversation::from_port(40_001);
    (10..15).for_each(|number| younger.announce(number, 2));
    frames.extend(younger.frames());
    // What is said meanwhile in the older one is not told by itself.
    older.announce(20, 3);
    older.withdraw(0);
    frames.extend(older.frames());
    younger.close(0);
    frames.extend(younger.frames());
    older.announce(21, 4);
    frames.extend(older.frames());
    for (number, frame) in frames.iter_mut().enumerate() {
        // One after the other, as they were made.
        frame.ns = super::support::segments::BEGIN_NS + number as u64 * 1_000_000;
    }

    let scratch = Scratch::new("bmp-pair");
    let file = scratch.write("pair.pcap", &pcap(&frames, Order::Little, true));
    let station = Station::start();
    let ours = ours::read(&file, station.address, &["--router", "192.0.2.2"]);
    assert_eq!(ours.status, Some(0), "{}", ours.log);
    let views = views(&station.finish());
    let view = &views[&"192.0.2.2".parse().unwrap()];
    assert_eq!(routes(view), older.routes);
    assert_eq!(view.refused, Vec::<String>::new());
    // The older one, the younger one, and the older one again.
    assert_eq!((view.peer_ups, view.downs.len()), (3, 2));
}
