//! What a driver tells by the ethtool ioctl (linux/ethtool.h); nothing is changed, no privilege needed.
//!
//! Its netlink sibling does not name the driver, and is missing in older kernels.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

// Commands.
const GDRVINFO: u32 = 0x03;
const GSTRINGS: u32 = 0x1b;
const GSSET_INFO: u32 = 0x37;
const GRXFHINDIR: u32 = 0x38;
const GFEATURES: u32 = 0x3a;
const GCHANNELS: u32 = 0x3c;
/// The string set with the names of the features.
const SS_FEATURES: u32 = 4;
/// Bytes of a string of a set.
const GSTRING_LEN: usize = 32;
/// More features than any kernel has (some 60), more queues than any card spreads over.
const FEATURES_MAX: u32 = 256;
const INDIRECTION_MAX: u32 = 4096;

/// Whether an offload is at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It is not, or there is none.
    #[default]
    Off,
    /// It is, and may be turned off.
    On,
    /// It is, and the driver lets nobody turn it off.
    Fixed,
}

/// Offloads that merge frames before a program sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Large receive offload.
    pub lro: Switch,
    /// Generic receive offload in hardware.
    pub gro_hw: Switch,
}

/// Questions to the driver of one interface.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
    name: [libc::c_char; libc::IFNAMSIZ],
}

impl Ethtool {
    /// # Errors
    /// The name is too long for an interface, or there is no socket to be had.
    pub fn open(interface: &str) -> io::Result<Self> {
        let mut name = [0; libc::IFNAMSIZ];
        // One byte stays zero: the end of the string.
        if interface.len() >= name.len() {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in name.iter_mut().zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        // SAFETY: takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened `fd` for us and nobody else knows it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { socket, name })
    }

    /// The name of the driver, "veth" for one.
    ///
    /// # Errors
    /// The driver does not answer, or there is no such interface.
    pub fn driver(&self) -> io::Result<String> {
        // struct ethtool_drvinfo: the command, then the driver's name in 32 bytes; 196 bytes in all.
        let mut info = [0; 196 / 4];
        self.ask(GDRVINFO, &mut info)?;
        Ok(text(&bytes(&info)[4..36]))
    }

    /// Which offloads are on.
    ///
    /// # Errors
    /// The kernel does not answer, or there is no such interface.
    pub fn offloads(&self) -> io::Result<Offloads> {
        let names = self.feature_names()?;
        let blocks = names.len().div_ceil(32);
        // struct ethtool_gfeatures: command, size, then the blocks.
        let mut features = vec![0; 2 + 4 * blocks];
        features[1] = blocks as u32;
        self.ask(GFEATURES, &mut features)?;
        let (blocks, _) = features[2..].as_chunks::<4>();
        let switch = |wanted: &str| {
            let at = names.iter().position(|name| name == wanted)?;
            Some(switch(*blocks.get(at / 32)?, at % 32))
        };
        Ok(Offloads {
            lro: switch("rx-lro").unwrap_or_default(),
            gro_hw: switch("rx-gro-hw").unwrap_or_default(),
        })
    }

    /// Over how many queues RSS spreads what arrives.
    ///
    /// # Errors
    /// The driver has no indirection table (EOPNOTSUPP), or there is no such interface.
    pub fn rss_queues(&self) -> io::Result<usize> {
        // struct ethtool_rxfh_indir: command, size, the queues; with size 0 the kernel tells the size.
        let mut size = [0; 2];
        self.ask(GRXFHINDIR, &mut size)?;
        let entries = size[1].min(INDIRECTION_MAX);
        let mut table = vec![0; 2 + entries as usize];
        table[1] = entries;
        self.ask(GRXFHINDIR, &mut table)?;
        let mut queues = table.split_off(2);
        queues.sort_unstable();
        queues.dedup();
        Ok(queues.len())
    }

    /// Whether its queues are counted as `combined` channels rather than as `rx` and `tx`.
    ///
    /// # Errors
    /// The driver does not tell, or there is no such interface.
    pub fn has_combined_channels(&self) -> io::Result<bool> {
        // struct ethtool_channels: command, four maxima, then rx, tx, other, combined.
        let mut channels = [0; 9];
        self.ask(GCHANNELS, &mut channels)?;
        Ok(channels[8] > 0)
    }

    fn feature_names(&self) -> io::Result<Vec<String>> {
        // struct ethtool_sset_info: command, reserved, mask (u64), then the length of each set in the mask.
        let mut info = [0; 5];
        let mask = (1u64 << SS_FEATURES).to_ne_bytes();
        let (halves, _) = mask.as_chunks::<4>();
        for (to, half) in info[2..4].iter_mut().zip(halves) {
            *to = u32::from_ne_bytes(*half);
        }
        self.ask(GSSET_INFO, &mut info)?;
        let count = info[4].min(FEATURES_MAX);
        // struct ethtool_gstrings: command, set, length, the strings.
        let mut strings = vec![0; 3 + count as usize * GSTRING_LEN / 4];
        strings[1] = SS_FEATURES;
        strings[2] = count;
        self.ask(GSTRINGS, &mut strings)?;
        let strings = bytes(&strings);
        Ok(strings[12..].chunks(GSTRING_LEN).map(text).collect())
    }

    /// Asks with `buffer`, a structure that begins with the command and has room for all of the answer.
    fn ask(&self, command: u32, buffer: &mut [u32]) -> io::Result<()> {
        buffer[0] = command;
        let mut request = libc::ifreq {
            ifr_name: self.name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru {
                ifru_data: buffer.as_mut_ptr().cast(),
            },
        };
        // SAFETY: `request` and the buffer that it points to live through the call, and the kernel keeps
        // neither. Each caller makes the buffer as long as the structure of its command with as many
        // elements as the structure announces, so the kernel writes within it; any bytes are valid u32.
        let status = unsafe {
            libc::ioctl(
                self.socket.as_raw_fd(),
                libc::SIOCETHTOOL as _,
                &raw mut request,
            )
        };
        if status < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

/// A bit of struct ethtool_get_features_block: available, requested, active, never_changed. What is not available
/// cannot be changed.
fn switch([available, _, active, never_changed]: [u32; 4], bit: usize) -> Switch {
    let is = |word: u32| word >> bit & 1 == 1;
    match (is(active), is(available) && !is(never_changed)) {
        (false, _) => Switch::Off,
        (true, true) => Switch::On,
        (true, false) => Switch::Fixed,
    }
}

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// The text up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The names are the kernel's own (net/ethtool/common.c), and the loopback interface has no hardware.
    #[test]
    fn the_loopback_interface_has_no_offloads_that_merge() {
        let lo = Ethtool::open("lo").unwrap();
        let names = lo.feature_names().unwrap();
        for name in ["rx-lro", "rx-gro-hw", "rx-gro"] {
            assert!(names.iter().any(|n| n == name), "{names:?}");
        }
        assert_eq!(lo.offloads().unwrap(), Offloads::default());
        assert!(lo.rss_queues().is_err(), "it has no indirection table");
    }

    #[test]
    fn what_the_driver_does_not_let_go_is_fixed() {
        for (available, active, never_changed, expected) in [
            (1, 1, 0, Switch::On),
            (0, 1, 0, Switch::Fixed),
            (1, 1, 1, Switch::Fixed),
            (1, 0, 0, Switch::Off),
            (0, 0, 0, Switch::Off),
        ] {
            let block = [available, 0, active, never_changed].map(|word: u32| word << 9);
            assert_eq!(switch(block, 9), expected, "{block:?}");
            assert_eq!(switch(block, 8), Switch::Off, "{block:?}");
        }
    }

    #[test]
    fn interfaces_that_cannot_be_are_errors() {
        let long = Ethtool::open("a-name-of-seventeen").unwrap_err();
        assert_eq!(long.raw_os_error(), Some(libc::ENODEV));
        let missing = Ethtool::open("no-such-if").unwrap().offloads();
        assert_eq!(missing.unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }
}
