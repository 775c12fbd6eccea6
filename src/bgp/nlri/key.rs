//! Which parts of an NLRI tell routes apart: labels, for example, do not.

use super::part::Labels;
use super::{Form, Kind};
use crate::bgp::family::Safi;
use crate::bgp::reader::Reader;

/// What tells one NLRI from another of its family and form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    path_id: Option<u32>,
    /// Bits of a prefix, or the route type.
    head: u16,
    parts: [&'a [u8]; 2],
    /// The last bits of a prefix; what was sent behind them is left out.
    last: u8,
}

/// The key of one NLRI, path identifier included. NLRI that cannot be read are told
/// apart by their octets.
#[must_use]
pub fn key(form: Form, nlri: &[u8]) -> Key<'_> {
    let mut input = Reader::new(nlri);
    let path_id = if form.add_path { input.u32() } else { None };
    let octets = input.rest();
    let key = match Kind::of(form.family) {
        Kind::Ipv4 | Kind::Ipv6 | Kind::RouteTargets => prefix(octets),
        Kind::Labeled | Kind::Vpn => labeled(form, octets),
        Kind::EvpnRoutes => evpn(octets),
        Kind::VplsRoutes => vpls(octets),
        Kind::MupRoutes => mup(octets),
        _ => None,
    };
    Key {
        path_id,
        ..key.unwrap_or(whole(octets))
    }
}

const fn whole(octets: &[u8]) -> Key<'_> {
    Key {
        path_id: None,
        head: 0,
        parts: [octets, &[]],
        last: 0,
    }
}

/// A length in bits and as many bits.
fn bits<'a>(len: u16, first: &'a [u8], octets: &'a [u8]) -> Option<Key<'a>> {
    let over = len % 8;
    let (full, last) = if over == 0 {
        (octets, 0)
    } else {
        let (last, full) = octets.split_last()?;
        (full, last & !(0xff >> over))
    };
    Some(Key {
        path_id: None,
        head: len,
        parts: [first, full],
        last,
    })
}

fn prefix(octets: &[u8]) -> Option<Key<'_>> {
    let (len, octets) = octets.split_first()?;
    bits((*len).into(), &[], octets)
}

/// RFC 8277 §2.2, RFC 4364 §4.3.4: the labels are bound to the prefix and not part of it.
fn labeled(form: Form, octets: &[u8]) -> Option<Key<'_>> {
    let (len, octets) = octets.split_first()?;
    let mut rest = Reader::new(octets);
    if form.family.safi != Safi::VPN_MULTICAST {
        Labels::take(&mut rest, form).ok()?;
    }
    let head = 8 * (octets.len() - rest.len());
    let len = usize::from(*len).checked_sub(head)?;
    bits(u16::try_from(len).ok()?, &[], rest.rest())
}

/// RFC 7432 §7.1, §7.2, RFC 9136 §3.1, RFC 9251 §9: neither labels, nor the Ethernet segment of types
/// 2 and 5, nor gateways, nor flags.
fn evpn(octets: &[u8]) -> Option<Key<'_>> {
    const RD: usize = 8;
    const TAG: usize = 18;
    let (kind, value) = (*octets.first()?, octets.get(2..)?);
    let without = |count: usize| value.get(..value.len().checked_sub(count)?);
    let parts = match kind {
        1 => [value.get(..22)?, &[]],
        2 => {
            // Tag, length and address of the MAC, then length and address of IP.
            let ip = usize::from(*value.get(TAG + 11)?).div_ceil(8);
            [value.get(..RD)?, value.get(TAG..TAG + 12 + ip)?]
        }
        5 => {
            // Two addresses of the same size and a label follow the tag and a length.
            let ip = value.len().checked_sub(TAG + 5 + 3)? / 2;
            [value.get(..RD)?, value.get(TAG..TAG + 5 + ip)?]
        }
        6 | 7 => [without(1)?, &[]],
        // Reserved, maximum response time, flags.
        8 => [without(6)?, &[]],
        _ => [value, &[]],
    };
    Some(Key {
        path_id: None,
        head: kind.into(),
        parts,
        last: 0,
    })
}

/// RFC 4761 §3.2.2: route distinguisher, VE ID and block offset, not the labels.
fn vpls(octets: &[u8]) -> Option<Key<'_>> {
    const LABEL_BLOCK: usize = 2 + 17;
    (octets.len() == LABEL_BLOCK).then(|| whole(octets.get(..2 + 12).unwrap_or_default()))
}

/// draft-ietf-bess-mup-safi §3.1.3: of a type 1 session transformed route the distinguisher and
/// the prefix; all of the others.
fn mup(octets: &[u8]) -> Option<Key<'_>> {
    const HEAD: usize = 4;
    const RD: usize = 8;
    let &[1, 0, 3, _, ref value @ ..] = octets else {
        return None;
    };
    let len = *value.get(RD)?;
    let end = RD + 1 + usize::from(len).div_ceil(8);
    let first = octets.get(..HEAD - 1)?;
    let key = bits(len.into(), value.get(..RD)?, value.get(RD + 1..end)?)?;
    // The type stands in front; a type and a length of 0 octets cannot be taken for a prefix.
    Some(Key {
        head: key.head | u16::from(*first.last()?) << 8,
        ..key
    })
}

#[cfg(test)]
mod tests {
    use super::super::vectors::bytes;
    use super::*;
    use crate::bgp::Family;

    fn same(form: Form, a: &str, b: &str) -> bool {
        key(form, &bytes(a)) == key(form, &bytes(b))
    }

    #[test]
    fn labels_do_not_tell_routes_apart() {
        let form = Form::new(Family::IPV4_VPN);
        let first = "69 0012c1 0000fde800000001 0a0300";
        assert!(same(form, first, "69 0055c1 0000fde800000001 0a0300"));
        assert!(
            same(form, first, "69 0012c1 0000fde800000001 0a037f"),
            "host bits"
        );
        assert!(!same(form, first, "69 0012c1 0000fde800000002 0a0300"));
        assert!(!same(form, first, "68 0012c1 0000fde800000001 0a03"));
        let withdrawn = Form {
            withdrawn: true,
            ..form
        };
        let gone = bytes("69 800000 0000fde800000001 0a0300");
        assert_eq!(key(withdrawn, &gone), key(form, &bytes(first)));
    }

    #[test]
    fn path_identifiers_do() {
        let form = Form {
            add_path: true,
            ..Form::new(Family::IPV4_LABELED)
        };
        assert!(same(
            form,
            "00000001 30 000141 7b0101",
            "00000001 30 000151 7b0101"
        ));
        assert!(!same(
            form,
            "00000001 30 000141 7b0101",
            "00000002 30 000141 7b0101"
        ));
    }

    /// RFC 7432 §7.2: the Ethernet segment and the labels of a MAC route are attributes.
    #[test]
    fn a_mac_that_moves_is_the_same_route() {
        let mac = |esi: &str, label: &str| {
            format!("02 21 0000fde800000001 {esi} 00000000 30 020000000001 00 {label}")
        };
        let (here, there) = ("00000000000000000000", "00112233445566778899");
        let form = Form::new(Family::EVPN);
        assert!(same(form, &mac(here, "000641"), &mac(there, "000651")));
        let other = mac(here, "000641").replace("020000000001", "020000000002");
        assert!(!same(form, &mac(here, "000641"), &other));
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_by_its_octets() {
        for family in [
            Family::IPV4_VPN,
            Family::EVPN,
            Family::VPLS,
            Family::IPV4_MUP,
        ] {
            let form = Form::new(family);
            assert!(same(form, "01 02", "01 02"));
            assert!(!same(form, "01 02", "01 03"));
            assert!(same(form, "", ""));
        }
    }
}
