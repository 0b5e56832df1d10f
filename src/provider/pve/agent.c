/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent in a guest tells. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <strings.h>

enum { MOST_ADDRESSES = 16 };

/* Is E one of VM's cards? What the guest has beside them (loopback, containers, tunnels) cannot be
 * reached from outside by these addresses. */
static bool is_card(const json_t *e, const struct vf_vm *vm)
{
    const char *mac = vf_json_text(e, "hardware-address");
    for (size_t i = 0; mac && i < vm->n_nics; i++)
        if (vm->nics[i].mac && !strcasecmp(mac, vm->nics[i].mac))
            return true;
    return false;
}

/* Those that are good on one link only say nothing without it. */
static bool is_link_local(const char *address)
{
    return vf_starts(address, "169.254.") || !strncasecmp(address, "fe80:", 5);
}

int vf_pve_addresses(struct vf_provider *p, const struct vf_vm *vm, char ***out,
                     struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/agent/network-get-interfaces", vm->id);
    vf_autojson json_t *answer = vf_pve_object(vf_pve_of(p), path, err);
    if (!answer)
        return -1;
    char **v = vf_strv_new();
    size_t i, k;
    json_t *e, *a;
    json_array_foreach (json_object_get(answer, "result"), i, e)
        json_array_foreach (json_object_get(e, "ip-addresses"), k, a) {
            const char *address = vf_json_text(a, "ip-address");
            if (address && is_card(e, vm) && !is_link_local(address) &&
                vf_strv_len(v) < MOST_ADDRESSES)
                vf_strv_add(&v, address);
        }
    *out = v;
    return 0;
}
