//! Frames in several buffers, and datagrams in several frames.

use super::Worker;
use super::packet::Packet;
use crate::capture::{Captured, Frame, LinkType, Stamp};
use crate::config::Checksums;
use crate::session::{Direction, Key};
use crate::sink::evidence::Seen;
use crate::wire::{Checksum, Segment, Skip, checksum, dissect, fragment};

/// Fragments may hold fragments of another datagram; more than a few times is an attack.
const FRAGMENT_LAYERS_MAX: usize = 4;
/// The length on the wire of a frame whose further buffers are still to come: beyond all lengths
/// that IP can tell.
const UNKNOWN_LEN: u32 = u32::MAX;
/// What IP promises beyond the first buffer is less than this, unless it promises nothing.
const PROMISE_MAX: u32 = 1 << 20;

/// Where a frame comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    link: LinkType,
    interface: u16,
    wire_len: u32,
}

/// A frame that goes on in the next buffer.
#[derive(Default)]
pub(super) enum Partial {
    /// There is none: what comes next is a frame.
    #[default]
    None,
    /// Its first buffer was passed over, and so are the others.
    Passed,
    /// A segment, of which there are so many bytes still to come.
    Segment {
        index: usize,
        direction: Direction,
        segment: Segment,
        left: u32,
    },
    /// A fragment, which is collected.
    Fragment { vlan: Option<u16> },
}

impl<F: Frame> Worker<F> {
    /// Takes a frame, or the next buffer of one.
    pub(super) fn frame(&mut self, captured: Captured<F>) {
        match std::mem::take(&mut self.partial) {
            Partial::None => {
                // The further buffers of a frame are not frames of their own.
                self.frames.received += 1;
                self.first_buffer(captured);
            }
            Partial::Passed => self.pass_over(captured.continues),
            Partial::Segment {
                index,
                direction,
                segment,
                left,
            } => self.next_buffer(captured, index, direction, segment, left),
            Partial::Fragment { vlan } => self.collect(&captured, vlan),
        }
    }

    fn first_buffer(&mut self, captured: Captured<F>) {
        let Captured {
            frame,
            stamp,
            link,
            wire_len,
            vlan,
            continues,
            interface,
        } = captured;
        if link == LinkType::Mrt {
            return self.archived(frame, stamp);
        }
        self.seen = Some(Origin {
            link,
            interface,
            wire_len,
        });
        let wire_len = if continues { UNKNOWN_LEN } else { wire_len };
        match dissect(frame.as_ref(), link, wire_len, vlan, &self.ports) {
            Ok(segment) => {
                self.frames.segments += 1;
                self.segment(Packet::Frame(frame), segment, stamp, continues);
            }
            Err(Skip::Fragment) if continues => {
                self.seen = None;
                self.collected.clear();
                self.collected.extend_from_slice(frame.as_ref());
                self.partial = Partial::Fragment { vlan };
            }
            Err(Skip::Fragment) => {
                self.seen = None;
                self.fragment(Packet::Frame(frame), link, vlan, stamp);
            }
            Err(skip) => {
                self.skip(skip);
                self.pass_over(continues);
            }
        }
    }

    fn pass_over(&mut self, continues: bool) {
        if continues {
            self.partial = Partial::Passed;
        }
    }

    pub(super) fn skip(&mut self, skip: Skip) {
        self.frames.skipped[skip.index()] += 1;
    }

    fn segment(&mut self, packet: Packet<F>, mut segment: Segment, stamp: Stamp, continues: bool) {
        let (key, direction) = Key::with_vlan(&segment, self.limits.key_vlan);
        let whole = !continues && self.limits.checksums != Checksums::Off;
        let sum = match whole {
            true => checksum(packet.as_ref(), &segment),
            false => Checksum::Unknown,
        };
        let known = self.by_key.get(&key).copied();
        let damaged = self.is_damaged(known, direction, sum);
        if let Some(index) = known {
            self.connections[index].note_checksum(direction, sum);
        }
        if damaged {
            self.frames.segments -= 1;
            self.skip(Skip::BadChecksum);
            return;
        }
        let options = segment.options.start as usize..segment.options.end as usize;
        let options = packet.as_ref().get(options).unwrap_or_default();
        let Some(index) = self.connection(key, known, direction, &segment, options, stamp) else {
            self.pass_over(continues);
            return;
        };
        self.keep_evidence(&packet, &segment, stamp, continues);
        if !continues {
            self.deliver(index, direction, packet, &segment, stamp);
            return;
        }
        // What lies in the next buffers is not missing, and the end comes with the last of them.
        let left = std::mem::take(&mut segment.cut);
        let flags = segment.flags;
        segment.flags = flags.without_end();
        self.deliver(index, direction, packet, &segment, stamp);
        segment.flags = flags.without_start();
        self.partial = Partial::Segment {
            index,
            direction,
            segment,
            left,
        };
    }

    /// Has evidence copy the frame before anything is told of what is in it. Of datagrams that were put
    /// together the frames are gone.
    fn keep_evidence(
        &mut self,
        packet: &Packet<F>,
        segment: &Segment,
        stamp: Stamp,
        continues: bool,
    ) {
        let (Some(evidence), Some(seen)) = (&mut self.outputs.evidence, self.seen) else {
            return;
        };
        let frame = Seen {
            ns: stamp.ns,
            wire_len: seen.wire_len,
            link: seen.link,
            interface: seen.interface,
            bytes: packet.as_ref(),
        };
        evidence.frame((segment.src, segment.dst), &frame, continues);
    }

    /// A further buffer: as much of it as IP promised is payload, next in sequence.
    fn next_buffer(
        &mut self,
        captured: Captured<F>,
        index: usize,
        direction: Direction,
        mut segment: Segment,
        left: u32,
    ) {
        if let Some(evidence) = &mut self.outputs.evidence {
            evidence.next_buffer(captured.frame.as_ref(), captured.continues);
        }
        let here = u32::try_from(captured.frame.as_ref().len()).unwrap_or(u32::MAX);
        let taken = here.min(left);
        let before = segment.payload.end - segment.payload.start;
        segment.seq = segment.seq.wrapping_add(before);
        segment.options = 0..0;
        segment.payload = 0..taken;
        let left = left - taken;
        let flags = segment.flags;
        if captured.continues {
            segment.flags = flags.without_end();
        } else if left < PROMISE_MAX {
            segment.cut = left;
        }
        let packet = Packet::Frame(captured.frame);
        self.deliver(index, direction, packet, &segment, captured.stamp);
        if captured.continues {
            segment.flags = flags;
            self.partial = Partial::Segment {
                index,
                direction,
                segment,
                left,
            };
        }
    }

    /// A further buffer of a fragment; with the last one it is complete.
    fn collect(&mut self, captured: &Captured<F>, vlan: Option<u16>) {
        self.collected.extend_from_slice(captured.frame.as_ref());
        if captured.continues {
            self.partial = Partial::Fragment { vlan };
            return;
        }
        let Some(mut whole) = self.buffers.acquire(self.collected.len()) else {
            self.skip(Skip::FragmentLimit);
            return;
        };
        whole.copy_from_slice(&self.collected);
        let packet = Packet::Assembled(whole);
        self.fragment(packet, captured.link, vlan, captured.stamp);
    }

    /// Keeps a fragment, or goes on with the datagram that it completes.
    fn fragment(
        &mut self,
        mut packet: Packet<F>,
        mut link: LinkType,
        mut vlan: Option<u16>,
        stamp: Stamp,
    ) {
        for _ in 0..FRAGMENT_LAYERS_MAX {
            let bytes = packet.as_ref();
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let Some(piece) = fragment(bytes, link, length, vlan, &self.ports) else {
                break;
            };
            let payload = bytes.get(piece.payload.clone()).unwrap_or_default();
            let skipped = &mut self.frames.skipped;
            let Some(whole) = self.fragments.insert(&piece, payload, self.now_ns, skipped) else {
                return;
            };
            let length = u32::try_from(whole.datagram.len()).unwrap_or(u32::MAX);
            (link, vlan) = (LinkType::RawIp, whole.vlan);
            match dissect(&whole.datagram, link, length, vlan, &self.ports) {
                Ok(segment) => {
                    self.frames.segments += 1;
                    self.segment(Packet::Assembled(whole.datagram), segment, stamp, false);
                    return;
                }
                Err(Skip::Fragment) => packet = Packet::Assembled(whole.datagram),
                Err(skip) => {
                    self.skip(skip);
                    return;
                }
            }
        }
        self.skip(Skip::Fragment);
    }

    /// The segment is not what its sender sent. Where every checksum is wrong, a card makes them behind
    /// the capture, or a tool has changed the frames and left them alone.
    fn is_damaged(&self, known: Option<usize>, direction: Direction, sum: Checksum) -> bool {
        match (self.limits.checksums, sum) {
            (Checksums::On, Checksum::Wrong | Checksum::Partial) => true,
            (Checksums::Auto, Checksum::Wrong) => {
                known.is_some_and(|index| self.connections[index].has_right_checksums(direction))
            }
            _ => false,
        }
    }

    fn deliver(
        &mut self,
        index: usize,
        direction: Direction,
        packet: Packet<F>,
        segment: &Segment,
        stamp: Stamp,
    ) {
        let Some((connection, mut shared)) = self.at_work(index) else {
            return;
        };
        connection.count_captured(direction, segment.payload.len() as u64);
        connection.segment(direction, packet, segment, stamp, &mut shared);
        if connection.wants_ticks() {
            self.ticking.push(index);
        }
        self.relieve(index, stamp);
    }
}
