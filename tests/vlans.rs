//! Two sessions with the same addresses and ports on two VLANs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use support::flows::{self, on_vlan};

fn read(file: &Path, arguments: &[&str]) -> (Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(file)
        .args(["--summary", "-"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success());
    let summary = serde_json::from_slice(&output.stdout).unwrap();
    (summary, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn sessions_on_two_vlans_are_kept_apart_if_asked_for_and_noticed_if_not() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab-session.pcap");
    let recorded = flows::frames(&std::fs::read(&path).unwrap());
    let both: Vec<_> = recorded
        .iter()
        .filter(|frame| flows::tcp(&frame.bytes).is_some())
        .flat_map(|frame| [on_vlan(frame, 10, 0), on_vlan(frame, 20, 0x8000_0000)])
        .collect();
    let scratch = support::Scratch::new("vlans");
    let file = scratch.write("both.pcap", &flows::file(&both));

    let (one, quiet) = read(&path, &[]);
    let (apart, silent) = read(&file, &["--key-vlan"]);
    for kind in ["OPEN", "UPDATE", "KEEPALIVE"] {
        let count = |summary: &Value| summary["messages"][kind].as_u64().unwrap();
        assert_eq!(count(&apart), 2 * count(&one), "{kind}");
    }
    assert!(!quiet.contains("--key-vlan") && !silent.contains("--key-vlan"));

    let (mixed, warned) = read(&file, &[]);
    let directions = mixed["directions"].as_array().unwrap();
    let strays: u64 = directions
        .iter()
        .map(|direction| direction["tcp"]["out_of_window"].as_u64().unwrap())
        .sum();
    assert!(strays > 0 && warned.contains("--key-vlan"), "{warned}");
    assert_eq!(mixed["unaccounted"]["bytes"], 0);
}
