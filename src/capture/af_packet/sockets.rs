//! The sockets of all interfaces, opened.

use super::filter::{self, First};
use super::{Options, RETIRE};
use crate::capture::xdp::Timestamps;
use crate::capture::{AfPacketMode, Backend, CaptureMode, LinkType};
use crate::doctor::link;
use crate::error::SetupError;
use bgptap_bpf::Promiscuous;
use bgptap_umem::packet::{self, PacketError, RingSize, Socket};

/// `ARPHRD_…` of linux/if_arp.h.
const ETHER: u32 = 1;
const LOOPBACK: u32 = 772;
const RAW_IP: u32 = 519;
const NONE: u32 = 0xfffe;

/// A packet socket on each interface. It outlives the frames, which are views of its rings.
pub struct Sockets {
    names: Vec<String>,
    sockets: Vec<Socket>,
    links: Vec<Link>,
    ring: RingSize,
    timestamps: Timestamps,
    // Held for as long as the capture runs.
    _promiscuous: Vec<Promiscuous>,
}

/// What kind of interface it is.
#[derive(Clone, Copy)]
struct Link {
    first: First,
    loopback: bool,
}

impl Sockets {
    /// Opens them; from then on frames arrive.
    ///
    /// # Errors
    /// The first step that failed, on which interface, why, and what to do about it.
    pub fn open(options: &Options) -> Result<Self, SetupError> {
        let mut opened = Self {
            names: options.interfaces.clone(),
            sockets: Vec::new(),
            links: Vec::new(),
            ring: options.ring(),
            timestamps: options.timestamps,
            _promiscuous: Vec::new(),
        };
        for name in &options.interfaces {
            opened.add(name, options)?;
        }
        Ok(opened)
    }

    fn add(&mut self, name: &str, options: &Options) -> Result<(), SetupError> {
        let kind = Link::of(name)?;
        let filter = filter::program(kind.first, &options.ports, options.fragments);
        let socket = Socket::open(
            name,
            &packet::Options {
                ring: self.ring,
                retire: RETIRE,
                filter: &filter,
                // There each frame is sent and received: once is enough.
                incoming_only: kind.loopback,
                hardware_time: options.timestamps == Timestamps::Hardware,
            },
        );
        self.sockets
            .push(socket.map_err(|error| refused(name, &error))?);
        self.links.push(kind);
        let promiscuous = Promiscuous::enter(name).map_err(|error| SetupError::Interface {
            interface: name.to_owned(),
            what: "setting promiscuous mode",
            why: error.to_string(),
            remedy: "run as root, or grant CAP_NET_RAW".into(),
        })?;
        self._promiscuous.push(promiscuous);
        Ok(())
    }

    /// Their interfaces.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn all(&self) -> &[Socket] {
        &self.sockets
    }

    pub(super) fn timestamps(&self) -> Timestamps {
        self.timestamps
    }

    pub(super) fn link(&self, number: usize) -> LinkType {
        match self.links.get(number).map(|link| link.first) {
            Some(First::Ip) => LinkType::RawIp,
            _ => LinkType::Ethernet,
        }
    }

    pub(super) fn modes(&self) -> Vec<CaptureMode> {
        let RingSize { block_size, blocks } = self.ring;
        let modes = self.names.iter().zip(&self.links);
        modes
            .map(|(name, link)| CaptureMode {
                interface: name.clone(),
                backend: Backend::AfPacket(AfPacketMode {
                    ring_bytes: u64::from(block_size) * u64::from(blocks),
                    blocks,
                    outgoing: !link.loopback,
                }),
                fallbacks: Vec::new(),
            })
            .collect()
    }

    /// Blocks in all, and those that are not with the kernel.
    #[must_use]
    pub fn blocks(&self) -> (usize, usize) {
        let rings = self.sockets.iter().map(Socket::ring);
        rings.fold((0, 0), |(all, ours), ring| {
            (all + ring.blocks(), ours + ring.ours())
        })
    }

    pub(super) fn stop(&self) -> Result<(), SetupError> {
        for (socket, name) in self.sockets.iter().zip(&self.names) {
            socket.stop().map_err(|error| SetupError::Interface {
                interface: name.clone(),
                what: "stopping the packet socket",
                why: error.to_string(),
                remedy: "`ip link show` lists the interfaces".into(),
            })?;
        }
        Ok(())
    }
}

impl Link {
    fn of(interface: &str) -> Result<Self, SetupError> {
        let hardware = link::hardware_type(interface);
        let first = match hardware {
            Some(ETHER | LOOPBACK) => First::Ethernet,
            Some(RAW_IP | NONE) => First::Ip,
            other => {
                return Err(SetupError::Interface {
                    interface: interface.to_owned(),
                    what: "capturing",
                    why: format!(
                        "its frames begin with neither Ethernet nor IP (ARPHRD {other:?})"
                    ),
                    remedy: "capture at the interface below it".into(),
                });
            }
        };
        Ok(Self {
            first,
            loopback: hardware == Some(LOOPBACK),
        })
    }
}

fn refused(interface: &str, error: &PacketError) -> SetupError {
    let remedy = match error.cause.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => "run as root, or give the binary CAP_NET_RAW",
        Some(libc::ENOMEM) => "use a smaller ring: --ring",
        Some(libc::EAFNOSUPPORT) => "the kernel has no packet sockets: it needs CONFIG_PACKET",
        Some(libc::ENODEV | libc::ENXIO) => "name an interface that exists: ip link show",
        _ => "see the kernel's log: dmesg",
    };
    SetupError::Interface {
        interface: interface.to_owned(),
        what: "capturing by AF_PACKET",
        why: error.to_string(),
        remedy: remedy.into(),
    }
}
