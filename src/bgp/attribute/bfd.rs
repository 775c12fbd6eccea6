//! BFD Discriminator (RFC 9026 §3.1.6).

use core::net::IpAddr;

use super::{Flags, PathAttribute};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::nlri::part::addr;
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// BFD Discriminator: how to watch a multicast tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BfdDiscriminator<'a> {
    /// 1: point-to-multipoint session (RFC 9026 §3.1.6).
    pub mode: u8,
    /// Discriminator of the sender.
    pub discriminator: u32,
    options: &'a [u8],
}

/// RFC 9026 §3.1.6: mode, discriminator, and the shortest source.
const MIN_LEN: usize = 11;

/// The type of option that holds an address.
const SOURCE: u8 = 1;

impl<'a> BfdDiscriminator<'a> {
    /// Types and values of the options.
    pub fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone + use<'a> {
        let mut reader = Reader::new(self.options);
        core::iter::from_fn(move || take(&mut reader))
    }

    /// Where the packets come from.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.options()
            .find_map(|(kind, value)| addr(value).filter(|_| kind == SOURCE))
    }
}

fn take<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let kind = reader.u8()?;
    let length = usize::from(reader.u8()?);
    Some((kind, reader.take(length)?))
}

impl<'a> PathAttribute<'a> for BfdDiscriminator<'a> {
    const CODE: u8 = 38;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 9026 §3.1.6.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let Some((&[mode, a, b, c, d], options)) = value
            .split_first_chunk::<5>()
            .filter(|_| value.len() >= MIN_LEN)
        else {
            let text = "BFD Discriminator is shorter than eleven octets";
            return Err(Fault::new(0, ErrorCode::AttributeLength, text));
        };
        let mut reader = Reader::new(options);
        while !reader.is_empty() {
            let at = value.len() - reader.len();
            let fault = |text| Fault::new(at, ErrorCode::OptionalAttribute, text);
            let (kind, option) =
                take(&mut reader).ok_or(fault("BFD option exceeds the attribute"))?;
            if kind == SOURCE && addr(option).is_none() {
                return Err(fault("BFD source is no address"));
            }
        }
        Ok(Self {
            mode,
            discriminator: u32::from_be_bytes([a, b, c, d]),
            options,
        })
    }
}

struct OptionView<'a>(u8, &'a [u8]);

impl Serialize for OptionView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.0)?;
        map.serialize_entry("raw", &Hex(self.1))?;
        map.end()
    }
}

impl Serialize for BfdDiscriminator<'_> {
    /// `{"mode", "discriminator", "source", "tlvs"}`, the latter two if there.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mode", &self.mode)?;
        map.serialize_entry("discriminator", &self.discriminator)?;
        if let Some(source) = self.source() {
            map.serialize_entry("source", &Show(source))?;
        }
        let others = || self.options().filter(|(kind, _)| *kind != SOURCE);
        if others().next().is_some() {
            let views = || others().map(|(kind, value)| OptionView(kind, value));
            map.serialize_entry("tlvs", &List(views))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::closed;
    use serde_json::json;

    #[test]
    fn mode_discriminator_and_options() {
        let value = [1, 0, 0, 1, 0, 1, 4, 192, 0, 2, 1, 9, 1, 0xab];
        let bfd = BfdDiscriminator::parse(&value, &Context::assumed()).expect("valid");
        assert_eq!(
            closed::to_value("attributes.bfd_discriminator", bfd),
            json!({
                "mode": 1, "discriminator": 256, "source": "192.0.2.1",
                "tlvs": [{ "type": 9, "raw": "ab" }],
            })
        );
    }

    /// The value in bgpkit-parser's tests.
    #[test]
    fn a_source_alone() {
        let value = [1, 1, 2, 3, 4, 1, 4, 192, 0, 2, 1];
        let bfd = BfdDiscriminator::parse(&value, &Context::assumed()).expect("valid");
        assert_eq!(
            closed::to_value("attributes.bfd_discriminator", bfd),
            json!({ "mode": 1, "discriminator": 0x0102_0304, "source": "192.0.2.1" })
        );
    }

    #[test]
    fn options_must_fit_and_a_source_be_an_address() {
        let read = |value: &[u8]| {
            BfdDiscriminator::parse(value, &Context::assumed()).map_or_else(|f| f.at, |_| 99)
        };
        assert_eq!(read(&[1, 0, 0, 1]), 0);
        assert_eq!(read(&[1, 0, 0, 1, 0]), 0);
        assert_eq!(read(&[1, 0, 0, 1, 0, 9, 3, 1, 2, 3]), 0, "ten octets");
        assert_eq!(read(&[1, 0, 0, 1, 0, 1, 5, 192, 0, 2, 1]), 5);
        assert_eq!(read(&[1, 0, 0, 1, 0, 1, 3, 192, 0, 2, 9, 0]), 5);
        assert_eq!(read(&[1, 0, 0, 1, 0, 9, 3, 1, 2, 3, 9]), 10);
        assert_eq!(read(&[1, 0, 0, 1, 0, 1, 4, 192, 0, 2, 1]), 99);
    }
}
