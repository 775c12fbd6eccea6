//! BMP messages as borrowed views (RFC 7854 §4, RFC 8671, RFC 9069).

use super::framing::{COMMON_LEN, IPV6, LOC_RIB, PER_PEER_LEN, VERSION, has_per_peer_header};
use crate::bgp::{Header, MessageType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whom a message is about, and by what view of the router (RFC 7854 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerPeer {
    /// Peer Type.
    pub kind: u8,
    flags: u8,
    /// Peer Distinguisher: which VRF, or which instance.
    pub distinguisher: [u8; 8],
    /// The router's neighbour.
    pub address: IpAddr,
    /// Its AS number.
    pub asn: u32,
}

impl PerPeer {
    const L: u8 = 0x40;
    const A: u8 = 0x20;
    const O: u8 = 0x10;

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let what = Malformed("the per-peer header is cut short");
        let head = input.take::<PER_PEER_LEN>().ok_or(what)?;
        let (flags, rest) = (head[1], &head[2..]);
        let [a, b, c, d] = [rest[24], rest[25], rest[26], rest[27]];
        Ok(Self {
            kind: head[0],
            flags,
            distinguisher: *rest.first_chunk().ok_or(what)?,
            address: address(rest[8..].first_chunk().ok_or(what)?, flags),
            asn: u32::from_be_bytes([a, b, c, d]),
        })
    }

    /// It is about a session, not about the router's own table.
    #[must_use]
    pub const fn is_session(&self) -> bool {
        self.kind < LOC_RIB
    }

    /// AS numbers in the message have four octets (RFC 7854 §4.2).
    #[must_use]
    pub const fn as4(&self) -> bool {
        self.flags & Self::A == 0
    }

    /// Whether the router has sent what the message holds, or received it; `None` if neither.
    ///
    /// Of what comes in, the wire has what policy has not touched yet; of what goes out, what has passed policy
    /// (RFC 7854 §4.2, RFC 8671 §4).
    #[must_use]
    pub const fn sent(&self) -> Option<bool> {
        match (self.flags & Self::O != 0, self.flags & Self::L != 0) {
            _ if !self.is_session() => None,
            (false, false) => Some(false),
            (true, true) => Some(true),
            _ => None,
        }
    }

    /// The view of the router that Route Monitoring is of (RFC 7854 §5, RFC 8671 §4, RFC 9069 §4.1).
    #[must_use]
    pub const fn view(&self) -> &'static str {
        match (
            self.kind,
            self.flags & Self::O != 0,
            self.flags & Self::L != 0,
        ) {
            (0..=2, false, false) => "Adj-RIB-In pre-policy",
            (0..=2, false, true) => "Adj-RIB-In post-policy",
            (0..=2, true, false) => "Adj-RIB-Out pre-policy",
            (0..=2, true, true) => "Adj-RIB-Out post-policy",
            (LOC_RIB, ..) => "Loc-RIB",
            _ => "tables of unknown peer types",
        }
    }
}

/// IPv4 addresses lie in the last four octets (RFC 7854 §4.2, §4.10).
fn address(octets: &[u8; 16], flags: u8) -> IpAddr {
    if flags & IPV6 != 0 {
        return Ipv6Addr::from(*octets).into();
    }
    let [.., a, b, c, d] = *octets;
    Ipv4Addr::new(a, b, c, d).into()
}

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Route Monitoring (RFC 7854 §4.6).
    Monitoring {
        /// Whose routes.
        peer: PerPeer,
        /// The UPDATE, with its header.
        update: &'a [u8],
    },
    /// Peer Up (RFC 7854 §4.10).
    Up(Up<'a>),
    /// Peer Down (RFC 7854 §4.9).
    Down {
        /// Whose session has ended.
        peer: PerPeer,
        /// How.
        reason: Reason<'a>,
    },
    /// Route Monitoring of a table that belongs to no session, such as the Loc-RIB.
    NoSession(PerPeer),
    /// What says nothing about a session's messages: figures, the router's name, mirrored messages, peers of the Loc-RIB.
    Other,
    /// Of the version of a draft.
    Draft,
}

/// Peer Up (RFC 7854 §4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Up<'a> {
    /// The router's neighbour.
    pub peer: PerPeer,
    /// The router's own address in the session.
    pub local: IpAddr,
    /// TCP ports of the router and of the neighbour.
    pub ports: [u16; 2],
    /// The OPEN that the router has sent, with its header.
    pub sent: &'a [u8],
    /// The one that it has received.
    pub received: &'a [u8],
}

/// Why a session has ended (RFC 7854 §4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// The router sent this NOTIFICATION.
    Sent(&'a [u8]),
    /// It received this one.
    Received(&'a [u8]),
    /// Without a NOTIFICATION.
    Silent,
    /// It need not have ended: the router does not tell of it any more.
    NotTold,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

impl<'a> Message<'a> {
    /// Reads a whole message, as [`super::framing::Framed`] has found it.
    ///
    /// # Errors
    /// It is shorter than its parts, or holds no BGP message where it must.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = Input(bytes);
        let common = input.take::<COMMON_LEN>();
        let common = common.ok_or(Malformed("the common header is cut short"))?;
        let (version, kind) = (common[0], common[5]);
        if version != VERSION {
            return Ok(Self::Draft);
        }
        if !matches!(kind, 0 | 2 | 3) {
            if has_per_peer_header(kind) {
                PerPeer::read(&mut input)?;
            }
            return Ok(Self::Other);
        }
        let peer = PerPeer::read(&mut input)?;
        if !peer.is_session() {
            return Ok(match kind {
                0 => Self::NoSession(peer),
                _ => Self::Other,
            });
        }
        match kind {
            0 => {
                let update = input.bgp(MessageType::Update)?;
                if !input.0.is_empty() {
                    return Err(Malformed("octets follow the UPDATE"));
                }
                Ok(Self::Monitoring { peer, update })
            }
            2 => Self::down(peer, &mut input),
            _ => Self::up(peer, &mut input),
        }
    }

    fn up(peer: PerPeer, input: &mut Input<'a>) -> Result<Self, Malformed> {
        let what = Malformed("a Peer Up is cut short");
        let local = address(&input.take().ok_or(what)?, peer.flags);
        let [a, b, c, d] = input.take().ok_or(what)?;
        let ports = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        Ok(Self::Up(Up {
            peer,
            local,
            ports,
            sent: input.bgp(MessageType::Open)?,
            received: input.bgp(MessageType::Open)?,
        }))
    }

    fn down(peer: PerPeer, input: &mut Input<'a>) -> Result<Self, Malformed> {
        let what = Malformed("a Peer Down has no reason");
        let [reason] = input.take().ok_or(what)?;
        let reason = match reason {
            1 => Reason::Sent(input.bgp(MessageType::Notification)?),
            3 => Reason::Received(input.bgp(MessageType::Notification)?),
            5 => Reason::NotTold,
            _ => Reason::Silent,
        };
        Ok(Self::Down { peer, reason })
    }
}

/// What is left of a message.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// The next BGP message.
    fn bgp(&mut self, kind: MessageType) -> Result<&'a [u8], Malformed> {
        let header =
            Header::parse(self.0).map_err(|_| Malformed("no BGP message where one must be"))?;
        if header.kind != kind {
            return Err(Malformed("a BGP message of another type"));
        }
        let split = self.0.split_at_checked(usize::from(header.length));
        let (message, rest) = split.ok_or(Malformed("a BGP message is cut short"))?;
        self.0 = rest;
        Ok(message)
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
