//! pmacct's daemon is killed in the midst of a capture, and comes back.

use super::known::Known;
use super::live::assert_no_frame_lost;
use super::ours::{self, Ours};
use super::pmacct::{Daemon, wait, wait_until};
use super::station::Station;
use super::support::encode::{Frame, Order, pcap};
use super::support::frames;
use super::support::net::{Live, Net, TAP, allowed, run};
use super::support::{Scratch, have, recording};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

/// The port of its own in the namespace.
const PORT: u16 = 1790;
/// Where the recording is cut, seconds from its beginning: all sessions are up, then some have ended, and others begun.
const CUTS: [u64; 2] = [16, 25];
/// Frames per second: slow enough for any machine.
const RATE: &str = "2000";
const NS_PER_S: u64 = 1_000_000_000;

/// The recording of the lab in parts, and for each what is known when it has been sent.
fn parts(scratch: &Scratch) -> Vec<(PathBuf, Ours)> {
    let frames = frames::of(recording());
    let begin = frames[0].ns;
    let place =
        |seconds: u64| frames.partition_point(|frame| frame.ns < begin + seconds * NS_PER_S);
    let mut ends = CUTS.map(place).to_vec();
    ends.push(frames.len());
    let file = |name: &str, part: &[Frame]| scratch.write(name, &pcap(part, Order::Little, true));
    let mut begin = 0;
    let parts = ends.into_iter().map(|end| {
        let part = file(&format!("part{end}.pcap"), &frames[begin..end]);
        let so_far = file(&format!("until{end}.pcap"), &frames[..end]);
        begin = end;
        // Whoever listens: it is told of no routers that were not seen.
        let station = Station::start();
        let ours = ours::read(&so_far, station.address, &[]);
        assert_eq!(ours.status, Some(0), "{}", ours.log);
        station.finish();
        (part, ours)
    });
    parts.collect()
}

/// A process and those that it has made, and these.
fn family(pid: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    let all = children.flat_map(family);
    std::iter::once(pid).chain(all).collect()
}

/// Whether a process runs; one that waits to be reaped does not.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

/// Kills it with all its processes, which have no say in it and no time for a last word.
fn kill(mut daemon: Daemon) {
    let family = family(daemon.child.id());
    for pid in &family {
        let mut kill = Command::new("kill");
        run(kill.args(["-s", "KILL", &pid.to_string()]));
    }
    let status = daemon.child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "{status}");
    let have_ended = || !family.iter().copied().any(runs);
    wait("the end of all its processes", have_ended);
}

/// It gets all peers that are up, and none else, with their tables in both directions and their figures, as one that was never
/// away, and follows what comes later.
#[test]
fn pmbmpd_killed_comes_back_and_knows_everything() {
    if !allowed() || !have("pmbmpd") {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("comeback"));
    let launch = |scratch: &Scratch| {
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", &net.mon, "pmbmpd"]);
        Daemon::launch(ip, scratch, PORT)
    };
    let knows = |daemon: &Daemon, ours: &Ours, what: &str| {
        let wanted = Known::of(ours);
        wait_until(what, || Known::by(&daemon.events(), ours), &wanted);
        wanted
    };
    let parts = parts(&scratch);
    let [(first, at_first), (away, meanwhile), (later, in_the_end)] = &parts[..] else {
        panic!("{} parts", parts.len());
    };
    let before = Scratch::new("pmbmpd-before");
    let daemon = launch(&before);
    let station = format!("127.0.0.1:{PORT}");
    let more = ["--bmp", &station, "--bmp-statistics", "1"];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    net.replay(first, &["--rate", RATE]);
    let known = knows(&daemon, at_first, "the first peers");
    kill(daemon);

    net.replay(away, &["--rate", RATE]);
    let after = Scratch::new("pmbmpd-after");
    let daemon = launch(&after);
    let again = knows(&daemon, meanwhile, "what there is when it is back");
    println!(
        "{} peers and {} routes before, {} and {} after",
        known.peers.len(),
        known.routes(),
        again.peers.len(),
        again.routes()
    );
    assert!(known != again && again.peers.len() > 8 && again.routes() > 100);

    net.replay(later, &["--rate", RATE]);
    knows(&daemon, in_the_end, "what came later");
    assert_no_frame_lost(&live.stop());
    knows(&daemon, in_the_end, "the last words");
    kill(daemon);
}
