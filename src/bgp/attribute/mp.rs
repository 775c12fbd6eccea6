//! MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3, §4), next hops as in RFC 2545,
//! RFC 4659 and RFC 8950.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Flags, PathAttribute};
use crate::bgp::context::{Context, Peering};
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nlri::{Form, NlriField};
use crate::bgp::reader::Reader;

/// The next hop field of MP_REACH_NLRI; its length says what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHops<'a> {
    bytes: &'a [u8],
    vpn: bool,
}

impl<'a> NextHops<'a> {
    /// The field as sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The addresses: none, one, or an IPv6 address with its link-local companion
    /// (RFC 2545 §3). Route distinguishers are left out; they are zero (RFC 4364 §4.3.2).
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + Clone + use<'a> {
        let (v4, first, second) = self.split().unwrap_or_default();
        // Each is made an address of either family by itself, which the compiler can see through.
        let v6 = first.into_iter().chain(second).map(IpAddr::V6);
        v4.into_iter().map(IpAddr::V4).chain(v6)
    }

    /// An IPv4 address, an IPv6 address and its companion; `None` if no next hop has that length.
    #[inline]
    fn split(&self) -> Option<(Option<Ipv4Addr>, Option<Ipv6Addr>, Option<Ipv6Addr>)> {
        let (mut reader, vpn) = (Reader::new(self.bytes), self.vpn);
        let rd = match self.bytes.len() {
            12 | 24 | 48 if vpn => 8,
            _ => 0,
        };
        let v6 = |reader: &mut Reader<'_>| {
            reader.take(rd)?;
            Some(Ipv6Addr::from(reader.array::<16>()?))
        };
        Some(match (self.bytes.len() - rd, rd) {
            (0, _) => (None, None, None),
            (4, _) => {
                reader.take(rd)?;
                (Some(Ipv4Addr::from(reader.array::<4>()?)), None, None)
            }
            (16, _) => (None, Some(v6(&mut reader)?), None),
            (32, 0) | (40, 8) => (None, Some(v6(&mut reader)?), Some(v6(&mut reader)?)),
            _ => return None,
        })
    }
}

/// Whether a next hop of the family has that length: RFC 2545 §3, RFC 4659 §3.2.1, RFC 8950 §3.
#[inline]
fn fits(family: Family, length: usize, context: &Context) -> bool {
    // Without the OPENs nobody knows.
    let extended =
        context.peering == Peering::Unknown || context.extended_next_hop.contains(family);
    match (family.afi, family.safi) {
        (Afi::IPV4, Safi::UNICAST | Safi::MULTICAST | Safi::LABELED) => {
            length == 4 || extended && matches!(length, 16 | 32)
        }
        (Afi::IPV6, Safi::UNICAST | Safi::MULTICAST | Safi::LABELED) => matches!(length, 16 | 32),
        (Afi::IPV4, Safi::VPN | Safi::VPN_MULTICAST) => {
            length == 12 || extended && matches!(length, 24 | 48)
        }
        (Afi::IPV6, Safi::VPN | Safi::VPN_MULTICAST) => matches!(length, 24 | 48),
        // RFC 8955 §4: flow specifications have none, and whatever is there is ignored.
        _ if family.ignores_next_hop() => true,
        // Addresses of routers, in the rest of the families that are decoded.
        _ => matches!(length, 4 | 16 | 32) || family.is_vpn() && matches!(length, 12 | 24 | 48),
    }
}

/// MP_REACH_NLRI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpReach<'a> {
    /// Where to send what goes to these NLRI.
    pub next_hops: NextHops<'a>,
    /// What is announced.
    pub nlri: NlriField<'a>,
    /// The next hop has a length that the family may have.
    fits: bool,
}

impl MpReach<'_> {
    /// The family of the NLRI.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.nlri.family()
    }
}

impl<'a> PathAttribute<'a> for MpReach<'a> {
    const CODE: u8 = 14;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7606 §5.3, §7.11. AFI/SAFI disable is allowed, too, but routers reset.
    const DISPOSITION: Disposition = Disposition::SessionReset;
    /// RFC 7606 §5.3: flags inconsistent with RFC 4760.
    const FLAGS_DISPOSITION: Disposition = Disposition::SessionReset;

    // Its result is large, and slow to hand on.
    #[inline(always)]
    fn parse(value: &'a [u8], context: &Context) -> Result<Self, Fault> {
        let read = || {
            let mut reader = Reader::new(value);
            let family = take_family(&mut reader)?;
            let length = usize::from(reader.u8()?);
            let bytes = reader.take(length)?;
            // RFC 4760 §3: reserved, to be ignored.
            reader.u8()?;
            Some(Self {
                next_hops: NextHops {
                    bytes,
                    vpn: family.is_vpn(),
                },
                nlri: NlriField::new(Form::announced(family, context), reader.rest()),
                fits: fits(family, length, context),
            })
        };
        let text = "MP_REACH_NLRI does not hold its next hop";
        read().ok_or(Fault::new(0, ErrorCode::OptionalAttribute, text))
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        // RFC 7606 §7.11. A family that is not decoded may have next hops of its own kind.
        if !self.fits && !self.nlri.is_opaque() {
            let text = "next hop of a length that the family does not have";
            report(Fault::new(3, ErrorCode::OptionalAttribute, text));
        }
        // Family, length of the next hops, these, and a reserved octet.
        let head = 5 + self.next_hops.bytes.len();
        self.nlri.check(|fault| report(incorrect(fault, head)));
    }
}

/// MP_UNREACH_NLRI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MpUnreach<'a> {
    /// What is withdrawn.
    pub nlri: NlriField<'a>,
}

impl MpUnreach<'_> {
    /// The family of the NLRI.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.nlri.family()
    }
}

impl<'a> PathAttribute<'a> for MpUnreach<'a> {
    const CODE: u8 = 15;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7606 §5.3, §7.12.
    const DISPOSITION: Disposition = Disposition::SessionReset;
    /// RFC 7606 §5.3: flags inconsistent with RFC 4760.
    const FLAGS_DISPOSITION: Disposition = Disposition::SessionReset;

    #[inline]
    fn parse(value: &'a [u8], context: &Context) -> Result<Self, Fault> {
        let mut reader = Reader::new(value);
        let text = "MP_UNREACH_NLRI is shorter than its family";
        let family =
            take_family(&mut reader).ok_or(Fault::new(0, ErrorCode::OptionalAttribute, text))?;
        Ok(Self {
            nlri: NlriField::new(Form::withdrawn(family, context), reader.rest()),
        })
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        self.nlri.check(|fault| report(incorrect(fault, 3)));
    }
}

/// A fault in the NLRI, `base` octets into the value. RFC 4760 §7: whatever is incorrect in these
/// attributes is an Optional Attribute Error.
fn incorrect(fault: Fault, base: usize) -> Fault {
    Fault {
        code: ErrorCode::OptionalAttribute,
        ..fault.shifted(base)
    }
}

fn take_family(reader: &mut Reader<'_>) -> Option<Family> {
    Some(Family::new(reader.u16()?, reader.u8()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(afi: u8, safi: u8, next_hop: &[u8]) -> Vec<u8> {
        let mut value = vec![0, afi, safi, u8::try_from(next_hop.len()).expect("short")];
        value.extend_from_slice(next_hop);
        value.push(0);
        value
    }

    fn next_hops(value: &[u8]) -> (Vec<String>, usize) {
        let reach = MpReach::parse(value, &Context::assumed()).expect("readable");
        let mut faults = 0;
        reach.check(&mut |_| faults += 1);
        (
            reach.next_hops.iter().map(|a| a.to_string()).collect(),
            faults,
        )
    }

    #[test]
    fn the_length_of_the_next_hop_says_what_it_is() {
        let mut both = [0; 32];
        both[..2].copy_from_slice(&[0x20, 0x01]);
        both[16..18].copy_from_slice(&[0xfe, 0x80]);
        let mut rd = [0; 24];
        rd[8] = 0x20;
        let check = |afi, safi, bytes: &[u8], expected: &[&str], faults: usize| {
            let expected = expected.iter().map(|s| (*s).to_owned()).collect();
            assert_eq!(next_hops(&reach(afi, safi, bytes)), (expected, faults));
        };
        check(1, 1, &[192, 0, 2, 1], &["192.0.2.1"], 0);
        check(2, 1, &both[..16], &["2001::"], 0);
        check(2, 1, &both, &["2001::", "fe80::"], 0);
        check(1, 1, &both[..16], &["2001::"], 0);
        check(2, 128, &rd, &["2000::"], 0);
        check(1, 128, &rd[..12], &["32.0.0.0"], 0);
        // RFC 8950 §4: for VPN-IPv4, too, each address has a route distinguisher.
        let mut both_rd = [0; 48];
        both_rd[8..24].copy_from_slice(&both[..16]);
        both_rd[32..].copy_from_slice(&both[16..]);
        check(1, 128, &rd, &["2000::"], 0);
        check(1, 128, &both_rd, &["2001::", "fe80::"], 0);
        check(2, 129, &both_rd, &["2001::", "fe80::"], 0);
        check(1, 1, &both_rd, &[], 1);
        check(2, 1, &rd, &[], 1);
        check(2, 1, &[], &[], 1);
        check(1, 133, &[], &[], 0);
    }

    #[test]
    fn a_next_hop_that_does_not_fit_is_malformed() {
        let context = Context::assumed();
        assert!(MpReach::parse(&[0, 1, 1, 4, 1, 2, 3, 4], &context).is_err());
        assert!(MpReach::parse(&[0, 1, 1, 0], &context).is_err());
        assert!(MpUnreach::parse(&[0, 1], &context).is_err());
    }

    #[test]
    fn faults_in_the_nlri_are_placed_behind_the_next_hop() {
        let mut value = reach(1, 1, &[192, 0, 2, 1]);
        value.extend_from_slice(&[8, 10, 33]);
        let reach = MpReach::parse(&value, &Context::assumed()).expect("readable");
        let mut at = Vec::new();
        reach.check(&mut |fault| at.push(fault.at));
        assert_eq!(at, [value.len() - 1]);
        assert_eq!(reach.nlri.prefixes().count(), 1);
    }

    /// No next hop has 40 octets, not one of a family that ignores it (133) either: no addresses are made of them.
    #[test]
    fn forty_octets_are_no_addresses() {
        for (afi, safi) in [(2, 1), (2, 128), (1, 133)] {
            assert!(next_hops(&reach(afi, safi, &[0x20; 40])).0.is_empty());
        }
    }
}
