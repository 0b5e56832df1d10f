/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A target's side of a copy: whatever frames come, over up to three streams (the id says which), it
 * stays within its disk, ends when it is told to, and says "done" only of what the hash is true of.
 * The first byte says how the copy was asked for. The disk has three chunks and a short one. */
#include "config.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/streams.h"

enum { SIZE = 3 * VF_DISK_CHUNK + 4096, TAIL = 8192 };
enum { VERIFY = 1, FRESH = 2, DELTA = 4, LONGER = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint8_t how = data[0];
    struct streams s;
    open_streams(&s);
    vf_auto(vf_disk_free) struct vf_disk *d =
        vf_disk_new_memory(SIZE + (how & LONGER ? (uint64_t)TAIL : 0));
    vf_autofd int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct vf_target_opts o = {.id = 1,
                               .disk = d,
                               .size = SIZE,
                               .verify = how & VERIFY,
                               .fresh = how & FRESH,
                               .delta = how & DELTA,
                               .wake_fd = wake};
    struct vf_pass *p = vf_target_start(&o);
    finish(p, &s, wake,
           feed(p, &s, wake, data + 1, size - 1, VF_F_END, how & DELTA ? VF_F_BEGIN : 0));
    if (!p->error && !(how & LONGER)) {
        struct vf_hash is;
        if (vf_hash_disk(d, &is, NULL) < 0 || memcmp(&is, &p->hash, sizeof is) != 0)
            abort();
    }
    p->ops->free(p);
    close_streams(&s);
    return 0;
}
