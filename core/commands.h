/* SPDX-License-Identifier: BSD-3-Clause
 * commands.h - the subcommands: argv[0] is the subcommand's name, the result an exit status. */
#ifndef CORE_COMMANDS_H
#define CORE_COMMANDS_H

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_trials(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_export(int argc, char **argv);
#endif
