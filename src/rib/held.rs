//! The table that suits a family.

use super::budget::Budget;
use super::entry::{Entry, State};
use super::labeled::LabeledPrefix;
use super::labeled_routes::LabeledRoutes;
use super::octets::{OctetRoute, Sent};
use super::prefix::{Bits, Path, PrefixKey, PrefixRoute};
use super::recurring::Room;
use super::routes::{Announced, Batch, Routes, TOGETHER};
use crate::bgp::nlri::Nlri;
use crate::bgp::{Afi, Disposition, Form, NlriField, Prefix, Safi};
use crate::intern::AttrSet;

/// Octets that most NLRI do not exceed.
pub(super) const SHORT: usize = 24;
/// Octets that most EVPN routes do not exceed.
const LONG: usize = 40;

/// Routes of one family, in one of the shapes that there are.
pub(super) enum Held {
    V4(Routes<PrefixRoute<u32, ()>>),
    V4Paths(Routes<PrefixRoute<u32, u32>>),
    V6(Routes<PrefixRoute<[u32; 4], ()>>),
    V6Paths(Routes<PrefixRoute<[u32; 4], u32>>),
    Labeled4(LabeledRoutes<u32>),
    Labeled6(LabeledRoutes<[u32; 4]>),
    Short(Routes<OctetRoute<SHORT>>),
    Long(Routes<OctetRoute<LONG>>),
}

/// Does the same with whatever shape there is.
macro_rules! any {
    ($held:expr, $routes:ident => $body:expr) => {
        match $held {
            Held::V4($routes) => $body,
            Held::V4Paths($routes) => $body,
            Held::V6($routes) => $body,
            Held::V6Paths($routes) => $body,
            Held::Labeled4($routes) => $body,
            Held::Labeled6($routes) => $body,
            Held::Short($routes) => $body,
            Held::Long($routes) => $body,
        }
    };
}

/// What a route is to: a prefix, or NLRI as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKey<'a> {
    /// An IPv4 or IPv6 prefix.
    Prefix(Prefix),
    /// A prefix with labels, or with a route distinguisher; see [`super::Ribs::nlri`].
    Labeled(LabeledPrefix<'a>),
    /// NLRI of another family, path identifier included.
    Octets(&'a [u8]),
}

/// A route as its table holds it.
#[derive(Clone, Copy)]
pub(super) struct HeldRoute<'a> {
    pub(super) key: RouteKey<'a>,
    pub(super) attributes: &'a AttrSet,
    pub(super) state: State,
}

impl<'a> HeldRoute<'a> {
    pub(super) fn new(key: RouteKey<'a>, entry: &'a impl Entry) -> Self {
        Self {
            key,
            attributes: entry.attributes(),
            state: entry.state(),
        }
    }
}

/// An entry of most shapes as a route.
pub(super) trait AsRoute: Entry {
    fn route_key(&self) -> RouteKey<'_>;

    fn route(&self) -> HeldRoute<'_> {
        HeldRoute::new(self.route_key(), self)
    }
}

impl<E: AsRoute> Routes<E> {
    pub(super) fn route_at(&self, place: usize) -> Option<HeldRoute<'_>> {
        self.at(place).map(AsRoute::route)
    }

    pub(super) fn each_route(&self) -> impl Iterator<Item = HeldRoute<'_>> {
        self.iter().map(AsRoute::route)
    }
}

/// An entry whose key is all that its table needs of an NLRI.
pub(super) trait OfField: Entry {
    /// The keys of a field, one after the other.
    fn each_key<'a>(field: &NlriField<'a>, step: impl FnMut(Self::Key<'a>));
}

impl<E: OfField> Routes<E> {
    fn announce_all(
        &mut self,
        field: &NlriField<'_>,
        attributes: &AttrSet,
        seconds: u32,
        room: &mut Room<'_>,
        mut told: impl FnMut(Announced),
    ) {
        self.each_hashed(field, |routes, hashed| {
            told(routes.announce_hashed(hashed, attributes, seconds, room.budget));
        });
    }

    fn withdraw_all(
        &mut self,
        field: &NlriField<'_>,
        room: &mut Room<'_>,
        mut told: impl FnMut(bool),
    ) {
        self.each_hashed(field, |routes, hashed| {
            told(routes.take_hashed(hashed, room.budget).is_some());
        });
    }

    /// Does something with each key, with its hash, after several of them have been looked for.
    fn each_hashed<'a>(
        &mut self,
        field: &NlriField<'a>,
        mut step: impl FnMut(&mut Self, (u64, E::Key<'a>)),
    ) {
        let mut batch = Batch::new();
        let mut work_through = |routes: &mut Self, batch: &mut Batch<_>| {
            routes.look_ahead(batch);
            batch.drain(..).for_each(|hashed| step(routes, hashed));
        };
        E::each_key(field, |key| {
            batch.push((self.hash_of(key), key));
            if batch.len() == TOGETHER {
                work_through(self, &mut batch);
            }
        });
        work_through(self, &mut batch);
    }
}

impl<B: Bits> LabeledRoutes<B> {
    fn announce_all(
        &mut self,
        field: &NlriField<'_>,
        attributes: &AttrSet,
        seconds: u32,
        room: &mut Room<'_>,
        mut told: impl FnMut(Announced),
    ) {
        each_item(field, |sent, nlri| {
            told(self.announce(sent, &nlri, attributes, seconds, room));
        });
    }

    fn withdraw_all(
        &mut self,
        field: &NlriField<'_>,
        room: &mut Room<'_>,
        mut told: impl FnMut(bool),
    ) {
        each_item(field, |sent, nlri| told(self.withdraw(sent, &nlri, room)));
    }
}

impl<B: Bits, P: Path> AsRoute for PrefixRoute<B, P> {
    fn route_key(&self) -> RouteKey<'_> {
        RouteKey::Prefix(self.prefix())
    }
}

impl<B: Bits, P: Path> OfField for PrefixRoute<B, P> {
    fn each_key<'a>(field: &NlriField<'a>, step: impl FnMut(Self::Key<'a>)) {
        let keys = field
            .prefixes()
            .filter_map(|prefix| PrefixKey::new(&prefix));
        keys.for_each(step);
    }
}

impl<const N: usize> AsRoute for OctetRoute<N> {
    fn route_key(&self) -> RouteKey<'_> {
        RouteKey::Octets(self.octets())
    }
}

impl<const N: usize> OfField for OctetRoute<N> {
    fn each_key<'a>(field: &NlriField<'a>, mut step: impl FnMut(Self::Key<'a>)) {
        each_item(field, |sent, _| step(sent));
    }
}

impl Held {
    pub(super) fn new(form: Form) -> Self {
        let form = Form {
            withdrawn: false,
            ..form
        };
        let plain = matches!(form.family.safi, Safi::UNICAST | Safi::MULTICAST);
        let labeled = matches!(
            form.family.safi,
            Safi::LABELED | Safi::VPN | Safi::VPN_MULTICAST
        );
        match (form.family.afi, form.add_path) {
            (Afi::IPV4, _) if labeled => Self::Labeled4(LabeledRoutes::new(form)),
            (Afi::IPV6, _) if labeled => Self::Labeled6(LabeledRoutes::new(form)),
            (Afi::IPV4, false) if plain => Self::V4(Routes::new(())),
            (Afi::IPV4, true) if plain => Self::V4Paths(Routes::new(())),
            (Afi::IPV6, false) if plain => Self::V6(Routes::new(())),
            (Afi::IPV6, true) if plain => Self::V6Paths(Routes::new(())),
            (Afi::L2VPN, _) => Self::Long(Routes::new(form)),
            _ => Self::Short(Routes::new(form)),
        }
    }

    pub(super) fn len(&self) -> usize {
        any!(self, routes => routes.len())
    }

    pub(super) fn stale(&self) -> usize {
        any!(self, routes => routes.stale())
    }

    pub(super) fn places(&self) -> usize {
        any!(self, routes => routes.places())
    }

    pub(super) fn moves(&self) -> u64 {
        any!(self, routes => routes.moves())
    }

    pub(super) fn at(&self, place: usize) -> Option<HeldRoute<'_>> {
        any!(self, routes => routes.route_at(place))
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = HeldRoute<'_>> + '_> {
        any!(self, routes => Box::new(routes.each_route()))
    }

    pub(super) fn mark_stale(&mut self) {
        any!(self, routes => routes.mark_stale());
    }

    pub(super) fn unmark_stale(&mut self) {
        any!(self, routes => routes.unmark_stale());
    }

    pub(super) fn drop_stale(&mut self, budget: &mut Budget) -> usize {
        any!(self, routes => routes.drop_stale(budget))
    }

    pub(super) fn drop_stale_where(
        &mut self,
        budget: &mut Budget,
        is: impl FnMut(&AttrSet) -> bool,
    ) {
        any!(self, routes => routes.drop_stale_where(budget, is));
    }

    pub(super) fn release(&mut self, budget: &mut Budget) {
        any!(self, routes => routes.release(budget));
    }

    /// Routes are told apart by prefixes and nothing else.
    pub(super) const fn is_by_prefix(&self) -> bool {
        matches!(self, Self::V4(_) | Self::V6(_))
    }

    /// The route to a prefix, as exactly that; nothing in tables of other families.
    pub(super) fn find(&self, prefix: &Prefix) -> Option<HeldRoute<'_>> {
        match self {
            Self::V4(routes) => find(routes, prefix),
            Self::V4Paths(routes) => find(routes, prefix),
            Self::V6(routes) => find(routes, prefix),
            Self::V6Paths(routes) => find(routes, prefix),
            Self::Labeled4(_) | Self::Labeled6(_) | Self::Short(_) | Self::Long(_) => None,
        }
    }

    /// Announces each NLRI of a field, and tells what each came to.
    pub(super) fn announce(
        &mut self,
        field: &NlriField<'_>,
        attributes: &AttrSet,
        seconds: u32,
        room: &mut Room<'_>,
        told: impl FnMut(Announced),
    ) {
        any!(self, routes => routes.announce_all(field, attributes, seconds, room, told));
    }

    /// Withdraws each NLRI of a field, and tells of each whether it was there.
    pub(super) fn withdraw(
        &mut self,
        field: &NlriField<'_>,
        room: &mut Room<'_>,
        told: impl FnMut(bool),
    ) {
        any!(self, routes => routes.withdraw_all(field, room, told));
    }

    /// Whether NLRI of that form can be told apart by this table.
    pub(super) fn suits(&self, form: Form) -> bool {
        match self {
            Self::V4(_) | Self::V6(_) => !form.add_path,
            Self::V4Paths(_) | Self::V6Paths(_) => form.add_path,
            Self::Labeled4(routes) => alike(routes.form(), form),
            Self::Labeled6(routes) => alike(routes.form(), form),
            Self::Short(routes) => alike(routes.layout(), form),
            Self::Long(routes) => alike(routes.layout(), form),
        }
    }
}

fn alike(a: Form, b: Form) -> bool {
    (a.add_path, a.multiple_labels) == (b.add_path, b.multiple_labels)
}

fn find<'a, B: Bits, P: Path>(
    routes: &'a Routes<PrefixRoute<B, P>>,
    prefix: &Prefix,
) -> Option<HeldRoute<'a>> {
    let key = PrefixKey::new(prefix)?;
    routes.find(key).map(AsRoute::route)
}

/// Whether one NLRI is to be dropped and the others kept: link-state ones may be (RFC 9552 §8.2.2).
fn is_discarded(form: Form, octets: &[u8]) -> bool {
    let mut discarded = false;
    if form.family.afi == Afi::BGP_LS {
        NlriField::new(form, octets).check(|fault| {
            discarded |= fault.disposition == Some(Disposition::NlriDiscard);
        });
    }
    discarded
}

/// Each NLRI, as it was sent and as it was read.
fn each_item<'a>(field: &NlriField<'a>, mut step: impl FnMut(Sent<'a>, Nlri<'a>)) {
    let withdrawn = field.form().withdrawn;
    let mut items = field.iter();
    let mut before = items.unread();
    while let Some(nlri) = items.next() {
        let after = items.unread();
        // What was taken off the front.
        let octets = before.get(..before.len() - after.len()).unwrap_or_default();
        if !is_discarded(field.form(), octets) {
            step(Sent { octets, withdrawn }, nlri);
        }
        before = after;
    }
}
