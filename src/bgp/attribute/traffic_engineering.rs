//! The Traffic Engineering attribute: what a port of a layer 1 VPN can carry (RFC 5543).

use super::{Flags, PathAttribute, bad_length};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Traffic Engineering attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficEngineering<'a> {
    /// Switching capability (RFC 4203 §1.4).
    pub switching_capability: u8,
    /// Encoding type of LSPs (RFC 3471 §3.1.1).
    pub encoding: u8,
    bandwidths: &'a [u8; 32],
    /// What is specific to the switching capability.
    pub specific: &'a [u8],
}

impl<'a> TrafficEngineering<'a> {
    /// The bandwidth that an LSP of each priority can have at most, in octets per second.
    pub fn max_lsp_bandwidth(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        let (numbers, _) = self.bandwidths.as_chunks();
        numbers
            .iter()
            .map(|octets| f32::from_bits(u32::from_be_bytes(*octets)))
    }

    /// Packet switching: the bandwidth that an LSP has at least and the MTU (RFC 4203 §1.4).
    #[must_use]
    pub fn packet_switching(&self) -> Option<(f32, u16)> {
        let [a, b, c, d, e, f, ..] = *self.specific else {
            return None;
        };
        let bandwidth = f32::from_bits(u32::from_be_bytes([a, b, c, d]));
        matches!(self.switching_capability, 1..=4)
            .then_some((bandwidth, u16::from_be_bytes([e, f])))
    }
}

impl<'a> PathAttribute<'a> for TrafficEngineering<'a> {
    const CODE: u8 = 24;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7606 §7.13: whatever an implementation takes for malformed, as RFC 5543 does not say.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let short = bad_length("Traffic Engineering attribute is shorter than 36 octets");
        let (head, rest) = value.split_first_chunk::<4>().ok_or(short)?;
        let (bandwidths, specific) = rest.split_first_chunk().ok_or(short)?;
        let [switching_capability, encoding, _, _] = *head;
        Ok(Self {
            switching_capability,
            encoding,
            bandwidths,
            specific,
        })
    }
}

/// `{"switching_capability", "encoding", "max_lsp_bandwidth"}`, then of packet switching
/// `min_lsp_bandwidth` and `mtu`, of other capabilities what they add as `raw`.
impl Serialize for TrafficEngineering<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("switching_capability", &self.switching_capability)?;
        map.serialize_entry("encoding", &self.encoding)?;
        map.serialize_entry("max_lsp_bandwidth", &List(|| self.max_lsp_bandwidth()))?;
        if let Some((bandwidth, mtu)) = self.packet_switching() {
            map.serialize_entry("min_lsp_bandwidth", &bandwidth)?;
            map.serialize_entry("mtu", &mtu)?;
        } else if !self.specific.is_empty() {
            map.serialize_entry("raw", &Hex(self.specific))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::json;

    /// The eight bandwidths in the tests of bgpkit-parser.
    const BANDWIDTHS: &str =
        "447a0000 44fa0000 453b8000 457a0000 459c4000 45bb8000 45dac000 45fa0000";

    #[test]
    fn packet_switching_and_others() {
        let bandwidths = [
            1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0,
        ];
        assert_eq!(
            json::<TrafficEngineering<'_>>(&["01011234", BANDWIDTHS, "43fa000005dc"].concat()),
            json!({
                "switching_capability": 1, "encoding": 1, "max_lsp_bandwidth": bandwidths,
                "min_lsp_bandwidth": 500.0, "mtu": 1500,
            })
        );
        assert_eq!(
            json::<TrafficEngineering<'_>>(&["fefd0000", BANDWIDTHS, "deadbeef"].concat()),
            json!({
                "switching_capability": 254, "encoding": 253, "max_lsp_bandwidth": bandwidths,
                "raw": "deadbeef",
            })
        );
    }

    #[test]
    fn less_than_36_octets_are_malformed() {
        let withdraw = [(0, Disposition::TreatAsWithdraw)];
        assert_eq!(faults::<TrafficEngineering<'_>>(&"00".repeat(35)), withdraw);
        assert_eq!(faults::<TrafficEngineering<'_>>(&"00".repeat(36)), []);
    }
}
