//! The figures of a peer against what was said to it, counted here (RFC 7854 §4.8).

use super::conversation::Conversation;
use super::station::Station;
use super::support::Scratch;
use super::{ours, views};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// RFC 7606 §7.4: MULTI_EXIT_DISC of another length than four; the UPDATE is treated as a withdrawal.
const SHORT_MED: [u8; 6] = [0x80, 4, 3, 0, 0, 1];

/// Every kind of figure, none of them 0, and none equal to another.
#[test]
fn figures_are_what_was_said() {
    let mut talk = Conversation::new();
    (0..200).for_each(|number| talk.announce(number, 1));
    // As they are already; then others with another path, which are no duplicates.
    let duplicates = 0..31;
    duplicates
        .clone()
        .for_each(|number| talk.announce(number, 1));
    (40..60).for_each(|number| talk.announce(number, 2));
    // Withdrawn twice, and never announced.
    (100..110).for_each(|number| talk.withdraw(number));
    let absent = (100..110).chain(1000..1007);
    absent.clone().for_each(|number| talk.withdraw(number));
    let treated = 150..155;
    for number in treated.clone() {
        talk.announce_with(number, 1, &SHORT_MED);
        talk.routes.remove(&format!("10.0.0.{number}/32"));
    }
    let scratch = Scratch::new("bmp-figures");
    let file = scratch.write("talk.pcap", &talk.part());
    let station = Station::start();
    let ours = ours::read(&file, station.address, &[]);
    assert_eq!(ours.status, Some(0), "{}", ours.log);
    let views = views(&station.finish());
    let ends: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
    let routes = talk.routes.len() as u64;
    assert_eq!(routes, 200 - 10 - 5);
    let figures = |router: usize| &views[&ends[router]].peers[&ends[router ^ 1]].figures;
    let wanted = |list: &[(&str, u64)]| -> BTreeMap<String, u64> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    };
    // Who was told, and who told it.
    let received = [
        ("1", duplicates.count() as u64),
        ("2", absent.count() as u64),
        ("7", routes),
        ("9 1/1", routes),
        ("11", treated.count() as u64),
        ("15", 0),
    ];
    assert_eq!(*figures(1), wanted(&received));
    let sent = [
        ("1", 0),
        ("2", 0),
        ("7", 0),
        ("11", 0),
        ("15", routes),
        ("17 1/1", routes),
    ];
    assert_eq!(*figures(0), wanted(&sent));
}
