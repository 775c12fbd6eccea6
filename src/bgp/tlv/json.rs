//! The JSON form: `{"type", "name", …}` for each TLV, with its fields beside. One whose type has
//! no row has `raw` instead, one whose value is not what its type asks for has `malformed` and
//! `raw`. What is no TLV at all comes last, as `{"malformed": true, "raw"}`.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Field, FlagSet, Records, Tlv, Tlvs, Value};
use crate::bgp::text::{Hex, List, Lossy, Show};

impl Serialize for Tlvs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let mut tlvs = *self;
        for tlv in tlvs.by_ref() {
            seq.serialize_element(&tlv)?;
        }
        if !tlvs.unread().is_empty() {
            seq.serialize_element(&Garbage(tlvs.unread()))?;
        }
        seq.end()
    }
}

struct Garbage<'a>(&'a [u8]);

impl Serialize for Garbage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("malformed", &true)?;
        map.serialize_entry("raw", &Hex(self.0))?;
        map.end()
    }
}

impl Serialize for Tlv<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        if let Some(name) = self.name {
            map.serialize_entry("name", name)?;
        }
        let valid = self.is_valid();
        if !valid {
            map.serialize_entry("malformed", &true)?;
        }
        if valid && self.fields.is_some() {
            let mut written = Ok(());
            self.visit(&mut |name, value| entry(&mut map, &mut written, name, value));
            written?;
        } else {
            map.serialize_entry("raw", &Hex(self.value))?;
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(
    map: &mut M,
    written: &mut Result<(), M::Error>,
    name: &'static str,
    value: Value<'_>,
) {
    if written.is_ok() {
        *written = map.serialize_entry(name, &value);
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Uint(number) => serializer.serialize_u64(*number),
            Self::Float(number) => serializer.serialize_f32(*number),
            Self::Flags(flags) => flags.serialize(serializer),
            Self::Addr(addr) => serializer.collect_str(addr),
            Self::Mac(mac) => serializer.collect_str(mac),
            Self::SystemId(id) => serializer.collect_str(id),
            Self::Rd(rd) => serializer.collect_str(rd),
            Self::Prefix(prefix) => serializer.collect_str(prefix),
            Self::Text(text) => serializer.collect_str(&Lossy(text)),
            Self::Hex(octets) => Hex(octets).serialize(serializer),
            Self::Records(records) => records.serialize(serializer),
            Self::Tlvs(tlvs) => tlvs.serialize(serializer),
        }
    }
}

/// Names of the flags that are set; `bit-5` for one without a name.
impl Serialize for FlagSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Flag((usize, Option<&'static str>));
        impl Serialize for Flag {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 {
                    (_, Some(name)) => serializer.serialize_str(name),
                    (at, None) => Show(format_args!("bit-{at}")).serialize(serializer),
                }
            }
        }
        List(|| self.iter().map(Flag)).serialize(serializer)
    }
}

/// An array of objects, or of values if the one field has no name.
impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let mut records = *self;
        loop {
            let record = Record(records);
            if !records.visit_next(&mut |_, _| ()) {
                return seq.end();
            }
            seq.serialize_element(&record)?;
        }
    }
}

/// The first of some records.
struct Record<'a>(Records<'a>);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = self.0;
        if let [Field("", kind)] = record.fields()
            && kind.is_single()
        {
            let mut only = None;
            record.visit_next(&mut |_, value| only = Some(value));
            return only.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        let mut written = Ok(());
        record.visit_next(&mut |name, value| entry(&mut map, &mut written, name, value));
        written?;
        map.end()
    }
}
