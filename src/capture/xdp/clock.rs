//! The clocks that the steering program, the kernel and the card read, as UTC.

use crate::capture::{Stamp, StampSource};
use bgptap_bpf::Meta;
use bgptap_umem::packet::{self, Packet};
use std::time::{SystemTime, UNIX_EPOCH};

/// Which clock events are stamped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// The kernel's, when the program or the packet socket saw the frame.
    #[default]
    Xdp,
    /// The card's, where it stamps frames and agrees with the kernel's; the kernel's elsewhere.
    Hardware,
}

/// A card whose clock is further from the kernel's is not set by anybody.
const AGREES_NS: u64 = 1_000_000_000;

/// How to read the stamps of one batch.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture) struct Clock {
    timestamps: Timestamps,
    /// TAI minus UTC.
    tai_offset_ns: i64,
    /// UTC now.
    now_ns: u64,
}

impl Clock {
    /// Reads the offset anew: a time daemon may set it while the capture runs.
    pub(in crate::capture) fn now(timestamps: Timestamps) -> Self {
        Self {
            timestamps,
            tai_offset_ns: bgptap_umem::clock::tai_offset_ns(),
            now_ns: realtime_ns(),
        }
    }

    /// When a frame arrived. Without metadata (the driver has no room for any) it is now.
    pub(in crate::capture) fn stamp(&self, meta: Option<&Meta>) -> Stamp {
        let xdp_ns = meta.map_or(self.now_ns, |meta| self.utc(meta.xdp_ns));
        let hardware = meta
            .filter(|_| self.timestamps == Timestamps::Hardware)
            .and_then(|meta| meta.hw_ns)
            .and_then(|hw_ns| self.hardware(hw_ns, xdp_ns));
        match hardware {
            Some(ns) => Stamp {
                ns,
                source: StampSource::Hardware,
            },
            None => Stamp {
                ns: xdp_ns,
                source: StampSource::Xdp,
            },
        }
    }

    /// When a packet socket got a frame, of which one clock only is told.
    pub(in crate::capture) fn of_packet(&self, packet: &Packet) -> Stamp {
        let kernel = |ns| Stamp {
            ns,
            source: StampSource::Kernel,
        };
        match packet.clock {
            packet::Clock::Kernel => kernel(packet.ns),
            packet::Clock::Hardware => {
                let hardware = self.hardware(packet.ns, self.now_ns);
                hardware.map_or(kernel(self.now_ns), |ns| Stamp {
                    ns,
                    source: StampSource::Hardware,
                })
            }
        }
    }

    fn utc(&self, tai_ns: u64) -> u64 {
        tai_ns.saturating_add_signed(self.tai_offset_ns.saturating_neg())
    }

    /// ptp4l keeps a card's clock in TAI, others keep it in UTC: the kernel's own time tells which.
    fn hardware(&self, hw_ns: u64, xdp_ns: u64) -> Option<u64> {
        [self.utc(hw_ns), hw_ns]
            .into_iter()
            .find(|ns| ns.abs_diff(xdp_ns) < AGREES_NS)
    }
}

fn realtime_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const UTC: u64 = 1_700_000_000 * SECOND;
    const TAI: u64 = UTC + 37 * SECOND;

    fn stamp(timestamps: Timestamps, hw_ns: Option<u64>) -> (u64, StampSource) {
        let clock = Clock {
            timestamps,
            tai_offset_ns: 37_000_000_000,
            now_ns: 5,
        };
        let meta = Meta {
            xdp_ns: TAI,
            hw_ns,
            vlan: None,
        };
        let stamp = clock.stamp(Some(&meta));
        (stamp.ns, stamp.source)
    }

    #[test]
    fn the_kernels_clock_is_tai_and_events_are_utc() {
        for hw_ns in [None, Some(TAI - 7)] {
            assert_eq!(stamp(Timestamps::Xdp, hw_ns), (UTC, StampSource::Xdp));
        }
    }

    #[test]
    fn the_cards_clock_counts_if_it_is_set() {
        let hardware = |hw_ns| stamp(Timestamps::Hardware, hw_ns);
        assert_eq!(hardware(None), (UTC, StampSource::Xdp));
        // In TAI as ptp4l leaves it, in UTC, and counting from its own start.
        assert_eq!(hardware(Some(TAI - 7)), (UTC - 7, StampSource::Hardware));
        assert_eq!(hardware(Some(UTC - 7)), (UTC - 7, StampSource::Hardware));
        assert_eq!(hardware(Some(3 * SECOND)), (UTC, StampSource::Xdp));
    }

    #[test]
    fn without_metadata_it_is_now() {
        let clock = Clock {
            timestamps: Timestamps::Xdp,
            tai_offset_ns: 0,
            now_ns: 5,
        };
        let stamp = clock.stamp(None);
        assert_eq!((stamp.ns, stamp.source), (5, StampSource::Xdp));
    }
}
