/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VMs of a host or of a whole vCenter, and what is true of one now. */
#include "config.h"
#include "provider/esxi/api.h"
#include "provider/esxi/api_read.h"
#include "base/str.h"

/* Keeps what the server calls each VM. */
static void keep(const struct vf_api_listing *l, struct vf_esxi_session *s)
{
    struct vf_esxi_ref *refs = l->n_rows ? vf_xcalloc(l->n_rows, sizeof *refs) : NULL;
    for (size_t i = 0; i < l->n_rows; i++)
        refs[i] = (struct vf_esxi_ref){l->rows[i].id, vf_strdup(l->spots[i].moref)};
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_vms; i++)
        free(s->vms[i].moref);
    free(s->vms);
    s->vms = refs;
    s->n_vms = l->n_rows;
    pthread_mutex_unlock(&s->lock);
}

int vf_api_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n, struct vf_error **err)
{
    static const char *const name[] = {"name", "parent", NULL};
    static const char *const vm[] = {"name",
                                     "parent",
                                     "runtime.powerState",
                                     "runtime.connectionState",
                                     "runtime.host",
                                     "config.files.vmPathName",
                                     "config.template",
                                     "config.guestId",
                                     "config.annotation",
                                     "config.hardware.memoryMB",
                                     "config.extraConfig",
                                     NULL};
    static const struct vf_api_wanted wanted[] = {{"Folder", name},
                                                  {"Datacenter", name},
                                                  {"ComputeResource", name},
                                                  {"HostSystem", name},
                                                  {"VirtualMachine", vm}};
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_api_listing l = {0};
    *out = NULL;
    *n = 0;
    int r = vf_api_inventory(a, wanted, VF_COUNT(wanted), vf_api_listing_see, &l, err);
    if (r == 0) {
        vf_api_listing_place(&l);
        keep(&l, a->session);
        *n = l.n_rows;
        *out = VF_STEAL(l.rows);
        l.n_rows = 0;
    }
    vf_api_listing_clear(&l);
    return r;
}

/* Of the last listing. */
static bool known(struct vf_esxi_session *s, unsigned id, struct vf_moref *out)
{
    pthread_mutex_lock(&s->lock);
    const char *moref = NULL;
    for (size_t i = 0; i < s->n_vms && !moref; i++)
        if (s->vms[i].id == id)
            moref = s->vms[i].moref;
    if (moref)
        *out = (struct vf_moref){vf_strdup("VirtualMachine"), vf_strdup(moref)};
    pthread_mutex_unlock(&s->lock);
    return moref != NULL;
}

int vf_api_vm(struct vf_esxi_api *a, unsigned id, struct vf_moref *out, struct vf_error **err)
{
    *out = (struct vf_moref){0};
    if (known(a->session, id, out))
        return 0;
    struct vf_esxi_row *rows = NULL;
    size_t n = 0;
    if (vf_api_vms(&a->way, &rows, &n, err) < 0)
        return -1;
    vf_esxi_rows_free(rows, n);
    if (known(a->session, id, out))
        return 0;
    return vf_fail(err, VF_E_NOTFOUND, "%s: there is no VM %u", a->way.conf->name, id);
}

/* Hosts in a cluster with high availability, and logins with few rights, do not tell: no. */
static int read_onboot(struct vf_esxi_api *a, const xmlNode *props, const char *vm,
                       struct vf_esxi_now *out, struct vf_error **err)
{
    static const char *const paths[] = {"config.autoStart", NULL};
    struct vf_moref host;
    if (!vf_moref_read(vf_api_value(props, "runtime.host"), &host))
        return 0;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *host_props = NULL;
    vf_autoerror struct vf_error *why = NULL;
    int r = vf_api_properties(a, &host, paths, &answer, &host_props, &why);
    vf_moref_clear(&host);
    if (r == 0)
        out->onboot = vf_api_autostarts(host_props, vm);
    enum vf_error_code code = vf_error_code(why);
    return r == 0 || code == VF_E_PERMISSION || code == VF_E_UNSUPPORTED || code == VF_E_NOTFOUND
               ? 0
               : vf_fail_with(err, VF_STEAL(why));
}

int vf_api_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out, struct vf_error **err)
{
    static const char *const paths[] = {"runtime.powerState",
                                        "runtime.question",
                                        "runtime.host",
                                        "snapshot",
                                        "guest.toolsRunningStatus",
                                        "guest.ipAddress",
                                        "guest.net",
                                        "config.annotation",
                                        "config.changeVersion",
                                        NULL};
    struct vf_esxi_api *a = vf_api_of(w);
    struct vf_moref vm;
    vf_autosoap struct vf_soap answer = {0};
    const xmlNode *props = NULL;
    *out = (struct vf_esxi_now){0};
    if (vf_api_vm(a, id, &vm, err) < 0)
        return -1;
    int r = vf_api_properties(a, &vm, paths, &answer, &props, err);
    if (r == 0) {
        vf_api_read_now(props, out);
        r = read_onboot(a, props, vm.id, out, err);
    }
    vf_moref_clear(&vm);
    if (r < 0)
        vf_esxi_now_clear(out);
    return r;
}
