//! What a message says, in the rest of its line.

use super::flat;
use super::palette::Palette;
use crate::bgp::attribute::NextHops;
use crate::bgp::nlri::part::Labels;
use crate::bgp::text::{AddressText, Escaped, Joined};
use crate::bgp::{
    Capability, Error, Family, Message, Nlri, NlriField, Notification, Open, Prefix, RouteRefresh,
    Update, names,
};
use std::io::{self, Write};

/// NLRI that one line shows of what an UPDATE announces, and of what it withdraws.
const SHOWN_MAX: usize = 4;

/// A line that is being written.
pub(super) struct Line<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) scratch: &'a mut String,
    pub(super) palette: &'a Palette,
}

impl Line<'_> {
    /// Appends what the message says, and what is wrong with it.
    pub(super) fn message(&mut self, message: &Message<'_>) -> io::Result<()> {
        match message {
            Message::Open(open) => self.open(open)?,
            Message::Update(update) => self.update(update)?,
            Message::Notification(notification) => self.notification(notification)?,
            Message::Keepalive => {}
            Message::RouteRefresh(refresh) => self.refresh(refresh)?,
            Message::Broken { body, .. } => {
                write!(self.out, " unreadable body of {} bytes", body.len())?;
            }
            Message::Unknown { code, body } => {
                write!(self.out, " type {code}, body of {} bytes", body.len())?;
            }
        }
        self.errors(message.errors())
    }

    fn open(&mut self, open: &Open<'_>) -> io::Result<()> {
        let (asn, hold, id) = (open.asn(), open.hold_time, open.bgp_id);
        write!(self.out, " asn {asn} hold {hold} router-id {id}")?;
        if open.version != 4 {
            write!(self.out, " version {}", open.version)?;
        }
        let mut others = 0u32;
        for capability in open.capabilities() {
            match capability {
                Capability::Multiprotocol(family) => write!(self.out, " {family}")?,
                _ => others += 1,
            }
        }
        match others {
            0 => Ok(()),
            1 => write!(self.out, " and 1 other capability"),
            _ => write!(self.out, " and {others} other capabilities"),
        }
    }

    fn update(&mut self, update: &Update<'_>) -> io::Result<()> {
        let good = self.palette.good;
        self.some("+", good, update.all_announced())?;
        let gone = self.palette.gone;
        self.some("-", gone, update.all_withdrawn())?;
        if let Some(family) = update.eor() {
            let change = self.palette.change;
            write!(self.out, " {change}End-of-RIB{change:#} {family}")?;
        }
        if let Some(path) = update.path() {
            let dim = self.palette.dim;
            write!(self.out, " {dim}via{dim:#}")?;
            let start = self.out.len();
            write!(self.out, " {path}")?;
            // The path of what begins here is empty.
            if self.out.get(start..).is_some_and(|path| path == b" ") {
                self.out.truncate(start);
                write!(self.out, " -")?;
            }
        }
        match (update.next_hop(), update.mp_reach()) {
            // NEXT_HOP is for the NLRI field alone (RFC 4760 §3).
            (Some(hop), mp) if mp.is_none() || !update.announced().is_empty() => {
                self.next_hop(AddressText::new(hop.into(), None).as_str())
            }
            (_, Some(mp)) => self.next_hops(mp.next_hops),
            (_, None) => Ok(()),
        }
    }

    pub(super) fn next_hop(&mut self, hop: impl std::fmt::Display) -> io::Result<()> {
        let dim = self.palette.dim;
        write!(self.out, " {dim}next-hop{dim:#} {hop}")
    }

    pub(super) fn next_hops(&mut self, hops: NextHops<'_>) -> io::Result<()> {
        match hops.iter().next() {
            Some(_) => self.next_hop(Joined(hops.iter())),
            None => Ok(()),
        }
    }

    /// The first NLRI of fields, and how many more there are.
    fn some<'a>(
        &mut self,
        sign: &str,
        style: anstyle::Style,
        fields: impl Iterator<Item = NlriField<'a>>,
    ) -> io::Result<()> {
        let mut more = 0;
        let mut room = SHOWN_MAX;
        for field in fields {
            if !is_unicast(field.family()) {
                write!(self.out, " {}", field.family())?;
            }
            let before = room;
            for nlri in field.iter().take(room) {
                write!(self.out, " {style}{sign}")?;
                self.nlri(&nlri)?;
                write!(self.out, "{style:#}")?;
                room -= 1;
            }
            more += field.count().saturating_sub(before - room);
        }
        match more {
            0 => Ok(()),
            more => write!(self.out, " ({sign}{more} more)"),
        }
    }

    /// One NLRI: prefixes as routers print them, others by their fields.
    pub(super) fn nlri(&mut self, nlri: &Nlri<'_>) -> io::Result<()> {
        match nlri {
            Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) => self.prefix(prefix),
            Nlri::Labeled(labeled) => {
                self.prefix(&labeled.prefix)?;
                self.labels(Some(labeled.labels))
            }
            Nlri::Vpn(vpn) => {
                write!(self.out, "{}:", vpn.rd)?;
                self.prefix(&vpn.prefix)?;
                self.labels(vpn.labels)
            }
            Nlri::FlowSpecs(flow) => write!(self.out, "{{{flow}}}"),
            Nlri::Opaque(bytes) => write!(self.out, "{} bytes", bytes.len()),
            other => {
                self.out.push(b'{');
                flat::write(self.out, self.scratch, other)?;
                self.out.push(b'}');
                Ok(())
            }
        }
    }

    fn prefix(&mut self, prefix: &Prefix) -> io::Result<()> {
        let text = AddressText::new(prefix.addr, Some(prefix.len));
        self.out.extend_from_slice(text.as_str().as_bytes());
        match prefix.path_id {
            Some(id) => write!(self.out, "[{id}]"),
            None => Ok(()),
        }
    }

    fn labels(&mut self, labels: Option<Labels<'_>>) -> io::Result<()> {
        let labels = labels.into_iter().flat_map(|labels| labels.iter());
        for (at, label) in labels.enumerate() {
            let sign = if at == 0 { '@' } else { '/' };
            write!(self.out, "{sign}{}", label.value())?;
        }
        Ok(())
    }

    fn notification(&mut self, notification: &Notification<'_>) -> io::Result<()> {
        self.reason(notification)?;
        if let Some(inner) = notification.enclosed() {
            write!(self.out, ":")?;
            self.reason(&inner)?;
        }
        match notification.shutdown_text() {
            Some(text) => write!(self.out, " \"{}\"", Escaped(text)),
            None => Ok(()),
        }
    }

    fn reason(&mut self, notification: &Notification<'_>) -> io::Result<()> {
        match notification.name() {
            Some(name) => write!(self.out, " {name}")?,
            None => write!(self.out, " code {}", notification.code)?,
        }
        match notification.subcode_name() {
            Some(name) => write!(self.out, "/{name}"),
            None => write!(self.out, "/{}", notification.subcode),
        }
    }

    fn refresh(&mut self, refresh: &RouteRefresh<'_>) -> io::Result<()> {
        write!(self.out, " {}", refresh.family)?;
        match refresh.subtype_name() {
            _ if refresh.subtype == 0 => {}
            Some(name) => write!(self.out, " {name}")?,
            None => write!(self.out, " subtype {}", refresh.subtype)?,
        }
        match refresh.filters.len() {
            0 => Ok(()),
            length => write!(self.out, " with filters of {length} bytes"),
        }
    }

    fn errors(&mut self, errors: &[Error]) -> io::Result<()> {
        let Some((first, more)) = errors.split_first() else {
            return Ok(());
        };
        let bad = self.palette.bad;
        write!(self.out, " {bad}ERROR ")?;
        self.error(first)?;
        if !more.is_empty() {
            write!(self.out, " (+{} more)", more.len())?;
        }
        write!(self.out, "{bad:#}")
    }

    /// `treat-as-withdraw: ORIGIN is not one octet (ORIGIN, offset 27)`
    pub(super) fn error(&mut self, error: &Error) -> io::Result<()> {
        write!(self.out, "{}: {} (", error.disposition.name(), error.text)?;
        match error.attribute.map(|code| (code, names::attribute(code))) {
            Some((_, Some(name))) => write!(self.out, "{name}, ")?,
            Some((code, None)) => write!(self.out, "attribute {code}, ")?,
            None => {}
        }
        write!(self.out, "offset {})", error.offset)
    }
}

/// Families whose NLRI tell them by what they look like.
fn is_unicast(family: Family) -> bool {
    matches!(family, Family::IPV4_UNICAST | Family::IPV6_UNICAST)
}
