/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tasks: work that goes on after the call has been answered, known by its UPID. */
#include "config.h"
#include <string.h>
#include "tests/lab/http.h"
#include "tests/lab/lab.h"

void lab_task_log(struct lab_task *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    if (!t->log)
        t->log = vf_strv_new();
    vf_strv_add(&t->log, text);
}

static void *task_main(void *arg)
{
    struct lab_task *t = arg;
    vf_autoerror struct vf_error *err = NULL;
    usleep(20000); /* a worker takes its time to start */
    pthread_mutex_lock(&t->lab->lock);
    if (!lab_fault_task(t, t->type, &err)) {
        if (t->vm && t->vm->gone) /* while it hung */
            vf_fail(&err, VF_E_NOTFOUND,
                    "Configuration file 'nodes/%s/qemu-server/%s.conf' does not exist",
                    t->node->name, t->id);
        else
            t->run(t, &err);
    } else if (t->vm && vf_streq(t->type, "qmcreate")) {
        t->vm->gone = true; /* a create that fails removes what it made */
    }
    if (err)
        lab_task_log(t, "TASK ERROR: %s", vf_error_text(err));
    else
        lab_task_log(t, "TASK OK");
    t->end = vf_clock_unix();
    t->exit = vf_strdup(err ? vf_error_text(err) : "OK");
    pthread_cond_broadcast(&t->lab->changed);
    pthread_mutex_unlock(&t->lab->lock);
    return NULL;
}

static json_t *start(struct lab_call *c, struct lab_node *node, struct lab_vm *vm, const char *type,
                     const char *id, json_t *args, void *data,
                     int (*run)(struct lab_task *t, struct vf_error **err))
{
    static unsigned next_pid = 0x1a0;
    struct lab_task *t = vf_xcalloc(1, sizeof *t);
    t->lab = c->lab;
    t->node = node;
    t->vm = vm;
    t->type = vf_strdup(type);
    t->id = vf_strdup(id);
    t->user = vf_strdup(c->user->name);
    t->token = vf_strdup(c->user->token);
    t->args = args;
    t->data = data;
    t->run = run;
    t->start = vf_clock_unix();
    t->pid = next_pid++;
    t->pstart = (unsigned)(vf_clock_ms() / 10);
    t->upid = vf_asprintf("UPID:%s:%08X:%08X:%08llX:%s:%s:%s%s%s:", node->name, t->pid, t->pstart,
                          (unsigned long long)t->start, type, id, t->user, t->token ? "!" : "",
                          t->token ? t->token : "");
    *(struct lab_task **)vf_grow(&c->lab->tasks, &c->lab->n_tasks, sizeof *c->lab->tasks) = t;
    if (lab_thread(task_main, t)) {
        t->end = t->start;
        t->exit = vf_strdup("cannot start a thread");
    }
    return json_string(t->upid);
}

json_t *lab_task_start(struct lab_call *c, struct lab_node *node, struct lab_vm *vm,
                       const char *type, const char *id, json_t *args,
                       int (*run)(struct lab_task *t, struct vf_error **err))
{
    return start(c, node, vm, type, id, args, NULL, run);
}

json_t *lab_task_start_with(struct lab_call *c, struct lab_node *node, struct lab_vm *vm,
                            const char *type, const char *id, void *data,
                            int (*run)(struct lab_task *t, struct vf_error **err))
{
    return start(c, node, vm, type, id, NULL, data, run);
}

struct lab_task *lab_task_find(struct lab *lab, const char *upid)
{
    for (size_t i = 0; i < lab->n_tasks; i++)
        if (vf_streq(lab->tasks[i]->upid, upid))
            return lab->tasks[i];
    return NULL;
}

json_t *lab_task_status(const struct lab_task *t, bool list)
{
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:i}", "upid", t->upid, "node",
                          t->node->name, "type", t->type, "id", t->id, "user", t->user, "starttime",
                          (json_int_t)t->start, "pid", (int)t->pid, "pstart", (int)t->pstart);
    if (t->token)
        json_object_set_new(j, "tokenid", json_string(t->token));
    if (list) {
        if (t->end) {
            json_object_set_new(j, "endtime", json_integer(t->end));
            json_object_set_new(j, "status", json_string(t->exit));
        }
        return j;
    }
    json_object_set_new(j, "status", json_string(t->end ? "stopped" : "running"));
    if (t->end)
        json_object_set_new(j, "exitstatus", json_string(t->exit));
    return j;
}
