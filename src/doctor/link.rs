//! What the kernel says about an interface under /sys/class/net: is it there, is it up, its queues.

use super::{Check, Remedy};
use bgptap_bpf::Ethtool;
use std::path::{Path, PathBuf};

/// As many as the program's map of sockets has room for.
const QUEUES_MAX: u32 = 256;

/// Whether there is such an interface.
pub(crate) fn exists(interface: &str) -> bool {
    folder(interface).exists()
}

/// What its link-layer headers are, by the numbers of `linux/if_arp.h`.
pub(crate) fn hardware_type(interface: &str) -> Option<u32> {
    let text = std::fs::read_to_string(folder(interface).join("type")).ok()?;
    text.trim().parse().ok()
}

/// The longest packet that it sends or receives, without its link-layer header.
pub(crate) fn mtu(interface: &str) -> Option<u32> {
    let text = std::fs::read_to_string(folder(interface).join("mtu")).ok()?;
    text.trim().parse().ok()
}

/// Receive queues that are captured from.
pub(crate) fn queue_count(interface: &str) -> u32 {
    receive_queues(interface).clamp(1, QUEUES_MAX)
}

/// Nothing ever arrives on an interface that is not there or not up.
pub(super) fn up(interface: &str) -> Check {
    const NAME: &str = "link";
    let Ok(flags) = std::fs::read_to_string(folder(interface).join("flags")) else {
        let remedy = Remedy::Advice("`ip link show` lists the interfaces".into());
        return Check::fail(NAME, "there is no such interface", remedy);
    };
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap_or(0);
    // IFF_UP (net/if.h)
    if flags & 1 == 0 {
        let remedy = Remedy::command(
            &format!("ip link set dev {interface} up"),
            format!("ip link set dev {interface} down"),
        );
        return Check::fail(NAME, "the interface is down", remedy);
    }
    Check::ok(NAME, "up")
}

/// Whether anything is connected to it.
pub(super) fn carrier(interface: &str) -> Check {
    const NAME: &str = "carrier";
    // Cannot be read of an interface that is down.
    match std::fs::read_to_string(folder(interface).join("carrier")) {
        Ok(carrier) if carrier.trim() == "1" => Check::ok(NAME, "there is one"),
        _ => Check::warn(
            NAME,
            "there is none",
            Remedy::Advice("connect the mirror, or bring its other end up".into()),
        ),
    }
}

/// Frames of a queue without a socket never reach the capture.
pub(super) fn queues(interface: &str) -> Check {
    let ethtool = Ethtool::open(interface);
    let spread = ethtool
        .as_ref()
        .ok()
        .and_then(|ethtool| ethtool.rss_queues().ok());
    let combined = ethtool.and_then(|ethtool| ethtool.has_combined_channels());
    judge_queues(
        interface,
        receive_queues(interface),
        spread,
        combined.unwrap_or(true),
    )
}

fn judge_queues(interface: &str, queues: u32, spread: Option<usize>, combined: bool) -> Check {
    const NAME: &str = "queues";
    if queues > QUEUES_MAX {
        let channels = if combined { "combined" } else { "rx" };
        let command = |queues| format!("ethtool -L {interface} {channels} {queues}");
        let found = format!(
            "{queues} receive queues, of which {QUEUES_MAX} can be bound: the BGP of the others would be missed"
        );
        return Check::fail(
            NAME,
            found,
            Remedy::command(&command(QUEUES_MAX), command(queues)),
        );
    }
    let spread = match spread {
        Some(spread) => format!("RSS spreads over {spread}"),
        None => "no RSS table".to_owned(),
    };
    Check::ok(NAME, format!("{queues} to receive from, {spread}"))
}

fn receive_queues(interface: &str) -> u32 {
    let queues = std::fs::read_dir(folder(interface).join("queues")).map_or(1, |entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("rx-"))
            .count()
    });
    u32::try_from(queues).unwrap_or(u32::MAX)
}

fn folder(interface: &str) -> PathBuf {
    Path::new("/sys/class/net").join(interface)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn queues_beyond_the_map_are_refused_with_the_command_for_the_card() {
        for (combined, command) in [
            (true, "ethtool -L x combined 256"),
            (false, "ethtool -L x rx 256"),
        ] {
            let check = judge_queues("x", 257, None, combined);
            assert_eq!(check.state, State::Fail);
            assert_eq!(check.remedy.expect("a remedy").to_string(), command);
        }
        let check = judge_queues("x", 256, Some(8), true);
        assert_eq!(check.state, State::Ok);
        assert!(check.found.contains("RSS spreads over 8"));
    }

    #[test]
    fn an_interface_that_is_not_there_is_no_interface() {
        let check = up("no-such-if");
        assert_eq!(check.state, State::Fail);
        assert_eq!(check.found, "there is no such interface");
        assert_eq!(up("lo").state, State::Ok);
    }
}
