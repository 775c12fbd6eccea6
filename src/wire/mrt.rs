//! Records of MRT archives that hold a message or a change of state: BGP4MP and BGP4MP_ET
//! (RFC 6396 §3, §4.4, RFC 8050 §3).

use super::{Endpoint, Skip};
use std::net::IpAddr;
use std::ops::Range;

/// Length of the header that all records have (RFC 6396 §2).
pub const HEADER_LEN: usize = 12;
const BGP4MP: u16 = 16;
/// Records with microseconds (RFC 6396 §3).
pub(crate) const BGP4MP_ET: u16 = 17;

/// What a record tells, and of whom. Archives know no ports: they are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Who has sent the message; of a change of state the "peer".
    pub sender: Endpoint,
    /// Who has received it.
    pub receiver: Endpoint,
    /// Their AS numbers; 0 is none.
    pub asns: [u32; 2],
    /// AS numbers in the message have four octets.
    pub as4: bool,
    /// NLRI in the message have path identifiers.
    pub add_path: bool,
    /// What happened.
    pub told: Told,
}

/// What a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A message, header included: where it lies in the record.
    Message(Range<u32>),
    /// The state that was left, and the one that was entered.
    State(u16, u16),
}

/// Reads a whole record.
///
/// # Errors
/// [`Skip::Archive`] if it is of another type, [`Skip::Truncated`] if it is shorter than it should be.
pub fn archived(record: &[u8]) -> Result<Archived, Skip> {
    let mut input = Input { record, at: 0 };
    input.take::<4>()?;
    let kind = input.u16()?;
    let subtype = input.u16()?;
    input.take::<4>()?;
    match kind {
        BGP4MP => (),
        BGP4MP_ET => input.take::<4>().map(drop)?,
        _ => return Err(Skip::Archive),
    }
    let as4 = match subtype {
        0 | 1 | 6 | 8 | 10 => false,
        4 | 5 | 7 | 9 | 11 => true,
        _ => return Err(Skip::Archive),
    };
    let mut asns = [0; 2];
    for asn in &mut asns {
        *asn = match as4 {
            true => u32::from_be_bytes(input.take()?),
            false => input.u16()?.into(),
        };
    }
    let _interface = input.u16()?;
    let afi = input.u16()?;
    let mut address = || match afi {
        1 => input.take::<4>().map(IpAddr::from),
        2 => input.take::<16>().map(IpAddr::from),
        _ => Err(Skip::BadHeader),
    };
    let endpoint = |addr| Endpoint { addr, port: 0 };
    let (mut sender, mut receiver) = (endpoint(address()?), endpoint(address()?));
    let told = match subtype {
        0 | 5 => Told::State(input.u16()?, input.u16()?),
        _ => Told::Message(input.rest()?),
    };
    // RFC 6396 §4.4.5, §4.4.6, RFC 8050 §3: what the local side has sent.
    if matches!(subtype, 6 | 7 | 10 | 11) {
        std::mem::swap(&mut sender, &mut receiver);
        asns.reverse();
    }
    Ok(Archived {
        sender,
        receiver,
        asns,
        as4,
        add_path: subtype >= 8,
        told,
    })
}

/// When a record was made, nanoseconds since the epoch; `None` of one without a whole header.
#[must_use]
pub fn archived_ns(record: &[u8]) -> Option<u64> {
    let mut input = Input { record, at: 0 };
    let seconds = u64::from(u32::from_be_bytes(input.take().ok()?));
    let kind = input.u16().ok()?;
    input.take::<6>().ok()?;
    let micros = match kind {
        BGP4MP_ET => u32::from_be_bytes(input.take().ok()?),
        _ => 0,
    };
    Some(seconds * 1_000_000_000 + u64::from(micros) * 1000)
}

/// Whether an archive may begin so: a type and subtype that RFC 6396 and RFC 8050 know, and a length that
/// is one.
#[must_use]
pub fn is_archive(start: &[u8]) -> bool {
    let mut input = Input {
        record: start,
        at: 4,
    };
    let (Ok(kind), Ok(subtype), Ok(length)) = (input.u16(), input.u16(), input.take()) else {
        return false;
    };
    let subtypes = match kind {
        // TABLE_DUMP and TABLE_DUMP_V2.
        12 => 1..=2,
        13 => 1..=12,
        BGP4MP | BGP4MP_ET => 0..=11,
        _ => return false,
    };
    subtypes.contains(&subtype) && u32::from_be_bytes(length) < 1 << 24
}

struct Input<'a> {
    record: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Skip> {
        let rest = self.record.get(self.at..).ok_or(Skip::Truncated)?;
        let taken = rest.first_chunk().ok_or(Skip::Truncated)?;
        self.at += N;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, Skip> {
        self.take().map(u16::from_be_bytes)
    }

    fn rest(&self) -> Result<Range<u32>, Skip> {
        let place = |at| u32::try_from(at).map_err(|_| Skip::BadHeader);
        Ok(place(self.at)?..place(self.record.len())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6396 §4.4.3 drawn by hand: from 192.0.2.1, AS 65001, to 192.0.2.2, AS 65002.
    fn record(kind: u16, subtype: u16, micros: &[u8], asns: &[u8], end: &[u8]) -> Vec<u8> {
        let mut body = [micros, asns, &[0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2], end].concat();
        let mut record = 1_700_000_000u32.to_be_bytes().to_vec();
        record.extend(kind.to_be_bytes());
        record.extend(subtype.to_be_bytes());
        record.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
        record.append(&mut body);
        record
    }

    const TWO: [u8; 4] = [0xfd, 0xe9, 0xfd, 0xea];
    const FOUR: [u8; 8] = [0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea];

    #[test]
    fn messages_are_found_behind_both_sides() {
        let record_et = record(17, 9, &[0, 0, 0, 7], &FOUR, b"message");
        assert!(is_archive(&record_et));
        assert_eq!(archived_ns(&record_et), Some(1_700_000_000_000_007_000));
        let found = archived(&record_et).expect("whole");
        assert_eq!(found.asns, [65001, 65002]);
        assert_eq!(found.sender.addr.to_string(), "192.0.2.1");
        assert!(found.as4 && found.add_path);
        assert_eq!(found.told, Told::Message(36..43));
        let old = archived(&record(16, 1, &[], &TWO, b"message")).expect("whole");
        assert!(!old.as4 && !old.add_path);
        assert_eq!(old.told, Told::Message(28..35));
    }

    #[test]
    fn what_the_local_side_has_sent_is_its_own() {
        let found = archived(&record(16, 7, &[], &FOUR, b"message")).expect("whole");
        assert_eq!(found.sender.addr.to_string(), "192.0.2.2");
        assert_eq!(found.asns, [65002, 65001]);
    }

    #[test]
    fn states_are_two_numbers() {
        let found = archived(&record(16, 5, &[], &FOUR, &[0, 5, 0, 6])).expect("whole");
        assert_eq!(found.told, Told::State(5, 6));
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_passed_over() {
        let whole = record(16, 5, &[], &FOUR, &[0, 5, 0, 6]);
        for len in 0..whole.len() {
            assert_eq!(archived(&whole[..len]), Err(Skip::Truncated), "{len}");
        }
        let table = record(13, 2, &[], &FOUR, &[]);
        assert!(is_archive(&table));
        assert_eq!(archived(&table), Err(Skip::Archive));
        assert!(!is_archive(&record(16, 12, &[], &FOUR, &[])));
        assert!(!is_archive(
            b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00"
        ));
    }
}
