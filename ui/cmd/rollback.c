/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry rollback: undo a job; or return to its source, for which somebody has to agree to what is
 * lost by giving the VM's name. */
#include "config.h"
#include "ui/cmd/cmd.h"
#include "ui/plain.h"
#include "ui/say.h"
#include "ui/unfinished.h"
#include "job/back.h"
#include "job/batch.h"
#include "job/job.h"
#include "job/resume.h"
#include "job/state.h"
#include "base/i18n.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    N_("usage: vmferry rollback [OPTION]... [JOB|BATCH]\n"
       "\n"
       "Undoes what an interrupted or failed job did (an ID or its beginning; without\n"
       "it the only unfinished one): the source is put back as it was, and what the job\n"
       "made at the target is removed. Of a batch all interrupted jobs are undone, and\n"
       "those that wait do not begin.\n"
       "\n"
       "Once the target VM has run, and of a job that is done, it returns to the\n"
       "source: says what would be lost and asks for the VM's name. Then the target\n"
       "VM is shut down and kept as NAME--RETURNED, and the source is put back and\n"
       "started.\n"
       "\n"
       "  -n, --check, --dry-run  only say what would be lost; change nothing\n"
       "      --yes               ask nothing: undoing is not asked about anyway, and a\n"
       "                          return to the source still wants --return NAME\n"
       "      --return NAME       return to the source without a question: the VM's\n"
       "                          name, as it would be typed\n"
       "      --remove-target     then remove the target VM with its disks\n"
       "      --progress FORM     plain (default), json (events, one a line), or none\n"
       "  -h, --help              this text\n");

struct options {
    bool check, yes, remove, help;
    bool stopped; /* by ^C: no other is undone either */
    const char *name;
    enum vf_progress_form progress;
};

enum { O_YES = 256, O_RETURN, O_REMOVE, O_PROGRESS };

static const struct option long_options[] = {
    {"check", no_argument, NULL, 'n'},
    {"dry-run", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"yes", no_argument, NULL, O_YES},
    {"return", required_argument, NULL, O_RETURN},
    {"remove-target", no_argument, NULL, O_REMOVE},
    {"progress", required_argument, NULL, O_PROGRESS},
    {0},
};

static int take(struct options *o, int c)
{
    int form;
    switch (c) {
    case 'n':
        o->check = true;
        return 0;
    case 'h':
        o->help = true;
        return 0;
    case O_YES:
        o->yes = true;
        return 0;
    case O_RETURN:
        o->name = optarg;
        return 0;
    case O_REMOVE:
        o->remove = true;
        return 0;
    case O_PROGRESS:
        form = vf_progress_form(optarg);
        o->progress = (enum vf_progress_form)form;
        return form < 0 ? -1 : 0;
    default:
        return -1; /* getopt has said what it does not know */
    }
}

static void show(const char *id, const struct vf_loss *l)
{
    vf_autofree char *service = vf_escape(l->service), *lost = vf_escape(l->lost),
                     *target = vf_escape(l->target), *source = vf_escape(l->source);
    /* with --progress=json standard output is for events */
    vf_say(stderr, "%s\n", service);
    vf_say(stderr, _("  job     %s\n"), id);
    vf_say(stderr, _("  lost    %s\n"), lost);
    vf_say(stderr, _("  target  %s\n"), target);
    vf_say(stderr, _("  source  %s\n"), source);
}

/* What somebody types for the VM's name; NULL: nobody is there, or nothing was typed. */
static char *ask_name(const char *vm)
{
    vf_autofree char *title =
        vf_asprintf(_("To return to the source type the VM's name (%s), anything else changes "
                      "nothing"),
                    vm);
    struct vf_ask q = {.id = "return", .kind = VF_ASK_TEXT, .title = title, .safe = ""};
    struct vf_answer a = {0};
    if (vf_tty_ask(&q, NULL, NULL, &a) != 0)
        vf_answer_clear(&a);
    return a.text;
}

static int spawn(const char *id, enum vf_job_mode mode, struct options *o,
                 struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    int code = VF_EXIT_FAILED;
    sigset_t before;
    vf_plain_hold(&before);
    if (vf_job_spawn(id, mode, &err) < 0)
        vf_plain_error(err);
    else
        code = vf_plain_follow(id, o->progress, cache, &o->stopped);
    vf_plain_heed(&before);
    return code;
}

/* -1: agreed to. */
static int agree(const struct options *o, const struct vf_loss *l)
{
    vf_autofree char *typed = o->name ? vf_strdup(o->name) : NULL;
    if (o->check) {
        vf_say(stderr, _("Nothing was changed.\n"));
        return VF_EXIT_DONE;
    }
    if (!typed && (o->yes || !vf_tty_there())) {
        vf_say(stderr,
               o->yes ? _("vmferry: --yes does not agree to that: who does gives --return %s\n")
                      : _("vmferry: there is no terminal to ask on: who agrees to that gives "
                          "--return %s\n"),
               l->vm);
        return VF_EXIT_USAGE;
    }
    if (!typed)
        typed = ask_name(l->vm);
    if (vf_streq(typed, l->vm))
        return -1;
    vf_say(stderr, _("That is not its name. Nothing was changed.\n"));
    return VF_EXIT_USAGE;
}

static int go_back(const char *id, struct options *o, struct vf_tty_cache *cache)
{
    struct vf_asker asker = vf_tty_cache_asker(cache);
    vf_autoerror struct vf_error *err = NULL;
    struct vf_loss l;
    if (vf_job_loss(id, &asker, o->remove, &l, &err) < 0) {
        vf_plain_error(err);
        vf_say(stderr, _("Nothing was changed.\n"));
        return vf_error_is_transient(err) ? VF_EXIT_INTERRUPTED : VF_EXIT_STOPPED;
    }
    show(id, &l);
    int code = agree(o, &l);
    vf_loss_clear(&l);
    return code >= 0 ? code : spawn(id, o->remove ? VF_JOB_RETURN_REMOVE : VF_JOB_RETURN, o, cache);
}

static int undo(const char *id, struct options *o, struct vf_tty_cache *cache)
{
    vf_autofree char *dir = vf_job_dir(id);
    vf_autoerror struct vf_error *err = NULL;
    /* for a moment: it says who works on it, and one that ends just now has written its end */
    vf_autofd int lock = vf_job_lock(dir, &err);
    vf_auto(vf_journal_free) struct vf_journal *j =
        lock < 0 ? NULL : vf_journal_open(dir, true, &err);
    if (!j) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    close(VF_STEAL_FD(lock));
    enum vf_back back = vf_journal_back(j);
    if (vf_journal_taken_over(j)) {
        vf_say(stderr, "vmferry: %s\n", vf_journal_taken_over(j));
        return VF_EXIT_STOPPED;
    }
    switch (back) {
    case VF_BACK_RETURN:
        return go_back(id, o, cache);
    case VF_BACK_UNDO:
    case VF_BACK_AGREED:
        if (o->check) {
            vf_say(stderr, _("Nothing is lost by undoing job %s. Nothing was changed.\n"), id);
            return VF_EXIT_DONE;
        }
        return spawn(id, back == VF_BACK_UNDO ? VF_JOB_ROLLBACK : VF_JOB_RETURN, o, cache);
    case VF_BACK_RETURNED:
        vf_say(stderr, _("Job %s was returned to its source: there is nothing to undo.\n"), id);
        return VF_EXIT_DONE;
    default:
        vf_say(stderr,
               _("Job %s was undone, or never began: there is nothing to undo. The VM can be moved "
                 "again.\n"),
               id);
        return VF_EXIT_DONE;
    }
}

/* Of those that neither run nor are over, one after the other; the highest exit code. */
static int undo_batch(const char *batch, struct options *o, struct vf_tty_cache *cache)
{
    vf_autoerror struct vf_error *err = NULL;
    struct vf_batch_entry *v;
    size_t n, undone = 0;
    bool runs;
    if ((!o->check && vf_batch_stop(batch, &err) < 0) ||
        vf_batch_read(batch, &v, &n, &runs, &err) < 0) {
        vf_plain_error(err);
        return VF_EXIT_FAILED;
    }
    int worst = VF_EXIT_DONE;
    for (size_t i = 0; i < n && !o->stopped; i++) {
        if (v[i].state == VF_BATCH_RUNS)
            vf_say(stderr, _("%s: runs, and is left alone: vmferry attach %s\n"), v[i].vm,
                   v[i].job);
        if (v[i].state != VF_BATCH_ENDED || v[i].code != VF_EXIT_INTERRUPTED || v[i].taken)
            continue;
        vf_say(stdout, _("%s: undoing job %s\n"), v[i].vm, v[i].job);
        int code = undo(v[i].job, o, cache);
        worst = code > worst ? code : worst;
        undone++;
    }
    vf_batch_entries_free(v, n);
    if (!undone)
        vf_say(stdout, _("There is nothing to undo in batch %s; what waits will not begin.\n"),
               batch);
    return worst;
}

int vf_cmd_rollback(int argc, char **argv)
{
    struct options o = {0};
    optind = 1;
    argv[0] = (char *)"vmferry rollback"; /* for getopt's messages */
    for (int c; (c = getopt_long(argc, argv, "nh", long_options, NULL)) != -1;)
        if (take(&o, c) < 0) {
            fputs(_("See vmferry rollback --help.\n"), stderr);
            return VF_EXIT_USAGE;
        }
    if (o.help || argc - optind > 1) {
        fputs(_(usage), o.help ? stdout : stderr);
        return o.help ? VF_EXIT_DONE : VF_EXIT_USAGE;
    }
    int code = VF_EXIT_USAGE;
    vf_autoerror struct vf_error *err = NULL;
    const char *ref = argc > optind ? argv[optind] : NULL;
    vf_autofree char *id = ref ? vf_batch_resolve(ref, &err) : vf_only_unfinished(&code);
    if (!id && ref && !err)
        id = vf_job_resolve(ref, &err);
    if (err)
        vf_plain_error(err);
    if (!id)
        return code;
    vf_auto(vf_tty_cache_free) struct vf_tty_cache *cache = vf_tty_cache_new();
    return vf_starts(id, "batch-") ? undo_batch(id, &o, cache) : undo(id, &o, cache);
}
