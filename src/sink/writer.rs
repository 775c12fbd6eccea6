//! A thread that writes what the worker has encoded.
//!
//! Disks and pipes block; capture must not. The worker fills chunks and passes them
//! through a bounded lock-free queue. When the queue is full, a live capture drops the
//! chunk and counts its events; an offline reader waits, so that nothing is lost.
//!
//! A chunk holds whole events of one file: where the time of an event belongs to another one, the
//! worker begins a new chunk, and the [`Target`] a new file.

use super::deadline::Deadline;
use crossbeam_queue::ArrayQueue;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Bytes after which a chunk is handed over.
const CHUNK_BYTES: usize = 64 * 1024;
/// Room above [`CHUNK_BYTES`] for the event that fills it; a chunk grows for one that is longer.
const CHUNK_CAPACITY: usize = CHUNK_BYTES + 32 * 1024;
/// Chunks in a MiB.
pub const CHUNKS_PER_MIB: usize = (1 << 20) / CHUNK_BYTES;
/// Where there is time, so many chunks wake the thread; it looks for fewer now and then, too.
const WAKES: usize = 4;

/// What to do when the writer cannot keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Drop and count: capture never waits.
    Drop,
    /// Wait: a file has time.
    Wait,
}

/// After a failure that may pass, so long nothing is tried.
const RETRY: Duration = Duration::from_secs(1);

/// Where events go: the writer's thread alone deals with it, and may block in it.
pub trait Target: Send + 'static {
    /// Comes before anything else: for whoever has to know, while it blocks, that the end has come.
    fn begin(&mut self, _: Closing) {}

    /// Takes whole events, `count` of them, of the file that `at_ns` names. None at all means only that files of
    /// other times are over.
    ///
    /// # Errors
    /// These events, or some of them, are lost. What becomes of those that were taken before, [`Self::recover`] tells.
    fn write(&mut self, events: &[u8], count: u64, at_ns: u64) -> io::Result<()>;

    /// There is nothing more to be written for now: called again and again while that is so.
    ///
    /// # Errors
    /// Something that was taken before could not be written.
    fn flush(&mut self) -> io::Result<()>;

    /// There will never be more.
    ///
    /// # Errors
    /// Something that was taken before could not be written.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// Something has failed: gives up what it was at.
    fn recover(&mut self) -> Recovery {
        Recovery::default()
    }
}

/// What is left after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// It is worth being tried again.
    pub again: bool,
    /// Events that were taken before, and are lost now.
    pub lost: u64,
}

/// Tells whether a writer is being closed.
#[derive(Clone, Debug)]
pub struct Closing(Arc<AtomicBool>);

impl Closing {
    /// It is: there will be no more than what waits.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn for_test(closed: bool) -> Self {
        Self(Arc::new(AtomicBool::new(closed)))
    }
}

/// What is written to as it comes.
struct Plain<W>(W);

impl<W: Write + Send + 'static> Target for Plain<W> {
    fn write(&mut self, events: &[u8], _: u64, _: u64) -> io::Result<()> {
        self.0.write_all(events)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// How events go to their target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the time of a file is.
    pub division: Division,
    /// What to do when the target cannot keep up.
    pub when_full: WhenFull,
    /// Chunks of 64 KiB in flight; at least two.
    pub chunks: usize,
}

/// What the time of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// That of the first event in a chunk.
    None,
    /// The beginning of the period of so many nanoseconds that events lie in.
    Every(NonZeroU64),
    /// What [`Writer::cut`] says.
    Told,
}

struct Chunk {
    bytes: Vec<u8>,
    events: u64,
    /// The time of its file.
    at_ns: u64,
}

/// What a writer has lost: told also when the writer has gone.
#[derive(Debug, Default)]
pub struct Losses {
    full: AtomicU64,
    broken: AtomicU64,
    /// Events that were handed over, and those of them that the thread is done with.
    handed: AtomicU64,
    done: AtomicU64,
    late: AtomicU64,
}

impl Losses {
    /// Events lost because the writer did not keep up.
    #[must_use]
    pub fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Events lost because writing failed.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// Events lost because the end did not wait for the writer any longer.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// The writer is not waited for any longer: what it has not done by now is lost.
    pub(super) fn give_up(&self) {
        let done = self.done.load(Ordering::Acquire);
        let left = self.handed.load(Ordering::Acquire).saturating_sub(done);
        self.late.store(left, Ordering::Relaxed);
    }
}

struct Shared {
    full: ArrayQueue<Chunk>,
    empty: ArrayQueue<Chunk>,
    closing: Arc<AtomicBool>,
    /// The writer met an error; what comes after it is lost.
    broken: AtomicBool,
    losses: Arc<Losses>,
    error: Mutex<Option<io::Error>>,
}

/// The worker's end: an encoder's buffer with a queue behind it.
pub struct Writer {
    shared: Arc<Shared>,
    current: Chunk,
    /// Chunks that were never used. Those that come back are taken first: they are in the cache, and
    /// no more of the memory is touched than were ever in flight.
    spare: Vec<Chunk>,
    division: Division,
    /// A file may be open that is over with the next time.
    unfinished: bool,
    when_full: WhenFull,
    writer: Thread,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts a thread that writes to `out`; so many chunks may wait.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        out: impl Write + Send + 'static,
        when_full: WhenFull,
        chunks: usize,
    ) -> io::Result<Self> {
        let options = Options {
            division: Division::None,
            when_full,
            chunks,
        };
        Self::start_with(Plain(out), options)
    }

    /// Starts a thread that writes to `target`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start_with(target: impl Target, options: Options) -> io::Result<Self> {
        let chunks = options.chunks.max(2);
        let shared = Arc::new(Shared {
            full: ArrayQueue::new(chunks),
            empty: ArrayQueue::new(chunks),
            closing: Arc::default(),
            broken: AtomicBool::new(false),
            losses: Arc::default(),
            error: Mutex::new(None),
        });
        let spare = std::iter::repeat_with(Chunk::new)
            .take(chunks - 1)
            .collect();
        let theirs = Arc::clone(&shared);
        let worker = std::thread::current();
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || run(&theirs, target, &worker))?;
        Ok(Self {
            shared,
            current: Chunk::new(),
            spare,
            division: options.division,
            unfinished: false,
            when_full: options.when_full,
            writer: thread.thread().clone(),
            thread: Some(thread),
        })
    }

    /// Appends one event of the time `ns`, encoded by `encode` into the buffer it is given.
    ///
    /// Files follow one another: an event that comes late is in a later one than its time says.
    pub fn event(&mut self, ns: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        self.advance(ns);
        encode(&mut self.current.bytes);
        self.current.events += 1;
        if self.current.bytes.len() >= CHUNK_BYTES {
            self.unfinished = true;
            self.hand_over();
            if self.when_full == WhenFull::Drop || self.shared.full.len() >= WAKES {
                self.writer.unpark();
            }
        }
    }

    /// The time is `ns`: a file whose period is over is finished, whether or not more events come.
    pub fn advance(&mut self, ns: u64) {
        match self.division {
            Division::None if self.current.events == 0 => self.current.at_ns = ns,
            Division::Every(period) if ns - ns % period > self.current.at_ns => {
                self.cut(ns - ns % period);
            }
            _ => (),
        }
    }

    /// What follows belongs to another file, whose time is `at_ns`.
    pub fn cut(&mut self, at_ns: u64) {
        self.flush();
        self.current.at_ns = at_ns;
        if self.unfinished {
            self.hand_over();
            self.writer.unpark();
            self.unfinished = false;
        }
    }

    /// Hands over what has been encoded so far.
    pub fn flush(&mut self) {
        if self.current.events > 0 {
            self.unfinished = true;
            self.hand_over();
            self.writer.unpark();
        }
    }

    /// The same if the thread has nothing to do. While it is at work, or stalled, chunks are filled first: so the
    /// queue holds as many events as it has room for, however slowly they come.
    pub fn offer(&mut self) {
        if self.shared.full.is_empty() {
            self.flush();
        }
    }

    fn hand_over(&mut self) {
        let Some(mut empty) = self.take_empty() else {
            self.lose(self.current.events);
            self.current.clear();
            return;
        };
        empty.at_ns = self.current.at_ns;
        let chunk = std::mem::replace(&mut self.current, empty);
        let handed = &self.shared.losses.handed;
        handed.fetch_add(chunk.events, Ordering::AcqRel);
        // There are as many chunks as places in the queue, so there is always one.
        if let Err(chunk) = self.shared.full.push(chunk) {
            self.lose(chunk.events);
            let done = &self.shared.losses.done;
            done.fetch_add(chunk.events, Ordering::AcqRel);
        }
    }

    /// Chunks that can be filled beside the one that is being filled; more than enough where it waits for them.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.when_full {
            WhenFull::Wait => usize::MAX,
            WhenFull::Drop => self.shared.empty.len() + self.spare.len(),
        }
    }

    /// There is something to do.
    pub fn wake(&self) {
        self.writer.unpark();
    }

    /// What was handed over cannot be completed: nothing more is written, and no file gets its name.
    pub fn abandon(&mut self, why: io::Error) {
        self.shared.fail(why);
        self.shared.broken.store(true, Ordering::Relaxed);
    }

    fn lose(&self, events: u64) {
        self.shared.losses.full.fetch_add(events, Ordering::Relaxed);
    }

    fn take_empty(&mut self) -> Option<Chunk> {
        loop {
            let back = self.shared.empty.pop();
            if let Some(chunk) = back.or_else(|| self.spare.pop()) {
                return Some(chunk);
            }
            if self.when_full == WhenFull::Drop {
                return None;
            }
            self.writer.unpark();
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// What it loses, to be asked when it is not at hand any more.
    #[must_use]
    pub fn losses(&self) -> Arc<Losses> {
        Arc::clone(&self.shared.losses)
    }

    /// Events lost because the writer did not keep up.
    #[must_use]
    pub fn lost_full(&self) -> u64 {
        self.shared.losses.full()
    }

    /// Events lost because writing failed.
    #[must_use]
    pub fn lost_broken(&self) -> u64 {
        self.shared.losses.broken()
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
        self.shared.full.len() as f64 / self.shared.full.capacity() as f64
    }

    /// Has the thread write out everything, and end; nobody waits for that yet.
    pub fn begin_close(&mut self) {
        self.flush();
        self.shared.closing.store(true, Ordering::Release);
        self.writer.unpark();
    }

    /// Writes out everything and ends the thread.
    ///
    /// # Errors
    /// As for [`Self::close_by`].
    pub fn close(&mut self) -> io::Result<()> {
        self.close_by(Deadline::NEVER)
    }

    /// The same, as far as it is done in time.
    ///
    /// # Errors
    /// The first error that writing met; events after it were lost and are counted. Or the thread, which may hang for
    /// ever, was not done in time ([`io::ErrorKind::TimedOut`]); what it had not done is counted ([`Losses::late`]).
    pub fn close_by(&mut self, until: Deadline) -> io::Result<()> {
        self.begin_close();
        if let Some(thread) = self.thread.take() {
            let Some(ended) = until.join(thread) else {
                self.shared.losses.give_up();
                let why = "it did not take in time what was left, and was not waited for";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            };
            ended.map_err(|_| io::Error::other("the writer thread panicked"))?;
        }
        let mut error = self
            .shared
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        error.take().map_or(Ok(()), Err)
    }
}

impl Shared {
    /// Keeps what failed first.
    fn fail(&self, error: io::Error) {
        let mut slot = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(error);
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
            at_ns: 0,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.events = 0;
    }
}

fn run(shared: &Shared, mut target: impl Target, worker: &Thread) {
    target.begin(Closing(Arc::clone(&shared.closing)));
    let mut end = End {
        shared,
        target,
        failed: None,
    };
    loop {
        // Read before the queue: what was pushed before closing is still seen below.
        let closing = shared.closing.load(Ordering::Acquire);
        while let Some(mut chunk) = shared.full.pop() {
            end.write(&chunk);
            let done = &shared.losses.done;
            done.fetch_add(chunk.events, Ordering::AcqRel);
            chunk.clear();
            let _ = shared.empty.push(chunk);
            worker.unpark();
        }
        if closing {
            end.attempt(Target::finish);
            return;
        }
        end.attempt(Target::flush);
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// The thread's end of the queue.
struct End<'a, T> {
    shared: &'a Shared,
    target: T,
    /// When something failed that may have passed by now.
    failed: Option<Instant>,
}

impl<T: Target> End<'_, T> {
    fn write(&mut self, chunk: &Chunk) {
        if !self.attempt(|target| target.write(&chunk.bytes, chunk.events, chunk.at_ns)) {
            self.lose(chunk.events);
        }
    }

    fn lose(&self, events: u64) {
        let lost = &self.shared.losses.broken;
        lost.fetch_add(events, Ordering::Relaxed);
    }

    fn attempt(&mut self, act: impl FnOnce(&mut T) -> io::Result<()>) -> bool {
        let just_failed = self.failed.is_some_and(|at| at.elapsed() < RETRY);
        if just_failed || self.shared.broken.load(Ordering::Relaxed) {
            return false;
        }
        match act(&mut self.target) {
            Ok(()) => true,
            Err(error) => {
                let recovery = self.target.recover();
                self.lose(recovery.lost);
                if recovery.again {
                    self.failed = Some(Instant::now());
                } else {
                    self.shared.broken.store(true, Ordering::Relaxed);
                }
                self.shared.fail(error);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
