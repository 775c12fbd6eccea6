//! The receiving end: one socket per queue, all on one UMEM.

use super::mode::{Mode, Refusal, Wish, negotiate};
use super::pool::source_of;
use super::{Frame, FramePool, XskError};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};
use xsk_rs::config::{BindFlags, Interface, LibxdpFlags, QueueSize, SocketConfig};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, TxQueue, Umem};

/// Descriptors moved in one go.
const BURST: usize = 256;
/// How long a queue that was just released may still be busy.
const BUSY_RETRY: Duration = Duration::from_secs(2);
/// How often it is tried.
const BUSY_INTERVAL: Duration = Duration::from_millis(50);

/// How a socket is made.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// Entries of the RX ring, a power of two.
    pub rx_ring: u32,
    /// The modes that may serve.
    pub wish: Wish,
    /// Have the worker's own waiting drive the driver instead of its interrupts; done without
    /// where the kernel has it not.
    pub busy_poll: bool,
}

/// Frames that the kernel dropped between the program and the RX ring, by its own names
/// (`XDP_STATISTICS`, net/xdp/xsk.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelDrops {
    /// Frames dropped for other reasons than a full ring. In copy mode this includes those for
    /// which the fill ring was empty: never add the two.
    pub rx_dropped: u64,
    /// The RX ring was full.
    pub rx_ring_full: u64,
    /// Times that the fill ring was found empty.
    pub rx_fill_ring_empty: u64,
    /// Descriptors that the kernel did not accept.
    pub rx_invalid: u64,
}

/// A socket bound to one queue of one interface.
pub struct Socket<'p> {
    pool: &'p FramePool,
    rx: RxQueue,
    fill: FillQueue,
    // Not used, but the socket lives as long as all of its queues.
    _tx: TxQueue,
    _completion: CompQueue,
    queue: u32,
    mode: Mode,
    /// As the kernel says; it may not.
    zero_copy: Option<bool>,
    refused: Vec<Refusal>,
    waited: Duration,
    busy_poll: Result<bool, io::Error>,
    scratch: Vec<FrameDesc>,
    /// Descriptors from the RX ring, always [`BURST`]: made anew for each look they would be 10 kB to write.
    taken: Vec<FrameDesc>,
    received: u64,
    wakeups: u64,
}

impl<'p> Socket<'p> {
    /// Binds to a queue, in the best mode that the kernel grants; a queue that was released a moment ago
    /// is tried again for two seconds.
    ///
    /// The first socket of a pool decides for all: the kernel takes no flags for those that share its
    /// UMEM (net/xdp/xsk.c, `xsk_bind`).
    ///
    /// # Errors
    /// The kernel refused the socket, in all modes that `options` allow, or the queue stayed taken.
    pub fn open(
        pool: &'p FramePool,
        interface: &str,
        queue: u32,
        options: &SocketOptions,
    ) -> Result<Self, XskError> {
        let step = || format!("opening an AF_XDP socket on {interface}, queue {queue}");
        // Whichever mode it was that found the queue taken.
        let mut waited = Duration::ZERO;
        let bind = |mode: Mode| {
            let (umem, ring) = (pool.umem(), options.rx_ring);
            bind(umem, interface, queue, ring, mode, &mut waited)
        };
        let bound = match pool.mode() {
            Some(mode) => negotiate(std::iter::once(mode), bind),
            None => negotiate(options.wish.modes(), bind),
        };
        let ((tx, rx, fill, completion), mode, refused) =
            bound.map_err(|error| XskError::new(step(), error))?;
        pool.set_mode(mode);
        let mut socket = Self {
            pool,
            rx,
            fill,
            _tx: tx,
            _completion: completion,
            queue,
            mode,
            zero_copy: None,
            refused,
            waited,
            busy_poll: Ok(false),
            scratch: Vec::with_capacity(BURST),
            taken: vec![FrameDesc::default(); BURST],
            received: 0,
            wakeups: 0,
        };
        close_on_exec(socket.fd());
        socket.zero_copy = zero_copy_of(socket.fd());
        if options.busy_poll {
            socket.busy_poll = prefer_busy_poll(socket.raw_fd()).map(|()| true);
        }
        socket.refill();
        Ok(socket)
    }

    /// Gives free frames to the kernel. Comes before receiving: an empty fill ring loses frames.
    pub fn refill(&mut self) {
        loop {
            self.scratch.clear();
            // `produce` takes all or nothing, and a ring may have room for less than a burst.
            let room = self.fill.nb_free(BURST as u32) as usize;
            self.pool.take_free(&mut self.scratch, room.min(BURST));
            // SAFETY: the descriptors came from the free list, so no `Frame` and no ring has them;
            // from here on they are the kernel's until they come out of the RX ring.
            let given = unsafe { self.fill.produce(&self.scratch) };
            self.pool.count_given(given);
            self.pool.return_free(&self.scratch[given..]);
            if given == 0 {
                return;
            }
        }
    }

    /// Has the driver go on, if it stands still until it is told that there are frames again
    /// (`XDP_USE_NEED_WAKEUP`), or if we are to drive it. A system call, so once a round: after all
    /// frames that there are have been given, and whether or not others keep the worker from waiting.
    pub fn wake(&mut self) {
        let drives = matches!(self.busy_poll, Ok(true));
        if !drives && !self.fill.needs_wakeup() {
            return;
        }
        self.wakeups += 1;
        wake(self.raw_fd());
    }

    /// How often the driver was told to go on.
    #[must_use]
    pub fn wakeups(&self) -> u64 {
        self.wakeups
    }

    /// Takes what is in the RX ring, at most `most` frames and the rest of a packet that those end
    /// in, and hands each to `take` with whether the packet goes on in the next one. Returns how many.
    pub fn receive(&mut self, most: usize, mut take: impl FnMut(Frame<'p>, bool)) -> usize {
        let mut taken = 0;
        let mut open = false;
        while taken < most || open {
            // The kernel shows the frames of a packet all at once (net/xdp/xsk.c, `xsk_flush`).
            let wanted = BURST.min(most.saturating_sub(taken)).max(1);
            // SAFETY: this socket was made on the pool's UMEM, so what comes out of its RX ring
            // are descriptors of that UMEM; each is wrapped below, once.
            let count = unsafe { self.rx.consume(&mut self.taken[..wanted]) };
            for descriptor in &self.taken[..count] {
                let frame = self.pool.received(*descriptor);
                let continues = frame.continues();
                // A packet in several frames counts once.
                self.received += u64::from(!continues);
                open = continues;
                take(frame, continues);
            }
            taken += count;
            if count < wanted {
                break;
            }
        }
        taken
    }

    /// Packets taken so far; one may take several frames.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The queue it is bound to.
    #[must_use]
    pub fn queue(&self) -> u32 {
        self.queue
    }

    /// The driver writes straight into the UMEM (`XDP_OPTIONS`); `None` if the kernel does not tell.
    #[must_use]
    pub fn is_zero_copy(&self) -> Option<bool> {
        self.zero_copy
    }

    /// Frames may span several buffers.
    #[must_use]
    pub fn is_multi_buffer(&self) -> bool {
        self.mode.multi_buffer
    }

    /// The driver may stand still until it is told to go on, rather than be told always.
    #[must_use]
    pub fn is_need_wakeup(&self) -> bool {
        self.mode.flags().contains(BindFlags::XDP_USE_NEED_WAKEUP)
    }

    /// Better modes, and why they are not to be had. Empty for all but the first socket of a pool.
    #[must_use]
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    /// For how long the queue was still taken.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Waiting drives the driver; false if it was not asked for.
    ///
    /// # Errors
    /// It was asked for, and the kernel said why not. Interrupts serve then.
    pub fn busy_poll(&self) -> Result<bool, &io::Error> {
        self.busy_poll.as_ref().copied()
    }

    /// Frames waiting in the RX ring.
    pub fn pending(&mut self) -> u32 {
        self.rx.nb_avail_exact()
    }

    /// The descriptor to put into the XSKMAP.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the socket, and with it the descriptor, lives as long as its queues, which `self` owns.
        unsafe { BorrowedFd::borrow_raw(self.raw_fd()) }
    }

    fn raw_fd(&self) -> RawFd {
        self.rx.fd().as_raw_fd()
    }

    /// What the kernel dropped on the way to this socket.
    ///
    /// # Errors
    /// The socket option cannot be read.
    pub fn drops(&self) -> io::Result<KernelDrops> {
        let statistics = self.rx.fd().xdp_statistics()?;
        Ok(KernelDrops {
            rx_dropped: statistics.rx_dropped(),
            rx_ring_full: statistics.rx_ring_full(),
            rx_fill_ring_empty: statistics.rx_fill_ring_empty_descs(),
            rx_invalid: statistics.rx_invalid_descs(),
        })
    }
}

/// Has the driver of a socket go on.
pub(super) fn wake(socket: RawFd) {
    // What it says does not help: an interface that is down or gone is found out elsewhere, and a
    // driver that did not go on still asks in the next round.
    // SAFETY: the descriptor is open, and with no length nothing is written anywhere.
    unsafe {
        libc::recv(socket, std::ptr::null_mut(), 0, libc::MSG_DONTWAIT);
    }
}

/// Documentation/networking/napi.rst, "Busy polling": interrupts stay off as long as somebody polls.
pub(super) fn prefer_busy_poll(socket: RawFd) -> io::Result<()> {
    /// How long a poll goes on without a frame, and how many frames it takes.
    const MICROSECONDS: libc::c_int = 20;
    const BUDGET: libc::c_int = 64;
    for (option, value) in [
        (libc::SO_PREFER_BUSY_POLL, 1),
        (libc::SO_BUSY_POLL, MICROSECONDS),
        (libc::SO_BUSY_POLL_BUDGET, BUDGET),
    ] {
        // SAFETY: `value` is an int of the size given, and the descriptor is open.
        let status = unsafe {
            libc::setsockopt(
                socket,
                libc::SOL_SOCKET,
                option,
                (&raw const value).cast(),
                size_of_val(&value) as libc::socklen_t,
            )
        };
        if status != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Has a program that this process starts not inherit the socket: it would keep the queue taken. libxdp does not
/// see to that.
pub(super) fn close_on_exec(socket: BorrowedFd<'_>) {
    // SAFETY: the descriptor is open, and the command takes an int.
    unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
}

fn zero_copy_of(socket: BorrowedFd<'_>) -> Option<bool> {
    // linux/if_xdp.h: XDP_OPTIONS gives struct xdp_options { __u32 flags; }, bit 0 is zero-copy.
    const XDP_OPTIONS: libc::c_int = 8;
    let mut flags: u32 = 0;
    let mut length: libc::socklen_t = 4;
    // SAFETY: `flags` has the four bytes that `length` announces, and the descriptor is open.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            XDP_OPTIONS,
            (&raw mut flags).cast(),
            &raw mut length,
        )
    };
    (status == 0).then_some(flags & 1 != 0)
}

type Queues = (TxQueue, RxQueue, FillQueue, CompQueue);

pub(super) fn bind(
    umem: &Umem,
    interface: &str,
    queue: u32,
    ring: u32,
    mode: Mode,
    waited: &mut Duration,
) -> io::Result<Queues> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let size = QueueSize::new(ring).map_err(|error| invalid(error.to_string()))?;
    let name = CString::new(interface).map_err(|error| invalid(error.to_string()))?;
    let interface = Interface::new(name);
    while_busy(waited, || {
        let config = SocketConfig::builder()
            .rx_queue_size(size)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(mode.flags())
            .build();
        // SAFETY: program loading is inhibited, as the contract asks for shared UMEMs.
        match unsafe { xsk_rs::Socket::new(config, umem, &interface, queue) } {
            Ok((tx, rx, Some((fill, completion)))) => Ok((tx, rx, fill, completion)),
            Ok((_, _, None)) => Err(io::Error::from_raw_os_error(libc::EBUSY)),
            Err(error) => Err(source_of(&error)),
        }
    })
}

/// Tries again while another socket has the queue, for two seconds in all: the kernel gives a queue back some time
/// after its socket was closed.
pub(super) fn while_busy<T>(
    waited: &mut Duration,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let error = match attempt() {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        let busy = error.raw_os_error() == Some(libc::EBUSY);
        if !busy || *waited > BUSY_RETRY {
            return Err(error);
        }
        let started = Instant::now();
        std::thread::sleep(BUSY_INTERVAL);
        *waited += started.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_queue_that_becomes_free_is_waited_for() {
        let mut waited = Duration::ZERO;
        let mut left = 3;
        let outcome = while_busy(&mut waited, || {
            left -= 1;
            let error = if left > 0 { libc::EBUSY } else { libc::EPERM };
            Err::<(), _>(io::Error::from_raw_os_error(error))
        });
        assert_eq!(left, 0, "no other error is waited for");
        assert_eq!(
            outcome.map_err(|error| error.raw_os_error()),
            Err(Some(libc::EPERM))
        );
        assert!(waited >= 2 * BUSY_INTERVAL);
    }

    /// Another protocol's socket knows no `XDP_OPTIONS`, as an old kernel's would not.
    #[test]
    fn what_the_kernel_does_not_tell_is_not_known() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        assert_eq!(zero_copy_of(socket.as_fd()), None);
    }
}
