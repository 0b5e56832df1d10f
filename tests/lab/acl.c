/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what: roles, access control entries, and what follows from them on a path, as
 * PVE::AccessControl::roles() and PVE::RPCEnvironment::permissions() have it. */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include "tests/lab/lab.h"

#define V8 8000
#define V9 9000

/* A privilege, since which version, until which (exclusive; 0: still), and to whose roles it
 * belongs: root (Administrator only), admin, user, audit. */
static const struct {
    const char *name;
    unsigned since, until;
    char who;
} privileges[] = {
    {"Datastore.Allocate", 0, 0, 'a'},
    {"Datastore.AllocateSpace", 0, 0, 'u'},
    {"Datastore.AllocateTemplate", 0, 0, 'a'},
    {"Datastore.Audit", 0, 0, 'r'},
    {"Group.Allocate", 0, 0, 'a'},
    {"Mapping.Audit", V8, 0, 'r'},
    {"Mapping.Modify", V8, 0, 'a'},
    {"Mapping.Use", V8, 0, 'u'},
    {"Permissions.Modify", 0, 0, '-'},
    {"Pool.Allocate", 0, 0, 'a'},
    {"Pool.Audit", 7000, 0, 'r'},
    {"Realm.Allocate", 0, 0, '-'},
    {"Realm.AllocateUser", 0, 0, 'a'},
    {"SDN.Allocate", 0, 0, 'a'},
    {"SDN.Audit", 0, 0, 'r'},
    {"SDN.Use", V8, 0, 'u'},
    {"Sys.AccessNetwork", 8001, 0, '-'},
    {"Sys.Audit", 0, 0, 'r'},
    {"Sys.Console", 0, 0, 'a'},
    {"Sys.Incoming", 7003, 0, '-'},
    {"Sys.Modify", 0, 0, '-'},
    {"Sys.PowerMgmt", 0, 0, '-'},
    {"Sys.Syslog", 0, 0, 'a'},
    {"User.Modify", 0, 0, 'a'},
    {"VM.Allocate", 0, 0, 'a'},
    {"VM.Audit", 0, 0, 'r'},
    {"VM.Backup", 0, 0, 'u'},
    {"VM.Clone", 0, 0, 'a'},
    {"VM.Config.CDROM", 0, 0, 'u'},
    {"VM.Config.CPU", 0, 0, 'a'},
    {"VM.Config.Cloudinit", 0, 0, 'u'},
    {"VM.Config.Disk", 0, 0, 'a'},
    {"VM.Config.HWType", 0, 0, 'a'},
    {"VM.Config.Memory", 0, 0, 'a'},
    {"VM.Config.Network", 0, 0, 'a'},
    {"VM.Config.Options", 0, 0, 'a'},
    {"VM.Console", 0, 0, 'u'},
    {"VM.GuestAgent.Audit", V9, 0, 'r'},
    {"VM.GuestAgent.FileRead", V9, 0, 'a'},
    {"VM.GuestAgent.FileSystemMgmt", V9, 0, 'a'},
    {"VM.GuestAgent.FileWrite", V9, 0, 'a'},
    {"VM.GuestAgent.Unrestricted", V9, 0, 'a'},
    {"VM.Migrate", 0, 0, 'a'},
    {"VM.Monitor", 0, V9, 'a'},
    {"VM.PowerMgmt", 0, 0, 'u'},
    {"VM.Replicate", V9, 0, 'a'},
    {"VM.Snapshot", 0, 0, 'a'},
    {"VM.Snapshot.Rollback", 0, 0, 'a'},
};

/* The built-in roles: privileges of these categories (NULL: all) that belong to these people. */
static const struct {
    const char *name, *who;
    const char *categories;
} built_in[] = {
    {"Administrator", "-aur", NULL},
    {"NoAccess", "", NULL},
    {"PVEAdmin", "aur", NULL},
    {"PVEAuditor", "r", NULL},
    {"PVEDatastoreAdmin", "aur", "Datastore"},
    {"PVEDatastoreUser", "ur", "Datastore"},
    {"PVEPoolAdmin", "aur", "Pool"},
    {"PVESDNAdmin", "aur", "SDN"},
    {"PVESDNUser", "ur", "SDN"},
    {"PVESysAdmin", "aur", "Sys"},
    {"PVEVMAdmin", "aur", "VM"},
    {"PVEVMUser", "ur", "VM"},
};

static bool exists(const struct lab *lab, size_t i)
{
    return lab->version >= privileges[i].since &&
           (!privileges[i].until || lab->version < privileges[i].until);
}

static bool privilege_exists(const struct lab *lab, const char *priv)
{
    for (size_t i = 0; i < VF_COUNT(privileges); i++)
        if (vf_streq(privileges[i].name, priv))
            return exists(lab, i);
    return false;
}

static bool has_category(const char *priv, const char *category)
{
    return !category || (vf_starts(priv, category) && priv[strlen(category)] == '.');
}

void lab_acl_setup(struct lab *lab)
{
    lab->roles = json_object();
    lab->acl = json_object();
    for (size_t r = 0; r < VF_COUNT(built_in); r++) {
        json_t *privs = json_array();
        for (size_t i = 0; i < VF_COUNT(privileges); i++)
            if (exists(lab, i) && strchr(built_in[r].who, privileges[i].who) &&
                has_category(privileges[i].name, built_in[r].categories))
                json_array_append_new(privs, json_string(privileges[i].name));
        json_object_set_new(lab->roles, built_in[r].name, privs);
    }
}

/* lab->acl is path -> {user or token -> {role -> propagate}}. */
int lab_acl_set(struct lab *lab, const char *path, const char *who, const char *role,
                bool propagate, bool delete)
{
    if (!json_object_get(lab->roles, role))
        return -1;
    json_t *entry = json_object_get(lab->acl, path);
    if (!entry)
        json_object_set_new(lab->acl, path, entry = json_object());
    json_t *roles = json_object_get(entry, who);
    if (!roles)
        json_object_set_new(entry, who, roles = json_object());
    if (delete)
        json_object_del(roles, role);
    else
        json_object_set_new(roles, role, json_integer(propagate));
    if (!json_object_size(roles))
        json_object_del(entry, who);
    if (!json_object_size(entry))
        json_object_del(lab->acl, path);
    return 0;
}

int lab_role_set(struct lab *lab, const char *name, const char *privs, bool append)
{
    vf_autostrv char **list = vf_strv_split(privs, " ,;");
    for (size_t i = 0; list[i]; i++)
        if (!privilege_exists(lab, list[i]))
            return -1;
    json_t *role = append ? json_incref(json_object_get(lab->roles, name)) : json_array();
    if (!role)
        return -1;
    for (size_t i = 0; list[i]; i++)
        json_array_append_new(role, json_string(list[i]));
    json_object_set_new(lab->roles, name, role);
    return 0;
}

/* The entries of WHO that hold on PATH: the deepest path on the way there that has any, and of
 * those above PATH only the ones that propagate. */
static json_t *roles_on(const struct lab *lab, const char *who, const char *path)
{
    lab_autojson json_t *found = json_object();
    size_t n = strlen(path);
    for (size_t len = 1; len <= n; len++) {
        if (len > 1 && len < n && path[len] != '/')
            continue;
        vf_autofree char *part = vf_strndup(path, len);
        lab_autojson json_t *fresh = json_object();
        json_t *here = json_object_get(json_object_get(lab->acl, part), who), *propagate;
        const char *role;
        json_object_foreach (here, role, propagate)
            if (len == n || json_integer_value(propagate))
                json_object_set(fresh, role, propagate);
        if (!json_object_size(fresh))
            continue;
        json_object_clear(found);
        json_object_update(found, fresh);
    }
    json_t *none = json_object_get(found, "NoAccess");
    return none ? json_pack("{s:O}", "NoAccess", none) : json_incref(found);
}

/* Members of a pool have its roles too. */
static const char *pool_of(const struct lab *lab, const char *path)
{
    if (vf_starts(path, "/vms/")) {
        const struct lab_vm *vm = lab_vm_find((struct lab *)lab, lab_int(path + 5));
        return vm ? vm->pool : NULL;
    }
    for (size_t i = 0; vf_starts(path, "/storage/") && i < lab->n_storages; i++)
        if (vf_streq(lab->storages[i].name, path + strlen("/storage/")))
            return json_string_value(json_object_get(lab->pool_storages, lab->storages[i].name));
    return NULL;
}

/* {privilege: propagate} of the user or token WHO by entries of its own. */
static json_t *own_privs(const struct lab *lab, const char *who, const char *path)
{
    lab_autojson json_t *roles = roles_on(lab, who, path);
    const char *pool = pool_of(lab, path), *role;
    json_t *out = json_object(), *propagate, *priv;
    if (pool && !json_object_get(roles, "NoAccess")) {
        vf_autofree char *at = vf_asprintf("/pool/%s", pool);
        lab_autojson json_t *from = roles_on(lab, who, at);
        if (json_object_get(from, "NoAccess"))
            json_object_clear(roles);
        json_object_foreach (from, role, propagate)
            if (!json_object_get(roles, role))
                json_object_set_new(roles, role, json_integer(0));
    }
    json_object_foreach (roles, role, propagate) {
        size_t i;
        json_array_foreach (json_object_get(lab->roles, role), i, priv)
            if (!json_integer_value(json_object_get(out, json_string_value(priv))))
                json_object_set(out, json_string_value(priv), propagate);
    }
    return out;
}

static json_t *given_privs(const struct lab *lab, const struct lab_user *u, const char *path)
{
    json_t *out;
    if (vf_streq(u->name, "root@pam")) {
        size_t i;
        json_t *p;
        out = json_object();
        json_array_foreach (json_object_get(lab->roles, "Administrator"), i, p)
            json_object_set_new(out, json_string_value(p), json_integer(1));
    } else {
        out = own_privs(lab, u->name, path);
    }
    if (!u->token || !u->privsep)
        return out;
    vf_autofree char *id = vf_asprintf("%s!%s", u->name, u->token);
    lab_autojson json_t *of_user = out, *of_token = own_privs(lab, id, path);
    const char *priv;
    json_t *a;
    out = json_object();
    json_object_foreach (of_token, priv, a) {
        json_t *b = json_object_get(of_user, priv);
        if (b)
            json_object_set_new(out, priv,
                                json_integer(json_integer_value(a) && json_integer_value(b)));
    }
    return out;
}

json_t *lab_privs(const struct lab *lab, const struct lab_user *u, const char *path)
{
    json_t *out = given_privs(lab, u, path);
    if (u->without)
        json_object_del(out, u->without);
    return out;
}

bool lab_may(const struct lab_call *c, const char *want)
{
    const char *colon = strrchr(want, ':');
    vf_autofree char *path = vf_strndup(want, (size_t)(colon - want));
    lab_autojson json_t *have = lab_privs(c->lab, c->user, path);
    vf_autostrv char **any = vf_strv_split(colon + 1, "|");
    for (size_t i = 0; any[i]; i++)
        if (json_object_get(have, any[i]))
            return true;
    return false;
}

bool lab_may_at(const struct lab_call *c, const char *privs, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *path = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *want = vf_asprintf("%s:%s", path, privs);
    return lab_may(c, want);
}

int lab_need(struct lab_call *c, const char *privs, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *path = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *want = vf_asprintf("%s:%s", path, privs);
    if (lab_may(c, want))
        return 0;
    lab_die(c, 403, "Permission check failed (%s, %s)", path, privs);
    return -1;
}

/* Any right on the bridge or on one of its VLANs lets it be seen. */
bool lab_may_bridge(const struct lab_call *c, const char *bridge, const char *privs)
{
    if (c->lab->version < V8 || lab_may_at(c, privs, "/sdn/zones/localnetwork/%s", bridge))
        return true;
    vf_autofree char *below = vf_asprintf("/sdn/zones/localnetwork/%s/", bridge);
    const char *path;
    json_t *entry;
    json_object_foreach (c->lab->acl, path, entry)
        if (vf_starts(path, below) && lab_may_at(c, privs, "%s", path))
            return true;
    return false;
}

int lab_need_bridge(struct lab_call *c, const char *bridge, const char *tag)
{
    if (c->lab->version < V8 || (vf_streq(c->user->name, "root@pam") && !c->user->token))
        return 0;
    return lab_need(c, "SDN.Use", "/sdn/zones/%s/%s%s%s", lab_zone(bridge), bridge, tag ? "/" : "",
                    tag ? tag : "");
}

/* What a key of a VM's configuration asks for; NULL: nothing, "-": root@pam with a ticket. */
static const char *config_privilege(const char *key)
{
    static const struct {
        const char *priv, *keys;
    } table[] = {
        {"VM.Config.CPU", " cores cpu cpulimit cpuunits numa smp sockets vcpus "},
        {"VM.Config.Memory", " memory balloon shares allow-ksm "},
        {"VM.Config.HWType",
         " acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0 "},
        {"VM.Config.Options",
         " agent autostart bios description keyboard localtime migrate_downtime migrate_speed name "
         "onboot ostype protection reboot startdate startup tags tdf template "},
        {"VM.PowerMgmt", " freeze "},
        {"VM.Config.Disk", " boot bootdisk vmstatestorage "},
        {"VM.Config.Cloudinit|VM.Config.Network",
         " cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys "},
    };
    static const struct {
        const char *priv, *stem;
    } numbered[] = {
        {"VM.Config.Network", "net"},    {"VM.Config.CPU", "numa"},
        {"VM.Config.HWType", "serial"},  {"VM.Config.HWType", "usb"},
        {"VM.Config.HWType", "hostpci"}, {"VM.Config.Cloudinit|VM.Config.Network", "ipconfig"},
        {"VM.Config.Disk", "virtiofs"},  {NULL, "unused"},
    };
    vf_autofree char *word = vf_asprintf(" %s ", key);
    for (size_t i = 0; i < VF_COUNT(table); i++)
        if (strstr(table[i].keys, word))
            return table[i].priv;
    for (size_t i = 0; i < VF_COUNT(numbered); i++) {
        size_t n = strlen(numbered[i].stem);
        if (vf_starts(key, numbered[i].stem) && key[n] && !key[n + strspn(key + n, "0123456789")])
            return numbered[i].priv;
    }
    return "-";
}

int lab_need_config(struct lab_call *c, int vmid, const char *pool, const char *key,
                    const char *value, bool create)
{
    const char *priv = config_privilege(key);
    if (lab_is_disk_key(key)) /* of a create only the storages are asked about */
        priv = create                                  ? NULL
               : value && strstr(value, "media=cdrom") ? "VM.Config.CDROM"
                                                       : "VM.Config.Disk";
    if (!priv || (vf_streq(c->user->name, "root@pam") && c->by_ticket))
        return 0;
    if (vf_streq(priv, "-")) {
        lab_die(c, 500, "only root can set '%s' config", key);
        return -1;
    }
    if (!(pool && lab_may_at(c, priv, "/pool/%s", pool)) && lab_need(c, priv, "/vms/%d", vmid))
        return -1;
    return vf_streq(key, "startup") ? lab_need(c, "Sys.Modify", "/") : 0;
}

/* The VM whose image VOLID is: "…/vm-101-disk-0.raw", "base-101-…"; 0: nobody's. */
static int volume_owner(const char *volid)
{
    const char *slash = strrchr(volid, '/'), *name = slash ? slash + 1 : strchr(volid, ':') + 1;
    int id = 0;
    if (sscanf(name, "vm-%d-", &id) == 1 || sscanf(name, "base-%d-", &id) == 1)
        return id;
    return 0;
}

int lab_need_volume(struct lab_call *c, const char *volid, int vmid)
{
    const char *colon = strchr(volid, ':');
    vf_autofree char *store = vf_strndup(volid, (size_t)(colon - volid));
    int owner = volume_owner(volid);
    if (lab_may_at(c, "Datastore.Allocate", "/storage/%s", store))
        return 0;
    if (strstr(colon, "iso/"))
        return lab_need(c, "Datastore.AllocateSpace|Datastore.Audit", "/storage/%s", store);
    if (owner && owner == vmid)
        return 0;
    if (c->lab->version < 7002)
        return lab_need(c, "Datastore.Allocate", "/storage/%s", store);
    if (!owner) {
        lab_die(c, 500, "missing privileges to access %s", volid);
        return -1;
    }
    return lab_need(c, "Datastore.Audit", "/storage/%s", store) ||
                   lab_need(c, "VM.Config.Disk", "/vms/%d", owner)
               ? -1
               : 0;
}

json_t *lab_permissions(struct lab_call *c)
{
    static const char *const paths[] = {"/",     "/access", "/access/groups", "/nodes",
                                        "/pool", "/sdn",    "/storage",       "/vms"};
    const struct lab *lab = c->lab;
    const char *only = lab_param(c, "path"), *path;
    json_t *entry;
    if (only)
        return json_pack("{s:o}", only, lab_privs(lab, c->user, only));
    lab_autojson json_t *all = json_object();
    for (size_t p = 0; p < VF_COUNT(paths); p++)
        json_object_set_new(all, paths[p], json_null());
    json_object_foreach (lab->acl, path, entry)
        json_object_set_new(all, path, json_null());
    for (size_t i = 0; i < lab->n_vms; i++) {
        if (lab->vms[i]->gone || !lab->vms[i]->pool)
            continue;
        vf_autofree char *at = vf_asprintf("/vms/%d", lab->vms[i]->vmid);
        json_object_set_new(all, at, json_null());
    }
    json_t *out = json_object();
    json_object_foreach (all, path, entry) {
        json_t *privs = lab_privs(lab, c->user, path);
        if (json_object_size(privs))
            json_object_set_new(out, path, privs);
        else
            json_decref(privs);
    }
    return out;
}

/* Entries are shown to who may look at all, or may change them there. */
static bool sees_entry(const struct lab_call *c, const char *path)
{
    const char *more = vf_starts(path, "/vms/")       ? "|VM.Allocate"
                       : vf_starts(path, "/storage/") ? "|Datastore.Allocate"
                       : vf_starts(path, "/pool/")    ? "|Pool.Allocate"
                                                      : "";
    vf_autofree char *privs = vf_asprintf("Permissions.Modify%s", more);
    return lab_may(c, "/access:Sys.Audit") || lab_may_at(c, privs, "%s", path);
}

json_t *lab_acl_list(struct lab_call *c)
{
    json_t *out = json_array(), *entry, *roles, *propagate;
    const char *path, *who, *role;
    json_object_foreach (c->lab->acl, path, entry) {
        if (!sees_entry(c, path))
            continue;
        json_object_foreach (entry, who, roles)
            json_object_foreach (roles, role, propagate)
                json_array_append_new(out,
                                      json_pack("{s:s, s:s, s:s, s:s, s:O}", "path", path, "type",
                                                strchr(who, '!') ? "token" : "user", "ugid", who,
                                                "roleid", role, "propagate", propagate));
    }
    return out;
}

json_t *lab_roles(struct lab_call *c)
{
    json_t *out = json_array(), *privs, *p;
    const char *name;
    json_object_foreach (c->lab->roles, name, privs) {
        vf_autostrv char **list = vf_strv_new();
        bool special = false;
        size_t i;
        json_array_foreach (privs, i, p)
            vf_strv_add(&list, json_string_value(p));
        for (i = 0; i < VF_COUNT(built_in); i++)
            special |= vf_streq(built_in[i].name, name);
        vf_autofree char *text = vf_strv_join(list, ",");
        json_array_append_new(out, json_pack("{s:s, s:i, s:s}", "roleid", name, "special",
                                             (int)special, "privs", text));
    }
    return out;
}
