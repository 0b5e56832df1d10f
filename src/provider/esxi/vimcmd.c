/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/vimcmd.h"
#include "base/buf.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ID = 1 << 30, MAX_DEPTH = 64 };

/* ---- vmsvc/getallvms ---- */

void vf_vimcmd_vms_clear(struct vf_vimcmd_vms *v)
{
    for (size_t i = 0; i < v->n; i++) {
        char *texts[] = {v->v[i].name,  v->v[i].datastore, v->v[i].path,
                         v->v[i].guest, v->v[i].version,   v->v[i].annotation};
        for (size_t k = 0; k < VF_COUNT(texts); k++)
            free(texts[k]);
    }
    free(v->v);
    vf_strv_free(v->invalid);
    *v = (struct vf_vimcmd_vms){0};
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* [S, END) without the blanks behind it. */
static char *trimmed(const char *s, const char *end)
{
    while (end > s && isspace((unsigned char)end[-1]))
        end--;
    return vf_strndup(s, (size_t)(end - s));
}

/* The last " [" before the ".vmx" that a hardware version follows: names and annotations may have
 * brackets, too. Fills what it is between; false: this line begins no VM. */
static bool split_row(const char *line, struct vf_vimcmd_vm *vm)
{
    char *end;
    unsigned long id = isdigit((unsigned char)*line) ? strtoul(line, &end, 10) : 0;
    if (!id || id > MAX_ID || (*end != ' ' && *end != '\t'))
        return false;
    const char *name = skip_blanks(end);
    for (const char *vmx = name; (vmx = strstr(vmx, ".vmx")); vmx += strlen(".vmx")) {
        const char *guest = skip_blanks(vmx + strlen(".vmx"));
        size_t n_guest = strcspn(guest, " \t");
        const char *version = skip_blanks(guest + n_guest);
        size_t n_version = strcspn(version, " \t");
        if (guest == vmx + strlen(".vmx") || !n_guest || !vf_starts(version, "vmx-"))
            continue;
        const char *open = NULL, *close = NULL;
        for (const char *p = name; (p = strchr(p, '[')) && p < vmx; p++)
            if (p > name && isspace((unsigned char)p[-1])) {
                const char *c = strstr(p, "] ");
                open = c && c < vmx ? p : open;
                close = c && c < vmx ? c : close;
            }
        if (!open)
            continue;
        *vm = (struct vf_vimcmd_vm){.id = (unsigned)id,
                                    .name = trimmed(name, open),
                                    .datastore = vf_strndup(open + 1, (size_t)(close - open - 1)),
                                    .path = trimmed(close + 2, vmx + strlen(".vmx")),
                                    .guest = vf_strndup(guest, n_guest),
                                    .version = vf_strndup(version, n_version)};
        const char *annotation = skip_blanks(version + n_version);
        vm->annotation = trimmed(annotation, annotation + strlen(annotation));
        return true;
    }
    return false;
}

/* A line that begins nothing goes on with the annotation before it. */
static void go_on(struct vf_vimcmd_vm *vm, const char *line)
{
    vf_autofree char *was = vm->annotation;
    vm->annotation = vf_asprintf("%s%s%s", was, *was ? "\n" : "", line);
}

static bool add_invalid(struct vf_vimcmd_vms *out, const char *line)
{
    static const char begins[] = "Skipping invalid VM '";
    if (!vf_starts(line, begins))
        return false;
    const char *id = line + strlen(begins);
    vf_strv_addf(&out->invalid, "%.*s", (int)strcspn(id, "'"), id);
    return true;
}

int vf_vimcmd_vms(const char *text, struct vf_vimcmd_vms *out, struct vf_error **err)
{
    *out = (struct vf_vimcmd_vms){.invalid = vf_strv_new()};
    bool heading = false;
    for (const char *s = text, *next; *s; s = next) {
        size_t n = strcspn(s, "\n");
        next = s + n + (s[n] == '\n');
        vf_autofree char *line = trimmed(s, s + n);
        struct vf_vimcmd_vm vm;
        if (add_invalid(out, line))
            continue;
        if (!heading)
            heading = vf_starts(line, "Vmid ");
        else if (split_row(line, &vm))
            *(struct vf_vimcmd_vm *)vf_grow(&out->v, &out->n, sizeof vm) = vm;
        else if (out->n)
            go_on(&out->v[out->n - 1], line);
    }
    for (size_t i = 0; i < out->n; i++) /* the blank lines between */
        for (char *a = out->v[i].annotation; *a && isspace((unsigned char)a[strlen(a) - 1]);)
            a[strlen(a) - 1] = 0;
    if (heading)
        return 0;
    vf_vimcmd_vms_clear(out);
    return vf_fail(err, VF_E_CORRUPT, "vim-cmd vmsvc/getallvms printed no list of VMs");
}

/* ---- complaints ---- */

static const struct {
    const char *says;
    enum vf_error_code code;
} complaints[] = {
    {"Unable to find a VM corresponding to", VF_E_NOTFOUND},
    {"vim.fault.RestrictedVersion", VF_E_UNSUPPORTED},
    {"prohibits execution of the requested operation", VF_E_UNSUPPORTED},
    {"vim.fault.InvalidPowerState", VF_E_CONFLICT},
    {"vim.fault.InvalidState", VF_E_CONFLICT},
    {"vim.fault.ToolsUnavailable", VF_E_CONFLICT},
    {"vim.fault.TaskInProgress", VF_E_CONFLICT},
    {"vim.fault.", VF_E_CONFLICT},
    {"vmodl.fault.", VF_E_CONFLICT},
};

int vf_vimcmd_check(const char *text, const char *command, struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(complaints); i++) {
        const char *at = strstr(text, complaints[i].says);
        if (!at)
            continue;
        while (at > text && at[-1] != '\n')
            at--;
        vf_autofree char *line = vf_escape_n(at, strcspn(at, "\n"));
        return vf_fail(err, complaints[i].code, "vim-cmd %s: %s", command, line);
    }
    return 0;
}

/* ---- (vim.vm.Summary) { runtime = … } ---- */

/* A string with quotes, in which \" is no end; returns what is behind it. */
static const char *read_string(const char *s, struct vf_buf *out)
{
    for (s++; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
        vf_buf_add(out, s, 1);
    }
    return *s ? s + 1 : s;
}

struct place {
    char *names[MAX_DEPTH]; /* owned */
    size_t depth;
};

static bool is_at(const struct place *p, const char *last, const char *path)
{
    vf_autobuf struct vf_buf b = {0};
    for (size_t i = 0; i < p->depth; i++)
        if (p->names[i])
            vf_buf_printf(&b, "%s.", p->names[i]);
    vf_buf_puts(&b, last);
    return vf_streq(vf_buf_str(&b), path);
}

/* What is behind "(type)", if there is one, up to the value. */
static const char *skip_type(const char *s)
{
    s += strspn(s, " \t\r\n");
    if (*s == '(')
        s += strcspn(s, ")") + (strchr(s, ')') != NULL);
    return s + strspn(s, " \t\r\n");
}

char *vf_vimcmd_value(const char *text, const char *path)
{
    struct place at = {0};
    vf_autofree char *name = NULL, *found = NULL;
    bool valued = false; /* "NAME =" was read: a value comes */
    for (const char *s = text; *s && !found;) {
        if (*s == '{' || *s == '[') {
            if (at.depth == MAX_DEPTH)
                break;
            at.names[at.depth++] = valued ? VF_STEAL(name) : NULL;
            valued = false;
            s++;
        } else if (*s == '}' || *s == ']') {
            if (at.depth)
                free(at.names[--at.depth]);
            valued = false;
            s++;
        } else if (*s == '=') {
            s = skip_type(s + 1);
            valued = name != NULL;
        } else if (*s == '(') {
            s = skip_type(s);
        } else if (*s == '"' || isalnum((unsigned char)*s) || strchr("_<-'", *s)) {
            vf_autobuf struct vf_buf word = {0};
            if (*s == '"') {
                s = read_string(s, &word);
            } else {
                size_t n = strcspn(s, " \t\r\n,={}[]");
                vf_buf_add(&word, s, n ? n : 1);
                s += n ? n : 1;
            }
            if (valued && is_at(&at, name, path))
                found = vf_strdup(vf_buf_str(&word));
            vf_str_set(&name, valued ? NULL : vf_buf_str(&word));
            valued = false;
        } else {
            s++;
        }
    }
    while (at.depth)
        free(at.names[--at.depth]);
    return vf_streq(found, "<unset>") ? NULL : VF_STEAL(found);
}
