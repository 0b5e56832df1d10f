/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/journal.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

enum { RESERVE = 1024 * 1024, MAX_JOURNAL = 64 * 1024 * 1024 };

struct vf_journal {
    int fd;
    char *path;
    pthread_mutex_t lock; /* of what follows */
    uint64_t end;         /* bytes of whole lines */
    uint64_t past;        /* where what failed writes may have left behind them ends */
    struct vf_record **records;
    size_t n;
    json_t *events;
};

static const char *const state_names[] = {"intent", "done", "failed", "undone"};

static struct vf_record *find(const struct vf_journal *j, const char *key)
{
    for (size_t i = 0; i < j->n; i++)
        if (!strcmp(j->records[i]->key, key))
            return j->records[i];
    return NULL;
}

static size_t state_of(const json_t *event)
{
    size_t state = 0;
    while (state < VF_COUNT(state_names) &&
           !vf_streq(vf_json_str(event, "state"), state_names[state]))
        state++;
    return state;
}

/* A step begins with an intent; 0 for all other events. */
static int check_event(const struct vf_journal *j, const json_t *event, struct vf_error **err)
{
    const char *key = vf_json_str(event, "key");
    size_t state = state_of(event);
    if (!vf_streq(vf_json_str(event, "type"), "step"))
        return 0;
    if (!key || state == VF_COUNT(state_names) || (!find(j, key) && state != VF_REC_INTENT))
        return vf_fail(err, VF_E_CORRUPT, "%s: a step line makes no sense", j->path);
    return 0;
}

/* Takes a (checked) step event into the records. */
static void take_step(struct vf_journal *j, json_t *event, bool earlier)
{
    const char *key = vf_json_str(event, "key");
    size_t state = state_of(event);
    struct vf_record *r = find(j, key);
    if (!r) {
        r = vf_xcalloc(1, sizeof *r); /* stays where it is while others are added */
        r->key = vf_strdup(key);
        *(struct vf_record **)vf_grow(&j->records, &j->n, sizeof(struct vf_record *)) = r;
    }
    json_t *data = json_object_get(event, "data");
    if (state == VF_REC_INTENT) {
        json_decref(r->intent);
        json_decref(r->result);
        r->intent = data ? json_incref(data) : json_object();
        r->result = NULL;
        r->begun++;
    } else if (state == VF_REC_DONE) {
        json_decref(r->result);
        r->result = data ? json_incref(data) : json_object();
    }
    r->state = (enum vf_record_state)state;
    r->at = vf_event_time(event);
    r->earlier = earlier;
}

static void take(struct vf_journal *j, json_t *event, bool earlier)
{
    json_array_append(j->events, event);
    if (vf_streq(vf_json_str(event, "type"), "step"))
        take_step(j, event, earlier);
}

/* LINE of N bytes behind the others, on disk. What writes that failed have left there goes under
 * it: parts of lines behind the last one would be taken for lines. */
static int put_line(struct vf_journal *j, const char *line, size_t n)
{
    size_t size = j->past > j->end + n ? (size_t)(j->past - j->end) : n;
    vf_autofree char *text = vf_xcalloc(1, size);
    memset(text, ' ', size);
    memcpy(text, line, n - 1);
    text[size - 1] = '\n';
    j->past = j->end + size;
    if (vf_pwrite_full(j->fd, text, size, j->end) < 0 || fdatasync(j->fd) < 0)
        return -1;
    j->end += size;
    return 0;
}

int vf_journal_write(struct vf_journal *j, json_t *event, char **line_out, struct vf_error **err)
{
    vf_autojson json_t *kept = json_incref(event);
    char *line = vf_event_line(event);
    pthread_mutex_lock(&j->lock);
    int r = check_event(j, kept, err);
    if (r == 0 && put_line(j, line, strlen(line)) < 0)
        r = vf_fail_errno(err, errno, "%s", j->path);
    if (r == 0)
        take(j, kept, false);
    pthread_mutex_unlock(&j->lock);
    if (line_out && r == 0)
        *line_out = line;
    else
        free(line);
    return r;
}

static struct vf_journal *new_journal(const char *dir)
{
    struct vf_journal *j = vf_xcalloc(1, sizeof *j);
    j->path = vf_asprintf("%s/journal.jsonl", dir);
    j->events = json_array();
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

struct vf_journal *vf_journal_create(const char *dir, struct vf_error **err)
{
    vf_auto(vf_journal_free) struct vf_journal *j = new_journal(dir);
    j->fd = open(j->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (j->fd < 0) {
        vf_fail_errno(err, errno, "%s", j->path);
        return NULL;
    }
    /* room in advance: a full disk must not make a job forget what it did */
    if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, RESERVE) < 0 && errno != EOPNOTSUPP) {
        vf_fail_errno(err, errno, "reserving room for %s", j->path);
        return NULL;
    }
    json_t *head = vf_event_new("journal");
    json_object_set_new(head, "version", json_integer(VF_JOURNAL_VERSION));
    json_object_set_new(head, "reader", json_integer(VF_JOURNAL_READER));
    if (vf_journal_write(j, head, NULL, err) < 0)
        return NULL;
    vf_autofd int dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dfd < 0 || fsync(dfd) < 0) {
        vf_fail_errno(err, errno, "%s", dir);
        return NULL;
    }
    return VF_STEAL(j);
}

static int check_head(const struct vf_journal *j, const json_t *head, struct vf_error **err)
{
    if (!vf_streq(vf_json_str(head, "type"), "journal"))
        return vf_fail(err, VF_E_CORRUPT, "%s is not a vmferry journal", j->path);
    if (vf_json_int(head, "reader") > VF_JOURNAL_VERSION)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s was written by a newer vmferry; this one reads version %d", j->path,
                       VF_JOURNAL_VERSION);
    if (vf_json_int(head, "version") < VF_JOURNAL_OLDEST)
        return vf_fail(err, VF_E_UNSUPPORTED,
                       "%s was written by an older vmferry, in a form that this one does not read "
                       "any more: finish or undo that job with the older one",
                       j->path);
    return 0;
}

struct vf_journal *vf_journal_open(const char *dir, bool read_only, struct vf_error **err)
{
    vf_auto(vf_journal_free) struct vf_journal *j = new_journal(dir);
    j->fd = open(j->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (j->fd < 0) {
        vf_fail_errno(err, errno, "%s", j->path);
        return NULL;
    }
    size_t n;
    vf_autofree char *text = vf_read_file(j->path, MAX_JOURNAL, &n, err);
    if (!text)
        return NULL;
    size_t number = 0;
    for (char *line = text, *nl; (nl = memchr(line, '\n', n - (size_t)(line - text)));
         line = nl + 1) {
        vf_autojson json_t *event = vf_event_parse(line, (size_t)(nl - line));
        bool last = nl + 1 == text + n;
        number++;
        if (!event && last)
            break; /* torn: it was being written when the machine stopped */
        if (!event) {
            vf_fail(err, VF_E_CORRUPT, "%s: line %zu cannot be read", j->path, number);
            return NULL;
        }
        if ((line == text ? check_head(j, event, err) : check_event(j, event, err)) < 0)
            return NULL;
        take(j, event, true);
        j->end = (uint64_t)(nl + 1 - text);
    }
    if (!j->end) {
        vf_fail(err, VF_E_CORRUPT, "%s is empty", j->path);
        return NULL;
    }
    if (!read_only && j->end < n && ftruncate(j->fd, (off_t)j->end) < 0) {
        vf_fail_errno(err, errno, "%s", j->path);
        return NULL;
    }
    /* for the lines of this process; without room the first that does not fit will say so */
    if (!read_only && fallocate(j->fd, FALLOC_FL_KEEP_SIZE, (off_t)j->end, RESERVE) < 0)
        vf_debug("journal", "%s: no room reserved: %s", j->path, strerror(errno));
    return VF_STEAL(j);
}

size_t vf_journal_count(struct vf_journal *j)
{
    pthread_mutex_lock(&j->lock);
    size_t n = j->n;
    pthread_mutex_unlock(&j->lock);
    return n;
}

const struct vf_record *vf_journal_at(struct vf_journal *j, size_t i)
{
    pthread_mutex_lock(&j->lock);
    const struct vf_record *r = j->records[i];
    pthread_mutex_unlock(&j->lock);
    return r;
}

const struct vf_record *vf_journal_find(struct vf_journal *j, const char *key)
{
    pthread_mutex_lock(&j->lock);
    const struct vf_record *r = find(j, key);
    pthread_mutex_unlock(&j->lock);
    return r;
}

uint64_t vf_journal_size(struct vf_journal *j)
{
    pthread_mutex_lock(&j->lock);
    uint64_t end = j->end;
    pthread_mutex_unlock(&j->lock);
    return end;
}

json_t *vf_journal_lines(struct vf_journal *j)
{
    pthread_mutex_lock(&j->lock);
    json_t *lines = json_copy(j->events);
    pthread_mutex_unlock(&j->lock);
    return lines;
}

const json_t *vf_journal_events(const struct vf_journal *j)
{
    return j->events;
}

const json_t *vf_journal_last(const struct vf_journal *j, const char *type)
{
    for (size_t i = json_array_size(j->events); i-- > 0;)
        if (vf_streq(vf_json_str(json_array_get(j->events, i), "type"), type))
            return json_array_get(j->events, i);
    return NULL;
}

void vf_journal_free(struct vf_journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->n; i++) {
        free(j->records[i]->key);
        json_decref(j->records[i]->intent);
        json_decref(j->records[i]->result);
        free(j->records[i]);
    }
    free(j->records);
    json_decref(j->events);
    pthread_mutex_destroy(&j->lock);
    if (j->fd >= 0)
        close(j->fd);
    free(j->path);
    free(j);
}
