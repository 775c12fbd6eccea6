//! A session for unit tests, in which one side tells routes.

use super::{AdjRib, Ribs};
use crate::bgp::{Family, Message, MessageType};
use crate::session::{Key, Session, Sight};
use crate::wire::{Endpoint, Segment};
use std::net::IpAddr;
use std::ops::Range;

/// ORIGIN, an empty AS_PATH, NEXT_HOP.
const ATTRIBUTES: [u8; 14] = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];

/// A session that was joined, in which one side tells routes by their numbers.
pub(crate) struct Conversation {
    pub(crate) ribs: Ribs,
    pub(crate) session: Session,
    nlri: fn(u32) -> Vec<u8>,
}

impl Conversation {
    /// Routes to single addresses.
    pub(crate) fn new() -> Self {
        let end = |last| Endpoint {
            addr: IpAddr::from([192, 0, 2, last]),
            port: 170 + u16::from(last),
        };
        let (key, _) = Key::of(&Segment::between(end(9), end(10)));
        let mut session = Session::new(key, 1, false);
        session.see(Sight::Traffic);
        Self {
            ribs: Ribs::new(1 << 30),
            session,
            nlri: |n| {
                let [_, a, b, c] = n.to_be_bytes();
                vec![32, 10, a, b, c]
            },
        }
    }

    /// Routes to 10.0.0.1, told apart by path identifiers (RFC 7911).
    pub(crate) fn of_paths() -> Self {
        let mut conversation = Self::new();
        conversation.session.tell(0, [64512, 64513], true, true);
        conversation.nlri = |n| [&n.to_be_bytes()[..], &[32, 10, 0, 0, 1]].concat();
        conversation
    }

    pub(crate) fn say(&mut self, routes: Range<u32>, announced: bool) {
        for some in routes.collect::<Vec<_>>().chunks(200) {
            let nlri: Vec<u8> = some.iter().flat_map(|n| (self.nlri)(*n)).collect();
            let length = |octets: &[u8]| (octets.len() as u16).to_be_bytes();
            let body = if announced {
                [&[0, 0][..], &length(&ATTRIBUTES), &ATTRIBUTES, &nlri].concat()
            } else {
                [&length(&nlri), &nlri[..], &[0, 0]].concat()
            };
            let context = *self.session.context(0);
            let update = Message::parse_body(MessageType::Update, &body, &context);
            let changes = self.ribs.message(&self.session, 0, &update, 0);
            let changes = changes.expect("an UPDATE that can be read");
            let done = changes.new + changes.withdrawn;
            assert_eq!(done as usize, some.len());
        }
    }

    pub(crate) fn rib(&self) -> &AdjRib {
        let tables = self.ribs.session(self.session.id).expect("routes");
        let rib = tables.direction(0).rib(Family::IPV4_UNICAST);
        rib.expect("routes")
    }
}
