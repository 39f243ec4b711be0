/* SPDX-License-Identifier: BSD-3-Clause
 * trial.c - from the search's proposals to configurations, from the jobs' results to the value of
 * the objective. Trial i is proposed from the results below i - lag, whatever has ended by then. */
#include "arm.h"
#include "running.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the search --- */
rad_status trials_open(study *s)
{
  const experiment *x = s->x;
  uint64_t n;
  s->planned = 1;
  if (x->space.n == 0)
    return RAD_OK;
  s->env->seed = x->seed[0];
  RAD_TRY(experiment_search(x, &s->search, &n));
  s->planned = x->search.trials > 0 ? (uint64_t)x->search.trials : 0;
  if (n > 0 && (s->planned == 0 || n < s->planned))
    s->planned = n;
  if (s->planned > 0)
    return RAD_OK;
  return rad_fail(&s->search->ctx, RAD_EINVAL,
                  "this search has no end of its own: say how many trials, e.g. trials = 40");
}

static uint64_t visible(const study *s) /* trials below this one must have ended */
{
  const uint64_t lag = (uint64_t)s->x->search.lag;
  return s->record.n > lag ? s->record.n - lag : 0;
}

bool trial_wanted(const study *s)
{
  if (s->exhausted || s->record.n >= s->planned)
    return false;
  for (uint64_t i = 0; i < visible(s); i++)
    if (s->record.trial[i]->state == TRIAL_RUNNING)
      return false;
  return true;
}

static rad_status ask(study *s, double *point)
{
  const record *r = &s->record;
  if (s->x->space.n == 0)
    return RAD_OK;
  const rad_trial **list = calloc(r->n + 1, sizeof *list);
  if (!list)
    return RAD_ENOMEM;
  for (size_t i = 0; i < r->n; i++)
    list[i] = i < visible(s) ? &r->trial[i]->known : &r->trial[i]->hidden;
  const rad_history history = {.n = r->n, .trial = list};
  const size_t mark = scratch_mark(s->env);
  const rad_status status = s->search->plugin->ops.search.ask(&s->search->ctx, s->search->self,
                                                              &s->x->space.view, &history, point);
  scratch_release(s->env, mark);
  free(list);
  return status;
}

/* What the search says must be a point of the space. */
static rad_status check_point(study *s, const double *point)
{
  const rad_space *v = &s->x->space.view;
  for (size_t i = 0; i < v->ndim; i++) {
    const bool there = rad_dim_exists(v, i, point), number = !isnan(point[i]);
    if (there == number && (!there || (point[i] >= v->dim[i]->lo && point[i] <= v->dim[i]->hi)))
      continue;
    return rad_fail(&s->search->ctx, RAD_EINVAL, "proposed %g for %s, which is from %g to %g",
                    point[i], v->dim[i]->name, v->dim[i]->lo, v->dim[i]->hi);
  }
  return RAD_OK;
}

/* --- its configuration --- */
char *trial_dir(const study *s, const trial *t, arena *mem)
{
  return arena_printf(mem, "%s/trials/%04" PRIu64, s->dir, t->known.index);
}

static rad_status write_config(study *s, const trial *t, const config *c)
{
  arena mem = {0};
  text out = {0};
  char *dir = trial_dir(s, t, &mem);
  rad_status status = dir ? fs_mkdirs(dir, s->diag) : RAD_ENOMEM;
  config_write(c, &out);
  if (status >= 0)
    status =
        out.failed ? RAD_ENOMEM : fs_write(fs_join(&mem, dir, "config.ini"), out.s, out.n, s->diag);
  text_free(&out);
  arena_free(&mem);
  return status;
}

static uint64_t planned_epochs(study *s, const config *c, const char *arm)
{
  config own = {0};
  int64_t epochs = 0;
  if (config_arm(&own, c, arm, s->diag) >= 0) {
    const section *run = config_find(&own, "run", "");
    if (!run || !text_to_int64(section_value(run, "epochs", "0"), &epochs))
      epochs = 0;
  }
  config_free(&own);
  return epochs > 0 ? (uint64_t)epochs : 0;
}

static rad_status post_trial(study *s, const double *point, const config *c)
{
  const experiment *x = s->x;
  char room[32];
  text line = {0};
  study_begin(s, &line, "trial");
  json_uint(&line, "trial", s->record.n);
  json_open(&line, "params", '{');
  for (size_t i = 0; i < x->space.n; i++)
    if (!isnan(point[i]))
      json_text(&line, x->space.dim[i].d.name, space_text(&x->space.dim[i], point[i], room));
  json_close(&line, '}');
  json_open(&line, "point", '[');
  for (size_t i = 0; i < x->space.n; i++)
    json_double(&line, NULL, point[i]);
  json_close(&line, ']');
  json_open(&line, "epochs", '[');
  for (size_t i = 0; i < x->narm; i++)
    json_uint(&line, NULL, planned_epochs(s, c, x->arm[i]));
  json_close(&line, ']');
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

/* --- its end --- */
static double violation(const constraint *c, double v)
{
  if (isnan(v))
    return (double)NAN;
  const double over = v - c->max, under = c->min - v;
  return over > under ? over : under; /* <= 0: kept */
}

static rad_status post_end(study *s, const trial *t, enum trial_state state, const char *reason,
                           const double *score, const double *violations)
{
  text line = {0};
  study_begin(s, &line, "trial_end");
  json_uint(&line, "trial", t->known.index);
  json_text(&line, "state", trial_state_name(state));
  if (reason)
    json_text(&line, "reason", reason);
  json_open(&line, "score", '[');
  for (size_t i = 0; i < s->record.nscore; i++)
    json_double(&line, NULL, score[i]);
  json_close(&line, ']');
  json_open(&line, "violation", '[');
  for (size_t i = 0; i < s->x->nconstraint; i++)
    json_double(&line, NULL, violations[i]);
  json_close(&line, ']');
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

/* The worst of its jobs decides. */
static enum trial_state state_of(const trial *t, const char **reason)
{
  enum trial_state state = TRIAL_COMPLETE;
  *reason = NULL;
  for (size_t i = 0; i < t->njob; i++) {
    const job *j = &t->job[i];
    const enum trial_state k = j->state == JOB_FAILED     ? TRIAL_FAILED
                               : j->state == JOB_DIVERGED ? TRIAL_DIVERGED
                                                          : TRIAL_COMPLETE;
    if (k > state) {
      state = k;
      *reason = j->reason;
    }
  }
  return state;
}

rad_status trial_end(study *s, trial *t)
{
  const experiment *x = s->x;
  const char *reason;
  enum trial_state state = state_of(t, &reason);
  arena mem = {0};
  double *score = arena_alloc(&mem, (s->record.nscore + 1) * sizeof *score);
  double *broken = arena_alloc(&mem, (x->nconstraint + 1) * sizeof *broken);
  rad_status status = score && broken ? RAD_OK : RAD_ENOMEM;
  for (size_t i = 0; status == RAD_OK && i < x->nconstraint; i++)
    broken[i] = violation(&x->constraint[i],
                          trial_metric(&s->record, t, x->constraint[i].metric, NULL, NULL));
  for (size_t i = 0; status == RAD_OK && i < x->nterm; i++) {
    const term *m = &x->term[i];
    const double v = m->weight * trial_metric(&s->record, t, m->metric, NULL, NULL);
    score[s->record.nscore == 1 ? 0 : i] += v;
    if (isnan(v) && state == TRIAL_COMPLETE) {
      state = TRIAL_FAILED;
      reason = arena_printf(&mem, "the metric %s has no value", m->metric);
    }
  }
  for (size_t i = 0; state != TRIAL_COMPLETE && status == RAD_OK && i < s->record.nscore; i++)
    score[i] = (double)NAN;
  if (status == RAD_OK)
    status = post_end(s, t, state, reason, score, broken);
  arena_free(&mem);
  return status < 0 ? status : summary_write(s, "running");
}

/* --- constraints that are known before training --- */
static double static_metric(const arm_plan *p, const char *name)
{
  if (strcmp(name, "model.parameters") == 0)
    return (double)p->parameters;
  return strcmp(name, "model.active_weights") == 0 ? (double)p->active_weights : p->flop_forward;
}

/* Ends a trial without training: its network cannot be built, or is not allowed. */
static rad_status check_static(study *s, trial *t, const config *c)
{
  const experiment *x = s->x;
  arm_plan plan = {0};
  diag own = {0};
  arena mem = {0};
  const char *reason = NULL;
  enum trial_state state = TRIAL_RUNNING;
  s->env->diag = &own;
  rad_status status = arm_inspect(s->env, c, x->arm[0], &plan, NULL);
  s->env->diag = s->diag;
  double *score = arena_alloc(&mem, (s->record.nscore + 1) * sizeof *score);
  double *broken = arena_alloc(&mem, (x->nconstraint + 1) * sizeof *broken);
  for (size_t i = 0; score && i < s->record.nscore; i++)
    score[i] = (double)NAN;
  for (size_t i = 0; broken && i < x->nconstraint; i++) {
    const constraint *k = &x->constraint[i];
    const bool known = k->is_static && status >= 0;
    broken[i] = known ? violation(k, static_metric(&plan, k->metric)) : (double)NAN;
    if (known && broken[i] > 0.0 && state == TRIAL_RUNNING) {
      state = TRIAL_PRUNED;
      reason = arena_printf(&mem, "[constraint %s] %s = %g", k->name, k->metric,
                            static_metric(&plan, k->metric));
    }
  }
  if (status == RAD_EINVAL) { /* a result of this trial, others may be fine */
    state = TRIAL_FAILED;
    reason = text_str(&own.messages);
    status = RAD_OK;
  }
  if (status >= 0 && (!score || !broken))
    status = RAD_ENOMEM;
  if (status >= 0 && state != TRIAL_RUNNING)
    status = post_end(s, t, state, reason, score, broken);
  diag_free(&own);
  arena_free(&mem);
  return status;
}

static bool ended(const trial *t)
{
  for (size_t i = 0; i < t->njob; i++)
    if (t->job[i].state < JOB_COMPLETE)
      return false;
  return true;
}

static bool any_static(const experiment *x)
{
  for (size_t i = 0; i < x->nconstraint; i++)
    if (x->constraint[i].is_static)
      return true;
  return false;
}

rad_status trial_inspect(study *s)
{
  config c = {0};
  arm_plan plan;
  if (s->x->space.n > 0)
    return RAD_OK;
  rad_status worst = experiment_trial(s->x, NULL, &c);
  for (size_t i = 0; worst >= 0 && i < s->x->narm; i++)
    worst = arm_inspect(s->env, &c, s->x->arm[i], &plan, NULL);
  config_free(&c);
  return worst;
}

rad_status trial_restore(study *s, trial *t)
{
  config c = {0};
  arena mem = {0};
  const char *dir = trial_dir(s, t, &mem);
  if (dir)
    sweep(dir);
  arena_free(&mem);
  if (ended(t))
    return trial_end(s, t);
  rad_status status = experiment_trial(s->x, t->value, &c);
  if (status >= 0)
    status = write_config(s, t, &c);
  if (status >= 0 && any_static(s->x))
    status = check_static(s, t, &c);
  config_free(&c);
  return status;
}

static rad_status begin_trial(study *s, const double *point)
{
  config c = {0};
  rad_status status = experiment_trial(s->x, point, &c);
  if (status >= 0)
    status = post_trial(s, point, &c);
  if (status >= 0) {
    trial *t = s->record.trial[s->record.n - 1];
    status = write_config(s, t, &c);
    if (status >= 0 && any_static(s->x))
      status = check_static(s, t, &c);
  }
  config_free(&c);
  return status;
}

rad_status trial_propose(study *s)
{
  size_t bytes;
  if (!size_mul(s->x->space.n + 1, sizeof(double), &bytes))
    return RAD_ENOMEM;
  double *point = malloc(bytes);
  if (!point)
    return RAD_ENOMEM;
  for (size_t i = 0; i < s->x->space.n; i++)
    point[i] = (double)NAN;
  rad_status status = ask(s, point);
  if (status == RAD_DONE)
    s->exhausted = true;
  if (status == RAD_OK && s->x->space.n > 0)
    status = check_point(s, point);
  if (status == RAD_OK)
    status = begin_trial(s, point);
  free(point);
  return status;
}
