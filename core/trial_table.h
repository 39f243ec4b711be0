/* SPDX-License-Identifier: BSD-3-Clause
 * trial_table.h - the trials of a study as a table: number, state, values of searched keys,
 * objective, metrics (means over seeds). The same for the page and for `rademacher trials`. */
#ifndef CORE_TRIAL_TABLE_H
#define CORE_TRIAL_TABLE_H
#include "record.h"

typedef struct trial_column {
  const char *name; /* "trial", "layer.hidden.units", "objective", "real.test.accuracy" */
  enum {
    COLUMN_TRIAL,
    COLUMN_STATE,
    COLUMN_PARAM,
    COLUMN_SCORE,
    COLUMN_FEASIBLE,
    COLUMN_METRIC,
    COLUMN_SECONDS,
    COLUMN_REASON
  } what;
  size_t index; /* of the dimension, of the score, of the arm that a metric is of */
  bool minor;   /* looked at second: parts of metrics, greatest and smallest values, sizes */
} trial_column;
typedef struct trial_table {
  const record *r;
  trial_column *column; /* (n) */
  size_t n, cap;
  arena mem;
} trial_table;
rad_status trial_table_new(trial_table *, const record *);
void trial_table_free(trial_table *);
/* A column by its name, or by the end of it after a dot where no other ends so: "lr", "test.loss".
 * NULL: none, or several, with a message. */
const trial_column *trial_table_find(const trial_table *, const char *name, diag *);
bool column_is_words(const trial_table *, const trial_column *);
/* NaN: no number. Epochs to fit have one where every seed has fitted. */
double trial_number(const trial_table *, const trial *, const trial_column *);
/* As text with so many digits (0: all); "": nothing known; ">60": some seed had not fitted then. */
const char *trial_word(const trial_table *, const trial *, const trial_column *, int digits,
                       char room[64]);
#endif
