/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Steers BGP from a mirror port into AF_XDP sockets.
 *
 * Built twice: with BGPTAP_KFUNCS for drivers that give hardware timestamps and VLAN
 * tags (the program is then bound to the device), and plain for everything else.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

_Static_assert(sizeof(struct bgptap_meta) == BGPTAP_META_LENGTH, "user space reads so many bytes");

#define VLAN_TAGS_MAX 2
#define EXTENSION_HEADERS_MAX 6
#define FRAGMENT_OFFSET_MASK 0x1fff
#define ETH_P_QINQ_OLD 0x9100

/* What happens to frames that are not BGP, and to BGP that no socket takes. */
volatile const __u32 foreign_action SEC(".rodata.config") = XDP_PASS;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, BGPTAP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bgptap_counters);
} counters SEC(".maps");

/* A bit for each TCP port. */
struct port_bitmap {
	__u8 bits[65536 / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_bitmap);
} ports SEC(".maps");

#ifdef BGPTAP_KFUNCS
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto, __u16 *tci) __ksym;
#endif

struct vlan_tag {
	__be16 tci;
	__be16 next;
};

struct extension_header {
	__u8 next;
	__u8 length;
	__be16 rest;
};

/* The part of a packet that has not been parsed yet. */
struct cursor {
	void *pos;
	void *end;
};

/* Takes `size` bytes; 0 if there are not so many. */
#define take(cursor, type)                                                    \
	({                                                                    \
		type *header = (cursor)->pos;                                 \
		if ((void *)(header + 1) > (cursor)->end)                     \
			return BGPTAP_COUNT_truncated;                        \
		(cursor)->pos = header + 1;                                   \
		header;                                                       \
	})

static __always_inline int parse_tcp(struct cursor *at)
{
	struct tcphdr *tcp = take(at, struct tcphdr);
	__u32 zero = 0;
	struct port_bitmap *map = bpf_map_lookup_elem(&ports, &zero);
	__u16 src = bpf_ntohs(tcp->source);
	__u16 dst = bpf_ntohs(tcp->dest);

	if (!map)
		return BGPTAP_COUNT_other_port;
	if (map->bits[src >> 3] & (1 << (src & 7)) || map->bits[dst >> 3] & (1 << (dst & 7)))
		return BGPTAP_COUNT_redirected;
	return BGPTAP_COUNT_other_port;
}

static __always_inline int parse_ipv4(struct cursor *at)
{
	struct iphdr *ip = take(at, struct iphdr);
	__u32 options = (ip->ihl * 4u) - sizeof(*ip);

	if (ip->ihl < 5)
		return BGPTAP_COUNT_truncated;
	if (ip->protocol != IPPROTO_TCP)
		return BGPTAP_COUNT_not_tcp;
	if (ip->frag_off & bpf_htons(FRAGMENT_OFFSET_MASK))
		return BGPTAP_COUNT_fragment;
	at->pos += options & 0x3c;
	return parse_tcp(at);
}

static __always_inline int parse_ipv6(struct cursor *at)
{
	struct ipv6hdr *ip = take(at, struct ipv6hdr);
	__u8 next = ip->nexthdr;

	for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
		struct extension_header *header;

		if (next == IPPROTO_TCP)
			return parse_tcp(at);
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			header = take(at, struct extension_header);
			/* RFC 8200 §4.2: in units of 8 bytes, not counting the first 8. */
			at->pos += header->length * 8 + 4;
			break;
		case IPPROTO_AH:
			header = take(at, struct extension_header);
			/* RFC 4302 §2.2: in units of 4 bytes, minus 2. */
			at->pos += header->length * 4 + 4;
			break;
		case IPPROTO_FRAGMENT:
			header = take(at, struct extension_header);
			if (header->rest & bpf_htons(0xfff8))
				return BGPTAP_COUNT_fragment;
			at->pos += 4;
			break;
		default:
			return BGPTAP_COUNT_not_tcp;
		}
		next = header->next;
	}
	return next == IPPROTO_TCP ? parse_tcp(at) : BGPTAP_COUNT_not_tcp;
}

/* The counter of the way that the packet goes. */
static __always_inline int classify(struct cursor *at)
{
	struct ethhdr *eth = take(at, struct ethhdr);
	__be16 proto = eth->h_proto;

	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD) &&
		    proto != bpf_htons(ETH_P_QINQ_OLD))
			break;
		tag = take(at, struct vlan_tag);
		proto = tag->next;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return parse_ipv4(at);
	if (proto == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(at);
	return BGPTAP_COUNT_not_ip;
}

/* Writes the metadata; false if the driver left no room for it. */
static __always_inline int write_meta(struct xdp_md *ctx)
{
	__u64 hw_ns = 0;
	__u16 vlan_tci = 0;
	__u8 flags = 0;
	struct bgptap_meta *meta;

#ifdef BGPTAP_KFUNCS
	__be16 vlan_proto = 0;

	if (bpf_xdp_metadata_rx_timestamp(ctx, &hw_ns) == 0 && hw_ns)
		flags |= BGPTAP_META_HAS_HW_TIME;
	if (bpf_xdp_metadata_rx_vlan_tag(ctx, &vlan_proto, &vlan_tci) == 0)
		flags |= BGPTAP_META_HAS_VLAN;
#endif
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return 0;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return 0;
	meta->magic = BGPTAP_META_MAGIC;
	meta->version = BGPTAP_META_VERSION;
	meta->flags = flags;
	meta->vlan_tci = vlan_tci;
	meta->xdp_ns = bpf_ktime_get_tai_ns();
	meta->hw_ns = hw_ns;
	return 1;
}

SEC("xdp.frags")
int steer(struct xdp_md *ctx)
{
	struct cursor at = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__u32 zero = 0;
	__u32 queue = ctx->rx_queue_index;
	struct bgptap_counters *counter = bpf_map_lookup_elem(&counters, &zero);
	int way;

	if (!counter)
		return foreign_action;
	counter->count[BGPTAP_COUNT_seen]++;
	way = classify(&at);
	if (way == BGPTAP_COUNT_redirected && !bpf_map_lookup_elem(&sockets, &queue))
		way = BGPTAP_COUNT_no_socket;
	if (way < 0 || way >= BGPTAP_COUNTER_COUNT)
		return foreign_action;
	counter->count[way]++;
	if (way != BGPTAP_COUNT_redirected)
		return foreign_action;
	if (!write_meta(ctx))
		counter->count[BGPTAP_COUNT_meta_failed]++;
	return bpf_redirect_map(&sockets, queue, foreign_action);
}
