/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hangs on the demo clusters' VMs beside their configurations, as JSON; see api-extra.c and
 * api-firewall.c for who reads it. */
#include "config.h"
#include <stdio.h>
#include "tests/lab/lab.h"

static const struct {
    const char *profile, *cluster, *json;
} extras[] = {
    {"demo", "alpha",
     "{\"nodes\": {}, \"bridges\": {\"vmbr0\": {\"bridge_vlan_aware\": 1}}, \"replication\": "
     "[{\"id\": \"105-0\", "
     "\"type\": \"local\", \"guest\": 105, \"jobnum\": 0,"
     "  \"source\": \"a1\", \"target\": \"a2\", \"schedule\": \"*/15\"}],"
     " \"firewall\": {\"options\": {\"enable\": 1}, \"groups\": {\"webserver\": ["
     "  {\"type\": \"in\", \"action\": \"ACCEPT\", \"enable\": 1, \"proto\": \"tcp\","
     "   \"dport\": \"80,443\"}]},"
     "  \"aliases\": [{\"name\": \"office\", \"cidr\": \"192.0.2.0/24\"}],"
     "  \"ipset\": [{\"name\": \"blocked\", \"members\": [{\"cidr\": \"198.51.100.7\"}]}]},"
     " \"vms\": {\"100\": {\"firewall\": {"
     "  \"options\": {\"enable\": 1, \"policy_in\": \"DROP\", \"macfilter\": 0,"
     "   \"log_level_in\": \"info\"},"
     "  \"aliases\": [{\"name\": \"backend\", \"cidr\": \"10.1.2.3\","
     "   \"comment\": \"db; a=b & 100%\"}],"
     "  \"ipset\": [{\"name\": \"admins\", \"comment\": \"who may log in\", \"members\": ["
     "    {\"cidr\": \"10.0.0.0/8\", \"comment\": \"inside\"},"
     "    {\"cidr\": \"10.9.9.9\", \"nomatch\": 1}]}],"
     "  \"rules\": ["
     "   {\"type\": \"group\", \"action\": \"webserver\", \"enable\": 1, \"iface\": \"net0\"},"
     "   {\"type\": \"in\", \"action\": \"ACCEPT\", \"enable\": 1, \"macro\": \"SSH\","
     "    \"source\": \"+guest/admins\", \"log\": \"nolog\", \"comment\": \"log in\"},"
     "   {\"type\": \"in\", \"action\": \"REJECT\", \"enable\": 0, \"proto\": \"tcp\","
     "    \"dport\": \"25\", \"source\": \"+dc/blocked\"},"
     "   {\"type\": \"out\", \"action\": \"ACCEPT\", \"enable\": 1, \"dest\": \"backend\","
     "    \"proto\": \"tcp\", \"dport\": \"5432\"}]}}}}"},
    {"demo", "beta",
     "{\"nodes\": {}, \"bridges\": {\"vmbr0\": {\"bridge_vlan_aware\": 1}}, \"firewall\": {"
     "\"options\": {\"enable\": 1}, \"groups\": {\"webserver\": ["
     "  {\"type\": \"in\", \"action\": \"ACCEPT\", \"enable\": 1, \"proto\": \"tcp\","
     "   \"dport\": \"80,443\"}]},"
     "  \"ipset\": [{\"name\": \"blocked\", \"members\": [{\"cidr\": \"198.51.100.7\"}]}]}}"},
};

int lab_demo_extra(struct lab *lab, const char *profile, struct vf_error **err)
{
    for (size_t i = 0; i < VF_COUNT(extras); i++) {
        json_error_t why;
        if (!vf_streq(extras[i].profile, profile) || !vf_streq(extras[i].cluster, lab->name))
            continue;
        json_decref(lab->extra);
        lab->extra = json_loads(extras[i].json, 0, &why);
        if (!lab->extra)
            return vf_fail(err, VF_E_INTERNAL, "the extras of %s: %s", lab->name, why.text);
    }
    return 0;
}
