//! Records stand behind the frame that completes them, with its time and its file.

use super::made::{capture, up, update};
use super::support::Scratch;
use bgptap::capture::bmp::BmpSource;
use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{LinkType, Polled, Source};
use bgptap_umem::buffer::{BufferPool, Class};
use std::time::Duration;

#[test]
fn records_follow_the_frame_that_completes_them() {
    let scratch = Scratch::new("bmp-order");
    let bytes = [up(), update(1)].concat();
    let (first, second) = bytes.split_at(up().len() + 10);
    let seq = 1 + first.len() as u32;
    let file = capture(
        &scratch,
        &[(2, 0, &[]), (0x18, 1, first), (0x18, seq, second)],
    );
    let other = scratch.path("other.pcap");
    std::fs::copy(&file, &other).unwrap();
    let captures = PcapSource::open(&[other, file]).unwrap();
    let buffers = BufferPool::new(&[Class { size: 64, count: 1 }], false).unwrap();
    let mut source = BmpSource::new(captures, &[179], buffers);
    let mut batch = Vec::new();
    while source.poll(&mut batch, Duration::MAX).unwrap() != Polled::End {}
    // The second file has the same segments, and so nothing that is new.
    let seen = batch
        .iter()
        .map(|captured| (captured.link == LinkType::Mrt, captured.interface));
    let (frame, record) = (false, true);
    let expected = [
        (frame, 0),
        (frame, 1),
        (frame, 0),
        (record, 0),
        (record, 0),
        (record, 0),
        (frame, 1),
        (frame, 0),
        (record, 0),
        (frame, 1),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    for pair in batch
        .windows(2)
        .filter(|pair| pair[1].link == LinkType::Mrt)
    {
        assert_eq!(pair[0].stamp, pair[1].stamp);
    }
    assert!(!source.tally().is_damaged());
}
