/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wire: frames between movers and between a mover and the program. One parser for both sides,
 * fed with whatever arrived, that trusts no length. vmferry-protocol(7) describes what is said in
 * them.
 *
 * A frame is 16 bytes, little endian, and its payload:
 *   0 magic (4)  4 type (1)  5 flags (1)  6 zero (2)  8 id (4)  12 length of the payload (4)
 * The id names the disk or request a frame belongs to. Payloads are fields (tag 2, length 4,
 * bytes). DATA instead has offset (8), XXH3-128 of the chunk (16) and the chunk; PARTS has the same
 * head, a map of the chunk's parts (32) and the parts in it; HASHES has offset (8), then for each
 * run of equal chunks their length in bytes (8), the XXH3-128 of one (16) and, when it is only one,
 * the sums of its parts (4 each). */
#ifndef VF_MOVER_WIRE_H
#define VF_MOVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

enum {
    VF_WIRE_VERSION = 1,
    VF_WIRE_READER = 1, /* the oldest version that understands what we send */
    VF_WIRE_HEADER = 16,
    VF_WIRE_DATA_HEAD = 24,
    VF_WIRE_HASH = 16,
    VF_WIRE_HASHES_HEAD = 8,
    VF_WIRE_RUN = 24, /* in HASHES */
    VF_WIRE_CHUNK = 1 << 20,
    VF_WIRE_PART = 4096, /* see parts.h */
    VF_WIRE_PARTS = VF_WIRE_CHUNK / VF_WIRE_PART,
    VF_WIRE_SUM = 4,
    VF_WIRE_MAP = VF_WIRE_PARTS / 8,
    VF_WIRE_PARTS_HEAD = VF_WIRE_DATA_HEAD + VF_WIRE_MAP,
    VF_WIRE_MAX = VF_WIRE_CHUNK + 4096, /* longest payload */
    VF_WIRE_NOISE = 4096,               /* of a shell, before HELLO */
};

enum vf_frame_type {
    VF_F_HELLO = 1, /* first in both directions */
    VF_F_PING,      /* I live */
    VF_F_ERROR,     /* CODE, TEXT; of ID, or of everything (0) */
    VF_F_BYE,       /* nothing more will come */
    /* program -> owner, each answered by OK, ERROR or what is named */
    VF_F_OPEN,    /* disk ID: PATH, FORMAT, WRITE, OURS, LIVE; answered by OPENED */
    VF_F_OPENED,  /* SIZE, UNIT, MEDIA, IDENTITY, TEXT: its name */
    VF_F_CLOSE,   /* disk ID */
    VF_F_CONNECT, /* stream ID, to be dialled: PATH, or ADDRESS, PORT, USER, HOST_KEY, KEY */
    VF_F_RECEIVE, /* into disk ID: SIZE, VERIFY, FRESH, DELTA */
    VF_F_SEND, /* disk ID over STREAM and those behind, STREAMS of them: SIZE, RATE, DELTA, COMPRESS
                */
    VF_F_CANCEL, /* the copy of disk ID, answered by its ERROR; never twice */
    VF_F_OK,
    VF_F_PROGRESS, /* of disk ID: counters */
    VF_F_COPIED,   /* disk ID is done: HASH, HOW, counters */
    /* source -> target */
    VF_F_BEGIN, /* a pass over disk ID, on each stream: SIZE, STREAMS */
    VF_F_DATA,
    VF_F_ZERO, /* OFFSET, LENGTH */
    VF_F_END,  /* last on each stream: HASH of the whole */
    /* target -> source */
    VF_F_RESEND,    /* OFFSET, LENGTH: came or reads back otherwise */
    VF_F_COMMITTED, /* OFFSET: up to where it is on stable storage */
    VF_F_DONE,      /* HASH */
    /* program -> target's owner */
    VF_F_KEY_FILE, /* PATH, TEXT: when the owner ends, lines ending in TEXT are removed from PATH */
    /* a delta */
    VF_F_HASHES, /* target -> source: what the target has, ahead of the source */
    VF_F_SAME,   /* source -> target: OFFSET, LENGTH: the source has the same */
    /* program -> source's owner */
    VF_F_RATE, /* RATE: from now on, over all streams; not answered */
    /* program -> owner */
    VF_F_AWAIT, /* stream ID, which the other side opens: answered once it is there */
    VF_F_WATCH, /* how is the copy of disk ID? PROGRESS, COPIED, its ERROR, or ERROR NOTFOUND */
    /* source -> target, in a delta */
    VF_F_PARTS, /* what differs of a chunk */
    /* program -> owner */
    VF_F_ECHO, /* over stream ID and back: answered by OK, USEC; also between the owners, sent back
                  with VF_FF_ECHO */
    /* program -> owner of vmferry-fetch, on the same machine */
    VF_F_SOURCE, /* where disks are read from: PATH, CLUSTER, VERIFY, WAY, USER, CERTS, PASSWORD */
    /* owner -> program */
    VF_F_NOTE, /* TEXT: for whoever watches; not answered */
    VF_F_TYPES,
};

enum vf_frame_flags {
    VF_FF_AGAIN = 1, /* DATA: answer to RESEND */
    VF_FF_ZSTD = 2,  /* DATA, PARTS: what is behind the head is a frame of zstd (feature "zstd") */
    VF_FF_ECHO = 4,  /* ERROR: caused by the other side's error; ECHO: the answer */
};

enum vf_tag {
    VF_TAG_VERSION = 1,
    VF_TAG_READER,
    VF_TAG_FEATURES, /* words separated by spaces */
    VF_TAG_ROLE,     /* "owner", "program"; on streams "mover" */
    VF_TAG_JOB,
    VF_TAG_EPOCH,
    VF_TAG_HOST, /* identity: same text, same file system view and rights */
    VF_TAG_DIR,
    VF_TAG_CODE, /* name of an error code */
    VF_TAG_TEXT,
    VF_TAG_PATH,
    VF_TAG_FORMAT,
    VF_TAG_WRITE,
    VF_TAG_OURS, /* the volume was allocated by this job */
    VF_TAG_SIZE,
    VF_TAG_UNIT,
    VF_TAG_MEDIA,
    VF_TAG_ADDRESS,
    VF_TAG_PORT,
    VF_TAG_USER,
    VF_TAG_HOST_KEY,
    VF_TAG_KEY, /* private half of the one-job key */
    VF_TAG_VERIFY,
    VF_TAG_FRESH,
    VF_TAG_STREAM,
    VF_TAG_RATE,
    VF_TAG_HASH, /* 16 bytes */
    VF_TAG_HOW,
    VF_TAG_OFFSET,
    VF_TAG_LENGTH,
    VF_TAG_STAGE,
    /* counters, bytes */
    VF_TAG_DONE,
    VF_TAG_READ,
    VF_TAG_SENT,
    VF_TAG_ZEROES,
    VF_TAG_SAME,
    VF_TAG_COMMITTED,
    VF_TAG_VERIFIED,
    VF_TAG_DELTA,
    VF_TAG_STREAMS,
    VF_TAG_CORES, /* in an owner's HELLO */
    VF_TAG_COMPRESS,
    VF_TAG_WIRE,     /* counter: bytes of DATA frames, as they were sent */
    VF_TAG_RESUME,   /* offset at which a pass starts: what lies before it is done */
    VF_TAG_STATE,    /* the hasher's there, see hash.h; with DONE: at that offset */
    VF_TAG_IDENTITY, /* equal: the disk has not changed; "": nobody can tell */
    VF_TAG_USEC,
    VF_TAG_LIVE,    /* a VM writes to the disk */
    VF_TAG_CIPHERS, /* of CONNECT by ssh; not there: the fastest of ssh's own */
    VF_TAG_CLUSTER,
    VF_TAG_WAY,      /* "api", "ssh" */
    VF_TAG_CERTS,    /* SHA-256 of certificates, separated by spaces */
    VF_TAG_PASSWORD, /* never sent to another host */
};

struct vf_frame {
    uint8_t type, flags;
    uint32_t id;
    const char *payload; /* borrowed from the parser until it is fed again */
    size_t len;
};

struct vf_wire {
    char *buf;
    size_t start, end, cap;
    bool greeted;  /* HELLO has come */
    size_t noise;  /* bytes dropped before it */
    char said[80]; /* their beginning */
};

void vf_wire_init(struct vf_wire *w);
void vf_wire_free(struct vf_wire *w);
/* Where to put what arrives: *N bytes of room, never 0. Then vf_wire_added(). */
char *vf_wire_room(struct vf_wire *w, size_t *n);
void vf_wire_added(struct vf_wire *w, size_t n);
/* 1 with *OUT filled, 0 when more must arrive, -1 when this is not our protocol. */
int vf_wire_next(struct vf_wire *w, struct vf_frame *out, struct vf_error **err);
/* The 16 bytes of a header. */
void vf_wire_header(char out[VF_WIRE_HEADER], uint8_t type, uint8_t flags, uint32_t id, size_t len);
const char *vf_frame_name(uint8_t type);

void vf_put_u32(char *p, uint32_t v);
void vf_put_u64(char *p, uint64_t v);
uint32_t vf_get_u32(const char *p);
uint64_t vf_get_u64(const char *p);

/* DATA or PARTS taken apart; the parser has seen to it that the head is there. Borrowed from F. */
struct vf_data {
    uint64_t offset;
    const unsigned char *hash; /* VF_WIRE_HASH bytes */
    const unsigned char *map;  /* PARTS: VF_WIRE_MAP bytes; DATA: NULL */
    const char *chunk;
    size_t len;
};
struct vf_data vf_data_of(const struct vf_frame *f);
/* The head of DATA (MAP NULL) or PARTS; its length. */
size_t vf_data_head(char out[VF_WIRE_PARTS_HEAD], uint64_t offset, const unsigned char *hash,
                    const unsigned char *map);

/* The runs in HASHES: one after another, from *AT = 0 on; false behind the last. Whether they make
 * sense on this disk is for the caller to see. */
struct vf_run {
    uint64_t offset, len;
    const unsigned char *hash;
    const unsigned char *sums; /* of its parts; NULL when it is longer than a chunk */
};
bool vf_hashes_next(const struct vf_frame *f, size_t *at, struct vf_run *run);
void vf_hashes_begin(struct vf_buf *b, uint64_t offset);
void vf_hashes_add(struct vf_buf *b, uint64_t len, const unsigned char *hash,
                   const unsigned char *sums);

/* Fields are appended to B. */
void vf_field_add(struct vf_buf *b, enum vf_tag tag, const void *data, size_t n);
void vf_field_str(struct vf_buf *b, enum vf_tag tag, const char *s); /* NULL: left out */
void vf_field_u64(struct vf_buf *b, enum vf_tag tag, uint64_t v);

/* Reading them: the first with TAG; unknown tags are skipped, broken lengths end the search. */
bool vf_field_find(const struct vf_frame *f, enum vf_tag tag, const char **data, size_t *n);
/* V as long as the field is there and is a number. */
bool vf_field_get_u64(const struct vf_frame *f, enum vf_tag tag, uint64_t *v);
uint64_t vf_field_num(const struct vf_frame *f, enum vf_tag tag, uint64_t otherwise);
/* A copy, NUL-terminated; NULL when not there or when it holds a NUL. Caller frees. */
char *vf_field_text(const struct vf_frame *f, enum vf_tag tag);

/* ERROR's payload from an error, and back (prefixed with WHO when that is not NULL). */
void vf_field_error(struct vf_buf *b, const struct vf_error *e);
int vf_frame_error(const struct vf_frame *f, const char *who, struct vf_error **err);

#endif
