/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a cluster (or somebody in its place) may put into a VM's configuration: reading it must end
 * in a VM or in an error, and what was read must read back the same from what would be sent. */
#include "config.h"
#include "provider/pve/client.h"
#include "provider/pve/propstr.h"
#include "provider/pve/vmconfig.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const char *text)
{
    struct vf_opts a = {0}, b = {0};
    if (vf_propstr_parse(text, "file", &a, NULL) == 0) {
        vf_autofree char *printed = vf_propstr_print(&a, "file");
        if (vf_propstr_parse(printed, "file", &b, NULL) < 0 || a.n != b.n)
            abort();
        for (size_t i = 0; i < a.n; i++)
            if (strcmp(a.v[i].key, b.v[i].key) || strcmp(a.v[i].value, b.v[i].value))
                abort();
    }
    vf_opts_free(&a);
    vf_opts_free(&b);
}

/* A disk or NIC as we would send it must be understood as the same again. */
static void check_devices(const struct vf_vm *vm)
{
    vf_auto(vf_vm_free) struct vf_vm *again = vf_vm_new();
    again->id = vm->id;
    for (size_t i = 0; i < vm->n_disks; i++) {
        vf_autofree char *value = vf_pve_disk_value(&vm->disks[i]);
        if (vf_pve_read_drive(again, vm->disks[i].slot, value, NULL) < 0 ||
            again->n_disks != i + 1 || !vf_streq(again->disks[i].volume, vm->disks[i].volume) ||
            again->disks[i].opts.n != vm->disks[i].opts.n)
            abort();
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        vf_autofree char *value = vf_pve_nic_value(&vm->nics[i]);
        if (vf_pve_read_nic(again, vm->nics[i].index, value, NULL) < 0 || again->n_nics != i + 1 ||
            !vf_streq(again->nics[i].model, vm->nics[i].model) ||
            !vf_streq(again->nics[i].mac, vm->nics[i].mac) || again->nics[i].tag != vm->nics[i].tag)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_strndup((const char *)data, size);
    check_round_trip(text);
    vf_autojson json_t *config = json_loadb((const char *)data, size, 0, NULL);
    if (!json_is_object(config))
        return 0;
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_pve_vm_from_config(101, "a1", config, &err);
    if (!vm != !!err)
        abort();
    if (vm) {
        vf_autoform struct vf_form form = {0};
        vf_pve_vm_to_form(vm, &form, NULL);
        check_devices(vm);
    }
    return 0;
}
