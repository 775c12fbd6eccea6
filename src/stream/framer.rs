//! Contiguous bytes in, messages out.

use super::carry::{Carry, Collected};
use super::{Handler, Ledger, MalformedReason, Verdict};
use crate::bgp::header::{HEADER_LEN, Header, MARKER, MAX_LEN_EXTENDED, plausible};
use crate::capture::Stamp;
use bgptap_umem::buffer::BufferPool;

/// Bytes that may pile up behind a message that waits.
const BACKLOG_MAX: usize = 1 << 20;

/// Longest message that a search believes in. A length of 0xff00 and more is far more likely the end
/// of a marker that bytes of ones precede; waiting for so long a message would hide the true header.
const SEEK_LENGTH_MAX: u16 = 0xfeff;

/// Where framing stands.
enum Mode {
    /// The next byte begins a message, or goes on with the one in `carry`.
    Synced,
    /// So many bytes still belong to a message that a gap has cut; then comes a header.
    Skipping(u64),
    /// A header must be found first.
    Seeking(MalformedReason),
}

/// Frames messages in a stream without holes. Every byte that is fed ends in
/// `decoded`, `quarantined` or stays pending.
pub(super) struct Framer {
    mode: Mode,
    carry: Carry,
    /// Bytes among which a header is looked for.
    seek: Vec<u8>,
    /// Where the newest segment begins in `seek`.
    segment_at: usize,
    /// Contiguous bytes behind a message that waits, that message first.
    backlog: Vec<u8>,
    waiting: bool,
    message_max: u16,
}

/// What is told and counted while bytes are fed.
pub(super) struct Out<'a, H> {
    pub(super) handler: &'a mut H,
    pub(super) ledger: &'a mut Ledger,
    pub(super) stamp: Stamp,
}

impl<H: Handler> Out<'_, H> {
    fn malformed(&mut self, bytes: u64, reason: MalformedReason) {
        if bytes > 0 {
            self.ledger.quarantined += bytes;
            self.handler.malformed(bytes, reason, self.stamp);
        }
    }
}

impl Framer {
    pub(super) fn new(pool: BufferPool) -> Self {
        Self {
            mode: Mode::Synced,
            carry: Carry::new(pool),
            seek: Vec::new(),
            segment_at: 0,
            backlog: Vec::new(),
            waiting: false,
            message_max: MAX_LEN_EXTENDED,
        }
    }

    /// The stream is joined in its midst: the first header has to be found.
    pub(super) fn join(&mut self) {
        self.mode = Mode::Seeking(MalformedReason::BeforeFirstHeader);
    }

    pub(super) fn set_message_max(&mut self, max: u16) {
        self.message_max = max;
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Bytes that were fed and are neither decoded nor quarantined.
    pub(super) fn pending(&self) -> u64 {
        (self.carry.len() + self.seek.len() + self.backlog.len()) as u64
    }

    /// Takes the next bytes, which begin or end where a segment does.
    pub(super) fn feed<H: Handler>(&mut self, bytes: &[u8], out: &mut Out<'_, H>) {
        if self.waiting {
            self.backlog.extend_from_slice(bytes);
            if self.backlog.len() > BACKLOG_MAX {
                out.handler.stop_waiting();
                self.resume(out);
            }
            return;
        }
        self.take(bytes, out);
    }

    /// Delivers the message that waited and what came behind it, unless it has to wait on.
    pub(super) fn resume<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        if !self.waiting {
            return;
        }
        self.waiting = false;
        let mut backlog = std::mem::take(&mut self.backlog);
        self.take(&backlog, out);
        if self.backlog.is_empty() {
            backlog.clear();
            self.backlog = backlog;
        }
    }

    fn take<H: Handler>(&mut self, mut bytes: &[u8], out: &mut Out<'_, H>) {
        if let Mode::Skipping(left) = self.mode {
            let count = left.min(bytes.len() as u64);
            out.malformed(count, MalformedReason::CutMessage);
            self.mode = if left == count {
                Mode::Synced
            } else {
                Mode::Skipping(left - count)
            };
            // At most `bytes.len()`, so it fits.
            bytes = &bytes[count as usize..];
        }
        match self.mode {
            Mode::Synced => self.frame(bytes, out),
            Mode::Seeking(reason) if !bytes.is_empty() => {
                self.segment_at = self.seek.len();
                self.seek.extend_from_slice(bytes);
                self.search(reason, out);
            }
            _ => (),
        }
    }

    /// Frames bytes that go on where the last message ended.
    fn frame<H: Handler>(&mut self, mut bytes: &[u8], out: &mut Out<'_, H>) {
        while !bytes.is_empty() {
            if !self.carry.is_empty() || bytes.len() < HEADER_LEN {
                match self.carry.add(&mut bytes) {
                    Collected::Partial => return,
                    Collected::Whole => {
                        let verdict = out.handler.message(self.carry.bytes(), out.stamp);
                        if verdict == Verdict::Wait {
                            self.backlog.extend_from_slice(self.carry.bytes());
                            self.backlog.extend_from_slice(bytes);
                            self.carry.clear();
                            self.waiting = true;
                            return;
                        }
                        out.ledger.decoded += self.carry.len() as u64;
                        self.carry.clear();
                    }
                    Collected::NoHeader => return self.lose_sync(bytes, out),
                }
                continue;
            }
            let Ok(header) = Header::parse(bytes) else {
                return self.lose_sync(bytes, out);
            };
            let Some((message, rest)) = bytes.split_at_checked(header.length.into()) else {
                // It goes on in the next segment.
                self.carry.add(&mut bytes);
                return;
            };
            if out.handler.message(message, out.stamp) == Verdict::Wait {
                self.backlog.extend_from_slice(bytes);
                self.waiting = true;
                return;
            }
            out.ledger.decoded += message.len() as u64;
            bytes = rest;
        }
    }

    /// What should be a header is none: `carry` and `bytes` behind it.
    fn lose_sync<H: Handler>(&mut self, bytes: &[u8], out: &mut Out<'_, H>) {
        self.seek.extend_from_slice(self.carry.bytes());
        self.carry.clear();
        self.seek.extend_from_slice(bytes);
        self.segment_at = 0;
        let marked = self.seek.starts_with(&MARKER);
        let reason = if marked {
            MalformedReason::BadLength
        } else {
            MalformedReason::BadMarker
        };
        self.mode = Mode::Seeking(reason);
        // The first byte is known not to begin a message.
        self.search(reason, out);
    }

    /// Looks for a header that the next header confirms.
    fn search<H: Handler>(&mut self, reason: MalformedReason, out: &mut Out<'_, H>) {
        let mut from = 0;
        loop {
            let Some(at) = find_candidate(&self.seek, from, self.message_max) else {
                // What could still be the start of a header is kept.
                let kept = self.seek.len().saturating_sub(from).min(HEADER_LEN - 1);
                self.give_up_front(self.seek.len() - kept, reason, out);
                return;
            };
            match self.confirm(at, reason) {
                Some(true) => {
                    self.give_up_front(at, reason, out);
                    return self.found(out);
                }
                Some(false) => from = at + 1,
                None => return self.give_up_front(at, reason, out),
            }
        }
    }

    /// Whether the candidate is a header; `None` while the bytes that tell are missing.
    fn confirm(&self, at: usize, reason: MalformedReason) -> Option<bool> {
        let header = Header::parse(&self.seek[at..]).ok()?;
        let end = at + usize::from(header.length);
        match self.seek.get(end..) {
            None => None,
            // A stream that was joined begins with a segment, and most speakers end segments where
            // messages end. After a gap or garbage only a following header is believed.
            Some([]) => {
                let joined = reason == MalformedReason::BeforeFirstHeader;
                (joined && (at == self.segment_at || at == 0)).then_some(true)
            }
            Some(next) if next.len() < HEADER_LEN => {
                let length = next.len().min(MARKER.len());
                (next[..length] != MARKER[..length]).then_some(false)
            }
            Some(next) => Some(plausible(next, self.message_max)),
        }
    }

    fn give_up_front<H: Handler>(
        &mut self,
        count: usize,
        reason: MalformedReason,
        out: &mut Out<'_, H>,
    ) {
        out.malformed(count as u64, reason);
        self.seek.drain(..count);
        self.segment_at = self.segment_at.saturating_sub(count);
    }

    /// `seek` begins with a message.
    fn found<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        self.mode = Mode::Synced;
        self.segment_at = 0;
        let mut bytes = std::mem::take(&mut self.seek);
        self.frame(&bytes, out);
        if self.seek.is_empty() {
            bytes.clear();
            self.seek = bytes;
        }
    }

    /// `hole` bytes are missing here. If they lie inside a message whose header is known, the
    /// next header's place is known too; else it has to be found.
    pub(super) fn gap<H: Handler>(&mut self, hole: u64, out: &mut Out<'_, H>) {
        if self.waiting {
            out.handler.stop_waiting();
            self.resume(out);
        }
        let missing = match self.mode {
            Mode::Synced => self.carry.missing().map(|missing| missing as u64),
            Mode::Skipping(left) => Some(left),
            Mode::Seeking(_) => None,
        };
        if let Mode::Seeking(reason) = self.mode {
            self.give_up_front(self.seek.len(), reason, out);
        }
        let carried = self.carry.len() as u64;
        self.carry.clear();
        out.malformed(carried, MalformedReason::CutMessage);
        self.mode = match missing {
            Some(missing) if missing > hole => Mode::Skipping(missing - hole),
            Some(missing) if missing == hole => Mode::Synced,
            _ => Mode::Seeking(MalformedReason::AfterGap),
        };
    }

    /// Nothing more will come. `complete` says that the stream's sender said so (FIN right here):
    /// then an unconfirmed message that ends here is one.
    pub(super) fn finish<H: Handler>(&mut self, complete: bool, out: &mut Out<'_, H>) {
        self.resume(out);
        let Mode::Seeking(reason) = self.mode else {
            return;
        };
        let whole = Header::parse(&self.seek)
            .is_ok_and(|header| usize::from(header.length) == self.seek.len());
        if whole && (complete || reason == MalformedReason::BeforeFirstHeader) {
            self.found(out);
        } else {
            self.give_up_front(self.seek.len(), reason, out);
        }
    }
}

/// The first place from `from` on where a header may begin.
fn find_candidate(bytes: &[u8], from: usize, max: u16) -> Option<usize> {
    let mut from = from;
    loop {
        let found = memchr::memmem::find(bytes.get(from..)?, &MARKER)?;
        let at = from + found;
        let behind = &bytes[at..];
        if behind.len() < HEADER_LEN {
            return None;
        }
        if plausible(behind, max.min(SEEK_LENGTH_MAX)) {
            return Some(at);
        }
        from = at + 1;
    }
}
