//! What the steering program costs on frames that are not BGP, beside a program that only reads the
//! EtherType: the price that a mirror port pays for each frame of its other traffic.
//!
//! `cargo bench --bench xdp_filter` (root). Each figure is the median of rounds in which both
//! programs run by turns (`BPF_PROG_TEST_RUN` with `repeat`), so that both meet the same machine.

use bgptap_bpf::{Baseline, Options, Steering};
use std::time::Duration;

#[path = "../tests/support/wrap.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod wrap;

const ROUNDS: usize = 15;
const RUNS: u32 = 1_000_000;

fn tcp(port: u16) -> Vec<u8> {
    let ports = [0x9c, 0x40];
    let rest = [0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
    [&ports[..], &port.to_be_bytes(), &rest, &[0; 26]].concat()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (baseline, steering) = (Baseline::load()?, Steering::plain(&Options::default())?);
    let web = wrap::ethernet(wrap::IPV4, &wrap::ipv4(6, &tcp(443)));
    let in_wrap = |name: &str| wrap::WRAPS.iter().find(|w| w.0 == name).map(|w| w.1(&web));
    let frames = [
        ("IPv4/TCP", Some(web.clone())),
        (
            "IPv4/UDP",
            Some(wrap::ethernet(
                wrap::IPV4,
                &wrap::ipv4(17, &wrap::udp(53, &[0; 32])),
            )),
        ),
        (
            "IPv6/TCP",
            Some(wrap::ethernet(wrap::IPV6, &wrap::ipv6(6, &tcp(443)))),
        ),
        ("IPv4/TCP, one VLAN tag", in_wrap("vlan")),
        ("IPv4/TCP in QinQ and MPLS", in_wrap("qinq and mpls")),
        ("IPv4/TCP in VXLAN", in_wrap("vxlan")),
        ("IPv4/TCP in ERSPAN II", in_wrap("erspan ii")),
    ];
    println!("ns a frame, median of {ROUNDS} rounds of {RUNS}");
    println!(
        "{:28} {:>9} {:>9} {:>6}",
        "frame", "EtherType", "steering", "ratio"
    );
    for (name, frame) in frames {
        let frame = frame.ok_or("no such encapsulation")?;
        let (mut least, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            least.push(baseline.cost(&frame, RUNS)?);
            ours.push(steering.cost(&frame, RUNS)?);
        }
        let (least, ours) = (median(least), median(ours));
        println!("{name:28} {least:9.1} {ours:9.1} {:6.2}", ours / least);
    }
    Ok(())
}
