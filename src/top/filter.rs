//! Which events are shown.
//!
//! Everything else asks [`compile`] and [`Filter::passes`] alone: another language takes their place here.

use super::events::Event;

/// What a filter may be, in a few words.
pub const HELP: &str = "words that the event contains, peer=ADDR, local=ADDR, prefix=P, type=UPDATE, session=ID: all must hold";

/// A compiled filter. The empty one passes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// Sender.
    Peer(String),
    /// Receiver.
    Local(String),
    /// Type of the event, in capitals.
    Type(String),
    Session(String),
    /// Anywhere in the event as it stands there, quotes and all.
    Verbatim(String),
    /// Anywhere in the event, in small letters.
    Text(String),
}

/// Compiles what was typed.
///
/// # Errors
/// What is wrong, in a few words.
pub fn compile(text: &str) -> Result<Filter, String> {
    let terms = text
        .split_whitespace()
        .map(|word| match word.split_once('=') {
            Some((key, "")) => Err(format!("{key}= what?")),
            Some(("peer", value)) => Ok(Term::Peer(value.to_owned())),
            Some(("local", value)) => Ok(Term::Local(value.to_owned())),
            Some(("type", value)) => Ok(Term::Type(value.to_uppercase())),
            Some(("session", value)) => Ok(Term::Session(value.to_lowercase())),
            Some(("prefix", value)) => Ok(Term::Verbatim(format!("\"{value}\""))),
            Some((key, _)) => Err(format!("no such key: {key}=")),
            None => Ok(Term::Text(word.to_lowercase())),
        });
    terms.collect::<Result<_, _>>().map(Filter)
}

impl Filter {
    /// Whether an event is shown.
    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        self.0.iter().all(|term| match term {
            Term::Peer(address) => *address == event.head.peer,
            Term::Local(address) => *address == event.head.local,
            Term::Type(kind) => *kind == event.head.kind,
            Term::Session(id) => *id == event.head.session,
            Term::Verbatim(text) => event.line.contains(text),
            Term::Text(text) => event.line.to_lowercase().contains(text),
        })
    }

    /// Whether it passes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"type":"UPDATE","timestamp":1.5,"peer":"192.0.2.1","local":"192.0.2.2","session":"00ff","announcements":[{"prefixes":["10.0.0.0/8",{"prefix":"10.1.0.0/16","path_id":1}]}]}"#;

    #[test]
    fn all_terms_must_hold() {
        let event = Event::parse(LINE).expect("a line");
        let passes = |text: &str| compile(text).expect(text).passes(&event);
        for text in [
            "",
            "peer=192.0.2.1",
            "local=192.0.2.2 type=update",
            "prefix=10.0.0.0/8",
            "prefix=10.1.0.0/16 session=00FF",
            "ANNOUNCE",
        ] {
            assert!(passes(text), "{text}");
        }
        for text in [
            "peer=192.0.2.2",
            "type=open",
            "prefix=0.0.0.0/8",
            "peer=192.0.2.1 withdraw",
        ] {
            assert!(!passes(text), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(compile("colour=red"), Err("no such key: colour=".into()));
        assert_eq!(compile("peer="), Err("peer= what?".into()));
    }
}
