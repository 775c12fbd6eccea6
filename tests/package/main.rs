//! The Debian package: installed, run as its unit runs it, removed, and purged without a trace. All of that in a mount
//! namespace, over the file system of this machine, which does not change.
#![cfg(feature = "capture")]
#![allow(clippy::expect_used, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;
mod unit;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::net::{self, Net, allowed};
use support::{Scratch, have, recording};
use unit::Unit;

/// Exposure that `systemd-analyze security` finds, from 0.0 (none) to 10.0, as docs/operations.md states it.
const EXPOSURE: &str = "2.2";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_unit_exposes_no_more_than_is_stated() {
    if !have("systemd-analyze") {
        return;
    }
    let mut analyze = Command::new("systemd-analyze");
    let output = net::run(
        analyze
            .args(["security", "--offline=true"])
            .arg(Unit::path()),
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let overall = said.lines().find(|line| line.contains("Overall")).unwrap();
    let exposure = overall.split(": ").nth(1).unwrap();
    let exposure: f64 = exposure.split(' ').next().unwrap().parse().unwrap();
    let stated: f64 = EXPOSURE.parse().unwrap();
    assert!(exposure <= stated, "{overall}");
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    assert!(page.contains(&format!("exposure of {EXPOSURE}")));
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
    fn start(net: &Net, package: &Path, unit: &Unit, scratch: Scratch) -> Self {
        let log = fs::File::create(scratch.path("install.log")).unwrap();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &net.mon, "unshare", "--mount", "bash"])
            .arg(repository().join("tests/package/install.sh"))
            .arg(scratch.path("."))
            .arg(package)
            .arg(unit.one("User"))
            .arg(unit.one("StateDirectory"));
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

    /// A run that captures has seen the recording.
    fn capture(&mut self, run: &str, net: &Net) {
        self.wait(&format!("{run}.log"), "metrics at");
        net.replay(recording(), &["--speed", "max"]);
        net.settle();
        self.scratch.write(&format!("{run}.go-on"), b"");
        self.wait(&format!("{run}.owner"), "\n");
        let live = self.read(&format!("{run}.log"));
        assert!(live.contains("unaccounted frames 0, bytes 0"), "{live}");
        assert!(live.contains("3249 UPDATE"), "{live}");
        let events = self.read(&format!("{run}.json"));
        assert!(events.lines().count() > 3249, "{}", events.len());
        assert_eq!(self.read(&format!("{run}.owner")), "bgptap bgptap 640\n");
    }

    fn finish(&mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}", self.log());
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

/// The program is confined as the unit says, as far as that goes without systemd: `sandbox.py`.
#[test]
fn the_package_installs_captures_as_its_unit_and_leaves_nothing() {
    let tools = [
        "systemd-analyze",
        "cargo-deb",
        "dpkg-deb",
        "dpkg-shlibdeps",
        "setpriv",
        "python3",
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
    let unit = Unit::read();
    let tapping = Unit::read().with(&Unit::drop_in());
    scratch.write("mirror.unit", unit.json().as_bytes());
    scratch.write("no-rights.unit", unit.json().as_bytes());
    let rights = Unit::drop_in().replace("RestrictNamespaces=", "#");
    let no_spaces = Unit::read().with(&rights);
    scratch.write("no-spaces.unit", no_spaces.json().as_bytes());
    scratch.write("tap.unit", tapping.json().as_bytes());
    let mut layer = Layer::start(&net, &package, &unit, scratch);
    layer.capture("mirror", &net);
    layer.capture("tap", &net);
    layer.finish();

    assert_eq!(
        layer.read("verify.log"),
        "",
        "systemd-analyze verify is content"
    );
    assert!(
        layer
            .read("mirror.log")
            .contains("no capabilities are left")
    );
    // Without the drop-in, and without a line of it, a tap has no namespace, and says what it lacks.
    for (run, lacks) in [
        ("no-rights", "CAP_SYS_ADMIN"),
        ("no-spaces", "Operation not permitted"),
    ] {
        let refused = layer.read(&format!("{run}.log"));
        assert_eq!(layer.read(&format!("{run}.status")), "2\n", "{refused}");
        assert!(refused.contains(lacks), "{refused}");
    }

    let used = calls_of(&layer.read("mirror.trace"), "/usr/bin/bgptap");
    assert!(used.contains("bpf") && used.contains("capset"), "{used:?}");
    assert_nothing_is_refused(&layer, "mirror", &unit);
    assert_nothing_is_refused(&layer, "tap", &tapping);

    let stays = "/etc/bgptap/bgptap.toml\n/var/lib/bgptap/mirror.json\nbgptap\n";
    assert_eq!(layer.read("removed"), stays, "what `remove` leaves");
    assert_eq!(layer.read("left"), "", "what `purge` left behind");
}

/// No system call was one that the unit refuses, families of sockets included: what is refused and borne in
/// silence would not show otherwise.
fn assert_nothing_is_refused(layer: &Layer, run: &str, unit: &Unit) {
    let trace = layer.read(&format!("{run}.trace"));
    let allowed = unit.allowed_calls();
    assert!(!allowed.contains("ptrace"), "it refuses something at all");
    let used = calls_of(&trace, "/usr/bin/bgptap");
    let refused: Vec<_> = used.difference(&allowed).collect();
    assert!(refused.is_empty(), "{run}: the unit refuses {refused:?}");

    let (_, families) = trace.split_once("execve(\"/usr/bin/bgptap\"").unwrap();
    let families = families.split(" socket(").skip(1);
    let families: BTreeSet<_> = families.filter_map(|rest| rest.split(',').next()).collect();
    let open: BTreeSet<_> = unit.one("RestrictAddressFamilies").split(' ').collect();
    assert!(families.contains("AF_XDP"), "{families:?}");
    assert!(families.is_subset(&open), "{families:?} of {open:?}");
}
