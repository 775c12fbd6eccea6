//! Of what the resident memory of `live` consists: what it tells of itself, beside its mappings.

use super::data::Data;
use bgptap::config::Limits;
use bgptap::worker::Memory;
use std::collections::BTreeMap;
use std::io;

pub(crate) const MIB: f64 = 1048576.0;
/// Octets of a frame of the UMEM.
const FRAME: f64 = 4096.0;
/// The table of the parts.
const PARTS: &str = "memory-parts";

/// The part of the page.
pub(crate) fn section(data: &Data) -> String {
    let rows = data.rows(PARTS).iter();
    let rows = rows.map(|row| format!("| {} | {} | {} |\n", row[0], row[1], row[2]));
    format!(
        "\n## Resident memory at the end\n\nOf `/proc/PID/smaps` of `live`, beside what it tells of itself:\n\n\
         | part | MiB | what it is |\n| --- | --- | --- |\n{}",
        rows.collect::<String>()
    )
}

/// A part of what is resident.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) mib: f64,
    /// It is known beforehand, or `live` tells it, or it is the program itself.
    pub(crate) stated: bool,
    what: &'static str,
}

/// Takes the parts, and what they come to, as what was measured.
pub(crate) fn put(data: &mut Data, parts: &[Part], resident: f64) {
    let row = |name: &str, mib: f64, what: &str| {
        vec![name.to_owned(), format!("{mib:.1}"), what.to_owned()]
    };
    let rows = parts.iter().map(|part| row(part.name, part.mib, part.what));
    let whole = row("together", resident, "The sum of `Rss` of all mappings");
    let header = ["part", "MiB", "what it is"];
    data.put(PARTS, &header, rows.chain([whole]).collect());
}

/// By the figures of `live` and its mappings.
pub(crate) fn parts(metrics: &str, mapped: &BTreeMap<Kind, f64>) -> io::Result<Vec<Part>> {
    let sum = |name: &str| -> f64 {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    };
    let frames = ["free", "given", "batch", "held"];
    let frames = frames.map(|state| sum(&format!("bgptap_pool_frames{{state=\"{state}\"}}")));
    let umem = frames.iter().sum::<f64>() * FRAME / MIB;
    let tables = ["tables", "attributes"];
    let tables = tables.map(|kind| sum(&format!("bgptap_rib_bytes{{kind=\"{kind}\"}}")));
    let tables = tables.iter().sum::<f64>() / MIB;
    let kept = sum("bgptap_kept_bytes") / MIB;
    // What a worker takes at its start, whatever comes.
    let budgets = Memory::new(&Limits::default())?;
    let budgets = budgets.buffers.capacity_bytes() + budgets.budget.spill.capacity_bytes();
    let budgets = budgets as f64 / MIB;
    let of = |kind| mapped.get(&kind).copied().unwrap_or(0.0);
    let part = |name, mib, stated, what| Part {
        name,
        mib,
        stated,
        what,
    };
    Ok(vec![
        part(
            "UMEM",
            umem,
            true,
            "`bgptap_pool_frames`, 4 KiB each: locked",
        ),
        part(
            "budgets in use",
            budgets + kept,
            true,
            "Buffers of straddling messages and room for held payload, locked at the start, and `bgptap_kept_bytes`",
        ),
        part(
            "tables",
            tables,
            true,
            "`bgptap_rib_bytes`: routes and their attributes",
        ),
        part(
            "program and libraries",
            of(Kind::Files),
            true,
            "Pages of files, which the kernel may drop and other processes share",
        ),
        part(
            "stack and rings",
            of(Kind::Stack) + of(Kind::Rings),
            true,
            "The first thread's stack; descriptors that are shared with the kernel",
        ),
        part(
            "rest",
            of(Kind::Heap) + of(Kind::Locked) - umem - budgets - kept - tables,
            false,
            "Connections, figures, stacks of the other threads; and what the allocator keeps of tables that were moved when they grew",
        ),
    ])
}

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The UMEM and the buffers: mapped at the start, locked.
    Locked,
    /// The program and its libraries, of which other processes share most.
    Files,
    Stack,
    /// Of sockets and of maps of XDP, shared with the kernel.
    Rings,
    Heap,
}

/// Resident MiB by kind of mapping (proc_pid_smaps(5)).
pub(crate) fn mapped(smaps: &str) -> BTreeMap<Kind, f64> {
    let mut sums = BTreeMap::new();
    let (mut name, mut resident) = ("", 0.0);
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default();
        let mut kib = || {
            words
                .next()
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        match key.strip_suffix(':') {
            // `begin-end rights offset device inode name`
            None => name = words.nth(4).unwrap_or_default(),
            Some("Rss") => resident = kib(),
            // The last of those that are needed.
            Some("Locked") => {
                *sums.entry(kind(name, kib() > 0.0)).or_default() += resident / 1024.0;
            }
            Some(_) => {}
        }
    }
    sums
}

fn kind(name: &str, locked: bool) -> Kind {
    match name {
        _ if locked => Kind::Locked,
        "[stack]" => Kind::Stack,
        "" | "[heap]" => Kind::Heap,
        _ if name.starts_with("socket:") || name.starts_with("anon_inode:") => Kind::Rings,
        _ => Kind::Files,
    }
}
