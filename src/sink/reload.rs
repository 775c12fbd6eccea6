//! How outputs change while frames are captured: what is new comes through a queue, and what it
//! replaces goes back through another, to be closed by a thread that may wait for it.

use super::bmp::{Carrier, Wanted};
use super::deadline::Deadline;
use super::evidence::Evidence;
use super::mrt::TableDumps;
use super::outputs::{JsonLines, MrtRecords, Outputs};
use super::text::TextLines;
use super::writer::Writer;
use crate::filter::Selection;
use crossbeam_queue::ArrayQueue;
use std::io;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What outputs are to do from now on.
pub struct News {
    /// With the bytes of each message.
    pub raw: bool,
    /// Which events each output gets, whether it is new or not.
    pub selections: Selections,
    /// JSON lines.
    pub json: Change<JsonLines>,
    /// BGP4MP records.
    pub mrt: Change<MrtRecords>,
    /// Snapshots of tables.
    pub tables: Change<TableDumps>,
    /// How often these are taken, nanoseconds.
    pub tables_every: Option<NonZeroU64>,
    /// Frames around what went wrong.
    pub evidence: Change<Evidence>,
    /// JSON lines to Kafka.
    pub kafka: Change<JsonLines>,
    /// Lines for people.
    pub text: Change<TextLines>,
    /// Listeners of BMP: who is not among them hears no more.
    pub feeds: Vec<Wanted>,
}

/// Which events each output gets.
#[derive(Default)]
pub struct Selections {
    /// JSON lines.
    pub json: Selection,
    /// BGP4MP records.
    pub mrt: Selection,
    /// Snapshots of tables.
    pub tables: Selection,
    /// JSON lines to Kafka.
    pub kafka: Selection,
    /// Lines for people.
    pub text: Selection,
    /// Whoever listens over HTTP.
    pub stream: Selection,
    /// What calls for evidence.
    pub evidence: Selection,
}

/// What becomes of an output.
#[derive(Default)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Change<T> {
    /// It goes on.
    #[default]
    Same,
    /// Another takes its place, or none.
    Other(Option<T>),
}

impl<T> Change<T> {
    /// The same for what is made of it.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Same => Change::Same,
            Self::Other(new) => Change::Other(new.map(make)),
        }
    }

    /// Another one is there from now on.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::Other(Some(_)))
    }

    fn apply(self, slot: &mut Option<T>) -> Option<T> {
        match self {
            Self::Same => None,
            Self::Other(new) => std::mem::replace(slot, new),
        }
    }
}

/// What is to be closed.
#[derive(Default)]
pub struct Retired {
    /// Writers, by the names of their outputs in metrics.
    pub writers: Vec<(&'static str, Writer)>,
    /// What collected evidence.
    pub evidence: Option<Evidence>,
    /// What carried BMP.
    pub carriers: Vec<Box<dyn Carrier>>,
}

/// Between the worker and whoever configures it.
pub struct Exchange {
    /// For the worker.
    pub news: ArrayQueue<News>,
    retired: ArrayQueue<Retired>,
    /// Threads that close what was retired, which may take them long.
    closers: Mutex<Vec<JoinHandle<()>>>,
}

impl Exchange {
    /// An exchange with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            news: ArrayQueue::new(1),
            retired: ArrayQueue::new(1),
            closers: Mutex::default(),
        }
    }

    /// Has what was retired closed by `close` on a thread of its own: nobody waits for that but the end.
    ///
    /// # Errors
    /// No thread could be started: it is closed without a word.
    pub fn close_by(
        &self,
        retired: Retired,
        close: impl FnOnce(Retired) + Send + 'static,
    ) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("retired".into());
        let thread = thread.spawn(move || close(retired))?;
        let mut closers = self.closers.lock().unwrap_or_else(PoisonError::into_inner);
        closers.retain(|closer| !closer.is_finished());
        closers.push(thread);
        Ok(())
    }

    /// Waits until all that was retired is closed, or it is too late.
    pub fn finish(&self, until: Deadline) {
        let mut closers = self.closers.lock().unwrap_or_else(PoisonError::into_inner);
        for closer in closers.drain(..) {
            // It says itself what went wrong.
            let _ = until.join(closer);
        }
    }

    /// Whether the worker has taken over, and what is to be closed then.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.retired.pop()
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

/// The worker's end.
pub(super) struct Reload {
    exchange: Arc<Exchange>,
    /// What has to wait until a snapshot is complete.
    waiting: Option<News>,
}

/// An output whose events are selected.
trait Selecting {
    fn selection(&mut self) -> &mut Selection;

    /// Counts on from where the one before it has stopped.
    fn inherit(&mut self, mut before: Option<&mut Self>, selection: Selection) {
        let own = self.selection();
        if let Some(before) = &mut before {
            own.clone_from(before.selection());
        }
        own.replace(selection);
    }
}

impl Selecting for JsonLines {
    fn selection(&mut self) -> &mut Selection {
        &mut self.selection
    }
}

impl Selecting for MrtRecords {
    fn selection(&mut self) -> &mut Selection {
        &mut self.selection
    }
}

impl Selecting for TextLines {
    fn selection(&mut self) -> &mut Selection {
        &mut self.selection
    }
}

impl Selecting for TableDumps {
    fn selection(&mut self) -> &mut Selection {
        &mut self.selection
    }
}

/// Puts a new output in the place of one, or goes on with that; what is to be closed.
fn change<T: Selecting>(
    slot: &mut Option<T>,
    change: Change<T>,
    selection: Selection,
) -> Option<T> {
    let mut before = change.apply(slot);
    if let Some(now) = slot {
        now.inherit(before.as_mut(), selection);
    }
    before
}

impl Outputs {
    /// Waits until outputs of former configurations are closed; what they have not done in time is lost.
    pub(super) fn finish_former(&self, until: Deadline) {
        if let Some(reload) = &self.reload {
            reload.exchange.finish(until);
        }
        self.former.values().flatten().for_each(|it| it.give_up());
    }

    /// Changes come by this exchange from now on.
    pub fn reload_by(&mut self, exchange: Arc<Exchange>) {
        self.reload = Some(Reload {
            exchange,
            waiting: None,
        });
    }

    /// Goes on with what was configured anew, if anything was: between two batches of frames, so that
    /// no event is lost or told twice.
    pub fn take_over(&mut self) {
        let Some(reload) = &mut self.reload else {
            return;
        };
        let Some(news) = reload.waiting.take().or_else(|| reload.exchange.news.pop()) else {
            return;
        };
        let busy = self.tables.as_ref().is_some_and(TableDumps::is_busy);
        if busy && matches!(news.tables, Change::Other(_)) {
            // Half a snapshot would look like a whole one.
            reload.waiting = Some(news);
            return;
        }
        let exchange = Arc::clone(&reload.exchange);
        let retired = self.apply(news);
        // There is room: the next news are sent only when this was taken.
        let _ = exchange.retired.push(retired);
    }

    fn apply(&mut self, news: News) -> Retired {
        let selections = news.selections;
        let mut retired = Retired::default();
        let json = change(&mut self.json, news.json, selections.json);
        let mrt = change(&mut self.mrt, news.mrt, selections.mrt);
        let kafka = change(&mut self.kafka, news.kafka, selections.kafka);
        let mut text = change(&mut self.text, news.text, selections.text);
        if let (Some(now), Some(before)) = (&mut self.text, &mut text) {
            now.lines.inherit(&mut before.lines);
        }
        let tables = change(&mut self.tables, news.tables, selections.tables);
        if let Some(now) = &mut self.tables {
            now.set_interval(news.tables_every);
        }
        let writers = &mut retired.writers;
        writers.extend(json.map(|json| ("json", json.writer)));
        writers.extend(mrt.map(|mrt| ("mrt", mrt.writer)));
        writers.extend(tables.map(|tables| ("mrt_rib", tables.writer)));
        writers.extend(kafka.map(|kafka| ("kafka", kafka.writer)));
        writers.extend(text.map(|text| ("text", text.writer)));
        for (output, writer) in writers {
            let former = self.former.entry(output).or_default();
            former.push(writer.losses());
        }
        for json in self.json.iter_mut().chain(&mut self.kafka) {
            json.raw = news.raw;
        }
        if let Some(stream) = &mut self.stream {
            stream.raw = news.raw;
            stream.selection.replace(selections.stream);
        }
        retired.evidence = news.evidence.apply(&mut self.evidence);
        if let Some(now) = &mut self.evidence {
            now.set_interfaces(&self.interfaces);
            if let Some(before) = &retired.evidence {
                now.inherit(before);
            }
            now.selection.replace(selections.evidence);
        }
        if let Some(bmp) = &mut self.bmp {
            retired.carriers = bmp.change(news.feeds);
        }
        retired
    }
}
