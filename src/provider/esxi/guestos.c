/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names are those of vSphere's VirtualMachineGuestOsIdentifier, which end in "Guest", and those
 * of VMX files, which do not and put a "-" before the 64. */
#include "config.h"
#include "provider/esxi/guestos.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* By how they begin, whatever the case; the first that fits counts. */
static const struct {
    const char *id, *ostype;
    enum vf_guest_age age;
} systems[] = {
    {"windows2019srvnext", "win11", VF_GUEST_WINDOWS},
    {"windows2022srvnext", "win11", VF_GUEST_WINDOWS},
    {"windows11", "win11", VF_GUEST_WINDOWS},
    {"windows12", "win11", VF_GUEST_WINDOWS},
    {"windows2019srv", "win10", VF_GUEST_WINDOWS},
    {"windows9", "win10", VF_GUEST_WINDOWS},
    {"windows8", "win8", VF_GUEST_WINDOWS},
    {"windows7server", "w2k8", VF_GUEST_WINDOWS},
    {"windows7", "win7", VF_GUEST_WINDOWS},
    {"winlonghorn", "w2k8", VF_GUEST_WINDOWS},
    {"longhorn", "w2k8", VF_GUEST_WINDOWS},
    {"winvista", "wvista", VF_GUEST_WINDOWS},
    {"winnet", "w2k3", VF_GUEST_WINDOWS},
    {"winxp", "wxp", VF_GUEST_WINDOWS},
    {"win2000", "w2k", VF_GUEST_WINDOWS},
    {"winnt", "other", VF_GUEST_OLD},
    {"win", "other", VF_GUEST_OLD}, /* 3.1, 95, 98, Me */
    {"dos", "other", VF_GUEST_OLD},
    {"solaris", "solaris", VF_GUEST_OLD},
    {"freebsd", "other", VF_GUEST_UNSURE},
    {"vmkernel", "other", VF_GUEST_UNSURE},
    {"netware", "other", VF_GUEST_OLD},
    {"nw", "other", VF_GUEST_OLD},
    {"os2", "other", VF_GUEST_OLD},
    {"unixware", "other", VF_GUEST_OLD},
    {"openserver", "other", VF_GUEST_OLD},
    {"eComStation", "other", VF_GUEST_OLD},
    {"darwin", "other", VF_GUEST_UNSURE},
    {"other24xlinux", "l24", VF_GUEST_OLD},
    {"other26xlinux", "l26", VF_GUEST_UNSURE},
    {"rhel2", "l24", VF_GUEST_OLD},
    {"rhel3", "l24", VF_GUEST_OLD},
    {"rhel4", "l26", VF_GUEST_OLD},
    {"rhel5", "l26", VF_GUEST_OLD},
    {"redhat", "l24", VF_GUEST_OLD},
    {"debian4", "l26", VF_GUEST_OLD},
    {"debian5", "l26", VF_GUEST_OLD},
    {"debian6", "l26", VF_GUEST_OLD},
    {"debian7", "l26", VF_GUEST_OLD},
    {"debian8", "l26", VF_GUEST_UNSURE},
    {"sles10", "l26", VF_GUEST_OLD},
    {"sles11", "l26", VF_GUEST_UNSURE},
    {"sles-", "l26", VF_GUEST_OLD},
    {"other-", "other", VF_GUEST_UNSURE},
};

/* Names that stand for many versions, and up to which their systems are old. */
static const struct {
    const char *distribution;
    double old, unsure;
} versions[] = {
    {"Ubuntu", 12.04, 12.10}, {"Debian", 7.99, 8.99}, {"CentOS", 5.99, 6.99},
    {"Red Hat", 5.99, 5.99},  {"Oracle", 5.99, 6.99}, {"SUSE", 10.99, 11.99},
};

/* The value of KEY='…' in DETAILS; caller frees. NULL: not there. */
static char *detail(const char *details, const char *key)
{
    vf_autofree char *begin = vf_asprintf("%s='", key);
    const char *at = details ? strstr(details, begin) : NULL;
    at = at ? at + strlen(begin) : NULL;
    return at ? vf_strndup(at, strcspn(at, "'")) : NULL;
}

/* What the guest itself said is better than what somebody once chose in a menu. */
static enum vf_guest_age by_version(const char *details, enum vf_guest_age age)
{
    vf_autofree char *name = detail(details, "distroName");
    vf_autofree char *version = detail(details, "distroVersion");
    double number = version ? strtod(version, NULL) : 0;
    for (size_t i = 0; name && number > 0 && i < VF_COUNT(versions); i++)
        if (strcasestr(name, versions[i].distribution))
            return number <= versions[i].old      ? VF_GUEST_OLD
                   : number <= versions[i].unsure ? VF_GUEST_UNSURE
                                                  : VF_GUEST_MODERN;
    return age;
}

/* Does ID ("ubuntu-64", "otherLinux64Guest") stand for every version there was? */
static bool no_version(const char *id)
{
    const char *digit = id ? strpbrk(id, "0123456789") : NULL;
    return !digit || (vf_starts(digit, "64") && !strpbrk(digit + 2, "0123456789"));
}

struct vf_guest_os vf_guest_os(const char *id, const char *details, uint64_t hardware)
{
    enum { LAST_OLD = 9 }; /* virtual hardware of ESXi 5.1, of 2012 */
    struct vf_guest_os os = {"l26", VF_GUEST_MODERN};
    for (size_t i = 0; id && i < VF_COUNT(systems); i++)
        if (!strncasecmp(id, systems[i].id, strlen(systems[i].id))) {
            os = (struct vf_guest_os){systems[i].ostype, systems[i].age};
            break;
        }
    if (vf_streq(id, "other"))
        os = (struct vf_guest_os){"other", VF_GUEST_UNSURE};
    if (os.age != VF_GUEST_WINDOWS)
        os.age = by_version(details, os.age);
    if (os.age == VF_GUEST_MODERN && !details && hardware && hardware <= LAST_OLD && no_version(id))
        os.age = VF_GUEST_UNSURE;
    return os;
}
