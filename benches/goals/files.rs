//! The same UPDATEs as capture files and as MRT: a table transfer, which comes in full segments, and churn,
//! of which each message is a segment of its own.

use super::bench::workload;
use super::support::Scratch;
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Payload of a full segment, as with 1500 octets of IP and TCP timestamps.
const SEGMENT: usize = 1448;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const BEGIN_NS: u64 = 1_700_000_000_000_000_000;

/// UPDATEs with the files that they are in.
pub(crate) struct Messages {
    pub(crate) name: &'static str,
    pub(crate) list: Vec<Bytes>,
    pub(crate) pcap: PathBuf,
    pub(crate) mrt: PathBuf,
}

impl Messages {
    /// A table transfer of so many typical UPDATEs.
    pub(crate) fn transfer(scratch: &Scratch, count: usize) -> io::Result<Self> {
        let name = "table transfer";
        Self::write(scratch, name, workload::typical_list(count), 1, SEGMENT)
    }

    /// Churn of public archives, or of typical UPDATEs where there are none, on 35 sessions.
    pub(crate) fn churn(scratch: &Scratch, count: usize) -> io::Result<Self> {
        let (workloads, _) = workload::all();
        let archived = workloads.into_iter().find(|w| w.name.starts_with('f'));
        let (name, list) = match archived {
            Some(archived) => {
                let again = archived.messages.iter().cycle().take(count);
                ("churn of archives", again.cloned().collect())
            }
            None => ("made-up churn", workload::typical_list(count)),
        };
        Self::write(scratch, name, list, 35, 1)
    }

    /// `segment`: a segment is full from so many octets on.
    fn write(
        scratch: &Scratch,
        name: &'static str,
        list: Vec<Bytes>,
        sessions: usize,
        segment: usize,
    ) -> io::Result<Self> {
        let file = |end: &str| scratch.path(&format!("{}.{end}", name.replace(' ', "-")));
        let (pcap, mrt) = (file("pcap"), file("mrt"));
        let mut capture = Capture::create(BufWriter::new(File::create(&pcap)?))?;
        let mut talks: Vec<_> = (0..sessions).map(Talk::new).collect();
        for talk in &mut talks {
            talk.begin(&mut capture)?;
        }
        for (message, number) in list.iter().zip(0..) {
            talks[number % sessions].say(&mut capture, message, segment)?;
        }
        for talk in &mut talks {
            talk.flush(&mut capture, 1)?;
        }
        capture.out.flush()?;
        let mut out = BufWriter::new(File::create(&mrt)?);
        list.iter()
            .try_for_each(|message| mrt_record(&mut out, message))?;
        out.flush()?;
        Ok(Self {
            name,
            list,
            pcap,
            mrt,
        })
    }
}

/// BGP4MP_MESSAGE_AS4 (RFC 6396 §4.4.3).
fn mrt_record(out: &mut impl Write, message: &[u8]) -> io::Result<()> {
    out.write_all(&1_700_000_000_u32.to_be_bytes())?;
    out.write_all(&[0, 16, 0, 4])?;
    out.write_all(&(20 + message.len() as u32).to_be_bytes())?;
    out.write_all(&65_000_u32.to_be_bytes())?;
    out.write_all(&65_001_u32.to_be_bytes())?;
    out.write_all(&[0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2])?;
    out.write_all(message)
}

/// A pcap file with nanoseconds.
pub(crate) struct Capture<W> {
    out: W,
    ns: u64,
    id: u16,
    /// Distance of frames.
    pub(crate) gap_ns: u64,
}

impl<W: Write> Capture<W> {
    pub(crate) fn create(mut out: W) -> io::Result<Self> {
        let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1];
        for word in header {
            out.write_all(&word.to_le_bytes())?;
        }
        let (ns, id, gap_ns) = (BEGIN_NS, 0, 10_000);
        Ok(Self {
            out,
            ns,
            id,
            gap_ns,
        })
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ns += self.gap_ns;
        let (seconds, fraction) = (self.ns / 1_000_000_000, self.ns % 1_000_000_000);
        let length = bytes.len() as u32;
        for word in [seconds as u32, fraction as u32, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(bytes)
    }
}

/// A session: 10.h.l.1, which speaks, port 30000, and 10.h.l.2 port 179, which acknowledges.
pub(crate) struct Talk {
    number: u16,
    seq: [u32; 2],
    waiting: Vec<u8>,
    unacknowledged: u32,
}

impl Talk {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number: number as u16,
            seq: [1, 1],
            waiting: Vec::new(),
            unacknowledged: 0,
        }
    }

    /// The handshake, both OPENs with four-octet AS numbers (RFC 6793 §3), and KEEPALIVEs.
    pub(crate) fn begin<W: Write>(&mut self, to: &mut Capture<W>) -> io::Result<()> {
        for (direction, flags) in [(0, SYN), (1, SYN | ACK), (0, ACK)] {
            self.segment(to, direction, flags, &[])?;
            self.seq[direction] = self.seq[direction].wrapping_add(u32::from(flags & SYN != 0));
        }
        for direction in [0, 1] {
            self.segment(to, direction, ACK, &open(direction as u8 + 1))?;
        }
        for direction in [0, 1] {
            self.segment(to, direction, ACK, &message(4, &[]))?;
        }
        Ok(())
    }

    /// Says a message; segments leave when they are full.
    pub(crate) fn say<W: Write>(
        &mut self,
        to: &mut Capture<W>,
        message: &[u8],
        full: usize,
    ) -> io::Result<()> {
        self.waiting.extend_from_slice(message);
        while self.waiting.len() >= full {
            self.leave(to)?;
        }
        Ok(())
    }

    /// Says a message; whether it made a full segment, which has left.
    pub(crate) fn say_one<W: Write>(
        &mut self,
        to: &mut Capture<W>,
        message: &[u8],
    ) -> io::Result<bool> {
        self.waiting.extend_from_slice(message);
        let full = self.waiting.len() >= SEGMENT;
        if full {
            self.leave(to)?;
        }
        Ok(full)
    }

    /// Sends what waits if it is `least` octets.
    pub(crate) fn flush<W: Write>(&mut self, to: &mut Capture<W>, least: usize) -> io::Result<()> {
        while self.waiting.len() >= least.max(1) {
            self.leave(to)?;
        }
        Ok(())
    }

    fn leave<W: Write>(&mut self, to: &mut Capture<W>) -> io::Result<()> {
        let rest = self.waiting.split_off(self.waiting.len().min(SEGMENT));
        let payload = std::mem::replace(&mut self.waiting, rest);
        self.segment(to, 0, ACK, &payload)?;
        self.unacknowledged += 1;
        if self.unacknowledged == 2 {
            // RFC 9293 §3.8.6.3: every second full segment is acknowledged.
            self.unacknowledged = 0;
            self.segment(to, 1, ACK, &[])?;
        }
        Ok(())
    }

    fn segment<W: Write>(
        &mut self,
        to: &mut Capture<W>,
        direction: usize,
        flags: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        to.id = to.id.wrapping_add(1);
        let [high, low] = self.number.to_be_bytes();
        let mut ends = [([10, high, low, 1], 30_000_u16), ([10, high, low, 2], 179)];
        if direction == 1 {
            ends.reverse();
        }
        let mut ip = vec![0x45, 0];
        ip.extend((40 + payload.len() as u16).to_be_bytes());
        ip.extend(to.id.to_be_bytes());
        ip.extend([0x40, 0, 64, 6, 0, 0]);
        ip.extend(ends.map(|end| end.0).as_flattened());
        let checksum = !fold(sum(&ip));
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        let mut tcp = ends.map(|end| end.1.to_be_bytes()).concat();
        tcp.extend(self.seq[direction].to_be_bytes());
        let ack = if flags & ACK == 0 {
            0
        } else {
            self.seq[1 - direction]
        };
        tcp.extend(ack.to_be_bytes());
        tcp.extend([
            0x50,
            flags | if payload.is_empty() { 0 } else { 8 },
            0xff,
            0xff,
            0,
            0,
            0,
            0,
        ]);
        tcp.extend_from_slice(payload);
        let pseudo = sum(&ip[12..20]) + 6 + tcp.len() as u32;
        let checksum = !fold(pseudo + sum(&tcp));
        tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
        let ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        self.seq[direction] = self.seq[direction].wrapping_add(payload.len() as u32);
        to.frame(&[&ethernet[..], &ip, &tcp].concat())
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend((19 + body.len() as u16).to_be_bytes());
    out.push(kind);
    out.extend(body);
    out
}

fn open(id: u8) -> Vec<u8> {
    let asn = 64_999 + u16::from(id);
    let [a, b] = asn.to_be_bytes();
    let families = [1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1];
    let capabilities = [&families[..], &[65, 4, 0, 0, a, b]].concat();
    let length = capabilities.len() as u8;
    let head = [4, a, b, 0, 180, 192, 0, 2, id, length + 2, 2, length];
    message(1, &[&head[..], &capabilities].concat())
}

fn sum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map_or(0, |byte| u32::from(*byte) << 8);
    let words = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)));
    words.sum::<u32>() + last
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
