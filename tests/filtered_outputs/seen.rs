//! What there is about an event to ask for, as serde_json and bgpkit-parser see it.

use bgpkit_parser::Elementor;
use bgpkit_parser::models::{Bgp4MpEnum, BgpMessage, MetaCommunity, MrtMessage, NetworkPrefix};
use bgpkit_parser::parser::mrt::mrt_record::{chunk_mrt_record, parse_mrt_record};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An event as filters ask for it.
#[derive(Debug)]
pub struct Seen {
    /// As it is called in filters.
    kind: String,
    peer: IpAddr,
    /// Unicast prefixes that are announced or withdrawn.
    prefixes: Vec<NetworkPrefix>,
    asns: BTreeSet<u32>,
    /// Plain communities.
    communities: BTreeSet<String>,
}

impl Seen {
    /// A line of `--json`.
    pub fn of_line(event: &Value) -> Self {
        let kind = event["type"].as_str().unwrap();
        let lists = ["announcements", "withdrawals"];
        let lists = lists.iter().filter_map(|name| event[name].as_array());
        let prefixes = lists
            .flatten()
            .filter_map(|list| list["prefixes"].as_array());
        let prefixes = prefixes.flatten().filter_map(|prefix| {
            let text = prefix.as_str().or_else(|| prefix["prefix"].as_str());
            text.map(|text| text.parse().unwrap())
        });
        let mut asns = BTreeSet::new();
        collect_numbers(&event["path"], &mut asns);
        let communities = event["community"].as_array().into_iter().flatten();
        Self {
            kind: kind.to_lowercase().replace('_', "-"),
            peer: event["peer"].as_str().unwrap().parse().unwrap(),
            prefixes: prefixes.collect(),
            asns,
            communities: communities
                .map(|pair| format!("{}:{}", pair[0], pair[1]))
                .collect(),
        }
    }

    /// A record of type BGP4MP_ET; `None` for what bgpkit-parser does not read.
    fn of_record(mut bytes: &[u8]) -> Option<Self> {
        let record = parse_mrt_record(&mut bytes).ok()?;
        let MrtMessage::Bgp4Mp(message) = &record.message else {
            panic!("{record:?}");
        };
        let (kind, peer) = match message {
            Bgp4MpEnum::StateChange(change) => ("state", change.peer_ip),
            Bgp4MpEnum::Message(message) => (kind_of(&message.bgp_message), message.peer_ip),
        };
        let elems = Elementor::new().record_to_elems(record);
        let paths = elems.iter().filter_map(|elem| elem.as_path.as_ref());
        let communities = elems.iter().flat_map(|elem| &elem.communities).flatten();
        Some(Self {
            kind: kind.into(),
            peer,
            prefixes: elems.iter().map(|elem| elem.prefix).collect(),
            asns: paths
                .flat_map(|path| path.to_u32_vec_opt(false).unwrap_or_default())
                .collect(),
            communities: communities
                .filter(|community| matches!(community, MetaCommunity::Plain(_)))
                .map(ToString::to_string)
                .collect(),
        })
    }

    /// Whether one of its prefixes is this one, or inside it.
    fn has_prefix(&self, wanted: &NetworkPrefix, or_inside: bool) -> bool {
        self.prefixes.iter().any(|prefix| match or_inside {
            true => wanted.prefix.contains(&prefix.prefix),
            false => wanted.prefix == prefix.prefix,
        })
    }
}

fn kind_of(message: &BgpMessage) -> &'static str {
    match message {
        BgpMessage::Open(_) => "open",
        BgpMessage::Update(_) => "update",
        BgpMessage::Notification(_) => "notification",
        BgpMessage::KeepAlive => "keepalive",
        BgpMessage::RouteRefresh(_) => "route-refresh",
    }
}

/// The AS numbers of a path: sets are arrays in it, confederation segments objects.
fn collect_numbers(path: &Value, numbers: &mut BTreeSet<u32>) {
    match path {
        Value::Number(number) => {
            numbers.insert(u32::try_from(number.as_u64().unwrap()).unwrap());
        }
        Value::Array(list) => list.iter().for_each(|part| collect_numbers(part, numbers)),
        Value::Object(fields) => fields
            .values()
            .for_each(|part| collect_numbers(part, numbers)),
        _ => {}
    }
}

/// The records of an archive, and what is seen in them.
pub fn records(mut mrt: &[u8]) -> Vec<(Vec<u8>, Option<Seen>)> {
    let mut found = Vec::new();
    while !mrt.is_empty() {
        let before = mrt;
        chunk_mrt_record(&mut mrt).unwrap();
        let record = &before[..before.len() - mrt.len()];
        found.push((record.to_vec(), Seen::of_record(record)));
    }
    found
}

/// What to ask for: an expression, and what it means.
pub type Question = (String, Box<dyn Fn(&Seen) -> bool>);

/// Questions about what some of these events have, in the middle and near the end.
pub fn questions<'s>(events: impl Iterator<Item = &'s Seen> + Clone) -> Vec<Question> {
    let mut questions: Vec<Question> = vec![
        ("type update".into(), Box::new(|seen| seen.kind == "update")),
        (
            "not type update,keepalive".into(),
            Box::new(|seen| !matches!(seen.kind.as_str(), "update" | "keepalive")),
        ),
    ];
    let routes: Vec<_> = events.filter(|seen| !seen.prefixes.is_empty()).collect();
    for at in [routes.len() / 2, routes.len().saturating_sub(3)] {
        let Some(seen) = routes.get(at) else { continue };
        let (peer, prefix) = (seen.peer, seen.prefixes[0]);
        questions.push((
            format!("type update,state and not peer {peer}"),
            Box::new(move |seen| {
                matches!(seen.kind.as_str(), "update" | "state") && seen.peer != peer
            }),
        ));
        questions.push((
            format!("prefix {}", prefix.prefix),
            Box::new(move |seen| seen.has_prefix(&prefix, false)),
        ));
        if let Some(wider) = prefix.prefix.supernet().and_then(|net| net.supernet()) {
            let wider = NetworkPrefix::new(wider, None);
            questions.push((
                format!("prefix longer {} or type notification", wider.prefix),
                Box::new(move |seen| seen.kind == "notification" || seen.has_prefix(&wider, true)),
            ));
        }
        if let Some(asn) = seen.asns.last().copied() {
            questions.push((
                format!("as {asn}"),
                Box::new(move |seen| seen.asns.contains(&asn)),
            ));
        }
        if let Some(community) = seen.communities.first().cloned() {
            questions.push((
                format!("community {community} and peer {peer}"),
                Box::new(move |seen| seen.peer == peer && seen.communities.contains(&community)),
            ));
        }
    }
    questions
}
