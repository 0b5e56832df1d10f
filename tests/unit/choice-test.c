/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packing or not, on links and machines that are made up: a clock of their own, no waiting. */
#include "config.h"
#include "mover/choice.h"
#include "tests/unit/tap.h"

#define MIB  ((double)(1 << 20))
#define MB_S (1e6 / 1e9) /* bytes in a nanosecond */

struct line {
    double link;   /* bytes in a nanosecond that leave the buffers on the way */
    double pack;   /* bytes that are packed in one ... */
    double sample; /* ... and those of a sample */
    double left;   /* of a byte, packed */
    double slowed; /* the link's share of its speed while something is packed */
    double stall;  /* of the target: so long ... */
};

struct world {
    struct line l;
    double buffered; /* bytes on the way */
    double now;      /* ns */
    unsigned chunks, packed;
};

enum { BUFFERS = 4 << 20, STALL_EVERY = 64 /* chunks */ };

/* A higher level, as it is with text. */
#define SLOWER 0.6
#define LESS   0.88

static void pass_time(struct world *w, double ns, double share)
{
    w->now += ns;
    w->buffered -= ns * w->l.link * share;
    if (w->buffered < 0)
        w->buffered = 0;
}

static double send(struct world *w, double n)
{
    double before = w->now;
    if (w->l.stall > 0 && ++w->chunks % STALL_EVERY == 0)
        w->now += w->l.stall;
    double over = w->buffered + n - BUFFERS;
    if (over > 0)
        pass_time(w, over / w->l.link, 1);
    w->buffered += n;
    pass_time(w, n / 5, 1); /* copied into them */
    return w->now - before;
}

static void send_chunk(struct world *w, struct vf_choice *c)
{
    if (vf_choice_wants_sample(c)) {
        vf_choice_sampled(c, 65536, (size_t)(65536 * w->l.left), 65536 / w->l.sample);
        pass_time(w, 65536 / w->l.sample, w->l.slowed);
    }
    bool packing = c->packing;
    double pack = packing ? MIB / w->l.pack : 0, out = packing ? MIB * w->l.left : MIB;
    if (packing && c->thorough && w->l.left < 0.9) {
        pack /= SLOWER;
        out *= LESS;
    }
    if (packing)
        pass_time(w, pack, w->l.slowed);
    w->packed += packing;
    double sent = send(w, out);
    vf_choice_sent(c, (size_t)MIB, (size_t)out, pack, sent, 0);
}

/* The seconds for N chunks. */
static double run(struct world *w, struct vf_choice *c, unsigned n)
{
    double began = w->now;
    w->packed = 0;
    for (unsigned i = 0; i < n; i++)
        send_chunk(w, c);
    return (w->now - began) / 1e9;
}

static const struct {
    const char *what;
    struct line line;
    int packs;   /* nearly all, 0: hardly any, -1: it does not matter */
    double most; /* time, of the better of always and never */
    double most_of_few;
} cases[] = {
    {"text over 500 Mbit/s", {62 * MB_S, 400 * MB_S, 400 * MB_S, 0.33, 1, 0}, 1, 1.02, 1.05},
    {"text over 10 Gbit/s", {1100 * MB_S, 400 * MB_S, 400 * MB_S, 0.33, 1, 0}, 0, 1.07, 1.6},
    {"text, ciphers and packing on the same cores",
     {300 * MB_S, 250 * MB_S, 400 * MB_S, 0.33, 0.2, 0},
     0,
     1.06,
     1.1},
    {"text over 500 Mbit/s, a busy machine",
     {62 * MB_S, 133 * MB_S, 270 * MB_S, 0.37, 1, 0},
     1,
     1.06,
     1.06},
    {"text, a slow machine before a slow link",
     {100 * MB_S, 60 * MB_S, 300 * MB_S, 0.33, 0.5, 0},
     0,
     1.08,
     1.08},
    {"text, cheaper to pack than to encipher",
     {150 * MB_S, 400 * MB_S, 400 * MB_S, 0.33, 0.8, 0},
     1,
     1.1,
     1.4},
    {"noise over 500 Mbit/s", {62 * MB_S, 800 * MB_S, 800 * MB_S, 1, 1, 0}, 0, 1.005, 1.01},
    {"noise on the same cores", {300 * MB_S, 800 * MB_S, 800 * MB_S, 1, 0.2, 0}, 0, 1.02, 1.02},
    {"hardly anything to gain", {300 * MB_S, 310 * MB_S, 330 * MB_S, 0.5, 1, 0}, -1, 1.04, 1.04},
    {"text over 500 Mbit/s, a target that stops",
     {62 * MB_S, 400 * MB_S, 400 * MB_S, 0.33, 1, 300e6},
     1,
     1.12,
     1.06},
    {"text over 10 Gbit/s, a target that stops",
     {1100 * MB_S, 400 * MB_S, 400 * MB_S, 0.33, 1, 300e6},
     0,
     1.05,
     1.3},
};

static double always(const struct line *l, bool packing, unsigned n)
{
    struct world w = {.l = *l};
    for (unsigned i = 0; i < n; i++) {
        if (packing)
            pass_time(&w, MIB / w.l.pack, w.l.slowed);
        send(&w, packing ? MIB * w.l.left : MIB);
    }
    return w.now / 1e9;
}

int main(void)
{
    const unsigned n = 1024;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = {.l = cases[i].line};
        struct vf_choice c;
        vf_choice_init(&c);
        double took = run(&w, &c, n), bare = always(&cases[i].line, false, n),
               packed = always(&cases[i].line, true, n), best = bare < packed ? bare : packed;
        ok(took < best * cases[i].most, "%s: %.2f s, at best %.2f bare, %.2f packed", cases[i].what,
           took, bare, packed);
        ok(cases[i].packs < 0 || (cases[i].packs ? w.packed > n * 9 / 10 : w.packed < n / 8),
           "%u of %u are packed", w.packed, n);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const unsigned few = 128; /* a disk that is soon done, or a stream's part of it */
        struct world w = {.l = cases[i].line};
        struct vf_choice c;
        vf_choice_init(&c);
        double took = run(&w, &c, few), bare = always(&cases[i].line, false, few),
               packed = always(&cases[i].line, true, few), best = bare < packed ? bare : packed;
        ok(took < best * cases[i].most_of_few,
           "few, %s: %.2f s (%u), at best %.2f bare, %.2f packed", cases[i].what, took, w.packed,
           bare, packed);
    }
    struct world w = {.l = cases[1].line};
    struct vf_choice c;
    vf_choice_init(&c);
    run(&w, &c, n);
    w.l.link = 20 * MB_S;
    run(&w, &c, 512);
    ok(w.packed > 400 && c.packing, "a link that becomes slow: %u of 512 packed", w.packed);
    ok(c.thorough, "thoroughly");
    w.l.link = 1100 * MB_S;
    run(&w, &c, n);
    ok(w.packed < n / 4 && !c.packing, "and fast again: %u of %u", w.packed, n);
    w.l.link = 20 * MB_S;
    run(&w, &c, n);
    w.l.left = 1;
    run(&w, &c, n);
    ok(w.packed < 64 && !c.packing, "text becomes noise: %u of %u", w.packed, n);
    w = (struct world){.l = cases[6].line};
    vf_choice_init(&c);
    w.l.left = 0.1;
    send_chunk(&w, &c);
    w.l.left = 1;
    run(&w, &c, n);
    ok(w.packed < 32 && !c.packing, "noise behind a first chunk that is not: %u of %u", w.packed,
       n);
    return done_testing();
}
