/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Copies the host's own BGP: a packet whose TCP source or destination port is a port of BGP is
 * cloned into an interface that nothing else uses, whose other end is captured like a mirror port.
 * The packet itself goes its way: no verdict is given, so what other programs and filters say holds.
 *
 * One program for each direction, by tcx or clsact.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"
#include "tap.h"

#define BGPTAP_CONTEXT struct __sk_buff

_Static_assert(__builtin_offsetof(struct bgptap_tap, ifindex) == BGPTAP_TAP_OFF_IFINDEX, "ifindex");
_Static_assert(sizeof(struct bgptap_tap) == BGPTAP_TAP_LEN, "size");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct bgptap_config config = {};
const volatile struct bgptap_tap tap = {};

struct tap_counters {
	__u64 by_outcome[BGPTAP_TAP_COUNTERS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BGPTAP_TAP_DIRECTIONS);
	__type(key, __u32);
	__type(value, struct tap_counters);
} counts SEC(".maps");

#include "walk.h"

/* TCX_NEXT (Linux 6.6) and TC_ACT_UNSPEC are the same number: no verdict. */
#define NO_VERDICT (-1)

/* As far as headers are looked for, and a little more for the last one. */
#define HEADERS_MAX (BGPTAP_HEADER_BYTES_MAX + 64)

/*
 * Whether the packet is BGP. Drivers may leave nothing but the Ethernet header in the part of the
 * packet that programs can read: only if the headers end there too early is more brought in.
 */
static __always_inline bool is_bgp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 readable = end - data, wanted = skb->len;
	__u32 reason = look(skb);

	if (reason != BGPTAP_COUNTER_TRUNCATED || readable >= wanted)
		return reason == BGPTAP_COUNTER_SEEN;
	if (wanted > HEADERS_MAX)
		wanted = HEADERS_MAX;
	if (readable >= wanted || bpf_skb_pull_data(skb, wanted))
		return false;
	return look(skb) == BGPTAP_COUNTER_SEEN;
}

static __always_inline int copy(struct __sk_buff *skb, __u32 direction)
{
	struct tap_counters *counters = bpf_map_lookup_elem(&counts, &direction);

	if (!counters) /* cannot be, but the verifier asks for it */
		return NO_VERDICT;
	counters->by_outcome[BGPTAP_TAP_SEEN]++;
	if (!is_bgp(skb))
		return NO_VERDICT;
	if (bpf_clone_redirect(skb, tap.ifindex, 0))
		counters->by_outcome[BGPTAP_TAP_FAILED]++;
	else
		counters->by_outcome[BGPTAP_TAP_COPIED]++;
	return NO_VERDICT;
}

SEC("classifier")
int bgptap_ingress(struct __sk_buff *skb)
{
	return copy(skb, BGPTAP_TAP_INGRESS);
}

SEC("classifier")
int bgptap_egress(struct __sk_buff *skb)
{
	return copy(skb, BGPTAP_TAP_EGRESS);
}
