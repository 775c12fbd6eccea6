//! Evidence that comes and goes with a configuration.

use super::conversation::Conversation;
use super::evidence::{HANDSHAKE, bytes_of, comment, octets};
use super::support::net::{Live, Net, TAP, allowed};
use super::support::segments::message;
use super::support::{Scratch, have};
use super::{files, send, wait_for_files};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until so many events of a type are in a file of lines: everything up to the last of them was worked on.
fn wait_for_events(json: &Path, kind: &str, count: usize) {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(json).unwrap();
        // The last line may be half written.
        let events = text
            .lines()
            .map_while(|line| serde_json::from_str::<Value>(line).ok());
        let came = events.filter(|event| event["type"] == kind).count();
        if came >= count {
            assert_eq!(came, count, "{kind}");
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{came} {kind}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What SIGHUP adds keeps what comes from then on, what it takes away writes what it has still to write and nothing
/// else; and it can be added again.
#[test]
fn evidence_comes_and_goes_on_sighup() {
    if !allowed() || !have("tshark") {
        return;
    }
    // RFC 4486: Cease, administrative reset.
    let cease = message(3, &[6, 4]);
    let (net, scratch) = (Net::new(), Scratch::new("live-evidence-reload"));
    let [config, json, folder] =
        ["bgptap.toml", "events.json", "evidence"].map(|name| scratch.path(name));
    let without = format!("json = '{}'\n", json.display());
    let with = |seconds: u32| {
        let folder = folder.display();
        format!("{without}evidence = '{folder}'\nevidence-seconds = {seconds}\n")
    };
    std::fs::write(&config, &without).unwrap();
    let at = config.to_str().unwrap();
    let live = Live::start(&net.mon, TAP, &scratch, &["--config", at]);
    let is_notification = |name: &str| name.ends_with("-notification.pcapng");

    // A session that began before; of it there is what came behind the change.
    let mut talk = Conversation::new();
    (0..20).for_each(|number| talk.announce(number, 1));
    send(&net, &scratch, &talk.frames());
    wait_for_events(&json, "UPDATE", 20);
    assert!(!folder.exists());
    live.reload(&config, &with(1), 1);
    (20..40).for_each(|number| talk.announce(number, 1));
    talk.say_as(0, &cease);
    let sent = talk.frames();
    send(&net, &scratch, &sent);
    let first = wait_for_files(&folder, is_notification);
    let [file] = &first[..] else {
        panic!("{first:?}");
    };
    assert!(octets(file, &scratch) == bytes_of(&sent), "other octets");
    let (_, text) = comment(file, "bgp.type == 3");
    assert!(
        text.starts_with("NOTIFICATION 6/4 from 192.0.2.1"),
        "{text}"
    );

    // What is to follow is waited for, but for the change.
    live.reload(&config, &with(10), 2);
    let mut talk = Conversation::from_port(40_001);
    talk.say_as(1, &cease);
    let sent = talk.frames();
    send(&net, &scratch, &sent);
    wait_for_events(&json, "NOTIFICATION", 2);
    live.reload(&config, &without, 3);
    let is_new = |name: &str| is_notification(name) && !first.contains(&folder.join(name));
    let second = wait_for_files(&folder, is_new);
    let [file] = &second[..] else {
        panic!("{second:?}");
    };
    let sent = bytes_of(&sent[HANDSHAKE..]);
    assert!(octets(file, &scratch) == sent, "other octets");

    // Now none is kept.
    let mut talk = Conversation::from_port(40_002);
    talk.say_as(0, &cease);
    send(&net, &scratch, &talk.frames());
    wait_for_events(&json, "NOTIFICATION", 3);

    // And again: the end does not wait.
    live.reload(&config, &with(10), 4);
    let mut talk = Conversation::from_port(40_003);
    talk.say_as(0, &cease);
    send(&net, &scratch, &talk.frames());
    wait_for_events(&json, "NOTIFICATION", 4);
    assert!(!live.log().contains("refused"), "{}", live.log());
    live.stop();
    let mut kept = files(&folder);
    kept.retain(|file| !first.contains(file) && !second.contains(file));
    let [file] = &kept[..] else {
        panic!("{kept:?}");
    };
    let (_, text) = comment(file, "bgp.type == 3 && tcp.port == 40003");
    assert!(
        text.starts_with("NOTIFICATION 6/4 from 192.0.2.1"),
        "{text}"
    );
}
