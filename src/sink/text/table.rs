//! The table at the end: who spoke with whom, what was said and lost, and how TCP did.

use super::palette::Palette;
use super::tally::{Spoken, Tally};
use super::{PeerNames, write_speaker};
use crate::health::Figures;
use crate::session::State;
use crate::sink::totals::{Direction, Summary};
use anstyle::Style;
use std::io::{self, Write};

/// Directions that are shown; the summary lists all.
const ROWS_MAX: usize = 200;

const COLUMNS: [&str; 12] = [
    "sender",
    "receiver",
    "state",
    "messages",
    "updates",
    "announced",
    "withdrawn",
    "errors",
    "gaps",
    "rtt",
    "resent",
    "hold left",
];
/// The columns before this one are text, and begin at the left.
const FIRST_NUMBER: usize = 3;

#[derive(Clone, Debug, Default)]
struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    fn plain(text: &(impl ToString + ?Sized)) -> Self {
        Self {
            text: text.to_string(),
            style: Style::new(),
        }
    }

    /// A count of what should not be.
    fn count(count: u64, bad: Style) -> Self {
        Self {
            text: count.to_string(),
            style: if count > 0 { bad } else { Style::new() },
        }
    }
}

pub(super) fn write(
    out: &mut Vec<u8>,
    palette: &Palette,
    names: &PeerNames,
    tally: &Tally,
    summary: &Summary,
) -> io::Result<()> {
    let row = |direction: &Direction| row(direction, palette, names, tally);
    let spoke = |direction: &&Direction| spoken(tally, direction).is_some();
    let (told, silent): (Vec<_>, Vec<_>) = summary.directions.iter().partition(spoke);
    let rows = told.iter().take(ROWS_MAX).map(|direction| row(direction));
    let rows: Vec<_> = rows.collect::<io::Result<_>>()?;
    if !rows.is_empty() {
        writeln!(out)?;
        write_rows(out, palette, &rows)?;
    }
    let left_out = told.len() - rows.len();
    for (count, what) in [
        (left_out as u64, "more: --summary FILE has them"),
        (silent.len() as u64, "without a message"),
        (
            summary.unlisted.directions,
            "more, of which only sums were kept",
        ),
    ] {
        if count > 0 {
            writeln!(out, "and {count} directions {what}")?;
        }
    }
    totals(out, palette, summary)
}

fn spoken<'t>(tally: &'t Tally, direction: &Direction) -> Option<&'t Spoken> {
    tally.spoken(direction.session, direction.peer, direction.peer_port)
}

fn row(
    direction: &Direction,
    palette: &Palette,
    names: &PeerNames,
    tally: &Tally,
) -> io::Result<[Cell; COLUMNS.len()]> {
    let Direction { session, tcp, .. } = direction;
    let nothing = Spoken::default();
    let said = spoken(tally, direction).unwrap_or(&nothing);
    let answered = tally.spoken(*session, direction.local, direction.local_port);
    let mut sender = Vec::new();
    write_speaker(&mut sender, names, direction.peer, said.asn)?;
    let mut receiver = Vec::new();
    let asn = answered.and_then(|other| other.asn);
    write_speaker(&mut receiver, names, direction.local, asn)?;
    let text = |bytes: Vec<u8>| Cell::plain(&String::from_utf8_lossy(&bytes));
    let bad = palette.bad;
    Ok([
        text(sender),
        text(receiver),
        state(*session, palette, tally),
        Cell::plain(&said.total()),
        Cell::plain(&said.messages.update),
        Cell::plain(&said.prefixes.announced),
        Cell::plain(&said.prefixes.withdrawn),
        Cell::count(said.errors, bad),
        gaps(said, bad),
        Cell::plain(&rtt(tcp)),
        Cell::plain(&tcp.retransmitted),
        hold(tcp),
    ])
}

/// The last state; if that is the end, what brought it about.
fn state(session: u64, palette: &Palette, tally: &Tally) -> Cell {
    let Some(standing) = tally.standing(session) else {
        return Cell::plain("-");
    };
    let name = standing.state.name();
    match standing.state {
        State::Established => Cell {
            text: name.to_owned(),
            style: palette.good,
        },
        State::Idle => Cell {
            text: format!("{name} ({})", standing.reason),
            style: if standing.was_up {
                palette.bad
            } else {
                palette.change
            },
        },
        _ => Cell {
            text: name.to_owned(),
            style: palette.change,
        },
    }
}

fn gaps(said: &Spoken, bad: Style) -> Cell {
    match said.gaps.count {
        0 => Cell::plain(&0),
        count => Cell {
            text: format!("{count} of {} B", said.gaps.bytes),
            style: bad,
        },
    }
}

fn rtt(tcp: &Figures) -> String {
    let rtt = if tcp.rtt.samples > 0 {
        &tcp.rtt
    } else {
        &tcp.timestamp_rtt
    };
    match rtt.samples {
        0 => "-".to_owned(),
        _ => format!(
            "{}.{:03} ms",
            rtt.smoothed_us / 1000,
            rtt.smoothed_us % 1000
        ),
    }
}

/// The least that was left of the hold time.
fn hold(tcp: &Figures) -> Cell {
    Cell::plain(&match tcp.hold_margin_min_ms {
        None => "-".to_owned(),
        Some(ms) => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    })
}

fn write_rows(
    out: &mut Vec<u8>,
    palette: &Palette,
    rows: &[[Cell; COLUMNS.len()]],
) -> io::Result<()> {
    let head = COLUMNS.map(|name| Cell {
        text: name.to_owned(),
        style: palette.strong,
    });
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.text.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    for row in [&head].into_iter().chain(rows) {
        for (column, (Cell { text, style }, width)) in row.iter().zip(widths).enumerate() {
            if column > 0 {
                write!(out, "  ")?;
            }
            if column < FIRST_NUMBER {
                write!(out, "{style}{text:<width$}{style:#}")?;
            } else {
                write!(out, "{style}{text:>width$}{style:#}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn totals(out: &mut Vec<u8>, palette: &Palette, summary: &Summary) -> io::Result<()> {
    let m = &summary.messages;
    let messages = m.open + m.update + m.keepalive + m.notification + m.route_refresh + m.unknown;
    let prefixes = &summary.prefixes;
    write!(
        out,
        "\n{messages} messages, {} prefixes announced, {} withdrawn, ",
        prefixes.announced, prefixes.withdrawn
    )?;
    let gaps = &summary.gaps;
    let style = if gaps.count > 0 {
        palette.bad
    } else {
        palette.good
    };
    writeln!(
        out,
        "{style}{} gaps of {} bytes{style:#}",
        gaps.count, gaps.bytes
    )
}
