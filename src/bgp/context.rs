//! What the two OPENs of a session decide about decoding one direction.

use core::net::Ipv4Addr;

use super::capability::{Capability, FamilyOctets};
use super::family::{Afi, Family, FamilySet, Safi};
use super::open::Open;

/// What one OPEN says that later messages depend on, without borrowing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFacts {
    /// The sender's AS number (RFC 6793 §4.1: from the capability if there).
    pub asn: u32,
    /// BGP identifier.
    pub bgp_id: Ipv4Addr,
    /// Proposed hold time in seconds.
    pub hold_time: u16,
    /// Four-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// Extended messages can be received (RFC 8654).
    pub extended_message: bool,
    /// Route refresh (RFC 2918).
    pub route_refresh: bool,
    /// Demarcated route refresh (RFC 7313).
    pub enhanced_refresh: bool,
    /// Families spoken; IPv4 unicast if there is no multiprotocol capability.
    pub families: FamilySet,
    /// Families with ADD-PATH that the sender can send (RFC 7911 §4).
    pub add_path_send: FamilySet,
    /// Families with ADD-PATH that the sender can receive.
    pub add_path_receive: FamilySet,
    /// IPv4 families that may have an IPv6 next hop (RFC 8950).
    pub extended_next_hop: FamilySet,
    /// Families that can have several labels (RFC 8277 §2.1).
    pub multiple_labels: FamilySet,
    /// How many labels the sender can take.
    pub label_limits: LabelLimits,
    /// Graceful restart (RFC 4724), if announced.
    pub graceful_restart: Option<Restart>,
    /// Families whose routes may be kept for long while the sender is away (RFC 9494).
    pub long_lived: FamilySet,
    /// The longest of their long-lived stale times, seconds.
    pub long_lived_s: u32,
}

/// The part of a graceful restart capability that outlives the OPEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The sender has restarted.
    pub restarted: bool,
    /// NOTIFICATIONs are subject to it too (RFC 8538 §2).
    pub notifications: bool,
    /// Seconds that it needs to come back.
    pub time: u16,
    /// Families whose forwarding state it can preserve.
    pub families: FamilySet,
    /// Those whose forwarding state it has preserved (F bit).
    pub preserved: FamilySet,
}

impl OpenFacts {
    /// Collects the facts of an OPEN.
    #[must_use]
    pub fn new(open: &Open<'_>) -> Self {
        let mut facts = Self {
            asn: open.asn(),
            bgp_id: open.bgp_id,
            hold_time: open.hold_time,
            as4: false,
            extended_message: false,
            route_refresh: false,
            enhanced_refresh: false,
            families: FamilySet::EMPTY,
            add_path_send: FamilySet::EMPTY,
            add_path_receive: FamilySet::EMPTY,
            extended_next_hop: FamilySet::EMPTY,
            multiple_labels: FamilySet::EMPTY,
            label_limits: LabelLimits::NONE,
            graceful_restart: None,
            long_lived: FamilySet::EMPTY,
            long_lived_s: 0,
        };
        // RFC 8277 §2.1: of several copies of this one the first counts.
        let labels = open.capabilities().find_map(|capability| match capability {
            Capability::MultipleLabels(list) => Some(list),
            _ => None,
        });
        if let Some(list) = labels {
            facts.add_labels(list);
        }
        let mut multiprotocol = false;
        for capability in open.capabilities() {
            multiprotocol |= matches!(capability, Capability::Multiprotocol(_));
            facts.add(&capability);
        }
        if !multiprotocol {
            facts.families = facts.families.with(Family::IPV4_UNICAST);
        }
        // RFC 9494 §4.5: without the other capability it is to be ignored.
        if facts.graceful_restart.is_none() {
            facts.long_lived = FamilySet::EMPTY;
        }
        facts
    }

    fn add(&mut self, capability: &Capability<'_>) {
        match *capability {
            Capability::Multiprotocol(family) => self.families = self.families.with(family),
            // RFC 8810 §2.1: 128 is the same before it was a standard.
            Capability::RouteRefresh | Capability::RouteRefreshCisco => self.route_refresh = true,
            Capability::EnhancedRouteRefresh => self.enhanced_refresh = true,
            Capability::ExtendedMessage => self.extended_message = true,
            Capability::FourOctetAs(_) => self.as4 = true,
            Capability::ExtendedNextHop(list) => {
                for (family, next_hop) in list.iter() {
                    if next_hop == Afi::IPV6.0 {
                        self.extended_next_hop = self.extended_next_hop.with(family);
                    }
                }
            }
            Capability::AddPath(list) => {
                // RFC 7911 §4 has any other value ignored. It says that of the capability, which
                // FRR takes for the entry of the family; the entries of others still count.
                for (family, mode) in list.iter().filter(|(_, mode)| *mode <= 3) {
                    if mode & 1 != 0 {
                        self.add_path_receive = self.add_path_receive.with(family);
                    }
                    if mode & 2 != 0 {
                        self.add_path_send = self.add_path_send.with(family);
                    }
                }
            }
            Capability::GracefulRestart(restart) => {
                self.graceful_restart = Some(Restart {
                    restarted: restart.restarted(),
                    notifications: restart.notifications(),
                    time: restart.restart_time(),
                    families: restart.families.iter().map(|(family, _)| family).collect(),
                    preserved: restart.preserved().collect(),
                });
            }
            Capability::LongLivedGracefulRestart(list) => {
                self.long_lived = list.iter().map(|entry| entry.family).collect();
                self.long_lived_s = list.iter().map(|entry| entry.stale_time).max().unwrap_or(0);
            }
            // Read before all others.
            Capability::MultipleLabels(_) => {}
            // They say nothing about how a message is read, or cannot be read themselves.
            Capability::RouteFilters { .. }
            | Capability::BgpSec { .. }
            | Capability::Role(_)
            | Capability::Fqdn { .. }
            | Capability::SoftwareVersion(_)
            | Capability::PathsLimit(_)
            | Capability::LinkLocalNextHop
            | Capability::MultisessionCisco { .. }
            | Capability::Malformed { .. }
            | Capability::Other { .. } => {}
        }
    }

    /// RFC 8277 §2.1: a count of 0 or 1 is to be ignored, and so is a family that came before.
    fn add_labels(&mut self, list: FamilyOctets<'_>) {
        for (family, count) in list.iter().filter(|(_, count)| *count > 1) {
            if !self.multiple_labels.contains(family) {
                self.multiple_labels = self.multiple_labels.with(family);
                self.label_limits.set(family, count);
            }
        }
    }
}

/// How many labels per prefix one side can take (RFC 8277 §2.1), for the families that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelLimits([u8; 4]);

impl LabelLimits {
    /// As many as there is room for, which 255 stands for.
    pub const NONE: Self = Self([u8::MAX; 4]);

    /// The same for each family.
    #[must_use]
    pub const fn all(limit: u8) -> Self {
        Self([limit; 4])
    }

    const fn place(family: Family) -> Option<usize> {
        Some(match (family.afi, family.safi) {
            (Afi::IPV4, Safi::LABELED) => 0,
            (Afi::IPV6, Safi::LABELED) => 1,
            (Afi::IPV4, Safi::VPN) => 2,
            (Afi::IPV6, Safi::VPN) => 3,
            _ => return None,
        })
    }

    /// How many in routes of the family.
    #[must_use]
    pub fn of(self, family: Family) -> usize {
        let limit = Self::place(family).and_then(|place| self.0.get(place));
        limit
            .filter(|limit| **limit < u8::MAX)
            .map_or(usize::MAX, |limit| usize::from(*limit))
    }

    fn set(&mut self, family: Family, limit: u8) {
        if let Some(slot) = Self::place(family).and_then(|place| self.0.get_mut(place)) {
            *slot = limit;
        }
    }
}

/// Whether the two ends are in one AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peering {
    /// An OPEN was not seen.
    Unknown,
    /// The same AS number on both ends.
    Internal,
    /// Two AS numbers; members of a confederation are not told apart from strangers.
    External,
}

/// How the messages of one direction are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// AS numbers have four octets.
    pub as4: bool,
    /// Messages may be longer than 4096 octets.
    pub extended: bool,
    /// Families that both sides speak.
    pub families: FamilySet,
    /// Families whose NLRI begin with a path identifier.
    pub add_path: FamilySet,
    /// IPv4 families whose next hop may be an IPv6 address.
    pub extended_next_hop: FamilySet,
    /// Families whose NLRI may have several labels.
    pub multiple_labels: FamilySet,
    /// How many labels the receiver can take.
    pub label_limits: LabelLimits,
    /// Whether the two ends are in one AS (RFC 7606 §7.5, §7.9, §7.10).
    pub peering: Peering,
    /// How many ATTR_SET the attributes lie in.
    pub nesting: u8,
}

impl Context {
    /// What the OPENs of `sender` and `receiver` agree on for the messages
    /// from the one to the other.
    #[must_use]
    pub const fn negotiate(sender: &OpenFacts, receiver: &OpenFacts) -> Self {
        Self {
            // RFC 6793 §4.1: between two NEW speakers only.
            as4: sender.as4 && receiver.as4,
            // RFC 8654 §4: whoever announced it must be prepared to receive.
            extended: receiver.extended_message,
            // RFC 4760 §8: both.
            families: sender.families.intersection(receiver.families),
            // RFC 7911 §4: the sender can send and the receiver can receive.
            add_path: sender.add_path_send.intersection(receiver.add_path_receive),
            // RFC 8950 §4: both.
            extended_next_hop: sender
                .extended_next_hop
                .intersection(receiver.extended_next_hop),
            // RFC 8277 §2.1: both.
            multiple_labels: sender
                .multiple_labels
                .intersection(receiver.multiple_labels),
            // RFC 8277 §2.1: the receiver's.
            label_limits: receiver.label_limits,
            peering: if sender.asn == receiver.asn {
                Peering::Internal
            } else {
                Peering::External
            },
            nesting: 0,
        }
    }

    /// The most common case, for sessions whose OPENs were not seen:
    /// four-octet AS numbers, no ADD-PATH, no extended messages.
    #[must_use]
    pub const fn assumed() -> Self {
        Self {
            as4: true,
            extended: false,
            families: FamilySet::EMPTY,
            add_path: FamilySet::EMPTY,
            extended_next_hop: FamilySet::EMPTY,
            multiple_labels: FamilySet::EMPTY,
            label_limits: LabelLimits::NONE,
            peering: Peering::Unknown,
            nesting: 0,
        }
    }

    /// What is to be expected of messages from a sender to a receiver, as far as OPENs were seen.
    ///
    /// What one side says is taken for what both agree on, but for path identifiers in messages
    /// to the one: many offer to receive them, few have a peer that sends them. Evidence may tell
    /// otherwise; see [`Possible`].
    #[must_use]
    pub const fn expected(sender: Option<&OpenFacts>, receiver: Option<&OpenFacts>) -> Self {
        match (sender, receiver) {
            (Some(sender), Some(receiver)) => Self::negotiate(sender, receiver),
            (Some(sender), None) => Self {
                extended: false,
                add_path: sender.add_path_send,
                label_limits: LabelLimits::NONE,
                ..Self::of_both(sender)
            },
            (None, Some(receiver)) => Self {
                // RFC 8654 §4: its say alone.
                extended: receiver.extended_message,
                add_path: FamilySet::EMPTY,
                ..Self::of_both(receiver)
            },
            (None, None) => Self::assumed(),
        }
    }

    /// As if both sides had sent this OPEN, but for the AS number.
    const fn of_both(facts: &OpenFacts) -> Self {
        Self {
            peering: Peering::Unknown,
            ..Self::negotiate(facts, facts)
        }
    }
}

/// What may be in messages from a sender to a receiver, as far as OPENs were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Possible {
    /// Four-octet AS numbers; without the consent of one side there are none.
    pub as4: bool,
    /// Families that may have path identifiers; all if `None`.
    pub add_path: Option<FamilySet>,
    /// Families that may have several labels; all if `None`.
    pub multiple_labels: Option<FamilySet>,
}

impl Possible {
    /// What neither OPEN that was seen rules out.
    #[must_use]
    pub fn new(sender: Option<&OpenFacts>, receiver: Option<&OpenFacts>) -> Self {
        let either = |a: Option<FamilySet>, b: Option<FamilySet>| match (a, b) {
            (Some(a), Some(b)) => Some(a.intersection(b)),
            _ => a.or(b),
        };
        Self {
            as4: sender.is_none_or(|open| open.as4) && receiver.is_none_or(|open| open.as4),
            add_path: either(
                sender.map(|open| open.add_path_send),
                receiver.map(|open| open.add_path_receive),
            ),
            multiple_labels: either(
                sender.map(|open| open.multiple_labels),
                receiver.map(|open| open.multiple_labels),
            ),
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::assumed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An OPEN with one capability per element.
    fn facts(capabilities: &[(u8, &[u8])]) -> OpenFacts {
        let mut list = Vec::new();
        for (code, value) in capabilities {
            list.extend_from_slice(&[*code, u8::try_from(value.len()).expect("short")]);
            list.extend_from_slice(value);
        }
        let length = u8::try_from(list.len()).expect("short");
        let mut body = vec![4, 0xfd, 0xe8, 0, 180, 192, 0, 2, 1];
        body.extend_from_slice(&[length + 2, 2, length]);
        body.extend_from_slice(&list);
        OpenFacts::new(&Open::parse(&body).expect("valid"))
    }

    #[test]
    fn add_path_needs_a_sender_that_sends_and_a_receiver_that_receives() {
        let sends = facts(&[(69, &[0, 1, 1, 2, 0, 2, 1, 3])]);
        let receives = facts(&[(69, &[0, 1, 1, 1, 0, 2, 1, 1])]);
        let there = Context::negotiate(&sends, &receives);
        assert!(there.add_path.contains(Family::IPV4_UNICAST));
        assert!(there.add_path.contains(Family::IPV6_UNICAST));
        assert!(Context::negotiate(&receives, &sends).add_path.is_empty());
    }

    /// RFC 7911 §4: one, two and three have a meaning; a family with any other value is as one
    /// that is not there, and those before and behind it are what they are, as in FRR.
    #[test]
    fn add_path_with_another_mode_is_ignored_for_that_family() {
        for odd in [0, 4, 7, 255] {
            let value = [0, 1, 1, 1, 0, 2, 1, odd, 0, 1, 4, 3];
            let open = facts(&[(69, &value)]);
            let (v4, labeled) = (Family::IPV4_UNICAST, Family::IPV4_LABELED);
            assert_eq!(open.add_path_send.iter().collect::<Vec<_>>(), [labeled]);
            let receive: Vec<_> = open.add_path_receive.iter().collect();
            assert_eq!(receive, [v4, labeled], "mode {odd}");
        }
    }

    #[test]
    fn extended_messages_are_the_receivers_affair() {
        let with = facts(&[(6, &[])]);
        let without = facts(&[]);
        assert!(Context::negotiate(&without, &with).extended);
        assert!(!Context::negotiate(&with, &without).extended);
    }

    #[test]
    fn four_octet_as_numbers_need_both() {
        let new = facts(&[(65, &[0, 1, 0, 0])]);
        let old = facts(&[]);
        assert_eq!((new.asn, old.asn), (65536, 65000));
        assert!(Context::negotiate(&new, &new).as4);
        assert!(!Context::negotiate(&new, &old).as4);
        assert!(!Context::negotiate(&old, &new).as4);
    }

    #[test]
    fn long_lived_graceful_restart_needs_graceful_restart() {
        let long: (u8, &[u8]) = (71, &[0, 1, 1, 0x80, 0, 0x0e, 0x10]);
        assert!(facts(&[long]).long_lived.is_empty());
        let both = facts(&[long, (64, &[0, 120])]);
        assert!(both.long_lived.contains(Family::IPV4_UNICAST));
    }

    #[test]
    fn without_multiprotocol_the_family_is_ipv4_unicast() {
        let old = facts(&[]);
        assert_eq!(
            old.families.iter().collect::<Vec<_>>(),
            [Family::IPV4_UNICAST]
        );
        let v6 = facts(&[(1, &[0, 2, 0, 1])]);
        assert!(Context::negotiate(&v6, &old).families.is_empty());
    }

    /// RFC 8277 §2.1: of the copies of the capability, and of the entries of a family in it, the
    /// first counts; and how many labels there may be is what the receiver says.
    #[test]
    fn the_first_word_about_labels_counts() {
        let first: (u8, &[u8]) = (8, &[0, 1, 4, 3, 0, 1, 4, 9, 0, 2, 4, 1, 0, 1, 128, 255]);
        let second: (u8, &[u8]) = (8, &[0, 1, 4, 7, 0, 2, 4, 7, 0, 2, 128, 7]);
        let both = facts(&[first, second]);
        let [v4, v6, vpn, vpn6] = [
            Family::IPV4_LABELED,
            Family::IPV6_LABELED,
            Family::IPV4_VPN,
            Family::IPV6_VPN,
        ];
        assert_eq!(both.multiple_labels.iter().collect::<Vec<_>>(), [v4, vpn]);
        let limits = [v4, v6, vpn, vpn6].map(|family| both.label_limits.of(family));
        assert_eq!(limits, [3, usize::MAX, usize::MAX, usize::MAX]);
        let other = facts(&[(8, &[0, 1, 4, 2])]);
        let limit = |context: Context| context.label_limits.of(v4);
        assert_eq!(limit(Context::negotiate(&both, &other)), 2);
        assert_eq!(limit(Context::negotiate(&other, &both)), 3);
        assert_eq!(limit(Context::expected(None, Some(&both))), 3);
        assert_eq!(limit(Context::expected(Some(&both), None)), usize::MAX);
    }

    #[test]
    fn extended_next_hop_lists_families_with_ipv6() {
        let both = facts(&[(5, &[0, 1, 0, 1, 0, 2, 0, 1, 0, 128, 0, 9])]);
        let context = Context::negotiate(&both, &both);
        assert!(context.extended_next_hop.contains(Family::IPV4_UNICAST));
        assert!(!context.extended_next_hop.contains(Family::new(1, 128)));
    }
}
