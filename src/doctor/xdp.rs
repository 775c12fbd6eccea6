//! The driver, and who else has a program on the interface.

use super::{Check, Remedy};
use bgptap_bpf::{DriverXdp, Ethtool};

/// An interface has room for one XDP program.
pub(super) fn occupant(interface: &str) -> Check {
    match bgptap_bpf::refuse_occupied(interface) {
        Ok(()) => Check::ok("XDP programs", "none"),
        Err(error) => Check::fail("XDP programs", error.why, Remedy::Advice(error.remedy)),
    }
}

/// The driver and how it will run the program.
pub(super) fn driver(interface: &str) -> Check {
    let name = Ethtool::open(interface).and_then(|ethtool| ethtool.driver());
    let xdp = bgptap_bpf::xdp_state(interface).unwrap_or_default().driver;
    judge_driver(name.as_deref().unwrap_or("unknown"), xdp)
}

fn judge_driver(name: &str, xdp: DriverXdp) -> Check {
    if !xdp.native {
        // Kernels before 6.3 do not tell: `bgptap live` tries all the same.
        let found = format!("{name}: does not say that it has native XDP; generic mode serves");
        let remedy = "a card whose driver has XDP; generic mode copes with less traffic";
        return Check::warn("driver", found, Remedy::Advice(remedy.into()));
    }
    let copy = if xdp.zero_copy { "zero-copy" } else { "copy" };
    let buffers = if xdp.multi_buffer {
        "multi-buffer"
    } else {
        "one buffer a frame"
    };
    Check::ok("driver", format!("{name}: native XDP, {copy}, {buffers}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_driver_without_xdp_is_slower_but_serves() {
        let check = judge_driver("e1000", DriverXdp::default());
        assert_eq!(check.state, State::Warn);
        assert!(check.found.starts_with("e1000"), "{}", check.found);
        let ice = DriverXdp {
            native: true,
            zero_copy: true,
            multi_buffer: true,
        };
        let check = judge_driver("ice", ice);
        assert_eq!(check.found, "ice: native XDP, zero-copy, multi-buffer");
        assert_eq!(check.state, State::Ok);
    }
}
