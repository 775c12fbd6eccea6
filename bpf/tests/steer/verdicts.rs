//! The plain program on one packet at a time (`BPF_PROG_TEST_RUN`).

use bgptap_bpf::{Counters, META_LEN, Meta, Options, Steering, Verdict};

use crate::machine::{Receiver, in_namespace};
use crate::packet::{
    ARP, IPV4, IPV6, SERVICE_VLAN, TCP, UDP, VLAN, authentication, bgp_v4, bgp_v6, ethernet,
    extension, fragment, ipv4, ipv6, tcp,
};
use crate::wrap;

const DROP: u32 = 1;
const PASS: u32 = 2;
const REDIRECT: u32 = 4;

/// The program with a socket for queue 0.
struct Bench {
    steering: Steering,
    _receiver: Receiver,
}

impl Bench {
    fn new(options: &Options) -> Self {
        Self::with(Steering::plain(options).unwrap())
    }

    fn with(steering: Steering) -> Self {
        let receiver = Receiver::on("lo");
        steering.insert_socket(0, receiver.fd()).unwrap();
        Self {
            steering,
            _receiver: receiver,
        }
    }

    /// The verdict, and what it added to the counters.
    fn run(&self, packet: &[u8]) -> (Verdict, Counters) {
        run(&self.steering, packet)
    }

    /// Asserts that `packet` is steered and arrives whole, and returns its metadata.
    fn steered(&self, packet: &[u8]) -> Meta {
        let (verdict, counted) = self.run(packet);
        assert_eq!(verdict.action, REDIRECT);
        let only_this = Counters {
            seen: 1,
            redirected: 1,
            ..Counters::default()
        };
        assert_eq!(counted, only_this);
        let (below, whole) = verdict.packet.split_at(META_LEN);
        assert_eq!(whole, packet);
        Meta::parse(below).expect("metadata")
    }

    /// Asserts that `packet` passes untouched, and returns under which reasons it was counted.
    fn left_alone(&self, packet: &[u8]) -> Vec<&'static str> {
        let (verdict, counted) = self.run(packet);
        assert_eq!(verdict.action, PASS);
        assert_eq!(verdict.packet, packet);
        assert_eq!(counted.seen, 1);
        assert_eq!(
            counted.redirected + counted.no_socket + counted.meta_failed,
            0
        );
        let reasons = counted.other().into_iter().filter(|&(_, n)| n > 0);
        reasons.map(|(name, _)| name).collect()
    }
}

fn run(steering: &Steering, packet: &[u8]) -> (Verdict, Counters) {
    let before = steering.counters().unwrap();
    let verdict = steering.test_run(packet).unwrap();
    let after = steering.counters().unwrap();
    let counted = Counters {
        seen: after.seen - before.seen,
        redirected: after.redirected - before.redirected,
        no_socket: after.no_socket - before.no_socket,
        not_ip: after.not_ip - before.not_ip,
        not_tcp: after.not_tcp - before.not_tcp,
        other_port: after.other_port - before.other_port,
        fragment: after.fragment - before.fragment,
        truncated: after.truncated - before.truncated,
        bad_header: after.bad_header - before.bad_header,
        too_deep: after.too_deep - before.too_deep,
        meta_failed: after.meta_failed - before.meta_failed,
    };
    (verdict, counted)
}

#[test]
fn bgp_is_steered_whatever_stands_before_it() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let to = tcp(40000, 179);
        let from = tcp(179, 40000);
        let web = tcp(40000, 443);
        let v4_fragment =
            |place, payload: &[u8]| ethernet(&[], IPV4, &ipv4(TCP, &[], place, payload));
        let v4 = |payload: &[u8]| ethernet(&[], IPV4, &ipv4(TCP, &[], 0, payload));
        let v6 = |next, payload: &[u8]| ethernet(&[], IPV6, &ipv6(next, payload));
        // NOP ×39, end of options: the longest header that there is.
        let mut options = [1; 40];
        options[39] = 0;

        for packet in [
            v4(&to),
            v4(&from),
            v6(TCP, &to),
            v6(TCP, &from),
            ethernet(&[], IPV4, &ipv4(TCP, &[1, 1, 1, 0], 0, &to)),
            ethernet(&[], IPV4, &ipv4(TCP, &options, 0, &to)),
            // Don't fragment; the first of several fragments, which has the ports.
            ethernet(&[], IPV4, &ipv4(TCP, &[], 0x4000, &to)),
            ethernet(&[], IPV4, &ipv4(TCP, &[], 0x2000, &to)),
            v6(44, &fragment(TCP, 0, true, &to)),
            v6(0, &extension(TCP, 0, &to)),
            v6(43, &extension(TCP, 2, &to)),
            v6(60, &extension(TCP, 255, &to)),
            v6(51, &authentication(TCP, &to)),
            v6(
                0,
                &extension(60, 1, &extension(43, 0, &extension(TCP, 3, &from))),
            ),
            v6(60, &nested_options(21, &to)),
            // Later fragments have no ports: what looks like some is payload.
            v4_fragment(0x2001, &web),
            v4_fragment(0x0001, &web),
            v6(44, &fragment(TCP, 1, true, &web)),
            v6(44, &fragment(TCP, 0x1fff, false, &web)),
        ] {
            let meta = bench.steered(&packet);
            assert_eq!((meta.hw_ns, meta.vlan), (None, None));
        }
    });
}

/// `count` headers of destination options, each 8 bytes, before TCP.
fn nested_options(count: usize, segment: &[u8]) -> Vec<u8> {
    (1..count).fold(extension(TCP, 0, segment), |inner, _| {
        extension(60, 0, &inner)
    })
}

#[test]
fn the_outermost_vlan_tag_is_in_the_metadata() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let packet = ipv4(TCP, &[], 0, &tcp(40000, 179));
        for (tags, outermost) in [
            (&[(VLAN, 0xe064)][..], 0xe064), // priority 7, VLAN 100
            (&[(VLAN, 0)], 0),               // a priority tag is a tag
            (&[(SERVICE_VLAN, 200), (VLAN, 100)], 200),
            (&[(VLAN, 300), (VLAN, 100)], 300),
            (&[(0x9100, 400), (VLAN, 100)], 400),
        ] {
            let meta = bench.steered(&ethernet(tags, IPV4, &packet));
            assert_eq!(meta.vlan, Some(outermost));
        }
        // Ethernet, IP and TCP are headers too.
        let most = [(VLAN, 5); 21];
        let meta = bench.steered(&ethernet(&most, IPV4, &packet));
        assert_eq!(meta.vlan, Some(5));
        let more = [(VLAN, 5); 22];
        assert_eq!(
            bench.left_alone(&ethernet(&more, IPV4, &packet)),
            ["too_deep"]
        );
    });
}

#[test]
fn the_timestamp_is_the_time_of_clock_tai() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        assert!(!stamped_by(&bench, libc::CLOCK_TAI).monotonic);
    });
}

#[test]
fn the_basic_program_tells_the_time_of_clock_monotonic() {
    in_namespace(|| {
        let bench = Bench::with(Steering::basic(&Options::default()).unwrap());
        assert!(stamped_by(&bench, libc::CLOCK_MONOTONIC).monotonic);
    });
}

/// The metadata of a packet, whose time is between that of `clock` before and after.
fn stamped_by(bench: &Bench, clock: libc::clockid_t) -> Meta {
    let before = now_ns(clock);
    let meta = bench.steered(&bgp_v4());
    let after = now_ns(clock);
    assert!(
        (before..=after).contains(&meta.xdp_ns),
        "{before} {meta:?} {after}"
    );
    meta
}

fn now_ns(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for writes.
    let status = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(status, 0);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

#[test]
fn the_rest_is_left_alone_and_counted_by_reason() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let bgp = tcp(40000, 179);
        let web = tcp(40000, 443);
        let v4 = |protocol, frag, payload: &[u8]| {
            ethernet(&[], IPV4, &ipv4(protocol, &[], frag, payload))
        };
        let v6 = |next, payload: &[u8]| ethernet(&[], IPV6, &ipv6(next, payload));
        let mut bad_ihl = bgp_v4();
        bad_ihl[14] = 0x44;
        let mut bad_version = bgp_v6();
        bad_version[14] = 0x50;
        let mut bad_offset = bgp_v4();
        bad_offset[14 + 20 + 12] = 4 << 4;

        for (packet, reason) in [
            (ethernet(&[], ARP, &[0; 28]), "not_ip"),
            (ethernet(&[(VLAN, 1)], ARP, &[0; 28]), "not_ip"),
            (v4(UDP, 0, &bgp), "not_tcp"),
            (v6(UDP, &bgp), "not_tcp"),
            (v6(59, &bgp), "not_tcp"), // no next header
            (v6(0, &extension(58, 0, &bgp)), "not_tcp"),
            (v4(TCP, 0, &web), "other_port"),
            (v6(TCP, &web), "other_port"),
            (v4(TCP, 0, &tcp(178, 180)), "other_port"),
            // 0xb300 is 179 with its bytes swapped; 243 has the same bit in another word.
            (v4(TCP, 0, &tcp(0xb300, 243)), "other_port"),
            // The first fragment tells that it is not BGP; the others cannot be told from it.
            (v4(TCP, 0x2000, &web), "other_port"),
            (v4(UDP, 0x2001, &bgp), "not_tcp"),
            (v6(44, &fragment(UDP, 1, true, &bgp)), "not_tcp"),
            (bad_ihl, "bad_header"),
            (bad_version, "not_ip"),
            (bad_offset, "bad_header"),
            (v6(60, &nested_options(22, &bgp)), "too_deep"),
        ] {
            assert_eq!(bench.left_alone(&packet), [reason], "{packet:02x?}");
        }
    });
}

/// Cuts each kind of packet at every length that the kernel lets a test run with: the
/// headers must be whole to be steered, and no byte of payload is asked for.
#[test]
fn packets_cut_anywhere_are_steered_or_truncated() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let segment = tcp(40000, 179);
        let payload = segment.len() - 20;
        for whole in [
            bgp_v4(),
            bgp_v6(),
            ethernet(
                &[(SERVICE_VLAN, 2), (VLAN, 1)],
                IPV4,
                &ipv4(TCP, &[1; 8], 0, &segment),
            ),
            ethernet(
                &[(VLAN, 1)],
                IPV6,
                &ipv6(0, &extension(44, 1, &fragment(TCP, 0, false, &segment))),
            ),
            ethernet(
                &[],
                IPV6,
                &ipv6(51, &authentication(60, &extension(TCP, 0, &segment))),
            ),
        ] {
            let headers = whole.len() - payload;
            for length in 14..=whole.len() {
                let cut = &whole[..length];
                if length < headers {
                    assert_eq!(bench.left_alone(cut), ["truncated"], "{cut:02x?}");
                } else {
                    bench.steered(cut);
                }
            }
        }
    });
}

#[test]
fn the_ports_are_those_of_the_options() {
    in_namespace(|| {
        let ports = vec![1179, 0, 65535];
        let bench = Bench::new(&Options {
            ports: ports.clone(),
            ..Options::default()
        });
        let packet = |port| ethernet(&[], IPV4, &ipv4(TCP, &[], 0, &tcp(port, 40000)));
        for port in ports {
            bench.steered(&packet(port));
        }
        for port in [179, 1178, 1180, 1, 65534, 1179 + 64] {
            assert_eq!(bench.left_alone(&packet(port)), ["other_port"]);
        }
    });
}

#[test]
fn the_drop_policy_drops_all_but_bgp() {
    in_namespace(|| {
        let bench = Bench::new(&Options {
            drop_foreign: true,
            ..Options::default()
        });
        bench.steered(&bgp_v4());
        for packet in [
            ethernet(&[], ARP, &[0; 28]),
            ethernet(&[], IPV4, &ipv4(UDP, &[], 0, &[0; 8])),
            ethernet(&[], IPV4, &ipv4(TCP, &[], 0, &tcp(1, 2))),
            bgp_v6()[..30].to_vec(),
        ] {
            assert_eq!(bench.run(&packet).0.action, DROP);
        }
    });
}

#[test]
fn bgp_without_a_socket_follows_the_policy_untouched() {
    in_namespace(|| {
        for (drop_foreign, action) in [(false, PASS), (true, DROP)] {
            let steering = Steering::plain(&Options {
                drop_foreign,
                ..Options::default()
            })
            .unwrap();
            let (verdict, counted) = run(&steering, &bgp_v4());
            assert_eq!(verdict.action, action);
            assert_eq!(verdict.packet, bgp_v4());
            assert_eq!((counted.seen, counted.no_socket), (1, 1));
        }
    });
}

#[test]
fn fragments_are_left_alone_if_they_are_not_wanted() {
    in_namespace(|| {
        let bench = Bench::new(&Options {
            fragments: false,
            ..Options::default()
        });
        let bgp = tcp(40000, 179);
        bench.steered(&bgp_v4());
        for packet in [
            ethernet(&[], IPV4, &ipv4(TCP, &[], 0x2000, &bgp)),
            ethernet(&[], IPV4, &ipv4(TCP, &[], 0x2001, &bgp)),
            ethernet(&[], IPV6, &ipv6(44, &fragment(TCP, 0, true, &bgp))),
            ethernet(&[], IPV6, &ipv6(44, &fragment(TCP, 9, false, &bgp))),
        ] {
            assert_eq!(bench.left_alone(&packet), ["fragment"], "{packet:02x?}");
        }
    });
}

/// Every encapsulation around BGP is steered; around anything else it is not.
#[test]
fn bgp_is_steered_in_every_encapsulation() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let web = ethernet(&[], IPV4, &ipv4(TCP, &[], 0, &tcp(40000, 443)));
        let ping = ethernet(&[], IPV6, &ipv6(58, &[0; 8]));
        for (name, wrap) in wrap::WRAPS {
            for bgp in [bgp_v4(), bgp_v6()] {
                bench.steered(&wrap(&bgp));
            }
            assert_eq!(bench.left_alone(&wrap(&web)), ["other_port"], "{name}");
            assert_eq!(bench.left_alone(&wrap(&ping)), ["not_tcp"], "{name}");
        }
    });
}

/// As [`packets_cut_anywhere_are_steered_or_truncated`], with all that may stand before TCP.
#[test]
fn encapsulations_cut_anywhere_are_truncated() {
    in_namespace(|| {
        let bench = Bench::new(&Options::default());
        let payload = tcp(40000, 179).len() - 20;
        for (name, wrap) in wrap::WRAPS {
            let whole = wrap(&bgp_v4());
            for length in 14..whole.len() - payload {
                let cut = &whole[..length];
                assert_eq!(bench.left_alone(cut), ["truncated"], "{name} at {length}");
            }
        }
    });
}
