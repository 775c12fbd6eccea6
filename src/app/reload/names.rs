//! Names of files that this run writes, or has written: nothing else of it may be written over them.

use super::super::claims::{Claim, Inode, inode};
use super::super::destination::Options;
use super::super::outputs::Files;
use crate::cli;
use crate::error::SetupError;
use std::path::Path;

/// Files that are remembered: more than two years of rotation by the day.
const NAMES_MAX: usize = 1000;

struct Name {
    claim: Claim,
    /// What was opened under it.
    inode: Option<Inode>,
    /// It is written at the end.
    stays: bool,
}

/// All of them.
pub(super) struct Names(Vec<Name>);

impl Names {
    /// Those of the start, once they are open.
    pub(super) fn of(options: &cli::Outputs) -> Self {
        let mut names = Self(Vec::new());
        names.extend(Files::claims(options));
        names
    }

    /// Outputs go there from now on.
    pub(super) fn extend(&mut self, claims: impl IntoIterator<Item = Claim>) {
        // Those that were moved away stay in it: whatever their names are now.
        for claim in claims {
            let name = Name {
                inode: inode(&claim.place),
                stays: claim.flag == "--summary",
                claim,
            };
            self.0.retain(|other| {
                let same = (&other.claim.place, other.inode) == (&name.claim.place, name.inode);
                !(same && other.claim.flag == name.claim.flag)
            });
            self.0.push(name);
        }
        while self.0.len() > NAMES_MAX && self.forget_one() {}
    }

    /// The oldest of those that have a younger one of their output; whether there was any.
    fn forget_one(&mut self) -> bool {
        let flag = |name: &Name| name.claim.flag;
        let is_old = |at: usize| {
            let mut younger = self.0.iter().skip(at + 1);
            younger.any(|other| self.0.get(at).is_some_and(|name| flag(name) == flag(other)))
        };
        let old = (0..self.0.len()).find(|at| is_old(*at));
        old.map(|at| self.0.remove(at)).is_some()
    }

    /// An output's single file has been moved away, whether or not there is another one of that name by now.
    pub(super) fn was_moved(&self, flag: &str, to: &Options) -> bool {
        let opened = self.0.iter().rev().map(|name| (&name.claim, name.inode));
        let mut opened = opened.filter(|(claim, _)| claim.flag == flag && claim.named == to.path);
        let opened = opened.next().and_then(|(_, inode)| inode);
        to.is_single() && opened.is_some() && inode(&to.path) != opened
    }

    /// Refuses to begin a file where this run has written, or is going to.
    ///
    /// # Errors
    /// The name is that of such a file.
    pub(super) fn admit(&self, flag: &'static str, to: &Options) -> Result<(), SetupError> {
        let Some(wanted) = Claim::files(flag, to).filter(|_| !to.adds()) else {
            // These never take the place of a file.
            return Ok(());
        };
        let there = wanted.inodes();
        let is_taken = |name: &&Name| {
            let written = wanted.is_there() || name.claim.is_there() || name.stays;
            let same = name.inode.is_some_and(|inode| there.contains(&inode));
            same || written && name.claim.meets(&wanted)
        };
        let taken = self.0.iter().find(is_taken);
        taken.map_or(Ok(()), |name| Err(overwritten(&to.path, name.claim.flag)))
    }
}

fn overwritten(path: &Path, flag: &str) -> SetupError {
    SetupError::Other {
        what: format!("writing {} otherwise than before", path.display()),
        why: format!(
            "the new file would take the place of what {flag} writes there in this run, or has written"
        ),
        remedy:
            "give it another name, or parts of the time in its name; or move the other one away"
                .into(),
    }
}
