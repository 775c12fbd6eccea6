//! OpenBMP's binary header for raw BMP messages, version 1.7: what `openbmp.bmp_raw` consumers read.
//!
//! Layout: magic `OBMP`, version, lengths of header and message, flags, object type, time of collection, hash and
//! name of the collector, hash, address and group of the router, count of messages.

use std::hash::Hasher;
use std::net::IpAddr;

const MAGIC: [u8; 4] = *b"OBMP";
/// Octets up to the collector's name, its length included.
const FIXED: usize = 40;
/// The message comes from a router.
const ROUTER: u8 = 0x80;
/// The router's address is an IPv6 one.
const IPV6: u8 = 0x40;
/// Object type: a raw BMP message.
const BMP_RAW: u8 = 12;
/// The longest name, characters.
const NAME_MAX: usize = 255;

/// What is said of whoever collects, and of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    collector: String,
    router: IpAddr,
    hash: [u8; 16],
}

impl Origin {
    /// A router that the monitor `collector` hears.
    #[must_use]
    pub fn new(collector: &str, router: IpAddr) -> Self {
        let hash = match router {
            IpAddr::V4(address) => hash(&address.octets()),
            IpAddr::V6(address) => hash(&address.octets()),
        };
        Self {
            collector: collector.chars().take(NAME_MAX).collect(),
            router,
            hash,
        }
    }

    /// Appends a frame with the BMP message that `encode` appends, collected at `ns`. Nothing if it appends nothing.
    pub fn write(&self, out: &mut Vec<u8>, ns: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        let name = self.collector.as_bytes();
        let header = FIXED + name.len() + 16 + 16 + 2 + 4;
        out.extend(MAGIC);
        out.extend([1, 7]);
        out.extend((header as u16).to_be_bytes());
        out.extend([0; 4]);
        let ipv6 = if self.router.is_ipv6() { IPV6 } else { 0 };
        out.extend([ROUTER | ipv6, BMP_RAW]);
        let seconds = u32::try_from(ns / 1_000_000_000).unwrap_or(u32::MAX);
        out.extend(seconds.to_be_bytes());
        out.extend(((ns % 1_000_000_000 / 1000) as u32).to_be_bytes());
        out.extend(hash(name));
        out.extend((name.len() as u16).to_be_bytes());
        out.extend(name);
        out.extend(self.hash);
        match self.router {
            IpAddr::V4(address) => {
                out.extend(address.octets());
                out.extend([0; 12]);
            }
            IpAddr::V6(address) => out.extend(address.octets()),
        }
        // No group; one message.
        out.extend([0; 2]);
        out.extend(1_u32.to_be_bytes());
        let body = out.len();
        encode(out);
        let length = u32::try_from(out.len() - body).unwrap_or(u32::MAX);
        if length == 0 {
            out.truncate(start);
        } else if let Some(field) = out.get_mut(start + 8..start + 12) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// The first frame of several: its router's hash, its router's address, and its length. `None` if they are none.
#[must_use]
pub fn split(bytes: &[u8]) -> Option<(&[u8], IpAddr, usize)> {
    let number = |at: usize, len: usize| {
        let field = bytes.get(at..at + len)?;
        Some(
            field
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        )
    };
    let header = number(6, 2)?;
    let length = header + number(8, 4)?;
    let router = FIXED + number(FIXED - 2, 2)?;
    let address = bytes.get(router + 16..router + 32)?;
    let address = if bytes.get(12)? & IPV6 == 0 {
        IpAddr::from(<[u8; 4]>::try_from(address.get(..4)?).ok()?)
    } else {
        IpAddr::from(<[u8; 16]>::try_from(address).ok()?)
    };
    bytes.get(..length)?;
    Some((bytes.get(router..router + 16)?, address, length))
}

/// Sixteen octets that stand for a name or address, always the same. Consumers compare them only.
fn hash(bytes: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    for (half, salt) in hash.chunks_exact_mut(8).zip([b'0', b'1']) {
        let mut hasher = fnv::FnvHasher::default();
        hasher.write(&[salt]);
        hasher.write(bytes);
        half.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn frames_are_found_one_after_the_other() {
        let routers = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ];
        let mut out = Vec::new();
        for router in routers {
            Origin::new("tap", router).write(&mut out, 1, |out| out.extend(b"message"));
        }
        Origin::new("tap", routers[0]).write(&mut out, 1, |_| ());
        let (key, first, length) = split(&out).expect("a frame");
        assert_eq!((key.len(), first), (16, routers[0]));
        assert!(out[..length].ends_with(b"message"));
        let (other, second, rest) = split(&out[length..]).expect("another");
        assert_eq!(
            (second, length + rest),
            (routers[1], out.len()),
            "an empty one is none"
        );
        assert_ne!(key, other);
        assert_eq!(split(&out[..length - 1]), None, "a frame that is cut");
    }
}
