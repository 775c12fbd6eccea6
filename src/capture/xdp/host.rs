//! Whether the host itself speaks BGP over an interface.
//!
//! Steering takes frames from the host: its own sessions would fall silent.

use crate::error::SetupError;
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A TCP socket of this host, from /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst).
struct TcpSocket {
    local: IpAddr,
    local_port: u16,
    remote_port: u16,
}

/// Refuses an interface with an address of this host on which a BGP speaker listens or has a session.
pub(super) fn refuse_bgp(interface: &str, ports: &[u16]) -> Result<(), SetupError> {
    let addresses = addresses(interface);
    let sockets = read_sockets();
    let spoken = sockets.iter().find(|socket| {
        let ours = socket.local.is_unspecified() || addresses.contains(&socket.local);
        ours && !addresses.is_empty()
            && (ports.contains(&socket.local_port) || ports.contains(&socket.remote_port))
    });
    let Some(socket) = spoken else { return Ok(()) };
    Err(SetupError::Interface {
        interface: interface.to_owned(),
        what: "capturing",
        why: format!(
            "this host speaks BGP over it (a TCP socket at {} port {}), and steering would take the frames from it",
            socket.local, socket.local_port
        ),
        remedy: "capture at an interface that only a mirror feeds; --force does it all the same"
            .into(),
    })
}

/// The addresses of an interface, without link-local ones: every interface has those.
fn addresses(interface: &str) -> Vec<IpAddr> {
    let Ok(all) = getifaddrs() else {
        return Vec::new();
    };
    all.filter(|entry| entry.interface_name == interface)
        .filter_map(|entry| entry.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
            v4.or(v6.filter(|v6| !matches!(v6, IpAddr::V6(ip) if ip.is_unicast_link_local())))
        })
        .collect()
}

fn read_sockets() -> Vec<TcpSocket> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(parse_line)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn parse_line(line: &str) -> Option<TcpSocket> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, local_port) = parse_end(fields.next()?)?;
    let (_, remote_port) = parse_end(fields.next()?)?;
    // Closed ones linger: 06 TIME_WAIT, 07 CLOSE (include/net/tcp_states.h).
    let state = fields.next()?;
    (!matches!(state, "06" | "07")).then_some(TcpSocket {
        local,
        local_port,
        remote_port,
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
