//! BMP feeds to Kafka: each message is a record, framed as OpenBMP collectors do.

use super::openbmp::Origin;
use super::producer::{Form, Settings, writer};
use crate::sink::bmp::{Carrier, Fate, Ledger, RouterName};
use crate::sink::deadline::Deadline;
use crate::sink::delivered::Delivered;
use crate::sink::writer::{Losses, WhenFull, Writer};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// What has become of records.
struct Records {
    delivered: Arc<Delivered>,
    lost: Arc<Losses>,
}

impl Ledger for Records {
    fn fate(&self) -> Fate {
        Fate {
            sent: self.delivered.delivered.load(Relaxed),
            queue_full: self.lost.full(),
            undelivered: self.delivered.failed.load(Relaxed) + self.lost.broken(),
            late: self.lost.late(),
        }
    }

    fn why(&self) -> Option<String> {
        self.delivered.why()
    }
}

/// All routers by one producer.
pub struct KafkaCarrier {
    writer: Writer,
    records: Arc<Records>,
    when_full: WhenFull,
    collector: String,
    routers: Vec<Origin>,
    /// Records that were made.
    made: u64,
}

impl KafkaCarrier {
    /// Starts a producer. `collector` is the name of this monitor; `room` MiB of records may wait for it, and as
    /// many in librdkafka.
    ///
    /// # Errors
    /// librdkafka refuses the settings, or a thread cannot be started.
    pub fn start(
        settings: &Settings,
        room: u16,
        collector: &str,
        when_full: WhenFull,
    ) -> io::Result<Self> {
        let delivered = Arc::new(Delivered::default());
        let form = Form::OpenBmp;
        let writer = writer(settings, room, when_full, form, Arc::clone(&delivered))?;
        let lost = writer.losses();
        Ok(Self {
            writer,
            records: Arc::new(Records { delivered, lost }),
            when_full,
            collector: collector.to_owned(),
            routers: Vec::new(),
            made: 0,
        })
    }
}

impl Carrier for KafkaCarrier {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn open(&mut self, router: &RouterName) -> usize {
        self.routers
            .push(Origin::new(&self.collector, router.address));
        self.routers.len() - 1
    }

    fn reopen(&mut self, line: usize, router: &RouterName) {
        if let Some(origin) = self.routers.get_mut(line) {
            *origin = Origin::new(&self.collector, router.address);
        }
    }

    /// A log has all listeners at once, and always the same.
    fn epoch(&mut self, _: usize) -> u64 {
        1
    }

    fn losses(&self, _: usize) -> u64 {
        self.records.fate().lost()
    }

    /// Of all lines: records are not told apart.
    fn is_settled(&self, _: usize) -> bool {
        let fate = self.records.fate();
        fate.sent + fate.lost() >= self.made
    }

    fn has_room(&self, _: usize) -> bool {
        self.when_full == WhenFull::Wait || self.writer.queue_ratio() < 0.5
    }

    fn send(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(origin) = self.routers.get(line) else {
            return;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let ns = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let made = &mut self.made;
        self.writer.event(ns, |out| {
            let before = out.len();
            origin.write(out, ns, encode);
            *made += u64::from(out.len() > before);
        });
    }

    /// One among others: the log goes on.
    fn say_last(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        self.send(line, encode);
    }

    fn await_listener(&mut self, _: usize) -> bool {
        !self.is_broken()
    }

    fn flush(&mut self) {
        self.writer.offer();
    }

    fn when_full(&self) -> WhenFull {
        self.when_full
    }

    fn is_log(&self) -> bool {
        true
    }

    fn is_broken(&self) -> bool {
        self.writer.is_broken()
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::<Records>::clone(&self.records)
    }

    fn queue(&self) -> f64 {
        self.writer.queue_ratio()
    }

    fn begin_close(&mut self) {
        self.writer.begin_close();
    }

    fn close(&mut self, until: Deadline) {
        // What could not be delivered is counted.
        let _ = self.writer.close_by(until);
    }
}
