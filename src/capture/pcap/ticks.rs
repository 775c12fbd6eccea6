//! Timestamps of pcapng: ticks of a resolution that each interface chooses.
//!
//! Own code, since `pcap-parser` refuses all binary resolutions and cuts seconds to 32 bits.

const NS_PER_S: u64 = 1_000_000_000;

/// How ticks become nanoseconds, prepared so that a frame costs no 128-bit division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// A tick is this many nanoseconds (10⁻⁹ s or coarser).
    Multiply(u64),
    /// A nanosecond is this many ticks (finer than 10⁻⁹ s); 0 if more than fit.
    Divide(u64),
    /// A tick is 2⁻ⁿ seconds.
    Binary(u8),
}

/// The clock of one interface: `if_tsresol` and `if_tsoffset` (draft-ietf-opsawg-pcapng §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    scale: Scale,
    offset_s: i64,
}

impl Ticks {
    /// `resolution` is the option's byte: a negative power of 10, or of 2 if its upper bit is set.
    pub(super) fn new(resolution: u8, offset_s: i64) -> Self {
        let exponent = resolution & 0x7f;
        let scale = match resolution {
            0x80.. => Scale::Binary(exponent),
            0..=9 => Scale::Multiply(10_u64.pow(u32::from(9 - exponent))),
            _ => Scale::Divide(10_u64.checked_pow(u32::from(exponent - 9)).unwrap_or(0)),
        };
        Self { scale, offset_s }
    }

    /// Nanoseconds since the epoch; what does not fit becomes the nearest that does.
    pub(super) fn to_ns(self, ticks: u64) -> u64 {
        let ns = match self.scale {
            Scale::Multiply(factor) => ticks.saturating_mul(factor),
            Scale::Divide(divisor) => ticks.checked_div(divisor).unwrap_or(0),
            Scale::Binary(exponent) => {
                let ns = (u128::from(ticks) * u128::from(NS_PER_S)) >> exponent;
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
        };
        if self.offset_s == 0 {
            return ns;
        }
        let offset = self.offset_s.unsigned_abs().saturating_mul(NS_PER_S);
        if self.offset_s < 0 {
            ns.saturating_sub(offset)
        } else {
            ns.saturating_add(offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANT: u64 = 1_700_000_000;

    #[test]
    fn decimal_resolutions() {
        assert_eq!(Ticks::new(0, 0).to_ns(INSTANT), INSTANT * NS_PER_S);
        assert_eq!(
            Ticks::new(3, 0).to_ns(INSTANT * 1000 + 5),
            INSTANT * NS_PER_S + 5_000_000
        );
        assert_eq!(
            Ticks::new(6, 0).to_ns(INSTANT * 1_000_000 + 7),
            INSTANT * NS_PER_S + 7_000
        );
        assert_eq!(
            Ticks::new(9, 0).to_ns(INSTANT * NS_PER_S + 1),
            INSTANT * NS_PER_S + 1
        );
        assert_eq!(Ticks::new(10, 0).to_ns(12_345), 1_234);
    }

    #[test]
    fn binary_resolutions() {
        assert_eq!(
            Ticks::new(0x80 | 20, 0).to_ns((INSTANT << 20) + (1 << 19)),
            INSTANT * NS_PER_S + NS_PER_S / 2
        );
        assert_eq!(Ticks::new(0x80, 0).to_ns(INSTANT), INSTANT * NS_PER_S);
        assert_eq!(Ticks::new(0x80 | 32, 0).to_ns(1), 0);
    }

    #[test]
    fn offsets_move_the_epoch_both_ways() {
        assert_eq!(Ticks::new(9, 10).to_ns(1), 10 * NS_PER_S + 1);
        assert_eq!(Ticks::new(0, -10).to_ns(12), 2 * NS_PER_S);
    }

    /// Any byte and any count give a time: nothing overflows or divides by zero.
    #[test]
    fn extremes_saturate() {
        for resolution in 0..=u8::MAX {
            for offset in [i64::MIN, -1, 0, 1, i64::MAX] {
                for ticks in [0, 1, u64::MAX] {
                    Ticks::new(resolution, offset).to_ns(ticks);
                }
            }
        }
        assert_eq!(Ticks::new(0, 0).to_ns(u64::MAX), u64::MAX);
        assert_eq!(
            Ticks::new(9, i64::MIN).to_ns(u64::MAX),
            u64::MAX - i64::MIN.unsigned_abs().saturating_mul(NS_PER_S)
        );
    }
}
