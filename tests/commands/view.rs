//! The machine that the pages assume: interfaces with BGP on them, hosts with names, files to be read.

use crate::support::broker::Broker;
use crate::support::encode::{Order, PacketBlock, gzip, pcapng};
use crate::support::net::{self, Net};
use crate::support::{Scratch, frames, recording};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// Interfaces that the pages name, each one end of a veth.
const INTERFACES: [&str; 5] = ["mon0", "eth0", "eth1", "eth2", "veth1"];
/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// UPDATEs of the recording, as tshark counts them (tests/data/README.md).
pub const UPDATES: u64 = 3249;

/// A machine of its own: its file system is a copy-on-write view, its network a namespace.
pub struct View {
    net: Net,
    holder: Child,
    /// The view is there until this is closed.
    _held: ChildStdin,
    broker: Option<Broker>,
    /// Interfaces that commands have to make.
    made: Vec<&'static str>,
    _scratch: Scratch,
}

impl View {
    /// The view in which commands are going to be run.
    pub fn of(commands: &[String]) -> Self {
        let (net, scratch) = (Net::without_veth(), Scratch::new("commands"));
        let named = |name: &str| commands.iter().any(|command| command.contains(name));
        let makes = |name: &&str| named(&format!("link add {name}"));
        let (made, given): (Vec<_>, Vec<_>) = INTERFACES.into_iter().partition(makes);
        for name in given {
            net.add_veth(name, &peer(name), 1);
        }
        write_files(&scratch);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &net.mon, "unshare", "--mount"]);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/view.sh"))
            .arg(scratch.path("."))
            .arg(env!("CARGO_BIN_EXE_bgptap"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().expect("ip is installed");
        let held = holder.stdin.take().expect("piped");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("piped"))
            .read_line(&mut said)
            .expect("a line");
        assert_eq!(said, "ready\n", "the view is there");
        if named("station") {
            listen(&net.mon, 11019, |stream| {
                drop(io::copy(&mut &stream, &mut io::sink()));
            });
        }
        let broker = named("kafka").then(|| Self::broker(&net.mon));
        Self {
            net,
            holder,
            _held: held,
            broker,
            made,
            _scratch: scratch,
        }
    }

    /// A broker at the port that the pages name: that of the mock cluster is not to be chosen.
    fn broker(space: &str) -> Broker {
        let broker = Broker::start_within(space);
        let address = broker.address.clone();
        listen(space, 9092, move |client| {
            let server = TcpStream::connect(&address).expect("the broker listens");
            let back = (server.try_clone(), client.try_clone());
            let (Ok(from), Ok(to)) = back else { return };
            std::thread::spawn(move || io::copy(&mut &from, &mut &to));
            let _ = io::copy(&mut &client, &mut &server);
        });
        broker
    }

    /// Words before a command that is to be run in the view.
    pub fn entered(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        let words = [
            "nsenter", "--mount", "--net", "--root", "--wd", "--target", &holder,
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Sends the recording into an interface from outside, and waits until a capture in the view has counted it.
    pub fn feed(&self, interface: &str) {
        self.send(interface);
        let begun = Instant::now();
        while self.updates() != UPDATES {
            assert!(begun.elapsed() < PATIENCE, "{} UPDATEs", self.updates());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends the recording again and again until something is so: nobody tells when somebody listens.
    pub fn feed_until(&self, interface: &str, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < PATIENCE, "nothing comes");
            self.send(interface);
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn send(&self, interface: &str) {
        // What commands have made is a mirror of eth0.
        let made = self.made.contains(&interface);
        let peer = peer(if made { "eth0" } else { interface });
        let file = recording().to_str().expect("a path");
        let arguments = ["replay", file, "-i", &peer, "--speed", "max"];
        net::run(&mut Net::bgptap(&self.net.wire, &arguments));
    }

    /// UPDATEs that `/metrics` counts.
    fn updates(&self) -> u64 {
        let text = Net::within(&self.net.mon, || -> io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 9179))?;
            write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        });
        let text = text.unwrap_or_default();
        let series = text.lines().filter(|line| {
            line.starts_with("bgptap_messages_total{") && line.contains("type=\"UPDATE\"")
        });
        let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }

    /// Records of a topic that the broker has.
    pub fn records(&self, topic: &str) -> usize {
        let broker = self.broker.as_ref().expect("a command names it");
        broker.records(topic).len()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The other end of an interface's veth.
fn peer(interface: &str) -> String {
    format!("{interface}-peer")
}

/// What the pages call the recording, and the configuration that docs/configuration.md shows.
fn write_files(scratch: &Scratch) {
    let recorded = fs::read(recording()).expect("the recording is there");
    fs::create_dir(scratch.path("files")).expect("a folder of its own");
    for name in ["x.pcap", "day.pcap", "session.pcap"] {
        scratch.write(&format!("files/{name}"), &recorded);
    }
    scratch.write("files/old.pcap.gz", &gzip(&recorded));
    let frames = frames::of(recording());
    let newer = pcapng(&frames, Order::Little, PacketBlock::Enhanced);
    scratch.write("files/new.pcapng", &newer);
    let pages = crate::pages::all();
    let page = pages
        .iter()
        .find(|page| page.name == "docs/configuration.md");
    let mut blocks = page.expect("the page").blocks.iter();
    let example = blocks
        .find(|block| block.language == "toml")
        .expect("an example");
    scratch.write("files/bgptap.toml", example.lines.join("\n").as_bytes());
    scratch.write(
        "hosts",
        b"127.0.0.1 localhost station broker kafka1 kafka2\n",
    );
}

/// Listens in a namespace, and has a thread of its own serve whoever comes.
fn listen(space: &str, port: u16, serve: impl Fn(TcpStream) + Clone + Send + 'static) {
    let space = space.to_owned();
    let (listens, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        Net::within(&space, move || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
            listens.send(()).expect("it is waited for");
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
    });
    ready.recv_timeout(PATIENCE).expect("it listens");
}
