//! Names of speakers, for lines that people read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

/// What speakers are called, by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNames(BTreeMap<IpAddr, String>);

impl PeerNames {
    /// The name of an address, if it has one.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }
}

impl FromIterator<PeerName> for PeerNames {
    /// The last name of an address counts.
    fn from_iter<I: IntoIterator<Item = PeerName>>(names: I) -> Self {
        let pairs = names.into_iter();
        Self(pairs.map(|name| (name.address, name.name)).collect())
    }
}

/// `ADDR=NAME`, as a flag and the configuration file have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerName {
    address: IpAddr,
    name: String,
}

/// Why a text is no [`PeerName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPeerName {
    /// No equals sign.
    #[error("an address and a name are needed, as in 192.0.2.1=rtr1")]
    NoPair,
    /// Not an address before it.
    #[error("`{0}` is no IP address; an example is 192.0.2.1=rtr1")]
    NoAddress(String),
    /// Not a name behind it.
    #[error("a name has 1 to 64 printable characters and no spaces")]
    NoName,
}

impl FromStr for PeerName {
    type Err = NoPeerName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, name) = text.split_once('=').ok_or(NoPeerName::NoPair)?;
        let address = address
            .parse()
            .map_err(|_| NoPeerName::NoAddress(address.to_owned()))?;
        // A line is taken apart at its spaces.
        let fits = |char: char| !char.is_whitespace() && !char.is_control();
        if !(1..=64).contains(&name.chars().count()) || !name.chars().all(fits) {
            return Err(NoPeerName::NoName);
        }
        let name = name.to_owned();
        Ok(Self { address, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_address_and_name() {
        let names: PeerNames = ["192.0.2.1=a", "2001:DB8::1=b=c", "192.0.2.1=rtr1"]
            .map(|text| text.parse().expect(text))
            .into_iter()
            .collect();
        let get = |address: &str| names.get(address.parse().expect(address));
        assert_eq!(get("192.0.2.1"), Some("rtr1"), "the last one counts");
        assert_eq!(get("2001:db8::1"), Some("b=c"));
        assert_eq!(get("192.0.2.2"), None);
    }

    #[test]
    fn what_is_no_such_pair() {
        let error = |text: &str| text.parse::<PeerName>().expect_err(text);
        assert_eq!(error("rtr1"), NoPeerName::NoPair);
        assert_eq!(
            error("rtr1=192.0.2.1"),
            NoPeerName::NoAddress("rtr1".into())
        );
        for text in ["192.0.2.1=", "192.0.2.1=a b", "192.0.2.1=\u{1b}[0m"] {
            assert_eq!(error(text), NoPeerName::NoName);
        }
    }
}
