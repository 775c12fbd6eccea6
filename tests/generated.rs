//! Completions and manual pages, by the programs that use them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Scratch, have};

fn bgptap(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a shell on a script; what it prints.
fn shell(program: &str, arguments: &[&str], script: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{program}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn each_shell_takes_its_script() {
    for (program, arguments) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
        ("elvish", &["-compileonly", "/dev/stdin"]),
    ] {
        let script = bgptap(&["completions", program]);
        assert!(script.contains("rib-memory"), "{program}");
        // Bash is everywhere; the others are taken where they are.
        if program == "bash" || is_there(program) {
            shell(program, arguments, &script);
        }
    }
}

/// What bash offers for the last of the words.
fn offered(words: &[&str]) -> Vec<String> {
    let script = bgptap(&["completions", "bash"]);
    let (last, at) = (words.last().unwrap(), words.len() - 1);
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let before = words[at - 1];
    let ask = format!(
        "COMP_WORDS=({}); COMP_CWORD={at}; _bgptap bgptap '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" ")
    );
    let answer = shell("bash", &["--norc"], &format!("{script}\n{ask}\n"));
    answer.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered(&["bgptap", "re"]), ["read", "replay"]);
    let options = offered(&["bgptap", "read", "--summ"]);
    assert_eq!(options, ["--summary"]);
    let colors = offered(&["bgptap", "live", "--color", ""]);
    assert_eq!(colors, ["auto", "always", "never"]);
}

/// The long options that `--help` names.
fn options(subcommand: &str) -> Vec<String> {
    let help = bgptap(&[subcommand, "--help"]);
    let words = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'));
    let words = words.flat_map(|line| line.split([' ', ',', '=', '[']));
    let long = words.filter(|word| word.starts_with("--") && word.len() > 2);
    long.map(str::to_owned).collect()
}

/// A page as man(1) shows it. Whatever its formatter warns of fails the test.
fn shown(page: &Path) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings", "-l"]).arg(page);
    man.env("MANWIDTH", "100")
        .env("LC_ALL", "C.UTF-8")
        .env("MANROFFSEQ", "");
    let output = man.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{}: {errors}",
        page.display()
    );
    // Bold is struck twice where it is not a terminal's.
    let text = String::from_utf8(output.stdout).unwrap();
    let mut chars: Vec<char> = Vec::new();
    for char in text.chars() {
        match char {
            '\u{8}' => drop(chars.pop()),
            // groff breaks words at hyphens of its own.
            '\u{2010}' | '\u{2212}' => chars.push('-'),
            other => chars.push(other),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn manual_pages_say_what_help_says() {
    let scratch = Scratch::new("generated");
    let folder = scratch.path("man1");
    bgptap(&["man", folder.to_str().unwrap()]);
    let mut pages: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert!(folder.join("bgptap.1").is_file());
    let subcommands = ["live", "read", "replay", "doctor", "top", "config"];
    for subcommand in subcommands.into_iter().chain(["completions", "man"]) {
        let text = fs::read_to_string(folder.join(format!("bgptap-{subcommand}.1"))).unwrap();
        let options = options(subcommand);
        assert!(options.contains(&"--help".to_owned()), "{options:?}");
        for option in options {
            let escaped = option.replace('-', "\\-");
            assert!(text.contains(&escaped), "{subcommand}: no {option}");
        }
    }
    // Stricter than man(1), but not everywhere.
    if is_there("mandoc") {
        for page in &pages {
            let mut mandoc = Command::new("mandoc");
            let output = mandoc
                .args(["-Tlint", "-Werror"])
                .arg(page)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}: {output:?}", page.display());
        }
    }
    if have("man") {
        let text = shown(&folder.join("bgptap.1"));
        for part in [
            "NAME",
            "SYNOPSIS",
            "bgptap-read(1)",
            "Exit status:",
            "NO_COLOR",
        ] {
            assert!(text.contains(part), "no {part} in: {text}");
        }
        assert!(shown(&folder.join("bgptap-read.1")).contains("--peer-name"));
    }
}
