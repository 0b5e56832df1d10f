/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "ui/progress_text.h"
#include "job/event.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/str.h"

enum { STALLED_S = 10 };

static int percent(const json_t *e)
{
    double total = (double)vf_json_int(e, "total");
    return total > 0 ? (int)((double)vf_json_int(e, "done") * 100 / total) : 0;
}

/* What is done besides copying; NULL: nothing. */
static const char *other_stage(const json_t *disk)
{
    static const struct {
        const char *stage, *text;
    } stages[] = {{"prepare", N_("preparing")},
                  {"flush", N_("flushing")},
                  {"verify", N_("reading back")},
                  {"finish", N_("finishing")}};
    for (size_t i = 0; i < VF_COUNT(stages) && !vf_json_true(disk, "over"); i++)
        if (vf_streq(vf_json_str(disk, "stage"), stages[i].stage))
            return _(stages[i].text);
    return NULL;
}

/* ", about 5 s left", when that is known and not over. */
static void put_left(struct vf_buf *b, const json_t *e)
{
    int64_t left = vf_json_int(e, "left");
    if (left <= 0)
        return;
    vf_autofree char *time =
        left < 10 ? vf_asprintf("%d s", (int)left) : vf_format_duration((double)left);
    vf_buf_printf(b, _(", about %s left"), time);
}

/* How fast data goes (zeroes do not count) and how long the rest will take; or that nothing goes.
 */
static void put_pace(struct vf_buf *b, const json_t *e, bool brief)
{
    int64_t idle = vf_json_int(e, "idle");
    if (vf_json_true(e, "paused")) {
        vf_buf_puts(b, _(", paused"));
        return;
    }
    if (idle >= STALLED_S) {
        vf_buf_printf(b, _(", no data for %d s"), (int)idle);
        return;
    }
    uint64_t rate = (uint64_t)vf_json_int(e, "rate");
    vf_autofree char *text = brief ? vf_format_mbit(rate) : vf_format_rate(rate);
    if (rate)
        vf_buf_printf(b, ", %s", text);
    put_left(b, e);
}

/* "scsi0: 1.2 GiB of 32 GiB (3 %), 800 Mbit/s (95 MiB/s), about 5 min left" */
static void put_one(struct vf_buf *b, const json_t *disk)
{
    const char *stage = other_stage(disk);
    vf_autofree char *done = vf_format_bytes((uint64_t)vf_json_int(disk, "done")),
                     *total = vf_format_bytes((uint64_t)vf_json_int(disk, "total"));
    vf_buf_printf(b, "%s: ", vf_json_str(disk, "disk"));
    if (stage)
        vf_buf_printf(b, "%s, ", stage);
    vf_buf_printf(b, _("%s of %s (%d %%)"), done, total, percent(disk));
    put_pace(b, disk, false);
}

/* "all disks 8 %, 800 Mbit/s, about 5 min left; scsi0 12 %, scsi1 flushing" */
static void put_several(struct vf_buf *b, const json_t *all, const json_t *disks)
{
    vf_buf_printf(b, _("all disks %d %%"), percent(all));
    put_pace(b, all, true); /* two disks are to fit into a line */
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *disk = json_array_get(disks, i);
        const char *stage = other_stage(disk);
        vf_buf_printf(b, "%s%s ", i ? ", " : "; ", vf_json_str(disk, "disk"));
        if (stage)
            vf_buf_puts(b, stage);
        else
            vf_buf_printf(b, "%d %%", percent(disk));
    }
}

char *vf_progress_text(const json_t *e)
{
    const json_t *all = json_object_get(e, "all"), *disks = json_object_get(e, "disks");
    const json_t *first = json_array_get(disks, 0);
    vf_autobuf struct vf_buf b = {0};
    /* a guest's memory is none of the disks */
    if (json_array_size(disks) == 1 && (vf_streq(vf_json_str(first, "disk"), "memory") ||
                                        vf_json_int(first, "total") >= vf_json_int(all, "total")))
        put_one(&b, first);
    else
        put_several(&b, all, disks);
    return vf_buf_take(&b);
}
