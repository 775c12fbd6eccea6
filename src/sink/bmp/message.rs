//! BMP messages as bytes (RFC 7854 §4, RFC 8671).

use std::net::{IpAddr, Ipv4Addr};

/// Octets of the common header (RFC 7854 §4.1).
pub const COMMON_LEN: usize = 6;
/// Octets of the per-peer header (RFC 7854 §4.2).
pub const PER_PEER_LEN: usize = 42;
const VERSION: u8 = 3;

/// Message types (RFC 7854 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An UPDATE, as it was sent.
    RouteMonitoring = 0,
    /// Figures about a peer.
    Statistics = 1,
    /// A session ended.
    PeerDown = 2,
    /// A session came up.
    PeerUp = 3,
    /// The first message.
    Initiation = 4,
    /// The last message.
    Termination = 5,
    /// A message that is not told otherwise, or that something is missing.
    RouteMirroring = 6,
}

/// Information TLVs of Initiation (RFC 7854 §4.4) and Peer Up (RFC 9736 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Information {
    /// Free text.
    Text = 0,
    /// `sysDescr`.
    SysDescr = 1,
    /// `sysName`.
    SysName = 2,
}

/// Statistics that are told (RFC 7854 §4.8, RFC 8671 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Announcements of routes that were there just so; 32 bits.
    DuplicateAnnouncements = 1,
    /// Withdrawals of routes that were not there; 32 bits.
    DuplicateWithdrawals = 2,
    /// Routes in all Adj-RIBs-In; 64 bits.
    AdjRibIn = 7,
    /// Routes in one Adj-RIB-In.
    FamilyIn = 9,
    /// UPDATEs treated as withdrawals (RFC 7606); 32 bits.
    TreatedAsWithdraw = 11,
    /// Routes in all Adj-RIBs-Out, post-policy; 64 bits.
    AdjRibOut = 15,
    /// Routes in one Adj-RIB-Out, post-policy.
    FamilyOut = 17,
}

/// Why a session ended (RFC 7854 §4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down<'a> {
    /// The router sent this NOTIFICATION.
    LocalNotification(&'a [u8]),
    /// The router closed the connection; the event of its state machine (RFC 4271 §8.1), 0 if none fits.
    Local(u16),
    /// The peer sent this NOTIFICATION.
    RemoteNotification(&'a [u8]),
    /// The peer closed the connection.
    Remote,
    /// Nothing is known of an end: there will be no more about this peer.
    NotTold,
}

/// What a Route Mirroring message says beside a message (RFC 7854 §4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// The message could not be used.
    Errored = 0,
    /// One or more messages are missing.
    Lost = 1,
}

/// Who and what a message is about (RFC 7854 §4.2, RFC 8671 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerHeader {
    /// The router's neighbour.
    pub address: IpAddr,
    /// Its AS number.
    pub asn: u32,
    /// Its BGP identifier.
    pub bgp_id: Ipv4Addr,
    /// It is about what the router sent: its Adj-RIB-Out, post-policy.
    pub sent: bool,
    /// AS numbers have two octets.
    pub two_octet: bool,
    /// When it happened, nanoseconds since the epoch.
    pub ns: u64,
}

impl PeerHeader {
    const V: u8 = 0x80;
    const L: u8 = 0x40;
    const A: u8 = 0x20;
    const O: u8 = 0x10;

    fn write(&self, out: &mut Vec<u8>) {
        let mut flags = 0;
        if self.address.is_ipv6() {
            flags |= Self::V;
        }
        if self.two_octet {
            flags |= Self::A;
        }
        if self.sent {
            // RFC 8671 §4: what is on the wire has passed the policy.
            flags |= Self::O | Self::L;
        }
        // Peer type: global instance; no distinguisher.
        out.extend([0, flags]);
        out.extend([0; 8]);
        address(out, self.address);
        out.extend(self.asn.to_be_bytes());
        out.extend(self.bgp_id.octets());
        let (seconds, rest) = (self.ns / 1_000_000_000, self.ns % 1_000_000_000);
        // Until 2106.
        out.extend(u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(((rest / 1000) as u32).to_be_bytes());
    }
}

/// An address in sixteen octets: an IPv4 one is at the end, behind zeros (RFC 7854 §4.2).
fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.extend([0; 12]);
            out.extend(address.octets());
        }
        IpAddr::V6(address) => out.extend(address.octets()),
    }
}

/// Appends one message whose body `body` writes.
fn message(
    out: &mut Vec<u8>,
    kind: Kind,
    peer: Option<&PeerHeader>,
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend([VERSION, 0, 0, 0, 0, kind as u8]);
    if let Some(peer) = peer {
        peer.write(out);
    }
    body(out);
    let len = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start + 1..start + 5) {
        field.copy_from_slice(&len.to_be_bytes());
    }
}

fn tlv(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    out.extend(kind.to_be_bytes());
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

/// Initiation (§4.3).
pub fn initiation(out: &mut Vec<u8>, description: &str, name: &str) {
    message(out, Kind::Initiation, None, |out| {
        tlv(out, Information::SysDescr as u16, description.as_bytes());
        tlv(out, Information::SysName as u16, name.as_bytes());
    });
}

/// Termination (§4.5): reason 0, administratively closed.
pub fn termination(out: &mut Vec<u8>) {
    message(out, Kind::Termination, None, |out| {
        tlv(out, 1, &0_u16.to_be_bytes());
    });
}

/// Peer Up (§4.10).
pub struct PeerUp<'a> {
    /// The router's address and port.
    pub local: (IpAddr, u16),
    /// The peer's port.
    pub remote_port: u16,
    /// The router's OPEN.
    pub sent: &'a [u8],
    /// The peer's OPEN.
    pub received: &'a [u8],
    /// What there is to say about it.
    pub text: Option<&'a str>,
}

impl PeerUp<'_> {
    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>, peer: &PeerHeader) {
        message(out, Kind::PeerUp, Some(peer), |out| {
            address(out, self.local.0);
            out.extend(self.local.1.to_be_bytes());
            out.extend(self.remote_port.to_be_bytes());
            out.extend(self.sent);
            out.extend(self.received);
            if let Some(text) = self.text {
                tlv(out, Information::Text as u16, text.as_bytes());
            }
        });
    }
}

/// Peer Down (§4.9).
pub fn peer_down(out: &mut Vec<u8>, peer: &PeerHeader, down: Down<'_>) {
    message(out, Kind::PeerDown, Some(peer), |out| match down {
        Down::LocalNotification(bytes) => {
            out.push(1);
            out.extend(bytes);
        }
        Down::Local(event) => {
            out.push(2);
            out.extend(event.to_be_bytes());
        }
        Down::RemoteNotification(bytes) => {
            out.push(3);
            out.extend(bytes);
        }
        Down::Remote => out.push(4),
        Down::NotTold => out.push(5),
    });
}

/// Route Monitoring (§4.6) with one UPDATE, written by `update`.
pub fn route_monitoring(out: &mut Vec<u8>, peer: &PeerHeader, update: impl FnOnce(&mut Vec<u8>)) {
    message(out, Kind::RouteMonitoring, Some(peer), update);
}

/// Route Mirroring (§4.7) with what happened and the message if there is one.
pub fn route_mirroring(out: &mut Vec<u8>, peer: &PeerHeader, what: Mirrored, bgp: Option<&[u8]>) {
    message(out, Kind::RouteMirroring, Some(peer), |out| {
        tlv(out, 1, &(what as u16).to_be_bytes());
        // §4.7: the message comes last.
        if let Some(bgp) = bgp {
            tlv(out, 0, bgp);
        }
    });
}

/// Statistics Report (§4.8) of `count` figures, which `figures` appends.
pub fn statistics(out: &mut Vec<u8>, peer: &PeerHeader, figures: impl FnOnce(&mut Figures<'_>)) {
    message(out, Kind::Statistics, Some(peer), |out| {
        let at = out.len();
        out.extend([0; 4]);
        let mut all = Figures { out, count: 0 };
        figures(&mut all);
        let count = all.count;
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&count.to_be_bytes());
        }
    });
}

/// The figures of a Statistics Report.
pub struct Figures<'a> {
    out: &'a mut Vec<u8>,
    count: u32,
}

impl Figures<'_> {
    /// A counter, which wraps.
    #[allow(clippy::cast_possible_truncation, reason = "RFC 7854 §4.8: it wraps")]
    pub fn counter(&mut self, kind: Statistic, value: u64) {
        self.count += 1;
        tlv(self.out, kind as u16, &(value as u32).to_be_bytes());
    }

    /// A gauge.
    pub fn gauge(&mut self, kind: Statistic, value: u64) {
        self.count += 1;
        tlv(self.out, kind as u16, &value.to_be_bytes());
    }

    /// A gauge of one address family.
    pub fn family(&mut self, kind: Statistic, afi: u16, safi: u8, value: u64) {
        self.count += 1;
        let mut bytes = [0; 11];
        bytes[..2].copy_from_slice(&afi.to_be_bytes());
        bytes[2] = safi;
        bytes[3..].copy_from_slice(&value.to_be_bytes());
        tlv(self.out, kind as u16, &bytes);
    }
}
