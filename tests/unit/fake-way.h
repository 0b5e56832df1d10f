/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ESXi host whose datastores are folders here, and which fails on order: both ways into it,
 * linked in the place of the real ones. */
#ifndef VF_TESTS_FAKE_WAY_H
#define VF_TESTS_FAKE_WAY_H

#include <stdatomic.h>
#include "provider/esxi/way.h"

struct fake_door {
    _Atomic enum vf_error_code fails; /* VF_OK: it opens */
    atomic_int slow_ms;               /* a read */
    atomic_int seems_ms;              /* a read seems to take, by the clock of fake.ahead_ns */
    atomic_bool no_range;             /* reads are UNSUPPORTED */
    atomic_uint opened;               /* times that it was tried */
};

struct fake_host {
    const char *root; /* holds the datastores */
    struct fake_door api, ssh;
    _Atomic uint64_t fail_every; /* each so manieth read fails, transiently, once; 0: none */
    _Atomic uint64_t bad_at;     /* reads of that offset are CORRUPT; 0: none */
    atomic_bool stuck, down, no_state, reads_on; /* reads_on: by ssh */
    atomic_uint gather; /* reads wait until so many were under way at once */
    /* seen */
    _Atomic uint64_t reads, bytes;
    atomic_uint begun, ended; /* requests; those that ran on and were ended */
    atomic_uint now, most, twins;
    atomic_int ways;
    _Atomic int64_t ahead_ns; /* what reads only seemed to take */
    atomic_bool shared;       /* a way was used by two threads */
    char *password;           /* that was last tried */
};
extern struct fake_host fake;

#endif
