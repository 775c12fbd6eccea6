//! tshark's reading of single messages.

use std::path::PathBuf;
use std::process::Command;

use super::Scratch;
use super::encode::{Frame, Order, pcap};
use super::wrap::{IPV4, ethernet, ipv4};

/// A message in a TCP segment of a connection of its own.
fn frame(number: u16, message: &[u8]) -> Frame {
    let ports = [(10_000 + number).to_be_bytes(), 179u16.to_be_bytes()].concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
    let bytes = ethernet(IPV4, &ipv4(6, &[&ports[..], &rest, message].concat()));
    Frame {
        ns: u64::from(number) * 1_000_000,
        wire_len: u32::try_from(bytes.len()).expect("short"),
        link: 1,
        bytes,
    }
}

/// A capture with each message in a connection of its own.
pub fn capture(scratch: &Scratch, messages: &[Vec<u8>]) -> PathBuf {
    let numbered = (0..).zip(messages);
    let frames: Vec<_> = numbered.map(|(n, message)| frame(n, message)).collect();
    scratch.write("messages.pcap", &pcap(&frames, Order::Little, true))
}

/// tshark's PDML of each message, AS numbers taken for four octets.
///
/// # Panics
/// If tshark did not show as many packets as there are messages.
pub fn pdml(messages: &[Vec<u8>]) -> Vec<String> {
    let scratch = Scratch::new("dissect");
    let output = Command::new("tshark")
        .args(["-n", "-o", "tcp.check_checksum:FALSE"])
        .args(["-o", "bgp.asn_len:4 octet", "-T", "pdml", "-r"])
        .arg(capture(&scratch, messages))
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let packets: Vec<_> = text.split("<packet>").skip(1).map(str::to_owned).collect();
    assert_eq!(packets.len(), messages.len(), "each message is a packet");
    packets
}
