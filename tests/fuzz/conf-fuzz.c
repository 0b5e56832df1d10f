/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vmferry.conf: any text is read or refused with a reason. */
#include "config.h"
#include "base/str.h"
#include "conf/conf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autofree char *text = vf_memdup_str(data, size);
    vf_autoerror struct vf_error *err = NULL;
    vf_auto(vf_conf_free) struct vf_conf *c = vf_conf_parse(text, size, "/etc/f.conf", &err);
    if (!c != !!err)
        abort();
    for (size_t i = 0; c && i < c->n_clusters; i++)
        if (!c->clusters[i].name || !c->clusters[i].urls || !c->clusters[i].urls[0])
            abort();
    return 0;
}
