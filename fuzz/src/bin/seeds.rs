//! Writes seeds for the decoder's fuzz targets: `seeds CORPUS OUT`.
//!
//! Messages are the `"raw"` and `"hex"` fields of the JSON lines in CORPUS/truth and
//! CORPUS/hex/split; each is cut up into what the targets take. Those of BMP are in CORPUS/pcap/bmp.

use bgptap::bgp::header::HEADER_LEN;
use bgptap::bgp::{Message, NlriField, Update};
use bgptap::capture::bmp::framing::{Framed, find_start};
use bgptap::capture::bmp::message::Message as BmpMessage;
use bgptap_fuzz::selector::{self, of_family, plain};
use bgptap_fuzz::{context, tlv};
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
    tlvs: BTreeSet<Vec<u8>>,
    bmp: BTreeSet<Vec<u8>>,
}

/// The octets of the first context in which a message has no errors; of the most common one if
/// there is none.
fn fitting(raw: &[u8]) -> [u8; selector::LEN] {
    let candidates = [(true, false), (false, false), (true, true), (false, true)];
    let candidates = candidates.map(|(as4, add_path)| plain(as4, add_path));
    let fits = |octets: &[u8; selector::LEN]| match Message::parse(raw, &context(*octets)) {
        Ok(message) => message.errors().is_empty(),
        Err(_) => false,
    };
    candidates.into_iter().find(fits).unwrap_or(candidates[0])
}

impl Seeds {
    fn add(&mut self, raw: &[u8]) {
        let octets = fitting(raw);
        self.message.insert([&octets, raw].concat());
        let body = raw.get(HEADER_LEN..).unwrap_or_default();
        match Message::parse(raw, &context(octets)) {
            Ok(Message::Open(_)) => self.add_open(body),
            Ok(Message::Update(update)) => {
                self.update.insert([&octets, body].concat());
                self.add_update(octets, &update);
            }
            _ => {}
        }
    }

    /// The whole body; its parameters in both encodings, and as one of two OPENs.
    fn add_open(&mut self, body: &[u8]) {
        self.open.insert([&[0], body].concat());
        let parameters = body.get(10..).unwrap_or_default();
        for selector in [1, 2] {
            self.open.insert([&[selector], parameters].concat());
        }
        if let Ok(length @ ..64) = u8::try_from(parameters.len()) {
            let both = [&[3 | length << 2], parameters, parameters].concat();
            self.open.insert(both);
        }
    }

    fn add_update(&mut self, octets: [u8; selector::LEN], update: &Update<'_>) {
        for attribute in update.attributes() {
            let (code, flags, value) = (attribute.code, attribute.flags.0, attribute.value);
            let head = [&octets[..], &[code, flags]].concat();
            self.attribute.insert([&head, value].concat());
            // Those of NLRI come below.
            if !matches!(code, 14 | 15) {
                self.add_tlvs(octets, [flags & 0xe0, code], value);
            }
        }
        for field in update.all_withdrawn().chain(update.all_announced()) {
            self.add_field(octets, field);
        }
    }

    fn add_field(&mut self, octets: [u8; selector::LEN], field: NlriField<'_>) {
        let form = field.form();
        if let Some(family) = of_family(form.family) {
            let bits = u8::from(form.add_path)
                | u8::from(form.multiple_labels) << 1
                | u8::from(form.withdrawn) << 2;
            let head = [&octets[..], &[family, bits]].concat();
            self.nlri.insert([&head, field.as_bytes()].concat());
            self.add_tlvs(octets, [1 | bits << 1, family], field.as_bytes());
        }
    }

    /// What looks as if it had TLVs; the program must make it again.
    fn add_tlvs(&mut self, octets: [u8; selector::LEN], holder: [u8; 2], value: &[u8]) {
        let program = tlv::decompose(value);
        let short = value.len() <= tlv::BYTES_MAX;
        assert!(!short || tlv::compose(&program) == value, "{value:02x?}");
        if tlv::has_tlvs(&program) {
            self.tlvs.insert([&octets[..], &holder, &program].concat());
        }
    }

    /// BMP messages that lie whole in a capture file, wherever its frames begin.
    fn add_bmp(&mut self, mut file: &[u8]) {
        while let Some(at) = find_start(file) {
            file = file.get(at..).unwrap_or_default();
            let length = match Framed::of(file) {
                Framed::Whole(length) => length,
                _ => 1,
            };
            let (message, behind) = file.split_at(length);
            if BmpMessage::parse(message).is_ok() {
                self.bmp.insert(message.to_vec());
            }
            file = behind;
        }
    }

    fn write(&self, out: &Path) -> io::Result<()> {
        let targets = [
            ("message", &self.message),
            ("open", &self.open),
            ("update", &self.update),
            ("nlri", &self.nlri),
            ("attribute", &self.attribute),
            ("tlvs", &self.tlvs),
            ("bmp", &self.bmp),
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
    for entry in fs::read_dir(corpus.join("pcap/bmp/netgauze"))? {
        seeds.add_bmp(&fs::read(entry?.path())?);
    }
    seeds.write(&out)
}
