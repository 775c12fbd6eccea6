//! What brings BMP messages to those who want them.

use crate::sink::deadline::Deadline;
use crate::sink::writer::WhenFull;
use std::net::IpAddr;
use std::sync::Arc;

/// A router as a feed knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterName {
    /// Its address, or the first of them.
    pub address: IpAddr,
}

/// What has become of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Messages that reached the consumer, as far as one can tell.
    pub sent: u64,
    /// Messages dropped because the queue was full.
    pub queue_full: u64,
    /// Messages dropped because a connection ended before they were sent, or could not be delivered.
    pub undelivered: u64,
    /// Messages dropped because the end did not wait for whoever should have taken them any longer.
    pub late: u64,
}

impl Fate {
    /// Messages that were given to the carrier, and that nobody will see.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.queue_full + self.undelivered + self.late
    }
}

/// What has become of a carrier's messages: to be asked also when the carrier is at work elsewhere, or gone.
pub trait Ledger: Send + Sync {
    /// As it is now.
    fn fate(&self) -> Fate;
    /// What was wrong last with the delivery, if that is known.
    fn why(&self) -> Option<String> {
        None
    }
}

/// Carries BMP messages; each router has a line of its own.
///
/// A line has an *epoch*: 0 while nobody listens, and another number with each new listener, who has to be
/// told everything from the start. *Losses* are messages of a line, counted, that its listener will never
/// see although the epoch is the same.
pub trait Carrier: Send {
    /// The label `output` of its metrics.
    fn name(&self) -> &'static str;
    /// A line for a router.
    fn open(&mut self, router: &RouterName) -> usize;
    /// Has a line for another router from now on, or for the same one anew. What is queued still goes to the listener of
    /// the one before, and so does the last word.
    fn reopen(&mut self, line: usize, router: &RouterName);
    /// Who listens. Messages that are queued from now on are meant for them alone.
    fn epoch(&mut self, line: usize) -> u64;
    /// Messages lost in this epoch and others; it never goes back.
    fn losses(&self, line: usize) -> u64;
    /// Whatever was sent on the line has left the queue, or is counted as lost by now.
    fn is_settled(&self, line: usize) -> bool;
    /// At least half of the queue is free.
    fn has_room(&self, line: usize) -> bool;
    /// Queues one message, which `encode` appends. With [`WhenFull::Wait`] it waits for room as long as
    /// somebody listens.
    fn send(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>));
    /// Has a message wait that ends the line: it goes behind all others, and there is always room for it.
    fn say_last(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>));
    /// Waits until somebody listens, if messages wait at all. `false`: nobody does.
    fn await_listener(&mut self, line: usize) -> bool;
    /// Hands over what was queued.
    fn flush(&mut self);
    /// What to do when it is full.
    fn when_full(&self) -> WhenFull;
    /// Listeners that come later know what those before were told.
    fn is_log(&self) -> bool;
    /// Nobody will listen any more.
    fn is_broken(&self) -> bool;
    /// What has become of all messages.
    fn ledger(&self) -> Arc<dyn Ledger>;
    /// Share of the fullest queue in use, 0 to 1.
    fn queue(&self) -> f64;
    /// There will be no more: begins to send what is left.
    fn begin_close(&mut self);
    /// Waits for that within some time, at most until it is too late.
    fn close(&mut self, until: Deadline);
}
