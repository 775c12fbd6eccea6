//! Archives of a live capture that the clock closes.

use super::conversation::Conversation;
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, allowed};
use super::wait_for_files;
use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{ElemType, MrtMessage};
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// What an archive announces, by another project's reader.
fn announced(file: &Path) -> BTreeSet<String> {
    let parser = BgpkitParser::from_reader(GzDecoder::new(File::open(file).unwrap()));
    let elements = parser.into_elem_iter();
    let announced = elements.filter(|element| element.elem_type == ElemType::ANNOUNCE);
    announced
        .map(|element| element.prefix.prefix.to_string())
        .collect()
}

/// Nothing comes any more, and the file is finished all the same: renamed, unpacked to its end, and read. What comes then
/// is in another one.
#[test]
fn the_clock_closes_a_file_while_nothing_comes() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("live-rotation"));
    let folder = scratch.path("archive");
    std::fs::create_dir(&folder).unwrap();
    let pattern = folder.join("updates.%Y%m%d.%H%M%S.mrt.gz");
    let more = ["--mrt", pattern.to_str().unwrap(), "--mrt-rotate", "2s"];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    let mut talk = Conversation::new();
    let mut finished = BTreeSet::new();
    for round in 0..2 {
        let numbers = round * 100..round * 100 + 50;
        numbers.clone().for_each(|number| talk.announce(number, 1));
        let file = scratch.write(&format!("part{round}.pcap"), &talk.part());
        net.replay(&file, &[]);
        let told = |files: &BTreeSet<_>| -> BTreeSet<String> {
            files
                .iter()
                .flat_map(|file: &std::path::PathBuf| announced(file))
                .collect()
        };
        let wanted: BTreeSet<_> = numbers
            .map(|number| format!("10.0.0.{number}/32"))
            .collect();
        // They may have come on both sides of a boundary.
        let mut came = BTreeSet::new();
        while came.len() < wanted.len() {
            let new =
                |name: &str| name.ends_with(".mrt.gz") && !finished.contains(&folder.join(name));
            let new: BTreeSet<_> = wait_for_files(&folder, new).into_iter().collect();
            came.extend(told(&new));
            finished.extend(new);
        }
        assert_eq!(came, wanted);
    }
    // No file was made for a time in which nothing came: each has records, all of the time that its name says.
    for file in &finished {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let parser = BgpkitParser::from_reader(GzDecoder::new(File::open(file).unwrap()));
        let records: Vec<_> = parser.into_record_iter().collect();
        assert!(!records.is_empty(), "{name}");
        assert!(
            records
                .iter()
                .all(|record| matches!(record.message, MrtMessage::Bgp4Mp(_)))
        );
        let times = records
            .iter()
            .map(|record| record.common_header.timestamp / 2);
        assert_eq!(times.collect::<BTreeSet<_>>().len(), 1, "{name}");
    }
    let summary = live.stop();
    assert_eq!(summary["messages"]["UPDATE"], 100, "{summary}");
    let left = wait_for_files(&folder, |_| true);
    assert!(
        left.iter().all(|file| file.extension().unwrap() == "gz"),
        "{left:?}"
    );
}
