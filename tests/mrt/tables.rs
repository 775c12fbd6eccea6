//! `--mrt-rib` against `--rib-out`: the same routes, by bgpkit-parser and bgpdump.

use super::attributes;
use super::bgpdump;
use super::support::have;
use super::{Scratch, archive, lines, made, read, recording};
use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{MrtMessage, TableDumpV2Message};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

pub struct Tables {
    scratch: Scratch,
    pub routes: Vec<Value>,
}

impl Tables {
    pub fn of(file: &Path) -> Self {
        Self::filtered(file, &[])
    }

    fn filtered(file: &Path, more: &[&str]) -> Self {
        let scratch = Scratch::new("tables");
        let mrt = scratch.path("rib.mrt");
        let mut args = vec!["--mrt-rib", mrt.to_str().unwrap(), "--rib-out", "-"];
        args.extend(more);
        let mut routes = lines(&read(file, &args).stdout);
        routes.retain(|line| line["type"] == "ROUTE");
        Self { scratch, routes }
    }

    pub fn mrt(&self) -> PathBuf {
        self.scratch.path("rib.mrt")
    }

    /// Routes of families that all readers know, as they count them.
    pub fn known(&self, safis: &[u64]) -> Vec<String> {
        self.known_if(|route| {
            let safi = route["safi"].as_u64();
            safi.is_some_and(|safi| safis.contains(&safi))
        })
    }

    /// Those of IPv4 and IPv6 that `wanted` takes.
    pub fn known_if(&self, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let known = |route: &&Value| matches!(route["afi"].as_u64(), Some(1 | 2)) && wanted(route);
        let routes = self.routes.iter().filter(known).map(|route| {
            let asn = route["peer_asn"].as_str().unwrap_or("0").parse().unwrap();
            let text = |field: &str| route[field].as_str().unwrap();
            let place = Place {
                peer: text("peer").to_owned(),
                asn,
                prefix: text("prefix").to_owned(),
                path_id: route["path_id"].as_u64(),
                since: route["since"].as_u64().unwrap(),
            };
            place.with(&attributes::of_ours(&route["attributes"]))
        });
        routes.collect()
    }

    /// The routes as bgpkit-parser reads them: entries with what the table of peers before them says.
    fn by_bgpkit(&self) -> Vec<String> {
        let parser = BgpkitParser::from_reader(File::open(self.mrt()).unwrap());
        let (mut peers, mut routes) = (HashMap::new(), Vec::new());
        for record in parser.into_record_iter() {
            let rib = match record.message {
                MrtMessage::TableDumpV2Message(TableDumpV2Message::PeerIndexTable(table)) => {
                    peers = table.id_peer_map;
                    continue;
                }
                MrtMessage::TableDumpV2Message(TableDumpV2Message::RibAfi(rib)) => rib,
                MrtMessage::TableDumpV2Message(TableDumpV2Message::RibGeneric(_)) => continue,
                other => panic!("{other:?}"),
            };
            for entry in rib.rib_entries {
                let peer = &peers[&entry.peer_index];
                let place = Place {
                    peer: peer.peer_ip.to_string(),
                    asn: peer.peer_asn.to_u32(),
                    prefix: rib.prefix.prefix.to_string(),
                    path_id: entry.path_id.map(u64::from),
                    since: entry.originated_time.into(),
                };
                routes.push(place.with(&attributes::of_bgpkit(&entry.attributes)));
            }
        }
        routes
    }
}

/// What readers tell of a route besides its attributes.
pub struct Place {
    pub peer: String,
    pub asn: u32,
    pub prefix: String,
    pub path_id: Option<u64>,
    pub since: u64,
}

impl Place {
    /// As one line, attributes last.
    pub fn with(&self, attributes: &Value) -> String {
        let Self {
            peer,
            asn,
            prefix,
            path_id,
            since,
        } = self;
        let path_id = path_id.map_or(String::new(), |id| format!("#{id}"));
        format!("{peer} {asn} {prefix}{path_id} {since} {attributes}")
    }
}

/// The lab's recording, routes with all attributes, and archives: with path identifiers, of AS numbers of two octets,
/// of several families.
pub fn sources(scratch: &Scratch) -> Option<Vec<PathBuf>> {
    let mut sources = vec![recording().to_owned(), made::archive(scratch)];
    for name in [
        "mrtparse/bird-mrtdump_bgp",
        "mrtparse/openbgpd_bgp",
        "gobgpdump/arch3",
        "bgpdump/updates.20071015.1505.gz",
    ] {
        sources.push(archive(name)?);
    }
    Some(sources)
}

#[test]
fn bgpkit_parser_reads_the_routes_that_there_are() {
    let scratch = Scratch::new("sources");
    let Some(sources) = sources(&scratch) else {
        return;
    };
    for source in sources {
        let tables = Tables::of(&source);
        let theirs = bgpdump::counted(tables.by_bgpkit());
        let ours = bgpdump::counted(tables.known(&[1, 2]));
        assert!(!ours.is_empty(), "{}", source.display());
        assert_eq!(ours, theirs, "{}", source.display());
    }
}

#[test]
fn bgpdump_reads_the_routes_of_each_peer_with_path_identifiers_and_attributes() {
    let scratch = Scratch::new("sources");
    let Some(sources) = sources(&scratch) else {
        return;
    };
    if !have("bgpdump") {
        return;
    }
    for source in sources {
        let tables = Tables::of(&source);
        // It passes over multicast: RFC 6396 §4.3.2 has it, bgpdump 1.6.2 prints nothing.
        let unicast = tables
            .routes
            .iter()
            .filter(|route| route["safi"] == 1 && matches!(route["afi"].as_u64(), Some(1 | 2)));
        let ours = unicast.map(|route| {
            let text = |field: &str| route[field].as_str().unwrap().to_owned();
            let path_id = route["path_id"].as_u64();
            let path_id = path_id.map_or(String::new(), |id| format!("|{id}"));
            let attributes = short(&route["attributes"]);
            format!("{}|{}{path_id}|{attributes}", text("peer"), text("prefix"))
        });
        let theirs = bgpdump::typed_lines(&tables.mrt())
            .into_iter()
            .map(|(kind, line)| {
                let fields: Vec<_> = line.split('|').collect();
                let (path_id, behind) = if kind == "TABLE_DUMP2_AP" {
                    (format!("|{}", fields[5]), &fields[7..])
                } else {
                    (String::new(), &fields[6..])
                };
                let attributes = behind[..7].join("|");
                format!("{}|{}{path_id}|{attributes}", fields[2], fields[4])
            });
        let (ours, theirs) = (bgpdump::counted(ours), bgpdump::counted(theirs));
        assert_eq!(ours, theirs, "{}", source.display());
    }
}

/// What bgpdump prints behind a path: origin, next hop, local preference, MED, communities, aggregation.
fn short(attributes: &Value) -> String {
    let text = |field: &str| attributes[field].as_str().unwrap_or_default();
    let number = |field: &str| attributes[field].as_u64().unwrap_or(0);
    let communities = attributes["community"].as_array().into_iter().flatten();
    let communities = communities.map(|pair| match (pair[0].as_u64(), pair[1].as_u64()) {
        (Some(65535), Some(0xff01)) => "no-export".into(),
        (Some(65535), Some(0xff02)) => "no-advertise".into(),
        (Some(65535), Some(0xff03)) => "local-AS".into(),
        _ => format!("{}:{}", pair[0], pair[1]),
    });
    // The link-local one may follow (RFC 2545 §3).
    let next_hop = text("next_hop").split(',').next().unwrap();
    let atomic = attributes["atomic_aggregate"] == true;
    [
        text("origin").to_uppercase(),
        next_hop.to_owned(),
        number("local_pref").to_string(),
        number("med").to_string(),
        communities.collect::<Vec<_>>().join(" "),
        if atomic { "AG" } else { "NAG" }.to_owned(),
        text("aggregator").replacen(':', " ", 1),
    ]
    .join("|")
}

/// Routes of VPNs, which neither reader prints, against the octets of the archive that told them.
#[test]
fn routes_of_other_families_are_there_as_they_were_sent() {
    let Some(source) = archive("mrtparse/openbgpd_bgp") else {
        return;
    };
    let tables = Tables::of(&source);
    let generic = records(&tables.mrt())
        .into_iter()
        .filter(|record| record.0 == RIB_GENERIC);
    let told = std::fs::read(&source).unwrap();
    let mut nlri = Vec::new();
    for (_, body) in generic {
        // RFC 6396 §4.3.3: sequence number, AFI and SAFI, then one NLRI: bits, label, RD and prefix.
        assert_eq!(body[4..7], [0, 1, 128]);
        let length = 1 + usize::from(body[7]).div_ceil(8);
        let octets = body[7..7 + length].to_vec();
        assert!(
            told.windows(length).any(|window| window == octets),
            "{octets:x?}"
        );
        assert_eq!(body[7 + length..9 + length], [0, 1], "one entry");
        nlri.push(octets);
    }
    let ours = tables.routes.iter().filter(|route| route["safi"] == 128);
    assert_eq!((nlri.len(), ours.count()), (2, 2));
    assert_ne!(nlri[0], nlri[1]);
}

const RIB_GENERIC: u16 = 6;

/// Subtypes and bodies of the records of a file (RFC 6396 §2).
pub fn records(mrt: &Path) -> Vec<(u16, Vec<u8>)> {
    let bytes = std::fs::read(mrt).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while let Some((header, after)) = rest.split_first_chunk::<12>() {
        let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let (body, after) = after.split_at(length as usize);
        records.push((u16::from_be_bytes([header[6], header[7]]), body.to_vec()));
        rest = after;
    }
    records
}

#[test]
fn a_snapshot_is_taken_each_time_and_at_the_end() {
    let scratch = Scratch::new("tables");
    let pattern = scratch.path("out/%s");
    std::fs::create_dir(scratch.path("out")).unwrap();
    let args = [
        "--mrt-rib",
        pattern.to_str().unwrap(),
        "--mrt-rib-interval",
        "1s",
    ];
    read(recording(), &args);
    let names = std::fs::read_dir(scratch.path("out")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 2, "{names:?}");
    let counts = names.iter().map(|name| {
        let parser = BgpkitParser::from_reader(File::open(name).unwrap());
        parser.into_elem_iter().count()
    });
    let counts: Vec<_> = counts.collect();
    let newest = Tables::of(recording()).known(&[1, 2]).len();
    assert_eq!(counts.last(), Some(&newest), "{counts:?}");
    assert!(
        counts.windows(2).any(|pair| pair[0] != pair[1]),
        "{counts:?}"
    );
}

/// A filter looks at each route of a table as at the UPDATE that would announce it.
#[test]
fn a_filter_selects_routes() {
    let source = recording();
    let all = Tables::of(source).known(&[1, 2]);
    let path_of = |route: &str| -> String {
        let (_, attributes) = route.split_at(route.find('{').unwrap());
        let attributes: Value = serde_json::from_str(attributes).unwrap();
        attributes["path"].as_str().unwrap_or_default().to_owned()
    };
    let asns: std::collections::BTreeSet<String> = (all.iter())
        .flat_map(|route| {
            path_of(route)
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|asn| asn.parse::<u32>().is_ok())
        .collect();
    let mut parted = 0;
    for asn in asns {
        let filter = format!("as {asn}");
        let tables = Tables::filtered(source, &["--mrt-rib-filter", &filter]);
        let with = |route: &&String| path_of(route).split(' ').any(|other| other == asn);
        let wanted: Vec<_> = all.iter().filter(with).cloned().collect();
        parted += usize::from(wanted.len() < all.len());
        assert_eq!(
            bgpdump::counted(tables.by_bgpkit()),
            bgpdump::counted(wanted),
            "{asn}"
        );
    }
    assert!(parted > 1, "filters that leave something out");
}
