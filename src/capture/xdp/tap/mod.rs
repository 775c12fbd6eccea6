//! The tap: the host's own BGP, copied into a private veth pair and captured there.
//!
//! ```text
//!          host's namespace                     private namespace
//!  eth0 ══ tc programs ──copies──► bgptap0 ═══ mirror0 ──XDP──► socket
//! ```
//!
//! The private namespace is held by this process alone. However it ends, the kernel removes the
//! namespace, `mirror0` in it, and with that `bgptap0`.

mod netlink;
mod netns;
mod pair;

use super::{Options, bpf_error};
use crate::capture::{Copies, TapCounts};
use crate::doctor::link;
use crate::error::SetupError;
use bgptap_bpf::{Direction, Release, Steering, Tap, TapMode, has_tcx};
use netns::Netns;
use nix::net::if_::if_nametoindex;
use pair::Pair;
use std::time::{Duration, Instant};

/// How long the kernel may take to remove the pair of a process that was killed.
const GONE_WAIT: Duration = Duration::from_secs(3);
/// Copies are in the rings sooner than that; softirqs may be late on a busy machine.
const SETTLE: Duration = Duration::from_millis(50);

/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
const ETHERNET: u32 = 1;
const LOOPBACK: u32 = 772;

/// The taps of one capture.
#[derive(Debug)]
pub struct Taps {
    mode: TapMode,
    // Before the namespace: programs off first, then the pairs.
    taps: Vec<Tapped>,
    netns: Netns,
    warnings: Vec<String>,
}

/// A tapped interface.
#[derive(Debug)]
struct Tapped {
    interface: String,
    directions: &'static [Direction],
    programs: Option<Tap>,
    pair: Pair,
}

impl Taps {
    /// Makes a pair for each interface of `options`. Nothing is copied before `attach`.
    ///
    /// # Errors
    /// An interface cannot be tapped, or the process lacks CAP_SYS_ADMIN or CAP_NET_ADMIN.
    pub fn prepare(options: &Options, mode: TapMode) -> Result<Self, SetupError> {
        let interfaces = options.interfaces.as_slice();
        let mtu = if Steering::takes_several_buffers(&options.steering()) {
            pair::MTU
        } else {
            pair::MTU_ONE_BUFFER
        };
        let whole = mtu == pair::MTU && options.expects_multi_buffer();
        let longer = interfaces.iter().filter(|_| !whole);
        let mut warnings: Vec<String> = longer.filter_map(|name| too_long(name)).collect();
        for interface in interfaces {
            warnings.extend(clear_leftovers(interface, mode)?);
        }
        let netns = Netns::private().map_err(|error| {
            let why = format!("a network namespace for the copies: {error}");
            failed(
                interfaces,
                "tapping",
                why,
                "run as root, or grant CAP_SYS_ADMIN",
            )
        })?;
        let mut taps = Vec::new();
        for (number, interface) in interfaces.iter().enumerate() {
            let directions = directions(interface)?;
            let pair = Pair::new(&netns, number, interface, note(mode), mtu).map_err(|error| {
                let why = format!("a veth pair for the copies: {error}");
                let remedy = "modprobe veth, and run as root or grant CAP_NET_ADMIN";
                failed(&[interface], "tapping", why, remedy)
            })?;
            taps.push(Tapped {
                interface: interface.clone(),
                directions,
                programs: None,
                pair,
            });
        }
        Ok(Self {
            mode,
            taps,
            netns,
            warnings,
        })
    }

    /// Runs `work` where the captured ends are. Sockets, and the memory that they share, must be
    /// made there.
    ///
    /// # Errors
    /// The kernel does not let the thread in or out.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> Result<T, SetupError> {
        self.netns.within(work).map_err(|error| SetupError::Other {
            what: "entering the tap's network namespace".into(),
            why: error.to_string(),
            remedy: "run as root, or grant CAP_SYS_ADMIN".into(),
        })
    }

    /// Attaches the programs: copies arrive from now on.
    pub(super) fn attach(&mut self, options: &bgptap_bpf::Options) -> Result<(), SetupError> {
        for tap in &mut self.taps {
            let name = &tap.interface;
            let programs = Tap::attach(name, tap.pair.index, tap.directions, self.mode, options);
            tap.programs = Some(programs.map_err(|error| bpf_error(name, error))?);
        }
        Ok(())
    }

    /// Takes the programs off; what was copied is in the rings of the captured ends then.
    pub(super) fn detach(&mut self) -> Result<(), SetupError> {
        for tap in &mut self.taps {
            tap.detach()?;
        }
        std::thread::sleep(SETTLE);
        Ok(())
    }

    /// The captured end for each interface.
    pub(super) fn devices(&self) -> impl Iterator<Item = &str> {
        self.taps.iter().map(|tap| tap.pair.device.as_str())
    }

    /// A sending end that somebody has deleted.
    pub(super) fn missing(&self) -> Option<&str> {
        let names = self.taps.iter().map(|tap| tap.pair.name.as_str());
        names.into_iter().find(|name| !link::exists(name))
    }

    /// How the programs are attached: `tcx` or `clsact`.
    pub(super) fn mode(&self) -> &'static str {
        note(self.mode)
    }

    /// What was found when the taps were set up.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What each tap did, in the order of the interfaces.
    pub fn counts(&self) -> impl Iterator<Item = TapCounts> + '_ {
        self.taps.iter().map(Tapped::counts)
    }
}

impl Tapped {
    fn detach(&mut self) -> Result<(), SetupError> {
        let Some(programs) = &mut self.programs else {
            return Ok(());
        };
        // Where the interface is gone its filters are, too.
        if !link::exists(&self.interface) {
            return Ok(());
        }
        let detached = programs.detach();
        detached.map_err(|error| bpf_error(&self.interface, error))?;
        if programs.added_qdisc()
            && let Ok(index) = if_nametoindex(self.interface.as_str())
        {
            // If it stays, it is empty and does nothing.
            let _ = netlink::delete_empty_clsact(index);
        }
        Ok(())
    }

    fn counts(&self) -> TapCounts {
        let copies = |direction| {
            let counted = self.programs.as_ref().map(|tap| tap.counters(direction));
            let counted = counted.and_then(Result::ok).unwrap_or_default();
            Copies {
                seen: counted.seen,
                copied: counted.copied,
                failed: counted.failed,
            }
        };
        TapCounts {
            interface: self.interface.clone(),
            ingress: copies(Direction::Ingress),
            egress: copies(Direction::Egress),
            dropped: self.pair.dropped(),
        }
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        let _ = self.detach();
    }
}

fn note(mode: TapMode) -> &'static str {
    match mode {
        TapMode::Tcx => "tcx",
        TapMode::Clsact => "clsact",
    }
}

/// How the programs are best attached: by links, unless the kernel (or that of the release that it is
/// to be) has no tcx.
#[must_use]
pub fn best_mode(interfaces: &[String], pretend: Option<Release>) -> TapMode {
    if interfaces.iter().all(|name| has_tcx(name, pretend)) {
        TapMode::Tcx
    } else {
        TapMode::Clsact
    }
}

/// What to say of an interface whose frames may be too long for a capture in single buffers.
fn too_long(interface: &str) -> Option<String> {
    let longest = pair::MTU_ONE_BUFFER;
    let mtu = link::mtu(interface).filter(|mtu| *mtu > longest)?;
    Some(format!(
        "{interface}: its MTU is {mtu}, and this kernel captures copies of up to {longest} bytes: longer ones \
         are lost and counted (ip link set dev {interface} mtu {longest}; or --backend af-packet without --tap, \
         which takes them whole)"
    ))
}

/// Where packets are copied. What goes out of the loopback device comes in by it: once is enough.
fn directions(interface: &str) -> Result<&'static [Direction], SetupError> {
    match link::hardware_type(interface) {
        Some(ETHERNET) => Ok(&Direction::BOTH),
        Some(LOOPBACK) => Ok(&[Direction::Ingress]),
        _ => Err(failed(
            &[interface],
            "tapping",
            "its packets have no Ethernet header, without which they cannot be copied".into(),
            "tap the Ethernet interface that they come by: bgptap looks into most tunnels",
        )),
    }
}

/// Removes filters that a killed process has left, unless a living one has them; a word about it.
fn clear_leftovers(interface: &str, mode: TapMode) -> Result<Option<String>, SetupError> {
    let clsact = note(TapMode::Clsact);
    let started = Instant::now();
    while pair::exists(interface, clsact) {
        // Of a process that was just killed it goes soon.
        if started.elapsed() > GONE_WAIT {
            if mode != TapMode::Clsact {
                return Ok(None);
            }
            let why = "another bgptap taps it by clsact".into();
            let remedy = "end that one, or use --tap-mode tcx, which lets several tap";
            return Err(failed(&[interface], "tapping", why, remedy));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // Without such an interface nothing is left on it; attaching tells better.
    let Ok(index) = if_nametoindex(interface) else {
        return Ok(None);
    };
    let mut found = 0;
    for direction in Direction::BOTH {
        let deleted = netlink::delete_filters(index, direction);
        found += deleted.map_err(|error| not_looked(interface, &error))?;
    }
    if found == 0 {
        return Ok(None);
    }
    let _ = netlink::delete_empty_clsact(index);
    Ok(Some(format!(
        "{interface}: removed the filters of a bgptap that was killed"
    )))
}

fn not_looked(interface: &str, error: &std::io::Error) -> SetupError {
    let why = format!("the filters that are on it: {error}");
    let remedy =
        "look at them with tc filter show dev IFACE ingress (and egress), and report this as a bug";
    failed(&[interface], "tapping", why, remedy)
}

fn failed(
    interfaces: &[impl AsRef<str>],
    what: &'static str,
    why: String,
    remedy: &str,
) -> SetupError {
    let names: Vec<&str> = interfaces.iter().map(AsRef::as_ref).collect();
    SetupError::Interface {
        interface: names.join(", "),
        what,
        why,
        remedy: remedy.into(),
    }
}
