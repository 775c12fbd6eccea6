//! ROUTE-REFRESH (RFC 2918), demarcated by RFC 7313.

use super::error::{Disposition, Error, ErrorCode, Errors, Fault};
use super::family::Family;
use super::header::HEADER_LEN;
use super::names;

/// A borrowed ROUTE-REFRESH.
#[derive(Clone, Copy, Debug)]
pub struct RouteRefresh<'a> {
    body: &'a [u8],
    /// Which routes.
    pub family: Family,
    /// 0 request, 1 begin, 2 end (RFC 7313 §3.2).
    pub subtype: u8,
    /// Outbound route filter entries (RFC 5291 §4), as sent.
    pub filters: &'a [u8],
    errors: Errors,
}

impl<'a> RouteRefresh<'a> {
    /// Reads what follows the header.
    ///
    /// # Errors
    /// It has no family.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let at_length = |text| {
            Fault::new(0, ErrorCode::InvalidRefreshLength, text).place(
                HEADER_LEN,
                None,
                Disposition::SessionReset,
            )
        };
        let &[a, b, subtype, safi, ref filters @ ..] = body else {
            return Err(at_length("ROUTE-REFRESH cut short"));
        };
        let mut errors = Errors::new();
        // RFC 7313 §5: begin and end of a refresh have a length of 4.
        if matches!(subtype, 1 | 2) && !filters.is_empty() {
            errors.push(at_length("refresh demarcation with data"));
        }
        Ok(Self {
            body,
            family: Family::new(u16::from_be_bytes([a, b]), safi),
            subtype,
            filters,
            errors,
        })
    }

    /// Name of the subtype.
    #[must_use]
    pub const fn subtype_name(&self) -> Option<&'static str> {
        names::refresh(self.subtype)
    }

    /// What is wrong with it.
    #[must_use]
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demarcation_must_be_bare() {
        let begin = RouteRefresh::parse(&[0, 1, 1, 1]).expect("long enough");
        assert_eq!(begin.family, Family::IPV4_UNICAST);
        assert_eq!(begin.subtype_name(), Some("begin"));
        assert_eq!(begin.errors().total(), 0);
        let odd = RouteRefresh::parse(&[0, 1, 2, 1, 9]).expect("long enough");
        assert_eq!(odd.errors().as_slice()[0].code.code(), 7);
        let filters = RouteRefresh::parse(&[0, 1, 0, 1, 9]).expect("long enough");
        assert_eq!((filters.errors().total(), filters.filters), (0, &[9u8][..]));
        assert!(RouteRefresh::parse(&[0, 1, 0]).is_err());
    }
}
