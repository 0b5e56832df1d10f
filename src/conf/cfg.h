/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libconfig files read by tables: a row says which key, of which type, within which limits, goes
 * where in a structure. vmferry.conf and plan files are read by it. Every mistake is VF_E_USAGE
 * with file, line and what would have been right. */
#ifndef VF_CONF_CFG_H
#define VF_CONF_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

enum vf_cfg_type {
    VF_CFG_STR,   /* char *; with WORDS one of them */
    VF_CFG_PATH,  /* char *; "~/…" and relative paths resolved; one of WORDS is kept as it is */
    VF_CFG_STRV,  /* char **, at least one; a plain string counts as a list of one */
    VF_CFG_UINT,  /* unsigned integer of WIDTH bytes within MIN..MAX */
    VF_CFG_BOOL,  /* bool */
    VF_CFG_TRI,   /* int: 0, 1; what init() left (-1) when not named */
    VF_CFG_WORD,  /* int or enum: index of the word in WORDS */
    VF_CFG_SET,   /* unsigned: bit I for each of WORDS that is named; an empty array: none */
    VF_CFG_GROUP, /* structure inside the structure, by TABLE */
    VF_CFG_LIST,  /* pointer to an array of structures by TABLE, count (size_t) at COUNT */
};

struct vf_cfg_table;

struct vf_cfg_key {
    const char *key;
    enum vf_cfg_type type;
    bool required;
    size_t offset;
    size_t width;             /* UINT: sizeof the field */
    uint64_t min, max;        /* UINT; LIST: at least MIN entries */
    const char *const *words; /* NULL-terminated */
    /* NULL when VALUE is good, else what it must be: "must be …". Strings only. */
    const char *(*check)(const char *value);
    const char *hint;                 /* UINT: put behind the message when out of range */
    const struct vf_cfg_table *table; /* GROUP, LIST */
    size_t count;                     /* LIST: offset of the number of entries */
};

struct vf_cfg_table {
    const char *what; /* "a cluster", for messages */
    const struct vf_cfg_key *keys;
    size_t n_keys;
    size_t size; /* of one structure */
    /* Fills a zeroed one with "not set"; OWNER is what the list is in, with the keys read that
     * stand before the list's own in its table. May be NULL. */
    void (*init)(void *item, const void *owner);
    /* After all keys were read: what one row cannot say. The message needs no file and line. */
    int (*finish)(void *item, struct vf_error **err);
};

/* Reads TEXT into ITEM (initialised by the caller; on failure partly filled, the caller frees it).
 * FILE names it in messages, DIR is what relative paths are relative to. @include is refused: a
 * file checked for its owner and mode must not pull in another. Lists point into the heap
 * (vf_grow). */
int vf_cfg_read(const char *text, size_t len, const char *file, const char *dir,
                const struct vf_cfg_table *table, void *item, struct vf_error **err);

/* The absolute form of PATH as written in a file of DIR ("~/x" is in $HOME). Caller frees. */
char *vf_cfg_path(const char *path, const char *dir);

/* Adds S as a libconfig string in quotes; hostile bytes as \xNN. */
void vf_cfg_quote(struct vf_buf *b, const char *s);

/* A check for texts that name hosts, users, storages: no blanks, no control bytes, no leading '-'.
 */
const char *vf_cfg_check_name(const char *value);
/* A check for any one-line text. */
const char *vf_cfg_check_line(const char *value);

#endif
