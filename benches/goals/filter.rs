//! The steering program on frames that are not BGP, in the kernel's test run.

use super::bench::turns::median;
use super::line::{Goal, Line};
use super::support::wrap;
use bgptap_bpf::{Baseline, Options, Steering};

const ROUNDS: usize = 11;
const RUNS: u32 = 1_000_000;

pub(crate) fn lines() -> Result<Vec<Line>, bgptap_bpf::Error> {
    let (least, steering) = (Baseline::load()?, Steering::plain(&Options::default())?);
    let tcp = |port: u16| {
        let rest = [0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
        [&[0x9c, 0x40], &port.to_be_bytes()[..], &rest, &[0; 26]].concat()
    };
    let web = wrap::ethernet(wrap::IPV4, &wrap::ipv4(6, &tcp(443)));
    let frames = [
        ("IPv4/TCP", web.clone()),
        (
            "IPv4/UDP",
            wrap::ethernet(wrap::IPV4, &wrap::ipv4(17, &wrap::udp(53, &[0; 32]))),
        ),
        (
            "IPv6/TCP",
            wrap::ethernet(wrap::IPV6, &wrap::ipv6(6, &tcp(443))),
        ),
        (
            "IPv4/TCP with a VLAN tag",
            wrap::tagged(&[(wrap::VLAN, 100)], &web),
        ),
    ];
    let mut lines = Vec::new();
    for (name, frame) in frames {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(least.cost(&frame, RUNS)?.as_nanos() as f64);
            ours.push(steering.cost(&frame, RUNS)?.as_nanos() as f64);
        }
        let figures = (median(ours), median(theirs));
        let work = format!("XDP filter on foreign traffic, {name}");
        lines.push(Line::new(
            work,
            "ns/frame",
            "a program that reads the EtherType",
            figures,
            Goal::AtMost(2.0),
        ));
    }
    Ok(lines)
}
