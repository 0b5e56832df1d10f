/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "job/event.h"
#include "base/clock.h"
#include "base/str.h"

#include <string.h>
#include <time.h>

const char *vf_json_str(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

int64_t vf_json_int(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

double vf_json_num(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

bool vf_json_true(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

json_t *vf_event_new(const char *type)
{
    vf_autofree char *stamp = vf_clock_stamp(vf_clock_unix());
    return json_pack("{s:s, s:s}", "type", type, "time", stamp);
}

char *vf_event_line(json_t *event)
{
    char *s = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(event);
    if (!s) /* only invalid UTF-8 or a mistake of ours gets here; a line is still owed */
        s = vf_strdup("{\"type\":\"invalid\"}");
    char *line = vf_asprintf("%s\n", s);
    free(s);
    return line;
}

json_t *vf_event_parse(const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    if (o && !vf_json_str(o, "type")) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

int64_t vf_event_time(const json_t *event)
{
    const char *stamp = vf_json_str(event, "time");
    struct tm tm = {0};
    return stamp && strptime(stamp, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (int64_t)timegm(&tm) : 0;
}

void vf_event_ask(const json_t *e, struct vf_ask *q, struct vf_ask_choice *choices, size_t room)
{
    static const char *const kinds[] = {"choice", "text", "secret"};
    const json_t *list = json_object_get(e, "choices");
    size_t n = json_array_size(list), kind = 0;
    n = n < room ? n : room;
    for (size_t i = 0; i < n; i++)
        choices[i] = (struct vf_ask_choice){vf_json_str(json_array_get(list, i), "key"),
                                            vf_json_str(json_array_get(list, i), "label")};
    while (kind < VF_ASK_SECRET && !vf_streq(kinds[kind], vf_json_str(e, "kind")))
        kind++;
    *q = (struct vf_ask){.id = vf_json_str(e, "id"),
                         .kind = (enum vf_ask_kind)kind,
                         .title = vf_json_str(e, "title"),
                         .detail = vf_json_str(e, "detail"),
                         .choices = choices,
                         .n_choices = n,
                         .safe = vf_json_str(e, "safe"),
                         .once = vf_json_true(e, "once"),
                         .waits = vf_json_true(e, "waits")};
}

json_t *vf_event_error(const struct vf_error *e)
{
    /* texts carry what servers said, which need not be UTF-8 */
    vf_autofree char *text = vf_escape(vf_error_text(e));
    return json_pack("{s:s, s:s}", "code", vf_error_code_name(vf_error_code(e)), "text", text);
}

struct vf_error *vf_event_to_error(const json_t *o)
{
    struct vf_error *e = NULL;
    const char *text = vf_json_str(o, "text");
    vf_fail(&e, vf_error_code_from_name(vf_json_str(o, "code")), "%s",
            text ? text : "unknown error");
    return e;
}
