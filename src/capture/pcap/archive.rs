//! MRT archives (RFC 6396 §2): records, each with its length, and no header before them.

use super::record::{Damage, Next, Record, require};
use super::window::{Fill, Window};
use crate::capture::LinkType;
use crate::wire::mrt::{HEADER_LEN, archived_ns};
use std::time::Instant;

/// Records of tables are long; none is longer.
const RECORD_MAX: u32 = 16 << 20;

/// The next record.
///
/// # Errors
/// The archive is damaged or cut short here.
pub(super) fn next(window: &mut Window, deadline: Option<Instant>) -> Result<Next, Damage> {
    match require(window, HEADER_LEN, "a record's header", deadline)? {
        Fill::Ready => {}
        Fill::Pending => return Ok(Next::Pending),
        Fill::Short => return Ok(Next::End),
    }
    let field = window.bytes().get(8..HEADER_LEN);
    let field = field.and_then(|field| field.try_into().ok());
    let length = field.map_or(0, u32::from_be_bytes);
    if length > RECORD_MAX {
        let what = format!("a record claims {length} bytes, more than {RECORD_MAX}");
        return Err(Damage::new(window.offset(), what));
    }
    let length = HEADER_LEN + length as usize;
    match require(window, length, "a record", deadline)? {
        Fill::Ready => {}
        Fill::Pending => return Ok(Next::Pending),
        // `require` has seen the record's header, so the file does not end before it.
        Fill::Short => return Err(Damage::new(window.offset(), "the file is cut short")),
    }
    let record = window.bytes().get(..length).unwrap_or_default();
    let record = Record {
        ns: archived_ns(record).unwrap_or(0),
        wire_len: u32::try_from(length).unwrap_or(u32::MAX),
        link: LinkType::Mrt,
        bytes: window.view(record),
    };
    window.advance(length as u64);
    Ok(Next::Frame(record))
}
