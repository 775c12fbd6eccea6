//! Whether this machine can capture, and what would have to be done.
//!
//! Each group looks at facts of the kernel and judges them; the two are apart, so that a judgement can
//! be tested with facts that no test machine has. `bgptap doctor` shows all judgements,
//! `bgptap live` refuses to start at the first [`State::Fail`] and repeats each
//! [`State::Warn`]: what the one calls ready is what the other starts with.

mod clock;
mod fix;
mod host;
mod kernel;
mod limits;
pub(crate) mod link;
mod netlink;
mod offloads;
mod programs;
pub mod report;
mod rights;
mod stack;
mod tap;
mod xdp;

pub use fix::{Ran, mend};
pub(crate) use kernel::running;
pub(crate) use limits::no_huge_pages;

use crate::error::SetupError;
use bgptap_bpf::{Release, TapMode};
use serde::Serialize;

/// How good a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// The capture works, but not as well as it could.
    Warn,
    /// There would be no capture, or one that harms.
    Fail,
}

/// What mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command that affects nothing else: `--fix` runs it.
    Command {
        /// Its words.
        words: Vec<String>,
        /// The command that puts back what was found.
        undo: String,
    },
    /// What somebody has to decide or do.
    Advice(String),
}

impl Remedy {
    /// A command, its words parted by single spaces, and the one that puts back what was found.
    fn command(line: &str, undo: impl Into<String>) -> Self {
        Self::Command {
            words: line.split(' ').map(str::to_owned).collect(),
            undo: undo.into(),
        }
    }
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command { words, .. } => f.write_str(&words.join(" ")),
            Self::Advice(text) => f.write_str(text),
        }
    }
}

/// One fact and what is thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which interface it is about; the machine if none.
    pub interface: Option<String>,
    /// What was looked at.
    pub name: &'static str,
    /// How good that is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What mends it, unless all is well.
    pub remedy: Option<Remedy>,
    /// `--force` captures all the same.
    pub may_force: bool,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Self {
        Self {
            interface: None,
            name,
            state,
            found: found.into(),
            remedy: None,
            may_force: false,
        }
    }

    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, found)
    }

    fn warn(name: &'static str, found: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            remedy: Some(remedy),
            ..Self::new(name, State::Warn, found)
        }
    }

    fn fail(name: &'static str, found: impl Into<String>, remedy: Remedy) -> Self {
        Self {
            remedy: Some(remedy),
            ..Self::new(name, State::Fail, found)
        }
    }

    fn or_force(self) -> Self {
        Self {
            may_force: true,
            ..self
        }
    }

    fn on(self, interface: &str) -> Self {
        Self {
            interface: Some(interface.to_owned()),
            ..self
        }
    }
}

/// How frames come to the capture; each way needs something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Taken from the interface by XDP: it has to be a mirror's own.
    #[default]
    Steer,
    /// Copied by tc programs (`--tap`): it may carry the host's own sessions.
    Tap(TapMode),
    /// By a packet socket (`--backend af-packet`), which copies too.
    Packets,
}

/// What is to be captured, and how.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The way of the frames.
    pub way: Way,
    /// Interfaces that a mirror feeds.
    pub interfaces: Vec<String>,
    /// TCP ports of BGP.
    pub ports: Vec<u16>,
    /// Bytes of all frames.
    pub pool_bytes: u64,
    /// Huge pages were asked for.
    pub huge_pages: bool,
    /// Judge as if the kernel were that of this release.
    pub pretend: Option<Release>,
}

/// What a capture needs, looked at before it begins.
#[must_use]
pub fn preflight(wanted: &Wanted) -> Vec<Check> {
    let mut checks = vec![rights::capabilities(wanted.way)];
    if wanted.way != Way::Packets {
        checks.extend([kernel::af_xdp(), limits::memlock(wanted.pool_bytes)]);
    }
    for interface in &wanted.interfaces {
        checks.extend(of_interface(interface, wanted));
    }
    checks
}

fn of_interface(interface: &str, wanted: &Wanted) -> Vec<Check> {
    let mut checks = vec![link::up(interface)];
    if link::exists(interface) && wanted.way == Way::Steer {
        checks.extend([
            xdp::occupant(interface),
            host::bgp(interface, &wanted.ports),
            link::queues(interface),
        ]);
    }
    if let (true, Way::Tap(mode)) = (link::exists(interface), wanted.way) {
        checks.push(tap::interface(interface, mode, wanted.pretend));
    } else if link::exists(interface) {
        checks.push(offloads::merging(interface));
    }
    checks
        .into_iter()
        .map(|check| check.on(interface))
        .collect()
}

/// All that can be known about the machine and the interfaces: [`preflight`], and what only costs
/// quality or is good to know. Loads the steering program to see what the kernel says, but puts it nowhere.
#[must_use]
pub fn examine(wanted: &Wanted) -> Vec<Check> {
    let mut checks = vec![kernel::release(wanted)];
    checks.extend(preflight(wanted));
    checks.push(kernel::sandbox());
    if wanted.way != Way::Packets {
        checks.extend([kernel::program(wanted.pretend), limits::huge_pages(wanted)]);
    }
    checks.extend(clock::checks());
    for interface in wanted.interfaces.iter().filter(|name| link::exists(name)) {
        let mut more = vec![link::carrier(interface)];
        if wanted.way == Way::Steer {
            more.push(xdp::driver(interface));
        }
        // A packet socket is asked before them and takes nothing from them.
        if wanted.way != Way::Packets {
            more.push(programs::traffic_control(interface, wanted.way));
        }
        checks.extend(more.into_iter().map(|check| check.on(interface)));
    }
    // By interface, those of the machine first.
    checks.sort_by_key(|check| {
        let place = |name: &String| wanted.interfaces.iter().position(|i| i == name);
        check.interface.as_ref().map(place)
    });
    checks
}

/// Refuses at the first check that failed; returns what is not as well as it could be.
///
/// # Errors
/// A check failed, and `force` does not help. It has the cause and the remedy.
pub fn admit(checks: &[Check], force: bool) -> Result<Vec<String>, SetupError> {
    let mut warnings = Vec::new();
    for check in checks {
        match check.state {
            State::Ok => {}
            State::Fail if !(force && check.may_force) => return Err(refusal(check)),
            State::Fail | State::Warn => warnings.push(report::sentence(check)),
        }
    }
    Ok(warnings)
}

fn refusal(check: &Check) -> SetupError {
    let mut remedy = check
        .remedy
        .as_ref()
        .map_or_else(|| "bgptap doctor".to_owned(), Remedy::to_string);
    if check.may_force {
        remedy.push_str("; --force captures all the same");
    }
    let why = check.found.clone();
    match &check.interface {
        Some(interface) => SetupError::Interface {
            interface: interface.clone(),
            what: "capturing",
            why,
            remedy,
        },
        None => SetupError::Other {
            what: "capturing".into(),
            why,
            remedy,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Check {
        let remedy = Remedy::command("ip link set dev x up", "ip link set dev x down");
        Check::fail("link", "the interface is down", remedy).on("x")
    }

    #[test]
    fn a_failed_check_refuses_with_cause_and_remedy() {
        let text = admit(&[failed()], true).expect_err("refused").to_string();
        for part in ["on x", "the interface is down", "ip link set dev x up"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("--force"), "it would not help: {text}");
    }

    #[test]
    fn force_turns_some_refusals_into_warnings() {
        let check = failed().or_force();
        let text = admit(std::slice::from_ref(&check), false).expect_err("refused");
        assert!(text.to_string().contains("--force"), "{text}");
        let warnings = admit(&[check], true).expect("forced");
        assert_eq!(
            warnings,
            ["x: the interface is down (ip link set dev x up)"]
        );
    }

    #[test]
    fn only_what_takes_frames_minds_the_hosts_own_sessions() {
        let names = |way| -> Vec<&str> {
            let wanted = Wanted {
                way,
                interfaces: vec!["lo".into()],
                ..Wanted::default()
            };
            preflight(&wanted).iter().map(|check| check.name).collect()
        };
        let steer = names(Way::Steer);
        for name in [
            "own BGP",
            "XDP programs",
            "queues",
            "locked memory",
            "AF_XDP",
        ] {
            assert!(steer.contains(&name), "{steer:?}");
        }
        assert_eq!(
            names(Way::Tap(TapMode::Tcx)),
            ["capabilities", "AF_XDP", "locked memory", "link", "tap"]
        );
        assert_eq!(names(Way::Packets), ["capabilities", "link", "offloads"]);
    }

    #[test]
    fn what_is_well_says_nothing() {
        let warnings = admit(&[Check::ok("link", "up")], false).expect("ready");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
