//! What attributes must hold because of the family of the routes that they go with.

use super::Update;
use crate::bgp::attribute::{Community, MpReach, PathAttribute, TunnelEncapsulation};
use crate::bgp::error::{Disposition, ErrorCode};
use crate::bgp::family::{Family, Safi};

const NO_ADVERTISE: Community = Community(0xffff_ff02);

/// The families of RFC 9012 §6: to have a tunnel, their routes must say where it ends.
const fn tunnels_need_an_end(family: Family) -> bool {
    matches!(
        family,
        Family::IPV4_UNICAST
            | Family::IPV6_UNICAST
            | Family::IPV4_LABELED
            | Family::IPV6_LABELED
            | Family::IPV4_VPN
            | Family::IPV6_VPN
            | Family::EVPN
    )
}

impl Update<'_> {
    pub(super) fn check_families(&mut self) {
        if self.announces_policies() {
            self.check_policies();
        } else if self.has(TunnelEncapsulation::CODE) {
            self.check_tunnels();
        }
    }

    /// The SAFI of MP_REACH_NLRI, without reading the rest of it.
    fn announces_policies(&self) -> bool {
        self.attribute(MpReach::CODE)
            .is_some_and(|reach| reach.value.get(2) == Some(&Safi::SR_POLICY.0))
    }

    /// RFC 9012 §13: a tunnel without exactly one well-formed egress endpoint, in these families, or
    /// with a malformed one, in any, is as if it were not there; and without a tunnel the routes go.
    #[cold]
    fn check_tunnels(&mut self) {
        let needed = self
            .all_announced()
            .any(|field| tunnels_need_an_end(field.family()));
        let tunnels = self.get::<TunnelEncapsulation<'_>>();
        // What cannot be delimited has been reported.
        let mut errors = self.errors.as_slice().iter();
        let withdrawn = errors.any(|error| {
            error.attribute == Some(TunnelEncapsulation::CODE)
                && error.disposition >= Disposition::TreatAsWithdraw
        });
        if withdrawn {
            return;
        }
        if tunnels.is_some_and(|all| !all.is_usable(needed)) {
            let text = "no tunnel has one egress endpoint that can be read";
            self.withdraw(TunnelEncapsulation::CODE, text);
        }
    }

    /// RFC 9830 §2.2 and §4.2.1, with §5.
    #[cold]
    fn check_policies(&mut self) {
        let tunnels = self.get::<TunnelEncapsulation<'_>>();
        let is_policy = tunnels.map(|all| all.is_policy());
        if is_policy == Some(false) {
            let text = "SR policy route with tunnels other than one SR policy";
            self.withdraw(TunnelEncapsulation::CODE, text);
        }
        if !self.has(TunnelEncapsulation::CODE) {
            self.withdraw(MpReach::CODE, "SR policy route without its policy");
        }
        let kept_here = self
            .communities()
            .is_some_and(|list| list.iter().any(|one| one == NO_ADVERTISE));
        let addressed = self
            .ext_communities()
            .is_some_and(|list| list.iter().any(|one| one.kind() == (0x01, 0x02)));
        if !kept_here && !addressed {
            let text = "SR policy route with neither NO_ADVERTISE nor a router as route target";
            self.withdraw(MpReach::CODE, text);
        }
    }

    fn withdraw(&mut self, code: u8, text: &'static str) {
        let disposition = Disposition::TreatAsWithdraw;
        self.report_at(code, ErrorCode::OptionalAttribute, text, disposition);
    }
}
