//! Peer Downs that a listener may not have seen.
//!
//! A Peer Down that is lost on its way leaves a peer up for the listener that nobody tells of any more. So it is
//! kept until all that was told has left the queue, and told again if something was lost meanwhile.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the messages of one router may take, bytes: those of some 500 peers.
const BYTES_MAX: usize = 64 * 1024;
/// What one takes beside its bytes, about.
const OVERHEAD: usize = 64;

/// The last Peer Down of each peer of a router, as far as it is not sure that the listener has it.
#[derive(Default)]
pub(super) struct Downs {
    messages: BTreeMap<IpAddr, Box<[u8]>>,
    bytes: usize,
    too_many: bool,
}

impl Downs {
    /// This was told of a peer.
    pub(super) fn note(&mut self, peer: IpAddr, message: Vec<u8>) {
        self.forget(peer);
        let bytes = message.len() + OVERHEAD;
        if self.bytes + bytes > BYTES_MAX {
            self.too_many = true;
            return;
        }
        self.bytes += bytes;
        self.messages.insert(peer, message.into());
    }

    /// The peer is up again: whoever tells all anew takes that back.
    pub(super) fn forget(&mut self, peer: IpAddr) {
        if let Some(message) = self.messages.remove(&peer) {
            self.bytes -= message.len() + OVERHEAD;
        }
    }

    /// The listener has them all, or knows of no peer.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// There is something to be told again if something is lost.
    pub(super) fn are_open(&self) -> bool {
        self.too_many || !self.messages.is_empty()
    }

    /// There were more than are kept: nobody knows any more what the listener believes.
    pub(super) const fn are_too_many(&self) -> bool {
        self.too_many
    }

    /// The messages to be told again.
    pub(super) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.messages.values().map(|message| &**message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    /// However many peers there are, and however often they go down.
    #[test]
    fn they_take_no_more_than_they_may() {
        let mut downs = Downs::default();
        for _ in 0..3 {
            for number in 0..300 {
                downs.note(peer(number), vec![0; 49]);
            }
            assert_eq!(downs.bytes, 300 * (49 + OVERHEAD));
        }
        assert!(!downs.are_too_many());
        for number in 0..100_000 {
            downs.note(peer(number), vec![0; 49]);
        }
        assert!(downs.are_too_many());
        let held: usize = downs.messages().map(|bytes| bytes.len() + OVERHEAD).sum();
        assert!(held <= BYTES_MAX && held == downs.bytes, "{held}");
        (0..100_000).for_each(|number| downs.forget(peer(number)));
        assert_eq!((downs.bytes, downs.messages().count()), (0, 0));
        assert!(downs.are_open(), "some were not kept");
        downs.clear();
        assert!(!downs.are_open());
    }
}
