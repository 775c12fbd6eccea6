/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The walk from Ethernet to TCP, whatever the packet is wrapped in.
 *
 * Each header is one step: it is read where the walk stands, and says which one
 * comes next. src/wire makes the same steps in user space, with the same bounds
 * and the same reasons to stop; tests/steering.rs holds the two against each other.
 *
 * The verifier would follow every way through every header as often as there may be
 * headers. So `step` is a function of its own that it verifies once, whatever it is
 * called with, and packet pointers are made anew from numbers for each header.
 */
#ifndef BGPTAP_WALK_H
#define BGPTAP_WALK_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "headers.h"
#include "steer.h"

/* What the program that walks is given: XDP unless it says otherwise. Both have data and data_end. */
#ifndef BGPTAP_CONTEXT
#define BGPTAP_CONTEXT struct xdp_md
#endif

/* Where a walk stands. */
struct progress {
	/* The header that comes next, and where it begins. */
	__u32 layer;
	__u32 at;
	/* Where the innermost datagram ends, or the packet's first buffer before it. */
	__u32 limit;
	/* In the first fragment of a datagram. */
	__u32 fragment;
};

/* The same during one step, in registers. */
struct walk {
	BGPTAP_CONTEXT *ctx;
	__u32 at;
	__u32 limit;
	bool fragment;
};

/* Within a step the walk goes a little further than it may begin one. */
#define PEEK_MAX (BGPTAP_HEADER_BYTES_MAX + 64)

/* The next `len` bytes, a constant, or NULL where the packet ends earlier. */
static __always_inline void *peek(const struct walk *w, __u32 len)
{
	void *end = (void *)(long)w->ctx->data_end;
	void *taken = (void *)(long)w->ctx->data;
	__u32 at = w->at;

	/* What is checked must be what is used, both the number and the pointer: no recomputing. */
	barrier_var(at);
	if (at > PEEK_MAX || at + len > w->limit)
		return NULL;
	taken += at;
	barrier_var(taken);
	return taken + len > end ? NULL : taken;
}

static __always_inline void *take(struct walk *w, __u32 len)
{
	void *taken = peek(w, len);

	w->at += len;
	return taken;
}

/* Passes over `len` bytes; false where the packet ends earlier. */
static __always_inline bool skip(struct walk *w, __u32 len)
{
	w->at += len;
	return w->at <= w->limit;
}

static __always_inline bool is_bgp_port(__be16 port_be)
{
	__u32 port = bpf_ntohs(port_be);

	return config.ports[(port / 64) % BGPTAP_PORT_WORDS] >> (port % 64) & 1;
}

static __always_inline __u32 step_ethernet(struct walk *w)
{
	struct ethernet *eth = take(w, sizeof(*eth));

	return eth ? by_ether_type(eth->type) : BGPTAP_COUNTER_TRUNCATED;
}

static __always_inline __u32 step_vlan(struct walk *w)
{
	struct vlan_tag *tag = take(w, sizeof(*tag));

	return tag ? by_ether_type(tag->type) : BGPTAP_COUNTER_TRUNCATED;
}

static __always_inline __u32 step_mpls(struct walk *w)
{
	__u8 *label = take(w, 4);
	__u8 *nibble;

	if (!label)
		return BGPTAP_COUNTER_TRUNCATED;
	if (!(label[2] & 1))
		return LAYER_MPLS;
	nibble = peek(w, 1);
	if (!nibble)
		return BGPTAP_COUNTER_TRUNCATED;
	switch (*nibble >> 4) {
	case 4:
	case 6:
		return LAYER_IP;
	case 0: /* control word of a pseudowire */
		return skip(w, 4) ? LAYER_ETHERNET : BGPTAP_COUNTER_TRUNCATED;
	case 1: /* its channel header */
		return BGPTAP_COUNTER_NOT_IP;
	default:
		return LAYER_ETHERNET;
	}
}

static __always_inline __u32 step_pppoe(struct walk *w)
{
	struct pppoe *pppoe = take(w, sizeof(*pppoe));

	if (!pppoe)
		return BGPTAP_COUNTER_TRUNCATED;
	if (pppoe->version_type != 0x11 || pppoe->code != 0)
		return BGPTAP_COUNTER_NOT_IP;
	return by_ppp_protocol(pppoe->protocol);
}

/* Whether the walk may go on in the other fragments once they are put together. */
static __always_inline bool is_put_together(__u32 inside)
{
	return inside == LAYER_TCP || inside == LAYER_GRE || inside == LAYER_IP ||
	       inside == LAYER_EXTENSION || inside == LAYER_AUTHENTICATION;
}

/* A fragment that may hold BGP. */
static __always_inline __u32 piece(void)
{
	return config.fragments ? BGPTAP_COUNTER_SEEN : BGPTAP_COUNTER_FRAGMENT;
}

/* `offset` is not zero for all fragments but the first. */
static __always_inline __u32 behind_fragmentation(struct walk *w, __u32 offset, bool more,
						  __u8 protocol)
{
	__u32 inside = by_protocol(protocol);

	if (inside < BGPTAP_COUNTERS)
		return inside;
	if (!offset && !more)
		return inside;
	if (offset && !is_put_together(inside))
		return BGPTAP_COUNTER_NOT_TCP;
	w->fragment = true;
	return offset ? LAYER_PIECE : inside;
}

static __always_inline __u32 step_ipv4(struct walk *w)
{
	__u32 start = w->at, length, total;
	struct ipv4 *ip = take(w, sizeof(*ip));
	__u16 fragment;

	if (!ip)
		return BGPTAP_COUNTER_TRUNCATED;
	length = (ip->version_length & 0x0f) * 4;
	total = bpf_ntohs(ip->total);
	fragment = bpf_ntohs(ip->fragment);
	/* Segmentation offload leaves the total length at zero. */
	if (length < sizeof(*ip) || (total && total < length))
		return BGPTAP_COUNTER_BAD_HEADER;
	if (total && start + total < w->limit)
		w->limit = start + total;
	if (!skip(w, length - sizeof(*ip)))
		return BGPTAP_COUNTER_TRUNCATED;
	return behind_fragmentation(w, fragment & IPV4_FRAGMENT_OFFSET,
				    fragment & IPV4_MORE_FRAGMENTS, ip->protocol);
}

static __always_inline __u32 step_ipv6(struct walk *w)
{
	struct ipv6 *ip = take(w, sizeof(*ip));
	__u32 length;

	if (!ip)
		return BGPTAP_COUNTER_TRUNCATED;
	length = bpf_ntohs(ip->length);
	if (length && w->at + length < w->limit)
		w->limit = w->at + length;
	return by_protocol(ip->next);
}

static __always_inline __u32 step_ip(struct walk *w)
{
	__u8 *version = peek(w, 1);

	if (!version)
		return BGPTAP_COUNTER_TRUNCATED;
	switch (*version >> 4) {
	case 4:
		return step_ipv4(w);
	case 6:
		return step_ipv6(w);
	default:
		return BGPTAP_COUNTER_NOT_IP;
	}
}

/* `unit`: what the length counts, beyond the first eight bytes. */
static __always_inline __u32 step_extension(struct walk *w, __u32 unit)
{
	struct extension *ext = take(w, sizeof(*ext));

	if (!ext || !skip(w, ext->length * unit))
		return BGPTAP_COUNTER_TRUNCATED;
	return by_protocol(ext->next);
}

static __always_inline __u32 step_fragment(struct walk *w)
{
	struct extension *ext = take(w, sizeof(*ext));
	__u16 fragment;

	if (!ext)
		return BGPTAP_COUNTER_TRUNCATED;
	fragment = bpf_ntohs(ext->fragment);
	return behind_fragmentation(w, fragment & IPV6_FRAGMENT_OFFSET,
				    fragment & IPV6_MORE_FRAGMENTS, ext->next);
}

static __always_inline __u32 step_gre(struct walk *w)
{
	struct gre *gre = take(w, sizeof(*gre));
	__u32 words;

	if (!gre)
		return BGPTAP_COUNTER_TRUNCATED;
	if (gre->flags & GRE_ROUTING || gre->version & GRE_VERSION)
		return BGPTAP_COUNTER_NOT_TCP;
	words = (gre->flags >> 7 & 1) + (gre->flags >> 5 & 1) + (gre->flags >> 4 & 1);
	if (!skip(w, words * 4))
		return BGPTAP_COUNTER_TRUNCATED;
	switch (bpf_ntohs(gre->protocol)) {
	case 0x88be:
		return gre->flags & GRE_SEQUENCE ? LAYER_ERSPAN_II : LAYER_ETHERNET;
	case 0x22eb:
		return LAYER_ERSPAN_III;
	default:
		return by_ether_type(gre->protocol);
	}
}

static __always_inline __u32 step_erspan_ii(struct walk *w)
{
	__u8 *header = take(w, 8);

	if (!header)
		return BGPTAP_COUNTER_TRUNCATED;
	return header[0] >> 4 == 1 ? LAYER_ETHERNET : BGPTAP_COUNTER_BAD_HEADER;
}

static __always_inline __u32 step_erspan_iii(struct walk *w)
{
	__u8 *header = take(w, 12);

	if (!header)
		return BGPTAP_COUNTER_TRUNCATED;
	if (header[0] >> 4 != 2)
		return BGPTAP_COUNTER_BAD_HEADER;
	if (!skip(w, (header[11] & 1) * 8))
		return BGPTAP_COUNTER_TRUNCATED;
	switch (header[10] >> 2 & 0x1f) {
	case 0:
		return LAYER_ETHERNET;
	case 2:
		return LAYER_IP;
	default:
		return BGPTAP_COUNTER_NOT_IP;
	}
}

static __always_inline __u32 step_udp(struct walk *w)
{
	struct udp *udp = take(w, sizeof(*udp));
	__u32 inside;

	if (!udp)
		return BGPTAP_COUNTER_TRUNCATED;
	inside = by_udp_port(udp->destination);
	if (inside >= BGPTAP_COUNTERS && w->fragment)
		return BGPTAP_COUNTER_FRAGMENT;
	return inside;
}

static __always_inline __u32 step_vxlan(struct walk *w)
{
	__u8 *header = take(w, 8);

	if (!header)
		return BGPTAP_COUNTER_TRUNCATED;
	return header[0] & 0x08 ? LAYER_ETHERNET : BGPTAP_COUNTER_NOT_TCP;
}

static __always_inline __u32 step_vxlan_gpe(struct walk *w)
{
	__u8 *header = take(w, 8);

	if (!header)
		return BGPTAP_COUNTER_TRUNCATED;
	if (!(header[0] & 0x04))
		return LAYER_ETHERNET;
	switch (header[3]) {
	case 1:
	case 2:
		return LAYER_IP;
	case 3:
		return LAYER_ETHERNET;
	case 5:
		return LAYER_MPLS;
	default:
		return BGPTAP_COUNTER_NOT_IP;
	}
}

static __always_inline __u32 step_geneve(struct walk *w)
{
	struct geneve *geneve = take(w, sizeof(*geneve));

	if (!geneve)
		return BGPTAP_COUNTER_TRUNCATED;
	if (geneve->version_options & 0xc0)
		return BGPTAP_COUNTER_NOT_TCP;
	if (!skip(w, (geneve->version_options & 0x3f) * 4))
		return BGPTAP_COUNTER_TRUNCATED;
	return by_ether_type(geneve->protocol);
}

static __always_inline __u32 step_tcp(struct walk *w)
{
	__be16 *ports = peek(w, 2 * sizeof(*ports));
	struct tcp *tcp;

	if (!ports)
		return BGPTAP_COUNTER_TRUNCATED;
	if (!is_bgp_port(ports[0]) && !is_bgp_port(ports[1]))
		return BGPTAP_COUNTER_OTHER_PORT;
	if (w->fragment)
		return piece();
	tcp = take(w, sizeof(*tcp));
	if (!tcp)
		return BGPTAP_COUNTER_TRUNCATED;
	if (tcp->length >> 4 < 5)
		return BGPTAP_COUNTER_BAD_HEADER;
	if (!skip(w, ((tcp->length >> 4) - 5) * 4))
		return BGPTAP_COUNTER_TRUNCATED;
	return BGPTAP_COUNTER_SEEN;
}

static __always_inline __u32 read_header(struct walk *w, __u32 layer)
{
	switch (layer) {
	case LAYER_ETHERNET:
		return step_ethernet(w);
	case LAYER_VLAN:
		return step_vlan(w);
	case LAYER_MPLS:
		return step_mpls(w);
	case LAYER_PPPOE:
		return step_pppoe(w);
	case LAYER_IP:
		return step_ip(w);
	case LAYER_EXTENSION:
		return step_extension(w, 8);
	case LAYER_FRAGMENT:
		return step_fragment(w);
	case LAYER_AUTHENTICATION:
		return step_extension(w, 4);
	case LAYER_GRE:
		return step_gre(w);
	case LAYER_ERSPAN_II:
		return step_erspan_ii(w);
	case LAYER_ERSPAN_III:
		return step_erspan_iii(w);
	case LAYER_UDP:
		return step_udp(w);
	case LAYER_VXLAN:
		return step_vxlan(w);
	case LAYER_VXLAN_GPE:
		return step_vxlan_gpe(w);
	case LAYER_GENEVE:
		return step_geneve(w);
	case LAYER_TCP:
		return step_tcp(w);
	default: /* LAYER_PIECE */
		return piece();
	}
}

/*
 * Reads one header. Returns the reason why the packet is not steered, SEEN, which is
 * none, or the layer that comes next.
 */
__attribute__((noinline)) int step(BGPTAP_CONTEXT *ctx, struct progress *p)
{
	struct walk w = { .ctx = ctx };
	__u32 next;

	if (!p) /* cannot be, but the verifier asks for it */
		return BGPTAP_COUNTER_TRUNCATED;
	w.at = p->at;
	w.limit = p->limit;
	w.fragment = p->fragment;
	next = read_header(&w, p->layer);
	p->layer = next;
	p->at = w.at;
	p->limit = w.limit;
	p->fragment = w.fragment;
	return next;
}

static __always_inline __u32 walk(BGPTAP_CONTEXT *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct progress p = { .layer = LAYER_ETHERNET, .limit = end - data };

	for (int i = 0; i < BGPTAP_HEADERS_MAX && p.at <= BGPTAP_HEADER_BYTES_MAX; i++) {
		__u32 next = step(ctx, &p);

		if (next < BGPTAP_COUNTERS)
			return next;
	}
	return BGPTAP_COUNTER_TOO_DEEP;
}

/* What TCP and UDP begin with, as long as the shorter of the two. */
struct transport {
	__be16 source;
	__be16 destination;
	__be32 rest;
};

struct plain_ipv4 {
	struct ethernet eth;
	struct ipv4 ip;
	struct transport transport;
} __attribute__((packed));

struct plain_ipv6 {
	struct ethernet eth;
	struct ipv6 ip;
	struct transport transport;
} __attribute__((packed));

/* The reason why a datagram is not for us, if its ports tell; SEEN if not. */
static __always_inline __u32 by_ports(__u8 protocol, __be16 source, __be16 destination)
{
	if (protocol == 6 && !is_bgp_port(source) && !is_bgp_port(destination))
		return BGPTAP_COUNTER_OTHER_PORT;
	if (protocol == 17 && by_udp_port(destination) == BGPTAP_COUNTER_NOT_TCP)
		return BGPTAP_COUNTER_NOT_TCP;
	return BGPTAP_COUNTER_SEEN;
}

/*
 * Most packets of a mirror port are TCP or UDP right behind an IP header without
 * options, with one VLAN tag or none, and not BGP: a few comparisons tell. What they do not tell is walked.
 */
static __always_inline __u32 look(BGPTAP_CONTEXT *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethernet *eth = data;
	struct plain_ipv4 *v4;
	struct plain_ipv6 *v6;
	__u32 reason = BGPTAP_COUNTER_SEEN;

	/* Behind one tag everything is as without, four bytes later. */
	if ((void *)(eth + 1) <= end && by_ether_type(eth->type) == LAYER_VLAN)
		data += sizeof(struct vlan_tag);
	v4 = data;
	v6 = data;
	if ((void *)(v4 + 1) <= end && v4->eth.type == bpf_htons(0x0800) &&
	    v4->ip.version_length == 0x45 &&
	    !(v4->ip.fragment & bpf_htons(IPV4_FRAGMENT_OFFSET | IPV4_MORE_FRAGMENTS)) &&
	    bpf_ntohs(v4->ip.total) >= sizeof(v4->ip) + sizeof(v4->transport))
		reason = by_ports(v4->ip.protocol, v4->transport.source, v4->transport.destination);
	else if ((void *)(v6 + 1) <= end && v6->eth.type == bpf_htons(0x86dd) &&
		 (bpf_ntohl(v6->ip.version) >> 28) == 6 &&
		 bpf_ntohs(v6->ip.length) >= sizeof(v6->transport))
		reason = by_ports(v6->ip.next, v6->transport.source, v6->transport.destination);
	return reason == BGPTAP_COUNTER_SEEN ? walk(ctx) : reason;
}

#endif
