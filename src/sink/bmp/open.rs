//! OPENs that were not seen.
//!
//! Whoever decodes a session by a BMP feed reads in the OPENs of its Peer Up how UPDATEs are encoded. An OPEN
//! that was not captured is therefore replaced by one that claims exactly how the session's messages are
//! read here: a capability too many, or too few, would have prefixes misread.

use crate::bgp::header::{HEADER_LEN, MARKER};
use crate::bgp::{Afi, Context, Family, FamilySet};
use std::net::{IpAddr, Ipv4Addr};

/// Families that are claimed where neither OPEN was seen, beside those that something is known of: any of
/// them may come, and a receiver that was told of one too many reads everything as it is.
const COMMON: [Family; 12] = [
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::IPV4_VPN,
    Family::IPV6_VPN,
    Family::EVPN,
    Family::IPV4_LABELED,
    Family::IPV6_LABELED,
    Family::IPV4_MULTICAST,
    Family::IPV6_MULTICAST,
    Family::IPV4_FLOWSPEC,
    Family::ROUTE_TARGET,
    Family::LINK_STATE,
];
/// Octets that the capabilities may take in one optional parameter (RFC 5492 §4, RFC 4271 §4.2).
const CAPABILITIES_MAX: usize = 253;
/// What routers propose; nothing is decoded by it.
const HOLD_TIME: u16 = 180;
/// Stands for a BGP identifier that is not known: the dummy address (RFC 7600 §4.8), which no router has.
const NO_BGP_ID: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);

/// Stands for an AS number that is not known: two that are reserved for documentation (RFC 5398). The ends of a
/// session have different ones: whoever took it for an internal one would miss LOCAL_PREF (RFC 7606 §7.5).
const NO_ASN: [u16; 2] = [64510, 64511];

/// What is told of the sender of `direction` if its OPEN was not seen.
#[must_use]
pub fn stand_in(direction: usize, address: IpAddr) -> (u16, Ipv4Addr) {
    let bgp_id = match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => NO_BGP_ID,
    };
    (NO_ASN[direction & 1], bgp_id)
}

/// How both directions of a session are read, as far as OPENs can say that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    as4: bool,
    families: FamilySet,
    /// What each side sends with path identifiers.
    add_path: [FamilySet; 2],
    extended: [bool; 2],
    extended_next_hop: FamilySet,
    multiple_labels: FamilySet,
}

impl Claims {
    /// Those of a session whose directions are read like this.
    #[must_use]
    pub fn new(contexts: [&Context; 2]) -> Self {
        let [low, high] = contexts;
        Self {
            as4: low.as4 && high.as4,
            families: low.families.union(high.families),
            add_path: [low.add_path, high.add_path],
            extended: [low.extended, high.extended],
            extended_next_hop: low.extended_next_hop.union(high.extended_next_hop),
            multiple_labels: low.multiple_labels.union(high.multiple_labels),
        }
    }

    /// Appends the OPEN that the sender of `direction` would have sent.
    pub fn write_open(&self, out: &mut Vec<u8>, direction: usize, address: IpAddr) {
        let (asn, bgp_id) = stand_in(direction, address);
        let capabilities = self.capabilities(direction, asn.into());
        // The length of the parameters and of the only one; at most 255.
        let parameter = u8::try_from(capabilities.len()).unwrap_or(0);
        out.extend(MARKER);
        let length = HEADER_LEN + 10 + 2 + capabilities.len();
        out.extend((length as u16).to_be_bytes());
        out.push(1);
        out.push(4);
        out.extend(asn.to_be_bytes());
        out.extend(HOLD_TIME.to_be_bytes());
        out.extend(bgp_id.octets());
        out.extend([parameter + 2, 2, parameter]);
        out.extend(capabilities);
    }

    fn capabilities(&self, direction: usize, asn: u32) -> Vec<u8> {
        let mut list = Vec::with_capacity(CAPABILITIES_MAX);
        let (sends, receives) = (
            self.add_path[direction & 1],
            self.add_path[direction & 1 ^ 1],
        );
        if self.as4 {
            capability(&mut list, 65, &asn.to_be_bytes());
        }
        // RFC 8654 §4: whoever receives extended messages has announced it.
        if self.extended[direction & 1 ^ 1] {
            capability(&mut list, 6, &[]);
        }
        // RFC 7911 §4: 1 receive, 2 send, 3 both.
        each(&mut list, 69, sends.union(receives), |out, family| {
            let mode = u8::from(receives.contains(family)) + 2 * u8::from(sends.contains(family));
            out.push(mode);
        });
        // RFC 8277 §2.1; 255 sets no limit.
        each(&mut list, 8, self.multiple_labels, |out, _| out.push(255));
        let mut next_hops = Vec::new();
        for family in self.extended_next_hop.iter() {
            next_hops.extend(family.afi.0.to_be_bytes());
            next_hops.extend([0, family.safi.0]);
            next_hops.extend(Afi::IPV6.0.to_be_bytes());
        }
        if !next_hops.is_empty() {
            capability(&mut list, 5, &next_hops);
        }
        for family in self.spoken() {
            let [high, low] = family.afi.0.to_be_bytes();
            capability(&mut list, 1, &[high, low, 0, family.safi.0]);
        }
        list
    }

    /// What is known to be spoken first: there may not be room for all.
    fn spoken(&self) -> impl Iterator<Item = Family> + use<> {
        let sure = self
            .families
            .union(self.add_path[0])
            .union(self.add_path[1]);
        let sure = sure
            .union(self.multiple_labels)
            .union(self.extended_next_hop);
        let common = self.families.is_empty().then_some(COMMON);
        let common = common.into_iter().flatten();
        sure.iter()
            .chain(common.filter(move |family| !sure.contains(*family)))
    }
}

/// Appends a capability, if there is room.
fn capability(list: &mut Vec<u8>, code: u8, value: &[u8]) {
    if let Ok(len) = u8::try_from(value.len())
        && list.len() + 2 + value.len() <= CAPABILITIES_MAX
    {
        list.extend([code, len]);
        list.extend(value);
    }
}

/// A capability that has an entry for each of some families.
fn each(list: &mut Vec<u8>, code: u8, families: FamilySet, rest: impl Fn(&mut Vec<u8>, Family)) {
    let mut value = Vec::new();
    for family in families.iter() {
        value.extend(family.afi.0.to_be_bytes());
        value.push(family.safi.0);
        rest(&mut value, family);
    }
    if !value.is_empty() {
        capability(list, code, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::{Message, OpenFacts};

    fn facts(claims: &Claims, direction: usize) -> OpenFacts {
        let mut bytes = Vec::new();
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        claims.write_open(&mut bytes, direction, address);
        let message = Message::parse(&bytes, &Context::assumed()).expect("a whole message");
        assert_eq!(message.errors(), [], "nothing to object to");
        let Message::Open(open) = message else {
            panic!("not an OPEN: {message:?}");
        };
        OpenFacts::new(&open)
    }

    /// What two synthesised OPENs agree on is what was claimed, for each direction on its own.
    #[test]
    fn both_opens_negotiate_what_was_claimed() {
        let paths = FamilySet::EMPTY
            .with(Family::IPV4_UNICAST)
            .with(Family::EVPN);
        let low = Context {
            add_path: paths,
            extended: true,
            ..Context::assumed()
        };
        let high = Context {
            as4: false,
            multiple_labels: FamilySet::EMPTY.with(Family::IPV4_LABELED),
            extended_next_hop: FamilySet::EMPTY.with(Family::IPV4_UNICAST),
            ..Context::assumed()
        };
        for [low, high] in [[low, low], [low, Context::assumed()], [high, high]] {
            let claims = Claims::new([&low, &high]);
            let opens = [facts(&claims, 0), facts(&claims, 1)];
            for (direction, context) in [low, high].into_iter().enumerate() {
                let agreed = Context::negotiate(&opens[direction], &opens[direction ^ 1]);
                assert_eq!(agreed.as4, low.as4 && high.as4);
                assert_eq!(agreed.add_path, context.add_path);
                assert_eq!(agreed.extended, context.extended);
                assert_eq!(
                    agreed.multiple_labels,
                    low.multiple_labels.union(high.multiple_labels)
                );
                assert_eq!(agreed.extended_next_hop, high.extended_next_hop);
                assert!(
                    agreed.families.contains(Family::IPV6_UNICAST),
                    "one of the common ones"
                );
            }
        }
    }

    /// However much is claimed, the OPEN stays one that can be read, and what decoding depends on is in it.
    #[test]
    fn families_give_way_to_what_decoding_depends_on() {
        let all: FamilySet = crate::bgp::family::KNOWN.into_iter().collect();
        let context = Context {
            families: all,
            add_path: all,
            ..Context::assumed()
        };
        let claims = Claims::new([&context, &context]);
        let facts = facts(&claims, 0);
        assert_eq!((facts.add_path_send, facts.add_path_receive), (all, all));
        assert!(facts.as4);
    }
}
