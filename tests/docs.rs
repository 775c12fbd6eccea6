//! The documentation names what there is: excerpts of code stand in their files, and the tables of the
//! decoder name files, tests and vectors that exist.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub
)]

#[path = "support/skip.rs"]
#[allow(unreachable_pub, reason = "shared by several test programs")]
mod skip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// File name and code of each block of Rust that follows a line with nothing but a file name.
fn excerpts(page: &str) -> Vec<(&str, String)> {
    let mut list = Vec::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let file = line.strip_prefix('`').and_then(|l| l.strip_suffix('`'));
        let Some(file) = file.filter(|_| lines.peek() == Some(&"```rust")) else {
            continue;
        };
        let code = lines.by_ref().skip(1).take_while(|line| *line != "```");
        list.push((file, code.collect::<Vec<_>>().join("\n")));
    }
    list
}

#[test]
fn excerpts_are_what_the_files_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/adding-a-decoder.md")).expect("readable");
    let excerpts = excerpts(&page);
    assert!(excerpts.len() >= 8, "the page has its examples");
    for (file, code) in excerpts {
        let text = fs::read_to_string(root.join(file)).expect(file);
        assert!(text.contains(&code), "{file} has no longer:\n{code}");
    }
}

/// The example of an event, whose lines were broken to be read more easily.
#[test]
fn the_event_of_the_readme_is_in_the_recording() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("README.md")).expect("readable");
    let (_, example) = page.split_once("```json\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let example: String = example.lines().map(str::trim).collect();
    let read = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "tests/data/lab-session.pcap", "--json", "-"])
        .args(["--host", "tap1"])
        .current_dir(root)
        .output()
        .expect("it runs");
    let events = String::from_utf8(read.stdout).expect("JSON");
    assert!(events.lines().any(|event| event == example), "{example}");
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// "the word `a` stands in `b` and `c`": `a`, and the other quoted words up to the next such place or
/// the end of the sentence.
fn places(page: &str) -> Vec<(&str, Vec<&str>)> {
    let behind = page.split("the word `").skip(1);
    behind
        .map(|rest| {
            let (sentence, _) = rest.split_once(". ").unwrap_or((rest, ""));
            let (word, list) = sentence.split_once('`').expect("a word");
            (
                word,
                list.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|w| w.contains('/'))
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn a_decoder_is_where_the_page_says_and_nowhere_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/adding-a-decoder.md")).expect("readable");
    let places = places(&page);
    assert_eq!(places.len(), 2, "a family and an attribute");
    for (word, mut told) in places {
        let mut found: Vec<_> = files(&root.join("src"))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "rs"))
            .filter(|path| {
                let text = fs::read_to_string(path).expect("readable");
                text.to_lowercase().contains(&word.to_lowercase())
            })
            .map(|path| path.strip_prefix(root).expect("below").to_owned())
            .collect();
        found.sort();
        told.sort_unstable();
        let told: Vec<_> = told.into_iter().map(PathBuf::from).collect();
        assert_eq!(found, told, "files with {word}");
    }
}

/// What stands between backquotes in the rows of tables.
fn quoted_in_tables(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect()
}

/// Asserts that the files and tests are there that tables name; how many of each.
fn named_by_tables(page: &str, folder: &str) -> (usize, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: Vec<_> = ["src", "tests"]
        .iter()
        .flat_map(|directory| files(&root.join(directory)))
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| fs::read_to_string(path).expect("readable"))
        .collect();
    let (mut paths, mut tests) = (0, 0);
    for word in quoted_in_tables(page) {
        let is_path = word.ends_with(".rs") || word.ends_with('/');
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if is_path {
            paths += 1;
            let places = [root.join(word), root.join(folder).join(word)];
            assert!(places.iter().any(|place| place.exists()), "no file {word}");
        } else if word.contains('_') && word.chars().all(is_name) && !word.starts_with("bgptap_") {
            tests += 1;
            let function = format!("fn {word}(");
            let there = sources.iter().any(|source| source.contains(&function));
            assert!(there, "no test {word}");
        }
    }
    (paths, tests)
}

#[test]
fn the_tables_of_the_decoder_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/decoder.md")).expect("readable");
    let (paths, tests) = named_by_tables(&page, "src/bgp");
    assert!(paths > 100 && tests > 100, "the tables have been read");
}

#[test]
fn the_table_of_what_tests_show_of_the_capture_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/operations.md")).expect("readable");
    let (_, table) = page
        .split_once("\n## Which test shows what\n")
        .expect("the section");
    let (paths, tests) = named_by_tables(table, "tests");
    assert!(paths > 20 && tests > 30, "the table has been read");
}

#[test]
fn the_tables_of_the_decoder_name_vectors_of_the_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("../shared/corpus");
    if !corpus.exists() {
        return skip::skip("the corpus is not here");
    }
    let page = fs::read_to_string(root.join("docs/decoder.md")).expect("readable");
    let names: Vec<_> = files(&corpus)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let of_exabgp = ["api-", "bgp-", "conf-", "extended-nexthop"];
    let is_vector = |word: &&str| {
        let capture = [".pcap", ".pcapng", ".cap"];
        capture.iter().any(|end| word.ends_with(end))
            || of_exabgp.iter().any(|start| word.starts_with(start))
    };
    let vectors: Vec<_> = quoted_in_tables(&page)
        .into_iter()
        .filter(is_vector)
        .collect();
    assert!(vectors.len() > 30, "the tables have been read");
    for vector in vectors {
        assert!(
            names.iter().any(|name| name.contains(vector)),
            "no vector {vector}"
        );
    }
}

/// Files and folders below `tests` that are test programs.
fn programs() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = fs::read_dir(root).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .filter(|path| {
            path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists()
        })
        .filter_map(|path| Some(format!("tests/{}", path.file_name()?.to_str()?)))
        .collect()
}

/// Each test program has a line, and each line is of one that there is.
#[test]
fn the_table_of_test_programs_names_them_all() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/testing.md")).expect("readable");
    let (table, _) = page.split_once("\n## ").expect("a section behind it");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let mut named: Vec<_> = first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| name.starts_with("tests/"))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect();
    let mut programs = programs();
    assert!(programs.len() > 60, "the folder has been read");
    named.sort();
    programs.sort();
    let missing: Vec<_> = programs.iter().filter(|p| !named.contains(p)).collect();
    assert!(missing.is_empty(), "no line for {missing:#?}");
    assert_eq!(named, programs, "once each, and nothing else");
}

/// The text of a section, up to the next of the same level.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let begin = format!("\n## {title}\n");
    let (_, rest) = page.split_once(&begin).expect("the section is there");
    rest.split_once("\n## ")
        .map_or(rest, |(section, _)| section)
}

/// The list of flags has them all, and none that there is not: clap knows.
#[test]
fn the_formats_name_every_flag() {
    use clap::CommandFactory;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/formats.md")).expect("readable");
    let named = section(&page, "Command line");
    let flag = regex::Regex::new("--[a-z][a-z-]*").expect("an expression");
    let named: BTreeSet<_> = flag.find_iter(named).map(|found| found.as_str()).collect();
    let cli = bgptap::cli::Cli::command();
    let flags_of = |name: &str| -> BTreeSet<String> {
        let command = cli.find_subcommand(name).expect("a subcommand");
        let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let longs = args.filter_map(|arg| arg.get_long());
        longs.map(|long| format!("--{long}")).collect()
    };
    let mut known = BTreeSet::new();
    for name in ["live", "read", "replay", "top"] {
        known.extend(flags_of(name));
    }
    assert!(known.len() > 60, "the definition has been read");
    let missing: Vec<_> = known
        .iter()
        .filter(|flag| !named.contains(flag.as_str()))
        .collect();
    assert!(missing.is_empty(), "not in docs/formats.md: {missing:?}");
    // A build without Kafka has fewer.
    let strange = named.iter().filter(|flag| !known.contains(**flag));
    let strange: Vec<_> = strange
        .filter(|flag| !flag.starts_with("--kafka"))
        .collect();
    assert!(strange.is_empty(), "no such flag: {strange:?}");
}

/// The sources without comments, a literal that goes on in the next line in one piece.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = ["src", "umem/src", "bpf/src"].map(|folder| files(&root.join(folder)));
    let code = all.into_iter().flatten();
    let code = code.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    code.map(|path| {
        let text = fs::read_to_string(path).expect("readable");
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.starts_with("//"));
        let mut joined = String::new();
        for line in lines {
            match line.strip_suffix('\\') {
                Some(begun) => joined.push_str(begun),
                None => joined.extend([line, "\n"]),
            }
        }
        joined
    })
    .collect()
}

/// Whether one literal has all the parts, in their order, with something that changes between them.
fn says(source: &str, message: &str) -> bool {
    let mut lines = source.lines();
    lines.any(|line| {
        let found = message.split('…').try_fold(line, |rest, part| {
            rest.split_once(part).map(|(_, behind)| behind)
        });
        found.is_some()
    })
}

/// Who looks for help finds what the program really says and counts.
#[test]
fn what_the_table_of_symptoms_quotes_is_said_and_counted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/operations.md")).expect("readable");
    let metrics = fs::read_to_string(root.join("docs/metrics.md")).expect("readable");
    let sources = sources();
    let (mut messages, mut words) = (0, 0);
    for title in ["Sizing", "It does not do what I want"] {
        let section = section(&page, title);
        let (prose, code): (Vec<_>, Vec<_>) =
            (0..).zip(section.split('`')).partition(|(n, _)| n % 2 == 0);
        let prose: String = prose.into_iter().map(|(_, text)| text).collect();
        for message in prose.split('"').skip(1).step_by(2) {
            messages += 1;
            let said = sources.iter().any(|source| says(source, message));
            assert!(said, "{title}: nobody says \"{message}\"");
        }
        for (_, word) in code {
            let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
            if !word.contains('_') || !word.chars().all(is_name) {
                continue;
            }
            words += 1;
            let there = if word.starts_with("bgptap_") {
                metrics.contains(&format!("| `{word}` |"))
            } else {
                let names = [format!("\"{word}\""), format!("{word}:")];
                let named = |source: &String| names.iter().any(|name| source.contains(name));
                sources.iter().any(named)
            };
            assert!(there, "{title}: nothing is called {word}");
        }
    }
    assert!(messages >= 12 && words >= 30, "{messages} {words}");
}

#[test]
fn a_message_that_nobody_says_is_found_out() {
    let source = "warn(\"{taken} of {max} MiB, {} routes\")\nother(\"beside that\")";
    assert!(says(source, "… of … MiB, … routes"));
    assert!(!says(source, "of … MiB beside that"), "in one literal");
    assert!(!says(source, "routes … MiB"), "in this order");
}

/// Remedies that no test meets, by how they begin, and why.
const UNMET: [(&str, &str); 9] = [
    ("name each once", "takes a capture at standard input, twice"),
    ("give the brokers as", "librdkafka takes every string"),
    ("free some memory", "takes a machine without 20 MiB"),
    (
        "allow the process more threads",
        "takes a machine without threads",
    ),
    (
        "raise the limit of processes",
        "takes a machine without threads",
    ),
    ("cargo build --release", "another build, two of them"),
    (
        "report this as a bug",
        "nobody knows how to bring that about",
    ),
    ("run it in another terminal", "a terminal that breaks"),
    ("name a file, or leave --loop out", "takes an interface"),
];

/// Literals of a source, as they are written.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    let quoted = regex::Regex::new(r#""((?:[^"\\\n]|\\.)*)""#).expect("an expression");
    let found: Vec<_> = quoted
        .captures_iter(source)
        .filter_map(|found| found.get(1))
        .map(|literal| literal.range())
        .collect();
    found.into_iter().map(|range| &source[range])
}

/// Whoever adds a remedy meets it once, as a user would, or says why not.
#[test]
fn every_remedy_is_met_by_a_test() {
    let (mut code, mut tests) = (Vec::new(), Vec::new());
    for source in sources() {
        match source.split_once("#[cfg(test)]\nmod tests") {
            Some((body, test)) => {
                code.push(body.to_owned());
                tests.push(test.to_owned());
            }
            None => code.push(source),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = files(&root.join("tests")).into_iter();
    // What is listed as unmet, or as not run, is not met by that.
    let lists = ["tests/docs.rs", "tests/commands/inline.rs"].map(|name| root.join(name));
    let here = here.filter(|path| {
        let is_rust = path.extension().is_some_and(|end| end == "rs");
        is_rust && !lists.contains(path)
    });
    tests.extend(here.map(|path| fs::read_to_string(path).expect("readable")));
    let met: Vec<_> = tests.iter().flat_map(|test| literals(test)).collect();
    let met: Vec<_> = met.into_iter().filter(|text| text.len() >= 9).collect();

    let site = r#"remedy: [^";]{0,40}"((?:[^"\\]|\\.)*)""#;
    let site = regex::Regex::new(site).expect("an expression");
    let hole = regex::Regex::new(r"\\\{[^}]*\\\}").expect("an expression");
    let (mut count, mut unmet) = (0, Vec::new());
    for source in &code {
        for remedy in site.captures_iter(source).map(|found| found[1].to_owned()) {
            count += 1;
            let escaped = regex::escape(&remedy);
            let said = hole.replace_all(&escaped, ".+");
            if said.replace(".+", "").len() < 6 || remedy.contains("{remedy}") {
                continue; // it is another's
            }
            let said = regex::Regex::new(&said).expect("an expression");
            let is_met = |text: &&&str| remedy.contains(**text) || said.is_match(text);
            if met.iter().find(is_met).is_none() {
                unmet.push(remedy);
            }
        }
    }
    assert!(count >= 30, "the sources have been read: {count}");
    let listed = |remedy: &&String| UNMET.iter().any(|(begin, _)| remedy.starts_with(begin));
    let missing: Vec<_> = unmet.iter().filter(|remedy| !listed(remedy)).collect();
    assert!(missing.is_empty(), "no test meets {missing:#?}");
    for (begin, why) in UNMET {
        let there = unmet.iter().any(|remedy| remedy.starts_with(begin));
        assert!(there, "met, or no longer there: {begin} ({why})");
    }
}
