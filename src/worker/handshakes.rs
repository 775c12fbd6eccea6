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
    options: [u8; OPTIONS_MAX],
    options_len: u8,
}

impl Syn {
    fn new(segment: &Segment, options: &[u8], stamp: Stamp) -> Self {
        let mut syn = Self {
            segment: segment.clone(),
            stamp,
            options: [0; OPTIONS_MAX],
            options_len: 0,
        };
        // A header has no room for more.
        let options = options.get(..OPTIONS_MAX).unwrap_or(options);
        syn.options[..options.len()].copy_from_slice(options);
        syn.options_len = options.len() as u8;
        syn
    }

    pub(super) fn options(&self) -> &[u8] {
        &self.options[..usize::from(self.options_len)]
    }
}

/// The SYNs of a connection, by direction, and the acknowledgement of the second.
#[derive(Default)]
pub(super) struct Handshake {
    pub(super) syns: [Option<Syn>; 2],
    pub(super) ack: Option<(Direction, Syn)>,
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
    ring: Vec<Option<(Key, Handshake)>>,
    slots: HashMap<Key, u32, foldhash::fast::RandomState>,
    oldest: usize,
    pub(super) ends: Ends,
}

impl Handshakes {
    /// Room for `max` handshakes, taken at once.
    pub(super) fn new(max: u32) -> Self {
        let max = max.max(1) as usize;
        let mut ring = Vec::new();
        ring.resize_with(max, || None);
        Self {
            ring,
            slots: HashMap::with_capacity_and_hasher(max, foldhash::fast::RandomState::default()),
            oldest: 0,
            ends: Ends::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes note of a SYN without payload.
    pub(super) fn note(
        &mut self,
        key: Key,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
    ) {
        let syn = Syn::new(segment, options, stamp);
        let side = direction & 1;
        if let Some((_, handshake)) = self.find(&key) {
            let begins = !segment.flags.ack();
            let other = |seen: &Syn| seen.segment.seq != segment.seq;
            let syns = &mut handshake.syns;
            if begins && syns[side].as_ref().is_some_and(other) {
                // Another attempt: what the other side said belonged to the last one.
                syns[side ^ 1] = None;
                handshake.ack = None;
            }
            // The first copy has the time.
            if syns[side].as_ref().is_none_or(other) {
                syns[side] = Some(syn);
            }
            return;
        }
        let slot = self.oldest;
        self.oldest = (slot + 1) % self.ring.len();
        if let Some((old, _)) = self.ring[slot].take() {
            self.slots.remove(&old);
            self.ends.evicted += 1;
        }
        let mut handshake = Handshake::default();
        handshake.syns[side] = Some(syn);
        self.ring[slot] = Some((key, handshake));
        self.slots.insert(key, slot as u32);
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
        if self.slots.is_empty() || !segment.flags.ack() {
            return false;
        }
        let Some((_, handshake)) = self.find(key) else {
            return false;
        };
        let side = direction & 1;
        let follows = |side: usize, number: u32| {
            let syn = handshake.syns[side].as_ref();
            syn.is_some_and(|syn| syn.segment.seq.wrapping_add(1) == number)
        };
        let last = follows(side, segment.seq) && follows(side ^ 1, segment.ack);
        if last && handshake.ack.is_none() && !segment.flags.fin() {
            handshake.ack = Some((direction, Syn::new(segment, options, stamp)));
        }
        last
    }

    fn find(&mut self, key: &Key) -> Option<&mut (Key, Handshake)> {
        let slot = *self.slots.get(key)?;
        self.ring.get_mut(slot as usize)?.as_mut()
    }

    /// A RST refuses it.
    pub(super) fn reset(&mut self, key: &Key) {
        if self.remove(key).is_some() {
            self.ends.reset += 1;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Handshake> {
        let slot = self.slots.remove(key)?;
        let (_, handshake) = self.ring.get_mut(slot as usize)?.take()?;
        Some(handshake)
    }

    /// The handshake that a segment with payload follows; it is taken out.
    pub(super) fn completed(
        &mut self,
        key: &Key,
        direction: Direction,
        segment: &Segment,
    ) -> Option<Handshake> {
        if self.slots.is_empty() {
            return None;
        }
        let (_, handshake) = self.find(key)?;
        let syns = &handshake.syns;
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
        Segment {
            src: if back { dst } else { src },
            dst: if back { src } else { dst },
            vlan: None,
            ip_id: None,
            seq,
            ack,
            flags: TcpFlags(flags),
            window: 0,
            options: 0..0,
            payload: 0..0,
            cut: 0,
        }
    }

    fn note(handshakes: &mut Handshakes, segment: &Segment) -> Key {
        let (key, direction) = Key::of(segment);
        let stamp = Stamp {
            ns: 1,
            source: StampSource::File,
        };
        handshakes.note(key, direction, segment, &[2, 4, 5, 0xb4], stamp);
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
            let found = handshakes.completed(&key, direction, &data);
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
        assert!(handshakes.completed(&key, direction, &data).is_some());
        handshakes.reset(&Key::of(&segment(2998, 0, 0, 0)).0);
        handshakes.reset(&Key::of(&segment(1000, 0, 0, 0)).0);
        assert_eq!((handshakes.len(), handshakes.ends.reset), (98, 1));
    }

    #[test]
    fn another_attempt_forgets_the_answer_to_the_last_one() {
        let mut handshakes = Handshakes::new(4);
        note(&mut handshakes, &segment(5000, 0x02, 100, 0));
        note(&mut handshakes, &segment(5000, 0x12, 900, 101));
        let key = note(&mut handshakes, &segment(5000, 0x02, 400, 0));
        let data = segment(5000, 0x10, 401, 0);
        let direction = Key::of(&data).1;
        let found = handshakes.completed(&key, direction, &data);
        assert_eq!(
            found.map(|both| both.syns.iter().flatten().count()),
            Some(1)
        );
    }
}
