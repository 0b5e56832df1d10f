/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast something goes, now and on average, how long the rest will take, and whether it goes at
 * all. */
#ifndef VF_XFER_METER_H
#define VF_XFER_METER_H

#include <stdbool.h>
#include <stdint.h>

/* What was counted so far, bytes. */
struct vf_amounts {
    uint64_t sent; /* over the network */
    uint64_t done; /* behind us, zeroes and what was there included */
    uint64_t seen; /* of any kind: as long as this changes, something happens */
};

struct vf_meter {
    bool begun;
    int64_t began, last, moved; /* ms; moved: when something happened last */
    struct vf_amounts counted;  /* at the last time */
    uint64_t sent, done;        /* gained since it began */
    double rate, pace;          /* of sent and of done, bytes per ms */
};

/* What was counted at NOW (ms, never less than before). What there was at the first time was no
 * work of ours; what is less than the time before has begun anew. */
void vf_meter_note(struct vf_meter *m, const struct vf_amounts *a, int64_t now);
/* Bytes per second over the network: of the last seconds, and since it began. */
uint64_t vf_meter_rate(const struct vf_meter *m);
uint64_t vf_meter_average(const struct vf_meter *m);
/* Seconds until REST more bytes are done, at the pace of the last half minute; -1 while nobody
 * knows. */
int64_t vf_meter_left(const struct vf_meter *m, uint64_t rest);
/* Seconds since it began, and since something happened last. */
int64_t vf_meter_elapsed(const struct vf_meter *m);
int64_t vf_meter_idle(const struct vf_meter *m);

#endif
