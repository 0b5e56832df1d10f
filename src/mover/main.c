/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of vmferry-mover and vmferry-fetch. See vmferry-mover(8). */
#include "config.h"
#include "mover/owner.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

enum { EXIT_USAGE = 2 };

static const struct vf_mover_program *program;

static int usage(struct vf_error **err)
{
    return vf_fail(err, VF_E_USAGE,
                   "usage: %s serve --job ID --epoch N --dir DIR | join DIR [ID] | "
                   "attach DIR | "
                   "hash FILE [--format FORMAT] | --version",
                   program->name);
}

struct words {
    const char *job, *dir, *format;
    uint64_t epoch;
    char *const *rest;
    int n_rest;
};

static int parse(int argc, char **argv, struct words *w, struct vf_error **err)
{
    static const struct option options[] = {
        {"job", required_argument, NULL, 'j'},
        {"epoch", required_argument, NULL, 'e'},
        {"dir", required_argument, NULL, 'd'},
        {"format", required_argument, NULL, 'f'},
        {0},
    };
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'j')
            w->job = optarg;
        else if (c == 'd')
            w->dir = optarg;
        else if (c == 'f')
            w->format = optarg;
        else if (c != 'e' || vf_parse_u64(optarg, 0, UINT64_MAX - 1, &w->epoch) < 0)
            return usage(err);
    }
    w->rest = argv + optind;
    w->n_rest = argc - optind;
    return 0;
}

static int run_serve(const struct words *w, struct vf_error **err)
{
    if (!w->job || !w->dir || w->n_rest)
        return usage(err);
    vf_log_stderr(true); /* the program reads it */
    struct vf_serve_opts o = {
        .job = w->job, .dir = w->dir, .epoch = w->epoch, .source = program->source};
    return vf_serve(&o, err);
}

static int run_join(const struct words *w, struct vf_error **err)
{
    uint64_t id = 0;
    if (w->n_rest < 1 || w->n_rest > 2 ||
        (w->n_rest == 2 && vf_parse_u64(w->rest[1], 1, UINT32_MAX, &id) < 0))
        return usage(err);
    return vf_join(w->rest[0], (uint32_t)id, err);
}

static int run_attach(const struct words *w, struct vf_error **err)
{
    return w->n_rest == 1 ? vf_attach(w->rest[0], err) : usage(err);
}

static int run_hash(const struct words *w, struct vf_error **err)
{
    if (w->n_rest != 1)
        return usage(err);
    vf_autofree char *path = realpath(w->rest[0], NULL);
    if (!path)
        return vf_fail_errno(err, errno, "%s", w->rest[0]);
    char dir[] = "/tmp/vmferry-hash.XXXXXX"; /* for the socket of qemu-nbd */
    if (!mkdtemp(dir))
        return vf_fail_errno(err, errno, "%s", dir);
    struct vf_disk_spec spec = {.path = path, .format = w->format ? w->format : "raw", .dir = dir};
    struct vf_disk *d = vf_disk_open(&spec, err);
    struct vf_hash h;
    int r = d ? vf_hash_disk(d, &h, err) : -1;
    vf_disk_free(d);
    vf_fence_remove_dir(dir);
    if (r < 0)
        return -1;
    vf_autofree char *hex = vf_hash_hex(&h);
    if (printf("%s  %s\n", hex, w->rest[0]) < 0 || fflush(stdout) != 0)
        return vf_fail_errno(err, errno, "standard output");
    return 0;
}

static int run_version(const struct words *w, struct vf_error **err)
{
    if (printf("%s %s protocol %d\n", program->name, PACKAGE_VERSION, VF_WIRE_VERSION) < 0 ||
        fflush(stdout) != 0)
        return vf_fail_errno(err, errno, "standard output");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct words *w, struct vf_error **err);
} verbs[] = {{"serve", run_serve},
             {"join", run_join},
             {"attach", run_attach},
             {"hash", run_hash},
             {"--version", run_version}};

int vf_mover_main(int argc, char **argv, const struct vf_mover_program *what)
{
    program = what;
    vf_autoerror struct vf_error *e = NULL;
    struct words w = {0};
    int r = -1;
    size_t i = 0;
    while (argc > 1 && i < VF_COUNT(verbs) && !vf_streq(argv[1], verbs[i].name))
        i++;
    if (argc < 2 || i == VF_COUNT(verbs))
        usage(&e);
    else if (parse(argc - 1, argv + 1, &w, &e) == 0)
        r = verbs[i].run(&w, &e);
    if (r == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: %s\n", program->name, vf_error_text(e));
    return vf_error_code(e) == VF_E_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}
