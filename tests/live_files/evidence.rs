//! Evidence of a live capture, by tshark.

use super::conversation::Conversation;
use super::support::encode::Frame;
use super::support::flows;
use super::support::net::{Live, Net, TAP, allowed, run};
use super::support::segments::{keepalive, message};
use super::support::{Scratch, have, tshark};
use super::{send, wait_for_files, wait_for_so_many_files};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// UPDATEs in the jumbo frame, of 48 octets each.
const UPDATES: usize = 170;

/// Frames of TCP's handshake, which evidence does not keep: sessions begin with their first payload.
pub const HANDSHAKE: usize = 3;

/// The octets of frames that were sent.
pub fn bytes_of(frames: &[Frame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.bytes.clone()).collect()
}

/// The octets of each frame in a file, as tshark reads it and writes it in the plainest format.
pub fn octets(file: &Path, scratch: &Scratch) -> Vec<Vec<u8>> {
    let plain = scratch.path("plain.pcap");
    let mut convert = Command::new("tshark");
    convert.arg("-r").arg(file).args(["-F", "pcap", "-w"]);
    run(convert.arg(&plain));
    let frames = flows::frames(&std::fs::read(&plain).unwrap());
    frames.into_iter().map(|frame| frame.bytes).collect()
}

/// The only comment in a file, which is at a frame that a display filter selects, and that frame's number.
pub fn comment(file: &Path, filter: &str) -> (usize, String) {
    let fields = ["frame.number", "frame.comment"];
    let all = tshark::fields(file, "frame.comment", &fields);
    let [line] = &all[..] else {
        panic!("{}: {all:?}", file.display());
    };
    let filter = format!("frame.comment && ({filter})");
    assert_eq!(tshark::fields(file, &filter, &fields), all, "{filter}");
    let (number, comment) = line.split_once('\t').unwrap();
    (number.parse().unwrap(), comment.to_owned())
}

/// A session ends by a NOTIFICATION: while the capture goes on there is a file with all its frames as they were sent, one
/// of several buffers among them, and a word at the right one.
#[test]
fn a_notification_leaves_the_frames_that_were_sent() {
    if !allowed() || !have("tshark") {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("live-evidence"));
    net.set_mtu(9000);
    let folder = scratch.path("evidence");
    let live = Live::start(
        &net.mon,
        TAP,
        &scratch,
        &["--evidence", folder.to_str().unwrap()],
    );
    assert!(live.log().contains("multi-buffer"), "{}", live.log());
    let mut talk = Conversation::new();
    (0..100).for_each(|number| talk.announce(number, 1));
    let attributes = [
        0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1,
    ];
    let body = [&[0, 0, 0, 20], &attributes[..], &[32, 10, 1, 0, 1]].concat();
    talk.say_as(0, &message(2, &body).repeat(UPDATES));
    // RFC 4486: Cease, administrative reset.
    talk.say_as(0, &message(3, &[6, 4]));
    let sent = talk.frames();
    let longest = sent.iter().map(|frame| frame.bytes.len()).max();
    assert_eq!(longest, Some(54 + 48 * UPDATES));
    send(&net, &scratch, &sent);
    let kept = wait_for_files(&folder, |name| name.ends_with("-notification.pcapng"));
    let [file] = &kept[..] else {
        panic!("{kept:?}");
    };
    let all = sent.len();
    let sent = bytes_of(&sent[HANDSHAKE..]);
    assert!(octets(file, &scratch) == sent, "other octets");
    // The last but one: the other side acknowledges it.
    let (number, comment) = comment(file, "bgp.type == 3");
    assert_eq!(number, sent.len() - 1);
    assert!(comment.contains("NOTIFICATION"), "{comment}");
    let summary = live.stop();
    assert_eq!(summary["messages"]["UPDATE"], 100 + UPDATES, "{summary}");
    assert_eq!(summary["frames"]["received"], all, "{summary}");
}

/// What happens to a session, and what evidence says of it: the end of the file's name, which frame has the comment, and
/// that.
type Incident = (
    fn(&mut Conversation),
    &'static str,
    &'static str,
    &'static str,
);

const INCIDENTS: [Incident; 5] = [
    (
        |talk| {
            talk.say_unseen(0, &keepalive());
            talk.say_as(0, &keepalive());
        },
        "-gap.pcapng",
        "tcp",
        "gap of 19 octets from 192.0.2.1 to 192.0.2.2: mirror_loss",
    ),
    (
        // ORIGIN has the values 0 to 2 (RFC 4271 §4.3, RFC 7606 §7.1).
        |talk| {
            let attributes = [
                0x40, 1, 1, 9, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1,
            ];
            let body = [&[0, 0, 0, 20], &attributes[..], &[32, 10, 1, 0, 1]].concat();
            talk.say_as(0, &message(2, &body));
        },
        "-malformed.pcapng",
        "bgp.type == 2 && bgp.update.path_attribute.origin == 9",
        "UPDATE from 192.0.2.1 to 192.0.2.2, at octet 26: ORIGIN is none of igp, egp, incomplete (treat-as-withdraw)",
    ),
    (
        |talk| {
            talk.say_as(0, &[0; 40]);
            talk.say_as(0, &keepalive().repeat(3));
        },
        "-malformed.pcapng",
        "tcp",
        "40 octets from 192.0.2.1 to 192.0.2.2 that are no message: bad_marker",
    ),
    (
        |talk| talk.reset(0),
        "-session-loss.pcapng",
        "tcp.flags.reset == 1",
        "session between 192.0.2.1 and 192.0.2.2 lost: rst",
    ),
    (
        |talk| talk.close(1),
        "-session-loss.pcapng",
        "tcp.flags.fin == 1",
        "session between 192.0.2.2 and 192.0.2.1 lost: fin",
    ),
];

/// Of each other kind of incident in a session of its own: the frames that were sent, and what happened at one of them.
#[test]
fn each_incident_leaves_its_frames_and_its_reason() {
    if !allowed() || !have("tshark") {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("live-incidents"));
    let folder = scratch.path("evidence");
    let more = [
        "--evidence",
        folder.to_str().unwrap(),
        "--evidence-seconds",
        "1",
    ];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    let mut sent = Vec::new();
    let mut talks = BTreeMap::new();
    for (port, incident) in (40_000..).zip(INCIDENTS) {
        let mut talk = Conversation::from_port(port);
        (0..20).for_each(|number| talk.announce(number, 1));
        (incident.0)(&mut talk);
        let frames = talk.frames();
        talks.insert(port.to_string(), (incident, bytes_of(&frames[HANDSHAKE..])));
        sent.extend(frames);
    }
    send(&net, &scratch, &sent);
    let files = wait_for_so_many_files(&folder, INCIDENTS.len(), |name| name.ends_with(".pcapng"));
    for file in files {
        let name = file.display().to_string();
        let ports = tshark::fields(&file, "tcp.dstport == 179", &["tcp.srcport"]);
        let ((_, kind, place, reason), frames) = talks.remove(&ports[0]).expect(&name);
        assert!(name.ends_with(kind), "{name}: {kind}");
        let (_, comment) = comment(&file, place);
        assert_eq!(comment, reason, "{name}");
        let came = octets(&file, &scratch);
        assert!(came == frames, "{name}: other octets");
    }
    let summary = live.stop();
    assert_eq!(summary["frames"]["received"], sent.len(), "{summary}");
}
