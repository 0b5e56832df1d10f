/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults on order: a queue, of which only the first is armed. When the call or the task that it
 * waits for comes, it happens, is taken off, and the next is armed. */
#include "config.h"
#include <errno.h>
#include <regex.h>
#include <string.h>
#include <time.h>
#include "tests/lab/lab.h"

enum { CALL = 2, TASK = 1 }; /* arguments that say what it waits for: METHOD PATHREGEX; TYPE */

struct lab_fault {
    const struct kind *kind;
    uint64_t after; /* how many that match still pass */
    char **args;
};

struct kind {
    const char *name, *args, *help;
    size_t where, n; /* CALL or TASK; arguments behind that, at least */
    int (*call)(struct lab_call *c, char *const *args);
    int (*task)(struct lab_task *t, char *const *args, struct vf_error **err);
};

static int do_fail(struct lab_call *c, char *const *args)
{
    lab_die(c, lab_int(args[0]), "%s", args[1]);
    return -1;
}

static int do_cut(struct lab_call *c, char *const *args)
{
    c->cut = true;
    c->cut_at = (size_t)lab_int(args[0]);
    return 0;
}

static int do_drop(struct lab_call *c, char *const *args)
{
    c->cut = true;
    lab_die(c, 500, "dropped");
    return -1;
}

static int do_slow(struct lab_call *c, char *const *args)
{
    c->slow_ms = lab_int(args[0]);
    c->goes = c->lab->n_goes;
    return 0;
}

static int do_late(struct lab_call *c, char *const *args)
{
    c->late_ms = lab_int(args[0]);
    return 0;
}

static int do_command(struct lab_call *c, char *const *args)
{
    vf_autobuf struct vf_buf out = {0};
    if (!lab_command(c->lab, args, &out))
        return 0;
    lab_die(c, 500, "vmferry-lab: %s", vf_buf_str(&out));
    return -1;
}

static int do_task(struct lab_task *t, char *const *args, struct vf_error **err)
{
    return vf_fail(err, VF_E_INTERNAL, "%s", args[0]);
}

static int do_hang(struct lab_task *t, char *const *args, struct vf_error **err)
{
    t->hangs = true;
    while (t->hangs && !t->signal)
        pthread_cond_wait(&t->lab->changed, &t->lab->lock);
    return t->signal ? vf_fail(err, VF_E_CANCELLED, "interrupted by signal") : 0;
}

static const struct kind kinds[] = {
    {"fail", "STATUS REASON", "it is not carried out but answered so", CALL, 2, do_fail, NULL},
    {"cut", "BYTES", "it is carried out, and its answer ends after BYTES of it", CALL, 1, do_cut,
     NULL},
    {"drop", "", "it is not carried out, and not answered", CALL, 0, do_drop, NULL},
    {"slow", "MS", "it is answered MS later, or at `fault go`", CALL, 1, do_slow, NULL},
    {"late", "MS",
     "of a volume: it is answered 596, is there without a size MS later, and made after as long",
     CALL, 1, do_late, NULL},
    {"do", "COMMAND…", "another command of this list happens first", CALL, 1, do_command, NULL},
    {"task", "TEXT", "it fails with TEXT", TASK, 1, NULL, do_task},
    {"hang", "", "it does nothing until `fault go`, or until it is stopped", TASK, 0, NULL,
     do_hang},
};

static struct lab_fault *armed(struct lab *lab, size_t where)
{
    struct lab_fault *f = lab->n_faults ? lab->faults[0] : NULL;
    return f && f->kind->where == where ? f : NULL;
}

static void drop_first(struct lab *lab)
{
    vf_strv_free(lab->faults[0]->args);
    free(lab->faults[0]);
    lab->n_faults--;
    memmove(lab->faults, lab->faults + 1, lab->n_faults * sizeof *lab->faults);
}

/* Whether the armed fault F happens now that what it waits for has come. */
static bool is_due(struct lab_fault *f)
{
    if (!f->after)
        return true;
    f->after--;
    return false;
}

static bool matches(const struct lab_fault *f, const char *method, const char *path)
{
    regex_t re;
    if ((strcmp(f->args[0], "*") && strcmp(f->args[0], method)) ||
        regcomp(&re, f->args[1], REG_EXTENDED | REG_NOSUB))
        return false;
    bool hit = !regexec(&re, path, 0, NULL, 0);
    regfree(&re);
    return hit;
}

void lab_fault_wait(const struct lab_call *c)
{
    struct lab *lab = c->lab;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += c->slow_ms / 1000;
    end.tv_nsec += c->slow_ms % 1000 * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lab->lock);
    while (lab->n_goes == c->goes &&
           pthread_cond_timedwait(&lab->changed, &lab->lock, &end) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&lab->lock);
}

int lab_fault_call(struct lab_call *c, const char *path)
{
    struct lab_fault *f = armed(c->lab, CALL);
    if (!f || !matches(f, c->method, path) || !is_due(f))
        return 0;
    const struct kind *k = f->kind;
    vf_autostrv char **args = VF_STEAL(f->args);
    drop_first(c->lab); /* first: what it does may be a command of this file */
    return k->call(c, args + CALL);
}

int lab_fault_task(struct lab_task *t, const char *what, struct vf_error **err)
{
    struct lab_fault *f = armed(t->lab, TASK);
    if (!f || !vf_streq(f->args[0], what) || !is_due(f))
        return 0;
    const struct kind *k = f->kind;
    vf_autostrv char **args = VF_STEAL(f->args);
    drop_first(t->lab);
    return k->task(t, args + TASK, err);
}

static int usage(struct vf_buf *out)
{
    vf_buf_puts(out,
                "usage: fault [after N] KIND METHOD|* PATHREGEX …: at the next such call (N pass "
                "first)\n       fault [after N] KIND TASKTYPE …: at the next such task\n"
                "       fault go|list|clear: hanging tasks and slow answers go on; what is still "
                "to come; none\n");
    for (size_t i = 0; i < VF_COUNT(kinds); i++)
        vf_buf_printf(out, "  %s %s %s: %s\n", kinds[i].name,
                      kinds[i].where == CALL ? "METHOD|* PATHREGEX" : "TASKTYPE", kinds[i].args,
                      kinds[i].help);
    return 2;
}

static int add(struct lab *lab, char *const *args, uint64_t after, struct vf_buf *out)
{
    const struct kind *k = NULL;
    regex_t re;
    for (size_t i = 0; i < VF_COUNT(kinds) && args[0]; i++)
        if (vf_streq(kinds[i].name, args[0]))
            k = &kinds[i];
    if (!k || vf_strv_len(args) < 1 + k->where + k->n)
        return usage(out);
    if (k->where == CALL && regcomp(&re, args[2], REG_EXTENDED | REG_NOSUB))
        return usage(out);
    if (k->where == CALL)
        regfree(&re);
    struct lab_fault *f = vf_xcalloc(1, sizeof *f);
    *f = (struct lab_fault){k, after, vf_strv_new()};
    for (size_t i = 1; args[i]; i++)
        vf_strv_add(&f->args, args[i]);
    *(struct lab_fault **)vf_grow(&lab->faults, &lab->n_faults, sizeof *lab->faults) = f;
    return 0;
}

static int go(struct lab *lab)
{
    for (size_t i = 0; i < lab->n_tasks; i++)
        lab->tasks[i]->hangs = false;
    lab->n_goes++;
    pthread_cond_broadcast(&lab->changed);
    return 0;
}

int lab_fault_command(struct lab *lab, char *const *args, struct vf_buf *out)
{
    uint64_t after = 0;
    if (vf_streq(args[0], "go"))
        return go(lab);
    if (vf_streq(args[0], "clear")) {
        while (lab->n_faults)
            drop_first(lab);
        return 0;
    }
    if (vf_streq(args[0], "list")) {
        for (size_t i = 0; i < lab->n_faults; i++) {
            vf_autofree char *text = vf_strv_join(lab->faults[i]->args, " ");
            vf_buf_printf(out, "%s %s\n", lab->faults[i]->kind->name, text);
        }
        return 0;
    }
    if (vf_streq(args[0], "after")) {
        if (vf_parse_u64(args[1], 0, UINT32_MAX, &after))
            return usage(out);
        args += 2;
    }
    return add(lab, args, after, out);
}
