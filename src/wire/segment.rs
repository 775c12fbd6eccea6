//! What the headers of one frame say: the input of reassembly.

use std::net::IpAddr;
use std::ops::Range;

/// One end of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// IPv4 or IPv6 address; an IPv4-mapped IPv6 address stays IPv6.
    pub addr: IpAddr,
    /// TCP port.
    pub port: u16,
}

/// The flag bits of a TCP header (RFC 9293 §3.1), low byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// No more data from the sender.
    #[must_use]
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }
    /// As the first of several parts has them: the end comes with the last part.
    #[must_use]
    pub fn without_end(self) -> Self {
        Self(self.0 & !(Self::FIN | Self::RST))
    }
    /// As the further parts have them.
    #[must_use]
    pub fn without_start(self) -> Self {
        Self(self.0 & !Self::SYN)
    }
    /// Synchronise sequence numbers.
    #[must_use]
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }
    /// Reset the connection.
    #[must_use]
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }
    /// The acknowledgement field is valid.
    #[must_use]
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}

/// A TCP segment: header values copied out, payload and options as ranges of the frame.
///
/// It borrows nothing, so the frame can be moved while the segment is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The sender.
    pub src: Endpoint,
    /// The receiver.
    pub dst: Endpoint,
    /// Innermost VLAN id, from the frame or from what the card stripped.
    pub vlan: Option<u16>,
    /// Identification of the IPv4 packet (RFC 6864); IPv6 has none.
    pub ip_id: Option<u16>,
    /// Sequence number of the first payload byte (of the SYN, if it is one).
    pub seq: u32,
    /// Acknowledgement number; meaningful if `flags.ack()`.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window as sent, unscaled.
    pub window: u16,
    /// Where the TCP options lie in the frame.
    pub options: Range<u32>,
    /// Where the payload lies in the frame.
    pub payload: Range<u32>,
    /// Payload bytes that the IP header promises but the frame does not hold
    /// (the capture cut it); they follow `payload` in sequence space.
    pub cut: u32,
}

impl Segment {
    /// One that says only who sends to whom: no VLAN, no flags, no data.
    #[must_use]
    pub const fn between(src: Endpoint, dst: Endpoint) -> Self {
        Self {
            src,
            dst,
            vlan: None,
            ip_id: None,
            seq: 0,
            ack: 0,
            flags: TcpFlags(0),
            window: 0,
            options: 0..0,
            payload: 0..0,
            cut: 0,
        }
    }
}
