//! The Traffic Engineering attribute: what a port of a layer 1 VPN can carry (RFC 5543).

use super::{Flags, PathAttribute, bad_length};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Traffic Engineering attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficEngineering<'a>(&'a [u8]);

/// One way in which a port can switch (RFC 4203 §1.4, RFC 5307 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchingDescriptor<'a> {
    /// Switching capability (RFC 4203 §1.4).
    pub switching_capability: u8,
    /// Encoding type of LSPs (RFC 3471 §3.1.1).
    pub encoding: u8,
    bandwidths: &'a [u8; 32],
    /// What is specific to the switching capability.
    pub specific: &'a [u8],
}

/// Octets of a descriptor before what is specific to the switching capability.
const FIXED: usize = 36;

impl<'a> TrafficEngineering<'a> {
    /// The descriptors; at least one.
    pub fn descriptors(&self) -> impl Iterator<Item = SwitchingDescriptor<'a>> + Clone + use<'a> {
        let mut input = Reader::new(self.0);
        core::iter::from_fn(move || SwitchingDescriptor::take(&mut input))
    }
}

impl<'a> SwitchingDescriptor<'a> {
    /// Takes one off the front.
    ///
    /// Nothing says how long it is but the switching capability. Of one that is not known all the
    /// rest is specific, and so is what is too short for another descriptor: OSPF pads.
    fn take(input: &mut Reader<'a>) -> Option<Self> {
        let [switching_capability, encoding, _, _] = input.array()?;
        let bandwidths = input.take(32)?.first_chunk()?;
        let specific = match switching_capability {
            // Packets: minimum LSP bandwidth and MTU.
            1..=4 => 6,
            // Frames, wavelengths, fibers: nothing.
            51 | 150 | 200 => 0,
            // Time slots: minimum LSP bandwidth and an indication.
            100 => 5,
            _ => usize::MAX,
        };
        let another = specific.saturating_add(FIXED) <= input.len();
        let specific = input.take(if another { specific } else { input.len() })?;
        Some(Self {
            switching_capability,
            encoding,
            bandwidths,
            specific,
        })
    }

    /// The bandwidth that an LSP of each priority can have at most, in octets per second.
    pub fn max_lsp_bandwidth(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        let (numbers, _) = self.bandwidths.as_chunks();
        numbers
            .iter()
            .map(|octets| f32::from_bits(u32::from_be_bytes(*octets)))
    }

    /// Packets and time slots: the bandwidth that an LSP has at least, in octets per second.
    #[must_use]
    pub fn min_lsp_bandwidth(&self) -> Option<f32> {
        let octets = self.specific.first_chunk()?;
        matches!(self.switching_capability, 1..=4 | 100)
            .then_some(f32::from_bits(u32::from_be_bytes(*octets)))
    }

    /// Packets: the MTU.
    #[must_use]
    pub fn mtu(&self) -> Option<u16> {
        match (self.switching_capability, self.specific) {
            (1..=4, &[_, _, _, _, a, b, ..]) => Some(u16::from_be_bytes([a, b])),
            _ => None,
        }
    }

    /// Time slots: whether there are those of SONET and SDH (0) or arbitrary ones (1).
    #[must_use]
    pub fn indication(&self) -> Option<u8> {
        match (self.switching_capability, self.specific) {
            (100, &[_, _, _, _, indication, ..]) => Some(indication),
            _ => None,
        }
    }
}

impl<'a> PathAttribute<'a> for TrafficEngineering<'a> {
    const CODE: u8 = 24;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7606 §7.13: whatever an implementation takes for malformed, as RFC 5543 does not say.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let text = "Traffic Engineering attribute is shorter than 36 octets";
        let whole = value.len() >= FIXED;
        whole.then_some(Self(value)).ok_or(bad_length(text))
    }
}

/// `[{"switching_capability", "encoding", "max_lsp_bandwidth"}]`; of packets also
/// `min_lsp_bandwidth` and `mtu`, of time slots `min_lsp_bandwidth` and `indication`; `raw` has
/// what else there is.
impl Serialize for TrafficEngineering<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        List(|| self.descriptors()).serialize(serializer)
    }
}

impl Serialize for SwitchingDescriptor<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("switching_capability", &self.switching_capability)?;
        map.serialize_entry("encoding", &self.encoding)?;
        map.serialize_entry("max_lsp_bandwidth", &List(|| self.max_lsp_bandwidth()))?;
        let mut read = 0;
        if let Some(bandwidth) = self.min_lsp_bandwidth() {
            map.serialize_entry("min_lsp_bandwidth", &bandwidth)?;
            read += 4;
        }
        if let Some(mtu) = self.mtu() {
            map.serialize_entry("mtu", &mtu)?;
            read += 2;
        }
        if let Some(indication) = self.indication() {
            map.serialize_entry("indication", &indication)?;
            read += 1;
        }
        if let Some(unread @ [_, ..]) = self.specific.get(read..) {
            map.serialize_entry("raw", &Hex(unread))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::{Value, json};

    /// The eight bandwidths in the tests of bgpkit-parser.
    const BANDWIDTHS: &str =
        "447a0000 44fa0000 453b8000 457a0000 459c4000 45bb8000 45dac000 45fa0000";

    /// The JSON form of descriptors given by what is before and behind their bandwidths.
    fn read(descriptors: &[[&str; 2]]) -> Value {
        let whole = descriptors
            .iter()
            .map(|[head, specific]| [head, BANDWIDTHS, specific].concat());
        json::<TrafficEngineering<'_>>(&whole.collect::<String>())
    }

    /// The JSON form of a descriptor with what is specific to it.
    fn descriptor(capability: u8, encoding: u8, specific: &Value) -> Value {
        let mut value = json!({
            "switching_capability": capability, "encoding": encoding,
            "max_lsp_bandwidth":
                [1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0],
        });
        let specific = specific.as_object().expect("an object").clone();
        value.as_object_mut().expect("an object").extend(specific);
        value
    }

    #[test]
    fn packet_switching_and_others() {
        let packets = json!({ "min_lsp_bandwidth": 500.0, "mtu": 1500 });
        assert_eq!(
            read(&[["01011234", "43fa000005dc"]]),
            json!([descriptor(1, 1, &packets)])
        );
        assert_eq!(
            read(&[["fefd0000", "deadbeef"]]),
            json!([descriptor(254, 253, &json!({ "raw": "deadbeef" }))])
        );
    }

    /// RFC 5543 §3: one or more. Each is as long as its switching capability says.
    #[test]
    fn several_descriptors() {
        assert_eq!(
            read(&[
                ["04020000", "43fa000005dc"],
                ["33020000", ""],
                ["64050000", "43fa000001"],
                ["96080000", ""],
                ["c8090000", ""],
            ]),
            json!([
                descriptor(4, 2, &json!({ "min_lsp_bandwidth": 500.0, "mtu": 1500 })),
                descriptor(51, 2, &json!({})),
                descriptor(
                    100,
                    5,
                    &json!({ "min_lsp_bandwidth": 500.0, "indication": 1 })
                ),
                descriptor(150, 8, &json!({})),
                descriptor(200, 9, &json!({})),
            ])
        );
        // Nobody knows where one ends that has an unknown capability.
        let second = ["33020000", BANDWIDTHS].concat().replace(' ', "");
        assert_eq!(
            read(&[["fefd0000", "ff"], ["33020000", ""]]),
            json!([descriptor(
                254,
                253,
                &json!({ "raw": format!("ff{second}") })
            )])
        );
    }

    /// RFC 4203 §1.4 pads both to whole words; RFC 5307 §1.3 does not.
    #[test]
    fn what_is_too_short_for_another_belongs_to_the_last() {
        let padded = json!({ "min_lsp_bandwidth": 500.0, "mtu": 1500, "raw": "0000" });
        assert_eq!(
            read(&[["33020000", ""], ["01010000", "43fa0000 05dc 0000"]]),
            json!([descriptor(51, 2, &json!({})), descriptor(1, 1, &padded)])
        );
        let cut = json!({ "min_lsp_bandwidth": 500.0, "raw": "05" });
        assert_eq!(
            read(&[["01010000", "43fa000005"]]),
            json!([descriptor(1, 1, &cut)])
        );
        let none = json!({ "raw": "43fa00" });
        assert_eq!(
            read(&[["64010000", "43fa00"]]),
            json!([descriptor(100, 1, &none)])
        );
    }

    #[test]
    fn less_than_36_octets_are_malformed() {
        let withdraw = [(0, Disposition::TreatAsWithdraw)];
        assert_eq!(faults::<TrafficEngineering<'_>>(&"00".repeat(35)), withdraw);
        assert_eq!(faults::<TrafficEngineering<'_>>(&"00".repeat(36)), []);
    }
}
