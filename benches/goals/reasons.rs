//! Why goals do not hold: what was measured, beside the lines of the table that it explains.

use super::line::{GOAL_MISSED, HOLDS, PEER, WORK};

/// Lines whose work begins and whose peer begins so, and what keeps their goal from holding.
type Reason = (&'static [(&'static str, &'static str)], &'static str);

const REASONS: &[Reason] = &[
    (
        &[("decode ", "")],
        "*Decoding.* 47 of 100 samples of our decoder in this piece of work are in the check of RFC 7606 (`perf record`), \
         which goes through all attributes and prefixes before anything is shown: whoever reads values later may rely on them. \
         The decoders beside it make one pass and judge less. What the rest waits for, and what was tried, is told below.",
    ),
    (
        &[("read --no-rib, table transfer", "")],
        "*Transfers to counters.* A quarter of the samples is decoding and checking, a fifth keeping sessions, 15 % headers and \
         checksums, 12 % reassembly, 10 % counting, 7 % the file, 4 % the kernel: bgpkit-parser, which reads messages that lie ready in MRT, \
         does only the first and the file.",
    ),
    (
        &[("read --no-rib, churn", "")],
        "*Churn to counters.* A message has one and a half frames here, some 300 ns each, of which nothing is large: 26 % sessions, \
         17 % decoding and checking, 16 % the file, 15 % reassembly, 10 % headers and checksums. bgpkit-parser has no frames, no TCP \
         and no sessions to see to.",
    ),
    (
        &[("read, ", "")],
        "*With tables.* 53 % of the samples of a transfer are the tables and the attributes that are kept, 11 % the kernel, which hands out \
         pages for them; 19 % of churn. None of the others keeps anything; without tables see the lines above.",
    ),
    (
        &[("read --json, ", "")],
        "*JSON with tables.* What it is without tables, and the tables, which the others do not have; each event tells of the table, too.",
    ),
    (
        &[("read --json --no-rib, ", "")],
        "*JSON of churn.* A quarter is what churn to counters takes; the rest writes an event of some 640 octets, of names and short \
         numbers mostly (what was tried is told below). The table transfer, where fewer events say more, holds it.",
    ),
    (
        &[
            ("live --no-rib, ", "AF_PACKET"),
            ("the same from one sender", "AF_PACKET"),
        ],
        "*AF_PACKET.* On veth, the only interface that can be made here, a frame for AF_XDP goes through one more round of NAPI (`veth_poll`), the program, \
         `xp_alloc` and `__xsk_map_redirect` before it is copied, and what takes most is the wake-up of the process for each group of frames \
         (`_raw_spin_unlock_irqrestore` below `sock_def_readable`, by `perf record -a`). TPACKET_V3 wakes it once for a block, every 4 ms, with the latency that is told below. \
         Our own part is the difference to the bare drain.",
    ),
    (
        &[("hook → decoded", "")],
        "*Latency.* Frames come in groups: two at 10,000 frames/s, eleven at 100,000 (the sender wakes every 0.1 to 0.2 ms), up to forty after the sender was \
         stalled. One waits while those before it in its group are decoded, 0.7 to 1.2 µs each where the caches are cold; the bare drain takes some 0.05 µs. The \
         first of each group is in the worker's hands after 6 µs in the median and 13 µs at p99, so that the distance is decoding itself.",
    ),
    (
        &[
            ("0 to 1,000,000 routes", ""),
            ("1,000 to 1,000,000 routes", ""),
        ],
        "*Growth.* The cost is flat in the number of operations; what grows is the distance to memory: a table of 1,000 routes lies in the first \
         caches of the processor, one of 1,000,000 (21 MB, and 32 MB of attributes) in none of them, and each route waits for a line of the table and one of the attributes.",
    ),
    (
        &[("live --no-rib, ", "bare xsk drain")],
        "*Beside the bare drain.* Runs differ: 1.21 and 1.38 in two on the same day. What is ours is decoding, some 500 ns a frame with its caches cold.",
    ),
    (
        &[("XDP filter", "")],
        "*Filter.* The kernel's test tells whole nanoseconds of 8 and 16 to 17: it goes on to the ports behind Ethernet and IP, three bounds checks and \
         three loads more than the program beside it.",
    ),
    (
        &[("1 to 10,000 sessions", "")],
        "*Sessions.* Flat up to 100 sessions; thousands that speak in turn, the dearest way to do it, find less and less of their own state in the caches of the processor.",
    ),
    (
        &[("live, from its start", "")],
        "*Start.* Two thirds of it are one system call, which maps, zeroes and pins the 108 MiB of the UMEM; loading the programs is 10 ms. tcpdump maps 2 MiB. A smaller \
         UMEM starts faster and loses frames sooner: what is there at the start is what stands between a stall and a loss.",
    ),
];

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
            None => format!("{GOAL_MISSED}, not explained"),
        };
    }
    (numbered, reasons)
}
