//! The pages, as far as they show commands: fenced blocks, and what stands between backquotes.

use std::fs;
use std::path::Path;

/// What a fence may say that its block is; `sh` is executed.
const LANGUAGES: [&str; 7] = ["sh", "text", "json", "toml", "rust", "ini", SWITCH];

/// What is typed on a switch, whose commands may begin as ours do.
const SWITCH: &str = "switch";

/// What somebody would type begins with one of these, or is a script of ours. A name alone is that of the program.
const PROGRAMS: [&str; 39] = [
    "adjtimex",
    "apt",
    "bash",
    "bgptap",
    "bpftool",
    "cargo",
    "chrt",
    "curl",
    "dpkg",
    "ethtool",
    "gzip",
    "hwstamp_ctl",
    "ip",
    "journalctl",
    "kcat",
    "kill",
    "modprobe",
    "mount",
    "nft",
    "perf",
    "ping",
    "promtool",
    "python3",
    "rm",
    "setcap",
    "ss",
    "ssh",
    "sudo",
    "sysctl",
    "systemctl",
    "systemd-analyze",
    "tc",
    "tcpdump",
    "tshark",
    "ulimit",
    "unshare",
    "wget",
    "xz",
    "zstd",
];

/// Blocks that say what may be typed and not what is, by their first line.
const SYNOPSES: [(&str, &str); 1] = [(
    "docs/formats.md",
    "bgptap live -i IFACE [-i IFACE…]    capture until interrupted",
)];

/// Whether this is what somebody would type.
pub fn is_command(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| is_setting(word));
    let first = words.next().unwrap_or_default();
    let script = first.strip_prefix("./").unwrap_or(first);
    let is_script = script.starts_with("scripts/");
    let is_other_file = script.contains('.') || script.ends_with('/');
    match words.next() {
        Some(_) => is_script || first == "$" || PROGRAMS.contains(&first),
        None => is_script && !is_other_file,
    }
}

/// `NAME=value` in front of a command.
fn is_setting(word: &str) -> bool {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(is_name))
}

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

    /// What keeps commands of the page from being found and executed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
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
