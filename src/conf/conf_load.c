/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where vmferry.conf is found, and whether what is there is to be believed. */
#include "config.h"
#include "conf/conf.h"
#include "base/fdio.h"
#include "base/str.h"
#include "conf/cfg.h"
#include "conf/proxmoverc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CONF = 1024 * 1024 };

static int check_mode(int fd, const char *path, struct vf_error **err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return vf_fail_errno(err, errno, "%s", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return vf_fail(
            err, VF_E_USAGE,
            "%s belongs to another user (uid %u), who could have vmferry run commands as "
            "you: make a copy of your own",
            path, (unsigned)st.st_uid);
    /* secret-command runs as whoever reads the file */
    if (S_ISREG(st.st_mode) && (st.st_mode & 022))
        return vf_fail(err, VF_E_USAGE,
                       "%s can be changed by other users (mode %04o), who could have vmferry run "
                       "commands as you: chmod go-w it",
                       path, (unsigned)(st.st_mode & 07777));
    return 0;
}

/* NAME in the user's own folder; caller frees. */
static char *own_file(const char *name)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    vf_autofree char *dir = xdg && *xdg == '/' ? vf_strdup(xdg) : vf_cfg_path("~/.config", "/");
    return vf_asprintf("%s/vmferry/%s", dir, name);
}

char *vf_conf_ca_path(const char *cluster)
{
    vf_autofree char *name = vf_url_encode(cluster);
    vf_autofree char *file = vf_asprintf("ca-%s.pem", name);
    return own_file(file);
}

static void take_trusted(struct vf_conf *conf)
{
    for (size_t i = 0; conf && i < conf->n_clusters; i++) {
        struct vf_cluster_conf *c = &conf->clusters[i];
        vf_autofree char *path = vf_conf_ca_path(c->name);
        if (!c->ca_file && !c->fingerprints && access(path, R_OK) == 0)
            c->ca_file = VF_STEAL(path);
    }
}

/* The first default file that is there, or NULL with *err. */
static char *default_path(struct vf_error **err)
{
    vf_autofree char *own = own_file("vmferry.conf");
    static const char system_wide[] = "/etc/vmferry/vmferry.conf";
    if (access(own, F_OK) == 0)
        return VF_STEAL(own);
    if (access(system_wide, F_OK) == 0)
        return vf_strdup(system_wide);
    vf_fail(err, VF_E_USAGE,
            "no configuration found: neither %s nor %s exists. Start vmferry without a command, on "
            "a terminal, to make one; vmferry config import makes one of ~/.proxmoverc; "
            "vmferry.conf(5) says how to write one",
            own, system_wide);
    return NULL;
}

char *vf_conf_own_path(void)
{
    return own_file("vmferry.conf");
}

/* It holds passwords, so that nobody else may read it. */
static struct vf_conf *load_proxmoverc(int fd, char *text, size_t len, const char *path,
                                       struct vf_error **err)
{
    struct stat st;
    vf_auto(vf_conf_free) struct vf_conf *conf = NULL;
    vf_auto(vf_proxmoverc_free) struct vf_proxmoverc *p =
        vf_proxmoverc_read(text, len, path, false, err);
    vf_wipe(text, len);
    if (p && p->n_logins && fstat(fd, &st) == 0 && st.st_mode & 077)
        vf_fail(err, VF_E_USAGE, "%s holds passwords and can be read by others: chmod 600 it",
                path);
    else if (p)
        conf = vf_conf_parse(p->text, strlen(p->text), path, err);
    for (size_t i = 0; conf && i < p->n_logins; i++)
        for (size_t k = 0; k < conf->n_clusters; k++)
            if (vf_streq(conf->clusters[k].name, p->logins[i].cluster))
                conf->clusters[k].secret = vf_secret_copy(p->logins[i].password);
    return VF_STEAL(conf);
}

struct vf_conf *vf_conf_load(const char *path, struct vf_error **err)
{
    vf_autofree char *chosen = path ? vf_strdup(path) : default_path(err);
    if (!chosen)
        return NULL;
    vf_autofd int fd = open(chosen, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        vf_fail(err, VF_E_USAGE, "the configuration %s cannot be read: %s", chosen,
                strerror(errno));
        return NULL;
    }
    if (check_mode(fd, chosen, err) < 0)
        return NULL;
    size_t len;
    vf_autofree char *text = vf_read_fd(fd, chosen, MAX_CONF, &len, err);
    struct vf_conf *conf = NULL;
    if (text && vf_is_proxmoverc(text))
        conf = load_proxmoverc(fd, text, len, chosen, err);
    else if (text)
        conf = vf_conf_parse(text, len, chosen, err);
    take_trusted(conf);
    return conf;
}
