/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proxmox's failures in our terms. Not found, in use and locked all come as status 500; only the
 * words tell them apart. */
#include "config.h"
#include "provider/pve/client.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>

static const struct {
    int low, high;    /* statuses it holds for */
    const char *part; /* of the text, ignoring case; NULL: any text */
    enum vf_error_code code;
} meanings[] = {
    {401, 401, NULL, VF_E_AUTH},
    {403, 403, NULL, VF_E_PERMISSION},
    {502, 504, NULL, VF_E_NET}, /* a gateway in front */
    {595, 599, NULL, VF_E_NET}, /* pveproxy did not reach the node */
    {400, 599, "only root can", VF_E_PERMISSION},
    {400, 599, "permission denied", VF_E_PERMISSION},
    {400, 599, "permission check failed", VF_E_PERMISSION},
    {400, 599, "no space left", VF_E_NOSPACE},
    {400, 599, "not enough free space", VF_E_NOSPACE},
    {400, 599, "not enough space", VF_E_NOSPACE},
    {400, 599, "insufficient free space", VF_E_NOSPACE},
    {400, 599, "out of space", VF_E_NOSPACE},
    {400, 599, "quota exceeded", VF_E_NOSPACE},
    {400, 599, "file too large", VF_E_NOSPACE},
    {400, 599, "checksum mismatch", VF_E_CONFLICT},
    {400, 599, "already exists", VF_E_CONFLICT},
    {400, 599, "already running", VF_E_CONFLICT},
    {400, 599, "already in use", VF_E_CONFLICT},
    {400, 599, "is locked", VF_E_CONFLICT},
    {400, 599, "can't lock file", VF_E_CONFLICT},
    {400, 599, "got timeout", VF_E_CONFLICT},
    {400, 599, "is not empty", VF_E_CONFLICT},
    {400, 599, "is running", VF_E_CONFLICT},
    {400, 599, "protection mode", VF_E_CONFLICT},
    {400, 599, "hostname lookup", VF_E_NOTFOUND},
    {400, 599, "does not exist", VF_E_NOTFOUND},
    {400, 599, "no such", VF_E_NOTFOUND},
    {400, 599, "volume_size_info on", VF_E_NOTFOUND}, /* its file is not there */
    {400, 599, "failed to find logical volume", VF_E_NOTFOUND},
    {400, 599, "connection refused", VF_E_NET},
    {400, 599, "connection timed out", VF_E_NET},
    {400, 599, "no route to host", VF_E_NET},
    {400, 400, NULL, VF_E_UNSUPPORTED}, /* a value this version does not take */
    {404, 404, NULL, VF_E_NOTFOUND},
    {501, 501, NULL, VF_E_UNSUPPORTED},
};

enum vf_error_code vf_pve_error_code(int status, const char *text)
{
    for (size_t i = 0; i < VF_COUNT(meanings); i++)
        if (status >= meanings[i].low && status <= meanings[i].high &&
            (!meanings[i].part || strcasestr(text, meanings[i].part)))
            return meanings[i].code;
    return VF_E_INTERNAL;
}

const char *vf_pve_error_cure(int status, const char *text)
{
    if (status >= 595)
        return "; the cluster does not reach that node: see whether it is up (`pvecm nodes`)";
    if (strcasestr(text, "no quorum"))
        return "; most of the cluster's nodes must be up and see each other before anything can be "
               "changed: see `pvecm status`";
    if (strcasestr(text, "token expired"))
        return "; give it more time or make another (Datacenter, Permissions, API Tokens)";
    if (strcasestr(text, "no such token") || strcasestr(text, "invalid token value"))
        return "; compare token and secret in vmferry.conf with Datacenter, Permissions, API "
               "Tokens";
    return "";
}

/* Words of the server as part of one sentence: no line ends, no full stop, nothing unprintable. */
static void add_words(struct vf_buf *b, const char *words)
{
    vf_autofree char *flat = vf_strdup(words);
    size_t n = strlen(flat);
    while (n && (isspace((unsigned char)flat[n - 1]) || flat[n - 1] == '.'))
        n--;
    for (size_t i = 0; i < n; i++)
        if (flat[i] == '\n' || flat[i] == '\r' || flat[i] == '\t')
            flat[i] = ' ';
    vf_autofree char *safe = vf_escape_n(flat, n);
    vf_buf_puts(b, safe);
}

char *vf_pve_error_text(const struct vf_http_answer *a)
{
    vf_autojson json_t *body = json_loadb(vf_buf_str(&a->body), a->body.len, 0, NULL);
    const char *message = vf_json_text(body, "message"), *key;
    json_t *errors = json_object_get(body, "errors"), *value;
    vf_autobuf struct vf_buf b = {0};
    /* a line of spaces says nothing either */
    if (message && message[strspn(message, " \r\n")])
        add_words(&b, message);
    else if (a->reason && *a->reason)
        add_words(&b, a->reason);
    else
        vf_buf_printf(&b, "status %d without a reason", a->status);
    const char *sep = ": ";
    json_object_foreach (errors, key, value) {
        vf_autofree char *text = vf_json_as_text(value);
        vf_buf_puts(&b, sep);
        add_words(&b, key);
        vf_buf_puts(&b, ": ");
        add_words(&b, text ? text : "not accepted");
        sep = "; ";
    }
    return vf_buf_take(&b);
}
