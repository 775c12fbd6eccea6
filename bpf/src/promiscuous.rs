//! Promiscuous mode that ends with the process.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Keeps an interface in promiscuous mode while it lives.
///
/// It is a membership of an open packet socket (`PACKET_MR_PROMISC`, packet(7)),
/// which the kernel counts: others that want the mode keep it, and it ends even
/// with a killed process, as the interface flag `IFF_PROMISC` would not.
#[derive(Debug)]
pub struct Promiscuous {
    socket: OwnedFd,
    ifindex: libc::c_int,
}

impl Promiscuous {
    /// Puts `interface` into promiscuous mode.
    ///
    /// # Errors
    /// If there is no such interface, or the process lacks CAP_NET_RAW.
    pub fn enter(interface: &str) -> io::Result<Self> {
        let name = CString::new(interface)?;
        // SAFETY: `name` is a NUL-terminated string that outlives the call.
        let ifindex = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if ifindex == 0 {
            return Err(io::Error::last_os_error());
        }
        let mode = Self {
            socket: packet_socket()?,
            ifindex: ifindex.cast_signed(),
        };
        mode.membership(libc::PACKET_ADD_MEMBERSHIP)?;
        Ok(mode)
    }

    fn membership(&self, change: libc::c_int) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: self.ifindex,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        // SAFETY: `request` is what both changes read, valid for the size
        // given, and the kernel keeps no pointer to it.
        let status = unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                change,
                (&raw const request).cast(),
                size_of_val(&request) as libc::socklen_t,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl Drop for Promiscuous {
    /// Closing would do, but a child that another thread has just forked holds a copy of
    /// the socket until it executes its program.
    fn drop(&mut self) {
        let _ = self.membership(libc::PACKET_DROP_MEMBERSHIP);
    }
}

/// A packet socket for no protocol: it never receives anything.
fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened `fd` for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
