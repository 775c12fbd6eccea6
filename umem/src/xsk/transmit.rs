//! The sending end, for `replay`: copies frames into a UMEM of its own and queues them.

use super::pool::source_of;
use super::receive::{close_on_exec, while_busy};
use super::{FRAME_SIZE, XskError};
use std::ffi::CString;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};
use xsk_rs::config::{
    BindFlags, FrameSize, Interface, LibxdpFlags, QueueSize, SocketConfig, UmemConfig,
};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, TxQueue, Umem};

/// Why a frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// All frames are on their way: flush and try again.
    #[error("the transmit ring is full")]
    Full,
    /// The frame does not fit.
    #[error("longer than the {max} bytes that a frame holds")]
    TooLong {
        /// The longest that does.
        max: usize,
    },
}

/// What a transmitter has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransmitterStats {
    /// Frames queued.
    pub queued: u64,
    /// Frames that the kernel is done with.
    pub completed: u64,
}

/// An AF_XDP socket that only sends.
pub struct Transmitter {
    umem: Umem,
    tx: TxQueue,
    completion: CompQueue,
    _rx: RxQueue,
    _fill: FillQueue,
    free: Vec<FrameDesc>,
    scratch: Vec<FrameDesc>,
    max: usize,
    stats: TransmitterStats,
}

impl Transmitter {
    /// Opens a sending socket on a queue with `frames` frames (a power of two).
    ///
    /// # Errors
    /// The kernel refused the memory or the socket.
    pub fn open(interface: &str, queue: u32, frames: u32) -> Result<Self, XskError> {
        let step = format!("opening an AF_XDP transmit ring on {interface}, queue {queue}");
        let failed = |cause: io::Error| XskError::new(step.clone(), cause);
        let invalid = |text: String| failed(io::Error::new(io::ErrorKind::InvalidInput, text));
        let size = QueueSize::new(frames).map_err(|error| invalid(error.to_string()))?;
        let umem_config = UmemConfig::builder()
            .frame_size(FrameSize::new(FRAME_SIZE).map_err(|error| invalid(error.to_string()))?)
            .comp_queue_size(size)
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let count = NonZeroU32::new(frames).ok_or_else(|| invalid("no frames".into()))?;
        let (umem, free) =
            Umem::new(umem_config, count, false).map_err(|error| failed(source_of(&error)))?;
        let config = SocketConfig::builder()
            .tx_queue_size(size)
            .libxdp_flags(LibxdpFlags::XSK_LIBXDP_FLAGS_INHIBIT_PROG_LOAD)
            .bind_flags(BindFlags::XDP_COPY | BindFlags::XDP_USE_NEED_WAKEUP)
            .build();
        let name = CString::new(interface).map_err(|error| invalid(error.to_string()))?;
        let interface = Interface::new(name);
        let mut waited = Duration::ZERO;
        let made = while_busy(&mut waited, || {
            // SAFETY: program loading is inhibited and the UMEM is not shared.
            match unsafe { xsk_rs::Socket::new(config, &umem, &interface, queue) } {
                Ok((tx, rx, Some(rings))) => Ok((tx, rx, rings)),
                Ok((_, _, None)) => Err(io::Error::from_raw_os_error(libc::EBUSY)),
                Err(error) => Err(source_of(&error)),
            }
        });
        let (tx, rx, (fill, completion)) = made.map_err(failed)?;
        // SAFETY: the descriptor is open as long as the queues are.
        close_on_exec(unsafe { BorrowedFd::borrow_raw(tx.fd().as_raw_fd()) });
        Ok(Self {
            max: umem_config.mtu() as usize,
            umem,
            tx,
            completion,
            _rx: rx,
            _fill: fill,
            scratch: vec![FrameDesc::default(); 64],
            free,
            stats: TransmitterStats::default(),
        })
    }

    /// Copies a frame into the ring. It leaves at the next [`Self::flush`].
    ///
    /// # Errors
    /// The ring is full, or the frame is too long.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), SendError> {
        if frame.len() > self.max {
            return Err(SendError::TooLong { max: self.max });
        }
        let mut descriptor = self.free.pop().ok_or(SendError::Full)?;
        // SAFETY: the descriptor was on the free list, so neither the kernel nor anybody else uses
        // the frame, and it belongs to this UMEM.
        let mut data = unsafe { self.umem.data_mut(&mut descriptor) };
        let mut cursor = data.cursor();
        cursor.set_pos(0);
        let written = cursor.write_all(frame);
        // SAFETY: as above; now the frame becomes the kernel's until it comes out of the completion ring.
        let queued = written.is_ok() && unsafe { self.tx.produce_one(&descriptor) } == 1;
        if !queued {
            self.free.push(descriptor);
            return Err(SendError::Full);
        }
        self.stats.queued += 1;
        Ok(())
    }

    /// Has the kernel send what is queued, and takes back what it has sent.
    ///
    /// # Errors
    /// The kernel refused for another reason than being busy.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.stats.queued > self.stats.completed {
            match self.tx.wakeup() {
                Ok(()) => (),
                // The device's queue is full or a frame was dropped by it: it goes on at the next call.
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR)
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        self.reap();
        Ok(())
    }

    fn reap(&mut self) {
        loop {
            // SAFETY: the completion ring belongs to this UMEM; what comes out of it is ours again.
            let count = unsafe { self.completion.consume(&mut self.scratch) };
            self.free.extend_from_slice(&self.scratch[..count]);
            self.stats.completed += count as u64;
            if count < self.scratch.len() {
                return;
            }
        }
    }

    /// Sends until nothing is queued; false if that took longer than `timeout`.
    ///
    /// # Errors
    /// As for [`Self::flush`].
    pub fn drain(&mut self, timeout: Duration) -> io::Result<bool> {
        let started = Instant::now();
        while self.stats.completed < self.stats.queued {
            self.flush()?;
            if started.elapsed() > timeout {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> TransmitterStats {
        self.stats
    }

    /// The longest frame it sends.
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.max
    }
}
