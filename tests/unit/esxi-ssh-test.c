/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way "ssh" into an ESXi host: an sshd that asks as ESXi's does (keyboard-interactive by PAM,
 * counted), a busybox shell, and programs that print what a host's would. */
#include "config.h"
#include "tests/unit/ssh-server.h"

#include "provider/esxi/way_ssh.h"

static struct server host, words, old;

static const char vim_cmd[] =
    "#!/bin/sh\n"
    "vm=${0%/*}/vm; call=$1; id=$2\n"
    "echo \"$*\" >>\"${0%/*}/calls\"\n"
    "state=$(cat $vm/state)\n"
    "known() { [ \"$id\" = 12 ] || [ \"$id\" = 13 ] || {\n"
    "    echo \"Unable to find a VM corresponding to \\\"$id\\\"\"; exit 0; }; }\n"
    "case $call in\n"
    "vmsvc/getallvms) cat $vm/list ;;\n"
    "vmsvc/get.summary) known; cat $vm/summary-$id | sed \"s/STATE/$state/\" ;;\n"
    "vmsvc/get.config) known; echo '(vim.vm.ConfigInfo) {'; echo '   changeVersion = \"v7\",'; "
    "echo '}' "
    ";;\n"
    "vmsvc/get.guest) known; cat $vm/guest ;;\n"
    "vmsvc/snapshot.get) known; echo 'Get Snapshot:'; cat $vm/snapshots ;;\n"
    "vmsvc/snapshot.removeall) known; : >$vm/snapshots; echo 'Remove All Snapshots:' ;;\n"
    "vmsvc/message) known; cat $vm/message ;;\n"
    "vmsvc/get.tasklist) known; echo '(ManagedObjectReference) []' ;;\n"
    "vmsvc/power.getstate) known; echo 'Retrieved runtime info'\n"
    "    case $state in poweredOn) echo 'Powered on' ;; *) echo 'Powered off' ;; esac ;;\n"
    "vmsvc/power.on) known; echo 'Powering on VM:'; echo poweredOn >$vm/state ;;\n"
    "vmsvc/power.shutdown) known; [ -e $vm/deaf ] || echo poweredOff >$vm/state ;;\n"
    "vmsvc/power.off) known\n"
    "    [ $state = poweredOn ] || { echo '(vim.fault.InvalidPowerState) {'; echo '}'; exit 0; }\n"
    "    echo poweredOff >$vm/state ;;\n"
    "hostsvc/autostartmanager/get_autostartseq) cat $vm/autostart ;;\n"
    "hostsvc/autostartmanager/get_defaults) echo '   enabled = true,' ;;\n"
    "hostsvc/autostartmanager/update_autostartentry)\n"
    "    sed -i \"s/startAction = .*/startAction = \\\"$3\\\",/\" $vm/autostart; echo \"$*\" "
    ">$vm/entry ;;\n"
    "*) echo 'Invalid command'; exit 1 ;;\n"
    "esac\n";

static const char list[] =
    "Skipping invalid VM '7'\n"
    "Vmid     Name           File                              Guest OS     Version   Annotation\n"
    "12     it's web   [data store] it's \"web\" $x/web.vmx   ubuntu64Guest   vmx-19   "
    "vim.fault.no\n"
    "3 lines\n"
    "13     db    [data store] db/db.vmx   debian10_64Guest   vmx-08    \n"
    "14     vCLS-4711  [data store] v/v.vmx   otherGuest   vmx-08    \n";

static const char summary[] =
    "Listsummary:\n\n(vim.vm.Summary) {\n   vm = 'vim.VirtualMachine:12',\n"
    "   runtime = (vim.vm.RuntimeInfo) {\n      connectionState = \"connected\",\n"
    "      powerState = \"STATE\",\n      question = (vim.vm.QuestionInfo) null,\n   },\n"
    "   guest = (vim.vm.Summary.GuestSummary) {\n      toolsStatus = \"toolsOk\",\n"
    "      toolsRunningStatus = \"guestToolsRunning\",\n      guestFullName = \"Ubuntu 22\",\n   "
    "},\n"
    "   config = (vim.vm.Summary.ConfigSummary) {\n      name = \"it's web\",\n"
    "      template = false,\n      memorySizeMB = 2048,\n"
    "      annotation = \"vim.fault.no\n3 lines\",\n   },\n}\n";

static const char guest[] =
    "Guest information:\n\n(vim.vm.GuestInfo) {\n   net = (vim.vm.GuestInfo.NicInfo) [\n"
    "      (vim.vm.GuestInfo.NicInfo) {\n         network = \"VM Network\",\n"
    "         ipAddress = (string) [\n            \"10.0.0.5\",\n            \"fe80::1\",\n"
    "            \"2001:db8::5\"\n         ],\n      }\n   ],\n   ipAddress = \"10.0.0.5\",\n}\n";

static const char autostart[] =
    "(vim.host.AutoStartManager.AutoPowerInfo) [\n"
    "   (vim.host.AutoStartManager.AutoPowerInfo) {\n      key = 'vim.VirtualMachine:112',\n"
    "      startAction = \"PowerOn\",\n   },\n"
    "   (vim.host.AutoStartManager.AutoPowerInfo) {\n      key = 'vim.VirtualMachine:12',\n"
    "      startOrder = 3,\n      startDelay = 60,\n      waitForHeartbeat = \"systemDefault\",\n"
    "      startAction = \"PowerOn\",\n      stopDelay = 90,\n      stopAction = "
    "\"guestShutdown\",\n"
    "   }\n]\n";

static const char esxcli[] = "#!/bin/sh\n"
                             "cat <<E\n"
                             "Name                Virtual Switch  Active Clients  VLAN ID\n"
                             "------------------  --------------  --------------  -------\n"
                             "Management Network  vSwitch0                     1        0\n"
                             "DMZ 2               vSwitch0                     3      120\n"
                             "Trünk               vSwitch1                     0     4095\n"
                             "E\n";

static const char vmkfstools[] =
    "#!/bin/sh\n"
    "[ $# = 2 ] && [ \"$1\" = -t0 ] || exit 9\n"
    "case $2 in\n"
    "*locked*) echo \"Failed to open '$2': Failed to lock the file (16392).\" >&2; exit 255 ;;\n"
    "*odd*) echo 'It is fine.'; exit 0 ;;\n"
    "esac\n"
    "echo \"Mapping for file $2 (3146428 bytes in size):\"\n"
    "echo '[           0:     1048576] --> [VMFS -- LVID:5f3e/5f3e/1:(   3145728 -->   4194304)]'\n"
    "echo '[     1048576:     2097852] --> [NOMP -- :(           0 -->     2097852)]'\n";

static void fake(const char *name, const char *text, mode_t mode)
{
    vf_autofree char *path = in_dir("%s", name);
    put_file(path, text, mode);
}

static char *vm_file(const char *name)
{
    vf_autofree char *path = in_dir("bin/vm/%s", name);
    return get_file(path);
}

enum { DISK = 3 * (1 << 20) + 700 };
static unsigned char disk[DISK];

static void make_host(void)
{
    static const char *const applets[] = {"cat", "dd", "date",      "stat",   "grep",
                                          "sed", "sh", "sha256sum", "md5sum", "hostname"};
    vf_autobuf struct vf_buf b = {0};
    vf_buf_printf(&b,
                  "set -e; cd %s; mkdir -p root bin/vm 'vols/data store/db' "
                  "'vols/data store/it'\\''s \"web\" $x'; printf vmx "
                  ">'vols/data store/it'\\''s \"web\" $x/web.vmx'; mkdir vols/locked; ",
                  dir);
    for (size_t i = 0; i < VF_COUNT(applets); i++)
        vf_buf_printf(&b, "ln -s /usr/bin/busybox bin/%s; ", applets[i]);
    run((const char *[]){"sh", "-c", vf_buf_str(&b), NULL});
    for (size_t i = 0; i < DISK; i++)
        disk[i] = (unsigned char)(i * 2654435761U >> 13);
    vf_autofree char *flat = in_dir("vols/data store/db/db-flat.vmdk");
    vf_autofd int fd = open(flat, O_WRONLY | O_CREAT, 0600);
    vf_write_full(fd, disk, DISK);
    fake("bin/vim-cmd", vim_cmd, 0755);
    fake("bin/esxcli", esxcli, 0755);
    fake("bin/vmware", "#!/bin/sh\necho 'VMware ESXi 7.0.3 build-21424296'\n", 0755);
    fake("bin/vmkfstools", vmkfstools, 0755);
    fake("bin/vm/list", list, 0644);
    fake("bin/vm/summary-12", summary, 0644);
    fake("bin/vm/summary-13", summary, 0644);
    fake("bin/vm/guest", guest, 0644);
    fake("bin/vm/snapshots",
         "|-ROOT\n--Snapshot Name        : a\n--Snapshot Id        : 1\n"
         "--|-CHILD\n----Snapshot Id        : 2\n",
         0644);
    fake("bin/vm/message", "No message.\n", 0644);
    fake("bin/vm/state", "poweredOn\n", 0644);
    fake("bin/vm/autostart", autostart, 0644);
    /* the module counts a try before it knows, as ESXi's does */
    vf_autofree char *check =
        vf_asprintf("#!/bin/sh\necho try >>%s/tries\n[ \"$(tr -d '\\0')\" = 'right one' ]\n", dir);
    fake("check", check, 0755);
    vf_autofree char *pam =
        vf_asprintf("auth required pam_exec.so quiet expose_authtok %s/check\nauth required "
                    "pam_permit.so\naccount required pam_permit.so\n"
                    "session required pam_permit.so\n",
                    dir);
    fake("pam", pam, 0644);
}

/* A root of its own, in which /vmfs is ours and PAM asks our module. */
static char *own_root(void)
{
    return vf_asprintf(
        "mount --make-rprivate / && mount -t tmpfs none %s/root && mkdir %s/root/vmfs "
        "%s/root/vmfs/volumes && for d in /*; do case $d in /vmfs) ;; *) if [ -L $d ]; then "
        "cp -P $d %s/root$d; elif [ -d $d ]; then mkdir %s/root$d && mount --rbind $d %s/root$d; "
        "fi ;; esac; done && mount --bind %s/vols %s/root/vmfs/volumes && mount --bind %s/pam "
        "%s/root/etc/pam.d/sshd && mkdir %s/root/.old && cd %s/root && pivot_root . .old && cd /",
        dir, dir, dir, dir, dir, dir, dir, dir, dir, dir, dir, dir);
}

static bool begin_hosts(void)
{
    vf_autofree char *root = own_root();
    vf_autofree char *shell = vf_asprintf(
        "ForceCommand PATH=%s/bin exec /usr/bin/busybox sh -c \"$SSH_ORIGINAL_COMMAND\"\n"
        "PermitRootLogin yes\nSetEnv " LAB_NO_BASHRC "\n",
        dir);
    vf_autofree char *pam =
        vf_asprintf("UsePAM yes\nKbdInteractiveAuthentication yes\nPubkeyAuthentication no\n"
                    "MaxSessions 3\n%s",
                    shell);
    vf_autofree char *words_only =
        vf_asprintf("UsePAM yes\nPasswordAuthentication yes\nPubkeyAuthentication no\n%s", shell);
    vf_autofree char *ancient =
        vf_asprintf("%sKexAlgorithms diffie-hellman-group14-sha1\nHostKeyAlgorithms ssh-rsa\n"
                    "Ciphers aes128-cbc,aes128-ctr\n",
                    pam);
    return serve(&host, "host", "127.0.0.51", "host_rsa host_ecdsa", pam, root) &&
           serve(&words, "words", "127.0.0.52", "host_ecdsa", words_only, root) &&
           serve(&old, "old", "127.0.0.53", "host_rsa", ancient, root);
}

/* ---- logging in ---- */

static const struct reply yes[] = {{"host-key:", "yes"}, {0}};

struct visitor {
    struct client c;
    struct vf_cluster_conf conf;
    const struct reply *replies;
    char *urls[2];
};

static void visitor_init(struct visitor *v, const struct server *s, int transport)
{
    client_init(&v->c, NULL, transport);
    v->replies = yes;
    v->c.asker.opaque = &v->c.answerer;
    v->c.conf.port = s->port;
    v->urls[0] = vf_asprintf("https://%s/", s->address);
    v->urls[1] = NULL;
    v->conf = (struct vf_cluster_conf){.name = (char *)"esx", .urls = v->urls, .ssh = v->c.conf};
}

static void visitor_clear(struct visitor *v)
{
    free(v->urls[0]);
    client_clear(&v->c);
}

static struct vf_esxi_way *visit(struct visitor *v, const char *password, struct vf_error **err)
{
    v->c.answerer.replies = v->replies;
    v->conf.ssh.legacy = v->c.conf.legacy;
    vf_auto(vf_secret_free) struct vf_secret *secret =
        password ? vf_secret_new(password, strlen(password)) : NULL;
    return vf_esxi_ssh_open(&v->conf, user, secret, &v->c.asker, everything, err);
}

static size_t tries(void)
{
    vf_autofree char *path = in_dir("tries"), *text = get_file(path);
    vf_autostrv char **lines = vf_strv_split(text, "\n");
    unlink(path);
    return vf_strv_len(lines);
}

static void test_one_try(const struct server *s, int transport, const char *what)
{
    struct visitor v;
    visitor_init(&v, s, transport);
    vf_autoerror struct vf_error *e = NULL;
    tries();
    struct vf_esxi_way *w = visit(&v, "wrong one", &e);
    ok(!w && vf_error_code(e) == VF_E_AUTH && strstr(vf_error_text(e), "15 minutes") &&
           !strstr(vf_error_text(e), "wrong one"),
       "%s, wrong password: %s", what, vf_error_text(e));
    vf_esxi_way_free(w);
    size_t n = tries();
    ok(n == 1, "... was tried once (%zu)", n);
    vf_error_free(VF_STEAL(e));
    w = visit(&v, NULL, &e);
    ok(!w && vf_error_code(e) == VF_E_AUTH, "%s, no password: %s", what, vf_error_text(e));
    vf_esxi_way_free(w);
    n = tries();
    ok(n == 0, "... nothing was tried (%zu)", n);
    vf_error_free(VF_STEAL(e));
    w = visit(&v, "right one", &e);
    ok(w != NULL, "%s, right password: %s", what, e ? vf_error_text(e) : "in");
    n = tries();
    ok(n == 1, "... was sent once (%zu)", n);
    vf_esxi_way_free(w);
    ok(v.c.answerer.asked <= 1, "... and nobody was asked for more than the host key");
    visitor_clear(&v);
}

static void test_legacy(int transport, const char *what)
{
    struct visitor v;
    visitor_init(&v, &old, transport);
    vf_autoerror struct vf_error *e = NULL;
    tries();
    struct vf_esxi_way *w = visit(&v, "right one", &e);
    ok(!w && vf_error_code(e) == VF_E_UNSUPPORTED && strstr(vf_error_text(e), "legacy = true"),
       "%s, an old host: %s", what, e ? vf_error_text(e) : "in");
    vf_esxi_way_free(w);
    vf_error_free(VF_STEAL(e));
    v.c.conf.legacy = 1;
    w = visit(&v, "right one", &e);
    ok(w != NULL, "%s, said to be old: %s", what, e ? vf_error_text(e) : "in");
    vf_esxi_way_free(w);
    size_t n = tries();
    ok(n == 1, "... one password was sent (%zu)", n);
    visitor_clear(&v);
}

/* Nothing secret goes to a host before its key is accepted. */
static void test_stranger(int transport, const char *what)
{
    static const struct reply no[] = {{"host-key:", "no"}, {0}};
    struct visitor v;
    visitor_init(&v, &host, transport);
    know(&host, NULL);
    tries();
    vf_autoerror struct vf_error *e = NULL;
    v.replies = no;
    struct vf_esxi_way *w = visit(&v, "right one", &e);
    ok(!w && vf_error_code(e) == VF_E_TRUST, "%s, a host that nobody trusts: %s", what,
       e ? vf_error_text(e) : "in");
    vf_esxi_way_free(w);
    size_t n = tries();
    ok(n == 0, "... sees no password (%zu)", n);
    visitor_clear(&v);
}

/* ---- what it tells ---- */

static void test_vms(struct vf_esxi_way *w)
{
    struct vf_esxi_row *v = NULL;
    size_t n = 0;
    vf_autoerror struct vf_error *e = NULL;
    is_str(w->ops->version(w), "VMware ESXi 7.0.3 build-21424296", "its version");
    ok(w->ops->vms(w, &v, &n, &e) == 0 && n == 3, "three rows, no agent: %s",
       e ? vf_error_text(e) : "listed");
    if (n != 3)
        return;
    is_str(v[0].name, "it's web", "a name");
    is_str(v[0].vmx, "it's \"web\" $x/web.vmx", "its file");
    is_str(v[0].annotation, "vim.fault.no\n3 lines", "notes that look like a fault");
    ok(v[0].state == VF_VM_RUNNING && v[0].memory == UINT64_C(2) << 30 && !v[0].template_,
       "it runs, with 2 GiB");
    is_str(v[0].guest_details, "Ubuntu 22", "what its tools say");
    ok(v[2].id == 7 && !v[2].vmx, "one that the host cannot read");
    vf_esxi_rows_free(v, n);
}

static void test_now(struct vf_esxi_way *w)
{
    struct vf_esxi_now now;
    vf_autoerror struct vf_error *e = NULL;
    ok(w->ops->now(w, 12, &now, &e) == 0, "its state: %s", e ? vf_error_text(e) : "told");
    ok(now.state == VF_VM_RUNNING && now.snapshots == 2 && now.tools && now.onboot && !now.question,
       "runs, two snapshots, tools, autostart, no question");
    is_str(now.annotation, "vim.fault.no\n3 lines", "notes");
    is_str(now.digest, "v7", "digest");
    vf_autofree char *ips = vf_strv_join(now.addresses, " ");
    is_str(ips, "10.0.0.5 2001:db8::5", "addresses");
    vf_esxi_now_clear(&now);
    fake("bin/vm/message",
         "Virtual machine message _vmx1:\nmsg.uuid.altered:Was it moved?\n   0. Cancel (Cancel)\n"
         "   1. I moved it\n",
         0644);
    ok(w->ops->now(w, 13, &now, &e) == 0 && !now.onboot, "another");
    is_str(now.question, "msg.uuid.altered:Was it moved?", "its question");
    vf_esxi_now_clear(&now);
    ok(w->ops->now(w, 99, &now, &e) < 0 && vf_error_code(e) == VF_E_NOTFOUND, "none: %s",
       vf_error_text(e));
}

static void test_portgroups(struct vf_esxi_way *w)
{
    struct vf_esxi_portgroup *v;
    size_t n;
    ok(w->ops->portgroups(w, NULL, &v, &n, NULL) == 0 && n == 3, "three port groups");
    is_str(n == 3 ? v[1].name : "", "DMZ 2", "a name");
    is_str(n == 3 ? v[2].name : "", "Trünk", "a name with an umlaut");
    ok(n == 3 && v[0].vlan == 0 && v[1].vlan == 120 && v[2].vlan == 4095, "their tags");
    vf_esxi_portgroups_free(v, n);
}

static void test_power(struct vf_esxi_way *w)
{
    vf_autoerror struct vf_error *e = NULL;
    fake("bin/vm/deaf", "", 0644);
    ok(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 1, &e) < 0 && vf_error_code(e) == VF_E_CONFLICT,
       "a deaf guest: %s", vf_error_text(e));
    vf_autofree char *deaf = in_dir("bin/vm/deaf"), *state = vm_file("state");
    is_str(state, "poweredOn\n", "... is not forced");
    unlink(deaf);
    ok(w->ops->power(w, 12, VF_ESXI_SHUTDOWN, 30, NULL) == 0, "shut down");
    ok(w->ops->power(w, 12, VF_ESXI_OFF, 0, NULL) == 0, "off when it is off");
    ok(w->ops->power(w, 12, VF_ESXI_ON, 0, NULL) == 0, "on");
    ok(w->ops->power(w, 12, VF_ESXI_OFF, 0, NULL) == 0, "off");
    vf_autofree char *after = vm_file("state");
    is_str(after, "poweredOff\n", "... it is");
    ok(w->ops->set_onboot(w, 12, false, NULL) == 0, "out of autostart");
    vf_autofree char *entry = vm_file("entry");
    is_str(entry,
           "hostsvc/autostartmanager/update_autostartentry 12 none 60 3 guestShutdown 90 "
           "systemDefault\n",
           "... what else is set stays");
    ok(w->ops->drop_snapshots(w, 12, NULL) == 0, "snapshots removed");
    vf_autofree char *left = vm_file("snapshots");
    is_str(left, "", "... none is left");
    ok(w->ops->lacks(w) == (VF_ESXI_NO_ANNOTATE | VF_ESXI_NO_RENAME) &&
           w->ops->rename(w, 12, "x", NULL) < 0,
       "what it cannot");
}

/* ---- files ---- */

static void test_files(struct vf_esxi_way *w, bool all)
{
    static const struct {
        size_t n;
        uint64_t offset;
    } ranges[] = {{1 << 20, 0},     {2 << 20, 1 << 20}, {512, 512},
                  {3 << 20, 512},   {700, 3 << 20},     {DISK, 0},
                  {1, 1},           {3, 4095},          {100001, 1048570},
                  {1 << 20, 12288}, {2, (1 << 20) - 1}};
    struct vf_esxi_file vmx = {NULL, "data store", "it's \"web\" $x/web.vmx"},
                        flat = {NULL, "data store", "db/db-flat.vmdk"},
                        none = {NULL, "data store", "no"};
    vf_autoerror struct vf_error *e = NULL;
    size_t len = 0;
    vf_autofree char *text = w->ops->text(w, &vmx, 100, &len, &e);
    is_str(text, "vmx", "a file with blanks and quotes");
    ok(!w->ops->text(w, &vmx, 2, &len, &e) && vf_error_code(e) == VF_E_CORRUPT, "too long: %s",
       vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    ok(!w->ops->text(w, &none, 2, &len, &e) && vf_error_code(e) == VF_E_NOTFOUND, "none: %s",
       vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    uint64_t size = 0;
    vf_autofree char *state = NULL;
    ok(w->ops->stat(w, &flat, &size, &state, NULL) == 0 && size == DISK && state, "its size");
    vf_autofree char *path = in_dir("vols/data store/db/db-flat.vmdk");
    for (int racy = 0; racy < 2; racy++) { /* in 2001, and not long ago */
        struct timespec at = {racy ? time(NULL) + 3600 : 1000000000, 0};
        vf_autofree char *word = NULL;
        ok(utimensat(AT_FDCWD, path, (struct timespec[]){at, at}, 0) == 0 &&
               w->ops->stat(w, &flat, &size, &word, NULL) == 0 &&
               vf_ends(word, VF_ESXI_RACY) == racy,
           "when it was written: %s", word ? word : "?");
    }
    ok(w->ops->stat(w, &none, &size, &state, &e) < 0 && vf_error_code(e) == VF_E_NOTFOUND,
       "none: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    vf_autofree unsigned char *buf = vf_xmalloc(DISK + 1);
    for (size_t i = 0; i < (all ? VF_COUNT(ranges) : 3); i++) {
        memset(buf, 0, DISK);
        ok(w->ops->read(w, &flat, buf, ranges[i].n, ranges[i].offset, NULL) == 0 &&
               memcmp(buf, disk + ranges[i].offset, ranges[i].n) == 0,
           "%zu bytes at %llu", ranges[i].n, (unsigned long long)ranges[i].offset);
    }
    ok(w->ops->read(w, &flat, buf, 701, 3 << 20, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "beyond its end: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    struct vf_esxi_file busy = {NULL, "locked", "x-flat.vmdk"};
    vf_autofree char *real = in_dir("bin/dd"), *aside = in_dir("bin/dd.real");
    rename(real, aside);
    fake(
        "bin/dd",
        "#!/bin/sh\ncase $* in *locked*) echo \"dd: can't open 'x': Device or resource busy\" >&2; "
        "exit 1 ;; esac\nexec busybox dd \"$@\"\n",
        0755);
    ok(w->ops->read(w, &busy, buf, 512, 0, &e) < 0 && vf_error_code(e) == VF_E_CONFLICT &&
           strstr(vf_error_text(e), "in use"),
       "the disk of a running VM: %s", vf_error_text(e));
    vf_error_free(VF_STEAL(e));
    ok(!w->ops->sha256(w, &busy, 512, 0, &e) && vf_error_code(e) == VF_E_CONFLICT, "its sum: %s",
       vf_error_text(e));
    if (all) { /* once is enough: it takes its time */
        vf_error_free(VF_STEAL(e));
        vf_autofree char *pid_file = in_dir("dd-pid");
        vf_autofree char *hangs =
            vf_asprintf("#!/bin/sh\necho $$ >%s\nexec /bin/sleep 20\n", pid_file);
        fake("bin/dd", hangs, 0755);
        struct vf_esxi_ssh *way = (struct vf_esxi_ssh *)w;
        way->silence_ms = 300;
        int r = w->ops->read(w, &flat, buf, 512, 0, &e);
        ok(r < 0 && vf_error_is_transient(e), "a datastore that hangs: %s", vf_error_text(e));
        way->silence_ms = 0;
        vf_autofree char *pid = get_file(pid_file);
        if (*pid)
            kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
    }
    rename(aside, real);
}

/* How many dd were started since the last time. */
static size_t started(void)
{
    vf_autofree char *path = in_dir("dd-log"), *text = vf_read_file(path, 1 << 20, NULL, NULL);
    size_t n = 0;
    for (const char *c = text; c && *c; c++)
        n += *c == '\n';
    if (text)
        printf("# dd: %s", text);
    unlink(path);
    return n;
}

static bool reads(struct vf_esxi_way *w, const struct vf_esxi_file *f, size_t n, uint64_t offset)
{
    vf_autofree unsigned char *buf = vf_xcalloc(1, n);
    return w->ops->read(w, f, buf, n, offset, NULL) == 0 && !memcmp(buf, disk + offset, n);
}

/* A dd that runs on: for what follows it alone, and each of its reads is looked at. */
static void test_read_on(struct vf_esxi_way *w)
{
    enum { PART = 100 * 1024, END = 3 << 20 };
    struct vf_esxi_file flat = {NULL, "data store", "db/db-flat.vmdk"};
    vf_autofree char *real = in_dir("bin/dd"), *aside = in_dir("bin/dd.real");
    vf_autofree char *logged =
        vf_asprintf("#!/bin/sh\necho \"$*\" >>'%s/dd-log'\n[ ! -e '%s/dd-short' ] || {\n"
                    "    /usr/bin/busybox dd \"$@\" | /usr/bin/busybox head -c 600000\n"
                    "    echo 'dd: x: I/O error' >&2; exit 1; }\n"
                    "exec /usr/bin/busybox dd \"$@\"\n",
                    dir, dir);
    vf_autofree char *cut = in_dir("dd-short");
    vf_autofree unsigned char *buf = vf_xmalloc(END);
    vf_autoerror struct vf_error *e = NULL;
    rename(real, aside);
    fake("bin/dd", logged, 0755);
    started();
    vf_auto(vf_cancel_free) struct vf_cancel *first = vf_cancel_new(NULL);
    w->ops->set_cancel(w, first);
    w->ops->read_on(w, END);
    bool good = reads(w, &flat, PART, 0);
    w->ops->set_cancel(w, NULL);
    vf_cancel_fire(first, "the first read is over");
    for (uint64_t at = PART; at < END && good; at += PART)
        good = reads(w, &flat, END - at < PART ? END - at : PART, at);
    size_t n = started();
    ok(good && n == 1, "reads that follow each other share a dd, whoever began it (%zu)", n);
    w->ops->read_on(w, END);
    good = reads(w, &flat, PART, 0) && reads(w, &flat, PART, 2 * PART) &&
           reads(w, &flat, PART, 3 * PART);
    n = started();
    ok(good && n == 3, "who reads elsewhere, and is told of nothing, has one for each (%zu)", n);
    /* one that nobody reads from is ended, and keeps nobody from his own */
    w->ops->read_on(w, END);
    good = reads(w, &flat, 512, 0);
    w->ops->read_on(w, 0);
    good = good && reads(w, &flat, 512, 512);
    n = started();
    ok(good && n == 2 && !((struct vf_esxi_ssh *)w)->login->running, "it is ended on demand (%zu)",
       n);
    put_file(cut, "", 0600);
    w->ops->read_on(w, END);
    ok(reads(w, &flat, 500000, 0), "a dd that will fail sends what it has");
    ok(w->ops->read(w, &flat, buf, 500000, 500000, &e) < 0 && vf_error_code(e) == VF_E_IO &&
           strstr(vf_error_text(e), "I/O error") && !((struct vf_esxi_ssh *)w)->login->running,
       "and its end is seen by who reads on: %s", e ? vf_error_text(e) : "nothing");
    unlink(cut);
    rename(aside, real);
    w->ops->read_on(w, DISK + 512);
    good = reads(w, &flat, DISK - 512, 0);
    vf_error_free(VF_STEAL(e));
    ok(good && w->ops->read(w, &flat, buf, 1024, DISK - 512, &e) < 0 &&
           vf_error_code(e) == VF_E_CORRUPT,
       "a file that ends before it should: %s", e ? vf_error_text(e) : "nothing");
    started();
}

static void test_sums(struct vf_esxi_way *w)
{
    struct vf_esxi_file flat = {NULL, "data store", "db/db-flat.vmdk"};
    vf_autoerror struct vf_error *e = NULL;
    vf_autofree char *path = in_dir("part");
    vf_autofd int fd = open(path, O_WRONLY | O_CREAT, 0600);
    vf_write_full(fd, disk + 512, (2 << 20) + 88);
    struct vf_proc_result r;
    vf_proc_run((const char *[]){"sha256sum", path, NULL}, NULL, 0, 4096, NULL, &r, NULL);
    vf_autofree char *right = vf_strndup(vf_buf_str(&r.out), 64);
    vf_proc_result_free(&r);
    vf_autofree char *sum = w->ops->sha256(w, &flat, (2 << 20) + 88, 512, &e);
    is_str(sum, right, "the host's own sum of a range");
}

static void test_holes(struct vf_esxi_way *w)
{
    static const struct {
        const char *path;
        enum vf_error_code code;
    } none[] = {{"locked/x.vmdk", VF_E_IO}, {"db/odd.vmdk", VF_E_CORRUPT}};
    struct vf_esxi_file disk_file = {NULL, "data store", "it's \"db\" $x.vmdk"};
    struct vf_recipe_hole *v;
    size_t n;
    vf_autoerror struct vf_error *e = NULL;
    ok(w->ops->holes(w, &disk_file, DISK, &v, &n, &e) == 0 && n == 1 && v[0].start == 1 << 20 &&
           v[0].length == DISK - (1 << 20),
       "what the host says is not in use of a disk: %s", e ? vf_error_text(e) : "2 MiB");
    free(v);
    ok(w->ops->holes(w, &disk_file, DISK + 512, &v, &n, &e) < 0 && vf_error_code(e) == VF_E_CORRUPT,
       "not of one of another size: %s", vf_error_text(e));
    for (size_t i = 0; i < VF_COUNT(none); i++) {
        struct vf_esxi_file f = {NULL, "data store", none[i].path};
        vf_error_free(VF_STEAL(e));
        ok(w->ops->holes(w, &f, DISK, &v, &n, &e) < 0 && vf_error_code(e) == none[i].code,
           "nor of %s: %s", none[i].path, vf_error_text(e));
    }
}

/* ---- twins ---- */

struct reader {
    struct vf_esxi_way *way;
    pthread_t thread;
    bool good;
};

static void *read_often(void *arg)
{
    struct reader *r = arg;
    struct vf_esxi_file flat = {NULL, "data store", "db/db-flat.vmdk"};
    vf_autofree unsigned char *buf = vf_xmalloc(1 << 20);
    r->good = true;
    for (int i = 0; i < 4; i++)
        r->good = r->good && r->way->ops->read(r->way, &flat, buf, 1 << 20, 1 << 20, NULL) == 0 &&
                  memcmp(buf, disk + (1 << 20), 1 << 20) == 0;
    return NULL;
}

static void test_twins(struct vf_esxi_way *w)
{
    struct reader r[5];
    size_t good = 0;
    tries();
    for (size_t i = 0; i < VF_COUNT(r); i++) {
        r[i] = (struct reader){.way = w->ops->twin(w, NULL)};
        pthread_create(&r[i].thread, NULL, read_often, &r[i]);
    }
    for (size_t i = 0; i < VF_COUNT(r); i++) {
        pthread_join(r[i].thread, NULL);
        good += r[i].good;
        vf_esxi_way_free(r[i].way);
    }
    ok(good == VF_COUNT(r), "five threads read at a time (%zu did)", good);
    size_t n = tries();
    ok(n <= 2, "... and the password went out again at most for what MaxSessions asks (%zu)", n);
}

/* Every connection of the host ends; then it takes another password. */
static void test_cut(int transport, const char *name)
{
    struct visitor v;
    struct vf_esxi_file vmx = {NULL, "data store", "it's \"web\" $x/web.vmx"};
    visitor_init(&v, &host, transport);
    vf_auto(vf_esxi_way_free) struct vf_esxi_way *w = visit(&v, "right one", NULL);
    vf_autofree char *check = in_dir("check"), *was = get_file(check);
    if (!ok(w != NULL, "%s: in", name))
        return;
    for (int changed = 0; changed < 2; changed++) {
        vf_autoerror struct vf_error *e = NULL;
        vf_autofree char *cut = vf_asprintf(
            "pkill -P %d sshd; for i in $(seq 1200); do pgrep -P %d sshd >/dev/null || exit 0; "
            "sleep 0.05; done; exit 1",
            (int)host.proc.pid, (int)host.proc.pid);
        vf_autofree char *refuses = vf_asprintf("#!/bin/sh\necho try >>%s/tries\nexit 1\n", dir);
        if (changed)
            put_file(check, refuses, 0755);
        tries();
        /* a dd that runs on is cut, too, and then in nobody's way */
        struct vf_esxi_file flat = {NULL, "data store", "db/db-flat.vmdk"};
        if (!changed)
            w->ops->read_on(w, DISK);
        ok(changed || reads(w, &flat, 512, 0), "%s: a part of a disk", name);
        ok(run((const char *[]){"sh", "-c", cut, NULL}) == 0, "%s: all connections end", name);
        vf_error_free(VF_STEAL(e));
        unsigned char part[512];
        /* what was under way may still come; then it is known to be cut */
        for (uint64_t at = 512; !changed && at < 3 << 20 && !e; at += sizeof part)
            w->ops->read(w, &flat, part, sizeof part, at, &e);
        ok(changed || !e || vf_error_is_transient(e), "... which may be tried again: %s",
           e ? vf_error_text(e) : "all of it came");
        w->ops->read_on(w, 0);
        vf_error_free(VF_STEAL(e));
        vf_autofree char *text = NULL;
        size_t len;
        for (int i = 0; i < 3 && !text && (!e || vf_error_is_transient(e)); i++) {
            vf_error_free(VF_STEAL(e));
            text = w->ops->text(w, &vmx, 100, &len, &e);
        }
        size_t n = tries();
        if (!changed)
            ok(text && n == 1, "a cut connection is made anew (%zu tries, %s)", n,
               e ? vf_error_text(e) : "no error");
        else
            ok(!text && vf_error_code(e) == VF_E_AUTH && n == 1,
               "not with a password that is wrong now: %s", e ? vf_error_text(e) : "in");
    }
    put_file(check, was, 0755);
    vf_autoerror struct vf_error *e = NULL;
    size_t len;
    ok(!w->ops->text(w, &vmx, 100, &len, &e) && vf_error_code(e) == VF_E_AUTH && tries() == 0,
       "... and it is not tried again");
    visitor_clear(&v);
}

static void test_odd_host(void)
{
    struct visitor v;
    visitor_init(&v, &host, VF_SSH_AUTO);
    vf_autofree char *sum = in_dir("bin/sha256sum"), *cmd = in_dir("bin/vim-cmd");
    struct vf_esxi_file flat = {NULL, "data store", "db/db-flat.vmdk"};
    vf_autoerror struct vf_error *e = NULL;
    unlink(sum);
    struct vf_esxi_way *w = visit(&v, "right one", NULL);
    ok(w && !w->ops->sha256(w, &flat, 512, 0, &e) && vf_error_code(e) == VF_E_UNSUPPORTED &&
           strstr(vf_error_text(e), "only md5sum"),
       "a host without sha256sum: %s", e ? vf_error_text(e) : "none");
    vf_error_free(VF_STEAL(e));
    struct vf_recipe_hole *holes;
    size_t n_holes;
    ok(w && w->ops->holes(w, &flat, DISK, &holes, &n_holes, &e) < 0 &&
           vf_error_code(e) == VF_E_UNSUPPORTED,
       "and its word on what is in use is not asked for, which could not be checked");
    if (w)
        vf_esxi_way_free(w);
    vf_error_free(VF_STEAL(e));
    unlink(cmd);
    w = visit(&v, "right one", &e);
    ok(!w && vf_error_code(e) == VF_E_UNSUPPORTED && strstr(vf_error_text(e), "vim-cmd"),
       "no ESXi host: %s", e ? vf_error_text(e) : "in");
    visitor_clear(&v);
}

static void test_way(int transport, const char *name)
{
    struct visitor v;
    visitor_init(&v, &host, transport);
    vf_autoerror struct vf_error *e = NULL;
    vf_auto(vf_esxi_way_free) struct vf_esxi_way *w = visit(&v, "right one", &e);
    if (ok(w != NULL, "in: %s", e ? vf_error_text(e) : name)) {
        is_str(((struct vf_esxi_ssh *)w)->login->ssh->ops->name, name, "by");
        test_read_on(w); /* counts commands: before those that hang and come late */
        test_files(w, transport == VF_SSH_AUTO);
        test_sums(w);
        test_holes(w);
        test_holes(w);
    }
    if (w && transport == VF_SSH_AUTO) {
        test_twins(w);
        test_vms(w);
        test_now(w);
        test_portgroups(w);
        test_power(w);
    }
    visitor_clear(&v);
}

int main(int argc, char **argv)
{
    if (geteuid() != 0 || access("/usr/bin/busybox", X_OK) < 0 ||
        access("/lib/x86_64-linux-gnu/security/pam_exec.so", F_OK) < 0) {
        skip("the way ssh", "it takes root, busybox and PAM");
        return done_testing();
    }
    if (!begin(argc))
        return done_testing();
    make_host();
    if (run((const char *[]){"unshare", "-m", "true", NULL}) != 0)
        skip("the way ssh", "no mount namespaces here");
    else if (ok(begin_hosts(), "three hosts")) {
        test_stranger(VF_SSH_OPENSSH, "openssh");
        test_stranger(VF_SSH_LIBSSH2, "libssh2");
        test_one_try(&host, VF_SSH_OPENSSH, "openssh, keyboard-interactive");
        test_one_try(&host, VF_SSH_LIBSSH2, "libssh2, keyboard-interactive");
        test_one_try(&words, VF_SSH_OPENSSH, "openssh, password");
        test_one_try(&words, VF_SSH_LIBSSH2, "libssh2, password");
        test_legacy(VF_SSH_OPENSSH, "openssh");
        test_legacy(VF_SSH_LIBSSH2, "libssh2");
        test_way(VF_SSH_AUTO, "openssh");
        test_way(VF_SSH_LIBSSH2, "libssh2");
        test_cut(VF_SSH_OPENSSH, "openssh");
        test_cut(VF_SSH_LIBSSH2, "libssh2");
        test_odd_host();
    }
    stop(&host);
    stop(&words);
    stop(&old);
    end();
    return done_testing();
}
