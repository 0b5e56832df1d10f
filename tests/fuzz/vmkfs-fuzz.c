/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ESXi host says is not in use of a disk: not understood, or runs that lie apart in it. The
 * first line of the input is the disk's size. */
#include "config.h"
#include "provider/esxi/vmkfs.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check(const struct vf_recipe_hole *v, size_t n, uint64_t size)
{
    uint64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        if (!v[i].length || v[i].start < end || v[i].start > size ||
            v[i].length > size - v[i].start)
            abort();
        end = v[i].start + v[i].length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *all = vf_strndup((const char *)data, size);
    char *text = strchr(all, '\n');
    uint64_t bytes;
    if (!text)
        return 0;
    *text++ = '\0';
    if (vf_parse_u64(all, 0, INT64_MAX, &bytes) < 0)
        return 0;
    vf_autoerror struct vf_error *err = NULL;
    struct vf_recipe_hole *v;
    size_t n;
    if ((vf_vmkfs_map(text, bytes, &v, &n, &err) < 0) != (err != NULL) || (err && (v || n)))
        abort();
    check(v, n, bytes);
    check(v, vf_vmkfs_worth(v, n), bytes);
    free(v);
    return 0;
}
