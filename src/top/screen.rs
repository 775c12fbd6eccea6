//! The terminal: taken, drawn on, and given back however it ends.

use super::app::{App, Next};
use super::feed::{self, News};
use super::source::Source;
use super::view;
use crossterm::event::{self, Event, KeyEventKind};
use ratatui::DefaultTerminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::SIGTSTP;
use std::io::{self, IsTerminal};
use std::panic;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long keys are waited for before news are looked at.
const TICK: Duration = Duration::from_millis(100);
/// News that are taken before the screen is drawn again.
const NEWS_MAX: usize = 256;

/// A thread has panicked: the terminal was given back, to show why.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Whether there is a terminal to read keys from and to draw on.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Shows `source` until somebody quits, `stop` is raised, or the terminal goes.
///
/// # Errors
/// The terminal cannot be used.
pub fn show(source: &Arc<dyn Source>, interval: Duration, stop: &AtomicBool) -> io::Result<()> {
    let news = feed::start(source, interval);
    let mut app = App::new(source.name());
    run(&mut app, &news, None, stop)
}

/// The screen of this process' own capture, on a thread of its own. It ends when dropped.
pub struct Screen {
    thread: Option<JoinHandle<io::Result<()>>>,
    stop: Arc<AtomicBool>,
}

impl Screen {
    /// Shows `source`, and what comes from `notices`. Whoever quits raises `stop`, which ends the capture.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        source: Arc<dyn Source>,
        interval: Duration,
        notices: Receiver<String>,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let ended = Arc::clone(stop);
        let thread = std::thread::Builder::new().name("screen".into());
        let thread = thread.spawn(move || {
            let _raise = Raise(Arc::clone(&ended));
            let news = feed::start(&source, interval);
            let mut app = App::new(source.name());
            run(&mut app, &news, Some(&notices), &ended)
        })?;
        Ok(Self {
            thread: Some(thread),
            stop: Arc::clone(stop),
        })
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// Why it could not be drawn on.
    pub fn end(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.stop.store(true, Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            // A panic over there has been reported by its own thread.
            Some(Err(_)) | None => Ok(()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// Raises a flag when dropped, also by a panic.
struct Raise(Arc<AtomicBool>);

impl Drop for Raise {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// The terminal, until this is dropped.
struct Taken(DefaultTerminal);

impl Taken {
    fn take() -> io::Result<Self> {
        // This also has a panic give the terminal back before it is told.
        let terminal = ratatui::try_init()?;
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                PANICKED.store(true, Relaxed);
                before(panic);
            }));
        });
        Ok(Self(terminal))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !PANICKED.load(Relaxed) {
            // A terminal that is gone cannot be given back.
            let _ = ratatui::try_restore();
        }
    }
}

/// Whether the other end of the terminal was closed: then reading from it returns at once, and with nothing, for ever.
///
/// SIGHUP tells it too, but not those that ignore it (nohup(1)) or take it for another word.
fn has_hung_up() -> io::Result<bool> {
    let stdin = io::stdin();
    let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
    match poll(&mut terminal, Some(&Timespec::default())) {
        Ok(_) => Ok(terminal[0]
            .revents()
            .intersects(PollFlags::HUP | PollFlags::ERR)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn run(
    app: &mut App,
    news: &Receiver<News>,
    notices: Option<&Receiver<String>>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut screen = Taken::take()?;
    let mut changed = true;
    while !stop.load(Relaxed) && !PANICKED.load(Relaxed) && !has_hung_up()? {
        for told in news.try_iter().take(NEWS_MAX) {
            app.take(told);
            changed = true;
        }
        for notice in notices.into_iter().flat_map(Receiver::try_iter) {
            app.notice(notice);
            changed = true;
        }
        if std::mem::take(&mut changed) {
            screen.0.draw(|frame| view::draw(frame, app))?;
        }
        if !event::poll(TICK)? {
            continue;
        }
        changed = true;
        let next = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => app.key(key),
            _ => Next::Go,
        };
        match next {
            Next::Go => {}
            Next::Quit => break,
            // The process that captures must not stand still.
            Next::Suspend if notices.is_some() => {}
            Next::Suspend => {
                drop(screen);
                signal_hook::low_level::emulate_default_handler(SIGTSTP)?;
                screen = Taken::take()?;
            }
        }
    }
    Ok(())
}
