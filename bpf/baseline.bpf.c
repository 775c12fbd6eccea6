/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The least that a filter can do: it reads the EtherType and passes the packet.
 * What steering costs is measured beside it (benches/xdp_filter.rs).
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("xdp.frags")
int bgptap_steer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__be16 *type = data + 12;

	if ((void *)(type + 1) > end)
		return XDP_DROP;
	return *type == bpf_htons(0x0800) ? XDP_PASS : XDP_ABORTED;
}
