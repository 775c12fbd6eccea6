//! `/status`: how the program itself is doing. Answered from the metrics, without the worker.

use crate::sink::metrics::{Metrics, Output, Snapshot};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Outcomes of frames that were BGP and did not arrive.
const LOST: [&str; 6] = [
    "rx_ring_full",
    "rx_fill_ring_empty",
    "rx_dropped",
    "ring_full",
    "no_socket",
    "tap_lost",
];

/// What `/status` is told from.
#[derive(Clone)]
pub struct Status {
    metrics: Arc<Metrics>,
    host: String,
    started: SystemTime,
}

impl Status {
    /// Of a capture that begins now. `host` is the name of this monitor in events.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, host: String) -> Self {
        Self {
            metrics,
            host,
            started: SystemTime::now(),
        }
    }

    /// One JSON object.
    #[must_use]
    pub fn tell(&self) -> Vec<u8> {
        let snapshot = self.metrics.snapshot();
        let mut told = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "host": self.host,
            "time": seconds(SystemTime::now()),
            "started": seconds(self.started),
            "sessions": snapshot.sessions,
            "handshakes": snapshot.handshakes,
            "refused": snapshot.refused,
            "evicted": counts(&snapshot.evicted),
            "frames": frames(&snapshot),
            "frames_held": snapshot.frames_held,
            "kept_bytes": snapshot.kept_bytes,
            "pools": pools(&snapshot),
            "outputs": snapshot.outputs.iter().map(output).collect::<Vec<_>>(),
            "latency": self.latency(),
        });
        if let Some(rib) = snapshot.rib {
            told["rib"] = json!({
                "tables": rib.tables, "attributes": rib.attributes, "limit": rib.max, "refused": rib.refused,
            });
        }
        let mut text = told.to_string().into_bytes();
        text.push(b'\n');
        text
    }

    fn latency(&self) -> Value {
        let (sum, count, buckets) = self.metrics.latency.read();
        let quantiles = self.metrics.latency.quantiles();
        // JSON has no infinity: the last bucket has no bound.
        let buckets: Vec<_> = buckets
            .iter()
            .map(|(bound, count)| (bound.is_finite().then_some(*bound), *count))
            .collect();
        let quantiles: Map<_, _> = quantiles
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        json!({ "sum": sum, "count": count, "quantiles": quantiles, "buckets": buckets })
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn counts(named: &[(&'static str, u64)]) -> Map<String, Value> {
    let entries = named.iter();
    entries
        .map(|(name, count)| ((*name).to_owned(), (*count).into()))
        .collect()
}

fn frames(snapshot: &Snapshot) -> Vec<Value> {
    let interfaces = snapshot.frames.iter();
    interfaces
        .map(|(interface, outcomes)| {
            let lost: Vec<_> = outcomes
                .iter()
                .filter(|(name, count)| LOST.contains(name) && *count > 0)
                .copied()
                .collect();
            json!({ "interface": interface, "outcomes": counts(outcomes), "lost": counts(&lost) })
        })
        .collect()
}

fn pools(snapshot: &Snapshot) -> Vec<Value> {
    let pools = snapshot.pools.iter();
    pools
        .map(|pool| {
            json!({ "name": pool.name, "utilisation": pool.utilisation, "fallbacks": pool.fallbacks })
        })
        .collect()
}

fn output(output: &Output) -> Value {
    json!({ "name": output.name, "dropped": counts(&output.dropped), "queue": output.queue })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_apart_from_what_was_not_bgp() {
        let metrics = Arc::new(Metrics::default());
        let outcomes = vec![
            ("seen", 10),
            ("not_tcp", 4),
            ("rx_ring_full", 2),
            ("rx_dropped", 0),
        ];
        metrics.publish(&Snapshot {
            frames: vec![("eth0".into(), outcomes)],
            ..Snapshot::default()
        });
        let status = Status::new(metrics, "monitor".into());
        let told: Value = serde_json::from_slice(&status.tell()).expect("JSON");
        assert_eq!(told["host"], "monitor");
        assert_eq!(told["frames"][0]["interface"], "eth0");
        assert_eq!(told["frames"][0]["outcomes"]["not_tcp"], 4);
        assert_eq!(told["frames"][0]["lost"], json!({ "rx_ring_full": 2 }));
        let buckets = told["latency"]["buckets"].as_array().expect("a list");
        assert_eq!(buckets.last(), Some(&json!([null, 0])));
    }
}
