//! A thread that writes what the worker has encoded.
//!
//! Disks and pipes block; capture must not. The worker fills chunks and passes them
//! through a bounded lock-free queue. When the queue is full, a live capture drops the
//! chunk and counts its events; an offline reader waits, so that nothing is lost.
//!
//! A chunk holds whole events of one file: where the time of an event belongs to another one, the
//! worker begins a new chunk, and the [`Target`] a new file.

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
/// Where there is time, so many chunks wake the thread; it looks for fewer now and then, too.
const WAKES: usize = 4;
/// Chunks in flight: 64 MiB of text, what a table of 100,000 prefixes makes in a second.
pub const CHUNKS: usize = 1024;

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
    /// Takes whole events of the file that `at_ns` names. None at all means only that files of
    /// other times are over.
    ///
    /// # Errors
    /// Not all was written.
    fn write(&mut self, events: &[u8], at_ns: u64) -> io::Result<()>;

    /// There is nothing more to be written for now.
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

    /// Something has failed: gives up what it was at. Whether it is worth being tried again.
    fn recover(&mut self) -> bool {
        false
    }
}

/// What is written to as it comes.
struct Plain<W>(W);

impl<W: Write + Send + 'static> Target for Plain<W> {
    fn write(&mut self, events: &[u8], _at_ns: u64) -> io::Result<()> {
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
    /// Chunks that were never used. Those that come back are taken first: they are in the cache, and
    /// no more of the memory is touched than were ever in flight.
    spare: Vec<Chunk>,
    division: Division,
    /// A file may be open that is over with the next time.
    unfinished: bool,
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
        Self::start_with(
            Plain(out),
            Options {
                division: Division::None,
                when_full,
                chunks: CHUNKS,
            },
        )
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
            closing: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            lost_broken: AtomicU64::new(0),
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
            lost_full: 0,
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

    fn hand_over(&mut self) {
        let Some(mut empty) = self.take_empty() else {
            self.lost_full += self.current.events;
            self.current.clear();
            return;
        };
        empty.at_ns = self.current.at_ns;
        let chunk = std::mem::replace(&mut self.current, empty);
        // There are as many chunks as places in the queue, so there is always one.
        if let Err(chunk) = self.shared.full.push(chunk) {
            self.lost_full += chunk.events;
        }
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
        self.shared.full.len() as f64 / self.shared.full.capacity() as f64
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
            at_ns: 0,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.events = 0;
    }
}

fn run(shared: &Shared, target: impl Target, worker: &Thread) {
    let mut end = End {
        shared,
        target,
        failed: None,
    };
    loop {
        // Read before the queue: what was pushed before closing is still seen below.
        let closing = shared.closing.load(Ordering::Acquire);
        let mut wrote = false;
        while let Some(mut chunk) = shared.full.pop() {
            end.write(&chunk);
            chunk.clear();
            let _ = shared.empty.push(chunk);
            worker.unpark();
            wrote = true;
        }
        if closing {
            end.attempt(Target::finish);
            return;
        }
        if wrote {
            end.attempt(Target::flush);
        }
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
        if !self.attempt(|target| target.write(&chunk.bytes, chunk.at_ns)) {
            let lost = &self.shared.lost_broken;
            lost.fetch_add(chunk.events, Ordering::Relaxed);
        }
    }

    fn attempt(&mut self, act: impl FnOnce(&mut T) -> io::Result<()>) -> bool {
        let just_failed = self.failed.is_some_and(|at| at.elapsed() < RETRY);
        if just_failed || self.shared.broken.load(Ordering::Relaxed) {
            return false;
        }
        match act(&mut self.target) {
            Ok(()) => true,
            Err(error) => {
                if self.target.recover() {
                    self.failed = Some(Instant::now());
                } else {
                    self.shared.broken.store(true, Ordering::Relaxed);
                }
                let slot = &self.shared.error;
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                slot.get_or_insert(error);
                false
            }
        }
    }
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
            writer.event(0, |out| out.extend_from_slice(line.as_bytes()));
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

    /// What a target was given, by the time of its file; it fails while `broken` says so.
    #[derive(Clone, Default)]
    struct Recorded {
        files: Arc<Mutex<Vec<(u64, String)>>>,
        broken: Arc<AtomicBool>,
        retry: bool,
    }

    impl Target for Recorded {
        fn write(&mut self, events: &[u8], at_ns: u64) -> io::Result<()> {
            if self.broken.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let text = String::from_utf8(events.to_vec()).expect("text");
            self.files.lock().expect("no panic").push((at_ns, text));
            Ok(())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn recover(&mut self) -> bool {
            self.retry
        }
    }

    impl Recorded {
        fn start(&self, division: Division) -> Writer {
            let options = Options {
                division,
                when_full: WhenFull::Wait,
                chunks: 4,
            };
            Writer::start_with(self.clone(), options).expect("a thread")
        }

        fn files(&self) -> Vec<(u64, String)> {
            self.files.lock().expect("no panic").clone()
        }
    }

    fn owned(files: &[(u64, &str)]) -> Vec<(u64, String)> {
        files
            .iter()
            .map(|(at, text)| (*at, (*text).to_owned()))
            .collect()
    }

    #[test]
    fn no_chunk_holds_events_of_two_periods_and_periods_never_go_back() {
        let target = Recorded::default();
        let period = NonZeroU64::new(10).expect("not zero");
        let mut writer = target.start(Division::Every(period));
        for (ns, text) in [(11, "a"), (19, "b"), (20, "c"), (15, "late"), (41, "d")] {
            writer.event(ns, |out| out.extend_from_slice(text.as_bytes()));
        }
        writer.advance(55);
        writer.advance(56);
        writer.close().expect("nothing fails");
        // Behind each comes the word that its period is over.
        let files = [
            (10, "ab"),
            (20, ""),
            (20, "clate"),
            (40, ""),
            (40, "d"),
            (50, ""),
        ];
        assert_eq!(target.files(), owned(&files));
    }

    #[test]
    fn files_that_are_told_change_when_that_is_said() {
        let target = Recorded::default();
        let mut writer = target.start(Division::Told);
        writer.cut(7);
        writer.event(1, |out| out.push(b'a'));
        writer.event(99, |out| out.push(b'b'));
        writer.cut(8);
        writer.close().expect("nothing fails");
        assert_eq!(target.files(), owned(&[(7, "ab"), (8, "")]));
    }

    #[test]
    fn what_fails_for_a_while_goes_on_afterwards_and_its_losses_are_counted() {
        let target = Recorded {
            retry: true,
            ..Recorded::default()
        };
        let mut writer = target.start(Division::None);
        let write = |writer: &mut Writer, text: &str| {
            writer.event(1, |out| out.extend_from_slice(text.as_bytes()));
            writer.flush();
        };
        target.broken.store(true, Ordering::Relaxed);
        write(&mut writer, "lost");
        while writer.lost_broken() == 0 {
            std::thread::yield_now();
        }
        assert!(!writer.is_broken(), "there is hope");
        target.broken.store(false, Ordering::Relaxed);
        std::thread::sleep(RETRY);
        write(&mut writer, "kept");
        let error = writer.close().expect_err("it did fail");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(target.files(), owned(&[(1, "kept")]));
        assert_eq!(writer.lost_broken(), 1);
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
