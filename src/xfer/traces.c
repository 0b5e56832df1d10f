/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What jobs have, or have left, on a host. */
#include "config.h"
#include "xfer/host.h"
#include "base/str.h"

#include <string.h>

/* "key FILE JOB" or "helper DIRECTORY JOB PID"; what is neither is not ours. */
static void add(struct vf_trace **v, size_t *n, const char *line)
{
    vf_autostrv char **w = vf_strv_split(line, " ");
    size_t words = vf_strv_len(w);
    uint64_t pid = 0;
    bool is_key = words == 3 && vf_streq(w[0], "key");
    bool is_helper =
        words == 4 && vf_streq(w[0], "helper") && vf_parse_u64(w[3], 0, INT32_MAX, &pid) == 0;
    if ((!is_key && !is_helper) || !vf_job_name_ok(w[2]))
        return;
    struct vf_trace *t = vf_grow(v, n, sizeof *t);
    *t = (struct vf_trace){
        .is_key = is_key, .path = vf_escape(w[1]), .job = vf_strdup(w[2]), .pid = (unsigned)pid};
}

int vf_mover_traces(struct vf_ssh *ssh, struct vf_trace **out, size_t *n, struct vf_error **err)
{
    char *user[] = {(char *)(ssh ? vf_ssh_user(ssh) : ""), NULL};
    *out = NULL;
    *n = 0;
    vf_autofree char *keys = vf_host_shell(ssh, vf_script_key_list, user, NULL, err);
    if (!keys)
        return vf_fail_prefix(err, "looking for one-job keys");
    vf_autofree char *helpers = vf_host_shell(ssh, vf_script_helpers, NULL, NULL, err);
    if (!helpers)
        return vf_fail_prefix(err, "looking for directories of the helper");
    const char *texts[] = {keys, helpers};
    for (size_t i = 0; i < VF_COUNT(texts); i++) {
        vf_autostrv char **lines = vf_strv_split(texts[i], "\n");
        for (char **l = lines; *l; l++)
            add(out, n, *l);
    }
    return 0;
}

void vf_traces_free(struct vf_trace *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].job);
        free(v[i].path);
    }
    free(v);
}
