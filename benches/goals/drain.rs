//! The bare receiver: the same program in the driver's path, one AF_XDP socket, and nothing done with what
//! comes but to touch a byte of it, or to take the time.
//!
//! It takes `bgptap live`'s place: its arguments, how it says that it is ready and how it ends are the same,
//! so that both are measured alike.

use bgptap_bpf::{Attached, META_LEN, Meta, Options};
use bgptap_umem::clock::tai_offset_ns;
use bgptap_umem::xsk::{Bare, SocketOptions, Wish, ZeroCopy};
use hdrhistogram::Histogram;
use signal_hook::consts::SIGINT;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Has it take the time of each frame.
pub(crate) const TIMED: &str = "--timed";
const RING: u32 = 8192;
const PATIENCE: Duration = Duration::from_millis(20);

pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        let value = at.and_then(|at| arguments.get(at + 1));
        value.ok_or_else(|| format!("{name} is missing"))
    };
    let (interface, summary) = (value("-i")?, value("--summary")?);
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGINT, Arc::clone(&stop))?;
    let mut socket = Bare::open(interface, &options(flag("--busy-poll")))?;
    let steering = Attached::load(interface, &Options::default())?;
    steering.insert_socket(0, socket.fd())?;
    eprintln!("bare drain: no metrics at all");
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 2)?;
    let (mut received, mut sum) = (0, 0_u64);
    while !stop.load(Ordering::Relaxed) {
        let count = if flag(TIMED) {
            socket.drain(|below: &[u8; META_LEN], _| {
                if let Some(meta) = Meta::parse(below) {
                    latency.saturating_record(since(&meta).max(1));
                }
            })
        } else {
            socket.drain(|_: &[u8; META_LEN], packet| {
                sum += u64::from(packet.first().copied().unwrap_or_default());
            })
        };
        received += count as u64;
        if count == 0 {
            socket.wait(PATIENCE)?;
        }
    }
    black_box(sum);
    tell_latency(&latency);
    let received = serde_json::json!({ "frames": { "received": received, "drops": {} } });
    Ok(fs::write(summary, received.to_string())?)
}

fn options(busy_poll: bool) -> SocketOptions {
    SocketOptions {
        rx_ring: RING,
        wish: Wish {
            zero_copy: ZeroCopy::Auto,
            multi_buffer: true,
            long_frames: false,
        },
        busy_poll,
    }
}

/// Nanoseconds since the program in the driver's path saw the frame.
fn since(meta: &Meta) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let utc = meta.xdp_ns.saturating_add_signed(-tai_offset_ns());
    u64::try_from(now.as_nanos())
        .unwrap_or(u64::MAX)
        .saturating_sub(utc)
}

/// In `bgptap live`'s words.
fn tell_latency(latency: &Histogram<u64>) {
    let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
    let [median, high, highest] = [0.5, 0.99, 0.999].map(micros);
    eprintln!(
        "  latency     wire to user space: p50 {median:.1} µs, p99 {high:.1} µs, p99.9 {highest:.1} µs"
    );
}
