//! NLRI that have a type of their own.

use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use crate::bgp::text::Hex;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Route type and value of an NLRI with one octet each for type and length, as EVPN
/// (RFC 7432 §7) and MVPN (RFC 6514 §4) have them.
pub(crate) fn take_typed<'a>(input: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let [kind, length] = input.array()?;
    Some((kind, input.take(usize::from(length))?))
}

/// A route and its path identifier.
#[derive(serde::Serialize)]
pub(crate) struct Routed<R> {
    #[serde(flatten)]
    pub(crate) route: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_id: Option<u32>,
}

/// The JSON form of a route and its path identifier, if it has one: `{"nlri_type", "path_id", ..}`, the fields of the
/// type behind; the octets as `raw` if they are not what the type asks for.
pub(crate) fn routed<S: Serializer>(
    serializer: S,
    route: Result<impl Serialize, Fault>,
    path_id: Option<u32>,
    kind: Option<u16>,
    value: &[u8],
) -> Result<S::Ok, S::Error> {
    match route {
        Ok(route) => Routed { route, path_id }.serialize(serializer),
        Err(_) => raw(serializer, "malformed", path_id, kind, value),
    }
}

/// The JSON form of an NLRI that is kept as it came: `{"nlri_type", "path_id", "type", "raw"}`.
pub(crate) fn raw<S: Serializer>(
    serializer: S,
    nlri_type: &str,
    path_id: Option<u32>,
    kind: Option<u16>,
    value: &[u8],
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("nlri_type", nlri_type)?;
    if let Some(path_id) = path_id {
        map.serialize_entry("path_id", &path_id)?;
    }
    if let Some(kind) = kind {
        map.serialize_entry("type", &kind)?;
    }
    map.serialize_entry("raw", &Hex(value))?;
    map.end()
}

/// For `#[serde(serialize_with)]`: octets in hexadecimal.
pub(crate) fn hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    Hex(bytes).serialize(serializer)
}

/// For `#[serde(serialize_with)]`: a value as it displays itself.
pub(crate) fn show<T: core::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
