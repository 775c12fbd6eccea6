//! This very process, asked without a detour over the network, which it may not have.

use super::source::{Events, Source, Trouble};
use crate::filter::Selection;
use crate::http::{Desk, Question, Status};
use crate::sink::stream::Hub;
use bytes::Bytes;
use tokio::sync::mpsc;

/// The capture of this process.
pub struct Local {
    /// Questions to the worker.
    pub desk: Desk,
    /// Events.
    pub hub: Hub,
    /// What the metrics tell.
    pub status: Status,
}

impl Source for Local {
    fn name(&self) -> String {
        "live".into()
    }

    fn status(&self) -> Result<Vec<u8>, Trouble> {
        let told = self.status.tell(0, 0);
        told.map_err(|error| Trouble::Stranger(error.to_string()))
    }

    fn sessions(&self, from: usize, limit: usize) -> Result<Vec<u8>, Trouble> {
        let busy = || Trouble::Busy("the worker has no time to answer".into());
        let answer = self.desk.ask(Question::Sessions { from, limit });
        let answer = answer.ok_or_else(busy)?.blocking_recv();
        answer.ok().flatten().ok_or_else(busy)
    }

    fn events(&self) -> Result<Box<dyn Events>, Trouble> {
        let listener = self.hub.listen(Selection::default());
        let listener = listener.ok_or_else(|| Trouble::Busy("too many listeners".into()))?;
        Ok(Box::new(Chunks(listener)))
    }
}

struct Chunks(mpsc::Receiver<Bytes>);

impl Events for Chunks {
    fn next(&mut self) -> Option<Vec<u8>> {
        self.0.blocking_recv().map(|lines| lines.to_vec())
    }
}
