//! Connections of which nothing but SYNs has been seen.
//!
//! Whoever floods the network with SYNs must not cost memory, nor push out a session. So a
//! handshake takes one slot of a fixed ring, the oldest makes room for the newest, and
//! a connection is made when payload shows that the handshake was meant.

use crate::capture::Stamp;
use crate::session::{Direction, Key};
use crate::wire::Segment;
use std::collections::HashMap;

/// Most bytes of options that a TCP header has room for.
const OPTIONS_MAX: usize = 40;

/// Data may be so far ahead of its SYN.
const AHEAD_MAX: u32 = 1 << 20;

/// A segment of a handshake.
#[derive(Clone)]
pub(super) struct Syn {
    /// Its header; the payload is empty, the options are [`Self::options`].
    pub(super) segment: Segment,
    pub(super) stamp: Stamp,
    options: Options,
}

/// The options of a TCP header, apart from its frame.
#[derive(Clone)]
pub(super) struct Options {
    bytes: [u8; OPTIONS_MAX],
    len: u8,
}

impl Options {
    pub(super) fn new(options: &[u8]) -> Self {
        let mut bytes = [0; OPTIONS_MAX];
        // A header has no room for more.
        let options = options.get(..OPTIONS_MAX).unwrap_or(options);
        bytes[..options.len()].copy_from_slice(options);
        let len = options.len() as u8;
        Self { bytes, len }
    }

    /// Those of a segment in its frame.
    pub(super) fn of(frame: &[u8], segment: &Segment) -> Self {
        let range = segment.options.start as usize..segment.options.end as usize;
        Self::new(frame.get(range).unwrap_or_default())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Syn {
    fn new(segment: &Segment, options: &[u8], stamp: Stamp) -> Self {
        Self {
            segment: segment.clone(),
            stamp,
            options: Options::new(options),
        }
    }

    pub(super) fn options(&self) -> &[u8] {
        self.options.bytes()
    }
}

/// The SYNs of a connection, by direction, and the acknowledgement of the second.
#[derive(Default)]
pub(super) struct Handshake {
    pub(super) syns: [Option<Syn>; 2],
    pub(super) ack: Option<(Direction, Syn)>,
    /// The other side has acknowledged the only SYN there is.
    answered: bool,
}

impl Handshake {
    /// The number behind the SYN of a side.
    fn leads_to(&self, side: usize, number: u32) -> bool {
        let syn = self.syns[side & 1].as_ref();
        syn.is_some_and(|syn| syn.segment.seq.wrapping_add(1) == number)
    }

    /// Takes a SYN, or another copy of it.
    fn take(&mut self, side: usize, syn: Syn) {
        let begins = !syn.segment.flags.ack();
        let other = |seen: &Syn| seen.segment.seq != syn.segment.seq;
        let syns = &mut self.syns;
        if begins && syns[side].as_ref().is_some_and(other) {
            // Another attempt: what the other side said belonged to the last one.
            syns[side ^ 1] = None;
            self.ack = None;
        }
        // The first copy has the time.
        if syns[side].as_ref().is_none_or(other) {
            syns[side] = Some(syn);
        }
    }
}

/// What became of handshakes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// Pushed out by newer ones.
    pub(super) evicted: u64,
    /// Refused by a RST.
    pub(super) reset: u64,
}

pub(super) struct Handshakes {
    /// SYNs that anybody may have sent; then those that were answered, or that claim the place of a session.
    rings: [Ring; 2],
    places: HashMap<Key, (Kind, u32), foldhash::fast::RandomState>,
    pub(super) ends: Ends,
}

/// Which ring.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fresh = 0,
    Likely = 1,
}

/// The oldest makes room for the newest.
struct Ring {
    /// Those that were ever used, in room for `max` that is taken at once.
    slots: Vec<Option<(Key, Handshake)>>,
    max: usize,
    oldest: usize,
}

impl Ring {
    fn new(max: usize) -> Self {
        let slots = Vec::with_capacity(max);
        Self {
            slots,
            max,
            oldest: 0,
        }
    }

    /// The slot that was taken, and what had to leave it.
    fn push(&mut self, key: Key, handshake: Handshake) -> (u32, Option<Key>) {
        let slot = self.oldest;
        self.oldest = (slot + 1) % self.max;
        // The rest of the room is not touched before: nobody may ever need it.
        let Some(place) = self.slots.get_mut(slot) else {
            self.slots.push(Some((key, handshake)));
            return (slot as u32, None);
        };
        let old = place.replace((key, handshake));
        (slot as u32, old.map(|(key, _)| key))
    }
}

impl Handshakes {
    /// Room for `max` handshakes of each kind, taken at once.
    pub(super) fn new(max: u32) -> Self {
        let max = max.max(1) as usize;
        let hasher = foldhash::fast::RandomState::default();
        Self {
            rings: [Ring::new(max), Ring::new(max)],
            places: HashMap::with_capacity_and_hasher(2 * max, hasher),
            ends: Ends::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Takes note of a SYN. `known`: there is a session between these endpoints.
    pub(super) fn note(
        &mut self,
        key: Key,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
        known: bool,
    ) {
        let syn = Syn::new(segment, options, stamp);
        let side = direction & 1;
        let Some((_, handshake)) = self.find(&key) else {
            let mut handshake = Handshake::default();
            handshake.syns[side] = Some(syn);
            let kind = if known { Kind::Likely } else { Kind::Fresh };
            return self.insert(key, kind, handshake);
        };
        handshake.take(side, syn);
        let answered = handshake.syns.iter().all(Option::is_some);
        // Whoever floods with SYNs does not push out what was answered.
        if answered
            && self
                .places
                .get(&key)
                .is_some_and(|(kind, _)| *kind == Kind::Fresh)
            && let Some(handshake) = self.remove(&key)
        {
            self.insert(key, Kind::Likely, handshake);
        }
    }

    fn insert(&mut self, key: Key, kind: Kind, handshake: Handshake) {
        let (slot, old) = self.rings[kind as usize].push(key, handshake);
        if let Some(old) = old {
            self.places.remove(&old);
            self.ends.evicted += 1;
        }
        self.places.insert(key, (kind, slot));
    }

    /// Takes note of a segment without payload if it is the last one of a handshake; whether it is.
    pub(super) fn note_ack(
        &mut self,
        key: &Key,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
    ) -> bool {
        if self.places.is_empty() || !segment.flags.ack() {
            return false;
        }
        let Some((_, handshake)) = self.find(key) else {
            return false;
        };
        let side = direction & 1;
        let last =
            handshake.leads_to(side, segment.seq) && handshake.leads_to(side ^ 1, segment.ack);
        if last && handshake.ack.is_none() && !segment.flags.fin() {
            handshake.ack = Some((direction, Syn::new(segment, options, stamp)));
        }
        last
    }

    /// A segment that acknowledges a SYN of the other side answers it, whether its own SYN was seen or not.
    pub(super) fn note_answer(&mut self, key: &Key, direction: Direction, segment: &Segment) {
        if self.places.is_empty() || !segment.flags.ack() {
            return;
        }
        if let Some((_, handshake)) = self.find(key)
            && let Some(syn) = &handshake.syns[(direction & 1) ^ 1]
        {
            let first = syn.segment.seq.wrapping_add(1);
            handshake.answered |= segment.ack.wrapping_sub(first) <= AHEAD_MAX;
        }
    }

    fn find(&mut self, key: &Key) -> Option<&mut (Key, Handshake)> {
        let (kind, slot) = *self.places.get(key)?;
        self.rings[kind as usize]
            .slots
            .get_mut(slot as usize)?
            .as_mut()
    }

    /// A RST refuses it, if it answers one of its SYNs (RFC 9293 §3.10.7.3) or follows
    /// one. Whether it does.
    pub(super) fn reset(&mut self, key: &Key, direction: Direction, segment: &Segment) -> bool {
        let Some((_, handshake)) = self.find(key) else {
            return false;
        };
        let side = direction & 1;
        let refuses = handshake.leads_to(side, segment.seq)
            || segment.flags.ack() && handshake.leads_to(side ^ 1, segment.ack);
        if refuses {
            self.remove(key);
            self.ends.reset += 1;
        }
        refuses
    }

    fn remove(&mut self, key: &Key) -> Option<Handshake> {
        let (kind, slot) = self.places.remove(key)?;
        let (_, handshake) = self.rings[kind as usize]
            .slots
            .get_mut(slot as usize)?
            .take()?;
        Some(handshake)
    }

    /// The handshake that a segment with payload follows; it is taken out. `answer`: a SYN that the other side has
    /// not answered is none.
    pub(super) fn completed(
        &mut self,
        key: &Key,
        direction: Direction,
        segment: &Segment,
        answer: bool,
    ) -> Option<Handshake> {
        if self.places.is_empty() {
            return None;
        }
        let (_, handshake) = self.find(key)?;
        let syns = &handshake.syns;
        if answer && !handshake.answered && !syns.iter().all(Option::is_some) {
            return None;
        }
        let side = direction & 1;
        let sent = syns[side]
            .as_ref()
            .map(|syn| syn.segment.seq.wrapping_add(1));
        let acked = syns[side ^ 1]
            .as_ref()
            .map(|syn| syn.segment.seq.wrapping_add(1));
        let near = |from: u32, number: u32| number.wrapping_sub(from) <= AHEAD_MAX;
        // Its own SYN must lead to it; if that was missed, it must acknowledge the other one.
        let follows = match (sent, acked) {
            (Some(first), _) => near(first, segment.seq),
            (None, Some(first)) => segment.flags.ack() && near(first, segment.ack),
            (None, None) => false,
        };
        follows.then(|| self.remove(key)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::StampSource;
    use crate::wire::{Endpoint, TcpFlags};
    use std::net::Ipv4Addr;

    fn segment(port: u16, flags: u8, seq: u32, ack: u32) -> Segment {
        let end = |host, port| Endpoint {
            addr: Ipv4Addr::new(10, 0, 0, host).into(),
            port,
        };
        let (src, dst) = (end(1, port), end(2, 179));
        let back = flags & 0x10 != 0 && flags & 2 != 0;
        let (src, dst) = if back { (dst, src) } else { (src, dst) };
        Segment {
            seq,
            ack,
            flags: TcpFlags(flags),
            ..Segment::between(src, dst)
        }
    }

    fn note(handshakes: &mut Handshakes, segment: &Segment) -> Key {
        let (key, direction) = Key::of(segment);
        let stamp = Stamp {
            ns: 1,
            source: StampSource::File,
        };
        handshakes.note(key, direction, segment, &[2, 4, 5, 0xb4], stamp, false);
        key
    }

    #[test]
    fn data_completes_the_handshake_that_leads_to_it() {
        for (seq, completes) in [(101, true), (150, true), (100, false), (5_000_000, false)] {
            let mut handshakes = Handshakes::new(4);
            note(&mut handshakes, &segment(5000, 0x02, 100, 0));
            note(&mut handshakes, &segment(5000, 0x12, 900, 101));
            let data = segment(5000, 0x10, seq, 901);
            let (key, direction) = Key::of(&data);
            let found = handshakes.completed(&key, direction, &data, false);
            assert_eq!(found.is_some(), completes, "data at {seq}");
            if let Some(both) = found {
                assert!(
                    both.syns
                        .iter()
                        .flatten()
                        .all(|syn| syn.options() == [2, 4, 5, 0xb4])
                );
                assert_eq!(both.syns.iter().flatten().count(), 2);
                assert_eq!(handshakes.len(), 0);
            }
        }
    }

    #[test]
    fn a_flood_pushes_out_the_oldest_and_takes_no_more_room() {
        let mut handshakes = Handshakes::new(100);
        for port in 1000..3000 {
            note(&mut handshakes, &segment(port, 0x02, 7, 0));
        }
        assert_eq!((handshakes.len(), handshakes.ends.evicted), (100, 1900));
        let data = segment(2999, 0x10, 8, 0);
        let (key, direction) = Key::of(&data);
        assert!(
            handshakes
                .completed(&key, direction, &data, false)
                .is_some()
        );
        let mut reset = |port, seq| {
            let segment = segment(port, 0x04, seq, 0);
            let (key, direction) = Key::of(&segment);
            handshakes.reset(&key, direction, &segment)
        };
        assert!(!reset(2998, 4_000_000), "a forged RST refuses nothing");
        assert!(reset(2998, 8));
        assert!(!reset(1000, 8), "long gone");
        assert_eq!((handshakes.len(), handshakes.ends.reset), (98, 1));
    }

    #[test]
    fn a_flood_does_not_push_out_what_was_answered_or_concerns_a_session() {
        let mut handshakes = Handshakes::new(100);
        note(&mut handshakes, &segment(500, 0x02, 100, 0));
        note(&mut handshakes, &segment(500, 0x12, 900, 101));
        let again = segment(501, 0x02, 100, 0);
        let (key, direction) = Key::of(&again);
        let stamp = Stamp {
            ns: 1,
            source: StampSource::File,
        };
        handshakes.note(key, direction, &again, &[], stamp, true);
        for port in 1000..3000 {
            note(&mut handshakes, &segment(port, 0x02, 7, 0));
        }
        assert_eq!((handshakes.len(), handshakes.ends.evicted), (102, 1900));
        for port in [500, 501] {
            let data = segment(port, 0x10, 101, 901);
            let (key, direction) = Key::of(&data);
            assert!(
                handshakes
                    .completed(&key, direction, &data, false)
                    .is_some(),
                "{port}"
            );
        }
    }

    #[test]
    fn another_attempt_forgets_the_answer_to_the_last_one() {
        let mut handshakes = Handshakes::new(4);
        note(&mut handshakes, &segment(5000, 0x02, 100, 0));
        note(&mut handshakes, &segment(5000, 0x12, 900, 101));
        let key = note(&mut handshakes, &segment(5000, 0x02, 400, 0));
        let data = segment(5000, 0x10, 401, 0);
        let direction = Key::of(&data).1;
        let found = handshakes.completed(&key, direction, &data, false);
        assert_eq!(
            found.map(|both| both.syns.iter().flatten().count()),
            Some(1)
        );
    }
}
