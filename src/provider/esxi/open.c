/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which way in is taken. A password is asked for once and tried once: a few failures lock the
 * account, for a quarter of an hour as a rule, for everybody. */
#include "config.h"
#include "provider/esxi/esxi.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

enum { AWAY_MS = 60 * 1000 }; /* so long a host that could not be reached is not dialled again */

static bool is_way(const struct vf_esxi_way *w, const char *name)
{
    return w && vf_streq(w->ops->name, name);
}

/* ---- the password ---- */

static char *password_id(const struct vf_esxi *e)
{
    return vf_asprintf("password:%s:%s", e->base.conf->name, e->base.conf->user);
}

static int ask_password(struct vf_esxi *e, struct vf_error **err)
{
    const struct vf_cluster_conf *c = e->base.conf;
    vf_autofree char *id = password_id(e);
    vf_autofree char *title = vf_asprintf("Password of %s at %s:", c->user, c->name);
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_SECRET,
                       .title = title,
                       .detail = "It is tried once: an ESXi host locks the account after a few "
                                 "wrong ones."};
    struct vf_answer a = {0};
    if (!e->asker)
        return vf_fail(err, VF_E_AUTH,
                       "%s: no password is configured for %s and nobody can be asked: set "
                       "secret-file or secret-command",
                       c->name, c->user);
    if (e->asker->ask(e->asker->opaque, &q, e->cancel, &a, err) < 0)
        return vf_fail_prefix(err, "%s: no password for %s", c->name, c->user);
    e->password = VF_STEAL(a.secret);
    vf_answer_clear(&a);
    e->typed = true;
    return e->password
               ? 0
               : vf_fail(err, VF_E_AUTH, "%s: no password was given for %s", c->name, c->user);
}

static int get_password(struct vf_esxi *e, struct vf_error **err)
{
    const struct vf_cluster_conf *c = e->base.conf;
    if (e->password)
        return 0;
    if (c->secret)
        e->password = vf_secret_copy(c->secret);
    else if (c->secret_file)
        e->password = vf_secret_from_file(c->secret_file, err);
    else if (c->secret_command)
        e->password = vf_secret_from_command(c->secret_command, c->name, e->cancel, err);
    else
        return ask_password(e, err);
    return e->password ? 0 : vf_fail_prefix(err, "%s", c->name);
}

/* What was typed is wrong: nobody is to try it again. */
static int refused(struct vf_esxi *e, struct vf_error *why, struct vf_error **err)
{
    vf_autofree char *id = password_id(e);
    if (vf_error_code(why) == VF_E_AUTH && e->typed && e->asker && e->asker->forget)
        e->asker->forget(e->asker->opaque, id);
    return vf_fail_with(err, why);
}

/* ---- the way ---- */

/* *TOLD (may be NULL): the host may have counted the password, whatever came of it. */
static int open_api(struct vf_esxi *e, bool *told, struct vf_error **err)
{
    if (get_password(e, err) < 0)
        return -1;
    e->way = e->doors.api(e->base.conf, e->verify_tls, e->base.conf->user, e->password, e->asker,
                          e->cancel, told, err);
    return e->way ? 0 : -1;
}

/* With a key alone where one is configured; the password is asked for when that was refused, which
 * counts for no failure of the account. */
static int try_ssh(struct vf_esxi *e, struct vf_error **err)
{
    const struct vf_cluster_conf *c = e->base.conf;
    bool key = c->ssh.key && !c->secret && !c->secret_file && !c->secret_command;
    if (!e->password && key) {
        vf_autoerror struct vf_error *why = NULL;
        e->way = e->doors.ssh(c, c->user, NULL, e->asker, e->cancel, &why);
        if (e->way)
            return 0;
        if (vf_error_code(why) != VF_E_AUTH)
            return vf_fail_with(err, VF_STEAL(why));
    }
    if (get_password(e, err) < 0)
        return -1;
    e->way = e->doors.ssh(c, c->user, e->password, e->asker, e->cancel, err);
    return e->way ? 0 : -1;
}

/* By ssh, which speaks English, or by ourselves in the language of who asks. */
static bool was_refused(const struct vf_error *why)
{
    const char *text = vf_error_text(why);
    return vf_error_code(why) == VF_E_NET &&
           (strstr(text, "Connection refused") || strstr(text, strerror(ECONNREFUSED)));
}

static int open_ssh(struct vf_esxi *e, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (try_ssh(e, &why) == 0)
        return 0;
    if (!was_refused(why))
        return vf_fail_with(err, VF_STEAL(why));
    return vf_fail(err, VF_E_NET,
                   "%s (an ESXi host has SSH off until it is switched on there: Host, Actions, "
                   "Services; or on its console, F2, Troubleshooting Options)",
                   vf_error_text(why));
}

/* Has nobody there taken the password for wrong? */
static bool no_answer(const struct vf_error *why)
{
    enum vf_error_code code = vf_error_code(why);
    return code == VF_E_NET || code == VF_E_UNSUPPORTED || code == VF_E_NOTFOUND;
}

/* Neither answers: why the API does not is the first thing to look at. */
static int open_either(struct vf_esxi *e, struct vf_error **err)
{
    vf_autoerror struct vf_error *api = NULL, *ssh = NULL;
    bool told = false;
    if (open_api(e, &told, &api) == 0)
        return 0;
    if (told && vf_error_is_transient(api)) /* a wrong one would count twice */
        return vf_fail(err, VF_E_NET,
                       "%s; the host may have seen the password: whether it is right is not "
                       "known, and it is not sent a second time over SSH; try again",
                       vf_error_text(api));
    if (!no_answer(api))
        return vf_fail_with(err, VF_STEAL(api));
    if (open_ssh(e, &ssh) == 0) {
        vf_warn("esxi", "%s: going on over SSH, for the API does not answer: %s",
                e->base.conf->name, vf_error_text(api));
        e->no_other = VF_STEAL(api);
        return 0;
    }
    if (!no_answer(ssh))
        return vf_fail_with(err, VF_STEAL(ssh));
    return vf_fail(err, vf_error_code(api), "%s; and over SSH: %s", vf_error_text(api),
                   vf_error_text(ssh));
}

int vf_esxi_log_in(struct vf_esxi *e, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    const char *way = e->base.conf->way;
    int r = vf_streq(way, "api")   ? open_api(e, NULL, &why)
            : vf_streq(way, "ssh") ? open_ssh(e, &why)
                                   : open_either(e, &why);
    return r < 0 ? refused(e, VF_STEAL(why), err) : 0;
}

/* ---- the other way ---- */

static int decline(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                   struct vf_answer *out, struct vf_error **err)
{
    struct vf_esxi *e = opaque;
    e->would_ask = true;
    return vf_fail(err, VF_E_AUTH, "it would ask a question: %s", q->title);
}

/* Is there one at all? */
static int other_is(struct vf_esxi *e, struct vf_error **err)
{
    const struct vf_cluster_conf *c = e->base.conf;
    if (e->no_other)
        return vf_fail(err, e->no_other->code, "%s", e->no_other->text);
    if (c->way)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is configured to be reached by %s alone (the setting way)", c->name,
                       c->way);
    if (is_way(e->way, "ssh"))
        return vf_fail(err, VF_E_UNSUPPORTED, "%s is reached over SSH", c->name);
    if (e->way->ops->is_vcenter(e->way))
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is a vCenter: what its hosts can do over SSH is not at hand", c->name);
    return 0;
}

/* Where packets are dropped each attempt takes the whole time for one, and there may be one for
 * each piece of a disk, while its VM is down. */
static bool is_away(const struct vf_esxi *e, struct vf_error **err)
{
    if (!e->away || vf_clock_ms() - e->away_ms > AWAY_MS)
        return false;
    vf_fail(err, e->away->code, "%s", e->away->text);
    return true;
}

struct vf_esxi_way *vf_esxi_other(struct vf_esxi *e, bool may_ask, struct vf_error **err)
{
    vf_autoerror struct vf_error *why = NULL;
    if (e->other)
        return e->other;
    if (other_is(e, err) < 0 || is_away(e, err))
        return NULL;
    e->mute = (struct vf_asker){.ask = decline, .opaque = e};
    e->would_ask = false;
    e->other = e->doors.ssh(e->base.conf, e->base.conf->user, e->password,
                            may_ask ? e->asker : &e->mute, e->cancel, &why);
    if (e->other)
        return e->other;
    /* what a question or an outage kept from us may be had later; a refusal is never tried again */
    if (!e->would_ask && vf_error_is_transient(why)) {
        vf_error_free(e->away);
        e->away = vf_error_copy(why);
        e->away_ms = vf_clock_ms();
    } else if (!e->would_ask && vf_error_code(why) != VF_E_CANCELLED) {
        e->no_other = vf_error_copy(why);
    }
    vf_fail_with(err, VF_STEAL(why));
    return NULL;
}

void vf_esxi_login(struct vf_provider *p, struct vf_login *out)
{
    struct vf_esxi *e = vf_esxi_of(p);
    bool only = e->no_other || is_way(e->way, "ssh");
    *out = (struct vf_login){.way = only ? e->way->ops->name : e->base.conf->way,
                             .user = e->base.conf->user,
                             .certs = e->base.conf->fingerprints,
                             .password = e->typed ? e->password : NULL};
}
