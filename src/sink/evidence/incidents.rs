//! What calls for evidence, and what the comment says of it.

use super::{Evidence, Kind};
use crate::bgp::{Disposition, Message};
use crate::filter::Event;
use crate::session::State;
use crate::sink::json::Meta;
use std::fmt::{self, Display};

/// From whom to whom.
struct Way<'a>(&'a Meta<'a>);

impl Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.0.peer, self.0.local)
    }
}

/// A NOTIFICATION, or a message with an error that has consequences.
pub(in crate::sink) fn of_message(
    evidence: &mut Evidence,
    event: &Event<'_>,
    message: &Message<'_>,
) {
    let meta = event.meta;
    if let Message::Notification(notification) = message {
        evidence.incident(event, Kind::Notification, || {
            let (code, subcode) = (notification.code, notification.subcode);
            let mut text = format!("NOTIFICATION {code}/{subcode} {}", Way(meta));
            let names = [notification.name(), notification.subcode_name()];
            for name in names.into_iter().flatten() {
                text.push_str(": ");
                text.push_str(name);
            }
            text
        });
    }
    let mut errors = message.errors().iter();
    if let Some(error) = errors.find(|error| error.disposition != Disposition::Ignore) {
        evidence.incident(event, Kind::Malformed, || {
            let kind = message.kind().name();
            let (offset, effect) = (error.offset, error.disposition.name());
            format!(
                "{kind} {}, at octet {offset}: {} ({effect})",
                Way(meta),
                error.text
            )
        });
    }
}

/// An established session that ends; of NOTIFICATIONs it is told already.
pub(in crate::sink) fn of_state(
    evidence: &mut Evidence,
    event: &Event<'_>,
    (state, previous): (State, State),
    reason: &str,
) {
    let meta = event.meta;
    if previous == State::Established && state != previous && reason != "notification" {
        evidence.incident(event, Kind::SessionLoss, || {
            format!(
                "session between {} and {} lost: {reason}",
                meta.peer, meta.local
            )
        });
    }
}

/// A hole.
pub(in crate::sink) fn of_gap(
    evidence: &mut Evidence,
    event: &Event<'_>,
    bytes: u64,
    reason: &str,
) {
    let meta = event.meta;
    evidence.incident(event, Kind::Gap, || {
        format!("gap of {bytes} octets {}: {reason}", Way(meta))
    });
}

/// Bytes that are no message.
pub(in crate::sink) fn of_malformed(
    evidence: &mut Evidence,
    event: &Event<'_>,
    bytes: u64,
    reason: &str,
) {
    let meta = event.meta;
    evidence.incident(event, Kind::Malformed, || {
        format!("{bytes} octets {} that are no message: {reason}", Way(meta))
    });
}
