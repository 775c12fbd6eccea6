//! What BMP messages say of sessions, and which records come of it.
//!
//! A session may be told of by both of its ends, by several views of one router (policies), and to several
//! stations. A record knows a session by its two addresses alone, so it must be told once: by the first who does.

use super::conversation::{Conversation, Feed, Id, Identity, Pair, end_of, pair, stand_in};
use super::message::{Malformed, Message, PerPeer, Reason, Up};
use super::record::{self, Sides, Told};
use super::tally::Tally;
use crate::bgp::header::HEADER_LEN;
use crate::bgp::{Context, FamilySet, Open, OpenFacts, Update};
use crate::session::State;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// Peers, and sessions, that are known at a time.
const PEERS_MAX: usize = 65_536;

/// What is known of a peer.
#[derive(Clone, Copy, Debug)]
struct Peer {
    sides: Sides,
    /// Families with path identifiers in what the router receives, and in what it sends.
    add_path: [FamilySet; 2],
    /// Its Peer Up was seen.
    up: bool,
}

impl Peer {
    /// One whose Peer Up was not seen.
    fn without_up(id: Id, asn: u32) -> Self {
        Self {
            sides: Sides {
                local: (stand_in(id.feed.0, id.address), 0),
                peer: (id.address, asn),
            },
            add_path: [FamilySet::EMPTY; 2],
            up: false,
        }
    }
}

/// All peers of all routers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<Id, Peer, foldhash::fast::RandomState>,
    conversations: HashMap<Pair, Conversation, foldhash::fast::RandomState>,
    /// Peers whose Peer Down is no news: that of another view was told, or their Peer Up was passed over.
    settled: HashSet<Id, foldhash::fast::RandomState>,
}

impl Peers {
    /// Takes a message and appends the records that it comes to: one at least, so that each message is accounted for.
    pub(super) fn message(
        &mut self,
        feed: Feed,
        ns: u64,
        bytes: &[u8],
        tally: &mut Tally,
        out: &mut Vec<Bytes>,
    ) {
        let before = out.len();
        tally.messages += 1;
        match Message::parse(bytes) {
            Ok(Message::Monitoring { peer, update }) => {
                self.monitoring(Id::new(feed, &peer), ns, &peer, update, tally, out);
            }
            Ok(Message::Up(up)) => self.up(Id::new(feed, &up.peer), ns, &up, tally, out),
            Ok(Message::Down { peer, reason }) => {
                self.down(Id::new(feed, &peer), ns, &peer, reason, tally, out);
            }
            Ok(Message::NoSession(peer)) => tally.pass_view(peer.view()),
            Ok(Message::Other) => (),
            Ok(Message::Draft) => tally.draft += 1,
            Err(Malformed(why)) => {
                if tally.malformed == 0 {
                    tally.malformed_why = why;
                }
                tally.malformed += 1;
            }
        }
        if out.len() == before {
            out.push(record::nothing());
        }
    }

    /// A connection of the feed has ended: another feed may speak for its peers.
    pub(super) fn close(&mut self, feed: Feed) {
        self.peers.retain(|id, _| id.feed != feed);
        self.settled.retain(|id| id.feed != feed);
        for conversation in self.conversations.values_mut() {
            for end in [0, 1] {
                if conversation.owner[end].is_some_and(|id| id.feed == feed) {
                    conversation.leave(end);
                }
            }
        }
        self.conversations
            .retain(|_, conversation| !conversation.is_over());
    }

    fn up(&mut self, id: Id, ns: u64, up: &Up<'_>, tally: &mut Tally, out: &mut Vec<Bytes>) {
        let (sent, received) = (facts(up.sent), facts(up.received));
        let local = (up.local, sent.as_ref().map_or(0, |open| open.asn));
        let sides = Sides {
            local,
            peer: (up.peer.address, up.peer.asn),
        };
        let agreed = |from: &Option<OpenFacts>, to: &Option<OpenFacts>| match (from, to) {
            (Some(from), Some(to)) => Context::negotiate(from, to).add_path,
            _ => FamilySet::EMPTY,
        };
        let add_path = [agreed(&received, &sent), agreed(&sent, &received)];
        let peer = Peer {
            sides,
            add_path,
            up: true,
        };
        let before = self.peers.get(&id).map(|before| before.sides);
        let Some(end) = self.admit(id, peer, tally) else {
            self.settle(id);
            return;
        };
        self.settled.remove(&id);
        if let Some(before) = before.filter(|before| pair(before) != pair(&sides)) {
            self.supersede(ns, &before, out);
        }
        let Some(conversation) = self.conversations.get_mut(&pair(&sides)) else {
            return;
        };
        let identity = Identity::new(end, up, [sent.as_ref(), received.as_ref()]);
        if conversation.live && conversation.identity.merge(&identity) {
            // Another view, or the other end, of the same session.
            conversation.joined[end] = conversation.number;
            return;
        }
        if conversation.live {
            out.push(record::state(ns, &sides, State::Established, State::Idle));
        }
        conversation.identity = identity;
        conversation.live = true;
        conversation.number += 1;
        conversation.joined[end] = conversation.number;
        conversation.teller = [None; 2];
        for (sent, open) in [(true, up.sent), (false, up.received)] {
            let told = Told {
                as4: true,
                add_path: false,
                sent,
            };
            out.push(record::message(ns, &sides, told, open));
        }
        out.push(record::state(
            ns,
            &sides,
            State::OpenConfirm,
            State::Established,
        ));
    }

    fn monitoring(
        &mut self,
        id: Id,
        ns: u64,
        header: &PerPeer,
        update: &[u8],
        tally: &mut Tally,
        out: &mut Vec<Bytes>,
    ) {
        let Some(sent) = header.sent() else {
            tally.pass_view(header.view());
            return;
        };
        let known = self.peers.get(&id).copied();
        let peer = known.unwrap_or_else(|| Peer::without_up(id, header.asn));
        let Some(end) = self.admit(id, peer, tally) else {
            return;
        };
        let Some(conversation) = self.conversations.get_mut(&pair(&peer.sides)) else {
            return;
        };
        let is_now = conversation.live && conversation.joined[end] == conversation.number;
        if peer.up && !is_now {
            tally.late += 1;
            return;
        }
        let sender = if sent { end } else { end ^ 1 };
        if *conversation.teller[sender].get_or_insert(end) != end {
            tally.twice += 1;
            return;
        }
        tally.without_up += u64::from(!peer.up);
        let as4 = header.as4();
        let add_path = has_path_ids(update, as4, peer.add_path[usize::from(sent)]);
        let told = Told {
            as4,
            add_path,
            sent,
        };
        out.push(record::message(ns, &peer.sides, told, update));
    }

    fn down(
        &mut self,
        id: Id,
        ns: u64,
        header: &PerPeer,
        reason: Reason<'_>,
        tally: &mut Tally,
        out: &mut Vec<Bytes>,
    ) {
        let known = self.peers.remove(&id);
        if known.is_none() && (self.settled.contains(&id) || reason == Reason::NotTold) {
            return;
        }
        self.settle(id);
        let peer = known.unwrap_or_else(|| Peer::without_up(id, header.asn));
        let (sides, end) = (peer.sides, end_of(&peer.sides));
        let conversation = self.conversations.entry(pair(&sides)).or_default();
        if conversation.owner[end].is_some_and(|owner| owner != id) {
            tally.indistinct += 1;
            return;
        }
        // Without a Peer Up it was up all the same, unless the other end has told its end.
        let is_up = match peer.up {
            true => conversation.live && conversation.joined[end] == conversation.number,
            false => conversation.live || conversation.number == 0,
        };
        if is_up && reason != Reason::NotTold {
            tally.without_up += u64::from(!peer.up);
            let sent = |sent| Told {
                as4: true,
                add_path: false,
                sent,
            };
            match reason {
                Reason::Sent(message) => out.push(record::message(ns, &sides, sent(true), message)),
                Reason::Received(message) => {
                    out.push(record::message(ns, &sides, sent(false), message));
                }
                Reason::Silent | Reason::NotTold => (),
            }
            out.push(record::state(ns, &sides, State::Established, State::Idle));
            conversation.live = false;
        }
        self.leave(&sides);
    }

    /// Notes that a Peer Down of this peer is no news. Of too many all are forgotten: each is told once more then, at worst.
    fn settle(&mut self, id: Id) {
        if self.settled.len() >= PEERS_MAX {
            self.settled.clear();
        }
        self.settled.insert(id);
    }

    /// A Peer Up has told other addresses of a peer: what was told before is over, unless its other end speaks of it.
    fn supersede(&mut self, ns: u64, sides: &Sides, out: &mut Vec<Bytes>) {
        if let Some(conversation) = self.conversations.get_mut(&pair(sides)) {
            conversation.leave(end_of(sides));
            let is_up = conversation.live || conversation.number == 0;
            if is_up && conversation.owner == [None; 2] {
                out.push(record::state(ns, sides, State::Established, State::Idle));
                conversation.live = false;
            }
        }
        self.leave(sides);
    }

    /// The router that tells speaks for its end no more.
    fn leave(&mut self, sides: &Sides) {
        let pair = pair(sides);
        if let Some(conversation) = self.conversations.get_mut(&pair) {
            conversation.leave(end_of(sides));
            if conversation.is_over() {
                self.conversations.remove(&pair);
            }
        }
    }

    /// Notes who speaks for an end of a session; which end it is. `None` if somebody else does, or there is no room.
    fn admit(&mut self, id: Id, peer: Peer, tally: &mut Tally) -> Option<usize> {
        let pair = pair(&peer.sides);
        let full = |len: usize| len >= PEERS_MAX;
        if full(self.peers.len()) && !self.peers.contains_key(&id)
            || full(self.conversations.len()) && !self.conversations.contains_key(&pair)
        {
            tally.refused += 1;
            return None;
        }
        let end = end_of(&peer.sides);
        let conversation = self.conversations.entry(pair).or_default();
        if *conversation.owner[end].get_or_insert(id) != id {
            tally.indistinct += 1;
            return None;
        }
        self.peers.insert(id, peer);
        Some(end)
    }
}

/// What an OPEN says; `None` if it cannot be read.
fn facts(message: &[u8]) -> Option<OpenFacts> {
    let open = Open::parse(message.get(HEADER_LEN..)?).ok()?;
    Some(OpenFacts::new(&open))
}

/// An UPDATE has NLRI of families with path identifiers. One record says it of a whole message (RFC 8050 §3).
fn has_path_ids(message: &[u8], as4: bool, families: FamilySet) -> bool {
    if families.is_empty() {
        return false;
    }
    let context = Context {
        as4,
        add_path: families,
        ..Context::assumed()
    };
    let update = Update::parse(message.get(HEADER_LEN..).unwrap_or_default(), &context);
    (update.all_announced())
        .chain(update.all_withdrawn())
        .any(|field| families.contains(field.family()))
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
