/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"
#include "mover/hash.h"
#include "mover/known.h"
#include "mover/link.h"
#include "mover/parts.h"
#include "mover/wire.h"
#include "mover/xxh.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/unit/tap.h"

#include <sys/socket.h>
#include <xxhash.h>

static void add_frame(struct vf_buf *b, uint8_t type, uint32_t id, const void *data, size_t n)
{
    char head[VF_WIRE_HEADER];
    vf_wire_header(head, type, 0, id, n);
    vf_buf_add(b, head, sizeof head);
    vf_buf_add(b, data, n);
}

static void feed(struct vf_wire *w, const char *data, size_t n)
{
    while (n) {
        size_t room;
        char *p = vf_wire_room(w, &room);
        size_t now = n < room ? n : room;
        memcpy(p, data, now);
        vf_wire_added(w, now);
        data += now;
        n -= now;
    }
}

static void test_parts(void)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autobuf struct vf_buf fields = {0};
    vf_field_str(&fields, VF_TAG_JOB, "j1");
    vf_field_u64(&fields, VF_TAG_EPOCH, 0x1122334455667788);
    vf_field_error(&fields, NULL);
    vf_buf_puts(&b, "Welcome to node a1\r\nLast login: never\r\n\xf5V");
    add_frame(&b, VF_F_HELLO, 7, fields.data, fields.len);
    add_frame(&b, VF_F_PING, 0, NULL, 0);
    struct vf_wire w;
    vf_wire_init(&w);
    struct vf_frame f;
    int hello = 0, ping = 0;
    bool good = true;
    vf_autoerror struct vf_error *e = NULL;
    for (size_t i = 0; i < b.len; i++) {
        feed(&w, b.data + i, 1);
        int r = vf_wire_next(&w, &f, &e);
        good = good && r >= 0;
        if (r == 1 && f.type == VF_F_HELLO) {
            hello++;
            vf_autofree char *job = vf_field_text(&f, VF_TAG_JOB);
            is_str(job, "j1", "text field");
            ok(vf_field_num(&f, VF_TAG_EPOCH, 0) == 0x1122334455667788, "number field");
            ok(vf_field_num(&f, VF_TAG_SIZE, 5) == 5, "missing number field");
            ok(f.id == 7, "id");
            vf_autoerror struct vf_error *carried = NULL;
            vf_frame_error(&f, "a1", &carried);
            is_str(vf_error_text(carried), "a1: unknown error", "error through fields");
        } else if (r == 1 && f.type == VF_F_PING) {
            ping++;
        }
    }
    ok(good && hello == 1 && ping == 1, "byte by byte, behind a shell's noise");
    vf_wire_free(&w);
}

static void test_runs(void)
{
    vf_autobuf struct vf_buf b = {0};
    struct vf_hash one = vf_hash_chunk("1", 1), two = vf_hash_chunk("2", 1);
    vf_hashes_begin(&b, 0);
    vf_hashes_add(&b, 3 << 20, one.b, NULL);
    vf_hashes_add(&b, 512, two.b, (const unsigned char *)"sums");
    struct vf_frame f = {.type = VF_F_HASHES, .payload = b.data, .len = b.len};
    struct vf_run r;
    size_t at = 0;
    ok(vf_hashes_next(&f, &at, &r) && r.offset == 0 && r.len == 3 << 20 &&
           !memcmp(r.hash, one.b, sizeof one.b) && !r.sums,
       "a run of three chunks");
    ok(vf_hashes_next(&f, &at, &r) && r.offset == 3 << 20 && r.len == 512 &&
           !memcmp(r.sums, "sums", VF_WIRE_SUM),
       "and a short one, with the sum of its part");
    ok(!vf_hashes_next(&f, &at, &r), "and no more");
    struct vf_known *k = vf_known_new(true);
    const uint64_t size = (3 << 20) + 512;
    struct vf_known_run in = {0, 3 << 20, one}, last = {3 << 20, 512, two}, out;
    struct vf_known_run gap = {4 << 20, 1 << 20, one}, odd = {0, 700, one};
    ok(!vf_known_add(k, &last, r.sums, size) && !vf_known_add(k, &gap, NULL, 8 << 20) &&
           !vf_known_add(k, &odd, NULL, size) && !vf_known_add(k, &in, NULL, 2 << 20),
       "what is not next, or no whole chunks, is not taken");
    ok(vf_known_add(k, &in, NULL, size) && vf_known_add(k, &last, r.sums, size), "what is, is");
    ok(!vf_known_sums(k, 1 << 20) && !memcmp(vf_known_sums(k, 3 << 20), "sums", VF_WIRE_SUM),
       "with the sums of a single chunk");
    ok(vf_known_find(k, 1 << 20, size, &out) && out.offset == 1 << 20 && out.len == 2 << 20 &&
           vf_hash_equal(&out.hash, &one),
       "the rest of a run");
    ok(vf_known_find(k, 1 << 20, 1 << 20, &out) && out.len == 1 << 20, "a part of it");
    vf_known_forget(k, 3 << 20);
    ok(!vf_known_find(k, 0, size, &out) && vf_known_find(k, 3 << 20, size, &out) &&
           vf_hash_equal(&out.hash, &two),
       "what is passed is forgotten");
    struct vf_known_run next = {.len = 1 << 20};
    for (next.offset = k->end = k->n = 0; vf_known_add(k, &next, NULL, UINT64_MAX);)
        next.offset += next.len;
    ok(k->n == VF_KNOWN_MAX && vf_known_full(k), "the window has an end");
    vf_known_free(k);
}

/* A chunk of which the second, the third and the short last part change. */
static void test_parts_of_chunk(void)
{
    enum { N = 9 * VF_WIRE_PART + 100, SENT = 2 * VF_WIRE_PART + 100 };
    unsigned char sums[VF_WIRE_PARTS * VF_WIRE_SUM], map[VF_WIRE_MAP];
    vf_autofree char *theirs = vf_xcalloc(1, N), *ours = vf_xcalloc(1, N);
    for (size_t i = 0; i < N; i++)
        theirs[i] = ours[i] = (char)(i / 7);
    vf_parts_sums(theirs, N, sums);
    ok(vf_parts_of(N) == 10 && vf_parts_differing(ours, N, sums, map) == 0 &&
           vf_parts_bytes(N, map) == 0,
       "no part differs");
    ours[VF_WIRE_PART + 1]++;
    ours[3 * VF_WIRE_PART - 1]++;
    ours[N - 1]++;
    ok(vf_parts_differing(ours, N, sums, map) == SENT && vf_parts_bytes(N, map) == SENT,
       "three differ, one of them short");
    size_t at = 0, end = 0;
    ok(vf_parts_next(N, map, &at, &end) && at == VF_WIRE_PART && end == 3 * VF_WIRE_PART,
       "neighbours are a run");
    ok(vf_parts_next(N, map, &at, &end) && at == 9 * VF_WIRE_PART && end == N, "the last one");
    ok(!vf_parts_next(N, map, &at, &end), "and no more");
    vf_autofree char *sent = vf_xmalloc(N);
    memcpy(sent, ours, N);
    vf_parts_gather(sent, N, map);
    vf_parts_spread(theirs, N, map, sent);
    ok(memcmp(theirs, ours, N) == 0, "sent and put together again");
    ok(vf_parts_bytes(N - VF_WIRE_PART, map) == 0, "parts behind the end are none");
    memset(ours, 0, N);
    ours[5 * VF_WIRE_PART] = 1;
    ok(vf_parts_differing(ours, N, NULL, map) == VF_WIRE_PART,
       "what is not zero differs from that");
}

static enum vf_error_code broken(const char *data, size_t n, bool greeted)
{
    struct vf_wire w;
    vf_wire_init(&w);
    w.greeted = greeted;
    struct vf_frame f;
    vf_autoerror struct vf_error *e = NULL;
    int r;
    do {
        size_t room;
        char *p = vf_wire_room(&w, &room);
        size_t now = n < room ? n : room;
        memcpy(p, data, now);
        vf_wire_added(&w, now);
        data += now;
        n -= now;
        while ((r = vf_wire_next(&w, &f, &e)) == 1)
            ;
    } while (r == 0 && n);
    vf_wire_free(&w);
    return r < 0 ? vf_error_code(e) : VF_OK;
}

static void test_broken(void)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *noise = vf_xcalloc(1, 5000);
    memset(noise, 'x', 5000);
    ok(broken(noise, 5000, false) == VF_E_UNSUPPORTED, "more noise than a shell makes");
    ok(broken(noise, 3000, false) == VF_OK, "less is waited through");
    ok(broken(noise, 3000, true) == VF_E_CORRUPT, "no noise behind HELLO");
    add_frame(&b, VF_F_PING, 0, NULL, 0);
    ok(broken(b.data, b.len, false) == VF_E_CORRUPT, "HELLO comes first");
    vf_put_u32(b.data + 12, 0xffffffff);
    ok(broken(b.data, b.len, true) == VF_E_CORRUPT, "a length beyond all frames");
    vf_buf_clear(&b);
    add_frame(&b, VF_F_DATA, 1, "short", 5);
    ok(broken(b.data, b.len, true) == VF_E_CORRUPT, "DATA without its head");
    /* a field that claims more than there is */
    vf_autobuf struct vf_buf fields = {0};
    vf_field_str(&fields, VF_TAG_PATH, "/x");
    vf_put_u32(fields.data + 2, 1000);
    struct vf_frame f = {.payload = fields.data, .len = fields.len};
    const char *p;
    size_t n;
    ok(!vf_field_find(&f, VF_TAG_PATH, &p, &n), "a field longer than its frame is not there");
}

static void test_link(void)
{
    int pair[2];
    ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    struct vf_link a, b;
    vf_link_init(&a, pair[0], pair[0]);
    vf_link_init(&b, pair[1], pair[1]);
    vf_autoerror struct vf_error *e = NULL;
    vf_autobuf struct vf_buf fields = {0};
    vf_hello_fields(&fields, "source", "j", 3);
    ok(vf_link_send_fields(&a, VF_F_HELLO, 0, 0, &fields, &e) == 0, "HELLO sent");
    struct vf_frame f;
    ok(vf_link_recv(&b, &f, 5000, NULL, &e) == 1 && vf_hello_check(&f, &e) == 0, "and accepted");
    vf_autofree char *mine = vf_host_identity(), *theirs = vf_field_text(&f, VF_TAG_HOST);
    is_str(theirs, mine, "the same host has the same identity");
    ok(vf_link_recv(&b, &f, 0, NULL, &e) == 0, "nothing more now");
    vf_hello_fields(&fields, "source", "j", 3);
    vf_put_u64(fields.data + 6 + 8 + 6, 99); /* the minimum reader */
    f = (struct vf_frame){.type = VF_F_HELLO, .payload = fields.data, .len = fields.len};
    vf_autoerror struct vf_error *old = NULL;
    ok(vf_hello_check(&f, &old) < 0 && vf_error_code(old) == VF_E_UNSUPPORTED,
       "a mover that is too new for us is refused");
    vf_auto(vf_cancel_free) struct vf_cancel *c = vf_cancel_new(NULL);
    vf_cancel_fire(c, "enough");
    vf_autoerror struct vf_error *cancelled = NULL;
    ok(vf_link_recv(&b, &f, -1, c, &cancelled) < 0 && vf_error_code(cancelled) == VF_E_CANCELLED,
       "receiving can be cancelled");
    vf_link_free(&a);
    ok(vf_link_recv(&b, &f, -1, NULL, &e) < 0 && vf_error_code(e) == VF_E_NET,
       "the end of the stream is NET");
    vf_link_free(&b);
}

/* HELLO comes first, however long it takes the thread that sends it: another one PINGs. */
static void test_first(void)
{
    int pair[2];
    ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    struct vf_link a;
    char there[2 * VF_WIRE_HEADER];
    vf_link_init(&a, pair[0], pair[0]);
    a.sent_ms -= VF_T_PING;
    vf_link_ping(&a);
    ok(recv(pair[1], there, sizeof there, MSG_DONTWAIT) < 0, "no PING before HELLO");
    ok(vf_link_send_fields(&a, VF_F_HELLO, 0, 0, NULL, NULL) == 0 &&
           recv(pair[1], there, sizeof there, MSG_DONTWAIT) == VF_WIRE_HEADER,
       "HELLO");
    a.sent_ms -= VF_T_PING;
    vf_link_ping(&a);
    ok(recv(pair[1], there, sizeof there, MSG_DONTWAIT) == VF_WIRE_HEADER && there[4] == VF_F_PING,
       "then PING");
    vf_link_free(&a);
    close(pair[1]);
}

static void test_hash(void)
{
    vf_autofree unsigned char *data = vf_disk_buffer();
    memset(data, 0, VF_DISK_CHUNK);
    struct vf_hash a = vf_hash_chunk(data, VF_DISK_CHUNK), b = vf_hash_zeroes(VF_DISK_CHUNK);
    ok(memcmp(&a, &b, sizeof a) == 0, "hash of a chunk of zeroes");
    struct vf_hash none = vf_hash_chunk(data, 0);
    vf_autofree char *hex = vf_hash_hex(&none);
    is_str(hex, "99aa06d3014798d86001c324468d497f", "XXH3-128 of nothing, as published");
    vf_auto(vf_disk_free) struct vf_disk *d = vf_disk_new_memory(5 * VF_DISK_CHUNK + 4096);
    data[100] = 1;
    ok(vf_disk_write(d, data, VF_DISK_CHUNK, 2 * VF_DISK_CHUNK, NULL) == 0, "write to memory");
    struct vf_hash whole;
    ok(vf_hash_disk(d, &whole, NULL) == 0, "hash of a disk");
    vf_auto(vf_hasher_free) struct vf_hasher *h = vf_hasher_new();
    vf_hasher_add_zeroes(h, 2 * VF_DISK_CHUNK);
    a = vf_hash_chunk(data, VF_DISK_CHUNK);
    vf_hasher_add(h, &a);
    vf_hasher_add_zeroes(h, 2 * VF_DISK_CHUNK + 4096);
    b = vf_hasher_end(h);
    ok(memcmp(&whole, &b, sizeof b) == 0, "is that of its chunks' hashes");
}

/* Whatever instructions this machine has: around every length at which XXH3 does it differently. */
static void test_widths(void)
{
    vf_autofree unsigned char *data = vf_disk_buffer();
    for (size_t i = 0; i < VF_DISK_CHUNK; i++)
        data[i] = (unsigned char)(i * i >> 7 ^ i);
#ifdef VF_XXH_AVX2
    bool avx2 = __builtin_cpu_supports("avx2");
#else
    bool avx2 = false;
#endif
    size_t differ = 0;
    for (size_t n = 0; n <= VF_DISK_CHUNK; n += n < 2100 ? 1 : 12345) {
        const unsigned char *at = data + (n + 64 <= VF_DISK_CHUNK ? n % 64 : 0);
        struct vf_xxh128 got = vf_xxh128(at, n);
        XXH128_hash_t want = XXH3_128bits(at, n);
        differ += got.low != want.low64 || got.high != want.high64 ||
                  vf_xxh64(at, n) != XXH3_64bits(at, n);
    }
    ok(differ == 0, "hashes are those of the library, with AVX2 %s", avx2 ? "here" : "not here");
}

static void test_places(void)
{
    enum { N = 5 * VF_WIRE_PART + 100 };
    static unsigned char was[N], is[N], moved[N];
    for (size_t i = 0; i < N; i++)
        was[i] = is[i] = (unsigned char)(i * 31 >> 3);
    is[0]++;
    is[3 * VF_WIRE_PART]++;
    is[N - 1]++;
    unsigned char sums[6 * VF_WIRE_SUM], map[VF_WIRE_MAP];
    vf_parts_sums(was, N, sums);
    ok(vf_parts_differing(is, N, sums, map) == 2 * VF_WIRE_PART + 100,
       "the first, fourth and short last part differ");
    memcpy(moved, is, N);
    vf_parts_gather(moved, N, map);
    vf_parts_spread(was, N, map, moved);
    ok(memcmp(was, is, N) == 0, "they make one chunk of the other");
    vf_parts_place(moved, N, map);
    bool good = true;
    for (size_t at = 0, end = 0; vf_parts_next(N, map, &at, &end);)
        good = good && memcmp(moved + at, is + at, end - at) == 0;
    ok(good, "and find their places by themselves");
}

/* A peer's words end in logs, journals and on screens. */
static void test_long_error(void)
{
    vf_autobuf struct vf_buf b = {0};
    vf_autofree char *words = vf_xmalloc(100001);
    memset(words, '\033', 100000);
    words[100000] = 0;
    vf_field_str(&b, VF_TAG_TEXT, words);
    struct vf_frame f = {.type = VF_F_ERROR, .payload = b.data, .len = b.len};
    vf_autoerror struct vf_error *e = NULL;
    vf_frame_error(&f, "b1", &e);
    ok(strlen(vf_error_text(e)) < 5 * (size_t)VF_WIRE_NOISE && !strchr(vf_error_text(e), '\033'),
       "a long error is cut and escaped (%zu)", strlen(vf_error_text(e)));
}

int main(void)
{
    test_parts();
    test_runs();
    test_parts_of_chunk();
    test_broken();
    test_link();
    test_first();
    test_hash();
    test_widths();
    test_places();
    test_long_error();
    return done_testing();
}
