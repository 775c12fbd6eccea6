//! GENEVE (RFC 8926 §3.4).

use super::{Cursor, Layer, Skip, by_ether_type};

/// Bytes of options, in words of four, in the low bits of the first byte; the version above.
const OPTION_WORDS: u8 = 0x3f;

pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    if header[0] & !OPTION_WORDS != 0 {
        return Err(Skip::NotTcp);
    }
    cursor.skip(usize::from(header[0] & OPTION_WORDS) * 4)?;
    by_ether_type(u16::from_be_bytes([header[2], header[3]]))
}
