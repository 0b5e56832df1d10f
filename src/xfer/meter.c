/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/meter.h"

enum {
    /* what lies further back than that counts little */
    RATE_MS = 3000,
    PACE_MS = 30000,
    STALLED_S = 10, /* then nobody knows when it will end */
};

static uint64_t gained(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* In MS, AGE after the beginning, there were BYTES more. At first the average of what there is. */
static void follow(double *value, uint64_t bytes, int64_t ms, int64_t age, int64_t memory)
{
    int64_t span = age < memory ? age : memory;
    double weight = ms < span ? (double)ms / (double)span : 1;
    *value += ((double)bytes / (double)ms - *value) * weight;
}

void vf_meter_note(struct vf_meter *m, const struct vf_amounts *a, int64_t now)
{
    if (!m->begun) {
        *m = (struct vf_meter){
            .begun = true, .began = now, .last = now, .moved = now, .counted = *a};
        return;
    }
    if (now <= m->last)
        return;
    uint64_t sent = gained(a->sent, m->counted.sent), done = gained(a->done, m->counted.done);
    int64_t ms = now - m->last, age = now - m->began;
    follow(&m->rate, sent, ms, age, RATE_MS);
    follow(&m->pace, done, ms, age, PACE_MS);
    if (a->seen != m->counted.seen)
        m->moved = now;
    m->sent += sent;
    m->done += done;
    m->counted = *a;
    m->last = now;
}

uint64_t vf_meter_rate(const struct vf_meter *m)
{
    return (uint64_t)(m->rate * 1000);
}

uint64_t vf_meter_average(const struct vf_meter *m)
{
    int64_t ms = m->last - m->began;
    return ms > 0 ? (uint64_t)((double)m->sent * 1000 / (double)ms) : 0;
}

int64_t vf_meter_left(const struct vf_meter *m, uint64_t rest)
{
    if (!rest)
        return 0;
    if (m->pace * 1000 < 1 || vf_meter_idle(m) >= STALLED_S)
        return -1;
    return (int64_t)((double)rest / m->pace / 1000) + 1;
}

int64_t vf_meter_elapsed(const struct vf_meter *m)
{
    return (m->last - m->began) / 1000;
}

int64_t vf_meter_idle(const struct vf_meter *m)
{
    return (m->last - m->moved) / 1000;
}
