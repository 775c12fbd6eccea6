//! A router with many sessions: more than an answer tells of at a time. Two of them are between the same addresses,
//! and the last one tells a prefix by EVPN.

use crate::support::encode::Frame;
use crate::support::segments::{Seg, keepalive, message, open_with};
use crate::support::{Scratch, frames};
use std::path::PathBuf;

/// Sessions of the file.
pub(crate) const SESSIONS: u16 = 120;
/// The router of them all, as the page names it: with its AS.
pub(crate) const ROUTER: &str = "192.0.2.1 AS64999";
/// Who has two sessions with it: one that sent a segment again and has ended, and one that is up.
pub(crate) const TWICE: &str = "198.51.100.0 ";
/// What the last session tells, and an address in it.
pub(crate) const PREFIX: &str = "203.0.113.0/24";
pub(crate) const HOST: &str = "203.0.113.7";

/// L2VPN EVPN, as the capability for several protocols has it (RFC 4760 §8).
const EVPN: (u8, &[u8]) = (1, &[0, 25, 0, 70]);
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// Between segments: none is taken for a copy of another, which come within 10 ms.
const STEP_NS: u64 = 20_000_000;

/// An UPDATE with an IP prefix route (RFC 9136 §3.1).
fn update() -> Vec<u8> {
    let mut nlri = vec![5, 34];
    nlri.extend([0, 0, 0xfd, 0xe7, 0, 0, 0, 1]);
    nlri.extend([0; 10]);
    nlri.extend([0; 4]);
    nlri.extend([24, 203, 0, 113, 0]);
    nlri.extend([0; 4]);
    nlri.extend([0, 0, 0x11]);
    let mut reach = vec![0, 25, 70, 4, 192, 0, 2, 1, 0];
    reach.extend(nlri);
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfd, 0xe7];
    attributes.extend([0x80, 14, u8::try_from(reach.len()).unwrap()]);
    attributes.extend(reach);
    let mut body = vec![0, 0];
    body.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend(attributes);
    message(2, &body)
}

/// The segments of a session: it comes up; then what else its router says.
fn session(number: u16) -> Vec<Seg> {
    let talk = open_with(64999, &[EVPN]);
    let answer = [open_with(65002, &[EVPN]), keepalive()].concat();
    let (sent, heard) = (
        1001 + u32::try_from(talk.len()).unwrap(),
        5001 + u32::try_from(answer.len()).unwrap(),
    );
    let mut segments = vec![
        Seg::new(0, SYN, 1000, 0, &[]),
        Seg::new(1, SYN | ACK, 5000, 1001, &[]),
        Seg::new(0, ACK, 1001, 5001, &talk),
        Seg::new(1, ACK, 5001, sent, &answer),
        Seg::new(0, ACK, sent, heard, &keepalive()),
    ];
    let again = sent;
    let sent = sent + u32::try_from(keepalive().len()).unwrap();
    if number == 0 {
        segments.push(Seg::new(0, ACK, again, heard, &keepalive()));
        segments.push(Seg::new(0, ACK, sent, heard, &message(3, &[6, 2])));
    }
    if number + 1 == SESSIONS {
        segments.push(Seg::new(0, ACK, sent, heard, &update()));
    }
    segments
}

/// The frame of a segment of a session: other addresses, but for the second, which has another port.
fn frame(segment: &Seg, number: u16, id: u16) -> Vec<u8> {
    let mut bytes = segment.frame(id);
    let [high, low] = number.saturating_sub(1).to_be_bytes();
    // Behind 14 octets of Ethernet and 12 of IPv4 source and destination, then the ports.
    let (neighbour, port) = if segment.direction == 0 {
        (30, 34)
    } else {
        (26, 36)
    };
    bytes[neighbour..neighbour + 4].copy_from_slice(&[198, 51, 100 + high, low]);
    bytes[port..port + 2].copy_from_slice(&(40_000 + number).to_be_bytes());
    bytes
}

/// The file, to be replayed: all sessions begin at once.
pub(crate) fn file(scratch: &Scratch) -> PathBuf {
    let mut all = Vec::new();
    for number in 0..SESSIONS {
        for (step, segment) in (0u16..).zip(session(number)) {
            let bytes = frame(&segment, number, number * 8 + step);
            // The second session of the pair begins when the first has ended.
            let late = if number == 1 { 8 } else { 0 };
            all.push(Frame {
                ns: 1_700_000_000_000_000_000
                    + u64::from(step + late) * STEP_NS
                    + u64::from(number) * 1000,
                wire_len: u32::try_from(bytes.len()).unwrap(),
                link: frames::ETHERNET,
                bytes,
            });
        }
    }
    all.sort_by_key(|frame| frame.ns);
    frames::write(&all, scratch, "crowd.pcap")
}
