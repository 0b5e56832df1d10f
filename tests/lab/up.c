/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `vmferry-lab up`: addresses, keys, secrets, one process per cluster, the configuration to use
 * them. */
#include "config.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "tests/lab/esxi.h"
#include "tests/lab/lab.h"

#define CLUSTERS 2
#define NODES    2
#define MARKER   ".vmferry-lab"

static const struct {
    const char *profile, *cluster;
    const char *nodes[NODES];
    const char *login; /* how vmferry.conf logs in */
} shapes[] = {
    {"demo", "alpha", {"a1", "a2"}, "password"},
    {"demo", "beta", {"b1", "b2"}, "token"},
    {"many", "alpha", {"a1", "a2"}, "password"},
    {"many", "beta", {"b1", "b2"}, "token"},
    {"captures", "alpha", {"pvealpha1", NULL}, "password"},
    {"captures", "beta", {"pvebeta1", NULL}, "token"},
};

int lab_listen(const char *addr, int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, addr, &sa.sin_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa) || listen(fd, 128)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

struct block {
    char *addrs[CLUSTERS][NODES];
    int fds[CLUSTERS][NODES];
    int ssh_port;
};

static void block_close(struct block *b)
{
    for (int c = 0; c < CLUSTERS; c++)
        for (int n = 0; n < NODES; n++) {
            free(b->addrs[c][n]);
            b->addrs[c][n] = NULL;
            if (b->fds[c][n] >= 0)
                close(b->fds[c][n]);
            b->fds[c][n] = -1;
        }
}

static bool try_block(struct block *b, unsigned hi, unsigned lo)
{
    bool good = true;
    for (int c = 0; c < CLUSTERS; c++)
        for (int n = 0; n < NODES; n++) {
            b->addrs[c][n] = vf_asprintf("127.%u.%u.%d", hi, lo, 10 * (c + 1) + n + 1);
            b->fds[c][n] = lab_listen(b->addrs[c][n], LAB_API_PORT);
            good &= b->fds[c][n] >= 0;
        }
    return good;
}

/* 22 where nothing on this machine has it, else the next that is free on all addresses. */
static int find_ssh_port(const struct block *b)
{
    static const int ports[] = {22, 2222, 2022, 20022, 20122};
    for (size_t p = 0; p < VF_COUNT(ports); p++) {
        bool good = true;
        for (int c = 0; c < CLUSTERS; c++)
            for (int n = 0; n < NODES; n++) {
                int fd = lab_listen(b->addrs[c][n], ports[p]);
                good &= fd >= 0;
                if (fd >= 0)
                    close(fd);
            }
        if (good)
            return ports[p];
    }
    return -1;
}

/* A block 127.B.C.0/24 that no other lab uses; its API ports, held from here on, are the claim. */
static int find_block(struct block *b, const char *dir, struct vf_error **err)
{
    unsigned h = 5381;
    for (const char *p = dir; *p; p++)
        h = h * 33 + (unsigned char)*p;
    for (unsigned i = 0; i < 250; i++, h += 7919) {
        if (try_block(b, 100 + h % 100, 1 + h / 100 % 250)) {
            b->ssh_port = find_ssh_port(b);
            if (b->ssh_port > 0)
                return 0;
        }
        block_close(b);
    }
    return vf_fail(err, VF_E_INTERNAL, "no loopback addresses with port %d are free", LAB_API_PORT);
}

static int write_secret(const char *dir, const char *name, const char *cluster, const char *text,
                        struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/%s-%s", dir, name, cluster);
    vf_autofree char *line = vf_asprintf("%s\n", text);
    return vf_replace_file(path, line, strlen(line), 0600, err);
}

/* The clusters { … } entry of vmferry.conf for one cluster. */
static int describe(struct vf_buf *b, const struct lab_setup *s, const char *login, bool first,
                    struct vf_error **err)
{
    vf_autofree char *path = vf_asprintf("%s/fingerprint-%s", s->dir, s->cluster);
    vf_autofree char *fp = vf_read_file(path, 1000, NULL, err);
    if (!fp)
        return -1;
    fp[strcspn(fp, "\n")] = 0;
    bool token = vf_streq(login, "token");
    vf_buf_printf(
        b, "%s\n  {\n    name = \"%s\";\n    type = \"pve\";\n    url = [ \"https://%s:%d\" ];\n",
        first ? "" : ",", s->cluster, s->addrs[0], LAB_API_PORT);
    vf_buf_printf(b, "    %s;\n    secret-file = \"%s/%s-%s\";\n    fingerprint = \"%s\";\n",
                  token ? "token = \"migrator@pve!ferry\"" : "user = \"root@pam\"", s->dir,
                  token ? "token" : "secret", s->cluster, fp);
    vf_buf_printf(b,
                  "    ssh = { user = \"root\"; port = %d; key = \"%s/id_ed25519\"; known-hosts = "
                  "\"%s/known_hosts\"; config = \"none\"; };\n    nodes = (",
                  s->ssh_port, s->dir, s->dir);
    for (int n = 0; n < NODES && s->node_names[n]; n++)
        vf_buf_printf(b, "%s\n      { name = \"%s\"; address = \"%s\"; }", n ? "," : "",
                      s->node_names[n], s->addrs[n]);
    vf_buf_puts(b, "\n    );\n  }");
    return 0;
}

static int add_known_hosts(struct vf_buf *b, const struct lab_setup *s, struct vf_error **err)
{
    for (int n = 0; n < NODES && s->node_names[n]; n++) {
        vf_autofree char *path =
            vf_asprintf("%s/%s/%s/hostkeys.pub", s->dir, s->cluster, s->node_names[n]);
        vf_autofree char *text = vf_read_file(path, 65536, NULL, err);
        vf_autofree char *host = s->ssh_port == 22
                                     ? vf_strdup(s->addrs[n])
                                     : vf_asprintf("[%s]:%d", s->addrs[n], s->ssh_port);
        if (!text)
            return -1;
        vf_autostrv char **lines = vf_strv_split(text, "\n");
        for (size_t i = 0; lines[i]; i++)
            vf_buf_printf(b, "%s %s\n", host, lines[i]);
    }
    return 0;
}

static int write_configs(const struct lab_setup *s, const char *const *logins,
                         struct vf_error **err)
{
    vf_autobuf struct vf_buf conf = {0}, known = {0};
    const char *dir = s[0].dir;
    vf_buf_puts(&conf, "# made by vmferry-lab up\nclusters = (");
    for (int c = 0; c < CLUSTERS; c++)
        if (describe(&conf, &s[c], logins[c], c == 0, err) || add_known_hosts(&known, &s[c], err))
            return -1;
    vf_buf_puts(&conf, "\n);\n");
    vf_autofree char *cpath = vf_asprintf("%s/vmferry.conf", dir);
    vf_autofree char *kpath = vf_asprintf("%s/known_hosts", dir);
    return vf_replace_file(cpath, conf.data, conf.len, 0644, err) ||
                   vf_replace_file(kpath, known.data, known.len, 0600, err)
               ? -1
               : 0;
}

static int make_secrets(struct lab_setup *s, struct vf_error **err)
{
    vf_autofree char *root = vf_random_hex(8);
    s->passwords[0] = vf_strdup(root);
    s->passwords[1] = vf_strdup("migrator");
    for (int i = 0; i < 2; i++) {
        vf_autofree char *h = vf_random_hex(16);
        s->tokens[i] = vf_asprintf("%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12, h + 16, h + 20);
    }
    return write_secret(s->dir, "secret", s->cluster, s->passwords[0], err) ||
                   write_secret(s->dir, "secret-migrator", s->cluster, s->passwords[1], err) ||
                   write_secret(s->dir, "token", s->cluster, s->tokens[0], err) ||
                   write_secret(s->dir, "token-empty", s->cluster, s->tokens[1], err)
               ? -1
               : 0;
}

static int claim_dir(const char *dir, struct vf_error **err)
{
    vf_autofree char *marker = vf_asprintf("%s/" MARKER, dir);
    if (vf_mkdirs(dir, 0755, err))
        return -1;
    int fd = open(marker, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST
                   ? vf_fail(err, VF_E_CONFLICT,
                             "a lab is already there; end it with: vmferry-lab down --dir %s", dir)
                   : vf_fail_errno(err, errno, "cannot write to %s", dir);
    close(fd);
    return 0;
}

/* "6.4" for all, or "alpha=6.4,beta=9.2": the version of CLUSTER, 8.4 when nothing is said. */
static int parse_version(const char *text, const char *cluster, unsigned *out,
                         struct vf_error **err)
{
    vf_autostrv char **parts = vf_strv_split(text ? text : "", ",");
    const char *wanted = "8.4";
    for (size_t i = 0; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');
        if (eq)
            *eq = 0;
        if (!eq || vf_streq(parts[i], cluster))
            wanted = eq ? eq + 1 : parts[i];
    }
    for (size_t i = 0; i < LAB_VERSIONS; i++)
        if (vf_streq(lab_versions[i].name, wanted)) {
            *out = lab_versions[i].number;
            return 0;
        }
    return vf_fail(err, VF_E_USAGE, "there is no API version '%s': 6.4, 7.4, 8.4 and 9.2 are known",
                   wanted);
}

static int start_clusters(struct lab_setup *s, const char *const *logins, struct vf_error **err)
{
    int ready[CLUSTERS] = {-1, -1}, r = 0;
    for (int c = 0; !r && c < CLUSTERS; c++)
        r = make_secrets(&s[c], err) || lab_daemon_start(&s[c], &ready[c], err) < 0 ? -1 : 0;
    for (int c = 0; c < CLUSTERS; c++)
        if (ready[c] >= 0 && lab_wait_ready(ready[c], s[c].cluster, err))
            r = -1;
    return r ? -1 : write_configs(s, logins, err);
}

static void describe_esxi(const struct lab_options *o, const char *profile, struct esxi *e)
{
    *e = (struct esxi){.lab = o->dir,
                       .name = o->name ? o->name : "esx1",
                       .profile = profile,
                       .version = "7.0.3",
                       .vcenter = o->vcenter,
                       .old_tls = o->old_tls,
                       .ssh_old = o->ssh_old,
                       .ssh_off = o->ssh_off,
                       .no_namespaces = o->no_namespaces,
                       .api_fd = -1,
                       .ready_fd = -1};
}

int lab_esxi(const struct lab_options *o, struct vf_error **err)
{
    struct esxi e;
    vf_autofree char *marker = vf_asprintf("%s/" MARKER, o->dir);
    bool own = access(marker, F_OK) != 0;
    if (own && claim_dir(o->dir, err))
        return -1;
    describe_esxi(o, o->profile ? o->profile : "full", &e);
    e.version = o->versions ? o->versions : e.version;
    int r = esxi_start(&e, err) || esxi_finish(&e, err) ? -1 : 0;
    esxi_clear(&e);
    if (r && own)
        lab_down(o->dir, true, NULL);
    return r;
}

int lab_up(const struct lab_options *o, struct vf_error **err)
{
    struct lab_setup s[CLUSTERS] = {0};
    const char *logins[CLUSTERS] = {0};
    struct block b;
    struct esxi e;
    char exe[4096];
    memset(&b, 0, sizeof b);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return vf_fail_errno(err, errno, "cannot tell where this program is");
    exe[n] = 0;
    if (claim_dir(o->dir, err))
        return -1;
    vf_autofree char *priv = NULL, *pub = NULL,
                     *pub_path = vf_asprintf("%s/id_ed25519.pub", o->dir),
                     *priv_path = vf_asprintf("%s/id_ed25519", o->dir);
    int r = find_block(&b, o->dir, err) ||
            lab_key_ed25519("operator@vmferry-lab", &priv, &pub, err) ||
            vf_replace_file(priv_path, priv, strlen(priv), 0600, err) ||
            vf_replace_file(pub_path, pub, strlen(pub), 0644, err);
    describe_esxi(o, "demo", &e);
    vf_autofree char *simulator = o->esxi ? esxi_program(NULL) : NULL;
    bool esxi = simulator != NULL; /* a build without Go has the clusters alone */
    if (!r && esxi)                /* beside the clusters: it takes as long as they do */
        r = esxi_start(&e, err);
    bool ns = !r && !o->no_namespaces && lab_namespaces_work(o->dir);
    for (size_t i = 0, c = 0; !r && i < VF_COUNT(shapes) && c < CLUSTERS; i++) {
        if (!vf_streq(shapes[i].profile, o->profile))
            continue;
        s[c] = (struct lab_setup){.dir = o->dir,
                                  .cluster = shapes[i].cluster,
                                  .profile = o->profile,
                                  .exe = exe,
                                  .ssh_port = b.ssh_port,
                                  .auth_delay = o->auth_delay,
                                  .namespaces = ns,
                                  .operator_pub = pub};
        r = parse_version(o->versions, s[c].cluster, &s[c].version, err);
        for (int k = 0; k < NODES; k++) {
            s[c].node_names[k] = (char *)shapes[i].nodes[k];
            s[c].addrs[k] = b.addrs[c][k];
            s[c].api_fds[k] = b.fds[c][k];
        }
        logins[c++] = shapes[i].login;
    }
    if (!r && !s[0].cluster)
        r = vf_fail(err, VF_E_USAGE, "there is no profile '%s'", o->profile);
    if (!r)
        r = start_clusters(s, logins, err);
    for (int c = 0; !r && c < CLUSTERS; c++)
        printf("%s https://%s:%d\n", s[c].cluster, s[c].addrs[0], LAB_API_PORT);
    if (e.ready_fd >= 0 && esxi_finish(&e, r ? NULL : err)) /* waited for also to be ended */
        r = -1;
    esxi_clear(&e);
    block_close(&b);
    for (int c = 0; c < CLUSTERS; c++)
        for (int i = 0; i < 2; i++) {
            free(s[c].passwords[i]);
            free(s[c].tokens[i]);
        }
    if (r)
        lab_down(o->dir, true, NULL);
    return r ? -1 : 0;
}
