//! Events for whoever listens at the moment.
//!
//! The worker hands lines to a writer as for a file; the writer's thread passes them on to the queue of each
//! listener. A listener whose queue is full is dropped, and counted: its connection ends, so that it knows. While
//! nobody listens nothing is encoded.

use super::writer::{Division, Options, Target, WhenFull, Writer};
use bytes::Bytes;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
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

#[derive(Default)]
struct Shared {
    listeners: Mutex<Vec<mpsc::Sender<Bytes>>>,
    count: AtomicUsize,
    slow: AtomicU64,
}

impl Hub {
    /// Listens from now on: whole lines come, several at a time. `None` if too many listen already.
    #[must_use]
    pub fn listen(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.is_closed());
        let room = listeners.len() < LISTENERS_MAX;
        let receiver = room.then(|| {
            let (sender, receiver) = mpsc::channel(WAITING_MAX);
            listeners.push(sender);
            receiver
        });
        self.0.count.store(listeners.len(), Relaxed);
        receiver
    }

    /// Listeners dropped because they did not keep up.
    #[must_use]
    pub fn slow(&self) -> u64 {
        self.0.slow.load(Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Bytes>>> {
        let listeners = &self.0.listeners;
        listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's thread alone takes the lock, beside those who come.
impl Target for Hub {
    fn write(&mut self, events: &[u8], _at_ns: u64) -> io::Result<()> {
        let lines = Bytes::copy_from_slice(events);
        let mut listeners = self.lock();
        listeners.retain(|listener| match listener.try_send(lines.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.0.slow.fetch_add(1, Relaxed);
                false
            }
        });
        self.0.count.store(listeners.len(), Relaxed);
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

/// Lines of events on their way to listeners.
pub struct EventStream {
    /// To the hub.
    pub writer: Writer,
    /// With the bytes of each message.
    pub raw: bool,
    hub: Hub,
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
            hub,
        })
    }

    /// Somebody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.hub.0.count.load(Relaxed) > 0
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

    fn write(hub: &mut Hub, line: &[u8]) {
        hub.write(line, 0).expect("nothing fails");
    }

    #[test]
    fn each_listener_gets_what_comes_from_then_on() {
        let mut hub = Hub::default();
        let mut first = hub.listen().expect("room");
        write(&mut hub, b"one\n");
        let mut second = hub.listen().expect("room");
        write(&mut hub, b"two\n");
        assert_eq!(first.try_recv().expect("there"), b"one\n"[..]);
        assert_eq!(first.try_recv().expect("there"), b"two\n"[..]);
        assert_eq!(second.try_recv().expect("there"), b"two\n"[..]);
        assert!(second.try_recv().is_err(), "nothing more");
    }

    #[test]
    fn a_slow_listener_is_dropped_and_counted_and_the_others_are_not() {
        let mut hub = Hub::default();
        let mut slow = hub.listen().expect("room");
        let mut quick = hub.listen().expect("room");
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
    fn those_who_have_gone_make_room() {
        let hub = Hub::default();
        let mut all: Vec<_> = (0..LISTENERS_MAX)
            .map(|_| hub.listen().expect("room"))
            .collect();
        assert!(hub.listen().is_none());
        all.pop();
        assert!(hub.listen().is_some());
        assert_eq!(hub.slow(), 0);
    }
}
