//! Capture files as a source: against tshark, against themselves in other formats, and damaged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bgptap::capture::pcap::{BATCH_FRAMES, PcapFrame, PcapSource, Unreadable};
use bgptap::capture::{Captured, Frame as _, Interrupted, LinkType, Polled, Source};
use bgptap::error::SetupError;
use support::encode::{self, Frame, Ng, Order, PacketBlock};
use support::{Scratch, corpus, have};

/// One number for each link type, so that frames can be written again.
fn number(link: LinkType) -> u16 {
    match link {
        LinkType::Null => 0,
        LinkType::Ethernet => 1,
        LinkType::Ppp => 9,
        LinkType::RawIp => 101,
        LinkType::CiscoHdlc => 104,
        LinkType::FrameRelay => 107,
        LinkType::Loop => 108,
        LinkType::LinuxSll => 113,
        LinkType::LinuxSll2 => 276,
        LinkType::Mrt => panic!("archives have no link types"),
    }
}

fn plain(captured: &Captured<PcapFrame>) -> Frame {
    Frame {
        ns: captured.stamp.ns,
        wire_len: captured.wire_len,
        link: number(captured.link),
        bytes: captured.frame.as_ref().to_vec(),
    }
}

/// Everything a source delivers, and how its inputs broke off.
fn drain(source: &mut PcapSource) -> (Vec<Captured<PcapFrame>>, Vec<Interrupted>) {
    let (mut frames, mut broken, mut batch) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match source.poll(&mut batch, Duration::from_secs(10)) {
            Ok(Polled::Frames) => {
                assert!((1..=BATCH_FRAMES).contains(&batch.len()));
                frames.append(&mut batch);
            }
            Ok(Polled::Idle) => panic!("a file kept the source waiting"),
            Ok(Polled::End) => return (frames, broken),
            Err(error) => {
                assert!(batch.is_empty(), "frames and an error at once");
                broken.push(error);
            }
        }
    }
}

fn read(paths: &[impl AsRef<Path>]) -> (Vec<Frame>, Vec<Interrupted>) {
    let (frames, broken) = drain(&mut PcapSource::open(paths).unwrap());
    (frames.iter().map(plain).collect(), broken)
}

fn read_whole(path: &Path) -> Vec<Frame> {
    let (frames, broken) = read(&[path]);
    assert!(broken.is_empty(), "{}: {broken:?}", path.display());
    frames
}

fn read_bytes(bytes: Vec<u8>) -> Vec<Frame> {
    let mut source = PcapSource::from_reader("bytes", Cursor::new(bytes)).unwrap();
    let (frames, broken) = drain(&mut source);
    assert!(broken.is_empty(), "{broken:?}");
    frames.iter().map(plain).collect()
}

/// Seconds with nine decimals, as tshark prints them.
fn nanoseconds(epoch: &str) -> u64 {
    let (seconds, fraction) = epoch.split_once('.').unwrap();
    assert_eq!(fraction.len(), 9, "{epoch}");
    seconds.parse::<u64>().unwrap() * 1_000_000_000 + fraction.parse::<u64>().unwrap()
}

/// (time, captured length, length on the wire) of each frame, in tshark's eyes.
fn by_tshark(path: &Path) -> Vec<(u64, u32, u32)> {
    let fields = ["frame.time_epoch", "frame.cap_len", "frame.len"];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-r"]).arg(path);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let [time, captured, length] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{}: {line}", path.display());
            };
            (
                nanoseconds(time),
                captured.parse().unwrap(),
                length.parse().unwrap(),
            )
        })
        .collect()
}

/// Some frames of many sizes, one link type, times with nanoseconds.
fn frames(count: usize) -> Vec<Frame> {
    (0..count)
        .map(|n| Frame {
            ns: 1_700_000_000_000_000_000 + (n as u64) * 1_234_567,
            wire_len: (n * 7 % 1500 + 3) as u32,
            link: 1,
            bytes: (0..n * 7 % 1500).map(|i| (i * n) as u8).collect(),
        })
        .collect()
}

/// The corpus has one file that ends within a frame; tshark says so, too.
const CUT_SHORT: &str = "fuzz-clusterfuzz-testcase-minimized-FuzzTarget-5643903448645632.pcap";

#[test]
fn the_corpus_reads_as_tshark_reads_it() {
    let Some(files) = corpus() else { return };
    if !have("tshark") {
        return;
    }
    for path in files {
        let (frames, broken) = read(&[&path]);
        let ours: Vec<_> = frames
            .iter()
            .map(|f| (f.ns, f.bytes.len() as u32, f.wire_len))
            .collect();
        assert_eq!(ours, by_tshark(&path), "{}", path.display());
        assert_eq!(
            !broken.is_empty(),
            path.ends_with(CUT_SHORT),
            "{}: {broken:?}",
            path.display()
        );
    }
}

#[test]
fn every_format_holds_the_same_frames() {
    let Some(files) = corpus() else { return };
    let scratch = Scratch::new("formats");
    for path in files {
        let (frames, _) = read(&[&path]);
        let name = path.display();
        for order in [Order::Little, Order::Big] {
            for kind in [
                PacketBlock::Enhanced,
                PacketBlock::Commented,
                PacketBlock::Plain,
            ] {
                let ng = encode::pcapng(&frames, order, kind);
                assert_eq!(
                    read_bytes(ng),
                    frames,
                    "{name} as pcapng {order:?} {kind:?}"
                );
            }
            let ns = encode::pcap(&frames, order, true);
            assert_eq!(
                read_bytes(ns.clone()),
                frames,
                "{name} as pcap ns {order:?}"
            );
            let file = scratch.write("file", &ns);
            assert_eq!(read_whole(&file), frames, "{name} mapped");
            let file = scratch.write("file", &encode::gzip(&ns));
            assert_eq!(read_whole(&file), frames, "{name} in gzip");
            let file = scratch.write("file", &encode::zstd(&ns));
            assert_eq!(read_whole(&file), frames, "{name} in zstd");

            let coarse: Vec<_> = frames
                .iter()
                .map(|f| Frame {
                    ns: f.ns / 1000 * 1000,
                    ..f.clone()
                })
                .collect();
            let us = encode::pcap(&frames, order, false);
            assert_eq!(read_bytes(us), coarse, "{name} as pcap µs {order:?}");
        }
    }
}

#[test]
fn two_halves_make_the_whole() {
    let Some(files) = corpus() else { return };
    let scratch = Scratch::new("halves");
    for path in files {
        let (frames, _) = read(&[&path]);
        let mut sorted = frames.clone();
        sorted.sort_by_key(|frame| frame.ns);
        let (even, odd): (Vec<_>, Vec<_>) =
            (0..).zip(&sorted).partition(|(index, _)| index % 2 == 0);
        let half =
            |part: Vec<(i32, &Frame)>| part.into_iter().map(|(_, f)| f.clone()).collect::<Vec<_>>();
        let a = scratch.write("a", &encode::pcap(&half(even), Order::Little, true));
        let b = scratch.write(
            "b",
            &encode::pcapng(&half(odd), Order::Big, PacketBlock::Enhanced),
        );
        let (mut merged, broken) = read(&[&a, &b]);
        assert!(broken.is_empty());
        assert!(
            merged.is_sorted_by_key(|frame| frame.ns),
            "{}",
            path.display()
        );
        // Frames of one instant come file by file; within one file in the file's order.
        let key = |f: &Frame| (f.ns, f.bytes.clone());
        merged.sort_by_key(key);
        sorted.sort_by_key(key);
        assert_eq!(merged, sorted, "{}", path.display());
    }
}

/// At equal times the file named first comes first, and a file's own order is kept.
#[test]
fn merging_is_stable_and_names_the_file() {
    let scratch = Scratch::new("stable");
    let frame = |ns, byte| Frame {
        ns,
        wire_len: 1,
        link: 1,
        bytes: vec![byte],
    };
    let a = [frame(10, 1), frame(20, 2), frame(20, 3), frame(15, 4)];
    let b = [frame(10, 5), frame(20, 6), frame(30, 7)];
    let a = scratch.write("a", &encode::pcap(&a, Order::Little, true));
    let b = scratch.write("b", &encode::gzip(&encode::pcap(&b, Order::Little, true)));
    let mut source = PcapSource::open(&[&a, &b]).unwrap();
    assert_eq!(
        source.interfaces(),
        [a.display().to_string(), b.display().to_string()]
    );
    let (frames, _) = drain(&mut source);
    let order: Vec<_> = frames
        .iter()
        .map(|f| (f.interface, f.frame.as_ref()[0]))
        .collect();
    assert_eq!(
        order,
        [(0, 1), (1, 5), (0, 2), (0, 3), (0, 4), (1, 6), (1, 7)]
    );
}

/// A file cut anywhere gives the frames before the cut, and says where it is cut.
#[test]
fn truncation_leaves_the_frames_before_it() {
    let all = frames(12);
    let scratch = Scratch::new("cut");
    // Where a capture may end: behind its header(s) and behind each frame but the last.
    for (whole, header, ends) in [
        (encode::pcap(&all, Order::Little, true), 24, 12),
        (
            encode::pcapng(&all, Order::Big, PacketBlock::Commented),
            28,
            13,
        ),
    ] {
        let mut clean = 0;
        let mut most = 0;
        for cut in 0..whole.len() {
            let bytes = &whole[..cut];
            let path = scratch.write("cut", bytes);
            let mapped = PcapSource::open(&[&path]);
            let streamed = PcapSource::from_reader("cut", Cursor::new(bytes.to_vec()));
            if cut < header {
                assert!(matches!(mapped, Err(SetupError::NotACapture { .. })));
                assert!(matches!(streamed, Err(SetupError::NotACapture { .. })));
                continue;
            }
            let (frames, broken) = drain(&mut mapped.unwrap());
            let frames: Vec<_> = frames.iter().map(plain).collect();
            assert_eq!(frames, all[..frames.len()], "cut at {cut}");
            assert!(frames.len() >= most && broken.len() <= 1, "cut at {cut}");
            most = frames.len();
            clean += u32::from(broken.is_empty());
            for interrupted in &broken {
                assert_eq!(interrupted.source_name, path.display().to_string());
                assert!(interrupted.why.contains("at byte "), "{interrupted}");
                assert!(interrupted.why.contains("cut short"), "{interrupted}");
            }
            let (same, again) = drain(&mut streamed.unwrap());
            assert_eq!(same.iter().map(plain).collect::<Vec<_>>(), frames);
            assert_eq!(again.len(), broken.len(), "cut at {cut}");
        }
        assert_eq!((clean, most), (ends, all.len() - 1));
    }
}

/// Compressed files end early, too; other inputs go on.
#[test]
fn a_broken_input_does_not_stop_the_others() {
    let all = frames(600);
    let scratch = Scratch::new("broken");
    let whole = encode::pcap(&all, Order::Little, true);
    let good = scratch.write("good", &whole);
    for (name, compressed) in [("gz", encode::gzip(&whole)), ("zst", encode::zstd(&whole))] {
        let bad = scratch.write(name, &compressed[..compressed.len() * 2 / 3]);
        let (frames, broken) = drain(&mut PcapSource::open(&[&bad, &good]).unwrap());
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert_eq!(broken[0].source_name, bad.display().to_string());
        let of = |interface| {
            let mine = frames.iter().filter(move |f| f.interface == interface);
            mine.map(plain).collect::<Vec<_>>()
        };
        assert_eq!(of(1), all);
        let prefix = of(0);
        assert!(prefix.len() < all.len());
        assert_eq!(prefix, all[..prefix.len()]);
    }
}

/// Every single-byte change of a small file ends in frames or a report, never in a panic.
#[test]
fn damage_anywhere_is_survived() {
    let all = frames(4);
    for whole in [
        encode::pcap(&all, Order::Big, false),
        encode::pcapng(&all, Order::Little, PacketBlock::Enhanced),
    ] {
        for at in 0..whole.len() {
            for bit in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= bit;
                if let Ok(mut source) = PcapSource::from_reader("damaged", Cursor::new(bytes)) {
                    let (frames, _) = drain(&mut source);
                    assert!(frames.len() <= all.len() + whole.len() / 16);
                }
            }
        }
    }
}

#[test]
fn an_absurd_length_is_damage() {
    let mut whole = encode::pcap(&frames(3), Order::Little, true);
    let second = 24 + 16;
    whole[second + 8..second + 12].copy_from_slice(&(262_145_u32).to_le_bytes());
    let mut source = PcapSource::from_reader("absurd", Cursor::new(whole)).unwrap();
    let (frames, broken) = drain(&mut source);
    assert_eq!(frames.len(), 1);
    assert_eq!(
        broken[0].to_string(),
        "absurd: at byte 40: a record claims 262145 bytes, more than the 262144 a frame can have"
    );
}

/// Sections in either byte order, resolutions and offsets of each interface, unknown and
/// large blocks between, packets without a time.
#[test]
fn pcapng_sections_interfaces_and_blocks() {
    let frame = |link, bytes: &[u8]| Frame {
        ns: 0,
        wire_len: 6,
        link,
        bytes: bytes.to_vec(),
    };
    let mut ng = Ng::new(Order::Big);
    ng.interface(1, 4, 0, 0);
    ng.interface(105, 0, 6, 0);
    ng.interface(101, 0, 0x80 | 10, -5);
    ng.simple(&frame(1, b"abcd"));
    ng.packet(PacketBlock::Enhanced, 0, 1_000_001, &frame(1, b"efg"));
    ng.packet(PacketBlock::Enhanced, 1, 1, &frame(105, b"wlan"));
    ng.block(0x8000_4242, &[7; 31]);
    ng.block(0x0bad, &vec![9; 3 << 20]);
    ng.packet(PacketBlock::Plain, 2, 10 * 1024 + 512, &frame(101, b"h"));
    ng.packet(PacketBlock::Plain, 1, 1, &frame(105, b"wlan"));
    ng.section(Order::Little);
    ng.interface(113, 0, 9, 3);
    ng.packet(PacketBlock::Commented, 0, 8, &frame(113, b"ij"));
    ng.simple(&frame(113, b"klmnop"));

    let scratch = Scratch::new("blocks");
    let path = scratch.write("blocks", &ng.out);
    for mut source in [
        PcapSource::open(&[&path]).unwrap(),
        PcapSource::from_reader("blocks", Cursor::new(ng.out)).unwrap(),
    ] {
        let (frames, broken) = drain(&mut source);
        assert!(broken.is_empty(), "{broken:?}");
        let told: Vec<_> = frames
            .iter()
            .map(|f| (f.link, f.stamp.ns, f.frame.as_ref()))
            .collect();
        assert_eq!(
            told,
            [
                (LinkType::Ethernet, 0, &b"abcd"[..]),
                (LinkType::Ethernet, 1_000_001_000, b"efg"),
                (LinkType::RawIp, 5_500_000_000, b"h"),
                (LinkType::LinuxSll, 3_000_000_008, b"ij"),
                (LinkType::LinuxSll, 3_000_000_008, b"klmnop"),
            ]
        );
        let unreadable: Vec<_> = source.unreadable().collect();
        let wlan = Unreadable {
            interface: 0,
            link_type: 105,
            name: "IEEE802_11 (WLAN)",
            frames: 2,
        };
        assert_eq!(unreadable, [wlan]);
    }
}

#[test]
fn set_up_errors_say_what_is_wrong() {
    let scratch = Scratch::new("setup");
    let error = |path: &Path| PcapSource::open(&[path]).unwrap_err().to_string();
    let missing = error(&scratch.path("missing.pcap"));
    assert!(
        missing.contains("cannot open") && missing.contains("No such file"),
        "{missing}"
    );
    let folder = error(&std::env::temp_dir());
    assert!(folder.contains("is a directory"), "{folder}");
    for (name, bytes, told) in [
        ("empty", &b""[..], "it is empty"),
        ("short", b"\xd4\xc3", "cut short"),
        (
            "text",
            b"hello, world, this is no capture",
            "begins with 68 65 6c 6c",
        ),
        ("program", b"\x7fELF\x02\x01\x01", "ELF"),
        ("xz", b"\xfd7zXZ\0\0\0", "xz -dc"),
        ("header", b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "cut short"),
        (
            "section",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\0\0\0\0abcdefghijkl\x1c\0\0\0",
            "does not parse",
        ),
        (
            "gz",
            &encode::gzip(b"not a capture inside"),
            "begins with 6e 6f 74 20",
        ),
        ("gz-empty", &encode::gzip(b""), "it is empty"),
    ] {
        let text = error(&scratch.write(name, bytes));
        assert!(text.contains("is not a capture file"), "{name}: {text}");
        assert!(text.contains(told), "{name}: {text}");
    }
    let mut wlan = frames(1);
    wlan[0].link = 105;
    let text = error(&scratch.write("wlan", &encode::pcap(&wlan, Order::Big, true)));
    assert!(
        text.contains("105") && text.contains("IEEE802_11"),
        "{text}"
    );
    let twice = PcapSource::open(&["-", "-"]).unwrap_err().to_string();
    assert!(!twice.is_empty());
}

/// A pipe that stays open delivers each frame as soon as it is there.
#[test]
fn a_live_pipe_delivers_what_has_arrived() {
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let all = frames(3);
    let whole = encode::pcap(&all, Order::Little, true);
    let last = all[2].bytes.len() + 16;
    let (first_two, rest) = whole.split_at(whole.len() - last + 5);
    theirs.write_all(first_two).unwrap();
    let mut source = PcapSource::from_reader("pipe", ours).unwrap();
    let mut batch = Vec::new();
    let short = Duration::from_millis(20);
    while batch.len() < 2 {
        source.poll(&mut batch, Duration::from_secs(10)).unwrap();
    }
    assert_eq!(source.poll(&mut batch, short).unwrap(), Polled::Idle);
    theirs.write_all(rest).unwrap();
    assert_eq!(
        source.poll(&mut batch, Duration::from_secs(10)).unwrap(),
        Polled::Frames
    );
    drop(theirs);
    assert_eq!(
        source.poll(&mut batch, Duration::from_secs(10)).unwrap(),
        Polled::End
    );
    assert_eq!(batch.iter().map(plain).collect::<Vec<_>>(), all);
}

/// The test starts itself again, with a capture on standard input.
#[test]
fn standard_input_reads_like_a_file() {
    const CHILD: &str = "BGPTAP_TEST_READS_STDIN";
    let all = frames(700);
    if std::env::var_os(CHILD).is_some() {
        let mut source = PcapSource::open(&["-"]).unwrap();
        assert_eq!(source.interfaces(), ["-"]);
        let (frames, broken) = drain(&mut source);
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!(frames.iter().map(plain).collect::<Vec<_>>(), all);
        return;
    }
    let whole = encode::pcap(&all, Order::Big, true);
    for input in [encode::gzip(&whole), whole] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "standard_input_reads_like_a_file"])
            .env(CHILD, "1")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}

/// Progress is in bytes of the files on disk and reaches their sum; a pipe has no total.
#[test]
fn progress_reaches_the_total() {
    let scratch = Scratch::new("progress");
    let whole = encode::pcap(&frames(3000), Order::Little, true);
    let compressed = encode::gzip(&whole);
    let total = (whole.len() + compressed.len()) as u64;
    let paths = [
        scratch.write("plain", &whole),
        scratch.write("gz", &compressed),
    ];
    let mut source = PcapSource::open(&paths).unwrap();
    let mut batch = Vec::new();
    source.poll(&mut batch, Duration::from_secs(10)).unwrap();
    let (done, of) = source.progress();
    assert_eq!(of, Some(total));
    assert!(done > 0 && done < total, "{done} of {total}");
    drain(&mut source);
    assert_eq!(source.progress(), (total, Some(total)));
    let mut pipe = PcapSource::from_reader("pipe", Cursor::new(whole.clone())).unwrap();
    drain(&mut pipe);
    assert_eq!(pipe.progress(), (whole.len() as u64, None));
}

/// Once a file is open and its batch has grown, reading frames of a mapping allocates nothing.
#[test]
fn mapped_frames_cost_no_allocation() {
    let scratch = Scratch::new("allocations");
    let all = frames(2000);
    let files = [
        scratch.write("pcap", &encode::pcap(&all, Order::Little, true)),
        scratch.write(
            "pcapng",
            &encode::pcapng(&all, Order::Big, PacketBlock::Commented),
        ),
    ];
    let mut source = PcapSource::open(&files).unwrap();
    let mut batch = Vec::with_capacity(BATCH_FRAMES);
    source.poll(&mut batch, Duration::ZERO).unwrap();
    let mut read = batch.len();
    let counted = allocation_counter::measure(|| {
        loop {
            batch.clear();
            if source.poll(&mut batch, Duration::ZERO).unwrap() == Polled::End {
                break;
            }
            read += batch.len();
        }
    });
    assert_eq!(read, 2 * all.len());
    assert_eq!(counted.count_total, 0);
}

/// A frame kept for long does not keep its chunk, and says the same as before.
#[test]
fn held_frames_leave_their_chunk() {
    let all = frames(20);
    let mut source =
        PcapSource::from_reader("held", Cursor::new(encode::pcap(&all, Order::Little, true)))
            .unwrap();
    let (mut captured, _) = drain(&mut source);
    for frame in &mut captured {
        let before = frame.frame.as_ref().as_ptr();
        frame.frame.mark_held();
        assert!(frame.frame.as_ref().is_empty() || frame.frame.as_ref().as_ptr() != before);
        let after = frame.frame.as_ref().as_ptr();
        frame.frame.mark_held();
        assert_eq!(frame.frame.as_ref().as_ptr(), after);
    }
    assert_eq!(captured.iter().map(plain).collect::<Vec<_>>(), all);
}

/// Files of the tools that people use to compress are read like those of this test.
#[test]
fn compressors_of_the_system_are_understood() {
    let scratch = Scratch::new("tools");
    let all = frames(2000);
    let whole = encode::pcap(&all, Order::Little, true);
    for (program, arguments) in [("gzip", ["-9", "-c"]), ("zstd", ["-19", "-c"])] {
        if !have(program) {
            continue;
        }
        let path = scratch.write("plain", &whole);
        let output = Command::new(program)
            .args(arguments)
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success());
        let path = scratch.write(program, &output.stdout);
        assert_eq!(read_whole(&path), all, "{program}");
        fs::remove_file(path).unwrap();
    }
}
