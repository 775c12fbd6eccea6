//! What `/status` is told from: the metrics, without the worker.

use crate::sink::metrics::{About, Metrics};
use std::sync::Arc;
use std::time::SystemTime;

/// The metrics of a capture, and what they do not know of it.
#[derive(Clone)]
pub struct Status {
    metrics: Arc<Metrics>,
    about: About,
}

impl Status {
    /// Of a capture that begins now. `host` is the name of this monitor in events.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, host: String) -> Self {
        let started = SystemTime::now();
        Self {
            metrics,
            about: About { host, started },
        }
    }

    /// One JSON object, with directions from a place on, at most `limit` of them.
    ///
    /// # Errors
    /// None that are known, as with [`Metrics::status`].
    pub fn tell(&self, from: usize, limit: usize) -> serde_json::Result<Vec<u8>> {
        self.metrics.status(&self.about, from, limit)
    }
}
