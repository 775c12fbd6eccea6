//! What pages name beside whole commands: options, scripts, targets of cargo, files.

use crate::pages::Page;
use crate::root;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Programs of others, whose options are theirs.
const OTHERS: [&str; 20] = [
    "adjtimex",
    "apt",
    "bgpkit-parser",
    "bpftool",
    "cargo",
    "chrt",
    "curl",
    "dpkg",
    "ethtool",
    "hwstamp_ctl",
    "ip",
    "setcap",
    "ss",
    "ssh",
    "sysctl",
    "systemctl",
    "systemd-analyze",
    "tc",
    "tshark",
    "ulimit",
];

/// Options of cargo that stand alone.
const OF_CARGO: [&str; 3] = ["--bench", "--profile", "--no-default-features"];

fn words(span: &str) -> impl Iterator<Item = &str> {
    span.split([' ', ',', '=', '|', '[', ']', '(', ')', '"', '`'])
        .filter(|word| !word.is_empty())
}

/// All that stands as code on a page: between backquotes, and the commands of its blocks.
fn code(page: &Page) -> Vec<String> {
    let shown = |language: &str| ["sh", "text"].contains(&language);
    let blocks = page.blocks.iter().filter(|block| shown(&block.language));
    let is_command = |line: &String| line.contains("bgptap ") || line.contains("scripts/");
    let lines = blocks.flat_map(|block| block.commands()).filter(is_command);
    page.spans().into_iter().chain(lines).collect()
}

/// The long options of ours that a page names, with where.
pub fn options(page: &Page) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for span in code(page) {
        let first = span.split(' ').next().unwrap_or_default();
        if OTHERS.contains(&first) || first.contains("=write") {
            continue;
        }
        for word in words(&span).filter(|word| word.starts_with("--") && word.len() > 2) {
            if !OF_CARGO.contains(&word) {
                found.push((span.clone(), word.to_owned()));
            }
        }
    }
    found
}

/// Every long option of `bgptap` and of the scripts.
pub fn options_there() -> BTreeSet<String> {
    let subcommands = [
        "",
        "live",
        "read",
        "replay",
        "doctor",
        "top",
        "config",
        "completions",
        "man",
    ];
    let helps = subcommands.map(|name| {
        let mut bgptap = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        bgptap
            .args((!name.is_empty()).then_some(name))
            .arg("--help");
        let output = bgptap.output().expect("it runs");
        assert!(output.status.success(), "{name} --help: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let scripts = fs::read_dir(root().join("scripts")).expect("scripts/ is there");
    let scripts = scripts.map(|entry| entry.expect("readable").path());
    let scripts = scripts.filter(|path| path.is_file() && path.extension().is_none());
    let usages = scripts.map(|path| {
        let name = path.file_name().expect("a file").to_string_lossy();
        usage(&format!("scripts/{name}"))
    });
    let text: Vec<_> = helps.into_iter().chain(usages).collect();
    let words = text.iter().flat_map(|text| words_of_help(text));
    words
        .filter(|word| word.starts_with("--"))
        .map(str::to_owned)
        .collect()
}

fn words_of_help(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(move |c| !is_part(c))
}

/// Scripts that the pages name.
pub fn scripts(pages: &[Page]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for page in pages {
        for span in code(page) {
            let first = span.split([' ', '\t']).next().unwrap_or_default();
            let first = first.strip_prefix("./").unwrap_or(first);
            if first.starts_with("scripts/") && !first.contains('.') {
                found.insert(first.to_owned());
            }
        }
    }
    found
}

/// What a script says to `--help`.
pub fn usage(script: &str) -> String {
    let mut command = Command::new(root().join(script));
    let output = command.arg("--help").output().expect("an executable file");
    assert!(output.status.success(), "{script} --help: {output:?}");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

/// `--test NAME` and `--bench NAME` in code.
pub fn targets(page: &Page) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for span in page.spans() {
        let words: Vec<_> = words(&span).collect();
        for pair in words.windows(2) {
            if let ["--test" | "--bench", name] = pair
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                found.push((pair[0][2..].to_owned(), (*name).to_owned()));
            }
        }
    }
    found
}

/// Whether cargo knows a test or bench.
pub fn is_target(kind: &str, name: &str) -> bool {
    let folder = root().join(if kind == "test" { "tests" } else { "benches" });
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("readable");
    let named = format!("[[{kind}]]\nname = \"{name}\"");
    folder.join(format!("{name}.rs")).is_file()
        || folder.join(name).join("main.rs").is_file()
        || manifest.contains(&named)
}

/// Links to files of the repository.
pub fn links(page: &Page) -> Vec<String> {
    let prose: Vec<_> = page.prose.iter().map(|(_, line)| line.as_str()).collect();
    let prose = prose.join("\n");
    let targets = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target);
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .map(str::to_owned)
        .collect()
}
