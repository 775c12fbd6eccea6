//! Where frames come from: AF_XDP rings (`xdp`), the ring of a packet socket (`af_packet`) or capture
//! files (`pcap`), in which BMP may be read too (`bmp`).
//!
//! All implement [`Source`]; the worker does not know which one it drains.

use std::time::Duration;

#[cfg(feature = "capture")]
pub mod af_packet;
pub mod bmp;
mod copies;
mod counts;
#[cfg(feature = "capture")]
mod live;
mod mode;
pub mod pcap;
#[cfg(feature = "capture")]
pub mod xdp;

pub use copies::{Copies, TapCounts};
pub use counts::InterfaceCounts;
#[cfg(feature = "capture")]
pub use live::Live;
pub use mode::{AfPacketMode, Backend, CaptureMode, XdpMode};

/// Bytes of one frame, in memory that stays valid and unchanged while the value lives.
///
/// For AF_XDP it is a UMEM slot that goes back to the kernel when dropped, for AF_PACKET a
/// view of a block of its ring, for files one of the mapping. Moving the value does not move the bytes.
pub trait Frame: AsRef<[u8]> {
    /// Tells the pool that the frame outlives its batch (it is held out of order).
    fn mark_held(&mut self) {}

    /// The source runs short of room: a copy of what is needed is better than holding the frame.
    fn is_wanted_back(&self) -> bool {
        false
    }
}

/// The clock that a timestamp was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampSource {
    /// The receiving network card.
    Hardware,
    /// The XDP program, on arrival in the kernel.
    Xdp,
    /// The kernel, when its packet socket saw the frame.
    Kernel,
    /// User space, when it took the frame: nobody told when it came, or the card's clock is not set.
    User,
    /// The capture file.
    File,
}

impl StampSource {
    /// The name in events (`ts_source`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Xdp => "xdp",
            Self::Kernel => "kernel",
            Self::User => "user",
            Self::File => "file",
        }
    }
}

/// When a frame was captured, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub ns: u64,
    /// Whose clock it was.
    pub source: StampSource,
}

/// The first header of a frame, as pcap's link types name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// DLT_EN10MB (1).
    Ethernet,
    /// LINUX_SLL (113), "cooked".
    LinuxSll,
    /// LINUX_SLL2 (276).
    LinuxSll2,
    /// RAW (101, 12, 14), IPV4 (228), IPV6 (229): an IP header comes first.
    RawIp,
    /// NULL (0): protocol family in the byte order of the capturing host.
    Null,
    /// LOOP (108): protocol family in network byte order.
    Loop,
    /// PPP (9): optionally with address and control field.
    Ppp,
    /// C_HDLC (104) and PPP_SERIAL (50), told apart by the first byte.
    CiscoHdlc,
    /// FRELAY (107).
    FrameRelay,
    /// No frame at all: a record of an MRT archive (RFC 6396).
    Mrt,
}

/// One captured frame with what the capture knows about it.
#[derive(Debug)]
pub struct Captured<F> {
    /// The bytes.
    pub frame: F,
    /// When it arrived.
    pub stamp: Stamp,
    /// How its first header is to be read.
    pub link: LinkType,
    /// Bytes it had on the wire; more than `frame` holds if the capture cut it.
    pub wire_len: u32,
    /// Which of [`Source::interfaces`] it came in on.
    pub interface: u16,
    /// VLAN id that the card took out of the frame, if any.
    pub vlan: Option<u16>,
    /// The next frame of the batch continues this one (multi-buffer, `XDP_PKT_CONTD`):
    /// it has no headers of its own, its bytes are the next of the same TCP payload.
    pub continues: bool,
}

/// What a call of [`Source::poll`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Frames were appended.
    Frames,
    /// Nothing arrived in time; there may be more later.
    Idle,
    /// There will never be more.
    End,
}

/// A capture that broke off: what was read up to there is kept.
#[derive(Debug, thiserror::Error)]
#[error("{source_name}: {why}")]
pub struct Interrupted {
    /// The file or interface.
    pub source_name: String,
    /// What happened, with the offset where there is one.
    pub why: String,
}

/// Frames in time order, in batches.
pub trait Source {
    /// The frame guard of this source.
    type Frame: Frame;

    /// Appends the next frames to `batch`, oldest first, waiting up to `wait` for the first one;
    /// without a wait it is [`Polled::Idle`] if there is none yet.
    ///
    /// # Errors
    /// The capture ended before its time. The source goes on with its other
    /// inputs: the next call returns their frames, or [`Polled::End`].
    fn poll(
        &mut self,
        batch: &mut Vec<Captured<Self::Frame>>,
        wait: Duration,
    ) -> Result<Polled, Interrupted>;

    /// Whose clock tells the time while nothing comes.
    fn clock(&self) -> StampSource {
        StampSource::File
    }

    /// Frames that are held stand in the way of new ones: those that
    /// [want to be back](Frame::is_wanted_back) should go now.
    fn wants_frames_back(&mut self) -> bool {
        false
    }

    /// Interfaces or files, in the order that [`Captured::interface`] counts them.
    fn interfaces(&self) -> &[String];
}
