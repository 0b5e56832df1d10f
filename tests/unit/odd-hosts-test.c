/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts whose sshd, shell or file systems are not set up as usual: each works, or is refused in
 * plain words, and nothing of ours stays there. Every one has a real sshd in a mount namespace,
 * with a home directory of its own. */
#include "config.h"
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
    bool lost;               /* the program is lost: the owner there has to take the key back */
};

#define OWN_KEYS   "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n"
#define KEYS       "cp $A ~/.ssh/authorized_keys"
#define FERRY_KEYS "home/.ssh/authorized_keys"
/* The user ferry, with the operator's key, and what sudoers allows. */
#define SUDO(what)                                                                                 \
    "cp $A home/.ssh/authorized_keys && chown -R 4711 home && "                                    \
    "echo \"ferry:x:4711:4711::$W/home:/bin/sh\" >>passwd && "                                     \
    "(cat /etc/shadow; echo 'ferry:*:19000:0:99999:7:::') >shadow && chmod 600 shadow && "         \
    "mount --bind shadow /etc/shadow && cat >sudoers <<'EOF' && chmod 440 sudoers && "             \
    "mount --bind sudoers /etc/sudoers\nferry ALL=(ALL) " what "\nEOF\n:"
#define SMALL_RUN(how)    "mount -t tmpfs -o mode=755," how " none /run && mkdir /run/sshd"
#define NOISE(file, line) "cat >~/" file " <<'EOF'\n" line "\nEOF"

static const struct row rows[] = {
    {.name = "usual", .extra = OWN_KEYS, .setup = KEYS, .key_in = "~/.ssh/authorized_keys"},
    {.name = "link into the cluster",
     .extra = OWN_KEYS,
     .setup = "mkdir cluster && cp $A cluster/k && ln -s $W/cluster/k ~/.ssh/authorized_keys",
     .key_in = "~/.ssh/authorized_keys2",
     .lost = true},
    {.name = "the first file read-only",
     .extra = OWN_KEYS,
     .setup = KEYS " && cd ~/.ssh && mount --bind authorized_keys authorized_keys && "
                   "mount -o remount,bind,ro authorized_keys",
     .key_in = "~/.ssh/authorized_keys2"},
    {.name = "the first file immutable",
     .extra = OWN_KEYS,
     .setup = KEYS " && chattr +i ~/.ssh/authorized_keys",
     .key_in = "~/.ssh/authorized_keys2",
     .needs = "touch i && chattr +i i && chattr -i i && rm i"},
    {.name = "the first file may only grow",
     .extra = OWN_KEYS,
     .setup = KEYS " && chattr +a ~/.ssh/authorized_keys",
     .key_in = "~/.ssh/authorized_keys2",
     .needs = "touch i && chattr +a i && chattr -a i && rm i"},
    {.name = "all of .ssh read-only",
     .extra = OWN_KEYS,
     .setup = KEYS " && mount --bind ~/.ssh ~/.ssh && mount -o remount,bind,ro ~/.ssh",
     .code = VF_E_PERMISSION,
     .words = ".ssh/authorized_keys2"},
    {.name = "nothing new in .ssh",
     .extra = OWN_KEYS,
     .setup = KEYS " && chattr +i ~/.ssh",
     .key_in = "~/.ssh/authorized_keys",
     .needs = "touch i && chattr +i i && chattr -i i && rm i",
     .lost = true},
    {.name = "a file that is a mount",
     .extra = OWN_KEYS,
     .setup = KEYS " && cp $A k && mount --bind k ~/.ssh/authorized_keys",
     .key_in = "k",
     .lost = true},
    {.name = "no room",
     .extra = OWN_KEYS,
     .setup = "mount -t tmpfs -o size=8k none ~/.ssh && cp $A ~/.ssh/authorized_keys && "
              "head -c 8192 /dev/zero >~/.ssh/full 2>/dev/null; "
              "s=$(wc -c <~/.ssh/authorized_keys) && "
              "head -c $((4096 - s - 40)) /dev/zero | tr '\\0' '#' >>~/.ssh/authorized_keys && "
              "echo >>~/.ssh/authorized_keys",
     .code = VF_E_NOSPACE,
     .words = "no room"},
    {.name = "one file only",
     .extra = "AuthorizedKeysFile .ssh/authorized_keys\n",
     .setup = KEYS,
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "absolute paths and tokens",
     .extra = "AuthorizedKeysFile $W/keys/%u %h/.ssh/more\n",
     .setup = "mkdir keys && cp $A keys/root",
     .key_in = "keys/root"},
    {.name = "its directory is missing",
     .extra = "AuthorizedKeysFile $W/nokeys/%u $W/authorized\n",
     .setup = "cp $A authorized",
     .key_in = "authorized"},
    {.name = "no file but a command",
     .extra = "AuthorizedKeysFile none\nAuthorizedKeysCommand /usr/bin/cat $W/operator\n"
              "AuthorizedKeysCommandUser root\n",
     .setup = "cp $A operator && for d in . .. ; do chmod go-w $d; done",
     .code = VF_E_UNSUPPORTED,
     .words = "AuthorizedKeysFile none"},
    {.name = "other files for the peer",
     .extra = "Match LocalPort 1\nAuthorizedKeysFile none\nMatch Address 127.0.0.1\n"
              "AuthorizedKeysFile $W/peers $W/authorized\nMatch all\n",
     .setup = "cp $A authorized",
     .key_in = "peers"},
    {.name = "no keys from the peer",
     .extra = "Match Address 10.9.8.0/24\nPubkeyAuthentication no\nMatch all\n",
     .peer = "10.9.8.7",
     .code = VF_E_UNSUPPORTED,
     .words = "for root from 10.9.8.7 (PubkeyAuthentication no)"},
    {.name = "a second factor for the peer",
     .extra = "Match Address 10.9.8.7\nPasswordAuthentication yes\n"
              "AuthenticationMethods publickey,password\nMatch all\n",
     .peer = "10.9.8.7",
     .code = VF_E_UNSUPPORTED,
     .words = "AuthenticationMethods publickey,password"},
    {.name = "root from here only",
     .extra = "Match Address *,!127.0.0.1\nPermitRootLogin no\nMatch all\n",
     .peer = "10.9.8.7",
     .code = VF_E_PERMISSION,
     .words = "PermitRootLogin no"},
    {.name = "PermitRootLogin prohibit-password",
     .extra = OWN_KEYS "PermitRootLogin prohibit-password\n",
     .setup = KEYS},
    {.name = "PermitRootLogin forced-commands-only",
     .extra = OWN_KEYS "PermitRootLogin forced-commands-only\n",
     .setup = "sed 's/^/command=\"eval \\\\\"$SSH_ORIGINAL_COMMAND\\\\\"\" /' $A "
              ">~/.ssh/authorized_keys",
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "AllowUsers with another address",
     .extra = OWN_KEYS "AllowUsers root@10.9.8.7 *@127.0.0.1\nMatch LocalAddress 127.0.2.1\n"
                       "AllowUsers root@10.9.8.7\nMatch all\nListenAddress 127.0.2.1\n",
     .setup = KEYS,
     .dial = "127.0.2.1",
     .code = VF_E_AUTH,
     .words = "told who may log in: allowusers root@10.9.8.7"},
    {.name = "no ed25519",
     .extra = "Match Address 10.9.8.7\nPubkeyAcceptedAlgorithms rsa-sha2-512\nMatch all\n",
     .peer = "10.9.8.7",
     .code = VF_E_UNSUPPORTED,
     .words = "takes no ed25519 keys"},
    {.name = "a forced command",
     .extra = "ForceCommand echo welcome to the backup service\n",
     .code = VF_E_UNSUPPORTED,
     .words = "forces a command"},
    {.name = "a forced command that fails",
     .extra = "ForceCommand echo no such menu >&2; exit 1\n",
     .code = VF_E_UNSUPPORTED,
     .words = "it answers: no such menu"},
    {.name = "only file transfer",
     .extra = "ForceCommand internal-sftp\n",
     .code = VF_E_UNSUPPORTED,
     .words = "forces a command"},
    {.name = "a command at the operator's key",
     .extra = OWN_KEYS,
     .setup = "sed 's/^/command=\"uptime\" /' $A >~/.ssh/authorized_keys",
     .code = VF_E_UNSUPPORTED,
     .words = "command= at the key"},
    {.name = "a forced command for the peer",
     .extra = "Match Address 10.9.8.7\nForceCommand /bin/backup\nMatch all\n",
     .peer = "10.9.8.7",
     .code = VF_E_UNSUPPORTED,
     .words = "(ForceCommand /bin/backup)"},
    {.name = "a forced command that nobody could know of",
     .extra = "ListenAddress 127.0.2.2\nMatch LocalAddress 127.0.2.2\n"
              "ForceCommand echo welcome to the backup service\nMatch all\n",
     .dial = "127.0.2.2",
     .code = VF_E_UNSUPPORTED,
     .words = "welcome to the backup service"},
    {.name = "a time zone east",
     .extra = OWN_KEYS,
     .setup = KEYS " && export TZ=Pacific/Kiritimati",
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "a time zone west of the user's own",
     .extra = OWN_KEYS "SetEnv TZ=Pacific/Pago_Pago\n",
     .setup = KEYS,
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "an sshd that knows local time only",
     .extra = OWN_KEYS "SetEnv TZ=Pacific/Kiritimati PATH=$W:/usr/bin:/bin\n",
     .setup = KEYS " && cp sshd.sh sshd && chmod 755 sshd",
     .needs = "test \"$(date +%Z)\" = UTC && cat >sshd.sh <<'EOF'\n#!/bin/sh\n"
              "[ \"$1\" != -V ] || { echo 'OpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1n' >&2; exit 1; }\n"
              "exec /usr/sbin/sshd \"$@\"\nEOF",
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "a clock that is an hour ahead",
     .extra = OWN_KEYS "SetEnv LD_PRELOAD=$F FAKETIME=+1h\n",
     .setup = KEYS " && export LD_PRELOAD=$F FAKETIME=+1h",
     .key_in = "~/.ssh/authorized_keys",
     .needs = "test -n \"$F\"",
     .hours = 1},
    {.name = "a clock that is an hour behind",
     .extra = OWN_KEYS "SetEnv LD_PRELOAD=$F FAKETIME=-1h\n",
     .setup = KEYS " && export LD_PRELOAD=$F FAKETIME=-1h",
     .key_in = "~/.ssh/authorized_keys",
     .needs = "test -n \"$F\"",
     .hours = -1},
    {.name = "bash that prints", .shell = "/bin/bash", .setup = NOISE(".bashrc", "echo noise")},
    {.name = "a shell that prints a lot",
     .shell = "/bin/bash",
     .setup = NOISE(".bashrc", "head -c 5000 /dev/zero | tr '\\0' x"),
     .code = VF_E_UNSUPPORTED,
     .words = "prints 5000 bytes before any command"},
    {.name = "a shell that prints a lot to others",
     .extra = "ListenAddress 127.0.2.3\n",
     .shell = "/bin/bash",
     .setup = NOISE(".bashrc", "case $SSH_CONNECTION in *' 127.0.2.3 '*) "
                               "head -c 5000 /dev/zero | tr '\\0' x;; esac"),
     .dial = "127.0.2.3",
     .code = VF_E_UNSUPPORTED,
     .words = "prints more than 4096 bytes before any command"},
    {.name = "tcsh that prints",
     .shell = "/bin/tcsh",
     .setup = NOISE(".tcshrc", "echo noise"),
     .both = true},
    {.name = "fish that prints",
     .shell = "/usr/bin/fish",
     .setup = "mkdir -p ~/.config/fish && " NOISE(".config/fish/config.fish", "echo noise"),
     .both = true},
    {.name = "zsh that prints", .shell = "/bin/zsh", .setup = NOISE(".zshenv", "echo noise")},
    {.name = "busybox's ash",
     .shell = "$W/ash",
     .needs = "busybox=$(command -v busybox) && ln -s \"$busybox\" ash"},
    {.name = "a restricted shell", .shell = "/bin/rbash", .both = true},
    {.name = "a restricted shell without sh",
     .shell = "/bin/rbash",
     .setup = NOISE(".bashrc", "PATH=/nowhere"),
     .code = VF_E_UNSUPPORTED,
     .words = "sh: command not found"},
    {.name = "nologin",
     .shell = "/usr/sbin/nologin",
     .code = VF_E_UNSUPPORTED,
     .words = "(it answers: This account is currently not available.)"},
    {.name = "false", .shell = "/bin/false", .code = VF_E_UNSUPPORTED, .words = "no commands"},
    {.name = "sudo",
     .extra = OWN_KEYS,
     .setup = SUDO("NOPASSWD: ALL"),
     .sudo = true,
     .key_in = FERRY_KEYS},
    {.name = "sudo that prints",
     .extra = OWN_KEYS "SetEnv PATH=$W:/usr/bin:/bin\n",
     .setup = SUDO("NOPASSWD: ALL") " && cat >sudo <<'EOF' && chmod 755 sudo\n#!/bin/sh\n"
                                    "echo We trust you have received the usual lecture\n"
                                    "exec /usr/bin/sudo \"$@\"\nEOF",
     .sudo = true,
     .key_in = FERRY_KEYS},
    {.name = "sudo with a password",
     .extra = OWN_KEYS,
     .setup = SUDO("ALL"),
     .sudo = true,
     .code = VF_E_PERMISSION,
     .words = "a password is required): allow it with a NOPASSWD rule"},
    {.name = "sudo for something else",
     .extra = OWN_KEYS,
     .setup = SUDO("NOPASSWD: /usr/bin/apt"),
     .sudo = true,
     .code = VF_E_PERMISSION,
     .words = "NOPASSWD"},
    {.name = "sudo that wants a terminal",
     .extra = OWN_KEYS,
     .setup = SUDO("NOPASSWD: ALL\nDefaults requiretty"),
     .sudo = true,
     .code = VF_E_PERMISSION,
     .words = "Defaults:ferry !requiretty"},
    {.name = "no sudo",
     .extra = OWN_KEYS "SetEnv PATH=$W\n",
     .setup = SUDO("NOPASSWD: ALL") " && ln -s /bin/sh sh",
     .sudo = true,
     .code = VF_E_PERMISSION,
     .words = "install sudo there"},
    {.name = "a PATH without sbin",
     .extra = "AuthorizedKeysFile $W/keys/%u\nSetEnv PATH=/usr/bin:/bin\n",
     .setup = "mkdir keys && cp $A keys/root",
     .key_in = "keys/root"},
    {.name = "busybox before all else",
     .extra = OWN_KEYS "SetEnv PATH=$W/bin\n",
     .setup = KEYS " && mkdir bin && $(command -v busybox) --install -s $W/bin",
     .key_in = "~/.ssh/authorized_keys",
     .needs = "command -v busybox"},
    {.name = "no flock and no getent",
     .extra = OWN_KEYS,
     .setup = KEYS " && for p in flock getent; do mount --bind /dev/null $(command -v $p); done",
     .key_in = "~/.ssh/authorized_keys"},
    {.name = "no awk",
     .setup = "mount --bind /dev/null $(readlink -f $(command -v awk))",
     .code = VF_E_UNSUPPORTED,
     .words = "the program awk is missing there"},
    {.name = "umask 000", .extra = OWN_KEYS, .setup = KEYS " && umask 000"},
    {.name = "umask 077", .extra = OWN_KEYS, .setup = KEYS " && umask 077"},
    {.name = "a home directory that is read-only",
     .setup = "mount --bind ~ ~ && mount -o remount,bind,ro ~"},
    {.name = "/run without programs", .setup = SMALL_RUN("noexec")},
    {.name = "/run without room", .setup = SMALL_RUN("size=1m")},
    {.name = "no place for programs",
     .setup = SMALL_RUN("noexec") " && for d in /tmp /var/tmp ~; do "
                                  "mount --bind $d $d && mount -o remount,bind,noexec $d; done",
     .code = VF_E_PERMISSION,
     .words = "none of these may hold programs"},
    {.name = "no room anywhere",
     .setup =
         SMALL_RUN("size=1m") " && mount --bind /tmp /tmp && "
                              "mount -o remount,bind,noexec /tmp && "
                              "for d in /var/tmp ~; do mount -t tmpfs -o size=1m none $d; done",
     .code = VF_E_NOSPACE,
     .words = "/run (full), /tmp, /var/tmp (full), "},
    {.name = "one session a connection", .extra = "MaxSessions 1\n", .both = true},
    {.name = "no session at all",
     .extra = "MaxSessions 0\n",
     .both = true,
     .code = VF_E_PERMISSION,
     .words = "MaxSessions"},
    {.name = "a host that hangs up on most", .extra = "MaxStartups 1:50:100\n", .crowded = true},
};

static char *expand(const char *text, const char *w)
{
    vf_autobuf struct vf_buf b = {0};
    for (const char *hit; (hit = strchr(text, '$')); text = hit + 2) {
        vf_buf_add(&b, text, (size_t)(hit - text));
        vf_buf_puts(&b, hit[1] == 'W' ? w : faketime);
    }
    vf_buf_puts(&b, text);
    return vf_buf_take(&b);
}

static bool start(const struct row *row, struct server *s, const char *name, const char *address,
                  const char *w)
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
static char *state_of(const struct server *s, const char *w)
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

static bool holds_key(const struct server *s, const char *w, const char *path)
{
    vf_autofree char *ns = vf_asprintf("--mount=/proc/%d/ns/mnt", (int)s->proc.pid);
    vf_autofree char *grep = vf_asprintf("cd %s && grep -q vmferry-job-odd %s", w, path);
    return run((const char *[]){"nsenter", ns, "sh", "-c", grep, NULL}) == 0;
}

/* By the host's clock the key is good for a day, give or take what this machine's load may take. */
static bool lasts_a_day(const struct server *s, const struct row *row)
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
static int go(const struct row *row, struct vf_ssh *ssh, struct vf_mover_host **a,
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
    struct vf_route_opts ro = {.addresses = addresses,
                               .port = vf_ssh_port(ssh),
                               .user = vf_ssh_user(ssh),
                               .host_key = vf_ssh_host_key(ssh),
                               .source_label = "a1",
                               .target_label = "b2",
                               .streams = 1};
    return (*r = vf_route_open(*a, *b, &ro, err)) ? 0 : -1;
}

static void try_open(const struct row *row, const struct server *s, int transport, const char *w)
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
    if (row->lost && b) {
        vf_session_free(VF_STEAL(b->session));
        bool there = true;
        for (int i = 0; i < 500 && there; i++, usleep(20000))
            there = holds_key(s, w, row->key_in);
        ok(!there, "... and its owner takes it back");
    }
    vf_route_free(r);
    vf_mover_host_free(a);
    vf_mover_host_free(b);
    vf_ssh_free(ssh);
    client_clear(&c);
}

static void try_row(const struct row *row, int i, int transport)
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
        vf_autofree char *after = state_of(&s, w);
        is_str(after, before, "... and all is as before");
    }
    stop(&s);
    vf_autofree char *clear = vf_asprintf("chattr -R -i -a %s 2>/dev/null; :", w);
    run((const char *[]){"sh", "-c", clear, NULL});
}

int main(int argc, char **argv)
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
    for (size_t i = 0; i < VF_COUNT(rows); i++) {
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
