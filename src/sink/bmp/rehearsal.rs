//! A carrier that notes what it is asked to do, and routers and sessions for it.

use super::carrier::{Carrier, Fate, Ledger, RouterName};
use crate::sink::deadline::Deadline;
use crate::sink::writer::WhenFull;
use std::sync::{Arc, Mutex};

/// What was done with lines: what each told, and those that it got in others' places.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    told: Vec<(usize, String)>,
    lines: usize,
    /// Messages are lost.
    full: bool,
    /// They have not left the queue yet.
    waits: bool,
    lost: u64,
}

impl Lines {
    fn with<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        act(&mut self.0.lock().expect("no panic"))
    }

    fn note(&self, line: usize, what: impl Into<String>) {
        self.with(|notes| notes.told.push((line, what.into())));
    }

    /// What was told since the last time, by line.
    pub(super) fn take(&self) -> Vec<(usize, String)> {
        self.with(|notes| std::mem::take(&mut notes.told))
    }

    /// Has messages be lost, or not any more.
    pub(super) fn set_full(&self, full: bool) {
        self.with(|notes| notes.full = full);
    }

    /// Has messages wait.
    pub(super) fn set_waiting(&self, waits: bool) {
        self.with(|notes| notes.waits = waits);
    }

    /// What waited is lost.
    pub(super) fn lose(&self) {
        self.with(|notes| notes.lost += 1);
    }
}

struct Nothing;

impl Ledger for Nothing {
    fn fate(&self) -> Fate {
        Fate::default()
    }
}

impl Carrier for Lines {
    fn name(&self) -> &'static str {
        "test"
    }
    fn open(&mut self, router: &RouterName) -> usize {
        let line = self.with(|notes| {
            notes.lines += 1;
            notes.lines - 1
        });
        self.note(line, format!("for {}", router.address));
        line
    }
    fn reopen(&mut self, line: usize, router: &RouterName) {
        self.note(line, format!("for {}", router.address));
    }
    fn epoch(&mut self, _: usize) -> u64 {
        1
    }
    fn losses(&self, _: usize) -> u64 {
        self.with(|notes| notes.lost)
    }
    fn is_settled(&self, _: usize) -> bool {
        self.with(|notes| !notes.waits)
    }
    fn has_room(&self, _: usize) -> bool {
        self.with(|notes| !notes.full)
    }
    fn send(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut message = Vec::new();
        encode(&mut message);
        if self.with(|notes| notes.full) {
            return self.lose();
        }
        // Behind the peer's distinguisher comes its address, here an IPv4 one.
        let peer = message.get(28..32).filter(|_| message[5] < 4);
        let peer = peer.map(|peer| format!(" {}.{}.{}.{}", peer[0], peer[1], peer[2], peer[3]));
        self.note(
            line,
            format!("type {}{}", message[5], peer.unwrap_or_default()),
        );
    }
    fn say_last(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut message = Vec::new();
        encode(&mut message);
        self.note(line, format!("type {} at last", message[5]));
    }
    fn await_listener(&mut self, _: usize) -> bool {
        true
    }
    fn flush(&mut self) {}
    fn when_full(&self) -> WhenFull {
        WhenFull::Drop
    }
    fn is_log(&self) -> bool {
        false
    }
    fn is_broken(&self) -> bool {
        false
    }
    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(Nothing)
    }
    fn queue(&self) -> f64 {
        0.0
    }
    fn begin_close(&mut self) {}
    fn close(&mut self, _: Deadline) {}
}

/// A router by the end of its address.
pub(super) fn router(last: u8) -> RouterName {
    RouterName {
        address: [192, 0, 2, last].into(),
    }
}
