/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Steers BGP to user space: a packet whose TCP source or destination port is a
 * port of BGP gets a timestamp in front of it and goes to the AF_XDP socket of
 * its receive queue. All other packets stay with the host, or are dropped on an
 * interface that only a mirror port feeds (`foreign_action`).
 *
 * Compiled three times: plain; with -DBGPTAP_KFUNCS for drivers that give the
 * timestamp of the hardware, bound to one device when loaded; and with
 * -DBGPTAP_BASIC for kernels before 6.1, which have neither packets in several
 * buffers (5.18) nor CLOCK_TAI (6.1) for programs.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

_Static_assert(__builtin_offsetof(struct bgptap_meta, magic) == BGPTAP_META_OFF_MAGIC, "magic");
_Static_assert(__builtin_offsetof(struct bgptap_meta, version) == BGPTAP_META_OFF_VERSION, "version");
_Static_assert(__builtin_offsetof(struct bgptap_meta, flags) == BGPTAP_META_OFF_FLAGS, "flags");
_Static_assert(__builtin_offsetof(struct bgptap_meta, vlan_tci) == BGPTAP_META_OFF_VLAN_TCI, "vlan_tci");
_Static_assert(__builtin_offsetof(struct bgptap_meta, xdp_ns) == BGPTAP_META_OFF_XDP_NS, "xdp_ns");
_Static_assert(__builtin_offsetof(struct bgptap_meta, hw_ns) == BGPTAP_META_OFF_HW_NS, "hw_ns");
_Static_assert(sizeof(struct bgptap_meta) == BGPTAP_META_LEN, "size");
_Static_assert(__builtin_offsetof(struct bgptap_config, foreign_action) ==
		       BGPTAP_CONFIG_OFF_FOREIGN_ACTION, "foreign_action");
_Static_assert(__builtin_offsetof(struct bgptap_config, fragments) == BGPTAP_CONFIG_OFF_FRAGMENTS,
	       "fragments");
_Static_assert(__builtin_offsetof(struct bgptap_config, ports) == BGPTAP_CONFIG_OFF_PORTS, "ports");
_Static_assert(sizeof(struct bgptap_config) == BGPTAP_CONFIG_LEN, "size");

char LICENSE[] SEC("license") = "Dual MIT/GPL";

const volatile struct bgptap_config config = { .foreign_action = XDP_PASS };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, BGPTAP_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

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

#ifdef BGPTAP_BASIC
#define SECTION "xdp"
#define CLOCK_FLAG BGPTAP_META_MONOTONIC
#define CLOCK_NOW() bpf_ktime_get_ns()
#else
#define SECTION "xdp.frags"
#define CLOCK_FLAG 0
#define CLOCK_NOW() bpf_ktime_get_tai_ns()
#endif

#include "walk.h"

struct vlan {
	bool present;
	__u16 tci;
};

/* The outermost tag, if it is still in the packet. */
static __always_inline void read_vlan(struct xdp_md *ctx, struct vlan *vlan)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethernet *eth = data;
	struct vlan_tag *tag = data + sizeof(*eth);

	if ((void *)(tag + 1) <= end && by_ether_type(eth->type) == LAYER_VLAN) {
		vlan->present = true;
		vlan->tci = bpf_ntohs(tag->tci);
	}
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
	meta->flags = (vlan->present ? BGPTAP_META_VLAN : 0) | CLOCK_FLAG;
	meta->vlan_tci = vlan->tci;
	meta->xdp_ns = CLOCK_NOW();
	meta->hw_ns = hw_ns;
	return true;
}

SEC(SECTION)
int bgptap_steer(struct xdp_md *ctx)
{
	__u32 zero = 0, queue = ctx->rx_queue_index;
	struct counters *counts_here = bpf_map_lookup_elem(&counts, &zero);
	struct vlan vlan = {};
	__u32 reason;
	__u64 hw_ns = 0;

	if (!counts_here) /* cannot be, but the verifier asks for it */
		return config.foreign_action;
	counts_here->by_reason[BGPTAP_COUNTER_SEEN]++;

	reason = look(ctx);
	if (reason == BGPTAP_COUNTER_SEEN)
		reason = bpf_map_lookup_elem(&xsks, &queue) ? BGPTAP_COUNTER_REDIRECTED :
							     BGPTAP_COUNTER_NO_SOCKET;
	/* The verifier must see the bound of the very value that is used. */
	barrier_var(reason);
	if (reason < BGPTAP_COUNTERS)
		counts_here->by_reason[reason]++;
	if (reason != BGPTAP_COUNTER_REDIRECTED)
		return config.foreign_action;

	read_vlan(ctx, &vlan);
	ask_driver(ctx, &vlan, &hw_ns);
	if (!write_meta(ctx, &vlan, hw_ns))
		counts_here->by_reason[BGPTAP_COUNTER_META_FAILED]++;
	return bpf_redirect_map(&xsks, queue, config.foreign_action);
}
