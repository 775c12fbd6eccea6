//! The pages, as far as they show commands: fenced blocks, and what stands between backquotes.

use std::fs;
use std::path::Path;

/// What a fence may say that its block is; `sh` is executed.
const LANGUAGES: [&str; 7] = ["sh", "text", "json", "toml", "rust", "ini", SWITCH];

/// What is typed on a switch, whose commands may begin as ours do.
const SWITCH: &str = "switch";

/// How a line begins that somebody would type.
const COMMANDS: [&str; 17] = [
    "bgptap ",
    "scripts/",
    "./scripts/",
    "cargo ",
    "ip ",
    "tc ",
    "ethtool ",
    "curl ",
    "setcap ",
    "systemctl ",
    "sysctl ",
    "apt ",
    "dpkg ",
    "sudo ",
    "kill ",
    "chrt ",
    "$ ",
];

/// Blocks that say what may be typed and not what is, by their first line.
const SYNOPSES: [(&str, &str); 1] = [(
    "docs/formats.md",
    "bgptap live -i IFACE [-i IFACE…]    capture until interrupted",
)];

/// A fenced block.
pub struct Block {
    /// Its page and line, for messages.
    pub place: String,
    pub language: String,
    pub lines: Vec<String>,
}

/// `README.md` or a page of `docs/`.
pub struct Page {
    /// Its path in the repository.
    pub name: String,
    pub blocks: Vec<Block>,
    /// All lines that are in no block, each with its number.
    pub prose: Vec<(usize, String)>,
}

/// All pages.
pub fn all() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root.join("docs")).expect("docs/ is there");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("readable").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.push("README.md".into());
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(root.join(&name)).expect("readable");
        Page::of(name, &text)
    };
    names.into_iter().map(read).collect()
}

impl Page {
    /// Takes a page apart.
    pub fn of(name: String, text: &str) -> Self {
        let (mut blocks, mut prose) = (Vec::new(), Vec::new());
        let mut open: Option<Block> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(language)) => {
                    open = Some(Block {
                        place: format!("{name}:{number}"),
                        language: language.trim().to_owned(),
                        lines: Vec::new(),
                    });
                }
                (None, None) => prose.push((number, line.to_owned())),
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.lines.push(line.to_owned()),
            }
        }
        assert!(open.is_none(), "{name}: the last fence is not closed");
        Self {
            name,
            blocks,
            prose,
        }
    }

    /// What is between backquotes in the prose, which may go on in the next line.
    pub fn spans(&self) -> Vec<String> {
        let lines: Vec<_> = self.prose.iter().map(|(_, line)| line.as_str()).collect();
        let paragraphs = lines.split(|line| line.trim().is_empty());
        let mut spans = Vec::new();
        for paragraph in paragraphs {
            let text = paragraph.join(" ");
            let parts: Vec<_> = text.split('`').collect();
            assert!(parts.len() % 2 == 1, "{}: a ` too much: {text}", self.name);
            spans.extend(
                parts
                    .iter()
                    .skip(1)
                    .step_by(2)
                    .map(|part| (*part).to_owned()),
            );
        }
        spans
    }

    /// Whole command lines of `bgptap` that stand between backquotes, as a block.
    pub fn inline(&self) -> Block {
        let mut lines: Vec<_> = self
            .spans()
            .iter()
            .filter(|span| span.starts_with("bgptap ") && !span.contains('…'))
            .map(|span| filled_in(span))
            .collect();
        lines.sort();
        lines.dedup();
        Block {
            place: format!("{}: inline", self.name),
            language: "sh".into(),
            lines,
        }
    }

    /// What keeps commands of the page from being found and executed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let is_command = |line: &str| COMMANDS.iter().any(|begin| line.starts_with(begin));
        for block in &self.blocks {
            if !LANGUAGES.contains(&block.language.as_str()) {
                faults.push(format!("{}: no language `{}`", block.place, block.language));
            }
            let first = block.lines.first().map_or("", String::as_str);
            let typed = ["sh", SWITCH].contains(&block.language.as_str());
            if typed || SYNOPSES.contains(&(self.name.as_str(), first)) {
                continue;
            }
            let commands = block
                .lines
                .iter()
                .filter(|line| is_command(line.trim_start()));
            faults.extend(commands.map(|line| format!("{}: not `sh`: {line}", block.place)));
        }
        // Four columns make a block, too.
        for (number, line) in &self.prose {
            if line.starts_with("    ") && is_command(line.trim_start()) {
                faults.push(format!("{}:{number}: in no fence: {line}", self.name));
            }
        }
        faults
    }
}

/// A command with something in the place of what the reader has to put there.
fn filled_in(command: &str) -> String {
    let is_config = command.contains("config");
    let file = if is_config { "bgptap.toml" } else { "x.pcap" };
    command
        .replace("FILE", file)
        .replace("IFACE", "mon0")
        .replace("ADDR:PORT", "127.0.0.1:9180")
}

impl Block {
    /// The commands, one for each line that is not continued.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.lines.join("\n").replace("\\\n", " ");
        let lines = joined.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }
}
