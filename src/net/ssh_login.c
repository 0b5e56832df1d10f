/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a login asks for, and how often: accounts lock after a few wrong passwords. */
#include "config.h"
#include "net/ssh_int.h"
#include "base/str.h"

#include <string.h>

enum { MAX_PROMPTS = 20 }; /* a server that asks for ever is cut off */

static int ask(struct vf_ssh_login *l, const struct vf_ask *q, struct vf_secret **out,
               struct vf_error **err)
{
    if (!l->asker)
        return vf_fail(err, VF_E_AUTH, "%s: nobody is there to answer", q->title);
    struct vf_answer a = {0};
    int rc = l->asker->ask(l->asker->opaque, q, l->cancel, &a, err);
    if (rc == 0) {
        if (a.secret)
            *out = VF_STEAL(a.secret);
        else
            *out = vf_secret_new(a.text ? a.text : "", a.text ? strlen(a.text) : 0);
    }
    vf_answer_clear(&a);
    return rc;
}

static int configured(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err)
{
    l->configured_used = true;
    *out = l->password_file ? vf_secret_from_file(l->password_file, err)
                            : vf_secret_from_command(l->password_command, err);
    return *out ? 0 : vf_fail_prefix(err, "the ssh password of %s", l->who);
}

int vf_ssh_login_password(struct vf_ssh_login *l, struct vf_secret **out, struct vf_error **err)
{
    if (!l->configured_used && (l->password_file || l->password_command))
        return configured(l, out, err);
    if (l->typed >= VF_SSH_TYPED_PASSWORDS)
        return vf_fail(err, VF_E_AUTH, "%s: wrong password (%d tries)", l->who, l->typed);
    vf_autofree char *id = vf_asprintf("ssh-password:%s", l->who);
    vf_autofree char *title = vf_asprintf("SSH password of %s", l->who);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    if (l->typed)
        q.detail = "The last one was not accepted.";
    else if (l->configured_used)
        q.detail = "The configured password was not accepted.";
    l->typed++;
    return ask(l, &q, out, err);
}

static bool asks_for_password(const char *prompt, bool echo)
{
    return !echo && strcasestr(prompt, "password") != NULL;
}

int vf_ssh_login_prompt(struct vf_ssh_login *l, const char *instruction, const char *prompt,
                        bool echo, struct vf_secret **out, struct vf_error **err)
{
    if (++l->prompts > MAX_PROMPTS)
        return vf_fail(err, VF_E_AUTH, "%s: the host asked more than %d questions", l->who,
                       MAX_PROMPTS);
    if (asks_for_password(prompt, echo))
        return vf_ssh_login_password(l, out, err);
    vf_autofree char *id = vf_asprintf("ssh-prompt:%s", l->who);
    vf_autofree char *shown = vf_escape(prompt);
    vf_autofree char *title = vf_asprintf("%s asks: %s", l->who, shown);
    vf_autofree char *detail = instruction && *instruction ? vf_escape(instruction) : NULL;
    struct vf_ask q = {
        .id = id, .kind = echo ? VF_ASK_TEXT : VF_ASK_SECRET, .title = title, .detail = detail};
    return ask(l, &q, out, err);
}

int vf_ssh_login_passphrase(struct vf_ssh_login *l, const char *file, struct vf_secret **out,
                            struct vf_error **err)
{
    vf_autofree char *id = vf_asprintf("ssh-passphrase:%s", file);
    vf_autofree char *title = vf_asprintf("Passphrase of the key %s", file);
    struct vf_ask q = {.id = id, .kind = VF_ASK_SECRET, .title = title};
    return ask(l, &q, out, err);
}

int vf_ssh_login_confirm(const struct vf_asker *asker, struct vf_cancel *cancel, const char *id,
                         const char *title, const char *detail, const struct vf_ask_key *key,
                         struct vf_error **err)
{
    static const struct vf_ask_choice choices[] = {{"yes", "Yes"}, {"no", "No"}};
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
