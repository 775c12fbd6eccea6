//! How the first octets of an input choose what a session has agreed on.

use bgptap::bgp::family::KNOWN;
use bgptap::bgp::{Context, Family, FamilySet, LabelLimits, Peering};

/// Octets that [`context`] takes.
pub const LEN: usize = 6;

/// A family that the decoder knows by name.
pub fn family(selector: u8) -> Family {
    KNOWN[usize::from(selector) % KNOWN.len()]
}

/// The octet that [`family`] makes this family of.
pub fn of_family(family: Family) -> Option<u8> {
    let at = KNOWN.iter().position(|known| *known == family)?;
    u8::try_from(at).ok()
}

/// A family is in the set if the bit of its place in the list is set; families so far apart that
/// they share a bit never meet in one message.
fn families(bits: u16, width: usize) -> FamilySet {
    let numbered = KNOWN.into_iter().enumerate();
    let chosen = numbered.filter(|(at, _)| bits >> (at % width) & 1 == 1);
    chosen.map(|(_, family)| family).collect()
}

/// A context out of [`LEN`] octets: width of AS numbers, length of messages, peering, depth of
/// ATTR_SETs, two labels at most; then the families with path identifiers (two octets), several labels, next hops
/// of IPv6, and those spoken at all.
pub fn context(octets: [u8; LEN]) -> Context {
    let [flags, add_path @ .., labels, next_hops, spoken] = octets;
    Context {
        as4: flags & 1 == 1,
        extended: flags & 2 == 2,
        peering: match flags >> 2 & 3 {
            1 => Peering::Internal,
            2 => Peering::External,
            _ => Peering::Unknown,
        },
        nesting: flags >> 4 & 7,
        add_path: families(u16::from_be_bytes(add_path), 16),
        multiple_labels: families(labels.into(), 8),
        label_limits: match flags >> 7 {
            1 => LabelLimits::all(2),
            _ => LabelLimits::NONE,
        },
        extended_next_hop: families(next_hops.into(), 8),
        families: families(spoken.into(), 8),
    }
}

/// Octets for a session with nothing but the width of AS numbers and, in all families or none, path
/// identifiers.
pub fn plain(as4: bool, add_path: bool) -> [u8; LEN] {
    let all = if add_path { 0xff } else { 0 };
    [as4.into(), all, all, 0, 0, 0xff]
}
