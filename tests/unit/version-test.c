/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program and a mover of different versions refuse each other, and say so. */
#include "config.h"
#include "tests/unit/copy-fixture.h"

#include "mover/link.h"

/* HELLO as another version would send it. */
static void make_hello(struct vf_buf *b, const char *role, const char *job, uint64_t version)
{
    vf_field_u64(b, VF_TAG_VERSION, version);
    vf_field_u64(b, VF_TAG_READER, version);
    vf_field_str(b, VF_TAG_ROLE, role);
    vf_field_str(b, VF_TAG_JOB, job);
    vf_field_str(b, VF_TAG_HOST, "another");
}

static bool clear(const struct vf_error *e, uint64_t version)
{
    vf_autofree char *words =
        vf_asprintf("speaks version %llu of the mover protocol, which is too %s for our version %d",
                    (unsigned long long)version, version ? "new" : "old", VF_WIRE_VERSION);
    show(e);
    return vf_error_code(e) == VF_E_UNSUPPORTED && strstr(vf_error_text(e), words);
}

/* A mover that is another version: a script that greets like one. */
static void test_other_mover(uint64_t version)
{
    vf_autofree char *script = path_of("mover"), *hello = path_of("hello");
    vf_autobuf struct vf_buf fields = {0}, frame = {0};
    make_hello(&fields, "owner", "j", version);
    char header[VF_WIRE_HEADER];
    vf_wire_header(header, VF_F_HELLO, 0, 0, fields.len);
    vf_buf_add(&frame, header, sizeof header);
    vf_buf_add(&frame, fields.data, fields.len);
    vf_autofree char *text = vf_asprintf("#!/bin/sh\ncat %s\nexec cat >/dev/null\n", hello);
    ok(vf_replace_file(hello, frame.data, frame.len, 0600, NULL) == 0 &&
           vf_replace_file(script, text, strlen(text), 0700, NULL) == 0,
       "a mover of version %llu", (unsigned long long)version);
    vf_autofree char *job = vf_asprintf("version-%d", (int)getpid());
    struct vf_mover_opts o = {.job = job, .epoch = 1, .mover = script};
    vf_autoerror struct vf_error *e = NULL;
    struct vf_mover_host *h = vf_mover_host_open(NULL, &o, &e);
    ok(!h && clear(e, version), "is refused with a clear word");
    vf_mover_host_free(h);
    unlink(script);
    unlink(hello);
}

/* A mover that says its word and goes, without waiting for ours. */
static void test_hasty_mover(uint8_t type)
{
    int to[2], from[2];
    vf_autobuf struct vf_buf fields = {0}, ours = {0};
    vf_autoerror struct vf_error *e = NULL, *why = NULL;
    vf_auto(vf_message_free) struct vf_message *m = NULL;
    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        abort();
    vf_fail(&why, VF_E_CONFLICT, "not here");
    if (type == VF_F_HELLO)
        make_hello(&fields, "owner", "j", 99);
    else
        vf_field_error(&fields, why);
    char header[VF_WIRE_HEADER];
    vf_wire_header(header, type, 0, 0, fields.len);
    close(to[0]);
    ok(vf_write_full(from[1], header, sizeof header) == 0 &&
           vf_write_full(from[1], fields.data, fields.len) == 0,
       "a mover that says %s and goes", vf_frame_name(type));
    close(from[1]);
    struct vf_session *s =
        vf_session_new("hasty", to[1], from[0], open("/dev/null", O_RDONLY | O_CLOEXEC));
    vf_hello_fields(&ours, "program", "j", 1);
    int r = vf_session_call(s, VF_F_HELLO, 0, &ours, VF_F_HELLO, 30000, NULL, &m, &e);
    if (r == 0)
        r = vf_hello_check(&m->frame, &e);
    ok(r < 0 && (type == VF_F_HELLO ? clear(e, 99) : vf_error_code(e) == VF_E_CONFLICT),
       "is understood, although it takes nothing");
    show(e);
    vf_session_free(s);
}

/* The real mover, spoken to by a program that is another version. */
static void test_other_program(uint64_t version)
{
    vf_autofree char *where = path_of("vmferry-v-1-00");
    const char *argv[] = {mover, "serve", "--job", "v", "--epoch", "1", "--dir", where, NULL};
    struct vf_proc p;
    unsigned pipes = VF_PROC_STDIN | VF_PROC_STDOUT | VF_PROC_STDERR | VF_PROC_DIE;
    if (!ok(mkdir(where, 0700) == 0 && vf_proc_start(argv, pipes, -1, &p, NULL) == 0,
            "a program of version %llu", (unsigned long long)version))
        return;
    struct vf_link l;
    vf_link_init(&l, p.out, p.in);
    p.in = p.out = -1;
    vf_autobuf struct vf_buf b = {0};
    make_hello(&b, "program", "v", version);
    struct vf_frame f = {0};
    vf_autoerror struct vf_error *e = NULL, *said = NULL;
    ok(vf_link_send_fields(&l, VF_F_HELLO, 0, 7, &b, &e) == 0, "greets a mover");
    int r;
    while ((r = vf_link_recv(&l, &f, 30000, NULL, &e)) == 1 && f.type != VF_F_ERROR)
        ;
    if (r == 1)
        vf_frame_error(&f, NULL, &said);
    ok(r == 1 && f.id == 7 && clear(said, version), "is refused with a clear word");
    vf_field_str(&b, VF_TAG_PATH, "/dev/null");
    ok(vf_link_send_fields(&l, VF_F_OPEN, 0, 8, &b, &e) == 0 &&
           vf_link_recv(&l, &f, 30000, NULL, &e) == 1 && f.type == VF_F_ERROR && f.id == 8,
       "and gets nothing done");
    vf_link_free(&l);
    vf_proc_wait(&p, NULL, NULL);
}

int main(void)
{
    if (begin_copies("version") != 0)
        return 99;
    for (int i = 0; i < 2; i++) {
        test_other_mover(i ? 0 : 99);
        test_other_program(i ? 0 : 99);
    }
    test_hasty_mover(VF_F_HELLO);
    test_hasty_mover(VF_F_ERROR);
    return end_copies();
}
