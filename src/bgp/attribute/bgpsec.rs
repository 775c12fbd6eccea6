//! BGPsec_PATH: the path with a signature for each of its parts (RFC 8205 §3).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// BGPsec_PATH. The signatures are read, not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BgpsecPath<'a> {
    path: &'a [[u8; 6]],
    blocks: &'a [u8],
}

/// A segment of the secured path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecureSegment {
    /// How often the AS counts.
    pub pcount: u8,
    /// Bit 0: the segment is inside a confederation.
    pub flags: u8,
    /// The AS.
    pub asn: u32,
}

/// The signatures of one algorithm suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureBlock<'a> {
    /// "BGPsec Algorithm Suite Registry".
    pub algorithm: u8,
    segments: &'a [u8],
}

/// A signature and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureSegment<'a> {
    /// Subject key identifier of the router's key.
    pub ski: &'a [u8; 20],
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> BgpsecPath<'a> {
    /// The path, the nearest AS first.
    pub fn path(&self) -> impl ExactSizeIterator<Item = SecureSegment> + Clone + use<'a> {
        self.path
            .iter()
            .map(|[pcount, flags, asn @ ..]| SecureSegment {
                pcount: *pcount,
                flags: *flags,
                asn: u32::from_be_bytes(*asn),
            })
    }

    /// The signature blocks: one, or two while an algorithm suite is replaced.
    pub fn blocks(&self) -> impl Iterator<Item = SignatureBlock<'a>> + Clone + use<'a> {
        let mut input = Reader::new(self.blocks);
        core::iter::from_fn(move || take_block(&mut input))
    }
}

impl SecureSegment {
    /// Whether the segment is inside a confederation (RFC 8205 §3.1).
    #[must_use]
    pub const fn in_confederation(self) -> bool {
        self.flags & 0x80 != 0
    }
}

impl<'a> SignatureBlock<'a> {
    /// The signatures, in the order of the path.
    pub fn signatures(&self) -> impl Iterator<Item = SignatureSegment<'a>> + Clone + use<'a> {
        let mut input = Reader::new(self.segments);
        core::iter::from_fn(move || take_signature(&mut input))
    }
}

/// What a length of two octets, itself included, covers (RFC 8205 §3.1, §3.2).
fn take_sized<'a>(input: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::from(input.u16()?).checked_sub(2)?;
    input.take(length)
}

fn take_block<'a>(input: &mut Reader<'a>) -> Option<SignatureBlock<'a>> {
    let (algorithm, segments) = take_sized(input)?.split_first()?;
    Some(SignatureBlock {
        algorithm: *algorithm,
        segments,
    })
}

fn take_signature<'a>(input: &mut Reader<'a>) -> Option<SignatureSegment<'a>> {
    let ski = input.take(20)?.first_chunk()?;
    let length = usize::from(input.u16()?);
    let signature = input.take(length)?;
    Some(SignatureSegment { ski, signature })
}

/// RFC 8205 §5.2: as many signatures in every block as the path has segments.
fn count_blocks(blocks: &[u8], segments: usize) -> Option<usize> {
    let mut input = Reader::new(blocks);
    let mut count = 0;
    while !input.is_empty() {
        let mut signatures = Reader::new(take_block(&mut input)?.segments);
        for _ in 0..segments {
            take_signature(&mut signatures)?;
        }
        if !signatures.is_empty() {
            return None;
        }
        count += 1;
    }
    Some(count)
}

impl<'a> PathAttribute<'a> for BgpsecPath<'a> {
    const CODE: u8 = 33;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 8205 §5.2.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let fault = |at, text| Fault::new(at, ErrorCode::OptionalAttribute, text);
        let mut input = Reader::new(filled(value, "BGPsec_PATH is empty")?);
        let path = take_sized(&mut input).map(<[u8]>::as_chunks);
        let Some((path @ [_, ..], [])) = path else {
            return Err(fault(0, "BGPsec_PATH without a path of whole segments"));
        };
        let blocks = input.rest();
        let at = value.len() - blocks.len();
        match count_blocks(blocks, path.len()) {
            Some(1 | 2) => Ok(Self { path, blocks }),
            Some(_) => Err(fault(at, "BGPsec_PATH has one or two signature blocks")),
            None => Err(fault(at, "BGPsec_PATH with a malformed signature block")),
        }
    }
}

/// `{"secure_path": [{"pcount", "flags", "asn"}], "signature_blocks": [{"algorithm",
/// "signatures": [{"ski", "signature"}]}]}`.
impl Serialize for BgpsecPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("secure_path", &List(|| self.path()))?;
        map.serialize_entry("signature_blocks", &List(|| self.blocks()))?;
        map.end()
    }
}

impl Serialize for SecureSegment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("pcount", &self.pcount)?;
        map.serialize_entry("flags", &self.flags)?;
        map.serialize_entry("asn", &self.asn)?;
        map.end()
    }
}

impl Serialize for SignatureBlock<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("algorithm", &self.algorithm)?;
        map.serialize_entry("signatures", &List(|| self.signatures()))?;
        map.end()
    }
}

impl Serialize for SignatureSegment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("ski", &Hex(self.ski))?;
        map.serialize_entry("signature", &Hex(self.signature))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::json;

    /// The attribute of the UPDATE in routecore's `bgpsec` test, as tshark reads it.
    const PATH: &str = "0008 01000000fbf0";
    const BLOCK: &str = "0061 01 ab4d910f55cae71a215ef3cafe3acc45b5eec154 0048
        3046022100e7b70baf000de1ce8bb211afd48fc37659543ea5805ca2a2063ac92e12fac067
        022100a58c0f370ee977aed411bd3f0f47bb1f38cfde0949d597cd2e41a48a941b7ebf";

    #[test]
    fn a_path_with_its_signatures() {
        let value = [PATH, BLOCK].concat();
        let block = json!({
            "algorithm": 1,
            "signatures": [{
                "ski": "ab4d910f55cae71a215ef3cafe3acc45b5eec154",
                "signature": "3046022100e7b70baf000de1ce8bb211afd48fc37659543ea5805ca2a2063ac92e1\
                    2fac067022100a58c0f370ee977aed411bd3f0f47bb1f38cfde0949d597cd2e41a48a941b7ebf",
            }],
        });
        let path = json!([{ "pcount": 1, "flags": 0, "asn": 64496 }]);
        assert_eq!(
            json::<BgpsecPath<'_>>(&value),
            json!({ "secure_path": path, "signature_blocks": [block] })
        );
        assert_eq!(faults::<BgpsecPath<'_>>(&value), []);
        let two = [PATH, BLOCK, BLOCK].concat();
        let read = json::<BgpsecPath<'_>>(&two);
        assert_eq!(read["signature_blocks"], json!([block, block]));
    }

    #[test]
    fn lengths_and_counts_must_fit() {
        let place = |parts: &[&str]| faults::<BgpsecPath<'_>>(&parts.concat());
        let withdraw = |at| [(at, Disposition::TreatAsWithdraw)];
        assert_eq!(place(&[]), withdraw(0));
        assert_eq!(place(&["0002", BLOCK]), withdraw(0), "no path");
        assert_eq!(place(&["0001", BLOCK]), withdraw(0), "less than itself");
        assert_eq!(place(&["0009 01000000fbf000", BLOCK]), withdraw(0));
        assert_eq!(place(&[PATH]), withdraw(8), "no signatures");
        assert_eq!(place(&[PATH, BLOCK, BLOCK, BLOCK]), withdraw(8));
        assert_eq!(place(&[PATH, BLOCK, "00"]), withdraw(8));
        let longer = "000e 01000000fbf0 01000000fbf1";
        assert_eq!(place(&[longer, BLOCK]), withdraw(14), "a signature too few");
        // `bgpsec_invalid_signature_block_length.pcap` of tcpdump's tests: the block has no
        // octets.
        assert_eq!(place(&[PATH, "0000"]), withdraw(8));
    }
}
