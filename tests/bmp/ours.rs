//! What bgptap itself says of a capture.

use super::support::Scratch;
use super::view::{AllAttributes, Key, Table, Value as Route, attributes};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

/// A router, its neighbour, and whether it is what the router sent.
pub type Side = (IpAddr, IpAddr, bool);

/// A run of `bgptap read`.
pub struct Ours {
    pub events: Vec<Value>,
    /// The tables at the end: unicast routes.
    pub tables: BTreeMap<Side, Table>,
    /// Their attributes.
    pub attributes: BTreeMap<Side, AllAttributes>,
    /// Routes at the end by side and family.
    pub counts: BTreeMap<(Side, (u64, u64)), u64>,
    pub log: String,
    pub status: Option<i32>,
}

/// Reads a file and tells a station of it.
pub fn read(file: &Path, station: SocketAddr, more: &[&str]) -> Ours {
    let scratch = Scratch::new("bmp");
    let (rib, json) = (scratch.path("rib"), scratch.path("json"));
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(file)
        .args(["--raw", "--rib-out"])
        .arg(&rib)
        .arg("--json")
        .arg(&json)
        .args(["--bmp", &station.to_string()])
        .args(more)
        .output()
        .unwrap();
    let mut ours = Ours {
        events: lines(&json),
        tables: BTreeMap::new(),
        attributes: BTreeMap::new(),
        counts: BTreeMap::new(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
        status: output.status.code(),
    };
    for line in lines(&rib) {
        ours.take(&line);
    }
    ours
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Who sent, and who received.
pub fn ends(value: &Value) -> (IpAddr, IpAddr) {
    let address = |name: &str| value[name].as_str().unwrap().parse().unwrap();
    (address("peer"), address("local"))
}

impl Ours {
    fn take(&mut self, line: &Value) {
        let (peer, local) = ends(line);
        let family = (
            line["afi"].as_u64().unwrap(),
            line["safi"].as_u64().unwrap(),
        );
        for side in sides(peer, local) {
            if line["type"] == "TABLE" {
                let routes = line["routes"].as_u64().unwrap();
                *self.counts.entry((side, family)).or_default() += routes;
            } else if matches!(family, (1 | 2, 1 | 2)) {
                let (key, value) = route(line);
                let mut all = attributes::of_ours(&line["attributes"]);
                // Routes without a path have an empty one there.
                all["path"] = value.0.as_str().into();
                let known = self.attributes.entry(side).or_default();
                known.insert(key.clone(), all);
                self.tables.entry(side).or_default().insert(key, value);
            }
        }
    }

    /// Families for which OPENs offer path identifiers (RFC 7911 §4), by sender and receiver.
    pub fn add_path(&self) -> BTreeMap<(IpAddr, IpAddr), BTreeSet<String>> {
        let mut offers = BTreeMap::<_, BTreeSet<_>>::new();
        for event in self.events.iter().filter(|event| event["type"] == "OPEN") {
            let capabilities = event["capabilities"].as_array().into_iter().flatten();
            for capability in capabilities.filter(|capability| capability["name"] == "add-path") {
                let families = capability["families"].as_array().into_iter().flatten();
                let families =
                    families.map(|family| format!("{}/{}", family["afi"], family["safi"]));
                offers.entry(ends(event)).or_default().extend(families);
            }
        }
        offers
    }

    /// Every unicast route that was announced, once each, whether it stayed or not.
    pub fn announced(&self) -> BTreeSet<(Side, Key)> {
        let mut announced = BTreeSet::new();
        let updates = self.events.iter();
        let sound = updates.filter(|event| event["type"] == "UPDATE" && event["errors"].is_null());
        for event in sound {
            let (peer, local) = ends(event);
            let lists = event["announcements"].as_array().into_iter().flatten();
            let unicast = lists.filter(|list| list["safi"] == 1);
            for prefix in unicast.flat_map(|list| list["prefixes"].as_array().unwrap()) {
                let text = prefix.as_str().or(prefix["prefix"].as_str());
                let id = prefix["path_id"].as_u64();
                let id = id.map(|id| u32::try_from(id).unwrap());
                for side in sides(peer, local) {
                    announced.insert((side, (text.unwrap().to_owned(), id)));
                }
            }
        }
        announced
    }

    /// The UPDATEs of each side, in order: as hex, and whether their receiver cannot use them.
    pub fn updates(&self) -> BTreeMap<Side, Vec<(String, bool)>> {
        let mut updates = BTreeMap::<_, Vec<_>>::new();
        for event in self.events.iter().filter(|event| event["type"] == "UPDATE") {
            let (peer, local) = ends(event);
            let bytes = event["raw"].as_str().unwrap();
            let errored = is_errored(event);
            for side in sides(peer, local) {
                let list = updates.entry(side).or_default();
                list.push((bytes.to_owned(), errored));
            }
        }
        updates
    }
}

/// Whether the receiver of an UPDATE cannot use it.
pub fn is_errored(event: &Value) -> bool {
    let mut errors = event["errors"].as_array().into_iter().flatten();
    errors.any(|error| {
        let disposition = error["disposition"].as_str().unwrap();
        matches!(
            disposition,
            "treat-as-withdraw" | "afi-safi-disable" | "session-reset"
        )
    })
}

/// Whom a route or message is told of as. A capture on a loopback has both ends at one address: there the router is
/// the lower of two ports, and nothing is compared.
fn sides(peer: IpAddr, local: IpAddr) -> impl Iterator<Item = Side> {
    let sides = [(local, peer, false), (peer, local, true)];
    sides.into_iter().filter(move |_| peer != local)
}

fn route(line: &Value) -> (Key, Route) {
    let prefix = line["prefix"].as_str().unwrap().to_owned();
    let id = line["path_id"]
        .as_u64()
        .map(|id| u32::try_from(id).unwrap());
    let attributes = &line["attributes"];
    let path = attributes["path_text"].as_str().unwrap_or_default();
    // The link-local one may follow (RFC 2545 §3).
    let next_hop = attributes["next_hop"].as_str();
    let next_hop = next_hop.map(|hops| hops.split(',').next().unwrap().parse().unwrap());
    ((prefix, id), (path.to_owned(), next_hop))
}
