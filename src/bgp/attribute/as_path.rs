//! AS_PATH (RFC 4271 §5.1.2, confederations RFC 5065), AS4_PATH and their merge (RFC 6793 §4.2.3).

use core::fmt;

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::reader::Reader;
use crate::bgp::text::List;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// What the AS numbers of a segment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// AS_SET, type 1: unordered.
    Set,
    /// AS_SEQUENCE, type 2: the nearest first.
    Sequence,
    /// AS_CONFED_SEQUENCE, type 3.
    ConfedSequence,
    /// AS_CONFED_SET, type 4.
    ConfedSet,
}

impl SegmentKind {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Set,
            2 => Self::Sequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }

    /// Whether it is internal to a confederation.
    #[must_use]
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// A segment of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// What its AS numbers are.
    pub kind: SegmentKind,
    /// Its AS numbers.
    pub asns: Asns<'a>,
}

impl Segment<'_> {
    /// What it adds to the path length: nothing inside a confederation
    /// (RFC 5065 §5.3), one for a set (RFC 4271 §9.1.2.2), else its AS numbers.
    fn hops(&self) -> usize {
        match self.kind {
            SegmentKind::Set => 1,
            SegmentKind::Sequence => self.asns.len(),
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }
}

impl fmt::Display for Segment<'_> {
    /// `1 2`, `{1,2}`, `(1 2)` or `[1,2]`, as Wireshark and FRR write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, separator, close) = match self.kind {
            SegmentKind::Set => ("{", ",", "}"),
            SegmentKind::Sequence => ("", " ", ""),
            SegmentKind::ConfedSequence => ("(", " ", ")"),
            SegmentKind::ConfedSet => ("[", ",", "]"),
        };
        f.write_str(open)?;
        for (index, asn) in self.asns.enumerate() {
            if index > 0 {
                f.write_str(separator)?;
            }
            write!(f, "{asn}")?;
        }
        f.write_str(close)
    }
}

/// Iterator over AS numbers of either width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asns<'a>(Width<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width<'a> {
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
}

impl Asns<'_> {
    #[inline]
    fn has_zero(self) -> bool {
        match self.0 {
            Width::Two(list) => list.contains(&[0; 2]),
            Width::Four(list) => list.contains(&[0; 4]),
        }
    }

    /// The first `count` of them.
    fn truncated(self, count: usize) -> Self {
        Self(match self.0 {
            Width::Two(list) => Width::Two(list.get(..count).unwrap_or(list)),
            Width::Four(list) => Width::Four(list.get(..count).unwrap_or(list)),
        })
    }
}

impl Iterator for Asns<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match &mut self.0 {
            Width::Two(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(u32::from(u16::from_be_bytes(*first)))
            }
            Width::Four(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(u32::from_be_bytes(*first))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match self.0 {
            Width::Two(list) => list.len(),
            Width::Four(list) => list.len(),
        };
        (len, Some(len))
    }
}

impl ExactSizeIterator for Asns<'_> {}
impl core::iter::FusedIterator for Asns<'_> {}

/// AS_PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsPath<'a> {
    value: &'a [u8],
    as4: bool,
}

impl<'a> AsPath<'a> {
    const EMPTY: Self = Self {
        value: &[],
        as4: true,
    };

    /// The segments in wire order.
    #[must_use]
    pub const fn segments(&self) -> Segments<'a> {
        Segments {
            reader: Reader::new(self.value),
            as4: self.as4,
        }
    }

    /// A path of no segments, as an AS sends to its own routers.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// Whether a segment is an AS_SET or AS_CONFED_SET, which RFC 9774 deprecates.
    #[must_use]
    pub fn has_sets(&self) -> bool {
        let is_set = |kind| matches!(kind, SegmentKind::Set | SegmentKind::ConfedSet);
        self.segments().any(|segment| is_set(segment.kind))
    }

    fn hops(&self) -> usize {
        self.segments().map(|segment| segment.hops()).sum()
    }

    fn read(value: &'a [u8], as4: bool) -> Result<Self, Fault> {
        let path = Self { value, as4 };
        let mut segments = path.segments();
        while !segments.reader.is_empty() {
            let at = value.len() - segments.reader.len();
            let fault = |text| Fault::new(at, ErrorCode::MalformedAsPath, text);
            // RFC 7606 §7.2: type, overrun and underrun, emptiness.
            let Some(segment) = segments.take_segment() else {
                return Err(fault("AS path segment of unknown type or size"));
            };
            if segment.asns.len() == 0 {
                return Err(fault("AS path segment without AS numbers"));
            }
            // RFC 7607 §2.
            if segment.asns.has_zero() {
                return Err(fault("AS 0 in the path"));
            }
        }
        Ok(path)
    }
}

impl fmt::Display for AsPath<'_> {
    /// Segments with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.segments())
    }
}

/// As RIS Live writes a path: numbers, and an array for each set; a confederation segment is an
/// object that names its kind.
fn serialize_segments<'a, S: Serializer>(
    serializer: S,
    segments: impl Iterator<Item = Segment<'a>>,
) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(None)?;
    for Segment { kind, mut asns } in segments {
        match kind {
            SegmentKind::Sequence => asns.try_for_each(|asn| seq.serialize_element(&asn))?,
            SegmentKind::Set => seq.serialize_element(&List(|| asns))?,
            SegmentKind::ConfedSequence => {
                seq.serialize_element(&Confederation("confed_sequence", asns))?;
            }
            SegmentKind::ConfedSet => {
                seq.serialize_element(&Confederation("confed_set", asns))?;
            }
        }
    }
    seq.end()
}

struct Confederation<'a>(&'static str, Asns<'a>);

impl Serialize for Confederation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &List(|| self.1))?;
        map.end()
    }
}

impl Serialize for AsPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_segments(serializer, self.segments())
    }
}

impl Serialize for As4Path<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for MergedPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_segments(serializer, self.segments())
    }
}

fn write_segments<'a>(
    f: &mut fmt::Formatter<'_>,
    segments: impl Iterator<Item = Segment<'a>>,
) -> fmt::Result {
    for (index, segment) in segments.enumerate() {
        if index > 0 {
            f.write_str(" ")?;
        }
        write!(f, "{segment}")?;
    }
    Ok(())
}

impl<'a> PathAttribute<'a> for AsPath<'a> {
    const CODE: u8 = 2;
    const FLAGS: Flags = Flags::WELL_KNOWN;
    /// RFC 7606 §7.2.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], context: &Context) -> Result<Self, Fault> {
        Self::read(value, context.as4)
    }

    #[inline]
    fn reread(value: &'a [u8], context: &Context, sound: bool) -> Result<Self, Fault> {
        if sound {
            let as4 = context.as4;
            return Ok(Self { value, as4 });
        }
        Self::parse(value, context)
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        // RFC 9774 §3. The path can be read, and is.
        if self.has_sets() {
            let text = "AS_PATH with AS_SET or AS_CONFED_SET, which are deprecated";
            report(Fault::new(0, ErrorCode::MalformedAsPath, text));
        }
    }
}

/// AS4_PATH: the path with four-octet AS numbers, carried through routers that know only two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct As4Path<'a>(pub AsPath<'a>);

impl<'a> PathAttribute<'a> for As4Path<'a> {
    const CODE: u8 = 17;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 6793 §6.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let value = filled(value, "AS4_PATH is empty")?;
        AsPath::read(value, true).map(Self)
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        // RFC 6793 §6: such segments are left out, the attribute stays.
        if self.0.segments().any(|s| s.kind.is_confederation()) {
            let text = "AS4_PATH with confederation segments, which are left out";
            let fault = Fault::new(0, ErrorCode::OptionalAttribute, text);
            report(fault.with(Disposition::Ignore));
        }
    }
}

/// Iterator over the segments of a path.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    reader: Reader<'a>,
    as4: bool,
}

impl<'a> Segments<'a> {
    #[inline]
    fn take_segment(&mut self) -> Option<Segment<'a>> {
        let kind = SegmentKind::from_code(self.reader.u8()?)?;
        let count = usize::from(self.reader.u8()?);
        let asns = if self.as4 {
            Width::Four(self.reader.take(4 * count)?.as_chunks().0)
        } else {
            Width::Two(self.reader.take(2 * count)?.as_chunks().0)
        };
        Some(Segment {
            kind,
            asns: Asns(asns),
        })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let segment = self.take_segment();
        if segment.is_none() {
            self.reader.clear();
        }
        segment
    }
}

impl core::iter::FusedIterator for Segments<'_> {}

/// The path that AS_PATH and AS4_PATH give together (RFC 6793 §4.2.3): the head
/// of the one that the other does not cover, then the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergedPath<'a> {
    head: AsPath<'a>,
    /// Hops to take of `head`; `None`: all, and nothing else.
    keep: Option<usize>,
    tail: AsPath<'a>,
}

impl<'a> MergedPath<'a> {
    /// Merges the two, if there are two and AS4_PATH is not the longer one.
    #[must_use]
    pub fn new(path: AsPath<'a>, as4_path: Option<AsPath<'a>>) -> Self {
        let tail = as4_path.unwrap_or(AsPath::EMPTY);
        let keep = as4_path.and_then(|tail| path.hops().checked_sub(tail.hops()));
        Self {
            head: path,
            keep,
            tail,
        }
    }

    /// It is made of two: sequences that follow one another are one that was cut.
    #[must_use]
    pub const fn is_merged(&self) -> bool {
        self.keep.is_some()
    }

    /// The segments. Two sequences that follow one another are one that was cut.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + Clone + use<'a> {
        let tail = match self.keep {
            Some(_) => self.tail,
            None => AsPath::EMPTY,
        };
        Head {
            segments: self.head.segments(),
            left: self.keep.unwrap_or(usize::MAX),
        }
        .chain(tail.segments().filter(|s| !s.kind.is_confederation()))
    }
}

impl fmt::Display for MergedPath<'_> {
    /// Segments with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.segments())
    }
}

/// The leading segments of a path, `left` hops of it.
#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    segments: Segments<'a>,
    left: usize,
}

impl<'a> Iterator for Head<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let segment = self.segments.next()?;
        // RFC 6793 §4.2.3: a confederation segment stays if it leads or is
        // adjacent to one that stays. What is behind the last hop ends the walk.
        if segment.kind.is_confederation() {
            return Some(segment);
        }
        if self.left == 0 {
            self.segments.reader.clear();
            return None;
        }
        let hops = segment.hops();
        let kept = match segment.kind {
            SegmentKind::Sequence => segment.asns.truncated(self.left),
            _ => segment.asns,
        };
        if hops > self.left {
            self.segments.reader.clear();
        }
        self.left = self.left.saturating_sub(hops);
        Some(Segment {
            kind: segment.kind,
            asns: kept,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2 1 2` is a sequence, `1` a set, `3` and `4` of confederations.
    fn wire(segments: &[(u8, &[u32])], as4: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, asns) in segments {
            bytes.extend_from_slice(&[*kind, u8::try_from(asns.len()).expect("short")]);
            for asn in *asns {
                let four = asn.to_be_bytes();
                bytes.extend_from_slice(if as4 { &four } else { &four[2..] });
            }
        }
        bytes
    }

    fn merged(path: &[(u8, &[u32])], as4_path: &[(u8, &[u32])]) -> String {
        let (two, four) = (wire(path, false), wire(as4_path, true));
        let path = AsPath::read(&two, false).expect("valid");
        let as4_path = AsPath::read(&four, true).expect("valid");
        MergedPath::new(path, Some(as4_path)).to_string()
    }

    #[test]
    fn every_kind_of_segment_in_both_widths() {
        let segments: [(u8, &[u32]); 4] =
            [(3, &[65001, 65002]), (2, &[1, 2]), (1, &[3, 4]), (4, &[5])];
        for as4 in [false, true] {
            let bytes = wire(&segments, as4);
            let path = AsPath::read(&bytes, as4).expect("valid");
            assert_eq!(path.to_string(), "(65001 65002) 1 2 {3,4} [5]");
        }
    }

    #[test]
    fn malformed_paths_say_where() {
        let read =
            |bytes: &[u8]| AsPath::read(bytes, true).map_or_else(|fault| Err(fault.at), |_| Ok(()));
        assert_eq!(read(&[]), Ok(()));
        assert_eq!(read(&[5, 1, 0, 0, 0, 1]), Err(0), "unknown type");
        assert_eq!(read(&[2, 1, 0, 0, 0, 1, 2]), Err(6), "underrun");
        assert_eq!(read(&[2, 1, 0, 0, 0, 1, 2, 1, 0, 0]), Err(6), "overrun");
        assert_eq!(read(&[2, 0]), Err(0), "empty segment");
        assert_eq!(read(&[2, 2, 0, 0, 0, 1, 0, 0, 0, 0]), Err(0), "AS 0");
    }

    #[test]
    fn as4_path_replaces_the_tail() {
        let trans = 23456;
        assert_eq!(
            merged(&[(2, &[100, trans, trans])], &[(2, &[70000, 80000])]),
            "100 70000 80000"
        );
        assert_eq!(
            merged(&[(2, &[trans])], &[(2, &[70000])]),
            "70000",
            "nothing of AS_PATH is left"
        );
    }

    #[test]
    fn a_longer_as4_path_is_ignored() {
        assert_eq!(merged(&[(2, &[100])], &[(2, &[70000, 80000])]), "100");
    }

    #[test]
    fn sets_count_one_and_confederations_nothing() {
        assert_eq!(
            merged(
                &[(3, &[65001]), (2, &[1, 2]), (1, &[3, 4])],
                &[(2, &[70000]), (1, &[80000, 90000])]
            ),
            "(65001) 1 70000 {80000,90000}"
        );
        assert_eq!(
            merged(&[(2, &[1]), (1, &[3, 4])], &[(3, &[9]), (1, &[80000, 4])]),
            "1 {80000,4}",
            "confederation segments of AS4_PATH are discarded"
        );
    }
}
