//! `--mrt-rib` against `--rib-out`: the same routes and attributes, by mrtparse.

use super::support::Scratch;
use super::tables::{Place, Tables, records, sources};
use super::{bgpdump, mrtparse};
use serde_json::{Value, json};

/// Prints each entry of each table with its peer, its attributes in the form of `attributes::of_ours`.
///
/// mrtparse has no types for OTC (RFC 9234) and extended communities with an address of IPv6 (RFC 5701): it leaves
/// their octets as they are.
const SCRIPT: &str = r"
def path(segments):
    form = {1: '{%s}', 2: '%s', 3: '(%s)', 4: '[%s]'}
    between = {1: ',', 2: ' ', 3: ' ', 4: ','}
    kind = lambda segment: number(segment['type'])
    return ' '.join(form[kind(s)] % between[kind(s)].join(s['value']) for s in segments)

def attributes(entry):
    told, unknown = {}, []
    for attribute in entry['path_attributes']:
        kind, value = number(attribute['type']), attribute['value']
        plain = {4: 'med', 5: 'local_pref', 8: 'communities', 9: 'originator_id', 10: 'cluster_list', 32: 'large', 3: 'next_hop'}
        octets = lambda: bytes.fromhex(value)
        if kind in plain: told[plain[kind]] = value
        elif kind == 1: told['origin'] = ['igp', 'egp', 'incomplete'][number(value)]
        elif kind == 2: told['path'] = path(value)
        elif kind == 6: told['atomic'] = True
        elif kind == 7: told['aggregator'] = value['as'] + ':' + value['id']
        elif kind == 14: told['next_hop'] = ','.join(value['next_hop'])
        elif kind == 16: told['extended'] = ['%016x' % community for community in value]
        elif kind == 17: pass
        elif kind == 25: told['extended_ipv6'] = [octets()[i:i+20].hex() for i in range(0, len(octets()), 20)]
        elif kind == 26: told['aigp'] = value[0]['value']
        elif kind == 35: told['otc'] = int.from_bytes(octets(), 'big')
        else: unknown.append([kind, octets().hex()])
    if unknown: told['unknown'] = unknown
    return told

peers = []
for record, error in records(sys.argv[1]):
    if 'peer_entries' in record:
        peers = record['peer_entries']
        continue
    subtype = number(record['subtype'])
    told = {'subtype': subtype}
    if error:
        told['error'] = error
    elif subtype not in (6, 12):
        [entry] = record['rib_entries']
        peer = peers[entry['peer_index']]
        told.update(peer=peer['peer_ip'], asn=int(peer['peer_as']), prefix='%s/%d' % (record['prefix'], record['length']),
            path_id=entry.get('path_id'), since=number(entry['originated_time']), attributes=attributes(entry))
    print(json.dumps(told))
";

/// Subtypes of tables of IPv4, plain and with path identifiers (RFC 6396 §4.3, RFC 8050 §4).
const OF_IPV4: [u16; 4] = [2, 3, 8, 9];

/// Whether an entry has a next hop of IPv6 in a table of IPv4 (RFC 8950).
///
/// RFC 6396 §4.3.4 has "only the Next Hop Address Length and Next Hop Address fields" of MP_REACH_NLRI in an entry, and
/// by RFC 8950 §3 it is the length, 16 or 32, that tells a next hop of IPv6. mrtparse 2.2.0 passes over that length,
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
