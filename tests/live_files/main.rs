//! Files that a live capture writes while it goes on: evidence, and archives that are closed by the clock.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

#[path = "../bmp/conversation.rs"]
mod conversation;
mod evidence;
mod reload;
mod rotation;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::Scratch;
use support::encode::{Frame, Order, pcap};
use support::net::{Net, WIRE, run};

/// Sends frames as they are, by a packet socket: AF_XDP's own ring, which `replay` uses, has shorter slots.
fn send(net: &Net, scratch: &Scratch, frames: &[Frame]) {
    let file = scratch.write("sent.pcap", &pcap(frames, Order::Little, true));
    let script = format!(
        r#"
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("{WIRE}", 0))
rest = open("{}", "rb").read()[24:]
while rest:
    length = struct.unpack_from("<I", rest, 8)[0]
    assert s.send(rest[16 : 16 + length]) == length
    rest = rest[16 + length :]
"#,
        file.display()
    );
    run(&mut Net::python(&net.wire, &script));
}

/// Waits until files in a folder have names that `wanted` takes; those of them, in order.
fn wait_for_files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    wait_for_so_many_files(folder, 1, wanted)
}

/// The same until there are so many.
fn wait_for_so_many_files(
    folder: &Path,
    count: usize,
    wanted: impl Fn(&str) -> bool,
) -> Vec<PathBuf> {
    let started = Instant::now();
    loop {
        let (good, others): (Vec<_>, Vec<_>) = files(folder)
            .into_iter()
            .partition(|path| wanted(&path.file_name().unwrap().to_string_lossy()));
        if good.len() >= count {
            return good;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{good:?}, {others:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The files in a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}
