//! A disk of a test's own, which can stand still and be full.

use super::support::Scratch;
use super::support::net::run;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in a file.
pub struct Disk {
    pub folder: PathBuf,
    frozen: bool,
}

impl Disk {
    /// An empty one.
    pub fn mount(scratch: &Scratch, mebibytes: u32) -> Self {
        let (image, folder) = (scratch.path("disk.img"), scratch.path("disk"));
        std::fs::create_dir(&folder).unwrap();
        run(Command::new("truncate")
            .arg("-s")
            .arg(format!("{mebibytes}M"))
            .arg(&image));
        run(Command::new("mkfs.ext4")
            .args(["-q", "-m", "0"])
            .arg(&image));
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(&image)
            .arg(&folder));
        Self {
            folder,
            frozen: false,
        }
    }

    /// Nothing can be written, and whoever tries waits.
    pub fn freeze(&mut self) {
        run(Command::new("fsfreeze").arg("-f").arg(&self.folder));
        self.frozen = true;
    }

    /// Ends that.
    pub fn thaw(&mut self) {
        run(Command::new("fsfreeze").arg("-u").arg(&self.folder));
        self.frozen = false;
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Takes all the room that there is.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        let (zeros, mut piece, mut size) = (vec![0; 1 << 20], 1 << 20, 0);
        while piece >= 4096 {
            match file.write(&zeros[..piece]) {
                Ok(count) => size += count,
                Err(_) => piece /= 2,
            }
        }
        assert!(size > 0, "there was room to be taken");
    }

    /// Gives it back.
    pub fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    /// The archives on it, in the order in which they were begun, finished or not.
    pub fn archives(&self, name: &str) -> Vec<PathBuf> {
        let place = |path: &Path| -> Option<u32> {
            let rest = path.file_name()?.to_str()?.strip_prefix(name)?;
            let rest = rest.strip_suffix(".part").unwrap_or(rest);
            match rest.strip_prefix('.') {
                Some(number) => number.parse().ok(),
                None => rest.is_empty().then_some(0),
            }
        };
        let entries = std::fs::read_dir(&self.folder).unwrap();
        let mut found: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter_map(|path| Some((place(&path)?, path)))
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.frozen {
            // A process that waits for a frozen disk cannot even be killed.
            let _ = Command::new("fsfreeze")
                .arg("-u")
                .arg(&self.folder)
                .status();
        }
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
