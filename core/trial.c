/* SPDX-License-Identifier: BSD-3-Clause
 * trial.c - from the search's proposals to configurations. Trial i is proposed from the results
 * below i - lag, whatever has ended by then. */
#include "arm.h"
#include "running.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RULED_OUT = 1000 }; /* in a row: then the constraints leave nothing to find */

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

/* None of its own cohort either: those may wait for it at a rung. */
uint64_t trial_sees(const study *s, uint64_t i)
{
  const uint64_t lag = (uint64_t)s->x->search.lag, below = i > lag ? i - lag : 0;
  const uint64_t start = s->cohort > 1 ? i / s->cohort * s->cohort : i;
  return below < start ? below : start;
}

/* What a static constraint rules out is no trial of those that were asked for. */
bool trials_over(const study *s)
{
  const uint64_t spent = s->record.n - (s->x->space.n > 0 ? s->record.ruled_out : 0);
  return s->exhausted || spent >= s->planned || s->record.in_a_row >= MOST_RULED_OUT;
}

bool trial_wanted(const study *s)
{
  const uint64_t visible = trial_sees(s, s->record.n);
  if (trials_over(s))
    return false;
  for (uint64_t i = 0; i < visible; i++)
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
  const uint64_t visible = trial_sees(s, r->n);
  if (!list)
    return RAD_ENOMEM;
  for (size_t i = 0; i < r->n; i++)
    list[i] = i < visible ? &r->trial[i]->known : &r->trial[i]->hidden;
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

/* Is there a point of the user's that has not been tried? */
static const given_point *next_given(const study *s)
{
  const record *r = &s->record;
  for (size_t i = 0; i < s->x->ngiven; i++) {
    size_t k = 0;
    while (k < r->n && !space_same(&s->x->space, s->x->given[i].value, r->trial[k]->value))
      k++;
    if (k == r->n)
      return &s->x->given[i];
  }
  return NULL;
}

/* --- its configuration --- */
static rad_status write_config(study *s, const trial *t, const config *c)
{
  arena mem = {0};
  text out = {0};
  char *dir = trial_folder(&mem, s->dir, t->known.index);
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

static rad_status post_trial(study *s, const double *point, const given_point *g, const config *c)
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
  if (g)
    json_text(&line, "given", g->name);
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

static bool ended(const trial *t)
{
  for (size_t i = 0; i < t->njob; i++)
    if (t->job[i].state < JOB_COMPLETE)
      return false;
  return true;
}

static rad_status inspect(const experiment *x, const double *point)
{
  config c = {0};
  arm_plan plan;
  rad_status worst = experiment_trial(x, point, &c);
  for (size_t i = 0; worst >= 0 && i < x->narm; i++)
    worst = arm_inspect(x->env, &c, x->arm[i], &plan, NULL);
  config_free(&c);
  return worst;
}

rad_status given_inspect(const experiment *x, const given_point *g)
{
  const rad_status s = inspect(x, g->value);
  return s >= 0 ? s
                : diag_error(x->env->diag, s, g->at, "that was [point %s]: it cannot be trained",
                             g->name);
}

rad_status trial_inspect(study *s)
{
  if (s->x->space.n == 0)
    return inspect(s->x, NULL);
  for (size_t i = 0; i < s->x->ngiven; i++)
    RAD_TRY(given_inspect(s->x, &s->x->given[i]));
  return RAD_OK;
}

rad_status trial_restore(study *s, trial *t)
{
  config c = {0};
  arena mem = {0};
  const char *dir = trial_folder(&mem, s->dir, t->known.index);
  if (dir)
    sweep(dir);
  arena_free(&mem);
  if (t->given_up || ended(t))
    return trial_end(s, t);
  rad_status status = experiment_trial(s->x, t->value, &c);
  if (status >= 0)
    status = write_config(s, t, &c);
  if (status >= 0)
    status = trial_rule_out(s, t, &c);
  if (status >= 0)
    status = reuse_keys(s, t, &c);
  config_free(&c);
  return status;
}

static rad_status begin_trial(study *s, const double *point, const given_point *g)
{
  config c = {0};
  rad_status status = experiment_trial(s->x, point, &c);
  if (status >= 0)
    status = post_trial(s, point, g, &c);
  if (status >= 0) {
    trial *t = s->record.trial[s->record.n - 1];
    status = write_config(s, t, &c);
    if (status >= 0)
      status = trial_rule_out(s, t, &c);
    if (status >= 0)
      status = reuse_keys(s, t, &c);
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
  const given_point *g = next_given(s);
  for (size_t i = 0; i < s->x->space.n; i++)
    point[i] = g ? g->value[i] : (double)NAN;
  rad_status status = g ? RAD_OK : ask(s, point);
  if (status == RAD_DONE)
    s->exhausted = true;
  if (status == RAD_OK && s->x->space.n > 0)
    status = check_point(s, point);
  if (status == RAD_OK)
    status = begin_trial(s, point, g);
  if (status == RAD_OK && s->record.in_a_row == MOST_RULED_OUT)
    diag_warning(s->diag, (origin){0},
                 "the study ends here: the last %d proposals broke a static constraint (trial %zu: "
                 "%s)",
                 MOST_RULED_OUT, s->record.n - 1, s->record.trial[s->record.n - 1]->reason);
  free(point);
  return status;
}
