//! What outputs have come to, and how they end.

use super::Outputs;
use crate::sink::deadline::Deadline;
use crate::sink::evidence::Evidence;
use crate::sink::metrics::{self, Snapshot};
use crate::sink::totals::Summary;
use crate::sink::writer::Writer;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// How an output has ended.
#[derive(Debug)]
pub struct Closed {
    /// Its name in metrics.
    pub output: &'static str,
    /// Events lost because its writer did not keep up.
    pub lost_full: u64,
    /// Events lost because writing failed.
    pub lost_broken: u64,
    /// Events lost because the end did not wait for the writer any longer.
    pub lost_late: u64,
    /// What failed first.
    pub error: Option<std::io::Error>,
}

impl Outputs {
    /// The time is `ns`: files whose period is over are finished.
    pub fn advance(&mut self, ns: u64) {
        self.writers_mut().for_each(|writer| writer.advance(ns));
        if let Some(evidence) = &mut self.evidence {
            evidence.tick(ns);
        }
        if let Some(stream) = &mut self.stream {
            stream.look_round();
        }
    }

    /// Hands over what has been encoded so far, to whom has nothing else to do.
    pub fn flush(&mut self) {
        self.writers_mut().for_each(Writer::offer);
        // Those who come and go while nothing is told would else be too many.
        if let Some(stream) = &mut self.stream {
            stream.look_round();
        }
        if let Some(bmp) = &mut self.bmp {
            bmp.flush();
        }
    }

    /// The names of the source's interfaces, for files that tell them.
    pub fn set_interfaces(&mut self, names: &[String]) {
        self.interfaces = names.to_owned();
        if let Some(evidence) = &mut self.evidence {
            evidence.set_interfaces(names);
        }
    }

    /// Adds what has become of evidence.
    pub fn describe_evidence(&self, snapshot: &mut Snapshot) {
        snapshot.evidence = self.evidence.as_ref().map(Evidence::counts);
        let Some((evidence, counts)) = self.evidence.as_ref().zip(snapshot.evidence) else {
            return;
        };
        snapshot.outputs.push(metrics::Output {
            name: "evidence",
            dropped: vec![
                ("queue_full", counts.queue_full),
                ("write_error", counts.write_error),
                ("too_large", counts.too_large),
                ("without_frames", counts.without_frames),
                ("frames_unrecorded", counts.unrecorded),
                ("late", counts.late),
            ],
            queue: evidence.queue_ratio(),
        });
    }

    /// Events that the filters of each output have left out.
    pub fn filtered(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let json = self.json.iter().map(|json| ("json", &json.selection));
        let kafka = self.kafka.iter().map(|kafka| ("kafka", &kafka.selection));
        let mrt = self.mrt.iter().map(|mrt| ("mrt", &mrt.selection));
        let stream = self.stream.iter();
        let stream = stream.map(|stream| ("events", &stream.selection));
        let evidence = self.evidence.iter();
        let evidence = evidence.map(|evidence| ("evidence", &evidence.selection));
        let tables = self.tables.iter();
        let tables = tables.map(|tables| ("mrt_rib", &tables.selection));
        let all = json.chain(kafka).chain(mrt).chain(tables).chain(stream);
        let text = self.text.iter().map(|text| ("text", &text.selection));
        let all = all.chain(evidence).chain(text);
        let bmp = self.bmp.iter().flat_map(|bmp| bmp.filtered());
        all.map(|(name, selection)| (name, selection.left_out()))
            .chain(bmp)
    }

    /// There were outputs, and none of them has anybody left to write for.
    #[must_use]
    pub fn are_for_nobody(&self) -> bool {
        if self.summarised || self.stream.is_some() || self.evidence.is_some() {
            return false;
        }
        let writers = self.writers().map(|(_, writer)| writer.is_broken());
        let bmp = self.bmp.iter().flat_map(|bmp| bmp.are_broken());
        let mut broken = writers.chain(bmp).peekable();
        broken.peek().is_some() && broken.all(|broken| broken)
    }

    /// What each output that can lose events has come to: one by that name, whatever it was before a reload.
    pub fn status(&self) -> Vec<metrics::Output> {
        let slow = self.stream.as_ref();
        let slow = slow.map(|stream| ("slow_listener", stream.slow()));
        let undelivered = self.kafka_delivered.failed.load(Relaxed);
        let bmp = self.bmp.iter().flat_map(|bmp| bmp.figures());
        let writers = self.with_former().map(move |(name, writer, lost)| {
            let mut dropped = vec![
                ("queue_full", lost.full),
                ("write_error", lost.broken),
                ("late", lost.late),
            ];
            dropped.extend(slow.filter(|_| name == "events"));
            if name == "kafka" {
                dropped.push(("undelivered", undelivered));
            }
            metrics::Output {
                name,
                dropped,
                queue: writer.map_or(0.0, Writer::queue_ratio),
            }
        });
        let mut outputs: Vec<metrics::Output> = Vec::new();
        for output in writers.chain(bmp) {
            match outputs.iter_mut().find(|other| other.name == output.name) {
                Some(same) => same.add(output),
                None => outputs.push(output),
            }
        }
        outputs
    }

    /// Has metrics tell what all of them have come to in the end, when no worker does that any more; what that is.
    pub fn publish_last(&self) -> Vec<metrics::Output> {
        let mut snapshot = self.metrics.snapshot();
        snapshot.outputs = self.status();
        self.describe_evidence(&mut snapshot);
        self.metrics.publish(&snapshot);
        snapshot.outputs
    }

    /// Outputs by name, also those that there were: their writer, if they have one, and all that they have lost.
    fn with_former(&self) -> impl Iterator<Item = (&'static str, Option<&Writer>, Lost)> {
        let now = self.writers().map(|(name, writer)| (name, Some(writer)));
        let is_there = |name| self.writers().any(|(there, _)| there == name);
        let gone = self.former.keys().filter(move |name| !is_there(**name));
        let all = now.chain(gone.map(|name| (*name, None)));
        all.map(|(name, writer)| {
            let former = self.former.get(name).into_iter().flatten();
            let all = former.cloned().chain(writer.map(Writer::losses));
            let lost = all.fold(Lost::default(), |lost, more| Lost {
                full: lost.full + more.full(),
                broken: lost.broken + more.broken(),
                late: lost.late + more.late(),
            });
            (name, writer, lost)
        })
    }

    /// Writers of outputs, with the names of these in metrics.
    fn writers(&self) -> impl Iterator<Item = (&'static str, &Writer)> {
        let json = self.json.iter().map(|json| ("json", &json.writer));
        let tables = self.tables.iter().map(|tables| ("mrt_rib", &tables.writer));
        let stream = self.stream.iter().map(|stream| ("events", &stream.writer));
        let mrt = self.mrt.iter().map(|mrt| ("mrt", &mrt.writer));
        let kafka = self.kafka.iter().map(|kafka| ("kafka", &kafka.writer));
        let text = self.text.iter().map(|text| ("text", &text.writer));
        let lines = json.chain(kafka).chain(text);
        lines.chain(mrt).chain(tables).chain(stream)
    }

    /// The same, to be written to or closed.
    fn writers_mut(&mut self) -> impl Iterator<Item = &mut Writer> {
        let json = self.json.iter_mut().map(|json| &mut json.writer);
        let tables = self.tables.iter_mut().map(|tables| &mut tables.writer);
        let stream = self.stream.iter_mut().map(|stream| &mut stream.writer);
        let mrt = self.mrt.iter_mut().map(|mrt| &mut mrt.writer);
        let kafka = self.kafka.iter_mut().map(|kafka| &mut kafka.writer);
        let text = self.text.iter_mut().map(|text| &mut text.writer);
        let lines = json.chain(kafka).chain(text);
        lines.chain(mrt).chain(tables).chain(stream)
    }

    /// Ends the lines for people, if there are any, with the table of sessions.
    pub fn conclude(&mut self, summary: &Summary) {
        let Some(text) = &mut self.text else { return };
        // Not the time of an event: it names a file only if there was none.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let lines = &mut text.lines;
        text.writer.event(now, |out| lines.closing(out, summary));
    }

    /// Has all outputs write out what they have, at once: none waits for another.
    pub fn begin_close(&mut self, until: Deadline) {
        self.writers_mut().for_each(Writer::begin_close);
        if let Some(bmp) = &mut self.bmp {
            bmp.begin_close();
        }
        if let Some(evidence) = &mut self.evidence {
            evidence.begin_close(until);
        }
    }

    /// Writes out everything, however long that takes, as [`Self::close_by`].
    pub fn close(&mut self) -> Vec<Closed> {
        self.begin_close(Deadline::NEVER);
        self.close_by(Deadline::NEVER)
    }

    /// Waits until that is done, or it is too late: what each output that has a writer lost, and what failed.
    pub fn close_by(&mut self, until: Deadline) -> Vec<Closed> {
        let writers = self.writers_mut();
        let failed: Vec<_> = writers.map(|writer| writer.close_by(until).err()).collect();
        self.finish_former(until);
        // Those that there were come last, and were closed before.
        let failed = failed.into_iter().chain(std::iter::repeat_with(|| None));
        let closed = self.with_former().zip(failed);
        closed
            .map(|((output, _, lost), error)| Closed {
                output,
                lost_full: lost.full,
                lost_broken: lost.broken,
                lost_late: lost.late,
                error,
            })
            .collect()
    }
}

/// Events that an output has lost.
#[derive(Clone, Copy, Default)]
struct Lost {
    /// Since its writer did not keep up.
    full: u64,
    /// Since writing failed.
    broken: u64,
    /// Since nobody waited any longer.
    late: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Selection;
    use crate::sink::deadline::Hangs;
    use crate::sink::json::Format;
    use crate::sink::outputs::JsonLines;
    use crate::sink::writer::WhenFull;
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    #[test]
    fn what_the_end_does_not_wait_for_is_counted_by_metrics() {
        let metrics = Arc::<metrics::Metrics>::default();
        let mut outputs = Outputs::new(Arc::clone(&metrics), None, "h".into());
        let (open, gate) = mpsc::channel();
        outputs.json = Some(JsonLines {
            writer: Writer::start(Hangs(gate), WhenFull::Drop, 4).expect("a thread"),
            raw: false,
            format: Format::Ris,
            selection: Selection::default(),
        });
        let json = outputs.json.as_mut().expect("there");
        (0..3).for_each(|_| json.writer.event(0, |out| out.extend(b"{}\n")));
        let closed = outputs.close_by(Deadline::after(Duration::from_millis(20)));
        assert_eq!(closed.first().expect("one").lost_late, 3);
        outputs.publish_last();
        let told = metrics.snapshot().outputs;
        assert_eq!((told.len(), told[0].name), (1, "json"));
        let dropped = [("queue_full", 0), ("write_error", 0), ("late", 3)];
        assert_eq!(told[0].dropped, dropped);
        drop(open);
    }
}
