//! Promiscuous mode for as long as it is needed.

use crate::{Error, interface_index};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Keeps an interface promiscuous. The kernel counts memberships of packet sockets
/// (packet(7), `PACKET_MR_PROMISC`) and takes them back when the socket closes, also when the
/// process is killed; the interface's own flag is left alone.
#[derive(Debug)]
pub struct Promiscuous {
    _socket: OwnedFd,
}

impl Promiscuous {
    /// Makes `interface` promiscuous until the value is dropped.
    ///
    /// # Errors
    /// There is no such interface, or packet sockets are not allowed (CAP_NET_RAW).
    pub fn enter(interface: &str) -> Result<Self, Error> {
        let failed = |cause| Error::new("setting promiscuous mode", interface, cause);
        let index = interface_index(interface)?;
        // Protocol 0: the socket receives nothing.
        // SAFETY: no pointers are passed.
        let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if raw < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        let request = libc::packet_mreq {
            mr_ifindex: i32::try_from(index).unwrap_or(0),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        // SAFETY: `request` is a valid packet_mreq of the size that is announced.
        let status = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_ADD_MEMBERSHIP,
                (&raw const request).cast(),
                size_of_val(&request) as libc::socklen_t,
            )
        };
        if status < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        Ok(Self { _socket: socket })
    }
}
