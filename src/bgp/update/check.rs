//! The validating pass: what RFC 7606 has a receiver do with the message, as data.

use super::Update;
use crate::bgp::attribute::{
    self, As4Aggregator, As4Path, AsPath, Attribute, BgpsecPath, ClusterList, Flags, LocalPref,
    MpReach, MpUnreach, NextHop, Origin, OriginatorId, PathAttribute,
};
use crate::bgp::context::{Context, Peering};
use crate::bgp::error::{Disposition, ErrorCode, Errors, Fault};
use crate::bgp::header::{self, HEADER_LEN};
use crate::bgp::nlri::{Form, NlriField};
use crate::bgp::reader::Reader;

impl<'a> Update<'a> {
    /// Goes once through the message.
    pub(super) fn check(&mut self) {
        self.check_length();
        if self.split().is_none() {
            // RFC 4271 §6.3: lengths that exceed the message. RFC 7606 §3 b leaves
            // this one as it was, since nothing can be located then.
            let text = "withdrawn routes or attributes exceed the message";
            let fault = Fault::new(0, ErrorCode::MalformedAttributeList, text);
            return self.report(fault, 0, None, Disposition::SessionReset);
        }
        self.check_nlri(self.withdrawn(), 2);
        let complete = self.check_attributes();
        self.check_nlri(self.announced(), self.body.len() - self.announced.len());
        self.check_as4_path();
        self.check_bgpsec();
        self.check_neighbor();
        self.check_families();
        self.check_mandatory();
        self.check_reachable(complete);
    }

    /// RFC 8654 §4: only a receiver that announced the capability takes extended messages.
    fn check_length(&mut self) {
        if let Some(error) = header::check_extended(self.body, &self.context) {
            self.errors.push(error);
        }
    }

    fn check_nlri(&mut self, field: NlriField<'a>, base: usize) {
        let mut faulty = false;
        field.check(|_| faulty = true);
        if faulty {
            let (form, bytes) = (field.form(), field.as_bytes());
            self.errors.append(faults_among(form, bytes, base));
        }
    }

    /// The pass over the attributes that fills the offset table; false if it ended early.
    fn check_attributes(&mut self) -> bool {
        let base = self.attributes_base();
        let mut reader = Reader::new(self.attributes);
        // Kept here while it changes with each attribute.
        let mut seen = self.seen;
        while !reader.is_empty() {
            let start = self.attributes.len() - reader.len();
            let Some(attribute) = Attribute::take(&mut reader) else {
                self.seen = seen;
                self.report_cut(start, base);
                return false;
            };
            let code = attribute.code;
            if note(&mut seen, code) {
                self.place(code, start);
            } else {
                self.report_repeated(code, start, base);
                // RFC 7606 §3 g: all but the first are discarded unread.
                if !is_mp(code) {
                    continue;
                }
            }
            let mut faulty = false;
            attribute::check(&attribute, &self.context, |_| faulty = true);
            if faulty {
                let behind = self.attributes.len() - reader.len();
                let value = base + behind - attribute.value.len();
                let Attribute {
                    flags,
                    code,
                    value: bytes,
                } = attribute;
                self.errors
                    .append(faults_in(flags, code, bytes, &self.context, value));
            }
        }
        self.seen = seen;
        true
    }

    /// Notes where the first attribute of a type starts.
    #[inline]
    fn place(&mut self, code: u8, start: usize) {
        if let Some(slot) = self.offsets.get_mut(usize::from(code)) {
            // Attributes lie in a message of at most 65535 octets.
            *slot = u16::try_from(start).unwrap_or(u16::MAX);
        }
    }

    /// RFC 7606 §4: the rest of the attributes is lost, the NLRI field is not. If the routes are
    /// in what is lost, they cannot be treated as withdrawn (§3 j).
    #[cold]
    fn report_cut(&mut self, start: usize, base: usize) {
        let text = "attribute exceeds the path attributes";
        let fault = Fault::new(start, ErrorCode::AttributeLength, text);
        let code = self.attributes.get(start + 1).copied();
        let disposition = if code.is_some_and(is_mp) {
            Disposition::SessionReset
        } else {
            Disposition::TreatAsWithdraw
        };
        self.report(fault, base, code, disposition);
    }

    /// RFC 7606 §3 g.
    #[cold]
    fn report_repeated(&mut self, code: u8, start: usize, base: usize) {
        let (text, disposition) = if is_mp(code) {
            let text = "MP_REACH_NLRI or MP_UNREACH_NLRI given twice";
            (text, Disposition::SessionReset)
        } else {
            ("attribute given before", Disposition::AttributeDiscard)
        };
        let fault = Fault::new(start, ErrorCode::MalformedAttributeList, text);
        self.report(fault, base, Some(code), disposition);
    }

    /// RFC 6793 §6: among NEW speakers the two attributes are discarded. Between OLD ones AS4_PATH is
    /// part of the path, and must not hold sets (RFC 9774 §3).
    fn check_as4_path(&mut self) {
        if !self.has(As4Path::CODE) && !self.has(As4Aggregator::CODE) {
            return;
        }
        if !self.context.as4 {
            if self
                .get::<As4Path<'_>>()
                .is_some_and(|path| path.0.has_sets())
            {
                let text = "AS4_PATH with AS_SET or AS_CONFED_SET, which are deprecated";
                let disposition = Disposition::TreatAsWithdraw;
                self.report_at(As4Path::CODE, ErrorCode::MalformedAsPath, text, disposition);
            }
        } else if self.context.peering != Peering::Unknown {
            for code in [As4Path::CODE, As4Aggregator::CODE] {
                let text = "sent to a neighbor with four-octet AS numbers";
                self.report_discard(code, text);
            }
        }
    }

    /// RFC 8205 §5.2: the path is in one attribute or in the other.
    fn check_bgpsec(&mut self) {
        if self.has(BgpsecPath::CODE) && self.has(AsPath::CODE) {
            let text = "BGPsec_PATH beside AS_PATH";
            let disposition = Disposition::TreatAsWithdraw;
            self.report_at(
                BgpsecPath::CODE,
                ErrorCode::MalformedAttributeList,
                text,
                disposition,
            );
        }
    }

    /// What belongs to one kind of neighbor only.
    fn check_neighbor(&mut self) {
        if !self.announced.is_empty()
            && let Some(next_hop) = self.next_hop()
            && !is_host(next_hop)
        {
            // RFC 4271 §6.3, RFC 7606 §3 e. Without an NLRI field NEXT_HOP is ignored (RFC 4760 §3).
            let text = "NEXT_HOP is not the address of a host";
            let disposition = Disposition::TreatAsWithdraw;
            self.report_at(NextHop::CODE, ErrorCode::InvalidNextHop, text, disposition);
        }
        if self.context.peering != Peering::External {
            return;
        }
        if self.within_confederation() {
            // RFC 5065 §5: a member is no external neighbor, so that a malformed one costs the route.
            for code in [LocalPref::CODE, OriginatorId::CODE, ClusterList::CODE] {
                self.errors.not_discarded(code);
            }
        } else {
            // RFC 7606 §7.5, §7.9, §7.10. One that is malformed has been reported with this disposition.
            let readable = [
                (LocalPref::CODE, self.get::<LocalPref>().is_some()),
                (OriginatorId::CODE, self.get::<OriginatorId>().is_some()),
                (ClusterList::CODE, self.get::<ClusterList<'_>>().is_some()),
            ];
            for (code, _) in readable.into_iter().filter(|(_, readable)| *readable) {
                self.report_discard(code, "from an external neighbor");
            }
        }
    }

    /// RFC 5065 §4: a member AS of the confederation puts itself in front of the path.
    fn within_confederation(&self) -> bool {
        let first = self.as_path().and_then(|path| path.segments().next());
        first.is_some_and(|segment| segment.kind.is_confederation())
    }

    /// RFC 7606 §5.2; `complete`: all attributes could be located. An MP_REACH_NLRI without NLRI
    /// makes nothing reachable.
    fn check_reachable(&mut self, complete: bool) {
        let reachable = || self.all_announced().next().is_some();
        let only_unreach = || complete && self.attributes().all(|a| a.code == MpUnreach::CODE);
        if self.errors.total() > 0 && !reachable() && !only_unreach() {
            self.errors.only_discarding_is_left();
        }
    }

    /// RFC 7606 §3 d; RFC 4760 §3 asks for them beside an MP_REACH_NLRI, whatever is in it.
    fn check_mandatory(&mut self) {
        let plain = !self.announced.is_empty();
        if !plain && !self.has(MpReach::CODE) {
            return;
        }
        let wanted = [
            (Origin::CODE, true),
            // RFC 8205 §4.1: BGPsec_PATH takes its place.
            (AsPath::CODE, !self.has(BgpsecPath::CODE)),
            (NextHop::CODE, plain),
            // RFC 4271 §5, §5.1.5: mandatory among internal neighbors.
            (LocalPref::CODE, self.context.peering == Peering::Internal),
        ];
        for (code, wanted) in wanted {
            if wanted && !self.has(code) {
                let text = "well-known attribute is missing";
                let fault = Fault::new(0, ErrorCode::MissingWellKnown, text);
                let base = self.attributes_base();
                self.report(fault, base, Some(code), Disposition::TreatAsWithdraw);
            }
        }
    }

    #[cold]
    fn report_discard(&mut self, code: u8, text: &'static str) {
        let disposition = Disposition::AttributeDiscard;
        self.report_at(code, ErrorCode::MalformedAttributeList, text, disposition);
    }

    /// Reports the attribute of that code, if it is there.
    #[cold]
    pub(super) fn report_at(
        &mut self,
        code: u8,
        error: ErrorCode,
        text: &'static str,
        default: Disposition,
    ) {
        if self.has(code) {
            let start = self.offsets.get(usize::from(code)).copied();
            let fault = Fault::new(usize::from(start.unwrap_or(0)), error, text);
            self.report(fault, self.attributes_base(), Some(code), default);
        }
    }

    #[cold]
    pub(super) fn report(
        &mut self,
        fault: Fault,
        base: usize,
        code: Option<u8>,
        default: Disposition,
    ) {
        let error = fault.place(HEADER_LEN + base, code, default);
        self.errors.push(error);
    }
}

/// Sets the bit of `code`; false if it was set.
#[inline]
fn note(seen: &mut [u64; 4], code: u8) -> bool {
    // The index is two bits wide, the array has four elements.
    let word = &mut seen[usize::from(code >> 6)];
    let bit = 1u64 << (code & 63);
    let first = *word & bit == 0;
    *word |= bit;
    first
}

/// What is wrong with an attribute whose value lies `base` octets into the body.
///
/// Messages without errors are the rule, so that the pass asks only whether there are any: as nothing
/// is to hold on to the view then, it can be built where it will be.
#[cold]
fn faults_in(flags: Flags, code: u8, value: &[u8], context: &Context, base: usize) -> Errors {
    let mut errors = Errors::new();
    let attribute = Attribute { flags, code, value };
    attribute::check(&attribute, context, |fault| {
        let default = Disposition::TreatAsWithdraw;
        errors.push(fault.place(HEADER_LEN + base, Some(attribute.code), default));
    });
    errors
}

/// What is wrong with a field of NLRI that lies `base` octets into the body.
///
/// It is given the parts of the field, so that the pass can keep the field in registers.
#[cold]
fn faults_among(form: Form, bytes: &[u8], base: usize) -> Errors {
    let mut errors = Errors::new();
    // RFC 7606 §3 i, j: routes that cannot be read cannot be treated as withdrawn.
    let default = Disposition::SessionReset;
    NlriField::new(form, bytes)
        .check(|fault| errors.push(fault.place(HEADER_LEN + base, None, default)));
    errors
}

const fn is_mp(code: u8) -> bool {
    matches!(code, MpReach::CODE | MpUnreach::CODE)
}

/// RFC 4271 §6.3: "a valid IP host address"; not those of RFC 6890 §2.2.2 that no host can have.
const fn is_host(addr: core::net::Ipv4Addr) -> bool {
    let [first, ..] = addr.octets();
    !(first == 0 || first == 127 || addr.is_multicast() || addr.is_broadcast())
}
