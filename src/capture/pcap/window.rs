//! The bytes of one input, as a window that slides over them.
//!
//! A mapped file is one window from the start. A stream arrives in chunks from a
//! [`Feed`]; only what straddles two chunks is copied, into a piece of its own.

use std::io;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::feed::{Delivery, Feed};

/// Whether the bytes asked for are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// They are, contiguous, at the start of [`Window::bytes`].
    Ready,
    /// Not yet; the writer at the other end is slow.
    Pending,
    /// The input ends before them.
    Short,
}

/// A contiguous view of what comes next in an input.
#[derive(Debug)]
pub(super) struct Window {
    /// Contiguous bytes at `offset`.
    current: Bytes,
    /// A record that straddles chunks, while it is put together. `current` is empty then.
    straddling: BytesMut,
    /// What follows `current` or `straddling` in the chunk received last.
    next: Bytes,
    /// Where chunks come from; none for a mapped file, and none after the end.
    feed: Option<Feed>,
    /// Position of the window in the (uncompressed) input.
    offset: u64,
    /// Bytes to pass over before anything else.
    skipping: u64,
}

impl Window {
    /// A window over bytes that are all there.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            current: bytes,
            straddling: BytesMut::new(),
            next: Bytes::new(),
            feed: None,
            offset: 0,
            skipping: 0,
        }
    }

    /// A window over a stream.
    pub(super) fn fed(feed: Feed) -> Self {
        Self {
            feed: Some(feed),
            ..Self::whole(Bytes::new())
        }
    }

    /// Position in the (uncompressed) input of the first byte of [`Window::bytes`].
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that are contiguous now: at least as many as the last `Ready` promised.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.current
    }

    /// Bytes left, once [`Fill::Short`] has told that the input ends.
    pub(super) fn remainder(&self) -> usize {
        self.current.len() + self.straddling.len() + self.next.len()
    }

    /// Bytes that were to be passed over and that the input, once it has ended, does not have.
    pub(super) fn overrun(&self) -> u64 {
        self.skipping
    }

    /// A view of `part` of [`Window::bytes`] that outlives the window.
    pub(super) fn view(&self, part: &[u8]) -> Bytes {
        self.current.slice_ref(part)
    }

    /// Moves past the first `count` bytes; they need not have arrived yet.
    #[inline]
    pub(super) fn advance(&mut self, count: u64) {
        if let Ok(step) = usize::try_from(count)
            && self.skipping == 0
            && step <= self.current.len()
        {
            bytes::Buf::advance(&mut self.current, step);
            self.offset += count;
            return;
        }
        self.skipping = self.skipping.saturating_add(count);
        self.drop_skipped();
    }

    /// Sees to it that `count` bytes are contiguous, waiting until `deadline` for them.
    ///
    /// # Errors
    /// The input cannot be read or decompressed any further. What came before is still there.
    #[inline]
    pub(super) fn ensure(&mut self, count: usize, deadline: Option<Instant>) -> io::Result<Fill> {
        // Nearly always: a mapped file is all there, and so is most of what a chunk has.
        if self.skipping == 0 && self.current.len() >= count && !self.current.is_empty() {
            return Ok(Fill::Ready);
        }
        self.fill(count, deadline)
    }

    fn fill(&mut self, count: usize, deadline: Option<Instant>) -> io::Result<Fill> {
        loop {
            self.drop_skipped();
            if self.skipping == 0 && self.gather(count) {
                return Ok(Fill::Ready);
            }
            let Some(feed) = &mut self.feed else {
                return Ok(Fill::Short);
            };
            match feed.receive(deadline) {
                Delivery::Chunk(chunk) => self.next = chunk,
                Delivery::Pending => return Ok(Fill::Pending),
                Delivery::End => self.feed = None,
                Delivery::Failed(error) => {
                    self.feed = None;
                    return Err(error);
                }
            }
        }
    }

    /// Makes `count` bytes contiguous from what has been received; false if it is too little.
    fn gather(&mut self, count: usize) -> bool {
        if self.current.is_empty() && self.straddling.is_empty() {
            self.current = std::mem::take(&mut self.next);
        }
        if self.current.len() >= count {
            return true;
        }
        if !self.next.is_empty() {
            if self.straddling.is_empty() {
                self.straddling = BytesMut::with_capacity(count);
                self.straddling.extend_from_slice(&self.current);
                self.current = Bytes::new();
            }
            let missing = count.saturating_sub(self.straddling.len());
            let taken = self.next.split_to(missing.min(self.next.len()));
            self.straddling.extend_from_slice(&taken);
        }
        if self.straddling.is_empty() || self.straddling.len() < count {
            return false;
        }
        self.current = std::mem::take(&mut self.straddling).freeze();
        true
    }

    /// Drops what [`Window::advance`] passed over, as far as it has arrived.
    fn drop_skipped(&mut self) {
        while self.skipping > 0 {
            if self.current.is_empty() {
                self.current = if self.straddling.is_empty() {
                    std::mem::take(&mut self.next)
                } else {
                    std::mem::take(&mut self.straddling).freeze()
                };
            }
            if self.current.is_empty() {
                return;
            }
            let step = usize::try_from(self.skipping)
                .unwrap_or(usize::MAX)
                .min(self.current.len());
            bytes::Buf::advance(&mut self.current, step);
            self.offset += step as u64;
            self.skipping -= step as u64;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A reader that gives at most `step` bytes at a time.
    struct Dribble(Vec<u8>, usize, usize);

    impl Read for Dribble {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buf.len()).min(self.0.len() - self.2);
            buf[..count].copy_from_slice(&self.0[self.2..self.2 + count]);
            self.2 += count;
            Ok(count)
        }
    }

    fn input() -> Vec<u8> {
        (0..=255).collect()
    }

    fn fed(step: usize) -> Window {
        Window::fed(Feed::spawn(Dribble(input(), step, 0)).unwrap())
    }

    /// However the bytes are cut into chunks, the window shows them in order and whole.
    #[test]
    fn chunks_join_without_loss() {
        for step in [1, 2, 3, 7, 64, 300] {
            let mut window = fed(step);
            let mut seen = Vec::new();
            for count in [1, 5, 0, 16, 100, 33, 101] {
                assert_eq!(window.ensure(count, None).unwrap(), Fill::Ready);
                seen.extend_from_slice(&window.bytes()[..count]);
                window.advance(count as u64);
            }
            assert_eq!(seen, input(), "chunks of {step}");
            assert_eq!(window.ensure(1, None).unwrap(), Fill::Short);
            assert_eq!(window.offset(), 256);
        }
    }

    #[test]
    fn a_short_tail_is_measured() {
        for mut window in [fed(3), Window::whole(Bytes::from(input()))] {
            window.advance(250);
            assert_eq!(window.ensure(7, None).unwrap(), Fill::Short);
            assert_eq!((window.offset(), window.remainder()), (250, 6));
            assert_eq!(window.ensure(6, None).unwrap(), Fill::Ready);
            assert_eq!(window.bytes(), &input()[250..]);
        }
    }

    /// Skipping past the end is an end, not a panic or an endless loop.
    #[test]
    fn skipping_past_the_end_is_short() {
        for mut window in [fed(10), Window::whole(Bytes::from(input()))] {
            window.advance(u64::MAX);
            window.advance(u64::MAX);
            assert_eq!(window.ensure(0, None).unwrap(), Fill::Short);
            assert_eq!(window.remainder(), 0);
        }
    }

    /// Frames are views of the mapping: their bytes lie where the file's bytes lie.
    #[test]
    fn a_view_of_whole_bytes_is_no_copy() {
        let bytes = Bytes::from(input());
        let mut window = Window::whole(bytes.clone());
        window.advance(100);
        assert_eq!(window.ensure(50, None).unwrap(), Fill::Ready);
        let view = window.view(&window.bytes()[10..20]);
        assert_eq!(view.as_ptr(), bytes[110..].as_ptr());
        assert_eq!(&view[..], &input()[110..120]);
    }
}
