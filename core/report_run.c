/* SPDX-License-Identifier: BSD-3-Clause
 * report_run.c - a run directory as reports see it. Everything comes from config.ini and the
 * journal; nothing is changed, and a run that goes on or was cut short is as good as a whole one.
 */
#include "report.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- what kind of folder --- */
static rad_status wrong(run_dir *r, const char *why)
{
  return diag_error(r->env->diag, RAD_EINVAL, (origin){0},
                    "%s: %s; name a folder that `rademacher run` has written", r->dir, why);
}

rad_status run_dir_check(run_dir *r)
{
  const char **name;
  size_t n;
  const char *ini = fs_join(&r->mem, r->dir, "config.ini");
  const char *events = fs_join(&r->mem, r->dir, "journal.jsonl");
  if (!ini || !events)
    return RAD_ENOMEM;
  if (!fs_is_dir(r->dir))
    return wrong(r,
                 fs_is_file(r->dir) ? "is a file, not a run directory" : "there is no such folder");
  RAD_TRY(fs_list(r->dir, &r->mem, &name, &n, r->env->diag));
  if (n == 0)
    return wrong(r, "is empty");
  if (!fs_is_file(ini) && !fs_is_file(events))
    return wrong(r, "is no run directory: it has neither config.ini nor journal.jsonl");
  if (!fs_is_file(ini))
    return wrong(r, "is damaged: it has a journal.jsonl, but no config.ini");
  return fs_is_file(events) ? RAD_OK : wrong(r, "has a config.ini, but no journal.jsonl");
}

/* --- the journal --- */
/* Our own writer puts the event's name behind the time: near the start of the line. */
static bool is_epoch(const char *line, size_t n)
{
  static const char name[] = "\"event\": \"epoch\"";
  const size_t near = n < 96 ? n : 96, m = sizeof name - 1;
  for (size_t i = 0; i + m <= near; i++)
    if (line[i] == '"' && memcmp(line + i, name, m) == 0)
      return true;
  return false;
}

static bool skip_epoch(void *user, const char *line, size_t n)
{
  (void)user;
  return is_epoch(line, n);
}

static bool skip_other(void *user, const char *line, size_t n)
{
  (void)user;
  return !is_epoch(line, n);
}

static rad_status apply(void *user, const json_t *line, diag *d)
{
  return record_apply(&((run_dir *)user)->record, line, d);
}

/* --- curves --- */
static size_t shown_index(const run_dir *r, const trial *t)
{
  size_t i = 0;
  while (i < r->nshown && r->shown[i] != t)
    i++;
  return i;
}

const series *run_dir_series(const run_dir *r, size_t i, size_t k, const char *metric)
{
  const series *s = r->series[i * r->shown[i]->njob + k];
  while (s && strcmp(s->name, metric) != 0)
    s = s->next;
  return s;
}

static series *make_series(run_dir *r, series **at, const char *name)
{
  while (*at && strcmp((*at)->name, name) != 0)
    at = &(*at)->next;
  if (!*at && (*at = arena_alloc(&r->mem, sizeof **at)) &&
      !((*at)->name = arena_strdup(&r->mem, name)))
    *at = NULL;
  return *at;
}

static bool add_point(run_dir *r, series *s, double epoch, double v)
{
  size_t cap = s->cap;
  double *e = arena_grow(&r->mem, s->epoch, s->n, &cap, sizeof *e);
  double *w = arena_grow(&r->mem, s->value, s->n, &s->cap, sizeof *w);
  if (!e || !w)
    return false;
  s->epoch = e;
  s->value = w;
  e[s->n] = epoch;
  w[s->n++] = v;
  return true;
}

static rad_status take_epoch(void *user, const json_t *line, diag *d)
{
  run_dir *r = user;
  const job *j = record_job(&r->record, line);
  const char *name;
  json_t *m;
  double v;
  const size_t i = j ? shown_index(r, j->trial) : r->nshown;
  (void)d;
  if (i == r->nshown)
    return RAD_OK;
  series **first = &r->series[i * j->trial->njob + (size_t)(j - j->trial->job)];
  json_object_foreach(json_object_get(line, "metrics"), name, m)
  {
    if (!json_to_double(m, &v) || !isfinite(v))
      continue;
    series *s = make_series(r, first, name);
    if (!s || !add_point(r, s, (double)json_member_uint(line, "epoch"), v))
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

/* All trials; of many the best, or without an objective the first. */
static rad_status choose_shown(run_dir *r)
{
  const record *e = &r->record;
  const size_t most_shown = e->n <= MOST_SHOWN ? e->n : BEST_SHOWN;
  r->shown = arena_alloc(&r->mem, MOST_SHOWN * sizeof *r->shown);
  if (!r->shown)
    return RAD_ENOMEM;
  while (r->nshown < most_shown) {
    const trial *best = NULL;
    double most = -HUGE_VAL;
    for (size_t i = 0; i < e->n; i++) {
      const trial *t = e->trial[i];
      const bool ranked = e->n > MOST_SHOWN && e->nscore > 0;
      const bool counts = ranked && t->state == TRIAL_COMPLETE && trial_feasible(e, t);
      const double score = counts ? t->score[0] : -HUGE_VAL;
      if (shown_index(r, t) == r->nshown && (!best || score > most)) {
        best = t;
        most = score;
      }
    }
    r->shown[r->nshown++] = best;
  }
  r->series = arena_alloc(&r->mem, (r->nshown * r->x.narm * r->x.nseed + 1) * sizeof *r->series);
  return r->series ? RAD_OK : RAD_ENOMEM;
}

/* --- open --- */
static rad_status read_verdicts(run_dir *r)
{
  const bool each = r->record.nscore == 0 && r->record.n > 1 && r->record.n <= MOST_SHOWN;
  const size_t n = each ? r->nshown : 1;
  r->verdict = arena_alloc(&r->mem, n * sizeof *r->verdict);
  if (!r->verdict)
    return RAD_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    const int64_t id = each ? (int64_t)r->shown[i]->known.index : VERDICT_BEST;
    verdict *v = &r->verdict[r->nverdict++];
    RAD_TRY(verdict_read(v, r->summary, id, r->dir, r->env->diag));
    r->nverdict -= !v->any; /* it has not ended */
  }
  return verdict_read(&r->final, r->summary, VERDICT_FINAL, r->dir, r->env->diag);
}

rad_status run_dir_summary(run_dir *r)
{
  text all = {0};
  rad_status s =
      summary_text(&r->record, r->dir, r->record.complete ? "complete" : "incomplete", &all);
  if (s >= 0 && !(r->summary = json_loadb(all.s, all.n, 0, NULL)))
    s = RAD_ENOMEM;
  text_free(&all);
  return s;
}

static rad_status open_parts(run_dir *r, bool curves)
{
  diag *d = r->env->diag;
  RAD_TRY(run_dir_check(r));
  const char *ini = fs_join(&r->mem, r->dir, "config.ini");
  const char *events = fs_join(&r->mem, r->dir, "journal.jsonl");
  const char *manifest = fs_join(&r->mem, r->dir, "manifest.json");
  if (!ini || !events || !manifest)
    return RAD_ENOMEM;
  RAD_TRY(experiment_open(&r->x, r->env, ini, NULL, 0));
  record_new(&r->record, &r->x);
  RAD_TRY(journal_read(events, skip_epoch, apply, r, d));
  if (!r->record.name)
    return wrong(r, "is damaged: its journal.jsonl has no event");
  r->manifest = fs_is_file(manifest) ? json_load_file(manifest, 0, NULL) : NULL;
  if (!curves)
    return RAD_OK;
  RAD_TRY(choose_shown(r));
  RAD_TRY(journal_read(events, skip_other, take_epoch, r, d));
  RAD_TRY(run_dir_summary(r));
  return read_verdicts(r);
}

rad_status run_dir_open(run_dir *r, env *e, const char *dir, bool curves)
{
  *r = (run_dir){.dir = dir, .env = e, .prefix = ""};
  rad_status s = open_parts(r, curves);
  if (s >= 0 && !(r->dir = fs_absolute(&r->mem, dir)))
    s = RAD_ENOMEM;
  if (s < 0)
    run_dir_free(r);
  return s;
}

void run_dir_free(run_dir *r)
{
  for (size_t i = 0; i < r->nverdict; i++)
    verdict_free(&r->verdict[i]);
  verdict_free(&r->final);
  json_decref(r->summary);
  json_decref(r->manifest);
  record_free(&r->record);
  experiment_free(&r->x);
  arena_free(&r->mem);
  *r = (run_dir){0};
}

/* --- names --- */
static bool same_number(double a, double b)
{
  return a == b || (isnan(a) && isnan(b));
}

bool dim_varies(const run_dir *r, size_t d)
{
  for (size_t i = 1; i < r->record.n; i++)
    if (!same_number(r->record.trial[i]->value[d], r->record.trial[0]->value[d]))
      return true;
  return false;
}

/* Without the kind, where something is left that says what it is. */
const char *dim_label(const run_dir *r, size_t d)
{
  const char *name = r->x.space.dim[d].d.name, *dot = strchr(name, '.');
  const bool axis = strncmp(name, "axis.", 5) == 0;
  return dot && (axis || strchr(dot + 1, '.')) ? dot + 1 : name;
}

const char *trial_label(run_dir *r, const trial *t)
{
  text all = {0};
  char room[32];
  for (size_t i = 0; i < r->x.space.n; i++) {
    const dim *d = &r->x.space.dim[i];
    if (!dim_varies(r, i) || isnan(t->value[i]))
      continue;
    text_printf(&all, "%s%s = ", all.n > 0 ? ", " : "", dim_label(r, i));
    if (d->d.type == RAD_FLOAT)
      text_printf(&all, "%.4g", t->value[i]);
    else
      text_puts(&all, space_text(d, t->value[i], room));
  }
  const char *s = arena_strdup(&r->mem, text_str(&all));
  text_free(&all);
  return s ? s : "";
}

const char *objective_label(const run_dir *r, size_t k)
{
  if (r->record.nscore == 1 && r->x.nterm > 1)
    return "objective";
  return r->x.term[k].weight == 1 ? r->x.term[k].metric : "objective";
}

bool metric_is_share(const char *name)
{
  const char *part = strrchr(name, '.');
  name = part ? part + 1 : name;
  return strncmp(name, "accuracy", 8) == 0 || strcmp(name, "agreement") == 0;
}

const char *metric_label(run_dir *r, const char *name)
{
  char *s = arena_printf(&r->mem, "%s%s", name,
                         metric_is_share(name)                ? " (%)"
                         : strcmp(name, "seconds") == 0       ? " (s)"
                         : strcmp(name, "epochs_to_fit") == 0 ? " (epochs)"
                                                              : "");
  for (char *p = s; p && *p; p++)
    *p = *p == '.' || *p == '_' ? ' ' : *p;
  return s ? s : name;
}

size_t run_dir_open_jobs(const run_dir *r)
{
  size_t n = 0;
  for (size_t i = 0; i < r->record.n; i++)
    for (size_t k = 0; k < r->record.trial[i]->njob; k++)
      n += r->record.trial[i]->state == TRIAL_RUNNING &&
           r->record.trial[i]->job[k].state < JOB_COMPLETE;
  return n;
}
