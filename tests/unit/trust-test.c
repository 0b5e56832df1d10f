/* SPDX-License-Identifier: GPL-3.0-or-later */
/* known_hosts matching, and how often a login asks for what: no server needed. */
#include "config.h"
#include "tests/unit/ssh-server.h"

#include "net/ssh_int.h"
#include "net/trust.h"

/* 32 bytes behind "ssh-ed25519": A and B differ in the last ones. */
#define KEY_A "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_B "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"

static char *known;

static void check(const char *lines, const char *name, enum vf_trust_state want, unsigned line,
                  const char *what)
{
    char *files[] = {(char *)"/nowhere/known_hosts", known, NULL};
    size_t len = 0;
    vf_autofree unsigned char *blob = vf_base64_decode(KEY_A, strlen(KEY_A), &len);
    struct vf_trust_match m;
    put_file(known, lines, 0600);
    ok(vf_trust_check(files, name, blob, len, &m, NULL) == 0 && m.state == want &&
           (!line || m.line == line),
       "%s (state %d, line %u)", what, m.state, m.line);
    vf_trust_match_clear(&m);
}

static void test_matching(void)
{
    check("", "h", VF_TRUST_UNKNOWN, 0, "empty file");
    check("# h\n\nh ssh-ed25519 " KEY_A " a comment\n", "h", VF_TRUST_KNOWN, 3, "plain");
    check("h ssh-ed25519 " KEY_A, "h", VF_TRUST_KNOWN, 1, "no newline at the end");
    check("H,10.0.0.1 ssh-ed25519 " KEY_A "\r\n", "10.0.0.1", VF_TRUST_KNOWN, 1, "a list of names");
    check("*.lan,!bad.lan ssh-ed25519 " KEY_A "\n", "a1.lan", VF_TRUST_KNOWN, 1, "a pattern");
    check("*.lan,!bad.lan ssh-ed25519 " KEY_A "\n", "bad.lan", VF_TRUST_UNKNOWN, 0,
          "a negated name");
    check("h ssh-ed25519 " KEY_B "\n", "h", VF_TRUST_CHANGED, 1, "another key");
    check("h ssh-ed25519 " KEY_B "\nh ssh-ed25519 " KEY_A "\n", "h", VF_TRUST_KNOWN, 2,
          "one of two");
    check("h ssh-rsa AAAAB3NzaC1yc2EAAAAA\nh ssh-ed25519 " KEY_B "\n", "h", VF_TRUST_CHANGED, 2,
          "the replaced key is the one of the same type");
    check("h ssh-ed25519 " KEY_A "\n@revoked h ssh-ed25519 " KEY_A "\n", "h", VF_TRUST_REVOKED, 2,
          "revoked wins");
    check("@cert-authority h ssh-ed25519 " KEY_B "\n", "h", VF_TRUST_UNKNOWN, 0, "a CA is no key");
    check("h ssh-ed25519 !!!!\nh\n|1|x ssh-ed25519 " KEY_A "\n", "h", VF_TRUST_UNKNOWN, 0,
          "malformed lines are passed over");
    check("h ssh-ed25519 " KEY_A "\n", "[h]:2222", VF_TRUST_KNOWN, 1,
          "the same key at another port");
    check("h ssh-ed25519 " KEY_B "\n", "[h]:2222", VF_TRUST_UNKNOWN, 0,
          "another key at another port");
    vf_autofree char *name = vf_trust_name("Host.Lan", 22), *port = vf_trust_name("::1", 2222);
    is_str(name, "host.lan", "names are lower case");
    is_str(port, "[::1]:2222", "with a port");
    put_file(known, "h ssh-rsa " KEY_A "\nh ssh-ed25519 " KEY_A "\nh ssh-rsa " KEY_B "\n", 0600);
    vf_autostrv char **types = vf_trust_types((char *[]){known, NULL}, "h");
    vf_autofree char *list = vf_strv_join(types, ",");
    is_str(list, "ssh-rsa,ssh-ed25519", "known types");
}

static void test_appending(void)
{
    vf_autofree char *deep = in_dir("new/ssh/known_hosts");
    put_file(known, "other ssh-ed25519 " KEY_B, 0600);
    ok(vf_trust_append(known, "h", "ssh-ed25519", KEY_A, NULL) == 0, "append");
    vf_autofree char *text = get_file(known);
    is_str(text, "other ssh-ed25519 " KEY_B "\nh ssh-ed25519 " KEY_A "\n", "behind an open line");
    struct stat st;
    vf_autofree char *parent = in_dir("new/ssh");
    ok(vf_trust_append(deep, "h", "ssh-ed25519", KEY_A, NULL) == 0 && stat(parent, &st) == 0 &&
           (st.st_mode & 0777) == 0700 && stat(deep, &st) == 0 && (st.st_mode & 0777) == 0600,
       "directory and file are private");
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_trust_append("/proc/known_hosts", "h", "ssh-ed25519", KEY_A, &e) == -1 && e,
       "a file that cannot be written: %s", vf_error_text(e));
    size_t len = 0;
    ok(!vf_ssh_blob_type((const unsigned char *)"\0\0\0\4a\nb ", 8),
       "a type with a newline is none");
    ok(!vf_ssh_blob_type((const unsigned char *)"\0\0\0\200abc", 7), "a length beyond the end");
    vf_autofree unsigned char *bad = vf_base64_decode("A=", 2, &len);
    ok(!bad, "half of a base64 group");
}

static void prompt_is(struct vf_ssh_login *l, const char *prompt, bool echo, const char *want,
                      const char *what)
{
    vf_auto(vf_secret_free) struct vf_secret *s = NULL;
    vf_autoerror struct vf_error *e = NULL;
    int rc = vf_ssh_login_prompt(l, "", prompt, echo, &s, &e);
    is_str(rc == 0 ? vf_secret_text(s) : vf_error_code_name(vf_error_code(e)), want, what);
}

static void test_prompts(void)
{
    vf_autofree char *file = in_dir("secret");
    put_file(file, "configured\n", 0600);
    struct answerer a = {.replies = (struct reply[]){
                             {"ssh-password:u@h", "typed"}, {"ssh-prompt:u@h", "123456"}, {0}}};
    struct vf_asker asker = {.ask = reply, .opaque = &a};
    struct vf_ssh_conf conf = {.password_file = file}, none = {0};
    struct vf_ssh_login *l = vf_ssh_login_new("u@h", &conf, &asker, NULL);
    prompt_is(l, "Password: ", false, "configured", "first the configured password");
    ok(a.asked == 0, "... nobody is asked");
    prompt_is(l, "Verification code: ", false, "123456", "another prompt is asked");
    prompt_is(l, "Your name: ", true, "123456", "one with echo too");
    ok(a.asked == 2, "... both");
    for (int i = 0; i < VF_SSH_TYPED_PASSWORDS; i++)
        prompt_is(l, "u's PASSWORD:", false, "typed", "then the typed one");
    prompt_is(l, "Password: ", false, "AUTH", "but not for ever");
    struct vf_ssh_login *endless = vf_ssh_login_new("u@h", &none, &asker, NULL);
    for (int i = 0; i < 20; i++)
        prompt_is(endless, "More? ", true, "123456", "a prompt");
    prompt_is(endless, "More? ", true, "AUTH", "a host that never ends asking");
    vf_ssh_login_free(l);
    vf_ssh_login_free(endless);
}

int main(int argc, char **argv)
{
    if (!begin(argc))
        return done_testing();
    known = in_dir("known");
    test_matching();
    test_appending();
    test_prompts();
    free(known);
    end();
    return done_testing();
}
