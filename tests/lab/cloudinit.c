/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Proxmox does with values before it keeps them: new cloud-init drives, SSH keys, hook
 * scripts, descriptions. */
#include "config.h"
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/lab/lab.h"

#define CLOUDINIT_SIZE (4 << 20)

char *lab_new_cloudinit(struct lab_call *c, struct lab_vm *vm, struct lab_storage *s,
                        const char *key, const char *format)
{
    vf_autoerror struct vf_error *err = NULL;
    const char *other, *f = format ? format : "qcow2";
    json_t *v;
    json_object_foreach (vm->conf, other, v)
        if (strcmp(other, key) && strstr(json_string_value(v), "-cloudinit"))
            return (char *)lab_die(c, 500, "%s - cloud-init drive is already attached at '%s'", key,
                                   other);
    vf_autofree char *name = vf_asprintf("vm-%d-cloudinit.%s", vm->vmid, f);
    if (lab_volume_create(vm->node, s, vm->vmid, name, f, CLOUDINIT_SIZE, &err))
        return (char *)lab_die(c, 500, "%s", vf_error_text(err));
    return vf_asprintf("%s:%d/%s", s->name, vm->vmid, name);
}

/* The value itself must be percent-encoded, and hold public keys. */
static int check_sshkeys(struct lab_call *c, const char *value)
{
    for (const char *p = value; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-%_.!~*'()", *p)) {
            lab_bad_param(c, "sshkeys", "invalid format - invalid urlencoded string: %s\n", value);
            return -1;
        }
    vf_autofree char *text = lab_url_decode(value, strlen(value), false);
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    for (char **l = lines; *l; l++)
        if ((*l)[strspn(*l, " \t\r")] && !vf_starts(*l, "ssh-") && !vf_starts(*l, "ecdsa-")) {
            lab_die(c, 500, "SSH public key validation error");
            return -1;
        }
    return 0;
}

static int check_hookscript(struct lab_call *c, const struct lab_vm *vm, const char *value)
{
    vf_autofree char *host = lab_volume_host_path(vm->node, value);
    struct stat st;
    const char *why = !host || !strstr(value, ":snippets/") ? "is not in the snippets directory"
                      : stat(host, &st)                     ? "does not exist"
                      : !(st.st_mode & 0100)                ? "is not executable"
                                                            : NULL;
    if (why)
        lab_die(c, 500, "%s'%s' %s", strstr(why, "directory") ? "" : "script ", value, why);
    return why ? -1 : 0;
}

/* The description is kept as comment lines in which "%41" is an "A", and without white space at its
 * end. */
static char *description(struct lab_call *c, const char *value)
{
    size_t n = 0;
    for (const char *p = value; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    if (n > 8192)
        return (char *)lab_bad_param(c, "description", "value may only be 8192 characters long\n");
    char *text = lab_url_decode(value, strlen(value), false);
    for (size_t len = strlen(text); len && strchr(" \t\r\n\f\v", text[len - 1]);)
        text[--len] = 0;
    return text;
}

char *lab_kept_value(struct lab_call *c, const struct lab_vm *vm, const char *key,
                     const char *value)
{
    if (vf_streq(key, "description"))
        return description(c, value);
    if ((vf_streq(key, "sshkeys") && check_sshkeys(c, value)) ||
        (vf_streq(key, "hookscript") && check_hookscript(c, vm, value)))
        return NULL;
    return vf_strdup(value);
}
