//! The TCP checksum (RFC 9293 §3.1), over the header, the payload and a pseudo-header (RFC 8200 §8.1).

use super::Segment;
use pulp::Arch;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Length of a TCP header without options, and where its checksum stands.
const HEADER: usize = 20;
const FIELD: usize = 16;
/// Protocol number of TCP.
const TCP: u64 = 6;
/// Lengths whose words are added in the widest registers of the processor: below, choosing them takes
/// as long as it saves (bench `simd`); above, 32 bits might overflow.
const WIDE: RangeInclusive<usize> = 512..=65_536;

/// What a checksum says about its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The segment is as it was sent.
    Right,
    /// Only the pseudo-header was summed up: the card of a host does the rest (checksum offload), and
    /// the capture was taken before that.
    Partial,
    /// The segment was damaged, or changed by someone who left the checksum alone.
    Wrong,
    /// Not all of the segment is here.
    Unknown,
}

/// Checks a whole segment in its frame.
#[must_use]
pub fn checksum(frame: &[u8], segment: &Segment) -> Checksum {
    let end = segment.payload.end as usize;
    let tcp = (segment.options.start as usize)
        .checked_sub(HEADER)
        .and_then(|start| frame.get(start..end))
        .filter(|_| segment.cut == 0);
    let Some((tcp, field)) = tcp.and_then(|tcp| Some((tcp, tcp.get(FIELD..FIELD + 2)?))) else {
        return Checksum::Unknown;
    };
    let addresses = octets(segment.src.addr) + octets(segment.dst.addr) + TCP;
    let length = tcp.len() as u64;
    if fold(sum(tcp) + addresses + length) == u16::MAX {
        return Checksum::Right;
    }
    let field = u16::from_be_bytes([field[0], field[1]]);
    // For segments that the card cuts further, some drivers leave the length out.
    let partial = [length, 0].map(|length| fold(addresses + length));
    if partial.contains(&field) {
        Checksum::Partial
    } else {
        Checksum::Wrong
    }
}

fn octets(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

/// The sum of the 16-bit words, in network order, not folded. Frames are far too short for it to overflow.
fn sum(bytes: &[u8]) -> u64 {
    if WIDE.contains(&bytes.len()) {
        return Arch::new().dispatch(|| u64::from(sum_by_two(bytes)));
    }
    // Whole 32-bit words first, which the compiler adds several at a time.
    let (words, rest) = bytes.as_chunks::<4>();
    let words: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_be_bytes(*word)))
        .sum();
    words + u64::from(sum_by_two(rest))
}

/// The same of at most 64 KiB, compiled anew for each width of registers.
#[inline(always)]
fn sum_by_two(bytes: &[u8]) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let pairs: u32 = pairs
        .iter()
        .map(|pair| u32::from(u16::from_be_bytes(*pair)))
        .sum();
    pairs + rest.first().map_or(0, |last| u32::from(*last) << 8)
}

/// Folds a sum to 16 bits; 2^16 counts as 1 (RFC 1071).
fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // At most 16 bits are left.
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::wire::{Ports, dissect};

    /// What is said of a KEEPALIVE with a change.
    fn verdict(change: impl Fn(&mut Vec<u8>)) -> Checksum {
        let mut frame = frame();
        change(&mut frame);
        let length = frame.len() as u32;
        let segment = dissect(&frame, LinkType::Ethernet, length, None, &Ports::default())
            .expect("a segment");
        checksum(&frame, &segment)
    }

    /// Its checksum is made as RFC 1071 writes it, octet by octet.
    fn frame() -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend([0x45, 0, 0, 59, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        frame.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        frame.extend([0xab, 0xcd, 0, 179, 0, 0, 0, 1, 0, 0, 0, 2]);
        frame.extend([0x50, 0x10, 1, 0, 0, 0, 0, 0]);
        frame.extend([0xff; 16]);
        frame.extend([0, 19, 4]);
        let mut total: u32 = 6 + 39;
        for (at, octet) in frame[26..].iter().enumerate() {
            total += u32::from(*octet) << if at % 2 == 0 { 8 } else { 0 };
        }
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        frame[50..52].copy_from_slice(&(!(total as u16)).to_be_bytes());
        frame
    }

    #[test]
    fn a_damaged_segment_is_told_from_one_that_a_card_completes() {
        assert_eq!(verdict(|_| ()), Checksum::Right);
        assert_eq!(verdict(|frame| frame[60] ^= 1), Checksum::Wrong);
        assert_eq!(verdict(|frame| frame[29] ^= 1), Checksum::Wrong);
        // 192.0.2.1 + 192.0.2.2 + TCP + 39, or without the length.
        for partial in [0x8431_u16, 0x840a] {
            let set = |frame: &mut Vec<u8>| frame[50..52].copy_from_slice(&partial.to_be_bytes());
            assert_eq!(verdict(set), Checksum::Partial, "{partial:x}");
        }
    }

    #[test]
    fn what_is_cut_cannot_be_checked() {
        let frame = frame();
        let segment = dissect(&frame, LinkType::Ethernet, 73, None, &Ports::default());
        let mut segment = segment.expect("a segment");
        segment.cut = 3;
        assert_eq!(checksum(&frame, &segment), Checksum::Unknown);
    }

    /// Where one way of adding begins and the other ends, and at lengths that fill no register, with the largest words.
    #[test]
    fn every_length_has_the_same_sum_either_way() {
        for octet in [0xff, 0x5a] {
            let bytes: Vec<u8> = (0..66_000).map(|at| octet ^ (at % 7) as u8).collect();
            let near = |length: &usize| length.saturating_sub(70)..=length + 70;
            let lengths = [0, 512, 1460, 9000, 65_536];
            for length in lengths.iter().flat_map(near).filter(|n| *n <= bytes.len()) {
                let one_by_one = bytes[..length].chunks(2).map(|pair| {
                    u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0))
                });
                assert_eq!(
                    fold(sum(&bytes[..length])),
                    fold(one_by_one.sum()),
                    "{length}"
                );
            }
        }
    }
}
