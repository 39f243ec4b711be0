/* SPDX-License-Identifier: BSD-3-Clause
 * options.h - the command line of `run` and `check`. */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H
#include "experiment.h"

enum { OPTIONS_RUN, OPTIONS_CHECK };
typedef struct options {
  const char **file; /* (nfile) */
  size_t nfile;
  override *override; /* (noverride) -s and -i in order */
  size_t noverride;
  const char *dir, *resume, *plugin_dir;
  const char *program; /* absolute path of this program */
  const char *command; /* the command line as one text */
  int32_t jobs;        /* 0: not given */
  int verbose;
  bool quiet, json, accept_numeric_change, no_report;
  arena mem;
} options;
/* -1: go on; else the exit status: 0 after --help, 2 with a message. */
int options_read(options *, int argc, char **argv, int which);
void options_free(options *);

/* cmd_check.c: the resolved experiment and what it will take, as text. */
rad_status check_experiment(env *, const char *file, const override *, size_t n, int32_t jobs,
                            text *out);
#endif
