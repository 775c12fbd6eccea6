//! AIGP: accumulated IGP metric (RFC 7311).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// AIGP: elements of type, length and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aigp<'a>(&'a [u8]);

/// The type of element that holds the metric.
const METRIC: u8 = 1;

impl<'a> Aigp<'a> {
    /// The metric: the first element of that type counts (RFC 7311 §3.4).
    #[must_use]
    pub fn metric(&self) -> Option<u64> {
        self.iter().find_map(|(kind, value)| {
            let value = value.try_into().ok().filter(|_| kind == METRIC)?;
            Some(u64::from_be_bytes(value))
        })
    }

    /// Types and values of the elements.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || take(&mut reader))
    }
}

/// The length counts its three octets of header (RFC 7311 §3).
fn take<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let kind = reader.u8()?;
    let length = usize::from(reader.u16()?).checked_sub(3)?;
    Some((kind, reader.take(length)?))
}

impl<'a> PathAttribute<'a> for Aigp<'a> {
    const CODE: u8 = 26;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7311 §3.2: as if it were an unrecognized non-transitive attribute.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;
    /// RFC 7311 §3.2: with the transitive bit it is malformed, and discarded.
    const FLAGS_DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let mut reader = Reader::new(filled(value, "AIGP is empty")?);
        while !reader.is_empty() {
            let at = value.len() - reader.len();
            let fault = |text| Fault::new(at, ErrorCode::OptionalAttribute, text);
            let (kind, element) =
                take(&mut reader).ok_or(fault("AIGP element exceeds the attribute"))?;
            if kind == METRIC && element.len() != 8 {
                return Err(fault("AIGP metric is not eight octets"));
            }
        }
        Ok(Self(value))
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        // RFC 7311 §3.2.
        if self.metric() == Some(u64::MAX) {
            let text = "AIGP metric is the maximum";
            report(Fault::new(0, ErrorCode::OptionalAttribute, text));
        }
    }
}

struct Element<'a>(u8, &'a [u8]);

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.0)?;
        map.serialize_entry("raw", &Hex(self.1))?;
        map.end()
    }
}

impl Serialize for Aigp<'_> {
    /// `{"metric"}`, and `tlvs` if there is more.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let metric = self.metric();
        if let Some(metric) = metric {
            map.serialize_entry("metric", &metric)?;
        }
        let mut first = metric.is_some();
        let rest = self.iter().filter(move |(kind, _)| {
            let is_metric = std::mem::take(&mut first) && *kind == METRIC;
            !is_metric
        });
        if rest.clone().next().is_some() {
            let rest = || rest.clone().map(|(kind, value)| Element(kind, value));
            map.serialize_entry("tlvs", &List(rest))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::closed;
    use serde_json::{Value, json};

    fn read(value: &[u8]) -> Result<(Value, usize), usize> {
        let aigp = Aigp::parse(value, &Context::assumed()).map_err(|fault| fault.at)?;
        let mut faults = 0;
        aigp.check(&mut |_| faults += 1);
        Ok((closed::to_value("attributes.aigp", aigp), faults))
    }

    const METRIC_5: [u8; 11] = [1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 5];

    #[test]
    fn the_first_metric_counts_and_other_elements_are_kept() {
        assert_eq!(read(&METRIC_5), Ok((json!({ "metric": 5 }), 0)));
        let more = [&METRIC_5[..], &METRIC_5, &[9, 0, 4, 0xab]].concat();
        let rest = json!([
            { "type": 1, "raw": "0000000000000005" }, { "type": 9, "raw": "ab" },
        ]);
        assert_eq!(
            read(&more),
            Ok((json!({ "metric": 5, "tlvs": rest }), 0)),
            "RFC 7311 §3.2: more than one of a type, or an unknown one, is not malformed"
        );
    }

    #[test]
    fn malformed_elements() {
        assert_eq!(read(&[1, 0, 10, 0, 0, 0, 0, 0, 0, 5]), Err(0), "length");
        assert_eq!(read(&[9, 0, 2]), Err(0), "shorter than its header");
        let cut = [&METRIC_5[..], &[9, 0, 9, 1]].concat();
        assert_eq!(read(&cut), Err(11), "longer than the attribute");
        let mut most = METRIC_5;
        most[3..].fill(0xff);
        assert_eq!(read(&most).map(|(_, faults)| faults), Ok(1));
    }
}
