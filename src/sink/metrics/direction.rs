//! What is counted for each direction of a session: one series of labels.

use super::attribute_errors::AttributeErrors;
use super::count::Count;
use crate::health::Figures;
use crate::rib::CHANGES;
use crate::session::State;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Message types in the order of [`Direction::messages`]; the last takes whatever the RFCs do not name.
pub const MESSAGE_TYPES: [&str; 6] = [
    "OPEN",
    "UPDATE",
    "NOTIFICATION",
    "KEEPALIVE",
    "ROUTE_REFRESH",
    "UNKNOWN",
];

/// Values of the label `kind` of `bgptap_errors_total`, in the order of [`Direction::errors`]:
/// the RFC 7606 dispositions first, then what framing met.
pub const ERROR_KINDS: [&str; 12] = [
    "session-reset",
    "afi-safi-disable",
    "treat-as-withdraw",
    "attribute-discard",
    "bad_marker",
    "bad_length",
    "before_first_header",
    "after_gap",
    "cut_message",
    "ignore",
    "limit",
    "nlri-discard",
];

/// Values of the label `state` of `bgptap_stream_bytes_total`, in the order of [`Direction::bytes`].
pub const BYTE_STATES: [&str; 8] = [
    "captured",
    "span",
    "decoded",
    "skipped",
    "duplicate",
    "quarantined",
    "discarded",
    "gap",
];

/// Address families that one direction can count apart; more are counted under the last.
pub(super) const FAMILIES_MAX: usize = 24;

/// A gauge without a value.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// Prefixes of one address family.
#[derive(Debug, Default)]
pub struct Prefixes {
    /// AFI and SAFI, as `afi << 8 | safi`; 0 while the slot is free.
    family: AtomicU32,
    /// Announced prefixes.
    pub announced: Count,
    /// Withdrawn prefixes.
    pub withdrawn: Count,
    /// Octets of NLRI, if the family is not decoded.
    pub undecoded_bytes: Count,
    /// Routes in the Adj-RIB and one more; 0 if there is no table.
    rib_routes: Count,
    /// Those of them that are stale.
    pub rib_stale: Count,
    /// 1 if the table is whole.
    pub rib_complete: Count,
}

impl Prefixes {
    /// AFI and SAFI of the slot, if it is taken.
    pub fn family(&self) -> Option<(u16, u8)> {
        let family = self.family.load(Relaxed);
        let [_, afi_high, afi_low, safi] = family.to_be_bytes();
        (family != 0).then_some((u16::from_be_bytes([afi_high, afi_low]), safi))
    }

    /// Sets the routes in the table; `None` if there is none.
    pub fn set_rib(&self, routes: Option<u64>) {
        self.rib_routes.set(routes.map_or(0, |routes| routes + 1));
    }

    /// Routes in the table, if there is one.
    pub fn rib(&self) -> Option<u64> {
        self.rib_routes.get().checked_sub(1)
    }
}

/// Counters of one direction between two addresses. They go on over reconnects:
/// the ports are not part of the labels.
#[derive(Debug)]
pub struct Direction {
    /// The sender.
    pub peer: IpAddr,
    /// The receiver.
    pub local: IpAddr,
    /// AS of the sender, 0 while unknown.
    pub peer_as: AtomicU32,
    /// AS of the receiver, 0 while unknown.
    pub local_as: AtomicU32,
    /// Messages by type, see [`MESSAGE_TYPES`].
    pub messages: [Count; MESSAGE_TYPES.len()],
    /// Errors by kind, see [`ERROR_KINDS`].
    pub errors: [Count; ERROR_KINDS.len()],
    /// Those of them that concern an attribute.
    pub attribute_errors: AttributeErrors,
    /// Payload bytes by state, see [`BYTE_STATES`].
    pub bytes: [Count; BYTE_STATES.len()],
    /// Holes given up.
    pub gaps: Count,
    /// What messages did to Adj-RIBs, see [`CHANGES`].
    pub rib_changes: [Count; CHANGES.len()],
    /// Counters about the TCP, in the order of the table in `tcp`.
    pub tcp_counters: [Count; super::tcp::COUNTERS.len()],
    /// Gauges about the TCP, in the order of the table in `tcp`; `u64::MAX` if nothing is known.
    pub tcp_gauges: [Count; super::tcp::GAUGES.len()],
    /// Alarms about the TCP, see [`crate::health::ALARMS`].
    pub alarms: [Count; crate::health::ALARMS.len()],
    /// Session state as in MRT (1 Idle … 6 Established).
    pub state: Count,
    /// When the session became established, nanoseconds since the epoch; 0 if it is not.
    pub established_ns: AtomicU64,
    prefixes: [Prefixes; FAMILIES_MAX],
}

impl Direction {
    /// Counters at zero for what `peer` sends to `local`.
    #[must_use]
    pub fn new(peer: IpAddr, local: IpAddr) -> Self {
        Self {
            peer,
            local,
            peer_as: AtomicU32::new(0),
            local_as: AtomicU32::new(0),
            messages: Default::default(),
            errors: Default::default(),
            attribute_errors: AttributeErrors::default(),
            bytes: Default::default(),
            gaps: Count::default(),
            rib_changes: Default::default(),
            tcp_counters: Default::default(),
            tcp_gauges: Default::default(),
            alarms: Default::default(),
            state: Count::default(),
            established_ns: AtomicU64::new(0),
            prefixes: Default::default(),
        }
    }

    /// Counters of one address family; takes a slot the first time the family appears.
    pub fn prefixes(&self, afi: u16, safi: u8) -> &Prefixes {
        let wanted = u32::from(afi) << 8 | u32::from(safi);
        let last = &self.prefixes[FAMILIES_MAX - 1];
        for slot in &self.prefixes {
            let family = slot.family.load(Relaxed);
            if family == wanted {
                return slot;
            }
            if family == 0 {
                slot.family.store(wanted, Relaxed);
                return slot;
            }
        }
        last
    }

    /// Takes the figures of the TCP. Counters gain what they have grown by since `before`: they go on over
    /// reconnects.
    pub fn take_tcp(&self, now: &Figures, before: &Figures) {
        for (count, metric) in self.tcp_counters.iter().zip(&super::tcp::COUNTERS) {
            let value = |figures| (metric.value)(figures).unwrap_or(0);
            count.add(value(now).saturating_sub(value(before)));
        }
        for (gauge, metric) in self.tcp_gauges.iter().zip(&super::tcp::GAUGES) {
            gauge.set((metric.value)(now).unwrap_or(UNKNOWN));
        }
    }

    /// One of `tcp::GAUGES`, if it is known. An ended session has no hold time to keep, whatever was
    /// known last.
    pub fn tcp_gauge(&self, index: usize) -> Option<u64> {
        const ESTABLISHED: u64 = State::Established as u64;
        let value = self.tcp_gauges[index].get();
        let ended = self.state.get() != ESTABLISHED;
        let moot = ended && super::tcp::GAUGES[index].metric.name == super::tcp::HOLD_MARGIN;
        (value != UNKNOWN && !moot).then_some(value)
    }

    /// There are no tables any more.
    pub fn clear_ribs(&self) {
        for slot in &self.prefixes {
            slot.set_rib(None);
        }
    }

    /// The families that appeared.
    pub fn families(&self) -> impl Iterator<Item = (u16, u8, &Prefixes)> {
        self.prefixes
            .iter()
            .filter_map(|slot| slot.family().map(|(afi, safi)| (afi, safi, slot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn families_keep_their_slot_and_overflow_shares_the_last() {
        let direction = Direction::new(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
        direction.prefixes(1, 1).announced.add(3);
        direction.prefixes(2, 1).withdrawn.add(1);
        direction.prefixes(1, 1).announced.add(4);
        let seen: Vec<_> = direction
            .families()
            .map(|(afi, safi, p)| (afi, safi, p.announced.get(), p.withdrawn.get()))
            .collect();
        assert_eq!(seen, [(1, 1, 7, 0), (2, 1, 0, 1)]);

        for afi in 100..200 {
            direction.prefixes(afi, 1).announced.add(1);
        }
        assert_eq!(direction.families().count(), FAMILIES_MAX);
        let total: u64 = direction
            .families()
            .map(|(_, _, p)| p.announced.get())
            .sum();
        assert_eq!(total, 107, "nothing is lost when the slots run out");
    }
}
