//! The data of a NOTIFICATION, by code and subcode.

use super::Notification;
use crate::bgp::attribute::{Attribute, MpReach, MpUnreach, PathAttribute};
use crate::bgp::context::Context;
use crate::bgp::family::Family;
use crate::bgp::header::{Header, MessageType};
use crate::bgp::names;
use crate::bgp::reader::Reader;
use crate::bgp::refresh::RouteRefresh;
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// What the data of a NOTIFICATION says.
#[derive(Clone, Copy, Debug)]
pub enum Detail<'a> {
    /// Bad Message Length: the length that was refused (RFC 4271 §6.1).
    Length(u16),
    /// Bad Message Type (RFC 4271 §6.1), or the message that came when it was not expected
    /// (RFC 6608 §4): its type.
    Message(MessageType),
    /// Unsupported Version Number: the one that is supported (RFC 4271 §6.2).
    Version(u16),
    /// Unsupported Capability: those that the other must have (RFC 5492 §5).
    Capabilities(OfferedCapabilities<'a>),
    /// The attribute that was refused (RFC 4271 §6.3).
    Attribute(Attribute<'a>, Context),
    /// Missing Well-known Attribute: its type code (RFC 4271 §6.3).
    Missing(u8),
    /// Maximum Number of Prefixes Reached: for this family, and at how many (RFC 4486 §4).
    Limit(Family, u32),
    /// Hard Reset: what it encloses (RFC 8538 §3).
    Enclosed(Notification<'a>),
    /// ROUTE-REFRESH Message Error: the message that was refused (RFC 7313 §5).
    Refresh(RouteRefresh<'a>),
}

impl<'a> Detail<'a> {
    pub(super) fn new(notification: &Notification<'a>) -> Option<Self> {
        let data = notification.data;
        Some(match (notification.code, notification.subcode) {
            (1, 2) => Self::Length(u16::from_be_bytes(data.try_into().ok()?)),
            (1, 3) | (5, _) => match data {
                [code] => Self::Message(MessageType::from_code(*code)),
                _ => return None,
            },
            (2, 1) => Self::Version(u16::from_be_bytes(data.try_into().ok()?)),
            (2, 7) if !data.is_empty() => Self::Capabilities(OfferedCapabilities(data)),
            (3, 3) => match data {
                [code] => Self::Missing(*code),
                _ => return None,
            },
            (3, _) => Self::Attribute(whole_attribute(data)?, notification.context),
            (6, 1) => {
                let mut reader = Reader::new(data);
                let family = Family::new(reader.u16()?, reader.u8()?);
                Self::Limit(family, reader.u32()?)
            }
            (6, 9) => Self::Enclosed(notification.enclosed()?),
            (7, 1) => Self::Refresh(refused_refresh(data)?),
            _ => return None,
        })
    }
}

/// RFC 4271 §6.3 asks for the attribute with type, length and value; routers send it with errors
/// whose data it leaves open, too. Other octets are not taken for one.
fn whole_attribute(data: &[u8]) -> Option<Attribute<'_>> {
    let mut reader = Reader::new(data);
    let attribute = Attribute::take(&mut reader)?;
    (reader.is_empty() && attribute.name().is_some()).then_some(attribute)
}

/// RFC 7313 §5: the complete message.
fn refused_refresh(data: &[u8]) -> Option<RouteRefresh<'_>> {
    let (_, body) = data.split_at_checked(crate::bgp::header::HEADER_LEN)?;
    let header = Header::parse(data).ok()?;
    let whole = usize::from(header.length) == data.len();
    let refresh = RouteRefresh::parse(body, &Context::assumed()).ok()?;
    (whole && header.kind == MessageType::RouteRefresh).then_some(refresh)
}

/// Capabilities in a NOTIFICATION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedCapabilities<'a>(&'a [u8]);

impl<'a> OfferedCapabilities<'a> {
    /// Codes and values, up to one that does not fit.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || {
            let (code, length) = (reader.u8()?, reader.u8()?);
            Some((code, reader.take(usize::from(length))?))
        })
    }
}

struct Offered<'a>(u8, &'a [u8]);

impl Serialize for Offered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.0)?;
        if let Some(name) = names::capability(self.0) {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("value", &Hex(self.1))?;
        map.end()
    }
}

/// An attribute with its bytes and, if they can be read, what they say.
struct Refused<'a>(&'a Attribute<'a>, &'a Context);

impl Serialize for Refused<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.serialize_raw(&mut map)?;
        // The NLRI of these two depend on the context of the other direction.
        if !matches!(self.0.code, MpReach::CODE | MpUnreach::CODE) {
            self.0.view(self.1).serialize_entry(&mut map)?;
        }
        map.end()
    }
}

impl Serialize for Detail<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Length(length) => map.serialize_entry("length", length)?,
            Self::Message(kind) => {
                map.serialize_entry("type_code", &kind.code())?;
                map.serialize_entry("type", kind.name())?;
            }
            Self::Version(version) => map.serialize_entry("version", version)?,
            Self::Capabilities(list) => {
                let items = || list.iter().map(|(code, value)| Offered(code, value));
                map.serialize_entry("capabilities", &List(items))?;
            }
            Self::Attribute(attribute, context) => {
                map.serialize_entry("attribute", &Refused(attribute, context))?;
            }
            Self::Missing(code) => {
                map.serialize_entry("missing", code)?;
                if let Some(name) = names::attribute(*code) {
                    map.serialize_entry("missing_name", name)?;
                }
            }
            Self::Limit(family, limit) => {
                map.serialize_entry("afi", &family.afi.0)?;
                map.serialize_entry("safi", &family.safi.0)?;
                map.serialize_entry("limit", limit)?;
            }
            Self::Enclosed(inner) => map.serialize_entry("notification", inner)?,
            Self::Refresh(refresh) => {
                map.serialize_entry("afi", &refresh.family.afi.0)?;
                map.serialize_entry("safi", &refresh.family.safi.0)?;
                map.serialize_entry("subtype", &refresh.subtype)?;
            }
        }
        map.end()
    }
}
