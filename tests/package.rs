//! The Debian package: installed, run as its unit runs it, removed, and purged without a trace. All of that in a mount
//! namespace, over the file system of this machine, which does not change.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::net::{self, Net, allowed};
use support::{Scratch, have, recording};

/// Exposure that `systemd-analyze security` finds, from 0.0 (none) to 10.0, as docs/operations.md states it.
const EXPOSURE: &str = "2.2";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn unit() -> PathBuf {
    repository().join("contrib/systemd/bgptap.service")
}

/// Values of the unit's settings, in their order.
fn settings() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(unit()).unwrap();
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        if !key.starts_with('#') {
            let values = settings.entry(key.to_owned()).or_default();
            values.push(value.to_owned());
        }
    }
    settings
}

#[test]
fn the_unit_exposes_no_more_than_is_stated() {
    if !have("systemd-analyze") {
        return;
    }
    let mut analyze = Command::new("systemd-analyze");
    let output = net::run(analyze.args(["security", "--offline=true"]).arg(unit()));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let overall = said.lines().find(|line| line.contains("Overall")).unwrap();
    let exposure = overall.split(": ").nth(1).unwrap();
    let exposure: f64 = exposure.split(' ').next().unwrap().parse().unwrap();
    let stated: f64 = EXPOSURE.parse().unwrap();
    assert!(exposure <= stated, "{overall}");
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    assert!(page.contains(&format!("exposure of {EXPOSURE}")));
}

/// Groups of system calls as systemd has them: `@name`, and what is in it.
fn groups() -> BTreeMap<String, Vec<String>> {
    let output = net::run(Command::new("systemd-analyze").arg("syscall-filter"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    let mut group = String::new();
    for line in text.lines() {
        let word = line.trim();
        if line.starts_with('@') {
            word.clone_into(&mut group);
        } else if line.starts_with(' ') && !word.starts_with('#') {
            groups
                .entry(group.clone())
                .or_default()
                .push(word.to_owned());
        }
    }
    groups
}

fn members(groups: &BTreeMap<String, Vec<String>>, name: &str, into: &mut BTreeSet<String>) {
    match groups.get(name) {
        Some(parts) => parts.iter().for_each(|part| members(groups, part, into)),
        None => {
            into.insert(name.to_owned());
        }
    }
}

/// System calls that the unit allows (systemd.exec(5), SystemCallFilter=).
fn allowed_calls() -> BTreeSet<String> {
    let groups = groups();
    let mut calls = BTreeSet::new();
    // What starting a program takes is always in.
    members(&groups, "@default", &mut calls);
    for list in &settings()["SystemCallFilter"] {
        let (names, takes) = match list.strip_prefix('~') {
            Some(names) => (names, true),
            None => (list.as_str(), false),
        };
        let mut named = BTreeSet::new();
        for name in names.split(' ') {
            members(&groups, name, &mut named);
        }
        calls = if takes {
            calls.difference(&named).cloned().collect()
        } else {
            calls.union(&named).cloned().collect()
        };
    }
    calls
}

/// System calls in a trace from the moment on that `program` is executed.
fn calls_of(trace: &str, program: &str) -> BTreeSet<String> {
    let begin = format!("execve(\"{program}\"");
    let lines = trace
        .lines()
        .skip_while(|line| !line.contains(&begin))
        .skip(1);
    let name = |line: &str| {
        let (_, rest) = line.trim().split_once(' ')?;
        let (name, _) = rest.trim_start().split_once('(')?;
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (word && !name.is_empty()).then(|| name.to_owned())
    };
    lines.filter_map(name).collect()
}

/// The file system of this machine with a layer above it that takes all changes, and is gone with this.
struct Layer {
    child: Child,
    scratch: Scratch,
}

impl Layer {
    /// In the namespace of the monitor; `install.sh` goes through it step by step.
    fn start(net: &Net, package: &Path, scratch: Scratch) -> Self {
        let script = repository().join("tests/package/install.sh");
        let settings = settings();
        let one = |key: &str| settings[key][0].clone();
        let capabilities = one("AmbientCapabilities").to_lowercase();
        let capabilities: Vec<_> = capabilities
            .split(' ')
            .map(|name| name.replace("cap_", "+"))
            .collect();
        let log = fs::File::create(scratch.path("install.log")).unwrap();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &net.mon, "unshare", "--mount", "bash"])
            .arg(script)
            .arg(scratch.path("."))
            .arg(package)
            .arg(capabilities.join(","))
            .arg(one("User"))
            .arg(one("StateDirectory"))
            .args(one("ExecStart").split(' '));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap());
        Self {
            child: command.stderr(log).spawn().unwrap(),
            scratch,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path("install.log")).unwrap_or_default()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.scratch.path(name)).unwrap_or_default()
    }

    /// Waits for a word in a file of the scratch folder.
    fn wait(&mut self, name: &str, word: &str) {
        let begun = Instant::now();
        while !self.read(name).contains(word) {
            let ended = self.child.try_wait().unwrap();
            let late = begun.elapsed() > Duration::from_secs(120);
            assert!(
                ended.is_none() && !late,
                "{}\n{}",
                self.log(),
                self.read(name)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn finish(&mut self) {
        self.scratch.write("go-on", b"");
        let status = self.child.wait().unwrap();
        assert!(
            status.success(),
            "{}\n{}",
            self.log(),
            self.read("live.log")
        );
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that must succeed; what it printed.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = net::run(Command::new(program).args(arguments));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors, "", "{program} {arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Manual pages and completions are where man(1), mandb(8) and shells look for them, and as those want them.
fn assert_has_manual_and_completions(package: &Path, scratch: &Scratch) {
    let root = scratch.path("extracted");
    let root = root.to_str().unwrap();
    said("dpkg-deb", &["--extract", package.to_str().unwrap(), root]);
    let pages = format!("{root}/usr/share/man/man1");
    let mut names: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for subcommand in [
        "", "-live", "-read", "-replay", "-doctor", "-top", "-config",
    ] {
        let name = format!("bgptap{subcommand}.1.gz");
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for name in names {
        let page = format!("{pages}/{name}");
        said("gzip", &["--test", &page]);
        if have("lexgrog") {
            // What apropos(1) finds it by: its name and what that is.
            let title = name.strip_suffix(".1.gz").unwrap();
            let found = said("lexgrog", &[&page]);
            assert!(found.contains(&format!("\"{title} - ")), "{found}");
        }
    }
    let completions = format!("{root}/usr/share/bash-completion/completions/bgptap");
    let script = format!(". '{completions}' && complete -p bgptap");
    assert!(said("bash", &["--norc", "-c", &script]).contains("-F _bgptap"));
    // By the first word zsh finds it, by the name of the file fish.
    let zsh = format!("{root}/usr/share/zsh/vendor-completions/_bgptap");
    assert!(
        fs::read_to_string(zsh)
            .unwrap()
            .starts_with("#compdef bgptap")
    );
    let fish = format!("{root}/usr/share/fish/vendor_completions.d/bgptap.fish");
    assert!(
        fs::read_to_string(fish)
            .unwrap()
            .contains("complete -c bgptap")
    );
}

#[test]
fn the_package_installs_captures_as_its_user_and_leaves_nothing() {
    let tools = [
        "systemd-analyze",
        "cargo-deb",
        "dpkg-deb",
        "dpkg-shlibdeps",
        "strace",
    ];
    if !(allowed() && tools.into_iter().all(have)) {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("package"));
    let mut build = Command::new(repository().join("scripts/package"));
    build.env("BGPTAP_BIN", env!("CARGO_BIN_EXE_bgptap"));
    let output = net::run(build.arg(scratch.path("built")));
    let package = String::from_utf8(output.stdout).unwrap();
    let package = PathBuf::from(package.trim());

    assert_has_manual_and_completions(&package, &scratch);
    let mut layer = Layer::start(&net, &package, scratch);
    layer.wait("live.log", "metrics at");
    net.replay(recording(), &["--speed", "max"]);
    net.settle();
    layer.finish();

    assert_eq!(
        layer.read("verify.log"),
        "",
        "systemd-analyze verify is content"
    );
    let live = layer.read("live.log");
    assert!(live.contains("no capabilities are left"), "{live}");
    assert!(live.contains("unaccounted frames 0, bytes 0"), "{live}");
    assert!(live.contains("3249 UPDATE"), "{live}");
    let events = layer.read("events.json");
    assert!(events.lines().count() > 3249, "{}", events.len());
    assert_eq!(layer.read("owner").trim(), "bgptap bgptap 640");

    let trace = layer.read("trace");
    let (_, families) = trace.split_once("execve(\"/usr/bin/bgptap\"").unwrap();
    let families = families.split(" socket(").skip(1);
    let families: BTreeSet<_> = families.filter_map(|rest| rest.split(',').next()).collect();
    let settings = settings();
    let open: BTreeSet<_> = settings["RestrictAddressFamilies"][0].split(' ').collect();
    assert!(families.contains("AF_XDP"), "{families:?}");
    assert!(families.is_subset(&open), "{families:?} of {open:?}");
    let used = calls_of(&trace, "/usr/bin/bgptap");
    assert!(used.contains("bpf") && used.contains("capset"), "{used:?}");
    let allowed = allowed_calls();
    let refused: Vec<_> = used.difference(&allowed).collect();
    assert!(refused.is_empty(), "the unit would refuse {refused:?}");
    assert!(!allowed.contains("ptrace"), "it refuses something at all");

    let stays = "/etc/bgptap/bgptap.toml\n/var/lib/bgptap/events.json\nbgptap\n";
    assert_eq!(layer.read("removed"), stays, "what `remove` leaves");
    assert_eq!(layer.read("left"), "", "what `purge` left behind");
}
