//! Where program and sockets count the frames of one interface.

use crate::capture::InterfaceCounts;
use bgptap_bpf::Attached;
use bgptap_umem::xsk::{KernelDrops, Socket};

impl InterfaceCounts {
    pub(super) fn gather<'s, 'p: 's>(
        steering: &Attached,
        sockets: impl Iterator<Item = &'s Socket<'p>>,
    ) -> Self {
        let mut counts = Self::default();
        if let Ok(counters) = steering.counters() {
            counts.seen = counters.seen;
            counts.redirected = counters.redirected;
            counts.other = counters.other().into_iter().collect();
            counts.other.insert("no_socket", counters.no_socket);
        }
        for socket in sockets {
            counts.received += socket.received();
            counts.add_drops(&socket.drops().unwrap_or_default());
        }
        counts
    }

    /// None is counted twice: in copy mode `rx_dropped` includes the frames for which the fill ring
    /// was empty (net/xdp/xsk.c, `__xsk_rcv`), so the part that has that name is taken out of it.
    fn add_drops(&mut self, kernel: &KernelDrops) {
        let fill_empty = kernel.rx_fill_ring_empty.min(kernel.rx_dropped);
        for (name, count) in [
            ("rx_ring_full", kernel.rx_ring_full),
            ("rx_fill_ring_empty", fill_empty),
            ("rx_dropped", kernel.rx_dropped - fill_empty),
            ("rx_invalid_descs", kernel.rx_invalid),
        ] {
            *self.drops.entry(name).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_fill_ring_is_not_counted_twice() {
        let mut counts = InterfaceCounts::default();
        counts.add_drops(&KernelDrops {
            rx_dropped: 10,
            rx_ring_full: 3,
            rx_fill_ring_empty: 7,
            rx_invalid: 0,
        });
        assert_eq!(counts.drops.values().sum::<u64>(), 13);
        assert_eq!(counts.drops["rx_dropped"], 3);
    }
}
