//! What this process may do (capabilities(7)).

use super::{Check, Remedy, Way};
use caps::{CapSet, Capability};

/// For packet sockets and AF_XDP; for attaching; for loading; for the verifier to allow variable offsets.
const STEERING: [Capability; 4] = [
    Capability::CAP_NET_RAW,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
];

/// The capabilities that set-up takes.
pub(super) fn capabilities(way: Way) -> Check {
    judge(way, &may)
}

/// A tap has a network namespace of its own, and that takes CAP_SYS_ADMIN.
fn needed(way: Way) -> Vec<Capability> {
    match way {
        Way::Steer => STEERING.to_vec(),
        Way::Tap(_) => [&STEERING[..], &[Capability::CAP_SYS_ADMIN]].concat(),
        Way::Packets => vec![Capability::CAP_NET_RAW],
    }
}

/// Whether this process has a capability.
pub(super) fn may(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

fn judge(way: Way, has: &dyn Fn(Capability) -> bool) -> Check {
    // Before Linux 5.8 there was only CAP_SYS_ADMIN for BPF, and it still stands in for both.
    let stood_in_for = |capability: &Capability| {
        matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON)
            && has(Capability::CAP_SYS_ADMIN)
    };
    let (present, missing): (Vec<Capability>, Vec<Capability>) = needed(way)
        .into_iter()
        .partition(|capability| has(*capability) || stood_in_for(capability));
    let names = |of: &[Capability], between: &str| {
        let names: Vec<String> = of.iter().map(ToString::to_string).collect();
        names.join(between)
    };
    if missing.is_empty() {
        return Check::ok("capabilities", names(&present, " "));
    }
    let binary = std::env::current_exe().map_or_else(
        |_| "BINARY".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    );
    let mut granted = needed(way);
    granted.push(Capability::CAP_IPC_LOCK);
    let granted = names(&granted, ",").to_lowercase();
    Check::fail(
        "capabilities",
        format!("the process lacks {}", names(&missing, ", ")),
        Remedy::Advice(format!(
            "run as root, or: setcap {granted}+ep {binary}{}",
            otherwise(way)
        )),
    )
}

/// The way that takes least.
fn otherwise(way: Way) -> &'static str {
    match way {
        Way::Steer => "; bgptap live --backend af-packet needs CAP_NET_RAW only",
        Way::Tap(_) | Way::Packets => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use bgptap_bpf::TapMode;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_grants_it() {
        let check = judge(Way::Steer, &|capability| {
            capability == Capability::CAP_NET_RAW
        });
        assert_eq!(check.state, State::Fail);
        assert_eq!(
            check.found,
            "the process lacks CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON"
        );
        let remedy = check.remedy.expect("a remedy").to_string();
        let rights = "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock+ep ";
        assert!(remedy.contains(rights), "{remedy}");
    }

    #[test]
    fn an_administrator_may_use_bpf() {
        let check = judge(Way::Steer, &|capability| {
            capability != Capability::CAP_PERFMON && capability != Capability::CAP_BPF
        });
        assert_eq!(check.state, State::Ok);
    }

    #[test]
    fn each_way_has_its_own_needs() {
        let four = |capability| STEERING.contains(&capability);
        assert_eq!(judge(Way::Steer, &four).state, State::Ok);
        assert_eq!(judge(Way::Packets, &four).state, State::Ok);
        let tap = judge(Way::Tap(TapMode::Tcx), &four);
        assert_eq!(tap.found, "the process lacks CAP_SYS_ADMIN");
    }
}
