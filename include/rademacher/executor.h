/* SPDX-License-Identifier: BSD-3-Clause
 * executor.h - runs jobs: commands, so that they may run anywhere. Version-locked. */
#ifndef RADEMACHER_EXECUTOR_H
#define RADEMACHER_EXECUTOR_H
#include <rademacher/abi.h>

typedef struct rad_job { /* the core allocates; lives from start to the poll that ends it */
  uint64_t id;
  const char *const *argv; /* NULL-terminated; argv[0] is an absolute path */
  const char *const *env;  /* NULL-terminated "NAME=value", added to the environment */
  const char *dir, *log;   /* working directory; file for stdout and stderr */
  uint32_t cores;
  double deadline;      /* seconds; 0 = none */
  char handle[64];      /* set by start; in the journal, so that a new coordinator can find it */
  int32_t exit, signal; /* set when it has ended; exit -1 and signal 0: lost */
} rad_job;
typedef struct rad_executor_ops {
  uint32_t size;
  /* Optional: the most jobs that may run at once; without it `[search] jobs` alone counts. [main]
   */
  rad_status (*slots)(rad_ctx *, void *self, uint32_t *n);
  rad_status (*start)(rad_ctx *, const void *self, rad_job *); /* returns at once [serial] */
  /* RAD_DONE: it has ended; RAD_OK: it runs. [serial] */
  rad_status (*poll)(rad_ctx *, const void *self, rad_job *);
  /* Optional: waits until some job may have changed, at most `ms` milliseconds. [serial] */
  rad_status (*wait)(rad_ctx *, const void *self, uint32_t ms);
  rad_status (*stop)(rad_ctx *, const void *self, rad_job *, bool now); /* TERM or KILL [serial] */
} rad_executor_ops;
#endif
