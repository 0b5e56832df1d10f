/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings changed while a VM runs wait for its next start: then "the configuration" is two, and
 * whichever was moved, somebody would miss the other. */
#include "config.h"
#include "provider/pve/pve.h"
#include "base/str.h"

#include <string.h>

enum { MAX_SHOWN = 40 }; /* characters of a value: SSH keys are long */

/* For a line of text; caller frees. */
static char *shown(const json_t *value)
{
    vf_autofree char *text = vf_json_as_text(value);
    if (!text)
        return vf_strdup("not set");
    size_t n = strlen(text);
    vf_autofree char *s = vf_escape_n(text, n > MAX_SHOWN ? MAX_SHOWN : n);
    return vf_asprintf("%s%s", s, n > MAX_SHOWN ? "..." : "");
}

static void stop_for(struct vf_vm *vm, const json_t *e)
{
    const json_t *pending = json_object_get(e, "pending");
    vf_autofree char *key = vf_escape(vf_json_text(e, "key"));
    vf_autofree char *now = shown(json_object_get(e, "value")),
                     *then = shown(vf_json_bool(e, "delete") ? NULL : pending);
    vf_autofree char *what = vf_asprintf("%s: %s, after the next start %s", key, now, then);
    vf_autofree char *why =
        vf_asprintf("this change waits for the next start of the VM: shut it down and start it "
                    "once, or drop the change with qm set %u --revert %s",
                    vm->id, key);
    vf_vm_leave_out(vm, what, why)->stop = true;
}

int vf_pve_note_pending(struct vf_pve_client *c, struct vf_vm *vm, struct vf_error **err)
{
    vf_autofree char *path = vf_pve_path(vm->node, "/qemu/%u/pending", vm->id);
    vf_autojson json_t *list = vf_pve_list(c, path, err);
    if (!list)
        return -1;
    size_t i;
    json_t *e;
    json_array_foreach (list, i, e)
        if (vf_json_text(e, "key") && (json_object_get(e, "pending") || vf_json_bool(e, "delete")))
            stop_for(vm, e);
    return 0;
}
