//! What the messages are that are measured: told on the page, with what was counted in its run.

use super::data::Data;
use super::files::Messages;
use super::support::synth::{FRAME_LEN, UPDATE_LEN};
use super::wire::SESSIONS;
use bytes::Bytes;
use std::fs;
use std::io;

/// By the letter that their names begin with: where messages come from, and what is in them.
const WHAT: [(&str, &str); 7] = [
    (
        "a",
        "Made by a generator, always the same. 1 to 5 IPv4 prefixes (60, 18, 10, 7, 5 %), six of ten of them /24; ORIGIN, AS_PATH of 4 or 5 AS \
         numbers of four octets, NEXT_HOP, 8 communities, 1 to 3 large communities",
    ),
    (
        "b",
        "Made. The attributes of a, and prefixes until the message has 1,000 to 4,090 octets",
    ),
    (
        "c",
        "Made. MP_REACH_NLRI with 1 to 5 prefixes of IPv6 unicast, a third with a link-local next hop beside the global one; ORIGIN, AS_PATH and \
         communities as in a",
    ),
    (
        "d",
        "Made. MP_REACH_NLRI with 1 to 16 prefixes of VPNv4, each with one label; ORIGIN, AS_PATH of up to 2, MED, LOCAL_PREF, \
         ORIGINATOR_ID, CLUSTER_LIST, two route targets",
    ),
    (
        "e",
        "Recorded in our lab (`tests/data/lab-session.pcap`): what BIRD, its feeder and ExaBGP say, as far as it lies whole at the beginning of a segment. No \
         archive of an iBGP table transfer is among the data, so this stands for one: few messages, and shorter ones than the Internet's",
    ),
    (
        "f",
        "Public archives, AS numbers of four octets: `arch3` (an example of gobgpdump) and RIPE RIS rrc06 of 1 April 2015 \
         (test data of libbgpstream)",
    ),
    (
        "g",
        "Public archives, AS numbers of two octets: the others of `arch3`, and `updates.20071015.1505` (test data of bgpdump)",
    ),
];

/// Tables of [`Data`].
pub(crate) const DECODED: &str = "workloads";
pub(crate) const FILES: &str = "files";

fn octets(messages: &[Bytes]) -> usize {
    messages.iter().map(Bytes::len).sum()
}

/// What all decoders were given.
pub(crate) fn decoded(name: &str, messages: &[Bytes]) -> Vec<String> {
    let counts = [messages.len(), octets(messages)].map(|n| n.to_string());
    [name.to_owned()].into_iter().chain(counts).collect()
}

/// What all programs read `to` something.
pub(crate) fn file(messages: &Messages, to: &str) -> io::Result<Vec<String>> {
    let (pcap, mrt) = (fs::metadata(&messages.pcap)?, fs::metadata(&messages.mrt)?);
    let counts = [messages.list.len(), octets(&messages.list)].map(|n| n.to_string());
    let sizes = [pcap.len(), mrt.len()].map(|n| n.to_string());
    let name = format!("{}, to {to}", messages.name);
    Ok([name].into_iter().chain(counts).chain(sizes).collect())
}

/// Takes the rows as what was measured.
pub(crate) fn put(data: &mut Data, table: &str, rows: Vec<Vec<String>>) {
    let header: &[&str] = match table {
        FILES => &["file", "messages", "octets", "capture", "mrt"],
        _ => &["workload", "messages", "octets"],
    };
    data.put(table, header, rows);
}

/// The part of the page.
pub(crate) fn section(data: &Data) -> String {
    let mut text = "\n## The messages\n\n| workload | messages | octets | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for row in data.rows(DECODED) {
        let letter = WHAT.iter().find(|(letter, _)| row[0].starts_with(letter));
        let what = letter.map_or("", |(_, what)| what);
        text += &format!(
            "| {} | {} | {} | {what} |\n",
            row[0],
            thousands(&row[1]),
            thousands(&row[2])
        );
    }
    text += "\nMessages that a decoder refuses or reads otherwise are left out for all and not counted here. Of whole programs:\n\n\
             | file | messages | octets of BGP | octets of the capture | octets of the MRT file |\n| --- | --- | --- | --- | --- |\n";
    for row in data.rows(FILES) {
        let numbers: Vec<_> = row[1..].iter().map(|n| thousands(n)).collect();
        text += &format!("| {} | {} |\n", row[0], numbers.join(" | "));
    }
    text + &on_the_wire()
}

/// What the lines of AF_XDP, AF_PACKET and latency carry.
fn on_the_wire() -> String {
    format!(
        "\nOver the veth of the lines of AF_XDP, AF_PACKET and latency go frames of {FRAME_LEN} octets (Ethernet, IPv4, TCP), each with one whole \
         UPDATE of {UPDATE_LEN} octets, {SESSIONS} sessions in turn and each segment the next of its session: ORIGIN, AS_PATH of one AS number, NEXT_HOP, and \
         one /32 that no other message has. They are shorter than workload a, in order, and not acknowledged: there are no handshakes, OPENs or \
         segments the other way. The memory line sends workload a, a message in each segment, acknowledged.\n"
    )
}

/// `1,234,567`.
fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
