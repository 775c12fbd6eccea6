//! Gzip made piece by piece.

use flate2::Crc;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How long a piece may take.
const SYNC: Duration = Duration::from_secs(5);
/// How many bytes go into one: enough for the compressor to find what recurs.
const PIECE_BYTES: u32 = 1 << 20;
/// More than the header of the file, the end of a piece and that of the file come to.
const ENDS: u64 = 64;
/// An empty block that is the last (RFC 1951 §3.2.3, §3.2.6).
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// A gzip file of one member (RFC 1952 §2.2), for there are readers that stop behind the first. It is made in
/// pieces, in memory, each of which is to be written at once. A piece ends at a byte's end, so that behind each the file needs but
/// its end to be whole: a piece that cannot be written costs the events in it and no others.
pub(super) struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    /// Of what is in the pieces that have been written.
    written: Crc,
    /// Of what is in this one.
    piece: Crc,
    begun: Instant,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            encoder: GzEncoder::new(Vec::new(), flate2::Compression::default()),
            written: Crc::new(),
            piece: Crc::new(),
            begun: Instant::now(),
        }
    }

    /// Takes bytes into the piece. Says whether it is large enough.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.encoder.write_all(bytes)?;
        self.piece.update(bytes);
        Ok(self.piece.amount() >= PIECE_BYTES)
    }

    /// Whether there is something that has waited for long.
    pub(super) fn waits(&self) -> bool {
        self.piece.amount() > 0 && self.begun.elapsed() >= SYNC
    }

    /// Bytes that went into the piece.
    pub(super) fn taken(&self) -> u64 {
        self.piece.amount().into()
    }

    /// The most bytes that the file grows by until its end if so many more go into the piece: what cannot be compressed is
    /// stored, in blocks of which each has a header (RFC 1951 §3.2.4).
    pub(super) fn most(&self, more: u64) -> u64 {
        let taken = self.taken().saturating_add(more);
        taken.saturating_add(taken / 1024).saturating_add(ENDS)
    }

    /// The piece as it is to be written; nothing if nothing went into it.
    pub(super) fn piece(&mut self) -> io::Result<&[u8]> {
        if self.piece.amount() > 0 {
            self.encoder.flush()?;
        }
        Ok(self.encoder.get_ref())
    }

    /// The piece is in the file; the next one begins.
    pub(super) fn is_written(&mut self) {
        self.written.combine(&self.piece);
        self.piece.reset();
        self.encoder.get_mut().clear();
        self.begun = Instant::now();
    }

    /// What comes behind the pieces that have been written.
    pub(super) fn end(&self) -> Vec<u8> {
        let (sum, amount) = (self.written.sum(), self.written.amount());
        [&LAST_BLOCK[..], &sum.to_le_bytes(), &amount.to_le_bytes()].concat()
    }
}
