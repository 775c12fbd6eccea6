//! What routes of VPNs take, counted by the allocator. By itself: numbers of handles are one sequence
//! for the whole process, and another test's sets of attributes would make room for theirs here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/speakers.rs"]
mod speakers;

use allocation_counter::measure;
use bgptap::bgp::Family;
use speakers::{BASIC, Speakers, mandatory, reach, unreach, update};

const ROUTES: u32 = 100_000;

/// The NLRI of fifty routes; `shift` makes their labels others.
fn nlri(first: u32, shift: u32) -> Vec<u8> {
    let nlri = (first..first + 50).flat_map(|n| {
        let [_, a, b, c] = n.to_be_bytes();
        let (rd, label) = ((n % 10) as u8, ((n + shift) % 100) as u8);
        [112, 0, label, 1, 0, 0, 0xfd, 0xe8, 0, 0, 0, rd, a, b, c]
    });
    nlri.collect()
}

/// UPDATEs that announce all routes.
fn announcements(shift: u32) -> Vec<Vec<u8>> {
    let hop = [&[0; 8][..], &[192, 0, 2, 1]].concat();
    let bodies = (0..ROUTES).step_by(50).map(|first| {
        let reach = reach(Family::IPV4_VPN, &hop, &nlri(first, shift));
        update(&[], &[mandatory(&[65000]), reach].concat(), &[])
    });
    bodies.collect()
}

/// UPDATEs that withdraw them.
fn withdrawals() -> Vec<Vec<u8>> {
    let bodies = (0..ROUTES).step_by(50).map(|first| {
        let unreach = unreach(Family::IPV4_VPN, &nlri(first, 0));
        update(&[], &unreach, &[])
    });
    bodies.collect()
}

/// Routes of VPNs: distinguishers and labels are handles, and their values once there for all. When they come and
/// go, with other labels too, nothing is allocated.
#[test]
fn routes_of_vpns_share_distinguishers_and_labels() {
    let bodies = announcements(0);
    let mut talk = Speakers::new(&BASIC);
    let info = measure(|| {
        for body in &bodies {
            assert_eq!(talk.update(body).new, 50);
        }
    });
    let bytes = info.bytes_current;
    let each = bytes as f64 / f64::from(ROUTES);
    println!("{each:.2} B for each route of a VPN, all counted in");
    assert!(each <= 32.0, "{each} bytes");
    for (name, entries) in [("route_distinguisher", 10), ("label_stack", 100)] {
        let cache = talk.ribs.caches().find(|cache| cache.name == name).unwrap();
        assert_eq!((cache.entries, cache.uninterned_total), (entries, 0));
        let rate = cache.hits as f64 / (cache.hits + cache.misses) as f64;
        println!("{name}: {:.2} % hits", 100.0 * rate);
        assert!(rate >= 0.98, "{name}: {rate}");
    }

    let (others, withdrawals) = (announcements(1), withdrawals());
    let mut changes = [0; 4];
    let info = measure(|| {
        for (at, body) in bodies.iter().enumerate() {
            changes[0] += talk.update(body).duplicate;
            changes[1] += talk.update(&others[at]).replaced;
            changes[2] += talk.update(&withdrawals[at]).withdrawn;
            changes[3] += talk.update(body).new;
        }
    });
    assert_eq!(changes, [ROUTES; 4]);
    assert_eq!(info.count_total, 0, "allocations in churn");
}
