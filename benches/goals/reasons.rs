//! Why goals do not hold: what was measured, beside the lines of the table that it explains.

use super::line::{GOAL_MISSED, HOLDS, PEER, WORK};

/// Lines whose work begins and whose peer begins so, and what keeps their goal from holding.
type Reason = (&'static [(&'static str, &'static str)], &'static str);

const REASONS: &[Reason] = &[];

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
