//! The answers of a running instance, as far as they are shown. What is not there is zero: an instance of
//! another version is shown as well as it can be.

use serde::Deserialize;
use std::collections::BTreeMap;

type Counts = BTreeMap<String, u64>;

/// `/status`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Name of the monitor.
    pub host: String,
    /// The instance's clock, seconds since the epoch.
    pub time: u64,
    /// When it began.
    pub started: u64,
    /// Segments that there was no room for.
    pub refused: u64,
    /// Connections that went before they ended.
    pub evicted: Counts,
    /// Frames by interface and by what became of them.
    pub frames: BTreeMap<String, Counts>,
    /// Those of them that were BGP and did not arrive.
    pub lost: BTreeMap<String, Counts>,
    /// What memory is in use.
    pub pools: Vec<Pool>,
    /// Where events go to.
    pub outputs: Vec<Output>,
    /// From the wire to the decoded message.
    pub latency: Latency,
    /// Adj-RIBs.
    pub rib: Option<Rib>,
}

/// A pool of buffers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Share in use, 0 to 1.
    pub utilisation: f64,
    /// Times that the heap had to serve instead.
    pub fallbacks: u64,
}

/// An output.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Events that it lost, by reason.
    pub dropped: Counts,
    /// Share of its queue in use, 0 to 1.
    pub queue: f64,
}

/// Wire-to-decoded latency.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// Messages.
    pub count: u64,
    /// Seconds in all.
    pub sum: f64,
    /// Seconds by name.
    pub quantiles: BTreeMap<String, f64>,
    /// Upper bound in seconds (none for the last), and messages.
    pub buckets: Vec<(Option<f64>, u64)>,
}

/// Memory of all Adj-RIBs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rib {
    /// Bytes of tables.
    pub tables: u64,
    /// Bytes of attributes.
    pub attributes: u64,
    /// Bytes allowed.
    pub bytes_max: u64,
    /// Routes refused.
    pub refused: u64,
}

/// A page of `/sessions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Sessions.
    pub sessions: Vec<Session>,
    /// Where to go on.
    pub next: Option<usize>,
}

/// A session.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Identifier.
    pub session: String,
    /// As in MRT: 1 Idle to 6 Established.
    pub state: u8,
    /// Established since then, seconds since the epoch.
    pub since: Option<u64>,
    /// When the last frame came.
    pub last: u64,
    /// AFI and SAFI.
    pub families: Vec<(u16, u8)>,
    /// Negotiated, seconds.
    pub hold_time: Option<u16>,
    /// What each side sends.
    pub directions: [Side; 2],
}

/// What one side sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Side {
    /// The sender.
    pub peer: String,
    /// Its port.
    pub peer_port: u16,
    /// Its AS.
    pub peer_asn: Option<String>,
    /// Messages of this session.
    pub messages: u64,
    /// What its OPEN said.
    pub open: Option<Open>,
    /// What is counted between the addresses.
    pub counts: SideCounts,
    /// What became of its bytes.
    pub bytes: Bytes,
    /// How its TCP does.
    pub tcp: Tcp,
    /// Tables of what it has told.
    pub tables: Vec<Table>,
}

/// What an OPEN said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Open {
    /// BGP identifier.
    pub router_id: String,
    /// Seconds.
    pub hold_time: u16,
    /// Four-octet AS numbers.
    pub as4: bool,
    /// Extended messages.
    pub extended_message: bool,
    /// Route refresh.
    pub route_refresh: bool,
    /// Enhanced route refresh.
    pub enhanced_refresh: bool,
    /// Graceful restart.
    pub graceful_restart: bool,
    /// AFI and SAFI.
    pub families: Vec<(u16, u8)>,
    /// Path identifiers that it can send.
    pub add_path_send: Vec<(u16, u8)>,
    /// Path identifiers that it can take.
    pub add_path_receive: Vec<(u16, u8)>,
}

/// Counts between two addresses, over all sessions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SideCounts {
    /// By type.
    pub messages: Counts,
    /// NLRI.
    pub announced: u64,
    /// NLRI.
    pub withdrawn: u64,
    /// Holes given up.
    pub gaps: u64,
    /// Of all kinds.
    pub errors: u64,
}

/// Bytes of a direction.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bytes {
    /// Taken.
    pub captured: u64,
    /// In messages.
    pub decoded: u64,
    /// Seen before.
    pub duplicate: u64,
    /// No message could be framed from them.
    pub quarantined: u64,
    /// Dropped, by reason.
    pub discarded: Counts,
    /// Wait.
    pub pending: u64,
    /// Missing, may still come.
    pub open_hole: u64,
    /// Missing for good.
    pub gap: u64,
}

/// TCP of a direction.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tcp {
    /// From data to their acknowledgement.
    pub rtt: Rtt,
    /// Sent again.
    pub retransmitted: u64,
    /// Before their turn.
    pub out_of_order: u64,
    /// Times that it closed its window.
    pub zero_windows: u64,
    /// For so long.
    pub zero_window_ms: u64,
    /// Offered now.
    pub window: u32,
    /// Under way.
    pub in_flight: u32,
    /// Largest segment that it takes.
    pub mss: Option<u16>,
    /// Left of the hold time.
    pub hold_margin_ms: Option<u64>,
    /// The least that was left.
    pub hold_margin_min_ms: Option<u64>,
}

/// A round-trip time.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rtt {
    /// Microseconds.
    pub smoothed_us: u64,
    /// Microseconds.
    pub min_us: u64,
    /// 0: nothing is known.
    pub samples: u64,
}

/// The state of an Adj-RIB.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Table {
    /// Address family.
    pub afi: u16,
    /// Subsequent address family.
    pub safi: u8,
    /// In it.
    pub routes: u64,
    /// Of them.
    pub stale: u64,
    /// `complete` or `partial`.
    pub status: String,
    /// Why it is partial.
    pub reason: Option<String>,
}

impl Session {
    /// Whether it is Established.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == 6
    }

    /// Routes that a side has told.
    #[must_use]
    pub fn routes(&self) -> u64 {
        let tables = self.directions.iter().flat_map(|side| &side.tables);
        tables.map(|table| table.routes).sum()
    }

    /// Bytes of both sides that are in no message, and should be.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.directions.iter().map(Side::lost_bytes).sum()
    }
}

impl Side {
    /// Bytes that are in no message, and should be.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        let limit = self.bytes.discarded.get("limit").copied().unwrap_or(0);
        self.bytes.gap + self.bytes.quarantined + limit
    }

    /// Routes in its tables.
    #[must_use]
    pub fn routes(&self) -> u64 {
        self.tables.iter().map(|table| table.routes).sum()
    }
}
