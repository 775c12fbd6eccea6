//! Contiguous bytes that outlive their frames, with the times at which they came.

use crate::capture::Stamp;

/// Beyond so many stamps neighbours share the later one: segments of a byte each must not cost more
/// in stamps than in bytes.
const STAMPS_MAX: usize = 1024;

/// Memory of which less than one part in so many is used is given back.
const SPARSE: usize = 4;

/// Bytes in order, and which frame brought which of them.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// Where each frame's bytes end, ascending.
    ends: Vec<(usize, Stamp)>,
}

impl Kept {
    pub(super) fn push(&mut self, bytes: &[u8], stamp: Stamp) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        let full = self.ends.len() >= STAMPS_MAX;
        match self.ends.last_mut() {
            Some(last) if last.1 == stamp => last.0 = end,
            Some(last) if full => *last = (end, stamp),
            _ => self.ends.push((end, stamp)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Memory that it takes, used or not.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<(usize, Stamp)>()
    }

    /// Forgets the first `count` bytes, and gives back memory that is hardly used after that.
    pub(super) fn drop_front(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.ends.retain_mut(|(end, _)| {
            *end = end.saturating_sub(count);
            *end > 0
        });
        // Into a block of its own: one that shrinks in its place leaves a hole that nothing of its old
        // size fits into.
        if self.bytes.len() < self.bytes.capacity() / SPARSE {
            self.bytes = self.bytes.as_slice().to_vec();
        }
        if self.ends.len() < self.ends.capacity() / SPARSE {
            self.ends = self.ends.as_slice().to_vec();
        }
    }

    /// What each frame brought, from byte `from` on.
    pub(super) fn pieces(&self, from: usize) -> impl Iterator<Item = (&[u8], Stamp)> {
        let mut at = from;
        self.ends.iter().filter_map(move |(end, stamp)| {
            let piece = self.bytes.get(at..*end).filter(|piece| !piece.is_empty())?;
            at = *end;
            Some((piece, *stamp))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::StampSource;

    fn at(ns: u64) -> Stamp {
        Stamp {
            ns,
            source: StampSource::File,
        }
    }

    #[test]
    fn each_byte_keeps_the_time_of_its_frame() {
        let mut kept = Kept::default();
        kept.push(&[1, 2, 3], at(10));
        kept.push(&[4], at(10));
        kept.push(&[5, 6], at(20));
        let pieces = |kept: &Kept, from| -> Vec<(Vec<u8>, u64)> {
            let owned = |(bytes, stamp): (&[u8], Stamp)| (bytes.to_vec(), stamp.ns);
            kept.pieces(from).map(owned).collect()
        };
        assert_eq!(pieces(&kept, 0), [(vec![1, 2, 3, 4], 10), (vec![5, 6], 20)]);
        assert_eq!(pieces(&kept, 5), [(vec![6], 20)]);
        kept.drop_front(2);
        assert_eq!(pieces(&kept, 0), [(vec![3, 4], 10), (vec![5, 6], 20)]);
        kept.drop_front(3);
        assert_eq!(pieces(&kept, 0), [(vec![6], 20)]);
    }

    #[test]
    fn many_small_pieces_do_not_grow_the_list_of_times_without_end() {
        let mut kept = Kept::default();
        for byte in 0..3000u64 {
            kept.push(&[0], at(byte));
        }
        assert_eq!(kept.ends.len(), STAMPS_MAX);
        assert_eq!(kept.ends.last().map(|end| end.1.ns), Some(2999));
        let bytes: usize = kept.pieces(0).map(|(piece, _)| piece.len()).sum();
        assert_eq!(bytes, 3000);
    }
}
