/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a move asks of a login at one cluster, what the login may, and how to give it the rest.
 * Proxmox itself is asked about each path: what a deeper entry takes away, what a pool gives and
 * what a token has in common with its user is for the server to know. */
#include "config.h"
#include "provider/pve/pve.h"
#include "provider/pve/vmconfig.h"
#include "base/str.h"

#include <string.h>

#define V7_2 VF_PVE_VERSION(7, 2)
#define V8   VF_PVE_VERSION(8, 0)

enum where { VM, STORAGES, BRIDGES };

/* When a privilege is needed for a certain move; the role that is suggested has them all. */
enum when {
    ALWAYS = 0,
    DISKS = 1,    /* disks are copied */
    POWER = 2,    /* shut down or started */
    NICS = 4,     /* has network cards */
    HARDWARE = 8, /* has settings of the virtual hardware */
    CLOUDINIT = 16,
};

struct row {
    bool target;
    enum where where;
    const char *privilege; /* "A|B": either will do, the first is suggested */
    unsigned since, until; /* versions; until: exclusive, 0: still needed */
    unsigned when;
};

/* From the permissions of the calls that are made, and what qemu-server checks inside them
 * ($check_vm_modify_config_perm, check_volume_access, check_bridge_access). */
static const struct row rows[] = {
    {false, VM, "VM.Audit", 0, 0, ALWAYS},
    {false, VM, "VM.Config.Options", 0, 0, ALWAYS}, /* name, notes, start at boot */
    {false, VM, "VM.PowerMgmt", 0, 0, POWER},
    {false, VM, "VM.Config.Disk", V7_2, 0, DISKS}, /* to see a volume's path and size */
    {false, STORAGES, "Datastore.Audit|Datastore.Allocate", V7_2, 0, DISKS},
    {false, STORAGES, "Datastore.Allocate", 0, V7_2, DISKS},

    {true, VM, "VM.Allocate", 0, 0, ALWAYS},
    {true, VM, "VM.Audit", 0, 0, ALWAYS},
    {true, VM, "VM.Config.CPU", 0, 0, ALWAYS},
    {true, VM, "VM.Config.Disk", 0, 0, DISKS},
    {true, VM, "VM.Config.HWType", 0, 0, HARDWARE},
    {true, VM, "VM.Config.Memory", 0, 0, ALWAYS},
    {true, VM, "VM.Config.Network", 0, 0, NICS},
    {true, VM, "VM.Config.Options", 0, 0, ALWAYS},
    {true, VM, "VM.Config.Cloudinit|VM.Config.Network", 0, 0, CLOUDINIT},
    {true, VM, "VM.PowerMgmt", 0, 0, POWER},
    {true, STORAGES, "Datastore.AllocateSpace", 0, 0, DISKS},
    {true, STORAGES, "Datastore.Audit|Datastore.Allocate", V7_2, 0, DISKS},
    {true, STORAGES, "Datastore.Allocate", 0, V7_2, DISKS},
    {true, BRIDGES, "SDN.Use", V8, 0, NICS},
};

static bool holds(const struct row *r, bool target, unsigned version)
{
    return r->target == target && version >= r->since && (!r->until || version < r->until);
}

static char *first_of(const char *privilege)
{
    return vf_strndup(privilege, strcspn(privilege, "|"));
}

static void add_once(char ***v, const char *s)
{
    if (!vf_strv_has(*v, s))
        vf_strv_add(v, s);
}

char **vf_pve_role(bool target, unsigned version)
{
    char **privs = vf_strv_new();
    for (size_t i = 0; i < VF_COUNT(rows); i++) {
        vf_autofree char *p = first_of(rows[i].privilege);
        if (holds(&rows[i], target, version) && rows[i].when != CLOUDINIT)
            add_once(&privs, p);
    }
    return privs;
}

/* ------------------------------------------------------------------ what this move needs */

static unsigned option_needs(const char *key)
{
    static const char *const hardware[] = {"acpi", "audio",  "hotplug", "kvm",     "machine",
                                           "rng",  "scsihw", "serial",  "smbios1", "tablet",
                                           "usb",  "vga",    "hostpci", "watchdog"};
    static const char *const cloudinit[] = {"cicustom",   "cipassword",   "citype",
                                            "ciupgrade",  "ciuser",       "ipconfig",
                                            "nameserver", "searchdomain", "sshkeys"};
    size_t n = strlen(key);
    while (n && key[n - 1] >= '0' && key[n - 1] <= '9' && strcmp(key, "smbios1"))
        n--;
    for (size_t i = 0; i < VF_COUNT(hardware); i++)
        if (strlen(hardware[i]) == n && !strncmp(hardware[i], key, n))
            return HARDWARE;
    for (size_t i = 0; i < VF_COUNT(cloudinit); i++)
        if (strlen(cloudinit[i]) == n && !strncmp(cloudinit[i], key, n))
            return CLOUDINIT;
    return !strcmp(key, "freeze") ? POWER : 0;
}

static unsigned moments(const struct vf_use *use)
{
    const struct vf_vm *vm = use->vm;
    unsigned w = (use->disks ? DISKS : 0) | (use->power ? POWER : 0) |
                 (vm->n_nics || !vf_firewall_empty(vm->firewall) ? NICS : 0) |
                 (vm->uuid ? HARDWARE : 0);
    for (size_t i = 0; i < vm->opts.n; i++)
        w |= option_needs(vm->opts.v[i].key);
    return w;
}

struct path {
    char *asked; /* the path that is looked up */
    char *given; /* where the right is to be given */
    enum where where;
    json_t *have; /* {privilege: propagate} */
    char **missing;
};

struct paths {
    struct path *v;
    size_t n;
};

static void paths_clear(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].asked);
        free(p->v[i].given);
        json_decref(p->v[i].have);
        vf_strv_free(p->v[i].missing);
    }
    free(p->v);
}

/* Takes ASKED and GIVEN (NULL: the same). */
static void add_path(struct paths *p, enum where where, char *asked, char *given)
{
    for (size_t i = 0; i < p->n; i++)
        if (vf_streq(p->v[i].asked, asked)) {
            free(asked);
            free(given);
            return;
        }
    struct path *x = vf_grow(&p->v, &p->n, sizeof *p->v);
    x->asked = asked;
    x->given = given ? given : vf_strdup(asked);
    x->where = where;
    x->missing = vf_strv_new();
}

/* The zone that the VNet BRIDGE is in; a bridge of the node is in none. VNets are listed for who
 * may look at them; who may only use one has an entry of its own that names the zone. Caller frees.
 */
static char *zone_of(const json_t *vnets, const json_t *own, const char *bridge)
{
    static const char zones[] = "/sdn/zones/";
    const char *path;
    size_t i;
    json_t *e;
    json_array_foreach (vnets, i, e)
        if (vf_streq(vf_json_text(e, "vnet"), bridge) && vf_json_text(e, "zone"))
            return vf_strdup(vf_json_text(e, "zone"));
    json_object_foreach ((json_t *)own, path, e) {
        vf_autostrv char **part = vf_strv_split(vf_starts(path, zones) ? path : "", "/");
        if (vf_strv_len(part) > 3 && vf_streq(part[3], bridge))
            return vf_strdup(part[2]);
    }
    return vf_strdup("localnetwork");
}

/* The bridge or VNet; with a VLAN tag that tag below it. */
static void add_bridge(struct paths *p, const char *zone, const struct vf_nic *nic)
{
    vf_autofree char *tag = nic->tag ? vf_asprintf("/%u", nic->tag) : vf_strdup("");
    add_path(p, BRIDGES, vf_asprintf("/sdn/zones/%s/%s%s", zone, nic->bridge, tag), NULL);
}

static void list_paths(struct vf_provider *p, const struct vf_use *use, struct paths *out)
{
    struct vf_pve_client *c = vf_pve_of(p);
    const struct vf_vm *vm = use->vm;
    unsigned id = vm->id;
    if (!id && use->target)
        vf_pve_free_id(p, 0, &id, NULL);
    add_path(out, VM, id ? vf_asprintf("/vms/%u", id) : vf_strdup("/vms"),
             vm->id ? NULL : vf_strdup("/vms"));
    for (size_t i = 0; use->disks && i < vm->n_disks; i++)
        add_path(out, STORAGES, vf_asprintf("/storage/%s", vm->disks[i].storage), NULL);
    if (use->disks && !vm->n_disks && !vm->node) /* not seen yet: whichever they are on */
        add_path(out, STORAGES, vf_strdup("/storage"), NULL);
    if (!use->target || c->version < V8)
        return;
    vf_autojson json_t *vnets = vf_pve_list(c, "/cluster/sdn/vnets", NULL);
    vf_autojson json_t *own = vf_pve_object(c, "/access/permissions", NULL);
    for (size_t i = 0; i < vm->n_nics; i++)
        if (vm->nics[i].bridge) {
            vf_autofree char *zone = zone_of(vnets, own, vm->nics[i].bridge);
            add_bridge(out, zone, &vm->nics[i]);
        }
}

/* ------------------------------------------------------------------ what the login has */

/* {privilege: propagate} on PATH in *OUT, a new reference; NULL: none. Of root@pam it has all. */
static int ask(struct vf_pve_client *c, const char *path, json_t **out, struct vf_error **err)
{
    vf_autofree char *enc = vf_url_encode(path);
    vf_autofree char *call = vf_asprintf("/access/permissions?path=%s", enc);
    vf_autojson json_t *all = vf_pve_object(c, call, err);
    if (!all)
        return vf_fail_prefix(err, "the rights of this login on %s", path);
    *out = json_incref(json_object_get(all, path));
    return 0;
}

int vf_pve_may(struct vf_provider *p, const char *path, const char *privilege,
               struct vf_error **err)
{
    vf_autojson json_t *have = NULL;
    if (ask(vf_pve_of(p), path, &have, err) < 0)
        return -1;
    return json_object_get(have, privilege) != NULL;
}

static bool has_any(const json_t *have, const char *privilege)
{
    vf_autostrv char **any = vf_strv_split(privilege, "|");
    for (size_t i = 0; any[i]; i++)
        if (json_object_get(have, any[i])) /* the value only says whether it goes deeper */
            return true;
    return false;
}

static bool find_missing(const struct vf_use *use, unsigned version, struct paths *p)
{
    unsigned moment = moments(use);
    bool some = false;
    for (size_t i = 0; i < p->n; i++)
        for (size_t r = 0; r < VF_COUNT(rows); r++) {
            if (!holds(&rows[r], use->target, version) || rows[r].where != p->v[i].where ||
                (rows[r].when && !(rows[r].when & moment)) ||
                has_any(p->v[i].have, rows[r].privilege))
                continue;
            vf_autofree char *priv = first_of(rows[r].privilege);
            add_once(&p->v[i].missing, priv);
            some = true;
        }
    return some;
}

/* ------------------------------------------------------------------ how it gets the rest */

/* A role of that name may be there from another time, and lack something. */
static void role_line(struct vf_pve_client *c, const char *name, char *const *privs,
                      struct vf_buf *b)
{
    vf_autojson json_t *roles = vf_pve_list(c, "/access/roles", NULL);
    vf_autostrv char **lacks = vf_strv_new();
    const char *verb = "add", *append = "";
    size_t i;
    json_t *e;
    json_array_foreach (roles, i, e)
        if (vf_streq(vf_json_text(e, "roleid"), name)) {
            const char *has = vf_json_text(e, "privs");
            vf_autostrv char **list = vf_strv_split(has ? has : "", ", ");
            verb = "modify";
            append = " --append 1";
            for (size_t k = 0; privs[k]; k++)
                if (!vf_strv_has(list, privs[k]))
                    vf_strv_add(&lacks, privs[k]);
        }
    bool there = *append;
    vf_autofree char *text = vf_strv_join(there ? lacks : (char **)privs, " ");
    if (*text)
        vf_buf_printf(b, "\n      pveum role %s %s --privs \"%s\"%s", verb, name, text, append);
}

/* An entry on a deeper path replaces what is inherited: what else the login has there goes. */
static bool has_more(const struct path *p, char *const *privs)
{
    const char *name;
    json_t *v;
    json_object_foreach (p->have, name, v)
        if (!vf_strv_has(privs, name))
            return true;
    return false;
}

/* S for a shell, and for people: in quotes only where it needs them. */
static char *word(const char *s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.@-";
    return s[strspn(s, plain)] ? vf_shell_quote(s) : vf_strdup(s);
}

static char *cure(struct vf_pve_client *c, const struct vf_use *use, const struct paths *p)
{
    const struct vf_cluster_conf *conf = c->conf;
    const char *role = use->target ? "vmferry-target" : "vmferry-source";
    const char *bang = conf->token ? strchr(conf->token, '!') : NULL;
    vf_autofree char *user =
        bang ? vf_strndup(conf->token, (size_t)(bang - conf->token)) : vf_strdup(c->user);
    vf_autofree char *quoted_user = word(user);
    vf_autofree char *token = bang ? word(conf->token) : NULL;
    vf_autostrv char **privs = vf_pve_role(use->target, c->version);
    bool more = false;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; p->v[i].missing[k]; k++) /* beyond the usual role */
            add_once(&privs, p->v[i].missing[k]);
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b, "on a node of %s, as root:", conf->name);
    role_line(c, role, privs, &b);
    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i].missing[0])
            continue;
        vf_autofree char *path = word(p->v[i].given);
        vf_buf_printf(&b, "\n      pveum acl modify %s --users %s%s%s --roles %s", path,
                      quoted_user, token ? " --tokens " : "", token ? token : "", role);
        more |= has_more(&p->v[i], privs);
    }
    if (token) {
        vf_autofree char *name = word(bang + 1);
        vf_buf_printf(&b,
                      "\n    or, if the user has these rights and only the token lacks them:"
                      "\n      pveum user token modify %s %s --privsep 0",
                      quoted_user, name);
    }
    if (more)
        vf_buf_puts(&b, "\n    An entry on a path replaces what the login has there from above: "
                        "name its other roles in --roles too.");
    return vf_buf_take(&b);
}

static void report(struct vf_pve_client *c, const struct vf_use *use, const struct paths *p,
                   struct vf_findings *out)
{
    const struct vf_cluster_conf *conf = c->conf;
    const char *who = vf_pve_who(c);
    vf_autobuf struct vf_buf b = {0};
    bool nothing = true;
    for (size_t i = 0; i < p->n; i++) {
        nothing &= json_object_size(p->v[i].have) == 0;
        if (!p->v[i].missing[0])
            continue;
        vf_autofree char *list = vf_strv_join(p->v[i].missing, ", ");
        vf_buf_printf(&b, "%s%s on %s", b.len ? "; " : "", list, p->v[i].given);
    }
    vf_autojson json_t *all = nothing ? vf_pve_object(c, "/access/permissions", NULL) : NULL;
    vf_autofree char *how = cure(c, use, p);
    if (all && !json_object_size(all) && conf->token)
        vf_finding_add(out, VF_STOP, conf->name, how,
                       "the API token %s has no rights at all: with privilege separation it has "
                       "only those that it and its user were both given. It needs %s",
                       who, vf_buf_str(&b));
    else if (all && !json_object_size(all))
        vf_finding_add(out, VF_STOP, conf->name, how, "%s has no rights at all; it needs %s", who,
                       vf_buf_str(&b));
    else
        vf_finding_add(out, VF_STOP, conf->name, how, "%s lacks rights: %s", who, vf_buf_str(&b));
}

/* A VM that could not be described: its configuration, if that may be read, at least names the
 * storages. NULL: it may not. */
static struct vf_vm *glimpse(struct vf_pve_client *c, unsigned id)
{
    vf_autojson json_t *entry = id ? vf_pve_find(c, id, NULL) : NULL;
    if (!entry)
        return NULL;
    vf_autofree char *path = vf_pve_path(vf_json_text(entry, "node"), "/qemu/%u/config", id);
    vf_autojson json_t *config = vf_pve_object(c, path, NULL);
    return config ? vf_pve_vm_from_config(id, vf_json_text(entry, "node"), config, NULL) : NULL;
}

int vf_pve_rights(struct vf_provider *p, const struct vf_use *use, struct vf_findings *out,
                  struct vf_error **err)
{
    struct vf_pve_client *c = vf_pve_of(p);
    if (vf_pve_is_root(c))
        return 0; /* may everything */
    vf_auto(vf_vm_free) struct vf_vm *seen =
        !use->target && !use->vm->node ? glimpse(c, use->vm->id) : NULL;
    struct vf_use u = *use;
    u.vm = seen ? seen : use->vm;
    struct paths paths = {0};
    list_paths(p, &u, &paths);
    int r = 0;
    for (size_t i = 0; r == 0 && i < paths.n; i++)
        r = ask(c, paths.v[i].asked, &paths.v[i].have, err);
    if (r == 0 && find_missing(&u, c->version, &paths))
        report(c, &u, &paths, out);
    paths_clear(&paths);
    return r;
}
