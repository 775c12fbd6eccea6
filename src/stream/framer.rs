//! Contiguous bytes in, messages out.

use super::carry::{Carry, Collected};
use super::kept::Kept;
use super::search::{Search, When};
use super::{Framing, Gap, Handler, Ledger, MalformedReason, Verdict};
use crate::bgp::MessageSet;
use crate::bgp::header::{HEADER_LEN, Header, MARKER, MAX_LEN};
use crate::capture::Stamp;
use bgptap_umem::buffer::BufferPool;

/// Bytes that may pile up behind a message that waits.
const BACKLOG_MAX: usize = 1 << 20;

/// A run of bytes that cannot be framed is told about in pieces of at least so many.
const RUN_MAX: u64 = 1 << 16;

/// Where framing stands.
enum Mode {
    /// The next byte begins a message, or goes on with the one in `carry`.
    Synced,
    /// So many bytes still belong to a message that a gap has cut; then comes a header.
    Skipping(u64),
    /// So many bytes of a message that nobody asked for are still to come; then comes a header.
    Unwanted(u64),
    /// A header must be found first.
    Seeking(Box<Search>),
}

/// Frames messages in a stream without holes. Every byte that is fed ends in
/// `decoded`, `skipped`, `quarantined` or stays pending.
pub(super) struct Framer {
    mode: Mode,
    /// Messages that are delivered; of others only the header is looked at.
    wanted: MessageSet,
    carry: Carry,
    /// Contiguous bytes behind a message that waits, that message first.
    backlog: Kept,
    waiting: bool,
    /// Extended messages were agreed on, or not; `None` while nobody knows.
    extended: Option<bool>,
    /// When the newest bytes came.
    fed_ns: u64,
    teller: Teller,
}

/// Tells what was found, in order.
#[derive(Default)]
struct Teller {
    /// Bytes ahead that are too near to the start of a search to be beyond doubt.
    doubtful: u64,
    /// Bytes passed over that have not been told about.
    run: Option<Run>,
    /// The newest time that was told, so that times never go back in a direction.
    told_ns: u64,
}

#[derive(Clone, Copy)]
struct Run {
    bytes: u64,
    reason: MalformedReason,
    stamp: Stamp,
}

/// What is told and counted while bytes are fed.
pub(super) struct Out<'a, H> {
    pub(super) handler: &'a mut H,
    pub(super) ledger: &'a mut Ledger,
    /// Of the frame that the bytes came in.
    pub(super) stamp: Stamp,
}

impl Framer {
    pub(super) fn new(pool: BufferPool, wanted: MessageSet) -> Self {
        Self {
            mode: Mode::Synced,
            wanted,
            carry: Carry::new(pool, wanted),
            backlog: Kept::default(),
            waiting: false,
            extended: None,
            fed_ns: 0,
            teller: Teller::default(),
        }
    }

    /// The stream is joined in its midst: the first header has to be found.
    pub(super) fn join(&mut self) {
        self.seek(MalformedReason::BeforeFirstHeader);
    }

    fn seek(&mut self, reason: MalformedReason) {
        self.mode = Mode::Seeking(Box::new(Search::new(reason)));
    }

    /// Takes back what was fed since [`Self::join`], if all of it is still here: the stream
    /// begins earlier than it seemed. `synced`: it begins with a message.
    pub(super) fn rewind(&mut self, synced: bool) -> Option<Kept> {
        if !self.may_rewind() {
            return None;
        }
        let mode = std::mem::replace(&mut self.mode, Mode::Synced);
        if !synced {
            self.join();
        }
        match mode {
            Mode::Seeking(search) => Some(search.into_kept()),
            _ => None,
        }
    }

    /// Nothing has been concluded yet about a stream that was joined in its midst.
    pub(super) fn may_rewind(&self) -> bool {
        matches!(&self.mode, Mode::Seeking(search)
            if search.is_whole() && search.reason == MalformedReason::BeforeFirstHeader)
    }

    pub(super) fn set_extended(&mut self, extended: bool) {
        self.extended = Some(extended);
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Time may change something.
    pub(super) fn wants_ticks(&self) -> bool {
        self.waiting || self.teller.run.is_some() || matches!(self.mode, Mode::Seeking(_))
    }

    /// Bytes that were fed and are neither decoded nor quarantined: the last ones of the stream so far.
    pub(super) fn pending(&self) -> &[u8] {
        match &self.mode {
            _ if self.waiting => self.backlog.bytes(),
            Mode::Seeking(search) => search.kept().bytes(),
            _ => self.carry.bytes(),
        }
    }

    /// Takes the next bytes, which begin or end where a segment does.
    pub(super) fn feed<H: Handler>(&mut self, bytes: &[u8], out: &mut Out<'_, H>) {
        self.fed_ns = out.stamp.ns;
        if self.waiting {
            self.backlog.push(bytes, out.stamp);
            if self.backlog.len() > BACKLOG_MAX {
                out.handler.stop_waiting();
                self.resume(out);
            }
            return;
        }
        self.take(bytes, out);
    }

    /// Delivers the message that waited and what came behind it, unless it has to wait on.
    pub(super) fn resume<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        if self.waiting {
            self.waiting = false;
            let backlog = std::mem::take(&mut self.backlog);
            self.feed_kept(&backlog, 0, out);
        }
    }

    /// Feeds what was kept, each byte with the time of its frame.
    fn feed_kept<H: Handler>(&mut self, kept: &Kept, from: usize, out: &mut Out<'_, H>) {
        let stamp = out.stamp;
        for (piece, came) in kept.pieces(from) {
            out.stamp = came;
            if self.waiting {
                self.backlog.push(piece, came);
            } else {
                self.take(piece, out);
            }
        }
        out.stamp = stamp;
    }

    fn take<H: Handler>(&mut self, mut bytes: &[u8], out: &mut Out<'_, H>) {
        if let Mode::Skipping(left) | Mode::Unwanted(left) = self.mode {
            let count = left.min(bytes.len() as u64);
            if matches!(self.mode, Mode::Unwanted(_)) {
                self.teller.skip_body(count, out);
            } else {
                self.teller
                    .pass_over(count, MalformedReason::CutMessage, out);
            }
            self.leave_out(left - count);
            // At most `bytes.len()`, so it fits.
            bytes = &bytes[count as usize..];
        }
        if bytes.is_empty() {
            return;
        }
        match &mut self.mode {
            Mode::Seeking(search) => {
                search.push(bytes, out.stamp);
                self.search(When::Now, out);
            }
            _ => self.frame(bytes, out),
        }
    }

    /// So many bytes are still to be passed over, for the reason for which some were already.
    fn leave_out(&mut self, left: u64) {
        self.mode = match self.mode {
            _ if left == 0 => Mode::Synced,
            Mode::Unwanted(_) => Mode::Unwanted(left),
            _ => Mode::Skipping(left),
        };
    }

    /// Frames bytes that go on where the last message ended.
    fn frame<H: Handler>(&mut self, mut bytes: &[u8], out: &mut Out<'_, H>) {
        while !bytes.is_empty() {
            if !self.carry.is_empty() || bytes.len() < HEADER_LEN {
                match self.carry.add(&mut bytes) {
                    Collected::Partial => return,
                    Collected::Whole => {
                        self.waiting = !self.teller.deliver(self.carry.bytes(), out);
                        if self.waiting {
                            self.backlog.push(self.carry.bytes(), out.stamp);
                            self.backlog.push(bytes, out.stamp);
                        }
                        self.carry.clear();
                        if self.waiting {
                            return;
                        }
                    }
                    Collected::Unwanted(header) => {
                        self.carry.clear();
                        bytes = self.skip(header, bytes, out);
                    }
                    Collected::NoHeader => return self.lose_sync(bytes, out),
                    Collected::NoRoom(length) => return self.pass_message(length, bytes, out),
                }
                continue;
            }
            let Ok(header) = Header::parse(bytes) else {
                return self.lose_sync(bytes, out);
            };
            if !self.wanted.contains(header.kind) {
                bytes = self.skip(header, &bytes[HEADER_LEN..], out);
                continue;
            }
            let Some((message, rest)) = bytes.split_at_checked(header.length.into()) else {
                // It goes on in the next segment.
                if let Collected::NoRoom(length) = self.carry.add(&mut bytes) {
                    self.pass_message(length, bytes, out);
                }
                return;
            };
            if !self.teller.deliver(message, out) {
                self.waiting = true;
                self.backlog.push(bytes, out.stamp);
                return;
            }
            bytes = rest;
        }
    }

    /// Counts a message that nobody asked for and passes over its body, as much as `rest` has of
    /// it. Returns what follows.
    fn skip<'b, H: Handler>(
        &mut self,
        header: Header,
        rest: &'b [u8],
        out: &mut Out<'_, H>,
    ) -> &'b [u8] {
        self.teller.skip_header(&header, out);
        let body = usize::from(header.length).saturating_sub(HEADER_LEN);
        let (here, behind) = rest.split_at(body.min(rest.len()));
        self.teller.skip_body(here.len() as u64, out);
        if here.len() < body {
            self.mode = Mode::Unwanted((body - here.len()) as u64);
        }
        behind
    }

    /// There is no memory for a message: it is passed over. Where the next one begins is known.
    fn pass_message<H: Handler>(&mut self, length: usize, rest: &[u8], out: &mut Out<'_, H>) {
        let here = self.carry.len();
        self.carry.clear();
        self.teller
            .pass_over(here as u64, MalformedReason::Limit, out);
        self.mode = Mode::Skipping((length - here) as u64);
        self.take(rest, out);
    }

    /// Gives up what is kept outside frames, but for a message that is being put together.
    pub(super) fn shed<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        if self.waiting {
            out.handler.stop_waiting();
            self.resume(out);
        }
        if let Mode::Seeking(search) = &mut self.mode {
            let count = search.kept().len();
            search.shed();
            self.teller
                .pass_over(count as u64, MalformedReason::Limit, out);
        }
    }

    /// Bytes of messages that were put together, ever.
    pub(super) fn copied(&self) -> u64 {
        self.carry.copied()
    }

    /// Memory that is taken outside frames, but for a message that is being put together.
    pub(super) fn heap_bytes(&self) -> usize {
        let searched = match &self.mode {
            Mode::Seeking(search) => search.heap_bytes(),
            _ => 0,
        };
        searched + self.backlog.heap_bytes()
    }

    /// What should be a header is none: `carry` and `bytes` behind it.
    fn lose_sync<H: Handler>(&mut self, bytes: &[u8], out: &mut Out<'_, H>) {
        let marked = if self.carry.is_empty() {
            bytes.starts_with(&MARKER)
        } else {
            self.carry.bytes().starts_with(&MARKER)
        };
        let reason = if marked {
            MalformedReason::BadLength
        } else {
            MalformedReason::BadMarker
        };
        let mut search = Box::new(Search::new(reason));
        search.push(self.carry.bytes(), out.stamp);
        search.push(bytes, out.stamp);
        search.refuse_front();
        self.carry.clear();
        self.mode = Mode::Seeking(search);
        self.search(When::Now, out);
    }

    /// Goes on looking for a header; what cannot be part of a message is passed over.
    fn search<H: Handler>(&mut self, when: When, out: &mut Out<'_, H>) {
        let Mode::Seeking(search) = &mut self.mode else {
            return;
        };
        search.follow(self.extended);
        if let Some(start) = search.believed(self.extended, when) {
            return self.found(start, out);
        }
        // A little is kept even so: the stream may turn out to begin earlier than it seemed.
        if when == When::Now && search.kept().len() <= usize::from(MAX_LEN) {
            return;
        }
        let (count, reason) = (search.hopeless(), search.reason);
        search.drop_front(count);
        self.teller.pass_over(count as u64, reason, out);
    }

    /// A message begins at `start` of what the search has kept.
    fn found<H: Handler>(&mut self, start: usize, out: &mut Out<'_, H>) {
        let Mode::Seeking(search) = std::mem::replace(&mut self.mode, Mode::Synced) else {
            return;
        };
        self.teller.pass_over(start as u64, search.reason, out);
        self.teller.doubtful = search.doubtful(start, self.extended);
        self.feed_kept(search.kept(), start, out);
    }

    /// Nothing has come since `quiet_since_ns`, if nothing was fed after that time.
    pub(super) fn tick<H: Handler>(&mut self, quiet_since_ns: u64, out: &mut Out<'_, H>) {
        if self.fed_ns > quiet_since_ns {
            return;
        }
        if matches!(self.mode, Mode::Seeking(_)) && !self.waiting {
            self.search(When::Quiet, out);
        }
        self.teller.tell_run(out);
    }

    /// Bytes are missing here. If they lie inside a message whose header is known, the
    /// next header's place is known too; else it has to be found.
    pub(super) fn gap<H: Handler>(&mut self, gap: Gap, out: &mut Out<'_, H>) {
        self.come_to_an_end(out);
        let missing = match self.mode {
            // A length that is itself in doubt leads nowhere.
            _ if self.teller.doubtful > 0 => None,
            Mode::Synced => self.carry.missing().map(|missing| missing as u64),
            Mode::Skipping(left) | Mode::Unwanted(left) => Some(left),
            Mode::Seeking(_) => None,
        };
        let carried = self.carry.len() as u64;
        self.carry.clear();
        self.teller
            .pass_over(carried, MalformedReason::CutMessage, out);
        self.teller.gap(gap, out);
        match missing {
            Some(missing) if missing >= gap.bytes => self.leave_out(missing - gap.bytes),
            _ => self.seek(MalformedReason::AfterGap),
        }
    }

    /// Nothing more will come.
    pub(super) fn finish<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        self.come_to_an_end(out);
        if matches!(self.mode, Mode::Seeking(_)) {
            self.mode = Mode::Synced;
        }
        self.teller.tell_run(out);
    }

    /// Nothing will come that goes on where this ends: what waits is delivered, a search
    /// makes what it can of what it has.
    fn come_to_an_end<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        let mut left = usize::MAX;
        loop {
            // What a search has found may want to wait too.
            if self.waiting {
                out.handler.stop_waiting();
                self.resume(out);
            }
            // What follows a message that was believed may need a search of its own.
            match &self.mode {
                Mode::Seeking(search) if search.kept().len() < left => {
                    left = search.kept().len();
                    self.search(When::Over, out);
                }
                _ => break,
            }
        }
        if let Mode::Seeking(search) = &mut self.mode {
            let (count, reason) = (search.kept().len(), search.reason);
            search.drop_front(count);
            self.teller.pass_over(count as u64, reason, out);
        }
    }
}

impl Teller {
    /// Hands out a message; false if it has to wait.
    fn deliver<H: Handler>(&mut self, message: &[u8], out: &mut Out<'_, H>) -> bool {
        self.tell_run(out);
        let framing = if self.doubtful == 0 {
            Framing::Exact
        } else {
            Framing::Searched
        };
        let stamp = self.in_order(out.stamp);
        if out.handler.message(message, stamp, framing) == Verdict::Wait {
            return false;
        }
        self.told_ns = stamp.ns;
        self.doubtful = self.doubtful.saturating_sub(message.len() as u64);
        out.ledger.decoded += message.len() as u64;
        true
    }

    /// Tells of a message of which only the header is looked at.
    fn skip_header<H: Handler>(&mut self, header: &Header, out: &mut Out<'_, H>) {
        self.tell_run(out);
        let stamp = self.in_order(out.stamp);
        out.handler.skipped(header, stamp);
        self.told_ns = stamp.ns;
        self.doubtful = self.doubtful.saturating_sub(HEADER_LEN as u64);
        out.ledger.decoded += HEADER_LEN as u64;
    }

    fn skip_body<H>(&mut self, bytes: u64, out: &mut Out<'_, H>) {
        self.doubtful = self.doubtful.saturating_sub(bytes);
        out.ledger.skipped += bytes;
    }

    fn gap<H: Handler>(&mut self, gap: Gap, out: &mut Out<'_, H>) {
        self.tell_run(out);
        let stamp = self.in_order(out.stamp);
        self.told_ns = stamp.ns;
        self.doubtful = self.doubtful.saturating_sub(gap.bytes);
        out.handler.gap(gap, stamp);
    }

    fn pass_over<H: Handler>(&mut self, bytes: u64, reason: MalformedReason, out: &mut Out<'_, H>) {
        if bytes == 0 {
            return;
        }
        out.ledger.quarantined += bytes;
        self.doubtful = self.doubtful.saturating_sub(bytes);
        if self.run.is_some_and(|run| run.reason != reason) {
            self.tell_run(out);
        }
        let stamp = out.stamp;
        let before = self.run.map_or(0, |run| run.bytes);
        let bytes = before + bytes;
        self.run = Some(Run {
            bytes,
            reason,
            stamp,
        });
        if bytes >= RUN_MAX {
            self.tell_run(out);
        }
    }

    fn tell_run<H: Handler>(&mut self, out: &mut Out<'_, H>) {
        if let Some(run) = self.run.take() {
            let stamp = self.in_order(run.stamp);
            self.told_ns = stamp.ns;
            out.handler.malformed(run.bytes, run.reason, stamp);
        }
    }

    /// A frame that came late completes messages behind it too: none is complete before it.
    fn in_order(&self, stamp: Stamp) -> Stamp {
        Stamp {
            ns: stamp.ns.max(self.told_ns),
            ..stamp
        }
    }
}
