//! Compression: recognised by content, undone while reading.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// Bytes that tell what an input is.
pub(super) const MAGIC_LEN: usize = 6;

/// What an input is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// RFC 1952, one or several members.
    Gzip,
    /// RFC 8878, one or several frames, skippable ones among them.
    Zstd,
    /// Something that bgptap leaves to the program of this name.
    Foreign(&'static str),
}

impl Compression {
    /// Recognises a compression by the first bytes of the input.
    pub(super) fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A file of parallel zstd begins with a skippable frame (RFC 8878 §3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Foreign("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Foreign("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Foreign("lz4"),
            _ => Self::None,
        }
    }

    /// A reader of the uncompressed bytes.
    pub(super) fn reader(self, input: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        match self {
            Self::None | Self::Foreign(_) => Box::new(input),
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(input))),
            Self::Zstd => Box::new(ZstdReader::new(BufReader::new(input))),
        }
    }
}

/// Counts what is read through it, for a progress bar.
pub(super) struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R, bytes: Arc<AtomicU64>) -> Self {
        Self { inner, bytes }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads all zstd frames of an input one after another.
///
/// `ruzstd`'s own streaming decoder stops after the first one and leaves
/// skippable frames and the checksum to its caller.
struct ZstdReader<R> {
    input: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Moves to the next frame that has content; false at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(u64::from(length))?,
                Err(error) => return Err(damaged(&error)),
            }
        }
        Ok(false)
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
        if skipped < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn check_sum(&self) -> io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the checksum of a zstd frame does not match",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| damaged(&error))?;
            }
            let count = self.decoder.read(buf)?;
            if count > 0 {
                return Ok(count);
            }
            self.check_sum()?;
            self.in_frame = false;
        }
    }
}

fn damaged(error: &FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("zstd: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn text() -> Vec<u8> {
        (0..200_000_u32)
            .flat_map(|n| (n / 7).to_be_bytes())
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn undo(compressed: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Compression::of(&compressed)
            .reader(io::Cursor::new(compressed))
            .read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn content_tells_the_compression() {
        assert_eq!(Compression::of(&gzip(b"x")), Compression::Gzip);
        assert_eq!(Compression::of(&zstd(b"x")), Compression::Zstd);
        assert_eq!(Compression::of(b"\xfd7zXZ\0"), Compression::Foreign("xz"));
        assert_eq!(Compression::of(b"BZh91A"), Compression::Foreign("bzip2"));
        assert_eq!(
            Compression::of(b"\xd4\xc3\xb2\xa1\x02\x00"),
            Compression::None
        );
        assert_eq!(Compression::of(b""), Compression::None);
    }

    #[test]
    fn members_and_frames_are_read_on() {
        let whole = text();
        let (a, b) = whole.split_at(123_457);
        assert_eq!(undo([gzip(a), gzip(b)].concat()).unwrap(), text());
        let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let frames = [
            skippable.clone(),
            zstd(a),
            skippable.clone(),
            zstd(b),
            skippable,
        ];
        assert_eq!(undo(frames.concat()).unwrap(), text());
    }

    /// What was cut off is an error, not a quiet end.
    #[test]
    fn truncation_is_an_error() {
        for whole in [gzip(&text()), zstd(&text())] {
            for cut in [1, 4, whole.len() / 2] {
                undo(whole[..whole.len() - cut].to_vec()).unwrap_err();
            }
        }
    }

    #[test]
    fn a_wrong_zstd_checksum_is_an_error() {
        let mut frame = zstd(&text());
        *frame.last_mut().unwrap() ^= 1;
        let error = undo(frame).unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
    }

    #[test]
    fn reading_is_counted() {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut counted = Counted::new(&b"12345678"[..], Arc::clone(&bytes));
        io::copy(&mut counted, &mut io::sink()).unwrap();
        assert_eq!(bytes.load(Ordering::Relaxed), 8);
    }
}
