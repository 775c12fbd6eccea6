//! What a tap leaves on an interface and beside it.

use super::net::{Net, run};
use bgptap_bpf::{Direction, tcx_programs};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What a command in a namespace prints.
pub fn printed(space: &str, command: &[&str]) -> String {
    let output = run(Command::new("ip")
        .args(["netns", "exec", space])
        .args(command));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every trace that a tap of `interface` leaves, while it runs or after.
pub fn traces(space: &str, interface: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (direction, hook) in Direction::BOTH.into_iter().zip(["ingress", "egress"]) {
        let programs = Net::within(space, || tcx_programs(interface, direction).unwrap());
        found.extend(programs.iter().map(|name| format!("tcx {hook} {name}")));
        let filters = printed(space, &["tc", "filter", "show", "dev", interface, hook]);
        found.extend(
            filters
                .contains("bgptap_")
                .then(|| format!("filter {hook}")),
        );
    }
    let qdiscs = printed(space, &["tc", "qdisc", "show", "dev", interface]);
    found.extend(qdiscs.contains("clsact").then(|| "clsact".to_owned()));
    let links = printed(space, &["ip", "-br", "link", "show"]);
    found.extend(links.contains("bgptap").then(|| "pair".to_owned()));
    found
}

/// Waits until there are none: the kernel removes a pair a little after the end of its process.
pub fn wait_until_gone(space: &str, interface: &str) {
    let started = Instant::now();
    loop {
        let left = traces(space, interface);
        if left.is_empty() {
            return;
        }
        let late = started.elapsed() > Duration::from_secs(10);
        assert!(!late, "{left:?} is left");
        sleep(Duration::from_millis(50));
    }
}
