//! Where do messages begin, once it is not known any more?
//!
//! Sixteen octets of ones alone prove nothing: an attribute may hold them, or a whole message. So
//! each place that may be a header begins a *chain*: its length leads to the next place, where
//! again a header must be, and so on. A chain that meets anything else is dropped with all that it
//! claimed. One is believed when nothing can contradict it any more:
//!
//! * it has gone on for longer than the message that the search may have begun in can be;
//! * or it ends exactly where the data ends, and nothing has followed for a while: whoever is in the
//!   middle of a message does not pause there;
//! * or there is no more to come (a hole, the end), and what there is makes at least a whole
//!   message with the beginning of another behind it, or one whose fields fit that ends right here.
//!
//! What an attacker puts at the very end of a message whose own header was lost cannot be told
//! from a message by anyone. Messages found so close to the start of a search are marked
//! ([`super::Framing::Searched`]).

use super::MalformedReason;
use super::kept::Kept;
use crate::bgp::attribute::{Attribute, Attributes, Flags};
use crate::bgp::header::{HEADER_LEN, Header, MARKER, MAX_LEN, MAX_LEN_EXTENDED, plausible};
use crate::bgp::{Context, Message};
use crate::capture::Stamp;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Longest message that a search believes in. A length of 0xff00 and more is far more likely the end
/// of a marker that bytes of ones precede; waiting for so long a message would hide the true header.
const LENGTH_MAX: u16 = 0xfeff;

/// Prepared once: that takes longer than to search a segment (`benches/simd.rs`).
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&MARKER));

/// Chains that are followed at a time; more places are looked at when one of them ends.
const CHAINS_MAX: usize = 64;

/// Bytes among which a header is looked for.
pub(super) struct Search {
    kept: Kept,
    /// Why there is a search.
    pub(super) reason: MalformedReason,
    /// Bytes of this search that were given up already.
    passed: u64,
    /// Bytes were given up unseen.
    shed: bool,
    /// No header begins before this place but those that begin a chain.
    scanned: usize,
    /// By their start, ascending. One that leads to where another leads is not begun.
    chains: Vec<Chain>,
}

/// Headers that follow one another.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// The first header.
    start: usize,
    /// The last header seen.
    last: usize,
    /// Where the next one must be.
    next: usize,
    headers: u32,
}

/// What may be concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// More bytes may come at any time.
    Now,
    /// Nothing has come for a while.
    Quiet,
    /// Nothing more will come that goes on where this ends.
    Over,
}

impl Search {
    pub(super) fn new(reason: MalformedReason) -> Self {
        Self {
            kept: Kept::default(),
            reason,
            passed: 0,
            shed: false,
            scanned: 0,
            chains: Vec::new(),
        }
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Memory that it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.kept.heap_bytes() + self.chains.capacity() * size_of::<Chain>()
    }

    pub(super) fn into_kept(self) -> Kept {
        self.kept
    }

    /// Everything that the search has taken is still here.
    pub(super) fn is_whole(&self) -> bool {
        self.passed == 0 && !self.shed
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8], stamp: Stamp) {
        self.kept.push(bytes, stamp);
    }

    /// The place at front is known to begin no message.
    pub(super) fn refuse_front(&mut self) {
        self.scanned = self.scanned.max(1);
    }

    /// Bytes at the front that can be no part of a message any more.
    pub(super) fn hopeless(&self) -> usize {
        let first = self.chains.first().map(|chain| chain.start);
        first.unwrap_or(self.scanned).min(self.kept.len())
    }

    /// Forgets everything for want of memory. A message may have begun in what is forgotten, so
    /// the search is as at its start.
    pub(super) fn shed(&mut self) {
        *self = Self {
            shed: true,
            ..Self::new(self.reason)
        };
    }

    /// Forgets the first `count` bytes.
    pub(super) fn drop_front(&mut self, count: usize) {
        self.kept.drop_front(count);
        self.passed += count as u64;
        self.scanned = self.scanned.saturating_sub(count);
        self.chains.retain_mut(|chain| {
            let stays = chain.start >= count;
            if stays {
                chain.start -= count;
                chain.last -= count;
                chain.next -= count;
            }
            stays
        });
    }

    /// Follows the chains through the bytes that have come, and begins new ones.
    /// `extended`: whether the session has agreed on extended messages, if that is known.
    pub(super) fn follow(&mut self, extended: Option<bool>) {
        let bytes = self.kept.bytes();
        self.chains.retain_mut(|chain| chain.extend(bytes));
        let max = if extended == Some(false) {
            MAX_LEN
        } else {
            LENGTH_MAX
        };
        while self.chains.len() < CHAINS_MAX {
            let Some(found) = bytes.get(self.scanned..).and_then(|rest| FINDER.find(rest)) else {
                // The last bytes may be the beginning of a marker.
                self.scanned = self
                    .scanned
                    .max(bytes.len().saturating_sub(MARKER.len() - 1));
                return;
            };
            let at = self.scanned + found;
            if bytes.len() < at + HEADER_LEN {
                self.scanned = at;
                return;
            }
            self.scanned = at + 1;
            if !plausible(&bytes[at..], max) {
                continue;
            }
            let mut chain = Chain::new(at);
            let known = |next| self.chains.iter().any(|chain| chain.next == next);
            if chain.extend(bytes) && !known(chain.next) {
                self.chains.push(chain);
            }
        }
    }

    /// Where the first chain begins, if it is to be believed now. Others may lie inside what it claims.
    pub(super) fn believed(&self, extended: Option<bool>, when: When) -> Option<usize> {
        let chain = self.chains.first()?;
        let beyond = chain.headers > 1 && self.passed + chain.last as u64 >= Self::reach(extended);
        let believed = match when {
            When::Now => beyond,
            When::Quiet => beyond || chain.next == self.kept.len() && self.is_sound(chain),
            When::Over => self.is_sound(chain) && !self.is_contradicted(chain),
        };
        believed.then_some(chain.start)
    }

    /// How far from its start a message may go on that began before the search did.
    fn reach(extended: Option<bool>) -> u64 {
        let max = if extended == Some(true) {
            MAX_LEN_EXTENDED
        } else {
            MAX_LEN
        };
        max.into()
    }

    /// How many bytes from `start` on are so near to the start of the search that
    /// one message may hold them all.
    pub(super) fn doubtful(&self, start: usize, extended: Option<bool>) -> u64 {
        Self::reach(extended).saturating_sub(self.passed + start as u64)
    }

    /// Other headers follow one another inside the message that the first chain ends in. As long as
    /// that is not whole, nobody knows which of them lie in an attribute.
    fn is_contradicted(&self, first: &Chain) -> bool {
        let mut others = self.chains.iter().skip(1);
        others.any(|other| other.headers > 1 && other.next != first.next)
    }

    /// A second header stands where the first message ends, or that one message is whole and
    /// its fields fill it.
    fn is_sound(&self, chain: &Chain) -> bool {
        if chain.headers > 1 {
            return true;
        }
        let Some(bytes) = self.kept.bytes().get(chain.start..chain.next) else {
            return false;
        };
        match Message::parse(bytes, &Context::assumed()) {
            Ok(Message::Update(_)) => fields_fit(bytes),
            Ok(Message::Broken { .. }) | Err(_) => false,
            Ok(_) => true,
        }
    }
}

/// The fields of an UPDATE fill it, and the path attributes fill theirs (RFC 4271 §4.3). What the
/// prefixes and values mean depends on what the OPENs said, and is not asked.
fn fields_fit(message: &[u8]) -> bool {
    let body = message.get(HEADER_LEN..).unwrap_or_default();
    let field = |bytes: &'_ [u8]| -> Option<usize> {
        bytes
            .first_chunk()
            .map(|length| usize::from(u16::from_be_bytes(*length)))
    };
    let Some(withdrawn) = field(body) else {
        return false;
    };
    let rest = body.get(2 + withdrawn..).unwrap_or_default();
    let Some(attributes) = field(rest).and_then(|length| rest.get(2..2 + length)) else {
        return false;
    };
    let header = |flags: Flags| if flags.extended_length() { 4 } else { 3 };
    let size = |attribute: Attribute<'_>| header(attribute.flags) + attribute.value.len();
    Attributes::new(attributes).map(size).sum::<usize>() == attributes.len()
}

impl Chain {
    fn new(at: usize) -> Self {
        Self {
            start: at,
            last: at,
            next: at,
            headers: 0,
        }
    }

    /// Goes on through `bytes`; false if it meets something other than a header.
    fn extend(&mut self, bytes: &[u8]) -> bool {
        while let Some(rest) = bytes.get(self.next..) {
            if rest.len() < HEADER_LEN {
                let length = rest.len().min(MARKER.len());
                return rest[..length] == MARKER[..length];
            }
            let Ok(header) = Header::parse(rest) else {
                return false;
            };
            self.last = self.next;
            self.next += usize::from(header.length);
            self.headers += 1;
        }
        true
    }
}
