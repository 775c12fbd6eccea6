//! An interface to send from: an AF_XDP transmit ring on its first queue.

use std::io;
use std::path::Path;
use std::time::Duration;

use bgptap_umem::xsk::{SendError, Transmitter};

use super::link::ETHERNET_LEN;
use super::sink::{FrameSink, Refused};
use crate::error::SetupError;

/// Frames on their way at a time.
const RING: u32 = 4096;
/// A frame may be longer than MTU and header by one VLAN tag (`is_skb_forwardable` of the kernel).
const TAG_LEN: usize = 4;

/// An interface that frames are sent from.
pub struct Interface {
    transmitter: Transmitter,
    /// Longest frame that it sends, header included.
    longest: usize,
}

impl Interface {
    /// Opens a transmit ring on the interface `name`.
    ///
    /// # Errors
    /// The kernel refuses: no such interface, or no right to.
    pub fn open(name: &str) -> Result<Self, SetupError> {
        let transmitter =
            Transmitter::open(name, 0, RING).map_err(|error| SetupError::Interface {
                interface: name.to_owned(),
                what: "opening a transmit ring",
                remedy: error.remedy().into(),
                why: error.cause.to_string(),
            })?;
        let ring = transmitter.max_length();
        Ok(Self {
            longest: mtu(name).map_or(ring, |mtu| ring.min(mtu + ETHERNET_LEN + TAG_LEN)),
            transmitter,
        })
    }
}

/// The interface's MTU. A raw sender is not told of frames that the device drops for
/// their length, so they are refused beforehand; where the system does not show the MTU, they are not.
fn mtu(name: &str) -> Option<usize> {
    let file = Path::new("/sys/class/net").join(name).join("mtu");
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

impl FrameSink for Interface {
    fn send(&mut self, frame: &[u8]) -> Result<(), Refused> {
        if frame.len() > self.longest {
            return Err(Refused::TooLong);
        }
        self.transmitter.send(frame).map_err(|error| match error {
            SendError::Full => Refused::Full,
            SendError::TooLong { .. } => Refused::TooLong,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transmitter.flush()
    }

    fn drain(&mut self, timeout: Duration) -> io::Result<u64> {
        self.transmitter.drain(timeout)?;
        let stats = self.transmitter.stats();
        Ok(stats.queued.saturating_sub(stats.completed))
    }
}
