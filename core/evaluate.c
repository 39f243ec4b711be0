/* SPDX-License-Identifier: BSD-3-Clause
 * evaluate.c - all splits through the network in inference mode, and the metrics that measures
 * make of them. */
#include "json.h"
#include "train.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

metric *metric_find(trainer *t, const char *name)
{
  for (size_t i = 0; i < t->nmetric; i++)
    if (strcmp(t->metric[i].name, name) == 0)
      return &t->metric[i];
  return NULL;
}

rad_status metric_set(trainer *t, const char *name, double value)
{
  metric *m = metric_find(t, name);
  if (!m) {
    metric *grown = realloc(t->metric, (t->nmetric + 1) * sizeof *grown);
    if (!grown)
      return RAD_ENOMEM;
    t->metric = grown;
    char *copy = malloc(strlen(name) + 1);
    if (!copy)
      return RAD_ENOMEM;
    memcpy(copy, name, strlen(name) + 1);
    m = &t->metric[t->nmetric++];
    *m = (metric){.name = copy, .max = (double)NAN, .min = (double)NAN};
  }
  m->last = value;
  m->fresh = true;
  if (t->epochs > 0) { /* before training there is nothing to be best at */
    m->max = isnan(m->max) || value > m->max ? value : m->max;
    m->min = isnan(m->min) || value < m->min ? value : m->min;
  }
  return RAD_OK;
}

rad_status loss_of_rows(trainer *t, rad_batch *b, size_t from, size_t to, float *dy, float scale,
                        uint32_t worker)
{
  const instance *l = t->loss;
  if (from >= to)
    return RAD_OK;
  rad_batch part = batch_part(b, from, to);
  part.dy = dy ? dy + from * b->facts->ntarget : NULL;
  part.loss = ((batch *)(void *)b)->loss + from;
  WORKER_CALL(t, worker, l->plugin->ops.loss.eval(instance_ctx(l, worker), l->self, &part, scale));
  return RAD_OK;
}

/* --- targets of a teacher --- */
static model_pass teacher_pass(const batch *b)
{
  return (model_pass){.when = b->b.when, .x = b->b.x, .n = b->b.n, .id = b->id};
}

void teach_begin(trainer *t, const batch *b)
{
  const model_pass p = teacher_pass(b);
  if (t->teacher)
    pass_begin(t->teacher, &p);
}

void teach(trainer *t, batch *b, uint32_t member)
{
  const model_pass p = teacher_pass(b);
  const size_t T = t->data->facts.ntarget;
  size_t from, to;
  if (!t->teacher)
    return;
  pass_rows(t->model, p.n, t->team, member, &from, &to);
  pass_forward(t->teacher, &p, t->team, member);
  if (from < to)
    memcpy(b->b.target + from * T, model_y(t->teacher) + from * T,
           (to - from) * T * sizeof *b->b.target);
}

/* --- what is made of a batch --- */
static uint32_t largest(const float *v, size_t n)
{
  uint32_t best = 0;
  for (uint32_t k = 1; k < n; k++)
    best = v[k] > v[best] ? k : best;
  return best;
}

/* A training beside the arm's: no measure, whose state may be by sample of the arm's own splits. */
static rad_status tally_batch(trainer *t, const rad_batch *b)
{
  const size_t T = t->data->facts.ntarget;
  char name[64];
  tally *a = &t->tally;
  for (size_t i = 0; b && i < b->n; i++) {
    if (!t->teacher && b->label && b->label[i] < 0) /* unlabelled */
      continue;
    a->n++;
    a->loss += b->loss[i];
    a->right += largest(b->y + i * T, T) == largest(b->target + i * T, T);
  }
  if (b)
    return RAD_OK;
  const tally sum = *a;
  *a = (tally){0, 0, 0};
  snprintf(name, sizeof name, "%s.loss", t->split);
  if (sum.n > 0)
    RAD_TRY(metric_set(t, name, sum.loss / sum.n));
  snprintf(name, sizeof name, "%s.accuracy", t->split);
  return sum.n > 0 && T > 1 ? metric_set(t, name, sum.right / sum.n) : RAD_OK;
}

static void note_answers(trainer *t, const rad_batch *b)
{
  const size_t T = t->data->facts.ntarget;
  const rad_source *s = ((const batch *)(const void *)b)->source;
  uint32_t *answer = t->answer[s - t->data->source];
  for (size_t i = 0; i < b->n; i++)
    answer[b->row[i]] = largest(b->y + i * T, T);
}

static rad_status measure_batch(trainer *t, const rad_batch *b)
{
  if (t->role == PART_TRAINING)
    return tally_batch(t, b);
  if (t->role == PART_NETWORK && b)
    note_answers(t, b);
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->eval)
      CALLBACK(t, h->ops->eval(&h->instance->ctx, h->instance->self, b));
  }
  return RAD_OK;
}

typedef struct eval_task {
  trainer *t;
  model_pass pass;
} eval_task;

static void infer(void *with, uint32_t member)
{
  const eval_task *e = with;
  trainer *t = e->t;
  size_t from, to;
  pass_rows(t->model, e->pass.n, t->team, member, &from, &to);
  team_fail(t->team, member, batch_rows(t->eval, from, to, false, member));
  teach(t, t->eval, member);
  if (!t->predicted)
    pass_forward(t->model, &e->pass, t->team, member);
  else if (!team_failed(t->team))
    team_fail(t->team, member, fit_predict(t, &t->eval->b, from, to, member));
  if (!team_failed(t->team))
    team_fail(t->team, member, loss_of_rows(t, &t->eval->b, from, to, NULL, 1.0f, member));
}

static rad_status evaluate_split(trainer *t, rad_source *s)
{
  rad_batch *b = &t->eval->b;
  for (uint64_t i = 0; i < s->n; i += (uint64_t)t->run.eval_batch) {
    const uint64_t left = s->n - i;
    const size_t n = left < (uint64_t)t->run.eval_batch ? (size_t)left : (size_t)t->run.eval_batch;
    if (t->predicted && cancelled(t)) /* the evaluation starts again */
      return RAD_ECANCEL;
    RAD_TRY(batch_begin(t->eval, s, NULL, i, n, &t->when));
    eval_task e = {t, {.when = t->when, .x = b->x, .n = n, .id = b->id}};
    pass_begin(t->model, &e.pass);
    teach_begin(t, t->eval);
    b->y = t->predicted ? t->predicted : (float *)(uintptr_t)model_y(t->model);
    RAD_TRY(team_run(t->team, infer, &e));
    b->dy = NULL;
    b->loss = t->eval->loss;
    RAD_TRY(measure_batch(t, b));
  }
  return measure_batch(t, NULL);
}

static rad_status evaluate_as(trainer *t, rad_source *s, const char *name)
{
  if (s->n == 0)
    return RAD_OK;
  t->split = name;
  const rad_status status = evaluate_split(t, s);
  t->split = NULL;
  return status;
}

rad_status evaluate(trainer *t)
{
  bool wanted = t->role == PART_NETWORK;
  if (t->role == PART_TRAINING) { /* what may decide how it goes on */
    RAD_TRY(evaluate_as(t, t->train, "train"));
    return evaluate_as(t, &t->data->source[RAD_VAL], "val");
  }
  for (size_t i = 0; i < t->nhook; i++)
    wanted |= t->hook[i].ops->eval != NULL;
  for (uint32_t k = RAD_TRAIN; wanted && k < RAD_NSPLIT; k++) {
    rad_source *s = &t->data->source[k];
    RAD_TRY(evaluate_as(t, s, s->name));
  }
  return RAD_OK;
}

/* Of a training beside the arm's: as "NAME.train.loss" of the job, in a line of its own. */
static rad_status hand_over(trainer *t)
{
  char full[160];
  for (size_t i = 0; i < t->nmetric; i++) {
    metric *m = &t->metric[i];
    const int n = snprintf(full, sizeof full, "%s.%s", t->name, m->name);
    if (n < 0 || (size_t)n >= sizeof full)
      return diag_error(t->env->diag, RAD_EINVAL, (origin){0}, "metric name too long: %s", full);
    if (m->fresh)
      RAD_TRY(metric_set(t->parent, full, m->last));
    m->fresh = false;
  }
  return metrics_write(t->parent, ++t->parent->lines);
}

rad_status metrics_write(trainer *t, uint64_t epoch)
{
  text line = {0};
  rad_status s;
  if (t->role == PART_TRAINING)
    return hand_over(t);
  if (t->log < 0)
    return RAD_OK;
  json_open(&line, NULL, '{');
  json_uint(&line, "epoch", epoch);
  json_double(&line, "seconds", t->seconds + clock_seconds() - t->started);
  json_open(&line, "metrics", '{');
  for (size_t i = 0; i < t->nmetric; i++) {
    if (t->metric[i].fresh)
      json_double(&line, t->metric[i].name, t->metric[i].last);
    t->metric[i].fresh = false;
  }
  json_close(&line, '}');
  json_close(&line, '}');
  text_puts(&line, "\n");
  s = line.failed ? RAD_ENOMEM : fs_put(t->log, line.s, line.n, "metrics.jsonl", t->env->diag);
  text_free(&line);
  return s;
}
