/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line of vmferry-mover and vmferry-fetch. See vmferry-mover(8). */
#include "config.h"
#include "mover/owner.h"
#include "base/log.h"
#include "base/str.h"
#include "base/tmpdir.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static const struct vf_mover_program *program;

static int usage(struct vf_error **err)
{
    return vf_fail(err, VF_E_USAGE,
                   "usage: %s serve --job ID --epoch N --dir DIR | join DIR [ID] | "
                   "attach DIR | "
                   "hash FILE [--format FORMAT] [--sha256 --at OFFSET:LENGTH ...] | --version",
                   program->name);
}

struct words {
    const char *job, *dir, *format;
    uint64_t epoch;
    bool sha256;
    struct piece {
        uint64_t offset, length;
    } * pieces;
    size_t n_pieces;
    char *const *rest;
    int n_rest;
};

/* "OFFSET:LENGTH", bytes. */
static int add_piece(struct words *w, const char *text)
{
    const char *colon = strchr(text, ':');
    vf_autofree char *offset = colon ? vf_strndup(text, (size_t)(colon - text)) : NULL;
    struct piece p;
    if (!offset || vf_parse_u64(offset, 0, INT64_MAX, &p.offset) < 0 ||
        vf_parse_u64(colon + 1, 1, INT64_MAX, &p.length) < 0)
        return -1;
    *(struct piece *)vf_grow(&w->pieces, &w->n_pieces, sizeof p) = p;
    return 0;
}

static int parse(int argc, char **argv, struct words *w, struct vf_error **err)
{
    static const struct option options[] = {
        {"job", required_argument, NULL, 'j'},
        {"epoch", required_argument, NULL, 'e'},
        {"dir", required_argument, NULL, 'd'},
        {"format", required_argument, NULL, 'f'},
        {"sha256", no_argument, NULL, 's'},
        {"at", required_argument, NULL, 'a'},
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
        else if (c == 's')
            w->sha256 = true;
        else if (c == 'a' && add_piece(w, optarg) == 0)
            continue;
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

static int print_hash(const char *hex, const char *name)
{
    return printf("%s  %s\n", hex, name) < 0 || fflush(stdout) != 0 ? -1 : 0;
}

/* A line for each piece, in the order in which they were asked for. */
static int hash_pieces(struct vf_disk *d, const struct words *w, struct vf_error **err)
{
    for (size_t i = 0; i < w->n_pieces; i++) {
        vf_autofree char *hex = vf_hash_piece(d, w->pieces[i].offset, w->pieces[i].length, err);
        if (!hex)
            return -1;
        if (print_hash(hex, w->rest[0]) < 0)
            return vf_fail_errno(err, errno, "standard output");
    }
    return 0;
}

static int hash_whole(struct vf_disk *d, const struct words *w, struct vf_error **err)
{
    struct vf_hash h;
    if (vf_hash_disk(d, &h, err) < 0)
        return -1;
    vf_autofree char *hex = vf_hash_hex(&h);
    return print_hash(hex, w->rest[0]) < 0 ? vf_fail_errno(err, errno, "standard output") : 0;
}

static int run_hash(const struct words *w, struct vf_error **err)
{
    if (w->n_rest != 1 || w->sha256 != (w->n_pieces > 0))
        return usage(err);
    vf_autofree char *path = realpath(w->rest[0], NULL);
    if (!path)
        return vf_fail_errno(err, errno, "%s", w->rest[0]);
    struct vf_tmpdir tmp; /* for the socket of qemu-nbd */
    if (vf_tmpdir_make("/tmp", "vmferry-hash.", &tmp) < 0) {
        int why = errno;
        vf_tmpdir_remove(&tmp);
        return vf_fail_errno(err, why, "a directory in /tmp");
    }
    struct vf_disk_spec spec = {
        .path = path, .format = w->format ? w->format : "raw", .dir = tmp.path};
    struct vf_disk *d = vf_disk_open(&spec, err);
    int r = d ? (w->n_pieces ? hash_pieces : hash_whole)(d, w, err) : -1;
    vf_disk_free(d);
    vf_tmpdir_remove(&tmp);
    return r;
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
    free(w.pieces);
    if (r == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: %s\n", program->name, vf_error_text(e));
    return vf_error_code(e) == VF_E_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}
