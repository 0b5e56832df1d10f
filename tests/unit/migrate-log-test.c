/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of a migration's log. */
#include "config.h"
#include "provider/native.h"
#include "tests/unit/tap.h"

#define MIB (1ULL << 20)

static const struct {
    const char *text;
    struct vf_migrate_line want;
} cases[] = {
    {"drive-scsi0: transferred 0.0 B of 32.0 GiB (0.00%) in 0s",
     {.kind = VF_LINE_DISK, .slot = "scsi0", .total = 32768 * MIB}},
    {"drive-scsi0: transferred 512.0 MiB of 1.0 GiB (50.00%) in 1m 3s",
     {.kind = VF_LINE_DISK, .slot = "scsi0", .done = 512 * MIB, .total = 1024 * MIB}},
    {"mirror-virtio11: transferred 1.5 GiB of 1.5 GiB (100.00%) in 5s, ready",
     {.kind = VF_LINE_DISK,
      .slot = "virtio11",
      .done = 1536 * MIB,
      .total = 1536 * MIB,
      .ready = true}},
    {"2025-11-21 10:00:00 migration active, transferred 100.0 MiB of 4.0 GiB VM-state, 50.0 MiB/s",
     {.kind = VF_LINE_MEMORY, .done = 100 * MIB, .total = 4096 * MIB}},
    {"2025-11-21 10:00:00 migration device, transferred 4 GiB of 4 GiB VM-state, 0.0 B/s",
     {.kind = VF_LINE_MEMORY, .done = 4096 * MIB, .total = 4096 * MIB}},
    {"2025-11-21 10:00:00 migration completed, transferred 17.2 MiB VM-state",
     {.kind = VF_LINE_OTHER}},
    {"2025-11-21 10:00:00 average migration speed: 1.3 GiB/s - downtime 57 ms",
     {.kind = VF_LINE_DOWNTIME, .done = 57}},
    {"volume 'local:100/vm-100-disk-0.qcow2' is 'tank:vm-200-disk-0' on the target",
     {.kind = VF_LINE_VOLUME,
      .volume = "local:100/vm-100-disk-0.qcow2",
      .target = "tank:vm-200-disk-0"}},
    {"", {.kind = VF_LINE_OTHER}},
    {"2025-11-21 10:00:00 ", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred 1.0 of 2.0", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred 1.0 GiB of ", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred -1.0 GiB of 2.0 GiB", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred 9999999999999999999 GiB of 1 GiB", {.kind = VF_LINE_OTHER}},
    {"drive-scsi0: transferred 1. KiX of 1 GiB", {.kind = VF_LINE_OTHER}},
    {"drive-averylongnameofadrive0: transferred 1 B of 2 B", {.kind = VF_LINE_OTHER}},
    {": transferred 1 B of 2 B", {.kind = VF_LINE_OTHER}},
    {"average migration speed: 1 MiB/s - downtime", {.kind = VF_LINE_OTHER}},
    {"average migration speed: 1 MiB/s - downtime 5 s", {.kind = VF_LINE_OTHER}},
    {"volume 'local:1/a' is 'b", {.kind = VF_LINE_OTHER}},
    {"volume '", {.kind = VF_LINE_OTHER}},
    {"volume", {.kind = VF_LINE_OTHER}},
    {"migration active, \xff\xfe", {.kind = VF_LINE_OTHER}},
};

int main(void)
{
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        const struct vf_migrate_line *w = &cases[i].want;
        struct vf_migrate_line l;
        vf_migrate_line_parse(cases[i].text, &l);
        ok(l.kind == w->kind && !strcmp(l.slot, w->slot) && l.done == w->done &&
               l.total == w->total && l.ready == w->ready && !strcmp(l.volume, w->volume) &&
               !strcmp(l.target, w->target),
           "\"%s\"", cases[i].text);
    }
    /* no quoted name fits that is longer than any Proxmox has */
    char text[700] = "volume '";
    memset(text + 8, 'a', 300);
    memcpy(text + 308, "' is 'b' on the target", 22);
    struct vf_migrate_line l;
    vf_migrate_line_parse(text, &l);
    ok(l.kind == VF_LINE_OTHER, "a name that is too long");
    return done_testing();
}
