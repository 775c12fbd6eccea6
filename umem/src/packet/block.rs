//! What the kernel writes into a block (include/uapi/linux/if_packet.h).
//!
//! Only bytes are read here, each with its bounds checked: what is in a block may be wrong in
//! any way, and the worst is that the rest of it is passed over.

use std::mem::offset_of;
use std::ops::Range;

/// `struct tpacket_block_desc`: the header of a block.
const IN_BLOCK: usize = offset_of!(libc::tpacket_block_desc, hdr);
pub(super) const STATUS: usize = IN_BLOCK + offset_of!(libc::tpacket_hdr_v1, block_status);
const COUNT: usize = IN_BLOCK + offset_of!(libc::tpacket_hdr_v1, num_pkts);
const FIRST: usize = IN_BLOCK + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt);

/// The clock that the kernel read for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `CLOCK_REALTIME`.
    Kernel,
    /// That of the network card.
    Hardware,
}

/// What the kernel says about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it came, in nanoseconds of `clock`.
    pub ns: u64,
    /// Whose time it is.
    pub clock: Clock,
    /// Bytes that it had; more than its frame has if the kernel cut it.
    pub wire_len: u32,
    /// The outermost VLAN tag (priority, DEI and id), which the kernel or the card took out.
    pub vlan_tci: Option<u16>,
    /// Where its bytes lie in the block.
    pub(super) data: Range<usize>,
}

/// A place in a block at which a packet is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// Where the packet's header begins.
    at: usize,
    /// Packets from here on.
    left: u32,
}

impl Walk {
    /// At the first packet; `None` if there is none.
    pub(super) fn begin(block: &[u8]) -> Option<Self> {
        let left = u32_at(block, COUNT)?;
        let at = u32_at(block, FIRST)? as usize;
        (left > 0).then_some(Self { at, left })
    }

    /// The packet here; `None` if what is here is none.
    pub(super) fn packet(self, block: &[u8]) -> Option<Packet> {
        type Header = libc::tpacket3_hdr;
        type Variant = libc::tpacket_hdr_variant1;
        const TCI: usize = offset_of!(Header, hv1) + offset_of!(Variant, tp_vlan_tci);
        let field = |offset: usize| u32_at(block, self.at.checked_add(offset)?);
        let mac = u16_at(block, self.at.checked_add(offset_of!(Header, tp_mac))?)?;
        let status = field(offset_of!(Header, tp_status))?;
        let seconds = u64::from(field(offset_of!(Header, tp_sec))?);
        let nanoseconds = u64::from(field(offset_of!(Header, tp_nsec))?);
        let start = self.at.checked_add(mac.into())?;
        let end = start.checked_add(field(offset_of!(Header, tp_snaplen))? as usize)?;
        let hardware = status & libc::TP_STATUS_TS_RAW_HARDWARE != 0;
        let tagged = status & libc::TP_STATUS_VLAN_VALID != 0;
        // The field has 32 bits, a tag's control information 16.
        let tci = field(TCI)? & 0xffff;
        (end <= block.len()).then_some(Packet {
            ns: seconds * 1_000_000_000 + nanoseconds,
            clock: if hardware {
                Clock::Hardware
            } else {
                Clock::Kernel
            },
            wire_len: field(offset_of!(Header, tp_len))?,
            vlan_tci: u16::try_from(tci).ok().filter(|_| tagged),
            data: start..end,
        })
    }

    /// At the next packet; `None` behind the last one.
    pub(super) fn next(self, block: &[u8]) -> Option<Self> {
        let offset = offset_of!(libc::tpacket3_hdr, tp_next_offset);
        let step = u32_at(block, self.at.checked_add(offset)?)? as usize;
        let left = self.left.checked_sub(1)?;
        // Without a step there is no way on, whatever was promised.
        (left > 0 && step > 0).then_some(Self {
            at: self.at.checked_add(step)?,
            left,
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*field))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*field))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A packet as the kernel would write it: 48 bytes of header, then the link-level
    /// address (20 bytes), then the frame at a multiple of 16 less 14.
    pub(in crate::packet) struct Written<'a> {
        pub(in crate::packet) bytes: &'a [u8],
        pub(in crate::packet) seconds: u32,
        pub(in crate::packet) status: u32,
        pub(in crate::packet) tci: u32,
    }

    const MAC: usize = 82;

    /// Writes a block as net/packet/af_packet.c does, field by field in the order of the structs, and
    /// leaves its status to the caller.
    pub(in crate::packet) fn write(block: &mut [u8], packets: &[Written<'_>]) {
        let mut put = |at: usize, value: u32| {
            block[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        };
        put(0, 3);
        put(12, packets.len() as u32);
        put(16, 48);
        let mut at = 48;
        for (number, packet) in packets.iter().enumerate() {
            let len = packet.bytes.len() as u32;
            let step = (MAC + packet.bytes.len()).next_multiple_of(8);
            let last = number + 1 == packets.len();
            let mut put = |offset: usize, value: u32| {
                block[at + offset..at + offset + 4].copy_from_slice(&value.to_ne_bytes());
            };
            put(0, if last { 0 } else { step as u32 });
            put(4, packet.seconds);
            put(8, 5);
            put(12, len);
            put(16, len);
            put(20, packet.status);
            block[at + 24..at + 26].copy_from_slice(&(MAC as u16).to_ne_bytes());
            block[at + 32..at + 36].copy_from_slice(&packet.tci.to_ne_bytes());
            block[at + MAC..at + MAC + packet.bytes.len()].copy_from_slice(packet.bytes);
            at += step;
        }
    }

    fn packet(bytes: &[u8], status: u32) -> Written<'_> {
        Written {
            bytes,
            seconds: 7,
            status,
            tci: 0x6064,
        }
    }

    fn read(block: &[u8]) -> Vec<Packet> {
        let mut walk = Walk::begin(block);
        let mut found = Vec::new();
        while let Some(at) = walk {
            let Some(packet) = at.packet(block) else {
                break;
            };
            found.push(packet);
            walk = at.next(block);
        }
        found
    }

    #[test]
    fn a_block_is_walked_from_its_first_packet_to_its_last() {
        let mut block = vec![0; 4096];
        let tagged = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_TS_SOFTWARE;
        let written = [
            packet(b"one", 1),
            packet(&[2; 999], tagged),
            packet(b"", libc::TP_STATUS_TS_RAW_HARDWARE),
        ];
        write(&mut block, &written);
        let read = read(&block);
        let bytes: Vec<&[u8]> = read.iter().map(|p| &block[p.data.clone()]).collect();
        assert_eq!(bytes, [&b"one"[..], &[2; 999], b""]);
        let tags: Vec<_> = read.iter().map(|p| p.vlan_tci).collect();
        assert_eq!(tags, [None, Some(0x6064), None]);
        let clocks: Vec<_> = read.iter().map(|p| p.clock).collect();
        assert_eq!(clocks, [Clock::Kernel, Clock::Kernel, Clock::Hardware]);
        assert_eq!((read[0].ns, read[1].wire_len), (7_000_000_005, 999));
    }

    #[test]
    fn an_empty_block_has_no_packets() {
        let mut block = vec![0; 4096];
        write(&mut block, &[]);
        assert!(Walk::begin(&block).is_none());
        assert!(Walk::begin(&[]).is_none());
    }

    /// Every field of the headers is set to every byte, in turn: nothing outside the block is touched
    /// and each walk ends.
    #[test]
    fn no_content_leads_out_of_a_block() {
        let mut block = vec![0; 512];
        write(&mut block, &[packet(b"one", 1), packet(b"two", 1)]);
        for at in 0..200 {
            for byte in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut damaged = block.clone();
                damaged[at] = byte;
                let found = read(&damaged);
                assert!(found.iter().all(|p| p.data.end <= damaged.len()), "{at}");
            }
        }
        for cut in 0..block.len() {
            let found = read(&block[..cut]);
            assert!(found.iter().all(|p| p.data.end <= cut), "{cut}");
        }
    }
}
