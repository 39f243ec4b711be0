/* SPDX-License-Identifier: BSD-3-Clause
 * diag.h - messages for the user: errors are collected, so that all can be reported at once. */
#ifndef CORE_DIAG_H
#define CORE_DIAG_H
#include "text.h"
#include <rademacher/abi.h>

typedef struct origin { /* where a setting was written */
  const char *file;     /* NULL: a built-in default; "-s" and the like: the command line */
  unsigned line;        /* from 1; 0: no line */
} origin;

typedef struct diag { /* zero-initialised is ready; errors and warnings in order */
  text messages;      /* lines ended by '\n', each "FILE:LINE: message" */
  size_t errors, warnings;
} diag;

/* Adds "FILE:LINE: message"; without a file, the message alone. More than 100 errors are counted,
 * not kept. Returns status, so that a caller may write `return diag_error(...)`. */
rad_status diag_error(diag *, rad_status, origin, const char *fmt, ...) RAD_PRINTF(4, 5);
void diag_warning(diag *, origin, const char *fmt, ...) RAD_PRINTF(3, 4);
/* Writes the messages to standard error and forgets them; the counts stay. */
void diag_flush(diag *);
void diag_free(diag *);
#endif
