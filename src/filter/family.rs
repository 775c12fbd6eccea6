//! Address families, as operators call them.

use super::error::Mistake;
use crate::bgp::{Family, names};
use std::fmt;
use std::str::FromStr;

/// Families with this AFI, this SAFI, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FamilyPattern {
    afi: Option<u16>,
    safi: Option<u8>,
}

/// Names that routers have for families, beside those of IANA.
const ALIASES: [(&str, Family); 4] = [
    ("vpnv4", Family::IPV4_VPN),
    ("vpnv6", Family::IPV6_VPN),
    ("rtc", Family::ROUTE_TARGET),
    ("ls", Family::LINK_STATE),
];

impl FamilyPattern {
    pub(super) fn matches(self, family: Family) -> bool {
        self.afi.is_none_or(|afi| afi == family.afi.0)
            && self.safi.is_none_or(|safi| safi == family.safi.0)
    }

    const fn exactly(family: Family) -> Self {
        Self {
            afi: Some(family.afi.0),
            safi: Some(family.safi.0),
        }
    }
}

impl FromStr for FamilyPattern {
    type Err = Mistake;

    /// `ipv4`, `evpn`, `ipv4/unicast`, `ipv4-unicast`, `vpnv4`, `1/128`, `*/flowspec`.
    fn from_str(text: &str) -> Result<Self, Mistake> {
        let name = text.to_ascii_lowercase();
        if let Some((afi, safi)) = name.split_once('/') {
            let afi = part(afi, afi_code);
            let safi = part(safi, safi_code);
            let (afi, safi) = afi.zip(safi).ok_or_else(|| unknown(text))?;
            return Ok(Self { afi, safi });
        }
        if let Some((_, family)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
            return Ok(Self::exactly(*family));
        }
        if let Some(afi) = afi_code(&name) {
            return Ok(Self {
                afi: Some(afi),
                safi: None,
            });
        }
        if let Some(safi) = safi_code(&name) {
            return Ok(Self {
                afi: None,
                safi: Some(safi),
            });
        }
        // Names of SAFIs have hyphens of their own.
        let both = name.match_indices('-').find_map(|(at, _)| {
            let afi = afi_code(name.get(..at)?)?;
            let safi = safi_code(name.get(at + 1..)?)?;
            Some(Self::exactly(Family::new(afi, safi)))
        });
        both.ok_or_else(|| unknown(text))
    }
}

/// A name, a number or `*`.
fn part<T: FromStr>(text: &str, code: fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "*" {
        return Some(None);
    }
    code(text).or_else(|| text.parse().ok()).map(Some)
}

fn afi_code(name: &str) -> Option<u16> {
    (0..=u16::MAX).find(|code| names::afi(*code) == Some(name))
}

fn safi_code(name: &str) -> Option<u8> {
    (0..=u8::MAX).find(|code| names::safi(*code) == Some(name))
}

fn unknown(text: &str) -> Mistake {
    let afis = (0..=u16::MAX).filter_map(names::afi);
    let safis = (0..=u8::MAX).filter_map(names::safi);
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    Mistake::unknown("family", text, afis.chain(aliases).chain(safis))
}

impl fmt::Display for FamilyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.afi.map(|afi| (afi, names::afi(afi))) {
            None => f.write_str("*")?,
            Some((_, Some(name))) => f.write_str(name)?,
            Some((afi, None)) => write!(f, "{afi}")?,
        }
        match self.safi.map(|safi| (safi, names::safi(safi))) {
            None => f.write_str("/*"),
            Some((_, Some(name))) => write!(f, "/{name}"),
            Some((safi, None)) => write!(f, "/{safi}"),
        }
    }
}
