//! Messages as an archive: those of the tests of other projects, and one with each attribute and capability that is
//! typed. They hold what no capture has.

use crate::octets::{ATTRIBUTES, CAPABILITIES};
use crate::support::events::octets;
use serde_json::Value;
use std::path::Path;

/// BGP4MP_ET (RFC 6396 §3).
const TYPE: u16 = 17;

/// A BGP4MP_ET archive of `messages`, each with whether its AS numbers have four octets.
pub fn archive(messages: impl IntoIterator<Item = (Vec<u8>, bool)>) -> Vec<u8> {
    let mut archive = Vec::new();
    for ((message, as4), second) in messages.into_iter().zip(1_700_000_000_u32..) {
        let mut record = vec![0; 4];
        for asn in [65001_u16, 65002] {
            // Of four octets the upper two.
            record.extend(&[0, 0][..if as4 { 2 } else { 0 }]);
            record.extend(asn.to_be_bytes());
        }
        // Interface, IPv4, both addresses.
        record.extend([0, 0, 0, 1, 192, 0, 2, 1, 192, 0, 2, 2]);
        record.extend(message);
        // RFC 6396 §4.4.2, §4.4.3.
        let subtype: u16 = if as4 { 4 } else { 1 };
        archive.extend(second.to_be_bytes());
        archive.extend(TYPE.to_be_bytes());
        archive.extend(subtype.to_be_bytes());
        archive.extend(u32::try_from(record.len()).unwrap().to_be_bytes());
        archive.extend(record);
    }
    archive
}

/// An UPDATE with each of [`ATTRIBUTES`], and an OPEN with each of [`CAPABILITIES`].
pub fn of_each_kind() -> Vec<Vec<u8>> {
    let updates = ATTRIBUTES.iter().map(|attribute| {
        let length = u16::try_from(attribute.len()).unwrap().to_be_bytes();
        message(2, &[&[0, 0], &length[..], attribute].concat())
    });
    let opens = CAPABILITIES.iter().map(|capability| {
        let length = u8::try_from(capability.len()).unwrap();
        // Version, AS, hold time, identifier; one parameter with one capability (RFC 5492 §4).
        let head = [4, 0xfd, 0xe9, 0, 90, 192, 0, 2, 1, length + 2, 2, length];
        message(1, &[&head[..], capability].concat())
    });
    updates.chain(opens).collect()
}

/// With the header (RFC 4271 §4.1).
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

/// The whole messages of the corpus' lists, and whether their AS numbers have four octets.
pub fn whole(corpus: &Path) -> Vec<(Vec<u8>, bool)> {
    let lists = ["A-messages.jsonl", "A-exabgp-vectors.jsonl"];
    let lists =
        lists.map(|name| std::fs::read_to_string(corpus.join("hex/split").join(name)).unwrap());
    let lines = lists.iter().flat_map(|list| list.lines());
    let vectors = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let whole = vectors.filter(|vector| vector["truncated"] != true);
    let messages = whole.filter_map(|vector| {
        // One is NLRI alone, and no message.
        let message = octets(vector["hex"].as_str()?);
        Some((message, vector["as4"] != false))
    });
    messages.collect()
}
