//! Whether an interface can be tapped, and how.

use super::{Check, Remedy, link};
use bgptap_bpf::{Release, TapMode, has_tcx};

const NAME: &str = "tap";

/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
const ETHERNET: [u32; 2] = [1, 772];

/// Whether its packets can be copied, and by what sort of programs.
pub(super) fn interface(interface: &str, mode: TapMode, pretend: Option<Release>) -> Check {
    let ethernet = link::hardware_type(interface).is_none_or(|kind| ETHERNET.contains(&kind));
    judge(ethernet, mode, has_tcx(interface, pretend))
}

fn judge(ethernet: bool, mode: TapMode, tcx: bool) -> Check {
    if !ethernet {
        let found = "its packets have no Ethernet header, without which they cannot be copied";
        let remedy = "tap the Ethernet interface that they come by: bgptap looks into most tunnels; \
                      or --backend af-packet";
        return Check::fail(NAME, found, Remedy::Advice(remedy.into()));
    }
    match (mode, tcx) {
        (TapMode::Tcx, true) => Check::ok(NAME, "by tcx, of which nothing stays"),
        (TapMode::Tcx, false) => Check::fail(
            NAME,
            "the kernel has no tcx (Linux 6.6)",
            Remedy::Advice("leave --tap-mode out: then filters of a clsact qdisc serve".into()),
        ),
        (TapMode::Clsact, true) => Check::ok(NAME, "by filters of a clsact qdisc"),
        (TapMode::Clsact, false) => Check::warn(
            NAME,
            "the kernel has no tcx, so filters of a clsact qdisc serve, which stay if bgptap is killed",
            Remedy::Advice("Linux 6.6 or later; the next tap removes what stays".into()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_kernel_without_tcx_is_served_unless_tcx_was_asked_for() {
        for (mode, tcx, state) in [
            (TapMode::Tcx, true, State::Ok),
            (TapMode::Tcx, false, State::Fail),
            (TapMode::Clsact, true, State::Ok),
            (TapMode::Clsact, false, State::Warn),
        ] {
            let check = judge(true, mode, tcx);
            assert_eq!(check.state, state, "{mode:?} {tcx}");
            assert!(!check.may_force, "it would not help");
        }
    }

    #[test]
    fn without_ethernet_headers_there_is_no_tap() {
        let check = judge(false, TapMode::Tcx, true);
        assert_eq!(check.state, State::Fail);
        assert!(check.found.contains("no Ethernet header"));
        assert_ne!(interface("lo", TapMode::Clsact, None).state, State::Fail);
    }
}
