//! What can go wrong before the program runs.

use std::io;

/// A step that failed: what, on which interface, why, and what the kernel's verifier or libbpf said.
#[derive(Debug, thiserror::Error)]
#[error("{step} on {interface}: {cause}{}", detail(.log))]
pub struct Error {
    /// The step.
    pub step: &'static str,
    /// The interface.
    pub interface: String,
    /// The cause.
    pub cause: io::Error,
    /// The last lines that libbpf printed about it.
    pub log: String,
}

fn detail(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!(" ({log})")
    }
}

impl Error {
    pub(crate) fn new(step: &'static str, interface: &str, cause: io::Error) -> Self {
        Self {
            step,
            interface: interface.to_owned(),
            cause,
            log: String::new(),
        }
    }

    pub(crate) fn with_log(mut self, log: String) -> Self {
        self.log = log;
        self
    }

    /// What to do about it, as far as the error number tells.
    #[must_use]
    pub fn remedy(&self) -> String {
        let interface = &self.interface;
        match self.cause.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                "run as root, or give the binary the capabilities: setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep bgptap".into()
            }
            Some(libc::ENODEV | libc::ENXIO) => {
                format!("is {interface} spelt right? `ip link show` lists the interfaces")
            }
            Some(libc::EBUSY | libc::EEXIST) => format!(
                "another XDP program is attached: see `ip -d link show dev {interface}`; if it may go: `ip link set dev {interface} xdp off`"
            ),
            Some(libc::EOPNOTSUPP) => {
                "the driver has no XDP of this mode: leave --mode at auto, or use --mode skb".into()
            }
            Some(libc::ENOSYS | libc::EINVAL) => {
                "the kernel may be too old or built without BPF: it needs 5.15 or later with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS".into()
            }
            _ => "see the kernel's log: dmesg".into(),
        }
    }
}
