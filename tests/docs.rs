//! The excerpts of code in the documentation are what stands in the files that they name.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

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
