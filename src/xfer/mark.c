/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "xfer/mark.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line: what it is, its format, the oldest reader of that. */
static const char head[] = "vmferry-copy-mark 1 1\n";
/* The last one, without which it is not whole. */
static const char tail[] = "end\n";

enum { MAX_MARK = 64 << 10, MAX_STATE = 4096 };

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"job", offsetof(struct vf_copy_mark, job)},
    {"source", offsetof(struct vf_copy_mark, source)},
    {"source-format", offsetof(struct vf_copy_mark, source_format)},
    {"source-identity", offsetof(struct vf_copy_mark, source_identity)},
    {"target", offsetof(struct vf_copy_mark, target)},
    {"target-format", offsetof(struct vf_copy_mark, target_format)},
    {"target-volume", offsetof(struct vf_copy_mark, target_volume)},
};

static const struct {
    const char *key;
    size_t offset;
} numbers[] = {
    {"source-size", offsetof(struct vf_copy_mark, source_size)},
    {"target-size", offsetof(struct vf_copy_mark, target_size)},
    {"done", offsetof(struct vf_copy_mark, done)},
};

static const struct {
    const char *key;
    size_t offset;
} switches[] = {
    {"verify", offsetof(struct vf_copy_mark, verify)},
    {"delta", offsetof(struct vf_copy_mark, delta)},
};

static char **text_of(const struct vf_copy_mark *m, size_t i)
{
    return (char **)((char *)m + texts[i].offset);
}

static uint64_t *number_of(const struct vf_copy_mark *m, size_t i)
{
    return (uint64_t *)((char *)m + numbers[i].offset);
}

static bool *switch_of(const struct vf_copy_mark *m, size_t i)
{
    return (bool *)((char *)m + switches[i].offset);
}

void vf_copy_mark_clear(struct vf_copy_mark *m)
{
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        free(*text_of(m, i));
    vf_buf_free(&m->state);
    *m = (struct vf_copy_mark){0};
}

bool vf_copy_mark_fits(const struct vf_copy_mark *m, const struct vf_copy_mark *now)
{
    bool fits = m->done && m->done <= m->source_size && m->state.len &&
                m->source_size == now->source_size && m->target_size == now->target_size &&
                m->verify == now->verify && m->source_identity && *m->source_identity;
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        fits = fits && vf_streq(*text_of(m, i), *text_of(now, i));
    return fits;
}

int vf_copy_mark_save(const char *path, const struct vf_copy_mark *m, struct vf_error **err)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, head);
    for (size_t i = 0; i < VF_COUNT(texts); i++) {
        const char *text = *text_of(m, i) ? *text_of(m, i) : "";
        if (strchr(text, '\n'))
            return vf_fail(err, VF_E_UNSUPPORTED, "a line break in \"%s\"", texts[i].key);
        vf_buf_printf(&b, "%s %s\n", texts[i].key, text);
    }
    for (size_t i = 0; i < VF_COUNT(numbers); i++)
        vf_buf_printf(&b, "%s %llu\n", numbers[i].key, (unsigned long long)*number_of(m, i));
    for (size_t i = 0; i < VF_COUNT(switches); i++)
        vf_buf_printf(&b, "%s %d\n", switches[i].key, *switch_of(m, i));
    vf_buf_puts(&b, "state ");
    for (size_t i = 0; i < m->state.len; i++)
        vf_buf_printf(&b, "%02x", (unsigned char)m->state.data[i]);
    vf_buf_printf(&b, "\n%s", tail);
    return vf_replace_file(path, b.data, b.len, 0600, err);
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *p = c ? strchr(digits, c) : NULL;
    return p ? (int)(p - digits) : -1;
}

static bool read_state(const char *text, struct vf_buf *state)
{
    for (; *text; text += 2) {
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
        if (low < 0 || state->len == MAX_STATE)
            return false;
        char byte = (char)(high << 4 | low);
        vf_buf_add(state, &byte, 1);
    }
    return true;
}

static bool read_line(struct vf_copy_mark *m, const char *key, const char *value)
{
    for (size_t i = 0; i < VF_COUNT(texts); i++)
        if (vf_streq(key, texts[i].key)) {
            vf_str_set(text_of(m, i), value);
            return true;
        }
    for (size_t i = 0; i < VF_COUNT(numbers); i++)
        if (vf_streq(key, numbers[i].key))
            return vf_parse_u64(value, 0, UINT64_MAX, number_of(m, i)) == 0;
    for (size_t i = 0; i < VF_COUNT(switches); i++)
        if (vf_streq(key, switches[i].key)) {
            *switch_of(m, i) = vf_streq(value, "1");
            return true;
        }
    return vf_streq(key, "state") ? read_state(value, &m->state) : true;
}

bool vf_copy_mark_load(const char *path, struct vf_copy_mark *m)
{
    size_t n;
    vf_autofree char *all = vf_read_file(path, MAX_MARK, &n, NULL);
    *m = (struct vf_copy_mark){0};
    if (!all || strlen(all) != n || !vf_starts(all, head) || !vf_ends(all, tail))
        return false;
    char *rest = NULL;
    for (char *line = strtok_r(all + strlen(head), "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *space = strchr(line, ' ');
        if (space)
            *space++ = 0;
        if (!read_line(m, line, space ? space : "")) {
            vf_copy_mark_clear(m);
            return false;
        }
    }
    return m->done > 0;
}

void vf_copy_mark_remove(const char *path)
{
    if (path && unlink(path) < 0 && errno != ENOENT)
        vf_warn("copy", "%s: %s", path, strerror(errno));
}
