/* SPDX-License-Identifier: BSD-3-Clause
 * score.c - the end of a trial: from the jobs' results to the value of the objective and what the
 * constraints say; before the training already where that is enough. */
#include "arm.h"
#include "running.h"
#include <math.h>
#include <string.h>

typedef struct ending {
  enum trial_state state;
  const char *reason;
  double *score;     /* (nscore) */
  double *violation; /* (nconstraint) > 0: by so much; NaN: not known */
  arena mem;
} ending;

static rad_status begin(const study *s, ending *e)
{
  *e = (ending){.state = TRIAL_RUNNING};
  e->score = arena_alloc(&e->mem, (s->record.nscore + 1) * sizeof *e->score);
  e->violation = arena_alloc(&e->mem, (s->x->nconstraint + 1) * sizeof *e->violation);
  return e->score && e->violation ? RAD_OK : RAD_ENOMEM;
}

static rad_status post(study *s, const trial *t, const ending *e)
{
  text line = {0};
  study_begin(s, &line, "trial_end");
  json_uint(&line, "trial", t->known.index);
  json_text(&line, "state", trial_state_name(e->state));
  if (e->reason)
    json_text(&line, "reason", e->reason);
  json_open(&line, "score", '[');
  for (size_t i = 0; i < s->record.nscore; i++)
    json_double(&line, NULL, e->score[i]);
  json_close(&line, ']');
  json_open(&line, "violation", '[');
  for (size_t i = 0; i < s->x->nconstraint; i++)
    json_double(&line, NULL, e->violation[i]);
  json_close(&line, ']');
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status;
}

static double violation(const constraint *c, double v)
{
  if (isnan(v))
    return (double)NAN;
  const double over = v - c->max, under = c->min - v;
  return over > under ? over : under; /* <= 0: kept */
}

/* --- after the training --- */
/* The worst of its jobs decides. */
static enum trial_state state_of(const trial *t, const char **reason)
{
  enum trial_state state = t->given_up ? TRIAL_PRUNED : TRIAL_COMPLETE;
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

static double term_value(const study *s, const trial *t, const term *m)
{
  return m->weight * trial_metric(&s->record, t, m->metric, NULL, NULL);
}

/* For what a trial that was given up has not trained: the worst that there has been, among the
 * trials that it was judged by. NaN: nobody knows. */
static double worst_value(const study *s, const trial *t, const term *m)
{
  const uint64_t index = t->known.index;
  const uint64_t start = s->cohort > 1 ? index / s->cohort * s->cohort : index;
  const uint64_t n = trial_sees(s, start);
  double worst = (double)NAN;
  for (uint64_t i = 0; i < n; i++)
    if (s->record.trial[i]->state == TRIAL_COMPLETE)
      worst = fmin(worst, term_value(s, s->record.trial[i], m)); /* which leaves NaN out */
  return worst;
}

static rad_status add_terms(const study *s, const trial *t, ending *e)
{
  for (size_t i = 0; i < s->x->nterm; i++) {
    const term *m = &s->x->term[i];
    double v = term_value(s, t, m);
    if (isnan(v) && e->state == TRIAL_PRUNED)
      v = worst_value(s, t, m);
    e->score[s->record.nscore == 1 ? 0 : i] += v;
    if (!isnan(v) || e->state != TRIAL_COMPLETE)
      continue;
    e->state = TRIAL_FAILED;
    e->reason = arena_printf(&e->mem, "the metric %s has no value", m->metric);
    if (!e->reason)
      return RAD_ENOMEM;
  }
  return RAD_OK;
}

static rad_status conclude(const study *s, const trial *t, ending *e)
{
  const experiment *x = s->x;
  e->state = state_of(t, &e->reason);
  for (size_t i = 0; i < x->nconstraint; i++)
    e->violation[i] = violation(&x->constraint[i],
                                trial_metric(&s->record, t, x->constraint[i].metric, NULL, NULL));
  RAD_TRY(add_terms(s, t, e));
  for (size_t i = 0; e->state >= TRIAL_DIVERGED && i < s->record.nscore; i++)
    e->score[i] = (double)NAN;
  if (e->state != TRIAL_PRUNED)
    return RAD_OK;
  if (t->nrung == 0)
    e->reason = "given up before the training";
  else if (t->share < 1.0)
    e->reason = arena_printf(&e->mem, "given up after epoch %llu on %.3g of the samples: %s = %g",
                             (unsigned long long)t->until, t->share, x->watch.metric,
                             x->watch.sign * t->rung[t->nrung - 1].value);
  else
    e->reason = arena_printf(&e->mem, "given up after epoch %llu: %s = %g",
                             (unsigned long long)t->rung[t->nrung - 1].epoch, x->watch.metric,
                             x->watch.sign * t->rung[t->nrung - 1].value);
  return e->reason ? RAD_OK : RAD_ENOMEM;
}

rad_status trial_end(study *s, trial *t)
{
  ending e;
  rad_status status = begin(s, &e);
  if (status == RAD_OK)
    status = conclude(s, t, &e);
  if (status == RAD_OK)
    status = post(s, t, &e);
  arena_free(&e.mem);
  return status < 0 ? status : summary_write(s, "running");
}

/* --- before the training --- */
static double static_metric(const arm_plan *p, const char *name)
{
  if (strcmp(name, "model.parameters") == 0)
    return (double)p->parameters;
  return strcmp(name, "model.active_weights") == 0 ? (double)p->active_weights : p->flop_forward;
}

bool trial_allowed(const experiment *x, const arm_plan *plan)
{
  for (size_t i = 0; i < x->nconstraint; i++) {
    const constraint *k = &x->constraint[i];
    if (k->is_static && violation(k, static_metric(plan, k->metric)) > 0.0)
      return false;
  }
  return true;
}

static void judge_static(const study *s, const arm_plan *plan, ending *e)
{
  for (size_t i = 0; i < s->x->nconstraint; i++) {
    const constraint *k = &s->x->constraint[i];
    e->violation[i] =
        k->is_static && plan ? violation(k, static_metric(plan, k->metric)) : (double)NAN;
    if (!(e->violation[i] > 0.0) || e->state != TRIAL_RUNNING)
      continue;
    e->state = TRIAL_PRUNED;
    e->reason = arena_printf(&e->mem, "[constraint %s] %s = %g", k->name, k->metric,
                             static_metric(plan, k->metric));
  }
}

static bool any_static(const experiment *x)
{
  for (size_t i = 0; i < x->nconstraint; i++)
    if (x->constraint[i].is_static)
      return true;
  return false;
}

rad_status trial_rule_out(study *s, trial *t, const config *c)
{
  arm_plan plan = {0};
  diag own = {0};
  ending e;
  if (!any_static(s->x))
    return RAD_OK;
  rad_status status = begin(s, &e);
  s->env->diag = &own;
  const rad_status built = arm_inspect(s->env, c, s->x->arm[0], &plan, NULL);
  s->env->diag = s->diag;
  for (size_t i = 0; status >= 0 && i < s->record.nscore; i++)
    e.score[i] = (double)NAN;
  if (status >= 0)
    judge_static(s, built >= 0 ? &plan : NULL, &e);
  if (built == RAD_EINVAL) { /* a result of this trial, others may be fine */
    e.state = TRIAL_FAILED;
    e.reason = text_str(&own.messages);
  } else if (built < 0) {
    status = built;
  }
  if (status >= 0 && e.state != TRIAL_RUNNING)
    status = post(s, t, &e);
  diag_free(&own);
  arena_free(&e.mem);
  return status;
}
