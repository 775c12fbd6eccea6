//! A network namespace that nobody else knows of.

use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// A network namespace, held by its file: one that is held by nothing else ends with the process,
/// killed or not, and the kernel removes the interfaces in it, and with them their other ends.
#[derive(Debug)]
pub(super) struct Netns(File);

impl Netns {
    /// Makes an empty one. Needs CAP_SYS_ADMIN.
    pub(super) fn private() -> io::Result<Self> {
        let home = Self::current()?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let made = Self::current();
        home.enter()?;
        made
    }

    /// Runs `work` with the calling thread in this namespace. What it opens stays in there.
    ///
    /// # Errors
    /// The kernel refused. If it was on the way back, the thread is of no more use.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let home = Self::current()?;
        self.enter()?;
        let result = work();
        home.enter()?;
        Ok(result)
    }

    /// To name it to the kernel, while `self` lives.
    pub(super) fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    fn current() -> io::Result<Self> {
        File::open("/proc/thread-self/ns/net").map(Self)
    }

    fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.0, CloneFlags::CLONE_NEWNET)?)
    }
}
