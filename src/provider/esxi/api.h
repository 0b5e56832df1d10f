/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vSphere API as a client sees it: one session, its calls, the properties of objects. */
#ifndef VF_PROVIDER_ESXI_API_H
#define VF_PROVIDER_ESXI_API_H

#include <pthread.h>
#include <stdatomic.h>
#include "net/http.h"
#include "net/via.h"
#include "provider/esxi/soap.h"
#include "provider/esxi/way.h"

/* A VM's number and what the server calls it. */
struct vf_esxi_ref {
    unsigned id;
    char *moref;
};

/* A login, shared by a way and its twins. */
struct vf_esxi_session {
    /* set before the first twin is made */
    char *base;          /* "https://HOST[:PORT]" */
    const char *version; /* of the API that is spoken: "urn:vim25/5.5" */
    char *user;
    struct vf_secret *password;
    char *full_name; /* "VMware ESXi 7.0.3 build-21424296" */
    bool vcenter;
    struct vf_moref root, properties, sessions, views;

    atomic_uint lacks;      /* VF_ESXI_NO_… */
    atomic_bool twice;      /* names in URLs of files are to be quoted twice */
    atomic_llong called_ms; /* when the last call was answered */

    pthread_mutex_t lock; /* of all below; also held during a new login, which one does for all */
    unsigned twins;
    struct vf_secret *cookie; /* the whole header line; NULL: not logged in */
    unsigned generation;      /* counts logins */
    struct vf_error *dead;    /* the password is no longer good: it is never sent again */
    struct vf_esxi_ref *vms;  /* of the last listing */
    size_t n_vms;
};

struct vf_esxi_api {
    struct vf_esxi_way way;
    struct vf_http *http;
    struct vf_via *via; /* NULL: straight */
    bool verify_tls;
    const struct vf_asker *asker; /* borrowed, may be NULL */
    struct vf_cancel *cancel;     /* borrowed, may be NULL */
    struct vf_esxi_session *session;
    char *fault;  /* of the last call that failed with one; NULL: none */
    bool reached; /* the last request was answered */
    bool sent;    /* … or may have reached the server */
    bool told;    /* the password may have */
};

static inline struct vf_esxi_api *vf_api_of(struct vf_esxi_way *w)
{
    return (struct vf_esxi_api *)(void *)w;
}

/* api_session.c */

/* Finds the server among the configured URLs and logs in, once. */
int vf_api_login(struct vf_esxi_api *a, struct vf_error **err);
void vf_api_logout(struct vf_esxi_api *a);
/* One request to the server; REQ's url is whole. The jump host is seen to. */
int vf_api_send(struct vf_esxi_api *a, struct vf_http_request *req, struct vf_http_answer *out,
                struct vf_error **err);
/* The session's header line (a copy; NULL: none) and which login it is of. */
struct vf_secret *vf_api_cookie(struct vf_esxi_api *a, unsigned *generation);
/* The server no longer knows login GENERATION: logs in again, unless another twin did. */
int vf_api_renew(struct vf_esxi_api *a, unsigned generation, struct vf_error **err);
/* To be called before requests that are no calls: these do not keep a session alive. */
int vf_api_keep_alive(struct vf_esxi_api *a, struct vf_error **err);
/* Calls METHOD of SELF with ARGS (XML). READS: it may be sent twice. 0, or -1 with *err, a->fault
 * being the type of fault. OUT is to be cleared in either case. */
int vf_api_call(struct vf_esxi_api *a, const struct vf_moref *self, const char *method,
                const char *args, bool reads, struct vf_soap *out, struct vf_error **err);

/* As above, for what changes something (never sent twice). A refusal for the sake of the licence is
 * kept in mind (lacks). */
int vf_api_change(struct vf_esxi_api *a, const struct vf_moref *self, const char *method,
                  const char *args, struct vf_soap *out, struct vf_error **err);

/* api_props.c */

/* What of which objects: PATHS of every TYPE. */
struct vf_api_wanted {
    const char *type;
    const char *const *paths; /* NULL-terminated */
};
/* Sees the properties of one object; borrowed. OBJECT NULL: all that was seen is void, it begins
 * again. */
typedef void vf_api_see_fn(void *opaque, const struct vf_moref *object, const xmlNode *props);
/* All objects below the root folder of the N types wanted. */
int vf_api_inventory(struct vf_esxi_api *a, const struct vf_api_wanted *wanted, size_t n,
                     vf_api_see_fn *see, void *opaque, struct vf_error **err);
/* Of one object; OUT holds them, *PROPS points into it. NOTFOUND. */
int vf_api_properties(struct vf_esxi_api *a, const struct vf_moref *object,
                      const char *const *paths, struct vf_soap *out, const xmlNode **props,
                      struct vf_error **err);

/* api_list.c */
int vf_api_vms(struct vf_esxi_way *w, struct vf_esxi_row **out, size_t *n, struct vf_error **err);
/* What the server calls VM ID; OUT is to be cleared. NOTFOUND. */
int vf_api_vm(struct vf_esxi_api *a, unsigned id, struct vf_moref *out, struct vf_error **err);
int vf_api_now(struct vf_esxi_way *w, unsigned id, struct vf_esxi_now *out, struct vf_error **err);
/* api_host.c: the host named NODE (the only one there is: any name). */
int vf_api_host(struct vf_esxi_api *a, const char *node, struct vf_moref *out,
                struct vf_error **err);
int vf_api_portgroups(struct vf_esxi_way *w, const char *node, struct vf_esxi_portgroup **out,
                      size_t *n, struct vf_error **err);
/* api_store.c */
char *vf_api_datastore(struct vf_esxi_way *w, const char *dc, const char *volume,
                       struct vf_error **err);
/* api_file.c */
char *vf_api_file_text(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t most,
                       size_t *len, struct vf_error **err);
int vf_api_file_stat(struct vf_esxi_way *w, const struct vf_esxi_file *f, uint64_t *size,
                     char **state, struct vf_error **err);
int vf_api_file_read(struct vf_esxi_way *w, const struct vf_esxi_file *f, void *buf, size_t n,
                     uint64_t offset, struct vf_error **err);
/* api_write.c */
int vf_api_power(struct vf_esxi_way *w, unsigned id, enum vf_esxi_power what, unsigned timeout,
                 struct vf_error **err);
int vf_api_annotate(struct vf_esxi_way *w, unsigned id, const char *text, const char *digest,
                    struct vf_error **err);
int vf_api_rename(struct vf_esxi_way *w, unsigned id, const char *name, struct vf_error **err);
int vf_api_drop_snapshots(struct vf_esxi_way *w, unsigned id, struct vf_error **err);
/* api_autostart.c */
int vf_api_set_onboot(struct vf_esxi_way *w, unsigned id, bool onboot, struct vf_error **err);

#endif
