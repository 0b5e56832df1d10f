/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "base/clock.h"
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

int64_t vf_clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t vf_clock_ms(void)
{
    return vf_clock_ns() / 1000000;
}

int64_t vf_clock_awake_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t vf_clock_unix(void)
{
    return (int64_t)time(NULL);
}

char *vf_clock_stamp(int64_t unix_seconds)
{
    time_t t = (time_t)unix_seconds;
    struct tm tm = {0};
    char s[64];
    gmtime_r(&t, &tm);
    strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return vf_strdup(s);
}

static uint64_t haste = 1, outage_s;

static void read_haste(void)
{
    const char *s = getenv("VMFERRY_TEST_HASTE"), *t = getenv("VMFERRY_TEST_OUTAGE");
    if (s && vf_parse_u64(s, 1, 1000, &haste) < 0)
        haste = 1;
    if (t && vf_parse_u64(t, 1, 1000, &outage_s) < 0)
        outage_s = 0;
}

int vf_clock_limit(int ms)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_haste);
    if (ms == VF_T_RECONNECT && outage_s)
        return (int)outage_s * 1000;
    return ms / (int)haste;
}

char *vf_format_duration(double seconds)
{
    if (seconds < 9.95)
        return vf_asprintf("%.1f s", seconds);
    long s = (long)(seconds + 0.5);
    if (s < 60)
        return vf_asprintf("%ld s", s);
    if (s < 3600)
        return vf_asprintf("%ld min %02ld s", s / 60, s % 60);
    return vf_asprintf("%ld h %02ld min", s / 3600, s % 3600 / 60);
}
