//! Path attributes (RFC 4271 §4.3, §5 and what came after).
//!
//! An attribute is one type with [`PathAttribute`] and one line in the table
//! below; one that is not in it keeps its bytes, [`View::Unknown`]. A line that ends in
//! `= "key"` gives the value, by its `Serialize`, that place in the JSON form of an UPDATE or of an
//! ATTR_SET. A few the JSON sink writes together with what belongs to them.

pub mod aggregator;
pub mod aigp;
pub mod as_path;
pub mod attr_set;
pub mod bfd;
pub mod bgpsec;
pub mod bier;
pub mod community;
pub mod domain_path;
pub mod ext_community;
mod json;
pub mod link_state;
pub mod mp;
pub mod pmsi;
pub mod prefix_sid;
pub mod sfp;
pub mod simple;
pub mod traffic_engineering;
pub mod tunnel;
#[cfg(test)]
mod vectors;

use super::context::Context;
use super::error::{Disposition, ErrorCode, Fault};
use super::names;
use super::reader::Reader;
use serde::ser::SerializeMap;

pub use aggregator::{Aggregator, As4Aggregator};
pub use aigp::Aigp;
pub use as_path::{As4Path, AsPath, Asns, MergedPath, Segment, SegmentKind};
pub use attr_set::AttrSet;
pub use bfd::BfdDiscriminator;
pub use bgpsec::BgpsecPath;
pub use bier::Bier;
pub use community::{
    Communities, Community, ExtCommunities, Ipv6ExtCommunities, LargeCommunities, LargeCommunity,
};
pub use domain_path::DomainPath;
pub use ext_community::{ExtCommunity, Ipv6ExtCommunity};
pub use json::serialize_entries;
pub use link_state::LinkStateAttribute;
pub use mp::{MpReach, MpUnreach, NextHops};
pub use pmsi::{PeLabels, Pmsi};
pub use prefix_sid::PrefixSid;
pub use sfp::Sfp;
pub use simple::{
    AtomicAggregate, ClusterList, LocalPref, Med, NextHop, OnlyToCustomer, Origin, OriginatorId,
};
pub use traffic_engineering::{SwitchingDescriptor, TrafficEngineering};
pub use tunnel::TunnelEncapsulation;

/// Attribute flags (RFC 4271 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Flags of a well-known attribute: transitive, not optional.
    pub const WELL_KNOWN: Self = Self(0x40);
    /// Flags of an optional attribute that stays with the receiver.
    pub const OPTIONAL: Self = Self(0x80);
    /// Flags of an optional attribute that is passed on.
    pub const OPTIONAL_TRANSITIVE: Self = Self(0xc0);

    /// May be unknown to the receiver.
    #[must_use]
    pub const fn optional(self) -> bool {
        self.0 & 0x80 != 0
    }
    /// Is passed on, even where unknown.
    #[must_use]
    pub const fn transitive(self) -> bool {
        self.0 & 0x40 != 0
    }
    /// Someone on the way did not know it.
    #[must_use]
    pub const fn partial(self) -> bool {
        self.0 & 0x20 != 0
    }
    /// Its length has two octets.
    #[must_use]
    pub const fn extended_length(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// RFC 7606 §3 c: only these two bits are compared with what they must be.
    const fn conflicts_with(self, wanted: Self) -> bool {
        (self.0 ^ wanted.0) & 0xc0 != 0
    }
}

/// A type of path attribute.
pub trait PathAttribute<'a>: Sized {
    /// Type code.
    const CODE: u8;
    /// The Optional and Transitive bits that it must have.
    const FLAGS: Flags;
    /// What to do with a malformed one (RFC 7606 §7 and the defining RFCs).
    const DISPOSITION: Disposition;
    /// What to do with wrong Optional and Transitive bits (RFC 7606 §3 c, where nothing else is said).
    const FLAGS_DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    /// What to do with a malformed one from this neighbor.
    #[must_use]
    fn disposition(_context: &Context) -> Disposition {
        Self::DISPOSITION
    }

    /// Reads the value.
    ///
    /// # Errors
    /// The value is not what the attribute allows.
    fn parse(value: &'a [u8], context: &Context) -> Result<Self, Fault>;

    /// Reads a value that has been read before; `sound`: without a fault. What takes long to make sure
    /// of need not be looked at again then.
    ///
    /// # Errors
    /// As [`PathAttribute::parse`].
    #[inline]
    fn reread(value: &'a [u8], context: &Context, _sound: bool) -> Result<Self, Fault> {
        Self::parse(value, context)
    }

    /// Reports what is wrong inside a value that can be read nevertheless.
    fn check(&self, _report: &mut dyn FnMut(Fault)) {}
}

macro_rules! attributes {
    ($a:lifetime: $($(#[$doc:meta])* $name:ident($ty:ty) $(= $key:literal)?,)*) => {
        /// The typed value of an attribute.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum View<$a> {
            $($(#[$doc])* $name($ty),)*
            /// A known attribute whose value cannot be read, as sent.
            Malformed(&$a [u8]),
            /// An attribute that is not decoded, as sent.
            Unknown(&$a [u8]),
        }

        impl<$a> View<$a> {
            /// Type code and flags of each attribute that has a typed value.
            pub const KNOWN: &'static [(u8, Flags)] = &[
                $((<$ty as PathAttribute>::CODE, <$ty as PathAttribute>::FLAGS),)*
            ];

            /// Type code and key of each attribute that has one.
            #[cfg(test)]
            pub(super) const KEYS: &'static [(u8, &'static str)] = &[
                $($((<$ty as PathAttribute>::CODE, $key),)?)*
            ];

            /// Reads the value of the attribute type `code`.
            #[must_use]
            pub fn new(code: u8, value: &$a [u8], context: &Context) -> Self {
                Self::read(code, value, context, false)
            }

            /// `sound`: the value has been read before, without a fault.
            #[inline]
            pub(in crate::bgp) fn read(code: u8, value: &$a [u8], context: &Context, sound: bool) -> Self {
                match code {
                    $(<$ty as PathAttribute>::CODE => <$ty as PathAttribute>::reread(value, context, sound)
                        .map_or(Self::Malformed(value), Self::$name),)*
                    _ => Self::Unknown(value),
                }
            }
        }

        impl View<'_> {
            /// Writes the value under its key, if the table gives it one; whether it did.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn serialize_entry<M: SerializeMap>(&self, map: &mut M) -> Result<bool, M::Error> {
                match self {
                    $($(Self::$name(value) => map.serialize_entry($key, value)?,)?)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }

        /// Checks flags and value of an attribute. Faults come with their
        /// disposition; positions count from the start of the value.
        #[inline]
        pub(crate) fn check<$a>(attribute: &Attribute<$a>, context: &Context, mut report: impl FnMut(Fault)) {
            let report = &mut report;
            match attribute.code {
                $(<$ty as PathAttribute>::CODE => check_as::<$ty>(attribute, context, report),)*
                _ if !attribute.flags.optional() => report(
                    Fault::new(0, ErrorCode::UnrecognizedWellKnown, "well-known attribute that is not known")
                        .with(Disposition::SessionReset),
                ),
                _ => {}
            }
        }
    };
}

attributes! {
    'a:
    /// ORIGIN.
    Origin(Origin) = "origin",
    /// AS_PATH.
    AsPath(AsPath<'a>) = "path",
    /// NEXT_HOP.
    NextHop(NextHop) = "next_hop",
    /// MULTI_EXIT_DISC.
    Med(Med) = "med",
    /// LOCAL_PREF.
    LocalPref(LocalPref) = "local_pref",
    /// ATOMIC_AGGREGATE.
    AtomicAggregate(AtomicAggregate) = "atomic_aggregate",
    /// AGGREGATOR.
    Aggregator(Aggregator) = "aggregator",
    /// COMMUNITIES.
    Communities(Communities<'a>) = "community",
    /// ORIGINATOR_ID.
    OriginatorId(OriginatorId) = "originator_id",
    /// CLUSTER_LIST.
    ClusterList(ClusterList<'a>) = "cluster_list",
    /// MP_REACH_NLRI.
    MpReach(MpReach<'a>),
    /// MP_UNREACH_NLRI.
    MpUnreach(MpUnreach<'a>),
    /// EXTENDED COMMUNITIES.
    ExtCommunities(ExtCommunities<'a>) = "ext_community",
    /// AS4_PATH.
    As4Path(As4Path<'a>) = "as4_path",
    /// AS4_AGGREGATOR.
    As4Aggregator(As4Aggregator) = "as4_aggregator",
    /// IPv6 address specific extended communities.
    Ipv6ExtCommunities(Ipv6ExtCommunities<'a>) = "ipv6_ext_community",
    /// LARGE_COMMUNITIES.
    LargeCommunities(LargeCommunities<'a>) = "large_community",
    /// PMSI_TUNNEL.
    Pmsi(Pmsi<'a>) = "pmsi_tunnel",
    /// AIGP.
    Aigp(Aigp<'a>) = "aigp",
    /// PE Distinguisher Labels.
    PeLabels(PeLabels<'a>) = "pe_distinguisher_labels",
    /// D-PATH.
    DomainPath(DomainPath<'a>) = "d_path",
    /// BFD Discriminator.
    BfdDiscriminator(BfdDiscriminator<'a>) = "bfd_discriminator",
    /// ATTR_SET.
    AttrSet(AttrSet<'a>) = "attr_set",
    /// ONLY_TO_CUSTOMER.
    OnlyToCustomer(OnlyToCustomer) = "otc",
    /// BGP-LS Attribute.
    LinkState(LinkStateAttribute<'a>) = "bgp_ls",
    /// Tunnel Encapsulation.
    TunnelEncapsulation(TunnelEncapsulation<'a>) = "tunnel_encapsulation",
    /// Traffic Engineering.
    TrafficEngineering(TrafficEngineering<'a>) = "traffic_engineering",
    /// BGPsec_PATH.
    BgpsecPath(BgpsecPath<'a>) = "bgpsec_path",
    /// SFP attribute.
    Sfp(Sfp<'a>) = "sfp",
    /// BGP Prefix-SID.
    PrefixSid(PrefixSid<'a>) = "prefix_sid",
    /// BIER.
    Bier(Bier<'a>) = "bier",
}

#[inline]
fn check_as<'a, T: PathAttribute<'a>>(
    attribute: &Attribute<'a>,
    context: &Context,
    report: &mut impl FnMut(Fault),
) {
    if attribute.flags.conflicts_with(T::FLAGS) {
        let text = "Optional or Transitive bit not as the attribute wants it";
        report(Fault::new(0, ErrorCode::AttributeFlags, text).with(T::FLAGS_DISPOSITION));
    }
    let mut report = |fault: Fault| {
        report(fault.with(fault.disposition.unwrap_or(T::disposition(context))));
    };
    // Looked at where it is: what has been written in small parts is slow to move as a whole.
    match &T::parse(attribute.value, context) {
        Ok(value) => value.check(&mut report),
        Err(fault) => report(*fault),
    }
}

/// One path attribute as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Attribute flags.
    pub flags: Flags,
    /// Type code.
    pub code: u8,
    /// Attribute value.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Takes one attribute off the front; `None` if it does not fit (RFC 7606 §4).
    #[inline]
    pub(crate) fn take(reader: &mut Reader<'a>) -> Option<Self> {
        let [flags, code, length] = reader.array()?;
        let flags = Flags(flags);
        let length = if flags.extended_length() {
            usize::from(u16::from_be_bytes([length, reader.u8()?]))
        } else {
            usize::from(length)
        };
        let value = reader.take(length)?;
        Some(Self { flags, code, value })
    }

    /// The typed value. `context` is that of the message it came in.
    #[must_use]
    pub fn view(&self, context: &Context) -> View<'a> {
        View::new(self.code, self.value, context)
    }

    /// IANA's name.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        names::attribute(self.code)
    }
}

/// Iterator over attributes in wire order, up to one that does not fit.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    reader: Reader<'a>,
}

impl<'a> Attributes<'a> {
    /// The attributes in a path attributes field.
    #[must_use]
    pub const fn new(field: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(field),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let taken = Attribute::take(&mut self.reader);
        if taken.is_none() {
            self.reader.clear();
        }
        taken
    }
}

impl core::iter::FusedIterator for Attributes<'_> {}

/// The tables of TLVs of all attributes, for tests of what they have in common.
#[cfg(test)]
pub(super) static TLV_TABLES: &[&super::tlv::Table] = &[
    &bier::TABLE,
    &link_state::TABLE,
    &prefix_sid::TABLE,
    &sfp::TABLE,
    &tunnel::TABLE,
];

/// The fault of a value of the wrong length.
const fn bad_length(text: &'static str) -> Fault {
    Fault::new(0, ErrorCode::AttributeLength, text)
}

/// RFC 7606 §4: no attribute is empty, unless its RFC says that it may be.
#[inline]
fn filled<'a>(value: &'a [u8], text: &'static str) -> Result<&'a [u8], Fault> {
    if value.is_empty() {
        return Err(bad_length(text));
    }
    Ok(value)
}

/// `value` as one or more elements of `N` octets.
#[inline]
fn elements<'a, const N: usize>(
    value: &'a [u8],
    text: &'static str,
) -> Result<&'a [[u8; N]], Fault> {
    match value.as_chunks::<N>() {
        (list @ [_, ..], []) => Ok(list),
        _ => Err(bad_length(text)),
    }
}

/// `value` as exactly `N` octets.
#[inline]
fn octets<const N: usize>(value: &[u8], text: &'static str) -> Result<[u8; N], Fault> {
    value.try_into().map_err(|_| bad_length(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::closed;
    use std::collections::BTreeSet;

    #[test]
    fn the_schema_has_the_keys_of_the_table() {
        let keys = View::KEYS.iter().map(|(_, key)| *key);
        let wanted: BTreeSet<&str> = keys.chain(["unknown_attributes"]).collect();
        assert_eq!(closed::fields("attributes"), wanted);
    }
}
