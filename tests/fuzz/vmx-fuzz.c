/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMX files: refused with one sentence, or a VM whose fields can be shown and used. */
#include "config.h"
#include "provider/esxi/describe.h"
#include "plan/slot.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse((const char *)data, size, "f.vmx", &err);
    if (!x != !!err)
        abort();
    if (!x)
        return 0;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, "/vmfs/volumes/ds/f");
    if (!*vm->name || strlen(vm->name) > 63 || !vm->sockets || !vm->cores)
        abort();
    if (strspn(vm->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") !=
        strlen(vm->name))
        abort();
    for (size_t i = 0; i < vm->n_disks; i++)
        if (vf_slot_check(vm->disks[i].slot) || vm->disks[i].volume[0] != '/')
            abort();
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].index != i || !vm->nics[i].model)
            abort();
    return 0;
}
