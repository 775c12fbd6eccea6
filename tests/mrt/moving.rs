//! A snapshot that is taken piece by piece, while its table grows.

use super::Scratch;
use super::full_table::FullTable;
use super::speakers::{BASIC, SECOND, Speakers};
use bgpkit_parser::BgpkitParser;
use bgptap::bgp::Family;
use bgptap::sink::mrt::TableDumps;
use bgptap::sink::writer::{WhenFull, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::num::NonZeroU64;
use std::path::Path;

/// UPDATEs of eight routes that are there before: the table has one part still, and will have sixteen.
const BEFORE: usize = 110_000 / 8;
const MOST: usize = 240_000 / 8;
/// Sets of attributes.
const SETS: u32 = 500;

/// A route with its AS path, as text.
type Route = (String, String);

/// What the table holds.
fn held(talk: &Speakers) -> BTreeSet<Route> {
    let routes = talk.routes(Family::IPV4_UNICAST).into_iter();
    routes
        .map(|(prefix, attributes, _)| {
            // ORIGIN is one octet behind its code, and AS_PATH begins with code, type and count.
            let [1, _, 2, 2, count, ref path @ ..] = attributes[..] else {
                panic!("{attributes:?}");
            };
            let path = path.as_chunks::<4>().0.iter().take(count.into());
            let path: Vec<String> = path
                .map(|asn| u32::from_be_bytes(*asn).to_string())
                .collect();
            (prefix, path.join(" "))
        })
        .collect()
}

/// How often each route is in a file.
fn written(file: &Path) -> BTreeMap<Route, u64> {
    let mut found = BTreeMap::new();
    for elem in BgpkitParser::from_reader(File::open(file).unwrap()).into_elem_iter() {
        let path = elem.as_path.map(|path| path.to_string()).unwrap();
        *found
            .entry((elem.prefix.prefix.to_string(), path))
            .or_default() += 1;
    }
    found
}

/// Takes one snapshot, and does something after each slice of it.
fn snapshot(talk: &mut Speakers, file: &Path, mut meanwhile: impl FnMut(&mut Speakers)) {
    let out = File::create(file).unwrap();
    let writer = Writer::start(out, WhenFull::Wait, 1024).unwrap();
    let mut dumps = TableDumps::new(writer, NonZeroU64::new(SECOND));
    dumps.advance(&talk.ribs, talk.now_ns, false);
    assert!(!dumps.is_busy(), "the first is due in a second");
    let due = talk.now_ns + SECOND;
    let mut slices = 0;
    while dumps.completed() == 0 {
        let before = slices;
        slices += 1;
        assert!(before < 1_000_000, "it never ends");
        dumps.advance(&talk.ribs, due, false);
        if dumps.is_busy() {
            meanwhile(talk);
        }
    }
    dumps.writer.close().unwrap();
    assert_eq!(dumps.writer.lost_full(), 0);
}

/// Each route that is there all the time is there at least once, as it is; none that was never told; and the routes of
/// a table that rests just once.
#[test]
fn a_snapshot_of_a_table_that_grows_has_all_that_stays() {
    let table = FullTable::new(MOST as u32 * 8);
    let (bodies, withdrawals) = (table.announcements_with(SETS), table.withdrawals());
    let mut talk = Speakers::new(&BASIC);
    for body in &bodies[..BEFORE] {
        assert_eq!(talk.update(body).new, 8);
    }
    // These will be gone when it begins.
    let gone = held(&talk);
    for body in &withdrawals[..10] {
        assert_eq!(talk.update(body).withdrawn, 8);
    }
    let stay = held(&talk);
    let gone: Vec<&Route> = gone.difference(&stay).collect();
    assert_eq!(gone.len(), 80);

    let scratch = Scratch::new("moving");
    let moves = |talk: &Speakers| {
        let rib = talk.rib(Family::IPV4_UNICAST).unwrap();
        rib.moves().count()
    };
    let (began, mut next) = (moves(&talk), BEFORE);
    let file = scratch.path("grows.mrt");
    snapshot(&mut talk, &file, |talk| {
        let until = (next + 250).min(MOST);
        for body in &bodies[next..until] {
            assert_eq!(talk.update(body).new, 8);
        }
        // Some of these go again at once.
        for body in &withdrawals[next..until.min(next + 10)] {
            assert_eq!(talk.update(body).withdrawn, 8);
        }
        next = until;
    });
    let moved = moves(&talk) - began;
    assert!(moved >= 16, "each part had to grow: {moved}");
    let found = written(&file);
    assert!(stay.iter().all(|route| found.contains_key(route)));
    assert!(gone.iter().all(|route| !found.contains_key(*route)));
    assert!(found.values().all(|times| *times <= 1 + moved));
    // What came meanwhile may be there or not, but nothing else.
    let end = held(&talk);
    assert_eq!(next, MOST, "it went on for as long as the table grew");
    assert!(stay.is_subset(&end) && end.len() > 2 * stay.len());
    let mut ever = Speakers::new(&BASIC);
    for body in &bodies {
        assert_eq!(ever.update(body).new, 8);
    }
    assert!(
        found
            .into_keys()
            .collect::<BTreeSet<_>>()
            .is_subset(&held(&ever))
    );

    let rests = scratch.path("rests.mrt");
    snapshot(&mut talk, &rests, |_| ());
    let found = written(&rests);
    assert!(found.values().all(|times| *times == 1));
    assert!(found.into_keys().eq(end));
}

/// A queue of four chunks, and a disk that takes one now and then: a table that is far larger waits for room, and
/// nothing of it is lost; nor is it when the capture ends in the middle.
#[test]
fn a_snapshot_waits_for_a_small_queue() {
    /// Takes its time.
    struct Slow(File);
    impl std::io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(2));
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }
    let bodies = FullTable::new(60_000).announcements_with(SETS);
    let mut talk = Speakers::new(&BASIC);
    for body in &bodies {
        talk.update(body);
    }
    let wanted = held(&talk);
    let scratch = Scratch::new("small");
    for ends_early in [false, true] {
        let file = scratch.path(&format!("{ends_early}.mrt"));
        let out = Slow(File::create(&file).unwrap());
        let writer = Writer::start(out, WhenFull::Drop, 4).unwrap();
        let mut dumps = TableDumps::new(writer, NonZeroU64::new(SECOND));
        dumps.advance(&talk.ribs, talk.now_ns, false);
        let due = talk.now_ns + SECOND;
        let mut rounds = 0;
        while dumps.completed() == 0 {
            dumps.advance(&talk.ribs, due, false);
            if ends_early && dumps.is_busy() {
                dumps.finish(&talk.ribs, due, false);
            }
            rounds += 1;
        }
        assert!(ends_early || rounds > 10, "{rounds}: it had to wait");
        dumps.writer.close().unwrap();
        assert_eq!(dumps.writer.lost_full(), 0);
        assert!(written(&file).into_keys().eq(wanted.iter().cloned()));
    }
}
