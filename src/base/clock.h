/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Durations by CLOCK_BOOTTIME (a slept laptop has slept), stamps in UTC. */
#ifndef VF_BASE_CLOCK_H
#define VF_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since boot, sleep included. */
int64_t vf_clock_ns(void);
/* Milliseconds of the same clock. */
int64_t vf_clock_ms(void);
/* Milliseconds during which the machine was awake: for what is to be tried for a while, so that a
 * laptop that wakes up does not find its time over. */
int64_t vf_clock_awake_ms(void);
/* Seconds since 1970, UTC. */
int64_t vf_clock_unix(void);
/* "2026-11-21T07:12:40Z" for a number of seconds since 1970; caller frees. */
char *vf_clock_stamp(int64_t unix_seconds);
/* "0.4 s", "12 s", "3 min 05 s", "2 h 07 min"; caller frees. */
char *vf_format_duration(double seconds);

/* Every time-out of vmferry, in milliseconds. */
enum {
    VF_T_CONNECT = 10 * 1000,        /* TCP, TLS, SSH handshake */
    VF_T_API_STALL = 30 * 1000,      /* an API call without a byte */
    VF_T_PING = 5 * 1000,            /* movers and control sessions say they live */
    VF_T_PEER_SILENCE = 60 * 1000,   /* after that the peer is dead */
    VF_T_RECONNECT = 15 * 60 * 1000, /* how long an outage is ridden out */
    VF_T_RETRY = 1000,               /* before the first new try; then twice as long, … */
    VF_T_RETRY_MOST = 30 * 1000,     /* … at most */
    VF_T_SERVICE = 120 * 1000,       /* ports of a VM that answered before it was moved */
    VF_T_COMMAND = 5 * 60 * 1000,    /* a command on a host that says nothing */
    VF_T_TASK = 10 * 60 * 1000,      /* a Proxmox task that shows no end */
    VF_T_LOGIN = 45 * 1000,          /* a login that neither asks nor ends, an agent that signs */
    VF_T_RESOLVE = 30 * 1000,        /* a host's name, and what ssh makes of it */
    VF_T_STORAGE = 75 * 1000,        /* for a storage, whose lock Proxmox waits a minute for */
    VF_T_SECRET = 120 * 1000,        /* a command that prints a secret; a person may have to act */
    VF_T_SECRET_TOLD = 5 * 1000,     /* after that it is told what is waited for */
    VF_T_SETTLED = 3 * 1000,         /* what has not grown for so long is made */
};

/* A time-out of the table. For tests the environment variable VMFERRY_TEST_HASTE divides it (1 to
 * 1000), in programs and movers alike, and VMFERRY_TEST_OUTAGE (1 to 1000, seconds) takes the place
 * of VF_T_RECONNECT, so that nothing else has to be in haste; unset, it is what the table says. */
int vf_clock_limit(int ms);

#endif
