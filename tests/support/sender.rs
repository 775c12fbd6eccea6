//! Frames sent from chosen queues of chosen interfaces, in an order that is kept.

use super::net::Net;
use bgptap_umem::xsk::{SendError, Transmitter};
use nix::sched::{CloneFlags, setns};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where a frame leaves: interface and queue.
pub type Exit = (&'static str, u32);

/// When frames leave.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So far apart that each is received before the next is sent.
    Apart,
    /// One upon the other, with rests: the ring of a veth has room for 256.
    Bursts,
}

/// Frames in a burst, and the rest after it.
const BURST: usize = 64;
const REST: Duration = Duration::from_millis(5);
const APART: Duration = Duration::from_millis(1);

/// Sends each frame from where it should leave.
pub fn send(net: &Net, frames: &[(Exit, Vec<u8>)], pace: Pace) {
    let namespace = File::open(Path::new("/run/netns").join(&net.wire)).unwrap();
    // A thread of its own: it stays in that namespace.
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            send_here(frames, pace);
        });
        sending.join().unwrap();
    });
}

fn send_here(frames: &[(Exit, Vec<u8>)], pace: Pace) {
    let mut exits: BTreeMap<Exit, Transmitter> = BTreeMap::new();
    let started = Instant::now();
    for (number, (exit, frame)) in frames.iter().enumerate() {
        let transmitter = exits
            .entry(*exit)
            .or_insert_with(|| Transmitter::open(exit.0, exit.1, 512).unwrap());
        match pace {
            Pace::Apart => {
                let due = APART * u32::try_from(number).unwrap();
                std::thread::sleep(due.saturating_sub(started.elapsed()));
            }
            Pace::Bursts if number % BURST == 0 => std::thread::sleep(REST),
            Pace::Bursts => {}
        }
        while transmitter.send(frame) == Err(SendError::Full) {
            transmitter.flush().unwrap();
        }
        // One by one: the next frame may leave elsewhere, and must not overtake this one.
        assert!(transmitter.drain(Duration::from_secs(5)).unwrap());
    }
}
