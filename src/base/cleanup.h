/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scope cleanup: a variable that owns something says so where it is declared. */
#ifndef VF_BASE_CLEANUP_H
#define VF_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void vf_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void vf_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* `vf_autofree char *s`, `vf_autofd int fd = -1`: released when the scope ends. */
#define vf_autofree __attribute__((cleanup(vf_cleanup_free)))
#define vf_autofd   __attribute__((cleanup(vf_cleanup_fd)))

/* Defines the cleanup for `vf_auto(type_free) struct type *x`; FN takes a `struct type *` and
 * accepts NULL. Put it behind the declaration of FN in the header that declares it. */
#define VF_DEFINE_CLEANUP(TYPE, FN)                                                                \
    static inline void vf_cleanup_##FN(TYPE *p)                                                    \
    {                                                                                              \
        if (*p)                                                                                    \
            FN(*p);                                                                                \
    }
#define vf_auto(FN) __attribute__((cleanup(vf_cleanup_##FN)))

/* Takes a pointer out of its owner, which is left NULL. */
#define VF_STEAL(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) vf_stolen = (p);                                                             \
        (p) = NULL;                                                                                \
        vf_stolen;                                                                                 \
    })

/* The same for a file descriptor, which is left -1. */
#define VF_STEAL_FD(fd)                                                                            \
    __extension__({                                                                                \
        int vf_stolen = (fd);                                                                      \
        (fd) = -1;                                                                                 \
        vf_stolen;                                                                                 \
    })

#define VF_COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define VF_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define VF_MUST_USE     __attribute__((warn_unused_result))

#endif
