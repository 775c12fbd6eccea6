//! Archives of others, read and written again: the same messages and states.

use super::bgpdump::{counted, lines as dumped};
use super::support::have;
use super::{Scratch, archive, lines, read};
use std::path::Path;

/// With what is passed over of each: records of a Zebra of the year 2000 that lack addresses, whose
/// changes of state bgpdump prints as those of 0.0.0.0.
const ARCHIVES: [(&str, usize); 8] = [
    ("mrtparse/bird-mrtdump_bgp", 0),
    ("mrtparse/bird_bgp", 0),
    ("mrtparse/openbgpd_bgp", 0),
    ("gobgpdump/arch3", 0),
    ("bgpstream/ris.rrc06.updates.1427846400.gz", 0),
    ("bgpdump/updates.20071015.1505.gz", 0),
    ("bgpdump/updates.nlri_mask_trailing_bits.gz", 0),
    ("bgpkit/ripe_rrc01_2000.11_updates.20001104.0124.gz", 63),
];

struct Written {
    scratch: Scratch,
    passed_over: usize,
}

fn write(file: &Path) -> Written {
    let scratch = Scratch::new("archive");
    let [mrt, summary] = ["a.mrt", "summary"].map(|name| scratch.path(name));
    let args = [
        "--mrt",
        mrt.to_str().unwrap(),
        "--summary",
        summary.to_str().unwrap(),
    ];
    read(file, &args);
    let summary = lines(&std::fs::read(summary).unwrap()).remove(0);
    assert_eq!(summary["unaccounted"]["bytes"], 0);
    let other = summary["frames"]["other"].as_object().unwrap();
    let passed_over: u64 = other.values().map(|count| count.as_u64().unwrap()).sum();
    Written {
        scratch,
        passed_over: usize::try_from(passed_over).unwrap(),
    }
}

#[test]
fn bgpdump_prints_the_same_of_an_archive_and_of_what_we_make_of_it() {
    for (name, passed_over) in ARCHIVES {
        let Some(file) = archive(name) else { return };
        if !have("bgpdump") {
            return;
        }
        let written = write(&file);
        assert_eq!(written.passed_over, passed_over, "{name}");
        // Ours have microseconds, most others have not; and whatever lacks addresses is not ours.
        let line = |line: String| line.split_once('|').unwrap().1.to_owned();
        let there = |line: &String| passed_over == 0 || !line.contains("STATE|0.0.0.0|");
        let theirs = counted(dumped(&file).into_iter().map(line).filter(there));
        let ours = dumped(&written.scratch.path("a.mrt"));
        assert_eq!(counted(ours.into_iter().map(line)), theirs, "{name}");
    }
}

#[test]
fn what_we_have_written_reads_as_what_it_was_made_from() {
    for (name, _) in ARCHIVES {
        let Some(file) = archive(name) else { return };
        let written = write(&file);
        let events = |file: &Path| {
            let mut events = lines(&read(file, &["--json", "-", "--raw"]).stdout);
            for event in &mut events {
                let routes = ["announcements", "withdrawals"];
                let has_routes = routes.iter().any(|field| event.get(field).is_some());
                let fields = event.as_object_mut().unwrap();
                fields.remove("host");
                if !has_routes {
                    // Without NLRI nothing has path identifiers, though the subtype may say so of all.
                    fields.remove("context");
                }
            }
            events
        };
        let (theirs, ours) = (events(&file), events(&written.scratch.path("a.mrt")));
        assert_eq!(theirs.len(), ours.len(), "{name}");
        for (theirs, ours) in theirs.into_iter().zip(ours) {
            assert_eq!(theirs, ours, "{name}");
        }
    }
}

#[test]
fn tables_are_passed_over_and_counted() {
    let Some(file) = archive("mrtparse/quagga_rib") else {
        return;
    };
    assert_eq!(write(&file).passed_over, 7);
}
