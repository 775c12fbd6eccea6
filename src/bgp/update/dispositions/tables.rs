//! The rules, a row each: clause, attribute, what is wrong with it, and what that means.

use crate::bgp::Disposition::{self, AttributeDiscard, Ignore, SessionReset, TreatAsWithdraw};
use crate::bgp::ErrorCode::{self, *};

/// A valid value of each attribute, with the flags that IANA's registry or its RFC gives it, among
/// four-octet AS numbers.
pub(super) const VALID: [(u8, u8, &[u8]); 33] = [
    (0x40, 1, &[0]),
    (0x40, 2, &[2, 1, 0, 0, 0xfb, 0xf0]),
    (0x40, 3, &[192, 0, 2, 1]),
    (0x80, 4, &[0, 0, 0, 5]),
    (0x40, 5, &[0, 0, 0, 100]),
    (0x40, 6, &[]),
    (0xc0, 7, &[0, 0, 0xfb, 0xf0, 192, 0, 2, 1]),
    (0xc0, 8, &[0, 2, 0, 1]),
    (0x80, 9, &[192, 0, 2, 1]),
    (0x80, 10, &[192, 0, 2, 1]),
    (0x80, 14, &[0, 1, 1, 4, 192, 0, 2, 1, 0, 24, 203, 0, 113]),
    (0x80, 15, &[0, 1, 1, 24, 203, 0, 113]),
    (0xc0, 16, &[0, 2, 0xfb, 0xf0, 0, 0, 0, 1]),
    (0xc0, 17, &[2, 1, 0, 0, 0xfb, 0xf0]),
    (0xc0, 18, &[0, 0, 0xfb, 0xf0, 192, 0, 2, 1]),
    (0xc0, 22, &[0, 6, 0, 6, 0x41, 192, 0, 2, 1]),
    // VXLAN with its egress endpoint.
    (
        0xc0,
        23,
        &[0, 8, 0, 12, 6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1],
    ),
    (0x80, 24, &[0; 36]),
    (0xc0, 25, &[0; 20]),
    (0x80, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 5]),
    (0xc0, 27, &[192, 0, 2, 1, 0, 1, 0x41]),
    (0x80, 29, &[4, 0x47, 0, 1, 5]),
    (0xc0, 32, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
    // A segment of the path; a block with a signature of one octet.
    (
        0x80,
        33,
        &[
            0, 8, 1, 0, 0, 0, 0xfb, 0xf0, 0, 26, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
            15, 16, 17, 18, 19, 20, 0, 1, 0xab,
        ],
    ),
    (0xc0, 35, &[0, 0, 0xfb, 0xf0]),
    (0xc0, 36, &[1, 0, 0, 0xfb, 0xf0, 0, 2, 0x80]),
    (0xc0, 37, &[2, 0, 6, 250, 3, 0, 2, 0, 41]),
    (0xc0, 38, &[1, 0, 0, 1, 0, 1, 4, 192, 0, 2, 1]),
    (0xc0, 40, &[1, 0, 7, 0, 0, 0, 0, 0, 0, 5]),
    (0xc0, 41, &[0, 1, 0, 4, 1, 0, 2, 0]),
    (0xc0, 128, &[0, 0, 0xfb, 0xf0, 0x40, 1, 1, 0]),
    // Two that have no decoder.
    (0xc0, 34, &[0, 1, 0, 6, 0, 0]),
    (0xc0, 200, &[1, 2, 3]),
];

/// What is wrong, and what a receiver does about it; nothing if the value is valid.
pub(super) type Outcome = Option<(ErrorCode, Disposition)>;

const LENGTH: Outcome = Some((AttributeLength, TreatAsWithdraw));
const LENGTH_DISCARD: Outcome = Some((AttributeLength, AttributeDiscard));
const OPTIONAL: Outcome = Some((OptionalAttribute, TreatAsWithdraw));
const OPTIONAL_DISCARD: Outcome = Some((OptionalAttribute, AttributeDiscard));
const OPTIONAL_RESET: Outcome = Some((OptionalAttribute, SessionReset));
const PATH: Outcome = Some((MalformedAsPath, TreatAsWithdraw));
const LIST: Outcome = Some((MalformedAttributeList, TreatAsWithdraw));
const LIST_DISCARD: Outcome = Some((MalformedAttributeList, AttributeDiscard));

/// Clause, attribute, and what it means that the value is empty, that the last octet of the valid
/// one is missing, and that a zero follows it. RFC 7606 §4 is about the empty ones.
#[rustfmt::skip]
pub(super) const EDGES: [(&str, u8, Outcome, Outcome, Outcome); 33] = [
    ("RFC 7606 §7.1", 1, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §4, §7.2", 2, None, PATH, PATH),
    ("RFC 7606 §7.3", 3, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §7.4", 4, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §7.5", 5, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §7.6", 6, None, None, LENGTH_DISCARD),
    ("RFC 7606 §7.7", 7, LENGTH_DISCARD, LENGTH_DISCARD, LENGTH_DISCARD),
    ("RFC 7606 §7.8", 8, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §7.9", 9, LENGTH, LENGTH, LENGTH),
    ("RFC 7606 §7.10", 10, LENGTH, LENGTH, LENGTH),
    // A zero is a default route.
    ("RFC 7606 §5.3, §7.11", 14, OPTIONAL_RESET, OPTIONAL_RESET, None),
    ("RFC 7606 §5.3, §7.12", 15, OPTIONAL_RESET, OPTIONAL_RESET, None),
    ("RFC 7606 §7.14", 16, LENGTH, LENGTH, LENGTH),
    ("RFC 6793 §6", 17, LENGTH_DISCARD, Some((MalformedAsPath, AttributeDiscard)), Some((MalformedAsPath, AttributeDiscard))),
    ("RFC 6793 §6", 18, LENGTH_DISCARD, LENGTH_DISCARD, LENGTH_DISCARD),
    ("RFC 6514 §5", 22, LENGTH, OPTIONAL, OPTIONAL),
    ("RFC 9012 §13", 23, LENGTH, LIST, LIST),
    // What follows 36 octets depends on a switching capability that is not known.
    ("RFC 7606 §7.13", 24, LENGTH, LENGTH, None),
    ("RFC 7606 §7.15", 25, LENGTH, LENGTH, LENGTH),
    ("RFC 7311 §3.2", 26, LENGTH_DISCARD, OPTIONAL_DISCARD, OPTIONAL_DISCARD),
    ("RFC 6514 §8", 27, LENGTH, LENGTH, LENGTH),
    ("RFC 9552 §8.2.2", 29, LENGTH_DISCARD, LIST_DISCARD, LIST_DISCARD),
    ("RFC 8092 §6", 32, LENGTH, LENGTH, LENGTH),
    ("RFC 8205 §5.2", 33, LENGTH, OPTIONAL, OPTIONAL),
    ("RFC 9234 §5", 35, LENGTH, LENGTH, LENGTH),
    ("RFC 10039 §4", 36, LENGTH, OPTIONAL, OPTIONAL),
    ("RFC 9015 §3.2.1", 37, LENGTH, LIST, LIST),
    ("RFC 9026 §3.1.6", 38, LENGTH_DISCARD, LENGTH_DISCARD, OPTIONAL_DISCARD),
    ("RFC 8669 §6", 40, LENGTH_DISCARD, LIST_DISCARD, LIST_DISCARD),
    ("RFC 9793 §3", 41, LENGTH_DISCARD, LIST_DISCARD, LIST_DISCARD),
    ("RFC 7606 §7.16", 128, LENGTH, LENGTH, LENGTH),
    // Whether they may be empty, only those know who know them.
    ("RFC 4271 §5", 34, None, None, None),
    ("RFC 4271 §5", 200, None, None, None),
];

/// Whether a value may have that length.
pub(super) type Allowed = fn(usize) -> bool;

/// Clause, attribute, the lengths that it may have, and what any other means.
#[rustfmt::skip]
pub(super) const LENGTHS: [(&str, u8, Allowed, ErrorCode, Disposition); 15] = [
    ("RFC 7606 §7.1", 1, |n| n == 1, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.3", 3, |n| n == 4, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.4", 4, |n| n == 4, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.5", 5, |n| n == 4, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.6", 6, |n| n == 0, AttributeLength, AttributeDiscard),
    ("RFC 7606 §7.7", 7, |n| n == 8, AttributeLength, AttributeDiscard),
    ("RFC 7606 §7.8", 8, |n| n > 0 && n % 4 == 0, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.9", 9, |n| n == 4, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §7.10", 10, |n| n > 0 && n % 4 == 0, AttributeLength, TreatAsWithdraw),
    ("RFC 7606 §5.3", 15, |n| n == 3, OptionalAttribute, SessionReset),
    ("RFC 7606 §7.14", 16, |n| n > 0 && n % 8 == 0, AttributeLength, TreatAsWithdraw),
    ("RFC 6793 §6", 18, |n| n == 8, AttributeLength, AttributeDiscard),
    ("RFC 7606 §7.15", 25, |n| n > 0 && n % 20 == 0, AttributeLength, TreatAsWithdraw),
    ("RFC 8092 §6", 32, |n| n > 0 && n % 12 == 0, AttributeLength, TreatAsWithdraw),
    ("RFC 9234 §5", 35, |n| n == 4, AttributeLength, TreatAsWithdraw),
];

/// Clause, attribute, a value that is malformed, and what that means.
#[rustfmt::skip]
pub(super) const VALUES: [(&str, u8, &[u8], ErrorCode, Disposition); 64] = [
    ("RFC 7606 §7.1: ORIGIN 7", 1, &[7], InvalidOrigin, TreatAsWithdraw),
    ("RFC 7606 §7.2: type", 2, &[5, 1, 0, 0, 0, 1], MalformedAsPath, TreatAsWithdraw),
    ("RFC 7606 §7.2: overrun", 2, &[2, 2, 0, 0, 0, 1], MalformedAsPath, TreatAsWithdraw),
    ("RFC 7606 §7.2: underrun", 2, &[2, 1, 0, 0, 0, 1, 2], MalformedAsPath, TreatAsWithdraw),
    ("RFC 7606 §7.2: no AS", 2, &[2, 0], MalformedAsPath, TreatAsWithdraw),
    ("RFC 7607 §2: AS 0", 2, &[2, 1, 0, 0, 0, 0], MalformedAsPath, TreatAsWithdraw),
    ("RFC 9774 §3: AS_SET", 2, &[1, 1, 0, 0, 0, 1], MalformedAsPath, TreatAsWithdraw),
    ("RFC 9774 §3: AS_CONFED_SET", 2, &[4, 1, 0, 0, 0, 1], MalformedAsPath, TreatAsWithdraw),
    ("RFC 4271 §6.3: no host", 3, &[0, 0, 0, 0], InvalidNextHop, TreatAsWithdraw),
    ("RFC 4271 §6.3: no host", 3, &[127, 0, 0, 1], InvalidNextHop, TreatAsWithdraw),
    ("RFC 4271 §6.3: multicast", 3, &[224, 0, 0, 5], InvalidNextHop, TreatAsWithdraw),
    ("RFC 7607 §2: AS 0", 7, &[0, 0, 0, 0, 1, 2, 3, 4], OptionalAttribute, AttributeDiscard),
    ("RFC 7606 §5.3: below 5 octets", 14, &[0, 1, 1, 0], OptionalAttribute, SessionReset),
    ("RFC 7606 §7.11: next hop beyond the end", 14, &[0, 1, 1, 9, 1, 2, 3, 4, 0], OptionalAttribute, SessionReset),
    ("RFC 7606 §7.11: no length of IPv4", 14, &[0, 1, 1, 3, 1, 2, 3, 0], OptionalAttribute, SessionReset),
    ("RFC 7606 §7.11: no length of IPv6", 14, &[0, 2, 1, 4, 1, 2, 3, 4, 0], OptionalAttribute, SessionReset),
    ("RFC 7606 §7.11: no length of VPN", 14, &[0, 1, 128, 4, 1, 2, 3, 4, 0], OptionalAttribute, SessionReset),
    ("RFC 7606 §5.3: prefix too long", 14, &[0, 1, 1, 4, 1, 2, 3, 4, 0, 33], OptionalAttribute, SessionReset),
    ("RFC 7606 §5.3: prefix too long", 15, &[0, 1, 1, 33], OptionalAttribute, SessionReset),
    ("RFC 7606 §5.3: prefix cut", 15, &[0, 2, 1, 64, 1], OptionalAttribute, SessionReset),
    ("RFC 4271 §4.3: trailing bits", 15, &[0, 1, 1, 20, 1, 1, 1], OptionalAttribute, Ignore),
    ("RFC 7606 §4: empty", 17, &[], AttributeLength, AttributeDiscard),
    ("RFC 6793 §6: type", 17, &[5, 1, 0, 0, 0, 1], MalformedAsPath, AttributeDiscard),
    ("RFC 6793 §6: confederation", 17, &[3, 1, 0, 0, 0, 1], OptionalAttribute, Ignore),
    ("RFC 7607 §2: AS 0", 17, &[2, 1, 0, 0, 0, 0], MalformedAsPath, AttributeDiscard),
    ("RFC 7607 §2: AS 0", 18, &[0, 0, 0, 0, 1, 2, 3, 4], OptionalAttribute, AttributeDiscard),
    ("RFC 7606 §4: empty", 26, &[], AttributeLength, AttributeDiscard),
    ("RFC 7311 §3.2: length", 26, &[1, 0, 10, 0, 0, 0, 0, 0, 0, 5], OptionalAttribute, AttributeDiscard),
    ("RFC 6514 §5: undefined type", 22, &[0, 9, 0, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 6514 §5: undefined type", 22, &[0, 0x7f, 0, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 6514 §5: identifier of no tunnel", 22, &[0, 0, 0, 0, 0, 1], OptionalAttribute, TreatAsWithdraw),
    ("RFC 6514 §5: no identifier", 22, &[0, 6, 0, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 6514 §8: multicast", 27, &[224, 0, 0, 1, 0, 1, 0x41], OptionalAttribute, TreatAsWithdraw),
    ("RFC 8205 §5.2: no block", 33, &[0, 8, 1, 0, 0, 0, 0xfb, 0xf0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 10039 §4: no domain", 36, &[0, 0, 0, 0, 0, 0, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9026 §3.1.6: below 11 octets", 38, &[1, 0, 0, 1, 0, 9, 3, 0, 0, 0], AttributeLength, AttributeDiscard),
    ("RFC 9026 §3.1.6: option cut", 38, &[1, 0, 0, 1, 0, 1, 5, 192, 0, 2, 1], OptionalAttribute, AttributeDiscard),
    ("RFC 9026 §3.1.6: no address", 38, &[1, 0, 0, 1, 0, 1, 3, 192, 0, 2, 9, 0], OptionalAttribute, AttributeDiscard),
    ("RFC 6368 §5: no AS", 128, &[0, 0, 0xfb], AttributeLength, TreatAsWithdraw),
    ("RFC 6368 §5: NLRI", 128, &[0, 0, 0, 1, 0x80, 15, 3, 0, 1, 1], OptionalAttribute, TreatAsWithdraw),
    ("RFC 6368 §5: malformed inside", 128, &[0, 0, 0, 1, 0x40, 6, 1, 0], AttributeLength, TreatAsWithdraw),
    ("RFC 6368 §5: NEXT_HOP inside", 128, &[0, 0, 0, 1, 0x40, 3, 1, 0], AttributeLength, Ignore),
    ("RFC 7606 §3 g: twice inside", 128, &[0, 0, 0, 1, 0x40, 6, 0, 0x40, 6, 0], MalformedAttributeList, AttributeDiscard),
    ("RFC 9012 §13: TLV cut", 23, &[0, 8, 0, 3, 7, 1], MalformedAttributeList, TreatAsWithdraw),
    ("RFC 9012 §13: sub-TLV cut", 23, &[0, 8, 0, 3, 7, 2, 0], MalformedAttributeList, TreatAsWithdraw),
    ("RFC 9012 §13: inside", 23, &[0, 8, 0, 16, 6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1, 7, 2, 0, 0], OptionalAttribute, Ignore),
    ("RFC 9012 §13: no endpoint", 23, &[0, 8, 0, 3, 7, 1, 46], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9830 §5", 23, &[0, 15, 0, 3, 15, 1, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 7606 §7.13: length", 24, &[0; 35], AttributeLength, TreatAsWithdraw),
    ("RFC 9552 §8.2.2: length", 29, &[4, 0x47, 0, 0], OptionalAttribute, AttributeDiscard),
    ("RFC 9552 §8.2.2: cut", 29, &[4, 0x47, 0, 1], MalformedAttributeList, AttributeDiscard),
    ("RFC 9015 §3.2.1: length", 37, &[1, 0, 1, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9015 §3.2.1: cut", 37, &[2, 0, 2, 250], MalformedAttributeList, TreatAsWithdraw),
    ("RFC 9015 §3.2.1: no hop", 37, &[9, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9015 §3.2.1: no function", 37, &[2, 0, 1, 250], OptionalAttribute, TreatAsWithdraw),
    ("RFC 8669 §6: length", 40, &[1, 0, 6, 0, 0, 0, 0, 0, 0], OptionalAttribute, AttributeDiscard),
    ("RFC 8669 §6: cut", 40, &[1, 0, 7, 0], MalformedAttributeList, AttributeDiscard),
    ("RFC 8669 §3.2: no range", 40, &[3, 0, 2, 0, 0], OptionalAttribute, AttributeDiscard),
    ("RFC 9252 §7", 40, &[5, 0, 5, 0, 1, 0, 1, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9252 §7: cut", 40, &[5, 0, 9, 0], MalformedAttributeList, TreatAsWithdraw),
    ("RFC 9252 §7: empty", 40, &[6, 0, 0], OptionalAttribute, TreatAsWithdraw),
    ("RFC 9793 §3: length", 41, &[0, 1, 0, 3, 1, 0, 2], OptionalAttribute, AttributeDiscard),
    ("RFC 9793 §3: cut", 41, &[0, 1, 0, 4, 1], MalformedAttributeList, AttributeDiscard),
    ("RFC 7311 §3.2: cut", 26, &[9, 0, 9], OptionalAttribute, AttributeDiscard),
];
