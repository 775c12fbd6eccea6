//! tc filters and tcx programs on the interface: what XDP takes, they never see.

use super::{Check, Remedy, Way, netlink};
use bgptap_bpf::Direction;
use nix::net::if_::if_nametoindex;
use std::io;

/// Who else looks at the frames of the interface.
pub(super) fn traffic_control(interface: &str, way: Way) -> Check {
    // The count takes CAP_NET_ADMIN and tcx Linux 6.6: without either there is nothing to tell.
    let count = |direction: &Direction| {
        bgptap_bpf::tcx_programs(interface, *direction).map(|names| names.len())
    };
    let tcx = Direction::BOTH
        .iter()
        .map(count)
        .sum::<Result<usize, _>>()
        .ok();
    let filters = if_nametoindex(interface)
        .map_err(io::Error::from)
        .and_then(netlink::ingress_filters);
    judge(interface, way, filters, tcx)
}

fn judge(interface: &str, way: Way, filters: io::Result<usize>, tcx: Option<usize>) -> Check {
    const NAME: &str = "tc programs";
    let filters = match filters {
        Ok(filters) => filters,
        Err(error) => return Check::ok(NAME, format!("not known ({error})")),
    };
    if filters == 0 && tcx.unwrap_or(0) == 0 {
        return Check::ok(NAME, "none");
    }
    let others = format!(
        "{filters} tc filters on ingress, {} tcx programs",
        tcx.map_or_else(|| "an unknown number of".to_owned(), |tcx| tcx.to_string())
    );
    if way != Way::Steer {
        return Check::ok(NAME, format!("{others}: the tap comes before them"));
    }
    let found = format!("{others}: they no longer see the BGP that is captured");
    let remedy =
        format!("see whether they matter: tc filter show dev {interface} ingress; bpftool net");
    Check::warn(NAME, found, Remedy::Advice(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use bgptap_bpf::TapMode;

    #[test]
    fn others_that_look_at_frames_are_mentioned() {
        assert_eq!(judge("x", Way::Steer, Ok(0), Some(0)).state, State::Ok);
        assert_eq!(judge("x", Way::Steer, Ok(0), None).state, State::Ok);
        for (filters, tcx) in [(1, None), (0, Some(2))] {
            let check = judge("x", Way::Steer, Ok(filters), tcx);
            assert_eq!(check.state, State::Warn, "it does no harm");
            assert!(check.found.starts_with(&filters.to_string()));
            let check = judge("x", Way::Tap(TapMode::Tcx), Ok(filters), tcx);
            assert_eq!(check.state, State::Ok, "a tap leaves them what they had");
        }
    }
}
