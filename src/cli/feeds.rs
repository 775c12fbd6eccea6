//! Options of outputs that speak to somebody: BMP stations and Kafka.

use super::value::{name, whole};
use crate::filter::Filter;
use clap::Args;
#[cfg(feature = "kafka")]
use clap::ValueEnum;
use std::net::IpAddr;

/// BMP stations, and which routers they are told of.
#[derive(Args, Clone, Debug)]
pub struct Bmp {
    /// Tell the BMP station at HOST:PORT what the routers would (repeatable).
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "no_rib", value_parser = station)]
    pub bmp: Vec<String>,
    /// As --filter, for --bmp only: which routes are told.
    #[arg(long, value_name = "EXPR")]
    pub bmp_filter: Option<Filter>,
    /// MiB of messages that may wait for a station, for each router; live, what is more is dropped, and the
    /// station gets the tables instead.
    #[arg(long, value_name = "MIB", default_value = "16", value_parser = whole::<u16>(1..=4096))]
    pub bmp_queue: u16,
    /// Seconds between statistics reports by BMP; 0: only at the end.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = whole::<u64>(0..=u64::from(u32::MAX)))]
    pub bmp_statistics: u64,
    /// Addresses of one monitored router (repeatable) [default: every address that speaks BGP is a router].
    #[arg(long = "router", value_name = "ADDR,…", value_parser = addresses)]
    pub routers: Vec<Addresses>,
}

/// Brokers, and what they are told.
#[cfg(feature = "kafka")]
#[derive(Args, Clone, Debug)]
pub struct Kafka {
    /// Tell Kafka by these brokers (`HOST:PORT,…`).
    #[arg(long, value_name = "BROKERS", value_parser = brokers)]
    pub kafka: Option<String>,
    /// As --filter, for --kafka only.
    #[arg(long, value_name = "EXPR")]
    pub kafka_filter: Option<Filter>,
    /// What Kafka is told.
    #[arg(long, value_enum, default_value = "openbmp")]
    pub kafka_format: KafkaFormat,
    /// The topic; `{router}` stands for the router's address [default: openbmp.bmp_raw, or bgptap.events
    /// for JSON].
    #[arg(long, value_name = "TEMPLATE", value_parser = topic)]
    pub kafka_topic: Option<String>,
}

/// What records in Kafka hold.
#[cfg(feature = "kafka")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KafkaFormat {
    /// BMP messages of each router, framed as OpenBMP collectors do.
    Openbmp,
    /// The lines of `--json`.
    Json,
}

/// Addresses of one router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(pub Vec<IpAddr>);

/// `HOST:PORT`; what else is wrong with it shows when it is looked up.
fn station(text: &str) -> Result<String, String> {
    let (host, port) = name(text)?
        .rsplit_once(':')
        .map(|(host, port)| (host.to_owned(), port.parse::<u16>().ok()))
        .unwrap_or_default();
    match port {
        Some(0) => Err("nobody listens on port 0; give the station as HOST:PORT".into()),
        Some(_) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(text.to_owned()),
        _ => Err("give the station as HOST:PORT, the port from 1 to 65535".into()),
    }
}

/// `HOST:PORT,…`
#[cfg(feature = "kafka")]
fn brokers(text: &str) -> Result<String, String> {
    let text = name(text)?;
    if text.split(',').any(|broker| broker.trim().is_empty()) {
        return Err("a broker is empty; give them as HOST:PORT,HOST:PORT".into());
    }
    let mut brokers = text.split(',').map(str::trim);
    match brokers.find(|broker| !is_broker(broker)) {
        Some(broker) => Err(format!(
            "`{broker}` is no broker: a name or an address, and a port from 1 to 65535; give them as HOST:PORT,HOST:PORT"
        )),
        None => Ok(text),
    }
}

/// Whether its port, if it has one, is a number. Colons inside brackets, or several without any, are those of an IPv6
/// address.
#[cfg(feature = "kafka")]
fn is_broker(broker: &str) -> bool {
    // librdkafka takes `PLAINTEXT://` before it, too.
    let broker = broker.rsplit_once("://").map_or(broker, |(_, rest)| rest);
    let (host, port) = match broker.rsplit_once(']') {
        Some((host, "")) => return host.strip_prefix('[').is_some_and(is_ipv6),
        Some((host, rest)) => (host.strip_prefix('[').unwrap_or(""), rest.strip_prefix(':')),
        None => match broker.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            Some(_) => return is_ipv6(broker),
            None => return !broker.contains(char::is_whitespace),
        },
    };
    let port = port.and_then(|port| port.parse::<u16>().ok());
    let host = !host.is_empty() && !host.contains(char::is_whitespace);
    host && port.is_some_and(|port| port != 0)
}

#[cfg(feature = "kafka")]
fn is_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// The longest name of a topic, characters.
#[cfg(feature = "kafka")]
const TOPIC_MAX: usize = 249;

/// What brokers take as a name once `{router}` has been replaced.
#[cfg(feature = "kafka")]
fn topic(text: &str) -> Result<String, String> {
    let text = name(text)?;
    let rest = text.replace("{router}", "");
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if let Some(wrong) = rest.chars().find(|c| !is_legal(*c)) {
        return Err(format!(
            "`{wrong}` cannot be in it; a topic has letters, digits, `.`, `_`, `-`, and `{{router}}` for the router's \
             address"
        ));
    }
    if rest.len() > TOPIC_MAX || matches!(text.as_str(), "." | "..") {
        return Err(format!(
            "brokers take no such name: up to {TOPIC_MAX} characters, not `.` or `..`"
        ));
    }
    Ok(text)
}

/// `192.0.2.1,2001:db8::1`
fn addresses(text: &str) -> Result<Addresses, String> {
    let address = |text: &str| {
        text.parse().map_err(|_| {
            format!("`{text}` is no IP address; the addresses of one router are needed, as in 192.0.2.1,2001:db8::1")
        })
    };
    text.split(',')
        .map(address)
        .collect::<Result<_, _>>()
        .map(Addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_listens_on_port_0() {
        for wrong in ["", "192.0.2.1:0", "[::1]:00"] {
            assert!(station(wrong).is_err(), "{wrong}");
        }
        assert_eq!(station("[::1]:1790"), Ok("[::1]:1790".into()));
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn brokers_and_topics_that_none_can_be() {
        for wrong in [
            "",
            " , ",
            "a:9092,",
            ",a:9092",
            "a:port",
            "a:9092,b:0",
            "a:",
            "a:65536",
            "[::1]:x",
            "[::1]9092",
            "PLAINTEXT://a:x",
        ] {
            assert!(brokers(wrong).is_err(), "{wrong}");
        }
        let right = ["a:9092, b", "[::1]:9092,[::2]", "2001:db8::1"];
        for right in [&right[..], &["PLAINTEXT://a:9092"]].concat() {
            assert_eq!(brokers(right), Ok(right.into()));
        }
        let long = "a".repeat(250);
        for wrong in ["", "a b", "{peer}", "a/{router}", ".", long.as_str()] {
            assert!(topic(wrong).is_err(), "{wrong}");
        }
        assert_eq!(topic("bmp-{router}.raw_1"), Ok("bmp-{router}.raw_1".into()));
    }
}
