/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "disk/recipe.h"
#include "base/str.h"

#include <jansson.h>

struct vf_recipe_part *vf_recipe_add(struct vf_recipe *r)
{
    r->parts = vf_xrealloc(r->parts, (r->n_parts + 1) * sizeof *r->parts);
    r->parts[r->n_parts] = (struct vf_recipe_part){0};
    return &r->parts[r->n_parts++];
}

const struct vf_recipe_part *vf_recipe_largest(const struct vf_recipe *r)
{
    const struct vf_recipe_part *best = NULL;
    for (size_t i = 0; !r->image && i < r->n_parts; i++)
        if (r->parts[i].path && (!best || r->parts[i].length > best->length))
            best = &r->parts[i];
    return best;
}

void vf_recipe_free(struct vf_recipe *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_parts; i++) {
        free(r->parts[i].dc);
        free(r->parts[i].datastore);
        free(r->parts[i].path);
    }
    free(r->parts);
    free(r->holes);
    free(r->name);
    free(r->image);
    free(r);
}

char *vf_recipe_text(const struct vf_recipe *r)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < r->n_parts; i++) {
        const struct vf_recipe_part *p = &r->parts[i];
        json_array_append_new(parts,
                              json_pack("{s:s*, s:s*, s:s*, s:I, s:I}", "dc", p->dc, "datastore",
                                        p->datastore, "path", p->path, "offset",
                                        (json_int_t)p->offset, "length", (json_int_t)p->length));
    }
    json_t *holes = r->n_holes ? json_array() : NULL;
    for (size_t i = 0; i < r->n_holes; i++) {
        json_array_append_new(holes, json_integer((json_int_t)r->holes[i].start));
        json_array_append_new(holes, json_integer((json_int_t)r->holes[i].length));
    }
    json_t *o = json_pack("{s:s, s:I, s:s*, s:o, s:o*}", "name", r->name, "size",
                          (json_int_t)r->size, "image", r->image, "parts", parts, "holes", holes);
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(o);
    if (!text)
        abort(); /* names were made valid UTF-8 by who read them */
    return text;
}

static int read_part(const json_t *o, struct vf_recipe_part *p)
{
    const char *dc = NULL, *datastore = NULL, *path = NULL;
    json_int_t offset = 0, length = 0;
    if (json_unpack((json_t *)o, "{s?s, s?s, s?s, s:I, s:I}", "dc", &dc, "datastore", &datastore,
                    "path", &path, "offset", &offset, "length", &length) < 0 ||
        offset < 0 || length <= 0 || (datastore && !path))
        return -1;
    p->dc = vf_strdup(dc);
    p->datastore = vf_strdup(datastore);
    p->path = vf_strdup(path);
    p->offset = (uint64_t)offset;
    p->length = (uint64_t)length;
    return 0;
}

/* Sums up without wrapping: 2^63 at most. */
static bool complete(const struct vf_recipe *r)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->n_parts; i++)
        if ((sum += r->parts[i].length) > INT64_MAX)
            return false;
    return r->image ? r->n_parts > 0 : sum == r->size;
}

/* Starts and lengths in turn. */
static bool read_holes(const json_t *list, struct vf_recipe *r)
{
    size_t n = json_array_size(list);
    uint64_t end = 0;
    if (!list)
        return true;
    if (!json_is_array(list) || n % 2 || (n && r->image))
        return false;
    r->holes = vf_xcalloc(n / 2 + 1, sizeof *r->holes);
    for (size_t i = 0; i < n; i += 2) {
        const json_t *start = json_array_get(list, i), *length = json_array_get(list, i + 1);
        struct vf_recipe_hole h = {(uint64_t)json_integer_value(start),
                                   (uint64_t)json_integer_value(length)};
        if (!json_is_integer(start) || !json_is_integer(length) || h.start > r->size ||
            h.start < end || !h.length || h.length > r->size - h.start)
            return false;
        r->holes[r->n_holes++] = h;
        end = h.start + h.length;
    }
    return true;
}

struct vf_recipe *vf_recipe_parse(const char *text, struct vf_error **err)
{
    struct vf_recipe *r = vf_xcalloc(1, sizeof *r);
    json_t *o = json_loads(text, 0, NULL);
    const char *name = NULL, *image = NULL;
    json_int_t size = 0;
    json_t *parts = NULL, *holes = NULL;
    bool ok = o &&
              json_unpack(o, "{s:s, s:I, s?s, s:o, s?o}", "name", &name, "size", &size, "image",
                          &image, "parts", &parts, "holes", &holes) == 0 &&
              size > 0 && json_is_array(parts);
    for (size_t i = 0; ok && i < json_array_size(parts); i++)
        ok = read_part(json_array_get(parts, i), vf_recipe_add(r)) == 0;
    if (ok) {
        r->name = vf_strdup(name);
        r->image = vf_strdup(image);
        r->size = (uint64_t)size;
        ok = complete(r) && read_holes(holes, r);
    }
    json_decref(o);
    if (ok)
        return r;
    vf_recipe_free(r);
    vf_fail(err, VF_E_CORRUPT, "the description of a disk's parts is damaged");
    return NULL;
}
