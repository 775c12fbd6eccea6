//! What the process grows by, as the kernel counts it, for tables that say what they take. By itself, since all threads of a
//! process grow together.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/full_table.rs"]
mod full_table;
#[path = "support/speakers.rs"]
mod speakers;

use full_table::FullTable;
use speakers::{BASIC, Speakers};

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.expect("kB").parse::<u64>().expect("a number") * 1024
}

/// The limit of memory is kept by our own count. If it were too low the process would outgrow the limit, and if it
/// were too high routes would be refused that there is memory for. The sets of attributes are a little more than a power of
/// two, where memory that doubles is emptiest.
#[test]
fn the_process_grows_by_what_tables_say_that_they_take() {
    const ROUTES: u32 = 600_000;
    let table = FullTable::new(ROUTES);
    let bodies: Vec<_> = (0..4)
        .flat_map(|version| table.announcements(version))
        .collect();
    // The code and the first of everything.
    let mut talk = Speakers::new(&BASIC);
    let (first, rest) = bodies.split_first().unwrap();
    talk.update(first);
    let (before, usage) = (resident(), talk.ribs.usage());
    let counted_before = usage.tables + usage.attributes;
    for body in rest {
        assert_eq!(talk.update(body).refused, 0);
    }
    let (grown, usage) = (resident() - before, talk.ribs.usage());
    let counted = usage.tables + usage.attributes - counted_before;
    let cache = |name: &str| talk.ribs.caches().find(|cache| cache.name == name);
    let sets = cache("attribute_set").unwrap().entries;
    println!(
        "{ROUTES} routes, {sets} sets of attributes: the process grew by {grown} bytes; \
         by our own count {} of tables and {} of attributes",
        usage.tables, usage.attributes
    );
    assert_eq!(sets, bodies.len() as u64);
    assert!(sets > 1 << 18 && sets < (1 << 18) * 5 / 4);
    assert!(
        counted <= grown / 10 * 11,
        "{counted} counted, {grown} grown"
    );
    assert!(
        counted >= grown / 10 * 9,
        "{counted} counted, {grown} grown"
    );
}
