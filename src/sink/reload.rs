//! How outputs change while frames are captured: what is new comes through a queue, and what it
//! replaces goes back through another, to be closed by a thread that may wait for it.

use super::writer::Writer;
use crate::filter::Selection;
use crossbeam_queue::ArrayQueue;

/// What outputs are to do from now on.
pub struct News {
    /// Which events the JSON lines are told.
    pub selection: Selection,
    /// With the bytes of each message.
    pub raw: bool,
    /// Where they go.
    pub json: NewJson,
}

/// Where JSON lines go.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum NewJson {
    /// Where they went before.
    Same,
    /// Somewhere else, or nowhere.
    Other(Option<Writer>),
}

/// Between the worker and whoever configures it.
pub struct Exchange {
    /// For the worker.
    pub news: ArrayQueue<News>,
    retired: ArrayQueue<Option<Writer>>,
}

impl Exchange {
    /// An exchange with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self {
            news: ArrayQueue::new(1),
            retired: ArrayQueue::new(1),
        }
    }

    /// The worker has taken over; what it does not need any more.
    pub(super) fn done(&self, retired: Option<Writer>) {
        // There is room: the next news are sent only when this was taken.
        let _ = self.retired.push(retired);
    }

    /// Whether the worker has taken over, and what is to be closed then.
    #[must_use]
    pub fn retired(&self) -> Option<Option<Writer>> {
        self.retired.pop()
    }
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}
