/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster is added to vmferry.conf, in whatever way that is written. */
#include "config.h"
#include "conf/added.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *urls[] = {(char *)"https://10.0.0.9:8006", NULL};
static char *prints[] = {
    (char
         *)"AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
           "77:88:99",
    NULL};

static struct vf_cluster_conf new_cluster(void)
{
    return (struct vf_cluster_conf){.name = (char *)"new",
                                    .type = (char *)"pve",
                                    .urls = urls,
                                    .user = (char *)"me\"\\@pve",
                                    .fingerprints = prints};
}

#define OLD                                                                                        \
    "{ name = \"old\"; type = \"pve\"; url = \"https://10.0.0.1:8006\"; user = \"root@pam\"; }"

/* Ways to write a file, all with one cluster. */
static const char *const files[] = {
    "clusters = ( " OLD " );\n",
    "clusters = ( " OLD ", );\n# the end ) of it\n",
    "# clusters = ( nothing );\nclusters : (" OLD "/* ) */ // )\n # \")\n)",
    "/* clusters = (\n*/ clusters=\n(\n  " OLD " // mine\n)\n;\n",
    "clusters = ( { name = \"old\"; type = \"pve\"; url = [ \"https://10.0.0.1:8006\" ]; user = "
    "\"root@pam\"; ssh = { user = \"a)b\\\"\"; }; nodes = ( { name = \"clusters\"; } ); } );",
};

static void test_texts(void)
{
    struct vf_cluster_conf c = new_cluster();
    for (size_t i = 0; i < VF_COUNT(files); i++) {
        vf_autoerror struct vf_error *err = NULL;
        vf_autofree char *text = vf_conf_text_with(files[i], &c, "/x/vmferry.conf", &err);
        vf_auto(vf_conf_free) struct vf_conf *conf =
            text ? vf_conf_parse(text, strlen(text), "/x/vmferry.conf", &err) : NULL;
        bool good = conf && conf->n_clusters == 2 && vf_streq(conf->clusters[0].name, "old") &&
                    vf_streq(conf->clusters[1].user, c.user) &&
                    vf_streq(conf->clusters[1].fingerprints[0], prints[0]);
        if (!ok(good, "it is added to a file that is written in another way"))
            printf("# %s\n# %s\n", vf_error_text(err), text ? text : files[i]);
        /* all that was there is still there, in its order */
        const char *p = files[i], *q = text ? text : "";
        for (; *p && *q; q++)
            p += *p == *q;
        ok(!*p, "and nothing of that is lost");
    }
}

static void test_others(void)
{
    static const char *const empty[] = {"", "# nothing yet\n\n/* nor\n here */\n"};
    struct vf_cluster_conf c = new_cluster();
    for (size_t i = 0; i < VF_COUNT(empty); i++) {
        vf_autofree char *text = vf_conf_text_with(empty[i], &c, "f", NULL);
        ok(text && vf_starts(text, empty[i]), "a file that says nothing becomes one");
    }
    static const char *const wrong[] = {"clusters = (", "[pve:x]\napi=https://root@pam:p@h:8006\n",
                                        "other = 1;\n", "clusters = \"no\";\n"};
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_autoerror struct vf_error *err = NULL;
        vf_autofree char *text = vf_conf_text_with(wrong[i], &c, "/x/vmferry.conf", &err);
        ok(!text && err && strstr(err->text, "/x/vmferry.conf"),
           "one that is wrong is not touched");
    }
    vf_autoerror struct vf_error *err = NULL;
    c.name = (char *)"old";
    vf_autofree char *twice = vf_conf_text_with(files[0], &c, "f", &err);
    ok(!twice && err, "nor is a cluster added that is there");
}

static void test_files(void)
{
    char dir[] = "/tmp/vmferry-added-XXXXXX";
    if (!ok(mkdtemp(dir) != NULL, "a folder"))
        return;
    vf_autofree char *path = vf_asprintf("%s/sub/vmferry.conf", dir),
                     *secret = vf_asprintf("%s/sub/new.password", dir),
                     *link = vf_asprintf("%s/link.conf", dir);
    vf_auto(vf_secret_free) struct vf_secret *s = vf_secret_new("geheim", 6);
    vf_autoerror struct vf_error *err = NULL;
    struct vf_cluster_conf c = new_cluster();
    c.user = (char *)"me@pve";
    ok(vf_conf_save_cluster(path, &c, s, &err) == 0, "it is saved with its folder");
    struct stat st;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner alone");
    ok(stat(secret, &st) == 0 && (st.st_mode & 0777) == 0600, "and so is the secret");
    vf_auto(vf_conf_free) struct vf_conf *conf = vf_conf_load(path, &err);
    ok(conf && vf_streq(conf->clusters[0].secret_file, secret), "the configuration names it");
    vf_auto(vf_secret_free) struct vf_secret *read =
        conf ? vf_secret_from_file(conf->clusters[0].secret_file, &err) : NULL;
    is_str(read ? vf_secret_text(read) : "", "geheim", "and it is the secret");
    vf_str_set(&c.secret_file, NULL);
    ok(vf_conf_save_cluster(path, &c, s, &err) < 0 && strstr(vf_error_text(err), "new.password"),
       "a secret that is there is not replaced");
    vf_error_free(VF_STEAL(err));
    ok(chmod(path, 0640) == 0 && symlink(path, link) == 0, "a link to it");
    c.name = (char *)"other";
    ok(vf_conf_save_cluster(link, &c, NULL, &err) == 0, "by which another is saved");
    ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "stays a link");
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640, "with the mode the file had");
    c.name = (char *)"new";
    vf_autofree char *before = vf_conf_file_text(path, NULL);
    unlink(secret);
    ok(vf_conf_save_cluster(path, &c, s, &err) < 0 && access(secret, F_OK) < 0,
       "what cannot be added leaves no secret behind");
    vf_autofree char *after = vf_conf_file_text(path, NULL);
    is_str(after, before, "nor anything else");
    unlink(link);
    unlink(path);
    vf_autofree char *sub = vf_asprintf("%s/sub", dir);
    rmdir(sub);
    rmdir(dir);
}

/* What an ESXi host needs beside is written too. */
static void test_esxi(void)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_cluster_conf c = new_cluster();
    c.type = (char *)"esxi";
    c.way = (char *)"ssh";
    c.old_tls = true;
    c.ssh.legacy = 1;
    vf_autofree char *text = vf_conf_text_with(files[0], &c, "/x/vmferry.conf", &err);
    vf_auto(vf_conf_free) struct vf_conf *conf =
        text ? vf_conf_parse(text, strlen(text), "/x/vmferry.conf", &err) : NULL;
    const struct vf_cluster_conf *got = conf ? &conf->clusters[1] : NULL;
    if (!ok(got && vf_streq(got->type, "esxi") && vf_streq(got->way, "ssh") && got->old_tls &&
                got->ssh.legacy == 1 && vf_streq(got->urls[0], urls[0]),
            "an ESXi host is added with all it needs"))
        printf("# %s\n# %s\n", vf_error_text(err), text ? text : "");
    struct vf_cluster_conf plain = new_cluster();
    vf_autofree char *short_text = vf_conf_cluster_text(&plain);
    ok(!strstr(short_text, "way") && !strstr(short_text, "old-tls") && !strstr(short_text, "ssh"),
       "no other cluster gets these keys");
}

int main(void)
{
    test_esxi();
    test_texts();
    test_others();
    test_files();
    return done_testing();
}
