//! The threads that ask: figures at regular times, events as they come.

use super::model::{Page, Session, Status};
use super::source::{Source, Trouble};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Sessions of one answer: so few that the worker is not held up for long.
const PAGE: usize = 100;
/// Sessions that are shown at most.
const SESSIONS_MAX: usize = 20_000;
/// News that wait for the screen. Who does not read them in time is dropped by the instance, and told.
const NEWS_MAX: usize = 256;
/// Time between attempts to listen.
const RETRY: Duration = Duration::from_secs(1);

/// What the threads tell the screen.
pub enum News {
    /// How all is.
    Figures(Box<Figures>),
    /// Lines of events.
    Events(Vec<u8>),
    /// There was no answer.
    Trouble(Trouble),
    /// The stream of events ended: what comes until it begins anew is not shown.
    Missed,
}

/// How all is at a time.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Of the instance.
    pub status: Status,
    /// All sessions.
    pub sessions: Vec<Session>,
    /// When, in seconds of a clock that does not jump.
    pub at: f64,
}

/// Asks once for all figures.
///
/// # Errors
/// There is no answer, or none that can be read.
pub fn ask(source: &dyn Source, begin: Instant) -> Result<Figures, Trouble> {
    let status: Status = read(&source.status()?)?;
    let at = begin.elapsed().as_secs_f64();
    let (mut sessions, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from.filter(|_| sessions.len() < SESSIONS_MAX) {
        let page: Page = read(&source.sessions(place, PAGE)?)?;
        sessions.extend(page.sessions);
        // A place that does not move on would be asked for for ever.
        from = page.next.filter(|next| *next > place);
    }
    Ok(Figures {
        status,
        sessions,
        at,
    })
}

fn read<'a, T: serde::Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(answer)
        .map_err(|error| Trouble::Stranger(format!("what it answers is not understood: {error}")))
}

/// Starts both threads. They end when nobody takes their news any more.
#[must_use]
pub fn start(source: &Arc<dyn Source>, interval: Duration) -> Receiver<News> {
    let (sender, receiver) = sync_channel(NEWS_MAX);
    let (asking, news) = (Arc::clone(source), sender.clone());
    thread::spawn(move || ask_again_and_again(&*asking, interval, &news));
    let listening = Arc::clone(source);
    thread::spawn(move || listen(&*listening, &sender));
    receiver
}

fn ask_again_and_again(source: &dyn Source, interval: Duration, news: &SyncSender<News>) {
    let begin = Instant::now();
    loop {
        let due = Instant::now() + interval;
        let told = match ask(source, begin) {
            Ok(figures) => News::Figures(Box::new(figures)),
            Err(trouble) => News::Trouble(trouble),
        };
        if news.send(told).is_err() {
            return;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn listen(source: &dyn Source, news: &SyncSender<News>) {
    loop {
        // Trouble is told by the other thread.
        if let Ok(mut events) = source.events() {
            while let Some(lines) = events.next() {
                if news.send(News::Events(lines)).is_err() {
                    return;
                }
            }
            if news.send(News::Missed).is_err() {
                return;
            }
        }
        thread::sleep(RETRY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::source::Events;

    /// Two hundred and fifty sessions.
    struct Many;

    impl Source for Many {
        fn name(&self) -> String {
            "many".into()
        }

        fn status(&self) -> Result<Vec<u8>, Trouble> {
            Ok(br#"{"host":"h","later":[1]}"#.to_vec())
        }

        fn sessions(&self, from: usize, limit: usize) -> Result<Vec<u8>, Trouble> {
            let to = (from + limit).min(250);
            let list: Vec<_> = (from..to)
                .map(|id| format!(r#"{{"session":"{id}"}}"#))
                .collect();
            let next = (to < 250).then(|| format!(",\"next\":{to}"));
            let (list, next) = (list.join(","), next.unwrap_or_default());
            Ok(format!("{{\"sessions\":[{list}]{next}}}").into_bytes())
        }

        fn events(&self) -> Result<Box<dyn Events>, Trouble> {
            Err(Trouble::Busy(String::new()))
        }
    }

    #[test]
    fn all_pages_are_asked_for() {
        let figures = ask(&Many, Instant::now()).expect("an answer");
        assert_eq!(figures.status.host, "h");
        let ids: Vec<_> = figures.sessions.iter().map(|s| s.session.clone()).collect();
        let expected: Vec<_> = (0..250).map(|id| id.to_string()).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn an_answer_of_somebody_else_is_told_apart() {
        let trouble = read::<Status>(b"<html>").expect_err("no JSON");
        assert!(matches!(trouble, Trouble::Stranger(_)), "{trouble}");
    }
}
