//! What is said and written at the end of a run.

#[cfg(feature = "kafka")]
use super::kafka;
use super::outputs::Files;
use super::unwritable::cannot_write;
use super::{Ended, feeds, summary};
use crate::bgp::Disposition;
use crate::cli;
use crate::rib::{CHANGES, Ribs};
use crate::sink::deadline::Deadline;
use crate::sink::evidence;
use crate::sink::metrics::{ERROR_KINDS, attribute_label};
use crate::sink::outputs::Outputs;
use crate::sink::totals::{Frames, OutputLosses, Summary};
use crate::worker::Outcome;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long the end of a capture waits for all its outputs together: a disk may be frozen. More than brokers are waited
/// for, and less than systemd waits for the service (`TimeoutStopSec`).
const CLOSE_WITHIN: Duration = Duration::from_secs(40);

/// The summary of a run, balanced.
pub(super) fn summarise(outcome: &Outcome, frames: Frames) -> Summary {
    let totals = &outcome.totals;
    let mut summary = Summary {
        frames,
        segments: outcome.frames.segments,
        messages: totals.messages,
        prefixes: totals.prefixes,
        directions: outcome.directions.clone(),
        unlisted: outcome.unlisted,
        refused: outcome.frames.refused,
        refused_bytes: outcome.frames.refused_bytes,
        errors: ERROR_KINDS
            .into_iter()
            .zip(totals.errors)
            .filter(|(_, count)| *count > 0)
            .collect(),
        attribute_errors: by_attribute(&totals.attribute_errors),
        evicted: outcome
            .evicted
            .by_reason()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect(),
        gaps: totals.gaps,
        rib: CHANGES
            .into_iter()
            .zip(totals.rib)
            .filter(|(_, count)| *count > 0)
            .collect(),
        duration_s: outcome.duration.as_secs_f64(),
        ..Summary::default()
    };
    summary.balance();
    summary
}

fn by_attribute(
    errors: &BTreeMap<(u8, Disposition), u64>,
) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
    let mut table: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
    for ((attribute, disposition), count) in errors {
        let row = table.entry(attribute_label(*attribute)).or_default();
        row.insert(disposition.name(), *count);
    }
    table
}

/// Says what has become of evidence; whether all of it was kept.
pub(super) fn tell_evidence(counts: evidence::Counts) -> bool {
    let evidence::Counts {
        files,
        bytes,
        removed,
        ..
    } = counts;
    eprintln!(
        "bgptap: evidence: {files} files, {bytes} bytes in this run; {removed} removed to make room"
    );
    let lost = counts.queue_full
        + counts.write_error
        + counts.too_large
        + counts.without_frames
        + counts.late;
    if lost + counts.unrecorded > 0 {
        eprintln!(
            "bgptap: evidence: {lost} incidents were not kept ({} queue full, {} not written, {} too large, {} \
             without frames, {} not in time at the end); there was no memory for {} frames",
            counts.queue_full,
            counts.write_error,
            counts.too_large,
            counts.without_frames,
            counts.late,
            counts.unrecorded
        );
    }
    lost == 0
}

/// Closes the outputs, adds to the summary what they have lost, prints the ledger and tells how it ended. `reads`: files were read, of which nothing is to be
/// lost on the way.
pub(super) fn close(
    options: &cli::Outputs,
    files: Files,
    mut outputs: Outputs,
    outcome: &Outcome,
    summary: &mut Summary,
    reads: bool,
) -> Ended {
    let mut ended = Ended::Done;
    for interrupted in &outcome.interrupted {
        eprintln!("bgptap: {interrupted}; what came before it was kept");
        ended = Ended::InPart;
    }
    outputs.conclude(summary);
    let for_nobody = outputs.are_for_nobody();
    for (output, left_out) in outputs.filtered().filter(|(_, left_out)| *left_out > 0) {
        eprintln!("bgptap: filters left out {left_out} events of {output}");
    }
    let until = match reads {
        true => Deadline::NEVER,
        false => Deadline::after(CLOSE_WITHIN),
    };
    if let Some(bmp) = &mut outputs.bmp {
        ended = ended.max(feeds::tell_lost(bmp, options));
    }
    outputs.begin_close(until);
    for closed in outputs.close_by(until) {
        let output = closed.output;
        if closed.lost_late > 0 {
            let (lost, seconds) = (closed.lost_late, CLOSE_WITHIN.as_secs());
            eprintln!(
                "bgptap: {output}: {lost} events dropped at the end: they were not written within {seconds} s"
            );
            ended = Ended::InPart;
        }
        if closed.error.is_none() && closed.lost_broken > 0 {
            let lost = closed.lost_broken;
            eprintln!("bgptap: writing {output} failed before: events lost: {lost}");
            ended = Ended::InPart;
        }
        if let Some(error) = closed.error
            // Whoever reads our output may stop reading: `| head` is no failure.
            && !(error.kind() == io::ErrorKind::BrokenPipe && is_on_stdout(options, output))
        {
            let lost = closed.lost_broken;
            eprintln!("bgptap: writing {output}: {error}; events lost: {lost}");
            ended = Ended::InPart;
        }
        if closed.lost_full > 0 {
            let lost = closed.lost_full;
            eprintln!("bgptap: the output {output} could not keep up: {lost} events dropped");
            if options.strict {
                ended = Ended::InPart;
            }
        }
    }
    if for_nobody && reads && ended == Ended::InPart {
        eprintln!("bgptap: no output was left, so not all was read");
    }
    #[cfg(feature = "kafka")]
    if kafka::tell(options, &outputs.kafka_delivered) && (options.strict || reads) {
        ended = Ended::InPart;
    }
    if let Some(bmp) = &mut outputs.bmp {
        ended = ended.max(feeds::close(bmp, until, options, reads));
    }
    if let Some(evidence) = &mut outputs.evidence {
        let counts = evidence.close_by(until);
        let failed = counts.late + counts.write_error > 0;
        if !tell_evidence(counts) && (options.strict || failed) {
            ended = Ended::InPart;
        }
    }
    summary.outputs = OutputLosses::of(&outputs.publish_last());
    eprintln!("{summary}");
    if options.strict && summary.has_losses() {
        eprintln!("bgptap: something was lost, and --strict was given");
        ended = Ended::InPart;
    }
    if let Some(usage) = outcome.ribs.as_ref().map(Ribs::usage)
        && usage.refused > 0
    {
        eprintln!(
            "bgptap: warning: {} routes found no room in {} MiB and are missing in their tables: set --rib-memory",
            usage.refused,
            usage.max >> 20
        );
        if options.strict {
            ended = Ended::InPart;
        }
    }
    let strays: u64 = summary.directions.iter().map(|d| d.tcp.out_of_window).sum();
    if strays > 0 {
        eprintln!(
            "bgptap: warning: {strays} segments lay far from where their streams stand; if several \
             VLANs carry sessions between the same addresses and ports, --key-vlan keeps them apart"
        );
    }
    if let (Some(path), Some(target)) = (&options.summary, files.summary)
        && let Err(error) = summary::write(target.into_writer(), summary, reads)
        && !(error.kind() == io::ErrorKind::BrokenPipe && path == Path::new("-"))
    {
        eprintln!("bgptap: {}", cannot_write(path, &error));
        ended = Ended::InPart;
    }
    ended
}

/// Whether an output, by its name in metrics, goes to standard output.
fn is_on_stdout(options: &cli::Outputs, output: &str) -> bool {
    let path = match output {
        "json" => options.json.as_deref(),
        "mrt" => options.files.mrt.as_deref(),
        "mrt_rib" => options.files.mrt_rib.as_deref(),
        // Unasked they go there.
        "text" => Some(options.text.text.as_deref().unwrap_or(Path::new("-"))),
        _ => None,
    };
    path == Some(Path::new("-"))
}
