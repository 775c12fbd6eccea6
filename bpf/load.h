/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the load generator and user space share. build.rs reads it as it reads steer.h.
 */
#ifndef BGPTAP_LOAD_H
#define BGPTAP_LOAD_H

#include <linux/types.h>

/* Offsets and size of `struct bgptap_load`; load.bpf.c asserts that they hold. */
#define BGPTAP_LOAD_OFF_IFINDEX 0
#define BGPTAP_LOAD_OFF_TCP 4
#define BGPTAP_LOAD_OFF_PAYLOAD 8
#define BGPTAP_LOAD_OFF_SESSIONS 12
#define BGPTAP_LOAD_LEN 16

/* No TCP header begins further into a frame. */
#define BGPTAP_LOAD_TCP_MAX 512

/* What the program is told before it is loaded; a constant to it. */
struct bgptap_load {
	__u32 ifindex;  /* where frames are sent from */
	__u32 tcp;      /* where the TCP header begins in the frame */
	__u32 payload;  /* bytes of TCP payload in the frame */
	__u32 sessions; /* the frames are dealt out to so many source ports */
};

#endif
