/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storages of type dir and the image files on them. */
#include "config.h"
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "tests/lab/lab.h"

struct lab_storage *lab_storage_find(struct lab *lab, const char *name)
{
    for (size_t i = 0; i < lab->n_storages; i++)
        if (vf_streq(lab->storages[i].name, name))
            return &lab->storages[i];
    return NULL;
}

/* The storage's directory as programs of NODE see it. */
static char *storage_dir(struct lab_node *node, const struct lab_storage *s)
{
    struct lab *lab = node->lab;
    if (lab->namespaces)
        return vf_strdup(s->path);
    if (vf_streq(s->path, "/var/lib/vz"))
        return vf_asprintf("%s/vz", node->dir);
    return s->shared ? vf_asprintf("%s/storage/%s", lab->cdir, s->name)
                     : vf_asprintf("%s/storage-%s", node->dir, s->name);
}

char *lab_storage_path(struct lab_node *node, const struct lab_storage *s)
{
    return storage_dir(node, s);
}

char *lab_volume_path(struct lab_node *node, const char *volid, struct lab_storage **out)
{
    const char *colon = strchr(volid, ':');
    if (!colon || strstr(volid, ".."))
        return NULL;
    vf_autofree char *name = vf_strndup(volid, colon - volid);
    struct lab_storage *s = lab_storage_find(node->lab, name);
    if (!s)
        return NULL;
    if (out)
        *out = s;
    vf_autofree char *dir = storage_dir(node, s);
    if (vf_starts(colon + 1, "iso/"))
        return vf_asprintf("%s/template/iso/%s", dir, colon + 5);
    if (vf_starts(colon + 1, "snippets/"))
        return vf_asprintf("%s/%s", dir, colon + 1);
    if (!strchr(colon + 1, '/'))
        return NULL;
    /* of a linked clone, TEMPLATE/BASE/VMID/NAME, its own part */
    const char *base = strstr(colon, "/base-"), *own = base ? strchr(base + 1, '/') : NULL;
    if (own)
        return vf_asprintf("%s/images/%s", dir, own + 1);
    return vf_asprintf("%s/images/%s", dir, colon + 1);
}

char *lab_volume_host_path(struct lab_node *node, const char *volid)
{
    vf_autofree char *path = lab_volume_path(node, volid, NULL);
    return path ? vf_asprintf("%s%s", node->root, path) : NULL;
}

static const char *format_of(const char *path)
{
    static const char *const formats[] = {"raw", "qcow2", "vmdk", "iso"};
    const char *dot = strrchr(path, '.');
    if (strstr(path, "/snippets/"))
        return "snippet";
    for (size_t i = 0; dot && i < VF_COUNT(formats); i++)
        if (vf_streq(dot + 1, formats[i]))
            return formats[i];
    return NULL;
}

/* Virtual size, bytes used on disk. -1 when there is no such file. */
static int image_sizes(const char *path, const char *format, uint64_t *size, uint64_t *used,
                       int64_t *ctime)
{
    struct stat st;
    vf_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return -1;
    *size = st.st_size;
    *used = (uint64_t)st.st_blocks * 512;
    *ctime = st.st_ctime;
    uint64_t be;
    if (vf_streq(format, "qcow2") && vf_pread_full(fd, &be, 8, 24) == 8)
        *size = be64toh(be); /* qcow2 header, "size" */
    if (vf_streq(format, "vmdk") && vf_pread_full(fd, &be, 8, 12) == 8)
        *size = le64toh(be) * 512; /* header of a sparse one, "capacity" */
    return 0;
}

int lab_volume_info(struct lab_node *node, const char *volid, json_t **out)
{
    vf_autofree char *path = lab_volume_path(node, volid, NULL);
    vf_autofree char *host = lab_volume_host_path(node, volid);
    const char *format = path ? format_of(path) : NULL;
    uint64_t size, used;
    int64_t ctime;
    if (!format || image_sizes(host, format, &size, &used, &ctime))
        return -1;
    if (out)
        *out = json_pack("{s:s, s:I, s:I, s:s}", "format", format, "size", (json_int_t)size, "used",
                         (json_int_t)used, "path", path);
    return 0;
}

void lab_storage_space(struct lab_node *node, struct lab_storage *s, uint64_t *total,
                       uint64_t *used, uint64_t *avail)
{
    vf_autofree char *dir = storage_dir(node, s);
    vf_autofree char *host = vf_asprintf("%s%s", node->root, dir);
    struct statvfs v;
    *total = *used = *avail = 0;
    if (statvfs(host, &v))
        return;
    *total = (uint64_t)v.f_blocks * v.f_frsize;
    *used = (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize;
    *avail = s->forced_avail >= 0 ? (uint64_t)s->forced_avail : (uint64_t)v.f_bavail * v.f_frsize;
}

char *lab_format_size(uint64_t bytes)
{
    static const char units[] = {0, 'K', 'M', 'G', 'T'};
    size_t u = 0;
    while (bytes && bytes % 1024 == 0 && u + 1 < sizeof units) {
        bytes /= 1024;
        u++;
    }
    char unit[2] = {units[u], 0};
    return vf_asprintf("%llu%s", (unsigned long long)bytes, unit);
}

int lab_volume_create(struct lab_node *node, struct lab_storage *s, int vmid, const char *filename,
                      const char *format, uint64_t bytes, struct vf_error **err)
{
    vf_autofree char *base = storage_dir(node, s);
    vf_autofree char *dir = vf_asprintf("%s/images/%d", base, vmid);
    vf_autofree char *path = vf_asprintf("%s/%s", dir, filename);
    vf_autofree char *hostdir = vf_asprintf("%s%s", node->root, dir);
    vf_autofree char *host = vf_asprintf("%s%s", node->root, path);
    vf_autofree char *size = vf_asprintf("%llu", (unsigned long long)bytes);
    if (vf_mkdirs(hostdir, 0755, err))
        return -1;
    if (!access(host, F_OK))
        return vf_fail(err, VF_E_CONFLICT, "disk image '%s' already exists", path);
    if (s->forced_avail >= 0 && bytes > (uint64_t)s->forced_avail)
        return vf_fail(
            err, VF_E_NOSPACE,
            "unable to create image: qemu-img: %s: Could not resize file: No space left on "
            "device",
            path);
    if (vf_streq(format, "raw")) {
        vf_autofd int fd = open(host, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
        if (fd < 0 || ftruncate(fd, (off_t)bytes))
            return vf_fail_errno(err, errno, "unable to create image");
        return 0;
    }
    const char *argv[] = {"qemu-img",
                          "create",
                          "-q",
                          "-f",
                          format,
                          "-o",
                          vf_streq(format, "qcow2") ? "preallocation=metadata"
                                                    : "subformat=monolithicSparse",
                          path,
                          size,
                          NULL};
    vf_autobuf struct vf_buf out = {0};
    int status = lab_node_run(node, argv, &out, err);
    if (status < 0)
        return -1;
    if (status) {
        unlink(host);
        vf_autofree char *text = vf_strndup(vf_buf_str(&out), strcspn(vf_buf_str(&out), "\n"));
        return vf_fail(err, VF_E_INTERNAL, "unable to create image: %s", text);
    }
    return 0;
}

char *lab_volume_next(struct lab_node *node, struct lab_storage *s, int vmid, const char *format)
{
    vf_autofree char *base = storage_dir(node, s);
    for (int n = 0;; n++) {
        bool taken = false;
        static const char *const formats[] = {"raw", "qcow2", "vmdk"};
        for (size_t i = 0; i < VF_COUNT(formats); i++) {
            vf_autofree char *host = vf_asprintf("%s%s/images/%d/vm-%d-disk-%d.%s", node->root,
                                                 base, vmid, vmid, n, formats[i]);
            taken |= !access(host, F_OK);
        }
        if (!taken)
            return vf_asprintf("vm-%d-disk-%d.%s", vmid, n, format);
    }
}

int lab_volume_delete(struct lab_node *node, const char *volid, struct vf_error **err)
{
    vf_autofree char *host = lab_volume_host_path(node, volid);
    if (!host)
        return vf_fail(err, VF_E_USAGE, "unable to parse volume ID '%s'", volid);
    if (unlink(host))
        return vf_fail_errno(err, errno, "unlink '%s' failed", volid);
    *strrchr(host, '/') = 0;
    (void)!rmdir(host); /* stays while other images are in it */
    return 0;
}

/* "local:107/" and a file there -> "local:104/base-104-disk-0.qcow2/107/vm-107-disk-0.qcow2" when a
 * VM has it as a linked clone; NULL: none has. */
static char *linked_volid(struct lab_node *node, const char *prefix, const char *file)
{
    vf_autofree char *tail = vf_asprintf("/%s%s", strchr(prefix, ':') + 1, file);
    for (size_t i = 0; i < node->lab->n_vms; i++) {
        const char *key;
        json_t *v;
        json_object_foreach (node->lab->vms[i]->conf, key, v) {
            vf_autofree char *volid =
                vf_strndup(json_string_value(v), strcspn(json_string_value(v), ","));
            if (strstr(volid, "/base-") && vf_ends(volid, tail) &&
                !strncmp(volid, prefix, strcspn(prefix, ":") + 1))
                return VF_STEAL(volid);
        }
    }
    return NULL;
}

static void list_dir(json_t *out, struct lab_node *node, const char *dir, const char *prefix,
                     int vmid, const char *content)
{
    vf_autofree char *host = vf_asprintf("%s%s", node->root, dir);
    DIR *d = opendir(host);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        vf_autofree char *path = vf_asprintf("%s/%s", host, e->d_name);
        const char *format = format_of(path);
        uint64_t size, used;
        int64_t ctime;
        if (!format || e->d_name[0] == '.' || image_sizes(path, format, &size, &used, &ctime))
            continue;
        vf_autofree char *volid = linked_volid(node, prefix, e->d_name);
        if (!volid)
            volid = vf_asprintf("%s%s", prefix, e->d_name);
        json_t *j = json_pack("{s:s, s:I, s:s, s:s, s:I}", "volid", volid, "size", (json_int_t)size,
                              "format", format, "content", content, "ctime", (json_int_t)ctime);
        if (vmid) {
            json_object_set_new(j, "vmid", json_integer(vmid));
            json_object_set_new(j, "used", json_integer((json_int_t)used));
            json_object_set_new(j, "parent", json_null());
        }
        json_array_append_new(out, j);
    }
    if (d)
        closedir(d);
}

json_t *lab_volume_list(struct lab_node *node, struct lab_storage *s, int vmid, const char *content)
{
    json_t *out = json_array();
    vf_autofree char *base = storage_dir(node, s);
    vf_autofree char *images = vf_asprintf("%s%s/images", node->root, base);
    DIR *d = !content || vf_streq(content, "images") ? opendir(images) : NULL;
    struct dirent *e;
    while (d && (e = readdir(d))) {
        uint64_t id;
        if (vf_parse_u64(e->d_name, 100, 999999999, &id) || (vmid && (int)id != vmid))
            continue;
        vf_autofree char *dir = vf_asprintf("%s/images/%s", base, e->d_name);
        vf_autofree char *prefix = vf_asprintf("%s:%s/", s->name, e->d_name);
        list_dir(out, node, dir, prefix, (int)id, "images");
    }
    if (d)
        closedir(d);
    /* PVE shows what belongs to no guest whatever vmid was asked for */
    static const char *const loose[][2] = {
        {"iso", "template/iso"}, {"import", "import"}, {"snippets", "snippets"}};
    for (size_t i = 0; i < VF_COUNT(loose); i++) {
        vf_autofree char *dir = vf_asprintf("%s/%s", base, loose[i][1]);
        vf_autofree char *prefix = vf_asprintf("%s:%s/", s->name, loose[i][0]);
        if (content ? vf_streq(content, loose[i][0]) : i == 1 || !vmid)
            list_dir(out, node, dir, prefix, 0, loose[i][0]);
    }
    return out;
}
