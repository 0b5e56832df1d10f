/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What move, run and check have in common: a prepared plan is shown, agreed to, made a job and
 * followed. */
#ifndef VF_UI_CMD_CARRY_H
#define VF_UI_CMD_CARRY_H

#include "job/job.h"
#include "ui/plain.h"

struct vf_carry {
    const char *config;
    const char *save; /* write the plan there and stop; NULL: carry it out */
    bool dry_run, yes, debug, help;
    unsigned fixes;    /* as in a plan */
    bool forecast;     /* measure at both hosts how long it will take */
    unsigned parallel; /* of several VMs: how many at a time, 0: one */
    bool stop_on_failure;
    bool only_check; /* of `check`: like a dry run, with a verdict at the end */
    enum vf_progress_form progress;
};

/* 1 when the option C of getopt was one of the common ones (long_options: VF_CARRY_OPTIONS), 0 when
 * not, -1 when its argument is wrong, which was said. */
int vf_carry_option(struct vf_carry *o, int c, const char *argument);
enum {
    VF_CARRY_YES = 1000,
    VF_CARRY_PROGRESS,
    VF_CARRY_DEBUG,
    VF_CARRY_PARALLEL,
    VF_CARRY_STOP,
    VF_CARRY_FIX,
    VF_CARRY_FORECAST,
    VF_MAX_PARALLEL = 16
};
#define VF_CARRY_OPTIONS                                                                           \
    {"config", required_argument, NULL, 'c'}, {"dry-run", no_argument, NULL, 'n'},                 \
        {"help", no_argument, NULL, 'h'}, {"yes", no_argument, NULL, VF_CARRY_YES},                \
        {"progress", required_argument, NULL, VF_CARRY_PROGRESS},                                  \
        {"fix", required_argument, NULL, VF_CARRY_FIX},                                            \
        {"forecast", no_argument, NULL, VF_CARRY_FORECAST},                                        \
    {                                                                                              \
        "debug", no_argument, NULL, VF_CARRY_DEBUG                                                 \
    }
#define VF_CARRY_LETTERS "c:nh"
/* More, of those that move several VMs. */
#define VF_SEVERAL_OPTIONS                                                                         \
    {"parallel-guests", required_argument, NULL, VF_CARRY_PARALLEL},                               \
    {                                                                                              \
        "stop-on-failure", no_argument, NULL, VF_CARRY_STOP                                        \
    }

/* The index of TEXT in the N WORDS; -1, said, when option NAME cannot be that. */
int vf_carry_word(const char *name, const char *text, const char *const *words, size_t n);

/* Are the hosts looked at? A move that is carried out finds the same when it connects them. */
static inline bool vf_carry_looks(const struct vf_carry *o)
{
    return o->dry_run || o->only_check;
}

/* The fixes for what was found that somebody at a terminal agrees to, as bits; 0: none, or nobody
 * is asked (--yes, no terminal, nothing is carried out). P has to be prepared again with them. */
unsigned vf_carry_offer(const struct vf_carry *o, const struct vf_prepared *p);

/* Does with P what O says. VM names it in messages. *ID: the job, when one was made (caller frees);
 * may be NULL. *STOPPED: as of vf_plain_follow(). */
enum vf_exit vf_carry_out(const struct vf_conf *conf, const struct vf_carry *o,
                          const struct vf_prepared *p, const char *vm, struct vf_tty_cache *cache,
                          char **id, bool *stopped);

/* Shows what P will do, where somebody reads along, agrees to it, or must know why it STOPs. */
void vf_carry_show(const struct vf_carry *o, const struct vf_prepared *p, bool stop);

/* Writes the N plans to O->save. */
enum vf_exit vf_carry_save(const struct vf_carry *o, struct vf_plan *const *plans, size_t n);

/* Says why there is no plan, and that nothing was changed (unless VM is NULL). */
enum vf_exit vf_carry_failed(const struct vf_error *e, const char *vm);

#endif
