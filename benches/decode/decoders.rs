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
    /// Refuses so many messages that we read, or shows so many otherwise, that it is measured without being comparable.
    Apart {
        refused: usize,
        attributes: usize,
        nlri: usize,
    },
}

/// Compares message by message. Messages of which only some decoders make something else are taken
/// out of the workload for all of them; `tell` hears of them, and of who is the reason.
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
        if let Agreement::Apart { .. } = agreement {
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
fn differences(read: &[Option<Seen>], expected: &[Option<Seen>]) -> Agreement {
    let differ = |by: fn(Seen) -> u64| {
        let pairs = read.iter().zip(expected);
        pairs
            .filter(|pair| matches!(pair, (Some(r), Some(e)) if by(*r) != by(*e)))
            .count()
    };
    Agreement::Apart {
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
        differences(read, expected)
    } else {
        Agreement::Whole
    };
    (agreement, same)
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("checksums equal"),
            Self::Apart {
                refused,
                attributes,
                nlri,
            } => write!(
                f,
                "{refused} refused, {attributes} with other attributes, {nlri} with other NLRI"
            ),
        }
    }
}
