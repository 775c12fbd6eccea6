//! `--mrt-rib` against `--rib-out`: the same routes and attributes, by mrtparse.

use super::support::{Scratch, have};
use super::tables::{Place, Tables, records, sources};
use super::{bgpdump, mrtparse};
use serde_json::{Value, json};

/// Prints each entry of each table with its peer, its attributes in the form of `attributes::of_ours`.
///
/// mrtparse has no types for OTC (RFC 9234) and extended communities with an address of IPv6 (RFC 5701): it leaves
/// their octets as they are.
const SCRIPT: &str = r"
import json, sys
from mrtparse import Reader

def path(segments):
    form = {1: '{%s}', 2: '%s', 3: '(%s)', 4: '[%s]'}
    between = {1: ',', 2: ' ', 3: ' ', 4: ','}
    return ' '.join(form[s['type']] % between[s['type']].join(s['val']) for s in segments)

def attributes(entry):
    told, unknown = {}, []
    for a in entry.attr:
        if a.type == 1: told['origin'] = ['igp', 'egp', 'incomplete'][a.origin]
        elif a.type == 2: told['path'] = path(a.as_path)
        elif a.type == 3: told['next_hop'] = a.next_hop
        elif a.type == 4: told['med'] = a.med
        elif a.type == 5: told['local_pref'] = a.local_pref
        elif a.type == 6: told['atomic'] = True; a.val_bytes(a.len)
        elif a.type == 7: told['aggregator'] = a.aggr['asn'] + ':' + a.aggr['id']
        elif a.type == 8: told['communities'] = a.comm
        elif a.type == 9: told['originator_id'] = a.org_id
        elif a.type == 10: told['cluster_list'] = a.cl_list
        elif a.type == 14: told['next_hop'] = ','.join(a.mp_reach['next_hop'])
        elif a.type == 16: told['extended'] = ['%016x' % c for c in a.ext_comm]
        elif a.type == 17: pass
        elif a.type == 25: told['extended_ipv6'] = [a.val[i:i+20].hex() for i in range(0, a.len, 20)]
        elif a.type == 26: told['aigp'] = a.aigp[0]['val']
        elif a.type == 32: told['large'] = a.large_comm
        elif a.type == 35: told['otc'] = int.from_bytes(a.val, 'big')
        else: unknown.append([a.type, a.val.hex()])
    if unknown: told['unknown'] = unknown
    return told

peers = []
for record in Reader(sys.argv[1]):
    mrt = record.mrt
    if mrt.peer is not None:
        peers = mrt.peer.entry
        continue
    told = {'subtype': mrt.subtype}
    if mrt.err:
        told['error'] = mrt.err_msg
    elif mrt.subtype not in (6, 12):
        [entry] = mrt.rib.entry
        peer = peers[entry.peer_index]
        told.update(peer=peer.ip, asn=int(peer.asn), prefix='%s/%d' % (mrt.rib.prefix, mrt.rib.plen),
            path_id=entry.path_id, since=entry.org_time, attributes=attributes(entry))
    print(json.dumps(told))
";

/// Subtypes of tables of IPv4, plain and with path identifiers (RFC 6396 §4.3, RFC 8050 §4).
const OF_IPV4: [u16; 4] = [2, 3, 8, 9];

/// Whether an entry has a next hop of IPv6 in a table of IPv4 (RFC 8950).
///
/// RFC 6396 §4.3.4 has "only the Next Hop Address Length and Next Hop Address fields" of MP_REACH_NLRI in an entry, and
/// by RFC 8950 §3 it is the length, 16 or 32, that tells a next hop of IPv6. mrtparse 1.6 passes over that length,
/// takes four octets, as the table's family has them, and the rest of the address for the next attribute.
fn is_misread(subtype: u16, body: &[u8]) -> bool {
    let single: &[u8] = &[0x80, 14, 17, 16];
    let double: &[u8] = &[0x80, 14, 33, 32];
    OF_IPV4.contains(&subtype)
        && body
            .windows(4)
            .any(|octets| octets == single || octets == double)
}

#[test]
fn it_reads_the_routes_of_each_peer_with_path_identifiers_and_attributes() {
    let scratch = Scratch::new("sources");
    let Some(sources) = sources(&scratch) else {
        return;
    };
    if !have(mrtparse::PYTHON) {
        return;
    }
    let (mut compared, mut misread, mut unknown) = (0, 0, 0);
    for source in sources {
        let tables = Tables::of(&source);
        let Some(told) = mrtparse::told_by(SCRIPT, &tables.mrt()) else {
            return;
        };
        let routes = records(&tables.mrt())
            .into_iter()
            .filter(|record| record.0 != 1);
        let routes: Vec<_> = routes.collect();
        assert_eq!(told.len(), routes.len(), "{}: records", source.display());
        let mut theirs = Vec::new();
        for (record, (subtype, body)) in told.iter().zip(&routes) {
            assert_eq!(record["subtype"], *subtype);
            if is_misread(*subtype, body) {
                misread += 1;
            } else if record.get("prefix").is_some() {
                theirs.push(line(record));
                unknown += usize::from(record["attributes"].get("unknown").is_some());
            } else {
                assert!([6, 12].contains(subtype), "{}: {record}", source.display());
            }
        }
        let ours = tables.known_if(|route| {
            let ipv4_over_ipv6 = route["afi"] == 1
                && route["attributes"]["next_hop"]
                    .as_str()
                    .is_some_and(|hop| hop.contains(':'));
            [json!(1), json!(2)].contains(&route["safi"]) && !ipv4_over_ipv6
        });
        compared += ours.len();
        assert_eq!(
            bgpdump::counted(ours),
            bgpdump::counted(theirs),
            "{}",
            source.display()
        );
    }
    println!("{compared} routes, {unknown} with unknown attributes, {misread} not compared");
    assert!(
        compared > 4000 && unknown > 2 && misread < 10,
        "{compared}, {unknown}, {misread}"
    );
}

fn line(record: &Value) -> String {
    let place = Place {
        peer: record["peer"].as_str().unwrap().to_owned(),
        asn: u32::try_from(record["asn"].as_u64().unwrap()).unwrap(),
        prefix: record["prefix"].as_str().unwrap().to_owned(),
        path_id: record["path_id"].as_u64(),
        since: record["since"].as_u64().unwrap(),
    };
    place.with(&record["attributes"])
}
