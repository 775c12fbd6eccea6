//! Two network namespaces with a veth between them: a monitor and a wire.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The monitor's end of the veth.
pub const TAP: &str = "tap0";
/// The other end, which traffic is sent into.
pub const WIRE: &str = "wire0";

/// A monitor's namespace and a wire's. They are removed when this is dropped.
pub struct Net {
    /// The monitor's namespace.
    pub mon: String,
    /// The namespace that traffic comes from.
    pub wire: String,
}

/// Whether namespaces can be made; says so if not.
pub fn allowed() -> bool {
    let root = fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t")));
    if !root {
        super::skip::skip("network namespaces need root");
    }
    root
}

impl Net {
    /// Makes the namespaces and the veth, both ends up and silent: no IPv6, no addresses.
    pub fn new() -> Self {
        let net = Self::without_veth();
        net.add_veth(TAP, WIRE, 1);
        net
    }

    /// A veth whose ends have several queues each: what is sent from one of them arrives at the
    /// same of the other end.
    pub fn add_veth(&self, tap: &str, wire: &str, queues: u32) {
        let queues = queues.to_string();
        let both = ["numtxqueues", &queues, "numrxqueues", &queues];
        let mut add = Command::new("ip");
        add.args(["-n", &self.mon, "link", "add", "name", tap])
            .args(both);
        add.args(["type", "veth", "peer", "name", wire]).args(both);
        run(add.args(["netns", &self.wire]));
        ip(&["-n", &self.mon, "link", "set", tap, "up"]);
        ip(&["-n", &self.wire, "link", "set", wire, "up"]);
    }

    /// Makes the namespaces only.
    pub fn without_veth() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "bt{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let net = Self {
            mon: format!("{name}-mon"),
            wire: format!("{name}-wire"),
        };
        for space in [&net.mon, &net.wire] {
            ip(&["netns", "add", space]);
            for knob in ["all", "default"] {
                let set = format!("net.ipv6.conf.{knob}.disable_ipv6=1");
                run(Command::new("ip").args(["netns", "exec", space, "sysctl", "-qw", &set]));
            }
            ip(&["-n", space, "link", "set", "lo", "up"]);
        }
        net
    }

    /// Lets the veth carry longer frames.
    pub fn set_mtu(&self, mtu: u32) {
        for (space, interface) in [(&self.mon, TAP), (&self.wire, WIRE)] {
            ip(&[
                "-n",
                space,
                "link",
                "set",
                interface,
                "mtu",
                &mtu.to_string(),
            ]);
        }
    }

    /// Gives both ends of the veth an address.
    pub fn add_addresses(&self, tap: &str, wire: &str) {
        for (space, interface, address) in [(&self.mon, TAP, tap), (&self.wire, WIRE, wire)] {
            let address = format!("{address}/24");
            ip(&["-n", space, "addr", "add", &address, "dev", interface]);
        }
    }

    /// Runs `work` on a thread in a namespace.
    #[cfg(feature = "capture")]
    pub fn within<T: Send>(space: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(Path::new("/run/netns").join(space)).unwrap();
        // A thread of its own: it stays in that namespace.
        std::thread::scope(|scope| {
            let working = scope.spawn(|| {
                nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            working.join().unwrap()
        })
    }

    /// `bgptap` with arguments, in a namespace.
    pub fn bgptap(space: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space, env!("CARGO_BIN_EXE_bgptap")]);
        command.args(args);
        command
    }

    /// What TCP keeps for a program of the monitor's side that does not read is 64 KiB from now on.
    pub fn shorten_queues(&self) {
        for knob in ["tcp_rmem=4096 65536 65536", "tcp_wmem=4096 65536 65536"] {
            let set = format!("net.ipv4.{knob}");
            run(Command::new("ip").args(["netns", "exec", &self.mon, "sysctl", "-qw", &set]));
        }
    }

    /// A Python program in a namespace.
    pub fn python(space: &str, script: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space, "python3", "-c", script]);
        command
    }

    /// A counter of an interface, as the kernel keeps it.
    pub fn counter(space: &str, interface: &str, name: &str) -> u64 {
        let path = format!("/sys/class/net/{interface}/statistics/{name}");
        let output = run(Command::new("ip").args(["netns", "exec", space, "cat", &path]));
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .unwrap()
    }

    /// Frames that each queue of the monitor's interface has had its program hand on, as the driver counts.
    pub fn redirected_by_queue(&self, interface: &str) -> Vec<u64> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.mon, "ethtool", "-S", interface]);
        let output = run(&mut command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let counters = text.lines().filter_map(|line| line.trim().split_once(": "));
        counters
            .filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with("_xdp_redirect"))
            .map(|(_, count)| count.parse().unwrap())
            .collect()
    }

    /// The monitor's interface as `ip` shows it, with promiscuity and programs.
    pub fn tap_link(&self) -> String {
        let output = run(Command::new("ip").args(["-n", &self.mon, "-d", "link", "show", TAP]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until what was sent into the wire has come out of it: the receiving half runs when the kernel
    /// finds the time. Returns also if some of it never does, which is for the caller to find out.
    pub fn settle(&self) {
        Crossing::of(&self.mon).settle();
    }

    /// Whether an XDP program is on the monitor's interface.
    pub fn has_program(&self) -> bool {
        self.tap_link().contains("prog/xdp")
    }

    /// Sends a capture into the wire; what `replay` said.
    pub fn replay(&self, file: &Path, more: &[&str]) -> String {
        let mut args = vec!["replay", file.to_str().unwrap(), "-i", WIRE];
        args.extend(more);
        let output = run(&mut Self::bgptap(&self.wire, &args));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// The veth between a monitor's namespace and its wire's, as its counters tell.
struct Crossing {
    mon: String,
    wire: String,
}

impl Crossing {
    fn of(mon: &str) -> Self {
        let wire = mon.strip_suffix("-mon").map(|name| format!("{name}-wire"));
        Self {
            mon: mon.to_owned(),
            wire: wire.unwrap_or_default(),
        }
    }

    /// What was sent and what has arrived; `None` if there is no such pair.
    fn counters(&self) -> Option<(u64, u64)> {
        let read = |space: &str, interface: &str, name: &str| -> Option<u64> {
            let path = format!("/sys/class/net/{interface}/statistics/{name}");
            let mut cat = Command::new("ip");
            let output = cat.args(["netns", "exec", space, "cat", &path]).output();
            String::from_utf8(output.ok()?.stdout)
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let sent = read(&self.wire, WIRE, "tx_packets")?;
        Some((sent, read(&self.mon, TAP, "rx_packets")?))
    }

    fn settle(&self) {
        let (mut last, mut since) = (None, Instant::now());
        while let Some((sent, arrived)) = self.counters() {
            if arrived >= sent
                || (last == Some(arrived) && since.elapsed() > Duration::from_secs(2))
            {
                return;
            }
            if last != Some(arrived) {
                (last, since) = (Some(arrived), Instant::now());
            }
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for space in [&self.mon, &self.wire] {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

/// A running `bgptap live`. It is killed when dropped without [`Live::stop`].
pub struct Live {
    child: Child,
    summary: PathBuf,
    log: PathBuf,
    crossing: Crossing,
}

impl Live {
    /// Starts it and waits until it steers.
    pub fn start(space: &str, interface: &str, scratch: &super::Scratch, more: &[&str]) -> Self {
        Self::start_by(
            &[env!("CARGO_BIN_EXE_bgptap")],
            space,
            interface,
            scratch,
            more,
        )
    }

    /// As [`Live::start`], by another command than plain `bgptap`, which has to become it.
    pub fn start_by(
        bgptap: &[&str],
        space: &str,
        interface: &str,
        scratch: &super::Scratch,
        more: &[&str],
    ) -> Self {
        let live = Self::launch_by(bgptap, space, interface, scratch, more);
        live.wait_until_ready();
        live
    }

    /// As [`Live::start`], but does not wait.
    pub fn launch(space: &str, interface: &str, scratch: &super::Scratch, more: &[&str]) -> Self {
        let bgptap = [env!("CARGO_BIN_EXE_bgptap")];
        Self::launch_by(&bgptap, space, interface, scratch, more)
    }

    fn launch_by(
        bgptap: &[&str],
        space: &str,
        interface: &str,
        scratch: &super::Scratch,
        more: &[&str],
    ) -> Self {
        let (summary, log) = (scratch.path("summary.json"), scratch.path("live.log"));
        let mut args = vec![
            "live",
            "-i",
            interface,
            "--summary",
            summary.to_str().unwrap(),
        ];
        args.extend(more);
        // As operations.md has it: the rings hold what comes while others have the processor, but not for ever.
        let mut command = priority();
        command.args(["ip", "netns", "exec", space]);
        let child = command
            .args(bgptap)
            .args(&args)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            summary,
            log,
            crossing: Crossing::of(space),
        }
    }

    /// Waits until it steers.
    pub fn wait_until_ready(&self) {
        let started = Instant::now();
        while !self.log().contains("metrics at") {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "not ready: {}",
                self.log()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// A line of its `/proc/PID/status` that gives kilobytes, in bytes.
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(key, _)| *key == name).unwrap();
        let kilobytes = value.trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() << 10
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it ends by itself; its exit status.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends it a signal: `STOP`, `CONT`, …
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        run(Command::new("kill").args(["-s", name, &pid]));
    }

    /// Writes a configuration and has it read again; waits until the log has so many lines about that.
    pub fn reload(&self, config: &Path, text: &str, count: usize) {
        fs::write(config, text).unwrap();
        self.signal("HUP");
        let started = Instant::now();
        while self.log().matches("SIGHUP:").count() < count {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{}",
                self.log()
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Processor time that it has had, its own and the kernel's for it.
    pub fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of_task = |task: fs::DirEntry| -> u64 {
            // Documentation/scheduler/sched-stats.rst: nanoseconds on a processor come first.
            let figures = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            figures
                .split(' ')
                .next()
                .unwrap_or_default()
                .parse()
                .unwrap_or(0)
        };
        Duration::from_nanos(tasks.flatten().map(of_task).sum())
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it with SIGINT, when all that was sent has arrived; its summary.
    pub fn stop(self) -> serde_json::Value {
        self.stop_with(0)
    }

    /// The same where its exit status is another: 1 if not all could be written.
    pub fn stop_with(mut self, code: i32) -> serde_json::Value {
        self.crossing.settle();
        self.signal("INT");
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{status}: {}", self.log());
        serde_json::from_slice(&fs::read(&self.summary).unwrap()).unwrap()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Live {
    /// Prints what it said, and what it says at its end, if it ends soon.
    fn tell(&mut self) {
        let runs = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        if runs(&mut self.child) {
            self.signal("INT");
        }
        let started = Instant::now();
        while runs(&mut self.child) && started.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(20));
        }
        let summary = fs::read_to_string(&self.summary).unwrap_or_default();
        println!("live said:\n{}\nsummary: {summary}", self.log());
    }
}

/// A copy of `bgptap` that everybody may run. Made by another process: if this one held it open for writing
/// while another test forks, the child would hold it too, and for that moment it could not be run (ETXTBSY).
pub fn copy_bgptap(to: &Path) {
    let from = env!("CARGO_BIN_EXE_bgptap");
    run(Command::new("cp").args(["--preserve=mode", from]).arg(to));
}

fn ip(args: &[&str]) {
    run(Command::new("ip").args(args));
}

/// Runs a command ahead of others: real-time, since niceness counts only among the processes of one
/// session (sched_autogroup, sched(7)); niceness where the machine does not allow that.
fn priority() -> Command {
    static REAL_TIME: OnceLock<bool> = OnceLock::new();
    let allowed = || {
        let tried = Command::new("chrt").args(["--rr", "1", "true"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let (program, args) = if *REAL_TIME.get_or_init(allowed) {
        ("chrt", ["--rr", "1"])
    } else {
        ("nice", ["-n", "-15"])
    };
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// What TCP segmentation offload hands to a veth: one frame of 64 KiB, no larger than an IP datagram
/// may be, its checksum left to a card that is not there. 1,364 UPDATEs are in it.
pub const SUPER_FRAME: &str = r#"
import socket, struct
update = bytes([0xff]*16) + bytes([0,48,2, 0,0, 0,20, 0x40,1,1,0, 0x40,2,6,2,1,0,0,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1])
payload = update * 1364
tcp = struct.pack("!HHIIBBHHH", 40000, 179, 1000, 1, 0x50, 0x18, 65535, 0, 0)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
frame = bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]) + ip + tcp + payload
# struct virtio_net_hdr: the checksum is still to be made, segments of TCP over IPv4.
offload = struct.pack("=BBHHHH", 1, 1, 54, 1448, 34, 16)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
PACKET_VNET_HDR = 15
s.setsockopt(263, PACKET_VNET_HDR, 1)
s.bind(("wire0", 0))
assert s.send(offload + frame) == len(offload) + len(frame)
"#;
