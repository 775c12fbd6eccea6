//! What `bgptap live` refuses: each time with the cause and what mends it, and nothing changed.
//! Causes that no virtual interface has are tested beside the checks, in `src/doctor`.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap_umem::xsk::Transmitter;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use support::Scratch;
use support::net::{self, Live, Net, TAP, WIRE, allowed};

/// Runs `live` by `command` in the monitor's namespace, where it must be refused; what it says.
fn refused_by(command: &[&str], net: &Net, interface: &str, more: &[&str]) -> String {
    let mut live = Command::new("ip");
    live.args(["netns", "exec", &net.mon]).args(command);
    live.args(["live", "-i", interface, "--metrics", "127.0.0.1:0"]);
    // If it is not refused, it is to end.
    live.args(["--duration", "2"]);
    let output = live.args(more).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

fn refused(net: &Net, interface: &str) -> String {
    refused_by(&[env!("CARGO_BIN_EXE_bgptap")], net, interface, &[])
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

fn address(net: &Net, address: &str) {
    for (space, interface, host) in [(&net.wire, WIRE, "1"), (&net.mon, TAP, "2")] {
        let address = format!("{address}.{host}/24");
        net::run(Command::new("ip").args(["-n", space, "addr", "add", &address, "dev", interface]));
    }
}

/// A Python program in a namespace, which has printed a byte; it ends when dropped.
struct Peer(Child);

impl Peer {
    fn start(space: &str, script: &str) -> Self {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space, "python3", "-c", script]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut byte)
            .unwrap();
        Self(child)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_interface_that_is_occupied_missing_or_down() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    let first = Live::start(&net.mon, TAP, &scratch, &[]);
    assert_says(
        &refused(&net, TAP),
        &["on tap0", "is already on", "ip link set dev tap0 xdp off"],
    );
    assert!(net.has_program(), "the first one is left alone");
    first.stop();

    assert_says(
        &refused(&net, "nosuch0"),
        &["on nosuch0", "there is no such interface", "ip link show"],
    );

    net::run(Command::new("ip").args(["-n", &net.mon, "link", "set", TAP, "down"]));
    let link = net.tap_link();
    assert_says(
        &refused(&net, TAP),
        &[
            "on tap0",
            "the interface is down",
            "ip link set dev tap0 up",
        ],
    );
    assert_eq!(net.tap_link(), link, "it is the host's to change");
}

/// Whatever captures it would have each frame twice, or be in its own way.
#[test]
fn an_interface_that_is_named_twice() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    for more in [&[][..], &["--tap"], &["--backend", "af-packet"]] {
        let text = refused_with(&net, &[&["-i", TAP], more].concat());
        assert_says(&text, &["on tap0", "named twice", "-i tap0 once"]);
    }
    assert!(net.tap_link().contains("promiscuity 0"));
}

#[test]
fn an_interface_at_which_the_host_listens_for_bgp() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    let script =
        "import socket,time; s=socket.create_server(('',179)); print(1,flush=True); time.sleep(60)";
    let _speaker = Peer::start(&net.mon, script);
    // Without an address the interface has no part in it.
    Live::start(&net.mon, TAP, &scratch, &[]).stop();

    address(&net, "192.0.2");
    assert_says(
        &refused(&net, TAP),
        &["listens at 0.0.0.0 port 179", "--tap -i tap0", "--force"],
    );
    // What the remedy names is not refused.
    Live::start(&net.mon, TAP, &scratch, &["--tap"]).stop();
    // Another port is another matter.
    Live::start(&net.mon, TAP, &scratch, &["--port", "1179"]).stop();
    let live = Live::start(&net.mon, TAP, &scratch, &["--force"]);
    assert_says(
        &live.log(),
        &["warning: tap0: this host speaks BGP over it", "--tap"],
    );
    live.stop();
}

#[test]
fn an_interface_that_carries_a_session_of_the_host() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    address(&net, "192.0.2");
    let wait = "print(1,flush=True); time.sleep(60)";
    let accepts = format!("import socket,time; s=socket.create_server(('192.0.2.1',179)); {wait}");
    let connects =
        format!("import socket,time; c=socket.create_connection(('192.0.2.1',179),10); {wait}");
    let _router = Peer::start(&net.wire, &accepts);
    let _session = Peer::start(&net.mon, &connects);
    let text = refused(&net, TAP);
    assert_says(
        &text,
        &["from 192.0.2.2 port", "to 192.0.2.1 port 179", "--force"],
    );
    assert!(!net.has_program(), "the session goes on");
}

/// Interfaces above [`TAP`]: the `ip link` commands that make them, and the highest.
const STACKS: [(&[&str], &str); 8] = [
    (&["add link tap0 name up0 type macvlan"], "up0"),
    (&["add br0 type bridge", "set tap0 master br0"], "br0"),
    (
        &[
            "add br0 type bridge",
            "set tap0 master br0",
            "add link br0 name up0 type macvlan",
        ],
        "up0",
    ),
    (&["add up0 type vxlan id 7 dev tap0 dstport 4789"], "up0"),
    (&["add link tap0 name up0 type vlan id 7"], "up0"),
    (
        &[
            "add br0 type bridge",
            "set tap0 master br0",
            "add link br0 name up0 type vlan id 7",
        ],
        "up0",
    ),
    (
        &[
            "add link tap0 name low0 type vlan id 7",
            "add br0 type bridge",
            "set low0 master br0",
        ],
        "br0",
    ),
    (
        &[
            "add bond0 type bond",
            "set tap0 down",
            "set tap0 master bond0",
            "set tap0 up",
        ],
        "bond0",
    ),
];

/// Runs `ip link` commands. False if the kernel was built without a kind of interface; `src/doctor` has a
/// test for all of them, with links that no kernel has to have.
fn stack(net: &Net, commands: &[&str]) -> bool {
    for command in commands {
        let mut ip = Command::new("ip");
        ip.args(["-n", &net.mon, "link"]).args(command.split(' '));
        let output = ip.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        if text.contains("Unknown device type") {
            println!("not in this kernel: {command}");
            return false;
        }
        assert!(output.status.success(), "{command}: {text}");
    }
    true
}

/// What is steered is taken from every interface above, too.
#[test]
fn an_interface_below_one_at_which_the_host_speaks_bgp() {
    if !allowed() {
        return;
    }
    let script = "import socket,time; s=socket.create_server(('192.0.2.2',179)); print(1,flush=True); time.sleep(60)";
    let mut stacked = 0;
    for (commands, top) in STACKS {
        let (net, scratch) = (Net::new(), Scratch::new("refusals"));
        if !stack(&net, commands) {
            continue;
        }
        stacked += 1;
        let ip = |arguments: &[&str]| {
            net::run(Command::new("ip").args(["-n", &net.mon]).args(arguments));
        };
        ip(&["link", "set", top, "up"]);
        ip(&["addr", "add", "192.0.2.2/24", "dev", top]);
        let _speaker = Peer::start(&net.mon, script);
        let by = format!("by {top}, which is stacked on it");
        assert_says(
            &refused(&net, TAP),
            &["listens at 192.0.2.2 port 179", &by, "--tap -i tap0"],
        );
        assert!(!net.has_program(), "{commands:?}");
        // One beside them has no part in it.
        net.add_veth("tap1", "wire1", 1);
        Live::start(&net.mon, "tap1", &scratch, &[]).stop();
    }
    assert!(stacked >= 3, "bridges and macvlans are everywhere");
}

/// Where the session has an address of the loopback interface, the route decides.
#[test]
fn an_interface_below_one_that_a_session_goes_over() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    assert!(stack(&net, STACKS[1].0));
    net.add_veth("tap1", "wire1", 1);
    for (space, interface, own, other) in [
        (&net.wire, WIRE, "198.51.100.1", "198.51.100.2"),
        (&net.mon, "br0", "198.51.100.2", "198.51.100.1"),
    ] {
        for arguments in [
            ["addr", "add", own, "dev", "lo"],
            ["link", "set", "dev", interface, "up"],
            ["route", "add", other, "dev", interface],
        ] {
            net::run(Command::new("ip").args(["-n", space]).args(arguments));
        }
    }
    let wait = "print(1,flush=True); time.sleep(60)";
    let accepts =
        format!("import socket,time; s=socket.create_server(('198.51.100.1',179)); {wait}");
    let connects = format!(
        "import socket,time; c=socket.create_connection(('198.51.100.1',179),10,('198.51.100.2',0)); {wait}"
    );
    let _router = Peer::start(&net.wire, &accepts);
    let _session = Peer::start(&net.mon, &connects);
    assert_says(
        &refused(&net, TAP),
        &["from 198.51.100.2 port", "by br0, which is stacked on it"],
    );
    Live::start(&net.mon, "tap1", &scratch, &[]).stop();
}

/// As internal BGP has it: between addresses of loopback interfaces, and the route decides.
#[test]
fn an_interface_that_a_session_between_loopbacks_goes_over() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    net.add_veth("tap1", "wire1", 1);
    address(&net, "192.0.2");
    for (space, own, other, via) in [
        (&net.wire, "198.51.100.1", "198.51.100.2", "192.0.2.2"),
        (&net.mon, "198.51.100.2", "198.51.100.1", "192.0.2.1"),
    ] {
        net::run(Command::new("ip").args(["-n", space, "addr", "add", own, "dev", "lo"]));
        net::run(Command::new("ip").args(["-n", space, "route", "add", other, "via", via]));
    }
    let wait = "print(1,flush=True); time.sleep(60)";
    let accepts =
        format!("import socket,time; s=socket.create_server(('198.51.100.1',179)); {wait}");
    let connects = format!(
        "import socket,time; c=socket.create_connection(('198.51.100.1',179),10,('198.51.100.2',0)); {wait}"
    );
    let _router = Peer::start(&net.wire, &accepts);
    let _session = Peer::start(&net.mon, &connects);
    let text = refused(&net, TAP);
    assert_says(
        &text,
        &["from 198.51.100.2 port", "to 198.51.100.1 port 179"],
    );
    // The other interface has no part in it.
    Live::start(&net.mon, "tap1", &scratch, &[]).stop();
}

#[test]
fn an_interface_with_more_queues_than_can_be_bound() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let mut add = Command::new("ip");
    add.args(["-n", &net.mon, "link", "add", "many0"]);
    add.args(["numrxqueues", "257", "numtxqueues", "1"]);
    net::run(add.args(["type", "veth", "peer", "name", "many1"]));
    net::run(Command::new("ip").args(["-n", &net.mon, "link", "set", "many0", "up"]));
    assert_says(
        &refused(&net, "many0"),
        &["257 receive queues", "ethtool -L many0 rx 256"],
    );
}

#[test]
fn too_little_memory_that_may_be_locked() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let bgptap = env!("CARGO_BIN_EXE_bgptap");
    let mut limited = vec!["prlimit", "--memlock=8388608"];
    limited.extend(["setpriv", "--bounding-set", "-ipc_lock", bgptap]);
    assert_says(
        &refused_by(&limited, &net, TAP, &[]),
        &[
            "the frames take 108 MiB",
            "8192 KiB",
            "ulimit -l 110592",
            "CAP_IPC_LOCK",
        ],
    );
    assert_says(
        &refused_by(&limited, &net, TAP, &["--ring", "256"]),
        &[
            "the frames take 15 MiB",
            "LimitMEMLOCK=15M",
            "--held-frames",
        ],
    );
    // The remedy that is in everybody's hands, and `doctor` says so beforehand.
    let small = ["-i", TAP, "--ring", "64", "--held-frames", "512"];
    let modest = |command: &str, more: &[&str]| {
        let mut bgptap = Command::new("ip");
        bgptap.args(["netns", "exec", &net.mon]).args(&limited);
        net::run(bgptap.arg(command).args(small).args(more));
    };
    modest("doctor", &[]);
    modest("live", &["--metrics", "127.0.0.1:0", "--duration", "1"]);
    // The other, as far as this test may raise the limit (CAP_SYS_RESOURCE): a container's root may not.
    let raised = ["prlimit", "--memlock=113246208"];
    let may = Command::new(raised[0]).args([raised[1], "true"]).status();
    if may.unwrap().success() {
        let mut live = Command::new("ip");
        live.args(["netns", "exec", &net.mon]).args(raised);
        live.args(["setpriv", "--bounding-set", "-ipc_lock", bgptap]);
        live.args(["live", "-i", TAP, "--metrics", "127.0.0.1:0"]);
        net::run(live.args(["--duration", "1"]));
    }
}

#[test]
fn a_process_without_rights() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    let bgptap = scratch.path("bgptap");
    net::copy_bgptap(&bgptap);
    let nobody = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let command = [&nobody[..], &[bgptap.to_str().unwrap()]].concat();
    let text = refused_by(&command, &net, TAP, &[]);
    let all = "CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON";
    let remedy = "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon,cap_ipc_lock+ep";
    assert_says(&text, &[all, remedy, bgptap.to_str().unwrap()]);
}

fn refused_with(net: &Net, more: &[&str]) -> String {
    refused_by(&[env!("CARGO_BIN_EXE_bgptap")], net, TAP, more)
}

#[test]
fn a_queue_that_another_socket_uses() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let text = Net::within(&net.mon, || {
        let _other = Transmitter::open(TAP, 0, 64).unwrap();
        refused(&net, TAP)
    });
    assert_says(
        &text,
        &[
            "on tap0",
            "queue 0",
            "Device or resource busy",
            "ss --xdp -ap",
        ],
    );
    assert!(!net.has_program());
    assert!(net.tap_link().contains("promiscuity 0"));
}

/// With each of the flags a capture is refused for the cause, the remedy is named, and nothing stays.
fn refused_each(cases: &[(&[&str], &str, &str)]) {
    let net = Net::new();
    for (flags, cause, remedy) in cases {
        assert_says(&refused_with(&net, flags), &["on tap0", cause, remedy]);
        assert!(!net.has_program(), "{flags:?}");
    }
}

#[test]
fn a_kernel_that_is_too_old() {
    if !allowed() {
        return;
    }
    refused_each(&[
        (
            &["--pretend-linux", "5.10"],
            "Linux 5.10, as it is to be, does not load it",
            "--backend af-packet",
        ),
        (
            &["--pretend-linux", "6.1", "--program", "kfuncs"],
            "native mode with hardware metadata",
            "Linux 5.15 or later",
        ),
        (
            &["--pretend-linux", "6.1", "--tap", "--tap-mode", "tcx"],
            "the kernel has no tcx (Linux 6.6)",
            "leave --tap-mode out",
        ),
    ]);
}

/// A veth has no zero-copy, and there are no kfuncs in SKB mode.
#[test]
fn what_the_driver_cannot_do() {
    if !allowed() {
        return;
    }
    refused_each(&[
        (
            &["--zero-copy", "require"],
            "Operation not supported",
            "leave the mode to be chosen",
        ),
        (
            &["--mode", "skb", "--program", "kfuncs"],
            "the program with kfuncs is for native mode",
            "--backend af-packet",
        ),
    ]);
}

/// Outputs are opened before the capture is: where that is refused they are as they were.
#[test]
fn outputs_are_as_before_where_the_capture_is_refused() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("refusals"));
    let old = scratch.write("old.summary", b"an earlier run\n");
    let at = |name: &str| scratch.path(name).display().to_string();
    let (json, text, evidence) = (at("new.json"), at("new.text"), at("new/evidence"));
    let outputs = ["--json", &json, "--text", &text, "--evidence", &evidence];
    let summary = ["--summary", old.to_str().unwrap()];
    let more = [&["--zero-copy", "require"][..], &outputs, &summary].concat();
    assert_says(&refused_with(&net, &more), &["Operation not supported"]);
    for made in [json, text, at("new")] {
        assert!(!std::path::Path::new(&made).exists(), "{made} is left");
    }
    assert_eq!(std::fs::read(&old).unwrap(), b"an earlier run\n");
}
