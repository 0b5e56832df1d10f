/* SPDX-License-Identifier: GPL-3.0-or-later */
/* References, disks and VMs of an OVF descriptor. Elements are told by their local names: the
 * namespace differs between OVF 0.9, 1 and 2. */
#include "config.h"
#include "provider/files/ovf_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_TEXT = 4 << 20, MOST_VMS = 1000, MOST_DEEP = 16 };

/* ---- XML ---- */

bool vf_ovf_is(const xmlNode *n, const char *local)
{
    return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, local);
}

xmlNode *vf_ovf_child(const xmlNode *n, const char *local)
{
    for (xmlNode *c = n ? n->children : NULL; c; c = c->next)
        if (vf_ovf_is(c, local))
            return c;
    return NULL;
}

char *vf_ovf_text(const xmlNode *n)
{
    xmlChar *text = n ? xmlNodeGetContent(n) : NULL;
    char *copy = text ? vf_strdup((const char *)text) : NULL;
    xmlFree(text);
    return copy;
}

char *vf_ovf_child_text(const xmlNode *n, const char *local)
{
    vf_autofree char *text = vf_ovf_text(vf_ovf_child(n, local));
    if (!text)
        return NULL;
    const char *from = text + strspn(text, " \t\r\n");
    size_t len = strlen(from);
    while (len && strchr(" \t\r\n", from[len - 1]))
        len--;
    return len ? vf_strndup(from, len) : NULL;
}

char *vf_ovf_attribute(const xmlNode *n, const char *local)
{
    for (const xmlAttr *a = n->properties; a; a = a->next) {
        if (strcmp((const char *)a->name, local) != 0)
            continue;
        xmlChar *text = xmlNodeListGetString(n->doc, a->children, 1);
        char *copy = text ? vf_strdup((const char *)text) : NULL;
        xmlFree(text);
        return copy;
    }
    return NULL;
}

uint64_t vf_ovf_number(const char *text)
{
    uint64_t n = 0;
    return text && vf_parse_u64(text, 0, INT64_MAX, &n) == 0 ? n : 0;
}

/* ---- units ---- */

/* DSP0004's programmatic units, and the words of OVF 0.9. */
uint64_t vf_ovf_units(const char *units)
{
    static const struct {
        const char *word;
        unsigned shift;
    } words[] = {
        {"KiloBytes", 10}, {"KB", 10}, {"MegaBytes", 20}, {"MB", 20},
        {"GigaBytes", 30}, {"GB", 30}, {"TeraBytes", 40}, {"TB", 40},
    };
    if (!units || !*units || !strcasecmp(units, "byte") || !strcasecmp(units, "bytes"))
        return 1;
    for (size_t i = 0; i < VF_COUNT(words); i++)
        if (!strcasecmp(units, words[i].word))
            return 1ULL << words[i].shift;
    /* "byte * 2^30", with or without blanks */
    vf_autobuf struct vf_buf b = {0};
    for (const char *p = units; *p; p++)
        if (*p != ' ')
            vf_buf_add(&b, p, 1);
    const char *dense = vf_buf_str(&b);
    uint64_t n;
    if (vf_starts(dense, "byte*2^") && vf_parse_u64(dense + 7, 0, 50, &n) == 0)
        return 1ULL << n;
    if (vf_starts(dense, "byte*10^") && vf_parse_u64(dense + 8, 0, 15, &n) == 0) {
        uint64_t product = 1;
        while (n--)
            product *= 10;
        return product;
    }
    if (vf_starts(dense, "byte*") && vf_parse_u64(dense + 5, 1, 1ULL << 50, &n) == 0)
        return n;
    return 0;
}

/* ---- references and disks ---- */

static void read_files(struct vf_ovf *o, const xmlNode *references)
{
    for (const xmlNode *n = references ? references->children : NULL; n; n = n->next) {
        if (!vf_ovf_is(n, "File"))
            continue;
        struct vf_ovf_file *f = vf_grow(&o->files, &o->n_files, sizeof *o->files);
        vf_autofree char *size = vf_ovf_attribute(n, "size");
        vf_autofree char *chunk = vf_ovf_attribute(n, "chunkSize");
        f->id = vf_ovf_attribute(n, "id");
        f->href = vf_ovf_attribute(n, "href");
        f->compression = vf_ovf_attribute(n, "compression");
        if (vf_streq(f->compression, "identity") || vf_streq(f->compression, ""))
            vf_str_set(&f->compression, NULL);
        f->size = vf_ovf_number(size);
        f->chunked = chunk != NULL;
    }
}

static int read_disks(struct vf_ovf *o, const xmlNode *section, const char *name,
                      struct vf_error **err)
{
    for (const xmlNode *n = section ? section->children : NULL; n; n = n->next) {
        if (!vf_ovf_is(n, "Disk"))
            continue;
        struct vf_ovf_disk *d = vf_grow(&o->disks, &o->n_disks, sizeof *o->disks);
        vf_autofree char *capacity = vf_ovf_attribute(n, "capacity");
        vf_autofree char *units = vf_ovf_attribute(n, "capacityAllocationUnits");
        d->id = vf_ovf_attribute(n, "diskId");
        d->file = vf_ovf_attribute(n, "fileRef");
        d->parent = vf_ovf_attribute(n, "parentRef");
        d->format = vf_ovf_attribute(n, "format");
        uint64_t count = vf_ovf_number(capacity), unit = vf_ovf_units(units);
        if (!d->id || !count || !unit || count > INT64_MAX / unit) {
            vf_autofree char *shown = vf_escape(d->id ? d->id : "?");
            return vf_fail(err, VF_E_CORRUPT,
                           "%s does not say how large its disk %s is (capacity, "
                           "capacityAllocationUnits)",
                           name, shown);
        }
        d->capacity = count * unit;
        d->unit = unit;
    }
    return 0;
}

const struct vf_ovf_disk *vf_ovf_disk_of(const struct vf_ovf *o, const char *id)
{
    for (size_t i = 0; id && i < o->n_disks; i++)
        if (vf_streq(o->disks[i].id, id))
            return &o->disks[i];
    return NULL;
}

const struct vf_ovf_file *vf_ovf_file_of(const struct vf_ovf *o, const char *id)
{
    for (size_t i = 0; id && i < o->n_files; i++)
        if (vf_streq(o->files[i].id, id))
            return &o->files[i];
    return NULL;
}

/* ---- VMs ---- */

/* The configuration that counts where there are several: the one that is the default, or the first.
 * NULL: there is no choice. */
static char *chosen_configuration(const xmlNode *envelope)
{
    const xmlNode *section = vf_ovf_child(envelope, "DeploymentOptionSection");
    const xmlNode *chosen = vf_ovf_child(section, "Configuration");
    for (const xmlNode *n = section ? section->children : NULL; n; n = n->next) {
        vf_autofree char *is =
            vf_ovf_is(n, "Configuration") ? vf_ovf_attribute(n, "default") : NULL;
        if (vf_streq(is, "true") || vf_streq(is, "1"))
            chosen = n;
    }
    return chosen ? vf_ovf_attribute(chosen, "id") : NULL;
}

static int read_vms(struct vf_ovf *o, const xmlNode *parent, const char *configuration, int depth,
                    const char *name, struct vf_error **err)
{
    for (const xmlNode *n = parent->children; n; n = n->next) {
        bool many = vf_ovf_is(n, "VirtualSystemCollection");
        vf_autofree char *type = vf_ovf_is(n, "Content") ? vf_ovf_attribute(n, "type") : NULL;
        many = many || (type && vf_ends(type, "VirtualSystemCollection_Type"));
        bool one = vf_ovf_is(n, "VirtualSystem") || (type && !many);
        if (many && depth < MOST_DEEP && read_vms(o, n, configuration, depth + 1, name, err) < 0)
            return -1;
        if (!one)
            continue;
        if (o->n_vms == MOST_VMS)
            return vf_fail(err, VF_E_UNSUPPORTED, "%s has more than %d VMs", name, MOST_VMS);
        struct vf_ovf_vm *vm = vf_grow(&o->vms, &o->n_vms, sizeof *o->vms);
        if (vf_ovf_read_vm(o, n, configuration, name, vm, err) < 0)
            return -1;
    }
    return 0;
}

static int read_envelope(struct vf_ovf *o, const xmlNode *envelope, const char *name,
                         struct vf_error **err)
{
    vf_autofree char *configuration = chosen_configuration(envelope);
    const xmlNode *disks = vf_ovf_child(envelope, "DiskSection");
    if (!disks) /* OVF 0.9 */
        for (const xmlNode *n = envelope->children; n; n = n->next) {
            vf_autofree char *type = vf_ovf_is(n, "Section") ? vf_ovf_attribute(n, "type") : NULL;
            disks = type && vf_ends(type, "DiskSection_Type") ? n : disks;
        }
    read_files(o, vf_ovf_child(envelope, "References"));
    if (read_disks(o, disks, name, err) < 0 ||
        read_vms(o, envelope, configuration, 0, name, err) < 0)
        return -1;
    return o->n_vms ? 0 : vf_fail(err, VF_E_CORRUPT, "%s describes no VM", name);
}

struct vf_ovf *vf_ovf_parse(const char *text, size_t len, const char *name, struct vf_error **err)
{
    vf_auto(vf_ovf_free) struct vf_ovf *o = vf_xcalloc(1, sizeof *o);
    if (len > MAX_TEXT) {
        vf_fail(err, VF_E_CORRUPT, "%s is too long for an OVF descriptor", name);
        return NULL;
    }
    xmlDoc *doc = xmlReadMemory(text, (int)len, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    int r;
    if (!root || !vf_ovf_is(root, "Envelope"))
        r = vf_fail(err, VF_E_CORRUPT,
                    "%s is no OVF descriptor, or is cut off: copy or export it again", name);
    else if (doc->intSubset || doc->extSubset) /* no OVF has one; entities come with it */
        r = vf_fail(err, VF_E_UNSUPPORTED, "%s has a document type, which is not followed", name);
    else
        r = read_envelope(o, root, name, err);
    xmlFreeDoc(doc);
    return r < 0 ? NULL : VF_STEAL(o);
}

void vf_ovf_free(struct vf_ovf *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n_files; i++) {
        free(o->files[i].id);
        free(o->files[i].href);
        free(o->files[i].compression);
    }
    for (size_t i = 0; i < o->n_disks; i++) {
        free(o->disks[i].id);
        free(o->disks[i].file);
        free(o->disks[i].parent);
        free(o->disks[i].format);
    }
    for (size_t i = 0; i < o->n_vms; i++) {
        free(o->vms[i].id);
        free(o->vms[i].vmx);
        free(o->vms[i].system);
    }
    free(o->files);
    free(o->disks);
    free(o->vms);
    free(o);
}
