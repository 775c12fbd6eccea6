//! What the bytes of an UPDATE themselves say about how it is encoded.
//!
//! Whoever joins a session in its midst has not seen the OPENs. Each possible encoding is tried,
//! strictly: of real plain NLRI a third can also be read with path identifiers, but hardly any
//! NLRI with path identifiers can be read as plain ones. So a reading that fails says much, one
//! that succeeds says little, and several messages say more than one.

use super::attribute::{Aggregator, AsPath, PathAttribute};
use super::context::Context;
use super::family::{Family, Safi};
use super::nlri::part::{Label, Labels};
use super::nlri::{Form, Nlri, NlriField};
use super::update::Update;

/// A way to read NLRI, the plainest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// RFC 4760, one label at most.
    #[default]
    Plain,
    /// With path identifiers (RFC 7911).
    AddPath,
    /// With several labels (RFC 8277 §2.3).
    Labels,
    /// With both.
    AddPathLabels,
}

impl Reading {
    /// All readings, the plainest first.
    pub const ALL: [Self; 4] = [
        Self::Plain,
        Self::AddPath,
        Self::Labels,
        Self::AddPathLabels,
    ];

    /// The reading with these properties.
    #[must_use]
    pub const fn new(add_path: bool, multiple_labels: bool) -> Self {
        match (add_path, multiple_labels) {
            (false, false) => Self::Plain,
            (true, false) => Self::AddPath,
            (false, true) => Self::Labels,
            (true, true) => Self::AddPathLabels,
        }
    }

    /// NLRI begin with path identifiers.
    #[must_use]
    pub const fn add_path(self) -> bool {
        matches!(self, Self::AddPath | Self::AddPathLabels)
    }

    /// NLRI may have several labels.
    #[must_use]
    pub const fn multiple_labels(self) -> bool {
        matches!(self, Self::Labels | Self::AddPathLabels)
    }
}

/// A set of readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings(u8);

impl Readings {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that the family could have; one that is not decoded has none.
    #[must_use]
    pub fn of(family: Family) -> Self {
        if NlriField::new(Form::new(family), &[]).is_opaque() {
            return Self::NONE;
        }
        let plain = Self::NONE.with(Reading::Plain).with(Reading::AddPath);
        match family.safi {
            Safi::LABELED | Safi::VPN => plain.with(Reading::Labels).with(Reading::AddPathLabels),
            _ => plain,
        }
    }

    /// The set with one more.
    #[must_use]
    pub const fn with(self, reading: Reading) -> Self {
        Self(self.0 | 1 << reading as u8)
    }

    /// Whether `reading` is a member.
    #[must_use]
    pub const fn contains(self, reading: Reading) -> bool {
        self.0 >> reading as u8 & 1 == 1
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, the plainest first.
    pub fn iter(self) -> impl Iterator<Item = Reading> {
        Reading::ALL.into_iter().filter(move |r| self.contains(*r))
    }

    /// Those that read the field strictly.
    ///
    /// A stack whose first label is its last reads the same whether one label is expected or
    /// several: both fit. Withdrawals have no stacks (RFC 8277 §2.4).
    #[must_use]
    pub fn that_fit(self, field: NlriField<'_>) -> Self {
        let withdrawn = field.form().withdrawn;
        self.iter()
            .filter(|reading| {
                let labels = reading.multiple_labels() && !withdrawn;
                fits(field, Reading::new(reading.add_path(), labels))
            })
            .fold(Self::NONE, Self::with)
    }

    /// Those in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Whether the field reads without any fault, and holds nothing that no sender would send.
fn fits(field: NlriField<'_>, reading: Reading) -> bool {
    let form = Form {
        add_path: reading.add_path(),
        multiple_labels: reading.multiple_labels(),
        ..field.form()
    };
    let field = NlriField::new(form, field.as_bytes());
    let mut faults = 0;
    field.check(|_| faults += 1);
    faults == 0 && is_plausible(field)
}

/// No NLRI twice, no two default routes, and labels that end where they say.
///
/// Not every pair is compared: path identifiers that were taken for NLRI show in the first one
/// and in neighbours.
fn is_plausible(field: NlriField<'_>) -> bool {
    let first = field.iter().next();
    let mut before = None;
    let mut defaults = 0;
    for nlri in field {
        let labels = match nlri {
            Nlri::Labeled(nlri) => Some(nlri.labels),
            Nlri::Vpn(nlri) => nlri.labels,
            Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) => {
                defaults += usize::from(prefix.len == 0);
                None
            }
            _ => None,
        };
        let labels = labels.filter(|_| !field.form().withdrawn);
        let known = before.is_some() && (before == Some(nlri) || first == Some(nlri));
        if defaults > 1 || known || labels.is_some_and(|l| !has_bottom(l)) {
            return false;
        }
        before = Some(nlri);
    }
    true
}

fn has_bottom(labels: Labels<'_>) -> bool {
    labels.iter().last().is_some_and(Label::bottom)
}

/// Which widths of AS numbers fit AS_PATH and AGGREGATOR of an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Two octets.
    pub two: bool,
    /// Four octets (RFC 6793).
    pub four: bool,
}

impl Widths {
    /// Whether the message holds AS numbers of the session's width.
    #[must_use]
    pub fn matter_to(update: &Update<'_>) -> bool {
        let path = update.attribute(AsPath::CODE);
        path.is_some_and(|path| !path.value.is_empty()) || update.has(Aggregator::CODE)
    }

    /// Tries both; `None` if the message holds no such AS number.
    #[must_use]
    pub fn of(update: &Update<'_>) -> Option<Self> {
        if !Self::matter_to(update) {
            return None;
        }
        let path = update.attribute(AsPath::CODE);
        let aggregator = update.attribute(Aggregator::CODE);
        let fits = |as4| {
            let context = Context {
                as4,
                ..Context::assumed()
            };
            path.is_none_or(|path| AsPath::parse(path.value, &context).is_ok())
                && aggregator.is_none_or(|a| Aggregator::parse(a.value, &context).is_ok())
        };
        Some(Self {
            two: fits(false),
            four: fits(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitting(family: Family, withdrawn: bool, bytes: &[u8]) -> Vec<Reading> {
        let form = Form {
            withdrawn,
            ..Form::new(family)
        };
        let field = NlriField::new(form, bytes);
        Readings::of(family).that_fit(field).iter().collect()
    }

    fn unicast(bytes: &[u8]) -> Vec<Reading> {
        fitting(Family::IPV4_UNICAST, false, bytes)
    }

    #[test]
    fn identifiers_are_hardly_ever_plain_prefixes() {
        assert_eq!(unicast(&[24, 192, 0, 2]), [Reading::Plain]);
        // Identifiers 1, 10.0.0.1, and 0, which reads as default routes.
        for id in [[0, 0, 0, 1], [10, 0, 0, 1], [0; 4]] {
            let bytes = [&id[..], &[24, 192, 0, 2]].concat();
            assert_eq!(unicast(&bytes), [Reading::AddPath], "{id:?}");
        }
        // 0x18010203 reads as 1.2.3.0/24, until it comes again.
        let once = [24, 1, 2, 3, 24, 192, 0, 2];
        assert_eq!(unicast(&once), [Reading::Plain, Reading::AddPath]);
        let twice = [once, [24, 1, 2, 3, 24, 192, 0, 3]].concat();
        assert_eq!(unicast(&twice), [Reading::AddPath]);
        assert_eq!(unicast(&[33, 1]), []);
    }

    /// 2001:db8::/32 and 2001:db8:1::/48 with labels 100 and 200 (RFC 8277 §2.3).
    #[test]
    fn labels_say_themselves_where_they_end() {
        let one = [56, 0, 6, 0x41, 0x20, 1, 0xd, 0xb8];
        let two = [80, 0, 6, 0x40, 0, 0xc, 0x81, 0x20, 1, 0xd, 0xb8];
        let family = Family::new(2, 4);
        let either = [Reading::Plain, Reading::Labels];
        assert_eq!(fitting(family, false, &one), either);
        assert_eq!(fitting(family, false, &two), [Reading::Labels]);
        let mixed = [&one[..], &two].concat();
        assert_eq!(fitting(family, false, &mixed), [Reading::Labels]);
        let marked = [&[0, 0, 0, 9][..], &two].concat();
        assert_eq!(fitting(family, false, &marked), [Reading::AddPathLabels]);
        // §2.4: a withdrawal has one field, whatever was agreed on.
        let withdrawn = [56, 0x80, 0, 0, 0x20, 1, 0xd, 0xb8];
        assert_eq!(fitting(family, true, &withdrawn), either);
    }

    #[test]
    fn a_family_that_is_not_decoded_says_nothing() {
        assert!(Readings::of(Family::new(4711, 1)).is_empty());
    }

    #[test]
    fn readings_are_what_they_are_made_of() {
        for reading in Reading::ALL {
            let again = Reading::new(reading.add_path(), reading.multiple_labels());
            assert_eq!(again, reading);
        }
    }
}
