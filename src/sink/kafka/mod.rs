//! Events to Kafka: BMP in OpenBMP's frames, or JSON lines.
//!
//! The worker encodes into a [`Writer`](super::writer::Writer) as for any other output; its thread hands
//! records to librdkafka, whose threads talk to brokers. Both queues are bounded. Records are keyed by router, so that
//! what concerns one router stays in order, in one partition.

mod carrier;
mod end;
pub mod openbmp;
mod producer;

pub use carrier::KafkaCarrier;
pub use producer::{Form, Settings, writer};
