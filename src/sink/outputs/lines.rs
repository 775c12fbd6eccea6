//! Lines of events, encoded once for all who want them.

use super::JsonLines;
use crate::filter::Event;
use crate::sink::stream::EventStream;

/// Takes lines of events.
trait Listener {
    fn line(&mut self, ns: u64, encode: &mut dyn FnMut(&mut Vec<u8>));
}

impl Listener for JsonLines {
    fn line(&mut self, ns: u64, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        self.writer.event(ns, encode);
    }
}

impl Listener for EventStream {
    fn line(&mut self, ns: u64, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        Self::line(self, ns, encode);
    }
}

/// Who gets the line of an event.
pub(super) struct Lines<'a> {
    listeners: [Option<&'a mut dyn Listener>; 3],
    /// With the bytes of each message.
    pub(super) raw: bool,
}

impl<'a> Lines<'a> {
    /// `None` if nobody does.
    pub(super) fn wanted(
        json: &'a mut Option<JsonLines>,
        kafka: &'a mut Option<JsonLines>,
        stream: &'a mut Option<EventStream>,
        event: &Event<'_>,
    ) -> Option<Self> {
        let wanted = |lines: &'a mut JsonLines| lines.selection.wants(event).then_some(lines);
        let json = json.as_mut().filter(|json| !json.is_elem());
        let json = json.and_then(wanted);
        let kafka = kafka.as_mut().and_then(wanted);
        let stream = stream.as_mut().and_then(|s| s.wants(event).then_some(s));
        let raw = json.as_ref().is_some_and(|json| json.raw)
            || kafka.as_ref().is_some_and(|kafka| kafka.raw)
            || stream.as_ref().is_some_and(|stream| stream.raw);
        let listeners = [
            json.map(|json| json as &mut dyn Listener),
            kafka.map(|kafka| kafka as &mut dyn Listener),
            stream.map(|stream| stream as &mut dyn Listener),
        ];
        let heard = listeners.iter().any(Option::is_some);
        heard.then_some(Self { listeners, raw })
    }

    /// Encodes a line once, however many want it.
    pub(super) fn write(self, ns: u64, mut encode: impl FnMut(&mut Vec<u8>)) {
        let mut listeners = self.listeners.into_iter().flatten();
        let Some(first) = listeners.next() else {
            return;
        };
        first.line(ns, &mut |out| {
            let at = out.len();
            encode(out);
            let line = out.get(at..).unwrap_or_default();
            for other in listeners.by_ref() {
                other.line(ns, &mut |out| out.extend_from_slice(line));
            }
        });
    }
}
