//! Records of MRT archives: messages that came without frames and TCP.
//!
//! Each message is the next in the stream of its direction, so that it takes the same way as all others and
//! is accounted for in the same way. How it is encoded its record says, whatever OPENs there were.

use super::Worker;
use super::connection::Connection;
use super::packet::Packet;
use crate::capture::{Frame, Stamp};
use crate::session::{Key, State};
use crate::wire::mrt::{Told, archived};
use crate::wire::{Segment, Skip, TcpFlags};

/// The reason of what a record says to have happened.
pub(super) const REASON: &str = "archive";

impl<F: Frame> Worker<F> {
    /// Takes a record.
    pub(super) fn archived(&mut self, frame: F, stamp: Stamp) {
        let record = match archived(frame.as_ref()) {
            Ok(record) => record,
            Err(skip) => return self.skip(skip),
        };
        let (payload, states) = match &record.told {
            Told::Message(range) => (range.clone(), None),
            Told::State(previous, state) => {
                let states = State::from_number(*previous).zip(State::from_number(*state));
                if states.is_none() {
                    return self.skip(Skip::BadHeader);
                }
                (0..0, states)
            }
        };
        self.frames.segments += 1;
        let mut segment = Segment {
            src: record.sender,
            dst: record.receiver,
            vlan: None,
            ip_id: None,
            // The first of a stream tells sessions apart that follow one another.
            seq: u32::try_from(stamp.ns / 1_000_000_000).unwrap_or(u32::MAX),
            ack: 0,
            flags: TcpFlags(0),
            window: 0,
            options: 0..0,
            payload,
            cut: 0,
        };
        let (key, direction) = Key::of(&segment);
        let begins = states.is_none_or(|(_, state)| state >= State::OpenSent);
        let Some(index) = self.archived_connection(key, &segment, begins, stamp) else {
            return;
        };
        let Some((connection, mut shared)) = self.at_work(index) else {
            return;
        };
        connection.tell(direction, &record, &mut shared);
        match states {
            Some(states) => connection.archived_state(direction, states, stamp, &mut shared),
            None => {
                let length = u64::from(segment.payload.end - segment.payload.start);
                segment.seq = connection.next_archived(direction, length);
                connection.count_captured(direction, length);
                let packet = Packet::Frame(frame);
                connection.archived(direction, packet, &segment, stamp, &mut shared);
            }
        }
        if connection.wants_ticks() {
            self.ticking.push(index);
        }
    }

    /// The connection that a record belongs to; `begins` says that it may be the first of one.
    fn archived_connection(
        &mut self,
        key: Key,
        first: &Segment,
        begins: bool,
        stamp: Stamp,
    ) -> Option<usize> {
        let known = self.by_key.get(&key).copied();
        match known {
            Some(index) if !(begins && self.connections[index].has_ended()) => return known,
            Some(index) => self.close(index, "new_connection", stamp),
            None if !self.make_room(stamp) => {
                self.frames.refused += 1;
                self.frames.refused_bytes += first.payload.len() as u64;
                return None;
            }
            None => (),
        }
        let mut connection = Connection::new(key, first, &self.limits, &self.buffers);
        connection.begin_archived(first);
        let index = match known {
            Some(index) => {
                self.connections[index] = connection;
                index
            }
            None => self.connections.insert(connection),
        };
        self.by_key.insert(key, index);
        Some(index)
    }
}
