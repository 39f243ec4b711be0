/* SPDX-License-Identifier: BSD-3-Clause
 * verdict.c - what a study says of one trial: a table of the arms and two sentences, from
 * summary.json and the trial's own configuration. */
#include "verdict.h"
#include "chains.h"
#include "fs.h"
#include "record.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 256 };

static const struct column {
  const char *title, *metric;
  enum { SHARE, NUMBER, TIME } as;
  bool fit; /* known only of seeds that have fitted */
} columns[VERDICT_COLUMNS] = {
    {"train", "train.accuracy", SHARE, false},
    {"val", "val.accuracy", SHARE, false},
    {"test", "test.accuracy", SHARE, false},
    {"clean", "train.accuracy_clean", SHARE, false},
    {"noisy", "train.accuracy_noisy", SHARE, false},
    {"to fit", "epochs_to_fit", NUMBER, true},
    {"epochs", "epochs", NUMBER, false},
    {"time", "seconds", TIME, false},
};

typedef struct arm { /* as seen in one trial */
  const char *name;
  run_keys run;
  bool noise;          /* wrong labels, or generated data */
  bool watched;        /* there is a section [measure epochs_to_fit] */
  const char *fit;     /* "train.accuracy >= 0.99" */
  double to_fit, best; /* epochs; best value of what decides; NaN: unknown */
  size_t nfit, nseed;  /* seeds that fitted, that have ended */
} arm;
typedef struct view {
  const char *dir;
  diag *diag;
  const json_t *summary, *trial;
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

/* How many seeds have a value of it. */
static size_t seeds_with(const view *v, const char *arm_name, const char *name)
{
  char key[NAMES];
  const json_t *seeds = json_object_get(v->trial, "seeds");
  if (!seeds && isnan(metric(v, arm_name, name, "")))
    return 0;
  if (!seeds)
    return 1;
  snprintf(key, sizeof key, "%s.%s", arm_name, name);
  return (size_t)json_member_uint(json_object_get(seeds, key), "n");
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
  if (c->fit && a->nfit > 0 && a->nfit < a->nseed)
    text_printf(out, " (%zu of %zu seeds)", a->nfit, a->nseed);
}

static bool any_value(const view *v, const struct column *c)
{
  for (size_t i = 0; i < v->narm; i++)
    if (!isnan(metric(v, v->arm[i].name, c->metric, "")))
      return true;
  return false;
}

static rad_status make_table(const view *v, verdict *out)
{
  text cell = {0};
  const struct column *shown[VERDICT_COLUMNS];
  const char **title = arena_alloc(&out->mem, VERDICT_COLUMNS * sizeof *title);
  const char **arms = arena_alloc(&out->mem, (v->narm + 1) * sizeof *arms);
  const char **cells = arena_alloc(&out->mem, (v->narm + 1) * VERDICT_COLUMNS * sizeof *cells);
  if (!title || !arms || !cells)
    return RAD_ENOMEM;
  for (size_t k = 0; k < VERDICT_COLUMNS; k++)
    if (any_value(v, &columns[k])) {
      shown[out->ncolumn] = &columns[k];
      title[out->ncolumn++] = columns[k].title;
    }
  rad_status s = RAD_OK;
  for (size_t i = 0; i < v->narm; i++) {
    arms[i] = arena_strdup(&out->mem, v->arm[i].name);
    for (size_t k = 0; k < out->ncolumn; k++) {
      text_clear(&cell);
      put_cell(v, &v->arm[i], shown[k], &cell);
      cells[i * out->ncolumn + k] = arena_strdup(&out->mem, text_str(&cell));
      s = arms[i] && cells[i * out->ncolumn + k] ? s : RAD_ENOMEM;
    }
  }
  text_free(&cell);
  out->title = title;
  out->arm = arms;
  out->cell = cells;
  out->narm = v->narm;
  return s;
}

/* --- the sentences --- */
static bool fitted(const arm *a) /* with every seed */
{
  return a->to_fit > 0.0 && a->nfit == a->nseed;
}

/* Whom the others are compared with: the one called real or true, else the first that fitted. */
static const arm *reference(const view *v)
{
  const arm *first = NULL;
  for (size_t i = 0; i < v->narm; i++) {
    const arm *a = &v->arm[i];
    if (fitted(a) && arm_is_real(a->name))
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
    text_printf(out, "%s (%s", a->name, a->noise ? "noise, " : "");
    if (a->nfit > 0)
      text_printf(out, "%zu of %zu seeds did, ", a->nfit, a->nseed);
    text_printf(out, "at best %.4g)", a->best);
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
  a->nfit = seeds_with(v, a->name, "epochs_to_fit");
  a->nseed = seeds_with(v, a->name, "epochs");
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
  char *path = trial_config(&v->mem, v->dir, json_member_uint(v->trial, "id"));
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

static const json_t *find_trial(const json_t *summary, int64_t id)
{
  const json_t *list = json_object_get(summary, "trials");
  for (size_t i = 0; i < json_array_size(list); i++)
    if (json_integer_value(json_object_get(json_array_get(list, i), "id")) == id)
      return json_array_get(list, i);
  return NULL;
}

static const json_t *pick(const json_t *summary)
{
  const json_t *best = json_object_get(summary, "best");
  if (json_is_array(best))
    best = json_array_get(best, 0);
  const json_t *t = json_is_integer(best) ? find_trial(summary, json_integer_value(best)) : NULL;
  return t ? t : json_array_get(json_object_get(summary, "trials"), 0);
}

static rad_status put_chains(view *v, text *out)
{
  chain_arm *all = arena_alloc(&v->mem, (v->narm + 1) * sizeof *all);
  for (size_t i = 0; all && i < v->narm; i++) {
    const arm *a = &v->arm[i];
    all[i] = (chain_arm){a->name, a->noise, a->watched && !fitted(a)};
  }
  if (all)
    chains_words(json_object_get(v->trial, "compression"), all, v->narm, out);
  return all ? RAD_OK : RAD_ENOMEM;
}

static void put_words(const view *v, text *out)
{
  const char *state = json_member_text(v->trial, "state"),
             *reason = json_member_text(v->trial, "reason");
  if (state && strcmp(state, "complete") == 0)
    put_sentences(v, out);
  else
    text_printf(out, "This trial is %s%s%s\n", state ? state : "unknown", reason ? ": " : ".",
                reason ? reason : "");
}

rad_status verdict_read(verdict *out, const json_t *summary, int64_t id, const char *dir, diag *d)
{
  text words = {0};
  view v = {.dir = dir,
            .diag = d,
            .summary = summary,
            .trial = id == VERDICT_BEST    ? pick(summary)
                     : id == VERDICT_FINAL ? json_object_get(summary, "final")
                                           : find_trial(summary, id)};
  *out = (verdict){.any = v.trial != NULL, .words = ""};
  rad_status s = v.trial ? read_arms(&v) : RAD_OK;
  if (v.trial && s >= 0) {
    out->trial = json_member_uint(v.trial, "id");
    put_words(&v, &words);
    s = put_chains(&v, &words);
    out->words = s < 0 || words.failed ? NULL : arena_strdup(&out->mem, text_str(&words));
    s = out->words ? make_table(&v, out) : RAD_ENOMEM;
  }
  text_free(&words);
  arena_free(&v.mem);
  return s;
}

void verdict_free(verdict *v)
{
  arena_free(&v->mem);
  *v = (verdict){0};
}
