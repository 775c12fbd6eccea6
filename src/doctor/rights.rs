//! What this process may do (capabilities(7)).

use super::{Check, Remedy};
use caps::{CapSet, Capability};

/// For packet sockets and AF_XDP; for attaching; for loading; for the verifier to allow variable offsets.
const NEEDED: [Capability; 4] = [
    Capability::CAP_NET_RAW,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
];

/// The capabilities that set-up takes.
pub(super) fn capabilities() -> Check {
    judge(&|capability| may(capability))
}

pub(super) fn may(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

fn judge(has: &dyn Fn(Capability) -> bool) -> Check {
    // Before Linux 5.8 there was only CAP_SYS_ADMIN for BPF, and it still stands in for both.
    let stood_in_for = |capability: &Capability| {
        matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON)
            && has(Capability::CAP_SYS_ADMIN)
    };
    let missing: Vec<String> = NEEDED
        .into_iter()
        .filter(|capability| !has(*capability) && !stood_in_for(capability))
        .map(|capability| capability.to_string())
        .collect();
    if missing.is_empty() {
        let lock = if has(Capability::CAP_IPC_LOCK) {
            " CAP_IPC_LOCK"
        } else {
            ""
        };
        let all = NEEDED.map(|capability| capability.to_string()).join(" ");
        return Check::ok("capabilities", format!("{all}{lock}"));
    }
    let binary = std::env::current_exe().map_or_else(
        |_| "BINARY".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    );
    Check::fail(
        "capabilities",
        format!("the process lacks {}", missing.join(", ")),
        Remedy::Advice(format!(
            "run as root, or: setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock+ep {binary}"
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_grants_it() {
        let check = judge(&|capability| capability != Capability::CAP_PERFMON);
        // CAP_SYS_ADMIN is there and stands in.
        assert_eq!(check.state, State::Ok);
        let check = judge(&|capability| capability == Capability::CAP_NET_RAW);
        assert_eq!(check.state, State::Fail);
        assert_eq!(
            check.found,
            "the process lacks CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON"
        );
        let remedy = check.remedy.expect("a remedy").to_string();
        assert!(remedy.contains("setcap cap_net_raw,"), "{remedy}");
    }

    #[test]
    fn locking_memory_is_another_matter() {
        let check = judge(&|capability| NEEDED.contains(&capability));
        assert_eq!(check.state, State::Ok);
    }
}
