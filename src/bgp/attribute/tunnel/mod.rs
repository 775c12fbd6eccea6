//! The Tunnel Encapsulation attribute (RFC 9012) with the policies of segment routing
//! (RFC 9830, RFC 9831).

mod segment;

use super::{Flags, PathAttribute, filled, prefix_sid};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table, Tlvs, Value, Wrong};
use serde::ser::{Serialize, Serializer};

/// Tunnel Encapsulation attribute: a TLV for each tunnel, with sub-TLVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelEncapsulation<'a>(&'a [u8]);

impl<'a> TunnelEncapsulation<'a> {
    /// The tunnels in wire order; the type of each says of which kind it is.
    #[must_use]
    pub fn tunnels(&self) -> Tlvs<'a> {
        Tlvs::new(self.0, &TABLE)
    }

    /// Whether it is one policy of segment routing and nothing else (RFC 9830 §2.2).
    #[must_use]
    pub fn is_policy(&self) -> bool {
        let mut tunnels = self.tunnels().map(|tunnel| tunnel.kind);
        tunnels.next() == Some(SR_POLICY) && tunnels.next().is_none()
    }

    /// Whether there is a tunnel to use: each must not have a malformed egress endpoint and, if one
    /// is `needed`, must have exactly one. Others are as if they were not there (RFC 9012 §13).
    #[must_use]
    pub fn is_usable(&self, needed: bool) -> bool {
        self.tunnels().any(|tunnel| {
            let Some(Value::Tlvs(inner)) = tunnel.get("tlvs") else {
                return false;
            };
            let ends = || inner.filter(|tlv| tlv.kind == ENDPOINT);
            let one = !needed || ends().count() == 1;
            one && ends().all(|end| end.is_valid())
        })
    }
}

impl<'a> PathAttribute<'a> for TunnelEncapsulation<'a> {
    const CODE: u8 = 23;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 9012 §13.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        filled(value, "the Tunnel Encapsulation attribute is empty").map(Self)
    }

    /// RFC 9012 §13: a sub-TLV that is malformed inside itself is ignored; in a policy of
    /// segment routing it is not (RFC 9830 §5).
    fn check(&self, report: &mut dyn FnMut(Fault)) {
        let text = "malformed TLV in the Tunnel Encapsulation attribute";
        let flaw = self.tunnels().gravest(text, |flaw| match flaw.wrong {
            Wrong::Value if flaw.top != Some(SR_POLICY) => Disposition::Ignore,
            _ => Self::DISPOSITION,
        });
        flaw.into_iter().for_each(report);
    }
}

impl Serialize for TunnelEncapsulation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tunnels().serialize(serializer)
    }
}

const SR_POLICY: u16 = 15;
/// The Tunnel Egress Endpoint sub-TLV (RFC 9012 §3.1).
const ENDPOINT: u16 = 6;

/// An entry of a label stack (RFC 3032 §2.1).
const STACK_ENTRY: Field = Field(
    "",
    Kind::Bits(&[("label", 20), ("tc", 3), ("s", 1), ("ttl", 8)]),
);

/// Sub-TLVs of any tunnel (RFC 9012 §3).
const COMMON: &[Row] = &[
    Row(2, "protocol-type", &[Field("value", Kind::Uint(2))]),
    Row(
        3,
        "ipsec-tunnel-authenticator",
        &[Field("value", Kind::Raw)],
    ),
    Row(
        4,
        "color",
        // The extended community of that name.
        &[
            Field("community", Kind::Hex(2)),
            Field("flags", Kind::Uint(2)),
            Field("color", Kind::Uint(4)),
        ],
    ),
    Row(5, "load-balancing-block", &[Field("value", Kind::Uint(2))]),
    Row(
        ENDPOINT,
        "tunnel-egress-endpoint",
        &[Field("", Kind::Skip(4)), Field("address", Kind::FamilyAddr)],
    ),
    Row(7, "ds-field", &[Field("value", Kind::Uint(1))]),
    Row(8, "udp-destination-port", &[Field("value", Kind::Uint(2))]),
    Row(
        9,
        "embedded-label-handling",
        &[Field("value", Kind::Uint(1))],
    ),
    Row(
        10,
        "mpls-label-stack",
        &[Field("value", Kind::Many(&[STACK_ENTRY]))],
    ),
    Row(
        11,
        "prefix-sid",
        &[Field("tlvs", Kind::Tlvs(&prefix_sid::TABLE))],
    ),
];

/// The Encapsulation sub-TLV, different for each kind of tunnel (RFC 9012 §3.2).
macro_rules! encapsulations {
    ($($name:ident: $fields:expr;)*) => {
        $(static $name: Table = Table::new(
            Head::Split,
            &[&[Row(1, "encapsulation", $fields)], COMMON],
        );)*
    };
}

const OVERLAY: &[Field] = &[
    Field("flags", Kind::Flags(1, &["vni-valid", "mac-valid"])),
    Field("vni", Kind::Uint(3)),
    Field("mac", Kind::Mac),
    Field("", Kind::Skip(2)),
];

encapsulations! {
    L2TP: &[Field("session", Kind::Uint(4)), Field("cookie", Kind::Raw)];
    GRE: &[Field("key", Kind::Uint(4))];
    VXLAN: OVERLAY;
    OTHER: &[Field("value", Kind::Raw)];
}

static POLICY: Table = Table::new(Head::Split, &[segment::ROWS, COMMON]);

/// What every TLV of a tunnel holds.
macro_rules! tunnels {
    ($($kind:literal $name:literal: $table:ident;)*) => {
        /// IANA's "BGP Tunnel Encapsulation Attribute Tunnel Types".
        pub(in crate::bgp) static TABLE: Table = Table {
            head: Head::Wide,
            rows: &[&[$(Row($kind, $name, &[Field("tlvs", Kind::Tlvs(&$table))])),*]],
            others: Some(&[Field("tlvs", Kind::Tlvs(&OTHER))]),
        };
    };
}

tunnels! {
    1 "l2tpv3-over-ip": L2TP;
    2 "gre": GRE;
    3 "transmit-tunnel-endpoint": OTHER;
    4 "ipsec-tunnel-mode": OTHER;
    5 "ip-in-ip-with-ipsec-transport-mode": OTHER;
    6 "mpls-in-ip-with-ipsec-transport-mode": OTHER;
    7 "ip-in-ip": OTHER;
    8 "vxlan": VXLAN;
    9 "nvgre": VXLAN;
    10 "mpls": OTHER;
    11 "mpls-in-gre": GRE;
    12 "vxlan-gpe": OTHER;
    13 "mpls-in-udp": OTHER;
    14 "ipv6-tunnel": OTHER;
    15 "sr-policy": POLICY;
    16 "bare": OTHER;
    17 "sr-tunnel": OTHER;
    18 "cloud-security": OTHER;
    19 "geneve": OTHER;
    20 "any-encapsulation": OTHER;
}

#[cfg(test)]
mod tests;
