/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routes that one host dials: which is taken, whose host key counts, and what becomes of the
 * one-job key. */
#include "config.h"
#include "tests/unit/route-fixture.h"

static char *nowhere[] = {(char *)NOBODY, NULL};

static void test_direct(struct pair *p)
{
    ok(!vf_streq(p->source->identity, p->target->identity), "which are not one host");
    char *addresses[] = {(char *)NOBODY, (char *)"127.0.0.1", NULL};
    struct vf_route_opts o = wanted("auto");
    o.target.addresses = addresses;
    if (ok(open_route(p, &o), "the second address answers")) {
        is_str(vf_route_text(p->route), "a1 -> b2 direct", "a direct route");
        ok(!vf_route_why(p->route) && !vf_route_suspect(p->route),
           "of which nothing is to be told");
        vf_autofree char *key = host_file(&b2, "keys/authorized_keys2"),
                         *none = host_file(&a1, "keys/authorized_keys2");
        ok(strstr(key, "restrict,expiry-time=\"2") && strstr(key, " join /") &&
               strstr(key, "vmferry-job-route-"),
           "the one-job key is in the target's own file, restricted");
        is_str(none, "", "and not at the source");
        /* /run is the same directory for both */
        ok(vf_mover_cleanup(b2.ssh, p->target->job, true, NULL) == 3,
           "key and directories are listed");
        copies(p, "by the direct route");
    }
    vf_route_free(VF_STEAL(p->route));
    no_keys("afterwards");
}

static void test_reverse(struct pair *p)
{
    struct vf_route_opts o = wanted("reverse");
    char *addresses[] = {(char *)NOBODY, (char *)"127.0.0.1", NULL};
    o.source.addresses = addresses;
    o.target.addresses = NULL;
    o.streams = 3;
    if (ok(open_route(p, &o), "the target dials the source, at the address that answers")) {
        is_str(vf_route_text(p->route), "a1 -> b2 fetched by b2", "a reverse route");
        ok(p->route->n_streams == 3, "of three connections");
        vf_autofree char *key = host_file(&a1, "keys/authorized_keys2"),
                         *none = host_file(&b2, "keys/authorized_keys2");
        ok(strstr(key, "restrict,expiry-time=\"2") && strstr(key, p->source->dir),
           "the one-job key is at the source, restricted to its mover");
        is_str(none, "", "and not at the target");
        copies(p, "by the reverse route");
    }
    vf_route_free(VF_STEAL(p->route));
    no_keys("afterwards");
}

/* What does not work is passed over, and told. */
static void test_falling_back(struct pair *p)
{
    struct vf_route_opts o = wanted(NULL);
    o.target.addresses = nowhere;
    if (ok(open_route(p, &o), "where the source cannot reach the target")) {
        is_str(vf_route_text(p->route), "a1 -> b2 fetched by b2", "the target fetches");
        ok(vf_route_why(p->route) &&
               vf_starts(vf_route_why(p->route), "a1 cannot reach b2 by ssh (" NOBODY ": "),
           "and it is told why");
        vf_autofree char *none = host_file(&b2, "keys/authorized_keys2");
        is_str(none, "", "the key of the route that failed is gone already");
        copies(p, "then");
    }
    vf_route_free(VF_STEAL(p->route));
    no_keys("afterwards");
    o.source.addresses = nowhere;
    if (ok(open_route(p, &o), "where neither reaches the other")) {
        is_str(vf_route_text(p->route), "a1 -> b2 via this machine", "data comes through here");
        ok(vf_route_why(p->route) &&
               strstr(vf_route_why(p->route), "a1 cannot reach b2 by ssh (") &&
               strstr(vf_route_why(p->route), "; b2 cannot reach a1 by ssh ("),
           "and both reasons are told");
        no_keys("for that");
        copies(p, "then");
    }
    vf_route_free(VF_STEAL(p->route));
}

/* A route that is asked for is the only one tried. */
static void test_forced(struct pair *p)
{
    static const struct {
        const char *route, *why;
        enum vf_error_code code;
    } cases[] = {
        {"direct", "a1 cannot reach b2 by ssh (" NOBODY, VF_E_NET},
        {"reverse", "b2 cannot reach a1 by ssh (" NOBODY, VF_E_NET},
        {"local", "a1 and b2 are two hosts", VF_E_UNSUPPORTED},
        {"sneakernet", "there is no route", VF_E_USAGE},
    };
    for (size_t i = 0; i < VF_COUNT(cases); i++) {
        struct vf_route_opts o = wanted(cases[i].route);
        o.source.addresses = o.target.addresses = nowhere;
        vf_autoerror struct vf_error *e = NULL;
        ok(!vf_route_open(p->source, p->target, &o, &e) && vf_error_code(e) == cases[i].code &&
               strstr(vf_error_text(e), cases[i].why),
           "%s only, and that does not work", cases[i].route);
        show(e);
    }
    no_keys("after failures");
}

/* Another host key than the one that was verified. */
static void test_trust(struct pair *p)
{
    static const char *const routes[] = {"auto", "direct", "reverse"};
    for (size_t i = 0; i < VF_COUNT(routes); i++) {
        struct vf_route_opts o = wanted(routes[i]);
        const char *right = o.source.host_key;
        o.source.host_key = o.target.host_key;
        o.target.host_key = right;
        vf_autoerror struct vf_error *e = NULL;
        ok(!vf_route_open(p->source, p->target, &o, &e) && vf_error_code(e) == VF_E_TRUST,
           "%s: a host with another host key stops it", routes[i]);
        show(e);
    }
    /* reverse and relay would work */
    char *strange[] = {(char *)NOBODY, (char *)STRANGER, NULL};
    struct vf_route_opts o = wanted("auto");
    o.target.addresses = strange;
    vf_autoerror struct vf_error *e = NULL;
    ok(!vf_route_open(p->source, p->target, &o, &e) && vf_error_code(e) == VF_E_TRUST &&
           strstr(vf_error_text(e), STRANGER),
       "no other route is taken then");
    show(e);
    no_keys("after failures");
    char *both[] = {(char *)STRANGER, (char *)"127.0.0.1", NULL};
    o.target.addresses = both;
    if (ok(open_route(p, &o), "an address that is proven to be the host's is used")) {
        is_str(vf_route_text(p->route), "a1 -> b2 direct", "directly");
        ok(vf_route_suspect(p->route) && strstr(vf_route_suspect(p->route), STRANGER),
           "but the other is told");
    }
    vf_route_free(VF_STEAL(p->route));
}

/* The owner that was dialled dies in the middle: an error, soon, and the key goes all the same. */
static void test_killed(const char *route, struct host *h)
{
    struct pair p;
    struct later l;
    struct vf_route_opts o = wanted(route);
    vf_autofree char *from = make_pattern("src.raw", 48 * MIB),
                     *to = make_target("dst.raw", "raw", 48 * MIB);
    if (!open_movers(&p, a1.ssh, b2.ssh) ||
        !ok(open_route(&p, &o) && start_slow(&l, &p, from, to, NULL), "a copy runs, %s", route))
        return close_pair(&p);
    struct vf_mover_host *victim = h == &a1 ? p.source : p.target;
    char *args[] = {victim->dir, NULL};
    vf_autofree char *said = vf_host_shell(
        h->ssh, "read -r pid rest <\"$1/lock\" && kill -9 \"$pid\"\n", args, NULL, NULL);
    pthread_join(l.thread, NULL);
    show(l.e);
    ok(said && l.status < 0 && vf_error_code(l.e) == VF_E_NET, "a mover killed there is NET");
    vf_autofree char *where = vf_asprintf("%s (%s)", h == &a1 ? "source" : "target", h->name);
    ok(l.e && vf_starts(vf_error_text(l.e), where), "and said to be there");
    finish_slow(&l);
    vf_route_free(VF_STEAL(p.route));
    no_keys("nevertheless");
    close_pair(&p);
    unlink(from);
    unlink(to);
}

/* The program is lost: nobody is left but the owner there. */
static void test_lost(void)
{
    struct pair p;
    if (!open_movers(&p, a1.ssh, b2.ssh))
        return close_pair(&p);
    struct {
        struct host *host;
        struct vf_mover_host *mover;
    } ends[] = {{&a1, p.source}, {&b2, p.target}};
    for (size_t i = 0; i < VF_COUNT(ends); i++) {
        struct vf_mover_host *m = ends[i].mover;
        host_put(ends[i].host, "keys/authorized_keys2", "ssh-ed25519 AAAA somebody else\n");
        vf_autoerror struct vf_error *e = NULL;
        ok(vf_key_install(m, user, NULL, "ssh-ed25519 AAAA", &e) == 0, "a key is installed");
        show(e);
        vf_autofree char *with = host_file(ends[i].host, "keys/authorized_keys2");
        ok(strstr(with, "vmferry-job-route-") != NULL, "beside somebody else's");
        vf_session_free(VF_STEAL(m->session));
        struct stat st;
        for (int k = 0; k < 3000 && stat(m->dir, &st) == 0; k++)
            usleep(10000);
        vf_autofree char *after = host_file(ends[i].host, "keys/authorized_keys2");
        is_str(after, "ssh-ed25519 AAAA somebody else\n", "the owner takes it back when it ends");
        vf_autofree char *own = host_path(ends[i].host, "keys/authorized_keys2");
        unlink(own);
    }
    close_pair(&p);
}

/* Without a file of the node's own, the shared one is appended to in place, and put back behind
 * the link, replaced as a whole. */
static void test_last_resort(void)
{
    struct pair p;
    vf_autofree char *own = host_path(&b2, "keys/authorized_keys2");
    host_put(&b2, "cluster/x", "");
    ok(symlink("../cluster/x", own) == 0, "both files are links");
    vf_autofree char *before = host_file(&b2, "cluster/authorized_keys");
    if (!open_movers(&p, NULL, b2.ssh))
        return close_pair(&p);
    vf_autoerror struct vf_error *e = NULL;
    ok(vf_key_install(p.target, user, NULL, "ssh-ed25519 AAAA", &e) == 0, "installed");
    show(e);
    vf_autofree char *with = host_file(&b2, "cluster/authorized_keys");
    ok(vf_starts(with, before) && strlen(with) > strlen(before), "behind what was there");
    ok(vf_key_remove(p.target, user, &e) == 0, "removed");
    show(e);
    vf_autofree char *after = host_file(&b2, "cluster/authorized_keys");
    is_str(after, before, "as before");
    struct stat st;
    vf_autofree char *link = host_path(&b2, "keys/authorized_keys");
    ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "and still a link");
    unlink(own);
    close_pair(&p);
}

struct given_up {
    struct vf_cancel *cancel;
    char *begun; /* a file: the script has come so far */
};

static void *give_up(void *opaque)
{
    const struct given_up *g = opaque;
    for (int i = 0; i < 6000 && access(g->begun, F_OK) < 0; i++)
        usleep(10000);
    vf_cancel_fire(g->cancel, "somebody pressed the key");
    return NULL;
}

/* A script on a host ends for whom it is run, too, not only with the connection, which lives on. */
static void test_given_up(struct host *h)
{
    vf_auto(vf_cancel_free) struct vf_cancel *cancel = vf_cancel_new(NULL);
    vf_autofree char *begun = host_path(h, "begun");
    struct given_up g = {cancel, begun};
    pthread_t t;
    pthread_create(&t, NULL, give_up, &g);
    char *args[] = {begun, NULL};
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *said =
        vf_host_shell(h->ssh, "echo $$ >\"$1\"\nexec sleep 1000\n", args, cancel, &e);
    pthread_join(t, NULL);
    ok(!said && vf_error_code(e) == VF_E_CANCELLED, "a script can be given up");
    vf_autofree char *more =
        vf_host_shell(h->ssh, "read -r pid <\"$1\"; kill $pid; echo more\n", args, NULL, NULL);
    is_str(more, "more", "and the connection goes on");
    unlink(begun);
}

int main(void)
{
    int status = begin_copies("route");
    if (status)
        return status;
    if (!start_hosts()) {
        skip("routes between hosts", "no sshd, qemu-img or mount namespaces here");
    } else {
        struct pair p;
        if (open_movers(&p, a1.ssh, b2.ssh)) {
            test_direct(&p);
            test_reverse(&p);
            test_falling_back(&p);
            test_forced(&p);
            test_trust(&p);
        }
        close_pair(&p);
        test_killed("direct", &b2);
        test_killed("reverse", &a1);
        test_given_up(&a1);
        test_lost();
        test_last_resort();
    }
    stop_hosts();
    return end_copies();
}
