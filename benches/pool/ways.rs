//! The ways from a frame to a decoder, and what comes in the frames.

use bgptap::bgp::header::{HEADER_LEN, Header};
use bgptap::stream::CLASSES;
use bgptap_umem::buffer::{Buffer, BufferPool};
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ethernet, IPv4 and TCP with timestamps in front of the payload.
const HEADERS: usize = 14 + 20 + 32;

/// Sizes of messages.
///
/// The last one is the churn of the public archives: twenty quantiles, each in the middle of its
/// twentieth, of the 6430 messages in three BGP4MP files (RIPE rrc06 of 2015, Route Views of 2007, and the
/// one that gobgpdump tests with). 99.9 % of those have at most 256 octets.
pub(crate) const MIXES: [(&str, &[u16]); 8] = [
    ("19", &[19]),
    ("64", &[64]),
    ("126", &[126]),
    ("256", &[256]),
    ("1024", &[1024]),
    ("2533", &[2533]),
    ("4096", &[4096]),
    (
        "churn",
        &[
            27, 51, 51, 53, 53, 55, 57, 59, 61, 63, 66, 68, 70, 73, 76, 80, 85, 92, 100, 123,
        ],
    ),
];

/// Frames with one message each, in an order that does not repeat soon.
pub(crate) fn frames(sizes: &[u16]) -> Vec<Vec<u8>> {
    let frame = |i: usize| {
        let size = sizes[i * 7919 % sizes.len()];
        let mut frame = vec![0; HEADERS];
        frame.extend([0xff; 16]);
        frame.extend(size.to_be_bytes());
        frame.push(if size == 19 { 4 } else { 2 });
        frame.resize(HEADERS + usize::from(size), i as u8);
        frame
    };
    (0..1000).map(frame).collect()
}

/// Stands for the decoder: looks at the header and at a byte in each line of the cache.
fn decode(message: &[u8]) -> u64 {
    let length = Header::parse(message).map_or(0, |header| header.length);
    let touched = message.iter().skip(HEADER_LEN).step_by(64);
    u64::from(length) + touched.map(|byte| u64::from(*byte)).sum::<u64>()
}

fn naive(frame: &[u8]) -> u64 {
    let packet = black_box(frame.to_vec());
    let payload = black_box(packet[HEADERS..].to_vec());
    let message = black_box(payload.clone());
    decode(&message)
}

/// As many allocations, of which the last alone is written to.
fn naive_once(frame: &[u8]) -> u64 {
    let packet = black_box(Vec::<u8>::with_capacity(frame.len()));
    let payload = black_box(Vec::<u8>::with_capacity(frame.len() - HEADERS));
    let message = black_box(frame[HEADERS..].to_vec());
    let sum = decode(&message);
    drop((packet, payload));
    sum
}

/// Buffers of each class that are out all the time: one more than there are warm slots, so that all others
/// come from the queue and go back to it.
const OUT: usize = 17;

/// What a pool without atomics looks like: size and free buffers of each class.
struct Locked(Vec<(usize, Free)>);

type Free = Mutex<Vec<Box<[u8]>>>;

impl Locked {
    fn new() -> Self {
        let class = |class: &bgptap_umem::buffer::Class| {
            let slots = (0..class.count)
                .map(|_| vec![0; class.size].into())
                .collect();
            (class.size, Mutex::new(slots))
        };
        Self(CLASSES.iter().map(class).collect())
    }

    fn receive(&self, message: &[u8]) -> u64 {
        let class = self.0.partition_point(|(size, _)| *size < message.len());
        let (_, slots) = &self.0[class];
        let mut buffer = slots.lock().unwrap().pop().unwrap();
        buffer[..message.len()].copy_from_slice(message);
        let sum = decode(black_box(&buffer[..message.len()]));
        slots.lock().unwrap().push(buffer);
        sum
    }
}

fn pooled(pool: &BufferPool, message: &[u8]) -> u64 {
    let mut buffer = pool.acquire(message.len()).unwrap();
    buffer.copy_from_slice(message);
    decode(black_box(&buffer))
}

/// The least that a pool shared among threads can do for a message: one atomic step takes a buffer, another gives it back.
/// Which buffer, of what size and where, nothing is spent on; so it does not hand out any.
struct Floor {
    /// Odd while the buffer is out.
    steps: AtomicU32,
    /// As large as the largest message of the mixes.
    buffer: RefCell<Box<[u8]>>,
}

impl Floor {
    fn new() -> Self {
        let sizes = MIXES.iter().flat_map(|(_, sizes)| *sizes);
        let largest = sizes.copied().max().map_or(0, usize::from);
        Self {
            steps: AtomicU32::new(0),
            buffer: RefCell::new(vec![0; largest].into()),
        }
    }

    fn receive(&self, message: &[u8]) -> u64 {
        let mut buffer = self.buffer.borrow_mut();
        let seen = self.steps.load(Ordering::Relaxed);
        let out = seen.wrapping_add(1);
        self.steps
            .compare_exchange(seen, out, Ordering::Acquire, Ordering::Relaxed)
            .unwrap();
        let buffer = &mut buffer[..message.len()];
        buffer.copy_from_slice(message);
        let sum = decode(black_box(buffer));
        self.steps.fetch_add(1, Ordering::Release);
        sum
    }
}

/// Names of the ways that goals are about.
pub(crate) const NAIVE: &str = "naive";
pub(crate) const POOL: &str = "pool";
pub(crate) const FLOOR: &str = "two atomic steps";

/// The pools that messages are received into.
pub(crate) struct Pools {
    floor: Floor,
    plain: BufferPool,
    wiping: BufferPool,
    locked: Locked,
    busy: BufferPool,
    /// Of `busy`.
    _out: Vec<Buffer>,
}

/// A name, the copies that it makes, and what receives a frame.
pub(crate) type Way<'a> = (&'static str, usize, Box<dyn Fn(&[u8]) -> u64 + 'a>);

impl Pools {
    pub(crate) fn new() -> Self {
        let busy = BufferPool::new(&CLASSES, false).unwrap();
        // The few buffers of the largest classes are not asked for here.
        let classes = CLASSES.iter().filter(|class| class.count > OUT);
        let sizes = classes.flat_map(|class| [class.size; OUT]);
        let out = sizes.map(|size| busy.acquire(size).unwrap()).collect();
        Self {
            busy,
            _out: out,
            floor: Floor::new(),
            plain: BufferPool::new(&CLASSES, false).unwrap(),
            wiping: BufferPool::new(&CLASSES, true).unwrap(),
            locked: Locked::new(),
        }
    }

    /// The ways, in the order of the table.
    pub(crate) fn ways(&self) -> [Way<'_>; 8] {
        let pool = |pool| move |frame: &[u8]| pooled(pool, &frame[HEADERS..]);
        [
            (NAIVE, 3, Box::new(naive)),
            ("naive, one copy", 1, Box::new(naive_once)),
            (
                "mutex",
                1,
                Box::new(|frame| self.locked.receive(&frame[HEADERS..])),
            ),
            (
                FLOOR,
                1,
                Box::new(|frame| self.floor.receive(&frame[HEADERS..])),
            ),
            (POOL, 1, Box::new(pool(&self.plain))),
            ("pool, 18 out", 1, Box::new(pool(&self.busy))),
            ("pool, wiping", 1, Box::new(pool(&self.wiping))),
            (
                "frame",
                0,
                Box::new(|frame| decode(black_box(&frame[HEADERS..]))),
            ),
        ]
    }
}
