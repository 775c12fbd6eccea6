//! The page about metrics says what the exporter tells, and how many series that can be.

use super::super::direction::FAMILIES_MAX;
use super::super::fixture::{direction, full, text};
use super::super::{Metrics, attribute_errors};
use super::{Kind, LOSSES, Metric, OUTPUT_DROPPED, SESSION, all};
use crate::bgp::Disposition;
use crate::config::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

const WRITE: &str = "BGPTAP_METRICS_PAGE";
const BEGIN: &str =
    "<!-- from the exporter: BGPTAP_METRICS_PAGE=write cargo test --lib metrics -->\n";
const END: &str = "<!-- end -->\n";

/// Its samples' name, but for the parts of a histogram.
fn sample(metric: &Metric) -> String {
    let suffix = match metric.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram => "",
    };
    format!("{}{suffix}", metric.name)
}

fn labels(metric: &Metric) -> Vec<&'static str> {
    let session = if metric.session { &SESSION[..] } else { &[] };
    [session, metric.labels].concat()
}

fn table() -> String {
    let mut table = "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in all() {
        let session = metric.session.then(|| "session".to_owned());
        let own = metric.labels.iter().map(|label| format!("`{label}`"));
        let labels: Vec<_> = session.into_iter().chain(own).collect();
        let (name, kind) = (sample(metric), format!("{:?}", metric.kind));
        let (kind, labels) = (kind.to_lowercase(), labels.join(", "));
        let losses = losses();
        let is_dropped = metric.name == OUTPUT_DROPPED.name;
        let more = if is_dropped { &losses } else { metric.more };
        // Names that a label may have are a list; anything else is a remark.
        let between = match more.chars().next() {
            None => "",
            Some('`') => ": ",
            Some(_) => "; ",
        };
        let meaning = format!("{}{between}{more}", metric.help);
        writeln!(table, "| `{name}` | {kind} | {labels} | {meaning} |")
            .expect("a String takes all");
    }
    table
}

/// By what each output may lose events; those that are alike in one place.
fn losses() -> String {
    let alike = LOSSES.chunk_by(|(_, one), (_, next)| one == next);
    let quoted = |names: Vec<&str>| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let alike = alike.map(|outputs| {
        let names = outputs.iter().map(|(name, _)| *name).collect();
        let reasons = outputs.iter().take(1).flat_map(|(_, reasons)| *reasons);
        format!(
            "{} by {}",
            quoted(names),
            quoted(reasons.copied().collect())
        )
    });
    alike.collect::<Vec<_>>().join("; ")
}

/// With commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    groups
        .iter()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect::<Vec<_>>()
        .join(",")
}

/// Samples that carry the labels of a session.
fn series(metrics: &Arc<Metrics>) -> usize {
    let text = text(Arc::clone(metrics));
    text.lines().filter(|line| line.contains("{peer=")).count()
}

/// Of a direction: series at once, those that a family adds, and the most that there can be.
fn bounds() -> [usize; 3] {
    let metrics = Arc::new(Metrics::default());
    let direction = direction(&metrics);
    let at_once = series(&metrics);
    for afi in 1..1000 {
        let family = direction.prefixes(afi, 1);
        family.set_rib(Some(1));
        family.undecoded_bytes.add(1);
        if afi == 1 {
            assert_eq!(series(&metrics) - at_once, family_series());
        }
    }
    for attribute in 0..=u8::MAX {
        for disposition in Disposition::ALL {
            direction.attribute_errors.add(attribute, disposition);
        }
    }
    [at_once, family_series(), series(&metrics)]
}

/// `announced` and `withdrawn`, and one of each other metric with a family.
fn family_series() -> usize {
    let of_families = all().filter(|metric| metric.labels.starts_with(&["afi", "safi"]));
    of_families.count() + 1
}

fn sentence() -> String {
    let [at_once, family, most] = bounds();
    let errors = attribute_errors::PAIRS_MAX + 1;
    let sessions = usize::try_from(Limits::default().sessions_max).expect("a number");
    format!(
        "One direction of a session has {at_once} series at once. Each address family that appears adds at most {family}; \
         {FAMILIES_MAX} are told apart,\nany more share the last. Errors of attributes add at most {errors}. So there are \
         never more than {most}.\n\nA hundred sessions of two families each have {} series when nothing goes wrong. All \
         {} connections that may be known at a time,\nwere each between other addresses and each of its directions hostile \
         in every way, would have {}.\n",
        grouped(2 * 100 * (at_once + 2 * family)),
        grouped(sessions),
        grouped(2 * sessions * most),
    )
}

#[test]
fn the_page_says_what_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    let (table, sentence) = (table(), sentence());
    let ought = format!("{before}{BEGIN}\n{table}\n{sentence}\n{END}{after}");
    if std::env::var(WRITE).is_ok_and(|what| what == "write") {
        std::fs::write(&path, &ought).expect("written");
        return;
    }
    assert!(
        page == ought,
        "docs/metrics.md is behind: {WRITE}=write cargo test --lib metrics"
    );
}

/// Names of the labels of each sample in an OpenMetrics text. No label value of the fixture has a comma.
fn told(text: &str) -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let mut told = BTreeMap::<_, BTreeSet<_>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').expect("closed").split(',');
        let names = labels.filter_map(|label| label.split_once('='));
        let names = names.map(|(name, _)| name.to_owned()).collect();
        told.entry(name.to_owned()).or_default().insert(names);
    }
    told
}

#[test]
fn what_is_declared_is_told_and_nothing_else() {
    let mut told = told(&text(full()));
    for part in ["bucket", "sum", "count"] {
        let part = format!("bgptap_decode_latency_seconds_{part}");
        assert!(told.remove(&part).is_some(), "{part}");
    }
    for metric in all().filter(|metric| metric.kind != Kind::Histogram) {
        let name = sample(metric);
        let labels = labels(metric).into_iter().map(str::to_owned).collect();
        assert_eq!(told.remove(&name), Some([labels].into()), "{name}");
    }
    assert!(told.is_empty(), "not declared: {told:?}");
}

/// The summary tells losses by the same words.
#[test]
fn the_schema_of_the_summary_has_all_losses() {
    let schema = include_str!("../../../../docs/schema/summary.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).expect("JSON");
    let keys = |place: &str| -> BTreeSet<String> {
        let properties = schema.pointer(place).and_then(serde_json::Value::as_object);
        properties.expect(place).keys().cloned().collect()
    };
    let outputs = LOSSES.iter().map(|(output, _)| (*output).to_owned());
    assert_eq!(keys("/properties/outputs/properties"), outputs.collect());
    let reasons = LOSSES.iter().flat_map(|(_, reasons)| *reasons);
    let reasons = reasons.map(|reason| (*reason).to_owned()).collect();
    assert_eq!(keys("/$defs/losses/properties/dropped/properties"), reasons);
}
