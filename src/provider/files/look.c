/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which VMs a path has: one export, an archive of several, or a directory of them. */
#include "config.h"
#include "provider/files/files_int.h"
#include "base/i18n.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MOST_PACKAGES = 1000,
    MOST_DEEP = 2,       /* directories whose VMs are listed, the one that was given among them */
    MOST_LEVELS = 32,    /* farther down it is only looked whether there are any; */
    MOST_LOOKED = 10000, /* in so many directories, all together */
    MOST_DESCRIPTORS = 100
};

static void pass_over(struct files *f, const char *path, const char *why)
{
    struct passed *x = vf_grow(&f->passed, &f->n_passed, sizeof *f->passed);
    *x = (struct passed){vf_escape(path), vf_strdup(why)};
}

/* One entry per VM; one that cannot be read is an entry too, with the reason. */
static void add_package(struct files *f, const char *path, struct vf_package *p,
                        struct vf_error **why)
{
    struct vf_vm **vms = NULL;
    size_t n = 0;
    if (p)
        *(struct vf_package **)vf_grow(&f->packages, &f->n_packages, sizeof *f->packages) = p;
    if (!p || vf_package_vms(p, &vms, &n, why) < 0) {
        struct entry *e = vf_grow(&f->entries, &f->n_entries, sizeof *f->entries);
        e->path = vf_strdup(path);
        e->why = VF_STEAL(*why);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct entry *e = vf_grow(&f->entries, &f->n_entries, sizeof *f->entries);
        e->path = vf_strdup(path);
        e->package = p;
        e->vm = vms[i];
        e->vm->id = (unsigned)f->n_entries;
        e->vm->node = vf_strdup(f->node);
    }
    free(vms);
}

/* An archive of several exports has as many descriptors. */
static void add_packages(struct files *f, const char *path)
{
    size_t n = 1;
    for (size_t i = 0; i < n && i < MOST_DESCRIPTORS; i++) {
        vf_autoerror struct vf_error *why = NULL;
        add_package(f, path, vf_package_open(path, i, &n, &why), &why);
    }
    if (n > MOST_DESCRIPTORS)
        pass_over(f, path,
                  N_("it has more than 100 .ovf files in it, and VMs of the others are not listed: "
                     "unpack it (tar -xf), and import the directory"));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int scan(struct files *f, const char *dir, int deep, char ***out, struct vf_error **err);

/* DIR, on level DEEP. What keeps it from being read matters where its VMs would be listed. */
static void scan_below(struct files *f, const char *dir, int deep, char ***out)
{
    vf_autoerror struct vf_error *why = NULL;
    if (deep > MOST_LEVELS || f->looked >= MOST_LOOKED) {
        if (!f->gave_up)
            pass_over(f, dir,
                      N_("it was not looked whether there are VMs in it and in others, for there "
                         "are too many directories: import those with VMs by their own paths"));
        f->gave_up = true;
    } else if (scan(f, dir, deep, out, &why) < 0 && deep <= MOST_DEEP) {
        pass_over(f, dir,
                  N_("this directory cannot be read, and VMs in it are not listed: let this "
                     "user read it, if there are any"));
    }
}

/* PATH is a package of DIR, on level DEEP. Where it is not listed, that is TOLD once for DIR. */
static void add_path(struct files *f, const char *dir, int deep, const char *path, char ***out,
                     bool *told)
{
    const char *why = deep > MOST_DEEP ? N_("VMs in it are not listed, for it is more than one "
                                            "level down: import it by its own path")
                      : vf_strv_len(*out) == MOST_PACKAGES
                          ? N_("only the first 1000 VMs are listed: import directories below it "
                               "one by one")
                          : NULL;
    if (!why)
        vf_strv_add(out, path);
    else if (!*told)
        pass_over(f, dir, why);
    *told = *told || why;
}

/* Paths of all packages in DIR and its directories. Links to directories are not followed; where
 * it is too DEEP, only that there are any is told. */
static int scan(struct files *f, const char *dir, int deep, char ***out, struct vf_error **err)
{
    bool told = false;
    DIR *d = opendir(dir);
    if (!d)
        return vf_fail_errno(err, errno, "reading the directory %s", dir);
    f->looked++;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        vf_autofree char *path =
            vf_asprintf("%s%s%s", dir, vf_ends(dir, "/") ? "" : "/", e->d_name);
        if (e->d_name[0] == '.' || vf_streq(e->d_name, "lost+found") || lstat(path, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            scan_below(f, path, deep + 1, out);
        else if (vf_is_package(path))
            add_path(f, dir, deep, path, out, &told);
    }
    closedir(d);
    return 0;
}

int vf_files_look(struct files *f, const char *path, struct vf_error **err)
{
    struct stat st;
    vf_autofree char *shown = vf_escape(path);
    vf_autostrv char **paths = vf_strv_new();
    if (stat(path, &st) < 0)
        return vf_fail(err, errno == ENOENT ? VF_E_NOTFOUND : VF_E_PERMISSION, "%s: %s", shown,
                       strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        if (scan(f, path, 1, &paths, err) < 0)
            return -1;
    } else if (vf_is_package(path)) {
        vf_strv_add(&paths, path);
    } else {
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s is neither a .vmx, .ovf or .ova file nor a directory with any of them",
                       shown);
    }
    size_t n = vf_strv_len(paths);
    if (n)
        qsort(paths, n, sizeof *paths, by_name);
    for (size_t i = 0; i < n; i++)
        add_packages(f, paths[i]);
    if (!f->n_entries && f->n_passed)
        return vf_fail(err, VF_E_NOTFOUND, "%s: %s", f->passed[0].path, f->passed[0].why);
    if (!f->n_entries)
        return vf_fail(err, VF_E_NOTFOUND, "%s holds no exported VM: no .vmx, .ovf or .ova file",
                       shown);
    /* of one alone the reason is the answer */
    if (f->n_entries == 1 && f->entries[0].why)
        return vf_fail_with(err, VF_STEAL(f->entries[0].why));
    return 0;
}
