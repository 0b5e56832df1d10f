/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "conf/conf.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static struct vf_conf *parse(const char *text, struct vf_error **err)
{
    return vf_conf_parse(text, strlen(text), "/etc/x/t.conf", err);
}

#define FP32                                                                                       \
    "aa:BB:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:"   \
    "88:99"

static const char FULL[] =
    "clusters = ( {\n"
    "  name = \"alpha\"; type = \"pve\";\n"
    "  url = [ \"https://10.0.0.1:8006\", \"https://[fd00::1]/\", \"https://pve.example\" ];\n"
    "  user = \"admin@site@pve\"; secret-file = \"pw\"; fingerprint = [ \"" FP32 "\", \"" FP32
    "\" ];\n"
    "  ca-file = \"~/ca.pem\"; verify = false;\n"
    "  ssh = { user = \"ops\"; port = 2222; key = \"/k\"; known-hosts = \"kh\"; config = "
    "\"none\";\n"
    "          password-command = \"pass show x\"; sudo = true; transport = \"openssh\"; };\n"
    "  nodes = ( { name = \"a1\"; address = \"10.1.1.1\"; data-address = \"10.2.1.1\";\n"
    "              ssh = { port = 23; sudo = false; }; }, { name = \"a2\"; } );\n"
    "  storages = ( { name = \"shared\"; address = \"san\"; path = \"/pool0/san\"; },\n"
    "               { name = \"shared\"; node = \"a2\"; path = \"/mnt/san\"; } );\n"
    "}, { name = \"beta\"; type = \"pve\"; url = \"https://b\"; token = \"root@pam!ferry\";\n"
    "     secret-command = \"pass show y\"; via = \"ops@gate:23\";\n"
    "     nodes = ( { name = \"b1\"; ssh = { jump = \"none\"; }; }, { name = \"b2\"; } ); } );\n";

static void test_full(void)
{
    vf_autoerror struct vf_error *e = NULL;
    setenv("HOME", "/home/op", 1);
    vf_auto(vf_conf_free) struct vf_conf *c = parse(FULL, &e);
    if (!ok(c != NULL, "everything is read"))
        printf("# %s\n", vf_error_text(e));
    if (!c)
        return;
    const struct vf_cluster_conf *a = vf_conf_cluster(c, "alpha", &e);
    ok(c->n_clusters == 2 && a == &c->clusters[0], "clusters");
    is_str(a->urls[0], "https://10.0.0.1:8006", "url 0");
    is_str(a->urls[1], "https://[fd00::1]:8006", "url 1 gets a port and loses its slash");
    is_str(a->urls[2], "https://pve.example:8006", "url 2 gets a port");
    ok(!a->urls[3], "three urls");
    is_str(a->user, "admin@site@pve", "user with an @");
    is_str(a->secret_file, "/etc/x/pw", "relative paths are relative to the file's folder");
    is_str(a->ca_file, "/home/op/ca.pem", "~/ is the home directory");
    ok(vf_strv_len(a->fingerprints) == 2 && vf_starts(a->fingerprints[1], "AA:BB:CC:") &&
           vf_ends(a->fingerprints[1], ":99"),
       "fingerprints, upper case");
    ok(!a->verify && c->clusters[1].verify, "verify, and its default");
    is_str(a->ssh.user, "ops", "ssh user");
    ok(a->ssh.port == 2222 && a->ssh.sudo == 1 && a->ssh.transport == VF_SSH_OPENSSH,
       "ssh numbers");
    is_str(a->ssh.known_hosts, "/etc/x/kh", "known-hosts");
    is_str(a->ssh.config, "none", "config = none stays");
    is_str(a->ssh.password_command, "pass show x", "password-command");
    const struct vf_node_conf *n = vf_conf_node(a, "a1");
    ok(n && n->ssh.port == 23 && n->ssh.sudo == 0 && n->ssh.transport == -1, "node's ssh");
    is_str(n->data_address, "10.2.1.1", "data-address");
    ok(vf_conf_node(a, "a3") == NULL, "a node that is not there");
    ok(vf_conf_node(a, "a2")->ssh.sudo == -1, "what is not set is -1");
    is_str(vf_conf_storage(a, "shared", "a1")->path, "/pool0/san", "storage of all nodes");
    is_str(vf_conf_storage(a, "shared", "a2")->path, "/mnt/san", "storage of one node");
    ok(vf_conf_storage(a, "other", "a2") == NULL, "a storage that is not there");
    is_str(c->clusters[1].urls[0], "https://b:8006", "a plain string as url");
    is_str(c->clusters[1].token, "root@pam!ferry", "token");
    is_str(c->clusters[1].via, "ops@gate:23", "via");
    is_str(c->clusters[1].ssh.jump, "ops@gate:23", "which is how ssh goes, too");
    is_str(c->clusters[1].nodes[0].ssh.jump, "none", "where nothing else is said");
    vf_auto(vf_conf_free) struct vf_conf *u = parse(
        "clusters = ( { name = \"a\"; type = \"pve\"; url = \"https://a\"; user = \"jdoe\"; },\n"
        "             { name = \"b\"; type = \"pve\"; url = \"https://b\"; } );",
        &e);
    ok(u && vf_streq(u->clusters[0].user, "jdoe"), "a user without realm");
    ok(u && !u->clusters[1].user && !u->clusters[1].token, "no user: who logs in is asked");

    struct vf_ssh_conf s;
    vf_ssh_conf_init(&s);
    vf_ssh_conf_inherit(&s, &n->ssh);
    vf_ssh_conf_inherit(&s, &a->ssh);
    ok(s.port == 23 && s.sudo == 0 && s.transport == VF_SSH_OPENSSH, "the nearer value wins");
    is_str(s.user, "ops", "and what it lacks is inherited");
    vf_ssh_conf_free(&s);

    ok(!vf_conf_cluster(c, "gam\033ma", &e) && vf_error_code(e) == VF_E_USAGE, "unknown cluster");
    is_str(vf_error_text(e),
           "/etc/x/t.conf knows no cluster \"gam\\x1bma\" (it knows: alpha, beta)", "its message");
}

/* ESXi hosts, and exported VMs that need no configuration. */
static void test_esxi(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_conf_free) struct vf_conf *c =
        parse("clusters = ( { name = \"esx1.example.com\"; type = \"esxi\"; },\n"
              " { name = \"vc\"; type = \"esxi\"; url = \"https://vc.example.com:8443/\";\n"
              "   user = \"administrator@vsphere.local\"; way = \"api\"; secret-file = \"x\";\n"
              "   fingerprint = \"" FP32 "\"; },\n"
              " { name = \"old\"; type = \"esxi\"; url = \"https://10.0.0.3\"; way = \"ssh\";\n"
              "   old-tls = true; ssh = { legacy = true; port = 2222; }; } );",
              &e);
    if (!ok(c && c->n_clusters == 3, "ESXi hosts are read"))
        printf("# %s\n", vf_error_text(e));
    if (!c)
        return;
    struct vf_cluster_conf *esx = &c->clusters[0], *vc = &c->clusters[1], *old = &c->clusters[2];
    is_str(esx->urls[0], "https://esx1.example.com", "the name is the address");
    is_str(esx->user, "root", "the user is root");
    ok(!esx->way && !esx->old_tls && esx->ssh.legacy == -1, "nothing else is set");
    is_str(vc->urls[0], "https://vc.example.com:8443", "a vCenter's address");
    is_str(vc->user, "administrator@vsphere.local", "its user");
    is_str(vc->way, "api", "its way");
    is_str(old->urls[0], "https://10.0.0.3", "no port of Proxmox VE's is put in");
    ok(vf_streq(old->way, "ssh") && old->old_tls && old->ssh.legacy == 1, "an old host");
    struct vf_ssh_conf s;
    vf_ssh_conf_init(&s);
    vf_ssh_conf_inherit(&s, &old->ssh);
    ok(s.legacy == 1, "legacy is inherited");
    vf_ssh_conf_free(&s);

    const struct vf_cluster_conf *f = vf_conf_cluster(c, "/srv/export/web.ova", &e);
    ok(f && vf_streq(f->type, "files") && vf_streq(f->urls[0], "/srv/export/web.ova") &&
           !f->urls[1] && f->verify && f->ssh.port == 0 && f->ssh.sudo == -1,
       "a path is a cluster");
    ok(f == vf_conf_cluster(c, "/srv/export/web.ova", &e), "the same path is the same");
    ok(f != vf_conf_cluster(c, "/srv/export", &e), "another one is another");
    ok(!vf_conf_cluster(c, "/srv/\033[2J", &e) && vf_error_code(e) == VF_E_USAGE,
       "a path with control bytes is refused");
}

#define ESXI "clusters = ( {\n name = \"a\"; type = \"esxi\";\n"
#define HEAD "clusters = ( {\n name = \"a\"; type = \"pve\";\n url = \"https://h\";\n"
#define USER " user = \"root@pam\";\n"
#define TAIL "} );\n"

/* What is wrong, and a piece of the message that must say so. */
static const struct {
    const char *text, *want;
} wrong[] = {
    {"", "t.conf:0: vmferry.conf needs the key \"clusters\""},
    {"clusters = ();", "t.conf:1: clusters must have at least 1 entry"},
    {"clusters = { };", "t.conf:1: clusters must be a list of groups"},
    {"clusters = ( 1 );", "must be a group"},
    {"clusters = ( {", "t.conf:1: syntax error"},
    {"\n\ncluster = 1;", "t.conf:3: vmferry.conf has no key \"cluster\" (it has: clusters)"},
    {HEAD " secret-file = \"x\";\n" TAIL, "has a secret, but neither a user nor a token"},
    {HEAD USER " token = \"root@pam!x\";\n" TAIL, "the cluster \"a\" has a user and a token"},
    {HEAD USER " pasword = \"x\";\n" TAIL,
     "t.conf:5: a cluster has no key \"pasword\" (it has: name, "},
    {HEAD USER " verify = 1;\n" TAIL, "t.conf:5: verify must be true or false"},
    {HEAD USER " secret-file = true;\n" TAIL, "t.conf:5: secret-file must be a text in quotes"},
    {HEAD USER " secret-file = \"\";\n" TAIL,
     "t.conf:5: secret-file is \"\", but must not be empty"},
    {HEAD USER " secret-file = \"a\"; secret-command = \"b\";\n" TAIL, "exclude each other"},
    {HEAD USER " ssh = { port = 65536; };\n" TAIL, "port is 65536, but must be from 1 to 65535"},
    {HEAD USER " ssh = { port = -1; };\n" TAIL, "port is -1, but"},
    {HEAD USER " ssh = { port = \"22\"; };\n" TAIL, "port must be a whole number"},
    {HEAD USER " ssh = { port = 22.0; };\n" TAIL, "port must be a whole number"},
    {HEAD USER " ssh = { prot = 22; };\n" TAIL,
     "t.conf:5: ssh has no key \"prot\" (it has: user, port"},
    {HEAD USER " ssh = { transport = \"telnet\"; };\n" TAIL,
     "transport is \"telnet\", but must be one of \"auto\", \"libssh2\", \"openssh\""},
    {HEAD USER " ssh = { user = \"-oProxyCommand\"; };\n" TAIL, "must not begin with \"-\""},
    {HEAD USER " ssh = { password-file = \"a\"; password-command = \"b\"; };\n" TAIL, "exclude"},
    {HEAD USER " nodes = ( { address = \"x\"; } );\n" TAIL, "a node needs the key \"name\""},
    {HEAD USER " nodes = ( { name = \"x\"; }, { name = \"x\"; } );\n" TAIL,
     "the node \"x\" is there twice"},
    {HEAD USER " storages = ( { name = \"x\"; path = \"rel\"; } );\n" TAIL,
     "must be an absolute path"},
    {HEAD USER " storages = ( { name = \"x\"; }, { name = \"x\"; } );\n" TAIL, "is there twice"},
    {HEAD USER " fingerprint = \"AA:BB\";\n" TAIL, "SHA-256 fingerprint"},
    {HEAD USER " fingerprint = \"" FP32 ":00\";\n" TAIL, "SHA-256 fingerprint"},
    {HEAD " user = \"ro ot\";\n" TAIL, "t.conf:4: user is \"ro ot\", but must be USER@REALM"},
    {HEAD " user = \"@pam\";\n" TAIL, "must be USER@REALM"},
    {HEAD " token = \"root@pam\";\n" TAIL, "must be USER@REALM!NAME"},
    {HEAD " token = \"root@pam!x=4711-secret\";\n" TAIL, "must be USER@REALM!NAME"},
    {HEAD USER TAIL "clusters = ();", "duplicate"},
    {"clusters = ( { name = \"a\"; type = \"xen\"; url = \"https://h\"; } );",
     "type is \"xen\", but must be one of \"pve\""},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = \"http://h\"; } );",
     "must be https://HOST:PORT"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = \"https://h:0\"; } );",
     "must be https://"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = \"https://u@h\"; } );",
     "must be https://"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = \"https://h/x\"; } );",
     "must be https://"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = [ ]; } );", "url must not be empty"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = [ 1 ]; } );", "url must be a text"},
    {"clusters = ( { name = \"a b\"; type = \"pve\"; url = \"https://h\"; } );",
     "must consist of letters"},
    {"clusters = ( { name = \"a\"; type = \"pve\"; url = \"https://h\"; user = \"r@p\"; },\n"
     "{ name = \"a\"; type = \"pve\"; url = \"https://h\"; user = \"r@p\"; } );",
     "the cluster \"a\" is there twice"},
    {HEAD USER " way = \"api\";\n" TAIL, "the cluster \"a\": way is for type = \"esxi\" only"},
    {HEAD USER " old-tls = true;\n" TAIL, "t.conf:1: the cluster \"a\": old-tls is for type"},
    {ESXI " way = \"telnet\";\n" TAIL, "way is \"telnet\", but must be one of \"api\", \"ssh\""},
    {ESXI " token = \"root@pam!x\";\n" TAIL, "token is Proxmox VE's"},
    {ESXI " storages = ( { name = \"x\"; } );\n" TAIL, "storages is for Proxmox VE's"},
    {ESXI " ssh = { sudo = true; };\n" TAIL, "sudo cannot be: an ESXi host"},
    {ESXI " fingerprint = \"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\";\n" TAIL,
     "must be the SHA-256 fingerprint, not the SHA-1 one"},
    {"clusters = ( { name = \"a\"; type = \"files\"; url = \"https://h\"; } );",
     "must be one of \"pve\", \"esxi\""},
    {"clusters = ( {\n name = \"a\"; type = \"pve\"; } );", "a cluster needs the key \"url\""},
    {"\n  @include \"/etc/passwd\"\n", "t.conf:2: @include is not allowed here"},
};

static void test_wrong(void)
{
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_auto(vf_conf_free) struct vf_conf *c = parse(wrong[i].text, &e);
        bool good = !c && vf_error_code(e) == VF_E_USAGE && strstr(vf_error_text(e), wrong[i].want);
        if (!ok(good, "refused: %s", wrong[i].want))
            printf("# got %s\n", e ? vf_error_text(e) : "no error");
    }
    vf_autoerror struct vf_error *e = NULL;
    ok(!vf_conf_parse("a\0b", 3, "t", &e), "a file with a NUL byte");
}

static void test_files(void)
{
    char dir[] = "/tmp/vmferry-conf-test.XXXXXX";
    if (!mkdtemp(dir))
        return (void)ok(false, "mkdtemp");
    vf_autofree char *sub = vf_asprintf("%s/vmferry", dir);
    vf_autofree char *path = vf_asprintf("%s/vmferry.conf", sub);
    vf_autoerror struct vf_error *e = NULL, *none = NULL, *loose = NULL, *dflt = NULL;
    ok(!vf_conf_load(path, &none) && vf_error_code(none) == VF_E_USAGE, "a file that is not there");
    ok(vf_mkdirs(sub, 0700, &e) == 0 && vf_replace_file(path, FULL, strlen(FULL), 0600, &e) == 0,
       "a file is written");
    vf_auto(vf_conf_free) struct vf_conf *c = vf_conf_load(path, &e);
    vf_autofree char *want = vf_asprintf("%s/pw", sub);
    ok(c != NULL, "and read");
    is_str(c ? c->clusters[0].secret_file : NULL, want, "paths are relative to its folder");
    is_str(c ? c->path : NULL, path, "its path is kept");

    setenv("XDG_CONFIG_HOME", dir, 1);
    vf_auto(vf_conf_free) struct vf_conf *d = vf_conf_load(NULL, &e);
    is_str(d ? d->path : NULL, path, "found by XDG_CONFIG_HOME");
    ok(chmod(path, 0620) == 0, "others may write it");
    ok(!vf_conf_load(path, &loose) && strstr(vf_error_text(loose), "chmod go-w"), "refused");
    unlink(path);
    if (access("/etc/vmferry/vmferry.conf", F_OK) == 0)
        skip("no default file", "this machine has one in /etc");
    else
        ok(!vf_conf_load(NULL, &dflt) && strstr(vf_error_text(dflt), "no configuration found") &&
               strstr(vf_error_text(dflt), "a terminal, to make one"),
           "no default file, and what makes one");
    rmdir(sub);
    rmdir(dir);
}

/* The sample that people copy must be one that works. */
static void test_sample(void)
{
    const char *top = getenv("top_srcdir");
    vf_autofree char *path = vf_asprintf("%s/data/vmferry.conf.sample", top ? top : ".");
    vf_autoerror struct vf_error *e = NULL;
    size_t n = 0;
    vf_autofree char *text = vf_read_file(path, 1024 * 1024, &n, &e);
    vf_auto(vf_conf_free) struct vf_conf *c = text ? vf_conf_parse(text, n, path, &e) : NULL;
    if (!ok(c && c->n_clusters == 3, "the sample is read"))
        printf("# %s\n", vf_error_text(e));
}

int main(void)
{
    test_sample();
    test_full();
    test_esxi();
    test_wrong();
    test_files();
    return done_testing();
}
