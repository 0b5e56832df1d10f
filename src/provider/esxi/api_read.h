/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the vSphere API tells of VMs and hosts, out of its answers; no network. Names of properties
 * and types: vSphere Web Services API Reference. */
#ifndef VF_PROVIDER_ESXI_API_READ_H
#define VF_PROVIDER_ESXI_API_READ_H

#include "provider/esxi/soap.h"
#include "provider/esxi/way.h"

/* A folder, datacenter, host or what holds hosts. */
struct vf_api_place {
    char *id, *name, *parent;
    bool datacenter;
};

/* What the server calls a VM, and where that hangs in the tree. */
struct vf_api_spot {
    char *moref, *parent, *host;
};

struct vf_api_listing {
    struct vf_api_place *places;
    size_t n_places;
    struct vf_esxi_row *rows;
    size_t n_rows;
    struct vf_api_spot *spots; /* of each row */
    size_t n_spots;
};

/* Takes in the properties of OBJECT: a VM, or what is above it. OBJECT NULL: all is void. OPAQUE is
 * a struct vf_api_listing. */
void vf_api_listing_see(void *opaque, const struct vf_moref *object, const xmlNode *props);
/* All is seen: says on which host and in which datacenter each VM is. */
void vf_api_listing_place(struct vf_api_listing *l);
void vf_api_listing_clear(struct vf_api_listing *l);

/* The inventory has %, / and \ in names percent-encoded (ManagedEntity.name): decodes NAME (may be
 * NULL) where it is, and returns it. */
char *vf_api_decode_name(char *name);

/* Fills all of OUT but onboot. */
void vf_api_read_now(const xmlNode *props, struct vf_esxi_now *out);

/* The entry of VM in the host's list of what it starts by itself; borrowed, NULL: it has none. */
const xmlNode *vf_api_autostart(const xmlNode *host_props, const char *vm);
bool vf_api_is_started(const xmlNode *entry); /* such an entry's intent */
/* Does the host start VM by itself? */
bool vf_api_autostarts(const xmlNode *host_props, const char *vm);

#endif
