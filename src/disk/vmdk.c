/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "disk/vmdk.h"
#include "disk/le.h"
#include "base/str.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    SECTOR = 512,
    MOST_EXTENTS = 65536, /* 64 TiB in pieces of 2 GB are half of that */
    HEADER = SECTOR,
};

void vf_vmdk_free(struct vf_vmdk *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_extents; i++)
        free(d->extents[i].file);
    free(d->extents);
    free(d->type);
    free(d->adapter);
    free(d->cid);
    free(d);
}

static int fail(struct vf_error **err, enum vf_error_code code, const char *name, const char *why)
{
    vf_autofree char *shown = vf_escape(name);
    return vf_fail(err, code, "%s %s", shown, why);
}

/* ---- what cannot be read ---- */

static const char a_delta[] =
    "holds only what was written since a snapshot: remove the VM's snapshots (consolidate the "
    "disk) first";
static const char a_mapping[] =
    "is a raw device mapping: its data is on a LUN, not in a file; attach the LUN to the new VM, "
    "or turn the disk into a virtual one first";
static const char a_device[] =
    "stands for a physical device of the machine it was made on: copy what is on that (vmferry "
    "reads disks in files only)";
static const char an_object[] =
    "is an object of vSAN or of a virtual volume, not a file: move the disk to a VMFS or NFS "
    "datastore first (Storage vMotion), or export the VM as OVF";
static const char is_encrypted[] =
    "is encrypted: decrypt it at the host first (storage policy of the VM)";

/* By a word of createType or of an extent. */
static const struct {
    const char *word, *why;
} refused[] = {
    {"vmfsSparse", a_delta},
    {"seSparse", a_delta},
    {"vmfsThinSparse", a_delta},
    {"vmfsRawDeviceMap", a_mapping},
    {"vmfsPassthroughRawDeviceMap", a_mapping},
    {"vmfsRaw", a_mapping},
    {"vmfsRdm", a_mapping},
    {"vmfsRdmp", a_mapping},
    {"fullDevice", a_device},
    {"partitionedDevice", a_device},
    {"vsan", an_object},
    {"vvol", an_object},
};

static const char *why_not(const char *word)
{
    for (size_t i = 0; word && i < VF_COUNT(refused); i++)
        if (!strcasecmp(word, refused[i].word))
            return refused[i].why;
    return NULL;
}

/* ---- a descriptor's lines ---- */

/* The value of LINE (key = "value", or without quotes) when its key is KEY in any case, else NULL.
 * Caller frees. */
static char *value_of(const char *line, const char *key)
{
    size_t n = strlen(key);
    line += strspn(line, " \t");
    if (strncasecmp(line, key, n) != 0)
        return NULL;
    line += n + strspn(line + n, " \t");
    if (*line++ != '=')
        return NULL;
    line += strspn(line, " \t");
    if (*line == '"')
        return vf_strndup(line + 1, strcspn(line + 1, "\""));
    n = strcspn(line, "\r");
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    return vf_strndup(line, n);
}

static int read_key(struct vf_vmdk *d, const char *line, const char *name, struct vf_error **err)
{
    vf_autofree char *type = value_of(line, "createType");
    vf_autofree char *cid = value_of(line, "CID");
    vf_autofree char *parent = value_of(line, "parentCID");
    vf_autofree char *adapter = value_of(line, "ddb.adapterType");
    vf_autofree char *keys = value_of(line, "encryptionKeys");
    vf_autofree char *filters = value_of(line, "ddb.iofilters");
    if (type && !d->type)
        d->type = VF_STEAL(type);
    if (adapter && !d->adapter)
        d->adapter = VF_STEAL(adapter);
    if (cid && !d->cid)
        d->cid = VF_STEAL(cid);
    if (parent && strcasecmp(parent, "ffffffff") != 0)
        return fail(err, VF_E_UNSUPPORTED, name, a_delta);
    if (keys || (filters && strcasestr(filters, "crypt")))
        return fail(err, VF_E_UNSUPPORTED, name, is_encrypted);
    return 0;
}

/* A line that begins as an extent's does: ACCESS SECTORS TYPE "FILE" [OFFSET]. 1: it is none. As
 * QEMU reads it; but what QEMU passes over (other accesses, ZERO) is no smaller disk. */
static int read_extent(struct vf_vmdk *d, const char *line, const char *name, struct vf_error **err)
{
    char access[11], type[17] = "?", file[512];
    int64_t sectors = 0, offset = 0;
    int n = sscanf(line, "%10s %" SCNd64 " %16s \"%511[^\n\r\"]\" %" SCNd64, access, &sectors, type,
                   file, &offset);
    if (n < 1 ||
        (!vf_streq(access, "RW") && !vf_streq(access, "RDONLY") && !vf_streq(access, "NOACCESS")))
        return 1;
    const char *why = why_not(type);
    why = why || n < 4                                               ? why
          : vf_starts(file, "vsan://") || vf_starts(file, "vvol://") ? an_object
                                                                     : NULL;
    if (why || !strcasecmp(type, "VMFSSPARSE") || !strcasecmp(type, "SESPARSE"))
        return fail(err, VF_E_UNSUPPORTED, name, why ? why : a_delta);
    if (n == 4 && vf_streq(type, "FLAT"))
        return fail(err, VF_E_CORRUPT, name, "is damaged: it does not tell where a part begins");
    bool flat = n >= 4 && (vf_streq(type, "FLAT") || vf_streq(type, "VMFS"));
    bool sparse = n >= 4 && vf_streq(type, "SPARSE"), zero = n >= 3 && vf_streq(type, "ZERO");
    if ((!flat && !sparse && !zero) || !vf_streq(access, "RW")) {
        vf_autofree char *words = vf_asprintf("%s %s", access, type);
        vf_autofree char *shown = vf_escape(words), *by = vf_escape(name);
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s has a part that vmferry cannot read (%s): only FLAT, VMFS, SPARSE and "
                       "ZERO parts are",
                       by, shown);
    }
    if (sectors <= 0 || offset < 0 || sectors > INT64_MAX / SECTOR / 2 ||
        offset > INT64_MAX / SECTOR / 2 || d->n_extents == MOST_EXTENTS ||
        d->size + (uint64_t)sectors * SECTOR > INT64_MAX)
        return fail(err, VF_E_CORRUPT, name, "is damaged: the length of a part cannot be");
    struct vf_vmdk_extent *x = vf_grow(&d->extents, &d->n_extents, sizeof *x);
    x->kind = flat ? VF_VMDK_FLAT : sparse ? VF_VMDK_SPARSE : VF_VMDK_ZERO;
    x->length = (uint64_t)sectors * SECTOR;
    x->offset = flat ? (uint64_t)offset * SECTOR : 0;
    x->file = zero ? NULL : vf_strdup(file);
    d->size += x->length;
    return 0;
}

/* EXTENTS false: those of a sparse disk, which name itself, are not its parts. */
static int read_text(struct vf_vmdk *d, const char *text, bool extents, const char *name,
                     struct vf_error **err)
{
    /* anywhere, as QEMU finds it */
    if (strstr(text, "parentFileNameHint"))
        return fail(err, VF_E_UNSUPPORTED, name, a_delta);
    while (*text) {
        size_t n = strcspn(text, "\n");
        vf_autofree char *line = vf_strndup(text, n);
        int r = extents ? read_extent(d, line, name, err) : 1;
        if (r < 0 || (r > 0 && read_key(d, line, name, err) < 0))
            return -1;
        text += n + (text[n] == '\n');
    }
    const char *why = why_not(d->type);
    return why ? fail(err, VF_E_UNSUPPORTED, name, why) : 0;
}

/* ---- a sparse disk's header ---- */

/* What is at OFFSET as a text; caller frees. */
static char *text_at(const unsigned char *data, size_t len, uint64_t offset)
{
    return offset < len ? vf_strndup((const char *)data + offset, len - (size_t)offset)
                        : vf_strdup("");
}

static int read_sparse(struct vf_vmdk *d, const unsigned char *data, size_t len, const char *name,
                       struct vf_error **err)
{
    if (len < HEADER)
        return fail(err, VF_E_CORRUPT, name, "is cut off within its header");
    uint64_t capacity = vf_le64(data + 12), grain = vf_le64(data + 20), at = vf_le64(data + 28);
    if (at > len / SECTOR)
        return fail(err, VF_E_CORRUPT, name, "is damaged: its descriptor is cut off");
    if (capacity > INT64_MAX / SECTOR)
        return fail(err, VF_E_CORRUPT, name, "is damaged: its length cannot be");
    d->grain = grain < 65536 ? grain * SECTOR : 0;
    /* QEMU looks for a parent behind the header, wherever that says the descriptor is; and takes a
     * file without a capacity for a descriptor of others */
    vf_autofree char *behind = text_at(data, len, HEADER), *there = text_at(data, len, at * SECTOR);
    if (read_text(d, behind, false, name, err) < 0 ||
        (at && read_text(d, there, !capacity, name, err) < 0))
        return -1;
    d->whole = capacity > 0;
    if (!d->whole)
        return 0;
    struct vf_vmdk_extent *x = vf_grow(&d->extents, &d->n_extents, sizeof *x);
    x->kind = VF_VMDK_SPARSE;
    x->length = d->size = capacity * SECTOR;
    return 0;
}

struct vf_vmdk *vf_vmdk_parse(const void *data, size_t len, const char *name, struct vf_error **err)
{
    static const char first[] = "# Disk DescriptorFile";
    static const unsigned char se_sparse[] = {0xbe, 0xba, 0xfe, 0xca};
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = vf_xcalloc(1, sizeof *d);
    vf_autofree char *text = vf_strndup(data, len);
    int r;
    if (len >= 4 && !memcmp(data, "KDMV", 4))
        r = read_sparse(d, data, len, name, err);
    else if (len >= 4 && (!memcmp(data, "COWD", 4) || !memcmp(data, se_sparse, 4)))
        r = fail(err, VF_E_UNSUPPORTED, name, a_delta);
    else if (strncasecmp(text, first, sizeof first - 1) != 0)
        r = fail(err, VF_E_UNSUPPORTED, name, "is not a vmdk image");
    else if (len >= VF_VMDK_TEXT)
        r = fail(err, VF_E_CORRUPT, name, "is damaged: a descriptor is not as large as that");
    else
        r = read_text(d, text, true, name, err);
    if (r < 0)
        return NULL;
    if (!d->n_extents) {
        fail(err, VF_E_CORRUPT, name, "is damaged: it names no file with data");
        return NULL;
    }
    return VF_STEAL(d);
}
