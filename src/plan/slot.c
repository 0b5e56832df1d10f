/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "plan/slot.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const struct bus {
    const char *name;
    unsigned last; /* number */
} buses[] = {{"ide", 3}, {"sata", 5}, {"scsi", 30}, {"virtio", 15}};

/* Options that not every bus has; the same in Proxmox VE 6.4 to 9.2. */
static const struct {
    const char *key, *buses;
} special[] = {
    {"iothread", "scsi virtio"}, {"model", "ide"},      {"product", "scsi"},
    {"queues", "scsi"},          {"ro", "scsi virtio"}, {"scsiblock", "scsi"},
    {"ssd", "ide sata scsi"},    {"vendor", "scsi"},    {"wwn", "ide sata scsi"},
};

static const struct bus *find_bus(const char *slot)
{
    for (size_t i = 0; i < VF_COUNT(buses); i++) {
        size_t n = strlen(buses[i].name);
        uint64_t number;
        if (strncmp(slot, buses[i].name, n) == 0 && isdigit((unsigned char)slot[n]) &&
            vf_parse_u64(slot + n, 0, buses[i].last, &number) == 0 &&
            (slot[n] != '0' || !slot[n + 1]))
            return &buses[i];
    }
    return NULL;
}

const char *vf_slot_check(const char *slot)
{
    return find_bus(slot) ? NULL
                          : "must be one of ide0 to ide3, sata0 to sata5, scsi0 to scsi30, virtio0 "
                            "to virtio15";
}

const char *vf_slot_bus(const char *slot)
{
    const struct bus *b = find_bus(slot);
    return b ? b->name : "";
}

bool vf_slot_takes(const char *slot, const char *key)
{
    const struct bus *b = find_bus(slot);
    for (size_t i = 0; b && i < VF_COUNT(special); i++) {
        vf_autostrv char **names = vf_strv_split(special[i].buses, " ");
        if (!strcmp(special[i].key, key))
            return vf_strv_has(names, b->name);
    }
    return b != NULL;
}
