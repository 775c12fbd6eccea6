//! What BMP tells, as records of MRT (RFC 6396 §4.4, RFC 8050 §3).

use crate::bgp::AS_TRANS;
use crate::session::State;
use crate::wire::mrt::{BGP4MP_ET, HEADER_LEN};
use bytes::Bytes;
use std::net::IpAddr;

/// Who speaks to whom: the router that tells, and its neighbour, with their AS numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) local: (IpAddr, u32),
    pub(super) peer: (IpAddr, u32),
}

/// How a message has to be read, and who has sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// AS numbers have four octets.
    pub(super) as4: bool,
    /// NLRI have path identifiers.
    pub(super) add_path: bool,
    /// The router that tells has sent it.
    pub(super) sent: bool,
}

/// The record of a message, header included.
pub(super) fn message(ns: u64, sides: &Sides, told: Told, message: &[u8]) -> Bytes {
    // RFC 6396 §4.4.2, §4.4.3, §4.4.5, §4.4.6, RFC 8050 §3.
    let subtype = match (told.as4, told.add_path, told.sent) {
        (false, false, false) => 1,
        (true, false, false) => 4,
        (false, false, true) => 6,
        (true, false, true) => 7,
        (false, true, false) => 8,
        (true, true, false) => 9,
        (false, true, true) => 10,
        (true, true, true) => 11,
    };
    record(ns, subtype, sides, told.as4, message)
}

/// The record of a change of state.
pub(super) fn state(ns: u64, sides: &Sides, previous: State, state: State) -> Bytes {
    let states = [0, previous.number(), 0, state.number()];
    record(ns, 5, sides, true, &states)
}

/// A record that tells nothing: type 0 is nobody's (RFC 6396 §4).
pub(super) fn nothing() -> Bytes {
    Bytes::from_static(&[0; HEADER_LEN])
}

fn record(ns: u64, subtype: u16, sides: &Sides, as4: bool, end: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(64 + end.len());
    let micros = u32::try_from(ns % 1_000_000_000 / 1000).unwrap_or_default();
    body.extend(micros.to_be_bytes());
    let ends = [sides.peer, sides.local];
    for (_, asn) in ends {
        match as4 {
            true => body.extend(asn.to_be_bytes()),
            false => body.extend(u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes()),
        }
    }
    // The interface is not told. Both addresses are of one family.
    let family = if sides.peer.0.is_ipv4() { 1 } else { 2 };
    body.extend([0, 0, 0, family]);
    for (address, _) in ends {
        match address {
            IpAddr::V4(address) => body.extend(address.octets()),
            IpAddr::V6(address) => body.extend(address.octets()),
        }
    }
    body.extend_from_slice(end);
    let seconds = u32::try_from(ns / 1_000_000_000).unwrap_or(u32::MAX);
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEADER_LEN + body.len());
    record.extend(seconds.to_be_bytes());
    record.extend(BGP4MP_ET.to_be_bytes());
    record.extend(subtype.to_be_bytes());
    record.extend(length.to_be_bytes());
    record.append(&mut body);
    record.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::mrt::{Archived, Told as What, archived, archived_ns};

    fn sides() -> Sides {
        Sides {
            local: ([192, 0, 2, 1].into(), 65001),
            peer: ([192, 0, 2, 2].into(), 4_200_000_000),
        }
    }

    fn read(record: &Bytes) -> Archived {
        assert_eq!(archived_ns(record), Some(1_700_000_000_000_007_000));
        archived(record).expect("a record")
    }

    #[test]
    fn each_direction_and_encoding_is_read_as_it_was_meant() {
        for number in 0..8 {
            let told = Told {
                as4: number & 1 != 0,
                add_path: number & 2 != 0,
                sent: number & 4 != 0,
            };
            let record = message(1_700_000_000_000_007_999, &sides(), told, b"message");
            let found = read(&record);
            assert_eq!((found.as4, found.add_path), (told.as4, told.add_path));
            let sender = if told.sent {
                sides().local
            } else {
                sides().peer
            };
            assert_eq!(found.sender.addr, sender.0);
            let far = if told.as4 { 4_200_000_000 } else { 23456 };
            let asns = if told.sent {
                [65001, far]
            } else {
                [far, 65001]
            };
            assert_eq!(found.asns, asns);
            let What::Message(range) = found.told else {
                panic!("a message");
            };
            assert_eq!(
                &record[range.start as usize..range.end as usize],
                b"message"
            );
        }
    }

    #[test]
    fn states_are_those_of_the_neighbour() {
        let ns = 1_700_000_000_000_007_000;
        let found = read(&state(ns, &sides(), State::OpenConfirm, State::Established));
        assert_eq!(found.told, What::State(5, 6));
        assert_eq!(found.sender.addr, sides().peer.0);
        assert_eq!(found.asns, [4_200_000_000, 65001]);
    }

    #[test]
    fn nothing_is_a_record_that_is_passed_over() {
        assert_eq!(archived(&nothing()), Err(crate::wire::Skip::Archive));
    }
}
