/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An NBD client that says whatever it likes: it is answered, refused or hung up on, and never reads
 * beyond what it was shown. */
#include "config.h"
#include "fetch/nbd_server.h"
#include "base/fdio.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 100000 };

static int on_read(void *opaque, void *buf, size_t n, uint64_t offset, struct vf_error **err)
{
    if (offset > SIZE || n > SIZE - offset || !n)
        abort();
    if (offset == 4096)
        return vf_fail(err, VF_E_NET, "cut");
    memset(buf, 'x', n);
    return 0;
}

static void on_failed(void *opaque, struct vf_error *e)
{
    if (!e)
        abort();
    vf_error_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vf_nbd_export exports[] = {{"part0", SIZE, on_read, NULL},
                                                   {"", SIZE, on_read, NULL}};
    vf_autofd int in = memfd_create("client", MFD_CLOEXEC);
    vf_autofd int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    vf_autoerror struct vf_error *err = NULL;
    if (in < 0 || out < 0 || vf_pwrite_full(in, data, size, 0) < 0)
        abort();
    int r = vf_nbd_serve(in, out, exports, 2, on_failed, NULL, &err);
    if ((r < 0) != (err != NULL))
        abort();
    return 0;
}
