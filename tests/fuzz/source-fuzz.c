/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A source's side of a copy: whatever the target answers, it stays within its disk, ends when it is
 * told to, and takes the copy for done only when the target has named the hash of the disk. The
 * first byte says how the copy was asked for. The disk has data, zeroes and a short last chunk. */
#include "config.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/streams.h"

enum { SIZE = 3 * VF_DISK_CHUNK + 4096 };
enum { DELTA = 1, ONE_STREAM = 2, PACKED = 4 };

static struct vf_disk *new_disk(void)
{
    struct vf_disk *d = vf_disk_new_memory(SIZE);
    vf_autofree char *buf = vf_disk_buffer();
    for (size_t i = 0; i < VF_DISK_CHUNK; i++)
        buf[i] = (char)(i * i >> 9);
    if (vf_disk_write(d, buf, VF_DISK_CHUNK, 0, NULL) < 0 ||
        vf_disk_write(d, buf, VF_DISK_CHUNK, 2 * VF_DISK_CHUNK, NULL) < 0 ||
        vf_disk_write(d, buf, 4096, 3 * VF_DISK_CHUNK, NULL) < 0)
        abort();
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint8_t how = data[0];
    struct streams s;
    open_streams(&s);
    struct vf_link *links[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        links[i] = &s.links[i];
        links[i]->takes_zstd = how & PACKED;
    }
    vf_auto(vf_disk_free) struct vf_disk *d = new_disk();
    vf_autofd int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct vf_source_opts o = {.id = 1,
                               .disk = d,
                               .links = links,
                               .n_links = how & ONE_STREAM ? 1 : STREAMS,
                               .compress = how & PACKED ? 1 : VF_COMPRESS_OFF,
                               .delta = how & DELTA,
                               .wake_fd = wake};
    struct vf_pass *p = vf_source_start(&o);
    finish(p, &s, wake, feed(p, &s, wake, data + 1, size - 1, VF_F_DONE, 0));
    struct vf_hash is;
    if (!p->error && (vf_hash_disk(d, &is, NULL) < 0 || memcmp(&is, &p->hash, sizeof is) != 0))
        abort();
    p->ops->free(p);
    close_streams(&s);
    return 0;
}
