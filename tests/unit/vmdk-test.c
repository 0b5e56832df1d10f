/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors and sparse headers: what is read, what is refused with which advice, and the recipe
 * that comes of it. */
#include "config.h"
#include "disk/vmdk.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <string.h>

#define TOP  "# Disk DescriptorFile\nversion=1\nCID=fffffffe\n"
#define BASE TOP "parentCID=ffffffff\n"
#define GIB  (1ULL << 30)

static struct vf_vmdk *parse(const char *text, struct vf_error **err)
{
    return vf_vmdk_parse(text, strlen(text), "[ds] web/web.vmdk", err);
}

static void test_flat(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d =
        parse(BASE "createType=\"vmfs\"\r\n\n# Extent description\n"
                   "RW 41943040 VMFS \"web 01-flat.vmdk\"\r\nchangeTrackPath=\"web-ctk.vmdk\"\n"
                   "ddb.adapterType = \"lsilogic\"\n",
              &e);
    if (!ok(d != NULL, "a disk of VMFS is read"))
        printf("# %s\n", vf_error_text(e));
    if (!d)
        return;
    ok(d->n_extents == 1 && d->size == 20 * GIB && !d->whole, "one extent of 20 GiB");
    is_str(d->type, "vmfs", "createType");
    is_str(d->adapter, "lsilogic", "the adapter");
    is_str(d->extents[0].file, "web 01-flat.vmdk", "its file");

    struct vf_vmdk_place at = {
        .dc = "ha-datacenter", .datastore = "ds 1", .path = "web 01/web 01.vmdk", .size = 400};
    vf_autofree char *file = vf_vmdk_beside(at.path, &d->extents[0], &e);
    is_str(file, "web 01/web 01-flat.vmdk", "the file beside it");
    vf_autofree char *warning = NULL, *longer = NULL;
    uint64_t size = 20 * GIB;
    vf_auto(vf_recipe_free) struct vf_recipe *r = vf_vmdk_recipe(d, &at, &size, &warning, &e);
    ok(r && !warning && !r->image && r->size == size && r->n_parts == 1, "its recipe");
    is_str(r ? r->name : NULL, "[ds 1] web 01/web 01.vmdk", "the recipe's name");
    ok(r && vf_streq(r->parts[0].dc, "ha-datacenter") && vf_streq(r->parts[0].datastore, "ds 1") &&
           vf_streq(r->parts[0].path, file) && r->parts[0].offset == 0 &&
           r->parts[0].length == size,
       "and its part");
    size += 512;
    vf_auto(vf_recipe_free) struct vf_recipe *more = vf_vmdk_recipe(d, &at, &size, &longer, &e);
    ok(more && more->size == 20 * GIB && longer && strstr(longer, "enlarged"),
       "a file that is longer than its descriptor says is told");
    size = 20 * GIB - 1;
    ok(!vf_vmdk_recipe(d, &at, &size, &(char *){NULL}, &e) && vf_error_code(e) == VF_E_CORRUPT &&
           strstr(vf_error_text(e), "cut off"),
       "one that is shorter is refused");
}

/* It would be read from the beginning. */
static void test_no_offset(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d = parse(BASE "RW 8 FLAT \"a.vmdk\" x16\n", &e);
    ok(!d && vf_error_code(e) == VF_E_CORRUPT, "a flat part that does not tell where: %s",
       vf_error_text(e));
}

/* Extents in a row, holes between them, two of them in one file. */
static void test_parts(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d =
        parse(BASE "createType=\"twoGbMaxExtentFlat\"\nRW 4192256 FLAT \"w-f001.vmdk\" 0\n"
                   "RW 2048 ZERO\nRW 100 FLAT \"w-f002.vmdk\" 128\nRW 28 FLAT \"w-f002.vmdk\" 0\n",
              &e);
    uint64_t sizes[] = {4192256ULL * 512, 0, 228 * 512, 228 * 512};
    struct vf_vmdk_place at = {.path = "/srv/w/w.vmdk", .size = 400};
    vf_autofree char *warning = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        d ? vf_vmdk_recipe(d, &at, sizes, &warning, &e) : NULL;
    if (!ok(r && r->n_parts == 4 && !r->image, "extents in a row"))
        printf("# %s\n", vf_error_text(e));
    if (!r)
        return;
    ok(!warning, "one file that holds two of them is not too long");
    ok(r->size == (4192256ULL + 2048 + 128) * 512, "their lengths are summed up");
    ok(!r->parts[1].path && r->parts[1].length == 1 << 20, "a hole");
    ok(vf_streq(r->parts[2].path, "/srv/w/w-f002.vmdk") && r->parts[2].offset == 65536 &&
           !r->parts[2].datastore,
       "an offset");
    vf_autofree char *text = vf_recipe_text(r);
    vf_auto(vf_recipe_free) struct vf_recipe *again = vf_recipe_parse(text, &e);
    ok(again && again->n_parts == 4 && !again->parts[1].path, "it survives being written down");
}

static void test_sparse(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d =
        parse(BASE "createType=\"twoGbMaxExtentSparse\"\nRW 4192256 SPARSE \"w-s001.vmdk\"\n"
                   "RW 2048 SPARSE \"w-s002.vmdk\"\n",
              &e);
    uint64_t sizes[] = {65536, 131072};
    struct vf_vmdk_place at = {.datastore = "ds", .path = "w/w.vmdk", .size = 400};
    vf_autofree char *warning = NULL;
    vf_auto(vf_recipe_free) struct vf_recipe *r =
        d ? vf_vmdk_recipe(d, &at, sizes, &warning, &e) : NULL;
    ok(r && vf_streq(r->image, "vmdk") && r->n_parts == 3 && r->size == 4194304ULL * 512,
       "sparse files are an image");
    ok(r && vf_streq(r->parts[0].path, "w/w.vmdk") && r->parts[0].length == 400 &&
           vf_streq(r->parts[2].path, "w/w-s002.vmdk") && r->parts[2].length == 131072,
       "its descriptor first, then its files");

    unsigned char h[4096] = "KDMV";
    h[12 + 2] = 0x10; /* 1048576 sectors */
    h[20] = 128;      /* sectors a grain */
    h[28] = 1;
    h[36] = 6;
    static const char inside[] =
        BASE "createType=\"monolithicSparse\"\nRW 16384 SPARSE \"w.vmdk\"\n";
    memcpy(h + 512, inside, sizeof inside);
    vf_auto(vf_vmdk_free) struct vf_vmdk *whole = vf_vmdk_parse(h, sizeof h, "w.vmdk", &e);
    ok(whole && whole->whole && whole->size == GIB / 2 && whole->grain == 65536 &&
           whole->n_extents == 1 && !whole->extents[0].file,
       "a sparse disk's header");
    is_str(whole ? whole->type : NULL, "monolithicSparse", "and the descriptor in it");
    at.size = 1 << 20;
    vf_auto(vf_recipe_free) struct vf_recipe *one =
        whole ? vf_vmdk_recipe(whole, &at, sizes, &warning, &e) : NULL;
    ok(one && one->n_parts == 1 && one->parts[0].length == 1 << 20 && vf_streq(one->image, "vmdk"),
       "its recipe is the file");
}

/* What is wrong, and a word of the advice. */
static const struct {
    const char *text, *word, *what;
    enum vf_error_code code;
} wrong[] = {
    {"hello", "not a vmdk", "another file", VF_E_UNSUPPORTED},
    {"", "not a vmdk", "an empty file", VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfs\"\n", "names no file", "no extent", VF_E_CORRUPT},
    {TOP "parentCID=12345678\nRW 8 VMFS \"x\"\n", "remove the VM's snapshots", "a parent",
     VF_E_UNSUPPORTED},
    {BASE "parentFileNameHint=\"x.vmdk\"\nRW 8 VMFS \"x\"\n", "remove the VM's snapshots",
     "a parent's name", VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfsSparse\"\nRW 8 VMFSSPARSE \"x-delta.vmdk\"\n", "snapshots",
     "a delta file", VF_E_UNSUPPORTED},
    {BASE "createType=\"seSparse\"\nRW 8 SESPARSE \"x-sesparse.vmdk\"\n", "snapshots",
     "a space-efficient delta", VF_E_UNSUPPORTED},
    {"COWD\1", "snapshots", "a delta file itself", VF_E_UNSUPPORTED},
    {"\xbe\xba\xfe\xca", "snapshots", "a space-efficient delta itself", VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfsRawDeviceMap\"\nRW 8 VMFSRDM \"x-rdm.vmdk\"\n", "attach the LUN",
     "a raw device mapping", VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfsPassthroughRawDeviceMap\"\nRW 8 VMFSRDM \"x-rdmp.vmdk\"\n", "LUN",
     "a physical mapping", VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfsRaw\"\nRW 8 VMFSRAW \"/vmfs/devices/x\"\n", "LUN", "a raw device",
     VF_E_UNSUPPORTED},
    {BASE "createType=\"fullDevice\"\nRW 8 FLAT \"/dev/sda\" 0\n", "physical device", "a device",
     VF_E_UNSUPPORTED},
    {BASE "createType=\"vmfs\"\nRW 8 VMFS \"vsan://52d8\"\n", "datastore first", "vSAN",
     VF_E_UNSUPPORTED},
    {BASE "encryptionKeys=\"vmware:key\"\nRW 8 VMFS \"x\"\n", "decrypt", "an encrypted disk",
     VF_E_UNSUPPORTED},
    {BASE "ddb.iofilters=\"vmwarevmcrypt\"\nRW 8 VMFS \"x\"\n", "decrypt", "an encrypting filter",
     VF_E_UNSUPPORTED},
    {BASE "RDONLY 8 FLAT \"x\" 0\n", "cannot read (RDONLY FLAT)", "a part without writing",
     VF_E_UNSUPPORTED},
    {BASE "RW 8 TAPE \"x\"\n", "cannot read (RW TAPE)", "an unknown part", VF_E_UNSUPPORTED},
    {BASE "RW 8\n", "cannot read", "half a line", VF_E_UNSUPPORTED},
    {BASE "RW 0 FLAT \"x\" 0\n", "length", "no sectors", VF_E_CORRUPT},
    {BASE "RW -8 FLAT \"x\" 0\n", "length", "fewer sectors", VF_E_CORRUPT},
    {BASE "RW 8 FLAT \"x\" -1\n", "length", "a negative offset", VF_E_CORRUPT},
    {BASE "RW 9223372036854775807 FLAT \"x\" 0\n", "length", "too many sectors", VF_E_CORRUPT},
    {BASE "RW 9007199254740991 FLAT \"x\" 0\nRW 9007199254740991 FLAT \"x\" 0\n"
          "RW 9007199254740991 FLAT \"x\" 0\n",
     "length", "a sum that wraps", VF_E_CORRUPT},
    {"KDMV", "cut off", "a cut header", VF_E_CORRUPT},
};

static void test_wrong(void)
{
    for (size_t i = 0; i < VF_COUNT(wrong); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_auto(vf_vmdk_free) struct vf_vmdk *d = parse(wrong[i].text, &e);
        if (!ok(!d && vf_error_code(e) == wrong[i].code && strstr(vf_error_text(e), wrong[i].word),
                "refused: %s", wrong[i].what))
            printf("# %s\n", d ? "read" : vf_error_text(e));
    }
}

static void test_names(void)
{
    static const char *const bad[] = {"../x", "/etc/shadow", "a/../../x", "a//b",
                                      "..",   "a\\b",        "x\033[2J",  "a/"};
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_autofree char *text = vf_asprintf(BASE "RW 8 FLAT \"%s\" 0\n", bad[i]);
        vf_auto(vf_vmdk_free) struct vf_vmdk *d = parse(text, &e);
        vf_autofree char *path = d ? vf_vmdk_beside("web/web.vmdk", &d->extents[0], &e) : NULL;
        ok(d && !path && vf_error_code(e) == VF_E_UNSUPPORTED &&
               strstr(vf_error_text(e), "not followed"),
           "a name that is not followed (%zu)", i);
        uint64_t size = 4096;
        struct vf_vmdk_place at = {.path = "web/web.vmdk", .size = 9};
        vf_autofree char *warning = NULL;
        ok(d && !vf_vmdk_recipe(d, &at, &size, &warning, NULL), "nor is it in a recipe");
    }
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_vmdk_free) struct vf_vmdk *d =
        parse(BASE "RW 8 SPARSE \"x..vmdk\"\nRW 8 ZERO\n", &e);
    uint64_t sizes[] = {4096, 0};
    struct vf_vmdk_place at = {.path = "web.vmdk", .size = 9};
    vf_autofree char *warning = NULL;
    ok(d && !vf_vmdk_recipe(d, &at, sizes, &warning, &e) && strstr(vf_error_text(e), "vmkfstools"),
       "sparse parts and holes are not mixed");
}

int main(void)
{
    test_no_offset();
    test_flat();
    test_parts();
    test_sparse();
    test_wrong();
    test_names();
    return done_testing();
}
