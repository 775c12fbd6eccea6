//! What is in a folder after events of some times and sizes were written.

use super::*;
use crate::sink::writer::Closing;
use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};

const SECOND: u64 = 1_000_000_000;
/// 2026-01-02T03:00:00Z.
const START: u64 = 1_767_322_800 * SECOND;

/// A folder of a test's own, removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bgptap-files-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn files(&self, name: &str, rotation: Rotation) -> Files {
        let pattern = Pattern::new(&self.0.join(name)).expect("a pattern");
        Files::new(pattern, rotation).expect("a folder to write to")
    }

    /// Names and contents, sorted.
    fn found(&self) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(&self.0)
            .expect("a folder")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy();
                (name.into_owned(), content(&path))
            })
            .collect();
        found.sort();
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content(path: &Path) -> String {
    let bytes = fs::read(path).expect("a file");
    if path.extension().is_none_or(|suffix| suffix != "gz") {
        return String::from_utf8(bytes).expect("text");
    }
    let mut text = String::new();
    let mut plain = flate2::read::GzDecoder::new(&*bytes);
    plain.read_to_string(&mut text).expect("gzip");
    text
}

fn owned(found: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
    found.iter().map(owned).collect()
}

const BY_TIME: Rotation = Rotation {
    by_time: true,
    size_max: None,
    replace: false,
    retry: false,
};

#[test]
fn a_file_has_its_name_once_it_is_finished() {
    let folder = Folder::new();
    let mut files = folder.files("a.%H%M", BY_TIME);
    files.write(b"one ", 1, START).expect("written");
    files.write(b"two", 1, START).expect("written");
    assert_eq!(folder.found(), owned(&[("a.0300.part", "one two")]));
    files
        .write(b"three", 1, START + 900 * SECOND)
        .expect("written");
    let both = [("a.0300", "one two"), ("a.0315.part", "three")];
    assert_eq!(folder.found(), owned(&both));
    // The next period has come, with nothing in it.
    files
        .write(b"", 1, START + 1800 * SECOND)
        .expect("finished");
    let both = [("a.0300", "one two"), ("a.0315", "three")];
    assert_eq!(folder.found(), owned(&both));
    files.finish().expect("nothing is open");
    assert_eq!(folder.found(), owned(&both));
}

#[test]
fn no_file_exceeds_its_size_unless_one_chunk_does() {
    let folder = Folder::new();
    let rotation = Rotation {
        size_max: Some(6),
        ..Rotation::default()
    };
    let mut files = folder.files("a", rotation);
    for chunk in ["123", "456", "7", "12345678", "9"] {
        files.write(chunk.as_bytes(), 1, START).expect("written");
    }
    files.finish().expect("finished");
    let found = [
        ("a", "123456"),
        ("a.1", "7"),
        ("a.2", "12345678"),
        ("a.3", "9"),
    ];
    assert_eq!(folder.found(), owned(&found));
}

/// What the compressor holds back counts, whether it can be compressed or not.
#[test]
fn no_compressed_file_exceeds_its_size() {
    const MOST: u64 = 100_000;
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        // xorshift: nothing in it recurs.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + (state % 64) as u8)
    });
    let noise: String = noise.take(1 << 20).collect();
    let lines = "the same line again and again, ".repeat(1 << 16);
    for (text, chunk) in [(&noise, 7_000), (&noise, 65_000), (&lines, 20_000)] {
        let folder = Folder::new();
        let rotation = Rotation {
            size_max: Some(MOST),
            ..Rotation::default()
        };
        let mut files = folder.files("a.gz", rotation);
        for part in text.as_bytes().chunks(chunk) {
            files.write(part, 1, START).expect("written");
        }
        files.finish().expect("finished");
        let mut whole = String::new();
        let mut sizes = Vec::new();
        for number in 0.. {
            let pattern = Pattern::new(&folder.0.join("a.gz")).expect("a pattern");
            let name = pattern.name(START, number);
            let Ok(about) = fs::metadata(&name) else {
                break;
            };
            sizes.push(about.len());
            whole.push_str(&content(&name));
        }
        assert!(whole == *text, "all is there, in order");
        assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
        // But for what might have been too much, files are filled.
        let full = &sizes[..sizes.len() - 1];
        let least = MOST.saturating_sub(chunk as u64 + 1000);
        assert!(full.iter().all(|size| *size > least), "{sizes:?}");
    }
}

#[test]
fn what_an_earlier_run_has_left_stays() {
    let folder = Folder::new();
    fs::write(folder.0.join("a.0300.gz.part"), "").expect("written");
    for text in ["first", "second"] {
        let mut files = folder.files("a.%H%M.gz", BY_TIME);
        files.write(text.as_bytes(), 1, START).expect("written");
        files.finish().expect("finished");
    }
    let found = [
        ("a.0300.1.gz", "first"),
        ("a.0300.2.gz", "second"),
        ("a.0300.gz.part", ""),
    ];
    assert_eq!(folder.found(), owned(&found));
}

#[test]
fn a_file_may_take_the_place_of_an_older_one() {
    let folder = Folder::new();
    for text in ["first", "second"] {
        let rotation = Rotation {
            replace: true,
            ..Rotation::default()
        };
        let mut files = folder.files("a.mrt", rotation);
        files.write(text.as_bytes(), 1, START).expect("written");
        files.write(b"!", 1, START + SECOND).expect("written");
        files.finish().expect("finished");
    }
    assert_eq!(folder.found(), owned(&[("a.mrt", "second!")]));
}

#[test]
fn folders_are_made_as_times_come() {
    let folder = Folder::new();
    let mut files = folder.files("%Y/%m/a", BY_TIME);
    assert_eq!(
        folder.found().len(),
        0,
        "nothing is made before it is needed"
    );
    files.write(b"x", 1, START).expect("written");
    files.finish().expect("finished");
    assert_eq!(content(&folder.0.join("2026/01/a")), "x");
}

#[test]
fn a_folder_that_is_not_there_is_told_at_once() {
    let pattern = Pattern::new(Path::new("/nonexistent/a.%H")).expect("a pattern");
    let error = Files::new(pattern, BY_TIME).err().expect("no folder");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn after_a_failure_whole_events_are_kept_and_another_file_begun() {
    let folder = Folder::new();
    let rotation = Rotation {
        retry: true,
        ..BY_TIME
    };
    let mut files = folder.files("a.%H%M", rotation);
    files.write(b"whole", 1, START).expect("written");
    // As if the disk had taken a part of the next chunk only.
    let torn = OpenOptions::new()
        .append(true)
        .open(folder.0.join("a.0300.part"));
    torn.and_then(|mut file| file.write_all(b"to"))
        .expect("written");
    assert!(files.recover().again);
    files.write(b"more", 1, START).expect("written");
    files.finish().expect("finished");
    assert_eq!(
        folder.found(),
        owned(&[("a.0300", "whole"), ("a.0300.1", "more")])
    );
}

/// The compressor holds events back: those that were lost in it are counted, and what has the name is whole.
#[test]
fn what_is_lost_in_a_compressor_is_told_and_no_torn_file_gets_its_name() {
    let folder = Folder::new();
    let rotation = Rotation {
        retry: true,
        ..BY_TIME
    };
    let mut files = folder.files("a.%H%M.gz", rotation);
    files.write(b"whole ", 1, START).expect("written");
    files.write(b"events", 2, START).expect("written");
    let open = files.open.as_mut().expect("a file");
    open.end_piece().expect("there is room");
    files.write(b"lost", 4, START).expect("taken");
    // As if the disk had taken a part of the next member only.
    let torn = OpenOptions::new()
        .append(true)
        .open(folder.0.join("a.0300.gz.part"));
    torn.and_then(|mut file| file.write_all(b"\x1f\x8b\x08"))
        .expect("written");
    let recovery = Recovery {
        again: true,
        lost: 4,
    };
    assert_eq!(files.recover(), recovery);
    files.write(b"more", 1, START).expect("written");
    files.finish().expect("finished");
    let found = [("a.0300.1.gz", "more"), ("a.0300.gz", "whole events")];
    assert_eq!(folder.found(), owned(&found));
}

/// All is in the compressor when the disk turns out to be full.
#[test]
fn a_compressed_file_that_cannot_be_finished_gets_no_name() {
    let folder = Folder::new();
    let mut files = folder.files("a.%H%M.gz", BY_TIME);
    files.write(b"event", 1, START).expect("taken");
    files.write(b"event", 1, START).expect("taken");
    let full = OpenOptions::new().write(true).open("/dev/full");
    files.open.as_mut().expect("a file").file = full.expect("a device");
    let error = files.finish().expect_err("no space is left");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let recovery = Recovery {
        again: false,
        lost: 2,
    };
    assert_eq!(files.recover(), recovery);
    assert_eq!(folder.found(), owned(&[]));
}

/// Nobody can tell what of it is on the disk: all of it counts as lost, and it does not get its name.
#[test]
fn what_the_disk_does_not_confirm_is_lost() {
    for name in ["a.%H%M", "a.%H%M.gz"] {
        let folder = Folder::new();
        let mut files = folder.files(name, BY_TIME);
        files.write(b"event", 3, START).expect("taken");
        let open = files.open.as_mut().expect("a file");
        open.end_piece().expect("there is room");
        // It takes what is written, and cannot keep it.
        let device = OpenOptions::new().write(true).open("/dev/null");
        open.file = device.expect("a device");
        files.finish().expect_err("it cannot be synchronised");
        assert_eq!(files.recover().lost, 3);
        let mut entries = fs::read_dir(&folder.0).expect("a folder");
        let left = entries.next().expect("a file").expect("an entry");
        assert!(left.file_name().to_string_lossy().ends_with(".part"));
        assert!(entries.next().is_none());
    }
}

/// Whoever looks for it does not find it.
#[test]
fn what_does_not_get_its_name_is_lost() {
    let folder = Folder::new();
    let mut files = folder.files("a.%H%M", BY_TIME);
    files.write(b"event", 3, START).expect("written");
    fs::create_dir(folder.0.join("a.0300")).expect("a folder");
    files.finish().expect_err("a folder has the name");
    assert_eq!(files.recover().lost, 3);
    let part = folder.0.join("a.0300.part");
    assert_eq!(content(&part), "event", "it can still be had by hand");
}

/// A piece that fills up within an event is ended behind it. Whoever stops behind the first member of a file reads
/// all the same.
#[test]
fn a_long_file_is_one_member() {
    let folder = Folder::new();
    let mut files = folder.files("a.gz", Rotation::default());
    let mut wanted = String::new();
    let mut held = 0;
    for number in 0..40_u32 {
        let text = number.to_string().repeat(64 * 1024);
        files.write(text.as_bytes(), 1, START).expect("written");
        held = files.open.as_ref().expect("a file").events;
        wanted.push_str(&text);
    }
    assert!(
        (1..40).contains(&held),
        "it has been written piece by piece"
    );
    files.finish().expect("finished");
    assert!(content(&folder.0.join("a.gz")) == wanted);
}

/// The archive of an earlier run gives way, that of this run does not.
#[test]
fn what_was_rescued_is_not_replaced_by_what_comes_later() {
    let folder = Folder::new();
    fs::write(folder.0.join("a"), "an earlier run").expect("written");
    let rotation = Rotation {
        by_time: false,
        replace: true,
        retry: true,
        ..BY_TIME
    };
    let mut files = folder.files("a", rotation);
    files.write(b"whole", 1, START).expect("written");
    assert!(files.recover().again);
    // Nothing at all fits for a while.
    for _ in 0..2 {
        files.open = Some(files.begin(START).expect("begun"));
        assert!(files.recover().again);
    }
    files.write(b"more", 1, START).expect("written");
    files.finish().expect("finished");
    let found = [("a", "whole"), ("a.1", "more")];
    assert_eq!(folder.found(), owned(&found));
}

/// The archive of a run that was killed is all that there is of it.
#[test]
fn what_is_replaced_is_whole_and_never_what_a_killed_run_has_left() {
    let folder = Folder::new();
    fs::write(folder.0.join("a"), "whole").expect("written");
    fs::write(folder.0.join("a.part"), "killed").expect("written");
    let rotation = Rotation {
        replace: true,
        ..Rotation::default()
    };
    let mut files = folder.files("a", rotation);
    files.write(b"new", 1, START).expect("written");
    files.finish().expect("finished");
    let found = [("a", "new"), ("a.part", "killed")];
    assert_eq!(folder.found(), owned(&found));
}

/// A snapshot that could not be written leaves the one before it.
#[test]
fn half_a_snapshot_replaces_none() {
    let folder = Folder::new();
    let rotation = Rotation {
        replace: true,
        retry: true,
        ..BY_TIME
    };
    let mut files = folder.files("a", rotation);
    for (text, at_ns) in [(b"first", START), (b"other", START + SECOND)] {
        files.write(text, 1, at_ns).expect("written");
    }
    // Its event was taken, and is not to be found anywhere.
    let recovery = Recovery {
        again: true,
        lost: 1,
    };
    assert_eq!(files.recover(), recovery);
    assert_eq!(folder.found(), owned(&[("a", "first")]));
    files
        .write(b"third", 1, START + 2 * SECOND)
        .expect("written");
    files.finish().expect("finished");
    assert_eq!(folder.found(), owned(&[("a", "third")]));
}

#[test]
fn a_file_under_its_own_name_goes_on_behind_its_last_whole_event() {
    let folder = Folder::new();
    let path = folder.0.join("a");
    let mut direct = Direct::create(&path).expect("made").retrying(true);
    direct.write(b"whole", 1, START).expect("written");
    let torn = OpenOptions::new().append(true).open(&path);
    torn.and_then(|mut file| file.write_all(b"to"))
        .expect("written");
    assert!(direct.recover().again);
    direct.write(b", more", 1, START).expect("written");
    assert_eq!(content(&path), "whole, more");
}

/// An output that is refused before it begins leaves no trace.
#[test]
fn a_file_that_was_never_written_to_is_as_it_was() {
    let folder = Folder::new();
    fs::write(folder.0.join("old"), "an earlier run").expect("written");
    for name in ["old", "new"] {
        let file = Direct::create(&folder.0.join(name)).expect("made");
        drop(file.retrying(true));
    }
    assert_eq!(folder.found(), owned(&[("old", "an earlier run")]));
    for name in ["old", "new"] {
        let mut file = Direct::create(&folder.0.join(name)).expect("made");
        file.begin(Closing::for_test(false));
    }
    assert_eq!(folder.found(), owned(&[("new", ""), ("old", "")]));
}
