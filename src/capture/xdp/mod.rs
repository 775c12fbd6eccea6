//! AF_XDP: the steering program on each interface and a socket on each of its queues.

mod clock;
mod counts;
mod options;
mod tap;
mod usage;

pub use bgptap_umem::xsk::ZeroCopy;
pub use clock::Timestamps;
pub use options::{Options, plan};
pub use tap::Taps;
pub use usage::Usage;

use crate::capture::{
    Backend, CaptureMode, Captured, Frame, InterfaceCounts, Interrupted, LinkType, Live, Polled,
    Source, StampSource, TapCounts, XdpMode,
};
use crate::doctor::link;
use crate::error::SetupError;
use bgptap_bpf::{Attached, ErrorKind, META_LEN, Meta, Program, Promiscuous};
use bgptap_umem::clock::MonotonicOffset;
use bgptap_umem::xsk::{self, FramePool, Socket};
pub(in crate::capture) use clock::Clock;
use std::time::{Duration, Instant};
use usage::Meter;

/// The id in a VLAN tag's control information (IEEE 802.1Q §9.6).
const VLAN_ID: u16 = 0x0fff;
/// How often an idle capture looks whether its interfaces are still there.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
/// Frames taken from one socket before the next one has its turn.
const PER_SOCKET: usize = 1024;

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
    /// Which interface each socket is on.
    owners: Vec<u16>,
    timestamps: Timestamps,
    /// Kept where a program has no other clock.
    monotonic: Option<MonotonicOffset>,
    warnings: Vec<String>,
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
            owners: Vec::new(),
            timestamps: options.timestamps,
            monotonic: None,
            warnings: options.warnings(pool),
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
            if let (0, Err(error)) = (queue, socket.busy_poll()) {
                self.warnings.push(format!(
                    "{name}: no busy polling ({error}), so interrupts serve: it needs Linux 5.11 and CAP_NET_ADMIN"
                ));
            }
            self.sockets.push(socket);
            self.owners.push(number);
        }
        let steering =
            Attached::load(device, &options.steering()).map_err(|error| bpf_error(name, error))?;
        for socket in &self.sockets[first..] {
            steering
                .insert_socket(socket.queue(), socket.fd())
                .map_err(|error| bpf_error(name, error))?;
        }
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

    /// Reads how full rings and pool are.
    fn sample(&mut self) {
        let elapsed = self.sampled.elapsed();
        self.sampled += elapsed;
        let (mut all, mut fullest) = (0, 0);
        for socket in &mut self.sockets {
            let pending = socket.pending();
            all += pending;
            fullest = fullest.max(pending);
        }
        self.waiting.sample(all, fullest, elapsed);
        let held = self.pool.gauges().held;
        self.held.sample(held, held, elapsed);
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
            let multi_buffer = all(Socket::is_multi_buffer);
            let mut fallbacks = interface.steering.failures().to_vec();
            if !multi_buffer {
                fallbacks
                    .push("frames in several buffers: the kernel has no XDP_USE_SG for it".into());
            }
            CaptureMode {
                interface: name.clone(),
                backend: Backend::Xdp(XdpMode {
                    tap: self.taps.as_ref().map(Taps::mode),
                    native: interface.steering.native(),
                    kfuncs: interface.steering.kfuncs(),
                    program: name_of(interface.steering.program()),
                    zero_copy: all(Socket::is_zero_copy),
                    multi_buffer,
                    busy_poll: all(|socket| matches!(socket.busy_poll(), Ok(true))),
                    queues: self.sockets_of(number).count(),
                }),
                fallbacks,
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

impl<'p> Source for XdpSource<'p> {
    type Frame = xsk::Frame<'p>;

    fn poll(
        &mut self,
        batch: &mut Vec<Captured<Self::Frame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted> {
        for socket in &mut self.sockets {
            socket.refill();
        }
        self.sample();
        let before = batch.len();
        let monotonic_ns = self.monotonic.as_mut().map(MonotonicOffset::read_ns);
        let clock = Clock::now(self.timestamps, monotonic_ns);
        for (socket, owner) in self.sockets.iter_mut().zip(&self.owners) {
            socket.receive(PER_SOCKET, |frame, continues| {
                batch.push(captured(frame, continues, *owner, &clock));
            });
        }
        let left = self.sockets.iter_mut().map(Socket::pending).sum();
        self.waiting.set(left);
        if batch.len() > before {
            merge(&mut batch[before..]);
            return Ok(Polled::Frames);
        }
        if self.ended {
            return Ok(Polled::End);
        }
        if let Err(error) = xsk::wait(&self.sockets, wait) {
            return Err(self.interrupt(
                self.names.join(", "),
                format!("waiting for frames: {error}"),
            ));
        }
        if self.checked.elapsed() > PRESENCE_INTERVAL {
            self.checked = Instant::now();
            // The kernel does not tell the socket of an interface that has been deleted.
            let mut names = self.names.iter().map(String::as_str);
            let gone = names.find(|name| !link::exists(name));
            if let Some(name) = gone.or_else(|| self.taps.as_ref().and_then(Taps::missing)) {
                let name = name.to_owned();
                return Err(self.interrupt(name, "the interface is gone".into()));
            }
        }
        Ok(Polled::Idle)
    }

    fn clock(&self) -> StampSource {
        StampSource::Xdp
    }

    fn interfaces(&self) -> &[String] {
        &self.names
    }
}

/// Into the order of arrival; one ring is in order already. The further parts of a frame have no
/// metadata: they take the time of its first part, and a stable sort keeps them behind it.
fn merge<F>(captured: &mut [Captured<F>]) {
    for i in 1..captured.len() {
        if captured[i - 1].continues {
            captured[i].stamp = captured[i - 1].stamp;
        }
    }
    if !captured.is_sorted_by_key(|captured| captured.stamp.ns) {
        captured.sort_by_key(|captured| captured.stamp.ns);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Stamp;

    #[test]
    fn merging_keeps_the_parts_of_a_frame_together() {
        let part = |ns, id: u8, continues| Captured {
            frame: id,
            stamp: Stamp {
                ns,
                source: StampSource::Xdp,
            },
            link: LinkType::Ethernet,
            wire_len: 0,
            interface: 0,
            vlan: None,
            continues,
        };
        let mut batch = [
            part(5, 1, true),
            part(9, 2, false),
            part(8, 3, false),
            part(1, 4, false),
            part(7, 5, false),
        ];
        merge(&mut batch);
        let order: Vec<u8> = batch.iter().map(|captured| captured.frame).collect();
        assert_eq!(order, [4, 1, 2, 5, 3]);
    }
}
