//! The pcap format: one header, then records (draft-ietf-opsawg-pcap).

use std::time::Instant;

use pcap_parser::pcap::{
    LegacyPcapBlock, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};
use pcap_parser::{PcapError, nom::IResult};

use super::record::{Damage, FRAME_MAX, Next, Record, require};
use super::window::{Fill, Window};
use crate::capture::LinkType;

/// Length of the header of a file.
pub(super) const HEADER_LEN: usize = 24;

type Parse = fn(&[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>>;

/// How the records of one file are to be read.
#[derive(Debug)]
pub(super) struct Reader {
    link: LinkType,
    parse: Parse,
    big_endian: bool,
    /// Length of a record's header: 16, in Kuznetzov's modified format 24.
    record_header: usize,
    /// Nanoseconds that one unit of a timestamp's second field stands for.
    fraction_ns: u64,
}

/// Whether a file that begins so is a pcap file.
pub(super) fn recognised(magic: &[u8]) -> bool {
    matches!(
        magic,
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0xc3, 0xd4, ..]
            | [0x4d, 0x3c, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0x3c, 0x4d, ..]
            | [0x34, 0xcd, 0xb2, 0xa1, ..]
    )
}

/// The link type of a file header: without the FCS length and other flags in its upper bits.
fn link_number(header: &PcapHeader) -> u32 {
    header.network.0.cast_unsigned() & 0x03ff_ffff
}

/// Reads the header of a file, [`HEADER_LEN`] bytes.
///
/// # Errors
/// The number of a link type that is not supported; `None` if it is no header at all.
pub(super) fn open(header: &[u8]) -> Result<Reader, Option<u32>> {
    let (_, header) = parse_pcap_header(header).map_err(|_| None)?;
    let number = link_number(&header);
    let link = super::link::supported(number).ok_or(Some(number))?;
    let big_endian = header.is_bigendian();
    let (parse, record_header): (Parse, usize) = if header.is_modified_format() {
        (parse_pcap_frame_modified, 24)
    } else if big_endian {
        (parse_pcap_frame_be, 16)
    } else {
        (parse_pcap_frame, 16)
    };
    Ok(Reader {
        link,
        parse,
        big_endian,
        record_header,
        fraction_ns: if header.is_nanosecond_precision() {
            1
        } else {
            1_000
        },
    })
}

impl Reader {
    /// The next frame.
    ///
    /// # Errors
    /// The file is damaged or cut short here.
    pub(super) fn next(
        &self,
        window: &mut Window,
        deadline: Option<Instant>,
    ) -> Result<Next, Damage> {
        match require(window, self.record_header, "a record's header", deadline)? {
            Fill::Ready => {}
            Fill::Pending => return Ok(Next::Pending),
            Fill::Short => return Ok(Next::End),
        }
        let captured = self.captured_len(window.bytes());
        if captured > FRAME_MAX {
            return Err(Damage::new(
                window.offset(),
                format!(
                    "a record claims {captured} bytes, more than the {FRAME_MAX} a frame can have"
                ),
            ));
        }
        let length = self.record_header + captured as usize;
        match require(window, length, "a record", deadline)? {
            Fill::Ready => {}
            Fill::Pending => return Ok(Next::Pending),
            // `require` has seen the record's header, so the file does not end before it.
            Fill::Short => return Err(Damage::new(window.offset(), "the file is cut short")),
        }
        let Ok((_, block)) = (self.parse)(window.bytes()) else {
            return Err(Damage::new(window.offset(), "a record that does not parse"));
        };
        let record = Record {
            ns: u64::from(block.ts_sec) * 1_000_000_000
                + u64::from(block.ts_usec) * self.fraction_ns,
            wire_len: block.origlen,
            link: self.link,
            bytes: window.view(block.data),
        };
        window.advance(length as u64);
        Ok(Next::Frame(record))
    }

    /// The captured length in a record's header, looked at before the record is all there.
    fn captured_len(&self, header: &[u8]) -> u32 {
        let field = header.get(8..12).and_then(|field| field.try_into().ok());
        match (field, self.big_endian) {
            (Some(field), true) => u32::from_be_bytes(field),
            (Some(field), false) => u32::from_le_bytes(field),
            (None, _) => 0,
        }
    }
}
