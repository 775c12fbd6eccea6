//! Attributes that are one number, one address or a list of identifiers.

use core::net::Ipv4Addr;

use super::{Flags, PathAttribute, bad_length, elements, octets};
use crate::bgp::context::{Context, Peering};
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use serde::{Serialize, Serializer};

/// ORIGIN (RFC 4271 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Learned inside the originating AS.
    Igp,
    /// Learned by EGP.
    Egp,
    /// Learned by other means.
    Incomplete,
}

impl Origin {
    /// The name in events: `igp`, `egp`, `incomplete`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl PathAttribute<'_> for Origin {
    const CODE: u8 = 1;
    const FLAGS: Flags = Flags::WELL_KNOWN;
    /// RFC 7606 §7.1.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &[u8], _: &Context) -> Result<Self, Fault> {
        match value {
            [0] => Ok(Self::Igp),
            [1] => Ok(Self::Egp),
            [2] => Ok(Self::Incomplete),
            [_] => {
                let text = "ORIGIN is none of igp, egp, incomplete";
                Err(Fault::new(0, ErrorCode::InvalidOrigin, text))
            }
            _ => Err(bad_length("ORIGIN is not one octet")),
        }
    }
}

/// ATOMIC_AGGREGATE (RFC 4271 §5.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtomicAggregate;

impl Serialize for AtomicAggregate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl PathAttribute<'_> for AtomicAggregate {
    const CODE: u8 = 6;
    const FLAGS: Flags = Flags::WELL_KNOWN;
    /// RFC 7606 §7.6.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &[u8], _: &Context) -> Result<Self, Fault> {
        if value.is_empty() {
            Ok(Self)
        } else {
            Err(bad_length("ATOMIC_AGGREGATE is not empty"))
        }
    }
}

/// RFC 7606 §7.5, §7.9, §7.10: what belongs to internal neighbors only is discarded from others.
fn from_internal(context: &Context, disposition: Disposition) -> Disposition {
    match context.peering {
        Peering::External => Disposition::AttributeDiscard,
        Peering::Internal | Peering::Unknown => disposition,
    }
}

/// Attributes of four octets.
macro_rules! four_octets {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $code:literal, $flags:ident, $disposition:ident $(via $internal:ident)?, $from:expr, $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
            pub struct $name(pub $inner);

            impl PathAttribute<'_> for $name {
                const CODE: u8 = $code;
                const FLAGS: Flags = Flags::$flags;
                const DISPOSITION: Disposition = Disposition::$disposition;

                $(fn disposition(context: &Context) -> Disposition {
                    $internal(context, Self::DISPOSITION)
                })?

                #[inline]
                fn parse(value: &[u8], _: &Context) -> Result<Self, Fault> {
                    octets::<4>(value, $text).map(|value| Self($from(value)))
                }
            }
        )*
    };
}

four_octets! {
    /// NEXT_HOP (RFC 4271 §5.1.3; malformed: RFC 7606 §7.3).
    NextHop(Ipv4Addr) = 3, WELL_KNOWN, TreatAsWithdraw, Ipv4Addr::from, "NEXT_HOP is not four octets";
    /// MULTI_EXIT_DISC (RFC 4271 §5.1.4; malformed: RFC 7606 §7.4).
    Med(u32) = 4, OPTIONAL, TreatAsWithdraw, u32::from_be_bytes, "MULTI_EXIT_DISC is not four octets";
    /// LOCAL_PREF (RFC 4271 §5.1.5; malformed: RFC 7606 §7.5).
    LocalPref(u32) = 5, WELL_KNOWN, TreatAsWithdraw via from_internal, u32::from_be_bytes, "LOCAL_PREF is not four octets";
    /// ORIGINATOR_ID (RFC 4456 §8; malformed: RFC 7606 §7.9).
    OriginatorId(Ipv4Addr) = 9, OPTIONAL, TreatAsWithdraw via from_internal, Ipv4Addr::from, "ORIGINATOR_ID is not four octets";
    /// ONLY_TO_CUSTOMER (RFC 9234 §5): the AS that said so.
    OnlyToCustomer(u32) = 35, OPTIONAL_TRANSITIVE, TreatAsWithdraw, u32::from_be_bytes, "ONLY_TO_CUSTOMER is not four octets";
}

/// CLUSTER_LIST (RFC 4456 §8): the route reflectors that it came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterList<'a>(&'a [[u8; 4]]);

impl<'a> ClusterList<'a> {
    /// The cluster identifiers, nearest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.0.iter().map(|id| Ipv4Addr::from(*id))
    }
}

impl Serialize for ClusterList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'a> PathAttribute<'a> for ClusterList<'a> {
    const CODE: u8 = 10;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 7606 §7.10.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn disposition(context: &Context) -> Disposition {
        from_internal(context, Self::DISPOSITION)
    }

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        elements(value, "CLUSTER_LIST is not a multiple of four octets").map(Self)
    }
}
