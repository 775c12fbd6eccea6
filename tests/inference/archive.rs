//! UPDATEs of public archives, as BGP4MP records keep them (RFC 6396 §4.4).
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(dead_code, reason = "each of them needs a part")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The UPDATEs of one peer, and whether its AS numbers have four octets.
pub struct Peer {
    pub name: String,
    pub as4: bool,
    pub updates: Vec<Vec<u8>>,
}

/// The peers of an archive; each width of AS numbers counts as a peer of its own.
pub fn peers(file: &Path) -> Vec<Peer> {
    let mut packed = std::fs::File::open(file).unwrap();
    let mut bytes = Vec::new();
    if file.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut bytes)
            .unwrap();
    } else {
        packed.read_to_end(&mut bytes).unwrap();
    }
    let mut found: BTreeMap<(String, bool), Vec<Vec<u8>>> = BTreeMap::new();
    let mut rest = &bytes[..];
    while rest.len() >= 12 {
        let half = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
        let (kind, subtype) = (half(4), half(6));
        let length = u32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
        let record = &rest[12..12 + length];
        rest = &rest[12 + length..];
        // BGP4MP_MESSAGE and BGP4MP_MESSAGE_AS4, also with microseconds.
        let microseconds = match kind {
            16 => 0,
            17 => 4,
            _ => continue,
        };
        let width = match subtype {
            1 => 2,
            4 => 4,
            _ => continue,
        };
        let record = &record[microseconds..];
        let at = 2 * width + 2;
        let address = if record[at + 1] == 1 { 4 } else { 16 };
        // Some archives keep messages cut short.
        let Some(raw) = record.get(at + 2 + 2 * address..) else {
            continue;
        };
        let peer = format!("{:02x?}", &record[at + 2..at + 2 + address]);
        let whole =
            |head: &[u8]| usize::from(u16::from_be_bytes([head[16], head[17]])) == raw.len();
        if raw
            .get(..19)
            .is_some_and(|head| whole(head) && head[18] == 2)
        {
            let updates = found.entry((peer, width == 4)).or_default();
            updates.push(raw.to_vec());
        }
    }
    let peer = |((name, as4), updates)| Peer { name, as4, updates };
    found.into_iter().map(peer).collect()
}
