//! The thread that writes evidence, and what may lie in its folder.

use super::pcapng::{PcapNg, link_number};
use super::ring::{Block, Head, Ring};
use super::{Incident, Mark, Shared};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::Duration;

const SUFFIX: &str = ".pcapng";
/// Behind the name of a file that is not complete.
const DRAFT: &str = ".part";

/// Whether files can be made in a folder: whatever hinders is told at the start, not with the first incident.
fn probe(folder: &Path) -> io::Result<()> {
    let name = folder.join(format!("{}{DRAFT}", std::process::id()));
    fs::File::create(&name)?;
    fs::remove_file(name)
}

/// What lies in the folder, by session: those of the session that has most go first, so that one
/// which makes mistakes all day does not push out what others left.
pub(super) struct Folder {
    path: PathBuf,
    bytes_max: u64,
    bytes: u64,
    sessions: HashMap<u64, Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: u64,
    /// Name and size, oldest first: names begin with the time.
    files: Vec<(String, u64)>,
}

impl Folder {
    /// Looks through the folder for what earlier runs left.
    pub(super) fn open(path: &Path, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        probe(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            bytes_max,
            bytes: 0,
            sessions: HashMap::new(),
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // A process that was killed may have left a draft, which takes room like any other.
            if let Some(name) = entry.file_name().to_str()
                && let Some(session) = session_of(name.strip_suffix(DRAFT).unwrap_or(name))
            {
                found.push((name.to_owned(), session, entry.metadata()?.len()));
            }
        }
        found.sort();
        for (name, session, bytes) in found {
            folder.add(session, name, bytes);
        }
        Ok(folder)
    }

    fn add(&mut self, session: u64, name: String, bytes: u64) {
        let kept = self.sessions.entry(session).or_default();
        kept.files.push((name, bytes));
        kept.bytes += bytes;
        self.bytes += bytes;
    }

    /// Removes files until `bytes` more fit; says how many went.
    fn make_room(&mut self, bytes: u64) -> u64 {
        let mut removed = 0;
        while self.bytes + bytes > self.bytes_max {
            // Of those with as much the one whose oldest file is the oldest.
            let most = self.sessions.iter().max_by(|(_, a), (_, b)| {
                let oldest = |kept: &Kept| kept.files.first().map(|file| file.0.clone());
                a.bytes
                    .cmp(&b.bytes)
                    .then_with(|| oldest(b).cmp(&oldest(a)))
            });
            let Some(session) = most.map(|(session, _)| *session) else {
                break;
            };
            let Some(kept) = self.sessions.get_mut(&session) else {
                break;
            };
            let (name, bytes) = kept.files.remove(0);
            kept.bytes -= bytes;
            self.bytes -= bytes;
            if kept.files.is_empty() {
                self.sessions.remove(&session);
            }
            // Somebody else may have taken it away.
            let _ = fs::remove_file(self.path.join(name));
            removed += 1;
        }
        removed
    }

    /// Writes a file under another name first: one that has its own name is complete.
    fn write(&mut self, incident: &Incident, scratch: &mut Scratch) -> io::Result<Written> {
        let Some(first) = incident.marks.first() else {
            return Ok(Written::Nothing);
        };
        let (seconds, rest) = (first.ns / 1_000_000_000, first.ns % 1_000_000_000);
        let (session, kind) = (incident.session, first.kind);
        let part = match incident.part {
            1 => String::new(),
            part => format!(".{part}"),
        };
        let name = format!("{seconds}.{rest:09}-{session:016x}-{kind}{part}{SUFFIX}");
        let draft = self.path.join(format!("{name}{DRAFT}"));
        let written = File::create(&draft).and_then(|file| scratch.write(incident, file));
        match written {
            Ok(0) => fs::remove_file(&draft).map(|()| Written::Nothing),
            Ok(bytes) if bytes > self.bytes_max => {
                fs::remove_file(&draft).map(|()| Written::TooLarge)
            }
            Ok(bytes) => {
                let removed = self.make_room(bytes);
                fs::rename(&draft, self.path.join(&name))?;
                self.add(session, name, bytes);
                Ok(Written::File { bytes, removed })
            }
            Err(error) => {
                let _ = fs::remove_file(&draft);
                Err(error)
            }
        }
    }
}

enum Written {
    File {
        bytes: u64,
        removed: u64,
    },
    /// None of its frames were recorded.
    Nothing,
    TooLarge,
}

/// The session in the name of a file.
fn session_of(name: &str) -> Option<u64> {
    let (time, rest) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let (session, _) = rest.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (session.len() == 16 && digits(time)).then_some(())?;
    u64::from_str_radix(session, 16).ok()
}

/// Memory that is used for one file after the other.
#[derive(Default)]
struct Scratch {
    buffer: Vec<u8>,
    times: Vec<u64>,
    /// The frame that each mark stands at.
    places: Vec<usize>,
    /// Link type and interface of what the file calls interface 0, 1, ….
    interfaces: Vec<(u16, u16)>,
}

impl Scratch {
    /// Writes the frames of an incident; says how many octets it came to, none if there are no frames.
    fn write(&mut self, incident: &Incident, file: File) -> io::Result<u64> {
        self.find_places(incident);
        if self.times.is_empty() {
            return Ok(0);
        }
        self.interfaces.clear();
        let (interfaces, places) = (&mut self.interfaces, &self.places);
        let mut out = PcapNg::new(BufWriter::new(file))?;
        let mut index = 0;
        Ring::each(&incident.blocks, &mut self.buffer, |head, bytes| {
            if head.ns < incident.from_ns {
                return Ok(());
            }
            let link = link_number(head.link, bytes);
            let key = (link, head.interface);
            let known = interfaces.iter().position(|known| *known == key);
            let interface = match known {
                Some(known) => known,
                None => {
                    let name = incident.interfaces.get(usize::from(head.interface));
                    out.interface(link, name.map(String::as_str))?;
                    interfaces.push(key);
                    interfaces.len() - 1
                }
            };
            let interface = u32::try_from(interface).map_err(io::Error::other)?;
            let marks = incident.marks.iter().zip(places);
            let here = marks.filter(|(_, place)| **place == index);
            let comments = here.map(|(mark, _)| mark.text.as_str());
            out.packet(interface, head.ns, head.wire_len, bytes, comments)?;
            index += 1;
            Ok::<_, io::Error>(())
        })?;
        let written = out.written();
        out.finish()?;
        Ok(written)
    }

    /// A mark stands at the frame of its time, or else at the last one before.
    fn find_places(&mut self, incident: &Incident) {
        let times = &mut self.times;
        times.clear();
        let note = |head: Head, _: &[u8]| {
            times.extend((head.ns >= incident.from_ns).then_some(head.ns));
            Ok::<_, std::convert::Infallible>(())
        };
        let Ok(()) = Ring::each(&incident.blocks, &mut self.buffer, note);
        let place = |mark: &Mark| {
            let exact = times.iter().position(|ns| *ns == mark.ns);
            let before = || times.iter().rposition(|ns| *ns < mark.ns);
            exact.or_else(before).unwrap_or(0)
        };
        self.places.clear();
        self.places.extend(incident.marks.iter().map(place));
    }
}

/// Writes what comes until there is an end to it.
pub(super) fn run(shared: &Shared, mut folder: Folder) {
    let mut scratch = Scratch::default();
    loop {
        // Read before the queue: what was pushed before closing is still seen below.
        let closing = shared.closing.load(Acquire);
        while let Some(incident) = shared.full.pop() {
            let counts = &shared.counts;
            match folder.write(&incident, &mut scratch) {
                Ok(Written::File { bytes, removed }) => {
                    counts.files.fetch_add(1, Relaxed);
                    counts.bytes.fetch_add(bytes, Relaxed);
                    counts.removed.fetch_add(removed, Relaxed);
                }
                Ok(Written::Nothing) => {
                    counts.without_frames.fetch_add(1, Relaxed);
                }
                Ok(Written::TooLarge) => {
                    counts.too_large.fetch_add(1, Relaxed);
                }
                // The disk may have room again for the next.
                Err(_) => {
                    counts.failed.fetch_add(1, Relaxed);
                }
            }
            give_back(shared, incident.blocks);
        }
        if closing {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn give_back(shared: &Shared, blocks: impl IntoIterator<Item = Block>) {
    for block in blocks {
        // There are as many places as blocks.
        let _ = shared.empty.push(block);
    }
    shared.in_flight.fetch_sub(1, AcqRel);
    shared.worker.unpark();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_has_left_makes_room() {
        let path = std::env::temp_dir().join(format!("bgptap-drafts-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        let draft = path.join(format!("1.0-{:016x}-gap{SUFFIX}{DRAFT}", 7));
        fs::write(&draft, [0; 60]).expect("room");
        let mut folder = Folder::open(&path, 100).expect("a folder");
        assert_eq!(folder.bytes, 60);
        assert_eq!(folder.make_room(50), 1);
        assert!(!draft.exists());
        fs::remove_dir_all(&path).expect("it is ours");
    }

    #[test]
    fn the_noisiest_session_makes_room() {
        let path = std::env::temp_dir().join(format!("bgptap-folder-{}", std::process::id()));
        let mut folder = Folder::open(&path, 100).expect("a folder");
        for (time, session, bytes) in [(1, 7, 30), (2, 8, 20), (3, 8, 20), (4, 8, 20)] {
            let name = format!("{time}.0-{session:016x}-gap{SUFFIX}");
            fs::write(path.join(&name), vec![0; bytes]).expect("room");
            folder.add(session, name, bytes as u64);
        }
        assert_eq!(folder.make_room(10), 0, "it fits");
        assert_eq!(folder.make_room(40), 2);
        let names = |session: u64| -> Vec<_> {
            let kept = folder.sessions.get(&session).expect("some are left");
            kept.files
                .iter()
                .map(|file| file.0.get(..1).expect("a time").to_owned())
                .collect()
        };
        assert_eq!(
            (names(7), names(8)),
            (vec!["1".to_owned()], vec!["4".to_owned()])
        );
        let again = Folder::open(&path, 100).expect("a folder");
        assert_eq!(again.bytes, 50, "the next run counts what it finds");
        assert_eq!(again.sessions.len(), 2);
        fs::remove_dir_all(&path).expect("it is ours");
    }
}
