//! AF_PACKET: a packet socket with a ring on each interface, for kernels and containers without
//! AF_XDP or BPF.
//!
//! It copies what passes by and takes nothing from the host.

pub mod filter;
mod options;
mod sockets;

pub use options::Options;
pub use sockets::Sockets;

use crate::capture::xdp::Clock;
use crate::capture::{
    CaptureMode, Captured, Frame, InterfaceCounts, Interrupted, Live, Polled, Source, StampSource,
};
use crate::doctor::link;
use crate::error::SetupError;
use bgptap_umem::packet::{self, Packet};
use std::time::{Duration, Instant};

/// The id in a VLAN tag's control information (IEEE 802.1Q §9.6).
const VLAN_ID: u16 = 0x0fff;
/// After so long the kernel shows a block that is not full; it may take twice as long, since it
/// looks at intervals of this length.
const RETIRE: Duration = Duration::from_millis(4);
/// What a ring shows now came before all that another one shows so much later.
const SETTLED: Duration = Duration::from_millis(16);
/// Frames of one round.
const ROUND: usize = 1024;
/// How often an idle capture looks whether its interfaces are still there.
const PRESENCE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end waits for what the kernel has counted, at most.
const LAST_WAIT: Duration = Duration::from_secs(1);

impl Frame for packet::Frame<'_> {
    fn mark_held(&mut self) {
        packet::Frame::mark_held(self);
    }

    fn is_wanted_back(&self) -> bool {
        packet::Frame::is_wanted_back(self)
    }
}

/// Frames of all interfaces, merged by the time of their arrival.
pub struct AfPacketSource<'s> {
    sockets: &'s Sockets,
    /// Frames taken, by interface.
    received: Vec<u64>,
    checked: Instant,
    stopped: Option<Instant>,
    /// An interface is gone, or waiting failed: there will be no more frames.
    ended: bool,
}

impl<'s> AfPacketSource<'s> {
    /// Reads from `sockets`.
    #[must_use]
    pub fn new(sockets: &'s Sockets) -> Self {
        Self {
            sockets,
            received: vec![0; sockets.names().len()],
            checked: Instant::now(),
            stopped: None,
            ended: false,
        }
    }

    /// Appends what there is, up to a round.
    fn take(&mut self, batch: &mut Vec<Captured<packet::Frame<'s>>>) -> bool {
        let before = batch.len();
        let (clock, now) = (Clock::now(self.sockets.timestamps(), None), Instant::now());
        for socket in self.sockets.all() {
            socket.ring().look(now);
        }
        while batch.len() - before < ROUND {
            let Some(number) = self.earliest(&clock, now) else {
                break;
            };
            let socket = self.sockets.all().get(number);
            let Some((frame, packet)) = socket.and_then(|socket| socket.ring().take()) else {
                break;
            };
            self.received[number] += 1;
            batch.push(Captured {
                stamp: clock.of_packet(&packet),
                link: self.sockets.link(number),
                wire_len: packet.wire_len,
                interface: u16::try_from(number).unwrap_or(u16::MAX),
                vlan: vlan(&packet),
                continues: false,
                frame,
            });
        }
        batch.len() > before
    }

    /// The interface whose next frame is the oldest there is, if no older one can come from another.
    fn earliest(&self, clock: &Clock, now: Instant) -> Option<usize> {
        let rings = self.sockets.all().iter().map(packet::Socket::ring);
        if rings.len() == 1 {
            return Some(0);
        }
        let mut oldest = None;
        let mut all_show = true;
        for (number, ring) in rings.enumerate() {
            let Some((packet, since)) = ring.head() else {
                all_show = false;
                continue;
            };
            let ns = clock.of_packet(&packet).ns;
            if oldest.is_none_or(|(least, _, _)| ns < least) {
                oldest = Some((ns, number, since));
            }
        }
        let (_, number, since) = oldest?;
        let settled = since.is_none_or(|since| now.duration_since(since) >= SETTLED);
        (all_show || settled || self.ended).then_some(number)
    }

    /// All is here that the kernel has counted.
    fn is_complete(&self) -> bool {
        let sockets = self.sockets.all().iter().zip(&self.received);
        let mut open = sockets.filter(|(socket, received)| {
            let counted = socket.statistics().unwrap_or_default();
            counted.packets - counted.drops > **received
        });
        open.next().is_none()
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), Interrupted> {
        packet::wait(self.sockets.all(), timeout).map_err(|error| {
            let why = format!("waiting for frames: {error}");
            self.interrupt(self.sockets.names().join(", "), why)
        })
    }

    fn interrupt(&mut self, source_name: String, why: String) -> Interrupted {
        self.ended = true;
        Interrupted { source_name, why }
    }
}

/// The tag that is not in the frame any more. A priority tag (id 0) names no VLAN.
fn vlan(packet: &Packet) -> Option<u16> {
    let id = packet.vlan_tci? & VLAN_ID;
    (id != 0).then_some(id)
}

impl<'s> Source for AfPacketSource<'s> {
    type Frame = packet::Frame<'s>;

    fn poll(
        &mut self,
        batch: &mut Vec<Captured<Self::Frame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted> {
        loop {
            if self.take(batch) {
                return Ok(Polled::Frames);
            }
            if self.ended {
                return Ok(Polled::End);
            }
            let Some(stopped) = self.stopped else { break };
            if self.is_complete() || stopped.elapsed() > LAST_WAIT {
                return Ok(Polled::Idle);
            }
            self.wait(RETIRE)?;
        }
        if wait.is_zero() {
            return Ok(Polled::Idle);
        }
        if self.checked.elapsed() > PRESENCE_INTERVAL {
            self.checked = Instant::now();
            let names = self.sockets.names();
            if let Some(name) = names.iter().find(|name| !link::exists(name)) {
                return Err(self.interrupt(name.clone(), "the interface is gone".into()));
            }
        }
        self.wait(wait)?;
        if self.take(batch) {
            return Ok(Polled::Frames);
        }
        Ok(Polled::Idle)
    }

    fn clock(&self) -> StampSource {
        StampSource::Kernel
    }

    fn wants_frames_back(&mut self) -> bool {
        let rings = self.sockets.all().iter().map(packet::Socket::ring);
        // Each says so once: all are asked.
        rings.fold(false, |pressed, ring| ring.take_pressed() | pressed)
    }

    fn interfaces(&self) -> &[String] {
        self.sockets.names()
    }
}

impl Live for AfPacketSource<'_> {
    fn modes(&self) -> Vec<CaptureMode> {
        self.sockets.modes()
    }

    fn warnings(&self) -> &[String] {
        &[]
    }

    fn stop(&mut self) -> Result<(), SetupError> {
        self.stopped = Some(Instant::now());
        self.sockets.stop()
    }

    fn counts(&self) -> Vec<InterfaceCounts> {
        let sockets = self.sockets.all().iter().zip(&self.received);
        sockets
            .map(|(socket, received)| {
                let counted = socket.statistics().unwrap_or_default();
                InterfaceCounts {
                    // What does not pass the filter is counted nowhere.
                    seen: counted.packets,
                    redirected: counted.packets,
                    received: *received,
                    drops: [("ring_full", counted.drops)].into(),
                    freezes: counted.freezes,
                    ..InterfaceCounts::default()
                }
            })
            .collect()
    }
}
