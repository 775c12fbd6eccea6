//! What a user meets who is wrong: each message says what happened, to what, and what to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Scratch, recording};

/// Files of every kind that a user may name, in a folder of their own.
fn files() -> Scratch {
    let scratch = Scratch::new("errors");
    let capture = fs::read(recording()).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(scratch.path(name), bytes).unwrap();
    write("good.pcap", &capture);
    write("empty.pcap", b"");
    write("notes.txt", b"hello world, this is no capture");
    write("cut.pcap", &capture[..20_000]);
    write("header.pcap", &capture[..24]);
    write("short.pcap", &capture[..10]);
    // Link type 189: USB.
    write(
        "usb.pcap",
        &[&capture[..20], &[189, 0, 0, 0], &capture[24..]].concat(),
    );
    fs::create_dir(scratch.path("folder")).unwrap();
    scratch
}

/// Runs `bgptap` in the folder; its status and what it says on standard error.
fn run(folder: &Path, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    // Two spaces are an empty argument.
    command.args(line.split(' ')).current_dir(folder);
    command.env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

/// Command line, status, and what must be said about it: what happened, to what, what to do.
type Case = (&'static str, i32, &'static [&'static str]);

fn check(cases: &[Case]) {
    check_in(&files(), cases);
}

fn check_in(scratch: &Scratch, cases: &[Case]) {
    let folder = scratch.path("");
    for (line, status, parts) in cases {
        let (ended, text) = run(&folder, line);
        assert_eq!(ended, Some(*status), "bgptap {line}: {text}");
        for part in *parts {
            assert!(text.contains(part), "bgptap {line}: no {part:?} in: {text}");
        }
        assert!(!text.contains("panicked"), "bgptap {line}: {text}");
    }
}

const READS: &str =
    "try: a file of pcap, pcapng or MRT (BGP4MP), plain or compressed with gzip or zstd";

#[test]
fn inputs() {
    check(&[
        (
            "read nosuch",
            2,
            &["cannot open nosuch: No such file", "check the name"],
        ),
        (
            "read folder",
            2,
            &[
                "cannot open folder: is a directory",
                "name the files in it: folder/*.pcap",
            ],
        ),
        (
            "read empty.pcap",
            2,
            &["empty.pcap is not a capture file: it is empty", READS],
        ),
        (
            "read notes.txt",
            2,
            &[
                "notes.txt is not a capture file: it begins with 68 65 6c 6c",
                READS,
            ],
        ),
        (
            "read short.pcap",
            2,
            &[
                "short.pcap is not a capture file",
                "needs 24 bytes, 10 are left",
                READS,
            ],
        ),
        (
            "read -",
            2,
            &["standard input is not a capture file: it is empty", READS],
        ),
        (
            "read usb.pcap",
            2,
            &[
                "reading usb.pcap: its link type is 189",
                "name a capture taken as one of Ethernet",
            ],
        ),
        (
            "read good.pcap nosuch",
            2,
            &["cannot open nosuch", "check the name"],
        ),
        (
            "read cut.pcap",
            1,
            &[
                "cut.pcap: at byte 19985: the file is cut short",
                "what came before it was kept",
            ],
        ),
        (
            "read header.pcap",
            0,
            &["warning: there are no frames to be read"],
        ),
        (
            "read good.pcap --port 1179",
            0,
            &["none of 3240 frames is of TCP port 1179", "--port N"],
        ),
    ]);
}

#[test]
fn outputs() {
    check(&[
        (
            "read good.pcap --json no/x",
            2,
            &[
                "writing no/x: No such file",
                "a folder that exists",
                "mkdir -p no",
            ],
        ),
        (
            "read good.pcap --summary folder",
            2,
            &[
                "writing folder: Is a directory",
                "name a file in it: folder/NAME",
            ],
        ),
        (
            "read good.pcap --text no/x",
            2,
            &[
                "writing no/x: No such file",
                "a folder that exists",
                "mkdir -p no",
            ],
        ),
        (
            "read good.pcap --rib-out no/x",
            2,
            &[
                "writing no/x: No such file",
                "a folder that exists",
                "mkdir -p no",
            ],
        ),
        (
            "read good.pcap --json ./good.pcap",
            2,
            &[
                "writing ./good.pcap for --json",
                "one of the captures to be read",
                "a file of its own",
            ],
        ),
        (
            "read good.pcap --json a --summary a",
            2,
            &[
                "writing a for --summary",
                "--json is written to the same file",
                "a file of its own",
            ],
        ),
        (
            "read good.pcap --json - --text -",
            2,
            &[
                "--json and --text to standard output",
                "mixed",
                "name of a file",
            ],
        ),
        (
            "read good.pcap --mrt - --text -",
            2,
            &["--mrt and --text to standard output", "mixed"],
        ),
        (
            "read good.pcap --json - --mrt -",
            2,
            &[
                "--mrt and --json to standard output",
                "mixed",
                "try: give one of them a file",
            ],
        ),
        (
            "read good.pcap --mrt no/%Y/x.%H",
            2,
            &[
                "writing no/%Y/x.%H",
                "a folder that exists, or: mkdir -p no\n",
            ],
        ),
        (
            "read good.pcap --mrt x.%Q",
            2,
            &["--mrt <FILE>", "write %Y, %m, %d, %H, %M, %S or %s"],
        ),
        (
            "read good.pcap --mrt a --mrt-rib a",
            2,
            &["writing a for --mrt-rib", "--mrt is written to the same"],
        ),
        (
            "read good.pcap --metrics 192.0.2.1:9",
            2,
            &[
                "listening on 192.0.2.1:9",
                "give another address with --metrics ADDR:PORT",
            ],
        ),
        (
            "read good.pcap --evidence notes.txt",
            2,
            &[
                "writing into notes.txt: File exists",
                "try: name a folder, or one that can be made; notes.txt is a file",
            ],
        ),
        (
            "read good.pcap --evidence notes.txt/a/b",
            2,
            &[
                "writing into notes.txt/a/b: Not a directory",
                "try: name a folder, or one that can be made",
            ],
        ),
        (
            "read good.pcap --json notes.txt/a",
            2,
            &[
                "writing notes.txt/a: Not a directory",
                "try: name a file in a folder; notes.txt is none",
            ],
        ),
        (
            "man good.pcap/x",
            2,
            &[
                "writing manual pages to good.pcap/x: Not a directory",
                "name a folder",
            ],
        ),
    ]);
}

/// What the start refuses for what a file says, and not for what there is, the check refuses, too.
#[test]
fn what_the_check_lets_through_is_not_refused_for_its_text() {
    let scratch = files();
    let refused = |text: &str| {
        fs::write(scratch.path("c.toml"), text).unwrap();
        let (status, said) = run(&scratch.path(""), "config check c.toml");
        assert_eq!(status, Some(2), "{text}: {said}");
        assert!(said.starts_with("bgptap: c.toml:"), "{text}: {said}");
        assert!(said.contains("\n  try: "), "{text}: {said}");
        said
    };
    for (text, why) in [
        ("json = '-'\nmrt = '-'", "they would be mixed"),
        ("json = '-'\ntext = '-'", "would be mixed"),
        ("json = 'x'\nsummary = './x'", "written to the same file"),
        ("mrt = 'x'\nmrt-rib = 'x'", "written to the same file"),
        ("json = 'x'\nevidence = 'x'", "written to the same file"),
        (
            "[read]\njson = 'x'\nrib-out = 'x'",
            "written to the same file",
        ),
        (
            "json = '-'\njson-rotate = '5m'",
            "try: name a file, or leave out that another one is begun by time or size",
        ),
        ("mrt = '/dev/null'\nmrt-rotate-size = '1k'", "or a device"),
        ("json = 'x.%Q'", "begins nothing strftime knows"),
        ("bmp = '127.0.0.1'", "give the station as HOST:PORT"),
        ("bmp = ['a:1', 'a:1']", "try: --bmp a:1 once"),
        #[cfg(feature = "kafka")]
        ("kafka = 'a:1'\nno-rib = true", "there would be none"),
        #[cfg(feature = "capture")]
        (
            "tap = true\nbackend = 'af-packet'",
            "copies are captured by AF_XDP",
        ),
        #[cfg(feature = "capture")]
        ("interface = ['a', 'a']", "named twice"),
        #[cfg(all(feature = "capture", feature = "top"))]
        ("top = true\njson = '-'", "writes to the same terminal"),
    ] {
        let said = refused(text);
        assert!(said.contains(why), "{text}: {said}");
    }
    // A command line that names a file which contradicts itself is told the line, too.
    let said = refused("no-rib = true\nmrt-rib = 'x'");
    let (status, again) = run(&scratch.path(""), "read good.pcap --config c.toml");
    assert_eq!((status, again), (Some(2), said));
}

/// What is in a file is judged with the key and the line, and what to do.
#[test]
fn configurations() {
    let scratch = files();
    let write = |name: &str, text: &str| fs::write(scratch.path(name), text).unwrap();
    write("needs.toml", "# a comment\nmrt-rotate = '15m'\n");
    write("without.toml", "json = 'x'\n");
    write("unknown.toml", "json = 'x'\n[live]\nrign = 64\n");
    write("strange.toml", "zzzzzzzz = 1\n");
    write("alone.toml", "mrt = 'x'\njson-filter = 'eor'\n");
    write("tables.toml", "mrt-rib = 'x'\nonly-changes = true\n");
    write("value.toml", "checksums = 'maybe'\n");
    write("number.toml", "host = ['a', 'b']\n");
    write("both.toml", "[read]\nno-rib = true\nrib-memory = 64\n");
    let cases: &[Case] = &[
        (
            "config check unknown.toml",
            2,
            &["unknown.toml:3: unknown key `rign`", "try: `ring`"],
        ),
        (
            "config check strange.toml",
            2,
            &[
                "strange.toml:1: unknown key `zzzzzzzz`",
                "try: see what every key takes: bgptap config show /dev/null",
            ],
        ),
        (
            "config check value.toml",
            2,
            &["value.toml:1: `checksums`", "try: one of off, auto, on"],
        ),
        (
            "config check number.toml",
            2,
            &[
                "number.toml:1: `host` takes a string or a number",
                "try: see what every key takes",
            ],
        ),
        (
            "config check both.toml",
            2,
            &["cannot be beside", "try: leave one of them out"],
        ),
        (
            "config check nosuch.toml",
            2,
            &[
                "nosuch.toml: the configuration cannot be read: No such file",
                "try: check the name",
            ],
        ),
        (
            "read good.pcap --config nosuch.toml",
            2,
            &["the configuration cannot be read", "check the name"],
        ),
        (
            "config check folder",
            2,
            &[
                "the configuration cannot be read: Is a directory",
                "name the file in it",
            ],
        ),
        (
            "config check needs.toml",
            2,
            &["needs.toml:2: `mrt-rotate` needs `mrt`", "add `mrt`"],
        ),
        (
            "config check alone.toml",
            2,
            &[
                "alone.toml:2: `json-filter` needs `json`",
                "try: add `json`, or leave `json-filter` out",
            ],
        ),
        (
            "config check tables.toml",
            2,
            &[
                "tables.toml:2: `only-changes` needs `json` or `mrt`",
                "leave `only-changes` out",
            ],
        ),
        (
            "read good.pcap --config alone.toml",
            2,
            &[
                "bgptap: alone.toml:2: `json-filter` needs `json`",
                "json-filter = 'eor'",
                "try: add `json`, or leave `json-filter` out",
            ],
        ),
        (
            "config check without.toml",
            0,
            &["without.toml can be used", "no `interface`", "--interface"],
        ),
    ];
    check_in(&scratch, cases);
}

/// What Kafka is told, in a file: brokers, format, topic and filter are judged as they are as flags.
#[cfg(feature = "kafka")]
#[test]
fn configurations_of_kafka() {
    let scratch = files();
    let write = |name: &str, text: &str| fs::write(scratch.path(name), text).unwrap();
    write("list.toml", "json = 'x'\nkafka = 'a:9092,'\n");
    write("port.toml", "kafka = 'a:port'\n");
    write("array.toml", "kafka = ['a:9092', 'b:9092']\n");
    write("empty.toml", "kafka = ''\n");
    write("format.toml", "kafka = 'a:9092'\nkafka-format = 'xml'\n");
    write(
        "topic.toml",
        "[live]\nkafka = 'a:9092'\nkafka-topic = 'a b'\n",
    );
    write(
        "filter.toml",
        "kafka = 'a:9092'\nkafka-filter = 'type updat'\n",
    );
    write("alone.toml", "kafka-format = 'json'\n");
    write(
        "fits.toml",
        "kafka = 'a:9092,[::1]:9093'\nkafka-format = 'json'\nkafka-topic = 'bgp.{router}'\n",
    );
    let cases: &[Case] = &[
        (
            "config check port.toml",
            2,
            &[
                "port.toml:1: `kafka`: `a:port` is no broker: a name or an address, and a port from 1 to 65535",
                "kafka = 'a:port'",
            ],
        ),
        (
            "config check list.toml",
            2,
            &[
                "list.toml:2: `kafka`: a broker is empty; give them as HOST:PORT,HOST:PORT",
                "kafka = 'a:9092,'",
                "try: ",
            ],
        ),
        (
            "config check array.toml",
            2,
            &["array.toml:1: `kafka` takes a string", "try: "],
        ),
        (
            "config check empty.toml",
            2,
            &["empty.toml:1: `kafka`: it is empty", "try: "],
        ),
        (
            "config check format.toml",
            2,
            &[
                "format.toml:2: `kafka-format` cannot have this value",
                "try: one of openbmp, json",
            ],
        ),
        (
            "config check topic.toml",
            2,
            &[
                "topic.toml:3: `kafka-topic`: ` ` cannot be in it",
                "letters, digits",
            ],
        ),
        (
            "config check filter.toml",
            2,
            &[
                "filter.toml:2: `kafka-filter`: there is no type `updat`",
                "perhaps `update`",
            ],
        ),
        (
            "config check alone.toml",
            2,
            &["alone.toml:1: `kafka-format` needs `kafka`", "add `kafka`"],
        ),
        ("config check fits.toml", 0, &["fits.toml can be used"]),
    ];
    check_in(&scratch, cases);
}

/// Nobody takes what is told: what a file says is not to be lost without a word.
#[test]
fn nobody_listens() {
    let scratch = files();
    let cases: &[Case] = &[(
        "read good.pcap --bmp 127.0.0.1:9",
        1,
        &[
            "the BMP station 127.0.0.1:9 cannot be reached",
            "nc -vz 127.0.0.1 9",
        ],
    )];
    check_in(&scratch, cases);
}

#[cfg(feature = "kafka")]
#[test]
fn no_broker_takes_lines() {
    let scratch = files();
    let line = "read good.pcap --kafka 127.0.0.1:9 --kafka-format json --port 179";
    let cases: &[Case] = &[(
        line,
        1,
        &[
            "kafka: 0 lines delivered",
            "Connection refused",
            "kcat -L -b 127.0.0.1:9",
        ],
    )];
    check_in(&scratch, cases);
    let told: &[&str] = &[
        "not delivered: ",
        "Connection refused",
        "try: ",
        "kcat -L -b 127.0.0.1:9",
    ];
    check_in(
        &scratch,
        &[("read good.pcap --kafka 127.0.0.1:9 --port 179", 1, told)],
    );
}

/// An option that says something of one output is of no use without it; which one that is, is said.
#[test]
fn options_without_their_output() {
    let expr = ["eor"];
    let cases: &[(&str, &[&str], &str)] = &[
        ("--json-format", &["elem"], "'--json <FILE>'"),
        ("--json-filter", &expr, "'--json <FILE>'"),
        ("--json-rotate", &["1h"], "'--json <FILE>'"),
        ("--json-rotate-size", &["1M"], "'--json <FILE>'"),
        ("--mrt-filter", &expr, "'--mrt <FILE>'"),
        ("--mrt-rotate", &["1h"], "'--mrt <FILE>'"),
        ("--mrt-rotate-size", &["1M"], "'--mrt <FILE>'"),
        ("--mrt-rib-filter", &expr, "'--mrt-rib <FILE>'"),
        ("--mrt-rib-interval", &["1h"], "'--mrt-rib <FILE>'"),
        ("--bmp-filter", &expr, "'--bmp <HOST:PORT>'"),
        ("--bmp-queue", &["1"], "'--bmp <HOST:PORT>'"),
        ("--bmp-statistics", &["1"], "'--bmp <HOST:PORT>'"),
        ("--router", &["192.0.2.1"], "'--bmp <HOST:PORT>'"),
        #[cfg(feature = "kafka")]
        ("--router", &["192.0.2.1"], "or '--kafka <BROKERS>'"),
        #[cfg(feature = "kafka")]
        ("--kafka-filter", &expr, "'--kafka <BROKERS>'"),
        #[cfg(feature = "kafka")]
        ("--kafka-format", &["json"], "'--kafka <BROKERS>'"),
        #[cfg(feature = "kafka")]
        ("--kafka-topic", &["a"], "'--kafka <BROKERS>'"),
        ("--evidence-filter", &expr, "'--evidence <DIR>'"),
        ("--evidence-seconds", &["1"], "'--evidence <DIR>'"),
        ("--evidence-memory", &["1"], "'--evidence <DIR>'"),
        ("--evidence-disk", &["1"], "'--evidence <DIR>'"),
        ("--text-filter", &expr, "'--text <FILE>'"),
        ("--verbose", &[], "'--text <FILE>'"),
        ("--only-changes", &[], "'--json <FILE>'"),
        ("--only-changes", &[], "'--evidence <DIR>'"),
        ("--only-changes", &[], "'--text <FILE>'"),
    ];
    let scratch = files();
    for (option, value, output) in cases {
        let value = value.concat();
        let given = format!("{option} {value}");
        let given = given.trim();
        for command in ["read good.pcap", "live -i x"] {
            // The summary is none of these outputs.
            let (status, text) = run(&scratch.path(""), &format!("{command} --summary s {given}"));
            assert_eq!(status, Some(2), "{command} {given}: {text}");
            let belongs = format!("error: the argument '{option}");
            assert!(text.contains(&belongs), "{command} {given}: {text}");
            assert!(text.contains(output), "{command} {given}: {text}");
            assert!(text.contains("  tip: add "), "{command} {given}: {text}");
            let usage = format!("Usage: bgptap {}", command.split(' ').next().unwrap());
            assert!(text.contains(&usage), "{command} {given}: {text}");
        }
        assert!(!scratch.path("s").exists(), "{given}");
        // With it they are taken: what is wrong then is the input.
        let output = output.trim_start_matches("or ").trim_matches('\'');
        let output = output.replace("<HOST:PORT>", "localhost:9");
        let output = output.split(" <").next().unwrap().to_owned();
        let output = match output.contains("localhost") {
            true => output,
            false => format!("{output} o"),
        };
        let (_, text) = run(&scratch.path(""), &format!("read nosuch {output} {given}"));
        assert!(
            text.contains("cannot open nosuch"),
            "{output} {given}: {text}"
        );
    }
    // Text comes unasked where nothing else is asked for.
    for options in ["-v --text-filter eor", "--only-changes"] {
        let (status, text) = run(&scratch.path(""), &format!("read good.pcap {options}"));
        assert_eq!(status, Some(0), "{options}: {text}");
    }
    // Tables have nothing that changes.
    for tables in ["--mrt-rib", "--rib-out"] {
        let line = format!("read good.pcap --only-changes {tables} tables");
        let (status, text) = run(&scratch.path(""), &line);
        assert_eq!(status, Some(2), "{line}: {text}");
        assert!(text.contains("'--only-changes' belongs to"), "{text}");
        assert!(!scratch.path("tables").exists(), "{line}");
    }
}

/// A start that is refused for the last of its outputs has emptied no file, and made no file or folder.
#[test]
fn nothing_is_left_of_a_start_that_is_refused() {
    let scratch = files();
    let named = || {
        let entries = fs::read_dir(scratch.path("")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let old = ["old.json", "old.summary", "old.text", "old.rib"];
    for name in old {
        fs::write(scratch.path(name), "an earlier run\n").unwrap();
    }
    let before = named();
    let refused = [
        "--mrt no/x",
        "--mrt-rib no/x",
        "--bmp nowhere.invalid:9",
        "--metrics 192.0.2.1:9",
        "--evidence notes.txt",
        "--rib-out no/x",
        #[cfg(feature = "kafka")]
        "--kafka localhost:9 --no-rib",
    ];
    for refused in refused {
        for name in ["old", "new"] {
            let mut line = format!(
                "read good.pcap --json {name}.json --summary {name}.summary --text {name}.text {refused}"
            );
            if !refused.contains("rib") {
                line += &format!(" --rib-out {name}.rib");
            }
            if !refused.contains("evidence") {
                line += " --evidence evidence/inner";
            }
            let (status, text) = run(&scratch.path(""), &line);
            assert_eq!(status, Some(2), "{line}: {text}");
            assert!(text.contains("\n  try: "), "{line}: {text}");
            assert_eq!(named(), before, "{line}: {text}");
            for name in old {
                let text = fs::read_to_string(scratch.path(name)).unwrap();
                assert_eq!(text, "an earlier run\n", "{line}: {name}");
            }
        }
    }
    // Where nothing is refused all of them are this run's.
    let line = "read good.pcap --json old.json --summary old.summary --text old.text --rib-out old.rib --evidence \
                evidence/inner";
    let (status, text) = run(&scratch.path(""), line);
    assert_eq!(status, Some(0), "{text}");
    for name in old {
        let text = fs::read_to_string(scratch.path(name)).unwrap();
        assert!(!text.is_empty() && !text.contains("earlier"), "{name}");
    }
    assert!(
        fs::read_dir(scratch.path("evidence/inner"))
            .unwrap()
            .count()
            > 0
    );
}

/// A capture that is named by mistake as an output is not touched.
#[test]
fn a_capture_is_not_overwritten() {
    let scratch = files();
    let capture = fs::read(scratch.path("good.pcap")).unwrap();
    let (status, _) = run(&scratch.path(""), "read good.pcap --summary good.pcap");
    assert_eq!(status, Some(2));
    assert_eq!(fs::read(scratch.path("good.pcap")).unwrap(), capture);
    // What a killed process has left is an input like any other, and no draft of this run.
    fs::write(scratch.path("old.mrt.part"), &capture).unwrap();
    for output in ["--mrt-rib old.mrt", "--mrt old.mrt"] {
        let (status, said) = run(&scratch.path(""), &format!("read old.mrt.part {output}"));
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("or would take its place"), "{said}");
        assert_eq!(fs::read(scratch.path("old.mrt.part")).unwrap(), capture);
    }
    // Nor is the configuration a place to write to.
    let config = "json = 'c.toml'\n";
    fs::write(scratch.path("c.toml"), config).unwrap();
    let (status, said) = run(&scratch.path(""), "read good.pcap --config c.toml");
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("it is the configuration"), "{said}");
    assert_eq!(fs::read_to_string(scratch.path("c.toml")).unwrap(), config);
}

/// However two outputs are named: nothing takes the place of the other.
#[test]
fn two_outputs_are_two_files() {
    let scratch = files();
    std::os::unix::fs::symlink("folder", scratch.path("link")).unwrap();
    std::os::unix::fs::symlink("new", scratch.path("dangling")).unwrap();
    for outputs in [
        "--json folder/../x --summary x",
        "--json link/x --mrt folder/x",
        "--mrt x --rib-out link/../x",
        "--json dangling --summary new",
        "--json %Y.json --mrt 2026.json",
        "--json x.gz --mrt x.gz.part",
        "--mrt x --text x.part",
        "--json x --json-rotate-size 1k --summary x.1",
    ] {
        let (status, said) = run(&scratch.path(""), &format!("read good.pcap {outputs}"));
        assert_eq!(status, Some(2), "{outputs}: {said}");
        assert!(said.contains("is written to the same file"), "{said}");
    }
    for outputs in [
        "--json %Y%m%d.json --summary summary.json",
        "--json x --summary x.1",
        "--json folder/x --mrt x",
    ] {
        let (status, said) = run(&scratch.path(""), &format!("read good.pcap {outputs}"));
        assert_eq!(status, Some(0), "{outputs}: {said}");
    }
}

#[test]
fn words_and_values() {
    check(&[
        (
            "red x",
            2,
            &[
                "unrecognized subcommand 'red'",
                "a similar subcommand exists: 'read'",
            ],
        ),
        (
            "read",
            2,
            &[
                "required arguments were not provided",
                "<FILE>",
                "Usage: bgptap read",
            ],
        ),
        (
            "read good.pcap --jsn x",
            2,
            &[
                "unexpected argument '--jsn'",
                "a similar argument exists: '--json'",
            ],
        ),
        (
            "read good.pcap --port 0",
            2,
            &["'0' for '--port <N>'", "a number from 1 to 65535 is needed"],
        ),
        (
            "read good.pcap --port bgp",
            2,
            &[
                "'bgp' for '--port <N>'",
                "a number from 1 to 65535 is needed",
            ],
        ),
        (
            "read good.pcap --rib-memory 0",
            2,
            &["'0' for '--rib-memory <MIB>'", "a number from 1 to"],
        ),
        (
            "read good.pcap --metrics 9179",
            2,
            &["'9179' for '--metrics <ADDR>'", "as in 127.0.0.1:9179"],
        ),
        (
            "read good.pcap --metrics localhost:9",
            2,
            &[
                "'localhost:9' for '--metrics <ADDR>'",
                "an IP address and a port",
            ],
        ),
        (
            "read good.pcap --messages upate",
            2,
            &["'upate' for '--messages", "there are open, update"],
        ),
        (
            "read good.pcap --checksums maybe",
            2,
            &["'maybe' for '--checksums", "off, auto, on"],
        ),
        (
            "read good.pcap --no-rib --rib-memory 5",
            2,
            &["'--no-rib' cannot be used with '--rib-memory <MIB>'"],
        ),
        (
            "read good.pcap --color red",
            2,
            &["'red' for '--color <WHEN>'", "auto, always, never"],
        ),
        (
            "read good.pcap --peer-name rtr1",
            2,
            &["'rtr1' for '--peer-name", "as in 192.0.2.1=rtr1"],
        ),
        (
            "read good.pcap --peer-name rtr1=192.0.2.1",
            2,
            &["`rtr1` is no IP address", "192.0.2.1=rtr1"],
        ),
        (
            "read good.pcap --host ",
            2,
            &["'--host <NAME>'", "it is empty"],
        ),
        (
            "read good.pcap --evidence e --evidence-memory 4000000000",
            2,
            &[
                "'4000000000' for '--evidence-memory <MIB>'",
                "a number from 1 to 65536",
            ],
        ),
        (
            "read good.pcap --bmp-queue x",
            2,
            &["'x' for '--bmp-queue <MIB>'", "a number from 1 to 4096"],
        ),
        (
            "read good.pcap --router bogus",
            2,
            &["`bogus` is no IP address", "as in 192.0.2.1,2001:db8::1"],
        ),
        (
            "completions tcsh",
            2,
            &["'tcsh' for '<SHELL>'", "bash", "zsh", "fish"],
        ),
    ]);
}

#[cfg(feature = "capture")]
#[test]
fn capturing_and_sending() {
    check(&[
        (
            "live",
            2,
            &[
                "required arguments were not provided",
                "--interface <IFACE>",
            ],
        ),
        ("live -i ", 2, &["'--interface <IFACE>'", "it is empty"]),
        (
            "live -i x --tap-mode tcx",
            2,
            &["required arguments were not provided", "--tap"],
        ),
        (
            "live -i x --ring 0",
            2,
            &["'0' for '--ring <N>'", "a number from 1 to 1048576"],
        ),
        (
            "live -i x --held-frames many",
            2,
            &[
                "'many' for '--held-frames <N>'",
                "a number from 0 to 1048576",
            ],
        ),
        (
            "live -i x --duration 1h",
            2,
            &["'1h' for '--duration <SECONDS>'", "a number from 1"],
        ),
        (
            "live -i x --mode fast",
            2,
            &["'fast' for '--mode", "auto, native, skb"],
        ),
        (
            "live -i x --json a --text a",
            2,
            &["writing a for --text", "--json is written to the same file"],
        ),
        (
            "live -i x --tap --backend af-packet",
            2,
            &["tapping with --backend af-packet", "leave --tap out"],
        ),
        (
            "replay good.pcap",
            2,
            &[
                "required arguments were not provided",
                "--interface <IFACE>",
            ],
        ),
        (
            "replay good.pcap -i x --speed fast",
            2,
            &[
                "sending at --speed fast",
                "`original`, `max` or a factor above 0",
            ],
        ),
        (
            "replay good.pcap -i x --speed -1",
            2,
            &[
                "sending at --speed -1",
                "a factor above 0",
                "leave --speed out",
            ],
        ),
        (
            "replay good.pcap -i x --rate 0",
            2,
            &["'0' for '--rate <FPS>'", "a number from 1"],
        ),
        (
            "replay good.pcap -i x --loop 0",
            2,
            &["'0' for '--loop <N>'", "a number from 1"],
        ),
    ]);
}

/// Whoever watched the start has gone: what was asked for is done all the same.
#[test]
fn nobody_reads_standard_error() {
    let scratch = files();
    let summary = scratch.path("summary");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command
        .arg("read")
        .arg(recording())
        .arg("--summary")
        .arg(&summary);
    let status = command.stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(fs::metadata(summary).unwrap().len() > 0);
}
