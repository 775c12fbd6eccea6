//! What a writer writes, drops and counts.

use super::*;
use std::sync::mpsc;

/// 64 MiB, what a table of 100,000 prefixes makes in a second.
const CHUNKS: usize = 64 * CHUNKS_PER_MIB;

/// Collects what is written; every write waits for permission first.
struct Gated {
    gate: mpsc::Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.gate.recv();
        self.written
            .lock()
            .expect("no panic")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lines(writer: &mut Writer, count: usize) -> Vec<u8> {
    let mut expected = Vec::new();
    for i in 0..count {
        let line = format!("{i:>1000}\n");
        expected.extend_from_slice(line.as_bytes());
        writer.event(0, |out| out.extend_from_slice(line.as_bytes()));
    }
    expected
}

#[test]
fn a_waiting_writer_loses_nothing_however_slow_the_disk() {
    let (open, gate) = mpsc::channel();
    let written = Arc::default();
    let out = Gated {
        gate,
        written: Arc::clone(&written),
    };
    let mut writer = Writer::start(out, WhenFull::Wait, CHUNKS).expect("a thread");
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        drop(open);
    });
    // More than all chunks together hold.
    let expected = lines(&mut writer, 2 * CHUNKS * CHUNK_BYTES / 1000);
    writer.close().expect("nothing fails");
    opener.join().expect("no panic");
    assert_eq!(*written.lock().expect("no panic"), expected);
    assert_eq!(writer.lost_full() + writer.lost_broken(), 0);
}

#[test]
fn a_dropping_writer_counts_what_it_drops_and_never_waits() {
    let (open, gate) = mpsc::channel();
    let written: Arc<Mutex<Vec<u8>>> = Arc::default();
    let out = Gated {
        gate,
        written: Arc::clone(&written),
    };
    let mut writer = Writer::start(out, WhenFull::Drop, CHUNKS).expect("a thread");
    let count = 2 * CHUNKS * CHUNK_BYTES / 1000;
    lines(&mut writer, count);
    assert!(writer.lost_full() > 0, "the disk stands still");
    let lost = writer.lost_full();
    drop(open);
    writer.close().expect("nothing fails");
    let lost = lost.max(writer.lost_full());
    let got = written
        .lock()
        .expect("no panic")
        .iter()
        .filter(|b| **b == b'\n')
        .count();
    assert_eq!(got as u64 + lost, count as u64);
}

/// Events that come one by one, each offered at once, as on a quiet session.
#[test]
fn a_stalled_target_has_chunks_that_are_full_however_slowly_events_come() {
    let (open, gate) = mpsc::channel();
    let written: Arc<Mutex<Vec<u8>>> = Arc::default();
    let out = Gated {
        gate,
        written: Arc::clone(&written),
    };
    let mut writer = Writer::start(out, WhenFull::Drop, 16).expect("a thread");
    // A quarter of what sixteen chunks hold: far more than sixteen events.
    for number in 0..256 {
        writer.event(0, |out| out.extend(format!("{number:>1023}\n").bytes()));
        writer.offer();
    }
    assert_eq!(writer.lost_full(), 0, "there is room");
    drop(open);
    writer.close().expect("nothing fails");
    assert_eq!(written.lock().expect("no panic").len(), 256 << 10);
}

/// What a target was given, by the time of its file; it fails while `broken` says so.
#[derive(Clone, Default)]
struct Recorded {
    files: Arc<Mutex<Vec<(u64, String)>>>,
    broken: Arc<AtomicBool>,
    retry: bool,
    /// Events that were taken and will be lost with the next failure.
    held: Arc<Mutex<u64>>,
}

impl Target for Recorded {
    fn write(&mut self, events: &[u8], _: u64, at_ns: u64) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let text = String::from_utf8(events.to_vec()).expect("text");
        self.files.lock().expect("no panic").push((at_ns, text));
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn recover(&mut self) -> Recovery {
        let lost = std::mem::take(&mut *self.held.lock().expect("no panic"));
        Recovery {
            again: self.retry,
            lost,
        }
    }
}

impl Recorded {
    fn start(&self, division: Division) -> Writer {
        let options = Options {
            division,
            when_full: WhenFull::Wait,
            chunks: 4,
        };
        Writer::start_with(self.clone(), options).expect("a thread")
    }

    fn files(&self) -> Vec<(u64, String)> {
        self.files.lock().expect("no panic").clone()
    }
}

fn owned(files: &[(u64, &str)]) -> Vec<(u64, String)> {
    files
        .iter()
        .map(|(at, text)| (*at, (*text).to_owned()))
        .collect()
}

#[test]
fn no_chunk_holds_events_of_two_periods_and_periods_never_go_back() {
    let target = Recorded::default();
    let period = NonZeroU64::new(10).expect("not zero");
    let mut writer = target.start(Division::Every(period));
    for (ns, text) in [(11, "a"), (19, "b"), (20, "c"), (15, "late"), (41, "d")] {
        writer.event(ns, |out| out.extend_from_slice(text.as_bytes()));
    }
    writer.advance(55);
    writer.advance(56);
    writer.close().expect("nothing fails");
    // Behind each comes the word that its period is over.
    let files = [
        (10, "ab"),
        (20, ""),
        (20, "clate"),
        (40, ""),
        (40, "d"),
        (50, ""),
    ];
    assert_eq!(target.files(), owned(&files));
}

#[test]
fn files_that_are_told_change_when_that_is_said() {
    let target = Recorded::default();
    let mut writer = target.start(Division::Told);
    writer.cut(7);
    writer.event(1, |out| out.push(b'a'));
    writer.event(99, |out| out.push(b'b'));
    writer.cut(8);
    writer.close().expect("nothing fails");
    assert_eq!(target.files(), owned(&[(7, "ab"), (8, "")]));
}

#[test]
fn what_fails_for_a_while_goes_on_afterwards_and_its_losses_are_counted() {
    let target = Recorded {
        retry: true,
        ..Recorded::default()
    };
    let mut writer = target.start(Division::None);
    let write = |writer: &mut Writer, text: &str| {
        writer.event(1, |out| out.extend_from_slice(text.as_bytes()));
        writer.flush();
    };
    target.broken.store(true, Ordering::Relaxed);
    // As if two events before it were in a compressor.
    *target.held.lock().expect("no panic") = 2;
    write(&mut writer, "lost");
    while writer.lost_broken() < 3 {
        std::thread::yield_now();
    }
    assert!(!writer.is_broken(), "there is hope");
    target.broken.store(false, Ordering::Relaxed);
    std::thread::sleep(RETRY);
    write(&mut writer, "kept");
    let error = writer.close().expect_err("it did fail");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(target.files(), owned(&[(1, "kept")]));
    assert_eq!(writer.lost_broken(), 3);
}

#[test]
fn a_failing_disk_is_reported_once_and_its_losses_counted() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::start(Full, WhenFull::Wait, CHUNKS).expect("a thread");
    lines(&mut writer, 200);
    let error = writer.close().expect_err("the disk is full");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(writer.is_broken());
    assert_eq!(writer.lost_broken(), 200);
}

/// A disk that is frozen: the end does not wait for it for ever, and says what it has not taken.
#[test]
fn a_writer_that_hangs_is_not_waited_for() {
    let (open, gate) = mpsc::channel();
    let out = Gated {
        gate,
        written: Arc::default(),
    };
    let mut writer = Writer::start(out, WhenFull::Drop, CHUNKS).expect("a thread");
    let count = 10 * CHUNK_BYTES / 1000;
    lines(&mut writer, count);
    let until = Deadline::after(Duration::from_millis(50));
    let error = writer.close_by(until).expect_err("it hangs");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(writer.losses().late(), count as u64);
    assert_eq!(writer.lost_full() + writer.lost_broken(), 0);
    // As if the disk came back afterwards: nothing is counted twice.
    drop(open);
    drop(writer);
}

/// Three that hang take no longer than one.
#[test]
fn writers_are_closed_at_once() {
    let until = Deadline::after(Duration::from_millis(300));
    let mut gates = Vec::new();
    let mut writers: Vec<_> = std::iter::repeat_with(|| {
        let (open, gate) = mpsc::channel();
        gates.push(open);
        let written = Arc::default();
        Writer::start(Gated { gate, written }, WhenFull::Drop, CHUNKS).expect("a thread")
    })
    .take(3)
    .collect();
    for writer in &mut writers {
        lines(writer, 10);
        writer.begin_close();
    }
    let closed = writers.iter_mut().map(|writer| writer.close_by(until));
    assert!(closed.into_iter().all(|closed| closed.is_err()));
    assert!(until.has_passed());
    let late: u64 = writers.iter().map(|writer| writer.losses().late()).sum();
    assert_eq!(late, 30);
}

/// What could not be completed gets no name: its file is not finished.
#[test]
fn what_is_abandoned_is_not_finished() {
    struct Finishes(Arc<AtomicBool>);
    impl Target for Finishes {
        fn write(&mut self, _: &[u8], _: u64, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn finish(&mut self) -> io::Result<()> {
            self.0.store(true, Ordering::Relaxed);
            Ok(())
        }
    }
    for abandoned in [false, true] {
        let finished = Arc::<AtomicBool>::default();
        let options = Options {
            division: Division::Told,
            when_full: WhenFull::Drop,
            chunks: 4,
        };
        let target = Finishes(Arc::clone(&finished));
        let mut writer = Writer::start_with(target, options).expect("a thread");
        writer.event(0, |out| out.push(0));
        if abandoned {
            writer.abandon(io::ErrorKind::TimedOut.into());
        }
        assert_eq!(writer.close().is_err(), abandoned);
        assert_eq!(finished.load(Ordering::Relaxed), !abandoned);
    }
}
