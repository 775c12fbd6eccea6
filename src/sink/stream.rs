//! Events for whoever listens at the moment.
//!
//! The worker hands lines to a writer as for a file, each with the numbers of those listeners whose filters select
//! the event; the writer's thread passes them on to the queue of each. A listener whose queue is full is dropped, and
//! counted: its connection ends, so that it knows. While nobody listens nothing is encoded.

use super::writer::{Division, Options, Target, WhenFull, Writer};
use crate::filter::{Event, Selection};
use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Listeners at a time.
pub const LISTENERS_MAX: usize = 16;
/// Chunks of up to some 64 KiB that wait for a listener: 4 MiB.
const WAITING_MAX: usize = 64;
/// Chunks between the worker and the writer.
const CHUNKS: usize = 64;

/// Where listeners come and go.
#[derive(Clone, Default)]
pub struct Hub(Arc<Shared>);

struct Shared {
    listeners: Mutex<Vec<Listener>>,
    /// Those that the worker does not know of.
    newcomers: ArrayQueue<Ear>,
    count: AtomicUsize,
    /// How often somebody came or left.
    version: AtomicUsize,
    next_id: AtomicU32,
    slow: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            listeners: Mutex::default(),
            newcomers: ArrayQueue::new(LISTENERS_MAX),
            count: AtomicUsize::new(0),
            version: AtomicUsize::new(0),
            next_id: AtomicU32::new(0),
            slow: AtomicU64::new(0),
        }
    }
}

/// A listener as the writer's thread knows it.
struct Listener {
    id: u32,
    sender: mpsc::Sender<Bytes>,
    gone: Arc<AtomicBool>,
    /// What it gets of the chunk at hand.
    lines: Vec<u8>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.gone.store(true, Relaxed);
    }
}

/// A listener as the worker knows it.
struct Ear {
    id: u32,
    selection: Selection,
    gone: Arc<AtomicBool>,
}

impl Hub {
    /// Listens from now on to what `selection` lets through: whole lines come, several at a time. `None` if too many
    /// listen already.
    #[must_use]
    pub fn listen(&self, selection: Selection) -> Option<mpsc::Receiver<Bytes>> {
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.sender.is_closed());
        let room = listeners.len() < LISTENERS_MAX;
        let receiver = room
            .then(|| self.admit(&mut listeners, selection))
            .flatten();
        self.changed(&listeners);
        receiver
    }

    fn admit(
        &self,
        listeners: &mut Vec<Listener>,
        selection: Selection,
    ) -> Option<mpsc::Receiver<Bytes>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (id, gone) = (self.0.next_id.fetch_add(1, Relaxed), Arc::default());
        let ear = Ear {
            id,
            selection,
            gone: Arc::clone(&gone),
        };
        self.0.newcomers.push(ear).ok()?;
        listeners.push(Listener {
            id,
            sender,
            gone,
            lines: Vec::new(),
        });
        Some(receiver)
    }

    fn changed(&self, listeners: &[Listener]) {
        self.0.count.store(listeners.len(), Relaxed);
        self.0.version.fetch_add(1, Release);
    }

    /// Listeners dropped because they did not keep up.
    #[must_use]
    pub fn slow(&self) -> u64 {
        self.0.slow.load(Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Listener>> {
        let listeners = &self.0.listeners;
        listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's thread alone takes the lock, beside those who come.
impl Target for Hub {
    fn write(&mut self, events: &[u8], _: u64, _: u64) -> io::Result<()> {
        let mut listeners = self.lock();
        let before = listeners.len();
        let mut rest = events;
        while let Some((Addressed { ids, line }, behind)) = split(rest) {
            for id in ids {
                let id = u32::from_be_bytes(*id);
                let listener = listeners.iter_mut().find(|listener| listener.id == id);
                if let Some(listener) = listener {
                    listener.lines.extend_from_slice(line);
                }
            }
            rest = behind;
        }
        listeners.retain_mut(|listener| {
            if listener.lines.is_empty() {
                return !listener.sender.is_closed();
            }
            let lines = Bytes::from(std::mem::take(&mut listener.lines));
            match listener.sender.try_send(lines) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.0.slow.fetch_add(1, Relaxed);
                    false
                }
            }
        });
        if listeners.len() != before {
            self.changed(&listeners);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.lock().clear();
        Ok(())
    }
}

/// Appends a line for listeners: how many octets follow, how many listeners, their numbers, the line.
fn join(out: &mut Vec<u8>, ids: &[u32], encode: &mut dyn FnMut(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    out.push(u8::try_from(ids.len()).unwrap_or(0));
    out.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
    encode(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(0);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// A line on its way.
struct Addressed<'a> {
    /// The numbers of those whom it is for.
    ids: &'a [[u8; 4]],
    line: &'a [u8],
}

/// The first line, and what is behind it.
fn split(events: &[u8]) -> Option<(Addressed<'_>, &[u8])> {
    let (length, rest) = events.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (whole, behind) = rest.split_at_checked(length)?;
    let (count, whole) = whole.split_first()?;
    let (ids, line) = whole.split_at_checked(usize::from(*count) * 4)?;
    let ids = ids.as_chunks().0;
    Some((Addressed { ids, line }, behind))
}

/// Lines of events on their way to listeners.
pub struct EventStream {
    /// To the hub.
    pub writer: Writer,
    /// With the bytes of each message.
    pub raw: bool,
    /// Which events all of them get; of these each selects its own.
    pub selection: Selection,
    hub: Hub,
    ears: Vec<Ear>,
    version: usize,
    /// Who gets the event at hand.
    wanted: Vec<u32>,
}

impl EventStream {
    /// Starts the thread that serves the queues of listeners.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(hub: Hub, raw: bool) -> io::Result<Self> {
        let options = Options {
            division: Division::None,
            when_full: WhenFull::Drop,
            chunks: CHUNKS,
        };
        Ok(Self {
            writer: Writer::start_with(hub.clone(), options)?,
            raw,
            selection: Selection::default(),
            hub,
            ears: Vec::with_capacity(LISTENERS_MAX),
            version: 0,
            wanted: Vec::with_capacity(LISTENERS_MAX),
        })
    }

    /// Somebody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.hub.0.count.load(Relaxed) > 0
    }

    /// Gets to know who has come and left.
    pub fn look_round(&mut self) {
        let version = self.hub.0.version.load(Acquire);
        if version == self.version {
            return;
        }
        self.version = version;
        while let Some(ear) = self.hub.0.newcomers.pop() {
            self.ears.push(ear);
        }
        self.ears.retain(|ear| !ear.gone.load(Relaxed));
    }

    /// Whether somebody listens to such events.
    pub fn wants(&mut self, event: &Event<'_>) -> bool {
        self.wanted.clear();
        if !self.is_heard() || !self.selection.wants(event) {
            return false;
        }
        self.look_round();
        let ears = self.ears.iter_mut();
        let wanted = ears.filter_map(|ear| ear.selection.wants(event).then_some(ear.id));
        self.wanted.extend(wanted);
        !self.wanted.is_empty()
    }

    /// Passes the line of an event on to those who wanted it when they were asked last.
    pub fn line(&mut self, ns: u64, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let wanted = &self.wanted;
        self.writer.event(ns, |out| join(out, wanted, encode));
    }

    /// Listeners dropped because they did not keep up.
    #[must_use]
    pub fn slow(&self) -> u64 {
        self.hub.slow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To all who listen.
    fn write(hub: &mut Hub, line: &[u8]) {
        let ids: Vec<_> = hub.lock().iter().map(|listener| listener.id).collect();
        let mut out = Vec::new();
        join(&mut out, &ids, &mut |out| out.extend_from_slice(line));
        hub.write(&out, 1, 0).expect("nothing fails");
    }

    fn listen(hub: &Hub) -> Option<mpsc::Receiver<Bytes>> {
        hub.0.newcomers.pop();
        hub.listen(Selection::default())
    }

    #[test]
    fn each_listener_gets_what_comes_from_then_on() {
        let mut hub = Hub::default();
        let mut first = listen(&hub).expect("room");
        write(&mut hub, b"one\n");
        let mut second = listen(&hub).expect("room");
        write(&mut hub, b"two\n");
        assert_eq!(first.try_recv().expect("there"), b"one\n"[..]);
        assert_eq!(first.try_recv().expect("there"), b"two\n"[..]);
        assert_eq!(second.try_recv().expect("there"), b"two\n"[..]);
        assert!(second.try_recv().is_err(), "nothing more");
    }

    #[test]
    fn a_slow_listener_is_dropped_and_counted_and_the_others_are_not() {
        let mut hub = Hub::default();
        let mut slow = listen(&hub).expect("room");
        let mut quick = listen(&hub).expect("room");
        for _ in 0..=WAITING_MAX {
            write(&mut hub, b"line\n");
            assert!(quick.try_recv().is_ok());
        }
        assert_eq!(hub.slow(), 1);
        let kept = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(kept, WAITING_MAX, "what was in its queue");
        assert!(slow.is_closed(), "and then the end");
        write(&mut hub, b"line\n");
        assert!(quick.try_recv().is_ok());
    }

    #[test]
    fn lines_go_to_those_they_are_for() {
        let mut hub = Hub::default();
        let mut one = listen(&hub).expect("room");
        let mut other = listen(&hub).expect("room");
        let mut out = Vec::new();
        for (ids, line) in [(&[0][..], "a\n"), (&[0, 1], "b\n"), (&[7, 1], "c\n")] {
            join(&mut out, ids, &mut |out| {
                out.extend_from_slice(line.as_bytes());
            });
        }
        hub.write(&out, 1, 0).expect("nothing fails");
        assert_eq!(one.try_recv().expect("there"), b"a\nb\n"[..]);
        assert_eq!(other.try_recv().expect("there"), b"b\nc\n"[..]);
    }

    #[test]
    fn those_who_have_gone_make_room() {
        let hub = Hub::default();
        let mut all: Vec<_> = (0..LISTENERS_MAX)
            .map(|_| listen(&hub).expect("room"))
            .collect();
        assert!(listen(&hub).is_none());
        all.pop();
        assert!(listen(&hub).is_some());
        assert_eq!(hub.slow(), 0);
    }
}
