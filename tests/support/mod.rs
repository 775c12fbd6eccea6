//! What several integration tests share: the corpus, and captures made on the spot.
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(all(feature = "capture", feature = "kafka"))]
pub mod broker;
pub mod dissect;
pub mod encode;
pub mod events;
pub mod flows;
pub mod frames;
pub mod http;
pub mod lab;
pub mod load;
pub mod net;
pub mod read;
pub mod routers;
pub mod segments;
#[cfg(feature = "capture")]
pub mod sender;
pub mod skip;
pub mod synth;
pub mod talk;
#[cfg(feature = "capture")]
pub mod traces;
pub mod tshark;
pub mod view;
pub mod wrap;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The captures of the shared corpus, sorted; `None`, and a word about it, if it is absent.
pub fn corpus() -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pcap");
    if !root.is_dir() {
        skip::skip(&format!("no corpus at {}", root.display()));
        return None;
    }
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if has_extension(&path, &["pcap", "pcapng", "cap"]) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "the corpus holds no captures");
    Some(found)
}

fn has_extension(path: &Path, wanted: &[&str]) -> bool {
    path.extension()
        .is_some_and(|extension| wanted.iter().any(|w| extension == *w))
}

/// Whether a program can be started; says so if it cannot.
pub fn have(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        skip::skip(&format!("{program} is not installed"));
    }
    found
}

/// The recording of the lab (`tests/data/README.md`).
pub fn recording() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/lab-session.pcap"
    ))
}

/// A folder of this test's own, removed when it is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("bgptap-{name}-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
