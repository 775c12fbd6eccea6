//! However a capture ends, the host is as it was before.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::xdp::{Options, Taps, XdpSource, plan};
use bgptap_bpf::{Mode, TapMode};
use bgptap_umem::xsk::FramePool;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::Scratch;
use support::net::{Live, Net, TAP, allowed};
use support::traces::traces;

/// What is the matter with the interface that was not before.
fn changes(net: &Net) -> Vec<String> {
    let mut changes = traces(&net.mon, TAP);
    changes.extend(net.has_program().then(|| "program".to_owned()));
    let promiscuous = !net.tap_link().contains("promiscuity 0");
    changes.extend(promiscuous.then(|| "promiscuous".to_owned()));
    changes
}

/// The kernel removes what belonged to a process a little after its end.
fn wait_for(net: &Net, expected: &[&str]) {
    let started = Instant::now();
    while changes(net) != expected {
        let late = started.elapsed() > Duration::from_secs(10);
        assert!(!late, "{:?}, not {expected:?}", changes(net));
        sleep(Duration::from_millis(50));
    }
}

/// How to capture, by the command line and here, and what may stay when it is killed.
const WAYS: [(&[&str], Option<TapMode>, &[&str]); 3] = [
    (&[], None, &[]),
    (&["--tap"], Some(TapMode::Tcx), &[]),
    (
        &["--tap", "--tap-mode", "clsact"],
        Some(TapMode::Clsact),
        &["filter ingress", "filter egress", "clsact"],
    ),
];

#[test]
fn when_it_is_terminated_or_killed() {
    if !allowed() {
        return;
    }
    for (more, _, stays) in WAYS {
        let (net, scratch) = (Net::new(), Scratch::new("restored"));
        let live = Live::start(&net.mon, TAP, &scratch, more);
        assert!(!changes(&net).is_empty(), "{more:?}");
        live.signal("TERM");
        assert_eq!(live.ended(), Some(0), "{more:?}");
        wait_for(&net, &[]);

        // As when its terminal is closed, of which both kernel and shell may tell.
        let live = Live::start(&net.mon, TAP, &scratch, more);
        live.signal("HUP");
        live.signal("HUP");
        assert_eq!(live.ended(), Some(0), "{more:?}");
        wait_for(&net, &[]);

        Live::start(&net.mon, TAP, &scratch, more).kill();
        wait_for(&net, stays);
    }
}

/// Who starts it by nohup(1) may close the terminal.
#[test]
fn it_outlives_its_terminal_if_it_is_to() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("restored"));
    let nohup = ["nohup", env!("CARGO_BIN_EXE_bgptap")];
    let live = Live::start_by(&nohup, &net.mon, TAP, &scratch, &[]);
    live.signal("HUP");
    net.replay(support::recording(), &["--rate", "10000"]);
    assert_eq!(live.stop()["messages"]["UPDATE"], 3249);
}

/// Names the way in which [`a_capture_that_panics`] captures.
const WAY: &str = "BGPTAP_TEST_PANIC";

/// Run by the test below in a process and a namespace of its own; by itself it is nothing.
#[test]
fn a_capture_that_panics() {
    let Ok(way) = std::env::var(WAY) else {
        return;
    };
    let (_, tap, _) = WAYS[way.parse::<usize>().unwrap()];
    let mode = if tap.is_some() {
        Mode::Native
    } else {
        Mode::Auto
    };
    let mut options = Options {
        interfaces: vec![TAP.into()],
        ring: 256,
        tap,
        mode,
        ..Options::default()
    };
    let memory = plan(&mut options, 256, 256);
    let taps = tap.map(|mode| Taps::prepare(&options, mode).unwrap());
    let pool = match &taps {
        Some(taps) => taps.within(|| FramePool::new(&memory)).unwrap(),
        None => FramePool::new(&memory),
    };
    let pool = pool.unwrap();
    let _source = XdpSource::open(&pool, &options, taps).unwrap();
    println!("\ncapturing");
    std::io::stdin().lines().next();
    panic!("as a bug would");
}

#[test]
fn when_it_panics() {
    if !allowed() {
        return;
    }
    for (number, (more, _, _)) in WAYS.iter().enumerate() {
        let net = Net::new();
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new("ip")
            .args(["netns", "exec", &net.mon])
            .arg(this)
            .args(["--exact", "a_capture_that_panics", "--nocapture"])
            .env(WAY, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "capturing"), "{more:?}");
        assert!(!changes(&net).is_empty(), "{more:?}");
        writeln!(child.stdin.take().unwrap()).unwrap();
        let said: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(101), "{said:?}");
        // Whatever the kernel alone removes may take it a moment; filters it never removes.
        wait_for(&net, &[]);
    }
}
