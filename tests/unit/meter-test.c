/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/meter.h"
#include "tests/unit/tap.h"

int main(void)
{
    struct vf_meter m = {0};
    vf_meter_note(&m, 0, 0, 5000);
    ok(vf_meter_rate(&m) == 0 && vf_meter_average(&m) == 0 && vf_meter_left(&m, 100) == -1,
       "nothing is known at first");
    for (int i = 1; i <= 40; i++) /* 1 MB/s of data, as much of zeroes */
        vf_meter_note(&m, (uint64_t)i * 250000, (uint64_t)i * 500000, 5000 + i * 250);
    ok(vf_meter_rate(&m) > 990000 && vf_meter_rate(&m) <= 1000000, "an even rate");
    ok(vf_meter_average(&m) == 1000000, "is the average");
    ok(vf_meter_left(&m, 40000000) == 11, "the rest at the pace so far");
    ok(vf_meter_left(&m, 20000000) == 0, "nothing is left at the end");
    for (int i = 1; i <= 40; i++) /* stands still for 10 s */
        vf_meter_note(&m, 10000000, 20000000, 15000 + i * 250);
    ok(vf_meter_rate(&m) < 50000, "the rate follows");
    ok(vf_meter_average(&m) == 500000, "the average does slowly");
    vf_meter_note(&m, 10000000, 20000000, 25000);
    ok(vf_meter_average(&m) == 500000, "twice at one time");
    vf_meter_note(&m, 5, 7, 26000);
    ok(vf_meter_rate(&m) == 0 && vf_meter_left(&m, 100) == -1, "another start begins anew");
    return done_testing();
}
