//! UPDATE (RFC 4271 §4.3), checked as RFC 7606 asks and read as far as it can be.

mod check;
mod family_rules;

use core::net::Ipv4Addr;

use super::attribute::{
    Aggregator, As4Aggregator, As4Path, AsPath, AtomicAggregate, Attribute, Attributes,
    ClusterList, Communities, ExtCommunities, LargeCommunities, LocalPref, Med, MergedPath,
    MpReach, MpUnreach, NextHop, Origin, OriginatorId, PathAttribute, View,
};
use super::context::Context;
use super::error::Errors;
use super::family::Family;
use super::nlri::{Form, NlriField};
use super::open::AS_TRANS;
use super::reader::Reader;

/// Attribute codes below this have a place in the offset table; others are searched for.
const INDEXED: usize = 42;

/// A borrowed UPDATE.
///
/// [`Update::parse`] goes once through the message, notes where each attribute
/// is and what is wrong; the getters then read one attribute each, on demand.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    body: &'a [u8],
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    announced: &'a [u8],
    context: Context,
    /// A bit per attribute code that is there.
    seen: [u64; 4],
    /// Where the first attribute of each code starts in `attributes`.
    offsets: [u16; INDEXED],
    errors: Errors,
}

impl<'a> Update<'a> {
    /// As a constant it is copied as a whole, which is faster than field by field.
    pub(in crate::bgp) const EMPTY: Self = Self {
        body: &[],
        withdrawn: &[],
        attributes: &[],
        announced: &[],
        context: Context::assumed(),
        seen: [0; 4],
        offsets: [0; INDEXED],
        errors: Errors::new(),
    };

    /// Reads what follows the header. It never fails: a field that cannot be
    /// located is empty, and [`Update::errors`] says so.
    #[must_use]
    #[inline]
    pub fn parse(body: &'a [u8], context: &Context) -> Self {
        let mut update = Self::EMPTY;
        update.read(body, context);
        update
    }

    /// Reads a body into [`Update::EMPTY`].
    #[inline]
    pub(in crate::bgp) fn read(&mut self, body: &'a [u8], context: &Context) {
        self.body = body;
        self.context = *context;
        self.check();
    }

    /// Locates the three fields.
    fn split(&mut self) -> Option<()> {
        let mut reader = Reader::new(self.body);
        let length = usize::from(reader.u16()?);
        self.withdrawn = reader.take(length)?;
        let length = usize::from(reader.u16()?);
        self.attributes = reader.take(length)?;
        self.announced = reader.rest();
        Some(())
    }

    /// Octets of the body before the attributes.
    fn attributes_base(&self) -> usize {
        self.body.len() - self.announced.len() - self.attributes.len()
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What the message was read with.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn errors(&self) -> &Errors {
        &self.errors
    }

    /// The withdrawn routes field (IPv4 unicast).
    #[must_use]
    pub const fn withdrawn(&self) -> NlriField<'a> {
        let form = Form::withdrawn(Family::IPV4_UNICAST, &self.context);
        NlriField::new(form, self.withdrawn)
    }

    /// The NLRI field (IPv4 unicast).
    #[must_use]
    pub const fn announced(&self) -> NlriField<'a> {
        let form = Form::announced(Family::IPV4_UNICAST, &self.context);
        NlriField::new(form, self.announced)
    }

    /// Everything withdrawn: the withdrawn routes field and MP_UNREACH_NLRI, unless empty.
    pub fn all_withdrawn(&self) -> impl Iterator<Item = NlriField<'a>> + use<'a> {
        let mp = self.mp_unreach().map(|mp| mp.nlri);
        non_empty([Some(self.withdrawn()), mp])
    }

    /// Everything announced: the NLRI field and MP_REACH_NLRI, unless empty.
    pub fn all_announced(&self) -> impl Iterator<Item = NlriField<'a>> + use<'a> {
        let mp = self.mp_reach().map(|mp| mp.nlri);
        non_empty([Some(self.announced()), mp])
    }

    /// The attributes in wire order, up to one that does not fit.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes)
    }

    /// The attributes in wire order with what [`Attribute::view`] gives of each. It is faster: a message
    /// without errors is not checked again.
    pub fn views(&self) -> impl Iterator<Item = (Attribute<'a>, View<'a>)> {
        let sound = self.errors.total() == 0;
        self.attributes().map(move |attribute| {
            let Attribute { code, value, .. } = attribute;
            (attribute, View::read(code, value, &self.context, sound))
        })
    }

    /// Whether an attribute of that code is there.
    #[must_use]
    #[inline]
    pub const fn has(&self, code: u8) -> bool {
        self.seen[(code >> 6) as usize] >> (code & 63) & 1 == 1
    }

    /// The first attribute of that code.
    #[must_use]
    #[inline]
    pub fn attribute(&self, code: u8) -> Option<Attribute<'a>> {
        if !self.has(code) {
            return None;
        }
        match self.offsets.get(usize::from(code)) {
            Some(&start) => {
                Attribute::take(&mut Reader::new(self.attributes.get(usize::from(start)..)?))
            }
            None => self.attributes().find(|attribute| attribute.code == code),
        }
    }

    /// The first attribute of each type, by ascending type code.
    pub fn first_attributes(&self) -> impl Iterator<Item = Attribute<'a>> + Clone {
        let words = self.seen.into_iter().zip([0u8, 64, 128, 192]);
        let codes = words.flat_map(|(word, base)| Bits(word).map(move |bit| base + bit));
        codes.filter_map(|code| self.attribute(code))
    }

    /// The typed value of the first attribute of a type; `None` if it is not
    /// there or malformed.
    #[must_use]
    #[inline]
    pub fn get<T: PathAttribute<'a>>(&self) -> Option<T> {
        T::parse(self.attribute(T::CODE)?.value, &self.context).ok()
    }

    /// ORIGIN.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.get()
    }

    /// AS_PATH as sent.
    #[must_use]
    pub fn as_path(&self) -> Option<AsPath<'a>> {
        self.get()
    }

    /// AS4_PATH as sent.
    #[must_use]
    pub fn as4_path(&self) -> Option<AsPath<'a>> {
        self.get::<As4Path<'a>>().map(|path| path.0)
    }

    /// The path with four-octet AS numbers: AS_PATH, completed by AS4_PATH
    /// where the session has two-octet AS numbers (RFC 6793 §4.2.3).
    #[must_use]
    pub fn path(&self) -> Option<MergedPath<'a>> {
        let as4_path = if self.as4_attributes_count() {
            self.as4_path()
        } else {
            None
        };
        Some(MergedPath::new(self.as_path()?, as4_path))
    }

    /// AGGREGATOR, or AS4_AGGREGATOR where that replaces it (RFC 6793 §4.2.3).
    #[must_use]
    pub fn aggregator(&self) -> Option<Aggregator> {
        let plain = self.get::<Aggregator>()?;
        let wide = if self.as4_attributes_count() {
            self.get::<As4Aggregator>()
        } else {
            None
        };
        Some(wide.map_or(plain, |wide| wide.0))
    }

    /// RFC 6793 §4.1: among NEW speakers the AS4 attributes are discarded.
    /// §4.2.3: so they are where both aggregators are there and AGGREGATOR is not AS_TRANS.
    fn as4_attributes_count(&self) -> bool {
        if self.context.as4 {
            return false;
        }
        let both = self.has(Aggregator::CODE) && self.has(As4Aggregator::CODE);
        !both
            || self
                .get::<Aggregator>()
                .is_none_or(|plain| plain.asn == u32::from(AS_TRANS))
    }

    /// NEXT_HOP, for the NLRI field.
    #[must_use]
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        self.get::<NextHop>().map(|next_hop| next_hop.0)
    }

    /// MULTI_EXIT_DISC.
    #[must_use]
    pub fn med(&self) -> Option<u32> {
        self.get::<Med>().map(|med| med.0)
    }

    /// LOCAL_PREF.
    #[must_use]
    pub fn local_pref(&self) -> Option<u32> {
        self.get::<LocalPref>().map(|preference| preference.0)
    }

    /// ATOMIC_AGGREGATE.
    #[must_use]
    pub fn atomic_aggregate(&self) -> bool {
        self.get::<AtomicAggregate>().is_some()
    }

    /// COMMUNITIES.
    #[must_use]
    pub fn communities(&self) -> Option<Communities<'a>> {
        self.get()
    }

    /// EXTENDED COMMUNITIES.
    #[must_use]
    pub fn ext_communities(&self) -> Option<ExtCommunities<'a>> {
        self.get()
    }

    /// LARGE_COMMUNITIES.
    #[must_use]
    pub fn large_communities(&self) -> Option<LargeCommunities<'a>> {
        self.get()
    }

    /// ORIGINATOR_ID.
    #[must_use]
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        self.get::<OriginatorId>().map(|id| id.0)
    }

    /// CLUSTER_LIST.
    #[must_use]
    pub fn cluster_list(&self) -> Option<ClusterList<'a>> {
        self.get()
    }

    /// MP_REACH_NLRI.
    #[must_use]
    pub fn mp_reach(&self) -> Option<MpReach<'a>> {
        self.get()
    }

    /// MP_UNREACH_NLRI.
    #[must_use]
    pub fn mp_unreach(&self) -> Option<MpUnreach<'a>> {
        self.get()
    }

    /// The family whose initial transfer this message ends (RFC 4724 §2): an
    /// empty UPDATE, or one with nothing but an empty MP_UNREACH_NLRI.
    #[must_use]
    pub fn eor(&self) -> Option<Family> {
        if !self.withdrawn.is_empty() || !self.announced.is_empty() || self.errors.total() > 0 {
            return None;
        }
        if self.attributes.is_empty() {
            return Some(Family::IPV4_UNICAST);
        }
        let mut attributes = self.attributes();
        let only = attributes.next().filter(|_| attributes.next().is_none())?;
        let unreach = self.mp_unreach().filter(|_| only.code == MpUnreach::CODE)?;
        unreach.nlri.is_empty().then_some(unreach.family())
    }
}

/// Iterator over the bits of a word that are set.
#[derive(Clone, Copy)]
struct Bits(u64);

impl Iterator for Bits {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        // At most 63.
        u8::try_from(bit).ok()
    }
}

fn non_empty<'a>(fields: [Option<NlriField<'a>>; 2]) -> impl Iterator<Item = NlriField<'a>> {
    fields.into_iter().flatten().filter(|f| !f.is_empty())
}

#[cfg(test)]
mod dispositions;
#[cfg(test)]
mod tests;
