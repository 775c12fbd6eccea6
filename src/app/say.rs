//! What is told on standard error; while a screen covers that, it is told on the screen, and afterwards again.

use std::collections::VecDeque;
use std::fmt::Arguments;
use std::io::Write;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that are kept to be repeated; of more, the last ones.
const KEPT: usize = 256;

/// The screen over standard error. There is one of either in a process, whichever thread speaks.
static COVER: Mutex<Option<Cover>> = Mutex::new(None);

struct Cover {
    screen: Sender<String>,
    told: VecDeque<String>,
}

impl Cover {
    #[cfg(any(all(feature = "capture", feature = "top"), test))]
    fn new(screen: Sender<String>) -> Self {
        Self {
            screen,
            told: VecDeque::new(),
        }
    }

    fn tell(&mut self, line: String) {
        // On the screen it is clear who speaks. It may be over already: then the line is repeated only.
        let short = line.strip_prefix("bgptap: ").unwrap_or(&line);
        let short = short.strip_prefix("warning: ").unwrap_or(short);
        let _ = self.screen.send(short.to_owned());
        if self.told.len() == KEPT {
            self.told.pop_front();
        }
        self.told.push_back(line);
    }
}

fn cover() -> MutexGuard<'static, Option<Cover>> {
    COVER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells a line. Where nobody reads standard error any more, work goes on: a monitor does not end because the
/// `head` that watched its start has.
pub(super) fn say(line: Arguments<'_>) {
    match &mut *cover() {
        Some(cover) => cover.tell(line.to_string()),
        None => {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// From now on lines go to a screen.
#[cfg(all(feature = "capture", feature = "top"))]
pub(super) fn cover_by(screen: Sender<String>) {
    *cover() = Some(Cover::new(screen));
}

/// The screen is over: what was told there is told again.
#[cfg(all(feature = "capture", feature = "top"))]
pub(super) fn uncover() {
    let told = cover().take().map(|cover| cover.told);
    for line in told.into_iter().flatten() {
        say(format_args!("{line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_screen_is_told_all_and_the_last_lines_are_kept() {
        let (screen, lines) = channel();
        let mut cover = Cover::new(screen);
        cover.tell("bgptap: warning: first".into());
        cover.tell("bgptap: second".into());
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(cover.told, ["bgptap: warning: first", "bgptap: second"]);
        drop(lines);
        for number in 0..KEPT {
            cover.tell(number.to_string());
        }
        assert_eq!((cover.told.len(), cover.told[0].as_str()), (KEPT, "0"));
    }
}
