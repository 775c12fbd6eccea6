//! What attributes must hold because of the family of the routes that they go with.

use super::Update;
use crate::bgp::attribute::ext_community::ExtValue;
use crate::bgp::attribute::{Community, MpReach, PathAttribute, TunnelEncapsulation};
use crate::bgp::error::{Disposition, ErrorCode};
use crate::bgp::family::{Family, Safi};
use crate::bgp::nlri::{Nlri, NlriField};

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
        let safi = self.announced_safi();
        if safi == Some(Safi::SR_POLICY) {
            self.check_policies();
        } else if self.has(TunnelEncapsulation::CODE) {
            self.check_tunnels();
        }
        if !self.context.multiple_labels.is_empty() {
            self.check_labels();
        }
        if safi == Some(Family::EVPN.safi) {
            self.check_overlay();
        }
    }

    /// The SAFI of MP_REACH_NLRI, without reading the rest of it.
    fn announced_safi(&self) -> Option<Safi> {
        let reach = self.attribute(MpReach::CODE)?;
        reach.value.get(2).copied().map(Safi)
    }

    /// RFC 8277 §2.1: more labels than the receiver said that it can take.
    #[cold]
    fn check_labels(&mut self) {
        let limits = self.context.label_limits;
        let exceeds = |field: NlriField<'_>| {
            let limit = limits.of(field.family());
            let count = |nlri| match nlri {
                Nlri::Labeled(route) => route.labels.iter().len(),
                Nlri::Vpn(route) => route.labels.map_or(0, |labels| labels.iter().len()),
                _ => 0,
            };
            limit < usize::MAX && field.iter().any(|nlri| count(nlri) > limit)
        };
        if self.mp_reach().is_some_and(|reach| exceeds(reach.nlri)) {
            let text = "more labels than the receiver can take";
            self.withdraw(MpReach::CODE, text);
        }
    }

    /// RFC 9136 §3.2: an IP prefix that neither an overlay index nor a label leads to.
    fn check_overlay(&mut self) {
        let leads_nowhere = |nlri| match nlri {
            Nlri::EvpnRoutes(item) => item.route().is_ok_and(|route| route.leads_nowhere()),
            _ => false,
        };
        let bare = self
            .mp_reach()
            .is_some_and(|reach| reach.nlri.iter().any(leads_nowhere));
        if !bare {
            return;
        }
        let has_mac = self.ext_communities().is_some_and(|list| {
            list.iter()
                .any(|one| matches!(one.value(), ExtValue::RouterMac(mac) if mac.0 != [0; 6]))
        });
        if !has_mac {
            let text = "IP prefix route without overlay index and label";
            self.withdraw(MpReach::CODE, text);
        }
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
