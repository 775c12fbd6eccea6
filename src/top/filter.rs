//! Which events are shown.
//!
//! They have been encoded when they come here, so the language of `--filter`, which looks at messages, cannot be asked.
//! Its simplest expressions mean the same here: `type update,open and peer 192.0.2.1`. What they cannot say is refused.

use super::events::Event;

/// What a filter may be, in a few words.
pub const HELP: &str = "words that the event contains, peer ADDR, local ADDR, prefix P, type T,T, session ID (or peer=ADDR): all must hold";

/// A compiled filter. The empty one passes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// Sender.
    Peer(String),
    /// Receiver.
    Local(String),
    /// Types of events, in capitals.
    Type(Vec<String>),
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
    let mut terms = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let term = match word.split_once('=') {
            Some((key, value)) => term(key, value)?,
            None if KEYS.contains(&word) => term(word, words.next().unwrap_or_default())?,
            None if word == "and" => continue,
            None if ["or", "not"].contains(&word) || word.contains(['(', ')', '!', '&', '|']) => {
                return Err(format!(
                    "{word}: all words must hold here; --filter can say more"
                ));
            }
            None => Term::Text(word.to_lowercase()),
        };
        terms.push(term);
    }
    Ok(Filter(terms))
}

const KEYS: [&str; 5] = ["peer", "local", "type", "session", "prefix"];

fn term(key: &str, value: &str) -> Result<Term, String> {
    if value.is_empty() {
        return Err(format!("{key} what?"));
    }
    Ok(match key {
        "peer" => Term::Peer(value.to_owned()),
        "local" => Term::Local(value.to_owned()),
        "type" => {
            let names = value.split(',');
            Term::Type(
                names
                    .map(|name| name.to_uppercase().replace('-', "_"))
                    .collect(),
            )
        }
        "session" => Term::Session(value.to_lowercase()),
        // `longer` and the like, `10.0.0.0/8+` and an address compare prefixes; here one is found as it stands.
        "prefix"
            if !value.contains('/') || !value.ends_with(|last: char| last.is_ascii_digit()) =>
        {
            return Err(format!(
                "prefix {value}: a prefix is found as it was sent, such as 10.0.0.0/8; --filter can say more"
            ));
        }
        "prefix" => Term::Verbatim(format!("\"{value}\"")),
        _ => return Err(format!("no such key: {key}=")),
    })
}

impl Filter {
    /// Whether an event is shown.
    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        self.0.iter().all(|term| match term {
            Term::Peer(address) => *address == event.head.peer,
            Term::Local(address) => *address == event.head.local,
            Term::Type(kinds) => kinds.contains(&event.head.kind),
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
            "type open,update and peer 192.0.2.1",
            "prefix 10.0.0.0/8 local 192.0.2.2",
        ] {
            assert!(passes(text), "{text}");
        }
        for text in [
            "peer=192.0.2.2",
            "type=open",
            "prefix=0.0.0.0/8",
            "type route-refresh",
            "peer 192.0.2.2",
            "peer=192.0.2.1 withdraw",
        ] {
            assert!(!passes(text), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(compile("colour=red"), Err("no such key: colour=".into()));
        assert_eq!(compile("peer="), Err("peer what?".into()));
        assert_eq!(compile("type"), Err("type what?".into()));
        for text in [
            "not type keepalive",
            "type open or type update",
            "(x",
            "prefix longer 10.0.0.0/8",
            "prefix=longer",
            "prefix 10.0.0.0/8+",
        ] {
            let wrong = compile(text).expect_err("more than can be said here");
            assert!(wrong.contains("--filter can say more"), "{wrong}");
        }
    }
}
