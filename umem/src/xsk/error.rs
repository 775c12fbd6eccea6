//! What can go wrong when an AF_XDP socket is set up.

use std::io;

/// A step of the set-up that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {cause}")]
pub struct XskError {
    /// The step, with what it was tried on.
    pub step: String,
    /// What the kernel said.
    pub cause: io::Error,
}

impl XskError {
    pub(super) fn new(step: impl Into<String>, cause: io::Error) -> Self {
        Self {
            step: step.into(),
            cause,
        }
    }

    /// What to do about it, as far as the error number tells.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self.cause.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                "run as root, or give the binary CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON"
            }
            Some(libc::ENODEV | libc::ENXIO) => "name an interface that exists: ip link show",
            Some(libc::EBUSY) => {
                "another AF_XDP socket has the queue and did not leave it within two seconds: stop its program first (`ss --xdp -ap` lists them)"
            }
            Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => {
                "the kernel has no AF_XDP: it needs CONFIG_XDP_SOCKETS"
            }
            Some(libc::ENOMEM | libc::ENOBUFS) => {
                "not enough memory, or not enough may be locked: use smaller rings (--ring) or raise `ulimit -l`"
            }
            Some(libc::EOPNOTSUPP) => "the driver cannot do this: leave the mode to be chosen",
            Some(libc::ENETDOWN) => "bring the interface up: ip link set dev IFACE up",
            _ => "see the kernel's log: dmesg",
        }
    }
}
