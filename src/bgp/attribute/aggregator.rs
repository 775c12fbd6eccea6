//! AGGREGATOR (RFC 4271 §5.1.7) and AS4_AGGREGATOR (RFC 6793 §3).

use core::net::Ipv4Addr;

use super::{Flags, PathAttribute, octets};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use serde::{Serialize, Serializer};

/// Who formed the aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregator {
    /// Its AS.
    pub asn: u32,
    /// Its BGP identifier.
    pub addr: Ipv4Addr,
}

impl core::fmt::Display for Aggregator {
    /// `64496:192.0.2.1`, as RIS Live writes it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}", self.asn, self.addr)
    }
}

impl Serialize for Aggregator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Aggregator {
    fn wide(value: &[u8], text: &'static str) -> Result<Self, Fault> {
        let [a, b, c, d, e, f, g, h] = octets::<8>(value, text)?;
        Ok(Self {
            asn: u32::from_be_bytes([a, b, c, d]),
            addr: Ipv4Addr::new(e, f, g, h),
        })
    }

    fn narrow(value: &[u8]) -> Result<Self, Fault> {
        let text = "AGGREGATOR is not six octets";
        let [a, b, e, f, g, h] = octets::<6>(value, text)?;
        Ok(Self {
            asn: u32::from(u16::from_be_bytes([a, b])),
            addr: Ipv4Addr::new(e, f, g, h),
        })
    }

    /// RFC 7607 §2: AS 0 makes it malformed.
    fn nonzero(self) -> Result<Self, Fault> {
        if self.asn == 0 {
            let text = "aggregator is AS 0";
            return Err(Fault::new(0, ErrorCode::OptionalAttribute, text));
        }
        Ok(self)
    }
}

impl PathAttribute<'_> for Aggregator {
    const CODE: u8 = 7;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 7606 §7.7.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &[u8], context: &Context) -> Result<Self, Fault> {
        if context.as4 {
            Self::wide(value, "AGGREGATOR is not eight octets")?.nonzero()
        } else {
            Self::narrow(value)?.nonzero()
        }
    }
}

/// The aggregator whose AS does not fit AGGREGATOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct As4Aggregator(pub Aggregator);

impl Serialize for As4Aggregator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PathAttribute<'_> for As4Aggregator {
    const CODE: u8 = 18;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 6793 §6.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &[u8], _: &Context) -> Result<Self, Fault> {
        Aggregator::wide(value, "AS4_AGGREGATOR is not eight octets")?
            .nonzero()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::bad_length;

    #[test]
    fn the_length_follows_the_width_of_as_numbers() {
        let old = Context {
            as4: false,
            ..Context::assumed()
        };
        let narrow = [0xfd, 0xe8, 192, 0, 2, 1];
        let wide = [0, 1, 0, 0, 192, 0, 2, 1];
        let new = Context::assumed();
        let read = |value, context| Aggregator::parse(value, context).map(|a| a.to_string());
        assert_eq!(read(&narrow, &old).as_deref(), Ok("65000:192.0.2.1"));
        assert_eq!(read(&wide, &new).as_deref(), Ok("65536:192.0.2.1"));
        assert_eq!(
            read(&wide, &old),
            Err(bad_length("AGGREGATOR is not six octets"))
        );
        assert!(read(&[0; 8], &new).is_err(), "AS 0");
    }
}
