/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster, or an ESXi host, is added: a form, a login, and whether it is to be kept. */
#include "config.h"
#include "ui/plan_text.h"
#include "ui/wizard/parts.h"
#include "conf/added.h"
#include "base/i18n.h"
#include "base/str.h"

#include <string.h>

enum { ADDRESS, WAY, USER, SECRET, NAME, FIELDS };
enum { BY_PASSWORD, BY_TOKEN };
enum { BY_WHAT_ANSWERS, BY_API, BY_SSH };

static const char *typed(const struct vf_wizard *w, int field)
{
    return w->form.fields[field].typed;
}

bool vf_connects_esxi(const struct vf_wizard *w)
{
    return w->imports && w->connect_back == PAGE_SOURCE;
}

char *vf_connect_title(const struct vf_wizard *w)
{
    return vf_strdup(vf_connects_esxi(w) ? _("Which ESXi host or vCenter is to be added?")
                                         : _("Which cluster is to be added?"));
}

static void fill_pve(struct vf_form *f)
{
    static const char *ways[2];
    ways[BY_PASSWORD] = _("a password");
    ways[BY_TOKEN] = _("an API token");
    vf_form_add_field(f, VF_FIELD_TEXT, _("Address"), _("of any node: 10.0.0.1, pve1.example.com"));
    struct vf_field *way = vf_form_add_field(f, VF_FIELD_CHOICE, _("Log in with"), NULL);
    way->choices = ways;
    way->n_choices = VF_COUNT(ways);
    vf_form_add_field(f, VF_FIELD_TEXT, _("User or token"),
                      _("root@pam; root (the realm is asked); root@pam!token"));
    vf_field_set(&f->fields[USER], "root@pam");
    vf_form_add_field(f, VF_FIELD_SECRET, _("Its secret"),
                      _("the password, or the token's secret"));
}

static void fill_esxi(struct vf_form *f)
{
    static const char *ways[3];
    ways[BY_WHAT_ANSWERS] = _("what answers");
    ways[BY_API] = _("the API");
    ways[BY_SSH] = _("SSH");
    vf_form_add_field(f, VF_FIELD_TEXT, _("Address"), _("10.0.0.1, esx1.example.com"));
    struct vf_field *way = vf_form_add_field(f, VF_FIELD_CHOICE, _("Go by"), NULL);
    way->choices = ways;
    way->n_choices = VF_COUNT(ways);
    vf_form_add_field(f, VF_FIELD_TEXT, _("User"), _("root; of a vCenter, user@domain"));
    vf_field_set(&f->fields[USER], "root");
    vf_form_add_field(f, VF_FIELD_SECRET, _("Password"), _("tried once: five wrong ones lock it"));
}

/* Left and entered again, it is as it was; the form of another page is not. */
void vf_connect_fill(struct vf_wizard *w, struct vf_list *l, const struct vf_survey_answer *a)
{
    struct vf_form *f = &w->form;
    if (f->n == FIELDS && w->form_esxi == vf_connects_esxi(w))
        return;
    w->form_esxi = vf_connects_esxi(w);
    vf_form_clear(f);
    if (w->form_esxi)
        fill_esxi(f);
    else
        fill_pve(f);
    struct vf_field *name =
        vf_form_add_field(f, VF_FIELD_TEXT, _("Name here"), _("any name; else the address"));
    name->optional = true;
}

/* https://HOST[:PORT] of what was typed; caller frees. */
static char *url_of(const char *address)
{
    vf_autofree char *trimmed = vf_strndup(address, strcspn(address, " \t"));
    size_t n = strlen(trimmed);
    while (n && trimmed[n - 1] == '/')
        trimmed[--n] = 0;
    if (strstr(trimmed, "://"))
        return VF_STEAL(trimmed);
    const char *colon = strchr(trimmed, ':');
    bool v6 = colon && strchr(colon + 1, ':') && trimmed[0] != '[';
    return vf_asprintf(v6 ? "https://[%s]" : "https://%s", trimmed);
}

/* What the cluster is called: as typed, else its host. Caller frees. */
static char *name_of(const struct vf_wizard *w, const char *url)
{
    if (*typed(w, NAME))
        return vf_strdup(typed(w, NAME));
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    host += *host == '[';
    char *name = vf_strndup(host, strcspn(host, "]/"));
    char *colon = strchr(name, ':');
    if (colon && !strchr(colon + 1, ':'))
        *colon = 0;
    for (char *p = name; *p; p++)
        *p = *p == ':' ? '.' : *p;
    return name;
}

static bool is_taken(const struct vf_wizard *w, const char *name)
{
    for (size_t i = 0; i < w->conf->n_clusters; i++)
        if (vf_streq(w->conf->clusters[i].name, name))
            return true;
    return false;
}

/* What the file's reader says of a text, without the place in a file that is none. */
static const char *without_place(const char *text, const char *path)
{
    size_t n = strlen(path);
    if (strncmp(text, path, n) != 0 || text[n] != ':')
        return text;
    text += n + 1;
    text += strspn(text, "0123456789:");
    return text + (*text == ' ');
}

/* Which field the reader's complaint is about. */
static size_t field_of(const char *complaint)
{
    return strstr(complaint, "url")                                  ? ADDRESS
           : strstr(complaint, "user") || strstr(complaint, "token") ? USER
                                                                     : NAME;
}

/* What was filled in as a configuration of one cluster; NULL: a field is marked. */
static struct vf_conf *candidate(struct vf_wizard *w)
{
    static const char where[] = "form";
    static const char *const ways[] = {NULL, "api", "ssh"};
    char *compared[] = {w->compared, NULL};
    vf_autofree char *url = url_of(typed(w, ADDRESS)), *name = name_of(w, url);
    bool token = !w->form_esxi && w->form.fields[WAY].choice == BY_TOKEN;
    char *urls[] = {url, NULL};
    vf_autofree char *user = vf_strdup(typed(w, USER));
    struct vf_cluster_conf c = {.name = name,
                                .type = (char *)(w->form_esxi ? "esxi" : "pve"),
                                .way =
                                    w->form_esxi ? (char *)ways[w->form.fields[WAY].choice] : NULL,
                                .ssh = {.legacy = -1},
                                .urls = urls,
                                .user = token ? NULL : user,
                                .token = token ? user : NULL};
    if (w->compared && vf_streq(url, w->compared_at))
        c.fingerprints = compared;
    if (is_taken(w, name)) {
        vf_form_mark(&w->form, NAME,
                     w->form_esxi
                         ? _("that name is taken already: type another one")
                         : _("there is a cluster of that name already: type another name"));
        return NULL;
    }
    if (!token && !w->form_esxi && strchr(user, '!')) {
        vf_form_mark(&w->form, WAY, _("that is a token's name: choose \"an API token\""));
        return NULL;
    }
    if (token && !strchr(user, '!')) {
        vf_form_mark(
            &w->form, USER,
            _("a token is USER@REALM!NAME, such as root@pam!vmferry: on a node, `pveum user "
              "token add root@pam vmferry --privsep 0` makes one"));
        return NULL;
    }
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *text = vf_conf_text_with(NULL, &c, where, &err);
    struct vf_conf *conf = text ? vf_conf_parse(text, strlen(text), where, &err) : NULL;
    if (!conf) {
        const char *complaint = without_place(vf_error_text(err), where);
        vf_form_mark(&w->form, field_of(complaint), complaint);
    }
    return conf;
}

enum vf_wizard_end vf_connect_done(struct vf_wizard *w)
{
    vf_form_unmark(&w->form);
    struct vf_conf *conf = candidate(w);
    if (!conf)
        return VF_WIZARD_GOES_ON;
    const char *secret = typed(w, SECRET);
    vf_secret_free(w->secret);
    w->secret = vf_secret_new(secret, strlen(secret));
    conf->clusters[0].secret = vf_secret_copy(w->secret);
    *(struct vf_conf **)vf_grow(&w->candidates, &w->n_candidates, sizeof conf) = conf;
    w->want = true;
    return VF_WIZARD_GOES_ON;
}

static struct vf_cluster_conf *tried(const struct vf_wizard *w)
{
    return &w->candidates[w->n_candidates - 1]->clusters[0];
}

void vf_connect_ask(struct vf_wizard *w, struct vf_survey_question *q)
{
    q->cluster = tried(w)->name;
    q->conf = w->candidates[w->n_candidates - 1];
}

char *vf_connect_looking(const struct vf_wizard *w)
{
    return vf_asprintf(_("Connecting to %s ... Esc stops that."), tried(w)->urls[0]);
}

char *vf_connect_status(const struct vf_wizard *w)
{
    return vf_strdup(_("The login is tried first; then you are asked whether to keep it."));
}

/* ---- what came of it ---- */

/* What a person has compared is not shown again, whatever becomes of the login. */
static void remember_print(struct vf_wizard *w, const struct vf_seen_login *seen)
{
    if (!seen->fingerprint)
        return;
    vf_autofree char *url = url_of(typed(w, ADDRESS));
    vf_str_set(&w->compared, seen->fingerprint);
    vf_str_set(&w->compared_at, url);
}

bool vf_connect_failed(struct vf_wizard *w, struct vf_survey_answer *a)
{
    enum vf_error_code code = vf_error_code(a->error);
    size_t field = a->login.address || code == VF_E_NET || code == VF_E_TRUST ? ADDRESS
                   : code == VF_E_USAGE || code == VF_E_UNSUPPORTED           ? USER
                                                                              : SECRET;
    remember_print(w, &a->login);
    vf_autofree char *prefix = vf_asprintf("cluster %s: ", tried(w)->name);
    const char *text = vf_error_text(a->error);
    text += vf_starts(text, prefix) ? strlen(prefix) : 0;
    vf_autofree char *whole =
        code == VF_E_CANCELLED ? vf_strdup(text)
        : w->form_esxi && field == SECRET
            ? vf_asprintf(_("%s. It is not tried again by itself: a few wrong passwords lock the "
                            "account for a while."),
                          text)
        : w->form_esxi && field == ADDRESS
            ? vf_asprintf(_("%s. Does this machine reach port 443 (API) or 22 (SSH) there?"), text)
        : field == SECRET  ? vf_asprintf(_("%s. Type it again, or look at user and realm."), text)
        : field == ADDRESS ? vf_asprintf(_("%s. Is it a node's address, and does this machine "
                                           "reach port 8006 there?"),
                                         text)
                           : vf_strdup(text);
    vf_form_mark(&w->form, field, code == VF_E_TRUST ? text : whole);
    if (field == SECRET)
        vf_field_set(&w->form.fields[SECRET], NULL);
    return true;
}

/* What was tried, with what was found out on the way. The survey goes on using what was tried. */
static struct vf_conf *found(const struct vf_wizard *w, const struct vf_seen_login *seen)
{
    const struct vf_cluster_conf *t = tried(w);
    char *fingerprints[] = {seen->fingerprint, NULL};
    struct vf_cluster_conf c = {.name = t->name,
                                .type = t->type,
                                .way = t->way,
                                .old_tls = seen->old_tls,
                                .ssh = {.legacy = seen->ssh_legacy ? 1 : -1},
                                .urls = t->urls,
                                .user = t->user && seen->user ? seen->user : t->user,
                                .token = t->token,
                                .fingerprints = seen->fingerprint ? fingerprints : t->fingerprints};
    vf_autofree char *text = vf_conf_text_with(NULL, &c, "form", NULL);
    return text ? vf_conf_parse(text, strlen(text), "form", NULL) : NULL;
}

static void ask_keep(struct vf_wizard *w, const char *way)
{
    const struct vf_cluster_conf *c = tried(w);
    const char *const choices[] = {
        "not",
        _("No, only until vmferry ends"),
        "login",
        c->token ? _("Yes, without the token's secret, which is asked each time")
                 : _("Yes, without the password, which is asked each time"),
        "secret",
        _("Yes, with it, in a file that only you can read")};
    vf_autofree char *title = vf_asprintf(w->form_esxi ? _("Logged in. Keep the host %s?")
                                                       : _("Logged in. Keep the cluster %s?"),
                                          c->name);
    vf_autofree char *safe = vf_way_shown(way, true);
    vf_autofree char *went = safe ? vf_asprintf(_("The login went %s.\n"), safe) : vf_strdup("");
    vf_autofree char *detail = vf_asprintf(_("%sIt is added to %s; what is there stays as it is."),
                                           went, w->hands.conf_path);
    vf_wizard_choose(w, "keep", title, detail, "not", choices, VF_COUNT(choices) / 2);
}

void vf_connect_take(struct vf_wizard *w, struct vf_survey_answer *a)
{
    vf_auto(vf_survey_answer_free) struct vf_survey_answer *answer = a;
    remember_print(w, &answer->login);
    vf_conf_free(w->added);
    w->added = found(w, &answer->login);
    if (w->added)
        ask_keep(w, answer->login.way);
    else
        vf_form_mark(&w->form, USER, _("this user's name cannot be configured"));
}

enum vf_wizard_end vf_connect_answered(struct vf_wizard *w, const char *id, const char *answer)
{
    enum vf_wizard_keep keep = vf_streq(answer, "secret")  ? VF_KEEP_SECRET
                               : vf_streq(answer, "login") ? VF_KEEP_LOGIN
                                                           : VF_KEEP_NOT;
    vf_autoerror struct vf_error *err = NULL;
    const struct vf_conf *conf =
        w->hands.add(w->hands.opaque, &w->added->clusters[0], w->secret, keep, &err);
    if (!conf) {
        vf_form_mark(&w->form, NAME, vf_error_text(err));
        return VF_WIZARD_GOES_ON;
    }
    w->conf = conf;
    vf_form_clear(&w->form);
    vf_clusters_take(w, w->connect_back == PAGE_TARGET, tried(w)->name);
    return VF_WIZARD_GOES_ON;
}
