//! The same frames in every format that a capture can have.

use std::io::Write;

/// A frame as a capture file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub ns: u64,
    pub wire_len: u32,
    /// Link type, as files number it.
    pub link: u16,
    pub bytes: Vec<u8>,
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, out: &mut Vec<u8>, value: u16) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn u32(self, out: &mut Vec<u8>, value: u32) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn i64(self, out: &mut Vec<u8>, value: i64) {
        out.extend(match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }
}

/// A pcap file with microseconds or nanoseconds. All frames have one link type.
pub fn pcap(frames: &[Frame], order: Order, nanoseconds: bool) -> Vec<u8> {
    let mut out = Vec::new();
    order.u32(
        &mut out,
        if nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        },
    );
    order.u16(&mut out, 2);
    order.u16(&mut out, 4);
    order.u32(&mut out, 0);
    order.u32(&mut out, 0);
    order.u32(&mut out, 262_144);
    order.u32(&mut out, frames.first().map_or(1, |f| u32::from(f.link)));
    let unit = if nanoseconds { 1 } else { 1_000 };
    for frame in frames {
        order.u32(&mut out, (frame.ns / 1_000_000_000) as u32);
        order.u32(&mut out, (frame.ns % 1_000_000_000 / unit) as u32);
        order.u32(&mut out, frame.bytes.len() as u32);
        order.u32(&mut out, frame.wire_len);
        out.extend_from_slice(&frame.bytes);
    }
    out
}

/// Which block type carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketBlock {
    Enhanced,
    /// Enhanced, with a comment on each packet.
    Commented,
    /// The obsolete one.
    Plain,
}

/// Writes the blocks of a pcapng file, section by section.
pub struct Ng {
    pub order: Order,
    pub out: Vec<u8>,
}

impl Ng {
    pub fn new(order: Order) -> Self {
        let mut ng = Self {
            order,
            out: Vec::new(),
        };
        ng.section(order);
        ng
    }

    pub fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (12 + body.len() + padding) as u32;
        self.order.u32(&mut self.out, kind);
        self.order.u32(&mut self.out, length);
        self.out.extend_from_slice(body);
        self.out.extend(vec![0; padding]);
        self.order.u32(&mut self.out, length);
    }

    pub fn section(&mut self, order: Order) {
        self.order = order;
        let mut body = Vec::new();
        order.u32(&mut body, 0x1a2b_3c4d);
        order.u16(&mut body, 1);
        order.u16(&mut body, 0);
        order.i64(&mut body, -1);
        self.block(0x0a0d_0d0a, &body);
    }

    /// `resolution` as `if_tsresol`, `offset` as `if_tsoffset`; left out if zero.
    pub fn interface(&mut self, link: u16, snaplen: u32, resolution: u8, offset: i64) {
        let order = self.order;
        let mut body = Vec::new();
        order.u16(&mut body, link);
        order.u16(&mut body, 0);
        order.u32(&mut body, snaplen);
        if resolution != 0 {
            order.u16(&mut body, 9);
            order.u16(&mut body, 1);
            body.extend([resolution, 0, 0, 0]);
        }
        if offset != 0 {
            order.u16(&mut body, 14);
            order.u16(&mut body, 8);
            order.i64(&mut body, offset);
        }
        order.u32(&mut body, 0);
        self.block(1, &body);
    }

    pub fn packet(&mut self, kind: PacketBlock, interface: u16, ticks: u64, frame: &Frame) {
        let order = self.order;
        let mut body = Vec::new();
        if kind == PacketBlock::Plain {
            order.u16(&mut body, interface);
            order.u16(&mut body, 0xffff);
        } else {
            order.u32(&mut body, u32::from(interface));
        }
        order.u32(&mut body, (ticks >> 32) as u32);
        order.u32(&mut body, ticks as u32);
        order.u32(&mut body, frame.bytes.len() as u32);
        order.u32(&mut body, frame.wire_len);
        body.extend_from_slice(&frame.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        if kind == PacketBlock::Commented {
            order.u16(&mut body, 1);
            order.u16(&mut body, 5);
            body.extend(b"hello\0\0\0");
            order.u32(&mut body, 0);
        }
        self.block(if kind == PacketBlock::Plain { 2 } else { 6 }, &body);
    }

    /// A Simple Packet Block: no time, captured length from the snap length.
    pub fn simple(&mut self, frame: &Frame) {
        let mut body = Vec::new();
        self.order.u32(&mut body, frame.wire_len);
        body.extend_from_slice(&frame.bytes);
        self.block(3, &body);
    }
}

/// A pcapng file with nanoseconds; one interface per link type that occurs.
pub fn pcapng(frames: &[Frame], order: Order, kind: PacketBlock) -> Vec<u8> {
    let mut ng = Ng::new(order);
    let mut links: Vec<u16> = Vec::new();
    for frame in frames {
        let interface = links.iter().position(|l| *l == frame.link);
        let interface = interface.unwrap_or_else(|| {
            ng.interface(frame.link, 0, 9, 0);
            links.push(frame.link);
            links.len() - 1
        });
        ng.packet(kind, interface as u16, frame.ns, frame);
    }
    ng.out
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}
