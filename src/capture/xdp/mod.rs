//! AF_XDP: the steering program on each interface and a socket on each of its queues.

mod clock;
mod counts;
mod lanes;
mod options;
mod tap;
mod usage;

pub use bgptap_umem::xsk::ZeroCopy;
pub use clock::Timestamps;
pub use options::{Options, plan};
pub use tap::{Taps, best_mode};
pub use usage::Usage;

use crate::capture::{
    Backend, CaptureMode, Captured, Frame, InterfaceCounts, Interrupted, LinkType, Live, Polled,
    Source, StampSource, TapCounts, XdpMode,
};
use crate::doctor::link;
use crate::error::SetupError;
use bgptap_bpf::{Attached, ErrorKind, META_LEN, Meta, Program, Promiscuous};
use bgptap_umem::clock::MonotonicOffset;
use bgptap_umem::xsk::{self, FramePool, Socket, Waiter};
pub(in crate::capture) use clock::Clock;
use lanes::Lanes;
use std::time::{Duration, Instant};
use usage::Meter;

/// The id in a VLAN tag's control information (IEEE 802.1Q §9.6).
const VLAN_ID: u16 = 0x0fff;
/// How often an idle capture looks whether its interfaces are still there.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
/// While frames wait for older ones, rings are looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_micros(250);

impl Frame for xsk::Frame<'_> {
    fn mark_held(&mut self) {
        xsk::Frame::mark_held(self);
    }
}

/// One interface with its program.
struct Interface {
    steering: Attached,
    // Held for as long as the capture runs.
    _promiscuous: Promiscuous,
}

/// Frames of all queues of all interfaces, merged by the time of their arrival.
pub struct XdpSource<'p> {
    names: Vec<String>,
    // Before the sockets: the programs must be off before the sockets close.
    interfaces: Vec<Interface>,
    sockets: Vec<Socket<'p>>,
    /// What was taken from them.
    lanes: Lanes<xsk::Frame<'p>>,
    waiter: Waiter,
    /// Which interface each socket is on.
    owners: Vec<u16>,
    timestamps: Timestamps,
    /// Kept where a program has no other clock.
    monotonic: Option<MonotonicOffset>,
    warnings: Vec<String>,
    /// Modes that the sockets were not given, with the reasons.
    refused: Vec<String>,
    /// Where the interfaces are tapped rather than captured.
    taps: Option<Taps>,
    checked: Instant,
    pool: &'p FramePool,
    ring: u32,
    waiting: Meter,
    held: Meter,
    sampled: Instant,
    /// Since when the meters run, and how many frames had come by then.
    metered: (Instant, u64),
    /// An interface is gone, or waiting failed: there will be no more frames.
    ended: bool,
}

impl<'p> XdpSource<'p> {
    /// Opens the sockets, attaches the programs and starts to steer. With `taps`, made for the
    /// same interfaces, their copies are captured; `pool` must come from [`Taps::within`] then.
    ///
    /// # Errors
    /// The first step that failed, on which interface, why, and what to do about it.
    pub fn open(
        pool: &'p FramePool,
        options: &Options,
        taps: Option<Taps>,
    ) -> Result<Self, SetupError> {
        let mut source = Self {
            names: options.interfaces.clone(),
            interfaces: Vec::new(),
            sockets: Vec::new(),
            lanes: Lanes::new(),
            waiter: Waiter::default(),
            owners: Vec::new(),
            timestamps: options.timestamps,
            monotonic: None,
            warnings: options.warnings(pool),
            refused: options.not_asked(),
            taps: None,
            checked: Instant::now(),
            pool,
            ring: options.ring,
            waiting: Meter::default(),
            held: Meter::default(),
            sampled: Instant::now(),
            metered: (Instant::now(), 0),
            ended: false,
        };
        let interfaces = (0u16..).zip(&options.interfaces);
        if let Some(mut taps) = taps {
            source.warnings.extend_from_slice(taps.warnings());
            taps.within(|| {
                let mut tapped = interfaces.zip(taps.devices());
                tapped.try_for_each(|((number, name), device)| {
                    source.add(pool, options, number, name, (device, options::TAP_QUEUES))
                })
            })??;
            // Last: copies find everything in place.
            taps.attach(&options.steering())?;
            source.taps = Some(taps);
        } else {
            for (number, name) in interfaces {
                let queues = link::queue_count(name);
                source.add(pool, options, number, name, (name, queues))?;
            }
        }
        Ok(source)
    }

    /// Captures `device`, which has so many queues, for the interface `name`.
    fn add(
        &mut self,
        pool: &'p FramePool,
        options: &Options,
        number: u16,
        name: &str,
        (device, queues): (&str, u32),
    ) -> Result<(), SetupError> {
        let promiscuous = Promiscuous::enter(device).map_err(|error| SetupError::Interface {
            interface: name.to_owned(),
            what: "setting promiscuous mode",
            why: error.to_string(),
            remedy: "run as root, or grant CAP_NET_RAW".into(),
        })?;
        let first = self.sockets.len();
        for queue in 0..queues {
            let socket = Socket::open(pool, device, queue, &options.socket())
                .map_err(|error| xsk_error(name, &error))?;
            let refused = socket.refused().iter();
            self.refused.extend(refused.map(ToString::to_string));
            self.warnings.extend(options::warnings_of(name, &socket));
            self.sockets.push(socket);
            self.lanes.add();
            self.owners.push(number);
        }
        let steering =
            Attached::load(device, &options.steering()).map_err(|error| bpf_error(name, error))?;
        for socket in &self.sockets[first..] {
            steering
                .insert_socket(socket.queue(), socket.fd())
                .map_err(|error| bpf_error(name, error))?;
        }
        let multi_buffer = self.sockets[first..].iter().all(Socket::is_multi_buffer);
        self.warnings
            .extend(options.shortcomings(name, &steering, multi_buffer));
        if steering.program() == Program::Basic {
            self.monotonic = Some(MonotonicOffset::default());
        }
        self.interfaces.push(Interface {
            steering,
            _promiscuous: promiscuous,
        });
        Ok(())
    }

    fn sockets_of(&self, interface: u16) -> impl Iterator<Item = &Socket<'p>> {
        let owned = self.sockets.iter().zip(&self.owners);
        owned
            .filter(move |(_, owner)| **owner == interface)
            .map(|(socket, _)| socket)
    }

    fn interrupt(&mut self, source_name: String, why: String) -> Interrupted {
        self.ended = true;
        Interrupted { source_name, why }
    }

    /// Frames waiting in the RX rings.
    pub fn pending(&mut self) -> u64 {
        self.sockets
            .iter_mut()
            .map(|socket| u64::from(socket.pending()))
            .sum()
    }

    /// Reads how full rings and pool are; how many frames wait in the rings.
    fn sample(&mut self, now: Instant) -> u32 {
        let elapsed = now.saturating_duration_since(self.sampled);
        self.sampled = now;
        let (mut all, mut fullest) = (0, 0);
        for socket in &mut self.sockets {
            let pending = socket.pending();
            all += pending;
            fullest = fullest.max(pending);
        }
        self.waiting.sample(all, fullest, elapsed);
        let held = self.pool.gauges().held;
        self.held.sample(held, held, elapsed);
        all
    }

    /// What was in use since the last call: in the RX rings, and held out of order of at most
    /// `held_max` frames.
    pub fn usage(&mut self, held_max: u32) -> [Usage; 2] {
        let received = self.sockets.iter().map(Socket::received).sum();
        let (since, before) = std::mem::replace(&mut self.metered, (Instant::now(), received));
        let (window, frames) = (since.elapsed(), received - before);
        let rings = Usage {
            capacity: self.ring,
            pools: u32::try_from(self.sockets.len()).unwrap_or(u32::MAX),
            ..self.waiting.take(window, frames)
        };
        let held = Usage {
            capacity: held_max,
            pools: 1,
            ..self.held.take(window, frames)
        };
        [rings, held]
    }

    /// What each tap copied; nothing without taps.
    pub fn tap_counts(&self) -> impl Iterator<Item = TapCounts> + '_ {
        self.taps.iter().flat_map(Taps::counts)
    }
}

impl<'p> Live for XdpSource<'p> {
    fn modes(&self) -> Vec<CaptureMode> {
        let interfaces = self.interfaces.iter().zip(&self.names).zip(0u16..);
        let mode = |((interface, name), number): ((&Interface, &String), u16)| {
            let all = |is: fn(&Socket<'p>) -> bool| self.sockets_of(number).all(is);
            let failures = interface.steering.failures().iter();
            CaptureMode {
                interface: name.clone(),
                backend: Backend::Xdp(XdpMode {
                    tap: self.taps.as_ref().map(Taps::mode),
                    native: interface.steering.native(),
                    kfuncs: interface.steering.kfuncs(),
                    program: name_of(interface.steering.program()),
                    // Known only if it is known of all.
                    zero_copy: self
                        .sockets_of(number)
                        .map(Socket::is_zero_copy)
                        .try_fold(true, |all, one| Some(all && one?)),
                    multi_buffer: all(Socket::is_multi_buffer),
                    need_wakeup: all(Socket::is_need_wakeup),
                    busy_poll: all(|socket| matches!(socket.busy_poll(), Ok(true))),
                    queues: self.sockets_of(number).count(),
                }),
                fallbacks: failures.chain(&self.refused).cloned().collect(),
            }
        };
        interfaces.map(mode).collect()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Takes the programs off: what was steered until then is still in the rings.
    fn stop(&mut self) -> Result<(), SetupError> {
        if let Some(taps) = &mut self.taps {
            taps.detach()?;
        }
        for (interface, name) in self.interfaces.iter().zip(&self.names) {
            let detached = interface.steering.detach();
            detached.map_err(|error| bpf_error(name, error))?;
        }
        Ok(())
    }

    fn counts(&self) -> Vec<InterfaceCounts> {
        let interfaces = self.interfaces.iter().zip(0u16..);
        interfaces
            .map(|(interface, number)| {
                InterfaceCounts::gather(&interface.steering, self.sockets_of(number))
            })
            .collect()
    }
}

fn captured<'p>(
    mut frame: xsk::Frame<'p>,
    continues: bool,
    interface: u16,
    clock: &Clock,
) -> Captured<xsk::Frame<'p>> {
    let below = frame.take_metadata::<META_LEN>();
    let meta = below.and_then(|bytes| Meta::parse(&bytes));
    let wire_len = u32::try_from(frame.as_ref().len()).unwrap_or(u32::MAX);
    Captured {
        frame,
        stamp: clock.stamp(meta.as_ref()),
        link: LinkType::Ethernet,
        wire_len,
        interface,
        vlan: meta.and_then(|meta| meta.vlan).map(|tci| tci & VLAN_ID),
        continues,
    }
}

impl<'p> XdpSource<'p> {
    /// One round: all rings are looked at, and what is next in order is appended.
    fn take(&mut self, batch: &mut Vec<Captured<xsk::Frame<'p>>>) -> bool {
        // Before anything is taken: an empty fill ring loses frames.
        for socket in &mut self.sockets {
            socket.refill();
            socket.wake();
        }
        let now = Instant::now();
        if self.sample(now) == 0 && self.lanes.is_empty() {
            // Two looks of three find nothing, and clocks are read for frames only.
            return false;
        }
        let monotonic_ns = self.monotonic.as_mut().map(MonotonicOffset::read_ns);
        let clock = Clock::now(self.timestamps, monotonic_ns);
        self.lanes.look(now);
        for (number, (socket, owner)) in self.sockets.iter_mut().zip(&self.owners).enumerate() {
            self.lanes.fill(number, |most, put| {
                socket.receive(most, |frame, continues| {
                    put(captured(frame, continues, *owner, &clock));
                })
            });
        }
        let left = self.sockets.iter_mut().map(Socket::pending).sum();
        self.waiting.set(left);
        let before = batch.len();
        self.lanes.release(batch, self.ended);
        batch.len() > before
    }

    /// Looks whether the interfaces are still there: the kernel does not tell the socket of one that
    /// has been deleted.
    fn check_presence(&mut self) -> Result<(), Interrupted> {
        if self.checked.elapsed() <= PRESENCE_INTERVAL {
            return Ok(());
        }
        self.checked = Instant::now();
        let mut names = self.names.iter().map(String::as_str);
        let gone = names.find(|name| !link::exists(name));
        match gone.or_else(|| self.taps.as_ref().and_then(Taps::missing)) {
            Some(name) => {
                let name = name.to_owned();
                Err(self.interrupt(name, "the interface is gone".into()))
            }
            None => Ok(()),
        }
    }
}

impl<'p> Source for XdpSource<'p> {
    type Frame = xsk::Frame<'p>;

    fn poll(
        &mut self,
        batch: &mut Vec<Captured<Self::Frame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted> {
        let mut waited = wait.is_zero();
        while !self.take(batch) {
            if !self.lanes.is_empty() {
                // Not until the next frame comes: the rings are made for that, and one by one they cost more.
                let settling = self.lanes.settles_in(Instant::now());
                std::thread::sleep(settling.min(LOOK_INTERVAL));
                continue;
            }
            if self.ended {
                return Ok(Polled::End);
            }
            if waited {
                return Ok(Polled::Idle);
            }
            waited = true;
            self.check_presence()?;
            if let Err(error) = self.waiter.wait(&self.sockets, wait) {
                return Err(self.interrupt(
                    self.names.join(", "),
                    format!("waiting for frames: {error}"),
                ));
            }
        }
        Ok(Polled::Frames)
    }

    fn clock(&self) -> StampSource {
        StampSource::Xdp
    }

    fn interfaces(&self) -> &[String] {
        &self.names
    }
}

fn name_of(program: Program) -> &'static str {
    match program {
        Program::Kfuncs => "kfuncs",
        Program::Plain => "plain",
        Program::Basic => "basic",
    }
}

/// What serves where AF_XDP does not.
pub(crate) const WITHOUT: &str =
    "or capture with --backend af-packet, which needs neither AF_XDP nor BPF";

fn bpf_error(interface: &str, error: bgptap_bpf::Error) -> SetupError {
    let remedy = match error.kind {
        ErrorKind::NoPrivilege | ErrorKind::Kernel => format!("{}; {WITHOUT}", error.remedy),
        ErrorKind::NoSuchInterface | ErrorKind::Occupied => error.remedy,
    };
    SetupError::Interface {
        interface: interface.to_owned(),
        what: error.step,
        why: error.why,
        remedy,
    }
}

fn xsk_error(interface: &str, error: &xsk::XskError) -> SetupError {
    SetupError::Interface {
        interface: interface.to_owned(),
        what: "opening AF_XDP sockets",
        why: error.to_string(),
        remedy: format!("{}; {WITHOUT}", error.remedy()),
    }
}
