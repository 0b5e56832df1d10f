/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast something goes, now and on average, and how long the rest will take. */
#ifndef VF_XFER_METER_H
#define VF_XFER_METER_H

#include <stdbool.h>
#include <stdint.h>

struct vf_meter {
    bool begun;
    int64_t began, last; /* ms */
    uint64_t began_sent, last_sent, began_done, last_done;
    double now; /* bytes per ms */
};

/* At NOW (ms, never less than before) SENT bytes had gone over the network and DONE were behind us,
 * zeroes and what was there included. Less than before: it has begun anew. */
void vf_meter_note(struct vf_meter *m, uint64_t sent, uint64_t done, int64_t now);
/* Bytes per second over the network: of the last seconds, and since it began. */
uint64_t vf_meter_rate(const struct vf_meter *m);
uint64_t vf_meter_average(const struct vf_meter *m);
/* Seconds until TOTAL is done at the pace so far; -1 while nobody knows. */
int64_t vf_meter_left(const struct vf_meter *m, uint64_t total);

#endif
