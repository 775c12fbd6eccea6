//! The receiving end: one socket per queue, all on one UMEM.

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

/// Whether the driver may write straight into the UMEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroCopy {
    /// If it can.
    Auto,
    /// Or fail.
    Require,
    /// Never: the kernel copies.
    Never,
}

/// How a socket is made.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// Entries of the RX ring, a power of two.
    pub rx_ring: u32,
    /// Whether the driver may write straight into the UMEM.
    pub zero_copy: ZeroCopy,
    /// Ask for frames in several buffers; without, longer ones are dropped.
    pub multi_buffer: bool,
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
    zero_copy: bool,
    multi_buffer: bool,
    busy_poll: Result<bool, io::Error>,
    scratch: Vec<FrameDesc>,
    received: u64,
}

impl<'p> Socket<'p> {
    /// Binds to a queue. Multi-buffer frames are asked for and done without where the driver
    /// has none; a queue that was released a moment ago is tried again for two seconds.
    ///
    /// # Errors
    /// The kernel refused the socket, in all modes that `options` allow.
    pub fn open(
        pool: &'p FramePool,
        interface: &str,
        queue: u32,
        options: &SocketOptions,
    ) -> Result<Self, XskError> {
        let modes: &[BindFlags] = match options.zero_copy {
            ZeroCopy::Auto => &[BindFlags::XDP_ZEROCOPY, BindFlags::XDP_COPY],
            ZeroCopy::Require => &[BindFlags::XDP_ZEROCOPY],
            ZeroCopy::Never => &[BindFlags::XDP_COPY],
        };
        let step = format!("opening an AF_XDP socket on {interface}, queue {queue}");
        let mut last = io::Error::from_raw_os_error(libc::EINVAL);
        for mode in modes {
            let multi_buffer: &[bool] = if options.multi_buffer {
                &[true, false]
            } else {
                &[false]
            };
            for multi_buffer in multi_buffer.iter().copied() {
                let mut flags = *mode | BindFlags::XDP_USE_NEED_WAKEUP;
                if multi_buffer {
                    flags |= BindFlags::XDP_USE_SG;
                }
                match bind(pool.umem(), interface, queue, options.rx_ring, flags) {
                    Ok((tx, rx, fill, completion)) => {
                        let mut socket = Self {
                            pool,
                            rx,
                            fill,
                            _tx: tx,
                            _completion: completion,
                            queue,
                            zero_copy: false,
                            multi_buffer,
                            busy_poll: Ok(false),
                            scratch: Vec::with_capacity(BURST),
                            received: 0,
                        };
                        socket.zero_copy = socket.read_zero_copy();
                        if options.busy_poll {
                            socket.busy_poll = socket.prefer_busy_poll().map(|()| true);
                        }
                        socket.refill();
                        return Ok(socket);
                    }
                    Err(error) => last = error,
                }
            }
        }
        Err(XskError::new(step, last))
    }

    /// Gives free frames to the kernel. Comes before receiving: an empty fill ring loses frames.
    pub fn refill(&mut self) {
        loop {
            self.scratch.clear();
            self.pool.take_free(&mut self.scratch, BURST);
            // `produce` takes all or nothing.
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

    /// Takes what is in the RX ring, at most `most` frames and the rest of a packet that those end
    /// in, and hands each to `take` with whether the packet goes on in the next one. Returns how many.
    pub fn receive(&mut self, most: usize, mut take: impl FnMut(Frame<'p>, bool)) -> usize {
        let mut taken = 0;
        let mut open = false;
        while taken < most || open {
            // The kernel shows the frames of a packet all at once (net/xdp/xsk.c, `xsk_flush`).
            let wanted = BURST.min(most.saturating_sub(taken)).max(1);
            self.scratch.clear();
            self.scratch.resize(wanted, FrameDesc::default());
            // SAFETY: this socket was made on the pool's UMEM, so what comes out of its RX ring
            // are descriptors of that UMEM; each is wrapped below, once.
            let count = unsafe { self.rx.consume(&mut self.scratch) };
            for descriptor in &self.scratch[..count] {
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

    /// The driver writes straight into the UMEM (`XDP_OPTIONS`).
    #[must_use]
    pub fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// Frames may span several buffers.
    #[must_use]
    pub fn is_multi_buffer(&self) -> bool {
        self.multi_buffer
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

    /// Documentation/networking/napi.rst, "Busy polling": interrupts stay off as long as somebody polls.
    fn prefer_busy_poll(&self) -> io::Result<()> {
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
                    self.raw_fd(),
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

    fn read_zero_copy(&self) -> bool {
        // linux/if_xdp.h: XDP_OPTIONS gives struct xdp_options { __u32 flags; }, bit 0 is zero-copy.
        const XDP_OPTIONS: libc::c_int = 8;
        let mut flags: u32 = 0;
        let mut length: libc::socklen_t = 4;
        // SAFETY: `flags` has the four bytes that `length` announces, and the descriptor is open.
        let status = unsafe {
            libc::getsockopt(
                self.raw_fd(),
                libc::SOL_XDP,
                XDP_OPTIONS,
                (&raw mut flags).cast(),
                &raw mut length,
            )
        };
        status == 0 && flags & 1 != 0
    }
}

type Queues = (TxQueue, RxQueue, FillQueue, CompQueue);

fn bind(
    umem: &Umem,
    interface: &str,
    queue: u32,
    ring: u32,
    flags: BindFlags,
) -> io::Result<Queues> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let size = QueueSize::new(ring).map_err(|error| invalid(error.to_string()))?;
    let name = CString::new(interface).map_err(|error| invalid(error.to_string()))?;
    let interface = Interface::new(name);
    let started = Instant::now();
    loop {
        let config = SocketConfig::builder()
            .rx_queue_size(size)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(flags)
            .build();
        // SAFETY: program loading is inhibited, as the contract asks for shared UMEMs.
        let made = unsafe { xsk_rs::Socket::new(config, umem, &interface, queue) };
        let error = match made {
            Ok((tx, rx, Some((fill, completion)))) => return Ok((tx, rx, fill, completion)),
            Ok((_, _, None)) => io::Error::from_raw_os_error(libc::EBUSY),
            Err(error) => source_of(&error),
        };
        let busy = error.raw_os_error() == Some(libc::EBUSY);
        if !busy || started.elapsed() > BUSY_RETRY {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until one of the sockets has a frame, a signal comes or `timeout` is over.
///
/// # Errors
/// `poll` failed for another reason than a signal.
pub fn wait(sockets: &[Socket<'_>], timeout: Duration) -> io::Result<bool> {
    // As many as fit on the stack of a capture with many queues; the rest is found by the next round.
    let mut polled = [libc::pollfd {
        fd: -1,
        events: libc::POLLIN,
        revents: 0,
    }; 64];
    for (slot, socket) in polled.iter_mut().zip(sockets) {
        slot.fd = socket.raw_fd();
    }
    let count = sockets.len().min(polled.len());
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the first `count` entries are initialised and their descriptors are open.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), count as libc::nfds_t, milliseconds) };
    if ready >= 0 {
        return Ok(ready > 0);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        return Ok(false);
    }
    Err(error)
}
