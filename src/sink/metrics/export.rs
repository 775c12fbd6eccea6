//! The OpenMetrics text, built when it is asked for.

use super::direction::{BYTE_STATES, Direction, ERROR_KINDS, MESSAGE_TYPES, UNKNOWN};
use super::{Metrics, Snapshot, tcp};
use crate::health::ALARMS;
use crate::intern;
use crate::rib::CHANGES;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

type Labels<'a> = Vec<(&'a str, String)>;

/// Reads [`Metrics`] for prometheus-client.
#[derive(Debug)]
pub(super) struct Exporter(pub(super) Arc<Metrics>);

impl Collector for Exporter {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let directions = self.0.directions();
        let snapshot = self.0.snapshot();
        encode_build(&mut encoder)?;
        encode_frames(&mut encoder, &snapshot)?;
        encode_messages(&mut encoder, &directions)?;
        encode_streams(&mut encoder, &directions)?;
        encode_tcp(&mut encoder, &directions)?;
        encode_sessions(&mut encoder, &directions, snapshot.sessions)?;
        encode_bounds(&mut encoder, &snapshot)?;
        encode_caches(&mut encoder, &snapshot)?;
        encode_ribs(&mut encoder, &directions, &snapshot)?;
        encode_outputs(&mut encoder, &snapshot)?;
        let (sum, count, buckets) = self.0.latency.read();
        encoder
            .encode_descriptor(
                "bgptap_decode_latency_seconds",
                "Time from the capture's timestamp of a frame to its messages being decoded",
                None,
                MetricType::Histogram,
            )?
            .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
    }
}

fn encode_build(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    encoder
        .encode_descriptor("bgptap_build", "Version of bgptap", None, MetricType::Info)?
        .encode_info(&labels)
}

fn encode_frames(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    counters(
        encoder,
        "bgptap_frames",
        "Frames by interface and what became of them",
        snapshot.frames.iter().flat_map(|(interface, outcomes)| {
            outcomes.iter().map(move |(outcome, count)| {
                let labels = vec![
                    ("interface", interface.clone()),
                    ("outcome", (*outcome).to_owned()),
                ];
                (labels, *count)
            })
        }),
    )?;
    gauge(
        encoder,
        "bgptap_frames_held",
        "Frames held out of order",
        snapshot.frames_held,
    )?;
    let mut family = encoder.encode_descriptor(
        "bgptap_pool_frames",
        "Frames of the UMEM by where they are",
        None,
        MetricType::Gauge,
    )?;
    for (state, count) in &snapshot.frame_states {
        encode_gauge(&mut family, &vec![("state", (*state).to_owned())], *count)?;
    }
    let mut family = encoder.encode_descriptor(
        "bgptap_pool_utilisation_ratio",
        "Share of a pool in use, 0 to 1",
        None,
        MetricType::Gauge,
    )?;
    for pool in &snapshot.pools {
        let labels = vec![("pool", pool.name.clone())];
        family
            .encode_family(&labels)?
            .encode_gauge(&pool.utilisation)?;
    }
    counters(
        encoder,
        "bgptap_pool_fallbacks",
        "Buffers taken from the heap because a pool was empty",
        snapshot
            .pools
            .iter()
            .map(|pool| (vec![("pool", pool.name.clone())], pool.fallbacks)),
    )
}

fn encode_messages(encoder: &mut DescriptorEncoder, directions: &[Arc<Direction>]) -> fmt::Result {
    counters(
        encoder,
        "bgptap_messages",
        "BGP messages by type",
        directions.iter().flat_map(|direction| {
            by_name(direction, "type", &MESSAGE_TYPES, |i| {
                direction.messages[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        "bgptap_prefixes",
        "Prefixes announced and withdrawn, by address family",
        directions.iter().flat_map(|direction| {
            direction.families().flat_map(move |(afi, safi, prefixes)| {
                [
                    ("announced", prefixes.announced.get()),
                    ("withdrawn", prefixes.withdrawn.get()),
                ]
                .into_iter()
                .map(move |(action, count)| {
                    let mut labels = family_labels(direction, afi, safi);
                    labels.push(("action", action.to_owned()));
                    (labels, count)
                })
            })
        }),
    )?;
    counters(
        encoder,
        "bgptap_nlri_undecoded_bytes",
        "Octets of NLRI of address families that are not decoded",
        directions.iter().flat_map(|direction| {
            direction.families().filter_map(|(afi, safi, prefixes)| {
                let bytes = prefixes.undecoded_bytes.get();
                (bytes > 0).then(|| (family_labels(direction, afi, safi), bytes))
            })
        }),
    )?;
    counters(
        encoder,
        "bgptap_errors",
        "Malformed attributes and messages by RFC 7606 disposition, and bytes that could not be framed by reason",
        directions.iter().flat_map(|direction| {
            by_name(direction, "kind", &ERROR_KINDS, |i| {
                direction.errors[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        "bgptap_attribute_errors",
        "Malformed path attributes by RFC 7606 disposition",
        directions.iter().flat_map(|direction| {
            let errors = direction.attribute_errors.iter();
            errors.map(move |(attribute, kind, count)| {
                let mut labels = session_labels(direction);
                labels.push(("attribute", attribute));
                labels.push(("kind", kind.to_owned()));
                (labels, count)
            })
        }),
    )
}

fn encode_streams(encoder: &mut DescriptorEncoder, directions: &[Arc<Direction>]) -> fmt::Result {
    counters(
        encoder,
        "bgptap_stream_bytes",
        "TCP payload bytes by what became of them",
        directions.iter().flat_map(|direction| {
            by_name(direction, "state", &BYTE_STATES, |i| {
                direction.bytes[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        "bgptap_gaps",
        "Holes in the TCP stream that were given up",
        directions
            .iter()
            .map(|direction| (session_labels(direction), direction.gaps.get())),
    )?;
    counters(
        encoder,
        "bgptap_tcp_alarms",
        "Changes for the worse and for the better in the TCP under a session",
        directions.iter().flat_map(|direction| {
            by_name(direction, "event", &ALARMS, |i| direction.alarms[i].get())
        }),
    )
}

fn encode_tcp(encoder: &mut DescriptorEncoder, directions: &[Arc<Direction>]) -> fmt::Result {
    for (i, metric) in tcp::COUNTERS.iter().enumerate() {
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
        for direction in directions {
            let value = scaled(direction.tcp_counters[i].get(), metric);
            family
                .encode_family(&session_labels(direction))?
                .encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
        }
    }
    for (i, metric) in tcp::GAUGES.iter().enumerate() {
        let kind = MetricType::Gauge;
        let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
        for direction in directions {
            let value = direction.tcp_gauges[i].get();
            if value != UNKNOWN {
                family
                    .encode_family(&session_labels(direction))?
                    .encode_gauge(&scaled(value, metric))?;
            }
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn scaled(value: u64, metric: &tcp::Metric) -> f64 {
    value as f64 * metric.scale
}

fn encode_sessions(
    encoder: &mut DescriptorEncoder,
    directions: &[Arc<Direction>],
    sessions: u64,
) -> fmt::Result {
    gauge(
        encoder,
        "bgptap_sessions",
        "TCP connections known now",
        sessions,
    )?;
    let mut family = encoder.encode_descriptor(
        "bgptap_session_state",
        "State of the session as in MRT: 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established",
        None,
        MetricType::Gauge,
    )?;
    for direction in directions {
        let state = direction.state.get();
        encode_gauge(&mut family, &session_labels(direction), state)?;
    }
    let mut family = encoder.encode_descriptor(
        "bgptap_session_established_timestamp_seconds",
        "When the session became established, seconds since the epoch; 0 if it is not",
        None,
        MetricType::Gauge,
    )?;
    for direction in directions {
        #[allow(clippy::cast_precision_loss)]
        let seconds = direction.established_ns.load(Relaxed) as f64 / 1e9;
        family
            .encode_family(&session_labels(direction))?
            .encode_gauge(&seconds)?;
    }
    Ok(())
}

fn encode_bounds(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    gauge(
        encoder,
        "bgptap_handshakes",
        "Connections of which only SYNs were seen",
        snapshot.handshakes,
    )?;
    gauge(
        encoder,
        "bgptap_kept_bytes",
        "Payload kept outside frames: searched for a header, or waiting for an OPEN",
        snapshot.kept_bytes,
    )?;
    counters(
        encoder,
        "bgptap_segments_refused",
        "Segments of connections that there was no room for",
        std::iter::once((Vec::new(), snapshot.refused)),
    )?;
    counters(
        encoder,
        "bgptap_evicted",
        "Connections that went before they ended, by reason",
        snapshot
            .evicted
            .iter()
            .map(|(reason, count)| (vec![("reason", (*reason).to_owned())], *count)),
    )
}

fn encode_caches(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    type Value = fn(&intern::Stats) -> u64;
    let label = |stats: &intern::Stats| vec![("cache", stats.name.to_owned())];
    let figures: [(&str, &str, Value); 5] = [
        ("hits", "Values that a cache had already", |s| s.hits),
        ("misses", "Values that a cache had not", |s| s.misses),
        ("evictions", "Entries that made room for others", |s| {
            s.evictions
        }),
        ("expired", "Entries that nobody asked for any more", |s| {
            s.expired
        }),
        (
            "uninterned",
            "Values stored unshared because all entries were in use",
            |s| s.uninterned_total,
        ),
    ];
    for (name, help, value) in figures {
        let name = format!("bgptap_cache_{name}");
        let values = snapshot.caches.iter().map(|s| (label(s), value(s)));
        counters(encoder, &name, help, values)?;
    }
    let mut family = encoder.encode_descriptor(
        "bgptap_cache_entries",
        "Values in a cache",
        None,
        MetricType::Gauge,
    )?;
    for stats in &snapshot.caches {
        encode_gauge(&mut family, &label(stats), stats.entries)?;
    }
    Ok(())
}

fn encode_ribs(
    encoder: &mut DescriptorEncoder,
    directions: &[Arc<Direction>],
    snapshot: &Snapshot,
) -> fmt::Result {
    counters(
        encoder,
        "bgptap_rib_changes",
        "Routes by what messages did to them in the Adj-RIB",
        directions.iter().flat_map(|direction| {
            by_name(direction, "change", &CHANGES, |i| {
                direction.rib_changes[i].get()
            })
        }),
    )?;
    type Value = fn(&super::FamilyCounters) -> u64;
    let figures: [(&str, &str, Value); 3] = [
        ("prefixes", "Routes in an Adj-RIB", |family| {
            family.rib().unwrap_or(0)
        }),
        (
            "stale",
            "Routes in an Adj-RIB that have to be announced again",
            |family| family.rib_stale.get(),
        ),
        (
            "complete",
            "1 if an Adj-RIB is whole, 0 if it may lack routes or have too many",
            |family| family.rib_complete.get(),
        ),
    ];
    for (name, help, value) in figures {
        let name = format!("bgptap_rib_{name}");
        let mut gauges = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for direction in directions {
            for (afi, safi, family) in direction.families() {
                if family.rib().is_some() {
                    let labels = family_labels(direction, afi, safi);
                    encode_gauge(&mut gauges, &labels, value(family))?;
                }
            }
        }
    }
    let Some(usage) = snapshot.rib else {
        return Ok(());
    };
    let mut bytes = encoder.encode_descriptor(
        "bgptap_rib_bytes",
        "Bytes that all Adj-RIBs take, and the most that they may take",
        None,
        MetricType::Gauge,
    )?;
    let parts = [
        ("tables", usage.tables),
        ("attributes", usage.attributes),
        ("limit", usage.max),
    ];
    for (kind, value) in parts {
        encode_gauge(&mut bytes, &vec![("kind", kind.to_owned())], value)?;
    }
    Ok(())
}

fn encode_outputs(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    counters(
        encoder,
        "bgptap_output_dropped",
        "Events that an output lost",
        snapshot.outputs.iter().flat_map(|output| {
            output.dropped.iter().map(|(reason, count)| {
                let labels = vec![
                    ("output", output.name.to_owned()),
                    ("reason", (*reason).to_owned()),
                ];
                (labels, *count)
            })
        }),
    )?;
    let mut family = encoder.encode_descriptor(
        "bgptap_output_queue_ratio",
        "Share of an output's queue in use, 0 to 1",
        None,
        MetricType::Gauge,
    )?;
    for output in &snapshot.outputs {
        let labels = vec![("output", output.name.to_owned())];
        family.encode_family(&labels)?.encode_gauge(&output.queue)?;
    }
    counters(
        encoder,
        "bgptap_output_filtered",
        "Events that the filters of an output left out",
        snapshot
            .filtered
            .iter()
            .map(|(output, count)| (vec![("output", (*output).to_owned())], *count)),
    )?;
    counters(
        encoder,
        "bgptap_evidence_files",
        "Files of evidence written, and those of them removed again to make room",
        snapshot.evidence.iter().flat_map(|counts| {
            [("written", counts.files), ("removed", counts.removed)]
                .map(|(outcome, count)| (vec![("outcome", outcome.to_owned())], count))
        }),
    )?;
    counters(
        encoder,
        "bgptap_rendered_attributes",
        "Attributes that the JSON output wrote as it had written them before (hit) or anew (miss)",
        snapshot.rendered.iter().flat_map(|rendered| {
            [("hit", rendered.hits), ("miss", rendered.misses)]
                .map(|(result, count)| (vec![("result", result.to_owned())], count))
        }),
    )
}

/// `peer`, `peer_as`, `local`, `local_as`: the sender first. An unknown AS is 0.
fn session_labels(direction: &Direction) -> Labels<'static> {
    vec![
        ("peer", direction.peer.to_string()),
        ("peer_as", direction.peer_as.load(Relaxed).to_string()),
        ("local", direction.local.to_string()),
        ("local_as", direction.local_as.load(Relaxed).to_string()),
    ]
}

fn family_labels(direction: &Direction, afi: u16, safi: u8) -> Labels<'static> {
    let mut labels = session_labels(direction);
    labels.push(("afi", afi.to_string()));
    labels.push(("safi", safi.to_string()));
    labels
}

fn by_name<'a>(
    direction: &'a Direction,
    label: &'static str,
    names: &'a [&'static str],
    value: impl Fn(usize) -> u64 + 'a,
) -> impl Iterator<Item = (Labels<'static>, u64)> + 'a {
    names.iter().enumerate().map(move |(i, name)| {
        let mut labels = session_labels(direction);
        labels.push((label, (*name).to_owned()));
        (labels, value(i))
    })
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'a>, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        family
            .encode_family(&labels)?
            .encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    encoder
        .encode_descriptor(name, help, None, MetricType::Gauge)?
        .encode_gauge(&value)
}

fn encode_gauge(family: &mut MetricEncoder, labels: &Labels, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    family.encode_family(labels)?.encode_gauge(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::json::Lookups;
    use crate::sink::metrics::{Output, Pool};
    use prometheus_client::registry::Registry;
    use std::net::Ipv4Addr;

    fn text(metrics: Arc<Metrics>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exporter(metrics)));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .expect("a String takes all");
        text
    }

    #[test]
    fn names_and_labels_are_those_of_the_contract() {
        let metrics = Arc::new(Metrics::default());
        let peer = Ipv4Addr::new(192, 0, 2, 1).into();
        let local = Ipv4Addr::new(192, 0, 2, 2).into();
        let direction = metrics.direction(peer, local);
        direction.peer_as.store(65001, Relaxed);
        direction.messages[1].add(5);
        direction.prefixes(1, 1).announced.add(7);
        direction
            .attribute_errors
            .add(2, crate::bgp::Disposition::TreatAsWithdraw);
        direction.prefixes(1, 250).undecoded_bytes.add(8);
        direction.state.set(6);
        metrics.publish(&Snapshot {
            frames: vec![("mon0".into(), vec![("seen", 9)])],
            frames_held: 3,
            frame_states: vec![("free", 4)],
            pools: vec![Pool {
                name: "umem".into(),
                utilisation: 0.5,
                fallbacks: 0,
            }],
            outputs: vec![Output {
                name: "json",
                dropped: vec![("queue_full", 2)],
                queue: 0.25,
            }],
            filtered: vec![("json", 3)],
            evidence: Some(crate::sink::evidence::Counts {
                files: 5,
                removed: 1,
                ..Default::default()
            }),
            rendered: Some(Lookups { hits: 8, misses: 1 }),
            sessions: 1,
            caches: vec![intern::Stats {
                name: "as_path",
                hits: 8,
                entries: 2,
                ..intern::Stats::default()
            }],
            ..Snapshot::default()
        });
        let text = text(metrics);
        let session = r#"peer="192.0.2.1",peer_as="65001",local="192.0.2.2",local_as="0""#;
        for line in [
            format!(r#"bgptap_messages_total{{{session},type="UPDATE"}} 5"#),
            format!(r#"bgptap_prefixes_total{{{session},afi="1",safi="1",action="announced"}} 7"#),
            format!(
                r#"bgptap_attribute_errors_total{{{session},attribute="AS_PATH",kind="treat-as-withdraw"}} 1"#
            ),
            format!(r#"bgptap_nlri_undecoded_bytes_total{{{session},afi="1",safi="250"}} 8"#),
            format!(r#"bgptap_session_state{{{session}}} 6"#),
            format!(r#"bgptap_gaps_total{{{session}}} 0"#),
            r#"bgptap_frames_total{interface="mon0",outcome="seen"} 9"#.into(),
            "bgptap_frames_held 3".into(),
            r#"bgptap_pool_frames{state="free"} 4"#.into(),
            r#"bgptap_pool_utilisation_ratio{pool="umem"} 0.5"#.into(),
            r#"bgptap_cache_hits_total{cache="as_path"} 8"#.into(),
            r#"bgptap_cache_entries{cache="as_path"} 2"#.into(),
            r#"bgptap_output_dropped_total{output="json",reason="queue_full"} 2"#.into(),
            r#"bgptap_output_queue_ratio{output="json"} 0.25"#.into(),
            r#"bgptap_output_filtered_total{output="json"} 3"#.into(),
            r#"bgptap_evidence_files_total{outcome="written"} 5"#.into(),
            r#"bgptap_evidence_files_total{outcome="removed"} 1"#.into(),
            r#"bgptap_rendered_attributes_total{result="hit"} 8"#.into(),
            r#"bgptap_decode_latency_seconds_bucket{le="+Inf"} 0"#.into(),
            format!(
                r#"bgptap_build_info{{version="{}"}} 1"#,
                env!("CARGO_PKG_VERSION")
            ),
            "# EOF".into(),
        ] {
            assert!(text.contains(&line), "missing: {line}\n{text}");
        }
    }

    #[test]
    fn directions_without_a_session_are_forgotten() {
        let metrics = Metrics::default();
        let kept = metrics.direction(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into());
        drop(metrics.direction(Ipv4Addr::BROADCAST.into(), Ipv4Addr::LOCALHOST.into()));
        metrics.forget_unused(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into());
        assert_eq!(metrics.directions().len(), 1);
        assert_eq!(metrics.directions()[0].peer, kept.peer);
    }
}
