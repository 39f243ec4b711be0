/* SPDX-License-Identifier: BSD-3-Clause
 * commands.h - the subcommands: argv[0] is the subcommand's name, the result an exit status. Their
 * usage texts are what --help prints, and what man pages and completion are made from. */
#ifndef CORE_COMMANDS_H
#define CORE_COMMANDS_H
#include <stdbool.h>
#include <stddef.h>

typedef struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help, *usage; /* NULL: not for users */
  bool tells;               /* and writes nothing else: a reader of it that goes away ends it */
} command;
const command *command_list(size_t *n);
const command *command_find(const char *name); /* NULL: none */

int cmd_run(int argc, char **argv);
int cmd_new(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_data(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_trials(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_complete(int argc, char **argv);
extern const char run_usage[], check_usage[], plugins_usage[], help_usage[], data_usage[],
    report_usage[], trials_usage[], show_usage[], watch_usage[], new_usage[], export_usage[];
#endif
