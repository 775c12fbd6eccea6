//! What the kernel tells by rtnetlink(7); nothing is changed, no privilege needed.

use futures_util::{Stream, TryStreamExt};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::{Handle, RouteMessageBuilder, new_connection};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many tc filters look at what comes in at an interface.
pub(super) fn ingress_filters(index: u32) -> io::Result<usize> {
    let answers = ask(|handle| {
        let request = handle.traffic_filter(index.cast_signed()).get();
        request.ingress().execute()
    })?;
    // The kernel lists each filter first, without a handle, and then what is in it.
    let filters = answers
        .iter()
        .filter(|filter| u32::from(filter.header.handle) == 0);
    Ok(filters.count())
}

/// An interface as far as it tells what it is stacked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// What it sends by (`IFLA_LINK`): that of a VLAN, a macvlan, a tunnel with a device.
    pub(super) below: Option<u32>,
    /// The bridge, bond, team or VRF that it belongs to (`IFLA_MASTER`).
    pub(super) master: Option<u32>,
}

/// All interfaces of this network namespace.
pub(super) fn links() -> io::Result<Vec<Link>> {
    let links = ask(|handle| handle.link().get().execute())?;
    Ok(links.iter().map(link).collect())
}

fn link(message: &LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        ..Link::default()
    };
    // The other end of a pair is beside it, not below; and an index may be of another namespace.
    let mut stacked = true;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Link(index) => link.below = Some(*index),
            LinkAttribute::Controller(index) => link.master = Some(*index),
            LinkAttribute::LinkNetNsId(_) => stacked = false,
            LinkAttribute::LinkInfo(infos) => {
                stacked &= !infos.iter().any(is_pair);
                link.below = link.below.or(infos.iter().find_map(device));
            }
            _ => {}
        }
    }
    if !stacked {
        link.below = None;
    }
    link
}

/// A VXLAN has its device among its own attributes.
fn device(info: &LinkInfo) -> Option<u32> {
    let LinkInfo::Data(InfoData::Vxlan(vxlan)) = info else {
        return None;
    };
    vxlan.iter().find_map(|attribute| match attribute {
        InfoVxlan::Link(index) => Some(*index),
        _ => None,
    })
}

fn is_pair(info: &LinkInfo) -> bool {
    let LinkInfo::Kind(kind) = info else {
        return false;
    };
    matches!(kind, InfoKind::Veth | InfoKind::Netkit | InfoKind::Vxcan)
}

/// The index of the interface by which `address` is reached.
pub(super) fn interface_towards(address: IpAddr) -> io::Result<Option<u32>> {
    let route = match address {
        IpAddr::V4(four) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(four, 32)
            .build(),
        IpAddr::V6(six) => RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(six, 128)
            .build(),
    };
    let routes = ask(|handle| handle.route().get(route).execute())?;
    Ok(routes.first().and_then(output_interface))
}

fn output_interface(route: &RouteMessage) -> Option<u32> {
    route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        })
}

/// Sends a request and collects the answers.
fn ask<T, S>(request: impl FnOnce(&Handle) -> S) -> io::Result<Vec<T>>
where
    S: Stream<Item = Result<T, rtnetlink::Error>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let (connection, handle, _) = new_connection()?;
        tokio::spawn(connection);
        let answers = request(&handle).try_collect().await;
        answers.map_err(io::Error::other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::net::if_::if_nametoindex;

    #[test]
    fn this_host_is_reached_by_the_loopback_interface() {
        let lo = if_nametoindex("lo").expect("lo is everywhere");
        let towards = |address: &str| interface_towards(address.parse().expect("an address"));
        assert_eq!(towards("127.0.0.1").expect("answered"), Some(lo));
        assert_eq!(ingress_filters(lo).expect("answered"), 0);
        let links = links().expect("answered");
        assert!(links.contains(&Link {
            index: lo,
            name: "lo".into(),
            ..Link::default()
        }));
    }

    #[test]
    fn only_what_is_stacked_in_this_namespace_has_something_below() {
        let message = |more: Vec<LinkAttribute>| {
            let mut message = LinkMessage::default();
            message.attributes = more;
            message.attributes.push(LinkAttribute::Link(7));
            message
        };
        let kind = |kind| LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]);
        for (attributes, below) in [
            (vec![kind(InfoKind::Vlan)], Some(7)),
            (vec![kind(InfoKind::MacVlan)], Some(7)),
            (vec![kind(InfoKind::Veth)], None),
            (vec![LinkAttribute::LinkNetNsId(0)], None),
        ] {
            assert_eq!(
                link(&message(attributes.clone())).below,
                below,
                "{attributes:?}"
            );
        }
        let vxlan = InfoData::Vxlan(vec![InfoVxlan::Id(1), InfoVxlan::Link(8)]);
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::LinkInfo(vec![LinkInfo::Data(vxlan)])];
        assert_eq!(link(&message).below, Some(8));
    }

    #[test]
    fn what_an_interface_belongs_to_is_its_master() {
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::Controller(9)];
        let enslaved = link(&message);
        assert_eq!(enslaved.master, Some(9));
    }
}
