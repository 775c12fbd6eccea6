//! The segments of BMP in frames, also of datagrams in fragments.

use crate::capture::pcap::PcapFrame;
use crate::capture::{Captured, LinkType};
use crate::wire::{FragmentLimits, Fragments, Ports, Segment, Skip, Skipped, dissect, fragment};
use bgptap_umem::buffer::{Buffer, BufferPool};

/// Looks for segments from and to the ports of BMP.
pub(super) struct Segments {
    pub(super) ports: Ports,
    fragments: Fragments,
    /// The worker counts frames: to it these are of another port.
    skipped: Skipped,
}

/// A segment with the bytes that it lies in.
pub(super) struct Found<'a> {
    pub(super) segment: Segment,
    frame: &'a [u8],
    datagram: Option<Buffer>,
}

impl Found<'_> {
    pub(super) fn payload(&self) -> &[u8] {
        let bytes = self.datagram.as_deref().unwrap_or(self.frame);
        let range = &self.segment.payload;
        bytes
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }
}

impl Segments {
    pub(super) fn new(ports: Ports, buffers: BufferPool) -> Self {
        Self {
            ports,
            fragments: Fragments::new(FragmentLimits::default(), buffers),
            skipped: [0; Skip::COUNT],
        }
    }

    /// The segment in a frame, or in the datagram that it completes.
    pub(super) fn find<'a>(&mut self, captured: &'a Captured<PcapFrame>) -> Option<Found<'a>> {
        let (frame, link) = (captured.frame.as_ref(), captured.link);
        if link == LinkType::Mrt {
            return None;
        }
        match dissect(frame, link, captured.wire_len, captured.vlan, &self.ports) {
            Ok(segment) => Some(Found {
                segment,
                frame,
                datagram: None,
            }),
            Err(Skip::Fragment) => self.assemble(captured),
            Err(_) => None,
        }
    }

    /// Fragments within fragments are left alone.
    fn assemble<'a>(&mut self, captured: &'a Captured<PcapFrame>) -> Option<Found<'a>> {
        let (frame, ns) = (captured.frame.as_ref(), captured.stamp.ns);
        self.fragments.expire(ns, &mut self.skipped);
        let piece = fragment(
            frame,
            captured.link,
            captured.wire_len,
            captured.vlan,
            &self.ports,
        )?;
        let payload = frame.get(piece.payload.clone()).unwrap_or_default();
        let whole = self
            .fragments
            .insert(&piece, payload, ns, &mut self.skipped)?;
        let length = u32::try_from(whole.datagram.len()).unwrap_or(u32::MAX);
        let link = LinkType::RawIp;
        let segment = dissect(&whole.datagram, link, length, whole.vlan, &self.ports).ok()?;
        Some(Found {
            segment,
            frame,
            datagram: Some(whole.datagram),
        })
    }
}
