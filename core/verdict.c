/* SPDX-License-Identifier: BSD-3-Clause
 * verdict.c - what a finished study says: a table of the arms and two sentences, from summary.json
 * and the trial's own configuration. */
#include "fs.h"
#include "record.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 10, NCOLUMN = 8, NAMES = 256 };

static const struct column {
  const char *title, *metric;
  enum { SHARE, NUMBER, TIME } as;
} columns[NCOLUMN] = {
    {"train", "train.accuracy", SHARE},
    {"val", "val.accuracy", SHARE},
    {"test", "test.accuracy", SHARE},
    {"clean", "train.accuracy_clean", SHARE},
    {"noisy", "train.accuracy_noisy", SHARE},
    {"to fit", "epochs_to_fit", NUMBER},
    {"epochs", "epochs", NUMBER},
    {"time", "seconds", TIME},
};

typedef struct arm { /* as seen in one trial */
  const char *name;
  run_keys run;
  bool noise;          /* wrong labels, or generated data */
  bool watched;        /* there is a section [measure epochs_to_fit] */
  const char *fit;     /* "train.accuracy >= 0.99" */
  double to_fit, best; /* epochs; best value of what decides; NaN: unknown */
} arm;
typedef struct view {
  const char *dir;
  diag *diag;
  json_t *summary, *trial;
  arm *arm;
  size_t narm;
  arena mem;
} view;

static double metric(const view *v, const char *arm_name, const char *name, const char *part)
{
  char key[NAMES];
  const int n = snprintf(key, sizeof key, "%s.%s%s", arm_name, name, part);
  return n < 0 || n >= NAMES ? (double)NAN
                             : json_member_double(json_object_get(v->trial, "metrics"), key);
}

/* --- the table --- */
static void put_cell(const view *v, const arm *a, const struct column *c, text *out)
{
  char key[NAMES];
  const double x = metric(v, a->name, c->metric, "");
  snprintf(key, sizeof key, "%s.%s", a->name, c->metric);
  const double ci =
      json_member_double(json_object_get(json_object_get(v->trial, "seeds"), key), "ci95");
  if (isnan(x))
    text_puts(out, "-");
  else if (c->as == SHARE)
    text_printf(out, "%.2f %%", 100.0 * x);
  else
    text_printf(out, c->as == TIME ? "%.1f s" : "%.4g", x);
  if (!isnan(x) && !isnan(ci) && c->as == SHARE)
    text_printf(out, " +- %.2f", 100.0 * ci);
  else if (!isnan(x) && !isnan(ci) && c->as == NUMBER)
    text_printf(out, " +- %.2g", ci);
}

static bool any_value(const view *v, const struct column *c)
{
  for (size_t i = 0; i < v->narm; i++)
    if (!isnan(metric(v, v->arm[i].name, c->metric, "")))
      return true;
  return false;
}

static void put_padded(text *out, const char *s, size_t width, bool left)
{
  const size_t n = strlen(s);
  text_puts(out, left ? s : "");
  for (size_t i = n; i < width; i++)
    text_puts(out, " ");
  text_puts(out, left ? "" : s);
}

static size_t column_width(const view *v, const struct column *c)
{
  text cell = {0};
  size_t width = strlen(c->title);
  for (size_t i = 0; i < v->narm; i++) {
    text_clear(&cell);
    put_cell(v, &v->arm[i], c, &cell);
    width = cell.n > width ? cell.n : width;
  }
  text_free(&cell);
  return width;
}

static void put_table(const view *v, text *out)
{
  size_t width[NCOLUMN], name = strlen("arm");
  bool shown[NCOLUMN];
  text cell = {0};
  for (size_t i = 0; i < v->narm; i++)
    name = strlen(v->arm[i].name) > name ? strlen(v->arm[i].name) : name;
  put_padded(out, "arm", name, true);
  for (size_t k = 0; k < NCOLUMN; k++) {
    width[k] = column_width(v, &columns[k]);
    if ((shown[k] = any_value(v, &columns[k]))) {
      text_puts(out, "  ");
      put_padded(out, columns[k].title, width[k], false);
    }
  }
  text_puts(out, "\n");
  for (size_t i = 0; i < v->narm; i++) {
    put_padded(out, v->arm[i].name, name, true);
    for (size_t k = 0; k < NCOLUMN; k++) {
      if (!shown[k])
        continue;
      text_clear(&cell);
      put_cell(v, &v->arm[i], &columns[k], &cell);
      text_puts(out, "  ");
      put_padded(out, text_str(&cell), width[k], false);
    }
    text_puts(out, "\n");
  }
  text_free(&cell);
}

/* --- the sentences --- */
static bool fitted(const arm *a)
{
  return a->to_fit > 0.0;
}

/* Whom the others are compared with: the one called real or true, else the first that fitted. */
static const arm *reference(const view *v)
{
  const arm *first = NULL;
  for (size_t i = 0; i < v->narm; i++) {
    const arm *a = &v->arm[i];
    if (fitted(a) && (strcmp(a->name, "real") == 0 || strcmp(a->name, "true") == 0))
      return a;
    if (fitted(a) && (!first || a->to_fit < first->to_fit))
      first = a;
  }
  return first;
}

static void put_fitted(const view *v, const arm *ref, text *out)
{
  text_printf(out, "%s fitted %s training data (%s) after %.4g epochs", ref->name,
              ref->noise ? "its random" : "its", ref->fit, ref->to_fit);
  for (size_t i = 0; i < v->narm; i++) {
    const arm *a = &v->arm[i];
    if (!fitted(a) || a == ref)
      continue;
    text_printf(out, ", %s %safter %.4g (%.3g times as long)", a->name,
                a->noise ? "its noise " : "", a->to_fit, a->to_fit / ref->to_fit);
  }
  text_puts(out, ".\n");
}

static void put_unfitted(const view *v, text *out)
{
  size_t n = 0, total = 0;
  for (size_t i = 0; i < v->narm; i++)
    total += v->arm[i].watched && !fitted(&v->arm[i]);
  for (size_t i = 0; i < v->narm; i++) {
    const arm *a = &v->arm[i];
    if (!a->watched || fitted(a))
      continue;
    text_puts(out, n == 0 ? "" : n + 1 == total ? " and " : ", ");
    text_printf(out, "%s (%sat best %.4g)", a->name, a->noise ? "noise, " : "", a->best);
    n++;
    if (n == total)
      text_printf(out, " did not fit %s training data: %s budget was %" PRId32 " epochs%s.\n",
                  total > 1 ? "their" : "its", total > 1 ? "the" : "its", a->run.epochs,
                  total > 1 ? " each" : ", and says nothing beyond them");
  }
}

static void put_sentences(const view *v, text *out)
{
  const arm *ref = reference(v);
  if (ref)
    put_fitted(v, ref, out);
  put_unfitted(v, out);
  bool all = true;
  for (size_t i = 0; i < v->narm; i++)
    all = all && fitted(&v->arm[i]);
  if (all)
    text_printf(out,
                "Every arm fitted its training data within its budget of %" PRId32 " epochs.\n",
                v->arm[0].run.epochs);
}

/* --- the trials --- */
static bool better(const json_t *a, const json_t *b)
{
  const double x = json_member_double(a, "objective"), y = json_member_double(b, "objective");
  return x > y || (!isnan(x) && isnan(y));
}

static void put_params(const json_t *t, text *out)
{
  const char *name;
  json_t *value;
  char room[32];
  double x;
  json_object_foreach(json_object_get(t, "params"), name, value)
  {
    text_printf(out, "  %s = ", name);
    if (json_is_string(value))
      text_puts(out, json_string_value(value));
    else if (json_to_double(value, &x))
      text_puts(out, text_from_float(room, (float)x));
  }
}

static rad_status put_trials(view *v, text *out)
{
  json_t *list = json_object_get(v->summary, "trials");
  const size_t n = json_array_size(list);
  if (n < 2)
    return RAD_OK;
  bool *shown = arena_alloc(&v->mem, n * sizeof *shown);
  if (!shown)
    return RAD_ENOMEM;
  text_printf(out, "\nBest of %zu trials:\n", n);
  for (size_t k = 0; k < TOP && k < n; k++) {
    size_t best = n;
    for (size_t i = 0; i < n; i++)
      if (!shown[i] && (best == n || better(json_array_get(list, i), json_array_get(list, best))))
        best = i;
    const json_t *t = json_array_get(list, best);
    const char *state = json_member_text(t, "state");
    const double x = json_member_double(t, "objective");
    shown[best] = true;
    text_printf(out, "  %4" PRIu64 "  ", json_member_uint(t, "id"));
    if (isnan(x))
      text_printf(out, "%-10s", state ? state : "-");
    else
      text_printf(out, "%-10.6g", x);
    if (json_is_false(json_object_get(t, "feasible")))
      text_puts(out, " (breaks a constraint)");
    put_params(t, out);
    text_puts(out, "\n");
  }
  return RAD_OK;
}

/* --- reading --- */
/* What `epochs_to_fit` waits for, where the arm has a measure of this name, as defaults.ini says.
 */
static rad_status read_fit(view *v, const config *c, arm *a)
{
  const section *s = config_find(c, "measure", "epochs_to_fit");
  if (!s)
    return RAD_OK;
  const char *name = section_value(s, "metric", "?"), *at = section_value(s, "at", "?");
  const bool least = strcmp(section_value(s, "goal", "max"), "min") == 0;
  a->watched = true;
  a->fit = arena_printf(&v->mem, "%s %s %s", name, least ? "<=" : ">=", at);
  a->best = metric(v, a->name, name, least ? ".min" : ".max");
  a->to_fit = metric(v, a->name, "epochs_to_fit", "");
  return a->fit ? RAD_OK : RAD_ENOMEM;
}

static rad_status read_arm(view *v, const config *whole, arm *a)
{
  config c = {0};
  const kind_info *run = kind_by_name("run");
  rad_status s = config_arm(&c, whole, a->name, v->diag);
  if (s >= 0)
    s = keys_fill(run->common, run->ncommon, config_find(&c, "run", ""), &a->run, &v->mem, v->diag);
  if (s >= 0) {
    const section *data = config_find(&c, "dataset", "");
    a->noise = !isnan(metric(v, a->name, "train.accuracy_noisy", "")) || (data && data->before);
    s = read_fit(v, &c, a);
  }
  config_free(&c);
  return s;
}

static rad_status read_arms(view *v)
{
  const json_t *names = json_object_get(v->summary, "arms");
  char *path = arena_printf(&v->mem, "%s/trials/%04" PRIu64 "/config.ini", v->dir,
                            json_member_uint(v->trial, "id"));
  config c = {0};
  v->narm = json_array_size(names);
  v->arm = arena_alloc(&v->mem, (v->narm + 1) * sizeof *v->arm);
  if (!path || !v->arm)
    return RAD_ENOMEM;
  rad_status s = config_read(&c, NULL, path, NULL, 0, v->diag);
  for (size_t i = 0; s >= 0 && i < v->narm; i++) {
    const char *name = json_string_value(json_array_get(names, i));
    v->arm[i].name = name ? name : "";
    s = read_arm(v, &c, &v->arm[i]);
  }
  config_free(&c);
  return s;
}

/* The best trial, or of several objectives the first on the front, else the first there is. */
static const json_t *pick(const json_t *summary)
{
  const json_t *best = json_object_get(summary, "best"), *list = json_object_get(summary, "trials");
  if (json_is_array(best))
    best = json_array_get(best, 0);
  for (size_t i = 0; json_is_integer(best) && i < json_array_size(list); i++)
    if (json_integer_value(json_object_get(json_array_get(list, i), "id")) ==
        json_integer_value(best))
      return json_array_get(list, i);
  return json_array_get(list, 0);
}

/* What measures tell of the whole study. */
static void put_measures(const view *v, text *out)
{
  const char *name;
  json_t *value, *all = json_object_get(v->summary, "metrics");
  double x;
  if (json_object_size(all) > 0)
    text_puts(out, "\nOf the whole study:\n");
  json_object_foreach(all, name, value) if (json_to_double(value, &x))
      text_printf(out, "  %s = %.6g\n", name, x);
}

/* The dimensions that decided, the first five. */
static void put_importance(const view *v, text *out)
{
  const json_t *all = json_object_get(v->summary, "importance");
  json_t *share = json_object_get(all, "share"), *one;
  const char *name, *best;
  double x, last = HUGE_VAL, most;
  if (!all)
    return;
  text_printf(out, "\nWhat decided, of %zu trials (a forest foretells %.0f %% of the variance):\n",
              (size_t)json_member_uint(all, "trials"),
              100.0 * json_member_double(all, "explained"));
  for (int k = 0; k < 5; k++) {
    best = NULL;
    most = 0.01;
    json_object_foreach(share, name, one) if (json_to_double(one, &x) && x < last && x > most)
    {
      best = name;
      most = x;
    }
    if (!best)
      break;
    text_printf(out, "  %4.0f %%  %s\n", 100.0 * most, best);
    last = most;
  }
  text_printf(out, "  %4.0f %%  several together\n",
              100.0 * json_member_double(all, "interactions"));
}

/* The winner again, with fresh seeds: what was selected says nothing about this. */
static void put_final(const view *v, text *out)
{
  const json_t *all = json_object_get(v->summary, "final"), *seed;
  view last = *v;
  size_t i;
  if (!all)
    return;
  last.trial = (json_t *)(uintptr_t)all; /* it has metrics and seeds, as a trial has */
  text_printf(out, "\nFinal: trial %" PRIu64 " again, %s, seeds", json_member_uint(all, "trial"),
              json_member_double(all, "val") > 0.0 ? "with its own cut of val"
                                                   : "on train and val");
  json_array_foreach(json_object_get(all, "run_seeds"), i, seed)
      text_printf(out, "%s %" JSON_INTEGER_FORMAT, i > 0 ? "," : "", json_integer_value(seed));
  text_puts(out, ":\n");
  put_table(&last, out);
  if (strcmp(json_member_text(all, "state"), "complete") != 0)
    text_printf(out, "It is %s: not all seeds came to an end.\n", json_member_text(all, "state"));
  if (json_array_size(json_object_get(all, "tested_before")) > 0)
    text_printf(out,
                "Other winners of this study were tested before, %zu of them: choosing between them "
                "by these numbers is selecting on test.\n",
                json_array_size(json_object_get(all, "tested_before")));
}

static rad_status put_all(view *v, text *out)
{
  const char *state = json_member_text(v->trial, "state"),
             *reason = json_member_text(v->trial, "reason");
  RAD_TRY(read_arms(v));
  if (json_array_size(json_object_get(v->summary, "trials")) > 1)
    text_printf(out, "Trial %" PRIu64 ":", json_member_uint(v->trial, "id"));
  if (json_array_size(json_object_get(v->summary, "trials")) > 1) {
    put_params(v->trial, out);
    text_puts(out, "\n");
  }
  put_table(v, out);
  text_puts(out, "\n");
  if (state && strcmp(state, "complete") == 0)
    put_sentences(v, out);
  else
    text_printf(out, "This trial is %s%s%s\n", state ? state : "unknown", reason ? ": " : ".",
                reason ? reason : "");
  RAD_TRY(put_trials(v, out));
  put_measures(v, out);
  put_importance(v, out);
  put_final(v, out);
  if (json_is_true(json_object_get(v->summary, "test_selected")))
    text_puts(out, "The test split took part in the selection: its numbers are no estimate.\n");
  return RAD_OK;
}

rad_status verdict_print(const char *dir, diag *d, text *out)
{
  json_error_t error;
  view v = {.dir = dir, .diag = d};
  char *path = fs_join(&v.mem, dir, "summary.json");
  rad_status s = path ? RAD_OK : RAD_ENOMEM;
  if (s >= 0 && !(v.summary = json_load_file(path, 0, &error)))
    s = diag_error(d, RAD_EIO, (origin){0}, "%s: %s", path, error.text);
  if (s >= 0) {
    v.trial = (json_t *)(uintptr_t)pick(v.summary);
    if (v.trial)
      s = put_all(&v, out);
    else
      text_puts(out, "No trial has ended yet.\n");
    text_printf(out, "Results: %s\n", dir);
  }
  if (s >= 0 && out->failed)
    s = RAD_ENOMEM;
  json_decref(v.summary);
  arena_free(&v.mem);
  return s;
}
