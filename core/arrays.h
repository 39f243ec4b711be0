/* SPDX-License-Identifier: BSD-3-Clause
 * arrays.h - what a job has left in its folder, as arrays for loggers and exporters. */
#ifndef CORE_ARRAYS_H
#define CORE_ARRAYS_H
#include "safetensors.h"

typedef struct arrays { /* zero-initialised is empty */
  const rad_array **v;  /* (n) in the order of their names */
  size_t n;
  st_file file; /* they point into it */
  arena mem;
} arrays;
/* The parameters in the checkpoint `path`: those of the network, "hidden.W", and, of a fit that
 * predicts by itself, what it has found, "fit.alpha". No file: none. */
rad_status arrays_weights(arrays *, const char *path, diag *);
/* All that is in `path`, by its own names. No file: none. */
rad_status arrays_all(arrays *, const char *path, diag *);
void arrays_free(arrays *);
#endif
