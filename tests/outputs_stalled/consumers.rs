//! Who reads what `bgptap` tells: a broker and its consumer, a listener, archives, lines.

use super::support::net::{Net, run};
use nix::sched::{CloneFlags, setns};
use rdkafka::mocking::MockCluster;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
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

/// A broker that keeps what it was given while it is down.
pub struct Broker {
    pub address: String,
    topic: &'static str,
    space: String,
    /// Whether it is up; hung up at the end.
    up: Option<Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// In a namespace: librdkafka's mock cluster, on a thread that stays there.
    pub fn start(space: &str, topic: &'static str) -> Self {
        let namespace = File::open(Path::new("/run/netns").join(space)).unwrap();
        let (up, orders) = channel();
        let (tell, address) = channel();
        let thread = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let cluster = MockCluster::new(1).unwrap();
            cluster.create_topic(topic, 1, 1).unwrap();
            tell.send(cluster.bootstrap_servers()).unwrap();
            for up in orders {
                let act = if up {
                    MockCluster::broker_up
                } else {
                    MockCluster::broker_down
                };
                act(&cluster, 1).unwrap();
            }
        });
        Self {
            address: address.recv().unwrap(),
            topic,
            space: space.to_owned(),
            up: Some(up),
            thread: Some(thread),
        }
    }

    /// Has it die, or come back.
    pub fn set_up(&self, up: bool) {
        self.up.as_ref().unwrap().send(up).unwrap();
    }

    /// What kcat reads of it, from the beginning to the end.
    pub fn numbers(&self) -> Vec<Number> {
        let mut kcat = Command::new("ip");
        kcat.args(["netns", "exec", &self.space, "kcat", "-q", "-e"]);
        kcat.args(["-b", &self.address, "-C", "-t", self.topic]);
        kcat.args(["-o", "beginning", "-p", "0"]);
        // Debian's librdkafka: cargo would have it take the one that was built for us.
        let output = run(kcat.env_remove("LD_LIBRARY_PATH"));
        let lines = output.stdout.split(|byte| *byte == b'\n');
        lines.filter(|line| !line.is_empty()).map(number).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.up = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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
