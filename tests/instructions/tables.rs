//! The worker with Adj-RIBs, on what changes them: another family, routes that are replaced and withdrawn, and
//! a recorded session, which has some of everything.

use super::files::Capture;
use super::talks::{begun, said};
use super::{Work, measured, worker_to, workload};
use crate::full_table::FullTable;
use crate::support::recording;
use crate::support::view::{batches, frames};
use bgptap::capture::StampSource;
use bgptap::config::Limits;

/// Of tables that are replaced or withdrawn.
const ROUTES: u32 = 8000;

/// Segments that come before, to set up, and those that are measured.
struct Segments {
    before: Vec<u8>,
    then: Vec<u8>,
}

/// Prepares the work of that name, and does it.
pub(super) fn run(name: &str) {
    let Segments { before, then } = match name {
        "IPv6" => ipv6(),
        "routes replaced" => changed(|table| table.announcements(1)),
        "routes withdrawn" => changed(FullTable::withdrawals),
        _ => recorded(),
    };
    let (before, then) = (frames(&before), frames(&then));
    let mut worker = worker_to(None, Limits::default());
    batches(&before, 0, StampSource::Xdp, |batch| worker.batch(batch));
    let told = |work: &Work<'_>| {
        let totals = &work.outputs.totals;
        let prefixes = totals.prefixes.announced + totals.prefixes.withdrawn;
        (totals.messages.update, prefixes)
    };
    let (updates, prefixes) = told(&worker);
    measured(&mut || {
        batches(&then, before.len() as u64, StampSource::Xdp, |batch| {
            worker.batch(batch);
        });
    });
    let now = told(&worker);
    assert!(now.0 > updates, "{name}: no UPDATE");
    assert!(now.1 > prefixes, "{name}: no route");
}

/// A transfer of IPv6 routes.
fn ipv6() -> Segments {
    let (mut talk, before) = begun().expect("memory");
    let list = workload::all().0;
    let list = list.iter().find(|workload| workload.name == "c: MP v6");
    let mut capture = Capture::create(Vec::new()).expect("memory");
    let messages = &list.expect("a workload of the bench").messages;
    for message in messages {
        talk.say_one(&mut capture, message).expect("memory");
    }
    talk.flush(&mut capture, 1).expect("memory");
    let then = capture.finish().expect("memory");
    Segments { before, then }
}

/// A table, and what becomes of all its routes.
fn changed(how: impl Fn(&FullTable) -> Vec<Vec<u8>>) -> Segments {
    let table = FullTable::new(ROUTES);
    let (mut talk, mut before) = begun().expect("memory");
    let mut say = |bodies: &[Vec<u8>]| said(&mut talk, bodies).expect("memory");
    // The header of the second file is none of a frame.
    before.extend_from_slice(&say(&table.announcements(0))[24..]);
    let then = say(&how(&table));
    Segments { before, then }
}

/// The recorded session of the lab from its first frame on.
fn recorded() -> Segments {
    let then = std::fs::read(recording()).expect("the recording is in the repository");
    let before = then[..24].to_vec();
    Segments { before, then }
}
