//! The least that a receiver does: descriptors go from the RX ring straight back to the fill ring. No pool, no
//! guards, one queue. Benches compare with it what capturing costs beside what AF_XDP costs anybody.

use super::mode::{Mode, negotiate};
use super::receive::{bind, close_on_exec, prefer_busy_poll, wake};
use super::{FRAME_SIZE, SocketOptions, Waiter, XskError};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;
use xsk_rs::config::{FrameSize, QueueSize, UmemConfig};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, TxQueue, Umem};

/// Descriptors moved in one go.
const BURST: usize = 64;

/// A socket on the first queue of an interface, with frames of its own.
pub struct Bare {
    umem: Umem,
    rx: RxQueue,
    fill: FillQueue,
    // Not used, but the socket lives as long as all of its queues.
    _tx: TxQueue,
    _completion: CompQueue,
    taken: Vec<FrameDesc>,
    waiter: Waiter,
    busy_poll: bool,
}

impl Bare {
    /// Binds to the queue, all frames in the fill ring: twice as many as the RX ring takes.
    ///
    /// # Errors
    /// The step that failed, and what the kernel said.
    pub fn open(interface: &str, options: &SocketOptions) -> Result<Self, XskError> {
        let failed = |error: io::Error| XskError::new("opening a bare AF_XDP socket", error);
        let invalid = |error: &dyn std::fmt::Display| failed(io::Error::other(error.to_string()));
        let frames = NonZeroU32::new(options.rx_ring.saturating_mul(2))
            .ok_or_else(|| invalid(&"a ring needs entries"))?;
        let config = UmemConfig::builder()
            .frame_size(FrameSize::new(FRAME_SIZE).map_err(|e| invalid(&e))?)
            .fill_queue_size(QueueSize::new(frames.get()).map_err(|e| invalid(&e))?)
            .build()
            .map_err(|e| invalid(&e))?;
        let (umem, all) = Umem::new(config, frames, false).map_err(|e| invalid(&e))?;
        let mut waited = Duration::ZERO;
        let bound = negotiate(options.wish.modes(), |mode: Mode| {
            bind(&umem, interface, 0, options.rx_ring, mode, &mut waited)
        });
        let ((tx, rx, mut fill, completion), ..) = bound.map_err(failed)?;
        close_on_exec(borrowed(&rx));
        if options.busy_poll {
            prefer_busy_poll(rx.fd().as_raw_fd()).map_err(failed)?;
        }
        // SAFETY: the descriptors are those of this UMEM, and nobody else has them.
        unsafe { fill.produce(&all) };
        Ok(Self {
            umem,
            rx,
            fill,
            _tx: tx,
            _completion: completion,
            taken: vec![FrameDesc::default(); BURST],
            waiter: Waiter::default(),
            busy_poll: options.busy_poll,
        })
    }

    /// The descriptor to put into the XSKMAP.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        borrowed(&self.rx)
    }

    /// Takes what is in the RX ring, at most a burst; hands each packet, with the `N` bytes below it, to
    /// `look`, and gives the frames back. Returns how many there were.
    pub fn drain<const N: usize>(&mut self, mut look: impl FnMut(&[u8; N], &[u8])) -> usize {
        // SAFETY: the socket was made on this UMEM, so these are descriptors of it.
        let count = unsafe { self.rx.consume(&mut self.taken) };
        let taken = &self.taken[..count];
        for descriptor in taken {
            // SAFETY: it came from the RX ring and is in no ring until it is given back below.
            let packet = unsafe { self.umem.data(descriptor) }.contents();
            assert!(descriptor.addr() % FRAME_SIZE as usize >= N);
            let below = packet.as_ptr().wrapping_sub(N).cast::<[u8; N]>();
            // SAFETY: `N` bytes of the same frame lie below the packet, as was asserted, and nobody
            // writes the frame. A byte array has no alignment to keep.
            look(unsafe { &*below }, packet);
        }
        if count > 0 {
            // SAFETY: as above; the slices were `look`'s only. The ring has room for all frames there are.
            unsafe { self.fill.produce(taken) };
        }
        if self.busy_poll || self.fill.needs_wakeup() {
            wake(self.rx.fd().as_raw_fd());
        }
        count
    }

    /// Waits until there is a packet or `timeout` is over.
    ///
    /// # Errors
    /// `ppoll` failed for another reason than a signal.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<bool> {
        let socket = std::iter::once(borrowed(&self.rx));
        self.waiter.wait_for(socket, timeout)
    }
}

fn borrowed(rx: &RxQueue) -> BorrowedFd<'_> {
    // SAFETY: the socket, and with it the descriptor, lives as long as its queues.
    unsafe { BorrowedFd::borrow_raw(rx.fd().as_raw_fd()) }
}
