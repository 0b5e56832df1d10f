/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What routes and copies know of a host with a mover on it. */
#ifndef VF_XFER_HOST_H
#define VF_XFER_HOST_H

#include "base/proc.h"
#include "xfer/copy.h"
#include "xfer/session.h"

struct vf_mover_host {
    struct vf_ssh *ssh; /* borrowed; NULL: this machine */
    struct vf_cancel *cancel;
    char *label, *job;
    char *dir;      /* private directory of the owner there */
    char *mover;    /* path of the helper there */
    char *identity; /* equal: same host, same view of its files */
    char *lets_in;  /* what sshd there says of who may log in (AllowUsers …); NULL: nothing */
    unsigned cores;
    struct vf_session *session;
    void (*note)(void *opaque, const char *text); /* see struct vf_mover_opts */
    void *opaque;
    struct vf_ssh_child child; /* with ssh */
    struct vf_proc proc;       /* without */
    struct vf_proc bringer;    /* without: of a session that was brought later */
};

/* After the session was lost: a new one with the same owner, over SSH (NULL: this machine), which
 * takes the place of the old connection. 1; 0 when the owner is gone; -1 with *err when nobody
 * knows. */
int vf_mover_host_attach(struct vf_mover_host *h, struct vf_ssh *ssh, uint64_t epoch,
                         struct vf_error **err);

/* The statuses with which scripts say what kind of failure theirs is; their stderr is the text. */
enum { VF_SHELL_PERMISSION = 93, VF_SHELL_UNSUPPORTED = 94, VF_SHELL_NOSPACE = 95 };

/* Runs SCRIPT (POSIX sh) with ARGS on the host behind SSH (NULL: here), as root where sudo is
 * configured, whatever the login shell there is. Returns what it printed (caller frees); a status
 * other than 0 is an error that carries its stderr. UNSUPPORTED: nothing we ask for runs there.
 * CANCEL ends it, instead of what SSH was opened with (NULL: that does). */
char *vf_host_shell(struct vf_ssh *ssh, const char *script, char *const *args,
                    struct vf_cancel *cancel, struct vf_error **err);
/* The end of B, escaped; "no message" when it is empty. Caller frees. */
char *vf_shell_said(const struct vf_buf *b);

/* KiB that a host needs to have for the helper, the program at PATH. */
uint64_t vf_helper_room(const char *path);

/* Scripts (scripts.c, scripts_key.c, scripts_look.c). */
extern const char vf_script_prepare[]; /* NAME KIBIBYTES -> "MACHINE DIR" */
/* USER MARK COMMAND PUBLIC_KEY SECONDS PEER -> file, and perhaps who else sshd lets in */
extern const char vf_script_key_add[];
extern const char vf_script_key_remove[]; /* USER MARK list|remove -> a line per file */
/* USER PEER: as vf_script_key_add, but only says which file would take it */
extern const char vf_script_key_check[];
/* KIBIBYTES PATH... -> what the host has and lacks, see check_hosts.c */
extern const char vf_script_look[];
extern const char vf_script_keyscan[];  /* PORT ADDRESS... -> "ADDRESS TYPE BASE64"; "none" */
extern const char vf_script_key_list[]; /* USER -> "key FILE JOB" a key of any job */
extern const char vf_script_helpers[];  /* -> "helper DIR JOB PID" a directory; PID 0: dead */
extern const char vf_script_dirs[];     /* PREFIX list|remove -> a line per directory */
extern const char vf_script_lives[];    /* DIR -> "lives" or "gone": the owner there */
/* Those of the mirror (scripts_mirror.c) answer as told there. */
extern const char vf_script_mirror_take[];    /* JOB TOKEN LIMIT make|mine|any SINCE PID WHO */
extern const char vf_script_mirror_put[];     /* JOB TOKEN OFFSET DATA */
extern const char vf_script_mirror_plan[];    /* JOB TOKEN TEXT */
extern const char vf_script_mirror_release[]; /* JOB TOKEN */
extern const char vf_script_mirror_drop[];    /* JOB TOKEN|- */
extern const char vf_script_mirror_list[];    /* -> "DIR other|left …" and the line of the job */

/* May JOB be part of file names and of lines in authorized_keys? */
bool vf_job_name_ok(const char *job);
/* The mark of a job's line in authorized_keys; caller frees. */
char *vf_key_mark(const char *job);

/* One-job key (key.c): an ed25519 pair, the private half in OpenSSH's own format, the public half
 * as "ssh-ed25519 BASE64". */
int vf_key_new(struct vf_secret **private_half, char **public_half, struct vf_error **err);

/* Adds the public half to USER's authorized_keys at the host, with the forced command; see
 * scripts_key.c. PEER: the address or name the key will be used from, as far as known; NULL: ours,
 * as the host sees it. The owner there removes it when it ends, should we not get to it.
 * UNSUPPORTED: sshd there does not take such a key from PEER; PERMISSION: none of its files can be
 * written; nothing is left behind then, and another route may do. */
int vf_key_install(struct vf_mover_host *target, const char *user, const char *peer,
                   const char *public_half, struct vf_error **err);
/* Removes it again. */
int vf_key_remove(struct vf_mover_host *target, const char *user, struct vf_error **err);

#endif
