/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry config import [PROXMOVERC]: the configuration of proxmove becomes ours. */
#include "config.h"
#include "conf/conf.h"
#include "conf/proxmoverc.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "base/fdio.h"
#include "base/i18n.h"
#include "base/str.h"
#include "job/job.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INI = 1024 * 1024 };

static const char usage[] =
    N_("usage: vmferry config import [--output FILE] [PROXMOVERC]\n"
       "\n"
       "Writes a vmferry.conf with the clusters and hosts of proxmove's configuration\n"
       "(default: ~/.proxmoverc), and beside it a file for each password, readable by\n"
       "you alone. Nothing that exists is replaced. What has no counterpart is listed.\n"
       "\n"
       "  -o, --output FILE    instead of ~/.config/vmferry/vmferry.conf\n"
       "  -h, --help           this text\n");

/* PATH's folder and NAME; caller frees. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return slash ? vf_asprintf("%.*s/%s", (int)(slash - path), path, name) : vf_strdup(name);
}

static int refuse_existing(const char *path, struct vf_error **err)
{
    return access(path, F_OK) < 0
               ? 0
               : vf_fail(err, VF_E_USAGE, _("%s is there already and is not replaced"), path);
}

static char *secret_path(const struct vf_proxmoverc *p, size_t i, const char *output)
{
    vf_autofree char *name = vf_proxmoverc_secret_name(p->logins[i].cluster);
    return beside(output, name);
}

/* The passwords first: a configuration that names files which are not there would be of no use. */
static int write_all(const struct vf_proxmoverc *p, const char *output, struct vf_error **err)
{
    vf_autofree char *dir = beside(output, ".");
    if (refuse_existing(output, err) < 0)
        return -1;
    for (size_t i = 0; i < p->n_logins; i++) {
        vf_autofree char *path = secret_path(p, i, output);
        if (refuse_existing(path, err) < 0)
            return -1;
    }
    if (vf_mkdirs(dir, 0700, err) < 0)
        return -1;
    for (size_t i = 0; i < p->n_logins; i++) {
        const struct vf_secret *s = p->logins[i].password;
        vf_autofree char *path = secret_path(p, i, output);
        if (vf_replace_file(path, vf_secret_text(s), vf_secret_len(s), 0600, err) < 0)
            return -1;
    }
    return vf_replace_file(output, p->text, strlen(p->text), 0600, err);
}

static enum vf_exit import(const char *input, const char *output)
{
    vf_autoerror struct vf_error *err = NULL;
    size_t len = 0;
    char *text = vf_read_file(input, MAX_INI, &len, &err);
    vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p =
        text ? vf_proxmoverc_read(text, len, input, true, &err) : NULL;
    if (text)
        vf_wipe(text, len);
    free(text);
    /* what is written has to be read */
    vf_auto(vf_conf_free) struct vf_conf *conf =
        p ? vf_conf_parse(p->text, strlen(p->text), output, &err) : NULL;
    if (!conf || write_all(p, output, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_USAGE;
    }
    for (char **n = p->notes; *n; n++) {
        vf_autofree char *shown = vf_escape(*n);
        vf_say(stdout, "%s\n", shown);
    }
    vf_say(stdout, _("%s is written, with %zu clusters.\n"), output, p->n_clusters);
    for (size_t i = 0; i < p->n_logins; i++) {
        vf_autofree char *path = secret_path(p, i, output);
        vf_say(stdout, _("The password for %s is in %s.\n"), p->logins[i].cluster, path);
    }
    return VF_EXIT_DONE;
}

int vf_cmd_config(int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *output = NULL;
    optind = 1;
    argv[0] = (char *)"vmferry config"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        if (c == 'o') {
            output = optarg;
            continue;
        }
        fputs(_(usage), c == 'h' ? stdout : stderr);
        return c == 'h' ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    if (argc - optind < 1 || argc - optind > 2 || !vf_streq(argv[optind], "import")) {
        fputs(_(usage), stderr);
        return VF_EXIT_USAGE;
    }
    const char *home = getenv("HOME");
    vf_autofree char *usual = vf_asprintf("%s/.proxmoverc", home ? home : "");
    vf_autofree char *own = vf_conf_own_path();
    return import(argc - optind == 2 ? argv[optind + 1] : usual, output ? output : own);
}
