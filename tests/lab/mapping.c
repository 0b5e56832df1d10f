/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Resource mappings and VNets: names of the cluster for devices and networks of its nodes. Only the
 * demo's beta has mappings, and only of devices that nobody opens. */
#include "config.h"
#include <string.h>
#include "tests/lab/lab.h"

static json_t *mappings(struct lab_call *c, const char *id, const char *map)
{
    json_t *out = json_array();
    if (vf_streq(c->lab->name, "beta") && lab_may(c, "/mapping:Mapping.Audit"))
        json_array_append_new(
            out, json_pack("{s:s, s:[s], s:s}", "id", id, "map", map, "description", ""));
    return out;
}

json_t *lab_get_pci_mappings(struct lab_call *c)
{
    return mappings(c, "gpu", "id=10de:2204,node=b1,path=0000:01:00.0");
}

json_t *lab_get_usb_mappings(struct lab_call *c)
{
    return mappings(c, "stick", "id=0951:1666,node=b1");
}

json_t *lab_get_dir_mappings(struct lab_call *c)
{
    return mappings(c, "share", "node=b1,path=/srv");
}

/* A bridge whose name begins so is a VNet: the cluster makes it, in the zone "lab". */
bool lab_is_vnet(const char *bridge)
{
    return vf_starts(bridge, "vnet");
}

const char *lab_zone(const char *bridge)
{
    return lab_is_vnet(bridge) ? "lab" : "localnetwork";
}

/* Those that the login may look at; to use them is not enough. */
json_t *lab_get_vnets(struct lab_call *c)
{
    json_t *out = json_array(), *b;
    size_t i;
    json_array_foreach (c->lab->nodes[0].bridges, i, b)
        if (lab_is_vnet(json_string_value(b)) &&
            lab_may_at(c, "SDN.Audit|SDN.Allocate", "/sdn/zones/lab/%s", json_string_value(b))) {
            json_t *j = json_pack("{s:O, s:s, s:s, s:i}", "vnet", b, "zone", "lab", "type", "vnet",
                                  "tag", 10);
            json_object_update(j, lab_extra_bridge(c->lab, json_string_value(b)));
            json_array_append_new(out, j);
        }
    return out;
}
