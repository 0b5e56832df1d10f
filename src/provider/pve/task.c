/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tasks: what takes time at Proxmox answers with a UPID at once and is watched until it ends. */
#include "config.h"
#include "provider/pve/client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <string.h>

enum { POLL_FIRST_MS = 100, POLL_MAX_MS = 1000, LOG_LINES = 5 };

char *vf_pve_task_path(const char *upid, const char *what)
{
    const char *node = upid + strlen("UPID:");
    vf_autofree char *name = vf_strndup(node, strcspn(node, ":"));
    vf_autofree char *n = vf_url_encode(name), *u = vf_url_encode(upid);
    return vf_asprintf("/nodes/%s/tasks/%s%s%s", n, u, what ? "/" : "", what ? what : "");
}

/* The last lines of the task's log as " (log: … / …)", or "": a log that cannot be read is no
 * reason to hide why the task failed. */
static char *log_end(struct vf_pve_client *c, const char *upid)
{
    vf_autofree char *first = vf_pve_task_path(upid, "log?start=0&limit=1");
    vf_autojson json_t *head = vf_pve_call_all(c, "GET", first, NULL, NULL);
    uint64_t total = vf_json_u64(head, "total");
    vf_autofree char *what =
        vf_asprintf("log?start=%llu&limit=%d",
                    (unsigned long long)(total > LOG_LINES ? total - LOG_LINES : 0), LOG_LINES);
    vf_autofree char *path = vf_pve_task_path(upid, what);
    vf_autojson json_t *lines = total ? vf_pve_call(c, "GET", path, NULL, NULL) : NULL;
    vf_autobuf struct vf_buf b = {0};
    size_t i;
    json_t *line;
    json_array_foreach (lines, i, line) {
        const char *t = vf_json_text(line, "t");
        /* the exit text is shown already */
        if (!t || !*t || vf_starts(t, "TASK "))
            continue;
        vf_autofree char *safe = vf_escape(t);
        vf_buf_printf(&b, "%s%s", b.len ? " / " : " (log: ", safe);
    }
    if (b.len)
        vf_buf_puts(&b, ")");
    return vf_buf_take(&b);
}

int vf_pve_judge_task(struct vf_pve_client *c, const char *upid, const json_t *status,
                      struct vf_error **err)
{
    const char *exit = vf_json_text(status, "exitstatus"), *type = vf_json_text(status, "type");
    if (exit && (!strcmp(exit, "OK") || vf_starts(exit, "WARNINGS"))) {
        if (*exit == 'W')
            vf_warn("pve", "%s: task %s ended with %s", c->conf->name, upid, exit);
        return 0;
    }
    vf_autofree char *why = vf_escape(exit ? exit : "it ended without a status");
    vf_autofree char *kind = vf_escape(type ? type : "task");
    vf_autofree char *log = log_end(c, upid);
    return vf_fail(err, vf_pve_error_code(500, why), "cluster %s: %s: %s%s%s", c->conf->name, kind,
                   why, log, vf_pve_error_cure(500, why));
}

int vf_pve_wait_task(struct vf_pve_client *c, const char *upid, int64_t extra_ms,
                     struct vf_error **err)
{
    vf_autofree char *path = vf_pve_task_path(upid, "status"), *shown = vf_escape(upid);
    int64_t start = vf_clock_ms(), heard = start;
    int wait = POLL_FIRST_MS;
    for (;;) {
        vf_autoerror struct vf_error *why = NULL;
        vf_autojson json_t *status = vf_pve_object(c, path, &why);
        int64_t now = vf_clock_ms();
        if (status) {
            heard = now;
            if (vf_streq(vf_json_text(status, "status"), "stopped"))
                return vf_pve_judge_task(c, upid, status, err);
        } else if (!vf_error_is_transient(why) || now - heard > c->outage_ms) {
            vf_fail_with(err, VF_STEAL(why));
            return vf_fail_prefix(err, "watching task %s", shown);
        }
        if (status && now - start > c->task_ms + extra_ms)
            return vf_fail(
                err, VF_E_CONFLICT,
                "cluster %s: task %s still runs after %lld min: see what it is doing in the "
                "GUI, then resume",
                c->conf->name, shown, (long long)(now - start) / 60000);
        if (vf_cancel_sleep(c->cancel, wait, err) < 0)
            return -1;
        wait = wait * 3 / 2 < POLL_MAX_MS ? wait * 3 / 2 : POLL_MAX_MS;
    }
}

int vf_pve_do(struct vf_pve_client *c, const char *method, const char *path,
              const struct vf_form *form, int64_t extra_ms, struct vf_error **err)
{
    vf_autojson json_t *data = vf_pve_call(c, method, path, form, err);
    if (!data)
        return -1;
    const char *upid = json_string_value(data);
    return vf_starts(upid, "UPID:") ? vf_pve_wait_task(c, upid, extra_ms, err) : 0;
}
