//! Offloads of an interface, by the ioctls of ethtool.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `linux/ethtool.h`
const ETHTOOL_STXCSUM: u32 = 0x17;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_SGSO: u32 = 0x24;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
const ETH_FLAG_TXVLAN: u32 = 1 << 7;

/// `struct ethtool_value`
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Has the kernel finish what `interface` is given to send: segments are cut, checksums computed
/// and VLAN tags put into the frame before the driver gets it.
///
/// # Errors
/// If there is no such interface, or the process lacks CAP_NET_ADMIN.
pub fn send_whole(interface: &str) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened `fd` for us and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // Checksums last: without them the kernel takes TSO back by itself, which is no error.
    for command in [ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM] {
        request(&socket, interface, command, 0)?;
    }
    let flags = request(&socket, interface, ETHTOOL_GFLAGS, 0)?;
    request(&socket, interface, ETHTOOL_SFLAGS, flags & !ETH_FLAG_TXVLAN)?;
    Ok(())
}

/// One command with its value; the value that the kernel left.
fn request(socket: &OwnedFd, interface: &str, command: u32, data: u32) -> io::Result<u32> {
    let name = CString::new(interface)?;
    let name = name.as_bytes();
    let mut value = Value { command, data };
    // SAFETY: all zero is a valid value of this plain C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: `request` names an interface, NUL-terminated, and points to `value`, which the
    // kernel reads and writes as the `struct ethtool_value` that it is; both outlive the call.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data)
}
