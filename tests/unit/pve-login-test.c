/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logins as each version of Proxmox VE wants them: realms, second factors, the spare token. */
#include "config.h"
#include "base/clock.h"
#include "provider/pve/pve.h"
#include "tests/unit/pve-fixture.h"
#include "tests/unit/tap.h"

#include <signal.h>

#define PAGE(v)                                                                                    \
    {                                                                                              \
        "GET", "/", NULL, "<script src=\"/pve2/js/pvemanagerlib.js?ver=" v "\"></script>", NULL,   \
            0, 0, false                                                                            \
    }
#define TICKET(name) "{\"data\":{\"ticket\":\"PVE:" name "\",\"CSRFPreventionToken\":\"CSRF\"}}"
#define CHALLENGED(json)                                                                           \
    "{\"data\":{\"NeedTFA\":1,\"CSRFPreventionToken\":\"C\",\"ticket\":\"PVE:!tfa!" json           \
    ":6000::sig\"}}"
#define POST(reply, body)                                                                          \
    {                                                                                              \
        "POST", "/access/ticket", NULL, reply, body, 0, 0, false                                   \
    }
#define NO(body)                                                                                   \
    {                                                                                              \
        "POST", "/access/ticket", "401 authentication failure", NULL, body, 0, 0, false            \
    }

/* Answers in order; what was asked and remembered is kept. */
struct person {
    const char *answers[8];
    size_t next;
    struct vf_buf asked, kept;
};

static int reply(void *opaque, const struct vf_ask *q, struct vf_cancel *cancel,
                 struct vf_answer *out, struct vf_error **err)
{
    (void)cancel;
    struct person *p = opaque;
    vf_buf_printf(&p->asked, "%s|%s|%s|%s\n", q->id, q->title, q->detail ? q->detail : "",
                  q->once ? "once" : "");
    const char *a = p->answers[p->next];
    if (!a)
        return vf_fail(err, VF_E_AUTH, "nobody is there");
    p->next++;
    if (q->kind == VF_ASK_SECRET)
        out->secret = vf_secret_new(a, strlen(a));
    else
        out->text = vf_strdup(a);
    return 0;
}

static void keep(void *opaque, const char *id, const struct vf_secret *answer)
{
    struct person *p = opaque;
    vf_buf_printf(&p->kept, "%s=%s\n", id, vf_secret_text(answer));
}

static struct vf_provider *enter(struct fixture *f, struct person *p, struct vf_error **err)
{
    static struct vf_asker asker;
    asker = (struct vf_asker){.ask = reply, .opaque = p, .remember = keep};
    return vf_provider_open(&f->conf, true, &asker, NULL, err);
}

static void leave(struct fixture *f, struct person *p, struct vf_provider *pve)
{
    vf_provider_free(pve);
    vf_buf_free(&p->asked);
    vf_buf_free(&p->kept);
    drop(f);
}

#define TOTP_AND_CODES "{\\\"totp\\\"%3Atrue,\\\"recovery\\\"%3A[0,4],\\\"webauthn\\\"%3Anull}"

static void test_totp(void)
{
    static const struct route routes[] = {
        PAGE("8.4.1"),
        API_VERSION,
        NO("password=totp%3A000000"),
        POST(TICKET("DONE"), "password=totp%3A123456&tfa-challenge=PVE%3A%21tfa%21%7B"),
        POST(TICKET("RECOVERED"), "password=recovery%3Aab12-cd34&tfa-challenge="),
        POST(TICKET("RENEWED"), "password=PVE%3ADONE"),
        POST(CHALLENGED(TOTP_AND_CODES), "password=pw"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    struct person p = {.answers = {"pw", "000000", "123456"}};
    struct vf_provider *pve = enter(&f, &p, &err);
    ok(pve != NULL, "password, a wrong code, the right one");
    ok(count(&f.cluster, "new-format") == 0, "8.4 is not told of a new format");
    ok(strstr(vf_buf_str(&p.asked), "code of the authenticator app or a recovery code (2 left)"),
       "what may be given is said");
    ok(strstr(vf_buf_str(&p.asked), "authentication failure|once"), "and what was wrong with it");
    is_str(vf_buf_str(&p.kept), "code:alpha:root@pam=PVE:DONE\n", "the ticket is passed on");
    vf_pve_of(pve)->renew_ms = 0;
    ok(vf_pve_renew(vf_pve_of(pve), &err) == 0 && p.next == 3, "renewing asks for nothing");
    leave(&f, &p, pve);

    SERVE(&f, routes);
    p = (struct person){.answers = {"pw", "PVE:DONE"}};
    pve = enter(&f, &p, &err);
    ok(pve != NULL && count(&f.cluster, "tfa-challenge") == 0, "who got the ticket needs no code");
    leave(&f, &p, pve);

    SERVE(&f, routes);
    p = (struct person){.answers = {"pw", "ab12-cd34"}};
    pve = enter(&f, &p, &err);
    ok(pve != NULL, "a recovery code is told by its form");
    leave(&f, &p, pve);

    SERVE(&f, routes);
    p = (struct person){.answers = {"pw", "000000", "000000", "000000", "123456"}};
    ok(!enter(&f, &p, &err) && p.next == 4, "three tries");
    is_error(&err, VF_E_AUTH, "authentication failure", "and no more");
    ok(count(&f.cluster, "password=pw") == 1, "the password is sent once");
    leave(&f, &p, NULL);
}

static void test_no_factor(void)
{
    static const struct route key[] = {
        PAGE("9.0.3"),
        POST(CHALLENGED("{\\\"webauthn\\\"%3A{\\\"challenge\\\"%3A\\\"x\\\"}}"), "password=pw"),
    };
    static const struct route spent[] = {
        PAGE("8.1.3"),
        POST(CHALLENGED("{\\\"recovery\\\"%3A[]}"), "password=pw"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, key);
    struct person p = {.answers = {"pw", "123456"}};
    ok(!enter(&f, &p, &err) && p.next == 1, "a security key only");
    is_error(&err, VF_E_UNSUPPORTED, "pveum user token add 'root@pam' vmferry",
             "a token is proposed");
    leave(&f, &p, NULL);
    SERVE(&f, spent);
    p = (struct person){.answers = {"pw", "123456"}};
    ok(!enter(&f, &p, &err) && p.next == 1, "recovery codes that are used up");
    is_error(&err, VF_E_UNSUPPORTED, "no second factor left", "are said");
    leave(&f, &p, NULL);
}

static void test_old(void)
{
    static const struct route six[] = {
        PAGE("6.4-15"),
        API_VERSION,
        POST(TICKET("SIX"), "password=pw&otp=123456"),
        POST("{\"data\":{\"NeedTFA\":1,\"CSRFPreventionToken\":\"C\",\"ticket\":\"PVE:tfa!root@pam:"
             "6::s\"}}",
             "username=root%40pam&password=pw"),
    };
    static const struct route u2f[] = {
        PAGE("6.4-15"),
        POST("{\"data\":{\"NeedTFA\":1,\"CSRFPreventionToken\":\"C\",\"ticket\":\"PVE:u2f!root@pam!"
             "x:6::s\",\"U2FChallenge\":{\"challenge\":\"x\"}}}",
             "password=pw"),
    };
    static const struct route seven[] = {
        PAGE("7.4-16"),
        API_VERSION,
        POST(TICKET("SEVEN"), "totp%3A123456&tfa-challenge="),
        POST(CHALLENGED("{\\\"totp\\\"%3Atrue}"), "password=pw&new-format=1"),
    };
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, six);
    struct person p = {.answers = {"pw", "123456"}};
    struct vf_provider *pve = enter(&f, &p, &err);
    ok(pve != NULL, "6.4: the code goes with the password");
    ok(count(&f.cluster, "new-format") == 0 && count(&f.cluster, "tfa-challenge") == 0,
       "which knows no other words");
    leave(&f, &p, pve);
    SERVE(&f, u2f);
    p = (struct person){.answers = {"pw"}};
    ok(!enter(&f, &p, &err), "6.4: U2F");
    is_error(&err, VF_E_UNSUPPORTED, "security key", "is explained");
    leave(&f, &p, NULL);
    SERVE(&f, seven);
    p = (struct person){.answers = {"pw", "123456"}};
    pve = enter(&f, &p, &err);
    ok(pve != NULL, "7.4 is told that we know the new format");
    leave(&f, &p, pve);
}

#define DOMAINS                                                                                    \
    {                                                                                              \
        "GET", "/access/domains", NULL,                                                            \
            "{\"data\":[{\"realm\":\"pve\",\"type\":\"pve\"},{\"realm\":\"sso\",\"type\":"         \
            "\"openid\"},"                                                                         \
            "{\"realm\":\"pam\",\"type\":\"pam\",\"default\":1,\"comment\":\"Linux\\u001b\"}]}",   \
            NULL, 0, 0, false                                                                      \
    }

static void test_realms(void)
{
    static const struct route routes[] = {
        DOMAINS, API_VERSION, POST(TICKET("T"), "username=jdoe%40pve&password=pw"), NO(NULL)};
    struct fixture f;
    struct vf_error *err = NULL;
    SERVE(&f, routes);
    f.conf.user = (char *)"jdoe";
    struct person p = {.answers = {"pve", "pw"}};
    struct vf_provider *pve = enter(&f, &p, &err);
    ok(pve != NULL && vf_streq(vf_pve_of(pve)->user, "jdoe@pve"), "the realm is asked for");
    is_str(vf_buf_str(&p.kept), "realm:alpha:jdoe=pve\n", "and kept for who logs in next");
    leave(&f, &p, pve);
    SERVE(&f, routes);
    f.conf.user = NULL;
    p = (struct person){.answers = {"jdoe@pve", "pw"}};
    pve = enter(&f, &p, &err);
    ok(pve != NULL, "so is the user");
    is_str(vf_buf_str(&p.kept), "user:alpha=jdoe@pve\n", "and kept");
    leave(&f, &p, pve);
    SERVE(&f, routes);
    f.conf.user = (char *)"jdoe";
    p = (struct person){0};
    ok(!enter(&f, &p, &err), "nobody to ask");
    is_error(&err, VF_E_USAGE, "realms: pve, sso, pam (Linux\\x1b)",
             "the realms are told, escaped");
    leave(&f, &p, NULL);
    SERVE(&f, routes);
    f.conf.user = (char *)"jdoe@sso";
    p = (struct person){.answers = {"pw"}};
    ok(!enter(&f, &p, &err) && p.next == 0, "OpenID: nothing is asked");
    is_error(&err, VF_E_UNSUPPORTED, "token = \"jdoe@sso!vmferry\"", "a token is proposed");
    leave(&f, &p, NULL);
    SERVE(&f, routes);
    f.conf.user = (char *)"jdoe@pvee";
    p = (struct person){.answers = {"pw"}};
    ok(!enter(&f, &p, &err) && count(&f.cluster, "POST") == 0, "a realm that is not there");
    is_error(&err, VF_E_USAGE, "there is no such realm", "is not tried");
    leave(&f, &p, NULL);
}

static void test_spare(void)
{
    static const struct route routes[] = {
        PAGE("8.4.1"),
        API_VERSION,
        POST(TICKET("T1"), "password=totp%3A123456"),
        NO("password=PVE%3AT1"),
        POST(CHALLENGED("{\\\"totp\\\"%3Atrue}"), "password=pw"),
        {"POST", "/access/users/root%40pam/token/vmferry-1", NULL,
         "{\"data\":{\"full-tokenid\":\"root@pam!vmferry-1\",\"value\":\"SPARE-SECRET\"}}",
         "privsep=0&expire=", 0, 0, false},
        {"GET", "/cluster/nextid", NULL, "{\"data\":\"102\"}", NULL, 0, 0, false},
        {"DELETE", "/access/users/root%40pam/token/vmferry-1", NULL, "{\"data\":null}", NULL, 1, 0,
         false},
        {"DELETE", "/access/users/root%40pam/token/vmferry-1",
         "500 no such token 'vmferry-1' for user 'root@pam'", NULL, NULL, 0, 0, false},
    };
    struct fixture f;
    struct vf_error *err = NULL;
    unsigned id;
    SERVE(&f, routes);
    struct person p = {.answers = {"pw", "123456"}};
    struct vf_provider *pve = enter(&f, &p, &err);
    ok(pve && vf_streq(pve->ops->password_user(pve), "root@pam"), "logged in with a password");
    ok(pve->ops->make_token(pve, "vmferry-1", "a job", 2000000000, &err) == 0, "a token is made");
    ok(pve->ops->free_id(pve, 0, &id, &err) == 0 && strstr(f.cluster.headers, "PVEAuthCookie"),
       "while the ticket is good, it is used");
    vf_pve_of(pve)->renew_ms = 0;
    ok(pve->ops->free_id(pve, 0, &id, &err) == 0 && p.next == 2, "when it is not, nobody is asked");
    ok(strstr(f.cluster.headers, "PVEAPIToken=root@pam!vmferry-1=SPARE-SECRET\r\n") != NULL,
       "the token takes its place");
    ok(count(&f.cluster, "password=PVE%3AT1") == 1 && count(&f.cluster, "password=pw") == 1,
       "after one try to renew the ticket");
    ok(pve->ops->remove_token(pve, "root@pam", "vmferry-1", &err) == 0 &&
           pve->ops->remove_token(pve, "root@pam", "vmferry-1", &err) == 0,
       "removing it twice is no mistake");
    leave(&f, &p, pve);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_totp();
    test_no_factor();
    test_old();
    test_realms();
    test_spare();
    return done_testing();
}
