//! A message that arrives in pieces.

use crate::bgp::MessageSet;
use crate::bgp::header::{HEADER_LEN, Header};
use bgptap_umem::buffer::{Buffer, BufferPool};

/// Collects one message: first its header, which tells how large a buffer it takes, then the rest.
/// Each byte is copied once.
pub(super) struct Carry {
    pool: BufferPool,
    wanted: MessageSet,
    head: [u8; HEADER_LEN],
    buffer: Option<Buffer>,
    filled: usize,
    /// Bytes taken, ever.
    copied: u64,
}

/// What adding bytes led to.
pub(super) enum Collected {
    /// Bytes are missing.
    Partial,
    /// The message is whole: see [`Carry::bytes`].
    Whole,
    /// The header of a message that nobody asked for: see [`Carry::bytes`].
    Unwanted(Header),
    /// The first 19 bytes are no header: see [`Carry::bytes`].
    NoHeader,
    /// There is no buffer for a message of so many bytes, of which [`Carry::bytes`] are here.
    NoRoom(usize),
}

impl Carry {
    pub(super) fn new(pool: BufferPool, wanted: MessageSet) -> Self {
        Self {
            pool,
            wanted,
            head: [0; HEADER_LEN],
            buffer: None,
            filled: 0,
            copied: 0,
        }
    }

    /// Bytes collected.
    pub(super) fn len(&self) -> usize {
        self.filled
    }

    /// Bytes that were copied here, ever.
    pub(super) fn copied(&self) -> u64 {
        self.copied
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Bytes that are missing of the message, if its header is known.
    pub(super) fn missing(&self) -> Option<usize> {
        self.buffer
            .as_ref()
            .map(|buffer| buffer.len() - self.filled)
    }

    /// Takes from the front of `bytes` what belongs to the message.
    pub(super) fn add(&mut self, bytes: &mut &[u8]) -> Collected {
        if self.buffer.is_none() {
            self.copy_head(bytes);
            if self.filled < HEADER_LEN {
                return Collected::Partial;
            }
            let Ok(header) = Header::parse(&self.head) else {
                return Collected::NoHeader;
            };
            if !self.wanted.contains(header.kind) {
                return Collected::Unwanted(header);
            }
            let length = header.length.into();
            let Some(mut buffer) = self.pool.acquire(length) else {
                return Collected::NoRoom(length);
            };
            buffer[..HEADER_LEN].copy_from_slice(&self.head);
            self.buffer = Some(buffer);
        }
        if let Some(buffer) = &mut self.buffer {
            let room = &mut buffer[self.filled..];
            let count = room.len().min(bytes.len());
            let (taken, rest) = bytes.split_at(count);
            room[..count].copy_from_slice(taken);
            *bytes = rest;
            self.filled += count;
            self.copied += count as u64;
            if self.filled == buffer.len() {
                return Collected::Whole;
            }
        }
        Collected::Partial
    }

    fn copy_head(&mut self, bytes: &mut &[u8]) {
        let count = (HEADER_LEN - self.filled).min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        self.head[self.filled..self.filled + count].copy_from_slice(taken);
        *bytes = rest;
        self.filled += count;
        self.copied += count as u64;
    }

    /// What has been collected.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => &buffer[..self.filled],
            None => &self.head[..self.filled],
        }
    }

    /// Forgets it; the buffer goes back to the pool.
    pub(super) fn clear(&mut self) {
        self.buffer = None;
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgptap_umem::buffer::Class;

    fn header(length: u16, code: u8) -> Vec<u8> {
        let mut bytes = vec![0xff; 16];
        bytes.extend(length.to_be_bytes());
        bytes.push(code);
        bytes
    }

    /// One buffer for all messages, never wiped: whatever a message leaves in it stays there, and
    /// still nothing but the next message's own bytes can be seen.
    #[test]
    fn what_an_earlier_message_left_is_never_seen() {
        let classes = [Class { size: 64, count: 1 }];
        let pool = BufferPool::with_heap_max(&classes, false, 0).expect("a little memory");
        let mut carry = Carry::new(pool, MessageSet::ALL);
        for (round, length) in [64u16, 23, 40, 63, 30].into_iter().enumerate() {
            let mut message = header(length, 2);
            message.resize(length.into(), 0xa0 + round as u8);
            for cut in 0..message.len() {
                assert_eq!(carry.bytes(), &message[..cut]);
                let whole = matches!(carry.add(&mut &message[cut..=cut]), Collected::Whole);
                assert_eq!(whole, cut + 1 == message.len());
            }
            assert_eq!(carry.bytes(), message);
            carry.clear();
        }
    }

    #[test]
    fn what_is_not_asked_for_takes_no_buffer() {
        let classes = [Class { size: 64, count: 0 }];
        let pool = BufferPool::with_heap_max(&classes, false, 0).expect("a little memory");
        let mut carry = Carry::new(
            pool.clone(),
            MessageSet::NONE.with(crate::bgp::MessageType::Open),
        );
        let bytes = header(60, 2);
        assert!(matches!(carry.add(&mut &bytes[..10]), Collected::Partial));
        assert!(matches!(carry.add(&mut &bytes[10..]), Collected::Unwanted(h) if h.length == 60));
        assert_eq!(pool.refused(), 0, "none was asked for");
    }
}
