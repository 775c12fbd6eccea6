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
    /// The driver wrote straight into the frames (`XDP_OPTIONS`); `None` if the kernel does not tell.
    pub zero_copy: Option<bool>,
    /// Frames might span several buffers.
    pub multi_buffer: bool,
    /// The driver might stand still until it was told to go on.
    pub need_wakeup: bool,
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
        let zero_copy = match self.zero_copy {
            Some(zero_copy) => word(zero_copy, "zero-copy", "copy"),
            None => "copying unknown",
        };
        write!(
            f,
            "XDP {} ({}), {zero_copy}, {}",
            word(self.native, "native", "skb"),
            word(self.kfuncs, "with kfuncs", self.program),
            word(self.multi_buffer, "multi-buffer", "single-buffer"),
        )?;
        for (is, name) in [
            (self.need_wakeup, "need-wakeup"),
            (self.busy_poll, "busy polling"),
        ] {
            if is {
                write!(f, ", {name}")?;
            }
        }
        write!(f, ", {} queue(s)", self.queues)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: XdpMode = XdpMode {
        tap: None,
        native: true,
        kfuncs: false,
        program: "plain",
        zero_copy: Some(true),
        multi_buffer: false,
        need_wakeup: true,
        busy_poll: false,
        queues: 4,
    };

    #[test]
    fn it_says_what_was_bound_and_what_is_not_known() {
        assert_eq!(
            MODE.to_string(),
            "XDP native (plain), zero-copy, single-buffer, need-wakeup, 4 queue(s)"
        );
        let other = XdpMode {
            zero_copy: None,
            need_wakeup: false,
            busy_poll: true,
            ..MODE
        };
        assert_eq!(
            other.to_string(),
            "XDP native (plain), copying unknown, single-buffer, busy polling, 4 queue(s)"
        );
        let json = serde_json::to_value(&other).expect("it has a form in JSON");
        assert_eq!(json["zero_copy"], serde_json::Value::Null);
        assert_eq!(json["need_wakeup"], false);
    }
}
