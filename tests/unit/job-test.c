/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal, marker, bus: what a job's safety stands on. */
#include "config.h"
#include "job/bus.h"
#include "job/client.h"
#include "job/journal.h"
#include "job/job_priv.h"
#include "job/resume.h"
#include "job/server.h"
#include "job/state.h"
#include "base/fdio.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/vmferry-job-test-XXXXXX";
static char *path;

static json_t *step(const char *key, const char *state, json_t *data)
{
    json_t *e = vf_event_new("step");
    json_object_set_new(e, "key", json_string(key));
    json_object_set_new(e, "state", json_string(state));
    if (data)
        json_object_set_new(e, "data", data);
    return e;
}

static void append(const char *text)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || vf_write_full(fd, text, strlen(text)) < 0)
        abort();
    close(fd);
}

static void put(const char *text)
{
    if (vf_replace_file(path, text, strlen(text), 0600, NULL) < 0)
        abort();
}

static void test_journal_write(void)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, &err);
    ok(j != NULL, "a journal is made (%s)", err ? err->text : "no error");
    struct stat st;
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "only its owner may read it");
    ok(st.st_blocks * 512 >= 1024 * 1024, "1 MiB is reserved");
    ok(vf_journal_create(dir, NULL) == NULL, "a second one over it is refused");
    char *line = NULL;
    ok(vf_journal_write(j, step("create", "intent", json_pack("{s:i}", "vmid", 200)), &line,
                        &err) == 0,
       "an intent is written");
    ok(line && strchr(line, '\n') == line + strlen(line) - 1, "as one line");
    free(line);
    ok(vf_journal_write(j, step("create", "done", NULL), NULL, &err) == 0, "a result is written");
    ok(vf_journal_write(j, step("attach/scsi0", "intent", NULL), NULL, &err) == 0,
       "and another intent");
    ok(vf_journal_write(j, step("never", "done", NULL), NULL, NULL) < 0,
       "a result without intent is refused");
}

static void test_journal_read(void)
{
    vf_autoerror struct vf_error *err = NULL;
    append("{\"type\":\"step\",\"key\":\"attach/sc");
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, false, &err);
    ok(j != NULL, "a torn last line is bearable (%s)", err ? err->text : "no error");
    if (!j)
        return;
    const struct vf_record *r = vf_journal_find(j, "create");
    ok(r && r->state == VF_REC_DONE && vf_json_int(r->intent, "vmid") == 200,
       "the intent's data is back");
    r = vf_journal_find(j, "attach/scsi0");
    ok(r && r->state == VF_REC_INTENT && !r->result && r->begun == 1,
       "an intent without result is known as such");
    ok(vf_journal_write(j, step("attach/scsi0", "undone", NULL), NULL, &err) == 0,
       "it can be written on");
    vf_auto(vf_journal_free) struct vf_journal *again = vf_journal_open(dir, true, &err);
    r = again ? vf_journal_find(again, "attach/scsi0") : NULL;
    ok(r && r->state == VF_REC_UNDONE, "what was torn is gone, what came after is read");
}

/* TEXT's first N bytes, then ZEROES (what a file system may leave of a block that it had not
 * written): opened and written on, is the record of "create" DONE? -1: not opened. */
static int torn_at(const char *text, size_t n, size_t zeroes)
{
    vf_autofree char *torn = vf_xcalloc(1, n + zeroes + 1);
    memcpy(torn, text, n);
    if (vf_replace_file(path, torn, n + zeroes, 0600, NULL) < 0)
        abort();
    vf_auto(vf_journal_free) struct vf_journal *look = vf_journal_open(dir, true, NULL);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, false, NULL);
    if (!look != !j || !j)
        return -1;
    const struct vf_record *r = vf_journal_find(j, "create"), *s = vf_journal_find(look, "create");
    int state = (int)r->state;
    if (!s || (int)s->state != state ||
        vf_journal_write(j, step("next", "intent", NULL), NULL, NULL))
        return -1;
    vf_auto(vf_journal_free) struct vf_journal *again = vf_journal_open(dir, true, NULL);
    r = again ? vf_journal_find(again, "create") : NULL;
    return r && (int)r->state == state && vf_journal_find(again, "next") ? state == VF_REC_DONE
                                                                         : -1;
}

/* The machine stops anywhere in a write. */
static void test_journal_torn(void)
{
    unlink(path);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, NULL);
    struct stat st;
    if (!j || vf_journal_write(j, step("create", "intent", NULL), NULL, NULL) < 0 ||
        stat(path, &st) < 0 ||
        vf_journal_write(j, step("create", "done", json_pack("{s:i}", "vmid", 1)), NULL, NULL) < 0)
        abort();
    size_t n, from = (size_t)st.st_size, good = 0, cut = 0;
    vf_autofree char *text = vf_read_file(path, 1 << 20, &n, NULL);
    for (size_t at = from; at < n; at++) {
        good += torn_at(text, at, 0) == 0;
        cut += torn_at(text, at, n - at) == 0;
    }
    ok(good == n - from, "torn at any byte of its last line only that is lost (%zu of %zu)", good,
       n - from);
    ok(cut == n - from, "also where zeroes follow (%zu)", cut);
    ok(torn_at(text, n, 0) == 1, "the whole line counts");
    const char *end = strchr(text, '\n');
    size_t refused = 0;
    for (size_t at = 0; end && at <= (size_t)(end - text); at++)
        refused += torn_at(text, at, 0) == -1;
    ok(end && refused == (size_t)(end - text) + 1, "one without its first line is refused");
}

/* Formats that this program does not read. */
static void test_journal_versions(void)
{
    static const struct {
        const char *head, *word;
    } v[] = {
        {"{\"type\":\"journal\",\"version\":9,\"reader\":9}\n", "newer vmferry"},
        {"{\"type\":\"journal\",\"version\":0,\"reader\":0}\n", "older vmferry"},
        {"{\"type\":\"journal\",\"version\":9,\"reader\":1}\n", NULL},
        {"{\"type\":\"job\"}\n", "is not a vmferry journal"},
    };
    for (size_t i = 0; i < VF_COUNT(v); i++) {
        vf_autoerror struct vf_error *err = NULL;
        put(v[i].head);
        vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, false, &err);
        ok(v[i].word ? !j && strstr(vf_error_text(err), v[i].word) : j != NULL, "journal %zu: %s",
           i, err ? vf_error_text(err) : "read");
    }
}

struct writer {
    pthread_t thread;
    struct vf_journal *j;
    int number;
    bool good;
};

/* Each its own steps, as when several disks are copied at once. */
static void *write_steps(void *arg)
{
    struct writer *w = arg;
    w->good = true;
    for (int i = 0; i < 10; i++) {
        vf_autofree char *key = vf_asprintf("copy/%d-%d", w->number, i);
        w->good = w->good && vf_journal_write(w->j, step(key, "intent", NULL), NULL, NULL) == 0;
        const struct vf_record *r = vf_journal_find(w->j, key);
        w->good = w->good && r && r->state == VF_REC_INTENT &&
                  vf_journal_write(w->j, step(key, "done", NULL), NULL, NULL) == 0 &&
                  r->state == VF_REC_DONE;
    }
    return NULL;
}

static void test_journal_threads(void)
{
    unlink(path);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, NULL);
    if (!ok(j != NULL, "a journal for several threads"))
        return;
    struct writer w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (struct writer){.j = j, .number = i};
        ok(pthread_create(&w[i].thread, NULL, write_steps, &w[i]) == 0, "thread %d", i);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(w[i].thread, NULL);
        ok(w[i].good, "its steps are written");
    }
    vf_auto(vf_journal_free) struct vf_journal *again = vf_journal_open(dir, true, NULL);
    ok(again && vf_journal_count(again) == 40, "and all are read");
    unlink(path);
}

/* The last line that was said. */
static char *last_said(struct vf_bus *b)
{
    char *line = NULL, *next;
    for (size_t i = 0; (next = vf_bus_line(b, i)); i++) {
        free(line);
        line = next;
    }
    return line;
}

static void test_rate(void)
{
    unlink(path);
    struct vf_plan plan = {.rate = 1000};
    struct vf_job job = {.plan = &plan, .rate = 1000};
    job.journal = vf_journal_create(dir, NULL);
    job.bus = vf_bus_new();
    ok(vf_job_set_rate(&job, 5000000000, "me", NULL) == 0 && job.rate == 5000000000,
       "a new rate is used");
    vf_autofree char *said = last_said(job.bus);
    ok(said && strstr(said, "\"type\":\"rate\"") &&
           strstr(said, "\"rate\":5000000000,\"request\":\"me\""),
       "and said");
    vf_auto(vf_journal_free) struct vf_journal *again = vf_journal_open(dir, true, NULL);
    const json_t *events = vf_journal_events(again);
    const json_t *last = json_array_get(events, json_array_size(events) - 1);
    ok(vf_json_int(last, "rate") == 5000000000, "and kept");
    plan.method = VF_METHOD_REMOTE_MIGRATE;
    ok(vf_job_set_rate(&job, 1, NULL, NULL) < 0 && job.rate == 5000000000,
       "but not where others copy");
    vf_journal_free(job.journal);
    vf_bus_free(job.bus);
    unlink(path);
}

static void test_journal_refuses(void)
{
    static const struct {
        const char *text, *what;
        enum vf_error_code code;
    } bad[] = {
        {"{\"type\":\"journal\",\"version\":9,\"reader\":9}\n", "a newer format", VF_E_UNSUPPORTED},
        {"{\"type\":\"step\"}\n", "a file that is no journal", VF_E_CORRUPT},
        {"", "an empty file", VF_E_CORRUPT},
        {"{\"type\":\"journal\",\"version\":1,\"reader\":1}\nrubbish\n{\"type\":\"note\"}\n",
         "rubbish in the middle", VF_E_CORRUPT},
    };
    for (size_t i = 0; i < VF_COUNT(bad); i++) {
        put(bad[i].text);
        vf_autoerror struct vf_error *err = NULL;
        vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, &err);
        ok(!j && vf_error_code(err) == bad[i].code, "%s is refused (%s)", bad[i].what,
           vf_error_text(err));
    }
    put("{\"type\":\"journal\",\"version\":9,\"reader\":1}\n{\"type\":\"news\"}\n");
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_open(dir, true, NULL);
    ok(j != NULL, "a newer version that older readers can read is read");
}

/* A flock belongs to the open file: two descriptors of one process are two holders. */
static void test_lock(void)
{
    vf_autoerror struct vf_error *err = NULL;
    pid_t pid = 0;
    int64_t since = 0;
    vf_autofd int fd = vf_job_lock(dir, &err);
    ok(fd >= 0 && vf_job_is_locked(dir, &pid, &since), "a job is locked");
    ok(pid == getpid() && since > 1700000000, "who holds it, and since when, can be read");
    ok(vf_job_lock(dir, &err) < 0 && vf_error_code(err) == VF_E_CONFLICT, "nobody else gets it");
    vf_autofree char *number = vf_asprintf("process %d ", (int)getpid());
    ok(strstr(vf_error_text(err), number), "and is told who has it (%s)", vf_error_text(err));
    close(VF_STEAL_FD(fd));
    ok(!vf_job_is_locked(dir, NULL, NULL), "free again");
    vf_autofd int again = vf_job_lock(dir, NULL);
    ok(again >= 0, "it can be taken");
}

static void *take_lock(void *fd)
{
    *(int *)fd = vf_job_lock(dir, NULL);
    return NULL;
}

/* One that only looks, as vf_job_is_locked() does, and is not run again for a while. */
static void test_looked_at(void)
{
    vf_autofree char *lock = vf_asprintf("%s/lock", dir);
    int fd = -1, looks = open(lock, O_RDWR | O_CLOEXEC);
    pthread_t t;
    if (looks < 0 || flock(looks, LOCK_SH) < 0 || pthread_create(&t, NULL, take_lock, &fd) != 0)
        abort();
    vf_cancel_sleep(NULL, 500, NULL);
    close(looks);
    pthread_join(t, NULL);
    ok(fd >= 0, "who looks whether a job is held keeps nobody from it");
    close(fd);
}

/* Journals by their lines: "KEY STATE", "start", "end CODE". */
static void test_way(void)
{
    static const struct {
        const char *lines, *what;
        enum vf_way way;
    } cases[] = {
        {"start", "one that has begun", VF_WAY_BOTH},
        {"start,claim intent,claim done,create intent", "one that was cut off", VF_WAY_BOTH},
        {"start,claim intent,end 4", "one that ended as resumable", VF_WAY_BOTH},
        {"start,end 1", "one that failed", VF_WAY_NONE},
        {"start,end 3", "one that a check stopped", VF_WAY_NONE},
        {"start,end 1,start", "one that was taken up again", VF_WAY_BOTH},
        {"start,claim intent,rollback intent", "one that is being undone", VF_WAY_BACK},
        {"start,claim intent,rollback intent,end 5", "also when a person is needed", VF_WAY_BACK},
        {"start,rollback intent,rollback done", "one that was undone", VF_WAY_NONE},
        {"start,start intent", "one whose target may have run", VF_WAY_ON},
        {"start,start intent,start failed", "one whose target did not start", VF_WAY_BOTH},
        {"start,start intent,start done,end 0,start,end 5", "one that was done", VF_WAY_NONE},
        {"start,start intent,start done,end 0,start return,return intent,end 4",
         "one that is returned to its source", VF_WAY_BACK},
        {"start,start intent,start done,end 4,start return,return intent,return undone,end 1",
         "one whose return was given up", VF_WAY_ON},
        {"start,start intent,start done,end 0,start return,return intent,return undone,end 1",
         "one that was done and whose return was given up", VF_WAY_NONE},
        {"start,start intent,return intent,return done", "one that was returned", VF_WAY_NONE},
        {"start,rollback intent,migrate/handover intent,migrate/handover done,rollback failed",
         "one that could not go back", VF_WAY_ON},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        unlink(path);
        vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, NULL);
        vf_autostrv char **lines = vf_strv_split(cases[i].lines, ",");
        for (size_t k = 0; lines[k]; k++) {
            vf_autostrv char **words = vf_strv_split(lines[k], " ");
            json_t *e = words[1] ? step(words[0], words[1], NULL) : vf_event_new(words[0]);
            if (vf_streq(lines[k], "start return")) {
                json_decref(e);
                e = vf_event_new("start");
                json_object_set_new(e, "mode", json_string("return"));
            } else if (vf_starts(lines[k], "end")) {
                json_decref(e);
                e = vf_event_new("end");
                json_object_set_new(e, "exit", json_integer(words[1][0] - '0'));
            }
            if (vf_journal_write(j, e, NULL, NULL) < 0)
                abort();
        }
        ok(vf_journal_way(j) == cases[i].way, "what can become of %s", cases[i].what);
    }
}

static void test_marker(void)
{
    static const char m[] = "vmferry-job: 20261121-074812-3fa9c2";
    static const char *const texts[] = {NULL,
                                        "",
                                        "web server",
                                        "two\nlines",
                                        "ends with newline\n",
                                        "vmferry-job: 20261121-074812-3fa9c2x is not it"};
    for (size_t i = 0; i < VF_COUNT(texts); i++) {
        vf_autofree char *with = vf_marker_add(texts[i], m);
        vf_autofree char *again = vf_marker_add(with, m);
        vf_autofree char *without = vf_marker_remove(with, m);
        is_str(without, texts[i] ? texts[i] : "", "taking the marker out gives the text back");
        is_str(again, with, "adding it twice is adding it once");
    }
    vf_autofree char *with = vf_marker_add("hello", m);
    vf_autofree char *id = vf_marker_find(with);
    is_str(id, "20261121-074812-3fa9c2", "the marker is found");
    ok(vf_marker_find("hello vmferry-job: x") == NULL, "but not in the middle of a line");
    ok(vf_marker_there(with, m) && !vf_marker_there(with, "vmferry-job: 2026"),
       "it is there as a whole line or not at all");
    vf_autofree char *taken = vf_asprintf("%s (1)", m);
    vf_autofree char *other = vf_marker_replace(with, taken);
    vf_autofree char *same_id = vf_marker_find(other);
    is_str(same_id, "20261121-074812-3fa9c2", "a job that was taken over keeps its ID");
    ok(vf_marker_there(other, taken) && !vf_marker_there(other, m), "but its marker is another");
    vf_autofree char *clean = vf_marker_remove(other, taken);
    is_str(clean, "hello", "which comes off as it went on");
    ok(vf_marker_find(NULL) == NULL, "nor in nothing");

    vf_autofree char *full = vf_xcalloc(1, 2 * 8192 + 1);
    for (size_t i = 0; i < 8192; i++)
        memcpy(full + 2 * i, "\xc3\xa9", 2);
    vf_autofree char *cut = vf_marker_add(full, m), *end = vf_marker_find(cut);
    ok(vf_description_fits(full) && vf_description_fits(cut), "a full description is cut for it");
    ok(end && strlen(cut) == 2 * (8192 - 1 - strlen(m)) + 1 + strlen(m), "between characters");
    vf_autofree char *over = vf_asprintf("%s.", full);
    ok(!vf_description_fits(over), "one character more is too many");
    ok(vf_description_same("a\n", "a") && vf_description_same(NULL, "\n") &&
           vf_description_same("\n a", "\n a \r\n"),
       "white space at the end makes no difference");
    ok(!vf_description_same("a", "b") && !vf_description_same(" a", "a"), "all else does");
}

static const struct vf_ask_choice yes_no[] = {{"yes", "yes"}, {"no", "no"}};

struct asking {
    struct vf_bus *bus;
    struct vf_cancel *cancel;
    enum vf_ask_kind kind;
    struct vf_answer answer;
    struct vf_error *err;
    int result;
};

static void *ask_thread(void *arg)
{
    struct asking *a = arg;
    struct vf_asker asker = vf_bus_asker(a->bus);
    struct vf_ask q = {.id = "test",
                       .kind = a->kind,
                       .title = "Sure?",
                       .choices = yes_no,
                       .n_choices = 2,
                       .safe = "no"};
    a->result = asker.ask(asker.opaque, &q, a->cancel, &a->answer, &a->err);
    return NULL;
}

/* Waits for line I of the bus; caller frees. */
static char *wait_line(struct vf_bus *b, size_t i)
{
    char *line;
    while (!(line = vf_bus_line(b, i))) {
        struct pollfd p = {.fd = vf_bus_fd(b), .events = POLLIN};
        poll(&p, 1, 1000);
        vf_bus_woken(b);
    }
    return line;
}

static void test_bus(void)
{
    vf_auto(vf_bus_free) struct vf_bus *b = vf_bus_new();
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    struct asking a = {.bus = b, .cancel = cancel, .kind = VF_ASK_CHOICE};
    pthread_t t;
    ok(!vf_bus_answer(b, 1, "yes", NULL), "an answer to nothing is not taken");
    pthread_create(&t, NULL, ask_thread, &a);
    vf_autofree char *line = wait_line(b, 0);
    vf_autojson json_t *e = vf_event_parse(line, strlen(line));
    is_str(vf_json_str(e, "title"), "Sure?", "the question is said as an event");
    int64_t number = vf_json_int(e, "ask");
    ok(!vf_bus_answer(b, number, "maybe", NULL), "an answer that is no choice is not taken");
    ok(!vf_bus_answer(b, number + 1, "yes", NULL), "nor one to another question");
    ok(vf_bus_answer(b, number, "yes", NULL), "a right one is taken");
    pthread_join(t, NULL);
    ok(a.result == 0, "the worker goes on");
    is_str(a.answer.text, "yes", "with the answer");
    vf_answer_clear(&a.answer);
    vf_autofree char *settled = vf_bus_line(b, 0);
    is_str(settled, "", "who comes later is not asked again");

    struct asking s = {.bus = b, .cancel = cancel, .kind = VF_ASK_SECRET};
    pthread_create(&t, NULL, ask_thread, &s);
    vf_autofree char *second = wait_line(b, 2);
    vf_autojson json_t *e2 = vf_event_parse(second, strlen(second));
    ok(vf_bus_answer(b, vf_json_int(e2, "ask"), NULL, vf_secret_new("hunter2", 7)),
       "a secret is taken");
    pthread_join(t, NULL);
    ok(s.result == 0 && s.answer.secret && !strcmp(vf_secret_text(s.answer.secret), "hunter2"),
       "and given");
    vf_answer_clear(&s.answer);
    bool leaked = false;
    for (size_t i = 0;; i++) {
        vf_autofree char *said = vf_bus_line(b, i);
        if (!said)
            break;
        leaked = leaked || strstr(said, "hunter2");
    }
    ok(!leaked, "but never said");

    struct asking n = {.bus = b, .cancel = cancel, .kind = VF_ASK_CHOICE};
    pthread_create(&t, NULL, ask_thread, &n);
    vf_autofree char *third = wait_line(b, 4);
    vf_cancel_fire(cancel, "enough");
    pthread_join(t, NULL);
    ok(n.result < 0 && vf_error_code(n.err) == VF_E_CANCELLED, "a cancelled question ends");
    is_str(vf_error_text(n.err), "enough", "with the cause");
    vf_error_free(n.err);
}

/* ---- writes that fail, or are held up ---- */

typedef void hook(void);

static atomic_int failing_syncs;   /* so many from now on */
static _Atomic(pthread_t) ringing; /* the thread whose next ring is held up */
static _Atomic(hook *) held_up;    /* what it calls in the middle of it */

/* In place of libc's. */
int fdatasync(int fd)
{
    if (failing_syncs > 0) {
        failing_syncs--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *buf, size_t n)
{
    hook *f = n == 8 && pthread_equal(pthread_self(), ringing) ? held_up : NULL;
    if (f) {
        held_up = NULL;
        f();
    }
    return syscall(SYS_write, fd, buf, n);
}

static json_t *note_of(int length)
{
    vf_autofree char *text = vf_xcalloc(1, (size_t)length + 1);
    memset(text, 'x', (size_t)length);
    json_t *e = vf_event_new("note");
    json_object_set_new(e, "text", json_string(text));
    return e;
}

/* What failed writes have left behind the last line is never taken for lines. */
static void test_journal_failing(void)
{
    unlink(path);
    vf_auto(vf_journal_free) struct vf_journal *j = vf_journal_create(dir, NULL);
    failing_syncs = 2;
    ok(j && vf_journal_write(j, note_of(900), NULL, NULL) < 0 &&
           vf_journal_write(j, note_of(500), NULL, NULL) < 0,
       "two lines of a journal do not get to the disk");
    ok(vf_journal_write(j, note_of(100), NULL, NULL) == 0, "a third one does");
    vf_auto(vf_journal_free) struct vf_journal *once = vf_journal_open(dir, true, NULL);
    ok(once && json_array_size(vf_journal_events(once)) == 2, "which can be read");
    ok(vf_journal_write(j, note_of(10), NULL, NULL) == 0, "and another one");
    vf_auto(vf_journal_free) struct vf_journal *twice = vf_journal_open(dir, false, NULL);
    ok(twice && json_array_size(vf_journal_events(twice)) == 3 &&
           vf_journal_size(twice) == vf_journal_size(j),
       "too");
    unlink(path);
}

static struct asking first_asked;
static struct asking second_asked;
static atomic_bool first_over;
static pthread_t second_thread;
static bool second_begun;

static void *ask_first(void *arg)
{
    ask_thread(arg);
    atomic_store(&first_over, true);
    return NULL;
}

/* The first question is cancelled, and the next one put, while its answer is on its way. */
static void ask_next(void)
{
    vf_cancel_fire(first_asked.cancel, "enough");
    for (int i = 0; i < 20 && !atomic_load(&first_over); i++)
        vf_cancel_sleep(NULL, 10, NULL);
    if (!atomic_load(&first_over))
        return;
    pthread_create(&second_thread, NULL, ask_thread, &second_asked);
    second_begun = true;
    free(wait_line(second_asked.bus, 2));
}

static void test_late_ring(void)
{
    vf_auto(vf_bus_free) struct vf_bus *b = vf_bus_new();
    vf_auto(vf_cancel_free) struct vf_cancel *cancelled = vf_cancel_new(NULL);
    pthread_t t;
    first_asked = (struct asking){.bus = b, .cancel = cancelled, .kind = VF_ASK_CHOICE};
    second_asked = (struct asking){.bus = b, .kind = VF_ASK_CHOICE};
    pthread_create(&t, NULL, ask_first, &first_asked);
    free(wait_line(b, 0));
    ringing = pthread_self();
    held_up = ask_next;
    ok(vf_bus_answer(b, 1, "no", NULL), "a question is answered in the instant of its end");
    pthread_join(t, NULL);
    if (!second_begun)
        pthread_create(&second_thread, NULL, ask_thread, &second_asked);
    free(wait_line(b, 2));
    vf_cancel_sleep(NULL, 50, NULL);
    vf_bus_answer(b, 2, "yes", NULL);
    pthread_join(second_thread, NULL);
    is_str(second_asked.answer.text, "yes", "the next one gets its own answer");
    vf_answer_clear(&first_asked.answer);
    vf_answer_clear(&second_asked.answer);
    vf_error_free(first_asked.err);
    vf_error_free(second_asked.err);
}

/* A job's process that has its lock, and takes a while until it listens. */
static void *listen_late(void *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    vf_cancel_sleep(NULL, 300, NULL);
    if (fd < 0 || bind(fd, address, sizeof(struct sockaddr_un)) < 0 || listen(fd, 1) < 0)
        abort();
    return (void *)(intptr_t)fd;
}

static void test_client(void)
{
    vf_autofree char *jobs = vf_asprintf("%s/vmferry/jobs", dir),
                     *job = vf_asprintf("%s/20261122-000000-aaaaaa", jobs);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct vf_error *err = NULL;
    pthread_t t;
    void *server;
    setenv("XDG_STATE_HOME", dir, 1);
    if (vf_mkdirs(job, 0700, NULL) < 0)
        abort();
    snprintf(a.sun_path, sizeof a.sun_path, "%s/ctl", job);
    int lock = vf_job_lock(job, NULL);
    pthread_create(&t, NULL, listen_late, &a);
    struct vf_client *c = vf_client_open("20261122-000000-aaaaaa", &err);
    ok(c && vf_client_fd(c) >= 0, "a process that is not ready yet is waited for (%s)",
       err ? err->text : "its journal was read");
    pthread_join(t, &server);
    vf_client_free(c);
    close((int)(intptr_t)server);
    close(lock);
    c = vf_client_open("20261122-000000-aaaaaa", &err);
    ok(!c && err, "one that is gone is not");
    vf_client_free(c);
    vf_error_free(err);
    static const char *const left[] = {"ctl", "lock", ""};
    for (size_t i = 0; i < VF_COUNT(left); i++) {
        vf_autofree char *file = vf_asprintf("%s/%s", job, left[i]);
        if (remove(file) < 0)
            abort();
    }
    vf_autofree char *up = vf_asprintf("%s/vmferry", dir);
    if (rmdir(jobs) < 0 || rmdir(up) < 0)
        abort();
}

static const char cancel[] = "{\"type\":\"cancel\",\"keep\":false}\n";

struct serving {
    struct vf_plan plan;
    struct vf_job job;
    pthread_t thread;
    struct vf_server *server;
    int signals;
    atomic_bool over;
};

static void *serve(void *arg)
{
    struct serving *s = arg;
    vf_server_run(s->server, s->signals, &s->over);
    return NULL;
}

static void serving_begin(struct serving *s)
{
    sigset_t none;
    sigemptyset(&none);
    s->job = (struct vf_job){.dir = dir,
                             .plan = &s->plan,
                             .cancel = vf_cancel_new(NULL),
                             .stop_lock = PTHREAD_MUTEX_INITIALIZER,
                             .bus = vf_bus_new()};
    vf_bus_say(s->job.bus, vf_event_line(vf_event_new("start")));
    s->server = vf_server_new(&s->job, NULL);
    s->signals = signalfd(-1, &none, 0);
    pthread_create(&s->thread, NULL, serve, s);
}

static bool is_cancelled(struct serving *s)
{
    for (int i = 0; i < 3000 && !vf_cancel_fired(s->job.cancel); i++)
        vf_cancel_sleep(NULL, 10, NULL);
    return vf_cancel_fired(s->job.cancel);
}

static void serving_end(struct serving *s)
{
    atomic_store(&s->over, true);
    pthread_join(s->thread, NULL);
    close(s->signals);
    vf_server_free(s->server);
    vf_bus_free(s->job.bus);
    vf_cancel_free(s->job.cancel);
}

/* However many watch, one that comes then and goes at once is heard. */
static void test_many(void)
{
    struct serving s = {0};
    int watchers[40];
    char byte;
    serving_begin(&s);
    for (size_t i = 0; i < VF_COUNT(watchers); i++) {
        watchers[i] = vf_server_connect(dir, NULL);
        vf_set_nonblock(watchers[i], false);
        if (read(watchers[i], &byte, 1) != 1) { /* it was admitted */
            close(watchers[i]);
            watchers[i] = -1;
        }
    }
    ok(watchers[39] >= 0, "a job has many watchers");
    int fd = vf_server_connect(dir, NULL);
    ok(send(fd, cancel, sizeof cancel - 1, MSG_NOSIGNAL) == sizeof cancel - 1, "one more comes");
    close(fd);
    ok(is_cancelled(&s), "and is obeyed");
    for (size_t i = 0; i < VF_COUNT(watchers); i++)
        close(watchers[i]);
    serving_end(&s);
}

/* A process that takes nobody in: who comes is told so, and does not wait for ever. */
static void test_deaf(void)
{
    vf_autofree char *ctl = vf_asprintf("%s/ctl", dir);
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", ctl);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[8], n = 0;
    if (server < 0 || bind(server, (struct sockaddr *)&a, sizeof a) < 0 || listen(server, 1) < 0)
        abort();
    vf_autoerror struct vf_error *err = NULL;
    while (n < (int)VF_COUNT(fds) && (fds[n] = vf_server_connect(dir, &err)) >= 0)
        n++;
    ok(n > 0 && n < (int)VF_COUNT(fds) && vf_error_code(err) == VF_E_NET,
       "a job's process that takes nobody in does not answer (%d wait)", n);
    while (n)
        close(fds[--n]);
    close(server);
    unlink(ctl);
}

/* Who asks for something and goes, while the job speaks to it, is obeyed. */
static void test_server(void)
{
    struct serving s = {0};
    serving_begin(&s);
    int fd = vf_server_connect(dir, NULL), watcher = vf_server_connect(dir, NULL);
    vf_set_nonblock(fd, false);
    vf_set_nonblock(watcher, false);
    char byte;
    ok(fd >= 0 && read(fd, &byte, 1) == 1, "a client of a job hears from it");
    /* from here on the server's writes to it fail, as after close(), and ours still arrive */
    shutdown(fd, SHUT_RD);
    vf_bus_say(s.job.bus, vf_event_line(vf_event_new("mark")));
    for (bool heard = false; !heard;) { /* by another one: it was said to the first, too */
        char line[4096];
        ssize_t n = read(watcher, line, sizeof line - 1);
        if (n <= 0)
            abort();
        line[n] = '\0';
        heard = strstr(line, "mark") != NULL;
    }
    vf_cancel_sleep(NULL, 100, NULL);
    ok(send(fd, cancel, sizeof cancel - 1, MSG_NOSIGNAL) == sizeof cancel - 1,
       "one that listens no more can still speak");
    close(fd);
    ok(is_cancelled(&s), "and is obeyed");
    close(watcher);
    serving_end(&s);
}

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    path = vf_asprintf("%s/journal.jsonl", dir);
    test_journal_write();
    test_journal_read();
    test_journal_refuses();
    test_lock();
    test_looked_at();
    test_way();
    test_journal_threads();
    test_journal_torn();
    test_journal_versions();
    test_rate();
    test_marker();
    test_bus();
    test_client();
    test_server();
    test_many();
    test_deaf();
    test_late_ring();
    test_journal_failing();
    vf_autofree char *lock = vf_asprintf("%s/lock", dir);
    unlink(lock);
    unlink(path);
    rmdir(dir);
    free(path);
    return done_testing();
}
