/* SPDX-License-Identifier: BSD-3-Clause
 * trial_table.c - columns and cells of the table of trials, from the record. */
#include "trial_table.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char fit[] = ".epochs_to_fit";

static bool ends_with(const char *s, const char *end)
{
  const size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

static bool add(trial_table *t, const char *name, int what, size_t index)
{
  trial_column *grown = arena_grow(&t->mem, t->column, t->n, &t->cap, sizeof *grown);
  if (!grown || !name || !(name = arena_strdup(&t->mem, name)))
    return false;
  t->column = grown;
  grown[t->n] = (trial_column){.name = name, .index = index};
  grown[t->n++].what = (unsigned)what;
  return true;
}

static bool has(const trial_table *t, const char *name)
{
  for (size_t i = 0; i < t->n; i++)
    if (strcmp(t->column[i].name, name) == 0)
      return true;
  return false;
}

static bool add_metric(trial_table *t, size_t arm, const char *metric, const char *part)
{
  const bool model = strncmp(metric, "model.", 6) == 0;
  char *name =
      arena_printf(&t->mem, model ? "%.0s%s%s" : "%s.%s%s", t->r->x->arm[arm], metric, part);
  return name && (has(t, name) || add(t, name, COLUMN_METRIC, arm));
}

/* "train.accuracy_noisy", "train.confusion.3": looked at second. */
static bool is_part(const char *metric)
{
  const char *dot = strchr(metric, '.');
  return dot && (strchr(dot + 1, '.') || strchr(dot + 1, '_'));
}

static bool add_job(trial_table *t, const job *j, bool all)
{
  for (size_t m = 0; m < j->nmetric; m++) {
    const char *name = j->metric[m].name;
    const bool model = strncmp(name, "model.", 6) == 0;
    if (!all && (is_part(name) || (model && strcmp(name, "model.parameters") != 0)))
      continue;
    if (!add_metric(t, j->arm, name, ""))
      return false;
    if (all && !model && strchr(name, '.') &&
        (!add_metric(t, j->arm, name, ".max") || !add_metric(t, j->arm, name, ".min")))
      return false;
  }
  return true;
}

/* Metrics by arm, in the order in which jobs have them. */
static bool add_metrics(trial_table *t, bool all)
{
  const record *r = t->r;
  for (size_t a = 0; a < r->x->narm; a++) {
    const job *like = NULL;
    for (size_t i = 0; i < r->n; i++)
      for (size_t k = a * r->x->nseed; k < (a + 1) * r->x->nseed; k++) {
        const job *j = &r->trial[i]->job[k];
        if (j->nmetric == 0 || (like && like->nmetric == j->nmetric))
          continue; /* as many: the same ones */
        like = j;
        if (!add_job(t, j, all))
          return false;
      }
    if (like && !add_metric(t, a, "epochs", ""))
      return false;
  }
  return true;
}

rad_status trial_table_new(trial_table *t, const record *r, bool all)
{
  const experiment *x = r->x;
  *t = (trial_table){.r = r};
  bool ok = add(t, "trial", COLUMN_TRIAL, 0) && add(t, "state", COLUMN_STATE, 0);
  for (size_t d = 0; ok && d < x->space.n; d++)
    ok = add(t, x->space.dim[d].d.name, COLUMN_PARAM, d);
  for (size_t k = 0; ok && k < r->nscore; k++)
    ok = add(t, r->nscore == 1 ? "objective" : x->term[k].metric, COLUMN_SCORE, k);
  ok = ok && (x->nconstraint == 0 || add(t, "feasible", COLUMN_FEASIBLE, 0));
  ok = ok && add_metrics(t, all) && add(t, "seconds", COLUMN_SECONDS, 0) &&
       add(t, "reason", COLUMN_REASON, 0);
  if (ok)
    return RAD_OK;
  trial_table_free(t);
  return RAD_ENOMEM;
}

void trial_table_free(trial_table *t)
{
  arena_free(&t->mem);
  *t = (trial_table){0};
}

bool column_is_words(const trial_table *t, const trial_column *c)
{
  return c->what == COLUMN_STATE || c->what == COLUMN_FEASIBLE || c->what == COLUMN_REASON ||
         (c->what == COLUMN_PARAM && t->r->x->space.dim[c->index].d.type == RAD_ENUM);
}

/* Some seed that has ended has not fitted. */
static bool censored(const trial_table *t, const trial *l, const trial_column *c)
{
  const size_t nseed = t->r->x->nseed;
  for (size_t k = 0; ends_with(c->name, fit) && k < nseed; k++) {
    const job *j = &l->job[c->index * nseed + k];
    if (j->state == JOB_COMPLETE && isnan(job_metric(j, fit + 1)))
      return true;
  }
  return false;
}

double trial_number(const trial_table *t, const trial *l, const trial_column *c)
{
  double seconds = 0;
  switch (c->what) {
  case COLUMN_TRIAL:
    return (double)l->known.index;
  case COLUMN_PARAM:
    return l->value[c->index];
  case COLUMN_SCORE:
    return l->state == TRIAL_COMPLETE ? l->score[c->index] : (double)NAN;
  case COLUMN_METRIC:
    return censored(t, l, c) ? (double)NAN : trial_metric(t->r, l, c->name, NULL, NULL);
  case COLUMN_SECONDS:
    for (size_t i = 0; i < l->njob; i++)
      seconds += l->job[i].seconds;
    return seconds;
  case COLUMN_STATE:
  case COLUMN_FEASIBLE:
  case COLUMN_REASON:
    break;
  }
  return (double)NAN;
}

static const char *number_word(double v, int digits, char room[64])
{
  char exact[32];
  if (digits == 0)
    snprintf(room, 64, "%s", text_from_double(exact, v));
  else
    snprintf(room, 64, "%.*g", digits, v);
  return room;
}

const char *trial_word(const trial_table *t, const trial *l, const trial_column *c, int digits,
                       char room[64])
{
  if (c->what == COLUMN_STATE)
    return trial_state_name(l->state);
  if (c->what == COLUMN_REASON)
    return l->reason ? l->reason : "";
  if (c->what == COLUMN_FEASIBLE)
    return l->state != TRIAL_COMPLETE ? "" : trial_feasible(t->r, l) ? "yes" : "no";
  const double v = trial_number(t, l, c);
  if (c->what == COLUMN_PARAM && !isnan(v) && column_is_words(t, c))
    return t->r->x->space.dim[c->index].d.choice[(size_t)v];
  if (censored(t, l, c)) {
    snprintf(room, 64, ">%" PRIu64, l->epochs[c->index]);
    return room;
  }
  return isnan(v) ? "" : number_word(v, digits, room);
}
