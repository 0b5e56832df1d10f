/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images of other formats and of several files: what is read, what is refused, and that nobody can
 * start a VM on any file of them meanwhile; with qemu-img as the maker and a real QEMU as the
 * judge.
 */
#include "config.h"
#include "disk/disk.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/str.h"
#include "disk/tool.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#define MIB (1 << 20)

static char *dir, *sockets;

/* Status of a shell command in DIR, its output thrown away. */
VF_PRINTF(1, 2) static int sh(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vf_autofree char *text = vf_vasprintf(fmt, ap);
    va_end(ap);
    vf_autofree char *command = vf_asprintf("cd %s && { %s; } 2>&1", dir, text);
    const char *argv[] = {"sh", "-c", command, NULL};
    struct vf_proc_result r = {0};
    if (vf_proc_run(argv, NULL, 0, 1 << 20, NULL, &r, NULL) < 0)
        return -1;
    vf_proc_result_free(&r);
    return r.status;
}

static char *path_of(const char *name)
{
    return vf_asprintf("%s/%s", dir, name);
}

static struct vf_disk *open_image(const char *name, const char *format, struct vf_error **err)
{
    vf_autofree char *path = path_of(name);
    struct vf_disk_spec s = {.path = path, .format = format, .dir = sockets};
    return vf_disk_open(&s, err);
}

/* Reads all of it; false with *err when some of it cannot be read. */
static bool reads(const char *name, const char *format, struct vf_error **err)
{
    vf_auto(vf_disk_free) struct vf_disk *d = open_image(name, format, err);
    vf_autofree unsigned char *buf = vf_disk_buffer();
    for (uint64_t at = 0; d && at < d->size; at += MIB) {
        uint64_t n = d->size - at < MIB ? d->size - at : MIB;
        if (vf_disk_read(d, buf, n, at, err) < 0)
            return false;
    }
    return d != NULL;
}

static void refused(const char *name, const char *format, enum vf_error_code code, const char *word,
                    const char *what)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_disk_free) struct vf_disk *d = open_image(name, format, &e);
    ok(!d && vf_error_code(e) == code && strstr(vf_error_text(e), word), "%s is refused", what);
    printf("# %s: %s\n", d ? "opened" : vf_error_code_name(vf_error_code(e)),
           d ? "" : vf_error_text(e));
}

/* A program that talks more than a pipe takes is not held up, and its last words are known. */
static void test_words(void)
{
    const char *argv[] = {"sh", "-c",
                          "yes | head -c 300000; yes no | head -c 300000 >&2; "
                          "echo 'the last\nwords' >&2; exit 3",
                          NULL};
    const char *slow[] = {"sleep", "600", NULL};
    struct vf_tool t;
    int status = 0;
    ok(vf_tool_start(&t, argv, NULL) == 0, "a talkative program");
    int64_t end = vf_clock_ms() + 60000;
    while (!vf_tool_ended(&t, &status) && vf_clock_ms() < end)
        usleep(1000);
    vf_autofree char *said = vf_tool_said(&t);
    ok(status == 3 && said && vf_ends(said, "no the last words") && strlen(said) < VF_TOOL_SAID,
       "ends, and what it said last is known");
    ok(vf_tool_start(&t, slow, NULL) == 0 && !vf_tool_ended(&t, &status), "a silent one goes on");
    ok(vf_tool_stop(&t, 60000, NULL) == 128 + SIGTERM, "until it is stopped");
    vf_autofree char *none = vf_tool_said(&t);
    ok(!none, "and has said nothing");
}

/* A check that takes long goes on while the image is read, and is waited for before its end. */
static void test_slow_check(void)
{
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *path = vf_strdup(getenv("PATH")), *ours = vf_asprintf("%s/bin:%s", dir, path);
    vf_autofree unsigned char *buf = vf_disk_buffer();
    struct vf_extent x = {0};
    sh("qemu-img create -q -f qcow2 i 16M && qemu-io -f qcow2 -c 'write 0 1M' i && mkdir bin && "
       "printf '#!/bin/sh\\nuntil [ -e %s/go ]; do sleep 0.05; done; echo bad >&2; exit 2\\n' >"
       "bin/qemu-img && chmod +x bin/qemu-img",
       dir);
    setenv("PATH", ours, 1);
    struct vf_disk *d = open_image("i", "qcow2", &e);
    setenv("PATH", path, 1);
    ok(d && vf_disk_read(d, buf, MIB, 0, &e) == 0 && vf_disk_extent(d, 0, &x, &e) == 0 &&
           x.end < d->size,
       "an image is read that is still being checked");
    sh("touch go");
    ok(d && vf_disk_extent(d, x.end, &x, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "but not to its end when that says no");
    printf("# %s\n", vf_error_text(e));
    vf_disk_free(d);
    sh("rm go");
    setenv("PATH", ours, 1);
    d = open_image("i", "qcow2", NULL);
    setenv("PATH", path, 1);
    ok(d != NULL, "a check that nobody waits for is ended with it");
    vf_disk_free(d);
    sh("rm -r bin i");
}

/* ---- cut off ---- */

static void test_cut(void)
{
    static const struct {
        const char *what, *format, *options, *data; /* DATA: the file that holds it */
    } kinds[] = {
        {"qcow2", "qcow2", "", "i"},
        {"compressed qcow2", "qcow2", "-c", "i"},
        {"monolithicSparse", "vmdk", "-o subformat=monolithicSparse", "i"},
        {"streamOptimized", "vmdk", "-o subformat=streamOptimized", "i"},
        {"monolithicFlat", "vmdk", "-o subformat=monolithicFlat", "i-flat"},
        {"twoGbMaxExtentFlat", "vmdk", "-o subformat=twoGbMaxExtentFlat", "i-f001"},
        {"twoGbMaxExtentSparse", "vmdk", "-o subformat=twoGbMaxExtentSparse", "i-s001"},
        {"vhdx", "vhdx", "", "i"},
        {"vdi", "vdi", "", "i"},
        {"dynamic vpc", "vpc", "", "i"},
        {"fixed vpc", "vpc", "-o subformat=fixed", "i"},
    };
    sh("qemu-img create -q -f raw r 16M && seq 1 1400000 | dd of=r conv=notrunc status=none");
    for (size_t i = 0; i < VF_COUNT(kinds); i++) {
        vf_autoerror struct vf_error *e = NULL, *f = NULL;
        ok(sh("qemu-img convert -f raw -O %s %s r i", kinds[i].format, kinds[i].options) == 0,
           "%s is made", kinds[i].what);
        ok(reads("i", kinds[i].format, &e), "... and read");
        if (e)
            printf("# %s\n", vf_error_text(e));
        /* the last data of it is missing, not only what is behind all data */
        sh("truncate -s $(($(stat -c %%s %s) * 7 / 16 / 512 * 512)) %s", kinds[i].data,
           kinds[i].data);
        ok(!reads("i", kinds[i].format, &f), "... but not when it is cut off");
        printf("# %s: %s\n", vf_error_code_name(vf_error_code(f)), vf_error_text(f));
        sh("rm i i-*");
    }
    for (size_t i = 0; i < VF_COUNT(kinds); i += i ? 1 : 2)
        if (!i || strcmp(kinds[i].format, kinds[i - 1].format) != 0)
            refused("r", kinds[i].format, VF_E_UNSUPPORTED, "is not a", "raw as another format");
    refused("r", "qed", VF_E_UNSUPPORTED, "qed", "a format that is not known");
    sh("rm r");
}

/* An image whose tables are wrong: its header says nothing about it. */
static void test_damaged(void)
{
    sh("qemu-img create -q -f qcow2 d 16M && qemu-io -f qcow2 -c 'write 0 2M' d");
    vf_autofree char *path = path_of("d");
    vf_autofd int fd = open(path, O_RDWR);
    unsigned char wrong[8] = {0x80, 0, 0, 0, 0, 3, 0, 0};
    vf_pwrite_full(fd, wrong, 8, 0x30000); /* the refcount table stays right, the L2 table goes */
    vf_pwrite_full(fd, wrong, 8, 0x20000);
    refused("d", "qcow2", VF_E_CORRUPT, "qemu-img check", "a table that points to nowhere");
    sh("rm d; qemu-img create -q -f qcow2 d 16M && qemu-io -f qcow2 -c 'write 0 2M' d");
    vf_autofd int again = open(path, O_RDWR);
    unsigned char corrupt = 2;
    vf_pwrite_full(again, &corrupt, 1, 79); /* incompatible features, last byte */
    refused("d", "qcow2", VF_E_CORRUPT, "marked as corrupt", "an image that says it is corrupt");
    unsigned char cipher[] = {2, 0};
    vf_pwrite_full(again, &cipher[1], 1, 79);
    vf_pwrite_full(again, &cipher[0], 1, 35); /* crypt_method: LUKS */
    refused("d", "qcow2", VF_E_UNSUPPORTED, "is encrypted", "an encrypted image");
    sh("rm d");
}

/* What only shows when it is read: a compressed cluster that cannot be unpacked. */
static void test_unreadable(void)
{
    vf_autoerror struct vf_error *e = NULL;
    sh("qemu-img create -q -f raw r 4M && seq 1 500000 | dd of=r conv=notrunc status=none &&"
       "qemu-img convert -f raw -O qcow2 -c r i && yes | dd of=i bs=64k seek=6 count=1 "
       "iflag=fullblock conv=notrunc "
       "status=none");
    vf_auto(vf_disk_free) struct vf_disk *d = open_image("i", "qcow2", &e);
    ok(d != NULL, "an image with a damaged cluster opens");
    ok(!reads("i", "qcow2", &e) && vf_error_code(e) == VF_E_IO, "... and its reading fails");
    printf("# %s: %s\n", vf_error_code_name(vf_error_code(e)), vf_error_text(e));
    sh("rm i r");
}

/* ---- chains ---- */

static void test_places(void)
{
    sh("mkdir -p images/100 images/101 images/private other && qemu-img create -q -f raw b 8M &&"
       "cp b images/100/base-100-disk-0.raw && cp b images/private/b && cp b other/b &&"
       "ln -s other/b link");
    static const struct {
        const char *name, *word, *what;
        enum vf_error_code code;
    } bad[] = {
        {"/etc/hostname", "outside", "a file of the system", VF_E_UNSUPPORTED},
        {"other/b", "outside", "a file in another directory", VF_E_UNSUPPORTED},
        {"./images/../other/b", "outside", "... by a detour", VF_E_UNSUPPORTED},
        {"link", "outside", "... by a link", VF_E_UNSUPPORTED},
        {"json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/hostname\"}}",
         "not a file", "a description in JSON", VF_E_UNSUPPORTED},
        {"nbd:127.0.0.1:1", "not a file", "an address", VF_E_UNSUPPORTED},
        {"file:b", "not a file", "a protocol", VF_E_UNSUPPORTED},
        {"gone", "gone", "a file that is not there", VF_E_NOTFOUND},
        {"other", "neither a file", "a directory", VF_E_UNSUPPORTED},
        {"top", "of itself", "itself", VF_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        ok(sh("qemu-img create -q -f qcow2 top 8M && qemu-img rebase -u -f qcow2 -b '%s' -F %s top",
              bad[i].name, strcmp(bad[i].name, "top") ? "raw" : "qcow2") == 0,
           "an image over %s", bad[i].what);
        refused("top", "qcow2", bad[i].code, bad[i].word, "that");
    }
    sh("qemu-img create -q -f qcow2 -b ../100/base-100-disk-0.raw -F raw images/101/c &&"
       "qemu-img create -q -f qcow2 -b ../private/b -F raw images/101/d");
    vf_autoerror struct vf_error *e = NULL;
    ok(reads("images/101/c", "qcow2", &e), "a linked clone is read");
    if (e)
        printf("# %s\n", vf_error_text(e));
    refused("images/101/d", "qcow2", VF_E_UNSUPPORTED, "outside",
            "one over a directory that is no VM's");
    sh("rm -r images other link b top");
}

static void test_unnamed_format(void)
{
    sh("qemu-img create -q -f raw b 8M && qemu-img create -q -f qcow2 -b b -F raw top");
    vf_autofree char *path = path_of("top");
    vf_autofd int fd = open(path, O_RDWR);
    unsigned char head[512], other = 0xE3;
    ok(vf_pread_full(fd, head, sizeof head, 0) == sizeof head, "a header");
    for (size_t at = 72; at + 4 < sizeof head; at += 8)
        if (!memcmp(head + at, "\xE2\x79\x2A\xCA", 4))
            vf_pwrite_full(fd, &other, 1, at);
    refused("top", "qcow2", VF_E_UNSUPPORTED, "-F FORMAT -b b",
            "a chain that does not name a format");
    sh("rm top b");
}

static void test_vmdk_names(void)
{
    static const struct {
        const char *sed, *word, *what;
        enum vf_error_code code;
    } bad[] = {
        {"s|\"i-flat\"|\"/etc/hostname\"|", "outside", "a part outside", VF_E_UNSUPPORTED},
        {"s|\"i-flat\"|\"json:x\"|", "not a file", "a part that is no file", VF_E_UNSUPPORTED},
        {"s|RW 16384|RW 16385|", "cut off", "a part that is too short", VF_E_CORRUPT},
        {"s|^RW|RDONLY|", "cannot read", "a part that QEMU would leave out", VF_E_UNSUPPORTED},
        {"s|FLAT|SESPARSE|", "snapshot", "a snapshot's part", VF_E_UNSUPPORTED},
        {"s|^#DDB|parentFileNameHint=\"x\"|", "snapshot", "a snapshot's disk", VF_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        ok(sh("qemu-img create -q -f vmdk -o subformat=monolithicFlat i 8M && sed -i '%s' i",
              bad[i].sed) == 0,
           "a vmdk with %s", bad[i].what);
        refused("i", "vmdk", bad[i].code, bad[i].word, "that");
    }
    sh("rm i i-flat; qemu-img create -q -f vmdk i 8M");
    vf_autofree char *path = path_of("i");
    vf_autofd int fd = open(path, O_RDWR);
    char hint[] = "parentFileNameHint=\"x\"";
    vf_pwrite_full(fd, hint, strlen(hint), 512 + 21);
    refused("i", "vmdk", VF_E_UNSUPPORTED, "snapshot", "a sparse vmdk of a snapshot");
    sh("rm i");
}

static void test_vpc_difference(void)
{
    sh("qemu-img create -q -f vpc i 8M");
    vf_autofree char *path = path_of("i");
    vf_autofd int fd = open(path, O_RDWR);
    unsigned char type = 4;
    vf_pwrite_full(fd, &type, 1, 63);
    refused("i", "vpc", VF_E_UNSUPPORTED, "differences", "a differencing vpc");
    sh("rm i");
}

static void test_target(void)
{
    sh("qemu-img create -q -f raw b 8M && qemu-img create -q -f qcow2 -b b -F raw top &&"
       "qemu-img create -q -f vdi v 8M");
    vf_autofree char *top = path_of("top"), *vdi = path_of("v");
    struct vf_disk_spec s = {.path = top, .format = "qcow2", .write = true, .dir = sockets};
    vf_autoerror struct vf_error *e = NULL, *f = NULL;
    ok(!vf_disk_open(&s, &e) && vf_error_code(e) == VF_E_CONFLICT,
       "nothing is written over another image");
    s.path = vdi;
    s.format = "vdi";
    ok(!vf_disk_open(&s, &f) && vf_error_code(f) == VF_E_UNSUPPORTED, "nor as vdi");
    sh("rm top b v");
}

/* ---- locks ---- */

/* Status of a QEMU that is started on IMAGE and told to quit at once: 1, it cannot start. */
static int start_vm(const char *image, const char *format)
{
    return sh(
        "echo quit | timeout 120 qemu-system-x86_64 -accel tcg -m 16 -nodefaults -display none "
        "-S -monitor stdio -drive if=virtio,file=%s,format=%s",
        image, format);
}

/* A VM that holds IMAGE; vf_proc_wait() closes its descriptors. */
static bool hold(struct vf_proc *p, const char *image, const char *format)
{
    vf_autofree char *drive = vf_asprintf("if=virtio,file=%s/%s,format=%s", dir, image, format);
    const char *argv[] = {"qemu-system-x86_64",
                          "-accel",
                          "tcg",
                          "-m",
                          "16",
                          "-nodefaults",
                          "-display",
                          "none",
                          "-S",
                          "-monitor",
                          "stdio",
                          "-drive",
                          drive,
                          NULL};
    if (vf_proc_start(argv, VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_DIE, -1, p, NULL) < 0 ||
        vf_write_full(p->in, "info status\n", 12) < 0)
        return false;
    vf_autobuf struct vf_buf b = {0};
    char c;
    /* what it answers once it has started */
    while (!strstr(vf_buf_str(&b), "VM status") && read(p->out, &c, 1) == 1)
        vf_buf_add(&b, &c, 1);
    return strstr(vf_buf_str(&b), "VM status") != NULL;
}

static void test_running(const char *image, const char *format, const char *open,
                         const char *open_format)
{
    struct vf_proc p;
    vf_autoerror struct vf_error *e = NULL;
    ok(hold(&p, image, format), "a VM runs on %s", image);
    vf_auto(vf_disk_free) struct vf_disk *d = open_image(open, open_format, &e);
    ok(!d && vf_error_code(e) == VF_E_CONFLICT && strstr(vf_error_text(e), image) &&
           strstr(vf_error_text(e), "in use"),
       "%s is refused: %s", open, e ? vf_error_text(e) : "opened");
    if (write(p.in, "quit\n", 5) != 5)
        printf("# it is gone\n");
    vf_proc_wait(&p, NULL, NULL);
}

static void test_vm_locks(void)
{
    if (sh("qemu-system-x86_64 --version") != 0) {
        skip("a VM that is started meanwhile", "no qemu-system-x86_64");
        return;
    }
    static const struct {
        const char *name, *format;
    } files[] = {{"one", "raw"}, {"top", "qcow2"}, {"mid", "qcow2"}, {"base", "raw"}};
    sh("qemu-img create -q -f raw one 8M && qemu-img create -q -f raw base 8M &&"
       "qemu-img create -q -f qcow2 -b base -F raw mid && qemu-img create -q -f qcow2 -b mid -F "
       "qcow2 top");
    for (size_t i = 0; i < VF_COUNT(files); i++)
        ok(start_vm(files[i].name, files[i].format) == 0, "a VM starts on %s", files[i].name);
    struct vf_disk *raw = open_image("one", "raw", NULL), *top = open_image("top", "qcow2", NULL);
    ok(raw && top, "a raw image and a chain are open");
    for (size_t i = 0; i < VF_COUNT(files); i++) {
        ok(start_vm(files[i].name, files[i].format) == 1, "no VM starts on %s", files[i].name);
        ok(sh("qemu-img info -f %s %s", files[i].format, files[i].name) == 0,
           "qemu-img looks at %s", files[i].name);
    }
    vf_disk_free(raw);
    vf_disk_free(top);
    for (size_t i = 0; i < VF_COUNT(files); i++)
        ok(start_vm(files[i].name, files[i].format) == 0, "a VM starts on %s again", files[i].name);
    test_running("one", "raw", "one", "raw");
    test_running("top", "qcow2", "top", "qcow2");
    test_running("mid", "qcow2", "top", "qcow2");
    test_running("base", "raw", "top", "qcow2");
    sh("rm one top mid base");
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    dir = vf_asprintf("%s/vmferry-image.XXXXXX", base ? base : "/var/tmp");
    sockets = mkdtemp(dir) ? vf_asprintf("%s/s", dir) : NULL;
    if (!sockets || mkdir(sockets, 0700) < 0)
        return 99;
    test_words();
    if (sh("qemu-img --version") == 0) {
        test_cut();
        test_slow_check();
        test_damaged();
        test_unreadable();
        test_places();
        test_unnamed_format();
        test_vmdk_names();
        test_vpc_difference();
        test_target();
        test_vm_locks();
    } else {
        skip("real images", "no qemu-img");
    }
    ok(rmdir(sockets) == 0 && rmdir(dir) == 0, "nothing is left behind");
    free(sockets);
    free(dir);
    return done_testing();
}
