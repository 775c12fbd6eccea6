//! How the capture is set up.

use super::Timestamps;
use crate::doctor::{self, link};
use bgptap_bpf::{Attached, Mode, Program, Release, TapMode};
use bgptap_umem::xsk::{
    FRAME_SIZE, FramePool, PACKET_MAX, PoolOptions, Socket, SocketOptions, Wish, ZeroCopy,
};
use std::io;
use std::time::Duration;

/// Frames in the rings of all queues together: 256 MiB of memory at the most.
const RING_FRAMES_MAX: u32 = 65_536;

/// The first kernel with `XDP_USE_SG`.
const MULTI_BUFFER_SINCE: Release = (6, 6);

/// What the MTU does not count: Ethernet's header, two VLAN tags, and the checksum that some cards leave on.
const LINK_HEADERS: u32 = 14 + 2 * 4 + 4;

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
            wish: Wish {
                zero_copy: self.zero_copy(),
                multi_buffer: self.has_multi_buffer(),
                // What the host's own stack sends and receives is up to 64 KiB long.
                long_frames: self.tap.is_some()
                    || self.interfaces.iter().any(|name| is_long(link::mtu(name))),
            },
            busy_poll: self.busy_poll,
        }
    }

    /// Whether a kernel of this age has sockets that take frames in several buffers.
    pub(super) fn expects_multi_buffer(&self) -> bool {
        self.pretend.unwrap_or_else(doctor::running) >= MULTI_BUFFER_SINCE
    }

    /// The kernel has it, unless an older one is played.
    fn has_multi_buffer(&self) -> bool {
        self.pretend
            .is_none_or(|release| release >= MULTI_BUFFER_SINCE)
    }

    /// What the kernel is not even asked for.
    pub(super) fn not_asked(&self) -> Vec<String> {
        let missing = !self.has_multi_buffer();
        let text = "frames in several buffers: the kernel has no XDP_USE_SG for it";
        missing.then(|| text.to_owned()).into_iter().collect()
    }

    /// What has to be there for a capture with a pool of this size.
    #[must_use]
    pub fn wanted(&self, pool: &PoolOptions) -> doctor::Wanted {
        doctor::Wanted {
            way: match self.tap {
                Some(mode) => doctor::Way::Tap(mode),
                None => doctor::Way::Steer,
            },
            interfaces: self.interfaces.clone(),
            ports: self.ports.clone(),
            pool_bytes: u64::from(pool.frames) * u64::from(FRAME_SIZE),
            huge_pages: self.huge_pages,
            pretend: self.pretend,
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

    /// What an interface cannot do although it is asked for, or needed.
    pub(super) fn shortcomings(
        &self,
        name: &str,
        steering: &Attached,
        multi_buffer: bool,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if self.timestamps == Timestamps::Hardware && !steering.kfuncs() {
            found.push(format!(
                "{name}: no hardware timestamps, the kernel's serve: the program runs without the kfuncs that read them (Linux 6.3, native mode, and a driver that has them)"
            ));
        }
        let mtu = link::mtu(name);
        if let (false, true, Some(mtu)) = (multi_buffer, is_long(mtu), mtu) {
            found.push(format!(
                "{name}: its MTU is {mtu}, and frames beyond {PACKET_MAX} bytes are dropped for want of several buffers: keep the MTU of the mirror below, or use --backend af-packet"
            ));
        }
        found
    }
}

/// Frames of an interface with this MTU need several buffers.
fn is_long(mtu: Option<u32>) -> bool {
    mtu.is_some_and(|mtu| mtu.saturating_add(LINK_HEADERS) > PACKET_MAX)
}

/// What a socket on the interface `name` was not given, or not at once.
pub(super) fn warnings_of(name: &str, socket: &Socket<'_>) -> Vec<String> {
    told(name, socket.queue(), socket.busy_poll(), socket.waited())
}

fn told(
    name: &str,
    queue: u32,
    busy_poll: Result<bool, &io::Error>,
    waited: Duration,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let (0, Err(error)) = (queue, busy_poll) {
        warnings.push(format!(
            "{name}: no busy polling ({error}), so interrupts serve: it needs Linux 5.11 and CAP_NET_ADMIN"
        ));
    }
    if waited > Duration::ZERO {
        let waited = waited.as_millis();
        warnings.push(format!(
            "{name}: another AF_XDP socket left queue {queue} only after {waited} ms"
        ));
    }
    warnings
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
    options.ring = options.ring.clamp(64, largest).next_power_of_two();
    PoolOptions {
        frames: options.ring * 3 * queues + batch * queues + held_frames_max,
        fill_ring: options.ring * 2,
        huge_pages: options.huge_pages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4096 bytes of a frame less 256 that the kernel keeps free, less 26 of Ethernet.
    #[test]
    fn jumbo_is_what_one_buffer_has_no_room_for() {
        assert!(!is_long(Some(1500)));
        assert!(!is_long(Some(3814)));
        assert!(is_long(Some(3815)));
        assert!(is_long(Some(9000)));
        assert!(!is_long(None));
    }

    #[test]
    fn a_ring_is_a_power_of_two_within_bounds() {
        let ring = |asked| {
            let mut options = Options {
                interfaces: vec!["no-such-if".into()],
                ring: asked,
                ..Options::default()
            };
            let pool = plan(&mut options, 0, 0);
            assert_eq!(pool.frames, 3 * options.ring);
            assert_eq!(pool.fill_ring, 2 * options.ring);
            options.ring
        };
        let rings = [0, 64, 65, 8192, 16_384, 16_385, 1 << 31, u32::MAX].map(ring);
        assert_eq!(rings, [64, 64, 128, 8192, 16_384, 16_384, 16_384, 16_384]);
    }

    #[test]
    fn a_tap_has_long_frames_whatever_the_mtu() {
        let mut options = Options::default();
        assert!(!options.socket().wish.long_frames);
        options.tap = Some(TapMode::Tcx);
        assert!(options.socket().wish.long_frames);
    }

    #[test]
    fn busy_polling_that_is_refused_is_told_once_an_interface() {
        let error = io::Error::from_raw_os_error(libc::EPERM);
        let found = told("x", 0, Err(&error), Duration::ZERO);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("x: no busy polling (Operation not permitted"));
        assert!(told("x", 1, Err(&error), Duration::ZERO).is_empty());
        assert!(told("x", 0, Ok(true), Duration::ZERO).is_empty());
        let found = told("x", 3, Ok(false), Duration::from_millis(350));
        assert_eq!(
            found,
            ["x: another AF_XDP socket left queue 3 only after 350 ms"]
        );
    }
}
