//! Messages whose encoding is not known yet.

use crate::capture::Stamp;
use crate::stream::Framing;

/// Bytes that may wait in one direction.
const BYTES_MAX: usize = 256 << 10;
/// Messages that may wait in one direction.
const MESSAGES_MAX: usize = 64;
/// So long they wait for more evidence at most.
const WAIT_NS: u64 = 1_000_000_000;

/// Messages of one direction, in order.
#[derive(Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    messages: Vec<Waiting>,
    /// When the first was put here.
    since_ns: u64,
}

struct Waiting {
    /// Where it ends in the bytes.
    end: usize,
    stamp: Stamp,
    framing: Framing,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn push(&mut self, message: &[u8], stamp: Stamp, framing: Framing, now_ns: u64) {
        if self.is_empty() {
            self.since_ns = now_ns;
        }
        self.bytes.extend_from_slice(message);
        let end = self.bytes.len();
        self.messages.push(Waiting {
            end,
            stamp,
            framing,
        });
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES_MAX || self.messages.len() >= MESSAGES_MAX
    }

    /// It holds something that has waited for long enough.
    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        !self.is_empty() && now_ns >= self.since_ns.saturating_add(WAIT_NS)
    }

    /// The messages in the order in which they came.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&[u8], Stamp, Framing)> {
        let mut start = 0;
        self.messages.iter().filter_map(move |message| {
            let bytes = self.bytes.get(start..message.end)?;
            start = message.end;
            Some((bytes, message.stamp, message.framing))
        })
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> u64 {
        let waiting = self.messages.capacity() * size_of::<Waiting>();
        (self.bytes.capacity() + waiting) as u64
    }
}
