//! A speaker that tells a route of each family, and what another project reads in its messages.

use super::super::{EXTENDED_LENGTH, MP_REACH, begin, end_of_rib, finish};
use crate::bgp::{Family, Message, MessageType};
use crate::rib::{AdjRib, Ribs};
use crate::session::{Key, Session, Sight};
use crate::wire::{Endpoint, Segment};
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use std::net::IpAddr;

const RD: [u8; 8] = [0, 0, 0xfd, 0xe9, 0, 0, 0, 1];
const GLOBAL: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// One label, the bottom of its stack.
const LABEL: [u8; 3] = [0, 6, 0x41];

/// Families, next hops and one NLRI of each, whose last but one octets are to be told apart by a number.
pub(super) fn families() -> [(Family, Vec<u8>, Vec<u8>); 8] {
    let no_rd = [0; 8];
    let prefix6 = [0x20, 1, 0xd, 0xb8, 0, 3];
    let mac = [2, 0, 0, 0, 0, 1];
    let evpn = [
        &[2, 33][..],
        &RD,
        &[0; 10],
        &[0, 0, 0, 7, 48],
        &mac,
        &[0],
        &LABEL,
    ];
    [
        (Family::IPV4_UNICAST, vec![], vec![24, 198, 51, 100]),
        // RFC 8950: by a next hop of IPv6.
        (Family::IPV4_UNICAST, GLOBAL.to_vec(), vec![24, 203, 0, 113]),
        (
            Family::IPV6_UNICAST,
            GLOBAL.to_vec(),
            [&[48][..], &prefix6].concat(),
        ),
        (
            Family::IPV6_UNICAST,
            [GLOBAL, LINK_LOCAL].concat(),
            [&[47][..], &prefix6[..5], &[2]].concat(),
        ),
        (
            Family::new(1, 4),
            vec![192, 0, 2, 1],
            [&[48][..], &LABEL, &[192, 0, 2]].concat(),
        ),
        (
            Family::new(1, 128),
            [&no_rd[..], &[192, 0, 2, 1]].concat(),
            [&[112][..], &LABEL, &RD, &[192, 0, 2]].concat(),
        ),
        (
            Family::new(2, 128),
            [&no_rd[..], &GLOBAL].concat(),
            [&[136][..], &LABEL, &RD, &prefix6].concat(),
        ),
        (Family::new(25, 70), vec![192, 0, 2, 1], evpn.concat()),
    ]
}

/// Attributes beside the next hop: with an AS number that two octets do not hold, and one that nobody knows.
fn attributes(as4: bool) -> Vec<u8> {
    let mut out = vec![0x40, 1, 1, 2];
    let wide: &[u8] = &[2, 2, 0, 0, 0xfd, 0xe9, 0xfa, 0x56, 0xea, 3];
    if as4 {
        push(&mut out, 0x40, 2, wide);
    } else {
        // RFC 6793 §4.2.2: AS_TRANS, and the path as it is.
        push(&mut out, 0x40, 2, &[2, 2, 0xfd, 0xe9, 0x5b, 0xa0]);
        push(&mut out, 0xc0, 17, wide);
    }
    push(&mut out, 0x80, 4, &[0, 0, 0, 50]);
    push(&mut out, 0xc0, 8, &[0xfd, 0xe9, 0, 7, 0xff, 0xff, 0xff, 1]);
    push(&mut out, 0xc0, 16, &[0, 2, 0xfd, 0xe9, 0, 0, 0, 100]);
    push(
        &mut out,
        0xc0,
        32,
        &[0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2],
    );
    // The partial bit (RFC 4271 §4.3) stays, and so does a value longer than 255 octets.
    push(&mut out, 0xe0, 99, &[7; 300]);
    out
}

fn push(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    out.extend([flags | EXTENDED_LENGTH, code]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

/// A session whose messages are encoded in one way, and its tables.
pub(super) struct Speaker {
    pub(super) session: Session,
    pub(super) ribs: Ribs,
    as4: bool,
    add_path: bool,
}

impl Speaker {
    pub(super) fn new(as4: bool, add_path: bool) -> Self {
        let end = |last, port| Endpoint {
            addr: IpAddr::from([192, 0, 2, last]),
            port,
        };
        let (key, _) = Key::of(&Segment::between(end(1, 179), end(2, 40_000)));
        let mut session = Session::new(key, 1, false);
        session.see(Sight::Traffic);
        session.tell(0, [65001, 65002], as4, add_path);
        Self {
            session,
            ribs: Ribs::new(1 << 30),
            as4,
            add_path,
        }
    }

    /// Says that there is a route; the message.
    pub(super) fn say(&mut self, family: Family, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
        let mut attributes = attributes(self.as4);
        let id: &[u8] = if self.add_path { &[0, 0, 0, 9] } else { &[] };
        let nlri = [id, nlri].concat();
        let [a, b] = family.afi.0.to_be_bytes();
        let head = [a, b, family.safi.0, next_hop.len() as u8];
        let plain = next_hop.is_empty();
        if plain {
            push(&mut attributes, 0x40, 3, &[192, 0, 2, 1]);
        } else {
            let value = [&head, next_hop, &[0], &nlri].concat();
            push(&mut attributes, 0x80, MP_REACH, &value);
        }
        let length = (attributes.len() as u16).to_be_bytes();
        let tail = if plain { &nlri[..] } else { &[] };
        let body = [&[0, 0], &length[..], &attributes, tail].concat();
        let context = *self.session.context(0);
        let message = Message::parse_body(MessageType::Update, &body, &context);
        let changes = self.ribs.message(&self.session, 0, &message, 0);
        assert_eq!(changes.map(|changes| changes.new), Some(1), "{family}");
        let mut whole = Vec::new();
        begin(&mut whole);
        whole.extend(body);
        finish(&mut whole, 0);
        whole
    }

    pub(super) fn tables(&self) -> &[AdjRib] {
        let tables = self.ribs.session(self.session.id).expect("routes");
        tables.direction(0).ribs()
    }

    /// As the other project decodes it.
    pub(super) fn decode(&self, bytes: &[u8], family: Family) -> BgpUpdateMessage {
        let mut context = match self.as4 {
            true => BgpParsingContext::default(),
            false => BgpParsingContext::asn2_default(),
        };
        if self.add_path {
            // Its name of the family is what it reads in an End-of-RIB.
            let mut end = Vec::new();
            end_of_rib(&mut end, family);
            let named = decoded(&end, &mut BgpParsingContext::default()).end_of_rib();
            let named = named.expect("an End-of-RIB");
            context.add_path_mut().insert(named, true);
        }
        decoded(bytes, &mut context)
    }
}

fn decoded(bytes: &[u8], context: &mut BgpParsingContext) -> BgpUpdateMessage {
    match BgpMessage::parse(&mut SliceReader::new(bytes), context) {
        Ok(BgpMessage::Update(update)) => update,
        other => panic!("{other:?} in {bytes:02x?}"),
    }
}
