//! Traffic made to order: as many UPDATEs as wanted, one in each frame.

use std::io::{self, Write};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Synth {
    /// Frames, each with one whole UPDATE that announces a prefix of its own.
    pub frames: u32,
    /// TCP connections that they are dealt out to in turn.
    pub sessions: u16,
    /// Distance of their timestamps.
    pub gap_ns: u64,
}

/// Timestamp of the first frame.
pub const BEGIN_NS: u64 = 1_700_000_000_000_000_000;
/// Length of each frame.
pub const FRAME_LEN: usize = ETHERNET + IP + TCP + UPDATE_LEN;
/// Length of each UPDATE.
pub const UPDATE_LEN: usize = 48;

const ETHERNET: usize = 14;
const IP: usize = 20;
const TCP: usize = 20;

/// The UPDATE (RFC 4271 §4.3), its prefix to be filled in; 4-octet AS numbers (RFC 6793).
const UPDATE: [u8; UPDATE_LEN] = {
    let mut update = [0xff; UPDATE_LEN];
    let rest: [u8; UPDATE_LEN - 16] = [
        0, 48, 2, // length, type
        0, 0, 0, 20, // no withdrawals, 20 octets of attributes
        0x40, 1, 1, 0, // ORIGIN IGP
        0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8, // AS_PATH 65000
        0x40, 3, 4, 192, 0, 2, 1, // NEXT_HOP
        32, 0, 0, 0, 0, // a /32
    ];
    let mut at = 0;
    while at < rest.len() {
        update[16 + at] = rest[at];
        at += 1;
    }
    update
};

impl Synth {
    /// Writes a pcap file (nanoseconds, little-endian), one frame after the other.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1];
        write_words(out, &header)?;
        let mut templates: Vec<_> = (0..self.sessions.max(1)).map(template).collect();
        let sessions = templates.len();
        for number in 0..self.frames {
            let frame = &mut templates[number as usize % sessions];
            fill(frame, number, number / sessions as u32);
            let ns = BEGIN_NS + u64::from(number) * self.gap_ns;
            let (seconds, fraction) = ((ns / 1_000_000_000) as u32, (ns % 1_000_000_000) as u32);
            let length = FRAME_LEN as u32;
            write_words(out, &[seconds, fraction, length, length])?;
            out.write_all(frame)?;
        }
        out.flush()
    }
}

fn write_words(out: &mut impl Write, words: &[u32]) -> io::Result<()> {
    words
        .iter()
        .try_for_each(|word| out.write_all(&word.to_le_bytes()))
}

/// What all frames of a session have in common: 10.h.l.1 port 30000 to 10.h.l.2 port 179.
fn template(session: u16) -> [u8; FRAME_LEN] {
    let [high, low] = session.to_be_bytes();
    let mut frame = [0; FRAME_LEN];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[12..14].copy_from_slice(&[8, 0]);
    let ip = &mut frame[ETHERNET..];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&((FRAME_LEN - ETHERNET) as u16).to_be_bytes());
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = 6;
    ip[12..20].copy_from_slice(&[10, high, low, 1, 10, high, low, 2]);
    let sum = !fold(sum(&ip[..IP]));
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let tcp = &mut ip[IP..];
    tcp[..2].copy_from_slice(&30_000_u16.to_be_bytes());
    tcp[2..4].copy_from_slice(&179_u16.to_be_bytes());
    tcp[8..12].copy_from_slice(&1_u32.to_be_bytes());
    tcp[12] = 5 << 4;
    tcp[13] = 0x18;
    tcp[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    tcp[TCP..].copy_from_slice(&UPDATE);
    frame
}

/// Sets what differs: the sequence number, the prefix, and the checksum over them.
fn fill(frame: &mut [u8; FRAME_LEN], number: u32, in_session: u32) {
    let seq = 1_u32.wrapping_add(in_session.wrapping_mul(UPDATE_LEN as u32));
    frame[ETHERNET + IP + 4..][..4].copy_from_slice(&seq.to_be_bytes());
    set_prefix(frame, number);
}

/// Gives the frame the prefix of such a number.
pub fn set_prefix(frame: &mut [u8; FRAME_LEN], number: u32) {
    let (ip, tcp) = frame[ETHERNET..].split_at_mut(IP);
    let prefix = tcp.len() - 4;
    // Unique, and not of a network where a /32 would be strange.
    tcp[prefix..].copy_from_slice(&number.wrapping_add(0x1000_0000).to_be_bytes());
    tcp[16..18].fill(0);
    let pseudo = sum(&ip[12..20]) + 6 + tcp.len() as u32;
    let checksum = !fold(pseudo + sum(tcp));
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    let (words, _) = bytes.as_chunks::<2>();
    words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
