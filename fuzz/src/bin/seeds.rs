//! Writes seeds for the decoder's fuzz targets: `seeds CORPUS OUT`.
//!
//! Messages are the `"raw"` and `"hex"` fields of the JSON lines in CORPUS/truth and
//! CORPUS/hex/split; each is cut up into what the targets take.

use bgptap::bgp::family::KNOWN;
use bgptap::bgp::header::HEADER_LEN;
use bgptap::bgp::{Context, Message, NlriField, Update};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Seeds of each target, no two the same.
#[derive(Default)]
struct Seeds {
    message: BTreeSet<Vec<u8>>,
    open: BTreeSet<Vec<u8>>,
    update: BTreeSet<Vec<u8>>,
    nlri: BTreeSet<Vec<u8>>,
    attribute: BTreeSet<Vec<u8>>,
}

impl Seeds {
    fn add(&mut self, raw: &[u8]) {
        // Four octets for AS numbers, no path identifiers; the fuzzer changes it soon enough.
        let context = Context::assumed();
        self.message.insert([&[1], raw].concat());
        let body = raw.get(HEADER_LEN..).unwrap_or_default();
        match Message::parse(raw, &context) {
            Ok(Message::Open(_)) => {
                self.open.insert([&[0], body].concat());
            }
            Ok(Message::Update(update)) => {
                self.update.insert([&[1], body].concat());
                self.add_update(&update);
            }
            _ => {}
        }
    }

    fn add_update(&mut self, update: &Update<'_>) {
        for attribute in update.attributes() {
            let head = [attribute.code, attribute.flags.0, 1];
            self.attribute.insert([&head, attribute.value].concat());
        }
        for field in update.all_withdrawn().chain(update.all_announced()) {
            self.add_field(field);
        }
    }

    fn add_field(&mut self, field: NlriField<'_>) {
        let known = KNOWN.iter().position(|family| *family == field.family());
        if let Some(selector) = known.and_then(|at| u8::try_from(at).ok()) {
            let bits = u8::from(field.form().withdrawn) << 2;
            self.nlri
                .insert([&[selector, bits], field.as_bytes()].concat());
        }
    }

    fn write(&self, out: &Path) -> io::Result<()> {
        let targets = [
            ("message", &self.message),
            ("open", &self.open),
            ("update", &self.update),
            ("nlri", &self.nlri),
            ("attribute", &self.attribute),
        ];
        for (target, seeds) in targets {
            let folder = out.join(target);
            fs::create_dir_all(&folder)?;
            for (number, seed) in seeds.iter().enumerate() {
                fs::write(folder.join(format!("{number:05}")), seed)?;
            }
            println!("{target}: {} seeds", seeds.len());
        }
        Ok(())
    }
}

/// The hexadecimal strings behind a key of a JSON line, whatever stands around them.
fn fields<'a>(line: &'a str, key: &str) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let behind: Vec<&str> = line.split(key).skip(1).collect();
    behind.into_iter().filter_map(|rest| {
        let rest = rest.trim_start_matches([':', ' ']).strip_prefix('"')?;
        let digits = rest.split('"').next()?.as_bytes();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    })
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(corpus), Some(out)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: seeds CORPUS OUT");
        std::process::exit(2);
    };
    let mut seeds = Seeds::default();
    for folder in ["truth", "hex/split"] {
        for entry in fs::read_dir(corpus.join(folder))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "jsonl")
            {
                for line in fs::read_to_string(path)?.lines() {
                    for key in ["\"raw\"", "\"hex\""] {
                        fields(line, key).for_each(|raw| seeds.add(&raw));
                    }
                }
            }
        }
    }
    seeds.write(&out)
}
