//! New addresses for each further loop, so that its sessions are new ones.
//!
//! Both addresses of a packet are changed by the same pattern, which depends on
//! the loop alone: both directions of a session stay together, and two sessions
//! of the capture stay two. The first octet of an IPv4 address and the first
//! eight of an IPv6 address stay, so that private and link-local addresses
//! remain what they are. Checksums are carried along by RFC 1624, not computed
//! anew: one that was wrong in the capture stays wrong.

use super::link::{ETHERNET_LEN, IPV4, IPV6};

/// Rewrites `frame`, an Ethernet frame, for a loop; false if it has no IP addresses to rewrite.
///
/// Loop 0 is the capture as it is. The addresses of the outermost IP header are
/// changed, behind VLAN tags and MPLS labels.
pub(super) fn rewrite(frame: &mut [u8], loop_number: u32) -> bool {
    if loop_number == 0 {
        return true;
    }
    let Some((ethertype, at)) = find_ip(frame) else {
        return false;
    };
    let packet = frame.get_mut(at..).unwrap_or_default();
    match ethertype {
        IPV4 => rewrite_ipv4(packet, pattern(loop_number)),
        _ => rewrite_ipv6(packet, pattern(loop_number)),
    }
}

/// 24 bits, different for each of the first 2²⁴ loops, and spread out so that one loop's
/// addresses are unlikely to be neighbours, hence sessions, of another.
fn pattern(loop_number: u32) -> [u8; 3] {
    // An odd factor permutes the residues modulo 2²⁴.
    let [_, pattern @ ..] = loop_number.wrapping_mul(0x009e_3779).to_be_bytes();
    pattern
}

/// EtherType and offset of the first IP header.
fn find_ip(frame: &[u8]) -> Option<(u16, usize)> {
    let mut at = ETHERNET_LEN;
    let mut ethertype = be16(frame, 12)?;
    // As many tags as any network stacks; the frame's length bounds it anyway.
    while matches!(ethertype, 0x8100 | 0x88a8 | 0x9100) {
        ethertype = be16(frame, at + 2)?;
        at += 4;
    }
    if matches!(ethertype, 0x8847 | 0x8848) {
        loop {
            let label = frame.get(at..at + 4)?;
            at += 4;
            // Bottom of stack (RFC 3032 §2.1).
            if label[2] & 1 == 1 {
                break;
            }
        }
        ethertype = match frame.get(at)? >> 4 {
            4 => IPV4,
            6 => IPV6,
            _ => return None,
        };
    }
    matches!(ethertype, IPV4 | IPV6).then_some((ethertype, at))
}

fn rewrite_ipv4(packet: &mut [u8], pattern: [u8; 3]) -> bool {
    let (Some(first), Some(fragment), Some(protocol)) = (
        packet.first().copied(),
        be16(packet, 6),
        packet.get(9).copied(),
    ) else {
        return false;
    };
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < 20 || packet.len() < 20 {
        return false;
    }
    let mut delta = Delta::default();
    for address in [12, 16] {
        delta.change(packet, address + 1, &pattern);
    }
    delta.apply(packet, 10);
    // A later fragment begins with payload; the first one's checksum covers it.
    if fragment & 0x1fff == 0 {
        fix_transport(packet, protocol, header_len, delta);
    }
    true
}

fn rewrite_ipv6(packet: &mut [u8], pattern: [u8; 3]) -> bool {
    if packet.len() < 40 {
        return false;
    }
    let mut delta = Delta::default();
    for address in [8, 24] {
        // The interface identifier's upper part: its end often tells hosts apart.
        delta.change(packet, address + 9, &pattern);
    }
    if let Some((protocol, at)) = ipv6_transport(packet) {
        fix_transport(packet, protocol, at, delta);
    }
    true
}

/// Protocol and offset of what follows the extension headers (RFC 8200 §4); none in later fragments.
fn ipv6_transport(packet: &[u8]) -> Option<(u8, usize)> {
    let mut protocol = *packet.get(6)?;
    let mut at = 40;
    loop {
        let length = match protocol {
            0 | 43 | 60 => 8 + usize::from(*packet.get(at + 1)?) * 8,
            // Authentication (RFC 4302 §2.2) counts in words.
            51 => 8 + usize::from(*packet.get(at + 1)?) * 4,
            44 if be16(packet, at + 2)? & 0xfff8 != 0 => return None,
            44 => 8,
            _ => return Some((protocol, at)),
        };
        protocol = *packet.get(at)?;
        at += length;
    }
}

/// Carries changed addresses into the checksum of what has a pseudo-header.
fn fix_transport(packet: &mut [u8], protocol: u8, at: usize, delta: Delta) {
    match protocol {
        6 => delta.apply(packet, at + 16),
        // Zero says that there is no checksum (RFC 768).
        17 if be16(packet, at + 6) != Some(0) => {
            delta.apply(packet, at + 6);
            if be16(packet, at + 6) == Some(0) {
                packet[at + 6..at + 8].fill(0xff);
            }
        }
        // ICMPv6 has a pseudo-header (RFC 4443 §2.3).
        58 => delta.apply(packet, at + 2),
        _ => {}
    }
}

/// The sum of ~m + m' of RFC 1624 §3 over all changed octets.
#[derive(Clone, Copy, Debug, Default)]
struct Delta(u32);

impl Delta {
    /// Exclusive-ors `pattern` into `packet` at `at`, octet by octet, and takes the change in.
    fn change(&mut self, packet: &mut [u8], at: usize, pattern: &[u8]) {
        let Some(field) = packet.get_mut(at..at + pattern.len()) else {
            return;
        };
        for (index, (octet, flip)) in field.iter_mut().zip(pattern).enumerate() {
            // Even octets are the upper halves of the words that are summed up.
            let weight = if (at + index).is_multiple_of(2) { 8 } else { 0 };
            let old = u32::from(*octet) << weight;
            *octet ^= flip;
            self.0 += (!old & 0xffff) + (u32::from(*octet) << weight);
        }
    }

    /// HC' = ~(~HC + ~m + m'), where a checksum lies in the packet.
    fn apply(self, packet: &mut [u8], at: usize) {
        let Some(field) = packet.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) else {
            return;
        };
        let mut sum = u32::from(!u16::from_be_bytes(*field)) + self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        *field = (!(sum as u16)).to_be_bytes();
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The Internet checksum (RFC 1071) of `parts`, computed in full: 0 over a packet that is right.
    fn checksum(parts: &[&[u8]]) -> u16 {
        let bytes = parts.concat();
        let words = bytes.chunks(2).map(|word| match word {
            [a, b] => u64::from(u16::from_be_bytes([*a, *b])),
            [a] => u64::from(*a) << 8,
            _ => 0,
        });
        let mut sum: u64 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    const PAYLOAD: &[u8] = b"an odd number of octets";

    /// A transport header of `protocol` with its checksum at `sum_at`, and a payload.
    fn transport(addresses: &[u8], protocol: u8, length: usize, sum_at: usize) -> Vec<u8> {
        let mut segment = vec![0x11; length];
        segment[sum_at..sum_at + 2].fill(0);
        segment.extend_from_slice(PAYLOAD);
        let pseudo = [0, protocol, 0, segment.len() as u8];
        let sum = checksum(&[addresses, &pseudo, &segment]);
        segment[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        segment
    }

    fn v4(
        source: [u8; 4],
        destination: [u8; 4],
        protocol: u8,
        options: &[u8],
        segment: &[u8],
    ) -> Vec<u8> {
        let length = 20 + options.len() + segment.len();
        let mut packet = vec![0x40 | (5 + options.len() / 4) as u8, 0, 0, length as u8];
        packet.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(source);
        packet.extend(destination);
        packet.extend(options);
        let sum = checksum(&[&packet]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(segment);
        packet
    }

    fn v6(addresses: &[u8; 32], next: u8, extensions: &[u8], segment: &[u8]) -> Vec<u8> {
        let mut packet = vec![
            0x60,
            0,
            0,
            0,
            0,
            (extensions.len() + segment.len()) as u8,
            next,
            64,
        ];
        packet.extend(addresses);
        packet.extend(extensions);
        packet.extend(segment);
        packet
    }

    fn ethernet(tags: &[u8], packet: &[u8]) -> Vec<u8> {
        [&[0xaa; 12][..], tags, packet].concat()
    }

    const A4: [u8; 4] = [10, 0, 0, 1];
    const B4: [u8; 4] = [10, 255, 0, 254];
    const A6B6: [u8; 32] = *b"\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x02";

    /// Every transport with a pseudo-header: (protocol, header length, place of the checksum).
    const TRANSPORTS: [(u8, usize, usize); 3] = [(6, 20, 16), (17, 8, 6), (58, 8, 2)];

    #[test]
    fn ipv4_checksums_stay_right() {
        for (protocol, length, sum_at) in [TRANSPORTS[0], TRANSPORTS[1]] {
            for options in [&[][..], &[1, 1, 1, 0]] {
                let segment = transport(&[A4, B4].concat(), protocol, length, sum_at);
                let packet = v4(A4, B4, protocol, options, &segment);
                for tags in [
                    &[8, 0][..],
                    &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0],
                    &[0x88, 0x47, 0, 0, 0x10, 9, 0, 0, 0x21, 9],
                ] {
                    for number in [1, 2, 255, 256, 65_537, u32::MAX] {
                        let mut frame = ethernet(tags, &packet);
                        assert!(rewrite(&mut frame, number));
                        let new = &frame[12 + tags.len()..];
                        let (header, segment) = new.split_at(20 + options.len());
                        assert_eq!(checksum(&[header]), 0, "header, loop {number}");
                        let pseudo = [0, protocol, 0, segment.len() as u8];
                        assert_eq!(
                            checksum(&[&header[12..20], &pseudo, segment]),
                            0,
                            "loop {number}"
                        );
                        assert_ne!(header[12..16], A4);
                        assert_ne!(header[16..20], B4);
                        assert_eq!((header[12], header[16]), (10, 10));
                        assert!(segment.ends_with(PAYLOAD));
                    }
                }
            }
        }
    }

    #[test]
    fn ipv6_checksums_stay_right() {
        for (protocol, length, sum_at) in TRANSPORTS {
            let segment = transport(&A6B6, protocol, length, sum_at);
            let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0, protocol, 0, 1, 4, 0, 0, 0, 0];
            let first_fragment = [protocol, 0, 0, 1, 0, 0, 0, 7];
            for (next, extensions) in [(protocol, &[][..]), (0, &hop_by_hop), (44, &first_fragment)]
            {
                for number in [1, 77, u32::MAX] {
                    let mut frame = ethernet(&[0x86, 0xdd], &v6(&A6B6, next, extensions, &segment));
                    assert!(rewrite(&mut frame, number));
                    let (addresses, rest) = frame[22..].split_at(32);
                    assert_ne!(addresses, A6B6);
                    assert_eq!(addresses[..8], A6B6[..8], "the network stays");
                    assert_eq!(addresses[16..24], A6B6[16..24]);
                    let segment = &rest[extensions.len()..];
                    let pseudo = [0, protocol, 0, segment.len() as u8];
                    assert_eq!(
                        checksum(&[addresses, &pseudo, segment]),
                        0,
                        "protocol {protocol}"
                    );
                }
            }
        }
    }

    #[test]
    fn loop_0_is_the_capture() {
        let segment = transport(&[A4, B4].concat(), 6, 20, 16);
        let frame = ethernet(&[8, 0], &v4(A4, B4, 6, &[], &segment));
        let mut same = frame.clone();
        assert!(rewrite(&mut same, 0));
        assert_eq!(same, frame);
    }

    /// Both directions get the same addresses, and loops do not share any.
    #[test]
    fn directions_stay_together_and_loops_apart() {
        let addresses = |number, source, destination| {
            let mut frame = ethernet(&[8, 0], &v4(source, destination, 6, &[], &[0; 20]));
            assert!(rewrite(&mut frame, number));
            (frame[26..30].to_vec(), frame[30..34].to_vec())
        };
        let mut seen = std::collections::HashSet::new();
        for number in 0..10_000 {
            let (a, b) = addresses(number, A4, B4);
            assert_eq!(addresses(number, B4, A4), (b.clone(), a.clone()));
            assert!(seen.insert((a, b)), "loop {number}");
        }
    }

    /// A later fragment has no transport header: its payload is left alone.
    #[test]
    fn later_fragments_keep_their_payload() {
        let mut packet = v4(A4, B4, 6, &[], &[0x55; 40]);
        packet[7] = 3;
        let mut frame = ethernet(&[8, 0], &packet);
        assert!(rewrite(&mut frame, 5));
        assert_eq!(frame[34..], [0x55; 40]);
        let fragment = [6, 0, 0, 8, 0, 0, 0, 7];
        let mut frame = ethernet(&[0x86, 0xdd], &v6(&A6B6, 44, &fragment, &[0x55; 40]));
        assert!(rewrite(&mut frame, 5));
        assert_eq!(frame[62..], [0x55; 40]);
    }

    /// "No checksum" of UDP stays that.
    #[test]
    fn absent_udp_checksums_stay_absent() {
        let mut frame = ethernet(&[8, 0], &v4(A4, B4, 17, &[], &[1, 2, 3, 4, 0, 8, 0, 0]));
        assert!(rewrite(&mut frame, 1));
        assert_eq!(frame[40..42], [0, 0]);
    }

    #[test]
    fn what_is_not_ip_is_told_and_left_alone() {
        for frame in [
            ethernet(&[8, 6], &[0; 28]),
            vec![0; 13],
            vec![],
            ethernet(&[8, 0], &[0x45; 19]),
        ] {
            let mut same = frame.clone();
            assert!(!rewrite(&mut same, 1));
            assert_eq!(same, frame);
        }
    }

    /// Cut anywhere, a frame is rewritten as far as it goes.
    #[test]
    fn cut_frames_are_survived() {
        let segment = transport(&A6B6, 6, 20, 16);
        let hop_by_hop = [6, 0, 1, 4, 0, 0, 0, 0];
        for whole in [
            ethernet(&[0x81, 0, 0, 5, 8, 0], &v4(A4, B4, 6, &[1; 8], &segment)),
            ethernet(
                &[0x88, 0x47, 0, 0, 0, 9, 0, 0, 1, 9],
                &v6(&A6B6, 0, &hop_by_hop, &segment),
            ),
        ] {
            let mut rewritten = whole.clone();
            assert!(rewrite(&mut rewritten, 9));
            for cut in 0..whole.len() {
                let mut frame = whole[..cut].to_vec();
                rewrite(&mut frame, 9);
                assert_eq!(frame.len(), cut);
            }
        }
    }
}
