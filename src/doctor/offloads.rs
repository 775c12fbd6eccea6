//! Offloads of the card that change what arrives.

use super::{Check, Remedy};
use bgptap_bpf::{Ethtool, Offloads, Switch};
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
    .filter_map(|(switch, texts)| (switch != Switch::Off).then_some(texts))
    .collect();
    if on.is_empty() {
        return Check::ok(NAME, "no LRO, no GRO in hardware");
    }
    let names: Vec<&str> = on.iter().map(|(name, _)| *name).collect();
    let switches: Vec<&str> = on.iter().map(|(_, switch)| *switch).collect();
    let found = format!(
        "{} on: the card merges segments before they are seen",
        names.join(" and ")
    );
    // As of a virtual machine's card whose host alone decides.
    if [offloads.lro, offloads.gro_hw].contains(&Switch::Fixed) {
        let found = format!("{found}, and its driver does not let that be turned off");
        let remedy = "capture at another interface, or turn it off in the card itself: of virtio, guest_tso4=off,guest_tso6=off where the virtual machine is started";
        return Check::fail(NAME, found, Remedy::Advice(remedy.into())).or_force();
    }
    let command = format!("ethtool -K {interface} {}", switches.join(" "));
    let undo = command.replace(" off", " on");
    Check::fail(NAME, found, Remedy::command(&command, undo)).or_force()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    /// No interface that a test can make has these, hence facts that no test machine has.
    #[test]
    fn each_offload_that_merges_is_named_with_the_command_that_ends_it() {
        for (lro, gro_hw, name, command) in [
            (Switch::On, Switch::Off, "LRO on", "ethtool -K x lro off"),
            (
                Switch::Off,
                Switch::On,
                "GRO in hardware on",
                "ethtool -K x rx-gro-hw off",
            ),
            (
                Switch::On,
                Switch::On,
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

    /// As virtio_net has it where the host does not let the guest choose.
    #[test]
    fn what_cannot_be_turned_off_comes_with_no_command_that_fails() {
        for lro in [Switch::Off, Switch::On] {
            let gro_hw = Switch::Fixed;
            let check = judge("x", Ok(Offloads { lro, gro_hw }));
            assert_eq!(check.state, State::Fail);
            assert!(check.may_force);
            assert!(check.found.contains("does not let that be turned off"));
            let remedy = check.remedy.expect("a remedy");
            assert!(matches!(remedy, Remedy::Advice(_)), "{remedy}");
            assert!(remedy.to_string().contains("guest_tso4=off"), "{remedy}");
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
