//! The program on interfaces: how it attaches, what it steers, how it goes.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use bgptap_bpf::{Attached, Counters, ErrorKind, Mode, Options, Program, Promiscuous, occupant};

use crate::machine::{Receiver, in_namespace, ip, push_vlan_tags, send, veth_pair, wait_until};
use crate::packet::{IPV4, IPV6, TCP, UDP, VLAN, bgp_v4, bgp_v6, ethernet, ipv4, ipv6, tcp};

fn in_mode(mode: Mode) -> Options {
    Options {
        mode,
        ..Options::default()
    }
}

#[test]
fn native_mode_with_kfuncs_attaches_and_goes_when_dropped() {
    in_namespace(|| {
        veth_pair();
        assert_eq!(occupant("tap").unwrap(), None);
        let attached = Attached::load("tap", &Options::default()).unwrap();
        assert!(
            attached.native() && attached.kfuncs(),
            "{:?}",
            attached.failures()
        );
        assert!(attached.failures().is_empty());
        let id = occupant("tap").unwrap().unwrap();
        let shown = ip("-d link show tap");
        assert!(shown.contains(&format!("prog/xdp id {id} ")), "{shown}");
        assert!(!shown.contains("xdpgeneric"), "{shown}");

        drop(attached);
        assert_eq!(occupant("tap").unwrap(), None);
        assert!(!ip("-d link show tap").contains("prog/xdp"));
    });
}

#[test]
fn a_second_program_is_refused_and_the_first_stays() {
    in_namespace(|| {
        veth_pair();
        let first = Attached::load("tap", &in_mode(Mode::Skb)).unwrap();
        let id = occupant("tap").unwrap().unwrap();
        for mode in [Mode::Auto, Mode::Native, Mode::Skb] {
            let error = Attached::load("tap", &in_mode(mode)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Occupied);
            assert!(error.why.contains(&id.to_string()), "{error}");
            assert!(
                error.remedy.contains("ip link set dev tap xdpgeneric off"),
                "{error}"
            );
        }
        assert_eq!(occupant("tap").unwrap(), Some(id));
        drop(first);
        Attached::load("tap", &in_mode(Mode::Native)).unwrap();
    });
}

/// A program that no process holds, as `ip link` attaches it, in either mode of a driver that has both.
#[test]
fn the_remedy_takes_off_a_program_that_nobody_holds() {
    const OBJECT: &str = concat!(env!("OUT_DIR"), "/baseline.bpf.o");
    in_namespace(|| {
        veth_pair();
        for mode in ["xdpgeneric", "xdpdrv"] {
            ip(&format!(
                "link set dev tap {mode} obj {OBJECT} sec xdp.frags"
            ));
            let error = Attached::load("tap", &in_mode(Mode::Auto)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Occupied, "{error}");
            let (_, remedy) = error.remedy.split_once("if none does: ip ").unwrap();
            ip(remedy);
            assert_eq!(occupant("tap").unwrap(), None, "{mode}: {remedy}");
        }
        Attached::load("tap", &in_mode(Mode::Auto)).unwrap();
    });
}

#[test]
fn auto_falls_back_to_skb_mode_and_says_why() {
    in_namespace(|| {
        // The loopback device has no XDP of its own.
        let attached = Attached::load("lo", &in_mode(Mode::Auto)).unwrap();
        assert!(!attached.native() && !attached.kfuncs());
        assert_eq!(attached.failures().len(), 3, "{:?}", attached.failures());
        assert!(ip("-d link show lo").contains("xdpgeneric"));
        drop(attached);

        let error = Attached::load("lo", &in_mode(Mode::Native)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Kernel);
        assert!(
            error.why.contains("native mode with hardware metadata: "),
            "{error}"
        );
        assert!(error.why.contains("; native mode: "), "{error}");
        assert_eq!(occupant("lo").unwrap(), None);
    });
}

/// As on kernels that do not load the better variants: the next one serves, and why is kept.
#[test]
fn older_kernels_get_the_variant_that_they_can_run() {
    in_namespace(|| {
        veth_pair();
        for (release, program, failures) in [
            ((6, 8), Program::Kfuncs, 0),
            ((6, 1), Program::Plain, 1),
            ((5, 15), Program::Basic, 2),
        ] {
            let options = Options {
                pretend: Some(release),
                ..Options::default()
            };
            let attached = Attached::load("tap", &options).unwrap();
            assert!(attached.native());
            assert_eq!(attached.program(), program);
            let said = attached.failures();
            assert_eq!(said.len(), failures, "{said:?}");
            assert!(
                said.iter().all(|why| why.contains("does not load it")),
                "{said:?}"
            );
        }
        let options = Options {
            pretend: Some((5, 4)),
            ..Options::default()
        };
        let error = Attached::load("tap", &options).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Kernel, "{error}");
    });
}

/// What is asked for by hand is not replaced.
#[test]
fn a_variant_that_cannot_be_is_refused() {
    in_namespace(|| {
        veth_pair();
        for (interface, mode) in [("lo", Mode::Auto), ("tap", Mode::Skb)] {
            let options = Options {
                program: Some(Program::Kfuncs),
                ..in_mode(mode)
            };
            let error = Attached::load(interface, &options).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Kernel, "{error}");
            assert!(error.why.contains("native mode"), "{error}");
            assert_eq!(occupant(interface).unwrap(), None);
        }
    });
}

/// Through the wire of a veth pair, in every way to attach: BGP arrives with
/// metadata, the rest goes to the host.
#[test]
fn bgp_arrives_at_the_socket_with_metadata() {
    in_namespace(|| {
        for (mode, program) in [
            (Mode::Native, Program::Kfuncs),
            (Mode::Native, Program::Plain),
            (Mode::Native, Program::Basic),
            (Mode::Skb, Program::Plain),
            (Mode::Skb, Program::Basic),
        ] {
            veth_pair();
            let mut receiver = Receiver::on("tap");
            let options = Options {
                program: Some(program),
                ..in_mode(mode)
            };
            let attached = Attached::load("tap", &options).unwrap();
            assert_eq!(attached.program(), program);
            assert_eq!(attached.native(), mode == Mode::Native);
            attached.insert_socket(0, receiver.fd()).unwrap();
            let tagged = ethernet(&[(VLAN, 100)], IPV6, &ipv6(TCP, &tcp(1, 179)));
            for (packet, vlan) in [(bgp_v4(), None), (bgp_v6(), None), (tagged, Some(100))] {
                send("peer", &ethernet(&[], IPV4, &ipv4(UDP, &[], 0, &[0; 8])));
                send("peer", &packet);
                let (meta, received) = receiver.receive().expect("a packet");
                assert_eq!(received, packet);
                let meta = meta.expect("metadata");
                assert_eq!(meta.vlan, vlan);
                assert!(meta.xdp_ns > 0);
                assert_eq!(meta.monotonic, program == Program::Basic);
            }
            let counters = attached.counters().unwrap();
            assert_sum(&counters);
            assert_eq!((counters.no_socket, counters.meta_failed), (0, 0));
            assert_eq!(counters.redirected, 3);
            assert!(counters.not_tcp >= 3);
            drop(attached);
            drop(receiver);
            ip("link delete tap");
        }
    });
}

fn assert_sum(counters: &Counters) {
    let other: u64 = counters.other().iter().map(|(_, n)| n).sum();
    assert_eq!(
        counters.seen,
        counters.redirected + counters.no_socket + other
    );
}

/// The kernel can keep a tag beside the frame, as a card does that strips tags;
/// only the kfunc tells.
#[test]
fn a_stripped_tag_comes_from_the_driver() {
    in_namespace(|| {
        veth_pair();
        let _pusher = push_vlan_tags("peer", 7);
        let mut receiver = Receiver::on("tap");
        let attached = Attached::load("tap", &Options::default()).unwrap();
        assert!(attached.kfuncs());
        attached.insert_socket(0, receiver.fd()).unwrap();
        send("peer", &bgp_v4());
        let (meta, received) = receiver.receive().expect("a packet");
        assert_eq!(received, bgp_v4());
        assert_eq!(meta.and_then(|m| m.vlan), Some(7));
    });
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    in_namespace(|| {
        for name in ["nowhere", "a\0b", ""] {
            let error = Attached::load(name, &Options::default()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::NoSuchInterface);
            assert_eq!(occupant(name).unwrap_err().kind, ErrorKind::NoSuchInterface);
            assert!(Promiscuous::enter(name).is_err());
        }
        veth_pair();
        let receiver = Receiver::on("tap");
        let attached = Attached::load("tap", &Options::default()).unwrap();
        let error = attached.insert_socket(256, receiver.fd()).unwrap_err();
        assert!(error.why.contains("queue 256"), "{error}");

        become_nobody();
        drop(attached);
        let error = Attached::load("tap", &Options::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NoPrivilege, "{error}");
        for capability in ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"] {
            assert!(error.why.contains(capability), "{error}");
        }
        assert!(Promiscuous::enter("tap").is_err());
    });
}

/// Takes the calling thread's capabilities, and only its: the system call itself
/// changes one thread, where the function of libc changes all.
fn become_nobody() {
    const NOBODY: libc::c_long = 65534;
    // SAFETY: takes no pointers.
    let status = unsafe { libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) };
    assert_eq!(status, 0);
}

#[test]
fn promiscuous_mode_ends_with_the_handle() {
    in_namespace(|| {
        veth_pair();
        let promiscuous = Promiscuous::enter("tap").unwrap();
        assert!(ip("-d link show tap").contains("promiscuity 1"));
        drop(promiscuous);
        assert!(ip("-d link show tap").contains("promiscuity 0"));
    });
}

#[test]
fn a_panic_leaves_nothing_behind() {
    in_namespace(|| {
        veth_pair();
        let before = ip("-d link show tap");
        let panicked = std::panic::catch_unwind(|| {
            let _promiscuous = Promiscuous::enter("tap").unwrap();
            let _attached = Attached::load("tap", &Options::default()).unwrap();
            assert!(ip("-d link show tap").contains("promiscuity 1"));
            assert!(occupant("tap").unwrap().is_some());
            panic!("on purpose");
        });
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert_eq!(occupant("tap").unwrap(), None);
        assert_eq!(ip("-d link show tap"), before);
    });
}

/// Set for the child process of the test below: it attaches, tells so and waits.
const HOLD: &str = "BGPTAP_TEST_HOLD";

#[test]
fn a_killed_process_leaves_nothing_behind() {
    if let Ok(interface) = env::var(HOLD) {
        let _attached = Attached::load(&interface, &Options::default()).unwrap();
        let _promiscuous = Promiscuous::enter(&interface).unwrap();
        println!("\nattached");
        loop {
            std::thread::park();
        }
    }
    in_namespace(|| {
        veth_pair();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "live::a_killed_process_leaves_nothing_behind"])
            .args(["--nocapture"])
            .env(HOLD, "tap")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "attached"));
        assert!(occupant("tap").unwrap().is_some());
        assert!(ip("-d link show tap").contains("promiscuity 1"));

        child.kill().unwrap();
        child.wait().unwrap();
        wait_until(|| occupant("tap").unwrap().is_none());
        wait_until(|| ip("-d link show tap").contains("promiscuity 0"));
    });
}
