//! Commands in the text of pages, between backquotes: each runs, or has its reason in a table.

use crate::pages::{Block, Page};
use crate::root;
use std::collections::BTreeSet;
use std::process::Command;
use std::{fmt, fs};

/// Why a command does not run here.
pub enum Why {
    /// This file does the same, by these words.
    In(&'static str, &'static str),
    /// Nothing does.
    Because(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(file, _) => write!(f, "{file} does the same"),
            Self::Because(reason) => f.write_str(reason),
        }
    }
}

/// What does not run, by reason. Nothing else that looks like a command may stand in the text.
pub const NOT_RUN: &[(Why, &[&str])] = &[
    (
        Why::In("tests/package/main.rs", "join(\"scripts/package\")"),
        &["scripts/package", "./scripts/package"],
    ),
    (
        Why::In("tests/package/install.sh", "inside dpkg --install"),
        &["dpkg -i", "dpkg -i bgptap_*.deb"],
    ),
    (
        Why::In("tests/package/install.sh", "inside dpkg --remove bgptap"),
        &["apt remove bgptap"],
    ),
    (
        Why::In("tests/package/install.sh", "inside dpkg --purge bgptap"),
        &["apt purge", "apt purge bgptap"],
    ),
    (
        Why::In(
            "tests/package/main.rs",
            "[\"security\", \"--offline=true\"]",
        ),
        &["systemd-analyze security"],
    ),
    (
        Why::In("tests/live_restored.rs", "when_it_is_terminated_or_killed"),
        &["kill -9"],
    ),
    (
        Why::In("tests/prometheus.rs", "\"alerts_test.yml\""),
        &["promtool test rules alerts_test.yml"],
    ),
    (
        Why::In("tests/support/lab.rs", "&[\"down\"]"),
        &["scripts/lab down"],
    ),
    (
        Why::In("tests/support/lab.rs", "&[\"status\"]"),
        &["scripts/lab status"],
    ),
    (
        Why::In("scripts/test", "scripts/setup --lab"),
        &["./scripts/setup", "scripts/setup --lab"],
    ),
    (
        Why::In("scripts/test", "-p bgptap --no-default-features"),
        &["cargo build --release --no-default-features"],
    ),
    (
        Why::In("scripts/test", "cargo test --locked --workspace"),
        &[
            "cargo test --test allocation",
            "cargo test --test copied -- --nocapture",
            "cargo test --test interning --test interning_values -- --nocapture",
            "cargo test --test rib_memory --test rib_vpn_memory --test rib_limit -- --nocapture",
            "cargo test --test rib_resident -- --nocapture",
            "cargo test -p bgptap-umem buffer",
        ],
    ),
    (Why::Because("it runs this"), &["scripts/test"]),
    (
        Why::Because("takes the lab's routers and a minute; its usage is tested"),
        &[
            "scripts/lab",
            "scripts/lab capture SECONDS FILE",
            "scripts/lab record FILE",
        ],
    ),
    (
        Why::Because("builds for minutes, then measures; its usage or the bench's name is tested"),
        &[
            "cargo bench --bench backends",
            "cargo bench --bench decode",
            "cargo bench --bench decode -- a c",
            "cargo bench --bench decode_allocations",
            "cargo bench --bench interning",
            "cargo bench --bench pool",
            "cargo bench --bench pool_allocations",
            "cargo bench --bench xdp_filter",
            "cargo bench --bench xdp_load",
            "scripts/bench",
            "scripts/bench --profiles",
            "scripts/memory",
            "scripts/sizing ARCHIVE",
        ],
    ),
    (
        Why::Because("builds for minutes"),
        &[
            "cargo +nightly miri test -p bgptap-umem --no-default-features buffer",
            "cargo build --release",
            "cargo fuzz run TARGET",
            "scripts/fuzz TARGET 1 FILE",
            "scripts/fuzz TARGET SECONDS",
        ],
    ),
    (
        Why::Because("needs systemd, which does not run where tests do"),
        &[
            "systemctl edit bgptap",
            "systemctl enable --now bgptap",
            "systemctl reload bgptap",
            "systemctl revert bgptap",
        ],
    ),
    (
        Why::Because("needs a card: a veth has no combined queues, and stamps nothing"),
        &["ethtool -L IFACE combined 256", "hwstamp_ctl -i mon0 -r 1"],
    ),
    (
        Why::Because("needs another machine"),
        &["ssh -L 9180:127.0.0.1:9180 HOST"],
    ),
];

fn not_run() -> impl Iterator<Item = &'static str> {
    NOT_RUN.iter().flat_map(|(_, commands)| *commands).copied()
}

/// Programs that tests do not need: their commands run where they are installed.
const IF_THERE: [&str; 2] = ["adjtimex", "bpftool"];

/// What has to be so before a command can do what it says.
const BEFORE: [(&str, &[&str]); 2] = [
    ("ip link set dev IFACE up", &["ip link set dev IFACE down"]),
    (
        "tc filter del dev eth0 ingress pref 1",
        // A tap that is killed leaves the filter.
        &[
            "set -m; bgptap live --tap --tap-mode clsact -i eth0 </dev/null & \
            until tc filter show dev eth0 ingress | grep -q 'pref 1 '; do sleep 0.1; done; \
            kill -9 $!; wait $! || true",
        ],
    ),
];

/// A command with something in the place of what the reader has to put there.
fn filled_in(command: &str) -> String {
    let is_config = command.contains("config");
    let file = if is_config { "bgptap.toml" } else { "x.pcap" };
    command
        .replace("FILE", file)
        .replace("IFACE", "mon0")
        .replace("ADDR:PORT", "127.0.0.1:9180")
        .replace("==PORT", "==11019")
        .replace("live …", "live -i mon0")
        // What it is already: it is the whole machine's.
        .replace("hugepages=N", "hugepages=$(sysctl -n vm.nr_hugepages)")
        .replace("ulimit -l N", "ulimit -l $(ulimit -H -l)")
}

/// Whether a program can be started, without a word about it if not.
fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

impl Page {
    /// The spans that somebody would type, one by one, each once.
    pub fn typed(&self) -> BTreeSet<String> {
        let spans = self.spans().into_iter();
        spans
            .filter(|span| crate::pages::is_command(span))
            .collect()
    }

    /// Those of them that run, with what has to be so before, as a block.
    pub fn inline(&self) -> Block {
        let mut lines = Vec::new();
        for span in self.typed() {
            if let Some((why, _)) = NOT_RUN.iter().find(|(_, list)| list.contains(&&*span)) {
                println!("{}: not run, {why}: {span}", self.name);
                continue;
            }
            let program = span.split(' ').next().unwrap_or_default();
            if IF_THERE.contains(&program) && !is_there(program) {
                println!("{}: not run, {program} is not installed: {span}", self.name);
                continue;
            }
            let before = BEFORE.iter().find(|(command, _)| *command == span);
            lines.extend(
                before
                    .into_iter()
                    .flat_map(|(_, lines)| *lines)
                    .map(|line| filled_in(line)),
            );
            lines.push(filled_in(&span));
        }
        Block {
            place: format!("{}: inline", self.name),
            language: "sh".into(),
            lines,
        }
    }
}

/// Entries of the tables that are of no use: no page has the command, or what should run it does not.
pub fn idle(pages: &[Page]) -> Vec<String> {
    let typed: BTreeSet<_> = pages.iter().flat_map(Page::typed).collect();
    let tables = not_run().chain(BEFORE.iter().map(|(command, _)| *command));
    let mut idle: Vec<_> = tables
        .filter(|command| !typed.contains(*command))
        .map(|command| format!("no page has `{command}`"))
        .collect();
    for (why, commands) in NOT_RUN {
        if let Why::In(file, words) = why {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            if !text.contains(words) {
                idle.push(format!("{file} has no {words}, to run {commands:?}"));
            }
        }
    }
    idle
}
