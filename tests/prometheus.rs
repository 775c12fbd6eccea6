//! What Prometheus makes of `/metrics`: its parser, its server, its rules, and the dashboard's questions to it.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::net::{self, Live, Net, TAP, allowed};
use support::{Scratch, have, recording};

/// Where Prometheus listens, in a namespace of its own.
const PROMETHEUS: &str = "127.0.0.1:9090";

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(name)
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    if !have("promtool") {
        return;
    }
    let promtool = |args: &[&str], file: &str| {
        net::run(
            Command::new("promtool")
                .args(args)
                .arg(contrib("prometheus").join(file)),
        );
    };
    promtool(&["test", "rules"], "alerts_test.yml");
    promtool(
        &["check", "rules", "--lint=all", "--lint-fatal"],
        "alerts.yml",
    );
    promtool(&["check", "config"], "prometheus.yml");
    // A rule without a test would be an opinion.
    let named = |file, key: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(contrib(file)).unwrap();
        let after = text.split(key).skip(1);
        let name = |rest: &str| {
            rest.trim_start()
                .split([',', '\n'])
                .next()
                .map(str::to_owned)
        };
        after.filter_map(name).collect()
    };
    let rules = named("prometheus/alerts.yml", "- alert:");
    let tested = named("prometheus/alerts_test.yml", "alertname:");
    assert!(rules.len() > 10, "{rules:?}");
    assert_eq!(rules, tested);
}

/// A Prometheus that asks a `bgptap live` in the same namespace.
struct Prometheus {
    child: Child,
    space: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(space: &str, metrics: SocketAddr, scratch: &Scratch) -> Self {
        let rules = contrib("prometheus/alerts.yml");
        // As contrib/prometheus/prometheus.yml, but in a hurry.
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             scrape_configs: [{{job_name: bgptap, static_configs: [{{targets: ['{metrics}']}}]}}]\n\
             rule_files: ['{}']\n",
            rules.display()
        );
        let config = scratch.write("prometheus.yml", config.as_bytes());
        let log = fs::File::create(scratch.path("prometheus.log")).unwrap();
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", space, "prometheus"])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                scratch.path("tsdb").display()
            ))
            .arg(format!("--web.listen-address={PROMETHEUS}"))
            .stdout(Stdio::null())
            .stderr(log);
        Self {
            child: command.spawn().unwrap(),
            space: space.to_owned(),
        }
    }

    /// `data` of an answer of the API, once there is one.
    fn ask(&self, path: &str) -> Value {
        let begun = Instant::now();
        loop {
            let answer = fetch(&self.space, PROMETHEUS.parse().unwrap(), path);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            let ready = !head.is_empty() && !head.starts_with("HTTP/1.0 503");
            if ready {
                let answer: Value = serde_json::from_str(body).expect(head);
                assert_eq!(answer["status"], "success", "{path}: {answer}");
                return answer["data"].clone();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{path}: {answer}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Series and values that an expression has now.
    fn query(&self, expression: &str) -> Vec<(Value, String)> {
        let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let data = self.ask(&format!("/api/v1/query?query={query}"));
        let series = data["result"].as_array().unwrap().iter();
        series
            .map(|one| {
                let value = one["value"][1].as_str().unwrap();
                (one["metric"].clone(), value.to_owned())
            })
            .collect()
    }

    /// Names of samples, by the types that the scrape told.
    fn names(&self) -> BTreeSet<String> {
        let metadata = self.ask("/api/v1/metadata");
        let families = metadata.as_object().unwrap().iter();
        families
            .flat_map(|(name, told)| {
                let suffixes: &[&str] = match told[0]["type"].as_str().unwrap() {
                    "counter" => &["_total"],
                    "info" => &["_info"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
            })
            .collect()
    }
}

/// What is at `path`, head and body; nothing if nobody listens.
fn fetch(space: &str, address: SocketAddr, path: &str) -> String {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    Net::within(space, || asked().unwrap_or_default())
}

/// Debian's, which has Debian's modules.
const PYTHON: &str = "/usr/bin/python3";

/// Samples as Prometheus' own parser of OpenMetrics reads them: name, labels, value.
const PARSER: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
samples = [s for family in families(sys.stdin.read()) for s in family.samples]
json.dump([[s.name, s.labels, s.value] for s in samples], sys.stdout)
"#;

/// The text at `/metrics`, and what the parser reads in it.
fn parsed(space: &str, metrics: SocketAddr, scratch: &Scratch) -> Vec<(String, Value, f64)> {
    let answer = fetch(space, metrics, "/metrics");
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/openmetrics-text"), "{head}");
    let file = scratch.write("metrics.txt", text.as_bytes());
    let mut python = Command::new(PYTHON);
    python
        .args(["-c", PARSER])
        .stdin(fs::File::open(file).unwrap());
    serde_json::from_slice(&net::run(&mut python).stdout).unwrap()
}

/// Values by labels; the text first has to know nothing of what Prometheus adds.
fn by_labels(mut labels: Value) -> String {
    let labels = labels.as_object_mut().unwrap();
    for added in ["__name__", "job", "instance"] {
        labels.remove(added);
    }
    let sorted: BTreeMap<_, _> = labels.iter().collect();
    format!("{sorted:?}")
}

fn python_has(module: &str) -> bool {
    let mut python = Command::new(PYTHON);
    let found = python.args(["-c", &format!("import {module}")]).output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        support::skip::skip(&format!("Python has no {module}: scripts/setup --lab"));
    }
    found
}

/// Names of our metrics in an expression.
fn names_in(expression: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = expression.split(word);
    words.filter(|word| word.starts_with("bgptap_")).collect()
}

/// Expressions of the dashboard as they are when everything is chosen.
fn dashboard() -> Vec<String> {
    let text = fs::read_to_string(contrib("grafana/bgptap.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let written = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap());
    let variables = [
        ("$__rate_interval", "1m"),
        ("$__interval", "1m"),
        ("$__range", "1h"),
        ("$instance", ".*"),
        ("$peer", ".*"),
    ];
    let chosen = |expression: &str| {
        let replace = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
        variables.iter().fold(expression.to_owned(), replace)
    };
    written.map(chosen).collect()
}

#[test]
fn prometheus_scrapes_a_capture_and_answers_with_its_series() {
    if !(allowed() && have("prometheus") && python_has("prometheus_client")) {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("prometheus"));
    let events = scratch.path("events.json");
    let more = [
        "--json",
        events.to_str().unwrap(),
        "--metrics",
        "127.0.0.1:9179",
    ];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    let metrics: SocketAddr = "127.0.0.1:9179".parse().unwrap();
    net.replay(recording(), &["--rate", "20000"]);
    net.settle();
    let prometheus = Prometheus::start(&net.mon, metrics, &scratch);
    let text = parsed(&net.mon, metrics, &scratch);
    series_agree(&prometheus, &text);
    expressions_mean_something(&prometheus);
    let summary = live.stop();
    let updates = |(name, labels, value): &(String, Value, f64)| {
        (name == "bgptap_messages_total" && labels["type"] == "UPDATE").then_some(*value)
    };
    let told: f64 = text.iter().filter_map(updates).sum();
    assert_eq!(summary["messages"]["UPDATE"].as_f64(), Some(told));
}

/// What only grows, and traffic is over: Prometheus has what the text says.
fn series_agree(prometheus: &Prometheus, text: &[(String, Value, f64)]) {
    for name in [
        "bgptap_messages_total",
        "bgptap_prefixes_total",
        "bgptap_rib_changes_total",
    ] {
        let ours = text.iter().filter(|(sample, _, _)| sample == name);
        let ours: BTreeMap<_, _> = ours
            .map(|(_, labels, value)| (by_labels(labels.clone()), *value))
            .collect();
        assert!(ours.len() > 10, "{name}: {ours:?}");
        let begun = Instant::now();
        loop {
            let theirs = prometheus.query(name).into_iter();
            let theirs: BTreeMap<_, f64> = theirs
                .map(|(labels, value)| (by_labels(labels), value.parse().unwrap()))
                .collect();
            if theirs == ours {
                break;
            }
            // It may not have asked yet, or while messages still came.
            let late = begun.elapsed() > Duration::from_secs(60);
            assert!(!late, "{name}: {theirs:?} is not {ours:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    assert_eq!(prometheus.query("up").len(), 1);
}

/// Whatever the dashboard and the rules ask for is among what the capture tells.
fn expressions_mean_something(prometheus: &Prometheus) {
    let names = prometheus.names();
    let families = bgptap::sink::metrics::catalogue().count();
    assert!(names.len() >= families, "{names:?}");
    let board = dashboard();
    assert!(board.len() > 30, "{}", board.len());
    let rules = prometheus.ask("/api/v1/rules");
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let alerts: Vec<_> = rules
        .map(|rule| rule["query"].as_str().unwrap().to_owned())
        .collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let mut used = BTreeSet::new();
    for expression in board.iter().chain(&alerts) {
        // Prometheus refuses what it cannot parse.
        prometheus.query(expression);
        used.extend(names_in(expression));
    }
    let unknown: Vec<_> = used.iter().filter(|name| !names.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not among {names:?}");
}
