//! The documentation names what there is: excerpts of code stand in their files, and the tables of the
//! decoder name files, tests and vectors that exist.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub
)]

#[path = "support/skip.rs"]
mod skip;

use std::fs;
use std::path::{Path, PathBuf};

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

/// What stands between backquotes in the rows of tables.
fn quoted_in_tables(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_tables_of_the_decoder_name_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/decoder.md")).expect("readable");
    let sources: Vec<_> = ["src", "tests"]
        .iter()
        .flat_map(|directory| files(&root.join(directory)))
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| fs::read_to_string(path).expect("readable"))
        .collect();
    let (mut paths, mut tests) = (0, 0);
    for word in quoted_in_tables(&page) {
        let is_path = word.ends_with(".rs") || word.ends_with('/');
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if is_path {
            paths += 1;
            let places = [root.join(word), root.join("src/bgp").join(word)];
            assert!(places.iter().any(|place| place.exists()), "no file {word}");
        } else if word.contains('_') && word.chars().all(is_name) && !word.starts_with("bgptap_") {
            tests += 1;
            let function = format!("fn {word}(");
            let there = sources.iter().any(|source| source.contains(&function));
            assert!(there, "no test {word}");
        }
    }
    assert!(paths > 100 && tests > 100, "the tables have been read");
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
