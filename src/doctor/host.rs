//! Whether the host itself speaks BGP over an interface.
//!
//! Steering takes frames from the host: its own sessions would fall silent.

use super::{Check, Remedy, netlink, stack};
use nix::ifaddrs::getifaddrs;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NAME: &str = "own BGP";

/// TCP_LISTEN (include/net/tcp_states.h).
const LISTEN: u8 = 0x0a;

/// A TCP socket of this host, from /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst).
#[derive(Clone, Copy, Debug)]
struct TcpSocket {
    local: IpAddr,
    local_port: u16,
    remote: IpAddr,
    remote_port: u16,
    state: u8,
}

/// Whether a BGP speaker of this host has an address of the interface or of one that is stacked on
/// it, or a session over it.
pub(super) fn bgp(interface: &str, ports: &[u16]) -> Check {
    let links = match netlink::links() {
        Ok(links) => links,
        Err(error) => return unknown(&error),
    };
    let over = stack::over(interface, &links);
    let addresses = addresses();
    let mut sockets = read_sockets();
    sockets.retain(|socket| speaks_bgp(socket, ports));
    let spoken = over.iter().find_map(|link| {
        let of_link = addresses.iter().filter(|(owner, _)| *owner == link.name);
        let of_link: Vec<IpAddr> = of_link.map(|(_, address)| *address).collect();
        let at_address = |socket: &&TcpSocket| is_reached_over(socket.local, &of_link);
        Some((link.name.as_str(), sockets.iter().find(at_address)?))
    });
    let spoken = spoken.or_else(|| {
        sockets.iter().find_map(|socket| {
            let towards = towards(socket)?;
            let link = over.iter().find(|link| link.index == towards)?;
            Some((link.name.as_str(), socket))
        })
    });
    judge(interface, spoken)
}

/// The interface that a session between other addresses, of loopback interfaces for one, goes over.
/// Routes tell; those to link-local addresses are not unique, but their sessions are at one anyway.
fn towards(socket: &TcpSocket) -> Option<u32> {
    if socket.state == LISTEN || is_link_local(&socket.remote) {
        return None;
    }
    netlink::interface_towards(socket.remote).ok().flatten()
}

fn unknown(error: &std::io::Error) -> Check {
    let found = format!("whether this host speaks any over it cannot be asked: {error}");
    let remedy = "capture at an interface that only a mirror feeds";
    Check::warn(NAME, found, Remedy::Advice(remedy.into()))
}

/// `spoken` is a socket, and at which interface it was found: `interface` or one stacked on it.
fn judge(interface: &str, spoken: Option<(&str, &TcpSocket)>) -> Check {
    let Some((at, socket)) = spoken else {
        return Check::ok(NAME, "this host speaks none over it");
    };
    let how = if socket.state == LISTEN {
        format!("it listens at {} port {}", socket.local, socket.local_port)
    } else {
        format!(
            "from {} port {} to {} port {}",
            socket.local, socket.local_port, socket.remote, socket.remote_port
        )
    };
    let by = if at == interface {
        String::new()
    } else {
        format!(", by {at}, which is stacked on it")
    };
    let found = format!(
        "this host speaks BGP over it ({how}{by}), and steering would take the frames from it"
    );
    let remedy = format!(
        "capture at an interface that only a mirror feeds; or bgptap live --tap -i {interface}, which copies them"
    );
    Check::fail(NAME, found, Remedy::Advice(remedy)).or_force()
}

fn speaks_bgp(socket: &TcpSocket, ports: &[u16]) -> bool {
    let remote = socket.state != LISTEN && ports.contains(&socket.remote_port);
    remote || ports.contains(&socket.local_port)
}

/// Whether what is sent to `local` may come in at an interface with `addresses`. Every interface has a
/// link-local one: a listener at all addresses does not mean those.
fn is_reached_over(local: IpAddr, addresses: &[IpAddr]) -> bool {
    match local {
        IpAddr::V4(any) if any.is_unspecified() => addresses.iter().any(IpAddr::is_ipv4),
        // Unless told otherwise, such a socket takes IPv4 too.
        IpAddr::V6(any) if any.is_unspecified() => {
            addresses.iter().any(|address| !is_link_local(address))
        }
        local => addresses.contains(&local),
    }
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(six) if six.is_unicast_link_local())
}

/// All addresses of this host, each with the name of its interface.
fn addresses() -> Vec<(String, IpAddr)> {
    let Ok(all) = getifaddrs() else {
        return Vec::new();
    };
    all.filter_map(|entry| {
        let address = entry.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        Some((entry.interface_name, v4.or(v6)?))
    })
    .collect()
}

fn read_sockets() -> Vec<TcpSocket> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| read_table(path).ok())
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(parse_line)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Reads at once what there is: each call makes the kernel walk its whole table of connections again,
/// which takes it milliseconds, and where the room is not known many small calls would be made.
fn read_table(path: &str) -> io::Result<String> {
    let mut table = String::with_capacity(64 * 1024);
    File::open(path)?.read_to_string(&mut table)?;
    Ok(table)
}

fn parse_line(line: &str) -> Option<TcpSocket> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, local_port) = parse_end(fields.next()?)?;
    let (remote, remote_port) = parse_end(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    // Closed ones linger: TIME_WAIT, CLOSE (include/net/tcp_states.h).
    (!matches!(state, 6 | 7)).then_some(TcpSocket {
        local,
        local_port,
        remote,
        remote_port,
        state,
    })
}

/// `0100007F:00B3`: words of four bytes in the host's byte order, then the port.
fn parse_end(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = Vec::with_capacity(16);
    for word in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        octets.extend(word.to_ne_bytes());
    }
    let address = match octets.as_slice() {
        &[a, b, c, d] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        other => {
            let six = Ipv6Addr::from(<[u8; 16]>::try_from(other).ok()?);
            six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4)
        }
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    fn socket(local: &str, ports: (u16, u16), state: u8) -> TcpSocket {
        TcpSocket {
            local: local.parse().expect("an address"),
            local_port: ports.0,
            remote: "192.0.2.9".parse().expect("an address"),
            remote_port: ports.1,
            state,
        }
    }

    fn state(addresses: &[&str], socket: TcpSocket) -> State {
        let addresses: Vec<IpAddr> = addresses
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect();
        let spoken = speaks_bgp(&socket, &[179]) && is_reached_over(socket.local, &addresses);
        judge("x", spoken.then_some(("x", &socket))).state
    }

    #[test]
    fn listeners_count_where_they_can_be_reached() {
        let listener = |local| socket(local, (179, 0), LISTEN);
        for (addresses, local, expected) in [
            (vec!["192.0.2.1"], "192.0.2.1", State::Fail),
            (vec!["192.0.2.1"], "192.0.2.2", State::Ok),
            (vec!["192.0.2.1"], "0.0.0.0", State::Fail),
            (vec!["192.0.2.1"], "::", State::Fail),
            (vec!["2001:db8::1"], "0.0.0.0", State::Ok),
            (vec!["fe80::1"], "::", State::Ok),
            (vec!["fe80::1"], "fe80::1", State::Fail),
            (vec![], "0.0.0.0", State::Ok),
        ] {
            let found = state(&addresses, listener(local));
            assert_eq!(found, expected, "{addresses:?} {local}");
        }
        let other_port = socket("192.0.2.1", (80, 0), LISTEN);
        assert_eq!(state(&["192.0.2.1"], other_port), State::Ok);
    }

    #[test]
    fn sessions_count_from_either_end() {
        const ESTABLISHED: u8 = 1;
        for (ports, expected) in [
            ((179, 40000), State::Fail),
            ((40000, 179), State::Fail),
            ((40000, 80), State::Ok),
        ] {
            let session = socket("192.0.2.1", ports, ESTABLISHED);
            assert_eq!(state(&["192.0.2.1"], session), expected, "{ports:?}");
        }
        // BGP unnumbered: between link-local addresses.
        let unnumbered = socket("fe80::1", (40000, 179), ESTABLISHED);
        assert_eq!(state(&["fe80::1"], unnumbered), State::Fail);
    }

    #[test]
    fn the_kernels_table_is_read() {
        let line = "   0: 0100007F:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0";
        let socket = parse_line(line).expect("a socket");
        assert_eq!(socket.local_port, 179);
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        assert!(
            parse_line(&line.replace(" 0A ", " 06 ")).is_none(),
            "TIME_WAIT is over"
        );
        let (six, port) = parse_end("00000000000000000000000001000000:1F90").expect("an address");
        assert_eq!(port, 8080);
        assert!(matches!(six, IpAddr::V6(_)));
    }
}
