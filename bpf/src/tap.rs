//! Programs that copy the host's own BGP into another interface, by tcx or clsact.

mod header {
    //! What `build.rs` read in `tap.h`.
    #![allow(dead_code)]
    include!(concat!(env!("OUT_DIR"), "/tap.rs"));
}

use aya::maps::PerCpuArray;
use aya::programs::links::LinkOrder;
use aya::programs::tc::{NlOptions, TcAttachOptions, TcError, qdisc_add_clsact};
use aya::programs::{ProgramError, ProgramInfo, SchedClassifier, TcAttachType};
use aya::util::KernelVersion;
use aya::{Ebpf, EbpfLoader};

use crate::query::ifindex;
use crate::{Error, ErrorKind, Options, Release, abi};

const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tap.bpf.o"));

const ATTACH: &str = "attach the tap's programs";

/// How the programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TapMode {
    /// By links that end with the process, before all other tcx programs (Linux 6.6).
    #[default]
    Tcx,
    /// As filters of a clsact qdisc, which stay when the process is killed.
    Clsact,
}

/// The ways of a packet through an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To this host.
    Ingress,
    /// From this host.
    Egress,
}

impl TapMode {
    /// The first release that has it. Some distributions have brought tcx to older ones.
    #[must_use]
    pub fn since(self) -> Release {
        match self {
            Self::Tcx => (6, 6),
            Self::Clsact => (4, 5),
        }
    }
}

impl Direction {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The function in `tap.bpf.c`, which is the name of the filter too.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Ingress => "bgptap_ingress",
            Self::Egress => "bgptap_egress",
        }
    }

    fn attach_type(self) -> TcAttachType {
        match self {
            Self::Ingress => TcAttachType::Ingress,
            Self::Egress => TcAttachType::Egress,
        }
    }

    fn row(self) -> u32 {
        match self {
            Self::Ingress => header::TAP_INGRESS,
            Self::Egress => header::TAP_EGRESS,
        }
    }
}

/// What became of the packets of one direction, over all CPUs.
///
/// A packet is counted as the host's stack has it: up to 64 KiB, of which the card makes segments
/// (or has made it), so these are not the frames on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapCounters {
    /// All packets.
    pub seen: u64,
    /// BGP, copied.
    pub copied: u64,
    /// BGP, but the kernel could not copy it (no memory, or a full queue).
    pub failed: u64,
}

/// The programs at work on an interface, which goes on as if they were not there.
///
/// Dropping it detaches them. With [`TapMode::Tcx`] the kernel does the same when the process ends
/// in whatever way, SIGKILL included.
#[derive(Debug)]
pub struct Tap {
    ebpf: Ebpf,
    added_qdisc: bool,
}

impl Tap {
    /// Copies what is BGP by `options.ports` and passes `interface` in one of `directions`, into
    /// the interface with the index `target`, which must be in the same network namespace and
    /// have Ethernet headers, as `interface` must.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchInterface`]; [`ErrorKind::NoPrivilege`]; [`ErrorKind::Kernel`], with
    /// what to do where the kernel is too old for [`TapMode::Tcx`].
    pub fn attach(
        interface: &str,
        target: u32,
        directions: &[Direction],
        mode: TapMode,
        options: &Options,
    ) -> Result<Self, Error> {
        ifindex(interface)?;
        if let Some((major, minor)) = options.pretend.filter(|it| *it < mode.since()) {
            let why = format!("Linux {major}.{minor}, as it is to be");
            return Err(tcx_refused(why, true));
        }
        let config = abi::config(options);
        let mut ebpf = EbpfLoader::new()
            .override_global("config", config.as_slice(), true)
            .override_global("tap", &target, true)
            .load(OBJECT)
            .map_err(|e| Error::kernel("load the tap's programs", chain(&e)))?;
        for direction in directions {
            let loaded = program(&mut ebpf, *direction)?.load();
            loaded.map_err(|e| Error::kernel("load the tap's programs", chain(&e)))?;
        }
        let mut tap = Self {
            ebpf,
            added_qdisc: false,
        };
        for direction in directions {
            match mode {
                TapMode::Tcx => tap.attach_tcx(interface, *direction)?,
                TapMode::Clsact => tap.attach_clsact(interface, *direction)?,
            }
        }
        Ok(tap)
    }

    /// First of all programs: the chain ends with the first that gives a verdict, so from behind
    /// others the tap would not see what they drop or redirect. On the way in it sees what came
    /// from the wire, on the way out what the host's TCP has sent.
    fn attach_tcx(&mut self, interface: &str, direction: Direction) -> Result<(), Error> {
        let first = TcAttachOptions::TcxOrder(LinkOrder::first());
        let program = program(&mut self.ebpf, direction)?;
        match program.attach_with_options(interface, direction.attach_type(), first) {
            Ok(_) => Ok(()),
            Err(e) => {
                let old = KernelVersion::current().is_ok_and(|k| k < KernelVersion::new(6, 6, 0));
                Err(tcx_refused(chain(&e), old))
            }
        }
    }

    fn attach_clsact(&mut self, interface: &str, direction: Direction) -> Result<(), Error> {
        match qdisc_add_clsact(interface) {
            Ok(()) => self.added_qdisc = true,
            Err(TcError::NetlinkError(e)) if e.raw_os_error() == Some(libc::EEXIST) => {}
            Err(e) => return Err(Error::kernel("add a clsact qdisc", chain(&e))),
        }
        let program = program(&mut self.ebpf, direction)?;
        // Before all others, for the same reason as with tcx.
        let first = TcAttachOptions::Netlink(NlOptions {
            priority: 1,
            ..NlOptions::default()
        });
        match program.attach_with_options(interface, direction.attach_type(), first) {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::not_first(interface, &chain(&e))),
        }
    }

    /// Whether the interface had no clsact qdisc before.
    #[must_use]
    pub fn added_qdisc(&self) -> bool {
        self.added_qdisc
    }

    /// Takes the programs off and keeps their counters.
    ///
    /// # Errors
    /// The kernel refused, as it does when someone else has taken off a filter.
    pub fn detach(&mut self) -> Result<(), Error> {
        for direction in Direction::BOTH {
            // Unloading takes the links along; the maps stay. What never was loaded needs nothing.
            match program(&mut self.ebpf, direction)?.unload() {
                Ok(()) | Err(ProgramError::NotLoaded) => {}
                Err(e) => return Err(Error::kernel("detach the tap's programs", chain(&e))),
            }
        }
        Ok(())
    }

    /// What was counted in `direction` since the programs were attached.
    ///
    /// # Errors
    /// If the kernel refuses to read the map.
    pub fn counters(&self, direction: Direction) -> Result<TapCounters, Error> {
        const STEP: &str = "read the tap's counters";
        let map = self.ebpf.map("counts").ok_or_else(|| missing(STEP))?;
        let rows = PerCpuArray::<_, [u64; header::TAP_COUNTERS as usize]>::try_from(map)
            .and_then(|rows| rows.get(&direction.row(), 0))
            .map_err(|e| Error::kernel(STEP, chain(&e)))?;
        let mut sum = TapCounters::default();
        for row in rows.iter() {
            let column = |index: u32| row.get(index as usize).copied().unwrap_or_default();
            sum.seen += column(header::TAP_SEEN);
            sum.copied += column(header::TAP_COPIED);
            sum.failed += column(header::TAP_FAILED);
        }
        Ok(sum)
    }
}

/// The names of the tcx programs on `interface`, in the order in which they run, whoever put
/// them there.
///
/// # Errors
/// There is no such interface, or the kernel does not tell (Linux 6.6).
pub fn tcx_programs(interface: &str, direction: Direction) -> Result<Vec<String>, Error> {
    ifindex(interface)?;
    let (_, programs) = SchedClassifier::query_tcx(interface, direction.attach_type())
        .map_err(|e| Error::kernel("ask for tcx programs", chain(&e)))?;
    let name = |program: &ProgramInfo| program.name_as_str().unwrap_or_default().to_owned();
    Ok(programs.iter().map(name).collect())
}

/// Whether the kernel has tcx; with `pretend`, whether it could be that of such a release. Changes nothing.
///
/// Who may not ask (CAP_NET_ADMIN), or asks of no interface, is told that it has: attaching tells better.
#[must_use]
pub fn has_tcx(interface: &str, pretend: Option<Release>) -> bool {
    if pretend.is_some_and(|release| release < TapMode::Tcx.since()) {
        return false;
    }
    let asked = tcx_programs(interface, Direction::Ingress);
    asked.map_or_else(|error| error.kind != ErrorKind::Kernel, |_| true)
}

fn program(ebpf: &mut Ebpf, direction: Direction) -> Result<&mut SchedClassifier, Error> {
    let program = ebpf.program_mut(direction.program());
    program
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| missing(ATTACH))
}

fn missing(step: &'static str) -> Error {
    Error::kernel(step, "the object is not what it should be")
}

/// Kernels before 6.6 do not know tcx; some distributions have brought it to theirs, so it was tried.
fn tcx_refused(why: String, old_kernel: bool) -> Error {
    let error = Error::kernel(ATTACH, why);
    if error.kind == ErrorKind::NoPrivilege || !old_kernel {
        return error;
    }
    Error {
        why: format!(
            "tcx needs Linux 6.6, and this kernel is older ({})",
            error.why
        ),
        remedy: "--tap-mode clsact, whose filters stay on the interface if bgptap is killed".into(),
        ..error
    }
}

/// An error with what caused it; of the verifier's log only the end, which tells why.
fn chain(error: &dyn std::error::Error) -> String {
    const LINES_MAX: usize = 8;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    match lines.as_slice() {
        [first, rest @ ..] if rest.len() > LINES_MAX => {
            format!("{first}; {}", rest[rest.len() - LINES_MAX..].join("; "))
        }
        all => all.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_told_the_other_way() {
        let old = tcx_refused("EINVAL".into(), true);
        assert!(old.why.contains("6.6"), "{old}");
        assert!(old.remedy.contains("--tap-mode clsact"), "{old}");
        let new = tcx_refused("EINVAL".into(), false);
        assert_eq!(new.why, "EINVAL");
        assert!(!new.remedy.contains("clsact"), "{new}");
    }
}
