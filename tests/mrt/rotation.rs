//! Files one after the other: together they are the one that they would have been.

use super::{Scratch, read, recording};
use std::io::Read;
use std::path::Path;

/// Names and contents of the files in a folder, by name; gunzipped.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut bytes = std::fs::read(&path).unwrap();
            if name.ends_with(".gz") {
                let compressed = std::mem::take(&mut bytes);
                let mut plain = flate2::read::GzDecoder::new(&*compressed);
                plain.read_to_end(&mut bytes).unwrap();
            }
            (name, bytes)
        })
        .collect();
    files.sort();
    files
}

fn written(name: &str, more: &[&str]) -> Vec<(String, Vec<u8>)> {
    let scratch = Scratch::new("rotation");
    let folder = scratch.path("out");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join(name);
    let output = if name.contains("json") {
        "--json"
    } else {
        "--mrt"
    };
    let args = [&[output, path.to_str().unwrap(), "--host", "test"], more].concat();
    read(recording(), &args);
    files(&folder)
}

#[test]
fn records_are_divided_by_time_and_none_is_lost() {
    let whole = written("a.mrt", &[]);
    assert_eq!(whole.len(), 1);
    let parts = written("%s.mrt.gz", &["--mrt-rotate", "1s"]);
    assert!(parts.len() > 2, "{}", parts.len());
    for (name, bytes) in &parts {
        // The first record of a file is of its second; none in it is of an earlier one, but some may be late.
        let second: u32 = name.strip_suffix(".mrt.gz").unwrap().parse().unwrap();
        let first = u32::from_be_bytes(*bytes.first_chunk().unwrap());
        assert_eq!(first, second, "{name}");
    }
    let together: Vec<u8> = parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(together, whole[0].1);
}

#[test]
fn lines_are_divided_by_size_and_none_is_torn() {
    let whole = written("a.json", &[]);
    let parts = written("json.%Y", &["--json-rotate-size", "200k"]);
    assert!(parts.len() > 2, "{}", parts.len());
    let numbers = parts.iter().map(|(name, _)| name.splitn(3, '.').nth(2));
    let mut numbers: Vec<_> = numbers
        .map(|n| n.map_or(0, |n| n.parse().unwrap()))
        .collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| numbers[*place]);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..parts.len()).collect::<Vec<_>>());
    let mut together = Vec::new();
    for place in order {
        let (name, bytes) = &parts[place];
        assert!(
            bytes.len() <= 200 * 1024 && bytes.ends_with(b"\n"),
            "{name}"
        );
        together.extend_from_slice(bytes);
    }
    assert_eq!(together, whole[0].1);
}

/// Readers that stop behind the first member of a file (RFC 1952 §2.2) have all of it, archives and lines alike.
#[test]
fn compressed_files_are_of_one_member() {
    for (name, option) in [("a.mrt", "--mrt"), ("a.json", "--json")] {
        let scratch = Scratch::new("member");
        let [plain, compressed] = ["", ".gz"].map(|end| scratch.path(&format!("{name}{end}")));
        for path in [&plain, &compressed] {
            let args = [option, path.to_str().unwrap(), "--host", "test"];
            read(recording(), &args);
        }
        let bytes = std::fs::read(&compressed).unwrap();
        let mut first = flate2::bufread::GzDecoder::new(&*bytes);
        let mut content = Vec::new();
        first.read_to_end(&mut content).unwrap();
        assert_eq!(content, std::fs::read(&plain).unwrap(), "{name}");
        assert!(first.into_inner().is_empty(), "{name} has one member");
        if option == "--mrt" {
            // bgpkit-parser by way of such a reader finds as many records as their lengths say there are.
            let unpacked = flate2::read::GzDecoder::new(std::fs::File::open(&compressed).unwrap());
            let parser = bgpkit_parser::BgpkitParser::from_reader(unpacked);
            let (mut records, mut rest) = (0, content.as_slice());
            while let Some((head, behind)) = rest.split_at_checked(12) {
                let length = u32::from_be_bytes(head[8..].try_into().unwrap());
                rest = &behind[length as usize..];
                records += 1;
            }
            assert_eq!(parser.into_record_iter().count(), records);
        }
    }
}
