//! What a disk holds beside archives: the newest snapshot of the tables, and evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The routes of a snapshot as bgpkit-parser reads them: prefixes with their paths.
pub fn snapshot(file: &Path) -> BTreeMap<String, String> {
    let file = BufReader::new(File::open(file).unwrap());
    let elements = bgpkit_parser::BgpkitParser::from_reader(file).into_elem_iter();
    let route = |element: bgpkit_parser::BgpElem| {
        let path = element.as_path.unwrap().to_string();
        (element.prefix.prefix.to_string(), path)
    };
    elements.map(route).collect()
}

/// A frame in a file of evidence.
#[derive(Debug)]
pub struct Kept {
    pub bytes: Vec<u8>,
    /// Something has happened here.
    pub has_comment: bool,
}

impl Kept {
    /// The number of the UPDATE in it, if there is one: the second AS of its path, behind Ethernet, IPv4, TCP, the header and
    /// three fields of fixed size.
    pub fn number(&self) -> Option<u64> {
        const TCP_PAYLOAD: usize = 14 + 20 + 20;
        let update = self
            .bytes
            .get(TCP_PAYLOAD..)
            .filter(|update| update.len() > 40)?;
        (update[18] == 2).then(|| u32::from_be_bytes(update[36..40].try_into().unwrap()).into())
    }
}

/// All evidence in a folder: how many files, and the frames in them. Each file is whole.
pub fn evidence(folder: &Path) -> (usize, Vec<Kept>) {
    let files = std::fs::read_dir(folder).unwrap();
    let files: BTreeSet<_> = files.map(|entry| entry.unwrap().path()).collect();
    let mut kept = Vec::new();
    for file in &files {
        let is_named = file
            .extension()
            .is_some_and(|extension| extension == "pcapng");
        assert!(is_named, "{}: not finished", file.display());
        let of_file = frames(&std::fs::read(file).unwrap());
        assert!(!of_file.is_empty(), "{}", file.display());
        kept.extend(of_file);
    }
    (files.len(), kept)
}

/// The Enhanced Packet Blocks of a pcapng file in the order of this machine's octets.
fn frames(mut file: &[u8]) -> Vec<Kept> {
    const ENHANCED_PACKET: u32 = 6;
    let mut frames = Vec::new();
    while !file.is_empty() {
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let length = number(4) as usize;
        assert_eq!(
            number(length - 4) as usize,
            length,
            "a block that is cut off"
        );
        if number(0) == ENHANCED_PACKET {
            let captured = number(20) as usize;
            // Options follow the padded frame; the first one is the comment.
            let options = 28 + captured.next_multiple_of(4);
            frames.push(Kept {
                bytes: file[28..28 + captured].to_vec(),
                has_comment: options + 4 < length && file[options] == 1,
            });
        }
        file = &file[length..];
    }
    frames
}
