/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Proxmox VE API as a client sees it: login, one call, one task. Knows no VM. */
#ifndef VF_PROVIDER_PVE_CLIENT_H
#define VF_PROVIDER_PVE_CLIENT_H

#include <jansson.h>
#include "base/ask.h"
#include "conf/conf.h"
#include "net/http.h"
#include "net/via.h"

static inline void vf_json_decref(json_t *j)
{
    json_decref(j);
}
VF_DEFINE_CLEANUP(json_t *, vf_json_decref)
#define vf_autojson vf_auto(vf_json_decref)

/* Form fields, each percent-encoded: Proxmox cuts a value off at a bare '=' and a pair at ';'. */
struct vf_form {
    struct vf_buf buf;
};
void vf_form_add(struct vf_form *f, const char *key, const char *value);
void vf_form_addf(struct vf_form *f, const char *key, const char *fmt, ...) VF_PRINTF(3, 4);
void vf_form_free(struct vf_form *f); /* wipes it */
#define vf_autoform __attribute__((cleanup(vf_form_free)))

#define VF_PVE_VERSION(major, minor) ((unsigned)(major)*1000 + (unsigned)(minor))

struct vf_pve_client {
    const struct vf_cluster_conf *conf; /* borrowed */
    const struct vf_asker *asker;       /* borrowed, may be NULL */
    struct vf_cancel *cancel;           /* borrowed, may be NULL */
    struct vf_http *http;
    size_t url;               /* the one of conf->urls that answered last */
    unsigned version;         /* Proxmox VE, as VF_PVE_VERSION(8, 4) */
    struct vf_via *via;       /* the way to the URLs; NULL: straight */
    char *user;               /* USER@REALM; NULL with a token */
    struct vf_secret *secret; /* password or token secret */
    bool typed;               /* a person typed it */
    bool second_factor;       /* the last login wanted one */
    struct vf_secret *ticket, *csrf;
    char *spare_id; /* a token of the user's, for when no ticket can be had without a person … */
    struct vf_secret *spare;
    bool on_spare;  /* … which is the case */
    bool again;     /* it was logged in before: what hangs on it may be in the middle of a move */
    unsigned tries; /* of a safe request at one URL; 0: as many as net/http thinks right */
    int64_t ticket_ms;              /* when it was given, vf_clock_ms() */
    int64_t renew_ms;               /* its age at which it is renewed */
    int64_t task_ms;                /* how long a task may run */
    int64_t outage_ms;              /* how long a watched task may be unreachable */
    int64_t storage_ms, settled_ms; /* VF_T_STORAGE, VF_T_SETTLED */
    bool sent; /* the last request went out: what it asks for may have been done */
    int (*guard)(void *opaque, struct vf_error **err); /* before each call but GET; NULL: none */
    void *guard_opaque;
};

/* Connects to the first URL of CONF that answers, and logs in there. */
struct vf_pve_client *vf_pve_client_open(const struct vf_cluster_conf *conf, bool verify_tls,
                                         const struct vf_asker *asker, struct vf_cancel *cancel,
                                         struct vf_error **err);
/* From now on CANCEL (borrowed) ends what waits. */
void vf_pve_set_cancel(struct vf_pve_client *c, struct vf_cancel *cancel);
void vf_pve_client_free(struct vf_pve_client *c);
VF_DEFINE_CLEANUP(struct vf_pve_client *, vf_pve_client_free)

/* Calls METHOD on PATH ("/nodes/a1/qemu", below /api2/json, segments encoded) with FORM (or NULL).
 * The whole answer ({"data": …}), a new reference; NULL with *err: Proxmox's own words, with a code
 * by vf_pve_error_code(). */
json_t *vf_pve_call_all(struct vf_pve_client *c, const char *method, const char *path,
                        const struct vf_form *form, struct vf_error **err);
/* The same, but its "data" only (a JSON null when there is none). */
json_t *vf_pve_call(struct vf_pve_client *c, const char *method, const char *path,
                    const struct vf_form *form, struct vf_error **err);
/* A GET whose data must be an array; an object. */
json_t *vf_pve_list(struct vf_pve_client *c, const char *path, struct vf_error **err);
json_t *vf_pve_object(struct vf_pve_client *c, const char *path, struct vf_error **err);
/* A list to go without (*OUT NULL) where this login may not read it, or this version does not have
 * it; other failures are errors. */
int vf_pve_optional_list(struct vf_pve_client *c, const char *path, json_t **out,
                         struct vf_error **err);

/* Calls METHOD, and when the answer is a task (a UPID) waits for its end. A task that is not OK is
 * an error with its exit text and the end of its log. EXTRA_MS is added to the time it may take. */
int vf_pve_do(struct vf_pve_client *c, const char *method, const char *path,
              const struct vf_form *form, int64_t extra_ms, struct vf_error **err);
int vf_pve_wait_task(struct vf_pve_client *c, const char *upid, int64_t extra_ms,
                     struct vf_error **err);
/* "/nodes/NODE/tasks/UPID/WHAT" (WHAT may be NULL) for "UPID:NODE:PID:…:"; the last ':' is part of
 * it. Caller frees. */
char *vf_pve_task_path(const char *upid, const char *what);
/* 0 for the STATUS of a task that ended well, -1 with its exit text and the end of its log. */
int vf_pve_judge_task(struct vf_pve_client *c, const char *upid, const json_t *status,
                      struct vf_error **err);

/* How often a password or code may be typed before the call fails. More often where a move may hang
 * on it, but not without end: what answers may be no person, and what it types always wrong. */
static inline int vf_pve_tries(const struct vf_pve_client *c)
{
    return c->again ? 20 : 3;
}

/* What kind of failure a status and Proxmox's words are. */
enum vf_error_code vf_pve_error_code(int status, const char *text);
/* What helps, where the words do not say: "; see …", or "". */
const char *vf_pve_error_cure(int status, const char *text);
/* An answer that is an error, as text for a person; caller frees. */
char *vf_pve_error_text(const struct vf_http_answer *a);

/* auth.c */
/* With user, password and what else it takes; asks for what is not configured. */
int vf_pve_login(struct vf_pve_client *c, struct vf_error **err);
/* The ticket was refused: another one, or the spare token. */
int vf_pve_login_again(struct vf_pve_client *c, struct vf_error **err);
int vf_pve_renew(struct vf_pve_client *c, struct vf_error **err); /* if the ticket is old */
/* One POST to /access/ticket with one more field (KEY NULL: none): its data, or NULL with AUTH … */
json_t *vf_pve_post_ticket(struct vf_pve_client *c, const struct vf_secret *password,
                           const char *key, const char *value, struct vf_error **err);
/* Whom it is logged in as, for people: USER@REALM or the token. */
const char *vf_pve_who(const struct vf_pve_client *c);
/* root@pam with a ticket: who may do everything. */
bool vf_pve_is_root(const struct vf_pve_client *c);
/* Headers that prove who we are; to be freed with vf_pve_headers_free(). */
char **vf_pve_headers(const struct vf_pve_client *c, bool write);
void vf_pve_headers_free(char **headers);

/* realm.c */
/* Fills c->user: from the configuration, and what is missing there by asking. */
int vf_pve_choose_user(struct vf_pve_client *c, struct vf_error **err);
/* -1 when c->user's realm is not one that a password could open: not there, OpenID. */
int vf_pve_check_realm(struct vf_pve_client *c, struct vf_error **err);
/* How to make an API token for USER, as the end of a sentence; caller frees. */
char *vf_pve_token_advice(const char *user);

/* factor.c: FIRST is the answer that wants a second factor. The data of the answer with a ticket.
 */
json_t *vf_pve_second_factor(struct vf_pve_client *c, const struct vf_secret *password,
                             const json_t *first, struct vf_error **err);

/* One request without looking at tickets or statuses. */
int vf_pve_request(struct vf_pve_client *c, const char *method, const char *path,
                   const struct vf_form *form, char *const *headers, struct vf_http_answer *out,
                   struct vf_error **err);

/* json.c: fields of an object, whatever type this version gives them. */
const char *vf_json_text(const json_t *obj, const char *key); /* borrowed; NULL: no string there */
char *vf_json_as_text(const json_t *value);               /* caller frees; NULL for null, lists */
uint64_t vf_json_u64(const json_t *obj, const char *key); /* 0 when there is none */
bool vf_json_bool(const json_t *obj, const char *key);

#endif
