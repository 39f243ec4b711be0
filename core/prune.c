/* SPDX-License-Identifier: BSD-3-Clause
 * prune.c - asks the pruner. A worker is told the epoch to stop after, so nothing is ever stopped
 * from outside, and a study that was killed goes on as if it had not been. A cohort is judged level
 * by level: level 0 is before the training, trial by trial; the next ones once every trial that is
 * asked again has come to its rung. pruner.h says what a verdict may depend on. */
#include "running.h"
#include <math.h>
#include <string.h>

static const rad_pruner_ops *ops(const study *s)
{
  return &s->pruner->plugin->ops.pruner;
}

rad_status pruner_open(study *s)
{
  const section *sec = config_next(&s->x->base, "pruner", NULL);
  s->cohort = 1;
  if (!sec)
    return RAD_OK;
  RAD_TRY(instance_new(&s->pruner, s->env, RAD_PRUNER, section_value(sec, "plugin", ""), sec));
  RAD_TRY(instance_state(s->pruner));
  if (!ops(s)->cohort)
    return RAD_OK;
  RAD_TRY(ops(s)->cohort(&s->pruner->ctx, s->pruner->self, (uint64_t)s->x->run.epochs, &s->cohort));
  if (s->cohort > 0 && s->cohort <= 1000000)
    return RAD_OK;
  return rad_fail(&s->pruner->ctx, RAD_EINVAL, "wants to judge %llu trials together: 1 to 1000000",
                  (unsigned long long)s->cohort);
}

/* --- what is shown --- */
static void show_member(const trial *t, uint64_t level, bool asked, rad_trial *out)
{
  *out = t->hidden;
  out->rung = t->rung;
  out->nrung = level > 0 ? t->nrung - t->ended : 0; /* before the training: whatever has come */
  if (t->level == 0) /* ruled out before there was anything to judge, or not yet asked about */
    out->state = t->known.state;
  else if (t->given_up && t->level <= level)
    out->state = RAD_PRUNED;
  else if (asked && t->paused)
    out->state = RAD_PAUSED;
}

/* Trials up to the last of the cohort that begins at `start`, as before `level` is judged. */
static const rad_trial *const *show(const study *s, uint64_t start, uint64_t level,
                                    const trial *asked, uint64_t *n)
{
  const record *r = &s->record;
  const uint64_t whole = trial_sees(s, start);
  *n = r->n < start + s->cohort ? r->n : start + s->cohort;
  const rad_trial **list = scratch_take(s->env, 0, (*n + 1) * sizeof *list);
  rad_trial *member = scratch_take(s->env, 0, (*n - start + 1) * sizeof *member);
  if (!list || !member)
    return NULL;
  for (uint64_t i = 0; i < start; i++)
    list[i] = i < whole ? &r->trial[i]->known : &r->trial[i]->hidden;
  for (uint64_t i = start; i < *n; i++) {
    show_member(r->trial[i], level, r->trial[i] == asked, &member[i - start]);
    list[i] = &member[i - start];
  }
  return list;
}

/* --- a verdict --- */
/* The first evaluation from v->next on that is to come, so that there is something to see; 0: that
 * would be the end, or later. A training on a share of the samples is asked about at its end. */
static uint64_t next_evaluation(const study *s, const trial *t, const rad_verdict *v)
{
  const uint64_t every = (uint64_t)s->x->run.evaluate, last = t->epochs[s->x->watch.arm];
  const uint64_t done = t->share == v->share ? t->until : 0, end = v->share < 1.0 ? last : 0;
  if (v->next == 0 || v->next >= last)
    return end;
  const uint64_t wanted = v->next > done ? v->next : done + 1;
  const uint64_t epoch = (wanted + every - 1) / every * every;
  return epoch >= last ? end : epoch;
}

enum { LEAVE = RAD_GIVE_UP + 1 }; /* it is paused, and there will be no news */

static rad_status post(study *s, trial *t, const rad_verdict *v)
{
  static const char *const actions[] = {"go on", "pause", "give up", "leave"};
  text line = {0};
  study_begin(s, &line, "verdict");
  json_uint(&line, "trial", t->known.index);
  json_uint(&line, "level", t->level);
  json_double(&line, "value", t->nrung > 0 ? t->rung[t->nrung - 1].value : (double)NAN);
  json_text(&line, "action", actions[v->action]);
  json_uint(&line, "next", next_evaluation(s, t, v));
  if (v->share < 1.0)
    json_double(&line, "share", v->share);
  const rad_status status = study_post(s, &line, true);
  text_free(&line);
  return status < 0 || !t->given_up ? status : trial_end(s, t);
}

/* The share grows, or goes on where it has not ended: so a trial comes to an end. */
static rad_status check_share(study *s, const trial *t, rad_verdict *v)
{
  const bool fresh = t->until == 0, again = v->share == t->share && v->share < 1.0;
  if (v->share == 0.0 || v->action != RAD_GO_ON)
    v->share = 1.0;
  if (v->share > 0.0 && v->share <= 1.0 && (fresh || v->share >= t->share) &&
      !(again && t->until >= t->epochs[s->x->watch.arm]))
    return RAD_OK;
  return rad_fail(&s->pruner->ctx, RAD_EINVAL,
                  "sends trial %llu to the share %g of the samples after %g of them",
                  (unsigned long long)t->known.index, v->share, fresh ? 0.0 : t->share);
}

static rad_status ask(study *s, trial *t, uint64_t start, rad_verdict *v)
{
  uint64_t n;
  const uint64_t index = t->known.index, epochs = t->epochs[s->x->watch.arm];
  const rad_trial *const *list = show(s, start, t->level, t, &n);
  if (!list)
    return RAD_ENOMEM;
  const rad_history all = {.n = t->level == 0 ? index + 1 : n, .trial = list};
  RAD_TRY(ops(s)->judge(&s->pruner->ctx, s->pruner->self, &all, index, epochs, v));
  if (v->action > RAD_GIVE_UP)
    return rad_fail(&s->pruner->ctx, RAD_EINVAL, "judges trial %llu by action %u, which is none",
                    (unsigned long long)index, v->action);
  return check_share(s, t, v);
}

static rad_status judge(study *s, trial *t, uint64_t start)
{
  rad_verdict v = {0};
  const size_t mark = scratch_mark(s->env);
  const rad_status status = ask(s, t, start, &v);
  scratch_release(s->env, mark);
  return status < 0 ? status : post(s, t, &v);
}

/* --- a cohort --- */
static bool open_to(const trial *t) /* will it be asked about again? */
{
  return t->state == TRIAL_RUNNING && (t->paused || t->until > 0);
}

typedef struct standing { /* of a cohort */
  uint64_t level;         /* to be judged next */
  bool begun;             /* some have been judged there, before a kill */
  bool coming;            /* some are still on their way to it */
  bool only_paused;       /* nobody is, or will be */
} standing;

static standing look(const study *s, uint64_t start, uint64_t end)
{
  standing v = {.level = UINT64_MAX, .only_paused = true};
  for (uint64_t i = start; i < end; i++) {
    const trial *t = s->record.trial[i];
    if (open_to(t) && t->level < v.level)
      v.level = t->level;
  }
  for (uint64_t i = start; i < end; i++) {
    const trial *t = s->record.trial[i];
    v.begun |= t->level > v.level;
    v.only_paused &= t->paused || !open_to(t);
    v.coming |= open_to(t) && !t->paused && t->level == v.level && !t->arrived;
  }
  return v;
}

static rad_status leave_paused(study *s, uint64_t start, uint64_t end)
{
  for (uint64_t i = start; i < end; i++)
    if (open_to(s->record.trial[i]))
      RAD_TRY(post(s, s->record.trial[i], &(rad_verdict){.action = LEAVE, .share = 1.0}));
  return RAD_OK;
}

/* RAD_DONE: nothing more can be said of it now. */
static rad_status judge_rung(study *s, uint64_t start, uint64_t end)
{
  const standing v = look(s, start, end);
  if (v.level == UINT64_MAX || v.coming)
    return RAD_DONE;
  if (v.only_paused && !v.begun)
    return leave_paused(s, start, end);
  for (uint64_t i = start; i < end; i++) {
    trial *t = s->record.trial[i];
    if (open_to(t) && t->level == v.level)
      RAD_TRY(judge(s, t, start));
  }
  return RAD_OK;
}

static rad_status judge_cohort(study *s, uint64_t start)
{
  const uint64_t end = s->record.n < start + s->cohort ? s->record.n : start + s->cohort;
  for (uint64_t i = start; i < end; i++) {
    trial *t = s->record.trial[i];
    if (t->state == TRIAL_RUNNING && t->level == 0)
      RAD_TRY(judge(s, t, start));
  }
  if (end < start + s->cohort && !trials_over(s))
    return RAD_OK;
  rad_status status = RAD_OK;
  while (status == RAD_OK)
    status = judge_rung(s, start, end);
  return status < 0 ? status : RAD_OK;
}

rad_status pruner_judge(study *s)
{
  if (!s->pruner)
    return RAD_OK;
  for (uint64_t start = 0; start < s->record.n; start += s->cohort)
    RAD_TRY(judge_cohort(s, start));
  return RAD_OK;
}
