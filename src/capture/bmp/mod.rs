//! BMP sessions in captures (RFC 7854): what routers have told a station of their sessions.
//!
//! ```text
//! here      frames of files, and behind each the records that it completes
//! segments  what of a frame is BMP
//! recent    where connections begin that have no stream yet, and where others have ended
//! stream    segments from a router to a station, in order           → BMP messages
//! framing   where messages begin and end
//! message   what a message says
//! peers     whose session that is, conversation whether it was told → records of MRT
//! ```
//!
//! Records take the way of those of archives ([`LinkType::Mrt`]). The frames themselves go on unchanged: to
//! the worker they are of another port.

mod conversation;
pub mod framing;
pub mod message;
mod peers;
mod recent;
mod record;
mod segments;
mod stream;
mod tally;

pub use tally::Tally;

use super::pcap::{PcapFrame, PcapSource};
use super::{Captured, Interrupted, LinkType, Polled, Source};
use crate::wire::{Endpoint, Ports, Segment};
use bgptap_umem::buffer::BufferPool;
use bytes::Bytes;
use conversation::Feed;
use peers::Peers;
use recent::Recent;
use segments::Segments;
use std::collections::HashMap;
use std::time::Duration;
use stream::{FAR, Sink, Stream, distance, first_byte, length};

/// Streams that are followed at a time.
const STREAMS_MAX: usize = 4096;
/// Bytes that all of them may keep.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Who sends to whom.
type Direction = (Endpoint, Endpoint);

/// Capture files, with what BMP in them tells.
pub struct BmpSource {
    captures: PcapSource,
    /// Nothing is looked for without ports.
    segments: Option<Segments>,
    streams: HashMap<Direction, Stream, foldhash::fast::RandomState>,
    /// The number that follows the SYN, until there is payload: attempts to connect take no stream's place.
    begun: Recent,
    /// Where connections have ended: what comes of them until another SYN is nothing new.
    ended: Recent,
    /// Bytes that the streams keep.
    kept: usize,
    peers: Peers,
    tally: Tally,
    frames: Vec<Captured<PcapFrame>>,
    /// What the frame at hand has come to.
    records: Vec<Bytes>,
    /// What the last frame was like, for records that only the end of the capture brings.
    last: Option<(super::Stamp, u16)>,
}

/// What whole messages of one stream go to.
struct Told<'a> {
    feed: Feed,
    ns: u64,
    peers: &'a mut Peers,
    records: &'a mut Vec<Bytes>,
}

impl Sink for Told<'_> {
    fn message(&mut self, bytes: &[u8], tally: &mut Tally) {
        let (feed, ns) = (self.feed, self.ns);
        self.peers.message(feed, ns, bytes, tally, self.records);
    }
}

impl BmpSource {
    /// Reads BMP from and to these TCP ports; without any, captures are left as they are. Fragments of IP datagrams
    /// are kept in `buffers`.
    #[must_use]
    pub fn new(captures: PcapSource, ports: &[u16], buffers: BufferPool) -> Self {
        let segments = (!ports.is_empty()).then(|| Segments::new(Ports::new(ports), buffers));
        Self {
            captures,
            segments,
            streams: HashMap::default(),
            begun: Recent::default(),
            ended: Recent::default(),
            kept: 0,
            peers: Peers::default(),
            tally: Tally::default(),
            frames: Vec::new(),
            records: Vec::new(),
            last: None,
        }
    }

    /// The files.
    #[must_use]
    pub fn captures(&self) -> &PcapSource {
        &self.captures
    }

    /// What has become of the BMP so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes a frame, if it has a segment of BMP.
    fn frame(&mut self, captured: &Captured<PcapFrame>) {
        let segments = self.segments.as_mut();
        if let Some(found) = segments.and_then(|segments| segments.find(captured)) {
            self.segment(&found.segment, found.payload(), captured.stamp.ns);
        }
    }

    /// A router may connect to a station, or a station to a router (RFC 7854 §3.2), so either port may be that of BMP.
    fn segment(&mut self, segment: &Segment, payload: &[u8], ns: u64) {
        let key = (segment.src, segment.dst);
        let damage = self.tally.damage();
        if segment.flags.syn() {
            self.begin(key, segment, ns);
        }
        if !self.streams.contains_key(&key) {
            if segment.flags.rst() {
                self.reset(key, segment.seq, ns);
                return;
            }
            if !self.open(key, segment, payload, ns) {
                return;
            }
        }
        let feed = self.feed(key);
        let (peers, records) = (&mut self.peers, &mut self.records);
        let mut told = Told {
            feed,
            ns,
            peers,
            records,
        };
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        stream.last_ns = ns;
        let before = stream.kept();
        let over = stream.segment(segment, payload, &mut self.tally, &mut told);
        if self.kept - before + stream.kept() > KEPT_BYTES_MAX {
            stream.shed(&mut self.tally, &mut told);
        }
        self.kept = self.kept - before + stream.kept();
        if over {
            self.over(key, ns);
            if segment.flags.rst() {
                self.over((key.1, key.0), ns);
            }
        }
        if self.tally.damage() > damage && self.tally.first.is_none() {
            self.tally.first = Some((key.0, key.1, ns));
        }
    }

    /// A SYN, or a copy of one.
    fn begin(&mut self, key: Direction, segment: &Segment, ns: u64) {
        match self.streams.get(&key) {
            Some(stream) if stream.is_over_by(segment) => _ = self.close(key, true, ns),
            Some(_) => return,
            None => (),
        }
        self.ended.forget(&key);
        self.begun.insert(key, first_byte(segment));
    }

    /// Begins a stream where there are bytes, for stations say nothing; whether there is one now.
    fn open(&mut self, key: Direction, segment: &Segment, payload: &[u8], ns: u64) -> bool {
        let seq = first_byte(segment);
        let is_near = |from: &u32| distance(*from, seq).unsigned_abs() <= FAR;
        let begun = self.begun.get(&key).filter(is_near);
        // Behind bytes that were sent, and never seen.
        let is_late_fin = segment.flags.fin() && begun.is_some_and(|first| first != seq);
        if payload.is_empty() && !is_late_fin {
            return false;
        }
        if let Some(end) = self.ended.get(&key).filter(is_near) {
            // A copy, or what was under way when the station reset the connection.
            let last = seq.wrapping_add(length(payload));
            let new = distance(end, last);
            if new > 0 {
                self.tally.behind_end += u64::from(new.unsigned_abs()).min(payload.len() as u64);
                self.ended.insert(key, last);
            }
            return false;
        }
        self.make_room(ns);
        self.begun.forget(&key);
        let stream = Stream::new(begun.unwrap_or(seq), begun.is_some());
        self.streams.insert(key, stream);
        true
    }

    /// A side that has sent no bytes, as stations do, resets the connection, by a number that is its own.
    fn reset(&mut self, key: Direction, seq: u32, ns: u64) {
        // Behind the SYN there is at most a FIN.
        if (self.begun.get(&key)).is_some_and(|first| seq.wrapping_sub(first) > 1) {
            return;
        }
        let back = (key.1, key.0);
        self.begun.forget(&key);
        self.begun.forget(&back);
        self.over(back, ns);
    }

    /// The stream has ended, and its connection with it.
    fn over(&mut self, key: Direction, ns: u64) {
        if let Some(end) = self.close(key, true, ns) {
            self.ended.insert(key, end);
        }
    }

    fn feed(&self, (from, to): Direction) -> Feed {
        let segments = self.segments.as_ref();
        let is_station = segments.is_some_and(|segments| segments.ports.contains(to.port));
        (
            from.addr,
            to.addr,
            if is_station { to.port } else { from.port },
        )
    }

    /// The stream has ended, or (`closed` false) the capture has. Up to which number it was read.
    fn close(&mut self, key: Direction, closed: bool, ns: u64) -> Option<u32> {
        let mut stream = self.streams.remove(&key)?;
        self.kept -= stream.kept();
        let feed = self.feed(key);
        let damage = self.tally.damage();
        let (peers, records) = (&mut self.peers, &mut self.records);
        let mut told = Told {
            feed,
            ns,
            peers,
            records,
        };
        stream.finish(closed, &mut self.tally, &mut told);
        if self.tally.damage() > damage && self.tally.first.is_none() {
            self.tally.first = Some((key.0, key.1, ns));
        }
        // A router may have connected anew before its old connection ends.
        if !self.streams.keys().any(|key| self.feed(*key) == feed) {
            self.peers.close(feed);
        }
        Some(stream.next())
    }

    /// The stream that was silent for longest makes room for another.
    fn make_room(&mut self, ns: u64) {
        if self.streams.len() < STREAMS_MAX {
            return;
        }
        let oldest = self.streams.iter().min_by_key(|(_, stream)| stream.last_ns);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.tally.evicted += 1;
            self.close(key, true, ns);
        }
    }

    /// Appends what the last frame has come to.
    fn flush(&mut self, batch: &mut Vec<Captured<PcapFrame>>) {
        let Some((stamp, interface)) = self.last else {
            return;
        };
        for record in self.records.drain(..) {
            batch.push(Captured {
                stamp,
                link: LinkType::Mrt,
                wire_len: u32::try_from(record.len()).unwrap_or(u32::MAX),
                frame: PcapFrame::made(record),
                interface,
                vlan: None,
                continues: false,
            });
        }
    }

    /// The captures have ended: what is held is searched.
    fn end(&mut self, batch: &mut Vec<Captured<PcapFrame>>) -> Polled {
        let mut keys: Vec<_> = self.streams.keys().copied().collect();
        keys.sort_unstable();
        let ns = self.last.map_or(0, |(stamp, _)| stamp.ns);
        for key in keys {
            self.close(key, false, ns);
        }
        let before = batch.len();
        self.flush(batch);
        if batch.len() > before {
            Polled::Frames
        } else {
            Polled::End
        }
    }
}

impl Source for BmpSource {
    type Frame = PcapFrame;

    fn poll(
        &mut self,
        batch: &mut Vec<Captured<PcapFrame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted> {
        if self.segments.is_none() {
            return self.captures.poll(batch, wait);
        }
        let mut frames = std::mem::take(&mut self.frames);
        let polled = self.captures.poll(&mut frames, wait);
        for captured in frames.drain(..) {
            self.last = Some((captured.stamp, captured.interface));
            self.frame(&captured);
            batch.push(captured);
            self.flush(batch);
        }
        self.frames = frames;
        match polled {
            Ok(Polled::End) => Ok(self.end(batch)),
            other => other,
        }
    }

    fn interfaces(&self) -> &[String] {
        self.captures.interfaces()
    }
}

#[cfg(test)]
mod tests;
