/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ESXi host prints: read or refused, never more VMs than lines. */
#include "config.h"
#include "provider/esxi/vimcmd.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_strndup((const char *)data, size);
    vf_autoerror struct vf_error *err = NULL, *complaint = NULL;
    struct vf_vimcmd_vms v;
    size_t lines = 1;
    for (const char *s = text; (s = strchr(s, '\n')); s++)
        lines++;
    if (vf_vimcmd_vms(text, &v, &err) == 0) {
        if (v.n > lines)
            abort();
        for (size_t i = 0; i < v.n; i++)
            if (!v.v[i].id || !vf_ends(v.v[i].path, ".vmx") || !v.v[i].annotation)
                abort();
        vf_vimcmd_vms_clear(&v);
    } else if (!err) {
        abort();
    }
    if ((vf_vimcmd_check(text, "x", &complaint) < 0) != (complaint != NULL))
        abort();
    free(vf_vimcmd_value(text, "runtime.powerState"));
    if (vf_vimcmd_snapshots(text) > lines)
        abort();
    free(vf_vimcmd_question(text));
    vf_autostrv char **addresses = vf_vimcmd_addresses(text);
    for (char **a = addresses; *a; a++)
        if (!**a || (*a)[strspn(*a, "0123456789abcdefABCDEF.:")])
            abort();
    struct vf_vimcmd_autostart start;
    vf_vimcmd_autostart(text, 12, &start);
    struct vf_esxcli_group *groups;
    size_t n_groups;
    vf_autoerror struct vf_error *none = NULL;
    if (vf_esxcli_groups(text, &groups, &n_groups, &none) < 0 && !none)
        abort();
    if (n_groups > lines)
        abort();
    for (size_t i = 0; i < n_groups; i++)
        if (!groups[i].name || groups[i].vlan < 0 || groups[i].vlan > 4095)
            abort();
    vf_esxcli_groups_free(groups, n_groups);
    return 0;
}
