//! Numbers in decimal, appended without a call or a copy.

/// Digits of a piece.
const PIECE: usize = 8;
/// The first number that has more digits.
const LIMIT: u64 = 100_000_000;
const ZEROS: u64 = u64::from_ne_bytes([b'0'; PIECE]);

/// Appends the number.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, number: u64) {
    if number >= LIMIT {
        return write_long(out, number);
    }
    let digits = digits(number);
    // The digits begin with the lowest octet; the last one is written even if it is zero.
    let zeros = (digits.trailing_zeros() / 8).min(PIECE as u32 - 1);
    append(out, (digits | ZEROS) >> (8 * zeros), PIECE - zeros as usize);
}

fn write_long(out: &mut Vec<u8>, number: u64) {
    write(out, number / LIMIT);
    append(out, digits(number % LIMIT) | ZEROS, PIECE);
}

/// Appends the lowest octets.
#[inline]
fn append(out: &mut Vec<u8>, octets: u64, used: usize) {
    let end = out.len() + used;
    // All eight are one store; what is too much is taken back.
    out.extend_from_slice(&octets.to_le_bytes());
    out.truncate(end);
}

/// The eight digits of a number below [`LIMIT`] in an octet each, the first in the lowest one: halves it
/// into numbers of four, of two and of one digit, all of a step at once.
#[inline]
const fn digits(number: u64) -> u64 {
    // Division by multiplication: exact for numbers below 10,000 and below 100.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - 10 * tens) << 8)
}

/// Seconds from which on the distance of doubles is above a microsecond.
const COARSE: u32 = 1 << 31;

/// Appends nanoseconds as seconds, down to the microsecond: the fewest digits of which a double
/// is made again, as for any floating point number.
pub(super) fn write_seconds(out: &mut Vec<u8>, ns: u64) -> serde_json::Result<()> {
    let micros = ns / 1000;
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    match u32::try_from(seconds) {
        // Two multiples of a microsecond are two doubles here, so that the digits are those of the
        // multiple, without zeros at the end; the first second may come with an exponent.
        Ok(seconds @ 1..COARSE) => {
            write(out, seconds.into());
            out.push(b'.');
            // Two of the eight digits are zeros before the six.
            let digits = digits(fraction) >> 16;
            let zeros = digits.leading_zeros() / 8;
            let used = PIECE.saturating_sub(zeros as usize).max(1);
            append(out, digits | ZEROS, used);
            Ok(())
        }
        _ => {
            // Microseconds fit a double exactly up to the year 2255.
            #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
            let seconds = micros as f64 / 1e6;
            serde_json::to_writer(out, &seconds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same as `serde_json` writes, near every power of ten and of two.
    #[test]
    fn numbers_have_the_digits_of_serde_json() {
        let tens = (0..20).map(|power| 10u64.pow(power));
        let twos = (0..64).map(|power| 1u64 << power);
        for middle in tens.chain(twos).chain([u64::MAX]) {
            for number in [middle.wrapping_sub(1), middle, middle.wrapping_add(1)] {
                let mut out = b"before".to_vec();
                write(&mut out, number);
                let expected = format!("before{}", serde_json::json!(number));
                assert_eq!(String::from_utf8_lossy(&out), expected);
            }
        }
        for number in 0..=LIMIT / 997 {
            let number = 997 * number % LIMIT;
            let text = format!("{number:08}");
            let digits = (digits(number) | ZEROS).to_le_bytes();
            assert_eq!(String::from_utf8_lossy(&digits), text);
        }
    }

    /// The same as `serde_json` writes of the double, whatever the second and its fraction.
    #[test]
    fn seconds_are_the_shortest_text_of_their_double() {
        let bounds = [
            0,
            1,
            9,
            1_700_000_000,
            1 << 31,
            u64::from(u32::MAX),
            1 << 33,
        ];
        let seconds = bounds.iter().flat_map(|s| [s.saturating_sub(1), *s, s + 1]);
        let fractions = (0..7).flat_map(|power| {
            let ten = 10u64.pow(power);
            [
                0,
                ten - 1,
                ten % 1_000_000,
                3 * ten % 1_000_000,
                1_000_000 - ten,
            ]
        });
        let odd = (1..2000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_000);
        let fractions: Vec<_> = fractions.chain(odd).collect();
        for seconds in seconds {
            for fraction in &fractions {
                let micros = seconds * 1_000_000 + fraction;
                let mut out = Vec::new();
                write_seconds(&mut out, micros * 1000 + 999).expect("memory");
                let expected = serde_json::json!(micros as f64 / 1e6).to_string();
                assert_eq!(
                    String::from_utf8_lossy(&out),
                    expected,
                    "{micros} microseconds"
                );
            }
        }
    }
}
