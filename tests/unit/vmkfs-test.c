/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ESXi host says is not in use of a disk: understood as a whole, or not at all. */
#include "config.h"
#include "provider/esxi/vmkfs.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <string.h>

#define MIB   (UINT64_C(1) << 20)
#define HEAD  "Mapping for file web 01/web (1).vmdk (16777216 bytes in size):\n"
#define ID    "LVID:5f3e1a2b-0c4d/5f3e1a2a-9c8d/1:"
/* runs of 16 MiB */
#define DATA4 "[           0:     4194304] --> [VMFS -- " ID "(   3145728 -->   7340032)]\n"
#define LAZY4 "[     4194304:     4194304] --> [VMFS Z- " ID "(   7340032 -->  11534336)]\n"
#define NONE4 "[     8388608:     4194304] --> [NOMP -- :(           0 -->     4194304)]\n"
#define LAST4 "[    12582912:     4194304] --> [VMFS -- " ID "(  11534336 -->  15728640)]\n"

static void test_read(void)
{
    struct vf_recipe_hole *v;
    size_t n;
    vf_autoerror struct vf_error *err = NULL;
    ok(vf_vmkfs_map(HEAD DATA4 LAZY4 NONE4 LAST4, 16 * MIB, &v, &n, &err) == 0 && n == 1 &&
           v[0].start == 4 * MIB && v[0].length == 8 * MIB,
       "not yet zeroed and not allocated, side by side");
    free(v);
    ok(vf_vmkfs_map(HEAD "[0:16777216] --> [VMFS -- " ID "(0 --> 1)]", 16 * MIB, &v, &n, &err) ==
               0 &&
           n == 0,
       "all in use, no blanks, no line end");
    free(v);
    ok(vf_vmkfs_map(HEAD "[ 0: 16777216] --> [NOMP -- :( 0 --> 16777216)]\n", 16 * MIB, &v, &n,
                    &err) == 0 &&
           n == 1 && v[0].length == 16 * MIB,
       "nothing in use");
    free(v);
}

static void test_refused(void)
{
    static const struct {
        const char *what, *text;
    } cases[] = {
        {"nothing", ""},
        {"a complaint", "Failed to open 'web.vmdk': Failed to lock the file (16392).\n"},
        {"no heading", DATA4 LAZY4 NONE4 LAST4},
        {"another size", "Mapping for file a (16777217 bytes in size):\n" DATA4 LAZY4 NONE4 LAST4},
        {"a heading without a size", "Mapping for file a:\n" DATA4 LAZY4 NONE4 LAST4},
        {"two headings", HEAD HEAD DATA4 LAZY4 NONE4 LAST4},
        {"a gap", HEAD DATA4 NONE4 LAST4},
        {"a run twice", HEAD DATA4 DATA4 LAZY4 NONE4 LAST4},
        {"out of order", HEAD LAZY4 DATA4 NONE4 LAST4},
        {"too short", HEAD DATA4 LAZY4 NONE4},
        {"too long",
         HEAD DATA4 LAZY4 NONE4 "[    12582912:     4194305] --> [VMFS -- " ID "(0 --> 1)]\n"},
        {"one more", HEAD DATA4 LAZY4 NONE4 LAST4 "[16777216:1] --> [NOMP -- :(0 --> 1)]\n"},
        {"a run of nothing", HEAD "[0:0] --> [NOMP -- :(0 --> 0)]\n" DATA4 LAZY4 NONE4 LAST4},
        {"wraps", HEAD DATA4 "[4194304:18446744073709551615] --> [NOMP -- :(0 --> 1)]\n"},
        {"more than 2^63", HEAD DATA4 "[4194304:9223372036854775807] --> [NOMP -- :(0 --> 1)]\n"},
        {"another mark", HEAD "[0:16777216] --> [VMFS F- " ID "(0 --> 1)]\n"},
        {"another file system", HEAD "[0:16777216] --> [NFS -- :(0 --> 1)]\n"},
        {"part of a mark", HEAD "[0:16777216] --> [NOMP]\n"},
        {"a line cut off", HEAD "[0:16777216] --> [NOMP -- :(0 -->"},
        {"no number", HEAD "[x:16777216] --> [NOMP -- :(0 --> 1)]\n"},
        {"a sign", HEAD "[-0:16777216] --> [NOMP -- :(0 --> 1)]\n"},
        {"an empty line", HEAD "\n" DATA4 LAZY4 NONE4 LAST4},
        {"words behind", HEAD DATA4 LAZY4 NONE4 LAST4 "done\n"},
        {"ends of lines as in DOS", "Mapping for file a (16777216 bytes in size):\r\n"
                                    "[0:16777216] --> [NOMP -- :(0 --> 1)]\r\n"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_recipe_hole *v = NULL;
        size_t n = 1;
        vf_autoerror struct vf_error *err = NULL;
        ok(vf_vmkfs_map(cases[i].text, 16 * MIB, &v, &n, &err) < 0 &&
               vf_error_code(err) == VF_E_CORRUPT && !v && !n,
           "%s: %s", cases[i].what, err ? vf_error_text(err) : "");
        free(v);
    }
}

static void test_worth(void)
{
    struct vf_recipe_hole v[] = {
        {1, 5 * MIB},              /* 4 whole ones in it */
        {6 * MIB + 1, 4 * MIB},    /* 3 */
        {20 * MIB, 4 * MIB},       /* 4 */
        {30 * MIB, 4 * MIB - 1},   /* 3 */
        {40 * MIB - 1, 9 * MIB},   /* 8 */
        {60 * MIB + 5, MIB - 100}, /* 0 */
    };
    size_t n = vf_vmkfs_worth(v, VF_COUNT(v));
    ok(n == 3 && v[0].start == MIB && v[0].length == 4 * MIB && v[1].start == 20 * MIB &&
           v[1].length == 4 * MIB && v[2].start == 40 * MIB && v[2].length == 8 * MIB,
       "by whole MiB, none that is shorter than a request");

    size_t most = 3 * VF_VMKFS_MOST;
    vf_autofree struct vf_recipe_hole *many = vf_xcalloc(most, sizeof *many);
    for (size_t i = 0; i < most; i++)
        many[i] = (struct vf_recipe_hole){i * 100 * MIB, (i % 3 ? 5 : 50) * MIB};
    n = vf_vmkfs_worth(many, most);
    bool longest = true;
    for (size_t i = 0; i < n; i++)
        longest = longest && many[i].length == 50 * MIB && many[i].start == i * 300 * MIB;
    ok(n == VF_VMKFS_MOST && longest, "of many the long ones");
}

int main(void)
{
    test_read();
    test_refused();
    test_worth();
    return done_testing();
}
