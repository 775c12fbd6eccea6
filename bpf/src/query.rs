//! What the kernel and the drivers can do, and who is on an interface; nothing is changed.

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::Error;

/// `enum netdev_xdp_act` (linux/netdev.h): what a driver says that it can do.
const ACT_BASIC: u64 = 1 << 0;
const ACT_REDIRECT: u64 = 1 << 1;
const ACT_XSK_ZEROCOPY: u64 = 1 << 3;
const ACT_RX_SG: u64 = 1 << 5;

/// What a driver says that it does in native mode: nothing at all on kernels before 6.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverXdp {
    /// It runs programs and redirects to sockets.
    pub native: bool,
    /// It writes straight into the UMEM.
    pub zero_copy: bool,
    /// It takes frames of several buffers.
    pub multi_buffer: bool,
}

impl DriverXdp {
    fn from_flags(flags: u64) -> Self {
        let all = |wanted: u64| flags & wanted == wanted;
        Self {
            native: all(ACT_BASIC | ACT_REDIRECT),
            zero_copy: all(ACT_XSK_ZEROCOPY),
            multi_buffer: all(ACT_RX_SG),
        }
    }
}

/// XDP on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpState {
    /// The id of the program on it, whoever put it there and in whatever mode.
    pub program: Option<u32>,
    /// How `ip link` calls the mode of that program; a name that leaves it open takes another's.
    pub mode: Option<&'static str>,
    /// What its driver says of itself.
    pub driver: DriverXdp,
}

/// Asks about XDP on `interface`; needs no privilege.
///
/// # Errors
/// If there is no such interface, or the kernel does not answer.
pub fn xdp_state(interface: &str) -> Result<XdpState, Error> {
    let mut opts = libbpf_sys::bpf_xdp_query_opts {
        sz: size_of::<libbpf_sys::bpf_xdp_query_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let index = ifindex(interface)?.cast_signed();
    // SAFETY: `opts` is valid for reads and writes of the size that it states, and
    // libbpf keeps no pointer to it.
    let status = unsafe { libbpf_sys::bpf_xdp_query(index, 0, &raw mut opts) };
    if status < 0 {
        let why = io::Error::from_raw_os_error(-status).to_string();
        return Err(Error::kernel("look for another XDP program", why));
    }
    // `prog_id` is zero with programs in several modes, and does not tell the mode.
    let modes = [
        (opts.drv_prog_id, "xdp"),
        (opts.skb_prog_id, "xdpgeneric"),
        (opts.hw_prog_id, "xdpoffload"),
        (opts.prog_id, "xdp"),
    ];
    let found = modes.into_iter().find(|(id, _)| *id != 0);
    Ok(XdpState {
        program: found.map(|(id, _)| id),
        mode: found.map(|(_, mode)| mode),
        driver: DriverXdp::from_flags(opts.feature_flags),
    })
}

/// The id of the XDP program on `interface`, whoever put it there and in whatever mode.
///
/// # Errors
/// If there is no such interface, or the kernel does not answer.
pub fn occupant(interface: &str) -> Result<Option<u32>, Error> {
    Ok(xdp_state(interface)?.program)
}

/// Refuses an interface that has an XDP program already.
///
/// # Errors
/// [`ErrorKind::Occupied`](crate::ErrorKind::Occupied), or the interface cannot be asked.
pub fn refuse_occupied(interface: &str) -> Result<(), Error> {
    let state = xdp_state(interface)?;
    match (state.program, state.mode) {
        (Some(id), Some(mode)) => Err(Error::occupied(interface, id, mode)),
        _ => Ok(()),
    }
}

/// Whether the kernel has AF_XDP sockets.
///
/// # Errors
/// EAFNOSUPPORT if it has none, EPERM if the process lacks CAP_NET_RAW and so cannot ask.
pub fn af_xdp() -> io::Result<()> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened `fd` for us and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

pub(crate) fn ifindex(interface: &str) -> Result<u32, Error> {
    let name = CString::new(interface).map_err(|_| Error::no_such_interface(interface))?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Error::no_such_interface(interface)),
        index => Ok(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_means_that_frames_can_be_redirected() {
        assert!(!DriverXdp::from_flags(ACT_BASIC).native);
        let veth = DriverXdp::from_flags(ACT_BASIC | ACT_REDIRECT | ACT_RX_SG);
        assert!(veth.native && veth.multi_buffer && !veth.zero_copy);
    }

    /// The loopback interface is everywhere, and its driver has no XDP.
    #[test]
    fn the_loopback_interface_can_be_asked() {
        let state = xdp_state("lo").expect("lo answers");
        assert_eq!(state.program, None);
        assert!(!state.driver.native);
        assert!(xdp_state("no-such-if").is_err());
    }
}
