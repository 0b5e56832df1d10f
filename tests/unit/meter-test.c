/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/meter.h"
#include "tests/unit/tap.h"

static void note(struct vf_meter *m, uint64_t sent, uint64_t done, int64_t now)
{
    vf_meter_note(m, &(struct vf_amounts){sent, done, sent + done}, now);
}

static void test_pace(void)
{
    struct vf_meter m = {0};
    note(&m, 0, 0, 5000);
    ok(vf_meter_rate(&m) == 0 && vf_meter_average(&m) == 0 && vf_meter_left(&m, 100) == -1,
       "nothing is known at first");
    ok(vf_meter_left(&m, 0) == 0, "but that nothing is left where nothing is to do");
    for (int i = 1; i <= 40; i++) /* 1 MB/s of data, as much of zeroes */
        note(&m, (uint64_t)i * 250000, (uint64_t)i * 500000, 5000 + i * 250);
    ok(vf_meter_rate(&m) > 990000 && vf_meter_rate(&m) <= 1000000, "an even rate");
    ok(vf_meter_average(&m) == 1000000, "is the average");
    ok(vf_meter_left(&m, 20000000) == 11, "the rest at the pace so far");
    ok(vf_meter_elapsed(&m) == 10 && vf_meter_idle(&m) == 0, "for 10 s");
    for (int i = 1; i < 40; i++) /* stands still for nearly 10 s */
        note(&m, 10000000, 20000000, 15000 + i * 250);
    ok(vf_meter_rate(&m) < 60000, "the rate follows");
    ok(vf_meter_average(&m) > 500000 && vf_meter_average(&m) < 510000, "the average does slowly");
    ok(vf_meter_idle(&m) == 9 && vf_meter_left(&m, 20000000) > 11, "and it will take longer");
    note(&m, 10000000, 20000000, 25000);
    ok(vf_meter_idle(&m) == 10 && vf_meter_left(&m, 20000000) == -1, "then nobody knows");
    note(&m, 10000000, 20000000, 25000);
    ok(vf_meter_average(&m) == 500000, "twice at one time");
    vf_meter_note(&m, &(struct vf_amounts){10000000, 20000000, 30000001}, 25250);
    ok(vf_meter_idle(&m) == 0, "reading back is no standing still");
}

/* What there was at first was no work of ours, and counts that begin anew are no work undone. */
static void test_jumps(void)
{
    struct vf_meter m = {0};
    note(&m, 0, 800000000, 5000);
    for (int i = 1; i <= 8; i++)
        note(&m, (uint64_t)i * 250000, 800000000 + (uint64_t)i * 250000, 5000 + i * 250);
    ok(vf_meter_left(&m, 10000000) == 11, "gone on with: the pace of what is done now");
    note(&m, 0, 0, 7250);
    note(&m, 250000, 250000, 7500);
    ok(vf_meter_average(&m) == 900000 && vf_meter_elapsed(&m) == 2, "begun anew: goes on");
    /* after a fast stretch of zeroes the time left becomes that of data, not of all so far */
    m = (struct vf_meter){0};
    note(&m, 0, 0, 1000);
    note(&m, 0, 1000000000, 11000);
    for (int i = 1; i <= 480; i++)
        note(&m, (uint64_t)i * 250000, 1000000000 + (uint64_t)i * 250000, 11000 + i * 250);
    int64_t left = vf_meter_left(&m, 100000000);
    ok(left > 25 && left <= 101, "zeroes two minutes ago count little: %d s", (int)left);
}

int main(void)
{
    test_pace();
    test_jumps();
    return done_testing();
}
