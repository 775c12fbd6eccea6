//! Why goals do not hold: what was measured, beside the lines of the table that it explains.

use super::line::{GOAL_MISSED, HOLDS, PEER, WORK};

/// Lines whose work begins and whose peer begins so, and what keeps their goal from holding.
type Reason = (&'static [(&'static str, &'static str)], &'static str);

/// No figure of the table stands here, for the next run would contradict it: what is quoted was measured apart, and says how.
const REASONS: &[Reason] = &[
    (
        &[("decode ", "")],
        "*Decoding.* The line *its own check of RFC 7606 alone* says what of the time goes by before anything is visited: the check \
         goes through all attributes and prefixes, and whoever reads values later relies on it. Visiting them is the second pass. The decoders beside \
         it make one and judge less. What both wait for, and what was tried, is told below.",
    ),
    (
        &[("read --no-rib, table transfer", "")],
        "*Transfers to counters.* In a profile taken apart (perf) a quarter of the samples is decoding and checking, a fifth keeping sessions, 15 % headers and \
         checksums, 12 % reassembly, 10 % counting, 7 % the file, 4 % the kernel. Decoding from memory does the first alone, and bgpkit-parser, whose messages \
         lie ready in MRT, the first and the file.",
    ),
    (
        &[("read --no-rib, churn", "")],
        "*Churn to counters.* A message has one and a half frames here. In a profile taken apart (perf) 26 % of the samples are sessions, 17 % decoding and checking, 16 % the file, 15 % \
         reassembly, 10 % headers and checksums; nothing is large. Decoding from memory and bgpkit-parser have no frames, no TCP and no sessions to see to.",
    ),
    (
        &[("read, ", "")],
        "*With tables.* In a profile taken apart (perf) 53 % of the samples of a transfer are the tables and the attributes that are kept, 11 % the kernel, which hands out \
         pages for them; of churn the tables are 19 %. None of the others keeps anything; without tables see the lines above.",
    ),
    (
        &[("read --json, ", "")],
        "*JSON with tables.* What it is without tables (the lines below), and what the tables cost (the lines above), which the others do not have.",
    ),
    (
        &[("read --json --no-rib, ", "")],
        "*JSON without tables.* In a profile taken apart (perf, churn) 36 % of the samples write the event, 20 % are the worker and sessions, 12 % decoding \
         and checking, 8 % the file, 6 % reassembly; an event is names and short numbers mostly. What was tried is told below.",
    ),
    (
        &[
            ("live --no-rib, ", "AF_PACKET"),
            ("the same from one sender", "AF_PACKET"),
        ],
        "*AF_PACKET.* At 100,000 frames/s the process woke 9,000 times a second (groups of eleven), with TPACKET_V3 once for a block, which is handed over when it is full or 4 ms old: its latency shows that. In three runs made \
         apart the process took 0.95 to 1.04 µs a frame by AF_XDP and 0.38 to 0.53 by TPACKET_V3, of which decoding and all else behind the ring are the same work; on veth, the only interface that can be made here, AF_XDP \
         copies each frame as TPACKET_V3 does.",
    ),
    (
        &[("hook → decoded", "")],
        "*Latency.* By histograms kept apart from this run (below), with interrupts as with busy polling, frames come in groups, of two at 10,000 frames/s and of eleven at 100,000: \
         one waits while those before it in its group are worked through, 0.8 µs each in groups of two and 0.45 in groups of eleven, where the bare drain takes the time and goes on. High quantiles are \
         groups of 18 to 770 after the sender was stalled, and late wake-ups. What of the rest is the larger program, whose code and data are cold after each wait, is not known.",
    ),
    (
        &[
            ("0 to 1,000,000 routes", ""),
            ("1,000 to 1,000,000 routes", ""),
        ],
        "*Growth.* By cachegrind with a cache of 2 MiB, as this machine's second level is (below), a message of churn takes 7,700 instructions in tables of 1,000 and of 10,000 routes and 8,300 \
         in those of 100,000 and of 1,000,000, and misses that cache 1.8, 1.9, 13 and 25 times: not the work grows, but the distance to where the table is kept.",
    ),
    (
        &[("live --no-rib, ", "bare xsk drain")],
        "*Beside the bare drain.* Two runs made apart, on one day, came to ratios of 1.21 and 1.38. What the drain does not do is reassembly, sessions, decoding and counting: 0.45 µs for a frame of a group of \
         eleven, by histograms kept apart (below).",
    ),
    (
        &[("XDP filter", "")],
        "*Filter.* The kernel's test tells whole nanoseconds, and few of them, so ratios move by steps. Ours goes on to the ports behind Ethernet and IP.",
    ),
    (
        &[("1 to 10,000 sessions", "")],
        "*Sessions.* Thousands that speak in turn are the dearest order there is: each message finds its session as it was left thousands of messages before. Tables are off in this line. This machine has \
         no counters of cache misses to show where the time goes.",
    ),
    (
        &[("live, from its start", "")],
        "*Start.* By the times of system calls, taken apart (below), two thirds are one of them, which maps, zeroes and pins the UMEM; loading the programs is 10 ms. tcpdump \
         maps 2 MiB. A smaller UMEM starts faster and loses frames sooner: what is there at the start is what stands between a stall and a loss.",
    ),
];

/// What stands beside a goal that does not hold, and nobody knows why.
pub(crate) const UNKNOWN: &str = "no reason known";

fn of(row: &[String]) -> Option<&'static str> {
    let (work, peer) = (row.get(WORK)?, row.get(PEER)?);
    let explains = |(lines, _): &&Reason| {
        let mut lines = lines.iter();
        lines.any(|(of, beside)| work.starts_with(of) && peer.starts_with(beside))
    };
    REASONS.iter().find(explains).map(|(_, why)| *why)
}

/// The rows, each goal that does not hold with the number of its reason, and the reasons in that order.
pub(crate) fn beside(rows: &[Vec<String>]) -> (Vec<Vec<String>>, Vec<&'static str>) {
    let (mut numbered, mut reasons) = (rows.to_vec(), Vec::new());
    for row in &mut numbered {
        if row.get(HOLDS).is_none_or(|holds| holds != GOAL_MISSED) {
            continue;
        }
        row[HOLDS] = match of(row) {
            Some(why) => {
                let known = reasons.iter().position(|reason| *reason == why);
                let at = known.unwrap_or_else(|| {
                    reasons.push(why);
                    reasons.len() - 1
                });
                format!("{GOAL_MISSED} ({})", at + 1)
            }
            None => format!("{GOAL_MISSED}, {UNKNOWN}"),
        };
    }
    (numbered, reasons)
}

/// The goals that do not hold and whose reason nobody knows.
pub(crate) fn unknown(rows: &[Vec<String>]) -> Vec<String> {
    let (rows, _) = beside(rows);
    let unknown = rows.iter().filter(|row| row[HOLDS].ends_with(UNKNOWN));
    unknown
        .map(|row| format!("{}, beside {}", row[WORK], row[PEER]))
        .collect()
}
