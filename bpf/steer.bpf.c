/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Steers BGP to user space: a packet whose TCP source or destination port is a
 * port of BGP gets a timestamp in front of it and goes to the AF_XDP socket of
 * its receive queue. All other packets stay with the host, or are dropped on an
 * interface that only a mirror port feeds (`foreign_action`).
 *
 * Compiled twice: plain, and with -DBGPTAP_KFUNCS for drivers that give the
 * timestamp of the hardware. The latter is bound to one device when loaded.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

#define VLAN_TAGS_MAX 2
#define V6_EXTENSIONS_MAX 8
/* The longest rest of a header: IPv6 extensions count 8-byte units in one byte. */
#define SKIP_MAX (255 * 8)

#define IP_FRAGMENT_OFFSET 0x1fff
#define IP6_FRAGMENT_OFFSET 0xfff8

_Static_assert(__builtin_offsetof(struct bgptap_meta, magic) == BGPTAP_META_OFF_MAGIC, "magic");
_Static_assert(__builtin_offsetof(struct bgptap_meta, version) == BGPTAP_META_OFF_VERSION, "version");
_Static_assert(__builtin_offsetof(struct bgptap_meta, flags) == BGPTAP_META_OFF_FLAGS, "flags");
_Static_assert(__builtin_offsetof(struct bgptap_meta, vlan_tci) == BGPTAP_META_OFF_VLAN_TCI, "vlan_tci");
_Static_assert(__builtin_offsetof(struct bgptap_meta, xdp_ns) == BGPTAP_META_OFF_XDP_NS, "xdp_ns");
_Static_assert(__builtin_offsetof(struct bgptap_meta, hw_ns) == BGPTAP_META_OFF_HW_NS, "hw_ns");
_Static_assert(sizeof(struct bgptap_meta) == BGPTAP_META_LEN, "size");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* What happens to a packet that is not for us: XDP_PASS or XDP_DROP. Set before loading. */
const volatile __u32 foreign_action = XDP_PASS;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, BGPTAP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BGPTAP_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

struct counters {
	__u64 by_reason[BGPTAP_COUNTERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

#ifdef BGPTAP_KFUNCS
/* Weak: the second is younger (Linux 6.8) than the first (6.3). */
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym __weak;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto,
					__u16 *tci) __ksym __weak;
#endif

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* What all IPv6 extension headers that can precede TCP begin with. */
struct v6_extension {
	__u8 next;
	__u8 len;
	__be16 fragment_offset; /* in a fragment header only */
};

/* The unread rest of the packet's first buffer. */
struct cursor {
	void *pos;
	void *end;
};

struct vlan {
	bool present;
	__u16 tci;
};

/* The next `len` bytes, a constant, or NULL where the packet ends earlier. */
static __always_inline void *take(struct cursor *c, __u32 len)
{
	void *taken = c->pos;

	/* The pointer that is checked must be the one that is used: no recomputing it. */
	barrier_var(taken);
	if (taken + len > c->end)
		return NULL;
	c->pos = taken + len;
	return taken;
}

/* Passes over `len` bytes; false where the packet ends earlier. */
static __always_inline bool skip(struct cursor *c, __u32 len)
{
	/* The verifier must see the bound, which the compiler knows and would leave out. */
	barrier_var(len);
	return len <= SKIP_MAX && take(c, len);
}

static __always_inline bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD) ||
	       proto == bpf_htons(ETH_P_QINQ1);
}

static __always_inline bool is_bgp_port(__be16 port_be)
{
	__u32 port = bpf_ntohs(port_be);
	__u32 word = port / 64;
	__u64 *bits = bpf_map_lookup_elem(&ports, &word);

	return bits && (*bits >> (port % 64) & 1);
}

/*
 * Each parser below returns the reason why the packet is not steered, or SEEN,
 * which is no reason: go on.
 */

static __always_inline enum bgptap_counter parse_ethernet(struct cursor *c, __be16 *proto,
							   struct vlan *vlan)
{
	struct ethhdr *eth = take(c, sizeof(*eth));

	if (!eth)
		return BGPTAP_COUNTER_TRUNCATED;
	*proto = eth->h_proto;
	for (int i = 0; i < VLAN_TAGS_MAX && is_vlan(*proto); i++) {
		struct vlan_tag *tag = take(c, sizeof(*tag));

		if (!tag)
			return BGPTAP_COUNTER_TRUNCATED;
		if (i == 0) {
			vlan->present = true;
			vlan->tci = bpf_ntohs(tag->tci);
		}
		*proto = tag->proto;
	}
	return BGPTAP_COUNTER_SEEN;
}

static __always_inline enum bgptap_counter parse_ipv4(struct cursor *c, __u8 *proto)
{
	struct iphdr *ip = take(c, sizeof(*ip));
	__u32 options;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return BGPTAP_COUNTER_TRUNCATED;
	*proto = ip->protocol;
	if (*proto != IPPROTO_TCP)
		return BGPTAP_COUNTER_NOT_TCP;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET))
		return BGPTAP_COUNTER_FRAGMENT;
	options = (ip->ihl - 5) * 4;
	return skip(c, options) ? BGPTAP_COUNTER_SEEN : BGPTAP_COUNTER_TRUNCATED;
}

/* RFC 8200, section 4: walks the headers that may stand between IPv6 and TCP. */
static __always_inline enum bgptap_counter parse_ipv6(struct cursor *c, __u8 *proto)
{
	struct ipv6hdr *ip = take(c, sizeof(*ip));

	if (!ip || ip->version != 6)
		return BGPTAP_COUNTER_TRUNCATED;
	*proto = ip->nexthdr;
	for (int i = 0; i < V6_EXTENSIONS_MAX; i++) {
		struct v6_extension *ext;
		__u32 rest;

		switch (*proto) {
		case IPPROTO_TCP:
			return BGPTAP_COUNTER_SEEN;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_FRAGMENT:
		case IPPROTO_AH:
		case IPPROTO_DSTOPTS:
		case IPPROTO_MH:
			break;
		default:
			return BGPTAP_COUNTER_NOT_TCP;
		}
		ext = take(c, 8);
		if (!ext)
			return BGPTAP_COUNTER_TRUNCATED;
		if (*proto == IPPROTO_FRAGMENT) {
			if (ext->fragment_offset & bpf_htons(IP6_FRAGMENT_OFFSET))
				return BGPTAP_COUNTER_FRAGMENT;
			rest = 0;
		} else if (*proto == IPPROTO_AH) {
			/* RFC 4302, section 2.2: in 4-byte units, minus 2; 8 bytes are taken. */
			rest = ext->len * 4;
		} else {
			rest = ext->len * 8;
		}
		*proto = ext->next;
		if (!skip(c, rest))
			return BGPTAP_COUNTER_TRUNCATED;
	}
	return *proto == IPPROTO_TCP ? BGPTAP_COUNTER_SEEN : BGPTAP_COUNTER_TRUNCATED;
}

static __always_inline enum bgptap_counter parse(struct xdp_md *ctx, struct vlan *vlan)
{
	struct cursor c = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	enum bgptap_counter reason;
	struct tcphdr *tcp;
	__be16 ethertype;
	__u8 proto = 0;

	reason = parse_ethernet(&c, &ethertype, vlan);
	if (reason != BGPTAP_COUNTER_SEEN)
		return reason;
	if (ethertype == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(&c, &proto);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(&c, &proto);
	else
		reason = BGPTAP_COUNTER_NOT_IP;
	if (reason != BGPTAP_COUNTER_SEEN)
		return reason;

	tcp = take(&c, sizeof(*tcp));
	if (!tcp || tcp->doff < 5)
		return BGPTAP_COUNTER_TRUNCATED;
	if (!is_bgp_port(tcp->dest) && !is_bgp_port(tcp->source))
		return BGPTAP_COUNTER_OTHER_PORT;
	return BGPTAP_COUNTER_SEEN;
}

#ifdef BGPTAP_KFUNCS
/* What only the driver knows: the NIC's timestamp, and a tag that it stripped (the outermost). */
static __always_inline void ask_driver(struct xdp_md *ctx, struct vlan *vlan, __u64 *hw_ns)
{
	__be16 proto;
	__u16 tci;

	if (bpf_ksym_exists(bpf_xdp_metadata_rx_timestamp) &&
	    bpf_xdp_metadata_rx_timestamp(ctx, hw_ns))
		*hw_ns = 0;
	if (bpf_ksym_exists(bpf_xdp_metadata_rx_vlan_tag) &&
	    !bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci)) {
		vlan->present = true;
		vlan->tci = tci;
	}
}
#else
static __always_inline void ask_driver(struct xdp_md *ctx, struct vlan *vlan, __u64 *hw_ns)
{
}
#endif

static __always_inline bool write_meta(struct xdp_md *ctx, const struct vlan *vlan, __u64 hw_ns)
{
	struct bgptap_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return false;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return false;
	meta->magic = BGPTAP_META_MAGIC;
	meta->version = BGPTAP_META_VERSION;
	meta->flags = vlan->present ? BGPTAP_META_VLAN : 0;
	meta->vlan_tci = vlan->tci;
	meta->xdp_ns = bpf_ktime_get_tai_ns();
	meta->hw_ns = hw_ns;
	return true;
}

SEC("xdp.frags")
int bgptap_steer(struct xdp_md *ctx)
{
	__u32 zero = 0, queue = ctx->rx_queue_index;
	struct counters *counts_here = bpf_map_lookup_elem(&counts, &zero);
	enum bgptap_counter reason;
	struct vlan vlan = {};
	__u64 hw_ns = 0;

	if (!counts_here) /* cannot be, but the verifier asks for it */
		return foreign_action;
	counts_here->by_reason[BGPTAP_COUNTER_SEEN]++;

	reason = parse(ctx, &vlan);
	if (reason == BGPTAP_COUNTER_SEEN)
		reason = bpf_map_lookup_elem(&xsks, &queue) ? BGPTAP_COUNTER_REDIRECTED :
							     BGPTAP_COUNTER_NO_SOCKET;
	if (reason < BGPTAP_COUNTERS)
		counts_here->by_reason[reason]++;
	if (reason != BGPTAP_COUNTER_REDIRECTED)
		return foreign_action;

	ask_driver(ctx, &vlan, &hw_ns);
	if (!write_meta(ctx, &vlan, hw_ns))
		counts_here->by_reason[BGPTAP_COUNTER_META_FAILED]++;
	return bpf_redirect_map(&xsks, queue, foreign_action);
}
