/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process of one cluster: starts its nodes, content and servers, and ends them all on SIGTERM.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include "tests/lab/lab.h"

static struct lab *new_lab(const struct lab_setup *s)
{
    struct lab *lab = vf_xcalloc(1, sizeof *lab);
    lab->name = vf_strdup(s->cluster);
    lab->dir = vf_strdup(s->dir);
    lab->cdir = vf_asprintf("%s/%s", s->dir, s->cluster);
    lab->exe = vf_strdup(s->exe);
    lab->namespaces = s->namespaces;
    lab->ssh_port = s->ssh_port;
    lab->auth_delay = s->auth_delay;
    lab->version = s->version;
    lab->pools = json_object();
    lab->storage_conf = json_object();
    lab->pool_storages = json_object();
    lab->ha = json_object();
    lab->ha_crm = json_object();
    lab->extra = json_object();
    lab->guests = json_object();
    lab->booted = vf_clock_ms();
    pthread_mutex_init(&lab->lock, NULL);
    pthread_cond_init(&lab->changed, NULL);
    RAND_bytes(lab->key, sizeof lab->key);
    for (int i = 0; i < 2 && s->node_names[i]; i++)
        vf_grow(&lab->nodes, &lab->n_nodes, sizeof *lab->nodes);
    for (size_t i = 0; i < lab->n_nodes; i++) {
        struct lab_node *n = &lab->nodes[i];
        n->lab = lab;
        n->name = vf_strdup(s->node_names[i]);
        n->addr = vf_strdup(s->addrs[i]);
        n->dir = vf_asprintf("%s/%s", lab->cdir, n->name);
        n->api_fd = s->api_fds[i];
        n->id = (int)i + 1;
    }
    return lab;
}

static void add_users(struct lab *lab, const struct lab_setup *s)
{
    const struct lab_user users[] = {
        {"root@pam", NULL, s->passwords[0], false, 0, NULL},
        {"migrator@pve", NULL, s->passwords[1], false, 0, NULL},
        {"migrator@pve", "ferry", s->tokens[0], false, 0, NULL},
        {"migrator@pve", "empty", s->tokens[1], true, 0, NULL},
        {"migrator@pve", "noincoming", s->tokens[0], true, 0, NULL},
        {"nonet@pve", NULL, s->passwords[1], false, 0, NULL},
        {"plain@pve", NULL, s->passwords[1], false, 0, NULL},
        {"plain@pve", "sep", s->tokens[1], true, 0, NULL},
        {.name = "totp@pve", .secret = s->passwords[1]},
        {.name = "webauthn@pve", .secret = s->passwords[1]},
        {.name = "staff@corp", .secret = s->passwords[1]},
        {.name = "migrator@pve", .token = "old", .secret = s->tokens[0], .expire = 1},
    };
    for (size_t i = 0; i < VF_COUNT(users); i++) {
        struct lab_user *u = vf_grow(&lab->users, &lab->n_users, sizeof *lab->users);
        *u = users[i];
        u->secret = vf_strdup(users[i].secret);
    }
    lab_acl_setup(lab);
    static const char *const admins[] = {"migrator@pve", "totp@pve", "webauthn@pve", "staff@corp"};
    for (size_t i = 0; i < VF_COUNT(admins); i++)
        lab_acl_set(lab, "/", admins[i], "Administrator", true, false);
    static const char *const local[] = {"PVEVMAdmin", "PVEDatastoreAdmin", "PVESDNUser"};
    for (size_t i = 0; i < VF_COUNT(local); i++) /* all but Sys.Incoming */
        lab_acl_set(lab, "/", "migrator@pve!noincoming", local[i], true, false);
    /* all that a network card does not need */
    static const char *const paths[] = {"/vms", "/storage", "/nodes", "/pool"};
    for (size_t i = 0; i < VF_COUNT(paths); i++)
        lab_acl_set(lab, paths[i], "nonet@pve", "PVEAdmin", true, false);
}

static int write_authorized(struct lab *lab, const struct lab_setup *s, struct vf_error **err)
{
    vf_autofree char *priv = vf_asprintf("%s/pve/priv", lab->cdir);
    vf_autofree char *path = vf_asprintf("%s/authorized_keys", priv);
    if (vf_mkdirs(priv, 0755, err) || chmod(priv, 0700))
        return vf_fail(err, VF_E_INTERNAL, "cannot make %s", priv);
    return vf_replace_file(path, s->operator_pub, strlen(s->operator_pub), 0600, err);
}

/* What `pvecm updatecerts` writes since 8.1: the node's RSA key, for the other nodes. */
static int publish_key(const struct lab_node *n, struct vf_error **err)
{
    vf_autofree char *from = vf_asprintf("%s/hostkeys.pub", n->dir);
    vf_autofree char *dir = vf_asprintf("%s/pve/nodes/%s", n->lab->cdir, n->name);
    vf_autofree char *path = vf_asprintf("%s/ssh_known_hosts", dir);
    vf_autofree char *keys = vf_read_file(from, 65536, NULL, err);
    const char *rsa = keys ? strstr(keys, "ssh-rsa ") : NULL;
    if (!rsa || vf_mkdirs(dir, 0755, err))
        return -1;
    vf_autofree char *line = vf_asprintf("%s %.*s\n", n->name, (int)strcspn(rsa, "\n"), rsa);
    return vf_replace_file(path, line, strlen(line), 0644, err);
}

/* Everything that must happen while there is one thread, then the threads. */
static int start(struct lab *lab, const struct lab_setup *s, struct vf_error **err)
{
    vf_autofree char *log = vf_asprintf("%s/requests.jsonl", lab->cdir);
    add_users(lab, s);
    lab_demo_shape(lab, s->profile);
    if (write_authorized(lab, s, err))
        return -1;
    lab->log_fd = open(log, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    if (lab->log_fd < 0)
        return vf_fail_errno(err, errno, "cannot write %s", log);
    for (size_t i = 0; i < lab->n_nodes; i++)
        if (lab_node_start(&lab->nodes[i], err))
            return -1;
    lab_schema_load(lab);
    for (size_t i = 0; i < LAB_VERSIONS; i++)
        lab_firewall_schema(lab->schemas[i]);
    lab_firewall_schema(lab->schema);
    if (lab_tls_setup(lab, err))
        return -1;
    for (size_t i = 0; i < lab->n_nodes; i++)
        if (lab_node_wait_ready(&lab->nodes[i], err))
            return -1;
    pthread_mutex_lock(&lab->lock);
    int r = lab_demo_fill(lab, s->profile, err) || lab_demo_extra(lab, s->profile, err) ? -1 : 0;
    pthread_mutex_unlock(&lab->lock);
    if (!r && lab_ha_run(lab))
        r = vf_fail(err, VF_E_INTERNAL, "cannot start a thread");
    for (size_t i = 0; !r && i < lab->n_nodes; i++)
        r = publish_key(&lab->nodes[i], err);
    for (size_t i = 0; !r && i < lab->n_nodes; i++)
        r = lab_node_wait_ssh(&lab->nodes[i], err) || lab_http_serve(&lab->nodes[i], err) ? -1 : 0;
    return r ? -1 : lab_ctl_serve(lab, err);
}

/* Kills every descendant of this process: of a node's first process dies a whole PID namespace, and
 * where there are none, orphans have come to us (PR_SET_CHILD_SUBREAPER). */
static bool kill_children(void)
{
    vf_autofree char *path = vf_asprintf("/proc/self/task");
    DIR *d = opendir(path);
    struct dirent *e;
    bool any = false;
    while (d && (e = readdir(d))) {
        vf_autofree char *list = vf_asprintf("/proc/self/task/%s/children", e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(list, "re");
        int pid;
        while (f && fscanf(f, "%d", &pid) == 1) {
            kill(pid, SIGKILL);
            any = true;
        }
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return any;
}

static void stop(struct lab *lab)
{
    for (size_t i = 0; i < lab->n_nodes; i++)
        if (lab->nodes[i].init > 0)
            kill(lab->nodes[i].init, SIGKILL);
    for (int i = 0; i < 1000; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (!kill_children())
            break;
        usleep(2000);
    }
}

static void daemon_main(const struct lab_setup *s, int ready)
{
    vf_autoerror struct vf_error *err = NULL;
    struct lab *lab = new_lab(s);
    vf_autofree char *log = vf_asprintf("%s/daemon.log", lab->cdir);
    vf_autofree char *pidfile = vf_asprintf("%s/daemon.pid", lab->cdir);
    sigset_t wait_for;
    int sig;
    setsid();
    umask(022);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&wait_for);
    sigaddset(&wait_for, SIGTERM);
    sigaddset(&wait_for, SIGINT);
    sigprocmask(SIG_BLOCK, &wait_for, NULL); /* before the first thread, which inherits it */
    int out = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = vf_mkdirs(lab->cdir, 0755, &err);
    if (!r)
        out = open(log, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    if (!r && (out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0))
        r = vf_fail_errno(&err, errno, "cannot write %s", log);
    if (!r)
        r = lab_pidfile_write(pidfile, getpid(), &err) || start(lab, s, &err) ? -1 : 0;
    if (r) {
        dprintf(ready, "%s", vf_error_text(err));
        stop(lab);
        _exit(1);
    }
    if (write(ready, "\n", 1) == 1)
        close(ready);
    while (sigwait(&wait_for, &sig))
        ;
    stop(lab);
    _exit(0);
}

pid_t lab_daemon_start(const struct lab_setup *s, int *ready_fd, struct vf_error **err)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC))
        return vf_fail_errno(err, errno, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        close(pipes[0]);
        daemon_main(s, pipes[1]);
    }
    close(pipes[1]);
    *ready_fd = pipes[0];
    if (pid < 0)
        return vf_fail_errno(err, errno, "cannot start cluster %s", s->cluster);
    return pid;
}
