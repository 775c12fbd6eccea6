//! Datagrams put together from their fragments (RFC 791 §3.2, RFC 815, RFC 8200 §4.5).
//!
//! Fragments are rare on the way of BGP, so nothing here is zero-copy: each is copied into
//! a pooled buffer, and the whole datagram once more. What is rare must not cost
//! much when someone makes it frequent: datagrams, their pieces and their bytes are
//! bounded, and the oldest datagram goes first. Every fragment is counted once.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use bgptap_umem::buffer::{Buffer, BufferPool};
use smallvec::SmallVec;

use super::{Fragment, Skip};

/// The longest payload of a datagram without the options for jumbo payloads.
const PAYLOAD_MAX: usize = 65_535;
/// Links of IPv4 carry 576 bytes (RFC 791 §3.2), so 119 pieces are the most that a network makes;
/// tests of reassembly make more.
const PIECES_MAX: usize = 512;
/// What a piece costs beside its bytes.
const PIECE_COST: usize = 64;
/// The unit of offsets, and of the length of all fragments but the last.
const UNIT: u32 = 8;

/// How much is kept while it waits.
#[derive(Clone, Copy, Debug)]
pub struct FragmentLimits {
    /// Datagrams in all.
    pub datagrams_max: usize,
    /// Bytes of all their fragments, with 64 for the bookkeeping of each.
    pub bytes_max: usize,
    /// How long a datagram waits for its last fragment. On one wire fragments follow each other
    /// closely, and identifications come again (RFC 4963 §2), so it is far less than
    /// a receiver's minute.
    pub timeout: Duration,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self {
            datagrams_max: 256,
            bytes_max: 1 << 20,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Frames by reason, as [`Skip::index`] numbers them.
pub type Skipped = [u64; Skip::COUNT];

/// What all fragments of a datagram share. The protocol counts in IPv4 only (RFC 791); in
/// IPv6 it is that of the first fragment (RFC 8200 §4.5), and here 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    protocol: u8,
}

struct Piece {
    offset: u32,
    bytes: Buffer,
}

impl Piece {
    fn range(&self) -> Range<u32> {
        self.offset..self.offset + length(&self.bytes)
    }
}

struct Datagram {
    number: u64,
    since_ns: u64,
    /// By offset, without overlaps.
    pieces: SmallVec<[Piece; 4]>,
    /// Length of the payload, once the last fragment has come.
    total: Option<u32>,
    /// That of the first fragment.
    protocol: u8,
    /// Frames that went into it.
    frames: u64,
    /// Its fragments overlap: all that come are dropped (RFC 5722 §4).
    void: bool,
}

impl Datagram {
    /// What it takes of the limit on bytes.
    fn cost(&self) -> usize {
        self.held() as usize + self.pieces.len() * PIECE_COST
    }

    /// Bytes of its payload that have come.
    fn held(&self) -> u32 {
        self.pieces.iter().map(|piece| length(&piece.bytes)).sum()
    }
}

/// A datagram that is complete.
pub struct Whole {
    /// The datagram with a plain IP header: addresses, identification, protocol and length are
    /// those of its fragments.
    pub datagram: Buffer,
    /// VLAN of the fragment that completed it.
    pub vlan: Option<u16>,
}

/// Datagrams that are not complete yet.
pub struct Fragments {
    limits: FragmentLimits,
    pool: BufferPool,
    datagrams: HashMap<Key, Datagram, foldhash::fast::RandomState>,
    /// In order of arrival; those that are gone are passed over.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    numbered: u64,
}

impl Fragments {
    /// None yet. Their bytes will be kept in buffers of `pool`.
    #[must_use]
    pub fn new(limits: FragmentLimits, pool: BufferPool) -> Self {
        Self {
            limits,
            pool,
            datagrams: HashMap::default(),
            order: VecDeque::new(),
            bytes: 0,
            numbered: 0,
        }
    }

    /// Takes a fragment with the bytes of its payload.
    ///
    /// Returns the datagram that it completes: then the frame itself is left for the caller to
    /// count, by what is in the datagram. In all other cases it is counted in `skipped`, now or when
    /// it is known what became of it.
    pub fn insert(
        &mut self,
        fragment: &Fragment,
        payload: &[u8],
        now_ns: u64,
        skipped: &mut Skipped,
    ) -> Option<Whole> {
        let end = fragment.offset as usize + payload.len();
        let whole_units = length(payload).is_multiple_of(UNIT);
        if fragment.cut {
            skipped[Skip::Truncated.index()] += 1;
            return None;
        }
        if payload.is_empty() || (fragment.more && !whole_units) || end > PAYLOAD_MAX {
            skipped[Skip::BadHeader.index()] += 1;
            return None;
        }
        self.make_room(payload.len(), skipped);
        let key = self.datagram(fragment, now_ns, skipped);
        let datagram = self.datagrams.get_mut(&key)?;
        match datagram.place(fragment, payload) {
            Placing::New(ranges) => {
                for range in ranges {
                    self.bytes += range.len() + PIECE_COST;
                    datagram.store(fragment.offset, range, payload, &self.pool);
                }
            }
            Placing::Nothing(reason) => {
                skipped[reason.index()] += 1;
                return None;
            }
            Placing::Void => {
                datagram.frames += 1;
                self.void(&key, skipped);
                return None;
            }
        }
        datagram.frames += 1;
        if datagram.total != Some(datagram.held()) {
            if datagram.pieces.len() > PIECES_MAX {
                self.remove(&key, Skip::FragmentLimit, skipped);
            }
            return None;
        }
        let complete = self.datagrams.remove(&key)?;
        self.bytes -= complete.cost();
        skipped[Skip::FragmentAssembled.index()] += complete.frames - 1;
        Some(Whole {
            datagram: assemble(&key, &complete, &self.pool),
            vlan: fragment.vlan,
        })
    }

    /// Gives up what has waited too long.
    pub fn expire(&mut self, now_ns: u64, skipped: &mut Skipped) {
        let timeout = u64::try_from(self.limits.timeout.as_nanos()).unwrap_or(u64::MAX);
        while let Some((key, number)) = self.order.front().copied() {
            let live = self.datagrams.get(&key).filter(|d| d.number == number);
            match live.map(|datagram| datagram.since_ns) {
                Some(since) if now_ns.saturating_sub(since) < timeout => return,
                Some(_) => self.remove(&key, Skip::FragmentTimeout, skipped),
                None => {}
            }
            self.order.pop_front();
        }
    }

    /// Counts what still waits when the capture ends.
    pub fn finish(&mut self, skipped: &mut Skipped) {
        let waiting = self.datagrams.drain().map(|(_, datagram)| datagram.frames);
        skipped[Skip::FragmentPending.index()] += waiting.sum::<u64>();
        self.order.clear();
        self.bytes = 0;
    }

    /// The datagram of a fragment, which may be the first that is seen of it.
    fn datagram(&mut self, fragment: &Fragment, now_ns: u64, skipped: &mut Skipped) -> Key {
        let key = Key {
            src: fragment.src,
            dst: fragment.dst,
            id: fragment.id,
            protocol: if fragment.src.is_ipv4() {
                fragment.protocol
            } else {
                0
            },
        };
        if !self.datagrams.contains_key(&key) {
            while self.datagrams.len() >= self.limits.datagrams_max.max(1) {
                self.drop_oldest(skipped);
            }
            self.numbered += 1;
            self.order.push_back((key, self.numbered));
            self.datagrams.insert(
                key,
                Datagram {
                    number: self.numbered,
                    since_ns: now_ns,
                    pieces: SmallVec::new(),
                    total: None,
                    protocol: fragment.protocol,
                    frames: 0,
                    void: false,
                },
            );
        }
        key
    }

    fn make_room(&mut self, bytes: usize, skipped: &mut Skipped) {
        while self.bytes + bytes + PIECE_COST > self.limits.bytes_max && !self.datagrams.is_empty()
        {
            self.drop_oldest(skipped);
        }
        if self.order.len() > 4 * self.limits.datagrams_max {
            let live = &self.datagrams;
            self.order
                .retain(|(key, number)| live.get(key).is_some_and(|d| d.number == *number));
        }
    }

    fn drop_oldest(&mut self, skipped: &mut Skipped) {
        while let Some((key, number)) = self.order.pop_front() {
            if self.datagrams.get(&key).is_some_and(|d| d.number == number) {
                self.remove(&key, Skip::FragmentLimit, skipped);
                return;
            }
        }
    }

    fn remove(&mut self, key: &Key, reason: Skip, skipped: &mut Skipped) {
        if let Some(datagram) = self.datagrams.remove(key) {
            self.bytes -= datagram.cost();
            skipped[reason.index()] += datagram.frames;
        }
    }

    /// Drops what there is of a datagram, and what will come of it.
    fn void(&mut self, key: &Key, skipped: &mut Skipped) {
        if let Some(datagram) = self.datagrams.get_mut(key) {
            self.bytes -= datagram.cost();
            datagram.pieces.clear();
            datagram.void = true;
            skipped[Skip::FragmentOverlap.index()] += std::mem::take(&mut datagram.frames);
        }
    }
}

/// Where a fragment belongs.
enum Placing {
    /// These ranges of the datagram are new.
    New(SmallVec<[Range<u32>; 4]>),
    /// Nothing of it is kept.
    Nothing(Skip),
    /// The whole datagram is to be dropped.
    Void,
}

impl Datagram {
    /// First wins in IPv4, as in most receivers. In IPv6 an overlap voids the datagram, unless it is
    /// the very same fragment again (RFC 5722 §4, RFC 8200 §4.5).
    fn place(&mut self, fragment: &Fragment, payload: &[u8]) -> Placing {
        let range = fragment.offset..fragment.offset + length(payload);
        let six = fragment.src.is_ipv6();
        if self.void {
            return Placing::Nothing(Skip::FragmentOverlap);
        }
        let reach = self.pieces.last().map_or(0, |piece| piece.range().end);
        let contradicts = match (self.total, fragment.more) {
            (Some(total), true) => range.end > total,
            (Some(total), false) => range.end != total,
            (None, true) => false,
            (None, false) => reach > range.end,
        };
        if contradicts && six {
            return Placing::Void;
        }
        if contradicts {
            return Placing::Nothing(Skip::FragmentOverlap);
        }
        let new = self.uncovered(&range);
        let again = |piece: &Piece| piece.range() == range && *piece.bytes == *payload;
        if six && new.first() != Some(&range) && !self.pieces.iter().any(again) {
            return Placing::Void;
        }
        if new.is_empty() {
            return Placing::Nothing(Skip::FragmentDuplicate);
        }
        if !fragment.more {
            self.total = Some(range.end);
        }
        if fragment.offset == 0 {
            self.protocol = fragment.protocol;
        }
        Placing::New(new)
    }

    /// The parts of `range` that no piece has.
    fn uncovered(&self, range: &Range<u32>) -> SmallVec<[Range<u32>; 4]> {
        let mut found = SmallVec::new();
        let mut at = range.start;
        for piece in &self.pieces {
            let held = piece.range();
            if held.start > at && at < range.end {
                found.push(at..held.start.min(range.end));
            }
            at = at.max(held.end);
        }
        if at < range.end {
            found.push(at..range.end);
        }
        found
    }

    /// `offset` is where `payload` begins; the pieces stay in order.
    fn store(&mut self, offset: u32, range: Range<u32>, payload: &[u8], pool: &BufferPool) {
        let from = (range.start - offset) as usize;
        let Some(new) = payload.get(from..from + range.len()) else {
            return;
        };
        let mut bytes = pool.acquire_unbounded(new.len());
        bytes.copy_from_slice(new);
        let at = self
            .pieces
            .partition_point(|piece| piece.offset < range.start);
        let offset = range.start;
        self.pieces.insert(at, Piece { offset, bytes });
    }
}

/// The pieces behind a plain IP header. Nobody reads its checksum, and nobody has one.
fn assemble(key: &Key, datagram: &Datagram, pool: &BufferPool) -> Buffer {
    let payload = datagram.held() as usize;
    let mut header: SmallVec<[u8; 40]> = SmallVec::new();
    match (key.src, key.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            header.extend([0x45, 0]);
            // Zero where it does not fit: up to the end, as for offloaded segments.
            header.extend(u16::try_from(20 + payload).unwrap_or(0).to_be_bytes());
            let id = key.id.to_be_bytes();
            header.extend([id[2], id[3], 0, 0, 64, datagram.protocol, 0, 0]);
            header.extend(src.octets());
            header.extend(dst.octets());
        }
        (src, dst) => {
            header.extend([0x60, 0, 0, 0]);
            header.extend(u16::try_from(payload).unwrap_or(0).to_be_bytes());
            header.extend([datagram.protocol, 64]);
            header.extend(v6_octets(src));
            header.extend(v6_octets(dst));
        }
    }
    let mut whole = pool.acquire_unbounded(header.len() + payload);
    let (head, mut rest) = whole.split_at_mut(header.len());
    head.copy_from_slice(&header);
    for piece in &datagram.pieces {
        let (part, behind) = rest.split_at_mut(piece.bytes.len());
        part.copy_from_slice(&piece.bytes);
        rest = behind;
    }
    whole
}

fn v6_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// Fragments are far below 4 GiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
