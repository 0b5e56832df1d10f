/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OVF descriptors: refused with one sentence, or VMs of which each is a VMX file that can be read
 * and described. */
#include "config.h"
#include "provider/files/ovf.h"
#include "provider/esxi/describe.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_vm(const struct vf_ovf_vm *o)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_vmx_free) struct vf_vmx *x = vf_vmx_parse(o->vmx, strlen(o->vmx), "f.ovf", &err);
    if (!x && strlen(o->vmx) < 1 << 20)
        abort();
    if (!x)
        return;
    vf_auto(vf_vm_free) struct vf_vm *vm = vf_esxi_describe(x, "/srv");
    for (size_t i = 0; i < vm->n_disks; i++)
        if (vm->disks[i].volume[0] != '/')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_ovf_free) struct vf_ovf *o = vf_ovf_parse((const char *)data, size, "f.ovf", &err);
    if (!o != !!err)
        abort();
    if (!o)
        return 0;
    if (!o->n_vms)
        abort();
    for (size_t i = 0; i < o->n_disks; i++)
        if (!o->disks[i].id || !o->disks[i].capacity || o->disks[i].capacity > INT64_MAX)
            abort();
    for (size_t i = 0; i < o->n_vms; i++)
        check_vm(&o->vms[i]);
    return 0;
}
