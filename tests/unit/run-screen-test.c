/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The screen of a running job without a terminal: cells, what is gathered from events, and whole
 * screens against tests/unit/screens/NAME. GOLDEN=write in the environment writes those anew. */
#include "config.h"
#include "ui/list.h"
#include "ui/question.h"
#include "ui/run/run_priv.h"
#include "base/str.h"
#include "tests/unit/screens.h"

#include <locale.h>

static void test_cells(void)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(8, 12, false);
    ok(vf_canvas_put(c, 0, 0, 12, VF_LOOK_TEXT, "plain") == 5, "columns are counted");
    vf_canvas_put(c, 1, 0, 6, VF_LOOK_TEXT, "too long");
    vf_canvas_put(c, 2, 0, 5, VF_LOOK_TEXT, "日本語");
    vf_canvas_put(c, 3, 0, 12, VF_LOOK_TEXT, "e\xcc\x81t\xc3\xa9");
    vf_canvas_put(c, 4, 0, 12, VF_LOOK_TEXT, "a\x1b[31mb\xff\xc3");
    vf_canvas_put(c, 5, 9, 12, VF_LOOK_TEXT, "over the edge");
    vf_canvas_put(c, 9, 0, 12, VF_LOOK_TEXT, "below");
    ok(vf_canvas_put_right(c, 6, 12, VF_LOOK_TEXT, "right") == 7, "and from the right");
    static const char *const want[] = {
        "plain",     "too l…",       "日本…",       "e\xcc\x81t\xc3\xa9",
        "a?[31mb??", "         ov…", "       right"};
    for (size_t i = 0; i < VF_COUNT(want); i++) {
        vf_autofree char *row = vf_canvas_row(c, (int)i);
        is_str(row, want[i], want[i]);
    }
    vf_auto(vf_canvas_free) struct vf_canvas *a = vf_canvas_new(4, 12, true);
    vf_canvas_put(a, 0, 0, 12, VF_LOOK_TEXT, "日本 é");
    vf_canvas_put(a, 1, 0, 4, VF_LOOK_TEXT, "longer");
    vf_canvas_bar(a, 2, 0, 10, 0.999);
    vf_canvas_graph(a, 3, 0, 3, (const uint64_t[]){9, 0, 5, 10}, 4, 10);
    static const char *const ascii[] = {"?? ?", "lon~", "#########.", "_=#"};
    for (size_t i = 0; i < VF_COUNT(ascii); i++) {
        vf_autofree char *row = vf_canvas_row(a, (int)i);
        is_str(row, ascii[i], ascii[i]);
    }
}

/* Half a wide character is none. */
static void test_halves(void)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(4, 8, false);
    for (int i = 0; i < 3; i++)
        vf_canvas_put(c, i, 0, 8, VF_LOOK_TEXT, "日本語字");
    vf_canvas_put(c, 0, 1, 1, VF_LOOK_TEXT, "x");
    vf_canvas_put(c, 1, 2, 1, VF_LOOK_TEXT, "x");
    vf_canvas_put(c, 2, 1, 4, VF_LOOK_TEXT, "木木");
    static const char *const want[] = {" x本語字", "日x 語字", " 木木 字"};
    for (size_t i = 0; i < VF_COUNT(want); i++) {
        vf_autofree char *row = vf_canvas_row(c, (int)i);
        is_str(row, want[i], want[i]);
    }
    ok(vf_text_fit("日本", 3) == 3 && vf_text_fit("e\xcc\x81x", 1) == 3 &&
           vf_text_fit("ab", 9) == 2,
       "what fits is whole characters");
}

static void test_spots(void)
{
    static const char *const labels[] = {"Wait", "Stop it", "Cancel"};
    static const struct vf_help_key keys[] = {
        {'d', "d", "leave"}, {'x', "x", "too long for the row there is"}, {'?', "?", "help"}};
    struct vf_dialog d = {.title = "What now?", .labels = labels, .n_labels = 3};
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(16, 30, false);
    vf_canvas_spot(c, 0, 0, 2, 30, 'b');
    ok(vf_canvas_spot_at(c, 1, 29) == 'b' && vf_canvas_spot_at(c, 2, 0) == VF_KEY_NONE,
       "a click is the key of where it is");
    vf_dialog_draw(&d, c);
    ok(vf_canvas_spot_at(c, 1, 29) == VF_KEY_NONE, "not behind a question");
    ok(vf_canvas_spot_at(c, c->cursor_row, c->cursor_col) == VF_KEY_ENTER,
       "a click on what is in front chooses it");
    ok(vf_canvas_spot_at(c, c->cursor_row + 2, c->cursor_col) == VF_KEY_ROW + 2,
       "on another puts that in front");
    vf_help_draw(c, keys, 3);
    vf_autofree char *row = vf_canvas_row(c, 15);
    is_str(row, " d leave  ? help", "keys there is no room for are left out, but for the last");
    ok(vf_canvas_spot_at(c, 15, 11) == '?' && vf_canvas_spot_at(c, 15, 8) == VF_KEY_NONE,
       "a click on a key is that key");
}

/* What is typed into a question. */
static void test_question(void)
{
    static const int typed[] = {'a', 0xfc, 0x540d, 0x1f427, 0x85, VF_KEY_SUSPEND, VF_KEY_F1 + 1};
    struct vf_question q = {0};
    struct vf_answer a;
    vf_autojson json_t *ask = json_pack("{s:s, s:s}", "kind", "text", "title", "Type its name");
    vf_question_open(&q, ask);
    for (size_t i = 0; i < VF_COUNT(typed); i++)
        vf_question_key(&q, typed[i], &a);
    is_str(q.typed, "aü名🐧", "every character of a name can be typed, and no key is one");
    for (int i = 0; i < 3; i++)
        vf_question_key(&q, VF_KEY_BACKSPACE, &a);
    is_str(q.typed, "a", "and taken back");
    for (int cols = 80; cols; cols--) { /* a terminal of any size */
        vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(1 + cols / 4, cols, false);
        vf_dialog_draw(vf_question_dialog(&q), c);
    }
    vf_question_close(&q);
}

/* One VM with a long name among others. */
static void test_columns(void)
{
    struct vf_list l = {.heads = {"Name", "State", "System", "Size"}, .spare = 2};
    for (size_t i = 0; i < 2; i++) {
        struct vf_list_row *r = vf_list_add(&l, i);
        r->cells[0] = vf_strdup(i ? "web" : "/vmfs/volumes/5f1d0c00-c902dbfa-0020/gone/gone.vmx");
        r->cells[1] = vf_strdup("stopped");
        r->cells[2] = vf_strdup("Debian GNU/Linux 5 (lenny)");
        r->cells[3] = vf_strdup("8.0 GiB");
    }
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(8, 80, false);
    vf_list_draw(&l, c, 0, 8);
    vf_autofree char *heads = vf_canvas_row(c, 0), *web = vf_canvas_row(c, 2);
    ok(strstr(heads, "Size") && strstr(web, "Linux 5 (lenny)  8.0 GiB"),
       "the name gives way to the other columns: %s", heads);
    vf_list_free(&l);
}

/* ---- a job ---- */

static void tell(struct vf_watch *w, int64_t now, const char *line)
{
    vf_autojson json_t *e = vf_event_parse(line, strlen(line));
    if (!ok(e != NULL, "an event"))
        printf("# %s\n", line);
    vf_watch_event(w, e, now);
}

static void tell_start(struct vf_watch *w)
{
    static const char *const events[] = {
        "{\"type\":\"job\",\"time\":\"2026-11-21T02:14:00Z\",\"job\":\"20261121-021400-8d2a3e\","
        "\"vm\":\"web1\",\"source\":\"alpha\",\"target\":\"beta\"}",
        "{\"type\":\"phase\",\"time\":\"2026-11-21T02:14:00Z\",\"step\":\"preflight\","
        "\"title\":\"Check source and target\",\"state\":\"begin\",\"seconds\":0}",
        "{\"type\":\"phase\",\"time\":\"2026-11-21T02:14:01Z\",\"step\":\"preflight\","
        "\"title\":\"Check source and target\",\"state\":\"done\",\"seconds\":1.2}",
        "{\"type\":\"note\",\"time\":\"2026-11-21T02:14:02Z\",\"level\":\"info\","
        "\"text\":\"disk data goes a1 -> b1 direct\"}",
        "{\"type\":\"phase\",\"time\":\"2026-11-21T02:14:03Z\",\"step\":\"shutdown\","
        "\"title\":\"Shut the source VM down\",\"state\":\"begin\",\"seconds\":0}",
        "{\"type\":\"phase\",\"time\":\"2026-11-21T02:14:08Z\",\"step\":\"shutdown\","
        "\"title\":\"Shut the source VM down\",\"state\":\"done\",\"seconds\":5}",
        "{\"type\":\"note\",\"time\":\"2026-11-21T02:14:08Z\",\"level\":\"warn\","
        "\"text\":\"colour \\u001b[31m and a very long message that does not fit on one line of "
        "a terminal of eighty columns\"}",
        "{\"type\":\"phase\",\"time\":\"2026-11-21T02:14:08Z\",\"step\":\"copy\","
        "\"title\":\"Copy the disks\",\"state\":\"begin\",\"seconds\":0}",
        "{\"type\":\"step\",\"time\":\"2026-11-21T02:14:03Z\",\"key\":\"shutdown\","
        "\"state\":\"intent\",\"data\":{\"running\":true,\"since\":1795227243}}",
    };
    for (size_t i = 0; i < VF_COUNT(events); i++)
        tell(w, 1000 * (int64_t)i, events[i]);
}

static void tell_copy(struct vf_watch *w, int64_t now, const char *disk, int done)
{
    vf_autofree char *line = vf_asprintf(
        "{\"type\":\"progress\",\"time\":\"2026-11-21T02:14:09Z\",\"disks\":[{\"disk\":\"%s\","
        "\"stage\":\"copy\",\"total\":34359738368,\"done\":%d00000000,\"zero\":0,"
        "\"rate\":99614720,\"average\":88080384,\"left\":210}],\"all\":{\"total\":68719476736,"
        "\"done\":%d00000000,\"rate\":%d,\"average\":88080384,\"left\":420}}",
        disk, done, done + 30, 99614720 / (1 + done % 9));
    tell(w, now, line);
}

static void check_screen(const char *name, const struct vf_run_view *v, int rows, int cols,
                         bool ascii)
{
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(rows, cols, ascii);
    vf_run_draw(v, c);
    check_canvas(name, c);
}

static void test_run(void)
{
    struct vf_watch w;
    vf_watch_init(&w);
    tell_start(&w);
    ok(vf_watch_current(&w)->began == w.began + 8,
       "a step runs since it began, not since it was heard of");
    ok(w.down_since == w.began + 3, "the VM is down since it was told to shut down");
    for (int i = 0; i < 90; i++) {
        if (i % 30 < 25)
            tell_copy(&w, 10000 + i * 1000, i < 45 ? "scsi0" : "scsi1", i + 1);
        vf_watch_tick(&w, 10000 + i * 1000);
    }
    ok(w.n_disks == 2 && w.n_rates == 90, "two disks, a rate a second");
    ok(vf_watch_stalled(&w, 10000 + 90 * 1000) == 0, "half a minute ago is not yet stalled");
    struct vf_run_view v = {.watch = &w,
                            .help = "d leave it running  c stop  ? help",
                            .now = 95000,
                            .unix_now = w.began + 95};
    check_screen("run-80x24", &v, 24, 80, false);
    check_screen("run-60x16", &v, 16, 60, false);
    check_screen("run-ascii-80x24", &v, 24, 80, true);
    check_screen("run-small", &v, 10, 40, false);
    check_screen("run-tiny", &v, 5, 20, false);
    check_screen("run-132x43", &v, 43, 132, false);
    v.details = true;
    check_screen("run-details-80x24", &v, 24, 80, false);
    check_screen("run-details-60x16", &v, 16, 60, false);
    v.details = false;
    v.notice = "db1 asks: Ready to shut down db1?";
    tell(&w, 95000, "{\"type\":\"rate\",\"rate\":12500000,\"paused\":true}");
    ok(w.paused && w.limit == 12500000, "it is paused, and limited");
    check_screen("run-paused-80x24", &v, 24, 80, false);
    ok(!vf_watch_stalled(&w, 140000), "what is paused has not come to a standstill");
    tell(&w, 95000, "{\"type\":\"rate\",\"error\":{\"text\":\"it cannot be paused\"}}");
    ok(w.paused && w.n_notes == 3, "why it was refused is a message");
    tell(&w, 95000, "{\"type\":\"rate\",\"rate\":0}");
    ok(!w.paused && !w.limit, "and goes on");
    v.notice = NULL;
    v.now = 140000;
    ok(vf_watch_stalled(&w, v.now) > 30, "nothing moves");
    check_screen("run-stalled-80x24", &v, 24, 80, false);

    static const char *const labels[] = {"Wait longer", "Stop it (hard)", "Cancel the move"};
    struct vf_dialog d = {.title = "web1 has not shut down within 180 s. What now?",
                          .detail = "A hard stop is like pulling the plug: what the guest has not "
                                    "written is lost.\nWaiting harms nothing.",
                          .labels = labels,
                          .n_labels = 3};
    v.dialog = &d;
    check_screen("ask-80x24", &v, 24, 80, false);
    check_screen("ask-60x16", &v, 16, 60, true);
    vf_autobuf struct vf_buf details = {0};
    for (int i = 1; i <= 20; i++)
        vf_buf_printf(&details,
                      "detail %d, which is longer than what there is room for in a line\n", i);
    d.detail = vf_buf_str(&details);
    d.top = 30;
    check_screen("ask-long-60x16", &v, 16, 60, false);
    struct vf_dialog secret = {
        .title = "Password of root@pam at alpha", .typed = "geheim", .hidden = true};
    v.dialog = &secret;
    check_screen("secret-60x16", &v, 16, 60, false);
    v.dialog = NULL;
    vf_autobuf struct vf_buf text = {0};
    for (int i = 1; i <= 40; i++)
        vf_buf_printf(&text, "line %d\n", i);
    struct vf_reader r = {.title = "Messages", .text = vf_buf_str(&text), .top = 1 << 20};
    v.reader = &r;
    check_screen("reader-60x16", &v, 16, 60, false);
    tell(&w, 140000, "{\"type\":\"phase\",\"step\":\"copy\",\"state\":\"failed\"}");
    ok(w.down_since != 0, "a step that fails does not bring the VM back");
    tell(&w, 140000, "{\"type\":\"step\",\"key\":\"shutdown\",\"state\":\"undone\"}");
    ok(!w.down_since, "its start at the source does");
    vf_watch_free(&w);
}

/* A disk whose last event says so is whole, and nothing is missed while nothing is copied. */
static void test_over(void)
{
    struct vf_watch w;
    vf_watch_init(&w);
    tell(&w, 1000,
         "{\"type\":\"progress\",\"all\":{\"total\":90,\"done\":10,\"idle\":0},"
         "\"disks\":[{\"disk\":\"scsi0\",\"stage\":\"copy\",\"total\":50,\"done\":10}]}");
    tell(&w, 30000,
         "{\"type\":\"progress\",\"all\":{\"total\":90,\"done\":10,\"idle\":2},"
         "\"disks\":[{\"disk\":\"scsi0\",\"stage\":\"verify\",\"total\":50,\"done\":10}]}");
    ok(!vf_watch_stalled(&w, 30000), "reading back is no standstill");
    ok(vf_watch_stalled(&w, 50000) == 22, "and a standstill is known by what the job says");
    tell(&w, 60000,
         "{\"type\":\"progress\",\"all\":{\"total\":90,\"done\":50,\"idle\":0},"
         "\"disks\":[{\"disk\":\"scsi0\",\"stage\":\"finish\",\"total\":50,\"done\":50,"
         "\"over\":true}]}");
    ok(w.disks[0].done == 50 && !w.disks[0].stage, "what a disk came to is kept");
    ok(!w.copying && !vf_watch_stalled(&w, 90000),
       "while a person is waited for nothing has to move");
    vf_watch_free(&w);
}

/* Names of disks are whole, also the longest; that of the VM leaves room for where it goes. */
static void test_names(void)
{
    struct vf_watch w;
    vf_watch_init(&w);
    tell(&w, 1000,
         "{\"type\":\"progress\",\"all\":{\"total\":90,\"done\":10,\"zero\":33554432,\"idle\":0},"
         "\"disks\":["
         "{\"disk\":\"efidisk0\",\"stage\":\"copy\",\"total\":50,\"done\":10},"
         "{\"disk\":\"tpmstate0\",\"stage\":\"copy\",\"total\":40,\"done\":0}]}");
    tell(&w, 1000,
         "{\"type\":\"job\",\"time\":\"2026-11-21T02:14:00Z\",\"job\":\"20261121-021400-8d2a3e\","
         "\"vm\":\"Büro-東京データセンター-with-a-long-name-of-a-VM\",\"source\":\"esx1\","
         "\"target\":\"beta\"}");
    tell(&w, 1000, "{\"type\":\"rate\",\"rate\":12500000}");
    struct vf_run_view v = {.watch = &w, .help = "? help", .now = 1000, .unix_now = w.began + 95};
    check_screen("run-names-60x16", &v, 16, 60, false);
    vf_watch_free(&w);
}

/* What its end says, as text. */
static void check_text(const char *name, const char *event)
{
    struct vf_watch w;
    vf_watch_init(&w);
    tell(&w, 0,
         "{\"type\":\"note\",\"time\":\"2026-11-21T02:14:08Z\",\"level\":\"warn\",\"text\":"
         "\"heard\"}");
    tell(&w, 0, event);
    vf_autofree char *text = vf_result_text(w.end, &w);
    struct vf_reader r = {.title = "Result", .text = text};
    vf_auto(vf_canvas_free) struct vf_canvas *c = vf_canvas_new(24, 80, false);
    vf_reader_draw(&r, c);
    check_canvas(name, c);
    vf_watch_free(&w);
}

#define ABOUT                                                                                      \
    "\"job\":\"J\",\"vm\":\"web1\",\"source\":\"alpha\",\"target\":\"beta\",\"target_node\":"      \
    "\"b1\","                                                                                      \
    "\"log\":\"/state/jobs/J/log\""

static void test_results(void)
{
    check_text(
        "result-done",
        "{\"type\":\"end\",\"exit\":0,\"report\":{" ABOUT ",\"result\":\"done\",\"exit\":0,"
        "\"seconds\":260,\"forecast_seconds\":300,\"downtime\":72,\"forecast_downtime\":90,"
        "\"target_vmid\":105,\"started\":true,\"method\":\"copy\",\"disks\":[{\"slot\":\"scsi0\","
        "\"copied\":true,\"size\":1073741824,\"sent\":104857600,\"sent_before\":104857600,"
        "\"zero\":536870912,\"verified_how\":\"media\"},{\"slot\":\"scsi1\",\"copied\":true,"
        "\"size\":1073741824,\"verified_how\":\"none\"}],\"service\":{\"back\":[\"10.0.0.5:22\"],"
        "\"missing\":[\"10.0.0.5:80\"]},\"warnings\":[\"one\",\"two \\u001b[31m\"],"
        "\"not_carried\":[{\"what\":\"usb0\",\"why\":\"there is none\"}],"
        "\"by_hand\":[\"move the address\",\"remove web1--MIGRATED\"]}}");
    check_text(
        "result-native",
        "{\"type\":\"end\",\"exit\":0,\"report\":{" ABOUT ",\"result\":\"done\",\"exit\":0,"
        "\"seconds\":26,\"method\":\"remote-migrate\",\"disks\":[],\"todo\":\"unlock it\"}}");
    check_text("result-failed",
               "{\"type\":\"end\",\"exit\":1,\"error\":{\"code\":\"NET\",\"text\":\"b1 is gone\"},"
               "\"report\":{" ABOUT ",\"result\":\"failed\",\"exit\":1}}");
    check_text("result-back", "{\"type\":\"end\",\"exit\":0,\"report\":{" ABOUT
                              ",\"result\":\"rolled back\",\"exit\":0}}");
    static const struct {
        const char *way;
        bool on, back;
    } ways[] = {
        {"both", true, true}, {"on", true, false}, {"back", false, true}, {"none", false, false}};
    for (size_t i = 0; i < VF_COUNT(ways); i++) {
        vf_autojson json_t *end = json_pack("{s:{s:s}}", "report", "way", ways[i].way);
        ok(vf_result_can_resume(end) == ways[i].on && vf_result_can_go_back(end) == ways[i].back,
           "the way %s", ways[i].way);
    }
    vf_autojson json_t *test =
        json_pack("{s:{s:s, s:s}}", "report", "rehearsal", "stopped", "result", "done");
    ok(vf_result_can_go_back(test) && !vf_result_can_resume(test),
       "a test migration can be undone also when it is done");
}

static void test_asks(void)
{
    struct vf_watch w;
    vf_watch_init(&w);
    tell(&w, 0, "{\"type\":\"ask\",\"ask\":3,\"id\":\"x\",\"kind\":\"choice\",\"title\":\"?\"}");
    ok(w.ask && vf_json_int(w.ask, "ask") == 3, "a question waits");
    tell(&w, 0, "{\"type\":\"answered\",\"ask\":2}");
    ok(w.ask != NULL, "an answer to another is none to it");
    tell(&w, 0, "{\"type\":\"answered\",\"ask\":3}");
    ok(!w.ask, "its answer, from wherever, settles it");
    tell(&w, 0, "{\"type\":\"progress\",\"disks\":[{\"disk\":5}]}");
    tell(&w, 0, "{\"type\":\"phase\"}");
    tell(&w, 0, "{\"type\":\"unheard of\"}");
    ok(!w.n_disks && !w.n_steps, "what makes no sense is left out");
    tell(&w, 0, "{\"type\":\"end\",\"exit\":1,\"error\":{\"code\":\"NET\",\"text\":\"gone\"}}");
    ok(w.end && vf_json_int(w.end, "exit") == 1, "the end");
    vf_watch_free(&w);
}

int main(void)
{
    if (!setlocale(LC_ALL, "C.UTF-8")) {
        skip("screens", "no locale C.UTF-8");
        return done_testing();
    }
    test_cells();
    test_halves();
    test_spots();
    test_question();
    test_columns();
    test_run();
    test_over();
    test_names();
    test_asks();
    test_results();
    return done_testing();
}
