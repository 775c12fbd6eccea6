//! Network layer reachability information, by family.
//!
//! A family is one file with a `Codec`, whose items know their JSON form, and one line in the
//! table below; a family that is not in it keeps its bytes, [`Nlri::Opaque`].

mod codec;
mod evpn;
mod flowspec;
pub mod key;
mod labeled;
mod link_state;
mod mdt;
mod mup;
mod mvpn;
pub mod part;
mod prefix;
mod route_target;
mod sfc;
mod sr_policy;
mod vpls;
mod vpn;

use super::context::Context;
use super::error::Fault;
use super::family::Family;
use super::reader::Reader;
use super::text::Hex;
use serde::ser::{Serialize, SerializeMap, Serializer};

use codec::{Codec, check_each, check_typed, fold_each};

pub use codec::Each;
pub use evpn::{Evpn, EvpnLabels, EvpnRoute, Multicast, RouteKey};
pub use flowspec::{
    Bitmask, Component, ComponentType, Components, FlowSpec, Numeric, Operation, Operations,
    Pattern, Test,
};
pub use labeled::LabeledPrefix;
pub(in crate::bgp) use link_state::descriptor as link_state_descriptor;
pub use link_state::{LinkState, LsObject};
pub use mdt::Mdt;
pub use mup::{Mup, MupRoute, MupTlvs, Teid};
pub use mvpn::{Mvpn, MvpnFlow, MvpnRoute, MvpnRouteKey};
pub use prefix::{Prefix, Prefixes};
pub use route_target::RouteTarget;
pub use sfc::{Sfc, SfcRoute};
pub use sr_policy::{SrPolicy, SrPolicyKey};
pub use vpls::{Vpls, VplsRoute};
pub use vpn::VpnPrefix;

macro_rules! families {
    ($a:lifetime: $($(#[$doc:meta])* $module:ident::$codec:ident($item:ty): $($family:ident)|+;)*) => {
        /// One NLRI of any family.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Nlri<$a> {
            $($(#[$doc])* $codec($item),)*
            /// The whole field of a family that is not decoded.
            Opaque(&$a [u8]),
        }

        impl Nlri<'_> {
            /// The families that are decoded.
            pub const FAMILIES: &'static [Family] = &[$($(Family::$family,)+)*];
        }

        impl Serialize for Nlri<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$codec(item) => item.serialize(serializer),)*
                    Self::Opaque(bytes) => opaque(serializer, bytes),
                }
            }
        }

        /// Which decoder a family has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Kind {
            $($codec,)*
            Opaque,
        }

        impl Kind {
            #[inline]
            const fn of(family: Family) -> Self {
                match family {
                    $($(Family::$family)|+ => Self::$codec,)*
                    _ => Self::Opaque,
                }
            }

            fn check(self, field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
                match self {
                    $(Self::$codec => $module::$codec::check(field, form, report),)*
                    Self::Opaque => {}
                }
            }
        }

        /// Iterator over a [`NlriField`]. Who has much to read decides by a `match` on it once what the
        /// NLRI are, instead of once for each of them.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum NlriIter<$a> {
            $($(#[$doc])* $codec(Each<$a, $module::$codec>),)*
            /// The whole field of a family that is not decoded; empty behind it.
            Opaque(&$a [u8]),
        }

        impl<$a> NlriIter<$a> {
            #[inline]
            const fn new(field: NlriField<$a>) -> Self {
                match field.kind {
                    $(Kind::$codec => Self::$codec(Each::new(field.bytes, field.form)),)*
                    Kind::Opaque => Self::Opaque(field.bytes),
                }
            }

            /// The octets not read yet; after the end, those that cannot be read.
            #[must_use]
            pub const fn unread(&self) -> &$a [u8] {
                match self {
                    $(Self::$codec(each) => each.unread(),)*
                    Self::Opaque(bytes) => bytes,
                }
            }
        }

        impl<$a> Iterator for NlriIter<$a> {
            type Item = Nlri<$a>;

            fn next(&mut self) -> Option<Nlri<$a>> {
                match self {
                    $(Self::$codec(each) => each.next().map(Nlri::$codec),)*
                    Self::Opaque([]) => None,
                    Self::Opaque(bytes) => Some(Nlri::Opaque(core::mem::take(bytes))),
                }
            }
        }
    };
}

families! {
    'a:
    /// An IPv4 prefix.
    prefix::Ipv4(Prefix): IPV4_UNICAST | IPV4_MULTICAST;
    /// An IPv6 prefix.
    prefix::Ipv6(Prefix): IPV6_UNICAST | IPV6_MULTICAST;
    /// A prefix with labels.
    labeled::Labeled(LabeledPrefix<'a>): IPV4_LABELED | IPV6_LABELED;
    /// A prefix of a VPN.
    vpn::Vpn(VpnPrefix<'a>): IPV4_VPN | IPV6_VPN | IPV4_VPN_MULTICAST | IPV6_VPN_MULTICAST;
    /// An EVPN route.
    evpn::EvpnRoutes(Evpn<'a>): EVPN;
    /// A route target that is wanted.
    route_target::RouteTargets(RouteTarget): ROUTE_TARGET;
    /// A site or a router of a VPLS.
    vpls::VplsRoutes(Vpls<'a>): VPLS;
    /// A multicast VPN route.
    mvpn::MvpnRoutes(Mvpn<'a>): IPV4_MVPN | IPV6_MVPN;
    /// A router's multicast distribution tree.
    mdt::MdtRoutes(Mdt): MDT;
    /// A mobile user plane route.
    mup::MupRoutes(Mup<'a>): IPV4_MUP | IPV6_MUP;
    /// A filter for traffic.
    flowspec::FlowSpecs(FlowSpec<'a>): IPV4_FLOWSPEC | IPV6_FLOWSPEC | IPV4_FLOWSPEC_VPN | IPV6_FLOWSPEC_VPN;
    /// A node, a link, a prefix or a SID of a topology.
    link_state::LinkStates(LinkState<'a>): LINK_STATE | LINK_STATE_VPN;
    /// A candidate path of a segment routing policy.
    sr_policy::SrPolicies(SrPolicy<'a>): IPV4_SR_POLICY | IPV6_SR_POLICY;
    /// A route of a service function chain.
    sfc::SfcRoutes(Sfc<'a>): SFC;
}

fn opaque<S: Serializer>(serializer: S, bytes: &[u8]) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("nlri_type", "opaque")?;
    map.serialize_entry("raw", &Hex(bytes))?;
    map.end()
}

impl Nlri<'_> {
    /// The prefix that it is about, if it is about one: alone, with labels, of a VPN, or inside of a
    /// route of EVPN, MUP or BGP-LS. What a flow specification matches is none.
    #[must_use]
    pub fn prefix(&self) -> Option<Prefix> {
        match self {
            Self::Ipv4(prefix) | Self::Ipv6(prefix) => Some(*prefix),
            Self::Labeled(route) => Some(route.prefix),
            Self::Vpn(route) => Some(route.prefix),
            Self::EvpnRoutes(route) => match route.route() {
                Ok(EvpnRoute::IpPrefix { prefix, .. }) => Some(prefix),
                _ => None,
            },
            Self::MupRoutes(route) => match route.route() {
                Ok(
                    MupRoute::InterworkSegmentDiscovery { prefix, .. }
                    | MupRoute::Type1SessionTransformed { prefix, .. },
                ) => Some(prefix),
                _ => None,
            },
            Self::LinkStates(state) => state.object()?.prefix(),
            _ => None,
        }
    }
}

/// What decides how a field of NLRI is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The family of all its NLRI.
    pub family: Family,
    /// Each NLRI begins with a path identifier (RFC 7911 §3).
    pub add_path: bool,
    /// A prefix may have several labels (RFC 8277 §2.1).
    pub multiple_labels: bool,
    /// The NLRI are withdrawn: a label means nothing (RFC 8277 §2.4).
    pub withdrawn: bool,
}

impl Form {
    /// Announced, without path identifiers, one label at most.
    #[must_use]
    pub const fn new(family: Family) -> Self {
        Self {
            family,
            add_path: false,
            multiple_labels: false,
            withdrawn: false,
        }
    }

    /// As the context says about announcements of the family.
    #[must_use]
    #[inline]
    pub const fn announced(family: Family, context: &Context) -> Self {
        Self {
            family,
            add_path: context.add_path.contains(family),
            multiple_labels: context.multiple_labels.contains(family),
            withdrawn: false,
        }
    }

    /// As the context says about withdrawals of the family.
    #[must_use]
    #[inline]
    pub const fn withdrawn(family: Family, context: &Context) -> Self {
        Self {
            withdrawn: true,
            ..Self::announced(family, context)
        }
    }
}

/// A field of NLRI of one family: announced or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NlriField<'a> {
    form: Form,
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> NlriField<'a> {
    /// A field to be read as `form` says.
    #[must_use]
    #[inline]
    pub const fn new(form: Form, bytes: &'a [u8]) -> Self {
        let kind = Kind::of(form.family);
        Self { form, kind, bytes }
    }

    /// The family of all its NLRI.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.form.family
    }

    /// How it is read.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The field as sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether each NLRI begins with a path identifier (RFC 7911 §3).
    #[must_use]
    pub const fn has_path_ids(&self) -> bool {
        self.form.add_path
    }

    /// No NLRI at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the family is not decoded, so that the field is one [`Nlri::Opaque`].
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        matches!(self.kind, Kind::Opaque)
    }

    /// The NLRI in wire order, up to one that cannot be read.
    #[must_use]
    #[inline]
    pub const fn iter(&self) -> NlriIter<'a> {
        NlriIter::new(*self)
    }

    /// The prefixes, if the NLRI of the family are prefixes and nothing else;
    /// else none. Faster than [`NlriField::iter`].
    #[must_use]
    #[inline]
    pub const fn prefixes(&self) -> Prefixes<'a> {
        let bytes: &[u8] = match self.kind {
            Kind::Ipv4 | Kind::Ipv6 => self.bytes,
            _ => &[],
        };
        Prefixes::new(bytes, self.form)
    }

    /// How many NLRI there are, up to one that cannot be read; none of a family that is not
    /// decoded.
    #[must_use]
    #[inline]
    pub fn count(&self) -> usize {
        match self.kind {
            Kind::Ipv4 | Kind::Ipv6 => self.prefixes().count(),
            Kind::Opaque => 0,
            _ => self.iter().count(),
        }
    }

    /// The octets from the first NLRI on that cannot be read: none of a valid field.
    #[must_use]
    pub fn unread(&self) -> &'a [u8] {
        let mut items = self.iter();
        while items.next().is_some() {}
        items.unread()
    }

    pub(crate) fn check(&self, mut report: impl FnMut(Fault)) {
        if !self.bytes.is_empty() {
            self.kind.check(self.bytes, self.form, &mut report);
        }
    }
}

impl<'a> IntoIterator for NlriField<'a> {
    type Item = Nlri<'a>;
    type IntoIter = NlriIter<'a>;

    fn into_iter(self) -> NlriIter<'a> {
        self.iter()
    }
}

impl core::iter::FusedIterator for NlriIter<'_> {}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_without_decoder_is_one_opaque_item() {
        let unknown = Family::new(4711, 70);
        let field = NlriField::new(Form::new(unknown), &[2, 1, 0]);
        assert!(field.is_opaque());
        assert_eq!(field.iter().collect::<Vec<_>>(), [Nlri::Opaque(&[2, 1, 0])]);
        assert_eq!((field.prefixes().count(), field.count()), (0, 0));
        let none = NlriField::new(Form::new(unknown), &[]);
        assert_eq!(none.iter().count(), 0);
    }

    #[test]
    fn typed_items_and_prefixes_agree() {
        let field = NlriField::new(
            Form::new(Family::IPV4_MULTICAST),
            &[8, 10, 24, 192, 0, 2, 33, 1],
        );
        let prefixes: Vec<_> = field.prefixes().map(Nlri::Ipv4).collect();
        let mut items = field.iter();
        assert_eq!(items.by_ref().collect::<Vec<_>>(), prefixes);
        assert_eq!(items.unread(), [33, 1]);
        assert_eq!(prefixes.len(), 2, "a length of 33 ends the field");
        assert_eq!(field.count(), 2);
        let other = NlriField::new(Form::new(Family::ROUTE_TARGET), &[0, 32, 0, 0, 0, 1, 97]);
        assert_eq!((other.prefixes().count(), other.count()), (0, 2));
        assert_eq!((field.unread(), other.unread()), (&[33, 1][..], &[97][..]));
    }
}
