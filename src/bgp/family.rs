//! Address families, and sets of them that fit a register.

use super::names;

/// Address family identifier (IANA "Address Family Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Afi(pub u16);

/// Subsequent address family identifier (IANA "SAFI").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safi(pub u8);

impl Afi {
    /// IPv4.
    pub const IPV4: Self = Self(1);
    /// IPv6.
    pub const IPV6: Self = Self(2);
    /// Layer 2 VPN information.
    pub const L2VPN: Self = Self(25);
    /// BGP-LS.
    pub const BGP_LS: Self = Self(16388);

    /// IANA's name in short form, if it is a family that BGP carries.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        names::afi(self.0)
    }
}

impl Safi {
    /// Unicast forwarding.
    pub const UNICAST: Self = Self(1);
    /// Multicast forwarding.
    pub const MULTICAST: Self = Self(2);
    /// Routes with MPLS labels (RFC 8277).
    pub const LABELED: Self = Self(4);
    /// MPLS-labeled VPN address (RFC 4364).
    pub const VPN: Self = Self(128);
    /// VPN multicast (RFC 6514 §10).
    pub const VPN_MULTICAST: Self = Self(129);
    /// FlowSpec (RFC 8955).
    pub const FLOWSPEC: Self = Self(133);
    /// FlowSpec in a VPN (RFC 8955 §8).
    pub const FLOWSPEC_VPN: Self = Self(134);
    /// BGP-LS in a VPN (RFC 9552 §5.2).
    pub const LINK_STATE_VPN: Self = Self(72);
    /// Segment routing policies (RFC 9830).
    pub const SR_POLICY: Self = Self(73);

    /// IANA's name in short form.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        names::safi(self.0)
    }
}

/// AFI and SAFI together: what NLRI look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// Address family.
    pub afi: Afi,
    /// Subsequent address family.
    pub safi: Safi,
}

impl Family {
    /// IPv4 unicast, the family of the fields of RFC 4271.
    pub const IPV4_UNICAST: Self = Self::new(1, 1);
    /// IPv4 multicast.
    pub const IPV4_MULTICAST: Self = Self::new(1, 2);
    /// IPv6 unicast.
    pub const IPV6_UNICAST: Self = Self::new(2, 1);
    /// IPv6 multicast.
    pub const IPV6_MULTICAST: Self = Self::new(2, 2);
    /// IPv4 with labels (RFC 8277).
    pub const IPV4_LABELED: Self = Self::new(1, 4);
    /// IPv6 with labels (RFC 8277).
    pub const IPV6_LABELED: Self = Self::new(2, 4);
    /// VPN-IPv4 (RFC 4364).
    pub const IPV4_VPN: Self = Self::new(1, 128);
    /// VPN-IPv6 (RFC 4659).
    pub const IPV6_VPN: Self = Self::new(2, 128);
    /// VPN-IPv4 for the upstream multicast hop (RFC 6514 §10).
    pub const IPV4_VPN_MULTICAST: Self = Self::new(1, 129);
    /// VPN-IPv6 for the upstream multicast hop (RFC 6514 §10).
    pub const IPV6_VPN_MULTICAST: Self = Self::new(2, 129);
    /// EVPN (RFC 7432).
    pub const EVPN: Self = Self::new(25, 70);
    /// VPLS (RFC 4761, RFC 6074).
    pub const VPLS: Self = Self::new(25, 65);
    /// Route target membership (RFC 4684).
    pub const ROUTE_TARGET: Self = Self::new(1, 132);
    /// Multicast VPN, IPv4 (RFC 6514).
    pub const IPV4_MVPN: Self = Self::new(1, 5);
    /// Multicast VPN, IPv6 (RFC 6514).
    pub const IPV6_MVPN: Self = Self::new(2, 5);
    /// Multicast distribution trees (RFC 6037).
    pub const MDT: Self = Self::new(1, 66);
    /// Mobile user plane, IPv4 (draft-ietf-bess-mup-safi).
    pub const IPV4_MUP: Self = Self::new(1, 85);
    /// Mobile user plane, IPv6 (draft-ietf-bess-mup-safi).
    pub const IPV6_MUP: Self = Self::new(2, 85);
    /// FlowSpec, IPv4 (RFC 8955).
    pub const IPV4_FLOWSPEC: Self = Self::new(1, 133);
    /// FlowSpec, IPv6 (RFC 8956).
    pub const IPV6_FLOWSPEC: Self = Self::new(2, 133);
    /// FlowSpec in a VPN, IPv4 (RFC 8955 §8).
    pub const IPV4_FLOWSPEC_VPN: Self = Self::new(1, 134);
    /// FlowSpec in a VPN, IPv6 (RFC 8956 §4).
    pub const IPV6_FLOWSPEC_VPN: Self = Self::new(2, 134);
    /// BGP-LS (RFC 9552).
    pub const LINK_STATE: Self = Self::new(16388, 71);
    /// BGP-LS in a VPN (RFC 9552).
    pub const LINK_STATE_VPN: Self = Self::new(16388, 72);
    /// Segment routing policies, IPv4 (RFC 9830).
    pub const IPV4_SR_POLICY: Self = Self::new(1, 73);
    /// Segment routing policies, IPv6 (RFC 9830).
    pub const IPV6_SR_POLICY: Self = Self::new(2, 73);
    /// Service function chains (RFC 9015).
    pub const SFC: Self = Self::new(31, 9);

    /// The family of two numbers.
    #[must_use]
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self {
            afi: Afi(afi),
            safi: Safi(safi),
        }
    }

    /// Whether next hops carry a route distinguisher (RFC 4364 §4.3.2, RFC 6514, RFC 9552 §5.5).
    #[must_use]
    pub const fn is_vpn(self) -> bool {
        matches!(self.safi.0, 72 | 128 | 129 | 134)
    }

    /// Whether the next hop means nothing, so that it may have any length: routes that lead
    /// nowhere (RFC 8955 §4).
    #[must_use]
    pub const fn ignores_next_hop(self) -> bool {
        matches!(self.safi, Safi::FLOWSPEC | Safi::FLOWSPEC_VPN)
    }

    /// Position in [`KNOWN`], if it is there.
    #[must_use]
    #[inline]
    pub const fn index(self) -> Option<u32> {
        // The two families that nearly every message is about come first.
        if self.afi.0 == 1 && self.safi.0 == 1 {
            return Some(0);
        }
        let mut index = 1;
        while index < KNOWN.len() {
            if KNOWN[index].afi.0 == self.afi.0 && KNOWN[index].safi.0 == self.safi.0 {
                #[allow(clippy::cast_possible_truncation, reason = "the table is short")]
                return Some(index as u32);
            }
            index += 1;
        }
        None
    }
}

impl core::fmt::Display for Family {
    /// `ipv4/unicast`; numbers where there is no name.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.afi.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", self.afi.0)?,
        }
        match self.safi.name() {
            Some(name) => write!(f, "/{name}"),
            None => write!(f, "/{}", self.safi.0),
        }
    }
}

/// The families that [`FamilySet`] can hold: those with a specification of how
/// their NLRI are delimited.
pub const KNOWN: [Family; 35] = [
    Family::new(1, 1),
    Family::new(2, 1),
    Family::new(1, 2),
    Family::new(2, 2),
    Family::new(1, 4),
    Family::new(2, 4),
    Family::new(1, 128),
    Family::new(2, 128),
    Family::new(1, 129),
    Family::new(2, 129),
    Family::new(25, 70),
    Family::new(25, 65),
    Family::new(1, 133),
    Family::new(2, 133),
    Family::new(1, 134),
    Family::new(2, 134),
    Family::new(25, 134),
    Family::new(16388, 71),
    Family::new(16388, 72),
    Family::new(1, 132),
    Family::new(2, 132),
    Family::new(1, 5),
    Family::new(2, 5),
    Family::new(1, 66),
    Family::new(2, 66),
    Family::new(1, 73),
    Family::new(2, 73),
    Family::new(1, 85),
    Family::new(2, 85),
    Family::new(25, 128),
    Family::new(31, 9),
    Family::new(1, 76),
    Family::new(2, 76),
    Family::new(1, 83),
    Family::new(2, 83),
];

/// A set of families out of [`KNOWN`].
///
/// Others cannot be members: their NLRI are kept as raw bytes, and no
/// negotiated property changes how they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FamilySet(u64);

impl FamilySet {
    /// No family.
    pub const EMPTY: Self = Self(0);

    /// The set with `family` added, if that is a known one.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        match family.index() {
            Some(index) => Self(self.0 | 1 << index),
            None => self,
        }
    }

    /// The set without `family`.
    #[must_use]
    pub const fn without(self, family: Family) -> Self {
        match family.index() {
            Some(index) => Self(self.0 & !(1 << index)),
            None => self,
        }
    }

    /// Families in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `family` is a member.
    #[must_use]
    #[inline]
    pub const fn contains(self, family: Family) -> bool {
        // Most sets are empty; then there is nothing to look up.
        if self.0 == 0 {
            return false;
        }
        match family.index() {
            Some(index) => self.0 >> index & 1 == 1,
            None => false,
        }
    }

    /// Families in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`KNOWN`].
    pub fn iter(self) -> impl Iterator<Item = Family> + Clone {
        KNOWN
            .iter()
            .enumerate()
            .filter(move |(index, _)| self.0 >> index & 1 == 1)
            .map(|(_, family)| *family)
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        families.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_family_is_listed_once_and_found() {
        for (index, family) in KNOWN.iter().enumerate() {
            assert_eq!(family.index(), u32::try_from(index).ok());
            let set = FamilySet::EMPTY.with(*family);
            assert!(set.contains(*family));
            assert_eq!(set.iter().collect::<Vec<_>>(), [*family]);
        }
    }

    #[test]
    fn an_unknown_family_is_no_member() {
        let set = FamilySet::EMPTY.with(Family::new(4711, 3));
        assert!(set.is_empty());
        assert!(
            !set.with(Family::IPV4_UNICAST)
                .contains(Family::new(4711, 3))
        );
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(Family::IPV6_UNICAST.to_string(), "ipv6/unicast");
        assert_eq!(Family::new(25, 70).to_string(), "l2vpn/evpn");
        assert_eq!(Family::new(4711, 250).to_string(), "4711/250");
    }
}
