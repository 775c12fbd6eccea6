//! As much of pcapng as a file of frames takes (draft-ietf-opsawg-pcapng §4.1 to §4.3): a section
//! header, interfaces, and enhanced packets with comments.

use crate::capture::LinkType;
use std::io::{self, Write};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
/// Options (§3.5): every block has comments, the others belong to their blocks.
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;

/// Writes one section, in little-endian order.
pub(super) struct PcapNg<W> {
    out: W,
    /// The body of the block at hand.
    body: Vec<u8>,
    written: u64,
}

impl<W: Write> PcapNg<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut file = Self {
            out,
            body: Vec::new(),
            written: 0,
        };
        // Byte order, version 1.0, and a length that is not told.
        file.body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        file.body.extend_from_slice(&[1, 0, 0, 0]);
        file.body.extend_from_slice(&u64::MAX.to_le_bytes());
        file.option(SHB_USERAPPL, b"bgptap");
        file.end_options();
        file.block(SECTION)?;
        Ok(file)
    }

    /// An interface, whose times are nanoseconds. They are numbered from 0.
    pub(super) fn interface(&mut self, link: u16, name: Option<&str>) -> io::Result<()> {
        self.body.extend_from_slice(&link.to_le_bytes());
        self.body.extend_from_slice(&[0; 2]);
        // No limit to the length of frames.
        self.body.extend_from_slice(&0u32.to_le_bytes());
        if let Some(name) = name {
            self.option(IF_NAME, name.as_bytes());
        }
        self.option(IF_TSRESOL, &[9]);
        self.end_options();
        self.block(INTERFACE)
    }

    /// A frame; `wire_len` is what it had on the wire, and `comments` say why it is here.
    pub(super) fn packet<'c>(
        &mut self,
        interface: u32,
        ns: u64,
        wire_len: u32,
        bytes: &[u8],
        comments: impl Iterator<Item = &'c str>,
    ) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        let halves = ((ns >> 32) as u32, ns as u32);
        for word in [interface, halves.0, halves.1, length, wire_len] {
            self.body.extend_from_slice(&word.to_le_bytes());
        }
        self.body.extend_from_slice(bytes);
        self.pad();
        let before = self.body.len();
        for comment in comments {
            self.option(OPT_COMMENT, comment.as_bytes());
        }
        if self.body.len() > before {
            self.end_options();
        }
        self.block(PACKET)
    }

    /// Octets written.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn pad(&mut self) {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// What is too long for an option is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.body.extend_from_slice(&code.to_le_bytes());
        self.body.extend_from_slice(&length.to_le_bytes());
        let value = value.get(..length.into()).unwrap_or(value);
        self.body.extend_from_slice(value);
        self.pad();
    }

    fn end_options(&mut self) {
        self.body.extend_from_slice(&[0; 4]);
    }

    /// Type, length, body, length.
    fn block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.body.len() + 12).map_err(io::Error::other)?;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.body)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.body.clear();
        self.written += u64::from(length);
        Ok(())
    }
}

/// The number that files have for a link type (<https://www.tcpdump.org/linktypes.html>).
pub(super) fn link_number(link: LinkType, frame: &[u8]) -> u16 {
    match link {
        LinkType::Null => 0,
        LinkType::Ethernet => 1,
        LinkType::Ppp => 9,
        LinkType::RawIp => 101,
        // The reader tells the two apart by the same octet, the address field.
        LinkType::CiscoHdlc if frame.first() == Some(&0xff) => 50,
        LinkType::CiscoHdlc => 104,
        LinkType::FrameRelay => 107,
        LinkType::Loop => 108,
        LinkType::LinuxSll => 113,
        LinkType::LinuxSll2 => 276,
        // Records of archives are no frames and never come here: the first number for one's own use.
        LinkType::Mrt => 147,
    }
}
