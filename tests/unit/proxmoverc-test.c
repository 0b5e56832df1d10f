/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "conf/conf.h"
#include "conf/proxmoverc.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static const char FULL[] = "; two clusters\n"
                           "[pve:alpha]\n"
                           "api=https://mover@pve:s3:cr@t@alpha.example.com:443\n"
                           "\n"
                           "  [storage:alpha:san] ; on all nodes\n"
                           "  ssh=root@san.example.com:2222\n"
                           "  path=/pool0/san/images\n"
                           "  temp=/pool0/san/private\n"
                           "  [storage:alpha:local@a1]\n"
                           "  SSH = ops@a1.example.com\n"
                           "  path = zfs:a1/images\n"
                           "  temp = /srv/temp\n"
                           "  [storage:alpha:other@a1]\n"
                           "  ssh=ops@a1.example.com\n"
                           "  path=/srv/images\n"
                           "  temp=/srv/temp\n"
                           "[pve:beta]\r\n"
                           "api=https://root@pam@[fd00::1]\r\n"
                           "[storage:beta:odd]\n"
                           "ssh=root@san\n"
                           "path=/srv/vms\n"
                           "temp=/t\n"
                           "[storage:beta:*]\n"
                           "ssh=ops@x:23\n"
                           "path=/srv/images\n"
                           "temp=/t\n";

static void test_full(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p =
        vf_proxmoverc_read(FULL, strlen(FULL), "rc", true, &e);
    if (!ok(p != NULL, "read"))
        printf("# %s\n", vf_error_text(e));
    if (!p)
        return;
    vf_auto(vf_conf_free) struct vf_conf *c =
        vf_conf_parse(p->text, strlen(p->text), "/x/vmferry.conf", &e);
    if (!ok(c != NULL, "what it becomes is read"))
        printf("# %s\n%s\n", vf_error_text(e), p->text);
    if (!c)
        return;
    const struct vf_cluster_conf *a = vf_conf_cluster(c, "alpha", NULL),
                                 *b = vf_conf_cluster(c, "beta", NULL);
    is_str(a->urls[0], "https://alpha.example.com:443", "url");
    is_str(a->user, "mover@pve", "user");
    is_str(a->secret_file, "/x/alpha.password", "the password is in a file of its own");
    ok(p->n_logins == 1 && vf_streq(vf_secret_text(p->logins[0].password), "s3:cr@t"),
       "the password, with : and @");
    ok(!strstr(p->text, "s3:cr@t"), "is not in the configuration");
    is_str(b->urls[0], "https://[fd00::1]:8006", "an address without a port");
    is_str(b->user, "root@pam", "a user without a password");
    ok(!b->secret_file, "who is asked for it");
    const struct vf_storage_conf *s = vf_conf_storage(a, "san", "a2");
    is_str(s ? s->address : NULL, "san.example.com", "a shared storage's host");
    is_str(s ? s->path : NULL, "/pool0/san", "and the folder that holds images/");
    ok(s && s->ssh.port == 2222 && vf_streq(s->ssh.user, "root"), "and how to log in there");
    const struct vf_node_conf *n = vf_conf_node(a, "a1");
    is_str(n ? n->address : NULL, "a1.example.com", "a node's address");
    is_str(n ? n->ssh.user : NULL, "ops", "and user");
    ok(a->n_nodes == 1 && a->n_storages == 1, "each once");
    ok(b->n_storages == 0 && b->ssh.port == 23 && vf_streq(b->ssh.user, "ops"),
       "a storage for all names is the cluster's ssh");
    static const char *const notes[] = {
        "rc:8: temp is not needed",       "rc:11: path is not needed: Proxmox VE tells",
        "rc:18: api names no port: 8006", "rc:20: ssh is left out",
        "rc:21: path has no counterpart", "rc:24: of a storage for all names only user and port",
    };
    vf_autofree char *all = vf_strv_join(p->notes, "\n");
    for (size_t i = 0; i < VF_COUNT(notes); i++)
        ok(strstr(all, notes[i]) != NULL, "said: %s", notes[i]);
    ok(!strstr(all, "s3:cr@t"), "no password in what is said");
}

static const struct {
    const char *text, *want;
} wrong[] = {
    {"", "has no section [pve:CLUSTER]"},
    {"x=1\n", "rc:1: this is in no section"},
    {"[DEFAULT]\n", "rc:1: there is no section [DEFAULT]"},
    {"[pve:a\n", "rc:1: a section must be"},
    {"[pve:a] b\n", "rc:1: a section must be"},
    {"[pve:a b]\n", "rc:1: names in [pve:a b] must consist"},
    {"[pve:]\n", "must consist"},
    {"[storage:a]\n", "must consist"},
    {"[pve:a]\n\nurl=x\n", "rc:3: this section has no key \"url\" (it has: api)"},
    {"[pve:a]\napi\n", "rc:2: this is no KEY = VALUE"},
    {"[pve:a]\napi=\n", "rc:2: api must not be empty"},
    {"[pve:a]\napi=https://u@pve:p@h\napi=https://u@pve:p@h\n", "rc:3: api is there twice"},
    {"[pve:a]\napi=https://u@pve:p@h\n[pve:a]\n", "rc:3: [pve:a] is there twice"},
    {"[pve:a]\n", "rc:1: the section needs the key \"api\""},
    {"[pve:a]\napi=http://u@pve:p@h\n", "rc:2: api must be https://USER@REALM:PASSWORD@HOST"},
    {"[pve:a]\napi=https://u:p@h\n", "api must be"},
    {"[pve:a]\napi=https://u@pve:p@h:0\n", "api must be"},
    {"[storage:a:b]\nssh=r@h\npath=/p\ntemp=/t\n", "rc:1: there is no section [pve:a]"},
    {"[pve:a]\napi=https://u@pve:p@h\n[storage:a:b]\nssh=-oX@h\npath=/p\ntemp=/t\n",
     "rc:4: ssh must be USER@HOST"},
    {"[pve:a]\napi=https://u@pve:p@h\n[storage:a:b]\nssh=h\npath=p\ntemp=/t\n",
     "rc:5: path must be absolute"},
    {"[pve:a]\napi=https://u@pve:p@h\n[storage:a:b]\nssh=h\npath=/p\ntemp=t\n",
     "rc:6: temp must be an absolute"},
};

static void test_wrong(void)
{
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p =
            vf_proxmoverc_read(wrong[i].text, strlen(wrong[i].text), "rc", true, &e);
        bool good = !p && vf_error_code(e) == VF_E_USAGE && strstr(vf_error_text(e), wrong[i].want);
        if (!ok(good, "refused: %s", wrong[i].want))
            printf("# got %s\n", e ? vf_error_text(e) : "no error");
        ok(!e || !strstr(vf_error_text(e), ":p@"), "and no password in what is said");
    }
}

/* As it is, where a vmferry.conf could be. */
static void test_direct(void)
{
    char path[] = "/tmp/vmferry-rc-test.XXXXXX";
    int fd = mkstemp(path);
    ok(fd >= 0 && vf_write_full(fd, FULL, strlen(FULL)) == 0 && close(fd) == 0, "a file");
    vf_auto(vf_conf_free) struct vf_conf *c = vf_conf_load(path, NULL);
    ok(c && c->n_clusters == 2, "is taken as a configuration");
    is_str(c ? vf_secret_text(c->clusters[0].secret) : NULL, "s3:cr@t", "with its password");
    ok(c && !c->clusters[0].secret_file && !c->clusters[1].secret, "and no file for it");
    vf_autoerror struct vf_error *e = NULL;
    ok(chmod(path, 0644) == 0 && !vf_conf_load(path, &e) && strstr(vf_error_text(e), "chmod 600"),
       "but not one that others can read");
    unlink(path);
    ok(vf_is_proxmoverc("\n ; x\n# [\n  [pve:a]") && !vf_is_proxmoverc("") &&
           !vf_is_proxmoverc("# [x]\nclusters = (") && !vf_is_proxmoverc(";"),
       "known by its content");
}

int main(void)
{
    test_full();
    test_wrong();
    test_direct();
    return done_testing();
}
