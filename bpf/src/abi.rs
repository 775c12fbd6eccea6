//! The Rust side of `steer.h`: its constants come from the header itself.

mod header {
    //! What `build.rs` read in `steer.h`.
    #![allow(dead_code)]
    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}

use crate::Options;

pub(crate) use header::{COUNTER_NAMES, QUEUES_MAX};

/// `enum xdp_action` of the kernel.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// `struct bgptap_config` with `options` in it.
pub(crate) fn config(options: &Options) -> Vec<u8> {
    let mut bytes = vec![0; header::CONFIG_LEN as usize];
    let mut put = |offset: u32, value: &[u8]| {
        let offset = offset as usize;
        if let Some(field) = bytes.get_mut(offset..offset + value.len()) {
            field.copy_from_slice(value);
        }
    };
    let foreign = if options.drop_foreign {
        XDP_DROP
    } else {
        XDP_PASS
    };
    put(header::CONFIG_OFF_FOREIGN_ACTION, &foreign.to_ne_bytes());
    let fragments = u32::from(options.fragments);
    put(header::CONFIG_OFF_FRAGMENTS, &fragments.to_ne_bytes());
    let mut words = [0u64; header::PORT_WORDS as usize];
    for port in &options.ports {
        if let Some(word) = words.get_mut(usize::from(port / 64)) {
            *word |= 1 << (port % 64);
        }
    }
    for (word, offset) in words.iter().zip((header::CONFIG_OFF_PORTS..).step_by(8)) {
        put(offset, &word.to_ne_bytes());
    }
    bytes
}

/// Bytes of metadata that lie directly below the first byte of a steered packet.
pub const META_LEN: usize = header::META_LEN as usize;

/// What the steering program wrote about a packet when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// When the XDP program ran, in nanoseconds of `CLOCK_TAI`, or of `CLOCK_MONOTONIC`.
    pub xdp_ns: u64,
    /// It is `CLOCK_MONOTONIC`.
    pub monotonic: bool,
    /// When the network card received the packet, in nanoseconds of the card's own clock.
    pub hw_ns: Option<u64>,
    /// The outermost VLAN tag (priority, DEI and id), in the frame or stripped by the card.
    pub vlan: Option<u16>,
}

impl Meta {
    /// Reads the metadata at the end of `below`, the bytes in front of a packet.
    ///
    /// `None` if there are too few, or the program left none there
    /// ([`Counters::meta_failed`]): without the magic number and the version, the
    /// bytes are whatever lay in the frame before. That cannot be older metadata:
    /// whether there is room for metadata is a property of the driver, not of a packet.
    #[must_use]
    pub fn parse(below: &[u8]) -> Option<Self> {
        let meta: &[u8; META_LEN] = below.last_chunk()?;
        let magic = u32::from_ne_bytes(field(meta, header::META_OFF_MAGIC));
        let [version] = field(meta, header::META_OFF_VERSION);
        if magic != header::META_MAGIC || u32::from(version) != header::META_VERSION {
            return None;
        }
        let [flags] = field(meta, header::META_OFF_FLAGS);
        let tci = u16::from_ne_bytes(field(meta, header::META_OFF_VLAN_TCI));
        let hw_ns = u64::from_ne_bytes(field(meta, header::META_OFF_HW_NS));
        Some(Self {
            xdp_ns: u64::from_ne_bytes(field(meta, header::META_OFF_XDP_NS)),
            monotonic: u32::from(flags) & header::META_MONOTONIC != 0,
            hw_ns: (hw_ns != 0).then_some(hw_ns),
            vlan: (u32::from(flags) & header::META_VLAN != 0).then_some(tci),
        })
    }
}

/// The `N` bytes at `offset`. The offsets are constants of the header, which
/// the C compiler has checked against the size.
fn field<const N: usize>(meta: &[u8; META_LEN], offset: u32) -> [u8; N] {
    let mut bytes = [0; N];
    if let Some(found) = meta.get(offset as usize..offset as usize + N) {
        bytes.copy_from_slice(found);
    }
    bytes
}

/// Packets that the steering program saw, by what became of them, over all CPUs.
///
/// `seen` = [`redirected`](Self::redirected) + [`no_socket`](Self::no_socket) + the
/// reasons of [`other`](Self::other). Read while packets arrive, one that is in
/// the program just then may be missing on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// All packets.
    pub seen: u64,
    /// BGP, handed to the AF_XDP socket of its queue.
    pub redirected: u64,
    /// BGP, but no socket was there for its queue.
    pub no_socket: u64,
    /// No IPv4 or IPv6 behind the headers before it.
    pub not_ip: u64,
    /// IP, but neither TCP nor an encapsulation that is known.
    pub not_tcp: u64,
    /// TCP, but neither port is one of BGP.
    pub other_port: u64,
    /// IP fragments that are not put together.
    pub fragment: u64,
    /// The packet, or the datagram in it, ends before its headers do.
    pub truncated: u64,
    /// A header contradicts itself.
    pub bad_header: u64,
    /// There are more headers before TCP than are followed.
    pub too_deep: u64,
    /// Redirected without metadata. Not part of the sum: these count as `redirected` too.
    pub meta_failed: u64,
}

impl Counters {
    /// The reasons why packets were left alone, by name.
    #[must_use]
    pub fn other(&self) -> [(&'static str, u64); 7] {
        [
            ("not_ip", self.not_ip),
            ("not_tcp", self.not_tcp),
            ("other_port", self.other_port),
            ("fragment", self.fragment),
            ("truncated", self.truncated),
            ("bad_header", self.bad_header),
            ("too_deep", self.too_deep),
        ]
    }

    /// Adds the values of one CPU, as the map holds them: a row of u64.
    pub(crate) fn add_cpu(&mut self, row: &[u8]) {
        let (values, _) = row.as_chunks::<8>();
        for (value, name) in values.iter().zip(COUNTER_NAMES) {
            if let Some(total) = self.by_name(name) {
                *total += u64::from_ne_bytes(*value);
            }
        }
    }

    fn by_name(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "seen" => &mut self.seen,
            "redirected" => &mut self.redirected,
            "no_socket" => &mut self.no_socket,
            "not_ip" => &mut self.not_ip,
            "not_tcp" => &mut self.not_tcp,
            "other_port" => &mut self.other_port,
            "fragment" => &mut self.fragment,
            "truncated" => &mut self.truncated,
            "bad_header" => &mut self.bad_header,
            "too_deep" => &mut self.too_deep,
            "meta_failed" => &mut self.meta_failed,
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A row as the kernel would hold it: counter i has the value 10^i.
    fn row() -> Vec<u8> {
        (0..COUNTER_NAMES.len() as u32)
            .flat_map(|i| 10u64.pow(i).to_ne_bytes())
            .collect()
    }

    #[test]
    fn every_counter_of_the_header_has_a_field_of_its_own() {
        let mut counters = Counters::default();
        let mut places: Vec<*mut u64> = COUNTER_NAMES
            .iter()
            .map(|name| std::ptr::from_mut(counters.by_name(name).unwrap()))
            .collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), COUNTER_NAMES.len());
        assert_eq!(size_of::<Counters>(), COUNTER_NAMES.len() * 8);
    }

    #[test]
    fn counters_add_up_over_cpus_in_the_order_of_the_header() {
        let mut counters = Counters::default();
        counters.add_cpu(&row());
        counters.add_cpu(&row());
        assert_eq!(counters.seen, 2);
        assert_eq!(counters.redirected, 20);
        assert_eq!(counters.no_socket, 200);
        assert_eq!(counters.truncated, 20_000_000);
        assert_eq!(counters.bad_header, 200_000_000);
        assert_eq!(counters.too_deep, 2_000_000_000);
        assert_eq!(counters.meta_failed, 20_000_000_000);
        assert_eq!(counters.other()[0], ("not_ip", 2_000));
    }

    /// Little-endian by hand, field by field, in the order of the header's comment.
    #[cfg(target_endian = "little")]
    #[test]
    fn metadata_is_read_from_the_bytes_next_to_the_packet() {
        let mut below = b"whatever".to_vec();
        below.extend(b"BGPt\x01\x01\x64\xe0");
        below.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        below.extend([0, 1, 0, 0, 0, 0, 0, 0]);
        let meta = Meta::parse(&below).unwrap();
        assert_eq!(meta.xdp_ns, 1);
        assert_eq!(meta.hw_ns, Some(256));
        assert_eq!(meta.vlan, Some(0xe064));
        assert!(!meta.monotonic);

        below[13] = 2; // no tag: its field means nothing; another clock
        below[25] = 0; // no hardware timestamp
        let meta = Meta::parse(&below).unwrap();
        assert_eq!((meta.hw_ns, meta.vlan), (None, None));
        assert!(meta.monotonic);
    }

    #[test]
    fn stale_bytes_are_not_metadata() {
        assert_eq!(Meta::parse(&[0; META_LEN]), None);
        assert_eq!(Meta::parse(&[0x42; META_LEN - 1]), None);
        let mut other_version = [0u8; META_LEN];
        other_version[..4].copy_from_slice(&header::META_MAGIC.to_ne_bytes());
        other_version[4] = 2;
        assert_eq!(Meta::parse(&other_version), None);
    }
}
