//! The bytes of each direction, in the order that the reassembler gives them, against what
//! `tshark -z follow,tcp,raw` says, for each capture of the corpus that proves reassembly.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod octets;
#[path = "../support/mod.rs"]
mod support;
mod tshark;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::encode::{Order, pcap};
use tshark::Part;

/// A direction that the two read differently.
struct Difference {
    file: &'static str,
    stream: usize,
    sender: &'static str,
    why: &'static str,
}

/// Bytes were acknowledged, so they were sent; tshark tells of a hole only when data follow it.
const ACKNOWLEDGED: &str = "RFC 9293 §3.4: an acknowledgement says that all octets before it were \
    received; these were never captured, and nothing behind them was";
/// Bytes behind a hole are there; tshark waits for an acknowledgement that never comes.
const UNACKNOWLEDGED: &str = "RFC 9293 §3.4: the sequence number of a segment tells where its octets \
    belong, whether anyone acknowledges them or not";

const fn differs(
    file: &'static str,
    stream: usize,
    sender: &'static str,
    why: &'static str,
) -> Difference {
    Difference {
        file,
        stream,
        sender,
        why,
    }
}

const ALLOWED: &[Difference] = &[
    differs(
        "arkime_synthetic.pcap",
        56,
        "10.1.14.100:54321",
        ACKNOWLEDGED,
    ),
    differs(
        "bgp-cease-hard-reset.pcap",
        0,
        "1.0.0.1:43091",
        ACKNOWLEDGED,
    ),
    differs(
        "bgp-cease-hard-reset.pcap",
        0,
        "1.0.0.2:179",
        UNACKNOWLEDGED,
    ),
    differs(
        "bgp-enhanced-route-refresh-subtype.pcapng",
        0,
        "2a02:abc::17:37754",
        ACKNOWLEDGED,
    ),
    differs(
        "unidirectional_tcp_stream_with_missing_packet.pcap",
        0,
        "10.0.0.1:61541",
        UNACKNOWLEDGED,
    ),
];

#[test]
fn bytes_come_in_the_order_in_which_tshark_follows_them() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    if !support::have("tshark") {
        return;
    }
    let wanted = |file: &PathBuf| !file.to_string_lossy().contains("pcap/bmp");
    let files: Vec<_> = corpus.into_iter().filter(wanted).collect();
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Total::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = compare(file);
                    total.lock().unwrap().add(found);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!(
        "{} files, {} directions, {} bytes equal",
        files.len(),
        total.directions,
        total.bytes
    );
    let allowed = |d: &Found| ALLOWED.iter().any(|a| a.is(d));
    let (explained, faults): (Vec<_>, Vec<_>) = total.differences.into_iter().partition(allowed);
    println!("{} directions differ for a known reason", explained.len());
    let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", text.join("\n"));
    assert_eq!(
        explained.len(),
        ALLOWED.len(),
        "a difference is gone: remove it from the list"
    );
}

#[derive(Default)]
struct Total {
    directions: usize,
    bytes: usize,
    differences: Vec<Found>,
}

impl Total {
    fn add(&mut self, other: Self) {
        self.directions += other.directions;
        self.bytes += other.bytes;
        self.differences.extend(other.differences);
    }
}

struct Found {
    file: String,
    stream: usize,
    sender: String,
    text: String,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {}: {}",
            self.file, self.stream, self.sender, self.text
        )
    }
}

impl Difference {
    fn is(&self, found: &Found) -> bool {
        assert!(self.why.contains("RFC"), "a difference wants a rule");
        (self.file, self.stream, self.sender) == (&*found.file, found.stream, &*found.sender)
    }
}

fn compare(file: &Path) -> Total {
    let scratch = support::Scratch::new("follow");
    let (mut segments, mut followed) = tshark::read(file);
    if !segments.is_sorted_by_key(|segment| segment.ns) {
        // Tools have mixed up the frames of some captures, but not their times.
        let sorted = scratch.path("sorted");
        tshark::reorder(file, &sorted);
        (segments, followed) = tshark::read(&sorted);
    }
    let frames = octets::spread(&segments);
    let path = scratch.write("octets.pcap", &pcap(&frames, Order::Little, true));
    let mut spelt = octets::spell(&support::read::read(&path, &[]).events);
    let mut total = Total::default();
    let mut senders: Vec<(usize, &str, u8)> = Vec::new();
    for segment in &segments {
        let of_stream = senders.iter().filter(|s| s.0 == segment.stream).count();
        if !senders
            .iter()
            .any(|s| (s.0, s.1) == (segment.stream, &*segment.sender))
        {
            senders.push((segment.stream, &segment.sender, of_stream as u8));
        }
    }
    for (stream, sender, node) in senders {
        let theirs = followed
            .get(&(stream, sender.to_owned()))
            .cloned()
            .unwrap_or_default();
        let ours = spelt.remove(&(stream, node)).unwrap_or_default();
        total.directions += 1;
        if ours == theirs {
            total.bytes += length(&ours);
        } else {
            total.differences.push(Found {
                file: file.file_name().unwrap().to_string_lossy().into_owned(),
                stream,
                sender: sender.to_owned(),
                text: format!("{} against {}", outline(&ours), outline(&theirs)),
            });
        }
    }
    assert!(
        spelt.is_empty(),
        "{}: out of nothing: {:?}",
        file.display(),
        spelt.keys()
    );
    total
}

fn length(parts: &[Part]) -> usize {
    let bytes = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.len(),
        Part::Missing(_) => 0,
    };
    parts.iter().map(bytes).sum()
}

fn outline(parts: &[Part]) -> String {
    let one = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.len().to_string(),
        Part::Missing(count) => format!("[{count} missing]"),
    };
    parts.iter().map(one).collect::<Vec<_>>().join(" ")
}
