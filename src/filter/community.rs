//! Patterns of communities.

use super::error::Mistake;
use super::span::Span;
use crate::bgp::attribute::ext_community::{Administrator, ExtCommunity, ExtValue};
use crate::bgp::attribute::{Community, LargeCommunity};
use crate::bgp::names;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Sub-types of extended communities that have a name here (RFC 4360 §4, §5).
const ROUTE_TARGET: u8 = 2;
const ROUTE_ORIGIN: u8 = 3;

/// Communities of one kind, whose parts are numbers, ranges or anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommunityPattern {
    /// `65000:*` (RFC 1997).
    Standard([Span; 2]),
    /// `65000:1:*` (RFC 8092).
    Large([Span; 3]),
    /// `rt:65000:*`, `soo:192.0.2.1:1` (RFC 4360).
    Extended {
        /// Route target or route origin, by sub-type.
        sub_type: u8,
        /// Global administrator.
        admin: Admin,
        /// Local administrator.
        local: Span,
    },
    /// An extended community by its octets: the first so many hexadecimal digits.
    Raw {
        /// The digits, left-justified.
        bits: u64,
        /// How many there are.
        digits: u8,
    },
}

/// Who is named in an extended community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admin {
    /// An AS, or with `*` whoever.
    As(Span),
    /// A router.
    Address(Ipv4Addr),
}

impl Admin {
    fn matches(self, admin: Administrator) -> bool {
        match (self, admin) {
            (Self::As(Span::ALL), _) => true,
            (Self::As(span), Administrator::As(asn)) => span.contains(asn),
            (Self::Address(wanted), Administrator::Address(addr)) => wanted == addr,
            _ => false,
        }
    }
}

impl CommunityPattern {
    pub(super) const fn standard(&self, community: Community) -> bool {
        match self {
            Self::Standard([asn, value]) => {
                asn.contains(community.asn() as u32) && value.contains(community.value() as u32)
            }
            _ => false,
        }
    }

    pub(super) const fn large(&self, community: LargeCommunity) -> bool {
        match self {
            Self::Large([global, local1, local2]) => {
                global.contains(community.global)
                    && local1.contains(community.local1)
                    && local2.contains(community.local2)
            }
            _ => false,
        }
    }

    pub(super) fn extended(&self, community: ExtCommunity) -> bool {
        match *self {
            Self::Extended {
                sub_type,
                admin,
                local,
            } => match community.value() {
                ExtValue::Specific { admin: a, local: l } => {
                    is_specific(community, sub_type) && admin.matches(a) && local.contains(l)
                }
                _ => false,
            },
            Self::Raw { bits, digits } => {
                let ignored = 64 - 4 * u32::from(digits);
                let mask = u64::MAX.checked_shl(ignored).unwrap_or(0);
                community.to_bits() & mask == bits
            }
            _ => false,
        }
    }
}

/// Two-octet AS, IPv4 address or four-octet AS specific; transitive or not.
const fn is_specific(community: ExtCommunity, sub_type: u8) -> bool {
    let (kind, sub) = community.kind();
    kind & 0xbf <= 2 && sub == sub_type
}

impl FromStr for CommunityPattern {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        if let Some(digits) = text.strip_prefix("0x") {
            return raw(digits);
        }
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            [name] => well_known(name),
            [asn, value] => Ok(Self::Standard([
                Span::parse(asn, 0xffff)?,
                Span::parse(value, 0xffff)?,
            ])),
            [kind, admin, local] => match sub_type(kind) {
                Some(sub_type) => Ok(Self::Extended {
                    sub_type,
                    admin: parse_admin(admin)?,
                    local: local.parse()?,
                }),
                None => Ok(Self::Large([kind.parse()?, admin.parse()?, local.parse()?])),
            },
            _ => Err(Mistake::new("a community has two parts, or three").hint(FORMS)),
        }
    }
}

const FORMS: &str =
    "65000:1, 65000:*, 65000:1:2, rt:65000:1, soo:192.0.2.1:1, 0x0002fde8*, no-export";

fn sub_type(name: &str) -> Option<u8> {
    let is = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(name));
    if is(&["rt", "target"]) {
        Some(ROUTE_TARGET)
    } else if is(&["soo", "ro", "origin"]) {
        Some(ROUTE_ORIGIN)
    } else {
        None
    }
}

fn parse_admin(text: &str) -> Result<Admin, Mistake> {
    match text.parse() {
        Ok(addr) => Ok(Admin::Address(addr)),
        Err(_) => text.parse().map(Admin::As),
    }
}

/// Up to sixteen digits; fewer with a `*` behind them.
fn raw(text: &str) -> Result<CommunityPattern, Mistake> {
    let wrong = || {
        Mistake::new("an extended community has sixteen hexadecimal digits")
            .hint("a `*` stands for those that are left out")
    };
    let (digits, open) = match text.strip_suffix('*') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let fits = digits.len() <= 16 && (open || digits.len() == 16);
    if !hexadecimal || !fits {
        return Err(wrong());
    }
    let bits = u64::from_str_radix(&format!("{digits:0<16}"), 16).map_err(|_| wrong())?;
    let digits = u8::try_from(digits.len()).map_err(|_| wrong())?;
    Ok(CommunityPattern::Raw { bits, digits })
}

/// All well-known communities lie in 65535:* (RFC 1997, RFC 7999, RFC 8326).
fn well_known(name: &str) -> Result<CommunityPattern, Mistake> {
    let known = || (0xffff_0000..=u32::MAX).filter_map(|c| Some((c, names::community(c)?)));
    let lower = name.to_ascii_lowercase().replace('_', "-");
    match known().find(|(_, known)| *known == lower) {
        Some((value, _)) => Ok(CommunityPattern::Standard([
            Span::only(value >> 16),
            Span::only(value & 0xffff),
        ])),
        None => {
            let names: Vec<_> = known().map(|(_, name)| name).collect();
            let mistake = Mistake::unknown("well-known community", name, names);
            Err(mistake)
        }
    }
}

impl fmt::Display for CommunityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard([asn, value]) => write!(f, "{asn}:{value}"),
            Self::Large([global, local1, local2]) => write!(f, "{global}:{local1}:{local2}"),
            Self::Extended {
                sub_type,
                admin,
                local,
            } => {
                let kind = if *sub_type == ROUTE_TARGET {
                    "rt"
                } else {
                    "soo"
                };
                match admin {
                    Admin::As(asn) => write!(f, "{kind}:{asn}:{local}"),
                    Admin::Address(addr) => write!(f, "{kind}:{addr}:{local}"),
                }
            }
            Self::Raw { bits, digits } => {
                let hex = format!("{bits:016x}");
                let digits = usize::from(*digits);
                let open = if digits < 16 { "*" } else { "" };
                write!(f, "0x{}{open}", hex.get(..digits).unwrap_or(&hex))
            }
        }
    }
}
