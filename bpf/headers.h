/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What headers look like, and what carries what. The tables are those of
 * src/wire/walk.rs, which name the standards.
 */
#ifndef BGPTAP_HEADERS_H
#define BGPTAP_HEADERS_H

#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

/* Which header comes next. Smaller values are reasons to stop; SEEN is none: it is BGP. */
enum layer {
	LAYER_ETHERNET = BGPTAP_COUNTERS,
	LAYER_VLAN,
	LAYER_MPLS,
	LAYER_PPPOE,
	LAYER_IP,
	LAYER_EXTENSION,
	LAYER_FRAGMENT,
	LAYER_AUTHENTICATION,
	LAYER_GRE,
	LAYER_ERSPAN_II,
	LAYER_ERSPAN_III,
	LAYER_UDP,
	LAYER_VXLAN,
	LAYER_VXLAN_GPE,
	LAYER_GENEVE,
	LAYER_TCP,
	/* The middle of a datagram whose headers are in another packet. */
	LAYER_PIECE,
};

static __always_inline __u32 by_ether_type(__be16 type)
{
	switch (bpf_ntohs(type)) {
	case 0x0800:
	case 0x86dd:
		return LAYER_IP;
	case 0x8100:
	case 0x88a8:
	case 0x9100:
		return LAYER_VLAN;
	case 0x8847:
	case 0x8848:
		return LAYER_MPLS;
	case 0x8864:
		return LAYER_PPPOE;
	case 0x6558:
		return LAYER_ETHERNET;
	default:
		return BGPTAP_COUNTER_NOT_IP;
	}
}

static __always_inline __u32 by_protocol(__u8 protocol)
{
	switch (protocol) {
	case 6:
		return LAYER_TCP;
	case 4:
	case 41:
		return LAYER_IP;
	case 17:
		return LAYER_UDP;
	case 47:
		return LAYER_GRE;
	case 0:
	case 43:
	case 60:
	case 135:
	case 139:
	case 140:
		return LAYER_EXTENSION;
	case 44:
		return LAYER_FRAGMENT;
	case 51:
		return LAYER_AUTHENTICATION;
	default:
		return BGPTAP_COUNTER_NOT_TCP;
	}
}

static __always_inline __u32 by_udp_port(__be16 port)
{
	switch (bpf_ntohs(port)) {
	case 4789:
	case 8472:
		return LAYER_VXLAN;
	case 4790:
		return LAYER_VXLAN_GPE;
	case 6081:
		return LAYER_GENEVE;
	case 6635:
		return LAYER_MPLS;
	default:
		return BGPTAP_COUNTER_NOT_TCP;
	}
}

static __always_inline __u32 by_ppp_protocol(__be16 protocol)
{
	switch (bpf_ntohs(protocol)) {
	case 0x0021:
	case 0x0057:
		return LAYER_IP;
	case 0x0281:
	case 0x0283:
		return LAYER_MPLS;
	default:
		return BGPTAP_COUNTER_NOT_IP;
	}
}

struct ethernet {
	__u8 addresses[12];
	__be16 type;
};

struct vlan_tag {
	__be16 tci;
	__be16 type;
};

struct pppoe {
	__u8 version_type;
	__u8 code;
	__be16 session;
	__be16 length;
	__be16 protocol;
};

struct ipv4 {
	__u8 version_length;
	__u8 tos;
	__be16 total;
	__be16 id;
	__be16 fragment; /* flags and offset */
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000

struct ipv6 {
	__be32 version;
	__be16 length;
	__u8 next;
	__u8 hops;
	__u8 addresses[32];
};

/* What IPv6 extension headers begin with; all are at least this long. */
struct extension {
	__u8 next;
	__u8 length;
	__be16 fragment; /* in a fragment header only: offset and flags */
	__be32 id;
};

#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 0x0001

struct gre {
	__u8 flags;
	__u8 version;
	__be16 protocol;
};

#define GRE_CHECKSUM 0x80
#define GRE_ROUTING 0x40
#define GRE_KEY 0x20
#define GRE_SEQUENCE 0x10
#define GRE_VERSION 0x07

struct udp {
	__be16 source;
	__be16 destination;
	__be16 length;
	__be16 checksum;
};

struct geneve {
	__u8 version_options;
	__u8 flags;
	__be16 protocol;
	__be32 network;
};

struct tcp {
	__be16 source;
	__be16 destination;
	__be32 seq;
	__be32 ack;
	__u8 length; /* upper half, in 4-byte words */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

#endif
