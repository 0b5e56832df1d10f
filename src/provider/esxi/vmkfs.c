/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "provider/esxi/vmkfs.h"
#include "base/str.h"

#include <string.h>

#define MIB   (UINT64_C(1) << 20)
#define LEAST (4 * MIB) /* what is read in one request: shorter holes would cut it in two */

static const struct {
    const char *word;
    bool zero;
} marks[] = {{"VMFS -- LVID:", false}, {"VMFS Z- LVID:", true}, {"NOMP -- :", true}};

/* A number at *S behind blanks, *S then behind the character END that follows it. */
static bool take_number(const char **s, char end, uint64_t *out)
{
    const char *at = *s + strspn(*s, " ");
    size_t n = strspn(at, "0123456789");
    vf_autofree char *digits = vf_strndup(at, n);
    if (!n || n > 20 || at[n] != end || vf_parse_u64(digits, 0, INT64_MAX, out) < 0)
        return false;
    *s = at + n + 1;
    return true;
}

static bool take_word(const char **s, const char *word)
{
    if (!vf_starts(*s, word))
        return false;
    *s += strlen(word);
    return true;
}

/* "Mapping for file web.vmdk (5368709120 bytes in size):" */
static bool is_heading(const char *line, uint64_t size)
{
    const char *at = strrchr(line, '(');
    uint64_t said;
    return vf_starts(line, "Mapping for file ") && at && at[-1] == ' ' && at++ &&
           take_number(&at, ' ', &said) && vf_streq(at, "bytes in size):") && said == size;
}

/* A run from AT on. */
static bool take_run(const char *s, uint64_t at, uint64_t size, uint64_t *length, bool *zero)
{
    uint64_t start;
    if (!take_word(&s, "[") || !take_number(&s, ':', &start) || !take_number(&s, ']', length) ||
        start != at || !*length || *length > size - at || !take_word(&s, " --> ["))
        return false;
    for (size_t i = 0; i < VF_COUNT(marks); i++)
        if (vf_starts(s, marks[i].word) && vf_ends(s, ")]")) {
            *zero = marks[i].zero;
            return true;
        }
    return false;
}

int vf_vmkfs_map(const char *text, uint64_t size, struct vf_recipe_hole **out, size_t *n,
                 struct vf_error **err)
{
    vf_autofree struct vf_recipe_hole *v = NULL;
    size_t count = 0, room = 0;
    uint64_t at = 0;
    *out = NULL;
    *n = 0;
    for (const char *s = text; *s;) {
        size_t len = strcspn(s, "\n");
        vf_autofree char *line = vf_strndup(s, len);
        uint64_t length = 0;
        bool zero = false;
        bool good = s == text ? is_heading(line, size) : take_run(line, at, size, &length, &zero);
        if (!good) {
            vf_autofree char *shown = vf_escape_n(line, len < 120 ? len : 120);
            return vf_fail(err, VF_E_CORRUPT, "'%s' is not understood", shown);
        }
        if (zero && count && v[count - 1].start + v[count - 1].length == at) {
            v[count - 1].length += length;
        } else if (zero) {
            if (count == room)
                v = vf_xrealloc(v, (room = 2 * room + 64) * sizeof *v);
            v[count++] = (struct vf_recipe_hole){at, length};
        }
        at += length;
        s += len + (s[len] == '\n');
    }
    if (at != size || !size)
        return vf_fail(err, VF_E_CORRUPT, "it ends at %llu, before the end of the disk",
                       (unsigned long long)at);
    *out = VF_STEAL(v);
    *n = count;
    return 0;
}

static size_t keep_longer(struct vf_recipe_hole *v, size_t n, uint64_t least)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].length >= least)
            v[kept++] = v[i];
    return kept;
}

size_t vf_vmkfs_worth(struct vf_recipe_hole *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t first = (v[i].start + MIB - 1) / MIB * MIB,
                 end = (v[i].start + v[i].length) / MIB * MIB;
        v[i] = (struct vf_recipe_hole){first, end > first ? end - first : 0};
    }
    uint64_t least = LEAST;
    for (n = keep_longer(v, n, least); n > VF_VMKFS_MOST; n = keep_longer(v, n, least))
        least *= 2;
    return n;
}
