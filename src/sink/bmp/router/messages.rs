//! What the peers of a router say, and figures about it, as its listener is told.

use super::{Router, Voice, World};
use crate::bgp::{Disposition, Message, Update};
use crate::filter::{Event, Selection, What};
use crate::rib::{Changes, Ribs};
use crate::session::Direction;
use crate::sink::bmp::dump::Send;
use crate::sink::bmp::known::Known;
use crate::sink::bmp::message::{self, Figures, Mirrored, PeerHeader, Statistic};
use crate::sink::json::Meta;
use crate::sink::rebuild;

/// An UPDATE that came.
pub(in crate::sink::bmp) struct Heard<'a> {
    pub(in crate::sink::bmp) direction: Direction,
    pub(in crate::sink::bmp) update: &'a Update<'a>,
    pub(in crate::sink::bmp) bytes: &'a [u8],
    pub(in crate::sink::bmp) message: &'a Message<'a>,
    pub(in crate::sink::bmp) changes: Option<&'a Changes>,
    pub(in crate::sink::bmp) meta: Meta<'static>,
    /// Stale routes went with it.
    pub(in crate::sink::bmp) expired: bool,
    pub(in crate::sink::bmp) ns: u64,
}

impl Heard<'_> {
    /// Whether it is told as it is. What ends a transfer concerns all routes.
    fn is_selected(&self, selection: &mut Selection) -> bool {
        // A stale route that comes again may be one that the listener was not told of since the peer came up.
        let changes = self.changes.filter(|changes| changes.refreshed == 0);
        let (meta, what) = (&self.meta, What::Message(self.message, changes));
        selection.is_empty()
            || self.update.eor().is_some()
            || selection.wants(&Event { meta, what })
    }

    /// Routes that were there before may not be there any more, or not so.
    fn replaces(&self) -> bool {
        self.changes
            .is_none_or(|changes| changes.replaced + changes.withdrawn > 0)
    }
}

impl Router {
    /// A message of a session that is up.
    pub(in crate::sink::bmp) fn update(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        heard: &Heard<'_>,
    ) {
        if !self.is_told(voice, world, known, side) {
            self.miss();
            return;
        }
        let header = known.header(side, heard.direction, heard.ns);
        let line = self.line;
        let (carrier, selection) = (&mut *voice.carrier, &mut *voice.selection);
        let mut send = |encode: &mut dyn FnMut(&mut Vec<u8>)| carrier.send(line, encode);
        let worst = heard.update.errors().worst();
        if worst >= Some(Disposition::TreatAsWithdraw) {
            let errored = Mirrored::Errored;
            send(&mut |out| message::route_mirroring(out, &header, errored, Some(heard.bytes)));
            if worst == Some(Disposition::TreatAsWithdraw) {
                withdraw(heard.update, &header, &mut send);
            }
            return;
        }
        if heard.is_selected(selection) {
            send(&mut |out| {
                message::route_monitoring(out, &header, |out| out.extend(heard.bytes));
            });
        } else if heard.replaces() {
            // What the listener may have been told of these routes holds no longer.
            withdraw(heard.update, &header, &mut send);
        }
        if heard.expired {
            // The receiver has dropped routes that nobody withdrew (RFC 4724 §4.2, RFC 7313 §4).
            self.tell_anew(voice, world, known, side, heard.ns);
        }
    }

    /// Something of a direction is missing, or could not be used: told to whoever follows the session.
    pub(in crate::sink::bmp) fn mirror(
        &mut self,
        voice: &mut Voice<'_>,
        known: &Known,
        side: Direction,
        direction: Direction,
        what: (Mirrored, Option<&[u8]>),
        ns: u64,
    ) {
        if self.knows(known, side) && self.is_in_step(voice.carrier) {
            let header = known.header(side, direction, ns);
            let (what, bytes) = what;
            voice.carrier.send(self.line, &mut |out| {
                message::route_mirroring(out, &header, what, bytes);
            });
        }
    }

    /// Tells figures about all peers.
    pub(in crate::sink::bmp) fn statistics(&mut self, voice: &mut Voice<'_>, world: &World<'_>) {
        if !self.is_in_step(voice.carrier) {
            return;
        }
        for told in self.peers.values() {
            let Some(known) = world.sessions.get(&told.session) else {
                continue;
            };
            let Some(side) = world.side_of(&self.name, known) else {
                continue;
            };
            let header = known.header(side, side ^ 1, world.now_ns);
            voice.carrier.send(self.line, &mut |out| {
                message::statistics(out, &header, |figures| {
                    figures_of(figures, known, side, world.ribs);
                });
            });
        }
    }
}

/// Takes back all routes that an UPDATE names.
fn withdraw(update: &Update<'_>, header: &PeerHeader, send: Send<'_>) {
    for field in rebuild::withdrawn_by(update) {
        send(&mut |out| {
            message::route_monitoring(out, header, |out| rebuild::withdraw(out, &field));
        });
    }
}

/// The statistics of a session (RFC 7854 §4.8).
fn figures_of(figures: &mut Figures<'_>, known: &Known, side: Direction, ribs: Option<&Ribs>) {
    let received = side & 1 ^ 1;
    let counts = known.counts[received];
    figures.counter(Statistic::DuplicateAnnouncements, counts.duplicates);
    figures.counter(Statistic::DuplicateWithdrawals, counts.absent);
    figures.counter(Statistic::TreatedAsWithdraw, counts.treated_as_withdraw);
    let tables = ribs.and_then(|ribs| ribs.session(known.id));
    for (direction, all, one) in [
        (received, Statistic::AdjRibIn, Statistic::FamilyIn),
        (side & 1, Statistic::AdjRibOut, Statistic::FamilyOut),
    ] {
        let ribs = tables.map_or(&[][..], |tables| tables.direction(direction).ribs());
        let total: u64 = ribs.iter().map(|rib| rib.len() as u64).sum();
        figures.gauge(all, total);
        for rib in ribs {
            let family = rib.family();
            figures.family(one, family.afi.0, family.safi.0, rib.len() as u64);
        }
    }
}
