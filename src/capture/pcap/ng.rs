//! The pcapng format: sections of blocks (draft-ietf-opsawg-pcapng).
//!
//! Section headers and interface descriptions are read by `pcap-parser`. Blocks
//! are delimited and packet blocks read here: that crate lacks the obsolete
//! Packet Block, applies no snap length to Simple Packet Blocks and allocates
//! for the options of each packet.

use std::time::Instant;

use pcap_parser::pcapng::{
    BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock,
};

use super::link;
use super::record::{Damage, FRAME_MAX, Next, Record, require};
use super::ticks::Ticks;
use super::window::{Fill, Window};
use crate::capture::LinkType;

/// The obsolete Packet Block (draft-ietf-opsawg-pcapng, appendix A).
const PB_MAGIC: u32 = 0x0000_0002;
/// Type, length and the length once more at the end.
const BLOCK_MIN: u32 = 12;
/// The largest block that is looked into: a frame and its options fit by far.
const BLOCK_MAX: u32 = 1 << 20;
/// Interfaces that one section may describe.
const INTERFACES_MAX: usize = 1 << 16;

/// What an Interface Description Block says.
#[derive(Debug)]
struct Interface {
    link: Result<LinkType, u16>,
    snaplen: u32,
    ticks: Ticks,
}

/// Frames that were passed over, since bgptap does not read their link type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) link: u16,
    pub(super) frames: u64,
}

/// The state that reading blocks needs.
#[derive(Debug, Default)]
pub(super) struct Reader {
    big_endian: bool,
    interfaces: Vec<Interface>,
    unreadable: Vec<Unreadable>,
    /// Time of the last frame; Simple Packet Blocks have none of their own.
    latest_ns: u64,
}

/// A packet block's fields, whichever of the three kinds it is.
struct Packet<'a> {
    interface: u32,
    ticks: Option<u64>,
    captured: usize,
    wire_len: u32,
    /// Captured bytes and whatever follows them in the block.
    data: &'a [u8],
}

/// Whether a file that begins so is a pcapng file.
pub(super) fn recognised(magic: &[u8]) -> bool {
    magic.starts_with(&SHB_MAGIC.to_be_bytes())
}

impl Reader {
    /// Reads the first section header.
    pub(super) fn open(window: &mut Window) -> Result<Self, Damage> {
        let mut reader = Self::default();
        let Some((kind, length)) = reader.delimit(window, None)? else {
            return Err(Damage::new(0, "the file is empty"));
        };
        reader.look_into(window, kind, length)?;
        window.advance(u64::from(length));
        Ok(reader)
    }

    /// Frames passed over so far, by link type.
    pub(super) fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The next frame.
    ///
    /// # Errors
    /// The file is damaged or cut short here.
    pub(super) fn next(
        &mut self,
        window: &mut Window,
        deadline: Option<Instant>,
    ) -> Result<Next, Damage> {
        loop {
            match require(window, BLOCK_MIN as usize, "a block's header", deadline)? {
                Fill::Ready => {}
                Fill::Pending => return Ok(Next::Pending),
                Fill::Short => return Ok(Next::End),
            }
            let Some((kind, length)) = self.delimit(window, deadline)? else {
                return Ok(Next::Pending);
            };
            let frame = if length <= BLOCK_MAX {
                self.look_into(window, kind, length)?
            } else {
                None
            };
            window.advance(u64::from(length));
            if let Some(frame) = frame {
                return Ok(Next::Frame(frame));
            }
        }
    }

    /// Type and length of the block at the window's start, once it is all there
    /// (or is to be passed over, being large). `None` while it is not.
    fn delimit(
        &mut self,
        window: &mut Window,
        deadline: Option<Instant>,
    ) -> Result<Option<(u32, u32)>, Damage> {
        if require(window, BLOCK_MIN as usize, "a block's header", deadline)? != Fill::Ready {
            return Ok(None);
        }
        let header = window.bytes();
        let mut kind = self.word(header, 0);
        if header.starts_with(&SHB_MAGIC.to_be_bytes()) {
            kind = SHB_MAGIC;
            self.big_endian = header.get(8..12) == Some(&BOM_MAGIC.to_be_bytes());
        }
        let length = self.word(header, 4);
        let damage = |what: String| Err(Damage::new(window.offset(), what));
        if length < BLOCK_MIN || !length.is_multiple_of(4) {
            return damage(format!("a block (type {kind:#x}) claims {length} bytes"));
        }
        if length > BLOCK_MAX {
            return match kind {
                SHB_MAGIC | IDB_MAGIC | EPB_MAGIC | SPB_MAGIC | PB_MAGIC => damage(format!(
                    "a block (type {kind:#x}) claims {length} bytes, which is absurd"
                )),
                _ => Ok(Some((kind, length))),
            };
        }
        if require(window, length as usize, "a block", deadline)? != Fill::Ready {
            return Ok(None);
        }
        let repeated = self.word(window.bytes(), length as usize - 4);
        if repeated != length {
            return Err(Damage::new(
                window.offset(),
                format!(
                    "a block (type {kind:#x}) begins with length {length} and ends with {repeated}"
                ),
            ));
        }
        Ok(Some((kind, length)))
    }

    /// Takes in what a block says; its frame, if it holds one.
    fn look_into(
        &mut self,
        window: &Window,
        kind: u32,
        length: u32,
    ) -> Result<Option<Record>, Damage> {
        let Some(block) = window.bytes().get(..length as usize) else {
            return Ok(None);
        };
        let damaged = |what: &str| Damage::new(window.offset(), what);
        match kind {
            SHB_MAGIC => {
                let (_, header) = parse_sectionheaderblock(block)
                    .map_err(|_| damaged("a section header that does not parse"))?;
                self.big_endian = header.big_endian();
                self.interfaces.clear();
                Ok(None)
            }
            IDB_MAGIC => {
                let interface = self
                    .interface(block)
                    .ok_or_else(|| damaged("an interface description that does not parse"))?;
                if self.interfaces.len() >= INTERFACES_MAX {
                    return Err(damaged("more interfaces than any capture has"));
                }
                self.interfaces.push(interface);
                Ok(None)
            }
            EPB_MAGIC | SPB_MAGIC | PB_MAGIC => {
                let packet = self
                    .packet(kind, block)
                    .ok_or_else(|| damaged("a packet block shorter than its own fields"))?;
                self.record(window, &packet).map_err(damaged)
            }
            _ => Ok(None),
        }
    }

    fn interface(&self, block: &[u8]) -> Option<Interface> {
        let (_, description) = if self.big_endian {
            parse_interfacedescriptionblock_be(block).ok()?
        } else {
            parse_interfacedescriptionblock_le(block).ok()?
        };
        // pcap-parser reads this option as little-endian whatever the section is.
        let offset = if self.big_endian {
            description.if_tsoffset.swap_bytes()
        } else {
            description.if_tsoffset
        };
        let number = u16::try_from(description.linktype.0).ok()?;
        Some(Interface {
            link: link::supported(u32::from(number)).ok_or(number),
            snaplen: description.snaplen,
            ticks: Ticks::new(description.if_tsresol, offset),
        })
    }

    /// Splits a packet block into its fields; `None` if it is too short for them.
    fn packet<'a>(&self, kind: u32, block: &'a [u8]) -> Option<Packet<'a>> {
        let body = block.get(8..block.len().checked_sub(4)?)?;
        if kind == SPB_MAGIC {
            let wire_len = self.word(body, 0);
            let data = body.get(4..)?;
            let snaplen = match self.interfaces.first() {
                Some(interface) if interface.snaplen > 0 => interface.snaplen,
                _ => u32::MAX,
            };
            return Some(Packet {
                interface: 0,
                ticks: None,
                captured: (wire_len.min(snaplen) as usize).min(data.len()),
                wire_len,
                data,
            });
        }
        let data = body.get(20..)?;
        let interface = self.word(body, 0);
        Some(Packet {
            interface: match kind {
                // 16 bits of interface, 16 bits of drop count.
                PB_MAGIC if self.big_endian => interface >> 16,
                PB_MAGIC => interface & 0xffff,
                _ => interface,
            },
            ticks: Some(u64::from(self.word(body, 4)) << 32 | u64::from(self.word(body, 8))),
            captured: self.word(body, 12) as usize,
            wire_len: self.word(body, 16),
            data,
        })
    }

    fn record(
        &mut self,
        window: &Window,
        packet: &Packet<'_>,
    ) -> Result<Option<Record>, &'static str> {
        let interface = usize::try_from(packet.interface)
            .ok()
            .and_then(|index| self.interfaces.get(index))
            .ok_or("a packet of an interface that was not described")?;
        if packet.captured > FRAME_MAX as usize {
            return Err("a packet that claims more bytes than a frame can have");
        }
        let data = packet
            .data
            .get(..packet.captured)
            .ok_or("a packet that claims more bytes than its block has")?;
        let link = match interface.link {
            Ok(link) => link,
            Err(number) => {
                self.count_unreadable(number);
                return Ok(None);
            }
        };
        if let Some(ticks) = packet.ticks {
            self.latest_ns = interface.ticks.to_ns(ticks);
        }
        Ok(Some(Record {
            bytes: window.view(data),
            ns: self.latest_ns,
            wire_len: packet.wire_len,
            link,
        }))
    }

    fn count_unreadable(&mut self, link: u16) {
        match self.unreadable.iter_mut().find(|entry| entry.link == link) {
            Some(entry) => entry.frames += 1,
            None => self.unreadable.push(Unreadable { link, frames: 1 }),
        }
    }

    /// The 32-bit word at `at` in the section's byte order; 0 outside of `bytes`.
    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let word = bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .copied()
            .unwrap_or_default();
        if self.big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    }
}
