//! TCP options (RFC 9293 §3.2), read where they lie.

/// Options of one segment. A malformed length ends them, as it does for a receiver.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
}

/// One option that says something about the connection; others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// Largest segment that the sender of the option takes (RFC 9293 §3.7.1).
    Mss(u16),
    /// Shift of the window field, at most 14 (RFC 7323 §2.3).
    WindowScale(u8),
    /// Selective acknowledgements may be sent (RFC 2018 §2).
    SackPermitted,
    /// What has arrived beyond the acknowledgement (RFC 2018 §3), or twice (RFC 2883).
    Sack(SackBlocks<'a>),
    /// Clock value of the sender, and the one that it echoes (RFC 7323 §3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// What the other side's clock said.
        echo: u32,
    },
    /// An MD5 signature is there (RFC 2385).
    Md5,
    /// An authentication option is there (RFC 5925).
    Authentication,
}

/// Ranges of sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [[u8; 8]]);

impl<'a> SackBlocks<'a> {
    /// First sequence number of each block, and the first behind it.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        self.0.iter().map(|&[a, b, c, d, e, f, g, h]| {
            (
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
            )
        })
    }
}

impl<'a> TcpOptions<'a> {
    /// The options in what lies between the TCP header and the payload.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = TcpOption<'a>;

    fn next(&mut self) -> Option<TcpOption<'a>> {
        // Each step takes at least one byte.
        while let Some((&kind, rest)) = self.rest.split_first() {
            match kind {
                0 => break,
                1 => {
                    self.rest = rest;
                    continue;
                }
                _ => (),
            }
            let length = usize::from(*rest.first()?);
            let value = self.rest.get(2..length)?;
            self.rest = self.rest.get(length..)?;
            if let Some(option) = option(kind, value) {
                return Some(option);
            }
        }
        None
    }
}

/// The option of IANA's number `kind`; `None` for others, and for values of the wrong length.
fn option(kind: u8, value: &[u8]) -> Option<TcpOption<'_>> {
    match (kind, value) {
        (2, &[high, low]) => Some(TcpOption::Mss(u16::from_be_bytes([high, low]))),
        (3, &[shift]) => Some(TcpOption::WindowScale(shift.min(14))),
        (4, []) => Some(TcpOption::SackPermitted),
        (5, blocks) => match blocks.as_chunks::<8>() {
            (blocks @ [_, ..], []) => Some(TcpOption::Sack(SackBlocks(blocks))),
            _ => None,
        },
        (8, &[a, b, c, d, e, f, g, h]) => Some(TcpOption::Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo: u32::from_be_bytes([e, f, g, h]),
        }),
        (19, _) => Some(TcpOption::Md5),
        (29, _) => Some(TcpOption::Authentication),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_options_of_a_syn_and_of_an_acknowledgement() {
        // As Linux sends them.
        let syn = [
            2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7,
        ];
        let options: Vec<_> = TcpOptions::new(&syn).collect();
        let timestamps = TcpOption::Timestamps { value: 9, echo: 0 };
        assert_eq!(
            options,
            [
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                timestamps,
                TcpOption::WindowScale(7)
            ]
        );
        let ack = [1, 1, 5, 10, 0, 0, 0, 5, 0, 0, 0, 9];
        let Some(TcpOption::Sack(blocks)) = TcpOptions::new(&ack).next() else {
            panic!("a SACK option");
        };
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [(5, 9)]);
    }

    #[test]
    fn signatures_are_noted_and_shifts_beyond_fourteen_cut_down() {
        let mut bytes = vec![19, 18];
        bytes.extend([7; 16]);
        bytes.extend([29, 4, 1, 2, 3, 3, 15]);
        let options: Vec<_> = TcpOptions::new(&bytes).collect();
        assert_eq!(
            options,
            [
                TcpOption::Md5,
                TcpOption::Authentication,
                TcpOption::WindowScale(14)
            ]
        );
    }

    #[test]
    fn what_does_not_fit_ends_the_options_and_what_stands_before_it_counts() {
        for bad in [&[8, 10, 1][..], &[8], &[8, 0], &[8, 1], &[0, 2, 4, 5, 0xb4]] {
            let bytes = [&[2, 4, 2, 0x18], bad].concat();
            let options: Vec<_> = TcpOptions::new(&bytes).collect();
            assert_eq!(options, [TcpOption::Mss(536)], "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(TcpOptions::new(&bytes).count() <= bytes.len());
        }
    }
}
