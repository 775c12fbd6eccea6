//! Routes of tables as filters see them: as the UPDATEs by which they would be told.

use super::json::Meta;
use super::rebuild;
use crate::bgp::header::HEADER_LEN;
use crate::bgp::{Message, MessageType};
use crate::filter::{Event, Selection, What};
use crate::rib::{AdjRib, Ribs, Route, Tables};
use crate::session::{Direction, Session};

/// Asks filters about routes.
#[derive(Default)]
pub(crate) struct RouteFilter {
    update: Vec<u8>,
}

impl RouteFilter {
    /// Whether filters select the route of a table that `meta` says whose it is.
    pub(crate) fn selects(
        &mut self,
        selection: &mut Selection,
        meta: &Meta<'_>,
        (ribs, rib): (&Ribs, &AdjRib),
        route: &Route<'_>,
    ) -> bool {
        if selection.is_empty() {
            return true;
        }
        self.update.clear();
        let attributes = ribs.attributes(route.attributes);
        let (family, context) = (rib.family(), rib.context());
        let keys = [route.key];
        rebuild::announce(&mut self.update, ribs, family, context, &attributes, &keys);
        let body = self.update.get(HEADER_LEN..).unwrap_or_default();
        let message = Message::parse_body(MessageType::Update, body, context);
        let what = What::Message(&message, None);
        selection.wants(&Event { meta, what })
    }
}

/// Whose routes those of a table are.
pub(crate) fn meta_of_table(tables: &Tables, direction: Direction, ns: u64) -> Meta<'static> {
    let (peer, local) = tables.key.endpoints(direction);
    let asn = |direction: Direction| tables.asns[direction & 1];
    Meta {
        ts_ns: ns,
        ts_source: "",
        peer: peer.addr,
        peer_port: peer.port,
        peer_asn: asn(direction),
        local: local.addr,
        local_port: local.port,
        local_asn: asn(direction ^ 1),
        session: tables.session,
        seq: 0,
        event_no: 0,
        host: "",
        searched: false,
    }
}

/// Who says something in a session.
pub(super) fn meta_of_session(session: &Session, direction: Direction, ns: u64) -> Meta<'static> {
    let (peer, local) = session.key.endpoints(direction);
    Meta {
        ts_ns: ns,
        ts_source: "",
        peer: peer.addr,
        peer_port: peer.port,
        peer_asn: session.asn(direction),
        local: local.addr,
        local_port: local.port,
        local_asn: session.asn(direction ^ 1),
        session: session.id,
        seq: 0,
        event_no: 0,
        host: "",
        searched: false,
    }
}
