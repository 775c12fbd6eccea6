//! Evidence of a live capture, by tshark.

use super::conversation::Conversation;
use super::support::flows;
use super::support::net::{Live, Net, TAP, allowed, run};
use super::support::segments::message;
use super::support::{Scratch, have, tshark};
use super::{send, wait_for_files};
use std::process::Command;

/// UPDATEs in the jumbo frame, of 48 octets each.
const UPDATES: usize = 170;

/// Frames of TCP's handshake, which evidence does not keep: sessions begin with their first payload.
const HANDSHAKE: usize = 3;

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
    // What tshark reads in it, written in the plainest format.
    let plain = scratch.path("plain.pcap");
    let mut convert = Command::new("tshark");
    convert.arg("-r").arg(file).args(["-F", "pcap", "-w"]);
    run(convert.arg(&plain));
    let frames = flows::frames(&std::fs::read(&plain).unwrap());
    let came: Vec<_> = frames.into_iter().map(|frame| frame.bytes).collect();
    let all = sent.len();
    let kept = sent.into_iter().skip(HANDSHAKE);
    let sent: Vec<_> = kept.map(|frame| frame.bytes).collect();
    assert_eq!(came.len(), sent.len());
    assert!(came == sent, "other octets");
    let lines = tshark::fields(file, "bgp.type == 3", &["frame.number", "frame.comment"]);
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    // The last but one: the other side acknowledges it.
    let number = (sent.len() - 1).to_string();
    let (place, comment) = line.split_once('\t').unwrap();
    assert_eq!(place, number);
    assert!(comment.contains("NOTIFICATION"), "{comment}");
    let commented = tshark::fields(file, "frame.comment", &["frame.number"]);
    assert_eq!(commented, [number]);
    let summary = live.stop();
    assert_eq!(summary["messages"]["UPDATE"], 100 + UPDATES, "{summary}");
    assert_eq!(summary["frames"]["received"], all, "{summary}");
}
