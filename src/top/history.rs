//! Rates, from figures that only grow.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Rates that are remembered of each series.
pub const REMEMBERED: usize = 60;

/// A series of rates.
#[derive(Clone, Debug, Default)]
pub struct Series {
    last: Option<(f64, u64)>,
    rates: VecDeque<f64>,
    seen: bool,
}

impl Series {
    /// Takes what the figure is at a time in seconds. One that has shrunk began anew.
    #[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
    pub fn take(&mut self, at: f64, figure: u64) {
        self.seen = true;
        let Some((then, before)) = self.last.replace((at, figure)) else {
            return;
        };
        let seconds = at - then;
        if seconds <= 0.0 {
            return;
        }
        let gained = figure.checked_sub(before).unwrap_or(figure);
        self.rates.push_back(gained as f64 / seconds);
        if self.rates.len() > REMEMBERED {
            self.rates.pop_front();
        }
    }

    /// The newest rate, a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rates.back().copied().unwrap_or(0.0)
    }

    /// The newest rates, oldest first.
    pub fn newest(&self, count: usize) -> impl Iterator<Item = f64> {
        let skip = self.rates.len().saturating_sub(count);
        self.rates.iter().skip(skip).copied()
    }
}

/// Series by name. Those of which nothing is heard any more go.
#[derive(Clone, Debug)]
pub struct History<K>(HashMap<K, Series>);

impl<K> Default for History<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> History<K> {
    /// Takes what all figures are at a time.
    pub fn take(&mut self, at: f64, figures: impl IntoIterator<Item = (K, u64)>) {
        for (key, figure) in figures {
            self.0.entry(key).or_default().take(at, figure);
        }
        self.0.retain(|_, series| std::mem::take(&mut series.seen));
    }

    /// A series.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<&Series>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_was_gained_in_the_time_between() {
        let mut series = Series::default();
        series.take(10.0, 100);
        assert_eq!(series.rate(), 0.0, "one figure is no rate");
        series.take(12.0, 150);
        assert_eq!(series.rate(), 25.0);
        series.take(12.0, 160);
        assert_eq!(series.rate(), 25.0, "no time has passed");
        series.take(13.0, 7);
        assert_eq!(series.rate(), 7.0, "it began anew");
        for second in 0..200 {
            series.take(14.0 + f64::from(second), 7);
        }
        assert_eq!(series.newest(1000).count(), REMEMBERED);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut history = History::default();
        history.take(0.0, [("a", 1), ("b", 1)]);
        history.take(1.0, [("a", 3)]);
        assert_eq!(history.get("a").map(Series::rate), Some(2.0));
        assert!(history.get("b").is_none());
    }
}
