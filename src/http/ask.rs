//! Questions to the worker, and how they get there.

use crate::bgp::Prefix;
use crossbeam_queue::ArrayQueue;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Questions that may wait.
const WAITING_MAX: usize = 16;
/// Sessions or routes that one answer tells at most.
pub const PAGE_MAX: usize = 1000;
/// Places of a table that are looked at for one answer.
pub const PLACES_MAX: usize = 65_536;

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The sessions from a place on.
    Sessions {
        /// 0, or `next` of the answer before.
        from: usize,
        /// So many of them.
        limit: usize,
    },
    /// Tables of a session, and routes in them.
    Rib(RibQuestion),
}

/// Which tables, and which of their routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RibQuestion {
    /// The session's identifier.
    pub session: u64,
    /// What this side has told; else both.
    pub peer: Option<IpAddr>,
    /// AFI, else all.
    pub afi: Option<u16>,
    /// SAFI, else all.
    pub safi: Option<u8>,
    /// The routes to this prefix, or to the longest one that covers it.
    pub prefix: Option<Prefix>,
    /// Only the prefix itself will do.
    pub exact: bool,
    /// 0, or `next` of the answer before.
    pub from: usize,
    /// So many routes.
    pub limit: usize,
}

/// A JSON object; `None` if there is no such session.
pub type Answer = Option<Vec<u8>>;

/// A question, and where its answer goes.
pub struct Asked {
    /// What is asked.
    pub question: Question,
    /// Who waits.
    pub reply: oneshot::Sender<Answer>,
}

/// Where questions wait for the worker.
#[derive(Clone)]
pub struct Desk(Arc<ArrayQueue<Asked>>);

impl Default for Desk {
    fn default() -> Self {
        Self(Arc::new(ArrayQueue::new(WAITING_MAX)))
    }
}

impl Desk {
    /// Puts a question; `None` if too many wait already.
    pub fn ask(&self, question: Question) -> Option<oneshot::Receiver<Answer>> {
        let (reply, answer) = oneshot::channel();
        self.0.push(Asked { question, reply }).ok()?;
        Some(answer)
    }

    /// The next question whose answer is still waited for.
    #[must_use]
    pub fn next(&self) -> Option<Asked> {
        std::iter::from_fn(|| self.0.pop()).find(|asked| !asked.reply.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_questions_wait_and_no_more() {
        let desk = Desk::default();
        let question = Question::Sessions { from: 0, limit: 1 };
        let ask = || desk.ask(question.clone());
        let mut waiting: Vec<_> = (0..WAITING_MAX).map(|_| ask().expect("room")).collect();
        assert!(ask().is_none());
        // Whoever has gone is passed over.
        drop(waiting.remove(0));
        let asked = desk.next().expect("fifteen are left");
        assert!(asked.reply.send(Some(vec![7])).is_ok());
        let answer = waiting[0].try_recv().expect("the first of those who wait");
        assert_eq!(answer, Some(vec![7]));
        assert_eq!(std::iter::from_fn(|| desk.next()).count(), WAITING_MAX - 2);
    }
}
