//! What the kernel tells by rtnetlink(7); nothing is changed, no privilege needed.

use futures_util::{Stream, TryStreamExt};
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
    }
}
