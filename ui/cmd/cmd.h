/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of vmferry: each gets its own argv (argv[0] is its name) and returns the exit code.
 */
#ifndef VF_UI_CMD_CMD_H
#define VF_UI_CMD_CMD_H

int vf_cmd_move(int argc, char **argv);
int vf_cmd_import(int argc, char **argv);
int vf_cmd_run(int argc, char **argv);
int vf_cmd_check(int argc, char **argv);
int vf_cmd_attach(int argc, char **argv);
int vf_cmd_config(int argc, char **argv);
int vf_cmd_jobs(int argc, char **argv);
int vf_cmd_resume(int argc, char **argv);
int vf_cmd_limit(int argc, char **argv);
int vf_cmd_pause(int argc, char **argv);
int vf_cmd_continue(int argc, char **argv);
int vf_cmd_rollback(int argc, char **argv);
int vf_cmd_cleanup(int argc, char **argv);
int vf_cmd_demo(int argc, char **argv);
int vf_cmd_wizard(int argc, char **argv);

#endif
