//! What a capture got of what it asked for.

use serde::Serialize;
use std::fmt;

/// How an interface was captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaptureMode {
    /// Its name.
    pub interface: String,
    /// By what.
    #[serde(flatten)]
    pub backend: Backend,
    /// What would have been better and did not work, with the reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// What the frames came through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "backend", rename_all = "kebab-case")]
pub enum Backend {
    /// AF_XDP.
    Xdp(XdpMode),
    /// AF_PACKET.
    AfPacket(AfPacketMode),
}

/// The modes of AF_XDP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct XdpMode {
    /// It was tapped, and how: `tcx` or `clsact`. The rest tells how the copies were captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tap: Option<&'static str>,
    /// The program ran in the driver, not on skbs.
    pub native: bool,
    /// The program asked the driver for hardware timestamps and stripped VLAN tags.
    pub kfuncs: bool,
    /// Which variant of the program it was: `kfuncs`, `plain`, `basic`.
    pub program: &'static str,
    /// The driver wrote straight into the frames (`XDP_OPTIONS`).
    pub zero_copy: bool,
    /// Frames might span several buffers.
    pub multi_buffer: bool,
    /// Waiting for frames drove the driver.
    pub busy_poll: bool,
    /// Receive queues with a socket.
    pub queues: usize,
}

/// The modes of AF_PACKET.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AfPacketMode {
    /// Bytes of the ring.
    pub ring_bytes: u64,
    /// Blocks that it consists of.
    pub blocks: u32,
    /// What the host sends was captured too.
    pub outgoing: bool,
}

impl fmt::Display for CaptureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.interface)?;
        match &self.backend {
            Backend::Xdp(mode) => mode.fmt(f),
            Backend::AfPacket(mode) => mode.fmt(f),
        }
    }
}

fn word(yes: bool, this: &'static str, that: &'static str) -> &'static str {
    if yes { this } else { that }
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tap) = self.tap {
            write!(f, "tapped by {tap}, ")?;
        }
        write!(
            f,
            "XDP {} ({}), {}, {}, {}, {} queue(s)",
            word(self.native, "native", "skb"),
            word(self.kfuncs, "with kfuncs", self.program),
            word(self.zero_copy, "zero-copy", "copy"),
            word(self.multi_buffer, "multi-buffer", "single-buffer"),
            word(self.busy_poll, "busy polling", "need-wakeup"),
            self.queues,
        )
    }
}

impl fmt::Display for AfPacketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AF_PACKET, ring of {} KiB in {} blocks, {}",
            self.ring_bytes >> 10,
            self.blocks,
            word(self.outgoing, "both ways", "incoming only"),
        )
    }
}
