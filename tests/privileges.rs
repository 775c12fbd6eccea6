//! Which rights a capture takes, and that it gives them up.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use support::net::{self, Live, Net, TAP, allowed};
use support::talk::Talk;
use support::traces::wait_until_gone;
use support::{Scratch, recording};

const NOBODY: &str = "65534";

/// `NAME:\tVALUE` of every thread of a process, as proc(5) has it.
fn of_all_threads(pid: u32, name: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let values = tasks.map(|task| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim_start_matches(':').trim().to_owned()
    });
    values.collect()
}

fn assert_powerless(live: &Live) {
    let threads = of_all_threads(live.pid(), "CapEff").len();
    assert!(threads >= 3, "worker, metrics and writer: {threads}");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        for value in of_all_threads(live.pid(), set) {
            assert_eq!(value, "0000000000000000", "{set}");
        }
    }
    for value in of_all_threads(live.pid(), "NoNewPrivs") {
        assert_eq!(value, "1");
    }
    let said = "no capabilities are left, files and network are closed but for the outputs";
    assert!(live.log().contains(said), "{}", live.log());
}

/// Asks for /metrics, as a Prometheus in the namespace would.
fn scrape(net: &Net, live: &Live) -> String {
    let log = live.log();
    let url = log
        .split("metrics at ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let script = format!("import urllib.request as u; print(u.urlopen('{url}').read().decode())");
    let mut python = Command::new("ip");
    python.args(["netns", "exec", &net.mon, "python3", "-c", &script]);
    String::from_utf8(net::run(&mut python).stdout).unwrap()
}

/// Captures the recording; by then all rights are gone.
fn capture(bgptap: &[&str], net: &Net, scratch: &Scratch) {
    let events = scratch.path("events.json");
    let more = [
        "--json",
        events.to_str().unwrap(),
        "--metrics",
        "127.0.0.1:0",
    ];
    let live = Live::start_by(bgptap, &net.mon, TAP, scratch, &more);
    assert_powerless(&live);
    // More than the rings hold: sockets are woken, counters read and frames refilled without rights.
    net.replay(recording(), &["--rate", "20000", "--loop", "4"]);
    assert!(scrape(net, &live).contains("bgptap_messages_total"));
    let link = net.tap_link();
    assert!(link.contains("promiscuity 1"), "{link}");
    let summary = live.stop();
    let frames = &summary["frames"];
    assert_eq!(frames["redirected"], 4 * 3205, "{frames}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{frames}");
    assert_eq!(summary["messages"]["UPDATE"], 4 * 3249);
    let updates = fs::read_to_string(&events).unwrap();
    assert!(updates.matches("\"UPDATE\"").count() >= 4 * 3249);
    assert!(!net.has_program(), "it went without rights too");
    assert!(net.tap_link().contains("promiscuity 0"));
}

#[test]
fn root_is_powerless_once_it_captures() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("privileges"));
    capture(&[env!("CARGO_BIN_EXE_bgptap")], &net, &scratch);
}

#[test]
fn nobody_captures_by_the_capabilities_of_the_file() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("privileges"));
    // As docs/operations.md has it.
    let rights = "cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock+ep";
    let nobody = granted(&scratch, rights);
    let nobody: Vec<&str> = nobody.iter().map(String::as_str).collect();
    capture(&nobody, &net, &scratch);
    let owner = fs::metadata(scratch.path("events.json")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&owner), 65534);
}

/// A copy of `bgptap` that anybody runs with these capabilities, and the command that runs it as nobody.
fn granted(scratch: &Scratch, rights: &str) -> Vec<String> {
    fs::set_permissions(scratch.path("."), Permissions::from_mode(0o777)).unwrap();
    let bgptap = scratch.path("bgptap");
    net::copy_bgptap(&bgptap);
    net::run(Command::new("setcap").arg(rights).arg(&bgptap));
    let mut command: Vec<String> = [
        "setpriv",
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
    ]
    .map(String::from)
    .to_vec();
    command.push(bgptap.to_str().unwrap().to_owned());
    command
}

/// A tap needs one more to have a namespace, and keeps one where filters are to be removed.
#[test]
fn nobody_taps_by_the_capabilities_of_the_file() {
    if !allowed() {
        return;
    }
    const NET_ADMIN: &str = "0000000000001000";
    const NONE: &str = "0000000000000000";
    for (mode, left) in [("tcx", NONE), ("clsact", NET_ADMIN)] {
        let (net, scratch) = (Net::new(), Scratch::new("privileges"));
        let rights = "cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock,cap_sys_admin+ep";
        let command = granted(&scratch, rights);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let mut talk = Talk::start(&net);
        let more = ["--tap", "--tap-mode", mode];
        let live = Live::start_by(&command, &net.mon, TAP, &scratch, &more);
        for set in ["CapEff", "CapPrm"] {
            for value in of_all_threads(live.pid(), set) {
                assert_eq!(value, left, "{mode}: {set}");
            }
        }
        talk.exchange(100);
        let summary = live.stop();
        assert_eq!(summary["messages"]["KEEPALIVE"], 200, "{mode}: {summary}");
        wait_until_gone(&net.mon, TAP);
    }
}

/// Before anything is done, whichever of the four it is.
#[test]
fn a_missing_capability_is_named() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    for name in ["net_raw", "net_admin", "bpf", "perfmon"] {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &net.mon, "setpriv"]);
        // CAP_SYS_ADMIN would stand in for two of them.
        command.args(["--bounding-set", &format!("-sys_admin,-{name}")]);
        command.arg(env!("CARGO_BIN_EXE_bgptap"));
        command.args(["live", "-i", TAP, "--metrics", "127.0.0.1:0"]);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let said = format!("lacks CAP_{}\n", name.to_uppercase());
        assert!(text.contains(&said), "{name}: {text}");
    }
}
