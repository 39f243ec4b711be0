/* SPDX-License-Identifier: BSD-3-Clause
 * lab.c - the laboratory: what serial callbacks may do with models and data (rad_lab). */
#include "philox.h"
#include "train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static trainer *of(rad_ctx *c)
{
  return ((instance *)(void *)c)->owner;
}

static const char *instance_name(rad_ctx *c)
{
  const instance *i = (const instance *)(void *)c;
  return i->section && i->section->name[0] ? i->section->name : i->plugin->d.name;
}

/* "SPLIT.name" while a split is evaluated, else "INSTANCE.name". */
static rad_status full_name(rad_ctx *c, const char *name, char out[160])
{
  const trainer *t = of(c);
  const int n = snprintf(out, 160, "%s.%s", t->split ? t->split : instance_name(c), name);
  return n > 0 && n < 160 ? RAD_OK : rad_fail(c, RAD_EINVAL, "metric name too long: %s", name);
}

static rad_status lab_metric(rad_ctx *c, const char *name, double value)
{
  char full[160];
  RAD_TRY(full_name(c, name, full));
  return metric_set(of(c), full, value);
}

static rad_status lab_vector(rad_ctx *c, const char *name, size_t n, const float *v)
{
  trainer *t = of(c);
  char full[160];
  vector *out = NULL;
  RAD_TRY(full_name(c, name, full));
  for (size_t i = 0; i < t->nvector; i++)
    out = strcmp(t->vector[i].name, full) == 0 ? &t->vector[i] : out;
  if (!out) {
    vector *grown = realloc(t->vector, (t->nvector + 1) * sizeof *grown);
    if (!grown)
      return RAD_ENOMEM;
    t->vector = grown;
    out = &t->vector[t->nvector];
    *out = (vector){.name = arena_strdup(&t->mem, full)};
    if (!out->name)
      return RAD_ENOMEM;
    t->nvector++;
  }
  size_t bytes;
  if (!size_mul(n, sizeof *v, &bytes))
    return RAD_ENOMEM;
  float *copy = malloc(bytes > 0 ? bytes : 1);
  if (!copy)
    return RAD_ENOMEM;
  memcpy(copy, v, bytes);
  free(out->v);
  out->v = copy;
  out->n = n;
  return RAD_OK;
}

static double lab_value(rad_ctx *c, const char *name)
{
  const metric *m = metric_find(of(c), name);
  return m ? m->last : (double)NAN;
}

static rad_status lab_recall(rad_ctx *c, uint64_t trial, const char *arm, const char *name,
                             size_t *n, const float **v)
{
  (void)trial, (void)arm, (void)name, (void)n, (void)v;
  return rad_fail(c, RAD_EINVAL, "vectors of other trials are not there inside an arm");
}

static rad_status lab_source(rad_ctx *c, const char *name, rad_source **s, uint64_t *n)
{
  trainer *t = of(c);
  *s = data_source(t->data, name, t->env->diag);
  if (!*s)
    return RAD_EINVAL;
  *n = (*s)->n;
  return RAD_OK;
}

static rad_status lab_fetch(rad_ctx *c, rad_source *s, const uint64_t *id, uint64_t first, size_t n,
                            rad_batch **out)
{
  trainer *t = of(c);
  const size_t cap = n > t->model->batch ? n : t->model->batch;
  if (t->nused == t->npool) {
    batch **grown = realloc(t->pool, (t->npool + 1) * sizeof *grown);
    if (!grown)
      return RAD_ENOMEM;
    t->pool = grown;
    t->pool[t->npool++] = NULL;
  }
  if (t->pool[t->nused] && t->pool[t->nused]->cap < cap) {
    batch_free(t->pool[t->nused]);
    t->pool[t->nused] = NULL;
  }
  if (!t->pool[t->nused])
    RAD_TRY(batch_new(&t->pool[t->nused], t->data, cap));
  batch *b = t->pool[t->nused];
  RAD_TRY(batch_fill(b, s, id, first, n, &t->when, false));
  b->b.y = b->b.dy = b->b.dx = NULL;
  t->nused++;
  *out = &b->b;
  return RAD_OK;
}

static void lab_drop(rad_ctx *c, rad_batch *b)
{
  trainer *t = of(c);
  for (size_t i = 0; i < t->nused; i++)
    if (&t->pool[i]->b == b) {
      batch *dropped = t->pool[i];
      t->pool[i] = t->pool[--t->nused];
      t->pool[t->nused] = dropped;
      return;
    }
}

static rad_status lab_pause(rad_ctx *c)
{
  return cancelled(of(c)) ? RAD_ECANCEL : RAD_OK;
}

/* Inserted layers draw from other addresses for samples of another source. */
static void salt(model *m, uint64_t with)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    if (m->node[i].inserted)
      m->node[i].layer->seedkey ^= with;
}

/* By a fit that predicts itself: there is no way back. */
static rad_status pass_by_fit(rad_ctx *c, rad_batch *b, uint32_t flags)
{
  trainer *t = of(c);
  if (flags & (RAD_PASS_DX | RAD_PASS_GRAD))
    return rad_fail(c, RAD_EINVAL,
                    "wants gradients, but [fit] plugin = %s predicts by itself and has none",
                    t->fit->plugin->d.name);
  b->y = t->predicted;
  b->loss = ((batch *)(void *)b)->loss;
  RAD_TRY(fit_predict(t, b, 0, b->n, 0));
  return flags & RAD_PASS_LOSS ? loss_of_rows(t, b, 0, b->n, NULL, 1.0f, 0) : RAD_OK;
}

static rad_status lab_pass(rad_ctx *c, rad_model *of_model, rad_batch *b, uint32_t flags,
                           float scale)
{
  trainer *t = of(c);
  model *m = of_model->core;
  if (b->n > m->batch)
    return rad_fail(c, RAD_EINVAL, "passes at most %zu samples at once ([run] batch, eval_batch)",
                    m->batch);
  if (t->predicted)
    return pass_by_fit(c, b, flags);
  const rad_source *s = ((batch *)(void *)b)->source;
  const bool back = (flags & (RAD_PASS_DX | RAD_PASS_GRAD)) != 0;
  const uint64_t with =
      s == &t->data->source[RAD_TRAIN] ? 0 : philox_seedkey(t->env->seed, philox_salt(s->name));
  model_pass p = {.when = t->when,
                  .training = (flags & RAD_PASS_TRAINING) != 0,
                  .grads = (flags & RAD_PASS_GRAD) != 0,
                  .x = b->x,
                  .n = b->n,
                  .id = b->id};
  if (flags & RAD_PASS_DX) {
    p.dx = b->dx ? b->dx : c->host->scratch(c, b->n * rad_count(&b->facts->sample) * sizeof *p.dx);
    if (!(b->dx = p.dx))
      return RAD_ENOMEM;
  }
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    m->param[i].pub.keep = 1.0f;
  salt(m, with);
  rad_status r = model_forward(m, &p);
  b->y = (float *)(uintptr_t)model_y(m);
  b->dy = back ? model_dy(m) : NULL;
  b->loss = ((batch *)(void *)b)->loss;
  if (r >= 0 && (back || flags & RAD_PASS_LOSS))
    r = loss_of_rows(t, b, 0, b->n, b->dy, scale, 0);
  if (r >= 0 && back)
    r = model_backward(m, &p);
  salt(m, with);
  return r;
}

static rad_status lab_derive(rad_ctx *c, const rad_model *from, const rad_set *set, size_t n,
                             rad_model **out)
{
  (void)from, (void)set, (void)n, (void)out;
  return rad_fail(c, RAD_EINVAL, "this release cannot derive models");
}

static rad_status lab_train(rad_ctx *c, const rad_training *r)
{
  trainer *t = of(c);
  if (t->predicted)
    return rad_fail(c, RAD_EINVAL, "a fit that predicts by itself has no network to train");
  if (r->model != &t->model->pub || r->source != &t->data->source[RAD_TRAIN] || r->teacher ||
      r->nset > 0)
    return rad_fail(c, RAD_EINVAL, "this release trains only the arm's network on its own data");
  return train_run(t);
}

static rad_status lab_values(rad_ctx *c, const rad_param *p, float *out)
{
  return param_load(of(c)->model, (const param *)(const void *)p, p->value, out);
}

const rad_lab lab_services = {.metric = lab_metric,
                              .vector = lab_vector,
                              .value = lab_value,
                              .recall = lab_recall,
                              .source = lab_source,
                              .fetch = lab_fetch,
                              .pass = lab_pass,
                              .derive = lab_derive,
                              .train = lab_train,
                              .values = lab_values,
                              .drop = lab_drop,
                              .pause = lab_pause};
