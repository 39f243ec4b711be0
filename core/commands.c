/* SPDX-License-Identifier: BSD-3-Clause
 * commands.c - the table of subcommands. */
#include "commands.h"
#include "study.h"
#include <string.h>

static const command commands[] = {
    {"run", cmd_run, "run experiments, or go on with one", run_usage, false},
    {"new", cmd_new, "write an experiment file from a few choices", new_usage, false},
    {"check", cmd_check, "print what an experiment is and will take, run nothing", check_usage,
     true},
    {"report", cmd_report, "draw runs: one HTML page, figures, tables", report_usage, false},
    {"watch", cmd_watch, "show the progress of a run that goes on elsewhere", watch_usage, true},
    {"trials", cmd_trials, "list the trials of a run: sorted, filtered, CSV, JSON", trials_usage,
     true},
    {"show", cmd_show, "print one trial of a run", show_usage, true},
    {"export", cmd_export, "write what a job came to for other programs", export_usage, false},
    {"plugins", cmd_plugins, "list the plugins that are found, and where", plugins_usage, true},
    {"help", cmd_help, "explain kinds of plugins, plugins and their keys", help_usage, true},
    {"data", cmd_data, "get data sets, list what is there", data_usage, false},
    {"complete", cmd_complete, NULL, NULL, true},
    {"worker", worker_main, NULL, NULL, false},
};
enum { NCOMMANDS = sizeof commands / sizeof *commands };

const command *command_list(size_t *n)
{
  *n = NCOMMANDS;
  return commands;
}

const command *command_find(const char *name)
{
  for (size_t i = 0; i < NCOMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}
