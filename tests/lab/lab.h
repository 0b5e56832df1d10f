/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small Proxmox VE cluster: its state, and what the files of tests/lab offer one another.
 * One process is one cluster. `lab->lock` guards everything below struct lab; handlers of API calls
 * run with it held, whatever waits (a QEMU, a time-out) lets go of it. */
#ifndef VF_LAB_H
#define VF_LAB_H

#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/str.h"

#define LAB_API_PORT 8006
/* What the lab starts is waited for as long as a machine under load may need, in ms. */
#define LAB_PATIENCE (120 * 1000)
#define LAB_VERSIONS 4

static inline void lab_json_free(json_t *j)
{
    json_decref(j);
}
VF_DEFINE_CLEANUP(json_t *, lab_json_free)
#define lab_autojson vf_auto(lab_json_free)

/* A decimal number, 0 when TEXT is none. */
static inline int lab_int(const char *text)
{
    uint64_t n;
    return vf_parse_u64(text, 0, INT32_MAX, &n) ? 0 : (int)n;
}

struct lab;

struct lab_node {
    struct lab *lab;
    char *name, *addr; /* "a1", "127.B.C.11" */
    char *dir;         /* its files on the host: LABDIR/CLUSTER/NODE */
    char *fingerprint; /* of its certificate, "AA:BB:…" */
    char *root;        /* what to put before a path of the node to open it from outside */
    int api_fd;        /* listening socket */
    bool api_off;      /* connections are reset; read and set by __atomic */
    int id;            /* 1, 2 … */
    int ready_fd;      /* its first process says here that it is set up */
    void *tls;         /* SSL_CTX */
    pid_t init;        /* holder of its namespaces, parent of its sshd */
    json_t *bridges;   /* ["vmbr0", …] */
    bool offline;
};

struct lab_storage {
    char *name;
    char *path;          /* as a node sees it */
    const char *content; /* "images,iso,…" */
    bool shared;
    int64_t forced_avail; /* bytes set by `ctl set-space`; -1: what the file system says */
    uint64_t tmpfs; /* > 0: a file system of its own of that many bytes, really full when full */
};

struct lab_vm {
    struct lab_node *node;
    int vmid;
    bool gone; /* destroyed; kept so that threads may still look at it */
    bool lxc;
    json_t *conf;      /* key -> text, in order */
    json_t *pending;   /* key -> text, or null for a deletion */
    json_t *snapshots; /* name -> the configuration then */
    char *pool;
    int64_t created; /* clock ms: /cluster/resources knows it 10 s later; 0: from the start */
    int64_t started; /* clock ms */
    bool running, starting;
    bool incoming;   /* its QEMU waits for a migration: running, and yet no QEMU of ours */
    int exit_status; /* of the last QEMU */
    pid_t keeper;    /* our child that waits for QEMU */
    pid_t qemu;      /* pid as this process sees it */
    pthread_mutex_t qmp_lock;
    int listeners[16]; /* see guest-net.c */
    size_t n_listeners;
};

struct lab_user {
    const char *name;  /* user@realm */
    const char *token; /* NULL: the user, by password */
    char *secret;      /* password or token value */
    bool privsep;      /* a token with rights of its own only */
    int64_t expire;    /* unix seconds, 0: never */
    char *without;     /* a privilege it lacks whatever it was given (`ctl without`), or NULL */
};

struct lab_task {
    struct lab *lab;
    struct lab_node *node;
    struct lab_vm *vm; /* may be NULL */
    char *upid, *type, *id, *user, *token, *exit;
    int64_t start, end; /* unix seconds; end 0: running */
    unsigned pid, pstart;
    char **log;
    json_t *args; /* what the worker needs */
    bool hangs;   /* until it is told to go on */
    void *data;   /* the same, where JSON does not do; the worker frees it */
    int signal;   /* 15, 9: it was told to end, or killed */
    int (*run)(struct lab_task *t, struct vf_error **err);
};

struct lab_fault;

struct lab_version {
    unsigned number;                            /* 8004 */
    const char *name, *release, *list, *repoid; /* "8.4", "8.4.1"; of its parameter list "8.4.5" */
};

struct lab {
    char *name, *dir, *cdir; /* "alpha", LABDIR, LABDIR/alpha */
    char *exe;
    unsigned version; /* of the API: 8004 is 8.4 */
    bool namespaces;  /* else path prefixes */
    int ssh_port, auth_delay;
    struct lab_node *nodes;
    size_t n_nodes;
    struct lab_storage *storages;
    size_t n_storages;
    struct lab_vm **vms;
    size_t n_vms;
    struct lab_task **tasks;
    size_t n_tasks;
    struct lab_user *users;
    size_t n_users;
    struct lab_user **made; /* tokens made by calls; secret NULL: removed */
    size_t n_made;
    struct lab_fault **faults;
    size_t n_faults;
    unsigned n_goes;       /* how often what hangs or is slow was told to go on */
    json_t *roles;         /* roleid -> [privilege, …] */
    json_t *acl;           /* path -> {user or token -> {roleid -> propagate}} */
    json_t *pools;         /* poolid -> comment */
    json_t *storage_conf;  /* storage -> what `ctl set-storage` adds to its configuration */
    json_t *pool_storages; /* storage -> poolid */
    json_t *ha;            /* sid -> {state, …} */
    json_t *ha_crm;        /* sid -> what its manager does */
    json_t *extra;         /* firewalls, and lists that are only read */
    json_t *guests;        /* MAC address -> {address, ports} */
    bool no_quorum;
    json_t *schema;                /* "METHOD /path" -> parameter list */
    json_t *schemas[LAB_VERSIONS]; /* the same for each version, as lab_versions[] */
    unsigned char key[32];         /* signs tickets */
    int log_fd;                    /* requests.jsonl */
    int64_t booted;                /* clock ms */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

enum lab_view { LAB_VIEW_LIST, LAB_VIEW_RESOURCE };

/* One API call while it is answered. */
struct lab_call {
    struct lab *lab;
    struct lab_node *here; /* whose address was called */
    struct lab_node *node; /* the one named in the path */
    const char *method;
    const char *path; /* decoded, below /api2/json */
    json_t *params;   /* name -> text (or array where a key was repeated) */
    const struct lab_user *user;
    bool by_ticket;
    int status;     /* 0 while good */
    char *message;  /* first line becomes the reason phrase */
    json_t *errors; /* with 400 */
    json_t *extra;  /* members beside "data" (total) */
    bool bare_401, delay, plain;
    bool cut; /* the answer ends after CUT_AT bytes */
    size_t cut_at;
    int slow_ms, late_ms;
    unsigned goes;               /* lab->n_goes when it was made slow */
    char *violation, *elsewhere; /* for the request log */
};

/* Fails a call; returns NULL so that handlers can return it. */
json_t *lab_die(struct lab_call *c, int status, const char *fmt, ...) VF_PRINTF(3, 4);
/* 400 "Parameter verification failed." with one entry of errors. */
json_t *lab_bad_param(struct lab_call *c, const char *name, const char *fmt, ...) VF_PRINTF(3, 4);
const char *lab_param(const struct lab_call *c, const char *name); /* NULL when not given */
bool lab_flag(const struct lab_call *c, const char *name, bool dflt);

struct lab_route {
    const char *method, *path; /* with {node} … */
    json_t *(*handler)(struct lab_call *c);
    const char *priv; /* "/vms/{vmid}:VM.Audit", NULL: any valid login */
};
extern const struct lab_route lab_routes_cluster[], lab_routes_node[], lab_routes_qemu[],
    lab_routes_storage[], lab_routes_access[], lab_routes_tokens[], lab_routes_migrate[],
    lab_routes_firewall[], lab_routes_ha[], lab_routes_pool[], lab_routes_extra[];

/* auth.c */
json_t *lab_login(struct lab_call *c);
int lab_authenticate(struct lab_call *c, const char *authorization, const char *cookie,
                     const char *csrf);
bool lab_is_root(const struct lab_call *c);

/* acl.c: who may do what. Privileges as "VM.Audit", or "A|B" for any of several. */
void lab_acl_setup(struct lab *lab); /* the built-in roles of lab->version, no entries */
/* Gives ROLE on PATH to WHO ("user@realm", "user@realm!token"), or takes it; -1: no such role. */
int lab_acl_set(struct lab *lab, const char *path, const char *who, const char *role,
                bool propagate, bool delete);
int lab_role_set(struct lab *lab, const char *name, const char *privs, bool append);
/* {privilege: propagate} of U on PATH. */
json_t *lab_privs(const struct lab *lab, const struct lab_user *u, const char *path);
bool lab_may(const struct lab_call *c, const char *want); /* "/path:PRIVILEGES" */
bool lab_may_at(const struct lab_call *c, const char *privs, const char *fmt, ...) VF_PRINTF(3, 4);
bool lab_may_bridge(const struct lab_call *c, const char *bridge, const char *privs);
/* 0, or -1 with the call failed in Proxmox's words: PRIVS on a path; the use of a bridge (with a
 * VLAN tag or NULL); setting KEY; looking at a volume for VM VMID (0: for none). */
int lab_need(struct lab_call *c, const char *privs, const char *fmt, ...) VF_PRINTF(3, 4);
int lab_need_bridge(struct lab_call *c, const char *bridge, const char *tag);
int lab_need_config(struct lab_call *c, int vmid, const char *pool, const char *key,
                    const char *value, bool create);
int lab_need_volume(struct lab_call *c, const char *volid, int vmid);
json_t *lab_permissions(struct lab_call *c);
json_t *lab_acl_list(struct lab_call *c);
json_t *lab_roles(struct lab_call *c);
/* pveum.c: `pveum role add|modify|list`, `acl modify|delete`, `user token modify`. */
int lab_pveum(struct lab *lab, char *const *args, size_t n, struct vf_buf *out);

/* "PVE:" + FMT, signed, as a ticket of now; and whether one whose text begins with KIND is good. */
char *lab_sign_ticket(const struct lab *lab, const char *fmt, ...) VF_PRINTF(2, 3);
bool lab_ticket_good(const struct lab *lab, const char *ticket, const char *kind);

/* tfa.c */
/* After a right password: the answer that wants a second factor; NULL: none is wanted, or the call
 * has failed. */
json_t *lab_tfa_challenge(struct lab_call *c, const struct lab_user *u);
bool lab_tfa_answer(struct lab_call *c, const struct lab_user *u, const char *response);
char *lab_totp(const char *user);
json_t *lab_domains(struct lab_call *c);
char *lab_login_page(const struct lab *lab);

/* tokens.c */
const struct lab_user *lab_token_find(const struct lab *lab, const char *user, const char *token);
json_t *lab_tokens(const struct lab *lab,
                   const char *user); /* those made; USER NULL: everybody's */

/* http.c: serves NODE's address in threads until the process ends. */
int lab_http_serve(struct lab_node *node, struct vf_error **err);
/* params.c: adds the pairs of a form or query; 0, or -1 with the call failed. */
void lab_params_form(json_t *params, const char *text, size_t len);
int lab_params_json(struct lab_call *c, const char *text, size_t len);
char *lab_url_decode(const char *s, size_t n, bool plus);

/* version.c: what differs between versions. */
extern const struct lab_version lab_versions[LAB_VERSIONS];
const struct lab_version *lab_version(const struct lab *lab); /* the one that LAB speaks */

/* schema-data.c, schema.c: the parameter lists. */
void lab_schema_load(struct lab *lab);
/* Whether the version that LAB speaks has no such call although others do. */
bool lab_schema_lacks(struct lab *lab, const char *route);
int lab_schema_check(struct lab_call *c, const char *route);

/* vmconf.c: configurations of VMs. */
struct lab_vm *lab_vm_find(struct lab *lab, int vmid);
struct lab_vm *lab_vm_add(struct lab *lab, struct lab_node *node, int vmid, bool lxc);
void lab_vm_set(struct lab_vm *vm, const char *key, const char *value); /* NULL: delete */
const char *lab_vm_get(const struct lab_vm *vm, const char *key);
/* Values as the API types them; PENDING merged in unless CURRENT. */
json_t *lab_vm_config(const struct lab_vm *vm, bool current);
json_t *lab_vm_pending(const struct lab_vm *vm);
char *lab_vm_digest(const struct lab_vm *vm);
void lab_vm_apply_pending(struct lab_vm *vm);
bool lab_is_disk_key(const char *key);
/* "a=1,b=2" with DFLT as the name of a value without `=`: name -> text. */
json_t *lab_props_parse(const char *text, const char *dflt);
/* Back again: FIRST without its name in front, the rest sorted. */
char *lab_props_print(json_t *props, const char *first);
int64_t lab_vm_num(const struct lab_vm *vm, const char *key, int64_t dflt);
/* Size in bytes of the first boot disk. */
uint64_t lab_vm_bootdisk_size(const struct lab_vm *vm);
/* Takes a snapshot, as `qm snapshot` does. */
void lab_vm_snapshot(struct lab_vm *vm, const char *name);
/* Applies the parameters of a create or update to VM. -1 with the call failed and VM untouched. */
int lab_vm_update(struct lab_call *c, struct lab_vm *vm, bool create);

/* cloudinit.c */
/* A new cloud-init drive of VM for slot KEY; its volid, or NULL with the call failed. */
char *lab_new_cloudinit(struct lab_call *c, struct lab_vm *vm, struct lab_storage *s,
                        const char *key, const char *format);
/* What is kept of VALUE (neither disk nor NIC); NULL with the call failed. */
char *lab_kept_value(struct lab_call *c, const struct lab_vm *vm, const char *key,
                     const char *value);

/* mapping.c */
json_t *lab_get_pci_mappings(struct lab_call *c);
json_t *lab_get_usb_mappings(struct lab_call *c);
json_t *lab_get_dir_mappings(struct lab_call *c);
json_t *lab_get_vnets(struct lab_call *c);
bool lab_is_vnet(const char *bridge);
const char *lab_zone(const char *bridge);
/* api-extra.c: lab->extra */
json_t *lab_extra_list(struct lab *lab, const char *key);          /* a new reference */
json_t *lab_extra_bridge(const struct lab *lab, const char *name); /* borrowed; NULL: nothing */
json_t *lab_extra_vm(struct lab *lab, int vmid);                   /* borrowed */
void lab_extra_forget(struct lab *lab, int vmid);
/* A copy without what is empty: reading makes entries where there are none. */
json_t *lab_extra_dump(json_t *of);
char *lab_digest(json_t *of);
int lab_demo_extra(struct lab *lab, const char *profile, struct vf_error **err); /* demo-extra.c */
/* api-firewall.c */
void lab_firewall_schema(json_t *schema);
/* api-ha.c: the manager, a thread; starting or stopping VM by asking it, NULL when it is not its
 * business. */
int lab_ha_run(struct lab *lab);
json_t *lab_ha_power(struct lab_call *c, struct lab_vm *vm, bool start);

/* api-qemu.c */
/* The VM of the call on the node of the call; NULL with the call failed. */
struct lab_vm *lab_the_vm(struct lab_call *c);
json_t *lab_vm_status(const struct lab_vm *vm, enum lab_view view);
/* Starts VM as a task would; with the lock held. */
int lab_boot_vm(struct lab_vm *vm, struct vf_error **err);
/* Starts or stops VM by a task of root's, and waits for its end; with the lock held. */
int lab_power_vm(struct lab_vm *vm, bool on, struct vf_error **err);

/* api-cluster.c */
json_t *lab_node_status(const struct lab_node *n);

/* volume.c */
struct lab_storage *lab_storage_find(struct lab *lab, const char *name);
/* "STORE:100/vm-100-disk-0.raw" -> path as the node sees it; NULL: not one. Caller frees. */
char *lab_volume_path(struct lab_node *node, const char *volid, struct lab_storage **out);
char *lab_storage_path(struct lab_node *node, const struct lab_storage *s);
/* The same, openable from this process. */
char *lab_volume_host_path(struct lab_node *node, const char *volid);
int lab_volume_info(struct lab_node *node, const char *volid, json_t **out);
int lab_volume_create(struct lab_node *node, struct lab_storage *s, int vmid, const char *filename,
                      const char *format, uint64_t bytes, struct vf_error **err);
char *lab_volume_next(struct lab_node *node, struct lab_storage *s, int vmid, const char *format);
int lab_volume_delete(struct lab_node *node, const char *volid, struct vf_error **err);
json_t *lab_volume_list(struct lab_node *node, struct lab_storage *s, int vmid,
                        const char *content);
void lab_storage_space(struct lab_node *node, struct lab_storage *s, uint64_t *total,
                       uint64_t *used, uint64_t *avail);
char *lab_format_size(uint64_t bytes); /* "64M", "528K", "1G" */

/* task.c: makes a task and runs it in a thread; returns its UPID as JSON. Takes ARGS. */
json_t *lab_task_start(struct lab_call *c, struct lab_node *node, struct lab_vm *vm,
                       const char *type, const char *id, json_t *args,
                       int (*run)(struct lab_task *t, struct vf_error **err));
json_t *lab_task_start_with(struct lab_call *c, struct lab_node *node, struct lab_vm *vm,
                            const char *type, const char *id, void *data,
                            int (*run)(struct lab_task *t, struct vf_error **err));
struct lab_task *lab_task_find(struct lab *lab, const char *upid);
void lab_task_log(struct lab_task *t, const char *fmt, ...) VF_PRINTF(2, 3);
json_t *lab_task_status(const struct lab_task *t, bool list);

/* fault.c: what was ordered to go wrong. -1 with the call failed; -1 with *err. */
int lab_fault_call(struct lab_call *c, const char *path);
/* Waits for as long as an answer was made slow, or for `fault go`. */
void lab_fault_wait(const struct lab_call *c);
/* WHAT: the task's type, or a place in it where it can go wrong ("qmcreate/disks"). */
int lab_fault_task(struct lab_task *t, const char *what, struct vf_error **err);
int lab_fault_command(struct lab *lab, char *const *args, struct vf_buf *out);
/* state.c: commands that take a cluster into a state and out of it. */
int lab_state_sshd(struct lab *lab, char *const *args, struct vf_buf *out);
int lab_state_offline(struct lab *lab, char *const *args, struct vf_buf *out);
int lab_state_online(struct lab *lab, char *const *args, struct vf_buf *out);
int lab_state_reboot(struct lab *lab, char *const *args, struct vf_buf *out);
int lab_state_quorum(struct lab *lab, char *const *args, struct vf_buf *out);
/* Whether the call cannot be because the cluster has no quorum. */
bool lab_state_blocks(const struct lab_call *c, const char *path);

/* node.c: namespaces and sshd. */
char *lab_node_dir(const struct lab_node *node); /* of its sshd's files, as the node sees it */
bool lab_namespaces_work(const char *scratch);
int lab_node_start(struct lab_node *node, struct vf_error **err);
int lab_node_wait_ready(struct lab_node *node, struct vf_error **err);
int lab_node_wait_ssh(struct lab_node *node, struct vf_error **err);
/* What a process that we started says on FD when it is ready: a newline, else the reason why not
 * ("NAME: …" in *err). Closes FD. */
int lab_wait_ready(int fd, const char *name, struct vf_error **err);
/* Closes every descriptor from 3 on but A and B (or -1), in a fork that does not exec. */
void lab_close_all(int a, int b);
#define LAB_NS_FLAGS (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS)
/* fork() into new namespaces; only called while this process has one thread. */
pid_t lab_clone_fork(unsigned long flags);
int lab_bind_path(const char *from, const char *to, struct vf_error **err);
/* node-run.c */
/* Runs ARGV in the node; its exit status, stdout and stderr together in OUT (may be NULL). */
int lab_node_run(struct lab_node *node, const char *const argv[], struct vf_buf *out,
                 struct vf_error **err);
/* Starts ARGV in the node, output to OUTFILE (host path). *KEEPER is our child that exits with its
 * status, *PID the process itself. */
int lab_node_spawn(struct lab_node *node, const char *const argv[], const char *outfile,
                   pid_t *keeper, pid_t *pid, struct vf_error **err);
/* Joins the namespaces of process INIT (before a fork that makes it complete). */
int lab_enter(pid_t init);

/* keys.c */
/* New ed25519 key: private file text (OpenSSH format) and "ssh-ed25519 AAAA… COMMENT". */
int lab_key_ed25519(const char *comment, char **priv, char **pub, struct vf_error **err);
/* The same for RSA. Four keys of 2048 bits would be two thirds of what it costs to start a lab;
 * ours are beside ed25519 keys, live for minutes and are met on loopback only. */
#define LAB_RSA_BITS 1024
int lab_key_rsa(const char *comment, unsigned bits, char **priv, char **pub, struct vf_error **err);
/* tls.c: a CA for the cluster (LABDIR/ca-CLUSTER.pem), a certificate and SSL_CTX for each node. */
int lab_tls_setup(struct lab *lab, struct vf_error **err);

/* qemu.c */
int lab_qemu_start(struct lab_vm *vm, struct lab_task *t, struct vf_error **err);
/* One QMP command ("system_powerdown"); its "return", or NULL with *err. */
json_t *lab_qmp(struct lab_vm *vm, const char *command, struct vf_error **err);
/* Waits until VM has stopped, at most MS; with the lock held (it is let go meanwhile). */
bool lab_qemu_wait_stopped(struct lab_vm *vm, int64_t ms);
/* guest-net.c, with the lock held: VM started or stopped; what its agent says of its cards, NULL:
 * it has none; `ctl guest`. */
void lab_guest_net(struct lab_vm *vm);
json_t *lab_guest_interfaces(const struct lab_vm *vm);
int lab_guest_command(struct lab *lab, char *const *args, struct vf_buf *out);
/* guest.c: the 512 bytes that boot; IGNORE_BUTTON for a guest that does not shut down. */
void lab_guest_sector(unsigned char out[512], bool ignore_button);

/* demo.c, fill.c: content */
void lab_demo_shape(struct lab *lab, const char *profile); /* nodes known, nothing started yet */
int lab_demo_fill(struct lab *lab, const char *profile, struct vf_error **err);
/* Writes data and holes into the image at host path PATH: a boot sector, then DATA bytes spread
 * over the first half of SIZE, the same for the same SEED. */
int lab_image_fill(const char *path, const char *format, uint64_t size, uint64_t data,
                   uint64_t seed, bool ignore_button, struct vf_error **err);

/* ctl.c: control socket */
int lab_ctl_serve(struct lab *lab, struct vf_error **err);
int lab_ctl_client(const char *dir, const char *cluster, char *const *args);
/* commands.c: what the control socket can do. OUT gets the text; exit status returned. */
int lab_command(struct lab *lab, char *const *args, struct vf_buf *out);
/* A unix socket at DIR/NAME however long DIR is: bound and listening, or connected. */
int lab_unix_socket(const char *dir, const char *name, bool listening, struct vf_error **err);

/* daemon.c: one cluster; never returns in the child. */
struct lab_setup {
    const char *dir, *cluster, *profile, *exe;
    unsigned version;
    char *node_names[2], *addrs[2];
    int api_fds[2];
    int ssh_port, auth_delay;
    bool namespaces;
    char *passwords[2]; /* root@pam, migrator@pve */
    char *tokens[2];    /* migrator@pve!ferry, migrator@pve!empty */
    char *operator_pub;
};
pid_t lab_daemon_start(const struct lab_setup *s, int *ready_fd, struct vf_error **err);

/* up.c, down.c */
struct lab_options {
    const char *dir, *profile;
    const char *versions; /* "6.4", or "alpha=6.4,beta=9.2"; NULL: 8.4 */
    int auth_delay;
    bool keep, no_namespaces;
    bool esxi;                               /* an ESXi host, too */
    const char *name;                        /* of the ESXi host; NULL: esx1 */
    bool vcenter, old_tls, ssh_old, ssh_off; /* what it is like */
};
int lab_up(const struct lab_options *o, struct vf_error **err);
/* An ESXi host in the lab of that directory, which is made when it is not there yet. */
int lab_esxi(const struct lab_options *o, struct vf_error **err);
/* A socket that listens at that address; -1. */
int lab_listen(const char *addr, int port);
int lab_down(const char *dir, bool keep, struct vf_error **err);
/* Writes "PID STARTTIME" of a process, and reads it back: the pid when it is still that process. */
int lab_pidfile_write(const char *path, pid_t pid, struct vf_error **err);
pid_t lab_pidfile_read(const char *path);

#endif
