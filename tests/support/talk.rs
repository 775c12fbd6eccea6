//! A TCP session between the two namespaces, over which whole BGP messages go both ways.

use super::net::Net;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The monitor's host, which is tapped, and the other end.
pub const HOST: &str = "192.0.2.1";
pub const PEER: &str = "192.0.2.2";

/// Sends so many KEEPALIVEs as it reads from standard input, and tells how many bytes have come.
const END: &str = r#"
import socket, sys, threading
role, host, port = sys.argv[1:4]
if role == "listen":
    server = socket.create_server((host, int(port)))
    print("ready", flush=True)
    s, _ = server.accept()
else:
    s = socket.create_connection((host, int(port)))
    print("ready", flush=True)
got = 0
changed = threading.Condition()
def receive():
    global got
    while True:
        data = s.recv(1 << 20)
        if not data: break
        with changed:
            got += len(data)
            changed.notify()
threading.Thread(target=receive, daemon=True).start()
for line in sys.stdin:
    what, number = line.split()
    if what == "send":
        s.sendall((b"\xff" * 16 + b"\x00\x13\x04") * int(number))
    else:
        with changed:
            changed.wait_for(lambda: got >= 19 * int(number), 20)
    print(got // 19, flush=True)
"#;

/// One end of the session.
struct End {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl End {
    fn start(space: &str, role: &str, host: &str, port: u16) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space, "python3", "-c", END, role, host]);
        let mut child = command
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut end = Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        assert_eq!(end.line(), "ready");
        end
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn ask(&mut self, what: &str, number: u64) -> u64 {
        writeln!(self.stdin, "{what} {number}").unwrap();
        self.line().parse().unwrap()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both ends, and how many messages each has sent.
pub struct Talk {
    ends: [End; 2],
    sent: [u64; 2],
}

impl Talk {
    /// Between the namespaces of `net`, which get addresses.
    pub fn start(net: &Net) -> Self {
        net.add_addresses(HOST, PEER);
        Self::between((&net.mon, HOST), &net.wire)
    }

    /// A server at an address in a namespace, and a client in another or the same.
    pub fn between(server: (&str, &str), client: &str) -> Self {
        let listening = End::start(server.0, "listen", server.1, 179);
        let connected = End::start(client, "connect", server.1, 179);
        Self {
            ends: [listening, connected],
            sent: [0, 0],
        }
    }

    /// Sends so many messages from each end, and waits until the other has them all: the
    /// session lives.
    pub fn exchange(&mut self, each: u64) {
        for from in [0, 1] {
            self.ends[from].ask("send", each);
            self.sent[from] += each;
            assert_eq!(
                self.ends[1 - from].ask("expect", self.sent[from]),
                self.sent[from],
                "the session lost messages"
            );
        }
    }
}
