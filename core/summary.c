/* SPDX-License-Identifier: BSD-3-Clause
 * summary.c - summary.json: what a study has found, drawn from the record. Written again at the
 * end of every trial; where no name says seconds, it depends on nothing but the experiment. */
#include "chains.h"
#include "importance.h"
#include "running.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

double student_95(size_t n)
{
  static const double q[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
                             2.2622,  2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199,
                             2.1098,  2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639,
                             2.0595,  2.0555, 2.0518, 2.0484, 2.0452, 2.0423};
  const size_t free = n - 1;
  return free <= sizeof q / sizeof q[0] ? q[free - 1] : 1.96 + 2.4 / (double)free;
}

static void put_spread(text *t, const char *name, const double *v, size_t n)
{
  double mean = 0.0, square = 0.0;
  for (size_t i = 0; i < n; i++)
    mean += v[i] / (double)n;
  for (size_t i = 0; i < n; i++)
    square += (v[i] - mean) * (v[i] - mean);
  const double std = n > 1 ? sqrt(square / (double)(n - 1)) : (double)NAN;
  json_open(t, name, '{');
  json_uint(t, "n", n);
  json_double(t, "mean", mean);
  json_double(t, "std", std);
  json_double(t, "ci95", n > 1 ? student_95(n) * std / sqrt((double)n) : (double)NAN);
  json_close(t, '}');
}

/* "train.loss" has a course with a maximum and a minimum; "epochs" and "model.flop" have not. */
static bool has_course(const char *name)
{
  return strchr(name, '.') && strncmp(name, "model.", 6) != 0;
}

/* Calls put for every metric of the trial, in the order in which its arms have them. */
typedef void put_metric(text *, const record *, const trial *, const char *name, double *room);
typedef struct metrics {
  text *out;
  const record *r;
  const trial *t;
  put_metric *put;
  double *room; /* (nseed) */
} metrics;

static void put_named(const metrics *v, size_t arm, const char *metric, text *name)
{
  static const char *const parts[] = {"", ".max", ".min"};
  const bool model = strncmp(metric, "model.", 6) == 0;
  if (model && arm > 0)
    return; /* of all arms alike */
  for (size_t p = 0; p < (has_course(metric) ? 3 : 1); p++) {
    text_clear(name);
    if (!model)
      text_printf(name, "%s.", v->r->x->arm[arm]);
    text_printf(name, "%s%s", metric, parts[p]);
    v->put(v->out, v->r, v->t, text_str(name), v->room);
  }
}

static bool has_metric(const job *j, const char *name)
{
  for (size_t m = 0; m < j->nmetric; m++)
    if (strcmp(j->metric[m].name, name) == 0)
      return true;
  return false;
}

static rad_status each_metric(const metrics *v)
{
  static const char *const always[] = {"epochs", "seconds"};
  const size_t nseed = v->r->x->nseed;
  text name = {0};
  for (size_t a = 0; a < v->r->x->narm; a++) {
    const job *j = &v->t->job[a * nseed];
    for (size_t k = 1; k < nseed && j->nmetric == 0; k++)
      j++; /* the first seed failed */
    for (size_t m = 0; m < j->nmetric; m++)
      put_named(v, a, j->metric[m].name, &name);
    for (size_t m = 0; m < 2 && j->nmetric > 0; m++)
      if (!has_metric(j, always[m]))
        put_named(v, a, always[m], &name);
  }
  const bool failed = name.failed;
  text_free(&name);
  return failed ? RAD_ENOMEM : RAD_OK;
}

static void put_mean(text *out, const record *r, const trial *t, const char *name, double *room)
{
  size_t n;
  const double v = trial_metric(r, t, name, room, &n);
  if (n > 0)
    json_double(out, name, v);
}

static void put_seeds(text *out, const record *r, const trial *t, const char *name, double *room)
{
  size_t n;
  trial_metric(r, t, name, room, &n);
  if (n > 0)
    put_spread(out, name, room, n);
}

/* --- compressors --- */
static double chain_metric(const void *user, size_t arm, size_t seed, const char *metric,
                           enum chain_part part)
{
  const metrics *v = user;
  char name[192];
  const job *j = &v->t->job[arm * v->r->x->nseed + seed];
  snprintf(name, sizeof name, "%s%s", metric,
           part == CHAIN_FIRST   ? ".max" /* no round makes it larger */
           : part == CHAIN_LEAST ? ".min"
                                 : "");
  return j->state >= JOB_PAUSED ? job_metric(j, name) : (double)NAN;
}

static rad_status put_chains(text *out, const record *r, const trial *t)
{
  const metrics v = {.r = r, .t = t};
  chain_source s = {.x = r->x, .user = &v, .get = chain_metric};
  for (size_t i = 0; i < t->njob; i++)
    for (size_t m = 0; m < t->job[i].nmetric; m++)
      RAD_TRY(chain_found(&s, t->job[i].metric[m].name));
  if (s.n > 0)
    chains_put(&s, "compression", out);
  arena_free(&s.mem);
  return RAD_OK;
}

/* --- trials --- */
static void put_params(text *out, const record *r, const trial *t)
{
  char room[32];
  json_open(out, "params", '{');
  for (size_t i = 0; i < r->x->space.n; i++) {
    const dim *d = &r->x->space.dim[i];
    if (isnan(t->value[i]))
      continue;
    if (d->d.type == RAD_ENUM)
      json_text(out, d->d.name, space_text(d, t->value[i], room));
    else
      json_double(out, d->d.name, t->value[i]);
  }
  json_close(out, '}');
}

static void put_objective(text *out, const record *r, const trial *t)
{
  if (r->nscore == 0 || t->state != TRIAL_COMPLETE) {
    json_text(out, "objective", NULL);
  } else if (r->nscore == 1) {
    json_double(out, "objective", t->score[0]);
  } else {
    json_open(out, "objective", '[');
    for (size_t i = 0; i < r->nscore; i++)
      json_double(out, NULL, t->score[i]);
    json_close(out, ']');
  }
}

static rad_status put_trial(text *out, const record *r, const trial *t, double *room)
{
  double seconds = 0.0;
  text_puts(out, out->s[out->n - 1] == '[' ? "\n" : ",\n"); /* a line each */
  json_open(out, NULL, '{');
  json_uint(out, "id", t->known.index);
  json_text(out, "state", trial_state_name(t->state));
  if (t->reason)
    json_text(out, "reason", t->reason);
  if (t->given)
    json_text(out, "given", t->given);
  put_params(out, r, t);
  put_objective(out, r, t);
  if (r->x->nconstraint > 0)
    json_bool(out, "feasible", trial_feasible(r, t));
  json_open(out, "metrics", '{');
  RAD_TRY(each_metric(&(metrics){out, r, t, put_mean, room}));
  json_close(out, '}');
  if (r->x->nseed > 1) {
    json_open(out, "seeds", '{');
    RAD_TRY(each_metric(&(metrics){out, r, t, put_seeds, room}));
    json_close(out, '}');
  }
  RAD_TRY(put_chains(out, r, t));
  for (size_t i = 0; i < t->njob; i++)
    seconds += t->job[i].seconds;
  json_double(out, "seconds", seconds);
  json_close(out, '}');
  return RAD_OK;
}

/* --- best --- */
static bool dominates(const trial *a, const trial *b, size_t n)
{
  bool better = false;
  for (size_t i = 0; i < n; i++) {
    if (a->score[i] < b->score[i])
      return false;
    better = better || a->score[i] > b->score[i];
  }
  return better;
}

static bool eligible(const record *r, const trial *t)
{
  return t->state == TRIAL_COMPLETE && trial_feasible(r, t);
}

/* The number of the best trial; of several objectives, those that no other dominates. */
static void put_best(text *out, const record *r)
{
  const trial *best = record_best(r);
  if (r->nscore <= 1) {
    if (best)
      json_uint(out, "best", best->known.index);
    else
      json_text(out, "best", NULL);
    return;
  }
  json_open(out, "best", '[');
  for (size_t i = 0; i < r->n; i++) {
    bool front = eligible(r, r->trial[i]);
    for (size_t k = 0; k < r->n && front; k++)
      front = !(eligible(r, r->trial[k]) && dominates(r->trial[k], r->trial[i], r->nscore));
    if (front)
      json_uint(out, NULL, i);
  }
  json_close(out, ']');
}

static void put_counts(text *out, const record *r)
{
  json_open(out, "counts", '{');
  for (int k = TRIAL_COMPLETE; k <= TRIAL_FAILED; k++) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++)
      n += r->trial[i]->state == (enum trial_state)k;
    json_uint(out, trial_state_name((enum trial_state)k), n);
  }
  json_close(out, '}');
}

/* --- what decided --- */
static void put_bin(text *out, const dim *d, const bin *b)
{
  char room[32];
  json_open(out, NULL, '{');
  if (d->d.type == RAD_ENUM && !isnan(b->value))
    json_text(out, "value", space_text(d, b->value, room));
  else
    json_double(out, "value", b->value); /* "nan": the dimension is not there */
  json_double(out, "score", b->score);
  json_uint(out, "n", b->n);
  json_uint(out, "top", b->top);
  json_close(out, '}');
}

static void put_effects(text *out, const space *all, const importance *v, size_t n)
{
  double rest = 1.0;
  json_open(out, "importance", '{');
  json_uint(out, "trials", n);
  json_double(out, "explained", v->explained);
  json_open(out, "share", '{');
  for (size_t i = 0; i < all->n; i++) {
    json_double(out, all->dim[i].d.name, v->effect[i].share);
    rest -= v->effect[i].share;
  }
  json_close(out, '}');
  json_double(out, "interactions", rest > 0.0 ? rest : 0.0);
  json_open(out, "marginal", '{');
  for (size_t i = 0; i < all->n; i++) {
    json_open(out, all->dim[i].d.name, '[');
    for (size_t k = 0; k < v->effect[i].nbin; k++)
      put_bin(out, &all->dim[i], &v->effect[i].bin[k]);
    json_close(out, ']');
  }
  json_close(out, '}');
  json_close(out, '}');
}

static rad_status put_importance(text *out, const record *r, arena *mem)
{
  const double **point = arena_alloc(mem, (r->n + 1) * sizeof *point);
  double *score = arena_alloc(mem, (r->n + 1) * sizeof *score);
  importance v = {0};
  size_t n = 0;
  if (!point || !score)
    return RAD_ENOMEM;
  for (size_t i = 0; i < r->n && r->nscore == 1; i++)
    if (r->trial[i]->state == TRIAL_COMPLETE && isfinite(r->trial[i]->score[0])) {
      point[n] = r->trial[i]->value;
      score[n++] = r->trial[i]->score[0];
    }
  const rad_status status = importance_find(&v, &r->x->space.view, n, point, score, mem);
  if (status == RAD_OK)
    put_effects(out, &r->x->space, &v, n);
  return status;
}

rad_status summary_text(const record *r, const char *dir, const char *state, text *out)
{
  arena mem = {0};
  double *room = arena_alloc(&mem, (r->x->nseed + 1) * sizeof *room);
  rad_status status = room ? RAD_OK : RAD_ENOMEM;
  json_open(out, NULL, '{');
  json_text(out, "experiment", r->name);
  json_text(out, "state", state);
  json_bool(out, "test_selected", r->x->objective.allow_test);
  json_open(out, "arms", '[');
  for (size_t i = 0; i < r->x->narm; i++)
    json_text(out, NULL, r->x->arm[i]);
  json_close(out, ']');
  json_open(out, "trials", '[');
  for (size_t i = 0; status >= 0 && i < r->n; i++)
    if (r->trial[i]->state != TRIAL_RUNNING)
      status = put_trial(out, r, r->trial[i], room);
  json_close(out, ']');
  if (r->nmetric > 0) {
    json_open(out, "metrics", '{');
    for (size_t i = 0; i < r->nmetric; i++)
      json_double(out, r->metric[i].name, r->metric[i].last);
    json_close(out, '}');
  }
  put_best(out, r);
  final_put(r, dir, out);
  if (status >= 0 && strcmp(state, "complete") == 0)
    status = put_importance(out, r, &mem);
  put_counts(out, r);
  json_double(out, "wall_s", r->wall);
  json_close(out, '}');
  text_puts(out, "\n");
  arena_free(&mem);
  return status < 0 ? status : out->failed ? RAD_ENOMEM : RAD_OK;
}

rad_status summary_write(const study *s, const char *state)
{
  arena mem = {0};
  text out = {0};
  char *path = fs_join(&mem, s->dir, "summary.json");
  rad_status status = path ? summary_text(&s->record, s->dir, state, &out) : RAD_ENOMEM;
  if (status >= 0)
    status = fs_write(path, out.s, out.n, s->diag);
  text_free(&out);
  arena_free(&mem);
  return status;
}
