//! What the load generator is given to send.

use super::wrap;

/// Bytes of TCP payload in a frame: one KEEPALIVE.
pub const PAYLOAD: u32 = 19;
/// Sessions that the frames are dealt out to.
pub const SESSIONS: u32 = 16;

/// A frame with one KEEPALIVE to port 179, in TCP behind 34 bytes of Ethernet and IPv4.
pub fn template() -> Vec<u8> {
    let mut tcp = vec![0, 0, 0, 179];
    tcp.extend([0, 0, 0, 0, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend([0xff; 16]);
    tcp.extend([0, 19, 4]);
    wrap::ethernet(wrap::IPV4, &wrap::ipv4(6, &tcp))
}
