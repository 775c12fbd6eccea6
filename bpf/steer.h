/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the steering program and user space share: the layout of the metadata
 * in front of each steered packet, and the order of the counters.
 *
 * This header is the only place where the two are written. build.rs reads the
 * `#define BGPTAP_…` lines and the names of `enum bgptap_counter` and turns
 * them into Rust; keep one definition per line and the values literal.
 */
#ifndef BGPTAP_STEER_H
#define BGPTAP_STEER_H

#include <linux/types.h>

/* "BGPt" as bytes in memory on a little-endian machine. */
#define BGPTAP_META_MAGIC 0x74504742
#define BGPTAP_META_VERSION 1

/* `vlan_tci` is valid: the packet carried a tag, in the frame or stripped by the NIC. */
#define BGPTAP_META_VLAN 0x01
/* `xdp_ns` is of CLOCK_MONOTONIC: the kernel is too old for CLOCK_TAI in programs. */
#define BGPTAP_META_MONOTONIC 0x02

/* Offsets and size of `struct bgptap_meta`; steer.bpf.c asserts that they hold. */
#define BGPTAP_META_OFF_MAGIC 0
#define BGPTAP_META_OFF_VERSION 4
#define BGPTAP_META_OFF_FLAGS 5
#define BGPTAP_META_OFF_VLAN_TCI 6
#define BGPTAP_META_OFF_XDP_NS 8
#define BGPTAP_META_OFF_HW_NS 16
#define BGPTAP_META_LEN 24

/*
 * Lies directly below the first byte of the packet, in native byte order.
 * The kernel limits XDP metadata to 32 bytes on older releases, in steps of 4.
 */
struct bgptap_meta {
	__u32 magic;
	__u8 version;
	__u8 flags;
	__u16 vlan_tci; /* outermost tag: priority, DEI, VLAN id */
	__u64 xdp_ns;   /* CLOCK_TAI when the program ran, or CLOCK_MONOTONIC */
	__u64 hw_ns;    /* clock of the NIC, 0 = absent */
};

/* Upper bound of receive queues that one program serves. */
#define BGPTAP_QUEUES_MAX 256

/* Ports are a bitmap: word = port / 64, bit = port % 64. */
#define BGPTAP_PORT_WORDS 1024

/* Offsets and size of `struct bgptap_config`; steer.bpf.c asserts that they hold. */
#define BGPTAP_CONFIG_OFF_FOREIGN_ACTION 0
#define BGPTAP_CONFIG_OFF_FRAGMENTS 4
#define BGPTAP_CONFIG_OFF_PORTS 8
#define BGPTAP_CONFIG_LEN 8200

/* What the program is told before it is loaded; constants to it. */
struct bgptap_config {
	__u32 foreign_action; /* of packets that are not for us: XDP_PASS or XDP_DROP */
	__u32 fragments;      /* steer IP fragments that may be BGP */
	__u64 ports[BGPTAP_PORT_WORDS];
};

/* Headers that are followed before TCP, TCP included: VLAN tags, labels and so on count one each. */
#define BGPTAP_HEADERS_MAX 24
/* No header is looked for further into a packet. */
#define BGPTAP_HEADER_BYTES_MAX 3072

/*
 * Every packet counts as `seen` and as exactly one reason up to `too_deep`:
 *   seen = redirected + no_socket + not_ip + not_tcp + other_port + fragment + truncated
 *          + bad_header + too_deep
 * `meta_failed` comes on top: the packet was redirected, but without metadata.
 * The reasons are those of user space, which dissects by the same rules (src/wire).
 */
enum bgptap_counter {
	BGPTAP_COUNTER_SEEN,
	BGPTAP_COUNTER_REDIRECTED, /* handed to the AF_XDP socket of its queue */
	BGPTAP_COUNTER_NO_SOCKET,  /* BGP, but no socket serves its queue */
	BGPTAP_COUNTER_NOT_IP,     /* no IPv4 or IPv6 behind the headers before it */
	BGPTAP_COUNTER_NOT_TCP,    /* IP, but neither TCP nor an encapsulation that is known */
	BGPTAP_COUNTER_OTHER_PORT, /* TCP, but neither port is one of BGP */
	BGPTAP_COUNTER_FRAGMENT,   /* IP fragment that is not put together */
	BGPTAP_COUNTER_TRUNCATED,  /* the packet, or the datagram in it, ends before its headers do */
	BGPTAP_COUNTER_BAD_HEADER, /* a header contradicts itself */
	BGPTAP_COUNTER_TOO_DEEP,   /* more headers before TCP than are followed */
	BGPTAP_COUNTER_META_FAILED,
	BGPTAP_COUNTERS,
};

#endif
