/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A running VM: a real QEMU inside its node, under TCG with 16 MB, holding its disks and their
 * locks. */
#include "config.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include "tests/lab/http.h"
#include "tests/lab/lab.h"

/* Where a disk of a bus hangs: its device, with the unit number in it. */
static const struct {
    const char *bus, *device;
} devices[] = {
    {"scsi", "scsi-hd,bus=scsihw0.0,scsi-id=%d,drive=drive-%s,id=%s"},
    {"virtio", "virtio-blk-pci,addr=0x%x,drive=drive-%s,id=%s"},
    {"ide", "ide-hd,bus=ide.%d,drive=drive-%s,id=%s"},
    {"sata", "ide-hd,bus=ahci0.%d,drive=drive-%s,id=%s"},
};

static int boot_index(const struct lab_vm *vm, const char *key)
{
    const char *boot = lab_vm_get(vm, "boot");
    if (!boot || !vf_starts(boot, "order="))
        return 0;
    vf_autostrv char **order = vf_strv_split(boot + 6, ";");
    for (int i = 0; order[i]; i++)
        if (vf_streq(order[i], key))
            return i + 1;
    return 0;
}

static const char *prop(json_t *props, const char *key, const char *dflt)
{
    const char *v = json_string_value(json_object_get(props, key));
    return v ? v : dflt;
}

/* Cache modes as Proxmox hands them to QEMU: direct and no-flush. */
static void add_blockdev(char ***argv, const char *key, const char *path, const char *format,
                         json_t *props, const struct lab_storage *s)
{
    const char *cache = prop(props, "cache", "none");
    /* not every kernel has direct I/O on tmpfs */
    bool direct = !s->tmpfs && (vf_streq(cache, "none") || vf_streq(cache, "directsync"));
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b, "driver=%s,node-name=drive-%s,file.driver=file,file.filename=", format, key);
    for (const char *p = path; *p; p++)
        vf_buf_puts(&b, *p == ',' ? ",," : (char[]){*p, 0});
    vf_buf_printf(
        &b, ",file.locking=on,cache.direct=%s,file.cache.direct=%s,cache.no-flush=%s,discard=%s",
        direct ? "on" : "off", direct ? "on" : "off", vf_streq(cache, "unsafe") ? "on" : "off",
        vf_streq(prop(props, "discard", "ignore"), "on") ? "unmap" : "ignore");
    if (vf_streq(prop(props, "ro", "0"), "1"))
        vf_buf_puts(&b, ",read-only=on");
    vf_strv_add(argv, "-blockdev");
    vf_strv_add(argv, vf_buf_str(&b));
}

static int add_disk(struct lab_vm *vm, char ***argv, const char *key, const char *text,
                    struct vf_error **err)
{
    lab_autojson json_t *props = lab_props_parse(text, "file");
    const char *volid = prop(props, "file", "");
    lab_autojson json_t *info = NULL;
    /* CD-ROMs and a TPM's state (Proxmox gives that to a program of its own) are there for whoever
     * moves them; the guest needs none */
    if (vf_streq(prop(props, "media", "disk"), "cdrom") || vf_starts(key, "tpmstate"))
        return 0;
    if (lab_volume_info(vm->node, volid, &info))
        return vf_fail(err, VF_E_NOTFOUND, "volume '%s' does not exist", volid);
    struct lab_storage *s = NULL;
    vf_autofree char *path = lab_volume_path(vm->node, volid, &s);
    add_blockdev(argv, key, path, prop(info, "format", "raw"), props, s);
    for (size_t i = 0; i < VF_COUNT(devices); i++) {
        if (!vf_starts(key, devices[i].bus))
            continue;
        int unit = lab_int(key + strlen(devices[i].bus));
        vf_autobuf struct vf_buf b = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        vf_buf_printf(&b, devices[i].device, vf_streq(devices[i].bus, "virtio") ? unit + 10 : unit,
                      key, key);
#pragma GCC diagnostic pop
        if (vf_streq(devices[i].bus, "ide")) {
            vf_buf_clear(&b);
            vf_buf_printf(&b, "ide-hd,bus=ide.%d,unit=%d,drive=drive-%s,id=%s", unit / 2, unit % 2,
                          key, key);
        }
        int index = boot_index(vm, key);
        if (index)
            vf_buf_printf(&b, ",bootindex=%d", index);
        vf_strv_add(argv, "-device");
        vf_strv_add(argv, vf_buf_str(&b));
    }
    return 0;
}

static bool on_bus(const struct lab_vm *vm, const char *bus)
{
    const char *key;
    json_t *v;
    json_object_foreach (vm->conf, key, v)
        if (lab_is_disk_key(key) && vf_starts(key, bus))
            return true;
    return false;
}

static char *qmp_path(const struct lab_vm *vm)
{
    return vm->node->lab->namespaces ? vf_asprintf("/run/qemu-server/%d.qmp", vm->vmid)
                                     : vf_asprintf("%s/run/%d.qmp", vm->node->dir, vm->vmid);
}

static char **build_argv(struct lab_vm *vm, struct vf_error **err)
{
    const char *machine = lab_vm_get(vm, "machine"), *key;
    bool q35 = machine && strstr(machine, "q35");
    vf_autofree char *qmp = qmp_path(vm);
    char **argv = vf_strv_new();
    static const char *const fixed[] = {
        "-accel",          "tcg",      "-m",   "16",   "-nodefaults",
        "-no-user-config", "-display", "none", "-nic", "none"};
    json_t *v;
    vf_strv_add(&argv, "qemu-system-x86_64");
    vf_strv_add(&argv, "-name");
    vf_strv_addf(&argv, "vm%d", vm->vmid);
    vf_strv_add(&argv, "-machine");
    vf_strv_addf(&argv, "%s%s", q35 ? "q35" : "pc",
                 lab_vm_get(vm, "efidisk0") ? ",pflash0=pflash0,pflash1=drive-efidisk0" : "");
    if (lab_vm_get(vm, "efidisk0")) { /* SeaBIOS as the flash's code; the EFI disk beside it is held
                                         and locked as OVMF's is */
        vf_strv_add(&argv, "-blockdev");
        vf_strv_add(&argv, "driver=raw,node-name=pflash0,read-only=on,file.driver=file,"
                           "file.filename=/usr/share/seabios/bios-256k.bin");
    }
    for (size_t i = 0; i < VF_COUNT(fixed); i++)
        vf_strv_add(&argv, fixed[i]);
    vf_strv_add(&argv, "-qmp");
    vf_strv_addf(&argv, "unix:%s,server=on,wait=off", qmp);
    vf_strv_add(&argv, "-serial");
    vf_strv_addf(&argv, "file:%s/serial-%d.log", vm->node->dir, vm->vmid);
    if (on_bus(vm, "scsi")) {
        vf_strv_add(&argv, "-device");
        vf_strv_add(&argv, "virtio-scsi-pci,id=scsihw0,addr=0x5");
    }
    if (on_bus(vm, "sata")) {
        vf_strv_add(&argv, "-device");
        vf_strv_add(&argv, "ahci,id=ahci0,addr=0x7");
    }
    json_object_foreach (vm->conf, key, v)
        if (lab_is_disk_key(key) && add_disk(vm, &argv, key, json_string_value(v), err)) {
            vf_strv_free(argv);
            return NULL;
        }
    return argv;
}

static int qmp_connect(struct lab_vm *vm, struct vf_error **err)
{
    vf_autofree char *path = qmp_path(vm);
    vf_autofree char *name = vf_asprintf("%d.qmp", vm->vmid);
    vf_autofree char *host = vf_asprintf("%s%s", vm->node->root, path);
    *strrchr(host, '/') = 0;
    return lab_unix_socket(host, name, false, err);
}

/* Reads one line of JSON; NULL at the end or when nothing comes. */
static json_t *qmp_line(int fd, struct vf_buf *in)
{
    for (;;) {
        char *nl = in->len ? memchr(in->data, '\n', in->len) : NULL;
        if (nl) {
            json_t *j = json_loadb(in->data, nl - in->data, 0, NULL);
            vf_buf_consume(in, nl + 1 - in->data);
            return j;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, LAB_PATIENCE) <= 0)
            return NULL;
        char *room = vf_buf_room(in, 4096);
        ssize_t n = read(fd, room, 4096);
        if (n <= 0)
            return NULL;
        in->len += n;
    }
}

static json_t *qmp_call(int fd, struct vf_buf *in, const char *command)
{
    vf_autofree char *text = vf_asprintf("{\"execute\":\"%s\"}\n", command);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return NULL;
    for (;;) {
        lab_autojson json_t *j = qmp_line(fd, in);
        if (!j)
            return NULL;
        if (json_object_get(j, "return"))
            return json_incref(json_object_get(j, "return"));
        if (json_object_get(j, "error"))
            return NULL;
    }
}

json_t *lab_qmp(struct lab_vm *vm, const char *command, struct vf_error **err)
{
    vf_autofd int fd = qmp_connect(vm, err);
    vf_autobuf struct vf_buf in = {0};
    if (fd < 0)
        return NULL;
    lab_autojson json_t *hello = qmp_line(fd, &in);
    lab_autojson json_t *ready = hello ? qmp_call(fd, &in, "qmp_capabilities") : NULL;
    json_t *r = ready ? qmp_call(fd, &in, command) : NULL;
    if (!r)
        vf_fail(err, VF_E_NET, "VM %d qmp command '%s' failed", vm->vmid, command);
    return r;
}

/* Waits for the end of a VM's QEMU and says so. */
static void *watcher(void *arg)
{
    struct lab_vm *vm = arg;
    struct lab *lab = vm->node->lab;
    int status = 0;
    while (waitpid(vm->keeper, &status, 0) < 0)
        if (errno != EINTR)
            break;
    pthread_mutex_lock(&lab->lock);
    vm->running = vm->starting = false;
    vm->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    vm->keeper = vm->qemu = -1;
    lab_guest_net(vm);
    lab_vm_apply_pending(vm);
    pthread_cond_broadcast(&lab->changed);
    pthread_mutex_unlock(&lab->lock);
    return NULL;
}

bool lab_qemu_wait_stopped(struct lab_vm *vm, int64_t ms)
{
    struct lab *lab = vm->node->lab;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    while (vm->running || vm->starting)
        if (pthread_cond_timedwait(&lab->changed, &lab->lock, &end) == ETIMEDOUT)
            return !vm->running && !vm->starting;
    return true;
}

static int start_failed(struct lab_vm *vm, struct lab_task *t, const char *log,
                        struct vf_error **err)
{
    vf_autofree char *text = vf_read_file(log, 65536, NULL, NULL);
    vf_autostrv char **lines = vf_strv_split(text ? text : "", "\n");
    for (size_t i = 0; t && lines[i]; i++)
        lab_task_log(t, "%s", lines[i]);
    return vf_fail(err, VF_E_INTERNAL, "start failed: QEMU exited with code %d", vm->exit_status);
}

/* With the lock held, which is let go while QEMU starts. */
int lab_qemu_start(struct lab_vm *vm, struct lab_task *t, struct vf_error **err)
{
    struct lab *lab = vm->node->lab;
    vf_autostrv char **argv = build_argv(vm, err);
    if (!argv)
        return -1;
    vf_autofree char *log = vf_asprintf("%s/qemu-%d.log", vm->node->dir, vm->vmid);
    vf_autofree char *qmp = qmp_path(vm), *qmp_host = vf_asprintf("%s%s", vm->node->root, qmp);
    unlink(qmp_host);
    if (lab_node_spawn(vm->node, (const char *const *)argv, log, &vm->keeper, &vm->qemu, err))
        return -1;
    vm->starting = true;
    if (lab_thread(watcher, vm))
        return vf_fail(err, VF_E_INTERNAL, "cannot start a thread");
    for (int64_t end = vf_clock_ms() + LAB_PATIENCE; vm->starting && vf_clock_ms() < end;) {
        pthread_mutex_unlock(&lab->lock);
        usleep(10000);
        lab_autojson json_t *j = lab_qmp(vm, "query-status", NULL);
        pthread_mutex_lock(&lab->lock);
        if (j && vm->starting) {
            vm->starting = false;
            vm->running = true;
            vm->started = vf_clock_ms();
            lab_guest_net(vm);
            return 0;
        }
    }
    return start_failed(vm, t, log, err);
}
