//! Where frames are sent to.

use std::io;
use std::time::Duration;

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no room now; there will be after a [`FrameSink::flush`].
    Full,
    /// It is longer than the interface can send.
    TooLong,
}

/// An interface, or what stands for one in a test.
pub trait FrameSink {
    /// Queues a copy of one Ethernet frame.
    ///
    /// # Errors
    /// The frame cannot be taken, now or at all.
    fn send(&mut self, frame: &[u8]) -> Result<(), Refused>;

    /// Has everything queued sent.
    ///
    /// # Errors
    /// The interface does not send: it is down, or gone.
    fn flush(&mut self) -> io::Result<()>;

    /// Waits until all that was queued has been sent; how many frames were not, in `timeout`.
    ///
    /// # Errors
    /// The interface does not send: it is down, or gone.
    fn drain(&mut self, timeout: Duration) -> io::Result<u64>;
}
