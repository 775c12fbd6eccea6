//! What a capture got of what it asked for.

use serde::Serialize;
use std::fmt;

/// How an interface was captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaptureMode {
    /// Its name.
    pub interface: String,
    /// It was tapped, and how: `tcx` or `clsact`. The rest tells how the copies were captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tap: Option<&'static str>,
    /// The program ran in the driver, not on skbs.
    pub native: bool,
    /// The program asked the driver for hardware timestamps and stripped VLAN tags.
    pub kfuncs: bool,
    /// The driver wrote straight into the frames (`XDP_OPTIONS`).
    pub zero_copy: bool,
    /// Frames might span several buffers.
    pub multi_buffer: bool,
    /// Waiting for frames drove the driver.
    pub busy_poll: bool,
    /// Receive queues with a socket.
    pub queues: usize,
}

impl fmt::Display for CaptureMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |yes, this, that| if yes { this } else { that };
        write!(f, "{}: ", self.interface)?;
        if let Some(tap) = self.tap {
            write!(f, "tapped by {tap}, ")?;
        }
        write!(
            f,
            "XDP {} ({}), {}, {}, {}, {} queue(s)",
            word(self.native, "native", "skb"),
            word(self.kfuncs, "with kfuncs", "plain"),
            word(self.zero_copy, "zero-copy", "copy"),
            word(self.multi_buffer, "multi-buffer", "single-buffer"),
            word(self.busy_poll, "busy polling", "need-wakeup"),
            self.queues,
        )
    }
}
