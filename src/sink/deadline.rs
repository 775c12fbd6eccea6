//! How long the end of a capture waits for its outputs.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a thread is looked after.
const PAUSE: Duration = Duration::from_millis(2);

/// A point in time behind which nobody is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// There is none: a file has time.
    pub const NEVER: Self = Self(None);

    /// It comes after so much time.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// It is over.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.0.is_some_and(|at| Instant::now() >= at)
    }

    /// Waits for a thread: what it has come to. `None`: it has not ended, and is left to itself.
    pub fn join<T>(self, thread: JoinHandle<T>) -> Option<std::thread::Result<T>> {
        while self.0.is_some() && !thread.is_finished() {
            if self.has_passed() {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
        Some(thread.join())
    }
}

/// For tests: takes nothing as long as the other end is there.
#[cfg(test)]
pub(crate) struct Hangs(pub(crate) std::sync::mpsc::Receiver<()>);

#[cfg(test)]
impl std::io::Write for Hangs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
