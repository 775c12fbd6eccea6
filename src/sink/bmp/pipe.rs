//! A bounded queue of BMP messages between the worker and one connection.

use super::carrier::{Fate, Ledger};
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// Bytes after which a chunk is handed over.
pub(super) const CHUNK_BYTES: usize = 32 * 1024;
/// Buffers that are kept for reuse; more are needed only while a listener is slow.
const SPARE: usize = 16;

/// Messages of one epoch.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) messages: u64,
    pub(super) epoch: u64,
}

/// What has become of the messages of all pipes of a station.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) queue_full: AtomicU64,
    pub(super) undelivered: AtomicU64,
    late: AtomicU64,
    /// Nobody waits for the station any more.
    pub(super) over: AtomicBool,
}

impl Ledger for Counts {
    fn fate(&self) -> Fate {
        Fate {
            sent: self.sent.load(Ordering::Relaxed),
            queue_full: self.queue_full.load(Ordering::Relaxed),
            undelivered: self.undelivered.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
        }
    }
}

/// A chunk that is being written: it is lost, and counted, wherever that is broken off.
pub(super) struct InHand<'p> {
    pipe: &'p Pipe,
    chunk: Option<Chunk>,
}

impl InHand<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        let chunk = self.chunk.as_ref();
        chunk.map_or(&[], |chunk| chunk.bytes.as_slice())
    }

    /// All of it was written.
    pub(super) fn sent(mut self) {
        if let Some(chunk) = self.chunk.take() {
            let sent = &self.pipe.counts.sent;
            sent.fetch_add(chunk.messages, Ordering::Relaxed);
            self.pipe.recycle(chunk.bytes);
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        if let Some(chunk) = self.chunk.take() {
            self.pipe.discard(chunk);
        }
    }
}

/// The queue, and what both ends know of each other.
pub(super) struct Pipe {
    full: ArrayQueue<Chunk>,
    /// What comes behind all others: it has a place of its own.
    last: ArrayQueue<Chunk>,
    spare: ArrayQueue<Vec<u8>>,
    /// The connection that there is; 0 if there is none.
    pub(super) epoch: AtomicU64,
    pub(super) closing: AtomicBool,
    /// The reader has something to look at.
    pub(super) wake: Notify,
    pub(super) counts: Arc<Counts>,
}

impl Pipe {
    /// A queue that holds at least so many bytes.
    pub(super) fn new(bytes: usize, counts: Arc<Counts>) -> Self {
        Self {
            full: ArrayQueue::new(bytes.div_ceil(CHUNK_BYTES).max(4)),
            last: ArrayQueue::new(1),
            spare: ArrayQueue::new(SPARE),
            epoch: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            wake: Notify::new(),
            counts,
        }
    }

    /// Queues a chunk; back if there is no room.
    pub(super) fn push(&self, chunk: Chunk) -> Result<(), Chunk> {
        self.full.push(chunk)?;
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn pop(&self) -> Option<Chunk> {
        self.full.pop()
    }

    /// There will be no more than what waits, and this behind it.
    pub(super) fn end(&self, last: Chunk) {
        if last.messages > 0 {
            // A line ends once.
            let _ = self.last.push(last);
        }
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// What comes behind all that waited.
    pub(super) fn last(&self) -> Option<Chunk> {
        self.last.pop()
    }

    /// Chunks that wait.
    pub(super) fn len(&self) -> usize {
        self.full.len()
    }

    #[allow(clippy::cast_precision_loss, reason = "they are few")]
    pub(super) fn ratio(&self) -> f64 {
        self.full.len() as f64 / self.full.capacity() as f64
    }

    pub(super) fn has_room(&self) -> bool {
        self.full.len() < self.full.capacity() / 2
    }

    /// Room for the next messages.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.spare
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8))
    }

    /// Gives a buffer back.
    pub(super) fn recycle(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        // What there is no place for is freed.
        let _ = self.spare.push(bytes);
    }

    /// Nobody will see these: they are late if whoever they are for is still there when it all ends.
    pub(super) fn discard(&self, chunk: Chunk) {
        let counts = &self.counts;
        let listens = chunk.epoch != 0 && self.epoch.load(Ordering::Acquire) == chunk.epoch;
        let count = match counts.over.load(Ordering::Acquire) && listens {
            true => &counts.late,
            false => &counts.undelivered,
        };
        count.fetch_add(chunk.messages, Ordering::Relaxed);
        self.recycle(chunk.bytes);
    }

    /// Has a chunk counted as lost, unless it is [sent](InHand::sent).
    pub(super) const fn in_hand(&self, chunk: Chunk) -> InHand<'_> {
        InHand {
            pipe: self,
            chunk: Some(chunk),
        }
    }

    /// Nobody will see what waits.
    pub(super) fn discard_all(&self) {
        while let Some(chunk) = self.pop().or_else(|| self.last()) {
            self.discard(chunk);
        }
    }
}
