//! How long it takes from the capture's timestamp to the decoded message.

use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the exported buckets, in nanoseconds: 1 µs to 10 s.
pub(super) const BUCKET_BOUNDS_NS: [u64; 16] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    5_000_000,
    20_000_000,
    100_000_000,
    500_000_000,
    2_000_000_000,
    10_000_000_000,
];

/// Quantiles that are told, with their names.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// The worker's side: an HDR histogram with two significant digits.
pub struct Recorder {
    histogram: Histogram<u64>,
    sum_ns: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        // Two significant digits from 1 ns to 60 s: about 40 kB, allocated once.
        let histogram = Histogram::new_with_bounds(1, 60_000_000_000, 2)
            .expect("constant bounds are in the range that the library allows");
        Self {
            histogram,
            sum_ns: 0,
        }
    }
}

impl Recorder {
    /// Adds `count` messages that each took `ns`. Values beyond 60 s count as 60 s.
    pub fn record(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns.max(1), count);
        self.sum_ns = self.sum_ns.saturating_add(ns.saturating_mul(count));
    }

    /// The value that a share of `quantile` of all messages did not exceed, in nanoseconds.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile)
    }

    /// Messages recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Makes the state visible to the exporter.
    pub fn publish(&self, shared: &Shared) {
        // One pass over the recorded values, ascending; each adds to its bucket.
        let mut counts = [0u64; BUCKET_BOUNDS_NS.len() + 1];
        for step in self.histogram.iter_recorded() {
            let value = self.histogram.lowest_equivalent(step.value_iterated_to());
            let bucket = BUCKET_BOUNDS_NS.partition_point(|bound| *bound < value);
            counts[bucket] += step.count_since_last_iteration();
        }
        for (shared, count) in shared.buckets.iter().zip(counts) {
            shared.store(count, Relaxed);
        }
        shared.sum_ns.store(self.sum_ns, Relaxed);
        for (shared, (_, quantile)) in shared.quantiles_ns.iter().zip(QUANTILES) {
            shared.store(self.quantile(quantile), Relaxed);
        }
    }
}

/// The exporter's side: classic buckets.
#[derive(Debug, Default)]
pub struct Shared {
    buckets: [AtomicU64; BUCKET_BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
    quantiles_ns: [AtomicU64; QUANTILES.len()],
}

impl Shared {
    /// The quantiles of the table above with their names, in seconds; 0 before the first message.
    #[must_use]
    pub fn quantiles(&self) -> [(&'static str, f64); QUANTILES.len()] {
        std::array::from_fn(|i| {
            let ns = self.quantiles_ns[i].load(Relaxed);
            (QUANTILES[i].0, seconds(ns))
        })
    }

    /// Sum in seconds, count, and buckets as (upper bound in seconds, messages in it).
    #[must_use]
    pub fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.buckets.len());
        for (i, bucket) in self.buckets.iter().enumerate() {
            let n = bucket.load(Relaxed);
            count += n;
            let bound = BUCKET_BOUNDS_NS
                .get(i)
                .map_or(f64::INFINITY, |ns| seconds(*ns));
            buckets.push((bound, n));
        }
        (seconds(self.sum_ns.load(Relaxed)), count, buckets)
    }
}

#[allow(clippy::cast_precision_loss)]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_exactly_one_bucket_and_none_is_lost() {
        let mut recorder = Recorder::default();
        for ns in [0, 1, 999, 1_000, 1_500, 3_000_000, 9_000_000_000, u64::MAX] {
            recorder.record(ns, 1);
        }
        let shared = Shared::default();
        recorder.publish(&shared);
        let (_, count, buckets) = shared.read();
        assert_eq!(count, 8);
        assert_eq!(count, recorder.count());
        assert_eq!(buckets.len(), BUCKET_BOUNDS_NS.len() + 1);
        assert_eq!(buckets[0].1, 4, "0, 1, 999 and 1000 ns are within 1 µs");
        assert_eq!(buckets.last().map(|b| b.1), Some(1), "beyond 10 s");
    }
}
