/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the tap's programs and user space share. build.rs reads it as it reads steer.h.
 */
#ifndef BGPTAP_TAP_H
#define BGPTAP_TAP_H

#include <linux/types.h>

/* Offsets and size of `struct bgptap_tap`; tap.bpf.c asserts that they hold. */
#define BGPTAP_TAP_OFF_IFINDEX 0
#define BGPTAP_TAP_LEN 4

/* What the programs are told before they are loaded; a constant to them. */
struct bgptap_tap {
	__u32 ifindex; /* where copies are sent */
};

/* Rows of the map of counters. */
#define BGPTAP_TAP_INGRESS 0
#define BGPTAP_TAP_EGRESS 1
#define BGPTAP_TAP_DIRECTIONS 2

/* Columns: every packet counts as `seen`, and BGP as one of the others. */
#define BGPTAP_TAP_SEEN 0
#define BGPTAP_TAP_COPIED 1
#define BGPTAP_TAP_FAILED 2 /* to be copied, but the kernel refused */
#define BGPTAP_TAP_COUNTERS 3

#endif
