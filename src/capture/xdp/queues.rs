//! What the kernel says about an interface under /sys/class/net.

use crate::error::SetupError;
use std::path::{Path, PathBuf};

/// As many as the program's map of sockets has room for.
const QUEUES_MAX: u32 = 256;

/// Receive queues of an interface.
pub(super) fn count(interface: &str) -> u32 {
    let queues = std::fs::read_dir(folder(interface).join("queues")).map_or(1, |entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("rx-"))
            .count()
    });
    u32::try_from(queues).unwrap_or(1).clamp(1, QUEUES_MAX)
}

/// Refuses an interface that is not there or not up: nothing would ever arrive.
pub(in crate::capture) fn check_up(interface: &str) -> Result<(), SetupError> {
    let fail = |why: &str, remedy: String| SetupError::Interface {
        interface: interface.to_owned(),
        what: "capturing",
        why: why.to_owned(),
        remedy,
    };
    let Ok(flags) = std::fs::read_to_string(folder(interface).join("flags")) else {
        let remedy = "`ip link show` lists the interfaces".into();
        return Err(fail("there is no such interface", remedy));
    };
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or(0);
    // IFF_UP (net/if.h)
    if flags & 1 == 0 {
        let remedy = format!("ip link set dev {interface} up");
        return Err(fail("the interface is down", remedy));
    }
    Ok(())
}

/// What its link-layer headers are, by the numbers of `linux/if_arp.h`.
pub(in crate::capture) fn hardware_type(interface: &str) -> Option<u32> {
    let text = std::fs::read_to_string(folder(interface).join("type")).ok()?;
    text.trim().parse().ok()
}

/// Whether there is such an interface.
pub(in crate::capture) fn exists(interface: &str) -> bool {
    folder(interface).exists()
}

fn folder(interface: &str) -> PathBuf {
    Path::new("/sys/class/net").join(interface)
}
