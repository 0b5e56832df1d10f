/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of progress on a simulated clock, and the lines that people get of them. */
#include "config.h"
#include "job/sampler.h"
#include "ui/progress_text.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#define MB 1000000ull

static struct vf_plan_disk plan_disks[] = {{.slot = "scsi0", .size = 1000 * MB},
                                           {.slot = "virtio10", .size = 3000 * MB},
                                           {.slot = "sata1", .size = 1000 * MB}};
static struct vf_plan plan = {.disks = plan_disks, .n_disks = 3};
static struct vf_job_disk disks[] = {{.slot = "scsi0"}, {.slot = "virtio10"}, {.slot = "sata1"}};
static struct vf_job job = {.plan = &plan, .disks = disks, .memory = {.slot = "memory"}};

/* Disk I has come to DONE; half of it was zeroes. */
static void set(size_t i, enum vf_stage stage, uint64_t done)
{
    struct vf_progress *p = &disks[i].progress;
    p->total = plan_disks[i].size;
    p->done = p->committed = done;
    p->read = p->sent = p->wire = p->zero = done / 2;
    p->stage = (int)stage;
    disks[i].copying = true;
}

static const json_t *disk(const json_t *e, size_t i)
{
    return json_array_get(json_object_get(e, "disks"), i);
}

static void has(const json_t *o, const char *key, int64_t want)
{
    ok(json_object_get(o, key) && vf_json_int(o, key) == want, "%s is %lld (%lld)", key,
       (long long)want, (long long)vf_json_int(o, key));
}

static void shows(const json_t *e, const char *want)
{
    vf_autofree char *text = vf_progress_text(e);
    is_str(text, want, "what people get");
    ok(strlen("[0:00:00] ") + strlen(text) <= 80, "in 80 columns");
}

/* Two disks at once, of three. */
static void test_several(void)
{
    struct vf_sampler *s = vf_sampler_new(&job);
    ok(!vf_sampler_take(s, 1000), "nothing is copied: no event");
    set(0, VF_STAGE_COPY, 0);
    set(1, VF_STAGE_COPY, 0);
    json_decref(vf_sampler_take(s, 5000));
    for (int i = 1; i < 20; i++) {
        set(0, VF_STAGE_COPY, (uint64_t)i * 5 * MB);
        set(1, VF_STAGE_COPY, (uint64_t)i * 15 * MB);
        json_decref(vf_sampler_take(s, 5000 + i * 250));
    }
    set(0, VF_STAGE_COPY, 100 * MB);
    set(1, VF_STAGE_COPY, 300 * MB);
    vf_autojson json_t *e = vf_sampler_take(s, 10000);
    const json_t *all = json_object_get(e, "all");
    is_str(vf_json_str(e, "type"), "progress", "the event");
    ok(json_array_size(json_object_get(e, "disks")) == 2, "has the disks that are copied");
    is_str(vf_json_str(disk(e, 1), "disk"), "virtio10", "by their slots");
    is_str(vf_json_str(disk(e, 1), "stage"), "copy", "with the stage");
    has(disk(e, 0), "total", 1000 * MB);
    has(disk(e, 0), "done", 100 * MB);
    has(disk(e, 0), "sent", 50 * MB);
    has(disk(e, 0), "average", 10 * MB);
    has(disk(e, 0), "left", 46);
    has(disk(e, 1), "average", 30 * MB);
    has(disk(e, 1), "left", 46);
    /* of all bytes of the VM, not of what is copied now */
    has(all, "total", 5000 * MB);
    has(all, "done", 400 * MB);
    has(all, "zero", 200 * MB);
    has(all, "committed", 400 * MB);
    has(all, "average", 40 * MB);
    has(all, "left", 58);
    has(all, "elapsed", 5);
    has(all, "idle", 0);
    shows(e, "all disks 8 %, 320 Mbit/s, about 58 s left; scsi0 10 %, virtio10 10 %");
    set(0, VF_STAGE_FLUSH, 1000 * MB);
    vf_autojson json_t *f = vf_sampler_take(s, 10250);
    vf_autofree char *text = vf_progress_text(f);
    ok(strstr(text, "; scsi0 flushing, virtio10 10 %"), "other stages are said: %s", text);
    vf_sampler_free(s);
}

/* Nothing moves; people are told after 10 s. */
static void test_stalled(void)
{
    struct vf_sampler *s = vf_sampler_new(&job);
    disks[0].copying = disks[1].copying = false;
    disks[0].progress.done = disks[1].progress.done = 0;
    set(2, VF_STAGE_COPY, 0);
    json_decref(vf_sampler_take(s, 20000));
    set(2, VF_STAGE_COPY, 10 * MB);
    json_decref(vf_sampler_take(s, 21000));
    vf_autojson json_t *e = vf_sampler_take(s, 30900);
    has(disk(e, 0), "idle", 9);
    vf_autofree char *before = vf_progress_text(e);
    ok(!strstr(before, "no data"), "not yet: %s", before);
    vf_autojson json_t *f = vf_sampler_take(s, 33000);
    has(disk(f, 0), "idle", 12);
    has(json_object_get(f, "all"), "idle", 12);
    ok(!json_object_get(disk(f, 0), "left"), "nobody knows what is left");
    shows(f, "all disks 0 %, no data for 12 s; sata1 1 %");
    plan.n_disks = 1;
    plan.disks = &plan_disks[2];
    job.disks = &disks[2];
    vf_sampler_free(s);
    s = vf_sampler_new(&job);
    json_decref(vf_sampler_take(s, 40000));
    vf_autojson json_t *one = vf_sampler_take(s, 55000);
    shows(one, "sata1: 9.5 MiB of 954 MiB (1 %), no data for 15 s");
    set(2, VF_STAGE_VERIFY, 10 * MB);
    disks[2].progress.verified = 5 * MB;
    vf_autojson json_t *verify = vf_sampler_take(s, 56000);
    shows(verify, "sata1: reading back, 9.5 MiB of 954 MiB (1 %)");
    vf_sampler_free(s);
}

/* A copy that goes on where another one had come to, and the pause before it. */
static void test_resumed(void)
{
    struct vf_sampler *s = vf_sampler_new(&job);
    set(2, VF_STAGE_PREPARE, 0);
    json_decref(vf_sampler_take(s, 60000));
    set(2, VF_STAGE_COPY, 800 * MB);
    json_decref(vf_sampler_take(s, 60250));
    set(2, VF_STAGE_COPY, 810 * MB);
    vf_autojson json_t *e = vf_sampler_take(s, 61000);
    has(disk(e, 0), "left", 20);
    has(json_object_get(e, "all"), "left", 20);
    disks[2].copying = false;
    vf_autojson json_t *end = vf_sampler_take(s, 61250);
    has(disk(end, 0), "done", 810 * MB);
    ok(vf_json_true(disk(end, 0), "over") && !vf_json_true(disk(e, 0), "over"),
       "what it came to is said once more");
    ok(!vf_sampler_take(s, 61500), "a pause");
    ok(!vf_sampler_take(s, 900000), "for a person to answer");
    set(2, VF_STAGE_COPY, 0);
    json_decref(vf_sampler_take(s, 900250));
    vf_autojson json_t *again = vf_sampler_take(s, 901250);
    has(disk(again, 0), "elapsed", 1);
    has(json_object_get(again, "all"), "elapsed", 2);
    vf_sampler_free(s);
}

/* One disk went fast, for it was empty; the other one does not. */
static void test_paces(void)
{
    plan.n_disks = 2;
    plan.disks = plan_disks;
    job.disks = disks;
    for (size_t i = 0; i < 2; i++)
        set(i, VF_STAGE_COPY, 0);
    disks[1].copying = false;
    struct vf_sampler *s = vf_sampler_new(&job);
    json_decref(vf_sampler_take(s, 1000));
    set(0, VF_STAGE_COPY, 1000 * MB);
    json_decref(vf_sampler_take(s, 2000));
    disks[0].copying = false;
    set(1, VF_STAGE_COPY, 0);
    json_decref(vf_sampler_take(s, 2250));
    set(1, VF_STAGE_COPY, 10 * MB);
    vf_autojson json_t *e = vf_sampler_take(s, 3250);
    has(disk(e, 0), "left", 300);
    has(json_object_get(e, "all"), "left", 300);
    vf_sampler_free(s);
}

int main(void)
{
    test_several();
    test_stalled();
    test_resumed();
    test_paces();
    return done_testing();
}
