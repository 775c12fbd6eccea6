//! Files as memory.

use memmap2::{Advice, Mmap};
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file, mapped for reading.
///
/// If another process truncates the file while it is mapped, touching the missing part ends
/// the process with SIGBUS. That is accepted: capture files are written once, and every
/// alternative copies each byte. Whoever reads a file that is still being rotated pipes it
/// through standard input instead.
#[derive(Debug)]
pub struct MappedFile(Option<Mmap>);

impl MappedFile {
    /// Maps the whole file.
    ///
    /// # Errors
    /// What opening or mapping says. An empty file gives an empty slice.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the mapping is private and read-only, and nothing in this process writes the
        // file. Another process that writes to it could change bytes under a shared reference;
        // capture files are not rewritten in place, and no invariant of ours rests on their
        // content: every reader checks each length against the slice it has.
        let map = unsafe { Mmap::map(&file)? };
        // Only a hint; a kernel that does not take it reads ahead less.
        let _ = map.advise(Advice::Sequential);
        Ok(Self(Some(map)))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_holds_what_the_file_holds() {
        let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mapped.rs");
        let map = MappedFile::open(&this).expect("it exists");
        assert_eq!(&*map, std::fs::read(&this).expect("it exists"));
        assert!(MappedFile::open(Path::new("/does/not/exist")).is_err());
    }
}
