//! The frames of capture files, as bytes.

use super::encode::{Frame, Order, pcap};
use bgptap::capture::Source;
use bgptap::capture::pcap::PcapSource;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Link type of Ethernet, as files number it.
pub const ETHERNET: u16 = 1;

/// The frames of a capture of Ethernet.
pub fn of(file: &Path) -> Vec<Frame> {
    let mut source = PcapSource::open(&[file]).unwrap();
    let mut batch = Vec::new();
    // A damaged file gives what comes before the damage.
    while let Ok(polled) = source.poll(&mut batch, Duration::MAX) {
        if polled == bgptap::capture::Polled::End {
            break;
        }
    }
    let ethernet = batch
        .iter()
        .filter(|captured| captured.link == bgptap::capture::LinkType::Ethernet);
    ethernet
        .map(|captured| Frame {
            ns: captured.stamp.ns,
            wire_len: captured.wire_len,
            link: ETHERNET,
            bytes: captured.frame.as_ref().to_vec(),
        })
        .collect()
}

/// The same frames, each wrapped by `wrap`, at the same times.
pub fn wrapped(frames: &[Frame], wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Frame> {
    let wrap = |frame: &Frame| {
        let bytes = wrap(&frame.bytes);
        Frame {
            wire_len: bytes.len() as u32,
            bytes,
            ..frame.clone()
        }
    };
    frames.iter().map(wrap).collect()
}

/// The same frames, each made into several by `cut`, at the same times.
pub fn cut(frames: &[Frame], cut: impl Fn(&[u8], u32) -> Vec<Vec<u8>>) -> Vec<Frame> {
    let parts = frames.iter().zip(0..).flat_map(|(frame, number)| {
        let parts = cut(&frame.bytes, number);
        parts.into_iter().map(|bytes| Frame {
            wire_len: bytes.len() as u32,
            bytes,
            ..frame.clone()
        })
    });
    parts.collect()
}

/// Writes them to a file with nanoseconds.
pub fn write(frames: &[Frame], scratch: &super::Scratch, name: &str) -> PathBuf {
    scratch.write(name, &pcap(frames, Order::Little, true))
}
