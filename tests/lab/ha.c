/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMs under high availability: start and stop only change what is wanted, and end well at once; the
 * cluster's manager does it some time later. */
#include "config.h"
#include <string.h>
#include "tests/lab/http.h"
#include "tests/lab/lab.h"

#define MANAGER_US 300000

bool lab_ha_manages(const struct lab_vm *vm)
{
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    return json_object_get(vm->node->lab->ha, sid) != NULL;
}

/* The manager's turn: brings VM into the wanted state. */
static void *manager(void *arg)
{
    struct lab_vm *vm = arg;
    struct lab *lab = vm->node->lab;
    vf_autofree char *sid = vf_asprintf("vm:%d", vm->vmid);
    usleep(MANAGER_US);
    pthread_mutex_lock(&lab->lock);
    json_t *wanted = json_object_get(json_object_get(lab->ha, sid), "state");
    bool start = vf_streq(json_string_value(wanted), "started");
    bool up = vm->running || vm->starting;
    if (wanted && !vm->gone && start && !up)
        lab_boot_vm(vm, NULL);
    else if (wanted && !vm->gone && !start && up)
        json_decref(lab_qmp(vm, "system_powerdown", NULL));
    pthread_mutex_unlock(&lab->lock);
    return NULL;
}

static int request(struct lab_task *t, struct vf_error **err)
{
    vf_autofree char *sid = vf_asprintf("vm:%d", t->vm->vmid);
    json_t *ha = json_object_get(t->lab->ha, sid);
    bool start = vf_streq(t->type, "hastart");
    if (!ha)
        return vf_fail(err, VF_E_NOTFOUND, "no such resource '%s'", sid);
    lab_task_log(t, "Requesting HA %s for VM %d", start ? "start" : "stop", t->vm->vmid);
    json_object_set_new(ha, "state", json_string(start ? "started" : "stopped"));
    return lab_thread(manager, t->vm) ? vf_fail(err, VF_E_INTERNAL, "cannot start a thread") : 0;
}

json_t *lab_ha_power(struct lab_call *c, struct lab_vm *vm, bool start)
{
    return lab_task_start(c, c->node, vm, start ? "hastart" : "hastop", lab_param(c, "vmid"), NULL,
                          request);
}
