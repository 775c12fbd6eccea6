//! SIGHUP: no output writes over what another one of this run has written, or is going to; and files that were moved away
//! are opened anew.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::net::{Live, Net, TAP, allowed};
use support::{Scratch, recording};

/// Events of the recording.
const EVENTS: usize = 3588;

struct Bench {
    net: Net,
    scratch: Scratch,
    live: Live,
    config: PathBuf,
    reloads: usize,
}

impl Bench {
    /// `keys` are TOML, in which `@` stands for the folder of the outputs.
    fn start(name: &str, keys: &str) -> Self {
        let (net, scratch) = (Net::new(), Scratch::new(name));
        let config = scratch.path("bgptap.toml");
        fs::create_dir(scratch.path("out")).unwrap();
        let keys = keys.replace('@', scratch.path("out").to_str().unwrap());
        fs::write(&config, keys).unwrap();
        let at = config.to_str().unwrap();
        let live = Live::start(&net.mon, TAP, &scratch, &["--config", at]);
        Self {
            net,
            scratch,
            live,
            config,
            reloads: 0,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path("out").join(name)
    }

    /// Has the file read again; what is said of that.
    fn reload(&mut self, keys: &str) -> String {
        let keys = keys.replace('@', self.scratch.path("out").to_str().unwrap());
        fs::write(&self.config, keys).unwrap();
        self.live.signal("HUP");
        self.reloads += 1;
        let begun = Instant::now();
        loop {
            let log = self.live.log();
            if let Some((_, said)) = log.rsplit_once("SIGHUP:")
                && log.matches("SIGHUP:").count() == self.reloads
            {
                return said.to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn replay(&self) {
        self.net.replay(recording(), &["--speed", "max"]);
    }
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}

fn wait_for_lines(file: &Path, count: usize) {
    let begun = Instant::now();
    while fs::read_to_string(file).unwrap_or_default().lines().count() < count {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", lines(file));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_one_output_has_written_no_other_takes_the_place_of() {
    if !allowed() {
        return;
    }
    let text = "text = '@/t'\n";
    let first = format!("{text}json = '@/a'\nmrt = '@/m'\n");
    let mut bench = Bench::start("reload-names", &first);
    bench.replay();
    wait_for_lines(&bench.file("a"), EVENTS);
    let refuse = |bench: &mut Bench, keys: &str, flag: &str| {
        let said = bench.reload(keys);
        assert!(said.contains("refused, all stays"), "{keys}: {said}");
        let why = format!("the place of what {flag} writes there in this run");
        assert!(said.contains(&why), "{keys}: {said}");
        assert_eq!(lines(&bench.file("a")), EVENTS, "{keys}");
    };
    for (keys, flag) in [
        ("json = '@/m'\n", "--mrt"),
        ("mrt = '@/a'\n", "--json"),
        ("json = '@/t'\nmrt = '@/m'\n", "--text"),
        ("mrt = '@/m'\nmrt-rib = '@/a'\n", "--json"),
        ("mrt = '@/m2'\njson = '@/m.part'\n", "--mrt"),
        ("mrt = '@/m2'\njson = '@/../out/m.part'\n", "--mrt"),
    ] {
        refuse(&mut bench, keys, flag);
    }
    let said = bench.reload(&format!("{text}json = '@/b'\nmrt = '@/n'\n"));
    assert!(said.contains("in effect"), "{said}");
    for (keys, flag) in [
        ("json = '@/m'\nmrt = '@/n'\n", "--mrt"),
        ("json = '@/a'\nmrt = '@/n'\n", "--json"),
        ("json = '@/b'\nmrt = '@/a'\n", "--json"),
    ] {
        refuse(&mut bench, keys, flag);
    }
    // What was moved away is not written over.
    fs::rename(bench.file("a"), bench.file("a.1")).unwrap();
    let said = bench.reload(&format!("{text}json = '@/a'\nmrt = '@/n'\n"));
    assert!(said.contains("in effect"), "{said}");
    // Nor does anything else begin there.
    for keys in [
        "json = '@/a'\nmrt = '@/n'\ntext = '@/a.1'\n",
        "json = '@/a.1'\nmrt = '@/n'\n",
    ] {
        let said = bench.reload(keys);
        assert!(said.contains("refused, all stays"), "{keys}: {said}");
    }
    bench.live.stop();
    assert_eq!(lines(&bench.scratch.path("out").join("a.1")), EVENTS);
}

/// logrotate(8) with `create`, as Debian has it, makes a new file of the same name.
#[test]
fn a_file_that_logrotate_has_made_anew_is_written_to() {
    if !allowed() {
        return;
    }
    let keys = "json = '@/a'\n";
    let mut bench = Bench::start("reload-logrotate", keys);
    let (now, old) = (bench.file("a"), bench.file("a.1"));
    for create in [true, false] {
        fs::rename(&now, &old).unwrap();
        if create {
            fs::write(&now, "").unwrap();
        }
        let said = bench.reload(keys);
        assert!(said.contains("in effect"), "{said}");
    }
    bench.replay();
    wait_for_lines(&now, EVENTS);
    let said = bench.reload(keys);
    assert!(said.contains("in effect"), "{said}");
    bench.live.stop();
    assert!(
        lines(&now) >= EVENTS,
        "the file goes on where nobody moved it"
    );
    assert_eq!(lines(&old), 0);
}

/// Lines for people move to another file like any output; the table at the end counts what was told before, too.
#[test]
fn lines_for_people_move() {
    if !allowed() {
        return;
    }
    let mut bench = Bench::start("reload-text", "json = '@/j'\ntext = '@/a'\n");
    bench.replay();
    let (before, after) = (bench.file("a"), bench.file("b"));
    wait_for_lines(&bench.file("j"), EVENTS);
    let said = bench.reload("json = '@/j'\ntext = '@/b'\n");
    assert!(
        said.contains("in effect") && !said.contains("restart"),
        "{said}"
    );
    bench.live.stop();
    let [before, after] = [before, after].map(|file| fs::read_to_string(file).unwrap());
    assert!(before.contains(" UPDATE "), "{before}");
    assert!(!after.contains(" UPDATE "), "{after}");
    // `read` of the same, whose table the tests of `--text` hold.
    let read = std::process::Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(recording())
        .output()
        .unwrap();
    let read = String::from_utf8(read.stdout).unwrap();
    let totals = read.lines().next_back().unwrap();
    assert!(totals.contains(" messages, "), "{totals}");
    assert_eq!(after.lines().next_back(), Some(totals));
    assert!(!before.contains(totals), "{before}");
}

/// Files that were begun anew by size have numbers, and evidence has names of its own.
#[test]
fn finished_files_of_the_run_are_not_written_over() {
    if !allowed() {
        return;
    }
    let first = "json = '@/a'\njson-rotate-size = '500k'\nevidence = '@/ev'\n";
    let mut bench = Bench::start("reload-finished", first);
    bench.replay();
    let begun = Instant::now();
    let is_there = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let evidence = |folder: &Path| {
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut files = files.filter(|path| path.extension().is_some_and(|it| it == "pcapng"));
        files.next()
    };
    let (numbered, folder) = (bench.file("a.1"), bench.file("ev"));
    while !is_there(&numbered) || evidence(&folder).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "too little came");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kept = evidence(&folder).unwrap();
    let before = [&numbered, &kept].map(|path| fs::read(path).unwrap());
    let kept_name = kept.file_name().unwrap().to_str().unwrap();
    for second in [
        format!("{first}text = '@/a.1'\n"),
        "json = '@/a.1'\n".to_owned(),
        format!("json = '@/ev/{kept_name}'\n"),
    ] {
        let said = bench.reload(&second);
        assert!(said.contains("refused, all stays"), "{second}: {said}");
        let now = [&numbered, &kept].map(|path| fs::read(path).unwrap());
        assert!(now == before, "{second}");
    }
    bench.live.stop();
}

/// After the start other folders cannot be written to, whatever their rights.
#[test]
fn another_folder_takes_a_restart() {
    if !allowed() {
        return;
    }
    let mut bench = Bench::start("reload-folder", "json = '@/a'\n");
    let other = Scratch::new("reload-elsewhere");
    let said = bench.reload(&format!("json = '{}'\n", other.path("a").display()));
    assert!(said.contains("refused, all stays"), "{said}");
    assert!(said.contains("or start it anew"), "{said}");
    bench.live.stop();
}
