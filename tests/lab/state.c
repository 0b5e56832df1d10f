/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can befall a cluster for a while: a node offline or booted anew, its sshd stopped, no
 * quorum. */
#include "config.h"
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include "tests/lab/lab.h"

static struct lab_node *find_node(struct lab *lab, const char *name)
{
    for (size_t i = 0; i < lab->n_nodes; i++)
        if (vf_streq(lab->nodes[i].name, name))
            return &lab->nodes[i];
    return NULL;
}

/* Shell lines in a node; whether all went well. */
static bool in_node(struct lab_node *node, const char *script, struct vf_buf *out)
{
    vf_autoerror struct vf_error *err = NULL;
    vf_autofree char *run = lab_node_dir(node);
    vf_autofree char *log = vf_asprintf("%s/sshd.log", node->dir);
    const char *argv[] = {"sh", "-c", script, "sh", run, log, NULL};
    int status = lab_node_run(node, argv, out, &err);
    if (err)
        vf_buf_puts(out, vf_error_text(err));
    return !status;
}

/* The one that listens, and with SESSIONS those it has started too. */
static bool stop_sshd(struct lab_node *node, bool sessions, struct vf_buf *out)
{
    static const char listener[] =
        "p=$(cat \"$1/sshd.pid\" 2>/dev/null) || exit 0\n"
        "kill $p 2>/dev/null || exit 0\n"
        "while grep -q '^State:.[^ZX]' /proc/$p/status 2>/dev/null; do sleep 0.01; done\n"
        "rm -f \"$1/sshd.pid\"";
    static const char all[] =
        "p=$(cat \"$1/sshd.pid\" 2>/dev/null) || exit 0\n"
        "kill $p $(cat /proc/$p/task/$p/children) 2>/dev/null || exit 0\n"
        "while grep -q '^State:.[^ZX]' /proc/$p/status 2>/dev/null; do sleep 0.01; done\n"
        "rm -f \"$1/sshd.pid\"";
    return in_node(node, sessions ? all : listener, out);
}

static bool start_sshd(struct lab_node *node, struct vf_buf *out)
{
    vf_autoerror struct vf_error *err = NULL;
    if (in_node(node, "[ -e \"$1/sshd.pid\" ] || /usr/sbin/sshd -f \"$1/sshd_config\" -E \"$2\"",
                out) &&
        !lab_node_wait_ssh(node, &err))
        return true;
    vf_buf_puts(out, vf_error_text(err));
    return false;
}

int lab_state_sshd(struct lab *lab, char *const *args, struct vf_buf *out)
{
    struct lab_node *node = args[0] ? find_node(lab, args[0]) : NULL;
    bool start = node && vf_streq(args[1], "start");
    if (!node || (!start && !vf_streq(args[1], "stop"))) {
        vf_buf_puts(out, "usage: sshd NODE stop|start\n");
        return 2;
    }
    return (start ? start_sshd(node, out) : stop_sshd(node, false, out)) ? 0 : 1;
}

static int set_offline(struct lab *lab, char *const *args, bool offline, struct vf_buf *out)
{
    struct lab_node *node = args[0] ? find_node(lab, args[0]) : NULL;
    if (!node) {
        vf_buf_puts(out, "usage: offline|online NODE\n");
        return 2;
    }
    node->offline = offline;
    return (offline ? stop_sshd(node, true, out) : start_sshd(node, out)) ? 0 : 1;
}

int lab_state_offline(struct lab *lab, char *const *args, struct vf_buf *out)
{
    return set_offline(lab, args, true, out);
}

int lab_state_online(struct lab *lab, char *const *args, struct vf_buf *out)
{
    return set_offline(lab, args, false, out);
}

/* The power is cut and comes back: all that ran on it has ended, /run is empty, and Proxmox starts
 * what is to start at boot (what is highly available its manager starts). */
int lab_state_reboot(struct lab *lab, char *const *args, struct vf_buf *out)
{
    struct lab_node *node = args[0] ? find_node(lab, args[0]) : NULL;
    vf_autoerror struct vf_error *ignored = NULL;
    if (!node) {
        vf_buf_puts(out, "usage: reboot NODE\n");
        return 2;
    }
    bool good = stop_sshd(node, true, out);
    for (size_t i = 0; i < lab->n_vms; i++)
        if (lab->vms[i]->node == node && !lab->vms[i]->gone && lab->vms[i]->running)
            json_decref(lab_qmp(lab->vms[i], "quit", NULL));
    for (size_t i = 0; i < lab->n_vms; i++)
        if (lab->vms[i]->node == node && !lab->vms[i]->gone)
            good &= lab_qemu_wait_stopped(lab->vms[i], LAB_PATIENCE);
    if (lab->namespaces)
        good &=
            in_node(node,
                    "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q "
                    "'[v]mferry-mover ' && kill -9 ${p#/proc/}; done; rm -rf /run/vmferry-[0-9]*",
                    out);
    node->offline = false;
    good &= start_sshd(node, out);
    for (size_t i = 0; i < lab->n_vms; i++) {
        struct lab_vm *vm = lab->vms[i];
        const char *onboot = json_string_value(json_object_get(vm->conf, "onboot"));
        if (vm->node == node && !vm->gone && vf_streq(onboot, "1"))
            good &= !lab_boot_vm(vm, &ignored);
    }
    return good ? 0 : 1;
}

/* Without namespaces /etc/pve is this machine's business: there only the API refuses. */
int lab_state_quorum(struct lab *lab, char *const *args, struct vf_buf *out)
{
    bool lost = vf_streq(args[0], "lost"), good = true;
    if (!lost && !vf_streq(args[0], "back")) {
        vf_buf_puts(out, "usage: quorum lost|back\n");
        return 2;
    }
    lab->no_quorum = lost;
    for (size_t i = 0; lab->namespaces && i < lab->n_nodes; i++)
        good &= in_node(
            &lab->nodes[i],
            lost ? "mount -o remount,bind,ro /etc/pve" : "mount -o remount,bind,rw /etc/pve", out);
    return good ? 0 : 1;
}

/* What works without quorum: reading, logging in, local storages, ending what runs. */
bool lab_state_blocks(const struct lab_call *c, const char *path)
{
    static const char *const free_paths[] = {"/access/ticket", "/storage/", "/tasks/",
                                             "/status/stop", "/status/shutdown"};
    if (!c->lab->no_quorum || vf_streq(c->method, "GET"))
        return false;
    for (size_t i = 0; i < VF_COUNT(free_paths); i++)
        if (strstr(path, free_paths[i]))
            return false;
    return true;
}
