//! How the capture is set up.

use super::Timestamps;
use crate::doctor::{self, link};
use bgptap_bpf::{Mode, Program, Release, TapMode};
use bgptap_umem::xsk::{FRAME_SIZE, FramePool, PoolOptions, SocketOptions, ZeroCopy};

/// Frames in the rings of all queues together: 256 MiB of memory at the most.
const RING_FRAMES_MAX: u32 = 65_536;

/// The first kernel with `XDP_USE_SG`.
const MULTI_BUFFER_SINCE: Release = (6, 6);

/// The pair of a tap has one queue: so the order of the copies is that of the packets.
pub(super) const TAP_QUEUES: u32 = 1;

/// What the command line decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interfaces that a mirror feeds, or that are tapped.
    pub interfaces: Vec<String>,
    /// Capture copies of what the host itself sends and receives by the interfaces.
    pub tap: Option<TapMode>,
    /// TCP ports of BGP.
    pub ports: Vec<u16>,
    /// Drop what is not BGP instead of passing it to the host.
    pub drop_foreign: bool,
    /// Take fragments of IP datagrams that may be BGP.
    pub fragments: bool,
    /// Where the program runs.
    pub mode: Mode,
    /// The only variant of the program that may be used.
    pub program: Option<Program>,
    /// Do as an older kernel would.
    pub pretend: Option<Release>,
    /// Entries of each RX ring.
    pub ring: u32,
    /// Whether the driver may write straight into the frames.
    pub zero_copy: ZeroCopy,
    /// Which clock events are stamped by.
    pub timestamps: Timestamps,
    /// Let waiting drive the driver.
    pub busy_poll: bool,
    /// Ask for huge pages.
    pub huge_pages: bool,
}

impl Default for Options {
    /// No interfaces yet; what the command line has by default otherwise.
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            tap: None,
            ports: vec![179],
            drop_foreign: false,
            fragments: true,
            mode: Mode::Auto,
            program: None,
            pretend: None,
            ring: 8192,
            zero_copy: ZeroCopy::Auto,
            timestamps: Timestamps::Xdp,
            busy_poll: false,
            huge_pages: false,
        }
    }
}

impl Options {
    pub(super) fn steering(&self) -> bgptap_bpf::Options {
        bgptap_bpf::Options {
            ports: self.ports.clone(),
            // Behind the pair of a tap there is no host to pass anything to.
            drop_foreign: self.drop_foreign || self.tap.is_some(),
            fragments: self.fragments,
            mode: self.mode,
            program: self.program,
            pretend: self.pretend,
        }
    }

    pub(super) fn socket(&self) -> SocketOptions {
        SocketOptions {
            rx_ring: self.ring,
            zero_copy: self.zero_copy(),
            multi_buffer: self
                .pretend
                .is_none_or(|release| release >= MULTI_BUFFER_SINCE),
            busy_poll: self.busy_poll,
        }
    }

    /// What has to be there for a capture with a pool of this size.
    #[must_use]
    pub fn wanted(&self, pool: &PoolOptions) -> doctor::Wanted {
        doctor::Wanted {
            way: match self.tap {
                Some(_) => doctor::Way::Tap,
                None => doctor::Way::Steer,
            },
            interfaces: self.interfaces.clone(),
            ports: self.ports.clone(),
            pool_bytes: u64::from(pool.frames) * u64::from(FRAME_SIZE),
            huge_pages: self.huge_pages,
        }
    }

    fn zero_copy(&self) -> ZeroCopy {
        // A UMEM has one mode, that of its first socket: several devices share the one that all have.
        // And on skbs the driver has nothing to write.
        let pointless = self.interfaces.len() > 1 || self.mode == Mode::Skb;
        if pointless && self.zero_copy == ZeroCopy::Auto {
            ZeroCopy::Never
        } else {
            self.zero_copy
        }
    }

    /// What the pool could not be given.
    pub(super) fn warnings(&self, pool: &FramePool) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Err(error) = pool.locked() {
            warnings.push(format!(
                "the frames are not locked in memory ({error}): raise `ulimit -l` or grant CAP_IPC_LOCK"
            ));
        }
        if self.huge_pages && !pool.huge_pages() {
            warnings.push(doctor::no_huge_pages(pool.bytes()));
        }
        warnings
    }
}

/// Sizes the pool and the rings: each fill ring has twice the entries of its RX ring, and on top
/// of what the rings hold there are frames to work on and to hold out of order, so that holding
/// never starves the kernel. With many queues the rings get smaller.
#[must_use]
pub fn plan(options: &mut Options, held_frames_max: u32, batch: u32) -> PoolOptions {
    let count = |interface: &String| match options.tap {
        Some(_) => TAP_QUEUES,
        None => link::queue_count(interface),
    };
    let queues: u32 = options.interfaces.iter().map(count).sum();
    let share = RING_FRAMES_MAX / queues.max(1) / 3;
    let largest = 1 << share.max(64).ilog2();
    options.ring = options.ring.max(64).next_power_of_two().min(largest);
    PoolOptions {
        frames: options.ring * 3 * queues + batch * queues + held_frames_max,
        fill_ring: options.ring * 2,
        huge_pages: options.huge_pages,
    }
}
