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

rad_status loss_of_batch(trainer *t, rad_batch *b, float *dy, float scale)
{
  float *const kept = b->dy;
  b->dy = dy;
  b->loss = ((batch *)(void *)b)->loss;
  const size_t mark = scratch_mark(t->env);
  const rad_status s = t->loss->plugin->ops.loss.eval(&t->loss->ctx, t->loss->self, b, scale);
  scratch_release(t->env, mark);
  b->dy = kept;
  return s;
}

static rad_status measure_batch(trainer *t, const rad_batch *b)
{
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->eval)
      CALLBACK(t, h->ops->eval(&h->instance->ctx, h->instance->self, b));
  }
  return RAD_OK;
}

static rad_status evaluate_split(trainer *t, rad_source *s)
{
  rad_batch *b = &t->eval->b;
  for (uint64_t i = 0; i < s->n; i += (uint64_t)t->run.eval_batch) {
    const uint64_t left = s->n - i;
    const size_t n = left < (uint64_t)t->run.eval_batch ? (size_t)left : (size_t)t->run.eval_batch;
    RAD_TRY(batch_fill(t->eval, s, NULL, i, n, &t->when, false));
    RAD_TRY(
        model_forward(t->model, &(model_pass){.when = t->when, .x = b->x, .n = n, .id = b->id}));
    b->y = (float *)(uintptr_t)model_y(t->model);
    b->dy = NULL;
    RAD_TRY(loss_of_batch(t, b, NULL, 1.0f));
    RAD_TRY(measure_batch(t, b));
  }
  return measure_batch(t, NULL);
}

rad_status evaluate(trainer *t)
{
  bool wanted = false;
  for (size_t i = 0; i < t->nhook; i++)
    wanted |= t->hook[i].ops->eval != NULL;
  for (uint32_t k = RAD_TRAIN; wanted && k <= RAD_TEST; k++) {
    rad_source *s = &t->data->source[k];
    if (s->n == 0)
      continue;
    t->split = s->name;
    const rad_status status = evaluate_split(t, s);
    t->split = NULL;
    RAD_TRY(status);
  }
  return RAD_OK;
}

rad_status metrics_write(trainer *t, uint64_t epoch)
{
  text line = {0};
  rad_status s;
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
