/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a stream's chunks are packed: decided by what either way was seen to cost. What the other
 * way would cost is only guessed, from samples, to see whether it is worth a try; after a try the
 * one that was faster stays. Knows neither zstd nor clocks. */
#ifndef VF_MOVER_CHOICE_H
#define VF_MOVER_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

struct vf_choice {
    bool packing;   /* the next chunk is */
    bool thorough;  /* at a higher level, because the link is what is slow */
    bool settled;   /* what follows is measured */
    bool trying;    /* ... what was guessed to be better than the other way ... */
    double other;   /* ... which took so long */
    unsigned since; /* chunks since the last change */
    unsigned hold;  /* chunks until the next try; each that was in vain makes it longer */
    unsigned patience;
    struct vf_window {
        unsigned chunks;
        double in, out, ns, pack, send;
    } now;                   /* being filled */
    double last[2];          /* nanoseconds for a byte, of the last windows; 0: none */
    double packing_ns, left; /* of samples: what packing a byte takes, what is left of it */
};

void vf_choice_init(struct vf_choice *c);
/* Whether the next chunk is one of which a sample is packed, to be told below. */
bool vf_choice_wants_sample(const struct vf_choice *c);
void vf_choice_sampled(struct vf_choice *c, size_t in, size_t out, double ns);
/* A chunk of IN bytes was sent as OUT: it was packed in PACK and sent in SEND nanoseconds, WAITED
 * after the one before. */
void vf_choice_sent(struct vf_choice *c, size_t in, size_t out, double pack, double send,
                    double waited);

#endif
