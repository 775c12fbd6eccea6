//! The veth pair that copies go through.

use super::netlink;
use super::netns::Netns;
use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoVeth, LinkAttribute, LinkMessage,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};
use std::io;
use std::path::Path;

/// What the names of the sending ends begin with.
const PREFIX: &str = "bgptap";
/// More taps than that on one host would be strange.
const NAMES_MAX: u32 = 64;
/// As long as a veth can have it: longer than that of any interface that is tapped, now or later.
pub(super) const MTU: u32 = 65_535;
/// As long as a veth can have it whose other end runs a program for packets in one buffer: then each
/// frame must lie in one page, with the headroom of XDP before it and the kernel's own trailer behind
/// (drivers/net/veth.c, `veth_xdp_set`, and in Linux 5.15 `veth_xdp_rcv_skb`).
pub(super) const MTU_ONE_BUFFER: u32 = 3_500;
/// Frames that wait while the receiving end is behind: a veth has room for 256 only.
const QUEUE: u32 = 10_000;

/// Two ends: copies are sent into one, beside the tapped interface; the other is captured, in a
/// namespace of its own.
#[derive(Debug)]
pub(super) struct Pair {
    /// The end that copies are sent into.
    pub(super) name: String,
    /// Its index.
    pub(super) index: u32,
    /// The name of the captured end.
    pub(super) device: String,
}

impl Pair {
    /// Makes the `number`th pair of this process, for a tap of `interface`: both ends up, and
    /// silent of themselves. Frames that are longer than `mtu` are lost in it.
    pub(super) fn new(
        netns: &Netns,
        number: usize,
        interface: &str,
        note: &str,
        mtu: u32,
    ) -> io::Result<Self> {
        let device = format!("mirror{number}");
        let alias = alias(interface, note);
        let name =
            (0..NAMES_MAX).map(|n| format!("{PREFIX}{n}")).find_map(
                |name| match netlink::add_link(veth(&name, &device, netns, mtu)) {
                    Ok(()) => Some(Ok(name)),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => None,
                    Err(e) => Some(Err(e)),
                },
            );
        let name = name.unwrap_or_else(|| Err(io::ErrorKind::AlreadyExists.into()))?;
        let pair = Self {
            index: if_nametoindex(name.as_str())?,
            name,
            device,
        };
        // Frames arrive as they are on a wire: no longer than that, and with checksums.
        bgptap_bpf::send_whole(&pair.name)?;
        netlink::queue(pair.index)?;
        bring_up(pair.index, &alias)?;
        netns.within(|| bring_up(if_nametoindex(pair.device.as_str())?, &alias))??;
        Ok(pair)
    }

    /// Copies that the pair has lost, as the kernel counts them on the sending end.
    pub(super) fn dropped(&self) -> u64 {
        let path = format!("/sys/class/net/{}/statistics/tx_dropped", self.name);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }
}

impl Drop for Pair {
    /// The end of the process would do, but takes the kernel a moment.
    fn drop(&mut self) {
        let _ = netlink::delete_link(self.index);
    }
}

/// Whether a living process taps `interface` in the way that `note` says.
pub(super) fn exists(interface: &str, note: &str) -> bool {
    let wanted = alias(interface, note);
    (0..NAMES_MAX).any(|n| {
        let path = format!("/sys/class/net/{PREFIX}{n}/ifalias");
        std::fs::read_to_string(Path::new(&path)).is_ok_and(|alias| alias.trim() == wanted)
    })
}

/// What `ip link` shows beside the sending end.
fn alias(interface: &str, note: &str) -> String {
    format!("bgptap live --tap -i {interface} ({note})")
}

fn veth(name: &str, device: &str, netns: &Netns, mtu: u32) -> LinkMessage {
    let end = |name: &str| LinkMessageBuilder::<LinkUnspec>::new().name(name).mtu(mtu);
    let peer = end(device).setns_by_fd(netns.raw_fd()).build();
    LinkMessageBuilder::<LinkVeth>::new(name, device)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .mtu(mtu)
        .txqueuelen(QUEUE)
        .build()
}

/// Brings an end up, but without an address of its own, and so without the messages that go with one.
fn bring_up(index: u32, alias: &str) -> io::Result<()> {
    let none = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    let no_address = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![none])]);
    let link = || LinkUnspec::new_with_index(index);
    // Refused where there is no IPv6 at all.
    let _ = netlink::set_link(link().append_extra_attribute(no_address).build());
    netlink::set_link(link().alias(alias).arp(false).up().build())
}
