/* SPDX-License-Identifier: BSD-3-Clause
 * verdict_print.c - the words that end a run: of its best trial, then of the other trials, of the
 * whole study, of what decided, and of the winner's last test. */
#include "fs.h"
#include "record.h"
#include "verdict.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

enum { TOP = 10 };

/* --- one trial --- */
static void put_padded(text *out, const char *s, size_t width, bool left)
{
  const size_t n = strlen(s);
  text_puts(out, left ? s : "");
  for (size_t i = n; i < width; i++)
    text_puts(out, " ");
  text_puts(out, left ? "" : s);
}

static void put_table(const verdict *v, text *out)
{
  size_t width[VERDICT_COLUMNS], name = strlen("arm");
  for (size_t i = 0; i < v->narm; i++)
    name = strlen(v->arm[i]) > name ? strlen(v->arm[i]) : name;
  put_padded(out, "arm", name, true);
  for (size_t k = 0; k < v->ncolumn; k++) {
    width[k] = strlen(v->title[k]);
    for (size_t i = 0; i < v->narm; i++) {
      const size_t n = strlen(v->cell[i * v->ncolumn + k]);
      width[k] = n > width[k] ? n : width[k];
    }
    text_puts(out, "  ");
    put_padded(out, v->title[k], width[k], false);
  }
  text_puts(out, "\n");
  for (size_t i = 0; i < v->narm; i++) {
    put_padded(out, v->arm[i], name, true);
    for (size_t k = 0; k < v->ncolumn; k++) {
      text_puts(out, "  ");
      put_padded(out, v->cell[i * v->ncolumn + k], width[k], false);
    }
    text_puts(out, "\n");
  }
}

void verdict_put(const verdict *v, text *out)
{
  put_table(v, out);
  text_printf(out, "\n%s", v->words);
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

static rad_status put_trials(const json_t *list, arena *mem, text *out)
{
  const size_t n = json_array_size(list);
  if (n < 2)
    return RAD_OK;
  bool *shown = arena_alloc(mem, n * sizeof *shown);
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

/* --- the study --- */
/* What measures tell of the whole study. */
static void put_measures(const json_t *summary, text *out)
{
  const char *name;
  json_t *value, *all = json_object_get(summary, "metrics");
  double x;
  if (json_object_size(all) > 0)
    text_puts(out, "\nOf the whole study:\n");
  json_object_foreach(all, name, value) if (json_to_double(value, &x))
      text_printf(out, "  %s = %.6g\n", name, x);
}

/* The dimensions that decided, the first five. */
static void put_importance(const json_t *summary, text *out)
{
  const json_t *all = json_object_get(summary, "importance");
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

void verdict_final_title(const json_t *summary, text *out)
{
  const json_t *all = json_object_get(summary, "final"), *seed;
  size_t i;
  text_printf(out, "Final: trial %" PRIu64 " again, %s, seeds", json_member_uint(all, "id"),
              json_member_double(all, "val") > 0.0 ? "with its own cut of val"
                                                   : "on train and val");
  json_array_foreach(json_object_get(all, "run_seeds"), i, seed)
      text_printf(out, "%s %" JSON_INTEGER_FORMAT, i > 0 ? "," : "", json_integer_value(seed));
}

void verdict_final_warning(const json_t *summary, text *out)
{
  const json_t *all = json_object_get(summary, "final");
  const size_t earlier = json_array_size(json_object_get(all, "tested_before"));
  if (earlier > 0)
    text_printf(
        out,
        "Other winners of this study were tested before, %zu of them: choosing between them "
        "by these numbers is selecting on test.\n",
        earlier);
}

/* The winner again, with fresh seeds: what was selected says nothing about this. */
static rad_status put_final(const json_t *summary, const char *dir, diag *d, text *out)
{
  verdict v;
  if (!json_object_get(summary, "final"))
    return RAD_OK;
  RAD_TRY(verdict_read(&v, summary, VERDICT_FINAL, dir, d));
  text_puts(out, "\n");
  verdict_final_title(summary, out);
  text_puts(out, ":\n");
  verdict_put(&v, out);
  verdict_final_warning(summary, out);
  verdict_free(&v);
  return RAD_OK;
}

rad_status verdict_study(const json_t *summary, const char *dir, diag *d, text *out)
{
  const json_t *list = json_object_get(summary, "trials"), *t;
  verdict v = {0};
  size_t i;
  rad_status s = verdict_read(&v, summary, VERDICT_BEST, dir, d);
  if (s >= 0 && !v.any)
    text_puts(out, "No trial has ended yet.\n");
  if (s < 0 || !v.any)
    return s;
  if (json_array_size(list) > 1) {
    text_printf(out, "Trial %" PRIu64 ":", v.trial);
    json_array_foreach(list, i, t) if (json_member_uint(t, "id") == v.trial) put_params(t, out);
    text_puts(out, "\n");
  }
  verdict_put(&v, out);
  s = put_trials(list, &v.mem, out);
  put_measures(summary, out);
  put_importance(summary, out);
  if (s >= 0)
    s = put_final(summary, dir, d, out);
  if (json_is_true(json_object_get(summary, "test_selected")))
    text_puts(out, "The test split took part in the selection: its numbers are no estimate.\n");
  verdict_free(&v);
  return s < 0 ? s : out->failed ? RAD_ENOMEM : RAD_OK;
}

rad_status verdict_print(const char *dir, diag *d, text *out)
{
  json_error_t error;
  arena mem = {0};
  json_t *summary = NULL;
  char *path = fs_join(&mem, dir, "summary.json");
  rad_status s = path ? RAD_OK : RAD_ENOMEM;
  if (s >= 0 && !(summary = json_load_file(path, 0, &error)))
    s = diag_error(d, RAD_EIO, (origin){0}, "%s: %s", path, error.text);
  if (s >= 0)
    s = verdict_study(summary, dir, d, out);
  if (s >= 0)
    text_printf(out, "Results: %s\n", dir);
  json_decref(summary);
  arena_free(&mem);
  return s;
}
