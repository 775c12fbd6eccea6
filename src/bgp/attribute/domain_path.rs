//! D-PATH: the domains that a route came through between EVPN and IP VPNs (RFC 10039 §4, which was
//! draft-ietf-bess-evpn-ipvpn-interworking).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::names;
use crate::bgp::reader::Reader;
use crate::bgp::text::{List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// D-PATH: segments of domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainPath<'a>(&'a [u8]);

/// A domain with the kind of route that it was left with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Global administrator, an AS number by custom.
    pub global: u32,
    /// Local administrator.
    pub local: u16,
    /// SAFI that the route was imported from; 0 for a local route.
    pub safi: u8,
}

impl<'a> DomainPath<'a> {
    /// The segments, each a list of domains, the nearest first.
    pub fn segments(&self) -> impl Iterator<Item = &'a [[u8; 7]]> + Clone + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || take(&mut reader))
    }
}

impl Domain {
    fn new([a, b, c, d, e, f, safi]: [u8; 7]) -> Self {
        Self {
            global: u32::from_be_bytes([a, b, c, d]),
            local: u16::from_be_bytes([e, f]),
            safi,
        }
    }
}

/// Segments count domains, not octets.
fn take<'a>(reader: &mut Reader<'a>) -> Option<&'a [[u8; 7]]> {
    let count = usize::from(reader.u8()?);
    Some(reader.take(7 * count)?.as_chunks().0)
}

impl<'a> PathAttribute<'a> for DomainPath<'a> {
    const CODE: u8 = 36;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 10039 §4.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let mut reader = Reader::new(filled(value, "D-PATH is empty")?);
        let text = "D-PATH without a domain, or cut short";
        loop {
            let at = value.len() - reader.len();
            match take(&mut reader) {
                Some([_, ..]) if reader.is_empty() => return Ok(Self(value)),
                Some([_, ..]) => {}
                _ => return Err(Fault::new(at, ErrorCode::OptionalAttribute, text)),
            }
        }
    }
}

impl Serialize for Domain {
    /// `{"domain": "65000:1", "safi": 70, "safi_name": "evpn"}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let domain = format_args!("{}:{}", self.global, self.local);
        map.serialize_entry("domain", &Show(domain))?;
        map.serialize_entry("safi", &self.safi)?;
        if let Some(name) = names::safi(self.safi) {
            map.serialize_entry("safi_name", name)?;
        }
        map.end()
    }
}

impl Serialize for DomainPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let segments = || {
            self.segments()
                .map(|domains| List(move || domains.iter().map(|d| Domain::new(*d))))
        };
        List(segments).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::closed;
    use serde_json::json;

    #[test]
    fn segments_of_domains() {
        // The vector of bgpkit-parser's test of two segments.
        let value = [
            2, 0, 0, 0, 10, 0, 2, 0x80, 0, 0, 0, 11, 0, 3, 0x46, 1, 0, 0, 0, 12, 0, 4, 0,
        ];
        let path = DomainPath::parse(&value, &Context::assumed()).expect("valid");
        assert_eq!(
            closed::to_value("attributes.d_path", path),
            json!([
                [
                    { "domain": "10:2", "safi": 128, "safi_name": "vpn" },
                    { "domain": "11:3", "safi": 70, "safi_name": "evpn" },
                ],
                [{ "domain": "12:4", "safi": 0 }],
            ])
        );
    }

    #[test]
    fn no_domain_or_half_a_domain_is_malformed() {
        let read = |value: &[u8]| {
            let path = DomainPath::parse(value, &Context::assumed());
            path.map(|path| path.segments().count()).map_err(|f| f.at)
        };
        assert_eq!(read(&[]), Err(0));
        assert_eq!(read(&[0, 0, 0, 0, 10, 0, 2, 0x80]), Err(0));
        assert_eq!(read(&[2, 0, 0, 0, 10, 0, 2, 0x80]), Err(0));
        assert_eq!(read(&[1, 0, 0, 0, 10, 0, 2, 0x80, 1]), Err(8));
        assert_eq!(read(&[1, 0, 0, 0, 10, 0, 2, 0x80]), Ok(1));
    }
}
