/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a vSphere server answers: read or refused; what was read is whole, and survives being sent
 * back. */
#include "config.h"
#include "provider/esxi/api_read.h"
#include "base/str.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* TEXT, which came out of XML, through an envelope of ours and back. */
static void there_and_back(const char *text)
{
    vf_autobuf struct vf_buf b = {0};
    vf_buf_puts(&b, "<Envelope><Body><x><returnval>");
    vf_xml_add(&b, "annotation", text);
    vf_buf_puts(&b, "</returnval></x></Body></Envelope>");
    vf_autosoap struct vf_soap s = {0};
    if (vf_soap_read(vf_buf_str(&b), b.len, &s, NULL) < 0)
        abort();
    vf_autofree char *back = vf_xml_content(vf_xml_child(s.result, "annotation"));
    if (!vf_streq(back ? back : "", text))
        abort();
}

static void read_objects(const xmlNode *page)
{
    struct vf_api_listing l = {0};
    for (const xmlNode *o = vf_xml_child(page, "objects"); o; o = vf_xml_next(o, "objects")) {
        struct vf_moref ref;
        struct vf_esxi_now now = {0};
        if (vf_moref_read(vf_xml_child(o, "obj"), &ref))
            vf_api_listing_see(&l, &ref, o);
        vf_api_read_now(o, &now);
        if (now.annotation)
            there_and_back(now.annotation);
        if (vf_api_autostarts(o, "12") && !vf_api_autostart(o, "12"))
            abort();
        vf_esxi_now_clear(&now);
        vf_moref_clear(&ref);
    }
    vf_api_listing_place(&l);
    if (l.n_rows != l.n_spots)
        abort();
    for (size_t i = 0; i < l.n_rows; i++)
        if (!l.rows[i].id || !l.rows[i].name || !l.rows[i].vmx != !l.rows[i].datastore)
            abort();
    vf_api_listing_clear(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vf_autosoap struct vf_soap s = {0};
    vf_autoerror struct vf_error *err = NULL;
    if (vf_soap_read((const char *)data, size, &s, &err) < 0) {
        if (!err)
            abort();
        return 0;
    }
    if (s.fault && (!s.text || s.result || vf_soap_fail(s.fault, s.text, s.privilege, &err) == 0))
        abort();
    for (const xmlNode *r = s.result; r; r = vf_xml_next(r, "returnval")) {
        vf_autofree char *fault = NULL, *text = NULL;
        vf_soap_fault_at(r, &fault, &text);
        if (!fault || !text)
            abort();
        read_objects(r);
    }
    return 0;
}
