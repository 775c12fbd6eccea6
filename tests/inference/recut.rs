//! The same routes with path identifiers.

use bgptap::bgp::{Context, Message, Update};

/// Where path identifiers come from.
#[derive(Clone, Copy, Debug)]
pub enum Ids {
    /// 1, 2, 3 … as GoBGP and FRR number paths.
    Counted,
    /// One for all: an address, a number that is a prefix length, or 0.
    Same(u32),
    /// Anything.
    Mixed,
}

impl Ids {
    pub const ALL: [Self; 6] = [
        Self::Counted,
        Self::Mixed,
        Self::Same(0),
        Self::Same(1),
        Self::Same(0x0a00_0001),
        Self::Same(0x0001_0000),
    ];

    fn id(self, number: u32) -> u32 {
        match self {
            Self::Counted => number + 1,
            Self::Same(id) => id,
            Self::Mixed => number.wrapping_mul(0x9e37_79b9).rotate_left(7),
        }
    }
}

/// Whether a field of a plain UPDATE holds one route alone.
pub fn holds_one_alone(raw: &[u8], as4: bool) -> bool {
    let context = Context {
        as4,
        ..Context::assumed()
    };
    let Ok(Message::Update(update)) = Message::parse(raw, &context) else {
        return false;
    };
    let mut fields = update.all_withdrawn().chain(update.all_announced());
    fields.any(|field| field.prefixes().count() == 1)
}

/// A prefix as it is sent: its length, then as many octets as that covers.
fn prefixes(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = field;
    std::iter::from_fn(move || {
        let octets = usize::from(*rest.first()?).div_ceil(8);
        let (prefix, behind) = rest.split_at_checked(1 + octets)?;
        rest = behind;
        Some(prefix)
    })
}

/// Puts an identifier before each prefix of a field.
fn mark(field: &[u8], ids: Ids, number: &mut u32) -> Vec<u8> {
    let mut out = Vec::new();
    for prefix in prefixes(field) {
        out.extend(ids.id(*number).to_be_bytes());
        out.extend(prefix);
        *number += 1;
    }
    out
}

/// The UPDATE with path identifiers for IPv4 and IPv6 unicast; `None` if it grows too long or is
/// not well-formed.
pub fn with_path_ids(raw: &[u8], as4: bool, ids: Ids, number: &mut u32) -> Option<Vec<u8>> {
    let context = Context {
        as4,
        ..Context::assumed()
    };
    let Ok(Message::Update(update)) = Message::parse(raw, &context) else {
        return None;
    };
    if update.errors().total() > 0 {
        return None;
    }
    let withdrawn = mark(update.withdrawn().as_bytes(), ids, number);
    let attributes = attributes(&update, ids, number)?;
    let announced = mark(update.announced().as_bytes(), ids, number);
    let mut body = (withdrawn.len() as u16).to_be_bytes().to_vec();
    body.extend(withdrawn);
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    body.extend(announced);
    (body.len() + 19 <= 4096).then(|| crate::support::segments::message(2, &body))
}

fn attributes(update: &Update<'_>, ids: Ids, number: &mut u32) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for attribute in update.attributes() {
        // Family, next hop with its length and a reserved octet; only the family.
        let head = match attribute.code {
            14 => 5 + usize::from(*attribute.value.get(3)?),
            15 => 3,
            _ => attribute.value.len(),
        };
        let unicast = matches!(attribute.value.get(..3), Some([0, 1 | 2, 1]));
        if matches!(attribute.code, 14 | 15) && !unicast {
            return None;
        }
        let (before, nlri) = attribute.value.split_at_checked(head)?;
        let value = [before, &mark(nlri, ids, number)].concat();
        out.extend([attribute.flags.0 | 0x10, attribute.code]);
        out.extend((value.len() as u16).to_be_bytes());
        out.extend(value);
    }
    Some(out)
}
