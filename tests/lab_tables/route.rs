//! A route as routers tell it, and how two tables of such routes are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// A route with the attributes that routers tell; `None`, or empty, where it has none or where a router does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) prefix: String,
    pub(crate) path_id: Option<u64>,
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) next_hop: String,
    pub(crate) med: Option<u64>,
    /// All sessions of the lab are external: it must not be there (RFC 4271 §5.1.5).
    pub(crate) local_pref: Option<u64>,
    /// `AS:ADDRESS`.
    pub(crate) aggregator: Option<String>,
    pub(crate) atomic: Option<bool>,
    pub(crate) communities: Option<Vec<String>>,
    pub(crate) large: Option<Vec<String>>,
    /// `RT:AS:NUMBER`, `SoO:AS:NUMBER`.
    pub(crate) extended: Option<Vec<String>>,
}

/// How many values of each attribute were compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<&'static str, usize>);

impl Counts {
    pub(crate) fn of(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    fn count(routes: &BTreeSet<Route>) -> Self {
        let mut counts = Self::default();
        for route in routes {
            let any = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| !l.is_empty());
            let there = [
                ("prefix", true),
                ("path_id", route.path_id.is_some()),
                ("origin", !route.origin.is_empty()),
                ("path", !route.path.is_empty()),
                ("next_hop", !route.next_hop.is_empty()),
                ("med", route.med.is_some()),
                ("aggregator", route.aggregator.is_some()),
                ("atomic", route.atomic == Some(true)),
                ("community", any(&route.communities)),
                ("large", any(&route.large)),
                ("extended", any(&route.extended)),
            ];
            for (name, there) in there {
                *counts.0.entry(name).or_default() += usize::from(there);
            }
        }
        counts
    }
}

fn sample<T: Ord + Debug>(items: &BTreeSet<T>, but: &BTreeSet<T>) -> String {
    let rest: Vec<_> = items.difference(but).collect();
    format!(
        "{} of {}: {:?}",
        rest.len(),
        items.len(),
        &rest[..rest.len().min(3)]
    )
}

/// Nothing if both are equal, else what each has alone.
pub(crate) fn equal<T: Ord + Debug>(
    mine: &BTreeSet<T>,
    theirs: &BTreeSet<T>,
) -> Result<(), String> {
    if mine == theirs {
        return Ok(());
    }
    let (here, there) = (sample(mine, theirs), sample(theirs, mine));
    Err(format!("only here {here}; only there {there}"))
}

/// The same for routes: how much was compared, if all is equal.
pub(crate) fn equal_routes(
    mine: &BTreeSet<Route>,
    theirs: &BTreeSet<Route>,
) -> Result<Counts, String> {
    equal(mine, theirs)?;
    Ok(Counts::count(mine))
}

/// Each attribute that is another makes two tables differ, and what is there is counted.
#[test]
fn an_altered_attribute_is_found() {
    let list = |text: &str| Some(vec![text.to_owned()]);
    let route = Route {
        prefix: "10.0.0.0/8".into(),
        path_id: Some(1),
        origin: "igp".into(),
        path: "65001 65002".into(),
        next_hop: "192.0.2.1".into(),
        med: Some(0),
        local_pref: None,
        aggregator: Some("65001:192.0.2.1".into()),
        atomic: Some(true),
        communities: list("65001:1"),
        large: list("65001:1:1"),
        extended: list("RT:65001:1"),
    };
    let tables = |route: &Route| BTreeSet::from([route.clone(), Route::default()]);
    let theirs = tables(&route);
    let counts = equal_routes(&tables(&route), &theirs).unwrap();
    assert_eq!(counts.of("prefix"), 2);
    let names = counts.0.keys().filter(|name| **name != "prefix");
    assert!(names.clone().all(|name| counts.of(name) == 1), "{counts:?}");
    assert_eq!(names.count(), 10);

    type Alter = fn(&mut Route);
    let alter: [Alter; 14] = [
        |route| route.prefix = "10.0.0.0/9".into(),
        |route| route.path_id = Some(2),
        |route| route.origin = "egp".into(),
        |route| route.path = "65001".into(),
        |route| route.next_hop = "192.0.2.2".into(),
        |route| route.med = None,
        |route| route.med = Some(1),
        |route| route.local_pref = Some(100),
        |route| route.aggregator = Some("65001:192.0.2.2".into()),
        |route| route.atomic = Some(false),
        |route| route.communities = Some(Vec::new()),
        |route| route.communities.as_mut().unwrap().push("1:1".into()),
        |route| route.large = Some(vec!["65001:1:2".into()]),
        |route| route.extended = Some(vec!["SoO:65001:1".into()]),
    ];
    for (number, alter) in alter.into_iter().enumerate() {
        let mut altered = route.clone();
        alter(&mut altered);
        equal_routes(&tables(&altered), &theirs).unwrap_err();
        equal_routes(&theirs, &tables(&altered)).expect_err(&format!("number {number}"));
    }
    let none = BTreeSet::new();
    equal_routes(&none, &theirs).unwrap_err();
    assert_eq!(equal_routes(&none, &none).unwrap(), Counts::default());
}
