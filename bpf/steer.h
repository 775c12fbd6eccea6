/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the steering program and user space agree on. It is written here once:
 * build.rs reads the #defines and the counter list and generates the Rust side.
 */
#ifndef BGPTAP_STEER_H
#define BGPTAP_STEER_H

/* Metadata right below a steered packet, in host byte order. */
#define BGPTAP_META_MAGIC 0x42475054
#define BGPTAP_META_VERSION 1
#define BGPTAP_META_LENGTH 24
/* flags */
#define BGPTAP_META_HAS_HW_TIME 1
#define BGPTAP_META_HAS_VLAN 2

struct bgptap_meta {
	__u32 magic;
	__u8 version;
	__u8 flags;
	__u16 vlan_tci;
	__u64 xdp_ns; /* CLOCK_TAI */
	__u64 hw_ns;  /* the card's own clock */
};

/* Queues that can be served. */
#define BGPTAP_QUEUES_MAX 256

/*
 * One counter for each way out of the program:
 * seen = redirected + no_socket + not_ip + not_tcp + other_port + fragment + truncated.
 * meta_failed counts steered packets that had no room for metadata, in addition.
 */
#define BGPTAP_COUNTERS(X) \
	X(seen) \
	X(redirected) \
	X(no_socket) \
	X(not_ip) \
	X(not_tcp) \
	X(other_port) \
	X(fragment) \
	X(truncated) \
	X(meta_failed)

enum bgptap_counter {
#define X(name) BGPTAP_COUNT_##name,
	BGPTAP_COUNTERS(X)
#undef X
	BGPTAP_COUNTER_COUNT
};

struct bgptap_counters {
	__u64 count[BGPTAP_COUNTER_COUNT];
};

#endif
