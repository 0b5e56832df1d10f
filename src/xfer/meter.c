/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/meter.h"

enum { MEMORY_MS = 3000 }; /* what lies further back than that counts little */

void vf_meter_note(struct vf_meter *m, uint64_t sent, uint64_t done, int64_t now)
{
    if (!m->begun || sent < m->last_sent || done < m->last_done) {
        *m = (struct vf_meter){.begun = true,
                               .began = now,
                               .last = now,
                               .began_sent = sent,
                               .last_sent = sent,
                               .began_done = done,
                               .last_done = done};
        return;
    }
    if (now > m->last) {
        double ms = (double)(now - m->last), rate = (double)(sent - m->last_sent) / ms;
        /* at first the average of what there is */
        double memory = (double)(now - m->began) < MEMORY_MS ? (double)(now - m->began) : MEMORY_MS;
        double weight = ms < memory ? ms / memory : 1;
        m->now += (rate - m->now) * weight;
        m->last = now;
        m->last_sent = sent;
    }
    m->last_done = done;
}

uint64_t vf_meter_rate(const struct vf_meter *m)
{
    return (uint64_t)(m->now * 1000);
}

uint64_t vf_meter_average(const struct vf_meter *m)
{
    int64_t ms = m->last - m->began;
    return ms > 0 ? (uint64_t)((double)(m->last_sent - m->began_sent) * 1000 / (double)ms) : 0;
}

int64_t vf_meter_left(const struct vf_meter *m, uint64_t total)
{
    uint64_t gained = m->last_done - m->began_done;
    if (m->last_done >= total)
        return 0;
    if (!gained || m->last <= m->began)
        return -1;
    return (int64_t)((double)(total - m->last_done) * (double)(m->last - m->began) /
                     (double)gained / 1000) +
           1;
}
