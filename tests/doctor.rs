//! `bgptap doctor` on a veth: what it says, how it ends, and that its remedies mend.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::io::Read;
use std::process::{Command, Output, Stdio};
use support::Scratch;
use support::net::{self, Live, Net, TAP, WIRE, allowed};

fn doctor(net: &Net, more: &[&str]) -> Output {
    let args = [&["doctor", "-i", TAP], more].concat();
    Net::bgptap(&net.mon, &args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(net: &Net, more: &[&str]) -> Value {
    let output = doctor(net, &[&["--json"], more].concat());
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

fn check<'v>(report: &'v Value, name: &str) -> &'v Value {
    let checks = report["checks"].as_array().expect("an array");
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

/// The line of a check, and the one below it.
fn lines<'t>(table: &'t str, name: &str) -> (&'t str, &'t str) {
    let mut lines = table.lines();
    let line = lines.find(|line| line.contains(&format!("  {name} ")));
    (line.expect(name), lines.next().unwrap_or_default())
}

fn set_down(net: &Net) {
    net::run(Command::new("ip").args(["-n", &net.mon, "link", "set", TAP, "down"]));
}

#[test]
fn a_veth_is_ready_and_stays_as_it_is() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let link = net.tap_link();
    let output = doctor(&net, &[]);
    let table = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{table}");
    assert!(!table.contains("FAIL"), "{table}");
    for (name, found) in [
        ("link", "up"),
        ("driver", "veth: native XDP, copy, multi-buffer"),
        ("queues", "1 to receive from"),
        ("offloads", "no LRO"),
        ("XDP programs", "none"),
        ("tc programs", "none"),
        ("BPF", "the steering program loads"),
        ("capabilities", "CAP_NET_RAW"),
        ("locked memory", "108 MiB needed"),
        ("huge pages", "not asked for"),
    ] {
        let (line, _) = lines(&table, name);
        assert!(line.contains(found), "{line}");
    }
    assert_eq!(net.tap_link(), link, "nothing was changed");

    let report = json(&net, &[]);
    assert_eq!(report["ready"], true);
    assert_eq!(check(&report, "driver")["interface"], TAP);
    assert_eq!(check(&report, "kernel")["interface"], Value::Null);
}

#[test]
fn the_printed_remedy_makes_it_ready() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    set_down(&net);
    let output = doctor(&net, &[]);
    let table = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{table}");
    let (line, below) = lines(&table, "link");
    assert!(line.contains("the interface is down"), "{line}");
    assert!(line.starts_with("FAIL"), "{line}");
    let remedy = below.trim().strip_prefix("try: ").expect("a remedy");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &net.mon]);
    net::run(command.args(remedy.split(' ')));
    assert_eq!(doctor(&net, &[]).status.code(), Some(0));
}

#[test]
fn fix_runs_what_it_says_and_nothing_else() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    // More receive queues than sockets can be in the map, and down.
    net::run(Command::new("ip").args(["-n", &net.mon, "link", "del", TAP]));
    net::run(Command::new("ip").args([
        "-n",
        &net.mon,
        "link",
        "add",
        TAP,
        "numrxqueues",
        "300",
        "numtxqueues",
        "1",
        "type",
        "veth",
        "peer",
        "name",
        WIRE,
        "netns",
        &net.wire,
    ]));
    net::run(Command::new("ip").args(["-n", &net.wire, "link", "set", WIRE, "up"]));
    let before = json(&net, &[]);
    assert_eq!(before["ready"], false);
    assert_eq!(before["ran"].as_array().unwrap().len(), 0);
    assert_eq!(check(&before, "queues")["fixable"], true);
    assert_eq!(check(&before, "queues")["remedy"], "ethtool -L tap0 rx 256");

    let output = doctor(&net, &["--fix"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let ran: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("bgptap: running: "))
        .collect();
    let undo: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("bgptap: this would undo it: "))
        .collect();
    assert_eq!(
        undo,
        ["ip link set dev tap0 down", "ethtool -L tap0 rx 300"]
    );
    assert_eq!(ran, ["ip link set dev tap0 up", "ethtool -L tap0 rx 256"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).contains("256 to receive from"));

    let again = json(&net, &["--fix"]);
    assert_eq!(again["ready"], true);
    assert_eq!(
        again["ran"].as_array().unwrap().len(),
        0,
        "nothing was left"
    );
}

#[test]
fn a_remedy_that_fails_is_told() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    set_down(&net);
    // Without CAP_NET_ADMIN `ip` may not.
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &net.mon]);
    command.args(["setpriv", "--bounding-set", "-net_admin"]);
    command.arg(env!("CARGO_BIN_EXE_bgptap"));
    let output = command
        .args(["doctor", "-i", TAP, "--fix", "--json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ran"][0]["command"], "ip link set dev tap0 up");
    let error = report["ran"][0]["error"].as_str().expect("an error");
    assert!(error.contains("Operation not permitted"), "{error}");
    assert_eq!(check(&report, "link")["state"], "fail");
    let rights = check(&report, "capabilities");
    assert_eq!(rights["found"], "the process lacks CAP_NET_ADMIN");
}

#[test]
fn others_on_the_interface_are_seen() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("doctor"));
    let tc = |args: &str| {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &net.mon, "tc"]);
        net::run(command.args(args.split(' ')));
    };
    tc("qdisc add dev tap0 clsact");
    tc("filter add dev tap0 ingress u32 match u32 0 0");
    let report = json(&net, &[]);
    let programs = check(&report, "tc programs");
    assert_eq!(programs["state"], "warn", "{programs}");
    let found = programs["found"].as_str().unwrap();
    assert!(
        found.starts_with("1 tc filters on ingress, 0 tcx programs"),
        "{found}"
    );
    assert_eq!(report["ready"], true, "they hinder nothing");

    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    let report = json(&net, &[]);
    assert_eq!(report["ready"], false, "there is a capture already");
    let remedy = check(&report, "XDP programs")["remedy"].as_str().unwrap();
    assert!(remedy.contains("ip link set dev tap0 xdp off"), "{remedy}");
    // Whose program that is, is not for a machine to decide.
    assert_eq!(check(&report, "XDP programs")["fixable"], false);
    live.stop();
    assert_eq!(json(&net, &[])["ready"], true);
}

#[test]
fn missing_huge_pages_come_with_their_number() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let report = json(&net, &["--huge-pages"]);
    let huge = check(&report, "huge pages");
    let free: u64 = {
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = memory
            .lines()
            .find_map(|l| l.strip_prefix("HugePages_Free:"));
        line.unwrap().trim().parse().unwrap()
    };
    if free < 54 {
        // 108 MiB in pages of 2 MiB.
        assert_eq!(huge["state"], "warn", "{huge}");
        let remedy = huge["remedy"].as_str().unwrap();
        assert!(remedy.starts_with("sysctl vm.nr_hugepages="), "{remedy}");
    } else {
        assert_eq!(huge["state"], "ok", "{huge}");
    }
    assert_eq!(report["ready"], true, "ordinary pages serve");
}

fn names(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().expect("an array");
    checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect()
}

/// Each way to capture is judged by what it takes, and by nothing else.
#[test]
fn the_table_fits_what_is_going_to_run() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    net.add_addresses("192.0.2.2", "192.0.2.1");
    let script = "import socket; s=socket.create_server(('192.0.2.2',179)); import sys; print(1,flush=True); sys.stdin.read()";
    let mut speaker = Net::python(&net.mon, script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut byte = [0];
    speaker
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut byte)
        .unwrap();

    let steered = json(&net, &[]);
    assert_eq!(check(&steered, "own BGP")["state"], "fail");
    assert_eq!(steered["ready"], false, "{steered:#}");

    let tapped = json(&net, &["--tap"]);
    assert_eq!(tapped["ready"], true, "{tapped:#}");
    assert_eq!(
        check(&tapped, "tap")["found"],
        "by tcx, of which nothing stays"
    );
    let rights = check(&tapped, "capabilities")["found"].as_str().unwrap();
    assert!(rights.contains("CAP_SYS_ADMIN"), "{rights}");
    for other in ["own BGP", "queues", "driver", "XDP programs"] {
        assert!(!names(&tapped).contains(&other), "{other}");
    }
    let output = doctor(&net, &["--tap"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("ready to capture: bgptap live --tap -i tap0"),
        "{said}"
    );

    let packets = json(&net, &["--backend", "af-packet"]);
    assert_eq!(packets["ready"], true, "{packets:#}");
    assert_eq!(check(&packets, "capabilities")["found"], "CAP_NET_RAW");
    for other in [
        "own BGP",
        "queues",
        "driver",
        "AF_XDP",
        "BPF",
        "locked memory",
        "tap",
    ] {
        assert!(!names(&packets).contains(&other), "{other}");
    }
    drop(speaker.stdin.take());
    speaker.wait().unwrap();
}

#[test]
fn an_older_kernel_is_told_what_it_lacks() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let old = |more: &[&str]| json(&net, &[&["--pretend-linux", "5.15"], more].concat());
    let steered = old(&[]);
    assert_eq!(check(&steered, "kernel")["state"], "warn");
    assert_eq!(steered["ready"], true, "{steered:#}");
    let tapped = old(&["--tap"]);
    assert_eq!(check(&tapped, "tap")["state"], "warn");
    assert_eq!(tapped["ready"], true, "{tapped:#}");
    let by_tcx = old(&["--tap", "--tap-mode", "tcx"]);
    assert_eq!(check(&by_tcx, "tap")["state"], "fail");
    assert_eq!(by_tcx["ready"], false, "{by_tcx:#}");

    let older = json(&net, &["--pretend-linux", "5.10"]);
    assert_eq!(check(&older, "BPF")["state"], "fail");
    let remedy = check(&older, "BPF")["remedy"].as_str().unwrap();
    assert!(remedy.contains("--backend af-packet"), "{remedy}");
    let flags = ["--pretend-linux", "5.10", "--backend", "af-packet"];
    assert_eq!(json(&net, &flags)["ready"], true);
}
