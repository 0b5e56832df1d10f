/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts that are not set up as usual, a row each: it works, or is refused in plain words, and
 * nothing of ours stays there. Every one has a real sshd in a mount namespace, with a home
 * directory of its own. */
#ifndef VF_TESTS_ODD_HOSTS_H
#define VF_TESTS_ODD_HOSTS_H

#include "tests/unit/ssh-server.h"

#include <glob.h>
#include <time.h>
#include "xfer/route.h"

static char *mover, *faketime;

/* A set-up. EXTRA is for sshd_config ($W: the directory of the row; $F: libfaketime), SETUP runs as
 * shell in $W before sshd ($A: a file with the operator's key; ~ is empty but for .ssh). */
struct row {
    const char *name, *extra, *setup;
    const char *shell;       /* the login shell; NULL: sh */
    const char *peer;        /* the key is installed for this address, and no route opened */
    const char *dial;        /* the route dials this address; NULL: the operator's */
    const char *key_in;      /* where the key must be while the route is open */
    enum vf_error_code code; /* VF_OK: it works */
    const char *words;       /* in the refusal */
    const char *needs;       /* shell; when it fails the row is skipped */
    int hours;               /* the host's clock is ahead by */
    bool both;               /* both transports matter */
    bool sudo;               /* the login is ferry, who is root by sudo */
    bool crowded;            /* somebody else is always about to log in */
    bool cut;                /* sshd is lost: the same */
    bool lost;               /* the program is lost: the owner there has to take the key back */
};

#define OWN_KEYS "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n"
#define KEYS     "cp $A ~/.ssh/authorized_keys"

static inline char *expand(const char *text, const char *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (const char *hit; (hit = strchr(text, '$')); text = hit + 2) {
        vf_buf_add(&b, text, (size_t)(hit - text));
        vf_buf_puts(&b, hit[1] == 'W' ? w : faketime);
    }
    vf_buf_puts(&b, text);
    return vf_buf_take(&b);
}

static inline bool start(const struct row *row, struct server *s, const char *name,
                         const char *address, const char *w)
{
    vf_autofree char *login_shell = expand(row->shell ? row->shell : "/bin/sh", w);
    vf_autofree char *extra = expand(row->extra ? row->extra : "", w);
    vf_autofree char *setup = vf_asprintf(
        "F=%s A=%s/client.pub W=%s; cd $W && mkdir -p home/.ssh && mount --bind home ~ && "
        "awk -F: -v OFS=: -v u=%s -v s=%s '$1 == u { $7 = s } { print }' /etc/passwd >passwd && "
        "mount --bind passwd /etc/passwd && { %s\n}",
        faketime, dir, w, user, login_shell, row->setup ? row->setup : ":");
    return serve(s, name, address, "host_ed25519", extra, setup);
}

/* What lies in the row's directory and in those of helpers, to be compared. It is looked at from
 * inside the server's namespace. */
static inline char *state_of(const struct server *s, const char *w)
{
    vf_autofree char *ns = vf_asprintf("/proc/%d/ns/mnt", (int)s->proc.pid);
    vf_autofree char *enter = vf_asprintf("--mount=%s", ns);
    vf_autofree char *line = vf_asprintf(
        "cd %s && find . ~/.ssh -type f -not -path './home/*' "
        "-exec cksum {} + | sort -k 3; ls -d /run/vmferry-odd%d-* /tmp/vmferry-odd%d-* 2>/dev/null",
        w, (int)getpid(), (int)getpid());
    struct vf_proc_result r = {0};
    const char *argv[] = {"nsenter", enter, "sh", "-c", line, NULL};
    vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL);
    char *text = vf_strdup(vf_buf_str(&r.out));
    vf_proc_result_free(&r);
    return text;
}

static inline bool holds_key(const struct server *s, const char *w, const char *path)
{
    vf_autofree char *ns = vf_asprintf("--mount=/proc/%d/ns/mnt", (int)s->proc.pid);
    vf_autofree char *grep = vf_asprintf("cd %s && grep -q vmferry-job-odd %s", w, path);
    return run((const char *[]){"nsenter", ns, "sh", "-c", grep, NULL}) == 0;
}

/* By the host's clock the key is good for a day, give or take what this machine's load may take. */
static inline bool lasts_a_day(const struct server *s, const struct row *row)
{
    vf_autofree char *ns = vf_asprintf("--mount=/proc/%d/ns/mnt", (int)s->proc.pid);
    const char *argv[] = {"nsenter",
                          ns,
                          "sh",
                          "-c",
                          "sed -n 's/.*expiry-time=\"\\([0-9Z]*\\)\".*vmferry-job-odd.*/\\1/p' "
                          "~/.ssh/authorized_keys",
                          NULL};
    struct vf_proc_result r = {0};
    struct tm tm = {0};
    time_t now = time(NULL);
    bool good = vf_proc_run(argv, NULL, 0, 4096, NULL, &r, NULL) == 0 &&
                strptime(vf_buf_str(&r.out), "%Y%m%d%H%M%S", &tm);
    double off = good ? difftime(timegm(&tm), now + (24 + row->hours) * 3600) : 0;
    good = good && off > -300 && off < 300;
    if (!good)
        printf("# expires '%s'\n", vf_buf_str(&r.out));
    vf_proc_result_free(&r);
    return good;
}

/* Everything up to an open route; what is open is in *A, *B and *R. */
static inline int go(const struct row *row, struct vf_ssh *ssh, struct vf_mover_host **a,
                     struct vf_mover_host **b, struct vf_route **r, struct vf_error **err)
{
    vf_autofree char *job = vf_asprintf("odd%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = mover};
    if (!(*b = vf_mover_host_open(ssh, &o, err)))
        return -1;
    if (row->peer)
        return vf_key_install(*b, vf_ssh_user(ssh), row->peer, "ssh-ed25519 AAAA", err);
    if (!(*a = vf_mover_host_open(NULL, &o, err)))
        return -1;
    char *addresses[] = {(char *)(row->dial ? row->dial : vf_ssh_address(ssh)), NULL};
    struct vf_route_opts ro = {
        .target = {addresses, vf_ssh_port(ssh), vf_ssh_user(ssh), vf_ssh_host_key(ssh)},
        .source_label = "a1",
        .target_label = "b2",
        .streams = 1,
        .route = "direct"};
    return (*r = vf_route_open(*a, *b, &ro, err)) ? 0 : -1;
}

/* Ends what sshd has started for those who are logged in. */
static inline void kill_sessions(const struct server *s)
{
    vf_autofree char *path =
        vf_asprintf("/proc/%d/task/%d/children", (int)s->proc.pid, (int)s->proc.pid);
    vf_autofree char *text = get_file(path);
    vf_autostrv char **children = vf_strv_split(text, " \n");
    ok(vf_strv_len(children) > 0, "... somebody is logged in");
    for (char **c = children; *c; c++) {
        uint64_t pid;
        if (vf_parse_u64(*c, 2, INT32_MAX, &pid) == 0)
            kill((pid_t)pid, SIGKILL);
    }
}

static inline void try_open(const struct row *row, const struct server *s, int transport,
                            const char *w)
{
    struct client c;
    client_init(&c, "client", transport);
    if (row->sudo) {
        vf_str_set(&c.conf.user, "ferry");
        c.conf.sudo = 1;
    }
    vf_autoerror struct vf_error *e = NULL;
    struct vf_ssh *ssh = open_at(&c, s, &e);
    struct vf_mover_host *a = NULL, *b = NULL;
    struct vf_route *r = NULL;
    int rc = ssh ? go(row, ssh, &a, &b, &r, &e) : -1;
    if (row->code == VF_OK)
        ok(rc == 0, "%s works%s%s", row->name, e ? ": " : "", e ? vf_error_text(e) : "");
    else
        ok(rc < 0 && vf_error_code(e) == row->code && strstr(vf_error_text(e), row->words),
           "%s is refused: %s: %s", row->name, vf_error_code_name(vf_error_code(e)),
           vf_error_text(e));
    if (row->key_in)
        ok(holds_key(s, w, row->key_in), "... its key is in %s", row->key_in);
    if (row->key_in && vf_streq(row->key_in, "~/.ssh/authorized_keys"))
        ok(lasts_a_day(s, row), "... for a day by the clock there");
    if (row->cut)
        kill_sessions(s);
    else if (row->lost && b)
        vf_session_free(VF_STEAL(b->session));
    if (row->cut || row->lost) {
        bool there = true;
        for (int i = 0; i < 3000 && there; i++, usleep(20000))
            there = holds_key(s, w, row->key_in);
        ok(!there, "... and its owner takes it back");
    }
    vf_route_free(r);
    vf_mover_host_free(a);
    vf_mover_host_free(b);
    vf_ssh_free(ssh);
    client_clear(&c);
}

static inline void try_row(const struct row *row, int i, int transport)
{
    vf_autofree char *name = vf_asprintf("w%d-%d", i, transport), *w = in_dir("%s", name);
    vf_autofree char *address = vf_asprintf("127.0.1.%d", i + 1);
    mkdir(w, 0755);
    vf_autofree char *login_shell = expand(row->shell ? row->shell : "/bin/sh", w);
    vf_autofree char *needs = vf_asprintf("F=%s; cd %s && { %s\n} && test -x %s", faketime, w,
                                          row->needs ? row->needs : ":", login_shell);
    if (run((const char *[]){"sh", "-c", needs, NULL}) != 0) {
        skip(row->name, "this machine cannot do that");
        return;
    }
    struct server s;
    if (ok(start(row, &s, name, address, w), "%s: an sshd", row->name)) {
        know(&s, "host_ed25519");
        vf_autofree char *before = state_of(&s, w);
        vf_autofd int other = row->crowded ? connect_to(&s) : -1;
        try_open(row, &s, transport, w);
        /* an owner that has lost its program takes a moment */
        vf_autofree char *after = state_of(&s, w);
        for (int k = 0; k < 3000 && !vf_streq(after, before); k++, usleep(20000)) {
            free(after);
            after = state_of(&s, w);
        }
        is_str(after, before, "... and all is as before");
    }
    stop(&s);
    vf_autofree char *clear = vf_asprintf("chattr -R -i -a %s 2>/dev/null; :", w);
    run((const char *[]){"sh", "-c", clear, NULL});
}

/* Tries the ROWS, those whose name has argv[1] in it. */
static inline int try_rows(const struct row *rows, size_t n, int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    const char *build = getenv("top_builddir");
    vf_autofree char *built = vf_asprintf("%s/vmferry-mover", build ? build : ".");
    mover = realpath(built, NULL);
    if (!mover)
        return 99;
    if (geteuid() != 0 || run((const char *[]){"unshare", "-m", "true", NULL}) != 0) {
        skip("odd hosts", "needs root and mount namespaces");
        return done_testing();
    }
    if (!begin(0))
        return done_testing();
    glob_t found = {0};
    if (glob("/usr/lib/*/faketime/libfaketime.so.1", 0, NULL, &found) == 0)
        faketime = vf_strdup(found.gl_pathv[0]);
    else
        faketime = vf_strdup("");
    globfree(&found);
    for (size_t i = 0; i < n; i++) {
        if (only && !strstr(rows[i].name, only))
            continue;
        try_row(&rows[i], (int)i, VF_SSH_LIBSSH2);
        if (rows[i].both)
            try_row(&rows[i], (int)i, VF_SSH_OPENSSH);
    }
    end();
    free(faketime);
    free(mover);
    return done_testing();
}

#endif
