//! What a BMP feed has to know of a session: its OPENs, how it is read, how it ended.

use super::message::{Down, PeerHeader};
use super::open::{self, Claims};
use crate::bgp::{Context, Disposition, Message, Update};
use crate::rib::Changes;
use crate::session::{Direction, Key, Session};
use std::net::{IpAddr, Ipv4Addr};

/// `TcpConnectionFails` of the state machine (RFC 4271 §8.1.4).
const CONNECTION_FAILS: u16 = 18;

/// An OPEN as it was sent.
struct Seen {
    bytes: Box<[u8]>,
    asn: u32,
    bgp_id: Ipv4Addr,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) duplicates: u64,
    pub(super) absent: u64,
    pub(super) treated_as_withdraw: u64,
}

/// A session of which something was said.
pub(super) struct Known {
    pub(super) id: u64,
    pub(super) key: Key,
    opens: [Option<Seen>; 2],
    /// How it is read.
    claims: Claims,
    as4: [bool; 2],
    /// Since when it is up, nanoseconds since the epoch.
    pub(super) up_ns: Option<u64>,
    /// What ended it, and who sent that.
    notification: Option<(Direction, Box<[u8]>)>,
    pub(super) counts: [Counts; 2],
}

impl Known {
    pub(super) fn new(session: &Session) -> Self {
        let contexts = [session.context(0), session.context(1)];
        Self {
            id: session.id,
            key: session.key,
            opens: [None, None],
            claims: Claims::new(contexts),
            as4: contexts.map(|context| context.as4),
            up_ns: None,
            notification: None,
            counts: Default::default(),
        }
    }

    /// Takes note of a message before it is told.
    pub(super) fn take(
        &mut self,
        session: &Session,
        direction: Direction,
        message: &Message<'_>,
        bytes: &[u8],
    ) {
        let direction = direction & 1;
        match message {
            Message::Open(open) => {
                if self.opens[direction].is_some() {
                    // Another session on the same connection.
                    self.opens = [None, None];
                }
                // One that cannot be read well tells its readers nothing.
                self.opens[direction] = message.errors().is_empty().then(|| Seen {
                    bytes: bytes.into(),
                    asn: open.asn(),
                    bgp_id: open.bgp_id,
                });
                self.notification = None;
                self.read_by([session.context(0), session.context(1)]);
            }
            Message::Notification(_) => self.notification = Some((direction, bytes.into())),
            Message::Update(_) if !session.is_negotiated() => {
                self.read_by([session.context(0), session.context(1)]);
            }
            _ => (),
        }
    }

    fn read_by(&mut self, contexts: [&Context; 2]) {
        self.claims = Claims::new(contexts);
        self.as4 = contexts.map(|context| context.as4);
    }

    /// Takes note of what an UPDATE did.
    pub(super) fn count(
        &mut self,
        direction: Direction,
        update: &Update<'_>,
        changes: Option<&Changes>,
    ) {
        let counts = &mut self.counts[direction & 1];
        if let Some(changes) = changes {
            counts.duplicates += u64::from(changes.duplicate);
            counts.absent += u64::from(changes.absent);
        }
        let worst = update.errors().worst();
        counts.treated_as_withdraw += u64::from(worst == Some(Disposition::TreatAsWithdraw));
    }

    /// What Peer Up claims, if it is not what both OPENs say for themselves.
    pub(super) fn claims(&self) -> Option<Claims> {
        let seen = self.opens.iter().all(Option::is_some);
        (!seen).then_some(self.claims)
    }

    /// Says that there will be one Peer Up more: `sent` is the router's OPEN.
    pub(super) fn open(&self, direction: Direction) -> std::borrow::Cow<'_, [u8]> {
        match &self.opens[direction & 1] {
            Some(seen) => (&*seen.bytes).into(),
            None => {
                let mut bytes = Vec::new();
                let (sender, _) = self.key.endpoints(direction);
                self.claims.write_open(&mut bytes, direction, sender.addr);
                bytes.into()
            }
        }
    }

    /// What is to be said about OPENs that are none of the routers'. `side` sends what the router sends.
    pub(super) fn remark(&self, side: Direction) -> Option<&'static str> {
        match (&self.opens[side & 1], &self.opens[side & 1 ^ 1]) {
            (Some(_), Some(_)) => None,
            (None, Some(_)) => Some(
                "bgptap: no valid sent OPEN captured; synthesised from how UPDATEs are encoded",
            ),
            (Some(_), None) => Some(
                "bgptap: no valid received OPEN captured; synthesised from how UPDATEs are encoded",
            ),
            (None, None) => Some(
                "bgptap: no valid OPENs captured; both synthesised from how UPDATEs are encoded",
            ),
        }
    }

    /// The address of the router's neighbour, if the router sends in direction `side`.
    pub(super) fn neighbour(&self, side: Direction) -> IpAddr {
        self.key.endpoints(side).1.addr
    }

    /// The header of what is told about the neighbour; `direction` is that of the message.
    pub(super) fn header(&self, side: Direction, direction: Direction, ns: u64) -> PeerHeader {
        let address = self.neighbour(side);
        let other = side & 1 ^ 1;
        let (asn, bgp_id) = self.opens[other].as_ref().map_or_else(
            || {
                let (asn, bgp_id) = open::stand_in(other, address);
                (asn.into(), bgp_id)
            },
            |open| (open.asn, open.bgp_id),
        );
        PeerHeader {
            address,
            asn,
            bgp_id,
            sent: direction & 1 == side & 1,
            two_octet: !self.as4[direction & 1],
            ns,
        }
    }

    /// How it ended, as the side `side` sees it. `by` is who sent what ended the connection.
    pub(super) fn down(&self, side: Direction, by: Direction, reason: &str) -> Down<'_> {
        let own = |direction: Direction| direction & 1 == side & 1;
        match (&self.notification, reason) {
            (Some((from, bytes)), _) if own(*from) => Down::LocalNotification(bytes),
            (Some((_, bytes)), _) => Down::RemoteNotification(bytes),
            (None, "fin" | "rst") if own(by) => Down::Local(0),
            (None, "fin" | "rst" | "notification") => Down::Remote,
            // Another connection took its place: this one was lost, and nobody said why.
            (None, "new_connection" | "open") => Down::Local(CONNECTION_FAILS),
            _ => Down::NotTold,
        }
    }
}
