//! The OpenMetrics text, built when it is asked for.

use super::catalogue::{self, Metric, SESSION};
use super::direction::{BYTE_STATES, Direction, ERROR_KINDS, MESSAGE_TYPES};
use super::{Metrics, Snapshot, tcp};
use crate::health::ALARMS;
use crate::intern;
use crate::rib::CHANGES;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
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
        describe(&mut encoder, &catalogue::DECODE_LATENCY)?
            .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)
    }
}

fn encode_build(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    describe(encoder, &catalogue::BUILD)?.encode_info(&labels)
}

fn encode_frames(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    counters(
        encoder,
        &catalogue::FRAMES,
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
    gauge(encoder, &catalogue::FRAMES_HELD, snapshot.frames_held)?;
    let mut family = describe(encoder, &catalogue::POOL_FRAMES)?;
    for (state, count) in &snapshot.frame_states {
        encode_gauge(&mut family, &vec![("state", (*state).to_owned())], *count)?;
    }
    let mut family = describe(encoder, &catalogue::POOL_UTILISATION)?;
    for pool in &snapshot.pools {
        let labels = vec![("pool", pool.name.clone())];
        family
            .encode_family(&labels)?
            .encode_gauge(&pool.utilisation)?;
    }
    counters(
        encoder,
        &catalogue::POOL_FALLBACKS,
        snapshot
            .pools
            .iter()
            .map(|pool| (vec![("pool", pool.name.clone())], pool.fallbacks)),
    )
}

fn encode_messages(encoder: &mut DescriptorEncoder, directions: &[Arc<Direction>]) -> fmt::Result {
    counters(
        encoder,
        &catalogue::MESSAGES,
        directions.iter().flat_map(|direction| {
            by_name(direction, "type", &MESSAGE_TYPES, |i| {
                direction.messages[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        &catalogue::PREFIXES,
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
        &catalogue::NLRI_UNDECODED_BYTES,
        directions.iter().flat_map(|direction| {
            direction.families().filter_map(|(afi, safi, prefixes)| {
                let bytes = prefixes.undecoded_bytes.get();
                (bytes > 0).then(|| (family_labels(direction, afi, safi), bytes))
            })
        }),
    )?;
    counters(
        encoder,
        &catalogue::ERRORS,
        directions.iter().flat_map(|direction| {
            by_name(direction, "kind", &ERROR_KINDS, |i| {
                direction.errors[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        &catalogue::ATTRIBUTE_ERRORS,
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
        &catalogue::STREAM_BYTES,
        directions.iter().flat_map(|direction| {
            by_name(direction, "state", &BYTE_STATES, |i| {
                direction.bytes[i].get()
            })
        }),
    )?;
    counters(
        encoder,
        &catalogue::GAPS,
        directions
            .iter()
            .map(|direction| (session_labels(direction), direction.gaps.get())),
    )?;
    counters(
        encoder,
        &catalogue::TCP_ALARMS,
        directions.iter().flat_map(|direction| {
            by_name(direction, "event", &ALARMS, |i| direction.alarms[i].get())
        }),
    )
}

fn encode_tcp(encoder: &mut DescriptorEncoder, directions: &[Arc<Direction>]) -> fmt::Result {
    for (i, row) in tcp::COUNTERS.iter().enumerate() {
        let mut family = describe(encoder, &row.metric)?;
        for direction in directions {
            let value = scaled(direction.tcp_counters[i].get(), row);
            family
                .encode_family(&session_labels(direction))?
                .encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
        }
    }
    for (i, row) in tcp::GAUGES.iter().enumerate() {
        let mut family = describe(encoder, &row.metric)?;
        for direction in directions {
            if let Some(value) = direction.tcp_gauge(i) {
                family
                    .encode_family(&session_labels(direction))?
                    .encode_gauge(&scaled(value, row))?;
            }
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn scaled(value: u64, row: &tcp::Row) -> f64 {
    value as f64 * row.scale
}

fn encode_sessions(
    encoder: &mut DescriptorEncoder,
    directions: &[Arc<Direction>],
    sessions: u64,
) -> fmt::Result {
    gauge(encoder, &catalogue::SESSIONS, sessions)?;
    let mut family = describe(encoder, &catalogue::SESSION_STATE)?;
    for direction in directions {
        let state = direction.state.get();
        encode_gauge(&mut family, &session_labels(direction), state)?;
    }
    let mut family = describe(encoder, &catalogue::SESSION_ESTABLISHED)?;
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
    gauge(encoder, &catalogue::HANDSHAKES, snapshot.handshakes)?;
    gauge(encoder, &catalogue::KEPT_BYTES, snapshot.kept_bytes)?;
    counters(
        encoder,
        &catalogue::SEGMENTS_REFUSED,
        std::iter::once((Vec::new(), snapshot.refused)),
    )?;
    counters(
        encoder,
        &catalogue::EVICTED,
        snapshot
            .evicted
            .iter()
            .map(|(reason, count)| (vec![("reason", (*reason).to_owned())], *count)),
    )
}

fn encode_caches(encoder: &mut DescriptorEncoder, snapshot: &Snapshot) -> fmt::Result {
    type Value = fn(&intern::Stats) -> u64;
    let label = |stats: &intern::Stats| vec![("cache", stats.name.to_owned())];
    let figures: [(&Metric, Value); 5] = [
        (&catalogue::CACHE_HITS, |s| s.hits),
        (&catalogue::CACHE_MISSES, |s| s.misses),
        (&catalogue::CACHE_EVICTIONS, |s| s.evictions),
        (&catalogue::CACHE_EXPIRED, |s| s.expired),
        (&catalogue::CACHE_UNINTERNED, |s| s.uninterned_total),
    ];
    for (metric, value) in figures {
        let values = snapshot.caches.iter().map(|s| (label(s), value(s)));
        counters(encoder, metric, values)?;
    }
    let mut family = describe(encoder, &catalogue::CACHE_ENTRIES)?;
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
        &catalogue::RIB_CHANGES,
        directions.iter().flat_map(|direction| {
            by_name(direction, "change", &CHANGES, |i| {
                direction.rib_changes[i].get()
            })
        }),
    )?;
    type Value = fn(&super::FamilyCounters) -> u64;
    let figures: [(&Metric, Value); 3] = [
        (&catalogue::RIB_PREFIXES, |family| family.rib().unwrap_or(0)),
        (&catalogue::RIB_STALE, |family| family.rib_stale.get()),
        (&catalogue::RIB_COMPLETE, |family| family.rib_complete.get()),
    ];
    for (metric, value) in figures {
        let mut gauges = describe(encoder, metric)?;
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
    let mut bytes = describe(encoder, &catalogue::RIB_BYTES)?;
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
        &catalogue::OUTPUT_DROPPED,
        snapshot.outputs.iter().flat_map(|output| {
            output.dropped.iter().map(|(reason, count)| {
                debug_assert!(
                    catalogue::is_loss(output.name, reason),
                    "the page does not have {} {reason}",
                    output.name
                );
                let labels = vec![
                    ("output", output.name.to_owned()),
                    ("reason", (*reason).to_owned()),
                ];
                (labels, *count)
            })
        }),
    )?;
    let mut family = describe(encoder, &catalogue::OUTPUT_QUEUE)?;
    for output in &snapshot.outputs {
        let labels = vec![("output", output.name.to_owned())];
        family.encode_family(&labels)?.encode_gauge(&output.queue)?;
    }
    counters(
        encoder,
        &catalogue::OUTPUT_FILTERED,
        snapshot
            .filtered
            .iter()
            .map(|(output, count)| (vec![("output", (*output).to_owned())], *count)),
    )?;
    counters(
        encoder,
        &catalogue::EVIDENCE_FILES,
        snapshot.evidence.iter().flat_map(|counts| {
            [("written", counts.files), ("removed", counts.removed)]
                .map(|(outcome, count)| (vec![("outcome", outcome.to_owned())], count))
        }),
    )
}

/// The labels of a session: the sender first. An unknown AS is 0.
fn session_labels(direction: &Direction) -> Labels<'static> {
    let values = [
        direction.peer.to_string(),
        direction.peer_as.load(Relaxed).to_string(),
        direction.local.to_string(),
        direction.local_as.load(Relaxed).to_string(),
    ];
    SESSION.into_iter().zip(values).collect()
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

/// Begins a family with its name, type and help.
fn describe<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    metric: &Metric,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    let kind = metric.kind.metric_type();
    encoder.encode_descriptor(metric.name, metric.help, None, kind)
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder,
    metric: &Metric,
    values: impl Iterator<Item = (Labels<'a>, u64)>,
) -> fmt::Result {
    let mut family = describe(encoder, metric)?;
    for (labels, value) in values {
        family
            .encode_family(&labels)?
            .encode_counter::<[(&str, &str); 0], _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder, metric: &Metric, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    describe(encoder, metric)?.encode_gauge(&value)
}

fn encode_gauge(family: &mut MetricEncoder, labels: &Labels, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    family.encode_family(labels)?.encode_gauge(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::metrics::fixture::{full, text};
    use std::net::Ipv4Addr;

    #[test]
    fn names_and_labels_are_those_of_the_contract() {
        let text = text(full());
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
