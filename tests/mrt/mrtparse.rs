//! Messages, prefixes and attributes by mrtparse.

use super::support::skip;
use super::{Converted, captures};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Python with the mrtparse of `requirements.txt`, as `scripts/setup --lab` installs it.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/bin/python");

/// What all scripts begin with: the records of a file, and what is in the fields that mrtparse tells as `{number: name}`.
///
/// mrtparse 2.2.0 never takes back what it said of a record that it could not read: behind such a one all seem to be so.
const READ: &str = r"
import json, sys
from mrtparse import Reader

def records(file):
    reader = Reader(file)
    for record in reader:
        error, reader.err = reader.err and reader.err_msg, None
        yield record.data, error

def number(field):
    return next(iter(field))

def values(attributes):
    found = {}
    for attribute in attributes:
        found.setdefault(number(attribute['type']), attribute['value'])
    return found

";

/// Prints for each record when it was, and what it holds: a state, or the type of a message with the prefixes of the families
/// that mrtparse knows.
const SCRIPT: &str = r"
def prefixes(fields):
    found = []
    for field in fields:
        for nlri in field or []:
            found.append(['%s/%d' % (nlri['prefix'], nlri['length']), nlri.get('path_id')])
    return found

for record, error in records(sys.argv[1]):
    told = {'second': number(record['timestamp']), 'microsecond': record['microsecond_timestamp']}
    if error:
        told['error'] = error
    elif 'new_state' in record:
        told['states'] = [number(record['old_state']), number(record['new_state'])]
    else:
        message = record['bgp_message']
        one = values(message.get('path_attributes', []))
        reach, unreach, path = one.get(14) or {}, one.get(15) or {}, one.get(2)
        told.update({
            'type': number(message['type']),
            'origin': number(one[1]) if 1 in one else None,
            'path': path and [int(asn) for segment in path for asn in segment['value']],
            'next_hops': [hop for hop in [one.get(3)] + reach.get('next_hop', [])[:1] if hop],
            'med': one.get(4),
            'local_pref': one.get(5),
            'communities': one.get(8) or [],
            'announced': prefixes([message.get('nlri'), reach.get('nlri')]),
            'withdrawn': prefixes([message.get('withdrawn_routes'), unreach.get('withdrawn_routes')]),
        })
    print(json.dumps(told))
";

/// What a script with it prints about the records of a file; `None`, and a word about it, if it is not installed.
pub fn told_by(script: &str, mrt: &Path) -> Option<Vec<Value>> {
    if !Path::new(PYTHON).exists() {
        skip::skip("mrtparse is not installed: scripts/setup --lab");
        return None;
    }
    let mut python = Command::new(PYTHON);
    let script = [READ, script].concat();
    let output = python.args(["-c", &script]).arg(mrt).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", mrt.display());
    Some(super::lines(&output.stdout))
}

/// Number of a message's type (RFC 4271 §4.1, RFC 2918 §3).
fn number(event: &Value) -> Value {
    let types = [
        "OPEN",
        "UPDATE",
        "NOTIFICATION",
        "KEEPALIVE",
        "ROUTE_REFRESH",
    ];
    let place = types.iter().position(|name| event["type"] == *name);
    place.map_or(Value::Null, |place| (place + 1).into())
}

/// Messages that it gives up, by capture, all of which have an error here, too. Both sides are right that they are malformed;
/// mrtparse reads beyond the end of the attribute, and loses the rest of the message with it, though RFC 7606 §2 has a
/// receiver read on: the attribute's length says where it ends, and which prefixes are withdrawn by that.
const GIVEN_UP: [(&str, usize); 2] = [
    // ATTR_SET with an AS number of two octets, by a router older than RFC 6368, whose §5 wants four.
    ("bgp_vpn_attrset.pcap", 1),
    // One OPEN lacks four-octet AS numbers, its sender's AS_PATH has them: read with two octets, as RFC 6793 §4.2.2 has it,
    // there is AS 0 (RFC 7607), and behind it two octets that are no segment (RFC 4271 §6.3).
    (
        "fuzz-1eb005b8d62599b6561acf7e778f51603ccbc5ddf948c0b081617668bb56.pcap",
        6,
    ),
];

/// The lists of prefixes of an event.
fn lists(event: &Value) -> impl Iterator<Item = &Value> {
    let fields = ["announcements", "withdrawals"].into_iter();
    let lists = fields.filter_map(|field| event[field].as_array());
    lists.flatten()
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// Messages that it reads in another way, by what is in them.
fn is_disputed(event: &Value) -> bool {
    let lists: Vec<&Value> = lists(event).collect();
    let path_ids = |list: &&Value| {
        let mut prefixes = list["prefixes"].as_array().into_iter().flatten();
        prefixes.all(|prefix| prefix["path_id"].is_number())
    };
    event.get("errors").is_some()
        || event["type"] == "UNKNOWN"
        // It has no labels and VPNs without them, and other families not at all.
        || lists.iter().any(|list| !matches!((list["afi"].as_u64(), list["safi"].as_u64()), (Some(1 | 2), Some(1 | 2))))
        || lists.iter().copied().any(has_ipv6_next_hop_of_ipv4)
        // The subtype is of the whole message, path identifiers are of one family (RFC 8050 §3); it takes two
        // equal prefixes for a sign of path identifiers, too.
        || event["context"]["add_path"].as_array().is_some_and(|list| !list.is_empty())
            && !lists.iter().all(path_ids)
        || has_doubles(&lists)
}

/// RFC 8950 §3: the length of a next hop tells that it is one of IPv6. mrtparse takes four octets of it, and the rest
/// for prefixes.
fn has_ipv6_next_hop_of_ipv4(list: &Value) -> bool {
    let hop = list["next_hop"].as_str();
    list["afi"] == 1 && hop.is_some_and(|hop| hop.contains(':'))
}

fn has_doubles(lists: &[&Value]) -> bool {
    lists.iter().any(|list| {
        let prefixes = list["prefixes"].as_array().into_iter().flatten();
        let mut texts: Vec<_> = prefixes.map(ToString::to_string).collect();
        let count = texts.len();
        texts.sort();
        texts.dedup();
        texts.len() < count
    })
}

/// Prefixes as the script prints them, whatever their order.
fn prefixes(event: &Value, field: &str) -> Vec<String> {
    let lists = event[field].as_array().into_iter().flatten();
    let lists = lists
        .filter_map(|list| list["prefixes"].as_array())
        .flatten();
    let told = lists.map(|prefix| match prefix.as_str() {
        Some(plain) => json!([plain, null]).to_string(),
        None => json!([prefix["prefix"], prefix["path_id"]]).to_string(),
    });
    sorted(told)
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort();
    texts
}

/// The attributes of an UPDATE as the script prints them.
fn attributes(event: &Value) -> [Value; 5] {
    let origins = ["igp", "egp", "incomplete"];
    let origin = origins.iter().position(|name| event["origin"] == *name);
    let pairs = event["community"].as_array().into_iter().flatten();
    let pairs = pairs.map(|pair| format!("{}:{}", pair[0], pair[1]).into());
    [
        origin.map_or(Value::Null, Value::from),
        flat(&event["path"], event["context"]["as4"] == false),
        event["med"].clone(),
        event["local_pref"].clone(),
        Value::Array(pairs.collect()),
    ]
}

/// All AS numbers of a path, those of sets and confederations among them. Between speakers of two octets it is as it
/// was sent, without what AS4_PATH adds: AS_TRANS stands for greater ones (RFC 6793 §4.2.2).
fn flat(path: &Value, narrow: bool) -> Value {
    fn collect(part: &Value, into: &mut Vec<Value>) {
        match part {
            Value::Array(parts) => parts.iter().for_each(|part| collect(part, into)),
            Value::Object(fields) => fields.values().for_each(|part| collect(part, into)),
            Value::Number(_) => into.push(part.clone()),
            _ => (),
        }
    }
    let mut numbers = Vec::new();
    collect(path, &mut numbers);
    let wide = |number: &&mut Value| number.as_u64() > Some(u16::MAX.into());
    if narrow {
        let wide = numbers.iter_mut().filter(wide);
        wide.for_each(|number| *number = 23456.into());
    }
    if path.is_null() {
        Value::Null
    } else {
        numbers.into()
    }
}

/// Microseconds since 1970.
fn time(record: &Value) -> u64 {
    let [second, microsecond] =
        ["second", "microsecond"].map(|name| record[name].as_u64().unwrap());
    second * 1_000_000 + microsecond
}

fn micros(event: &Value) -> u64 {
    event["ts_ns"].as_str().unwrap().parse::<u64>().unwrap() / 1000
}

#[test]
fn it_reads_the_same_messages_and_prefixes() {
    let Some(files) = captures() else { return };
    let (mut messages, mut told, mut disputed, mut attributed) = (0, 0, 0, 0);
    let mut refused = BTreeMap::<String, usize>::new();
    for file in files {
        let converted = Converted::new(&file);
        let Some(mrt) = converted.mrt() else { continue };
        let Some(records) = told_by(SCRIPT, &mrt) else {
            return;
        };
        let events = converted.events.iter();
        let events = events.filter(|event| event.get("raw").is_some() || event["type"] == "STATE");
        let events: Vec<_> = events.collect();
        assert_eq!(records.len(), events.len(), "{}: records", file.display());
        for (record, event) in records.iter().zip(events) {
            let what = format!("{}: {event}\n{record}", file.display());
            assert_eq!(time(record), micros(event), "{what}");
            if !record["error"].is_null() && !lists(event).any(has_ipv6_next_hop_of_ipv4) {
                assert!(event.get("errors").is_some(), "{what}");
                *refused.entry(name_of(&file)).or_default() += 1;
            }
            if event["type"] == "STATE" {
                assert_eq!(
                    record["states"],
                    json!([event["previous"], event["state"]]),
                    "{what}"
                );
                continue;
            }
            messages += 1;
            if is_disputed(event) {
                disputed += 1;
                continue;
            }
            assert_eq!(record["type"], number(event), "{what}");
            if event["type"] == "UPDATE" {
                let fields = ["origin", "path", "med", "local_pref", "communities"];
                let theirs = fields.map(|field| record[field].clone());
                assert_eq!(theirs, attributes(event), "{what}");
                attributed += usize::from(!theirs[0].is_null());
                // Each family has one; the link-local address may follow (RFC 2545 §3).
                let lists = event["announcements"].as_array().into_iter().flatten();
                for list in lists {
                    let hop = list["next_hop"].as_str().unwrap().split(',').next();
                    let hops = record["next_hops"].as_array().unwrap();
                    assert!(hops.iter().any(|their| their.as_str() == hop), "{what}");
                }
            }
            for (theirs, ours) in [("announced", "announcements"), ("withdrawn", "withdrawals")] {
                let theirs = record[theirs].as_array().unwrap().iter();
                let theirs = sorted(theirs.map(ToString::to_string));
                told += theirs.len();
                assert_eq!(theirs, prefixes(event, ours), "{what}");
            }
        }
    }
    let given_up = GIVEN_UP.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(refused, given_up.into());
    println!(
        "{messages} messages, {disputed} of them not compared, {told} prefixes, {attributed} with attributes"
    );
    assert!(
        messages > 6 * disputed && told > 3000 && attributed > 500,
        "{messages}, {disputed}, {told}, {attributed}"
    );
}
