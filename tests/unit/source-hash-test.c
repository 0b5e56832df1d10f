/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof against the source: a real mover hashes the target, a source of ours tells what it has
 * in its own words. */
#include "config.h"
#include "tests/unit/copy-fixture.h"

#include "job/job_text.h"
#include "job/resume.h"
#include "job/steps.h"
#include "job/sums.h"
#include "provider/absent.h"
#include "xfer/carrier.h"

static char *source, *target;
static uint64_t seam; /* no range over it can be told; 0: none */
static bool by_host, speechless, cut_once;
static unsigned calls;
static uint64_t first_asked, bytes_asked;

static char *sum_of(const char *path, uint64_t n, uint64_t offset)
{
    vf_autofree char *command = vf_asprintf(
        "dd if=%s iflag=skip_bytes,count_bytes bs=1M skip=%llu count=%llu 2>/dev/null | sha256sum",
        path, (unsigned long long)offset, (unsigned long long)n);
    struct vf_proc_result r = {0};
    vf_proc_run((const char *[]){"sh", "-c", command, NULL}, NULL, 0, 4096, NULL, &r, NULL);
    char *sum = vf_strndup(vf_buf_str(&r.out), 64);
    vf_proc_result_free(&r);
    return sum;
}

static char *tell(struct vf_provider *p, const char *node, const char *volume, uint64_t n,
                  uint64_t offset, bool *host, struct vf_error **err)
{
    calls++;
    if (cut_once) {
        cut_once = false;
        vf_fail(err, VF_E_NET, "the connection broke");
        return NULL;
    }
    if (speechless || (seam && offset < seam && offset + n > seam)) {
        vf_fail(err, VF_E_UNSUPPORTED, "no means there");
        return NULL;
    }
    if (calls == 2)
        first_asked = offset;
    bytes_asked += n;
    *host = by_host;
    return sum_of(source, n, offset);
}

static atomic_uint beside;
static atomic_bool stuck;

static char *tell_beside(struct vf_summer *s, uint64_t n, uint64_t offset, struct vf_cancel *cancel,
                         struct vf_error **err)
{
    atomic_fetch_add(&beside, 1);
    if (stuck && vf_cancel_sleep(cancel, 60 * 1000, err) < 0)
        return NULL;
    return sum_of(source, n, offset);
}

static void free_summer(struct vf_summer *s)
{
    free(s);
}

static struct vf_summer *summer(struct vf_provider *p, const char *node, const char *volume)
{
    struct vf_summer *s = vf_xcalloc(1, sizeof *s);
    *s = (struct vf_summer){tell_beside, free_summer};
    return s;
}

static int volume(struct vf_provider *p, const char *node, const char *name, struct vf_volume *out,
                  struct vf_error **err)
{
    struct stat st;
    *out = (struct vf_volume){.path = vf_strdup(target), .format = vf_strdup("raw")};
    if (stat(target, &st) == 0)
        out->size = (uint64_t)st.st_size;
    return 0;
}

static const char *written;

static int source_volume(struct vf_provider *p, const char *node, const char *name,
                         struct vf_volume *out, struct vf_error **err)
{
    *out = (struct vf_volume){.stamp = vf_strdup(written)};
    return 0;
}

static int state(struct vf_provider *p, const char *node, unsigned id, enum vf_vm_state *out,
                 struct vf_error **err)
{
    *out = VF_VM_STOPPED;
    return 0;
}

static const struct vf_provider_ops source_ops = {.type = "esxi",
                                                  .hash = tell,
                                                  .summer = summer,
                                                  .volume = source_volume,
                                                  .state = state,
                                                  .may = vf_absent_may},
                                    target_ops = {.type = "pve", .volume = volume};

/* ---- a job ---- */

static int dial(void *opaque, bool far, struct vf_ssh **out, struct vf_error **err)
{
    *out = NULL;
    return 0;
}

static int epoch(void *opaque, uint64_t *out, struct vf_error **err)
{
    static uint64_t n;
    *out = ++n;
    return 0;
}

static struct vf_route *route(void *opaque, struct vf_mover_host *from, struct vf_mover_host *to,
                              struct vf_error **err)
{
    struct vf_route_opts o = {.source_label = "a1", .target_label = "b2"};
    return vf_route_open(from, to, &o, err);
}

static const struct vf_carrier_ops carrier_ops = {.dial = dial, .epoch = epoch, .route = route};

static const char conf_text[] =
    "clusters = ( { name = \"beta\"; type = \"pve\"; url = \"https://b\"; } );\n";

struct trial {
    struct vf_job job;
    struct vf_plan plan;
    struct vf_plan_disk disk;
    struct vf_vm source;
    struct vf_job_disk job_disk;
    struct vf_provider from, to;
    char *dir;
};

static void trial_begin(struct trial *t, uint64_t size)
{
    static int n;
    *t = (struct trial){
        .plan = {.verify = VF_VERIFY_FULL,
                 .copy_disks = true,
                 .source = (char *)"esx1",
                 .target = (char *)"beta",
                 .target_node = (char *)"b1",
                 .n_disks = 1},
        .disk = {.slot = (char *)"scsi0", .volume = (char *)"[ds] a/a.vmdk", .size = size},
        .job_disk = {.slot = "scsi0", .volume = (char *)"local:100/a.raw"},
        .from = {.ops = &source_ops},
        .to = {.ops = &target_ops},
        .dir = vf_asprintf("%s/job-%d", dir, n++),
    };
    mkdir(t->dir, 0700);
    t->plan.disks = &t->disk;
    t->source.node = (char *)"esx1";
    vf_autoerror struct vf_error *e = NULL;
    t->job = (struct vf_job){.id = vf_asprintf("hash-%d-%d", (int)getpid(), n),
                             .dir = t->dir,
                             .plan = &t->plan,
                             .source = &t->source,
                             .disks = &t->job_disk,
                             .source_pve = &t->from,
                             .target_pve = &t->to,
                             .conf = vf_conf_parse(conf_text, strlen(conf_text), "x", &e),
                             .journal = vf_journal_create(t->dir, &e),
                             .bus = vf_bus_new(),
                             .cancel = vf_cancel_new(NULL),
                             .hands = PTHREAD_MUTEX_INITIALIZER};
    struct vf_carrier_opts o = {.job = t->job.id, .mover = mover, .cancel = t->job.cancel};
    t->job.carrier = vf_carrier_new(&o, &carrier_ops, NULL);
    ok(vf_carrier_open(t->job.carrier, &e) == 0, "a job with movers: %s",
       e ? vf_error_text(e) : "begun");
    calls = 0;
    bytes_asked = 0;
    seam = 0;
    by_host = true;
    speechless = cut_once = false;
}

static void trial_end(struct trial *t)
{
    vf_carrier_free(t->job.carrier);
    vf_journal_free(t->job.journal);
    vf_bus_free(t->job.bus);
    vf_cancel_free(t->job.cancel);
    vf_conf_free(t->job.conf);
    free(t->job.id);
    free(t->dir);
}

static void said(struct trial *t, const char *words)
{
    const struct vf_record *r = vf_job_was_done(&t->job, "source-hash/scsi0");
    vf_autofree char *text = r ? vf_source_check_text(r->result) : NULL;
    ok(text && strstr(text, words), "... and the report says: %s", text ? text : "nothing");
}

/* ---- disks ---- */

static void make_disks(uint64_t size)
{
    vf_autofd int a = open(source, O_RDWR | O_CREAT | O_TRUNC, 0600);
    vf_autofree char *data = vf_xmalloc(MIB);
    for (size_t i = 0; i < MIB; i++)
        data[i] = (char)(i * 2654435761U >> 11);
    if (ftruncate(a, (off_t)size) < 0)
        abort();
    for (uint64_t at = 0; at + MIB <= size; at += size / 8)
        vf_pwrite_full(a, data, MIB, at);
    vf_pwrite_full(a, "end", 3, size - 3);
    run((const char *[]){"cp", "--sparse=always", source, target, NULL});
}

static void flip(const char *path, uint64_t at)
{
    vf_autofd int fd = open(path, O_RDWR);
    char c = 0;
    if (pread(fd, &c, 1, (off_t)at) != 1)
        abort();
    c ^= 1;
    vf_pwrite_full(fd, &c, 1, at);
}

static void test_by_host(void)
{
    enum { SIZE = VF_SUMS_PIECE + 2 * MIB + 512 };
    struct trial t;
    vf_autoerror struct vf_error *e = NULL;
    make_disks(SIZE);
    trial_begin(&t, SIZE);
    seam = 3 * MIB;
    ok(vf_job_hashes_source(&t.job), "there is something to compare with");
    ok(vf_step_source_hash(&t.job, &e) == 0, "a disk in two files agrees: %s",
       e ? vf_error_text(e) : "all of it");
    said(&t, "pieces agree with the source host's own SHA-256");
    const struct vf_record *r = vf_job_was_done(&t.job, "source-hash/scsi0");
    ok(r && vf_json_int(r->result, "bytes") == SIZE, "... all of its bytes");
    unsigned before = calls;
    ok(vf_step_source_hash(&t.job, &e) == 0 && calls == before, "... and not once more");
    trial_end(&t);

    trial_begin(&t, SIZE);
    vf_job_intend(&t.job, "source-hash/scsi0", json_pack("{s:s}", "seed", "0123456789abcdef"),
                  NULL);
    vf_job_fact(&t.job, "source-hash/scsi0/to",
                json_pack("{s:I, s:i}", "to", (json_int_t)VF_SUMS_PIECE, "pieces", 1), NULL);
    ok(vf_step_source_hash(&t.job, &e) == 0, "one that was cut off goes on");
    ok(first_asked == VF_SUMS_PIECE && bytes_asked == 3 * MIB + 512,
       "... where it was (from %llu, %llu bytes)", (unsigned long long)first_asked,
       (unsigned long long)bytes_asked);
    said(&t, "2 of 2 pieces");
    trial_end(&t);
}

/* Seeds with which the first look is at that MiB of so many. */
#define AT_20_OF_33 "0000000000000001"
#define AT_7_OF_33  "000000000000002b"
#define AT_20_OF_40 "000000000000004b"
#define AT_3_OF_40  "000000000000000c"

/* As if a process before had begun with SEED. */
static void look_first(struct trial *t, const char *seed)
{
    vf_job_intend(&t->job, "source-hash/scsi0", json_pack("{s:s}", "seed", seed), NULL);
}

static void test_differences(void)
{
    struct trial t;
    static const struct {
        bool source;
        const char *seed, *at;
    } cases[] = {
        {false, AT_20_OF_40, "of the 1.0 MiB at 20 MiB"},
        {false, AT_3_OF_40, "of the 16 MiB at 16 MiB"},
        {true, AT_20_OF_40, "of the 1.0 MiB at 20 MiB"},
        {true, AT_3_OF_40, "of the 16 MiB at 16 MiB"},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        vf_autoerror struct vf_error *e = NULL;
        make_disks(40 * MIB);
        flip(cases[i].source ? source : target, 20 * MIB + 77);
        trial_begin(&t, 40 * MIB);
        look_first(&t, cases[i].seed);
        int rc = vf_step_source_hash(&t.job, &e);
        ok(rc < 0 && vf_error_code(e) == VF_E_CORRUPT && strstr(vf_error_text(e), "scsi0") &&
               strstr(vf_error_text(e), cases[i].at),
           "a byte is another at the %s: %s", cases[i].source ? "source" : "target",
           vf_error_text(e));
        ok(!vf_job_was_done(&t.job, "source-hash/scsi0"), "... which is not done");
        trial_end(&t);
    }
}

static void test_second_read(void)
{
    struct trial t;
    vf_autoerror struct vf_error *e = NULL;
    make_disks(40 * MIB);
    trial_begin(&t, 40 * MIB);
    by_host = false;
    ok(vf_step_source_hash(&t.job, &e) == 0 && bytes_asked == 32 * MIB,
       "where the host has no hash, a sample is read again (%llu bytes)",
       (unsigned long long)bytes_asked);
    said(&t, "a second read of 32 MiB of 40 MiB agreed");
    trial_end(&t);
    make_disks(2 * MIB + 512);
    flip(target, 2 * MIB + 100);
    trial_begin(&t, 2 * MIB + 512);
    by_host = false;
    ok(vf_step_source_hash(&t.job, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "of a small disk all: %s", vf_error_text(e));
    trial_end(&t);
}

/* Pieces that the host hashed while it was copied. */
static void test_beside(void)
{
    enum { SIZE = 2 * VF_SUMS_PIECE + 512 };
    struct trial t;
    struct vf_disk source_disk = {.slot = (char *)"scsi0", .volume = (char *)"[ds] a/a.vmdk"};
    make_disks(SIZE);
    /* 1: the target; 2: the source, behind us; 3: the same, and it is what is looked at first */
    for (int changed = 0; changed < 4; changed++) {
        vf_autoerror struct vf_error *e = NULL;
        trial_begin(&t, SIZE);
        t.source.disks = &source_disk;
        t.source.n_disks = 1;
        t.source.name = (char *)"web";
        written = "10:00";
        vf_job_note_written(&t.job, NULL);
        look_first(&t, changed == 3 ? AT_20_OF_33 : AT_7_OF_33);
        t.job.sums = vf_sums_begin(&t.job);
        vf_autofree char *early = vf_sums_take(t.job.sums, 0, VF_SUMS_PIECE, 0);
        vf_autofree char *sum = vf_sums_take(t.job.sums, 0, VF_SUMS_PIECE, VF_SUMS_PIECE);
        ok(!early && sum && beside == 1u + (unsigned)changed,
           "the host hashes what is between the first piece and the last");
        if (changed == 1)
            flip(target, 20 * MIB);
        else if (changed >= 2)
            flip(source, 20 * MIB);
        written = changed >= 2 ? "10:10" : written;
        int rc = vf_step_source_hash(&t.job, &e);
        ok(!t.job.sums, "... which ends with the proof");
        if (!changed) {
            ok(rc == 0 && bytes_asked == VF_SUMS_PIECE + MIB + 512,
               "those two are asked for afterwards: %s", e ? vf_error_text(e) : "agreed");
            said(&t, "3 of 3 pieces agree with the source host's own SHA-256, 1 of them made while "
                     "it was copied");
        } else {
            ok(rc < 0 && vf_error_code(e) == (changed == 1 ? VF_E_CORRUPT : VF_E_CONFLICT), "%s",
               e ? vf_error_text(e) : "nothing was found");
        }
        if (changed)
            flip(changed == 1 ? target : source, 20 * MIB);
        trial_end(&t);
    }
    trial_begin(&t, SIZE);
    stuck = true;
    struct vf_sums *s = vf_sums_begin(&t.job);
    ok(s != NULL, "one that takes long");
    vf_sums_free(s);
    stuck = false;
    ok(true, "is ended");
    t.disk.size = 2 * VF_SUMS_PIECE;
    ok(!vf_sums_begin(&t.job), "a disk of two pieces has none between");
    trial_end(&t);
}

/* Parts of it were not read because the host called them zeroes: a sample is not enough. */
static void test_unread(void)
{
    struct trial t;
    vf_autoerror struct vf_error *e = NULL;
    make_disks(40 * MIB);
    trial_begin(&t, 40 * MIB);
    by_host = false;
    ok(vf_job_intend(&t.job, "copy/scsi0", json_pack("{s:i}", "unread", 4 << 20), NULL) == 0 &&
           vf_job_unread(&t.job, "scsi0") == 4 << 20 && !vf_job_unread(&t.job, "scsi1"),
       "a disk of which some was not read");
    ok(vf_step_source_hash(&t.job, &e) == 0 && bytes_asked == 41 * MIB,
       "where the host has no hash any more, all of it is read again (%llu bytes)",
       (unsigned long long)bytes_asked);
    said(&t, "a second read of 40 MiB of 40 MiB agreed");
    trial_end(&t);
    flip(target, 33 * MIB + 5);
    trial_begin(&t, 40 * MIB);
    by_host = false;
    vf_job_intend(&t.job, "copy/scsi0", json_pack("{s:i}", "unread", 4 << 20), NULL);
    ok(vf_step_source_hash(&t.job, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "and what is different is found: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    trial_end(&t);
    trial_begin(&t, 40 * MIB);
    speechless = true;
    vf_job_intend(&t.job, "copy/scsi0", json_pack("{s:i}", "unread", 4 << 20), NULL);
    ok(vf_step_source_hash(&t.job, &e) < 0 && !vf_job_was_done(&t.job, "source-hash/scsi0"),
       "what cannot be compared at all is not done: %s", e ? vf_error_text(e) : "done");
    trial_end(&t);
}

static void test_limits(void)
{
    struct trial t;
    vf_autoerror struct vf_error *e = NULL;
    make_disks(8 * MIB);
    trial_begin(&t, 8 * MIB);
    speechless = true;
    ok(vf_step_source_hash(&t.job, &e) == 0, "a source that cannot tell stops nothing");
    said(&t, "no means there");
    trial_end(&t);
    trial_begin(&t, 8 * MIB);
    cut_once = true;
    t.job.warnings = json_array();
    ok(vf_step_source_hash(&t.job, &e) == 0 && atomic_load(&t.job.retries) == 1,
       "what is cut off is tried again");
    const char *warning = json_string_value(json_array_get(t.job.warnings, 0));
    ok(warning && strstr(warning, "the connection broke; trying again for up to "),
       "... which is told, and for how long: %s", warning ? warning : "nothing");
    json_decref(VF_STEAL(t.job.warnings));
    said(&t, "1 of 1 pieces");
    trial_end(&t);
    trial_begin(&t, 8 * MIB);
    vf_cancel_fire(t.job.cancel, "enough");
    ok(vf_step_source_hash(&t.job, &e) < 0 && vf_error_code(e) == VF_E_CANCELLED,
       "it can be cancelled: %s", vf_error_text(e));
    trial_end(&t);
    trial_begin(&t, 8 * MIB);
    t.plan.verify = VF_VERIFY_NONE;
    ok(!vf_job_hashes_source(&t.job), "nothing is compared where nothing is to be verified");
    trial_end(&t);
}

/* The title of the step that looks whether all disks are there. */
static const char *last_look(const struct vf_job *job)
{
    const char *title = "";
    for (size_t i = 0; i < vf_n_steps; i++)
        if (vf_streq(vf_steps[i].name, "verify") && vf_steps[i].applies(job))
            title = *title ? "twice" : vf_steps[i].title;
    return title;
}

static void test_titles(void)
{
    struct trial t;
    trial_begin(&t, 8 * MIB);
    is_str(last_look(&t.job), "Check that every disk was verified", "what is done is said");
    t.plan.verify = VF_VERIFY_NONE;
    is_str(last_look(&t.job), "Check that every disk was copied completely",
           "also where nothing is verified");
    trial_end(&t);
}

static void copied(struct trial *t)
{
    ok(vf_job_intend(&t->job, "copy/scsi0", NULL, NULL) == 0 &&
           vf_job_done(&t->job, "copy/scsi0",
                       json_pack("{s:i, s:s, s:s}", "size", 4 << 20, "source_hash", "a",
                                 "target_hash", "a"),
                       NULL) == 0,
       "a disk is copied");
}

/* While one disk was out of reach the VM ran, and the other was copied before. */
static void test_written_meanwhile(void)
{
    struct trial t;
    vf_autoerror struct vf_error *err = NULL;
    struct vf_disk source_disk = {.slot = (char *)"scsi0", .volume = (char *)"[ds] a/a.vmdk"};
    make_disks(4 << 20);
    trial_begin(&t, 4 << 20);
    t.disk.format = (char *)"raw";
    t.source.disks = &source_disk;
    t.source.n_disks = 1;
    t.source.name = (char *)"web";
    t.source.state = VF_VM_STOPPED;
    written = "10:00";
    ok(vf_job_note_written(&t.job, NULL) == 0, "noted before the copying");
    copied(&t);
    ok(vf_step_verify(&t.job, &err) == 0, "nobody wrote%s%s", err ? ": " : "",
       err ? vf_error_text(err) : "");
    written = "10:10";
    ok(vf_job_note_written(&t.job, NULL) == 0, "a second process notes nothing");
    ok(vf_step_verify(&t.job, &err) < 0 && vf_error_code(err) == VF_E_CONFLICT &&
           strstr(vf_error_text(err), "written to at the source"),
       "what was written meanwhile is found: %s", err ? vf_error_text(err) : "");
    ok(vf_job_undone(&t.job, "copy/scsi0", NULL) == 0 && vf_job_note_written(&t.job, NULL) == 0,
       "but who copies all of it again does");
    copied(&t);
    ok(vf_step_verify(&t.job, NULL) == 0, "and has it whole");

    /* taken up by a third process: what had been seen of the files before is worth nothing */
    vf_job_intend(&t.job, "claim", json_pack("{s:i}", "lacks", VF_LACKS_CLAIM), NULL);
    vf_job_done(&t.job, "claim", json_pack("{s:s}", "last_start", "10:10"), NULL);
    vf_job_intend(&t.job, "checksums", NULL, NULL);
    vf_job_done(&t.job, "checksums", NULL, NULL);
    ok(vf_job_take_up(&t.job, &t.source, NULL) == 0 && vf_job_was_done(&t.job, "checksums"),
       "checksums of files that are as they were are not compared again");
    written = "10:20";
    ok(vf_job_take_up(&t.job, &t.source, NULL) == 0 && !vf_job_was_done(&t.job, "checksums") &&
           !vf_job_was_done(&t.job, "copy/scsi0"),
       "of files that changed they are");
    trial_end(&t);
}

int main(void)
{
    static char template[] = "/var/tmp/vf-source-hash-XXXXXX";
    signal(SIGPIPE, SIG_IGN);
    const char *top = getenv("top_builddir");
    dir = mkdtemp(template);
    mover = vf_asprintf("%s/vmferry-mover", top ? top : ".");
    source = vf_asprintf("%s/source", dir);
    target = vf_asprintf("%s/target", dir);
    test_by_host();
    test_differences();
    test_second_read();
    test_beside();
    test_unread();
    test_limits();
    test_titles();
    test_written_meanwhile();
    run((const char *[]){"rm", "-rf", dir, NULL});
    free(mover);
    free(source);
    free(target);
    return done_testing();
}
