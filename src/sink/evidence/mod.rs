//! Evidence: the frames around whatever went wrong, as pcapng files.
//!
//! The worker copies each frame of a session into blocks of memory that were taken at the start. When
//! a NOTIFICATION, a malformed message, a gap or the loss of a session is told, the session's blocks go to
//! a writer thread a little later, as they are: nothing is copied twice, and a frame is in one file
//! only. The thread gives the blocks back. Memory, the share of one session in it, files and their size
//! are bounded, whatever an attacker sends.

mod files;
pub(super) mod incidents;
mod pcapng;
mod ring;

use crate::capture::LinkType;
use crate::filter::{Event, Selection};
use crate::sink::deadline::Deadline;
use crate::sink::writer::WhenFull;
use crate::wire::Endpoint;
use crossbeam_queue::ArrayQueue;
use files::Folder;
use ring::{BLOCK, Block, Head, Ring};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// How long frames are still collected after something happened.
const AFTER_NS: u64 = 2_000_000_000;
/// Incidents that wait for the writer.
const QUEUE: usize = 256;
/// Comments in one file; what happens beyond that is counted in the last.
const MARKS_MAX: usize = 64;
/// What the reason of a further part begins with.
const CONTINUED: &str = "continued: ";
/// One session has at most this share of the memory.
const SHARE: usize = 8;
/// Sessions that are looked at when a new one finds no memory.
const LOOKED_AT: usize = 256;

/// What evidence may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the files go.
    pub folder: PathBuf,
    /// How far back a file reaches.
    pub before: Duration,
    /// Memory for frames, bytes.
    pub memory: u64,
    /// What the files may take together, bytes; beyond that the oldest of the session with most go.
    pub disk: u64,
}

/// What has become of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files removed to make room for others.
    pub removed: u64,
    /// Frames that there was no memory for.
    pub unrecorded: u64,
    /// Incidents of which no frame was recorded.
    pub without_frames: u64,
    /// Incidents lost because the writer did not keep up.
    pub queue_full: u64,
    /// Incidents lost because writing failed.
    pub write_error: u64,
    /// Incidents whose file would have been larger than all may be.
    pub too_large: u64,
    /// Incidents that were still to be written when the end waited no longer.
    pub late: u64,
}

/// Why frames are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A NOTIFICATION.
    Notification,
    /// A message with errors, or bytes that are no message.
    Malformed,
    /// A hole.
    Gap,
    /// An established session ended otherwise than by a NOTIFICATION.
    SessionLoss,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Malformed => "malformed",
            Self::Gap => "gap",
            Self::SessionLoss => "session-loss",
        }
    }
}

/// Something that happened at a time, as the comment tells it.
struct Mark {
    ns: u64,
    kind: &'static str,
    text: String,
}

/// What is to be written.
struct Incident {
    session: u64,
    /// Which part of it, from 1.
    part: u32,
    marks: Vec<Mark>,
    from_ns: u64,
    blocks: VecDeque<Block>,
    interfaces: Arc<[String]>,
}

#[derive(Default)]
struct Atomics {
    files: AtomicU64,
    bytes: AtomicU64,
    removed: AtomicU64,
    without_frames: AtomicU64,
    too_large: AtomicU64,
    failed: AtomicU64,
}

struct Shared {
    full: ArrayQueue<Incident>,
    empty: ArrayQueue<Block>,
    /// Incidents whose blocks have not come back.
    in_flight: AtomicU64,
    closing: AtomicBool,
    counts: Arc<Atomics>,
    worker: Thread,
}

/// Both endpoints, lower first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends(Endpoint, Endpoint);

impl Ends {
    fn of(a: Endpoint, b: Endpoint) -> Self {
        if a <= b { Self(a, b) } else { Self(b, a) }
    }
}

/// What happened, until enough frames have come after it.
struct Pending {
    session: u64,
    /// Which part of it, from 1: there are several if it finds no room in memory as a whole.
    part: u32,
    marks: Vec<Mark>,
    more: u64,
    due_ns: u64,
}

impl Pending {
    /// What is still to come, with the reason.
    fn next_part(&self) -> Option<Self> {
        let first = self.marks.first()?;
        let reason = first.text.strip_prefix(CONTINUED).unwrap_or(&first.text);
        Some(Self {
            session: self.session,
            part: self.part + 1,
            marks: vec![Mark {
                ns: first.ns,
                kind: first.kind,
                text: format!("{CONTINUED}{reason}"),
            }],
            more: 0,
            due_ns: self.due_ns,
        })
    }
}

#[derive(Default)]
struct Session {
    ring: Ring,
    pending: Option<Pending>,
}

/// The worker's end.
pub struct Evidence {
    /// What calls for evidence.
    pub selection: Selection,
    before_ns: u64,
    after_ns: u64,
    sessions: HashMap<Ends, Session, foldhash::fast::RandomState>,
    /// Blocks that nobody uses.
    free: Vec<Block>,
    per_session_max: usize,
    now_ns: u64,
    /// What has come so far of a frame in several buffers.
    parts: Vec<u8>,
    parts_of: Option<(Ends, Head)>,
    due: Vec<Ends>,
    interfaces: Arc<[String]>,
    unrecorded: u64,
    queue_full: u64,
    unknown: u64,
    /// What those before this one count.
    former: Vec<Arc<Atomics>>,
    when_full: WhenFull,
    /// How long incidents may wait for the writer at the end.
    until: Deadline,
    late: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Evidence {
    /// Takes the memory and starts the thread.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the thread not be started.
    pub fn start(options: &Options, when_full: WhenFull) -> io::Result<Self> {
        let memory = usize::try_from(options.memory).unwrap_or(usize::MAX);
        // Blocks are asked for one by one, and the process would end where there are none left.
        let mut all = Vec::<u8>::new();
        all.try_reserve_exact(memory)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        drop(std::hint::black_box(all));
        let folder = Folder::open(&options.folder, options.disk)?;
        let blocks = (memory / BLOCK).max(2 * SHARE);
        let shared = Arc::new(Shared {
            full: ArrayQueue::new(QUEUE),
            empty: ArrayQueue::new(blocks),
            in_flight: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            counts: Arc::default(),
            worker: std::thread::current(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("evidence".into())
            .spawn(move || files::run(&theirs, folder))?;
        let before_ns = u64::try_from(options.before.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self {
            selection: Selection::default(),
            before_ns,
            after_ns: AFTER_NS.min(before_ns),
            sessions: HashMap::default(),
            free: (0..blocks).map(|_| Block::new()).collect(),
            per_session_max: blocks / SHARE,
            now_ns: 0,
            parts: Vec::new(),
            parts_of: None,
            due: Vec::new(),
            interfaces: Arc::new([]),
            unrecorded: 0,
            queue_full: 0,
            unknown: 0,
            former: Vec::new(),
            when_full,
            until: Deadline::NEVER,
            late: 0,
            shared,
            thread: Some(thread),
        })
    }

    /// The names that frames' interfaces have.
    pub fn set_interfaces(&mut self, names: &[String]) {
        self.interfaces = names.into();
    }

    /// A frame of a session; `wire_len` is what it had on the wire. With `continues` its further buffers come
    /// by [`Evidence::next_buffer`].
    pub fn frame(&mut self, ends: (Endpoint, Endpoint), frame: &Seen<'_>, continues: bool) {
        let ends = Ends::of(ends.0, ends.1);
        let head = Head {
            ns: frame.ns,
            wire_len: frame.wire_len,
            link: frame.link,
            interface: frame.interface,
        };
        self.now_ns = self.now_ns.max(head.ns);
        if continues {
            self.parts.clear();
            self.parts.extend_from_slice(frame.bytes);
            self.parts_of = Some((ends, head));
        } else {
            self.record(ends, head, frame.bytes);
        }
    }

    /// A further buffer of the frame.
    pub fn next_buffer(&mut self, bytes: &[u8], continues: bool) {
        self.parts.extend_from_slice(bytes);
        if continues {
            return;
        }
        if let Some((ends, mut head)) = self.parts_of.take() {
            let parts = std::mem::take(&mut self.parts);
            head.wire_len = u32::try_from(parts.len()).unwrap_or(u32::MAX);
            self.record(ends, head, &parts);
            self.parts = parts;
        }
    }

    fn record(&mut self, ends: Ends, head: Head, bytes: &[u8]) {
        if let Some(session) = self.sessions.get_mut(&ends)
            && session.pending.is_none()
        {
            let old = head.ns.saturating_sub(self.before_ns);
            while let Some(block) = session.ring.take_oldest(Some(old)) {
                self.free.push(block);
            }
        }
        let Some(added) = self.make_room(ends, bytes.len()) else {
            self.unrecorded += 1;
            return;
        };
        let session = self.sessions.entry(ends).or_default();
        for _ in 0..added {
            if let Some(block) = self.free.pop() {
                session.ring.add(block);
            }
        }
        session.ring.push(head, bytes, added);
    }

    /// Sees to it that as many blocks are free as the frame takes; says how many that are.
    fn make_room(&mut self, ends: Ends, len: usize) -> Option<usize> {
        loop {
            let ring = self.sessions.get(&ends).map(|session| &session.ring);
            let has = ring.map_or(0, Ring::blocks);
            let missing =
                ring.map_or_else(|| Ring::default().missing(len), |ring| ring.missing(len));
            if missing > self.per_session_max {
                return None;
            }
            if has + missing <= self.per_session_max {
                self.take_back(missing);
                if self.free.len() >= missing {
                    return Some(missing);
                }
            }
            if has > 0
                && self
                    .sessions
                    .get(&ends)
                    .is_some_and(|s| s.pending.is_some())
            {
                // What is to come after it finds no room: what there is is written now, and the rest as another part.
                self.dispatch(ends, true);
            } else if let Some(session) = self.sessions.get_mut(&ends)
                && let Some(block) = session.ring.take_oldest(None)
            {
                self.free.push(block);
            } else if has + missing > self.per_session_max {
                // One block is left, and the frame takes as many as a session may have.
                if let Some(session) = self.sessions.get_mut(&ends) {
                    self.free.extend(session.ring.take());
                }
            } else if !self.take_from_another(ends) {
                return None;
            }
        }
    }

    /// Takes what the writer has given back; offline it is waited for.
    fn take_back(&mut self, wanted: usize) {
        while self.free.len() < wanted {
            if let Some(block) = self.shared.empty.pop() {
                self.free.push(block);
                continue;
            }
            let waits = self.when_full == WhenFull::Wait;
            if !waits || self.shared.in_flight.load(Acquire) == 0 {
                // What came between the two looks.
                self.free.extend(self.shared.empty.pop());
                return;
            }
            self.wake_writer();
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn take_from_another(&mut self, ends: Ends) -> bool {
        let others = self.sessions.iter_mut().take(LOOKED_AT);
        let richest = others
            .filter(|(other, session)| **other != ends && session.pending.is_none())
            .max_by_key(|(_, session)| session.ring.blocks());
        let block = richest.and_then(|(_, session)| session.ring.take_oldest(None));
        let found = block.is_some();
        self.free.extend(block);
        found
    }

    /// Something happened in the session of an event; `text` says what.
    pub fn incident(&mut self, event: &Event<'_>, kind: Kind, text: impl FnOnce() -> String) {
        if !self.selection.wants(event) {
            return;
        }
        let meta = event.meta;
        let end = |addr, port| Endpoint { addr, port };
        let ends = Ends::of(
            end(meta.peer, meta.peer_port),
            end(meta.local, meta.local_port),
        );
        let Some(session) = self.sessions.get_mut(&ends) else {
            self.unknown += 1;
            return;
        };
        let due_ns = self.now_ns.max(meta.ts_ns).saturating_add(self.after_ns);
        let pending = session.pending.get_or_insert_with(|| Pending {
            session: meta.session,
            part: 1,
            marks: Vec::new(),
            more: 0,
            due_ns,
        });
        if pending.marks.len() < MARKS_MAX {
            pending.marks.push(Mark {
                ns: meta.ts_ns,
                kind: kind.name(),
                text: text(),
            });
        } else {
            pending.more += 1;
        }
    }

    /// Time goes on: what is complete is handed over, and sessions that are silent give up their memory.
    pub fn tick(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        let mut due = std::mem::take(&mut self.due);
        let is_due =
            |session: &Session| session.pending.as_ref().is_some_and(|p| p.due_ns <= now_ns);
        due.extend(
            self.sessions
                .iter()
                .filter(|(_, session)| is_due(session))
                .map(|(ends, _)| *ends),
        );
        for ends in due.drain(..) {
            self.dispatch(ends, false);
        }
        self.due = due;
        let oldest = self.now_ns.saturating_sub(self.before_ns);
        let free = &mut self.free;
        self.sessions.retain(|_, session| {
            let stays = session.pending.is_some() || session.ring.newest_ns() >= oldest;
            if !stays {
                free.extend(session.ring.take());
            }
            stays
        });
    }

    /// Hands what there is of a session over to the writer; what comes next may belong to it, too.
    fn dispatch(&mut self, ends: Ends, goes_on: bool) {
        let Some(session) = self.sessions.get_mut(&ends) else {
            return;
        };
        let Some(mut pending) = session.pending.take() else {
            return;
        };
        if pending.part > 1 && session.ring.blocks() == 0 {
            // Nothing came behind the part before.
            session.pending = Some(pending).filter(|_| goes_on);
            return;
        }
        if pending.more > 0
            && let Some(last) = pending.marks.last_mut()
        {
            last.text.push_str(&format!("; and {} more", pending.more));
        }
        let first_ns = pending.marks.iter().map(|mark| mark.ns).min();
        session.pending = pending.next_part().filter(|_| goes_on);
        let mut incident = Incident {
            session: pending.session,
            part: pending.part,
            marks: pending.marks,
            from_ns: first_ns.unwrap_or(0).saturating_sub(self.before_ns),
            blocks: session.ring.take(),
            interfaces: Arc::clone(&self.interfaces),
        };
        self.shared.in_flight.fetch_add(1, AcqRel);
        while let Err(back) = self.shared.full.push(incident) {
            if self.when_full == WhenFull::Drop {
                self.shared.in_flight.fetch_sub(1, AcqRel);
                self.queue_full += 1;
                self.free.extend(back.blocks);
                return;
            }
            if self.until.has_passed() {
                // It counts as one that is under way.
                return;
            }
            incident = back;
            self.wake_writer();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.wake_writer();
    }

    fn wake_writer(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// What has become of it so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            unrecorded: self.unrecorded,
            without_frames: self.unknown,
            queue_full: self.queue_full,
            late: self.late,
            ..Counts::default()
        };
        let own = std::iter::once(&self.shared.counts);
        for more in own.chain(&self.former) {
            counts.files += more.files.load(Relaxed);
            counts.bytes += more.bytes.load(Relaxed);
            counts.removed += more.removed.load(Relaxed);
            counts.without_frames += more.without_frames.load(Relaxed);
            counts.write_error += more.failed.load(Relaxed);
            counts.too_large += more.too_large.load(Relaxed);
        }
        counts
    }

    /// Goes on where the one before this one stops; its files are counted as if they were of this one.
    pub fn inherit(&mut self, before: &Self) {
        self.former.extend(before.former.iter().map(Arc::clone));
        self.former.push(Arc::clone(&before.shared.counts));
        self.unrecorded += before.unrecorded;
        self.queue_full += before.queue_full;
        self.unknown += before.unknown;
        self.selection = before.selection.clone();
    }

    /// Share of the queue in use, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn queue_ratio(&self) -> f64 {
        self.shared.full.len() as f64 / QUEUE as f64
    }

    /// Has the thread write what is still to be written, and end.
    pub fn begin_close(&mut self, until: Deadline) {
        // At the end nothing is to be lost, and nothing waits for us.
        self.when_full = WhenFull::Wait;
        self.until = until;
        self.tick(u64::MAX);
        self.shared.closing.store(true, Release);
        self.wake_writer();
    }

    /// Writes what is still to be written and ends the thread.
    pub fn close(&mut self) -> Counts {
        self.close_by(Deadline::NEVER)
    }

    /// The same, as far as it is done in time.
    pub fn close_by(&mut self, until: Deadline) -> Counts {
        self.begin_close(until);
        if let Some(thread) = self.thread.take()
            // What it has counted until it panicked is all there is to tell.
            && until.join(thread).is_none()
        {
            self.late = self.shared.in_flight.load(Acquire);
        }
        self.counts()
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        self.close();
    }
}

/// A frame as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Nanoseconds since the epoch.
    pub ns: u64,
    /// Bytes it had on the wire.
    pub wire_len: u32,
    /// How its first header is to be read.
    pub link: LinkType,
    /// Which of the source's interfaces it came in on.
    pub interface: u16,
    /// Its bytes.
    pub bytes: &'a [u8],
}
