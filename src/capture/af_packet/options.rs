//! How the capture is set up.

use crate::capture::xdp::Timestamps;
use crate::doctor;
use bgptap_umem::packet::RingSize;

/// Memory for each entry that `--ring` asks for: a page, as with AF_XDP.
const ENTRY: u64 = 4096;
/// All rings together.
const RINGS_MAX: u64 = 256 << 20;
/// A block has room for a super-frame of 64 KiB. The kernel shows a block after some milliseconds whether it is
/// full or not: many small ones last longer when little comes and nobody takes it.
const BLOCK: u32 = 128 << 10;
const BLOCKS_MIN: u32 = 4;

/// What the command line decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interfaces whose frames are copied.
    pub interfaces: Vec<String>,
    /// TCP ports of BGP.
    pub ports: Vec<u16>,
    /// Take fragments of IP datagrams that may be BGP.
    pub fragments: bool,
    /// Entries of each ring, a page each.
    pub ring: u32,
    /// Which clock events are stamped by: the card's if asked for, else the kernel's.
    pub timestamps: Timestamps,
}

impl Options {
    /// What has to be there for it.
    #[must_use]
    pub fn wanted(&self) -> doctor::Wanted {
        doctor::Wanted {
            way: doctor::Way::Packets,
            interfaces: self.interfaces.clone(),
            ports: self.ports.clone(),
            ..doctor::Wanted::default()
        }
    }

    /// The ring of each interface.
    pub(super) fn ring(&self) -> RingSize {
        let share = RINGS_MAX / self.interfaces.len().max(1) as u64;
        let bytes = (u64::from(self.ring) * ENTRY).min(share);
        let blocks = u32::try_from(bytes / u64::from(BLOCK)).unwrap_or(u32::MAX);
        RingSize {
            block_size: BLOCK,
            blocks: blocks.max(BLOCKS_MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_as_large_as_it_was_asked_for_within_bounds() {
        let ring = |entries, interfaces| {
            let options = Options {
                interfaces: vec!["x".into(); interfaces],
                ports: vec![179],
                fragments: true,
                ring: entries,
                timestamps: Timestamps::Xdp,
            };
            let RingSize { block_size, blocks } = options.ring();
            (block_size >> 10, blocks)
        };
        assert_eq!(ring(8192, 1), (128, 256));
        assert_eq!(ring(64, 1), (128, 4));
        assert_eq!(ring(u32::MAX, 2), (128, 1024));
        assert_eq!(ring(0, 0), (128, 4));
    }
}
