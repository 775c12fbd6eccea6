//! The unit, read from its file: what it sets, and which system calls it allows.

use super::{net, repository};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The `[Service]` of a unit.
pub struct Unit {
    settings: BTreeMap<String, Vec<String>>,
}

impl Unit {
    pub fn path() -> PathBuf {
        repository().join("contrib/systemd/bgptap.service")
    }

    pub fn read() -> Self {
        let settings = BTreeMap::new();
        Self { settings }.with(&fs::read_to_string(Self::path()).unwrap())
    }

    /// The drop-in for `--tap` that docs/operations.md shows.
    pub fn drop_in() -> String {
        let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
        let blocks = page.split("```ini\n").skip(1);
        let mut blocks = blocks.filter_map(|rest| rest.split_once("```"));
        let (block, _) = blocks.next().expect("it shows one");
        assert!(block.contains("CAP_SYS_ADMIN"), "{block}");
        block.to_owned()
    }

    /// What a file says, added to what is set.
    pub fn with(mut self, text: &str) -> Self {
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section == "[Service]"
                && !line.starts_with('#')
                && let Some((key, value)) = line.split_once('=')
            {
                let values = self.settings.entry(key.to_owned()).or_default();
                values.push(value.to_owned());
            }
        }
        self
    }

    /// A setting that has one value.
    pub fn one(&self, key: &str) -> &str {
        let [value] = self.settings[key].as_slice() else {
            panic!("{key}: {:?}", self.settings[key]);
        };
        value
    }

    /// What `sandbox.py` is told.
    pub fn json(&self) -> String {
        let mut settings = self.settings.clone();
        settings.insert("calls".into(), self.allowed_calls().into_iter().collect());
        serde_json::to_string(&settings).unwrap()
    }

    /// System calls that the unit allows (systemd.exec(5), SystemCallFilter=).
    pub fn allowed_calls(&self) -> BTreeSet<String> {
        let groups = groups();
        let mut calls = BTreeSet::new();
        // What starting a program takes is always in.
        members(&groups, "@default", &mut calls);
        for list in &self.settings["SystemCallFilter"] {
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
