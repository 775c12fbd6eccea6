//! What the kernel has.

use super::{Check, Remedy, Wanted, Way};
use bgptap_bpf::{ErrorKind, Options, Program, Release, Steering};
use std::io;

/// What serves where there is no AF_XDP.
const OTHERWISE: &str = "bgptap live --backend af-packet needs neither BPF nor AF_XDP";

/// The kernel's release.
pub(super) fn release(wanted: &Wanted) -> Check {
    let release = match wanted.pretend {
        Some((major, minor)) => format!("{major}.{minor}"),
        None => std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default(),
    };
    judge_release(release.trim(), wanted.way)
}

/// The release that is running, as far as numbers go.
pub(crate) fn running() -> Release {
    numbers(&std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default())
}

fn numbers(release: &str) -> Release {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn judge_release(release: &str, way: Way) -> Check {
    const NAME: &str = "kernel";
    let version = numbers(release);
    let found = format!("Linux {release}");
    if way == Way::Packets {
        return Check::ok(NAME, found);
    }
    if version < Program::Basic.since() {
        let remedy = Remedy::Advice(format!("Linux 5.15 or later; {OTHERWISE}"));
        return Check::warn(NAME, format!("{found} is older than 5.15"), remedy);
    }
    if version < (6, 6) {
        let found = format!("{found}: frames of one buffer only (no jumbo frames), no tcx");
        let remedy = Remedy::Advice("Linux 6.6 or later".into());
        return Check::warn(NAME, found, remedy);
    }
    Check::ok(NAME, found)
}

/// Whether there are AF_XDP sockets.
pub(super) fn af_xdp() -> Check {
    judge_af_xdp(bgptap_bpf::af_xdp())
}

fn judge_af_xdp(socket: io::Result<()>) -> Check {
    const NAME: &str = "AF_XDP";
    let Err(error) = socket else {
        return Check::ok(NAME, "sockets can be opened");
    };
    match error.raw_os_error() {
        Some(libc::EAFNOSUPPORT) => {
            let remedy = format!("a kernel with CONFIG_XDP_SOCKETS; {OTHERWISE}");
            Check::fail(NAME, "the kernel has no AF_XDP", Remedy::Advice(remedy))
        }
        Some(libc::EPERM | libc::EACCES) => Check::warn(
            NAME,
            "cannot be asked without CAP_NET_RAW",
            Remedy::Advice("see the capabilities".into()),
        ),
        _ => Check::fail(
            NAME,
            format!("no socket can be opened: {error}"),
            Remedy::Advice("see the kernel's log: dmesg".into()),
        ),
    }
}

/// Whether the kernel accepts the steering program.
pub(super) fn program(pretend: Option<Release>) -> Check {
    let options = Options::default();
    if let Some((major, minor)) = pretend.filter(|release| *release < Program::Basic.since()) {
        let found = format!("Linux {major}.{minor}, as it is to be, does not load it");
        return Check::fail("BPF", found, Remedy::Advice(OTHERWISE.into()));
    }
    // What old kernels are served with.
    let loaded = Steering::plain(&options).or_else(|_| Steering::basic(&options));
    judge_program(loaded.map(drop))
}

fn judge_program(loaded: Result<(), bgptap_bpf::Error>) -> Check {
    const NAME: &str = "BPF";
    match loaded {
        Ok(()) => Check::ok(NAME, "the steering program loads"),
        Err(error) if error.kind == ErrorKind::NoPrivilege => Check::warn(
            NAME,
            "cannot be tried without the capabilities",
            Remedy::Advice(error.remedy),
        ),
        Err(error) => {
            let found = format!("{}: {}", error.step, error.why);
            let remedy = format!("{}; {OTHERWISE}", error.remedy);
            Check::fail(NAME, found, Remedy::Advice(remedy))
        }
    }
}

/// Whether the process can lock itself in once it is set up.
pub(super) fn sandbox() -> Check {
    judge_sandbox(crate::privileges::landlock_available())
}

fn judge_sandbox(landlock: bool) -> Check {
    const NAME: &str = "Landlock";
    if landlock {
        return Check::ok(NAME, "files and network are closed after set-up");
    }
    let remedy = "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in lsm=";
    let found = "not in this kernel: after set-up only the capabilities go";
    Check::warn(NAME, found, Remedy::Advice(remedy.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn releases_are_compared_as_numbers() {
        for (release, state) in [
            ("5.15.0-91-generic", State::Warn),
            ("6.1.0-18-amd64", State::Warn),
            ("6.6", State::Ok),
            ("6.18.44", State::Ok),
            ("10.0.0-rc1", State::Ok),
        ] {
            assert_eq!(judge_release(release, Way::Steer).state, state, "{release}");
            // A packet socket needs nothing that is new.
            assert_eq!(judge_release(release, Way::Packets).state, State::Ok);
        }
    }

    #[test]
    fn a_kernel_without_af_xdp_is_refused_and_the_other_backend_named() {
        let error = |number| Err(io::Error::from_raw_os_error(number));
        let check = judge_af_xdp(error(libc::EAFNOSUPPORT));
        assert_eq!(check.state, State::Fail);
        let remedy = check.remedy.expect("a remedy").to_string();
        assert!(remedy.contains("CONFIG_XDP_SOCKETS"), "{remedy}");
        assert!(remedy.contains("--backend af-packet"), "{remedy}");
        assert_eq!(judge_af_xdp(error(libc::EPERM)).state, State::Warn);
        assert_eq!(judge_af_xdp(error(libc::EMFILE)).state, State::Fail);
    }

    #[test]
    fn a_kernel_that_refuses_the_program_is_refused() {
        let error = |kind| bgptap_bpf::Error {
            kind,
            step: "load the XDP program",
            why: "unknown func bpf_ktime_get_tai_ns".into(),
            remedy: "Linux 5.15 or later".into(),
        };
        let check = judge_program(Err(error(ErrorKind::Kernel)));
        assert_eq!(check.state, State::Fail);
        assert!(check.found.contains("bpf_ktime_get_tai_ns"));
        let check = judge_program(Err(error(ErrorKind::NoPrivilege)));
        assert_eq!(check.state, State::Warn, "that is for the capabilities");
    }

    #[test]
    fn a_kernel_without_landlock_still_captures() {
        assert_eq!(judge_sandbox(false).state, State::Warn);
        assert_eq!(judge_sandbox(true).state, State::Ok);
    }
}
