//! A thread that writes what the worker has encoded.
//!
//! Disks and pipes block; capture must not. The worker fills chunks and passes them
//! through a bounded lock-free queue. When the queue is full, a live capture drops the
//! chunk and counts its events; an offline reader waits, so that nothing is lost.

use crossbeam_queue::ArrayQueue;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Bytes after which a chunk is handed over.
const CHUNK_BYTES: usize = 64 * 1024;
/// Room above [`CHUNK_BYTES`] for the event that fills it; a chunk grows for one that is longer.
const CHUNK_CAPACITY: usize = CHUNK_BYTES + 32 * 1024;
/// Chunks in flight: 64 MiB of text, what a table of 100,000 prefixes makes in a second.
const CHUNKS: usize = 1024;

/// What to do when the writer cannot keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Drop and count: capture never waits.
    Drop,
    /// Wait: a file has time.
    Wait,
}

struct Chunk {
    bytes: Vec<u8>,
    events: u64,
}

struct Shared {
    full: ArrayQueue<Chunk>,
    empty: ArrayQueue<Chunk>,
    closing: AtomicBool,
    /// The writer met an error; what comes after it is lost.
    broken: AtomicBool,
    lost_broken: AtomicU64,
    error: Mutex<Option<io::Error>>,
}

/// The worker's end: an encoder's buffer with a queue behind it.
pub struct Writer {
    shared: Arc<Shared>,
    current: Chunk,
    when_full: WhenFull,
    lost_full: u64,
    writer: Thread,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(out: impl Write + Send + 'static, when_full: WhenFull) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            full: ArrayQueue::new(CHUNKS),
            empty: ArrayQueue::new(CHUNKS),
            closing: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            lost_broken: AtomicU64::new(0),
            error: Mutex::new(None),
        });
        for _ in 1..CHUNKS {
            // Cannot fail: the queue has room for one more than are made.
            let _ = shared.empty.push(Chunk::new());
        }
        let theirs = Arc::clone(&shared);
        let worker = std::thread::current();
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(&theirs, out, &worker))?;
        Ok(Self {
            shared,
            current: Chunk::new(),
            when_full,
            lost_full: 0,
            writer: thread.thread().clone(),
            thread: Some(thread),
        })
    }

    /// Appends one event, encoded by `encode` into the buffer it is given.
    pub fn event(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.current.bytes);
        self.current.events += 1;
        if self.current.bytes.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// Hands over what has been encoded so far.
    pub fn flush(&mut self) {
        if self.current.events == 0 {
            return;
        }
        let Some(empty) = self.take_empty() else {
            self.lost_full += self.current.events;
            self.current.clear();
            return;
        };
        let chunk = std::mem::replace(&mut self.current, empty);
        // There are as many chunks as places in the queue, so there is always one.
        if let Err(chunk) = self.shared.full.push(chunk) {
            self.lost_full += chunk.events;
        }
        self.writer.unpark();
    }

    fn take_empty(&self) -> Option<Chunk> {
        loop {
            if let Some(chunk) = self.shared.empty.pop() {
                return Some(chunk);
            }
            if self.when_full == WhenFull::Drop {
                return None;
            }
            self.writer.unpark();
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Counts what the writer before this one lost as lost by this one.
    pub fn inherit(&mut self, before: &Self) {
        self.lost_full += before.lost_full;
        let broken = before.lost_broken();
        self.shared.lost_broken.fetch_add(broken, Ordering::Relaxed);
    }

    /// Events lost because the writer did not keep up.
    #[must_use]
    pub fn lost_full(&self) -> u64 {
        self.lost_full
    }

    /// Events lost because writing failed.
    #[must_use]
    pub fn lost_broken(&self) -> u64 {
        self.shared.lost_broken.load(Ordering::Relaxed)
    }

    /// Writing has failed: there is nobody to write for.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Relaxed)
    }

    /// Share of the queue in use, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn queue_ratio(&self) -> f64 {
        self.shared.full.len() as f64 / CHUNKS as f64
    }

    /// Writes out everything and ends the thread.
    ///
    /// # Errors
    /// The first error that writing met; events after it were lost and are counted.
    pub fn close(&mut self) -> io::Result<()> {
        self.flush();
        self.shared.closing.store(true, Ordering::Release);
        self.writer.unpark();
        if let Some(thread) = self.thread.take() {
            thread
                .join()
                .map_err(|_| io::Error::other("the writer thread panicked"))?;
        }
        let mut error = self
            .shared
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        error.take().map_or(Ok(()), Err)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever wants to know of errors has called `close` before.
        let _ = self.close();
    }
}

impl Chunk {
    fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(CHUNK_CAPACITY),
            events: 0,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.events = 0;
    }
}

fn run(shared: &Shared, mut out: impl Write, worker: &Thread) {
    loop {
        // Read before the queue: what was pushed before closing is still seen below.
        let closing = shared.closing.load(Ordering::Acquire);
        let mut wrote = false;
        while let Some(mut chunk) = shared.full.pop() {
            write(shared, &mut out, &chunk);
            chunk.clear();
            let _ = shared.empty.push(chunk);
            worker.unpark();
            wrote = true;
        }
        if wrote {
            flush(shared, &mut out);
        }
        if closing {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn write(shared: &Shared, out: &mut impl Write, chunk: &Chunk) {
    if !shared.broken.load(Ordering::Relaxed) {
        match out.write_all(&chunk.bytes) {
            Ok(()) => return,
            Err(error) => fail(shared, error),
        }
    }
    shared
        .lost_broken
        .fetch_add(chunk.events, Ordering::Relaxed);
}

fn flush(shared: &Shared, out: &mut impl Write) {
    if !shared.broken.load(Ordering::Relaxed)
        && let Err(error) = out.flush()
    {
        fail(shared, error);
    }
}

fn fail(shared: &Shared, error: io::Error) {
    shared.broken.store(true, Ordering::Relaxed);
    let mut slot = shared.error.lock().unwrap_or_else(PoisonError::into_inner);
    slot.get_or_insert(error);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Collects what is written; every write waits for permission first.
    struct Gated {
        gate: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.written
                .lock()
                .expect("no panic")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(writer: &mut Writer, count: usize) -> Vec<u8> {
        let mut expected = Vec::new();
        for i in 0..count {
            let line = format!("{i:>1000}\n");
            expected.extend_from_slice(line.as_bytes());
            writer.event(|out| out.extend_from_slice(line.as_bytes()));
        }
        expected
    }

    #[test]
    fn a_waiting_writer_loses_nothing_however_slow_the_disk() {
        let (open, gate) = mpsc::channel();
        let written = Arc::default();
        let out = Gated {
            gate,
            written: Arc::clone(&written),
        };
        let mut writer = Writer::start(out, WhenFull::Wait).expect("a thread");
        let opener = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            drop(open);
        });
        // More than all chunks together hold.
        let expected = lines(&mut writer, 2 * CHUNKS * CHUNK_BYTES / 1000);
        writer.close().expect("nothing fails");
        opener.join().expect("no panic");
        assert_eq!(*written.lock().expect("no panic"), expected);
        assert_eq!(writer.lost_full() + writer.lost_broken(), 0);
    }

    #[test]
    fn a_dropping_writer_counts_what_it_drops_and_never_waits() {
        let (open, gate) = mpsc::channel();
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let out = Gated {
            gate,
            written: Arc::clone(&written),
        };
        let mut writer = Writer::start(out, WhenFull::Drop).expect("a thread");
        let count = 2 * CHUNKS * CHUNK_BYTES / 1000;
        lines(&mut writer, count);
        assert!(writer.lost_full() > 0, "the disk stands still");
        let lost = writer.lost_full();
        drop(open);
        writer.close().expect("nothing fails");
        let lost = lost.max(writer.lost_full());
        let got = written
            .lock()
            .expect("no panic")
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        assert_eq!(got as u64 + lost, count as u64);
    }

    #[test]
    fn a_failing_disk_is_reported_once_and_its_losses_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = Writer::start(Full, WhenFull::Wait).expect("a thread");
        lines(&mut writer, 200);
        let error = writer.close().expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(writer.is_broken());
        assert_eq!(writer.lost_broken(), 200);
    }
}
