//! ROUTE-REFRESH (RFC 2918), demarcated by RFC 7313, with route filters (RFC 5291).

use super::context::Context;
use super::error::{Disposition, Error, ErrorCode, Errors, Fault};
use super::family::Family;
use super::header::{HEADER_LEN, check_extended};
use super::names;
use super::route_filter::RouteFilters;

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
    pub fn parse(body: &'a [u8], context: &Context) -> Result<Self, Error> {
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
        if let Some(error) = check_extended(body, context) {
            errors.push(error);
        }
        // RFC 7313 §5: begin and end of a refresh have a length of 4.
        if matches!(subtype, 1 | 2) && !filters.is_empty() {
            errors.push(at_length("refresh demarcation with data"));
        }
        let family = Family::new(u16::from_be_bytes([a, b]), safi);
        // RFC 5291 leaves it open; routers do without the filters that they cannot read.
        let parsed = RouteFilters::parse(family.afi, filters);
        if subtype == 0 && parsed.is_some_and(|filters| !filters.is_well_formed()) {
            let text = "route filters that cannot be read";
            let code = ErrorCode::InvalidRefreshLength;
            let fault = Fault::new(4, code, text).with(Disposition::Ignore);
            errors.push(fault.place(HEADER_LEN, None, Disposition::Ignore));
        }
        Ok(Self {
            body,
            family,
            subtype,
            filters,
            errors,
        })
    }

    /// The outbound route filters; `None` if there are none.
    #[must_use]
    pub fn route_filters(&self) -> Option<RouteFilters<'a>> {
        RouteFilters::parse(self.family.afi, self.filters)
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
    use crate::bgp::route_filter::FilterAction;

    fn parse(body: &[u8]) -> Result<RouteRefresh<'_>, Error> {
        RouteRefresh::parse(body, &Context::assumed())
    }

    #[test]
    fn demarcation_must_be_bare() {
        let begin = parse(&[0, 1, 1, 1]).expect("long enough");
        assert_eq!(begin.family, Family::IPV4_UNICAST);
        assert_eq!(begin.subtype_name(), Some("begin"));
        assert_eq!(begin.errors().total(), 0);
        let odd = parse(&[0, 1, 2, 1, 9]).expect("long enough");
        assert_eq!(odd.errors().as_slice()[0].code.code(), 7);
        assert!(parse(&[0, 1, 0]).is_err());
    }

    /// From bgp_orf_prefix_advertisement.pcapng.cap of packetlife.net, which tshark reads like
    /// this: two entries of "Cisco PrefixList ORF-Type", deny 1.1.0.0/21 and permit 0.0.0.0/0.
    const CISCO: [u8; 27] = [
        0, 1, 0, 1, 1, 128, 0, 19, 0x20, 0, 0, 0, 5, 24, 24, 21, 1, 1, 0, 0, 0, 0, 0, 10, 0, 32, 0,
    ];

    #[test]
    fn filters_by_address_prefix() {
        let message = parse(&CISCO).expect("long enough");
        assert_eq!(message.errors().total(), 0);
        let filters = message.route_filters().expect("there are filters");
        assert_eq!(filters.when_name(), Some("immediate"));
        let groups: Vec<_> = filters.groups().collect();
        assert_eq!((groups.len(), groups[0].kind), (1, 128));
        let entries: Vec<_> = groups[0]
            .entries()
            .map(|entry| {
                let rule = entry.rule.expect("an entry to add");
                let lengths = (rule.min_len, rule.max_len);
                let text = rule.prefix.to_string();
                (entry.action, entry.deny, rule.sequence, lengths, text)
            })
            .collect();
        let add = FilterAction::Add;
        let expected = [
            (add, true, 5, (24, 24), "1.1.0.0/21".to_owned()),
            (add, false, 10, (0, 32), "0.0.0.0/0".to_owned()),
        ];
        assert_eq!(entries, expected);
    }

    /// RFC 5291 §4: an entry that removes all has nothing behind its first octet.
    #[test]
    fn all_filters_are_removed() {
        let body = [0, 2, 0, 1, 2, 64, 0, 1, 0x80];
        let message = parse(&body).expect("long enough");
        let filters = message.route_filters().expect("there are filters");
        assert_eq!((filters.when, message.errors().total()), (2, 0));
        let group = filters.groups().next().expect("a group");
        let entries: Vec<_> = group.entries().map(|e| (e.action, e.rule)).collect();
        assert_eq!(entries, [(FilterAction::RemoveAll, None)]);
    }

    #[test]
    fn filters_that_do_not_fit_are_reported_and_the_rest_is_read() {
        for length in 5..CISCO.len() {
            let message = parse(&CISCO[..length]).expect("long enough");
            // The first octet of filters alone is none too many.
            let wrong = usize::from(length > 5);
            assert_eq!(usize::from(message.errors().total()), wrong, "{length}");
        }
        let mut bad = CISCO;
        bad[15] = 33;
        let message = parse(&bad).expect("long enough");
        assert_eq!(message.errors().worst(), Some(Disposition::Ignore));
        // A type without typed entries keeps them.
        bad[5] = 65;
        let message = parse(&bad).expect("long enough");
        assert_eq!(message.errors().total(), 0);
        let filters = message.route_filters().expect("there are filters");
        let group = filters.groups().next().expect("a group");
        assert_eq!(
            (group.name(), group.as_bytes().len()),
            (Some("covering-prefixes"), 19)
        );
    }
}
