/* SPDX-License-Identifier: BSD-3-Clause
 * diag.c - messages for the user, collected. */
#include "diag.h"
#include <stdio.h>

enum { KEPT = 100 }; /* errors, and as many warnings */

static void put(diag *d, origin at, const char *level, const char *fmt, va_list ap)
{
  if (at.file && at.line > 0)
    text_printf(&d->messages, "%s:%u: ", at.file, at.line);
  else if (at.file)
    text_printf(&d->messages, "%s: ", at.file);
  text_puts(&d->messages, level);
  text_vprintf(&d->messages, fmt, ap);
  text_puts(&d->messages, "\n");
}

rad_status diag_error(diag *d, rad_status status, origin at, const char *fmt, ...)
{
  d->errors++;
  if (d->errors <= KEPT) {
    va_list ap;
    va_start(ap, fmt);
    put(d, at, "", fmt, ap);
    va_end(ap);
  } else if (d->errors == KEPT + 1)
    text_puts(&d->messages, "there are more errors; they are not shown\n");
  return status;
}

void diag_warning(diag *d, origin at, const char *fmt, ...)
{
  d->warnings++;
  if (d->warnings <= KEPT) {
    va_list ap;
    va_start(ap, fmt);
    put(d, at, "warning: ", fmt, ap);
    va_end(ap);
  } else if (d->warnings == KEPT + 1)
    text_puts(&d->messages, "there are more warnings; they are not shown\n");
}

void diag_flush(diag *d)
{
  if (d->messages.n > 0)
    fwrite(d->messages.s, 1, d->messages.n, stderr);
  if (d->messages.failed)
    fputs("out of memory: messages were lost\n", stderr);
  text_clear(&d->messages);
}

void diag_free(diag *d)
{
  text_free(&d->messages);
  *d = (diag){0};
}
