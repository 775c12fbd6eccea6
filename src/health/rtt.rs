//! Round-trip times, smoothed.

/// Smoothed round-trip time (RFC 6298 §2): α = 1/8, β = 1/4. All in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rtt {
    /// Smoothed; 0 before the first sample.
    pub smoothed_ns: u64,
    /// Smoothed mean deviation.
    pub deviation_ns: u64,
    /// The shortest sample.
    pub min_ns: u64,
    /// The newest sample.
    pub last_ns: u64,
    /// Samples taken.
    pub samples: u64,
}

impl Rtt {
    pub(super) fn add(&mut self, sample_ns: u64) {
        if self.samples == 0 {
            self.smoothed_ns = sample_ns;
            self.deviation_ns = sample_ns / 2;
            self.min_ns = sample_ns;
        } else {
            let error = self.smoothed_ns.abs_diff(sample_ns);
            self.deviation_ns = weigh(self.deviation_ns, error, 4);
            self.smoothed_ns = weigh(self.smoothed_ns, sample_ns, 8);
            self.min_ns = self.min_ns.min(sample_ns);
        }
        self.last_ns = sample_ns;
        self.samples += 1;
    }
}

/// `old` moved towards `new` by a share of `1 / part`.
fn weigh(old: u64, new: u64, part: u64) -> u64 {
    if new >= old {
        old + (new - old) / part
    } else {
        old - (old - new) / part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_follows_the_formulas_of_rfc_6298() {
        let mut rtt = Rtt::default();
        rtt.add(8_000);
        assert_eq!((rtt.smoothed_ns, rtt.deviation_ns), (8_000, 4_000));
        rtt.add(16_000);
        // RTTVAR = 3/4 · 4000 + 1/4 · |8000 − 16000|; SRTT = 7/8 · 8000 + 1/8 · 16000.
        assert_eq!((rtt.smoothed_ns, rtt.deviation_ns), (9_000, 5_000));
        rtt.add(1_000);
        assert_eq!((rtt.smoothed_ns, rtt.deviation_ns), (8_000, 5_750));
        assert_eq!((rtt.min_ns, rtt.last_ns, rtt.samples), (1_000, 1_000, 3));
    }
}
