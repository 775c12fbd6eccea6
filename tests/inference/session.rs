//! Messages of a session, with and without the OPENs before them.

use crate::support::segments::{ACK, Bench, S, Seg};
use serde_json::Value;

/// A message with the direction that it was sent in.
#[derive(Clone, Debug)]
pub struct Sent {
    pub direction: usize,
    pub raw: Vec<u8>,
}

impl Sent {
    fn is_open(&self) -> bool {
        self.raw[18] == 1
    }
}

/// What is told about messages that come one to a segment, a millisecond apart.
pub fn read(sent: &[Sent]) -> Vec<Value> {
    let mut bench = Bench::new();
    let mut at = [1000u32, 5000];
    for message in sent {
        for piece in message.raw.chunks(1400) {
            let direction = message.direction;
            bench.send(&Seg::new(direction, ACK, at[direction], 0, piece));
            at[direction] += piece.len() as u32;
        }
    }
    // Whatever waits for something has waited for long enough.
    bench.now_ns += 2 * S;
    bench.send(&Seg::new(0, ACK, at[0], 0, &[]));
    bench.finish().lines
}

/// An UPDATE as it was told.
pub struct Told {
    way: String,
    said: Value,
    /// What its reading rests on.
    source: String,
    /// Something is wrong with it.
    damaged: bool,
}

/// What the UPDATEs of each direction say.
pub fn updates(lines: &[Value]) -> Vec<Told> {
    let mut found: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "UPDATE")
        .map(|line| {
            let source = line["context"]["source"].as_str().unwrap().to_owned();
            let way = line["peer"].as_str().unwrap().to_owned();
            let mut said = line.clone();
            let fields = said.as_object_mut().unwrap();
            // Errors are judged by the OPENs, too: who is in whose AS, what was agreed on.
            // What they do to the Adj-RIB follows from that: a route that is treated as withdrawn is not in it.
            let damaged = fields.remove("errors").is_some();
            for other in [
                "rib",
                "timestamp",
                "ts_ns",
                "seq",
                "id",
                "session",
                "framing",
                "context",
                "peer_asn",
                "local_asn",
            ] {
                fields.remove(other);
            }
            Told {
                way,
                said,
                source,
                damaged,
            }
        })
        .collect();
    // Directions keep their order, but messages of one may wait while those of the other go on.
    found.sort_by(|a, b| a.way.cmp(&b.way));
    found
}

/// The reading of an UPDATE rests on something: it holds routes or AS numbers.
pub fn depends(update: &Value) -> bool {
    let opaque = |group: &Value| group["prefixes"][0]["nlri_type"] == "opaque";
    let groups = |name: &str| update[name].as_array().cloned().unwrap_or_default();
    let mut routes = groups("announcements")
        .into_iter()
        .chain(groups("withdrawals"));
    routes.any(|group| !opaque(&group))
}

/// Reads the session whole and without its OPENs; how many UPDATEs were compared, and how many of
/// those that depend on the context were not inferred. With `routes_only`, nothing but the routes.
pub fn compare(what: &str, sent: &[Sent], routes_only: bool) -> (usize, usize) {
    let cut: Vec<_> = sent.iter().filter(|m| !m.is_open()).cloned().collect();
    let (mut whole, mut cut) = (updates(&read(sent)), updates(&read(&cut)));
    assert_eq!(whole.len(), cut.len(), "{what}: UPDATEs");
    let mut doubtful = 0;
    for (number, (whole, cut)) in whole.iter_mut().zip(&mut cut).enumerate() {
        if routes_only {
            for said in [&mut whole.said, &mut cut.said] {
                let fields = said.as_object_mut().unwrap();
                fields.retain(|name, _| matches!(name.as_str(), "announcements" | "withdrawals"));
            }
        }
        assert_eq!(
            whole.said, cut.said,
            "{what}: UPDATE {number} from {}",
            whole.way
        );
        assert_ne!(cut.source, "negotiated", "{what}: UPDATE {number}");
        let unsure = depends(&cut.said) && cut.source != "inferred";
        doubtful += usize::from(unsure && !whole.damaged);
    }
    (whole.len(), doubtful)
}
