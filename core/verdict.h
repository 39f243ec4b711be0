/* SPDX-License-Identifier: BSD-3-Clause
 * verdict.h - what a study says of one of its trials: the table of its arms, and sentences. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H
#include "diag.h"

struct json_t;
typedef struct verdict {
  bool any;       /* a trial has ended */
  uint64_t trial; /* which one it is about */
  const char *const *title;
  size_t ncolumn;
  const char *const *arm;
  size_t narm;
  const char *const *cell; /* (narm,ncolumn) "97.52 % +- 0.31" */
  const char *words;       /* sentences, each ends in '\n' */
  arena mem;
} verdict;
enum { VERDICT_COLUMNS = 8 /* at most */ };
enum { VERDICT_BEST = -1, VERDICT_FINAL = -2 };
/* From what is in summary.json, and the trial's configuration in the run directory. VERDICT_BEST:
 * of the best trial, or of several objectives the first on the front, else the first there is.
 * VERDICT_FINAL: of the winner's training for [final]. */
rad_status verdict_read(verdict *, const struct json_t *summary, int64_t trial, const char *dir,
                        diag *);
void verdict_free(verdict *);
void verdict_put(const verdict *, text *out); /* the table, an empty line, the sentences */
/* "Final: trial 3 again, on train and val, seeds 101, 102", of a summary that has a "final". */
void verdict_final_title(const struct json_t *summary, text *out);
/* A sentence where other winners of the study were tested before. */
void verdict_final_warning(const struct json_t *summary, text *out);
/* The whole study, as text. */
rad_status verdict_study(const struct json_t *summary, const char *dir, diag *, text *out);
/* As text that ends a run, from the folder's summary.json. */
rad_status verdict_print(const char *dir, diag *, text *out);
#endif
