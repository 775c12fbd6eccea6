//! Who reads what `bgptap` tells: a broker and its consumer, a listener, archives, lines.

use super::support::broker::Broker;
use super::support::net::{Net, run};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The number that the last AS of an UPDATE's path is; `None`: something else has happened.
pub type Number = Option<u64>;

/// What a line tells.
pub fn number(line: &[u8]) -> Number {
    let event: Value = serde_json::from_slice(line).unwrap();
    let path = event["path"].as_array()?;
    path.last()?.as_u64()
}

/// What kcat reads of a broker, from the beginning to the end.
pub fn recorded(broker: &Broker, topic: &str) -> Vec<Number> {
    let records = broker.records(topic).into_iter();
    records.map(|(_, payload)| number(&payload)).collect()
}

/// Somebody who listens to `/events`.
pub struct Listener {
    heard: Arc<Mutex<Vec<Number>>>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// In a namespace.
    pub fn start(space: &str, at: SocketAddr) -> Self {
        let mut stream = Net::within(space, || TcpStream::connect(at).unwrap());
        write!(stream, "GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut lines = BufReader::new(stream);
        let mut header = String::new();
        while header != "\r\n" {
            header.clear();
            assert!(lines.read_line(&mut header).unwrap() > 0, "an answer");
        }
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let theirs = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            for line in lines.split(b'\n') {
                theirs.lock().unwrap().push(number(&line.unwrap()));
            }
        });
        Self { heard, thread }
    }

    /// What was heard until the other side ended.
    pub fn finish(self) -> Vec<Number> {
        self.thread.join().unwrap();
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

/// What bgpkit-parser reads in archives.
pub fn archived(files: &[impl AsRef<Path>]) -> Vec<Number> {
    let mut numbers = Vec::new();
    for file in files {
        let file = File::open(file).unwrap();
        let parser = bgpkit_parser::BgpkitParser::from_reader(BufReader::new(file));
        for record in parser.into_record_iter() {
            let elements = bgpkit_parser::Elementor::new().record_to_elems(record);
            let path = elements.first().and_then(|element| element.as_path.clone());
            let origin = path.and_then(|path| path.get_origin_opt());
            numbers.push(origin.map(|asn| u64::from(u32::from(asn))));
        }
    }
    numbers
}

/// The counters of `/metrics` by name and labels.
pub fn metrics(space: &str) -> std::collections::BTreeMap<String, u64> {
    let script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9179/metrics', timeout=30).read().decode())";
    let output = run(&mut Net::python(space, script));
    let text = String::from_utf8(output.stdout).unwrap();
    let values = text.lines().filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    values.collect()
}
