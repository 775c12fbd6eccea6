//! Outputs that are pipes, devices and standard output: where one fails, the others go on, and a capture does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Scratch, recording};

/// Runs `read` on the recording: status, and what it says on standard error.
fn read(scratch: &Scratch, args: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.arg("read").arg(recording()).args(args.split(' '));
    let output = command.current_dir(scratch.path("")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What the outputs say that nothing happens to.
fn whole(scratch: &Scratch) -> Vec<u8> {
    let (status, said) = read(scratch, "--mrt whole.mrt --json whole.json");
    assert_eq!(status, Some(0), "{said}");
    fs::read(scratch.path("whole.mrt")).unwrap()
}

#[test]
fn the_others_are_whole_where_one_output_fails() {
    let scratch = Scratch::new("streams");
    let whole = whole(&scratch);
    let (status, said) = read(&scratch, "--json /dev/full --mrt a.mrt --summary s");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("writing json: No space left"), "{said}");
    assert_eq!(fs::read(scratch.path("a.mrt")).unwrap(), whole);
    let summary = json(&scratch.path("s"));
    assert_eq!(summary["messages"]["UPDATE"], 3249);
    assert_eq!(summary["outputs"]["json"]["dropped"]["write_error"], 3588);
}

#[test]
fn who_reads_standard_output_may_stop_while_others_go_on() {
    let scratch = Scratch::new("streams");
    let whole = whole(&scratch);
    let mut child = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(recording())
        .args("--json - --mrt a.mrt --summary s".split(' '))
        .current_dir(scratch.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    assert!(line.starts_with("{\"type\""), "{line}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read(scratch.path("a.mrt")).unwrap(), whole);
    assert_eq!(json(&scratch.path("s"))["messages"]["UPDATE"], 3249);
}

/// Without any output left there is nothing to read on for.
#[test]
fn what_nobody_reads_ends() {
    let scratch = Scratch::new("streams");
    let (status, said) = read(&scratch, "--json /dev/full");
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("no output was left, so not all was read"),
        "{said}"
    );
    let seen = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("frames      seen "));
    let seen = seen.and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    assert!(seen.is_some_and(|seen| seen < 3240), "{said}");
}

/// What comes at the end may fail like anything else: the rest was done.
#[test]
fn a_failure_at_the_end_is_one_in_part() {
    let scratch = Scratch::new("streams");
    let whole = whole(&scratch);
    for last in ["--summary /dev/full", "--rib-out /dev/full"] {
        let other = match last.starts_with("--rib") {
            true => " --summary s",
            false => "",
        };
        let (status, said) = read(&scratch, &format!("--mrt a.mrt {last}{other}"));
        assert_eq!(status, Some(1), "{last}: {said}");
        assert!(said.contains("/dev/full"), "{said}");
        assert_eq!(fs::read(scratch.path("a.mrt")).unwrap(), whole, "{last}");
    }
    assert_eq!(json(&scratch.path("s"))["unaccounted"]["frames"], 0);
}

#[test]
fn a_stream_is_not_begun_anew() {
    let scratch = Scratch::new("streams");
    for stream in [
        "--json - --json-rotate 5m",
        "--mrt /dev/null --mrt-rotate-size 1k",
    ] {
        let (status, said) = read(&scratch, stream);
        assert_eq!(status, Some(2), "{said}");
        assert!(
            said.contains("it is standard output, a pipe or a device"),
            "{said}"
        );
    }
}

#[cfg(feature = "capture")]
mod live {
    use super::*;
    use std::time::{Duration, Instant};
    use support::net::{Live, Net, TAP, allowed, run};

    /// Waits until so many lines are there, or fails with what is.
    fn wait_for_lines(file: &Path, count: usize) {
        let begun = Instant::now();
        loop {
            let lines = fs::read_to_string(file).unwrap_or_default().lines().count();
            if lines >= count {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{lines} lines");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A pipe does not keep a capture waiting for its reader, nor end it when the reader goes; the next reader gets what
    /// comes from then on, and what nobody read is counted.
    #[test]
    fn readers_of_a_pipe_come_and_go() {
        if !allowed() {
            return;
        }
        let (net, scratch) = (Net::new(), Scratch::new("pipe"));
        let [pipe, plain, first, second] =
            ["pipe", "plain.json", "first", "second"].map(|name| scratch.path(name));
        run(Command::new("mkfifo").arg(&pipe));
        let [to_pipe, to_plain] = [&pipe, &plain].map(|path| path.to_str().unwrap());
        // By text, of which there is a line for each event too.
        let more = ["--text", to_pipe, "-v", "--json", to_plain];
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        let capture = scratch.path("frames.pcap");
        let shape = support::synth::Synth {
            frames: 30_000,
            sessions: 4,
            gap_ns: 10_000,
        };
        shape
            .write(&mut fs::File::create(&capture).unwrap())
            .unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| net.replay(&capture, &["--rate", "4000"]));
            for (to, nobody_until) in [(&first, 2000), (&second, 16_000)] {
                wait_for_lines(&plain, nobody_until);
                let output = fs::File::create(to).unwrap();
                let mut cat = Command::new("cat");
                let mut cat = cat.arg(&pipe).stdout(output).spawn().unwrap();
                let begun = Instant::now();
                while fs::metadata(to).unwrap().len() == 0 {
                    assert!(begun.elapsed() < Duration::from_secs(30), "nothing comes");
                    std::thread::sleep(Duration::from_millis(20));
                }
                cat.kill().unwrap();
                cat.wait().unwrap();
            }
        });
        let summary = live.stop_with(1);
        assert_eq!(summary["unaccounted"]["frames"], 0);
        let dropped = &summary["outputs"]["text"]["dropped"]["write_error"];
        assert!(dropped.as_u64() > Some(0), "{summary}");
        assert!(
            summary["outputs"]["json"].is_null(),
            "{}",
            summary["outputs"]
        );
        for file in [&first, &second] {
            let text = fs::read_to_string(file).unwrap();
            assert!(text.contains("UPDATE"), "{text}");
        }
    }
    /// Whoever asks twice does not wait for an output that hangs, and is told that not all was done.
    #[test]
    fn a_second_signal_ends_at_once() {
        if !allowed() {
            return;
        }
        let (net, scratch) = (Net::new(), Scratch::new("twice"));
        let pipe = scratch.path("pipe");
        run(Command::new("mkfifo").arg(&pipe));
        // Held open, and never read.
        let mut held = fs::File::options();
        let held = held.read(true).write(true).open(&pipe).unwrap();
        let live = Live::start(&net.mon, TAP, &scratch, &["--json", pipe.to_str().unwrap()]);
        net.replay(recording(), &["--speed", "max"]);
        live.signal("TERM");
        let begun = Instant::now();
        while !live.log().contains("captured") && begun.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(10));
        }
        live.signal("TERM");
        assert_eq!(live.ended(), Some(1));
        assert!(begun.elapsed() < Duration::from_secs(20), "it has waited");
        drop(held);
    }

    /// Those who have gone leave their places, also while nothing is told.
    #[test]
    fn listeners_come_and_go_before_the_first_frame() {
        if !allowed() {
            return;
        }
        const HTTP: &str = "127.0.0.1:9180";
        let (net, scratch) = (Net::new(), Scratch::new("listeners"));
        let live = Live::start(&net.mon, TAP, &scratch, &["--http", HTTP]);
        let listen = || -> u16 {
            use std::io::Write;
            let stream = std::net::TcpStream::connect(HTTP).unwrap();
            (&stream)
                .write_all(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
                .unwrap();
            let mut head = String::new();
            BufReader::new(stream).read_line(&mut head).unwrap();
            head.split(' ').nth(1).unwrap().parse().unwrap()
        };
        // Sixteen may listen at a time.
        for _ in 0..40 {
            let begun = Instant::now();
            while Net::within(&net.mon, listen) != 200 {
                assert!(begun.elapsed() < Duration::from_secs(5), "no place");
            }
        }
        live.stop();
    }

    /// Nobody was ever there to be told, and nobody will make up for it.
    #[test]
    fn a_station_that_never_came_is_a_loss() {
        if !allowed() {
            return;
        }
        for (strict, status) in [("--strict", 1), ("--raw", 0)] {
            let (net, scratch) = (Net::new(), Scratch::new("absent"));
            let log = scratch.path("live.log");
            let more = ["--bmp", "127.0.0.1:11019", strict];
            let live = Live::start(&net.mon, TAP, &scratch, &more);
            net.replay(recording(), &["--speed", "max"]);
            let summary = live.stop_with(status);
            let untold = &summary["outputs"]["bmp"]["dropped"]["resync"];
            let said = fs::read_to_string(log).unwrap();
            let told = format!("{untold} messages were not told by BMP");
            assert!(untold.as_u64() > Some(0) && said.contains(&told), "{said}");
        }
    }
    /// Standard output may lead to a file on a disk that gets full: what is there are whole records, and the others are
    /// counted.
    #[test]
    fn a_disk_that_gets_full_under_standard_output_has_whole_records() {
        if !allowed() {
            return;
        }
        let scratch = Scratch::new("stdout");
        let whole = whole(&scratch);
        let disk = scratch.path("disk");
        fs::create_dir(&disk).unwrap();
        let mut mount = Command::new("mount");
        run(mount
            .args(["-t", "tmpfs", "-o", "size=192k", "none"])
            .arg(&disk));
        let file = disk.join("a.mrt");
        let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
            .arg("read")
            .arg(recording())
            .args(["--mrt", "-"])
            .stdout(fs::File::create(&file).unwrap())
            .output()
            .unwrap();
        let there = fs::read(&file).unwrap();
        run(Command::new("umount").arg("-l").arg(&disk));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("writing mrt: No space left"), "{said}");
        assert!(
            whole.starts_with(&there) && there.len() > 10_000,
            "{}",
            there.len()
        );
        let (mut rest, mut records) = (&there[..], 0);
        while let Some(length) = rest.get(8..12) {
            let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
            rest = rest.get(12 + length..).expect("a whole record");
            records += 1;
        }
        assert!(rest.is_empty() && records > 100, "{records} records");
    }
}
