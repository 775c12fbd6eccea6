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
    /// UTC minus the time since boot, where that is asked for.
    monotonic_offset_ns: i64,
    /// UTC now.
    now_ns: u64,
}

impl Clock {
    /// Reads the offset anew: a time daemon may set it while the capture runs.
    pub(in crate::capture) fn now(
        timestamps: Timestamps,
        monotonic_offset_ns: Option<i64>,
    ) -> Self {
        Self {
            timestamps,
            monotonic_offset_ns: monotonic_offset_ns.unwrap_or_default(),
            tai_offset_ns: bgptap_umem::clock::tai_offset_ns(),
            now_ns: realtime_ns(),
        }
    }

    /// When a frame arrived. Without metadata (the driver has no room for any) it is now.
    pub(in crate::capture) fn stamp(&self, meta: Option<&Meta>) -> Stamp {
        let Some(meta) = meta else {
            return Stamp {
                ns: self.now_ns,
                source: StampSource::User,
            };
        };
        let xdp_ns = if meta.monotonic {
            meta.xdp_ns.saturating_add_signed(self.monotonic_offset_ns)
        } else {
            self.utc(meta.xdp_ns)
        };
        let hardware = meta
            .hw_ns
            .filter(|_| self.timestamps == Timestamps::Hardware)
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
        self.of(packet.ns, packet.clock)
    }

    fn of(&self, ns: u64, clock: packet::Clock) -> Stamp {
        let (ns, source) = match clock {
            packet::Clock::Kernel => (ns, StampSource::Kernel),
            packet::Clock::Hardware => match self.hardware(ns, self.now_ns) {
                Some(ns) => (ns, StampSource::Hardware),
                None => (self.now_ns, StampSource::User),
            },
        };
        Stamp { ns, source }
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
            monotonic_offset_ns: 0,
            now_ns: 5,
        };
        let meta = Meta {
            xdp_ns: TAI,
            monotonic: false,
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

    fn plain(tai_offset_ns: i64, monotonic_offset_ns: i64, now_ns: u64) -> Clock {
        Clock {
            timestamps: Timestamps::Hardware,
            tai_offset_ns,
            monotonic_offset_ns,
            now_ns,
        }
    }

    #[test]
    fn without_metadata_it_is_now() {
        let stamp = plain(0, 0, 5).stamp(None);
        assert_eq!((stamp.ns, stamp.source), (5, StampSource::User));
    }

    #[test]
    fn the_time_since_boot_becomes_utc() {
        let clock = plain(37_000_000_000, (UTC - 100).cast_signed(), UTC);
        let meta = Meta {
            xdp_ns: 93,
            monotonic: true,
            hw_ns: None,
            vlan: None,
        };
        let stamp = clock.stamp(Some(&meta));
        assert_eq!((stamp.ns, stamp.source), (UTC - 7, StampSource::Xdp));
    }

    #[test]
    fn a_packet_socket_tells_one_time_and_whose_it_is() {
        let clock = plain(37_000_000_000, 0, UTC);
        let stamp = |ns, clock_of| {
            let stamp = clock.of(ns, clock_of);
            (stamp.ns, stamp.source)
        };
        use packet::Clock::{Hardware, Kernel};
        // The kernel's is UTC already; the card's may be in TAI, in UTC, or set by nobody.
        assert_eq!(stamp(UTC - 7, Kernel), (UTC - 7, StampSource::Kernel));
        assert_eq!(stamp(TAI - 7, Hardware), (UTC - 7, StampSource::Hardware));
        assert_eq!(stamp(UTC - 7, Hardware), (UTC - 7, StampSource::Hardware));
        assert_eq!(stamp(SECOND, Hardware), (UTC, StampSource::User));
    }
}
