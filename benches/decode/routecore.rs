//! routecore, in one pass over the attributes.

use super::seen::{Seen, addr, aggregator, prefix, segment, sum, vpn};
use ::routecore::bgp::ParseError;
use ::routecore::bgp::message::SessionConfig;
use ::routecore::bgp::message::update::UpdateMessage;
use ::routecore::bgp::nlri::afisafi::{AfiSafiNlri, AfiSafiType, Nlri, NlriEnumIter};
use ::routecore::bgp::nlri::nexthop::NextHop;
use ::routecore::bgp::path_attributes::WireformatPathAttribute as Attribute;
use octseq::{Octets, Parser};

pub(crate) fn config(as4: bool) -> SessionConfig {
    if as4 {
        SessionConfig::modern()
    } else {
        SessionConfig::legacy()
    }
}

pub(crate) fn visit(bytes: &[u8], config: &SessionConfig) -> Option<Seen> {
    read(bytes, config).ok()
}

fn read(bytes: &[u8], config: &SessionConfig) -> Result<Seen, ParseError> {
    let update = UpdateMessage::from_octets(bytes, config)?;
    let mut seen = Seen {
        announced: nlri(update.conventional_announcements()?)?,
        withdrawn: nlri(update.conventional_withdrawals()?)?,
        ..Seen::default()
    };
    for attribute in update.path_attributes()? {
        let attribute = attribute?;
        let value = value(&mut seen, &attribute, config)?;
        seen.attribute(attribute.type_code(), value);
    }
    Ok(seen)
}

fn value<O: Octets>(
    seen: &mut Seen,
    attribute: &Attribute<'_, O>,
    config: &SessionConfig,
) -> Result<u64, ParseError> {
    Ok(match attribute {
        Attribute::Origin(a) => a.value_into_parser().parse_u8()?.into(),
        Attribute::AsPath(a) => segments(a.value_into_parser(), config.four_octet_enabled())?,
        Attribute::As4Path(a) => segments(a.value_into_parser(), true)?,
        Attribute::ConventionalNextHop(a) => a.value_into_parser().parse_u32_be()?.into(),
        Attribute::MultiExitDisc(a) => a.value_into_parser().parse_u32_be()?.into(),
        Attribute::LocalPref(a) => a.value_into_parser().parse_u32_be()?.into(),
        Attribute::AtomicAggregate(_) => 1,
        Attribute::Aggregator(a) => {
            let mut value = a.value_into_parser();
            let wide = value.remaining() == 8;
            let asn = if wide {
                value.parse_u32_be()?
            } else {
                value.parse_u16_be()?.into()
            };
            aggregator(asn, value.parse_u32_be()?)
        }
        Attribute::As4Aggregator(a) => {
            let mut value = a.value_into_parser();
            aggregator(value.parse_u32_be()?, value.parse_u32_be()?)
        }
        Attribute::OriginatorId(a) => a.value_into_parser().parse_u32_be()?.into(),
        Attribute::StandardCommunities(a) => words(a.value_into_parser())?,
        Attribute::ClusterList(a) => words(a.value_into_parser())?,
        Attribute::LargeCommunities(a) => words(a.value_into_parser())?,
        Attribute::ExtendedCommunities(a) => {
            let mut value = a.value_into_parser();
            let mut total = 0u64;
            while value.remaining() > 0 {
                total = total.wrapping_add(value.parse_u64_be()?);
            }
            total
        }
        Attribute::MpReachNlri(a) => {
            let mut value = a.value_into_parser();
            let family = AfiSafiType::from((value.parse_u16_be()?, value.parse_u8()?));
            let next_hops = next_hops(NextHop::parse(&mut value, family)?);
            value.advance(1)?;
            let list = NlriEnumIter::new(value, (family, false).into());
            seen.announced = seen.announced.wrapping_add(nlri(list)?);
            next_hops
        }
        Attribute::Unimplemented(raw) if raw.type_code() == 15 => {
            let octets = raw.value();
            let mut value = Parser::from_ref(&octets);
            let family = AfiSafiType::from((value.parse_u16_be()?, value.parse_u8()?));
            let list = NlriEnumIter::new(value, (family, false).into());
            seen.withdrawn = seen.withdrawn.wrapping_add(nlri(list)?);
            0
        }
        Attribute::Unimplemented(raw) => raw.value().len() as u64,
        _ => return Err(ParseError::Unsupported),
    })
}

/// Sum over the four-octet words of a value.
fn words<O: Octets>(mut value: Parser<'_, O>) -> Result<u64, ParseError> {
    let mut total = 0;
    while value.remaining() > 0 {
        total += u64::from(value.parse_u32_be()?);
    }
    Ok(total)
}

/// From the octets, which have been checked: its segments do not tell their type.
fn segments<O: Octets>(mut value: Parser<'_, O>, as4: bool) -> Result<u64, ParseError> {
    let mut total = 0u64;
    while value.remaining() > 0 {
        let (kind, count) = (value.parse_u8()?, value.parse_u8()?);
        let mut asns = 0;
        for _ in 0..count {
            let asn = if as4 {
                value.parse_u32_be()?
            } else {
                value.parse_u16_be()?.into()
            };
            asns += u64::from(asn);
        }
        total = total.wrapping_add(segment(kind, asns));
    }
    Ok(total)
}

fn next_hops(next_hop: NextHop) -> u64 {
    match next_hop {
        NextHop::Unicast(a) | NextHop::Multicast(a) | NextHop::MplsVpnUnicast(_, a) => addr(a),
        NextHop::Ipv6LL { global, link_local } => {
            addr(global.into()).wrapping_add(addr(link_local.into()))
        }
        NextHop::Empty | NextHop::Unimplemented(_) => 0,
    }
}

fn nlri<O: Octets>(
    mut list: impl Iterator<Item = Result<Nlri<O>, ParseError>>,
) -> Result<u64, ParseError> {
    list.try_fold(0u64, |total, nlri| {
        let value = match nlri? {
            Nlri::Ipv4Unicast(n) => prefix(n.nlri().addr(), n.nlri().len()),
            Nlri::Ipv6Unicast(n) => prefix(n.nlri().addr(), n.nlri().len()),
            Nlri::Ipv4Multicast(n) => prefix(n.nlri().addr(), n.nlri().len()),
            Nlri::Ipv4MplsVpnUnicast(n) => {
                let n = n.nlri();
                let labels = sum(n.labels().iter().map(|label| label.value().into()));
                let rd = n.rd();
                let rd = rd
                    .as_ref()
                    .iter()
                    .fold(0, |rd, octet| rd << 8 | u64::from(*octet));
                vpn(prefix(n.prefix().addr(), n.prefix().len()), rd, labels)
            }
            _ => return Err(ParseError::Unsupported),
        };
        Ok(total.wrapping_add(value))
    })
}
