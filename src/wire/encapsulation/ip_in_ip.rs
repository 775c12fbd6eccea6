//! IP in IP: IPv4 in IPv4 (RFC 2003), IPv6 in IPv4 (RFC 4213), both in IPv6 (RFC 2473).

use super::{Cursor, Layer, Skip};
use crate::wire::ip;

pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    cursor.enter_tunnel();
    ip::read(cursor)
}
