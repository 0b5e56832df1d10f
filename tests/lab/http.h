/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What passes between the HTTP server and the API. */
#ifndef VF_LAB_HTTP_H
#define VF_LAB_HTTP_H

#include "tests/lab/lab.h"

struct lab_request {
    char *method, *target;
    char *authorization, *cookie, *csrf, *content_type, *content_length, *transfer_encoding;
    char *connection, *expect;
    const char *peer;
    char *body;
    size_t body_len;
    bool http10;
};

struct lab_response {
    int status;
    char *reason;     /* owned; NULL: the usual one */
    const char *type; /* NULL: JSON */
    char *body;       /* owned; NULL: none, and no Content-Length */
    size_t body_len;
    bool close;
    bool cut; /* the connection ends after CUT_AT bytes of the answer */
    size_t cut_at;
    bool proxied; /* the answer came from another node */
};

/* Answers one request that arrived at NODE. */
void lab_handle(struct lab_node *node, const struct lab_request *rq, struct lab_response *rs);

/* A detached thread; 0 or an error number. */
int lab_thread(void *(*fn)(void *), void *arg);

#endif
