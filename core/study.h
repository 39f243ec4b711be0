/* SPDX-License-Identifier: BSD-3-Clause
 * study.h - the trials of one experiment: asks the search for points, hands jobs to the executor,
 * appends every event to journal.jsonl, draws summary.json from it. Knows no layer. */
#ifndef CORE_STUDY_H
#define CORE_STUDY_H
#include "experiment.h"

enum { /* exit statuses of the program */
       EXIT_DONE = 0,
       EXIT_FAILED = 1,
       EXIT_USAGE = 2,   /* bad usage or configuration */
       EXIT_CRASHED = 3, /* finished, but some trials crashed */
       EXIT_IO = 74,     /* an input or output error */
       EXIT_TRY_AGAIN =
           75 /* another process owns the run directory, or stopped after a checkpoint */
};
int exit_status(rad_status); /* RAD_EINVAL 2, RAD_EIO 74, RAD_ECANCEL 75, others 1 */

typedef struct study_options {
  const char *dir; /* run directory; created */
  int32_t jobs;    /* 0: as [search] says */
  bool accept_numeric_change, quiet, json;
  const char *program; /* absolute path of this program, for workers */
  const char *plugin_dir;
  const char *command; /* the command line, for the manifest */
} study_options;
/* Runs a new study, or goes on with the one in `dir` (which must be of the same experiment).
 * Returns an exit status; messages are in the diag. */
int study_run(experiment *, const study_options *);
/* `rademacher worker DIR TRIAL ARM SEED`: one job in this process; `rademacher worker DIR prepare
 * TRIAL`: decodes the data sets of its arms into DIR/cache. argv[0] is "worker". Exit statuses as
 * above. */
int worker_main(int argc, char **argv);
#endif
