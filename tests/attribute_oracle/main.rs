//! Random valid attributes: what is read is what was sent, and bgpkit-parser and routecore read
//! the same.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use bgptap::bgp::{Message, Update, View};
use proptest::prelude::*;
use serde_json::Value;

mod bgpkit;
mod ours;
mod route;
mod routecore;

use route::{Route, route, route_of};

/// Hands the UPDATE of a route to `use_it`.
fn with_update<T>(route: &Route, use_it: impl FnOnce(&Update<'_>, &[u8]) -> T) -> T {
    let message = route.message();
    let Ok(Message::Update(update)) = Message::parse(&message, &route.context()) else {
        panic!("no UPDATE: {message:02x?}");
    };
    use_it(&update, &message)
}

/// A path with sequences that follow one another as one.
fn joined(path: &[(u8, Vec<u32>)]) -> Vec<(u8, Vec<u32>)> {
    let mut list: Vec<(u8, Vec<u32>)> = Vec::new();
    for (kind, asns) in path.iter().filter(|(_, asns)| !asns.is_empty()) {
        match list.last_mut() {
            Some((2, last)) if *kind == 2 => last.extend(asns),
            _ => list.push((*kind, asns.clone())),
        }
    }
    list
}

/// Each attribute with a type has the name that IANA gives its code.
#[test]
fn each_attribute_that_is_decoded_is_named() {
    for (code, _) in View::KNOWN {
        let name = bgptap::bgp::names::attribute(*code);
        assert!(
            name.is_some_and(|name| !name.contains("DEPRECATED")),
            "{code}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_read_is_what_was_sent(route in route()) {
        with_update(&route, |update, _| {
            prop_assert_eq!(ours::reading(update), route.json());
            // RFC 9774 and nothing else.
            let set = |path: &[(u8, Vec<u32>)]| path.iter().any(|(kind, _)| matches!(kind, 1 | 4));
            let sets = [Some(&route.path), route.as4_path.as_ref()];
            let sets = sets.into_iter().flatten().filter(|path| set(path)).count();
            prop_assert_eq!(usize::from(update.errors().total()), sets);
            Ok(())
        })?;
    }

    #[test]
    fn others_read_the_same(route in route()) {
        let message = route.message();
        prop_assert_eq!(bgpkit::reading(&message, route.as4), route.json());
        prop_assert_eq!(routecore::reading(&message, route.as4), Ok::<Value, String>(route.json()));
    }

    /// RFC 6793 §4.2.3, where there are no confederations: of those, bgpkit-parser prepends only
    /// what stands before a number that it prepends.
    #[test]
    fn bgpkit_merges_paths_the_same(route in route_of(&[false], 2)) {
        with_update(&route, |update, message| {
            let ours = ours::path(&update.path().expect("valid"));
            let theirs = if route.as4_attributes_are_ignored() {
                route.path.clone()
            } else {
                bgpkit::merged_path(message)
            };
            prop_assert_eq!(joined(&ours), joined(&theirs));
            Ok(())
        })?;
    }
}
