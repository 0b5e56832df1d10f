/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An ESXi host or a vCenter in a lab: a process that holds the program vsphere-sim (Go, on VMware's
 * simulator library), which knows everything, and the host's shell with its sshd, in namespaces of
 * their own. */
#ifndef VF_LAB_ESXI_H
#define VF_LAB_ESXI_H

#include "tests/lab/lab.h"

struct esxi {
    const char *lab;     /* the lab's directory */
    const char *name;    /* "esx1" */
    const char *profile; /* what VMs it holds: "full", "demo" */
    const char *version; /* "7.0.3" */
    bool vcenter, old_tls, ssh_old, ssh_off, no_namespaces;
    char *dir, *addr, *password, *program;
    int port, ssh_port; /* ssh_port 0: it has no SSH */
    int api_fd, ready_fd;
};

/* esxi.c */
/* Whether the simulator was built, with its path (caller frees); NULL with the reason in *err. */
char *esxi_program(struct vf_error **err);
/* Starts the host's process; esxi_finish() waits until it is ready and adds it to vmferry.conf and
 * known_hosts of the lab. The fields without a comment are filled in. */
int esxi_start(struct esxi *e, struct vf_error **err);
int esxi_finish(struct esxi *e, struct vf_error **err);
void esxi_clear(struct esxi *e);

/* esxi-shell.c */
/* Makes host keys and the commands of the shell, before there are namespaces. */
int esxi_shell_prepare(const struct esxi *e, struct vf_error **err);
/* The process that holds them: reads from COMMANDS '1' (sshd runs), '0' (it does not), 'c' (every
 * session ends). Its pid; ready when READY_FD says so. -1. */
pid_t esxi_shell_start(const struct esxi *e, int commands, int *ready_fd, struct vf_error **err);

#endif
