//! The decoders that are compared, and on which messages they can be.

use super::seen::Seen;
use super::workload::Workload;
use super::{bgpkit, netgauze, ours, routecore};
use ::routecore::bgp::message::SessionConfig;
use bgptap::bgp::Context;
use bytes::Bytes;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;

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

/// What a peer makes of a workload, compared with ours.
pub(crate) enum Agreement {
    /// The same sums, message by message.
    Whole,
    /// Refuses so many messages, or shows so many otherwise, that it is measured without being comparable.
    Apart {
        refused: usize,
        attributes: usize,
        nlri: usize,
    },
}

/// Compares message by message. Messages of which only some decoders make something else are taken
/// out of the workload for all of them; `tell` hears of them.
pub(crate) fn agree(workload: &mut Workload, mut tell: impl FnMut(String)) -> Vec<Agreement> {
    let [mut ours, peers @ ..] = all(workload.as4);
    let expected: Vec<_> = workload.messages.iter().map(|m| ours.visit(m)).collect();
    let mut keep: Vec<_> = expected.iter().map(Option::is_some).collect();
    let count = keep.len();
    let mut agreements = vec![Agreement::Whole];
    for mut peer in peers {
        let read: Vec<_> = workload.messages.iter().map(|m| peer.visit(m)).collect();
        let same: Vec<_> = read.iter().zip(&expected).map(|(r, e)| r == e).collect();
        let others = same.iter().filter(|same| !**same).count();
        let differ = |by: fn(Seen) -> u64| {
            let pairs = read.iter().zip(&expected);
            pairs
                .filter(|pair| matches!(pair, (Some(r), Some(e)) if by(*r) != by(*e)))
                .count()
        };
        let refused = read.iter().filter(|r| r.is_none()).count();
        let attributes = differ(|seen| seen.attributes);
        let nlri = differ(|seen| seen.announced.wrapping_add(seen.withdrawn));
        if others > 0 {
            let name = peer.name();
            tell(format!(
                "{name}: of {count} messages {refused} refused, {attributes} with other attributes, {nlri} with other NLRI"
            ));
        }
        if 10 * others > count {
            agreements.push(Agreement::Apart {
                refused,
                attributes,
                nlri,
            });
        } else {
            keep.iter_mut()
                .zip(same)
                .for_each(|(keep, same)| *keep &= same);
            agreements.push(Agreement::Whole);
        }
    }
    let mut keep = keep.into_iter();
    workload.messages.retain(|_| keep.next() == Some(true));
    agreements
}
