//! Sessions made at random, in every encoding: without their OPENs they read the same.

use crate::session::{Sent, compare};
use crate::support::segments::{message, open_with};
use proptest::collection::vec;
use proptest::prelude::*;

/// How a session is encoded.
#[derive(Clone, Copy, Debug)]
struct Encoding {
    as4: bool,
    add_path: bool,
    /// Labels of each route: none, one, or up to three.
    labels: usize,
    v6: bool,
}

#[derive(Clone, Debug)]
struct Route {
    id: u32,
    labels: [u32; 3],
    stack: usize,
    addr: u128,
    len: u8,
}

fn encodings() -> impl Strategy<Value = Encoding> {
    (any::<[bool; 3]>(), 0..4usize).prop_map(|([as4, add_path, v6], labels)| Encoding {
        as4,
        add_path,
        labels,
        v6,
    })
}

/// Identifiers are small numbers as often as any.
fn route() -> impl Strategy<Value = Route> {
    let id = prop_oneof![1..20u32, any::<u32>()];
    let labels = any::<[u32; 3]>();
    (id, labels, 1..4usize, any::<u128>(), 8..33u8).prop_map(|(id, labels, stack, addr, len)| {
        Route {
            id,
            labels,
            stack,
            addr,
            len,
        }
    })
}

/// RFC 7911 §3, RFC 8277 §2.3, RFC 4760 §5.
fn write(route: &Route, encoding: Encoding, out: &mut Vec<u8>) {
    if encoding.add_path {
        out.extend(route.id.to_be_bytes());
    }
    let count = route.stack.min(encoding.labels);
    out.push(route.len + 24 * count as u8);
    for (number, label) in route.labels.iter().take(count).enumerate() {
        let bottom = u32::from(number + 1 == count);
        out.extend(&((label & 0xf_ffff) << 4 | bottom).to_be_bytes()[1..]);
    }
    let mask = u128::MAX << (128 - u32::from(route.len));
    let addr = (route.addr & mask).to_be_bytes();
    out.extend(&addr[..usize::from(route.len).div_ceil(8)]);
}

fn update(path: &[u32], routes: &[Route], encoding: Encoding) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 3, 4, 192, 0, 2, 1];
    let width = if encoding.as4 { 4 } else { 2 };
    attributes.extend([0x40, 2, (2 + width * path.len()) as u8, 2, path.len() as u8]);
    for asn in path {
        let asn = if encoding.as4 { *asn } else { asn & 0xffff };
        attributes.extend(&asn.max(1).to_be_bytes()[4 - width..]);
    }
    let mut nlri = Vec::new();
    for route in routes {
        write(route, encoding, &mut nlri);
    }
    let plain = !encoding.v6 && encoding.labels == 0;
    if !plain {
        let (afi, safi) = family(encoding);
        let next_hop = [32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let next_hop = if encoding.v6 {
            &next_hop[..]
        } else {
            &next_hop[..4]
        };
        let head = [&[0, afi, safi, next_hop.len() as u8], next_hop, &[0]].concat();
        attributes.extend([0x90, 14]);
        attributes.extend(((head.len() + nlri.len()) as u16).to_be_bytes());
        attributes.extend(head);
        attributes.append(&mut nlri);
    }
    let length = (attributes.len() as u16).to_be_bytes();
    message(2, &[&[0, 0], &length[..], &attributes, &nlri].concat())
}

fn family(encoding: Encoding) -> (u8, u8) {
    let afi = if encoding.v6 { 2 } else { 1 };
    (afi, if encoding.labels > 0 { 4 } else { 1 })
}

/// Both OPENs, as the encoding has them.
fn opens(encoding: Encoding) -> [Sent; 2] {
    let (afi, safi) = family(encoding);
    let (family, both) = ([0, afi, 0, safi], [0, afi, safi, 3]);
    let mut capabilities: Vec<(u8, &[u8])> = vec![(1, &family)];
    if encoding.as4 {
        capabilities.push((65, &[0, 0, 0xfb, 0xf4]));
    }
    if encoding.add_path {
        capabilities.push((69, &both));
    }
    if encoding.labels > 1 {
        // A count where ADD-PATH has send and receive.
        capabilities.push((8, &both));
    }
    [0, 1].map(|direction| Sent {
        direction,
        raw: open_with(64500 + direction as u16, &capabilities),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A dozen messages, of which none alone would do.
    #[test]
    fn made_up_sessions_read_the_same(
        encoding in encodings(),
        messages in vec((vec(1..=u32::MAX, 1..5), vec(route(), 1..6)), 12..20),
    ) {
        let mut sent = opens(encoding).to_vec();
        for (path, routes) in &messages {
            let raw = update(path, routes, encoding);
            sent.push(Sent { direction: 0, raw });
        }
        let (compared, _) = compare(&format!("{encoding:?}"), &sent, false);
        prop_assert_eq!(compared, messages.len());
    }
}
