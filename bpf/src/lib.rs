//! The steering programs of bgptap: XDP in C, compiled at build time, with safe handles.
//!
//! [`Steering::attach`] loads the best variant that the kernel and the driver take and attaches it
//! by a link, so that the program leaves the interface when the process ends, however it ends.

mod attach;
mod counters;
mod error;
mod meta;
mod promiscuous;

#[doc(hidden)]
pub use attach::load_plain;
pub use attach::{Mode, Options, Steering, occupant, refuse_occupied};
pub use counters::Counters;
pub use error::Error;
pub use meta::{META_LENGTH, Meta};
pub use promiscuous::Promiscuous;

/// Queues of one interface that can be served.
pub const QUEUES_MAX: u32 = abi::QUEUES_MAX;

#[allow(dead_code, clippy::unreadable_literal)]
mod abi {
    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}

/// The index of an interface.
///
/// # Errors
/// There is no such interface.
pub fn interface_index(interface: &str) -> Result<u32, Error> {
    let failed = |cause| Error::new("finding the interface", interface, cause);
    let name = std::ffi::CString::new(interface)
        .map_err(|_| failed(std::io::ErrorKind::InvalidInput.into()))?;
    // SAFETY: `name` is a NUL-terminated string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    Ok(index)
}
