//! The clocks that events are stamped by.

use super::{Check, Remedy};
use bgptap_umem::clock::{Discipline, discipline};

/// Read in some tens of nanoseconds; others are registers of a device, a microsecond away.
const FAST: [&str; 5] = [
    "tsc",
    "kvm-clock",
    "arch_sys_counter",
    "hyperv_clocksource_tsc_page",
    "timebase",
];

/// Where the time comes from, and whether it is right.
pub(super) fn checks() -> [Check; 2] {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(path).unwrap_or_else(|_| "unknown".into());
    [judge_source(source.trim()), judge_discipline(discipline())]
}

fn judge_source(source: &str) -> Check {
    const NAME: &str = "clock source";
    if FAST.contains(&source) {
        return Check::ok(NAME, source);
    }
    let found = format!("{source}: slow to read, and each frame is stamped");
    let remedy = "boot with a fast one if the machine has it: clocksource=tsc";
    Check::warn(NAME, found, Remedy::Advice(remedy.into()))
}

fn judge_discipline(discipline: Discipline) -> Check {
    const NAME: &str = "clock";
    let tai = discipline.tai_offset_s;
    if discipline.synchronised {
        return Check::ok(NAME, format!("synchronised, TAI is {tai} s ahead of UTC"));
    }
    let found = "nothing keeps the clock right: events are as wrong as it is";
    let remedy = "run chrony or another time daemon";
    Check::warn(NAME, found, Remedy::Advice(remedy.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn slow_and_wrong_clocks_are_told() {
        assert_eq!(judge_source("tsc").state, State::Ok);
        assert_eq!(judge_source("hpet").state, State::Warn);
        let clock = |synchronised| {
            judge_discipline(Discipline {
                synchronised,
                tai_offset_s: 37,
            })
        };
        assert_eq!(clock(true).found, "synchronised, TAI is 37 s ahead of UTC");
        assert_eq!(clock(false).state, State::Warn);
    }
}
