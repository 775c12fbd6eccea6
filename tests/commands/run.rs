//! Commands, run as printed: by bash, in a terminal.

use crate::pages::Block;
use crate::pty::Pty;
use crate::view::{UPDATES, View};

/// What is not run here, by how it begins, and why.
pub const ELSEWHERE: [(&str, &str); 5] = [
    ("./scripts/demo", "scripts/test runs it"),
    ("./scripts/test", "it runs this"),
    ("scripts/lab ", "tests/lab.rs runs its commands"),
    ("kill -INT $!", "ends what ran in the lab"),
    ("BGPTAP_FIGURES=write cargo ", "builds everything"),
];

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By itself.
    Ends,
    /// When it is interrupted: it captures.
    Captures,
    /// When `q` is typed.
    IsAScreen,
    /// When it is interrupted, and is no program of ours: it shows events as they come.
    Listens,
    /// When it has seen frames enough, and is no program of ours.
    Sniffs,
}

impl Way {
    fn of(command: &str) -> Self {
        let mut words = without_priority(command).split_whitespace();
        match (words.next(), words.next()) {
            (Some("bgptap"), Some("top")) => Self::IsAScreen,
            (Some("bgptap"), Some("live")) if has(command, "--top") => Self::IsAScreen,
            (Some("bgptap"), Some("live")) => Self::Captures,
            (Some("curl"), _) if command.contains("/events") => Self::Listens,
            (Some("tcpdump"), _) => Self::Sniffs,
            _ => Self::Ends,
        }
    }

    /// Whether it asks a capture with `--http`, which it does not start itself.
    fn asks(self, command: &str) -> bool {
        self == Self::Listens || command.starts_with("bgptap top")
    }
}

/// A command without the priority that it is given.
fn without_priority(command: &str) -> &str {
    command.strip_prefix("chrt --rr 1 ").unwrap_or(command)
}

/// Whether a word stands in front of the command's comment.
fn has(command: &str, word: &str) -> bool {
    let (command, _) = command.split_once(" #").unwrap_or((command, ""));
    command.split_whitespace().any(|w| w == word)
}

/// The interface that a capture is told, by itself or by the configuration.
fn interface(command: &str) -> &str {
    let mut words = command.split_whitespace();
    words.by_ref().find(|word| *word == "-i");
    words.next().unwrap_or("eth1")
}

/// A command in a terminal of its own.
struct Running {
    command: String,
    pty: Pty,
}

impl Running {
    fn start(view: &View, command: &str) -> Self {
        let mut words = view.entered();
        words.extend(["bash", "-c", command].map(str::to_owned));
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Self {
            command: command.to_owned(),
            pty: Pty::start(&words, 100, 250),
        }
    }

    /// A capture that has begun.
    fn capture(view: &View, command: &str) -> Self {
        let running = Self::start(view, command);
        running.pty.shows("bgptap: metrics at");
        running
    }

    /// Types keys, if any; the command ends well by that.
    fn end(mut self, keys: &str) -> Pty {
        self.pty.keys(keys);
        let status = self.pty.ended();
        let said = self.pty.text();
        assert!(status.success(), "{status}: {}\n{said}", self.command);
        self.pty
    }
}

const CTRL_C: &str = "\x03";
/// What a capture says in the end that has accounted for everything.
const WHOLE: &str = "unaccounted frames 0, bytes 0";

/// Runs a block's commands, in their order.
pub fn run(block: &Block) {
    let all = block.commands();
    let is_here = |command: &&String| {
        !ELSEWHERE
            .iter()
            .any(|(begin, _)| command.starts_with(begin))
    };
    let commands: Vec<_> = all.iter().filter(is_here).cloned().collect();
    if commands.is_empty() {
        return;
    }
    let view = View::of(&commands);
    let mut background = Vec::new();
    for command in &commands {
        println!("{}: {command}", block.place);
        match command.strip_suffix('&') {
            Some(capture) => background.push(Running::capture(&view, capture)),
            None => one(&view, command, !background.is_empty()),
        }
    }
    for capture in background {
        capture.end(CTRL_C).shows(WHOLE);
    }
}

/// Runs a command to its end; `captured` if a capture runs beside it.
fn one(view: &View, command: &str, captured: bool) {
    let way = Way::of(command);
    let assumed = (way.asks(command) && !captured)
        .then(|| Running::capture(view, "bgptap live -i mon0 --http"));
    match way {
        Way::Ends => drop(Running::start(view, command).end("")),
        Way::Captures => {
            let capture = Running::capture(view, command);
            view.feed(interface(command));
            let pty = capture.end(CTRL_C);
            pty.shows(WHOLE);
            pty.shows(&format!("{UPDATES} UPDATE"));
        }
        Way::IsAScreen => {
            let screen = Running::start(view, command);
            screen.pty.shows("no session has said anything yet");
            view.feed(if way.asks(command) {
                "mon0"
            } else {
                interface(command)
            });
            screen.pty.shows("192.0.2.1");
            screen.end("q");
        }
        Way::Listens => {
            let mut listener = Running::start(view, command);
            view.feed_until("mon0", || {
                listener.pty.text().contains("\"type\":\"UPDATE\"")
            });
            // It says by its status that it was interrupted.
            listener.pty.keys(CTRL_C);
            listener.pty.ended();
        }
        Way::Sniffs => {
            let sniffer = Running::start(view, command);
            let ends = "100 packets captured";
            view.feed_until(interface(command), || sniffer.pty.text().contains(ends));
            sniffer.end("");
        }
    }
    if let Some(capture) = assumed {
        capture.end(CTRL_C).shows(WHOLE);
    }
    if has(command, "--kafka") {
        assert!(view.records("openbmp.bmp_raw") > 1000, "{command}");
    }
}
