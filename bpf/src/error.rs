//! What can go wrong when the program is loaded and attached.

use std::fs;

/// A step that failed, why, and what to do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{step}: {why}\n  try: {remedy}")]
pub struct Error {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// The step that failed.
    pub step: &'static str,
    /// Why, as the kernel or libbpf put it.
    pub why: String,
    /// The command or change that mends it.
    pub remedy: String,
}

/// The sorts of failures that a caller may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The process lacks a capability.
    NoPrivilege,
    /// There is no interface of that name.
    NoSuchInterface,
    /// Another XDP program is on the interface.
    Occupied,
    /// The kernel or the driver refused.
    Kernel,
}

/// What loading, attaching and opening a socket take, by bit in the capability
/// sets of `capabilities(7)`.
const NEEDED: [(u32, &str); 3] = [(39, "CAP_BPF"), (12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON")];
/// Stands in for CAP_BPF and CAP_PERFMON.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_NET_ADMIN: u32 = 12;

impl Error {
    /// A refusal by the kernel, which is lack of privilege if the capabilities
    /// say so, whatever the errno (the verifier reports EACCES for its own rules too).
    pub(crate) fn kernel(step: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        let missing = fs::read_to_string("/proc/thread-self/status")
            .ok()
            .and_then(|status| missing_capabilities(&status))
            .unwrap_or_default();
        if missing.is_empty() {
            return Self {
                kind: ErrorKind::Kernel,
                step,
                why,
                remedy: "Linux 5.15 or later with CONFIG_XDP_SOCKETS and CONFIG_BPF_SYSCALL, \
                         and a driver with XDP or the mode skb"
                    .into(),
            };
        }
        Self {
            kind: ErrorKind::NoPrivilege,
            step,
            why: format!("{why} (the process lacks {})", missing.join(", ")),
            remedy: "run it as root, or give it CAP_BPF CAP_NET_ADMIN CAP_PERFMON (and CAP_NET_RAW \
                     for its sockets): setcap cap_bpf,cap_net_admin,cap_perfmon,cap_net_raw+ep BINARY"
                .into(),
        }
    }

    pub(crate) fn no_such_interface(interface: &str) -> Self {
        Self {
            kind: ErrorKind::NoSuchInterface,
            step: "look up the interface",
            why: format!("there is no interface {interface:?} in this network namespace"),
            remedy: "ip -br link show lists the interfaces".into(),
        }
    }

    /// A filter has the first place already. From behind it the tap would be blind.
    pub(crate) fn not_first(interface: &str, why: &str) -> Self {
        let error = Self::kernel("attach the tap's programs", why);
        if error.kind == ErrorKind::NoPrivilege {
            return error;
        }
        Self {
            remedy: format!(
                "tc filter show dev {interface} ingress, and egress: a filter of another kind with \
                 pref 1 must make room (pref 2 or more), or use tcx"
            ),
            ..error
        }
    }

    /// `mode` is what `ip link` calls the mode of the program `id`.
    pub(crate) fn occupied(interface: &str, id: u32, mode: &str) -> Self {
        Self {
            kind: ErrorKind::Occupied,
            step: "attach the XDP program",
            why: format!("XDP program {id} is already on {interface}"),
            remedy: format!(
                "stop the process that uses it (bpftool net shows it); if none does: ip link set dev {interface} {mode} off"
            ),
        }
    }
}

/// The needed capabilities that are not in the effective set of a `status` file of proc(5).
fn missing_capabilities(status: &str) -> Option<Vec<&'static str>> {
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let has = |bit: u32| effective >> bit & 1 == 1;
    let missing = NEEDED
        .into_iter()
        .filter(|&(bit, _)| !has(bit) && (bit == CAP_NET_ADMIN || !has(CAP_SYS_ADMIN)))
        .map(|(_, name)| name);
    Some(missing.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::missing_capabilities;

    #[test]
    fn missing_capabilities_are_named() {
        let none = missing_capabilities("Name:\tx\nCapEff:\t0000000000000000\n").unwrap();
        assert_eq!(none, ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"]);
        let root = missing_capabilities("CapEff:\t000001ffffffffff\n").unwrap();
        assert!(root.is_empty());
        // An older container: CAP_SYS_ADMIN alone.
        let admin = missing_capabilities("CapEff:\t0000000000200000\n").unwrap();
        assert_eq!(admin, ["CAP_NET_ADMIN"]);
        assert_eq!(missing_capabilities("CapEff: no number"), None);
    }
}
