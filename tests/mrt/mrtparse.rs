//! Messages, prefixes and attributes by mrtparse.

use super::support::{have, skip};
use super::{Converted, captures};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Debian's Python, which has Debian's packages.
pub const PYTHON: &str = "/usr/bin/python3";

/// Prints for each record what it holds: a state, or the type of a message with the prefixes of the families that
/// mrtparse knows.
///
/// mrtparse 1.6 ends at the first BGP4MP_ET record, as it takes the microseconds (RFC 6396 §3) from a buffer that it
/// does not have. It is given the same records without them, as BGP4MP (type 16).
const SCRIPT: &str = r"
import io, json, struct, sys
from mrtparse import Reader

def plain(data):
    out, at = io.BytesIO(), 0
    while at < len(data):
        time, kind, subtype, length = struct.unpack_from('!IHHI', data, at)
        assert kind == 17
        out.write(struct.pack('!IHHI', time, 16, subtype, length - 4))
        out.write(data[at + 16 : at + 12 + length])
        at += 12 + length
    out.seek(0)
    return out

def prefixes(fields):
    found = []
    for field in fields:
        for nlri in field or []:
            found.append([f'{nlri.prefix}/{nlri.plen}', nlri.path_id])
    return found

for record in Reader(plain(open(sys.argv[1], 'rb').read())):
    mrt = record.mrt
    if mrt.err:
        told = {'error': mrt.err_msg}
    elif mrt.bgp.new_state is not None:
        told = {'states': [mrt.bgp.old_state, mrt.bgp.new_state]}
    else:
        message = mrt.bgp.msg
        attributes = message.attr or []
        reach = [a.mp_reach.get('nlri') for a in attributes if a.mp_reach]
        unreach = [a.mp_unreach.get('withdrawn') for a in attributes if a.mp_unreach]
        hops = [a.next_hop for a in attributes if a.next_hop]
        hops += [a.mp_reach['next_hop'][0] for a in attributes if a.mp_reach and a.mp_reach.get('next_hop')]
        one = lambda name: next((getattr(a, name) for a in attributes if getattr(a, name) is not None), None)
        path = one('as_path')
        told = {
            'type': message.type,
            'origin': one('origin'),
            'path': path and [int(asn) for segment in path for asn in segment['val']],
            'next_hops': hops,
            'med': one('med'),
            'local_pref': one('local_pref'),
            'communities': one('comm') or [],
            'announced': prefixes([message.nlri] + reach),
            'withdrawn': prefixes([message.withdrawn] + unreach),
        }
    print(json.dumps(told))
";

/// What a script with it prints about the records of a file; `None`, and a word about it, if it is not installed.
pub fn told_by(script: &str, mrt: &Path) -> Option<Vec<Value>> {
    let mut python = Command::new(PYTHON);
    let output = python.args(["-c", script]).arg(mrt).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("No module named 'mrtparse'") {
        skip::skip("Python has no mrtparse: scripts/setup --lab");
        return None;
    }
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

/// Messages that it reads in another way, by what is in them.
fn is_disputed(event: &Value) -> bool {
    let fields = ["announcements", "withdrawals"];
    let lists = fields.iter().filter_map(|field| event[field].as_array());
    let lists: Vec<&Value> = lists.flatten().collect();
    let over_ipv6 = event["peer"].as_str().unwrap().contains(':');
    let path_ids = |list: &&Value| {
        let mut prefixes = list["prefixes"].as_array().into_iter().flatten();
        prefixes.all(|prefix| prefix["path_id"].is_number())
    };
    event.get("errors").is_some()
        || event["type"] == "UNKNOWN"
        // It has no labels and VPNs without them, and other families not at all.
        || lists.iter().any(|list| !matches!((list["afi"].as_u64(), list["safi"].as_u64()), (Some(1 | 2), Some(1 | 2))))
        // Prefixes outside of MP_REACH_NLRI are of the session's family for it, not of IPv4 (RFC 4271 §4.3), and
        // what announces IPv4 by a next hop of IPv6 (RFC 8950) it reads with one of IPv4.
        || over_ipv6 && lists.iter().any(|list| list["afi"] == 1)
        // Several families in one message, of which the plain prefixes come last and are taken for the other's.
        || lists.iter().any(|list| list["afi"] == 2) && lists.iter().any(|list| list["afi"] == 1)
        // The subtype is of the whole message, path identifiers are of one family (RFC 8050 §3); it takes two
        // equal prefixes for a sign of path identifiers, too.
        || event["context"]["add_path"].as_array().is_some_and(|list| !list.is_empty())
            && !lists.iter().all(path_ids)
        || has_doubles(&lists)
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

#[test]
fn it_reads_the_same_messages_and_prefixes() {
    let Some(files) = captures() else { return };
    if !have(PYTHON) {
        return;
    }
    let (mut messages, mut told, mut disputed, mut attributed) = (0, 0, 0, 0);
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
    println!(
        "{messages} messages, {disputed} of them not compared, {told} prefixes, {attributed} with attributes"
    );
    assert!(
        messages > 2 * disputed && told > 3000 && attributed > 500,
        "{messages}, {disputed}, {told}, {attributed}"
    );
}
