/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry-fetch with the host of fake-way.h: VMFERRY_FAKE names the folder of its datastores. A
 * file "faults" there is looked at all the time: "down" (nothing can be read), "slow N"
 * (milliseconds a read), "every N" (each so manieth read fails). "faults.seen" is then the same. */
#include "config.h"
#include "fetch/fetch.h"
#include "mover/owner.h"
#include "base/fdio.h"
#include "base/str.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void fake_faults(const char *root, const char *text);

static void *watch(void *arg)
{
    const char *root = arg;
    vf_autofree char *path = vf_asprintf("%s/faults", root), *seen = vf_asprintf("%s.seen", path);
    vf_autofree char *before = NULL;
    for (;;) {
        vf_autofree char *text = vf_read_file(path, 4096, NULL, NULL);
        fake_faults(root, text ? text : "");
        if (text && !vf_streq(text, before)) {
            vf_replace_file(seen, text, strlen(text), 0600, NULL);
            vf_str_set(&before, text);
        }
        usleep(5000);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *root = getenv("VMFERRY_FAKE");
    pthread_t thread;
    if (root)
        fake_faults(root, "");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (root && pthread_create(&thread, NULL, watch, (void *)root) != 0)
        return EXIT_FAILURE;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    vf_disk_add_kind(&vf_fetch_kind);
    vf_fetch_begin(vf_owner_note);
    int status = vf_mover_main(
        argc, argv, &(struct vf_mover_program){.name = "fake-fetch", .source = vf_fetch_source});
    vf_fetch_end();
    return status;
}
