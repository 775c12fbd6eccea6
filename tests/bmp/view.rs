//! What a follower of a BMP connection knows in the end, by another project's decoder.

use bgpkit_parser::Elementor;
use bgpkit_parser::models::capabilities::AddPathSendReceive;
use bgpkit_parser::models::{BgpMessage, CapabilityValue, ElemType, ParamValue};
use bgpkit_parser::parser::bgp::messages::parse_bgp_message;
use bgpkit_parser::parser::bmp::messages::{
    BmpMessageBody, InitiationTlvType, PeerDownNotification, PeerUpNotification, PerPeerFlags,
    StatType, StatsData, parse_per_peer_header,
};
use bgpkit_parser::parser::bmp::parse_bmp_msg;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[path = "../support/attributes.rs"]
pub mod attributes;

/// A prefix and its path identifier.
pub type Key = (String, Option<u32>);
/// AS path and next hop.
pub type Value = (String, Option<IpAddr>);
/// `A` of an announcement, `W` of a withdrawal.
pub type Action = char;
pub type Table = BTreeMap<Key, Value>;
/// All attributes of each route, as `attributes::of_bgpkit` has them.
pub type AllAttributes = BTreeMap<Key, serde_json::Value>;

/// A session as the router told of it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub up: PeerUpNotification,
    /// Adj-RIB-In and Adj-RIB-Out: unicast routes.
    pub tables: [Table; 2],
    /// The same routes with all they have.
    pub attributes: [AllAttributes; 2],
    /// Figures of the last report.
    pub figures: BTreeMap<String, u64>,
    /// Families that were ended by End-of-RIB, in each table.
    pub ends: [u32; 2],
}

/// What one connection told.
#[derive(Default)]
pub struct View {
    pub name: String,
    pub terminated: bool,
    pub peers: BTreeMap<IpAddr, Peer>,
    pub downs: Vec<(IpAddr, PeerDownNotification)>,
    /// All UPDATEs, by neighbour and whether the router sent them.
    pub updates: Vec<(IpAddr, bool, Vec<u8>)>,
    /// Unicast routes announced and withdrawn, by neighbour and whether the router sent them.
    pub told: Vec<(IpAddr, bool, Action, Key)>,
    /// Messages that could not be used, by neighbour and whether the router sent them; and how often some were lost.
    pub mirrored: Vec<(IpAddr, bool, bool)>,
    pub peer_ups: usize,
    /// Messages that the decoder refuses.
    pub refused: Vec<String>,
}

const PER_PEER: usize = 6 + 42;

impl View {
    /// Follows a connection from its start.
    pub fn of(messages: &[Vec<u8>]) -> Self {
        let mut view = Self::default();
        for (index, bytes) in messages.iter().enumerate() {
            assert!(!view.terminated, "a message behind Termination");
            view.take(index, bytes);
        }
        view
    }

    fn take(&mut self, index: usize, bytes: &[u8]) {
        // RFC 7854 §4.3: first of all who it is.
        assert_eq!(
            index == 0,
            bytes[5] == 4,
            "message {index} of type {}",
            bytes[5]
        );
        let message = match parse_bmp_msg(&mut Bytes::copy_from_slice(bytes)) {
            Ok(message) => message,
            Err(error) => {
                assert!(matches!(bytes[5], 0 | 6), "type {}: {error:?}", bytes[5]);
                self.refused.push(format!("{error:?}"));
                // The routers exchanged it none the less.
                let mut header = Bytes::copy_from_slice(&bytes[6..]);
                let header = parse_per_peer_header(&mut header).unwrap();
                let sent = bytes[7] & 0x10 != 0;
                if bytes[5] == 6 {
                    self.mirrored
                        .push((header.peer_ip, sent, is_errored(bytes)));
                } else {
                    self.updates
                        .push((header.peer_ip, sent, bytes[PER_PEER..].to_vec()));
                }
                return;
            }
        };
        let Some(header) = message.per_peer_header else {
            match message.message_body {
                BmpMessageBody::InitiationMessage(initiation) => {
                    let name = initiation.tlvs.into_iter();
                    let name = name.filter(|tlv| tlv.info_type == InitiationTlvType::SysName);
                    self.name = name.map(|tlv| tlv.info).collect();
                }
                BmpMessageBody::TerminationMessage(_) => self.terminated = true,
                other => panic!("{other:?}"),
            }
            return;
        };
        let PerPeerFlags::PeerFlags(flags) = header.peer_flags else {
            panic!("a Loc-RIB: {header:?}");
        };
        let (address, sent) = (header.peer_ip, flags.is_adj_rib_out());
        // RFC 8671 §4: pre-policy what was received, post-policy what was sent.
        assert_eq!(flags.is_post_policy(), sent, "{header:?}");
        match message.message_body {
            BmpMessageBody::PeerUpNotification(up) => {
                self.peer_ups += 1;
                let peer = Peer {
                    up,
                    tables: Default::default(),
                    attributes: Default::default(),
                    figures: BTreeMap::new(),
                    ends: [0; 2],
                };
                let before = self.peers.insert(address, peer);
                assert!(before.is_none(), "{address} was up already");
            }
            BmpMessageBody::PeerDownNotification(down) => {
                assert!(
                    self.peers.remove(&address).is_some(),
                    "{address} was not up"
                );
                self.downs.push((address, down));
            }
            BmpMessageBody::RouteMonitoring(_) => {
                let update = &bytes[PER_PEER..];
                self.updates.push((address, sent, update.to_vec()));
                let peer = self.peers.get_mut(&address);
                let peer = peer.unwrap_or_else(|| panic!("routes of {address}, which is not up"));
                let update = Bytes::copy_from_slice(update);
                match peer.update(update, sent, &flags.asn_length()) {
                    Ok(routes) => {
                        let told = routes.into_iter();
                        self.told
                            .extend(told.map(|(kind, key)| (address, sent, kind, key)));
                    }
                    Err(error) => self.refused.push(error),
                }
            }
            BmpMessageBody::RouteMirroring(_) => {
                let errored = is_errored(bytes);
                self.mirrored.push((address, sent, errored));
            }
            BmpMessageBody::StatsReport(report) => {
                assert!(!sent, "RFC 8671 §6.2: the O flag is zero");
                let peer = self
                    .peers
                    .get_mut(&address)
                    .expect("figures of a peer that is up");
                for counter in report.counters {
                    let (name, value) = match counter.stat_data {
                        StatsData::Counter(value) => (name(counter.stat_type), value.into()),
                        StatsData::Gauge(value) => (name(counter.stat_type), value),
                        StatsData::AfiSafiGauge(afi, safi, value) => {
                            (format!("{} {afi}/{safi}", name(counter.stat_type)), value)
                        }
                        StatsData::Unknown(bytes) => panic!("{:?} {bytes:?}", counter.stat_type),
                    };
                    peer.figures.insert(name, value);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 7854 §4.7: an Information TLV comes first here; 0 is an errored message, 1 that some were lost.
fn is_errored(bytes: &[u8]) -> bool {
    let [0, 1, 0, 2, high, low] = bytes[PER_PEER..PER_PEER + 6] else {
        panic!("no information: {bytes:?}");
    };
    [high, low] == [0, 0]
}

fn name(kind: StatType) -> String {
    u16::from(kind).to_string()
}

impl Peer {
    /// Whether NLRI of a family that the router sent, or received, begin with path identifiers (RFC 7911 §4).
    fn has_path_ids(&self, sent: bool, family: (u16, u8)) -> bool {
        let (sender, receiver) = if sent {
            (&self.up.sent_open, &self.up.received_open)
        } else {
            (&self.up.received_open, &self.up.sent_open)
        };
        let sends = |mode| {
            matches!(
                mode,
                AddPathSendReceive::Send | AddPathSendReceive::SendReceive
            )
        };
        let receives = |mode| {
            matches!(
                mode,
                AddPathSendReceive::Receive | AddPathSendReceive::SendReceive
            )
        };
        let receiver = add_path(receiver);
        add_path(sender).into_iter().any(|(offered, mode)| {
            let there = receiver.iter().find(|(other, _)| *other == family);
            offered == family && sends(mode) && there.is_some_and(|(_, mode)| receives(*mode))
        })
    }

    fn update(
        &mut self,
        mut bytes: Bytes,
        sent: bool,
        asn: &bgpkit_parser::models::AsnLength,
    ) -> Result<Vec<(Action, Key)>, String> {
        let path_ids = self.has_path_ids(sent, family(&bytes));
        let message = parse_bgp_message(&mut bytes, path_ids, asn);
        let message = message.map_err(|error| format!("{error:?}"))?;
        if let BgpMessage::Update(update) = &message
            && update.is_end_of_rib()
        {
            self.ends[usize::from(sent)] += 1;
        }
        // RFC 4760 §3: with MP_REACH_NLRI alone a NEXT_HOP attribute is ignored; the decoder prefers it.
        let next_hop = match &message {
            BgpMessage::Update(update) if update.announced_prefixes.is_empty() => {
                let reach = update.attributes.get_reachable_nlri();
                reach
                    .and_then(|reach| reach.next_hop.as_ref())
                    .map(|hop| hop.addr())
            }
            _ => None,
        };
        let form = match &message {
            BgpMessage::Update(update) => attributes::of_bgpkit(&update.attributes),
            _ => serde_json::Value::Null,
        };
        let (zero, mut told) = (IpAddr::from([0; 4]), Vec::new());
        for elem in Elementor::bgp_to_elems(message, 0.0, &zero, &0.into()) {
            let key = (elem.prefix.prefix.to_string(), elem.prefix.path_id);
            let table = &mut self.tables[usize::from(sent)];
            let announced = elem.elem_type == ElemType::ANNOUNCE;
            told.push((if announced { 'A' } else { 'W' }, key.clone()));
            match elem.elem_type {
                ElemType::ANNOUNCE => {
                    let path = elem
                        .as_path
                        .map(|path| path.to_string())
                        .unwrap_or_default();
                    let mut form = form.clone();
                    // Completed by AS4_PATH; and of two next hops that of this family.
                    form["path"] = path.as_str().into();
                    if next_hop.is_none()
                        && let Some(hop) = elem.next_hop
                    {
                        form["next_hop"] = hop.to_string().into();
                    }
                    self.attributes[usize::from(sent)].insert(key.clone(), form);
                    table.insert(key, (path, next_hop.or(elem.next_hop)));
                }
                ElemType::WITHDRAW => {
                    self.attributes[usize::from(sent)].remove(&key);
                    table.remove(&key);
                }
            }
        }
        Ok(told)
    }
}

/// The family of an UPDATE: that of its MP_REACH_NLRI or MP_UNREACH_NLRI, if it has one.
fn family(update: &[u8]) -> (u16, u8) {
    let number = |at: usize| usize::from(u16::from_be_bytes([update[at], update[at + 1]]));
    let mut at = 21 + number(19);
    let end = at + 2 + number(at);
    at += 2;
    while at + 3 <= end {
        let (long, code) = (update[at] & 0x10 != 0, update[at + 1]);
        let (value, length) = if long {
            (at + 4, number(at + 2))
        } else {
            (at + 3, usize::from(update[at + 2]))
        };
        if matches!(code, 14 | 15) {
            return (number(value) as u16, update[value + 2]);
        }
        at = value + length;
    }
    (1, 1)
}

fn add_path(open: &BgpMessage) -> Vec<((u16, u8), AddPathSendReceive)> {
    let BgpMessage::Open(open) = open else {
        panic!("{open:?}");
    };
    let mut found = Vec::new();
    for parameter in &open.opt_params {
        let ParamValue::Capacities(capabilities) = &parameter.param_value else {
            continue;
        };
        for capability in capabilities {
            if let CapabilityValue::AddPath(add_path) = &capability.value {
                found.extend(add_path.address_families.iter().map(|family| {
                    (
                        (u16::from(family.afi), u8::from(family.safi)),
                        family.send_receive,
                    )
                }));
            }
        }
    }
    found
}

impl View {
    /// The UPDATEs of one neighbour and direction, as hex.
    pub fn of_side(&self, neighbour: IpAddr, sent: bool) -> Vec<String> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let updates = self.updates.iter();
        let own = updates.filter(|(address, is_sent, _)| (*address, *is_sent) == (neighbour, sent));
        own.map(|(_, _, bytes)| hex(bytes)).collect()
    }

    /// Messages of one neighbour and direction that could not be used.
    pub fn errored(&self, neighbour: IpAddr, sent: bool) -> usize {
        let mirrored = self.mirrored.iter();
        mirrored
            .filter(|one| **one == (neighbour, sent, true))
            .count()
    }
}
