/* SPDX-License-Identifier: BSD-3-Clause
 * trial_table.c - columns and cells of the table of trials, from the record. */
#include "trial_table.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char fit[] = ".epochs_to_fit";

static bool ends_with(const char *s, const char *end)
{
  const size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

static bool add(trial_table *t, const char *name, int what, size_t index, bool minor)
{
  trial_column *grown = arena_grow(&t->mem, t->column, t->n, &t->cap, sizeof *grown);
  if (!grown || !name || !(name = arena_strdup(&t->mem, name)))
    return false;
  t->column = grown;
  grown[t->n] = (trial_column){.name = name, .index = index, .minor = minor};
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

static bool add_metric(trial_table *t, size_t arm, const char *metric, const char *part, bool minor)
{
  const bool model = strncmp(metric, "model.", 6) == 0;
  char *name = model ? arena_strdup(&t->mem, metric)
                     : arena_printf(&t->mem, "%s.%s%s", t->r->x->arm[arm], metric, part);
  return name && (has(t, name) || add(t, name, COLUMN_METRIC, arm, minor));
}

/* "train.accuracy_noisy", "train.confusion.3", and all of a compressor, which numbers rounds. */
static bool is_part(const job *j, const char *metric)
{
  char round[192];
  const char *dot = strchr(metric, '.');
  if (!dot)
    return false;
  snprintf(round, sizeof round, "%.*s.round", (int)(dot - metric), metric);
  return strchr(dot + 1, '.') || strchr(dot + 1, '_') || !isnan(job_metric(j, round));
}

static bool add_job(trial_table *t, const job *j)
{
  for (size_t m = 0; m < j->nmetric; m++) {
    const char *name = j->metric[m].name;
    const bool model = strncmp(name, "model.", 6) == 0;
    const bool size = model && strcmp(name, "model.parameters") != 0;
    if (!add_metric(t, j->arm, name, "", is_part(j, name) || size))
      return false;
    if (!model && strchr(name, '.') &&
        (!add_metric(t, j->arm, name, ".max", true) || !add_metric(t, j->arm, name, ".min", true)))
      return false;
  }
  return true;
}

/* Metrics by arm, in the order in which jobs have them. */
static bool add_metrics(trial_table *t)
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
        if (!add_job(t, j))
          return false;
      }
    if (like && !add_metric(t, a, "epochs", "", false))
      return false;
  }
  return true;
}

rad_status trial_table_new(trial_table *t, const record *r)
{
  const experiment *x = r->x;
  *t = (trial_table){.r = r};
  bool ok = add(t, "trial", COLUMN_TRIAL, 0, false) && add(t, "state", COLUMN_STATE, 0, false);
  for (size_t d = 0; ok && d < x->space.n; d++)
    ok = add(t, x->space.dim[d].d.name, COLUMN_PARAM, d, false);
  for (size_t k = 0; ok && k < r->nscore; k++)
    ok = add(t, r->nscore == 1 ? "objective" : x->term[k].metric, COLUMN_SCORE, k, false);
  ok = ok && (x->nconstraint == 0 || add(t, "feasible", COLUMN_FEASIBLE, 0, false));
  ok = ok && add_metrics(t) && add(t, "seconds", COLUMN_SECONDS, 0, false) &&
       add(t, "reason", COLUMN_REASON, 0, false);
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

static rad_status not_found(const trial_table *t, const char *name, size_t found, diag *d)
{
  char hint[96];
  const char **list = found == 0 ? calloc(t->n, sizeof *list) : NULL;
  for (size_t i = 0; list && i < t->n; i++)
    list[i] = t->column[i].name;
  diag_error(d, RAD_EINVAL, (origin){0}, "%s column is called '%s'%s",
             found ? "more than one" : "no", name, list ? text_hint(hint, name, list, t->n) : "");
  free(list);
  return RAD_EINVAL;
}

const trial_column *trial_table_find(const trial_table *t, const char *name, diag *d)
{
  const trial_column *found = NULL;
  size_t n = 0;
  for (size_t i = 0; i < t->n; i++) {
    const char *column = t->column[i].name;
    const size_t all = strlen(column), part = strlen(name);
    if (strcmp(column, name) == 0)
      return &t->column[i];
    if (all > part + 1 && column[all - part - 1] == '.' && ends_with(column, name)) {
      found = &t->column[i];
      n++;
    }
  }
  if (n != 1)
    not_found(t, name, n, d);
  return n == 1 ? found : NULL;
}

static const rad_dim *choice_of(const trial_table *t, const trial_column *c)
{
  const rad_dim *d = c->what == COLUMN_PARAM ? &t->r->x->space.dim[c->index].d : NULL;
  return d && d->type == RAD_ENUM ? d : NULL;
}

/* A choice of numbers is one of numbers. */
bool column_is_words(const trial_table *t, const trial_column *c)
{
  const rad_dim *d = choice_of(t, c);
  double v;
  for (size_t i = 0; d && i < d->nchoice; i++)
    if (!text_to_double(d->choice[i], &v))
      return true;
  return c->what == COLUMN_STATE || c->what == COLUMN_FEASIBLE || c->what == COLUMN_REASON;
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
  double seconds = 0, v;
  switch (c->what) {
  case COLUMN_TRIAL:
    return (double)l->known.index;
  case COLUMN_PARAM:
    v = l->value[c->index];
    if (!isnan(v) && choice_of(t, c) && !text_to_double(choice_of(t, c)->choice[(size_t)v], &v))
      return (double)NAN; /* a word */
    return v;
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
  if (choice_of(t, c) && !isnan(l->value[c->index]))
    return choice_of(t, c)->choice[(size_t)l->value[c->index]];
  const double v = trial_number(t, l, c);
  if (censored(t, l, c)) {
    snprintf(room, 64, ">%" PRIu64, l->epochs[c->index]);
    return room;
  }
  return isnan(v) ? "" : number_word(v, digits, room);
}
