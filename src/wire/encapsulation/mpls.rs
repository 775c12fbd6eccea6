//! MPLS label stacks (RFC 3032 §2.1), one label a step.

use super::{Cursor, Layer, Skip};

/// Nothing says what a stack carries but its first nibble: 4 and 6 are the versions of
/// IP, 0 is the control word of a pseudowire (RFC 4385 §3), which for us carries Ethernet
/// (RFC 4448 §4.6). Other values can only be an Ethernet address without control word.
pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let [_, _, bottom, _] = cursor.take()?;
    if bottom & 1 == 0 {
        return Ok(Layer::Mpls);
    }
    match cursor.peek_byte()? >> 4 {
        4 | 6 => return Ok(Layer::Ip),
        0 => cursor.skip(4)?,
        // The channel header of management traffic (RFC 4385 §5).
        1 => return Err(Skip::NotIp),
        _ => {}
    }
    cursor.enter_tunnel();
    Ok(Layer::Ethernet)
}
