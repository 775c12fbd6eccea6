//! The decoders that are compared, and on which messages they can be.

use super::seen::Seen;
use super::workload::Workload;
use super::{bgpkit, netgauze, ours, routecore};
use ::routecore::bgp::message::SessionConfig;
use bgptap::bgp::Context;
use bytes::Bytes;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use std::fmt;
use std::hint::black_box;

/// A decoder, set up for the messages of one workload.
pub(crate) trait Decoder {
    fn name(&self) -> &'static str;

    /// Reads a whole message and everything in it; `None` if it refuses it.
    fn visit(&mut self, message: &Bytes) -> Option<Seen>;

    /// All messages, one after the other.
    fn run(&mut self, messages: &[Bytes]) -> Seen {
        let mut total = Seen::default();
        for message in messages {
            if let Some(seen) = self.visit(message) {
                total.add(seen);
            }
        }
        total
    }
}

struct Ours(Context);
struct Bgpkit(bool);
struct Netgauze(BgpParsingContext);
struct Routecore(SessionConfig);

impl Decoder for Ours {
    fn name(&self) -> &'static str {
        "bgptap"
    }
    fn visit(&mut self, message: &Bytes) -> Option<Seen> {
        ours::visit(message, &self.0)
    }
}

impl Decoder for Bgpkit {
    fn name(&self) -> &'static str {
        "bgpkit-parser"
    }
    fn visit(&mut self, message: &Bytes) -> Option<Seen> {
        bgpkit::visit(message, self.0)
    }
}

impl Decoder for Netgauze {
    fn name(&self) -> &'static str {
        "netgauze-bgp-pkt"
    }
    fn visit(&mut self, message: &Bytes) -> Option<Seen> {
        netgauze::visit(message, &mut self.0)
    }
}

impl Decoder for Routecore {
    fn name(&self) -> &'static str {
        "routecore"
    }
    fn visit(&mut self, message: &Bytes) -> Option<Seen> {
        routecore::visit(message, &self.0)
    }
}

/// Ours first, then the peers.
pub(crate) fn all(as4: bool) -> [Box<dyn Decoder>; 4] {
    let context = Context {
        as4,
        ..Context::assumed()
    };
    [
        Box::new(Ours(context)),
        Box::new(Bgpkit(as4)),
        Box::new(Netgauze(netgauze::context(as4))),
        Box::new(Routecore(routecore::config(as4))),
    ]
}

/// The least that any decoder does: adds up every byte.
pub(crate) fn add_up(messages: &[Bytes]) -> u64 {
    let sum = |message: &Bytes| {
        black_box(message)
            .iter()
            .map(|b| u64::from(*b))
            .sum::<u64>()
    };
    messages.iter().map(sum).sum()
}

/// What a peer makes of a workload, compared with ours.
pub(crate) enum Agreement {
    /// The same sums, message by message.
    Whole,
    /// Of more than a tenth of the messages that we read it makes something else: it is measured
    /// without being comparable.
    Apart(Differences),
}

/// How many messages a peer refuses that we read, or shows otherwise.
pub(crate) struct Differences {
    refused: usize,
    attributes: usize,
    nlri: usize,
}

/// The workloads and peers that may be apart, and why. Any other ends the run, and so does one of
/// these that is not apart any more.
pub(crate) const APART: &[(&str, &str, &str)] = &[(
    "d: VPNv4",
    "bgpkit-parser",
    "it reads route distinguishers and labels as IPv4 prefixes",
)];

/// Why a peer is apart in a workload, if it may be.
pub(crate) fn reason(workload: &str, peer: &str) -> Option<&'static str> {
    let found = APART
        .iter()
        .find(|(which, who, _)| (*which, *who) == (workload, peer));
    found.map(|(.., why)| *why)
}

/// Compares message by message. A peer that makes something else of more than a tenth of them is
/// apart; the fewer ones of all other peers are taken out of the workload for all. `tell` hears of
/// both, and of who is the reason.
///
/// # Panics
/// A peer is apart and must not be, or is not and should be ([`APART`]).
pub(crate) fn agree(workload: &mut Workload, mut tell: impl FnMut(String)) -> Vec<Agreement> {
    let [mut ours, peers @ ..] = all(workload.as4);
    let expected: Vec<_> = workload.messages.iter().map(|m| ours.visit(m)).collect();
    let count = expected.len();
    let refused = expected.iter().filter(|seen| seen.is_none()).count();
    if refused > 0 {
        tell(format!(
            "{}: of {count} messages {refused} refused",
            ours.name()
        ));
    }
    let mut keep: Vec<_> = expected.iter().map(Option::is_some).collect();
    let mut agreements = vec![Agreement::Whole];
    for mut peer in peers {
        let read: Vec<_> = workload.messages.iter().map(|m| peer.visit(m)).collect();
        let (agreement, same) = compare(&read, &expected);
        let name = peer.name();
        let others = same.iter().filter(|same| !**same).count();
        let reason = reason(workload.name, name);
        let apart = matches!(agreement, Agreement::Apart(_));
        assert_eq!(
            apart,
            reason.is_some(),
            "{}, {name}: {agreement} of {count} messages",
            workload.name
        );
        if apart {
            tell(format!(
                "{name}: {agreement} of {count} messages, which stay"
            ));
        } else if others > 0 {
            // What only a few messages have is no reason to measure the peer on other ones.
            tell(format!(
                "{name}: {} of {count} messages, taken out for all",
                differences(&read, &expected)
            ));
            let kept = keep.iter_mut().zip(same);
            kept.for_each(|(keep, same)| *keep &= same);
        }
        agreements.push(agreement);
    }
    let out = keep.iter().filter(|keep| !**keep).count();
    if out > 0 {
        tell(format!("{out} of {count} messages are taken out in all"));
    }
    let mut keep = keep.into_iter();
    workload.messages.retain(|_| keep.next() == Some(true));
    agreements
}

/// How a peer's sums differ from ours.
fn differences(read: &[Option<Seen>], expected: &[Option<Seen>]) -> Differences {
    let differ = |by: fn(Seen) -> u64| {
        let pairs = read.iter().zip(expected);
        pairs
            .filter(|pair| matches!(pair, (Some(r), Some(e)) if by(*r) != by(*e)))
            .count()
    };
    Differences {
        refused: read
            .iter()
            .zip(expected)
            .filter(|pair| matches!(pair, (None, Some(_))))
            .count(),
        attributes: differ(|seen| seen.attributes),
        nlri: differ(|seen| seen.announced.wrapping_add(seen.withdrawn)),
    }
}

/// Whether a peer is comparable, and on which messages it agrees.
fn compare(read: &[Option<Seen>], expected: &[Option<Seen>]) -> (Agreement, Vec<bool>) {
    let same: Vec<_> = read.iter().zip(expected).map(|(r, e)| r == e).collect();
    let others = same.iter().filter(|same| !**same).count();
    let agreement = if 10 * others > read.len() {
        Agreement::Apart(differences(read, expected))
    } else {
        Agreement::Whole
    };
    (agreement, same)
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("checksums equal"),
            Self::Apart(differences) => differences.fmt(f),
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            refused,
            attributes,
            nlri,
        } = self;
        write!(
            f,
            "{refused} refused, {attributes} with other attributes, {nlri} with other NLRI"
        )
    }
}
