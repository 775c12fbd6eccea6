//! The pages by one who has never seen the project: every command of their `sh` blocks and in their text runs as
//! printed, or a table says why it does not (`inline::NOT_RUN`, `run::ELSEWHERE`), and what they name is there.
#![cfg(all(feature = "capture", feature = "kafka", feature = "top"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::expect_used, missing_docs, unreachable_pub)]

mod inline;
mod named;
mod pages;
#[path = "../support/pty.rs"]
mod pty;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod view;

use pages::Page;
use std::path::Path;
use std::sync::Mutex;
use support::have;
use support::net::allowed;

/// Blocks that run at a time: most of the time they wait.
const AT_ONCE: usize = 3;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_block_says_what_it_is() {
    let faults: Vec<_> = pages::all().iter().flat_map(Page::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_command_that_would_not_be_found_is_refused() {
    let faults = |text: &str| Page::of("docs/x.md".into(), text).faults();
    let refused = [
        "```\nwords\n```",
        "```text\nbgptap read x.pcap\n```",
        "```toml\n  ./scripts/demo\n```",
        "words\n\n    tc qdisc show\n",
    ];
    for text in refused {
        assert_eq!(faults(text).len(), 1, "{text}");
    }
    assert_eq!(faults("```sh\nbgptap read x.pcap\n```"), [""; 0]);
    assert_eq!(faults("```text\na bgptap\n```"), [""; 0]);
}

/// Commands in the text that a table excuses are on a page, and what it names for them runs them.
#[test]
fn every_reason_is_needed() {
    let idle = inline::idle(&pages::all());
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}

/// What runs when a page gets a new command, and what does not.
#[test]
fn a_command_in_the_text_runs_unless_a_table_excuses_it() {
    let runs = |text: &str| Page::of("docs/x.md".into(), text).inline().lines;
    assert_eq!(
        runs("try `ip link set dev eth0 mtu 9000`"),
        ["ip link set dev eth0 mtu 9000"]
    );
    assert_eq!(
        runs("try `NO_COLOR=1 bgptap\nread FILE`"),
        ["NO_COLOR=1 bgptap read x.pcap"]
    );
    assert_eq!(runs("see `scripts/other`"), ["scripts/other"]);
    assert_eq!(
        runs("`kill -9`, `ip`, `scripts/lib.sh`, `type update`, `NO_COLOR=1`"),
        [""; 0]
    );
}

/// In a machine of their own, with the files, hosts and interfaces that the pages speak of.
#[test]
fn every_command_runs_as_printed() {
    let tools = [
        "ethtool", "kcat", "setcap", "curl", "unshare", "nsenter", "chrt", "ss", "tcpdump",
        "tshark",
    ];
    if !(allowed() && tools.into_iter().all(have)) {
        return;
    }
    let pages = pages::all();
    let inline: Vec<_> = pages.iter().map(Page::inline).collect();
    let blocks = pages.iter().flat_map(|page| &page.blocks);
    let mut blocks: Vec<_> = blocks
        .chain(&inline)
        .filter(|block| block.language == "sh" && !block.lines.is_empty())
        .collect();
    assert!(blocks.len() >= 10, "the pages have been read");
    for (begin, why) in run::ELSEWHERE {
        let mut commands = blocks.iter().flat_map(|block| block.commands());
        assert!(
            commands.any(|command| command.starts_with(begin)),
            "{begin}: {why}"
        );
    }
    // The longest first.
    blocks.sort_by_key(|block| block.lines.len());
    let blocks = Mutex::new(blocks);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(block) = blocks.lock().unwrap().pop() else {
                        break;
                    };
                    run::run(block);
                }
            });
        }
    });
}

#[test]
fn scripts_that_pages_name_say_how_they_are_used() {
    let scripts = named::scripts(&pages::all());
    assert!(scripts.len() >= 8, "{scripts:?}");
    for script in scripts {
        let usage = named::usage(&script);
        assert!(
            usage.contains(&format!("usage: {script}")),
            "{script}: {usage}"
        );
    }
}

#[test]
fn options_that_pages_name_are_there() {
    let there = named::options_there();
    let (mut count, mut missing) = (0, Vec::new());
    for page in pages::all() {
        for (span, option) in named::options(&page) {
            count += 1;
            if !there.contains(&option) {
                missing.push(format!("{}: {option} in `{span}`", page.name));
            }
        }
    }
    assert!(count > 200, "the pages have been read: {count}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn targets_that_pages_name_are_there() {
    let mut count = 0;
    for page in pages::all() {
        for (kind, name) in named::targets(&page) {
            count += 1;
            assert!(
                named::is_target(&kind, &name),
                "{}: --{kind} {name}",
                page.name
            );
        }
    }
    assert!(count > 8, "the pages have been read: {count}");
}

/// Pictures and pages that pages link to.
#[test]
fn links_lead_to_files() {
    let mut pictures = 0;
    for page in pages::all() {
        let folder = root().join(&page.name);
        for link in named::links(&page) {
            let (file, _) = link.split_once('#').unwrap_or((&link, ""));
            let path = folder.parent().expect("a folder").join(file);
            assert!(path.exists(), "{}: no {link}", page.name);
            pictures += usize::from(file.contains("img/"));
        }
    }
    assert!(pictures >= 4, "the README has its pictures: {pictures}");
}
