//! The steering programs of bgptap: XDP that sends BGP to AF_XDP sockets.
//!
//! [`Attached::load`] puts the program on an interface, [`Attached::insert_socket`]
//! adds the socket of each receive queue. From then on a packet from or to a port
//! of BGP arrives at the socket of its queue, with [`Meta`] in the [`META_LEN`]
//! bytes below it; everything else stays with the host, or is dropped. What
//! happened to how many packets is in [`Counters`].
//!
//! ```no_run
//! use bgptap_bpf::{Attached, Options};
//! # fn sockets() -> Vec<std::os::fd::OwnedFd> { Vec::new() }
//!
//! let attached = Attached::load("eth1", &Options::default())?;
//! for (queue, socket) in (0..).zip(sockets()) {
//!     attached.insert_socket(queue, std::os::fd::AsFd::as_fd(&socket))?;
//! }
//! println!("{:?}", attached.counters()?);
//! # Ok::<(), bgptap_bpf::Error>(())
//! ```

mod abi;
mod attach;
mod error;
mod ethtool;
mod load;
mod log;
mod offload;
mod program;
mod promiscuous;
mod query;
mod tap;

pub use abi::{Counters, META_LEN, Meta};
pub use attach::Attached;
pub use error::{Error, ErrorKind};
pub use ethtool::{Ethtool, Offloads, Switch};
pub use load::{Load, Template};
pub use offload::send_whole;
pub use program::{Baseline, Steering, Verdict};
pub use promiscuous::Promiscuous;
pub use query::{DriverXdp, XdpState, af_xdp, occupant, refuse_occupied, xdp_state};
pub use tap::{Direction, Tap, TapCounters, TapMode, has_tcx, tcx_programs};

/// What the steering program looks for, and how it is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// TCP ports of BGP; a packet is steered if its source or destination port is one.
    pub ports: Vec<u16>,
    /// Drop what is not steered, for interfaces that only a mirror port feeds.
    /// Otherwise the host gets it as if no program were there.
    pub drop_foreign: bool,
    /// Steer fragments of IP datagrams that may be BGP. Only the first fragment has the ports, so
    /// this means all later fragments of TCP and of the tunnels that are looked into, but UDP's.
    pub fragments: bool,
    /// Where in the receive path the program runs.
    pub mode: Mode,
    /// The only variant that may be tried; the best that works if there is none.
    pub program: Option<Program>,
    /// Do as an older kernel would: variants that are younger than this release fail.
    pub pretend: Option<Release>,
}

/// Major and minor number of a Linux release.
pub type Release = (u16, u16);

impl Default for Options {
    fn default() -> Self {
        Self {
            ports: vec![179],
            drop_foreign: false,
            fragments: true,
            mode: Mode::Auto,
            program: None,
            pretend: None,
        }
    }
}

/// Variants of the program, from the best to the one that runs on the oldest kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Asks the driver for the card's timestamp and stripped tags. Native mode, Linux 6.3.
    Kfuncs,
    /// Takes packets in several buffers, reads `CLOCK_TAI`. Linux 6.1.
    Plain,
    /// Packets in one buffer, `CLOCK_MONOTONIC`. Linux 5.15.
    Basic,
}

impl Program {
    /// The first release that runs it.
    #[must_use]
    pub fn since(self) -> Release {
        match self {
            Self::Kfuncs => (6, 3),
            Self::Plain => (6, 1),
            Self::Basic => (5, 15),
        }
    }
}

/// Where in the receive path the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Native if the driver can, otherwise SKB.
    #[default]
    Auto,
    /// In the driver, before the kernel allocates anything for the packet.
    Native,
    /// Generic: after the kernel has built an skb; slow, but works with every driver.
    Skb,
}
