//! Figures and events in few characters.

use serde_json::Value;

/// Eight heights.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Rates as a row of bars, `width` long; the highest is the full height, nothing at all a blank.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 7"
)]
pub fn sparkline(rates: impl Iterator<Item = f64>, width: usize) -> String {
    let rates: Vec<f64> = rates.collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let bars = rates.iter().map(|rate| {
        if *rate <= 0.0 {
            return ' ';
        }
        let height = (rate / most * 7.0).round() as usize;
        BARS[height.min(7)]
    });
    let bars: String = bars.collect();
    format!("{bars:>width$}")
}

/// `12`, `3.4k`, `120M`: three digits.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "three digits")]
pub fn count(count: u64) -> String {
    if count < 1000 {
        return count.to_string();
    }
    scaled(count as f64)
}

/// The same of a rate; below 10 with a digit behind the point.
#[must_use]
pub fn rate(rate: f64) -> String {
    if rate == 0.0 {
        "0".into()
    } else if rate < 10.0 {
        format!("{rate:.1}")
    } else if rate < 999.5 {
        format!("{rate:.0}")
    } else {
        scaled(rate)
    }
}

fn scaled(value: f64) -> String {
    let (mut value, mut unit) = (value / 1000.0, 0);
    while value >= 999.5 && unit < 4 {
        value /= 1000.0;
        unit += 1;
    }
    let unit = ["k", "M", "G", "T", "P"][unit];
    if value < 9.95 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// Bytes: `12 B`, `3.4 kB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let text = count(bytes);
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => format!("{} {}B", &text[..at], &text[at..]),
        None => format!("{text} B"),
    }
}

/// Seconds as `850ns`, `12µs`, `3.4ms`, `5.0s`.
#[must_use]
pub fn short_time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    if value < 9.95 && value.fract() > 0.04 {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// Seconds as `45s`, `10:12`, `3:10:12`, `12d 03h`.
#[must_use]
pub fn long_time(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match seconds {
        0..60 => format!("{rest}s"),
        60..3600 => format!("{minutes}:{rest:02}"),
        3600..86_400 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// Seconds since the epoch as the time of day in UTC.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    reason = "milliseconds of times there are"
)]
pub fn clock(timestamp: f64) -> String {
    let time = chrono::DateTime::from_timestamp_millis((timestamp * 1e3) as i64);
    time.map_or_else(String::new, |time| time.format("%H:%M:%S%.3f").to_string())
}

/// The name of a state as in MRT.
#[must_use]
pub fn state(number: u64) -> &'static str {
    match number {
        1 => "Idle",
        2 => "Connect",
        3 => "Active",
        4 => "OpenSent",
        5 => "OpenConfirm",
        6 => "Established",
        _ => "?",
    }
}

/// A family by the name that routers use.
#[must_use]
pub fn family(afi: u16, safi: u8) -> String {
    use crate::bgp::family::{Afi, Family, Safi};
    Family {
        afi: Afi(afi),
        safi: Safi(safi),
    }
    .to_string()
}

/// Many families, briefly.
#[must_use]
pub fn families(families: &[(u16, u8)]) -> String {
    let names: Vec<_> = families
        .iter()
        .map(|(afi, safi)| family(*afi, *safi))
        .collect();
    names.join(" ")
}

/// A value as one word, without quotes.
#[must_use]
pub fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(|item| !item.is_object()) => {
            let words: Vec<_> = list.iter().map(word).collect();
            format!("[{}]", words.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let counts = [0, 999, 1000, 9_949, 9_960, 999_499, 999_600, 5_000_000_000];
        let texts = counts.map(count);
        assert_eq!(
            texts,
            ["0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "5.0G"]
        );
        assert_eq!(
            [0.0, 0.25, 12.4, 1500.0].map(rate),
            ["0", "0.2", "12", "1.5k"]
        );
        assert_eq!([17, 1500].map(bytes), ["17 B", "1.5 kB"]);
        let times = [2.5e-7, 1.24e-5, 0.0034, 5.0].map(short_time);
        assert_eq!(times, ["250ns", "12µs", "3.4ms", "5s"]);
        let times = [45, 612, 11_412, 1_047_600].map(long_time);
        assert_eq!(times, ["45s", "10:12", "3:10:12", "12d 03h"]);
        assert_eq!(clock(86_399.5), "23:59:59.500");
    }

    #[test]
    fn bars_stand_for_shares_of_the_highest() {
        let rates = [0.0, 1.0, 7.0, 14.0];
        assert_eq!(sparkline(rates.into_iter(), 6), "   ▂▅█");
        assert_eq!(sparkline([0.0; 3].into_iter(), 3), "   ");
    }
}
