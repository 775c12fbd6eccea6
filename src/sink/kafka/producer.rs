//! The producer: librdkafka, idempotent, with bounded memory.

use super::end::End;
use super::openbmp;
use crate::sink::delivered::Delivered;
use crate::sink::writer::{self, CHUNKS_PER_MIB, Closing, Division, Target, WhenFull, Writer};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use serde::Deserialize;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(10);
/// How often the end is looked at while records are under way.
const FLUSH: Duration = Duration::from_millis(100);
/// How long reports of records that were given up may take.
const REPORTS: Duration = Duration::from_secs(5);

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `HOST:PORT,…`
    pub brokers: String,
    /// The topic; `{router}` stands for the address of the router that a record is about.
    pub topic: String,
    /// How long a record is tried to be delivered before it is given up.
    pub patience: Duration,
}

struct Reports(Arc<Delivered>);

impl ClientContext for Reports {
    // What librdkafka logs is told by counters; a library prints nothing.
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    // "all brokers are down" says less than the complaint about one of them.
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.complain(reason.to_owned());
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(_) => &self.0.delivered,
            Err(_) => &self.0.failed,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// What records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// BMP messages in OpenBMP's frames.
    OpenBmp,
    /// Lines, each ended by a line feed.
    Json,
}

/// Takes records as bytes, one after the other, and produces them. A writer's thread writes to it.
struct Lines {
    producer: ThreadedProducer<Reports>,
    topic: Topic,
    settings: Settings,
    /// MiB that may wait in librdkafka; what comes then waits in the writer's queue.
    room: u16,
    form: Form,
    end: End,
    delivered: Arc<Delivered>,
}

/// Writes records to a producer; `room` MiB of them may wait for it, and as many in librdkafka.
///
/// # Errors
/// librdkafka refuses the settings, or a thread cannot be started.
pub fn writer(
    settings: &Settings,
    room: u16,
    when_full: WhenFull,
    form: Form,
    delivered: Arc<Delivered>,
) -> io::Result<Writer> {
    let lines = Lines {
        producer: producer(settings, room, &delivered)?,
        topic: Topic(settings.topic.clone()),
        settings: settings.clone(),
        room,
        form,
        end: End::new(when_full, Arc::clone(&delivered)),
        delivered,
    };
    let options = writer::Options {
        division: Division::None,
        when_full,
        chunks: usize::from(room) * CHUNKS_PER_MIB,
    };
    Writer::start_with(lines, options)
}

fn producer(
    settings: &Settings,
    room: u16,
    delivered: &Arc<Delivered>,
) -> io::Result<ThreadedProducer<Reports>> {
    let room = (u32::from(room) << 10).to_string();
    ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", "bgptap")
        .set("enable.idempotence", "true")
        .set("compression.codec", "lz4")
        .set("linger.ms", "20")
        .set("queue.buffering.max.kbytes", room)
        // Records are small, and bounded by their bytes alone.
        .set("queue.buffering.max.messages", "0")
        .set(
            "message.timeout.ms",
            settings.patience.as_millis().to_string(),
        )
        .create_with_context(Reports(Arc::clone(delivered)))
        .map_err(io::Error::other)
}

impl Lines {
    /// Produces one record; waits while librdkafka's queue is full, unless all of that is over.
    fn produce(&mut self, router: &str, key: &[u8], payload: &[u8]) {
        let topic = self.topic.of(router);
        let mut record = BaseRecord::to(&topic).key(key).payload(payload);
        while let Err((error, back)) = self.producer.send(record) {
            let again = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) if !self.end.is_over() => {
                    std::thread::sleep(PAUSE);
                    true
                }
                // A producer that can no longer keep records in order and once is of no use any more (as when a
                // broker has forgotten it): what it held is counted as failed, another one begins anew.
                Some(RDKafkaErrorCode::Fatal) => {
                    let next = producer(&self.settings, self.room, &self.delivered);
                    next.map(|next| self.producer = next).is_ok()
                }
                _ => false,
            };
            if !again {
                self.delivered.failed.fetch_add(1, Relaxed);
                return;
            }
            record = back;
        }
    }
}

impl Target for Lines {
    fn begin(&mut self, closing: Closing) {
        self.end.follow(closing);
    }

    fn write(&mut self, bytes: &[u8], _: u64, _: u64) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = match self.form {
                Form::OpenBmp => {
                    let not = || io::Error::other("not an OpenBMP frame");
                    let (key, router, length) = openbmp::split(rest).ok_or_else(not)?;
                    self.produce(&router.to_string(), key, &rest[..length]);
                    length
                }
                Form::Json => {
                    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    let line = &rest[..end];
                    let router = sender(line);
                    self.produce(&router, router.as_bytes(), line);
                    (end + 1).min(rest.len())
                }
            };
            rest = &rest[length..];
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        while self.producer.flush(FLUSH).is_err() && !self.end.is_over() {}
        // Each record that is given up is reported like any other, and counted by that: at once.
        self.producer
            .purge(PurgeConfig::default().queue().inflight());
        let _ = self.producer.flush(REPORTS);
        Ok(())
    }
}

/// Who said what a line tells: the router whose records stay in order.
fn sender(line: &[u8]) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        peer: Cow<'a, str>,
    }
    serde_json::from_slice::<Line<'_>>(line).map_or(Cow::Borrowed(""), |line| line.peer)
}

/// A topic's name, or what it is made of.
struct Topic(String);

impl Topic {
    fn of(&self, router: &str) -> Cow<'_, str> {
        if !self.0.contains("{router}") {
            return Cow::Borrowed(&self.0);
        }
        // Names have letters, digits, dots, underscores and hyphens only.
        let router = router.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
        Cow::Owned(self.0.replace("{router}", &router))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_names_that_kafka_takes() {
        let topic = Topic("bgp.{router}".into());
        assert_eq!(topic.of("192.0.2.1"), "bgp.192.0.2.1");
        assert_eq!(topic.of("2001:db8::1"), "bgp.2001-db8--1");
        assert_eq!(Topic("all".into()).of("192.0.2.1"), "all");
    }

    #[test]
    fn a_line_belongs_to_its_sender() {
        assert_eq!(
            sender(br#"{"type":"UPDATE","peer":"192.0.2.1","local":"192.0.2.2"}"#),
            "192.0.2.1"
        );
        assert_eq!(sender(b"{}"), "");
    }
}
