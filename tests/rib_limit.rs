//! A limit of memory where the table fits. By itself: numbers of handles are one sequence for the whole process, and the sets of
//! another test would have room made for them here, which counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/full_table.rs"]
mod full_table;
#[path = "support/speakers.rs"]
mod speakers;

use bgptap::bgp::Family;
use full_table::FullTable;
use speakers::{BASIC, Speakers};

/// At a limit where a table just fits it goes on to fit, whatever routes are exchanged.
#[test]
fn nothing_is_refused_where_the_table_fits() {
    const GROUPS: u32 = 54_000 / 8;
    let table = FullTable::new(GROUPS * 8 * 5);
    let (bodies, withdrawals) = (table.announcements_with(GROUPS), table.withdrawals());
    let mut talk = Speakers::within(u64::MAX, &BASIC);
    let groups = GROUPS as usize;
    bodies[..groups].iter().for_each(|body| {
        talk.update(body);
    });
    let usage = talk.ribs.usage();
    // A part that doubles needs room for itself.
    let limit = (usage.tables + usage.attributes) * 9 / 8;
    // Its numbers of handles are free for the next one.
    drop(talk);
    let mut talk = Speakers::within(limit, &BASIC);
    for at in 0..5 * groups {
        if at >= groups {
            assert_eq!(talk.update(&withdrawals[at - groups]).withdrawn, 8);
        }
        let changes = talk.update(&bodies[at]);
        assert_eq!((changes.new, changes.refused), (8, 0), "message {at}");
    }
    let rib = talk.rib(Family::IPV4_UNICAST).unwrap();
    assert_eq!((rib.len(), rib.partial()), (8 * groups, None));
}
