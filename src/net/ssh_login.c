/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a login asks for, and how often: accounts lock after a few wrong passwords. */
#include "config.h"
#include "net/ssh_int.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { MAX_PROMPTS = 20 }; /* a server that asks for ever is cut off */

struct vf_ssh_login *vf_ssh_login_new(const char *who, const struct vf_ssh_conf *conf,
                                      const struct vf_asker *asker, struct vf_cancel *cancel)
{
    struct vf_ssh_login *l = vf_xcalloc(1, sizeof *l);
    *l = (struct vf_ssh_login){.who = vf_strdup(who), .asker = asker, .cancel = cancel};
    vf_str_set(&l->password_file, conf->password_file);
    vf_str_set(&l->password_command, conf->password_command);
    return l;
}

void vf_ssh_login_free(struct vf_ssh_login *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n_answered; i++) {
        free(l->answered[i].question);
        vf_secret_free(l->answered[i].secret);
    }
    free(l->answered);
    free(l->who);
    free(l->password_file);
    free(l->password_command);
    free(l);
}

void vf_ssh_login_rewind(struct vf_ssh_login *l, bool again)
{
    l->again = again;
    l->configured_used = false;
    l->typed = l->prompts = 0;
    for (size_t i = 0; i < l->n_answered; i++)
        l->answered[i].used = false;
}

struct vf_secret *vf_ssh_login_recall(struct vf_ssh_login *l, const char *question)
{
    for (size_t i = 0; i < l->n_answered; i++)
        if (!l->answered[i].used && vf_streq(l->answered[i].question, question)) {
            l->answered[i].used = true;
            return vf_secret_copy(l->answered[i].secret);
        }
    return NULL;
}

void vf_ssh_login_remember(struct vf_ssh_login *l, const char *question,
                           const struct vf_secret *secret)
{
    struct vf_ssh_answered *slot = NULL;
    for (size_t i = 0; i < l->n_answered && !slot; i++)
        if (vf_streq(l->answered[i].question, question))
            slot = &l->answered[i]; /* the one before was wrong */
    if (!slot) {
        slot = vf_grow(&l->answered, &l->n_answered, sizeof *slot);
        *slot = (struct vf_ssh_answered){.question = vf_strdup(question)};
    }
    vf_secret_free(slot->secret);
    slot->secret = vf_secret_copy(secret);
    slot->used = true;
}

int vf_ssh_login_ask(struct vf_ssh_login *l, const struct vf_ask *q, bool keep,
                     struct vf_secret **out, struct vf_error **err)
{
    if (keep && (*out = vf_ssh_login_recall(l, q->title)))
        return 0;
    if (l->again)
        return vf_fail(err, VF_E_AUTH,
                       _("%s: the login asks again (%s), and what was answered before does not do"),
                       l->who, q->title);
    if (!l->asker)
        return vf_fail(err, VF_E_AUTH, _("%s: nobody is there to answer"), q->title);
    struct vf_answer a = {0};
    int rc = l->asker->ask(l->asker->opaque, q, l->cancel, &a, err);
    if (rc == 0) {
        if (a.secret)
            *out = VF_STEAL(a.secret);
        else
            *out = vf_secret_new(a.text ? a.text : "", a.text ? strlen(a.text) : 0);
        if (keep)
            vf_ssh_login_remember(l, q->title, *out);
    }
    vf_answer_clear(&a);
    return rc;
}

/* A command may ask a person too, so that what it said is kept like an answer. */
static int configured(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err)
{
    static const char question[] = "configured";
    l->configured_used = true;
    if ((*out = vf_ssh_login_recall(l, question)))
        return 0;
    *out = l->password_file ? vf_secret_from_file(l->password_file, err)
                            : vf_secret_from_command(l->password_command, l->who, l->cancel, err);
    if (!*out)
        return vf_fail_prefix(err, _("the ssh password of %s"), l->who);
    vf_ssh_login_remember(l, question, *out);
    return 0;
}

static int once(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err)
{
    struct vf_ssh_once *o = l->once;
    if (!o->password)
        return vf_fail(err, VF_E_AUTH, _("%s: the host wants a password, and none was given"),
                       l->who);
    if (l->typed || (o->sent && !o->good))
        return vf_fail(err, VF_E_AUTH, _("%s: the password was not accepted; it was tried once"),
                       l->who);
    l->typed++;
    o->sent = true;
    *out = vf_secret_copy(o->password);
    return 0;
}

int vf_ssh_login_password(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err)
{
    if (l->once)
        return once(l, out, err);
    if (!l->configured_used && (l->password_file || l->password_command))
        return configured(l, out, err);
    if (l->typed >= VF_SSH_TYPED_PASSWORDS)
        return vf_fail(err, VF_E_AUTH, _("%s: wrong password (%d tries)"), l->who, l->typed);
    vf_autofree char *id = vf_asprintf("ssh-password:%s", l->who);
    vf_autofree char *title = vf_asprintf(_("SSH password of %s"), l->who);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    if (l->typed)
        q.detail = _("The last one was not accepted.");
    else if (l->configured_used)
        q.detail = _("The configured password was not accepted.");
    l->typed++;
    return vf_ssh_login_ask(l, &q, true, out, err);
}

static bool asks_for_password(const char *prompt, bool echo)
{
    return !echo && strcasestr(prompt, "password") != NULL;
}

int vf_ssh_login_prompt(struct vf_ssh_login *l, const char *instruction, const char *prompt,
                        bool echo, struct vf_secret **out, struct vf_error **err)
{
    if (++l->prompts > MAX_PROMPTS)
        return vf_fail(err, VF_E_AUTH, _("%s: the host asked more than %d questions"), l->who,
                       MAX_PROMPTS);
    if (asks_for_password(prompt, echo))
        return vf_ssh_login_password(l, out, err);
    vf_autofree char *id = vf_asprintf("ssh-prompt:%s", l->who);
    vf_autofree char *shown = vf_escape(prompt);
    vf_autofree char *title = vf_asprintf(_("%s asks: %s"), l->who, shown);
    vf_autofree char *detail = instruction && *instruction ? vf_escape(instruction) : NULL;
    struct vf_ask q = {
        .id = id, .kind = echo ? VF_ASK_TEXT : VF_ASK_SECRET, .title = title, .detail = detail};
    /* what is no password may be a code that is good for one login */
    return vf_ssh_login_ask(l, &q, false, out, err);
}

int vf_ssh_login_passphrase(struct vf_ssh_login *l, const char *file, struct vf_secret **out,
                            struct vf_error **err)
{
    vf_autofree char *id = vf_asprintf("ssh-passphrase:%s", file);
    vf_autofree char *title = vf_asprintf(_("Passphrase of the key %s"), file);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    return vf_ssh_login_ask(l, &q, true, out, err);
}

int vf_ssh_login_confirm(const struct vf_asker *asker, struct vf_cancel *cancel, const char *id,
                         const char *title, const char *detail, const struct vf_ask_key *key,
                         struct vf_error **err)
{
    static const struct vf_ask_choice choices[] = {{"yes", N_("Yes")}, {"no", N_("No")}};
    if (!asker)
        return 0;
    struct vf_ask q = {.id = id,
                       .kind = VF_ASK_CHOICE,
                       .title = title,
                       .detail = detail,
                       .choices = choices,
                       .n_choices = VF_COUNT(choices),
                       .key = key,
                       .safe = "no"};
    struct vf_answer a = {0};
    int rc = asker->ask(asker->opaque, &q, cancel, &a, err);
    if (rc == 0)
        rc = vf_streq(a.text, "yes");
    vf_answer_clear(&a);
    return rc;
}
