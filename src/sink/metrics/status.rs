//! What `/status` tells: a digest of the metrics as JSON.

use super::direction::{Direction, MESSAGE_TYPES};
use super::{Metrics, tcp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
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

/// What metrics do not know of the program that they are of.
#[derive(Clone, Debug)]
pub struct About {
    /// Name of this monitor in events.
    pub host: String,
    /// When it began.
    pub started: SystemTime,
}

type Counts = BTreeMap<&'static str, u64>;

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    host: &'a str,
    /// Now and at the start, seconds since the epoch.
    time: u64,
    started: u64,
    sessions: u64,
    handshakes: u64,
    refused: u64,
    evicted: Counts,
    totals: Totals,
    frames: BTreeMap<String, Counts>,
    lost: BTreeMap<String, Counts>,
    frames_held: u64,
    kept_bytes: u64,
    pools: Vec<PoolStatus>,
    outputs: Vec<OutputStatus>,
    rib: Option<RibStatus>,
    latency: Latency,
    directions: Vec<DirectionStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
}

/// Of all directions that are known, also those that are not listed.
#[derive(Default, Serialize)]
struct Totals {
    directions: usize,
    established: usize,
    messages: u64,
    announced: u64,
    withdrawn: u64,
    errors: u64,
    gaps: u64,
    routes: u64,
}

#[derive(Serialize)]
struct PoolStatus {
    name: String,
    utilisation: f64,
    fallbacks: u64,
}

#[derive(Serialize)]
struct OutputStatus {
    name: &'static str,
    queue: f64,
    dropped: Counts,
}

#[derive(Serialize)]
struct RibStatus {
    bytes: u64,
    tables: u64,
    attributes: u64,
    bytes_max: u64,
    refused: u64,
}

/// Messages by the time from the wire to their being decoded.
#[derive(Serialize)]
struct Latency {
    count: u64,
    /// Seconds in all.
    sum: f64,
    /// Seconds by name.
    quantiles: BTreeMap<&'static str, f64>,
    /// Upper bound in seconds, `null` for the last, and messages in the bucket alone.
    buckets: Vec<(Option<f64>, u64)>,
}

#[derive(Serialize)]
struct DirectionStatus {
    peer: IpAddr,
    peer_as: u32,
    local: IpAddr,
    local_as: u32,
    state: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    established: Option<f64>,
    messages: BTreeMap<&'static str, u64>,
    announced: u64,
    withdrawn: u64,
    errors: u64,
    gaps: u64,
    retransmissions: f64,
    zero_window_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_margin_seconds: Option<f64>,
}

impl Metrics {
    /// A digest as a JSON object, with directions from a place on, at most `limit` of them.
    ///
    /// # Errors
    /// None that are known: what is written is numbers and names.
    pub fn status(&self, about: &About, from: usize, limit: usize) -> serde_json::Result<Vec<u8>> {
        let directions = self.directions();
        let until = from.saturating_add(limit).min(directions.len());
        let listed = directions.get(from..until).unwrap_or_default();
        let snapshot = self.snapshot();
        let by_name = |counts: Vec<(&'static str, u64)>| counts.into_iter().collect::<Counts>();
        serde_json::to_vec(&Status {
            version: env!("CARGO_PKG_VERSION"),
            host: &about.host,
            time: seconds(SystemTime::now()),
            started: seconds(about.started),
            sessions: snapshot.sessions,
            handshakes: snapshot.handshakes,
            refused: snapshot.refused,
            evicted: by_name(snapshot.evicted),
            totals: totals(&directions),
            lost: snapshot.frames.iter().filter_map(lost).collect(),
            frames: snapshot
                .frames
                .into_iter()
                .map(|(interface, outcomes)| (interface, by_name(outcomes)))
                .collect(),
            frames_held: snapshot.frames_held,
            kept_bytes: snapshot.kept_bytes,
            pools: snapshot
                .pools
                .into_iter()
                .map(|pool| PoolStatus {
                    name: pool.name,
                    utilisation: pool.utilisation,
                    fallbacks: pool.fallbacks,
                })
                .collect(),
            outputs: snapshot
                .outputs
                .into_iter()
                .map(|output| OutputStatus {
                    name: output.name,
                    queue: output.queue,
                    dropped: by_name(output.dropped),
                })
                .collect(),
            rib: snapshot.rib.map(|usage| RibStatus {
                bytes: usage.tables + usage.attributes,
                tables: usage.tables,
                attributes: usage.attributes,
                bytes_max: usage.max,
                refused: usage.refused,
            }),
            latency: self.latency_status(),
            directions: listed.iter().map(|one| describe(one)).collect(),
            next: (until < directions.len()).then_some(until),
        })
    }

    fn latency_status(&self) -> Latency {
        let (sum, count, buckets) = self.latency.read();
        let finite = |(bound, n): (f64, u64)| (bound.is_finite().then_some(bound), n);
        Latency {
            count,
            sum,
            quantiles: self.latency.quantiles().into_iter().collect(),
            buckets: buckets.into_iter().map(finite).collect(),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// What an interface has lost, if anything.
fn lost((interface, outcomes): &(String, Vec<(&'static str, u64)>)) -> Option<(String, Counts)> {
    let lost = outcomes.iter().copied();
    let lost = lost.filter(|(name, count)| LOST.contains(name) && *count > 0);
    let lost: Counts = lost.collect();
    (!lost.is_empty()).then(|| (interface.clone(), lost))
}

fn totals(directions: &[Arc<Direction>]) -> Totals {
    let mut totals = Totals {
        directions: directions.len(),
        ..Totals::default()
    };
    for direction in directions {
        let (announced, withdrawn) = prefixes(direction);
        totals.established += usize::from(direction.state.get() == 6);
        totals.messages += direction.messages.iter().map(|n| n.get()).sum::<u64>();
        totals.announced += announced;
        totals.withdrawn += withdrawn;
        totals.errors += errors(direction);
        totals.gaps += direction.gaps.get();
        let tables = direction.families().filter_map(|(_, _, one)| one.rib());
        totals.routes += tables.sum::<u64>();
    }
    totals
}

fn prefixes(direction: &Direction) -> (u64, u64) {
    direction.families().fold((0, 0), |sum, (_, _, family)| {
        let (announced, withdrawn) = (family.announced.get(), family.withdrawn.get());
        (sum.0 + announced, sum.1 + withdrawn)
    })
}

fn errors(direction: &Direction) -> u64 {
    direction.errors.iter().map(|count| count.get()).sum()
}

fn describe(direction: &Direction) -> DirectionStatus {
    let (announced, withdrawn) = prefixes(direction);
    let since = direction.established_ns.load(Relaxed);
    let messages = MESSAGE_TYPES.into_iter().zip(&direction.messages);
    DirectionStatus {
        peer: direction.peer,
        peer_as: direction.peer_as.load(Relaxed),
        local: direction.local,
        local_as: direction.local_as.load(Relaxed),
        state: direction.state.get(),
        #[allow(clippy::cast_precision_loss, reason = "microseconds are enough")]
        established: (since > 0).then(|| since as f64 / 1e9),
        messages: messages.map(|(name, count)| (name, count.get())).collect(),
        announced,
        withdrawn,
        errors: errors(direction),
        gaps: direction.gaps.get(),
        retransmissions: figure(direction, "bgptap_retransmissions").unwrap_or(0.0),
        zero_window_seconds: figure(direction, "bgptap_tcp_zero_window_seconds").unwrap_or(0.0),
        rtt_seconds: figure(direction, "bgptap_tcp_rtt_seconds"),
        hold_margin_seconds: figure(direction, "bgptap_hold_margin_seconds"),
    }
}

/// What is known of the TCP under that name, in the unit that the name ends with.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn figure(direction: &Direction, name: &str) -> Option<f64> {
    let counters = tcp::COUNTERS.iter().zip(&direction.tcp_counters);
    let counters = counters.map(|(row, count)| (row, Some(count.get())));
    let gauges = tcp::GAUGES.iter().enumerate();
    let gauges = gauges.map(|(index, row)| (row, direction.tcp_gauge(index)));
    let (row, value) = counters
        .chain(gauges)
        .find(|(row, _)| row.metric.name == name)?;
    Some(value? as f64 * row.scale)
}

#[cfg(test)]
mod tests {
    use super::super::Snapshot;
    use super::super::fixture::full;
    use super::*;
    use serde_json::{Value, json};

    fn status(metrics: &Metrics, from: usize, limit: usize) -> Value {
        let about = About {
            host: "monitor".into(),
            started: UNIX_EPOCH,
        };
        let text = metrics
            .status(&about, from, limit)
            .expect("numbers and names");
        serde_json::from_slice(&text).expect("JSON")
    }

    #[test]
    fn the_digest_says_what_the_metrics_say() {
        let status = status(&full(), 0, 10);
        assert_eq!(status["frames"]["mon0"]["seen"], 9);
        assert_eq!(status["outputs"][0]["dropped"]["queue_full"], 2);
        assert_eq!(status["totals"]["messages"], 5);
        assert_eq!(status["totals"]["routes"], 7);
        assert_eq!(status["totals"]["established"], 1);
        let one = &status["directions"][0];
        assert_eq!(
            (&one["peer_as"], &one["announced"]),
            (&json!(65001), &json!(7))
        );
        assert_eq!(one["hold_margin_seconds"], 60.0);
        assert_eq!(one["rtt_seconds"], 0.0);
        let last = status["latency"]["buckets"].as_array().expect("a list");
        assert_eq!(last.last(), Some(&json!([null, 0])));
    }

    /// As for the scrape: a session that ended long ago is not about to run out of time.
    #[test]
    fn an_ended_session_has_no_margin() {
        let metrics = Metrics::default();
        let direction = super::super::fixture::direction(&metrics);
        let margin = |metrics: &Metrics| {
            let status = status(metrics, 0, 10);
            status["directions"][0].get("hold_margin_seconds").cloned()
        };
        assert_eq!(margin(&metrics), Some(json!(60.0)));
        direction.state.set(1);
        assert_eq!(margin(&metrics).unwrap_or(Value::Null), Value::Null);
        let text = super::super::fixture::text(std::sync::Arc::new(metrics));
        assert!(!text.contains("bgptap_hold_margin_seconds{"), "{text}");
        assert!(text.contains("bgptap_hold_margin_min_seconds{"), "{text}");
    }

    #[test]
    fn losses_are_told_apart_from_what_was_not_bgp() {
        let metrics = Metrics::default();
        let outcomes = vec![
            ("seen", 10),
            ("not_tcp", 4),
            ("rx_ring_full", 2),
            ("rx_dropped", 0),
        ];
        metrics.publish(&Snapshot {
            frames: vec![
                ("eth0".into(), outcomes),
                ("eth1".into(), vec![("seen", 1)]),
            ],
            ..Snapshot::default()
        });
        let told = status(&metrics, 0, 0);
        assert_eq!(
            (&told["host"], &told["started"]),
            (&json!("monitor"), &json!(0))
        );
        assert_eq!(told["frames"]["eth0"]["not_tcp"], 4);
        assert_eq!(told["lost"], json!({ "eth0": { "rx_ring_full": 2 } }));
    }

    #[test]
    fn directions_come_in_pages() {
        let metrics = full();
        for host in 10..15 {
            metrics.direction([10, 0, 0, host].into(), [10, 0, 0, 1].into());
        }
        let first = status(&metrics, 0, 4);
        assert_eq!(first["directions"].as_array().map(Vec::len), Some(4));
        assert_eq!(
            (&first["next"], &first["totals"]["directions"]),
            (&json!(4), &json!(6))
        );
        let rest = status(&metrics, 4, 4);
        assert_eq!(rest["directions"].as_array().map(Vec::len), Some(2));
        assert_eq!(rest.get("next"), None);
        assert_eq!(status(&metrics, 9, 4)["directions"], json!([]));
    }
}
