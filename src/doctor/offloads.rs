//! Offloads of the card that change what arrives.

use super::{Check, Remedy};
use bgptap_bpf::{Ethtool, Offloads};
use std::io;

/// Whether the card merges segments before a program sees them.
pub(super) fn merging(interface: &str) -> Check {
    let offloads = Ethtool::open(interface).and_then(|ethtool| ethtool.offloads());
    judge(interface, offloads)
}

/// Merged segments are not what was on the wire: their times, their copies and their sizes are lost. Many
/// drivers have no native XDP meanwhile, and for generic XDP the kernel turns both
/// off for good (net/core/dev.c, `generic_xdp_install`), which nobody asked for.
fn judge(interface: &str, offloads: io::Result<Offloads>) -> Check {
    const NAME: &str = "offloads";
    let offloads = match offloads {
        Ok(offloads) => offloads,
        Err(error) => return Check::ok(NAME, format!("not known ({error})")),
    };
    let on: Vec<(&str, &str)> = [
        (offloads.lro, ("LRO", "lro off")),
        (offloads.gro_hw, ("GRO in hardware", "rx-gro-hw off")),
    ]
    .into_iter()
    .filter_map(|(on, texts)| on.then_some(texts))
    .collect();
    if on.is_empty() {
        return Check::ok(NAME, "no LRO, no GRO in hardware");
    }
    let names: Vec<&str> = on.iter().map(|(name, _)| *name).collect();
    let switches: Vec<&str> = on.iter().map(|(_, switch)| *switch).collect();
    let command = format!("ethtool -K {interface} {}", switches.join(" "));
    let undo = command.replace(" off", " on");
    let found = format!(
        "{} on: the card merges segments before they are seen",
        names.join(" and ")
    );
    Check::fail(NAME, found, Remedy::command(&command, undo)).or_force()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    /// No virtual interface has these, hence facts that no test machine has.
    #[test]
    fn each_offload_that_merges_is_named_with_the_command_that_ends_it() {
        for (lro, gro_hw, name, command) in [
            (true, false, "LRO on", "ethtool -K x lro off"),
            (
                false,
                true,
                "GRO in hardware on",
                "ethtool -K x rx-gro-hw off",
            ),
            (
                true,
                true,
                "LRO and GRO in hardware on",
                "ethtool -K x lro off rx-gro-hw off",
            ),
        ] {
            let check = judge("x", Ok(Offloads { lro, gro_hw }));
            assert_eq!(check.state, State::Fail);
            assert!(check.may_force);
            assert!(check.found.starts_with(name), "{}", check.found);
            let undo = command.replace("off", "on");
            assert_eq!(check.remedy, Some(Remedy::command(command, undo)));
        }
    }

    #[test]
    fn a_driver_without_them_is_fine() {
        assert_eq!(judge("x", Ok(Offloads::default())).state, State::Ok);
        let silent = Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        assert_eq!(judge("x", silent).state, State::Ok);
        assert_eq!(merging("lo").found, "no LRO, no GRO in hardware");
    }
}
