/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Makes traffic: run with BPF_F_TEST_XDP_LIVE_FRAMES it turns each copy of a template into the
 * next segment of one of several TCP streams, and sends it out of an interface.
 *
 * Frames are recycled with what was written into them (Documentation/bpf/bpf_prog_run.rst), so
 * ports and sequence numbers follow from the number of the frame, not from what is in it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "load.h"

_Static_assert(__builtin_offsetof(struct bgptap_load, ifindex) == BGPTAP_LOAD_OFF_IFINDEX, "ifindex");
_Static_assert(__builtin_offsetof(struct bgptap_load, tcp) == BGPTAP_LOAD_OFF_TCP, "tcp");
_Static_assert(__builtin_offsetof(struct bgptap_load, payload) == BGPTAP_LOAD_OFF_PAYLOAD, "payload");
_Static_assert(__builtin_offsetof(struct bgptap_load, sessions) == BGPTAP_LOAD_OFF_SESSIONS,
	       "sessions");
_Static_assert(sizeof(struct bgptap_load) == BGPTAP_LOAD_LEN, "size");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct bgptap_load load = {};

/* Frames made so far: one thread makes them, one after the other. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} made SEC(".maps");

/* What a TCP header begins with. */
struct beginning {
	__be16 source;
	__be16 destination;
	__be32 seq;
};

/* The first port of the streams; as many follow as there are sessions. */
#define PORTS 20000

SEC("xdp")
int bgptap_load(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, at = load.tcp, sessions = load.sessions;
	__u64 *number = bpf_map_lookup_elem(&made, &zero);
	struct beginning *tcp;

	if (!number || !sessions || at > BGPTAP_LOAD_TCP_MAX)
		return XDP_DROP;
	tcp = data + at;
	if ((void *)(tcp + 1) > end)
		return XDP_DROP;
	tcp->source = bpf_htons(PORTS + *number % sessions);
	tcp->seq = bpf_htonl(1 + (__u32)(*number / sessions) * load.payload);
	(*number)++;
	return bpf_redirect(load.ifindex, 0);
}
