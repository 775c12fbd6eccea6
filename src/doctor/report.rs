//! The checks as a table and as JSON.

use super::{Check, Ran, Remedy, State};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Whether a capture could start.
#[must_use]
pub fn ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Fail)
}

/// One line for each check, and below it what mends it.
#[must_use]
pub fn table(checks: &[Check]) -> String {
    let place = |check: &Check| check.interface.clone().unwrap_or_else(|| "machine".into());
    let width = |of: &dyn Fn(&Check) -> usize| checks.iter().map(of).max().unwrap_or(0);
    let (places, names) = (
        width(&|check| place(check).len()),
        width(&|check| check.name.len()),
    );
    let mut text = String::new();
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{state:4}  {:places$}  {:names$}  {}",
            place(check),
            check.name,
            check.found
        );
        if let Some(remedy) = &check.remedy {
            let indent = 4 + 2 + places + 2 + names + 2;
            let _ = writeln!(text, "{:indent$}try: {remedy}", "");
        }
    }
    text
}

/// One object with everything that [`table`] says, and what was run.
#[must_use]
pub fn json(checks: &[Check], ran: &[Ran]) -> Value {
    let check = |check: &Check| {
        json!({
            "interface": check.interface,
            "check": check.name,
            "state": check.state,
            "found": check.found,
            "remedy": check.remedy.as_ref().map(Remedy::to_string),
            "fixable": matches!(check.remedy, Some(Remedy::Command { .. })),
        })
    };
    let command = |ran: &Ran| json!({"command": ran.command, "error": ran.error, "undo": ran.undo});
    json!({
        "ready": ready(checks),
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
        "ran": ran.iter().map(command).collect::<Vec<_>>(),
    })
}

/// A check in a line of running text.
pub(super) fn sentence(check: &Check) -> String {
    let mut text = match &check.interface {
        Some(interface) => format!("{interface}: {}", check.found),
        None => check.found.clone(),
    };
    if let Some(remedy) = &check.remedy {
        let _ = write!(text, " ({remedy})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> [Check; 2] {
        let remedy = Remedy::command("ip link set dev mon0 up", "ip link set dev mon0 down");
        [
            Check::ok("kernel", "Linux 6.18"),
            Check::fail("link", "the interface is down", remedy).on("mon0"),
        ]
    }

    #[test]
    fn the_table_is_aligned_and_shows_the_remedy() {
        let expected = [
            "ok    machine  kernel  Linux 6.18",
            "FAIL  mon0     link    the interface is down",
            "                       try: ip link set dev mon0 up",
            "",
        ];
        assert_eq!(table(&checks()), expected.join("\n"));
    }

    #[test]
    fn one_failure_is_not_ready() {
        assert!(!ready(&checks()));
        assert!(ready(&checks()[..1]));
        let json = json(&checks(), &[]);
        assert_eq!(json["ready"], false);
        assert_eq!(json["checks"][0]["state"], "ok");
        assert_eq!(json["checks"][1]["remedy"], "ip link set dev mon0 up");
        assert_eq!(json["checks"][1]["fixable"], true);
    }
}
