/* SPDX-License-Identifier: BSD-3-Clause
 * lab.c - the laboratory: what serial callbacks may do with models and data (rad_lab). */
#include "blocks.h"
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

/* "SPLIT.name" while a split is evaluated, else "INSTANCE.name", or "INSTANCE" alone. */
static rad_status full_name(rad_ctx *c, const char *name, char out[160])
{
  const trainer *t = of(c);
  const char *where = t->split ? t->split : instance_name(c);
  const int n = snprintf(out, 160, *name ? "%s.%s" : "%s", where, name);
  return n > 0 && n < 160 ? RAD_OK : rad_fail(c, RAD_EINVAL, "metric name too long: %s", name);
}

static rad_status lab_metric(rad_ctx *c, const char *name, double value)
{
  char full[160];
  if (!plugin_reports(((const instance *)(void *)c)->plugin, name))
    return rad_fail(c, RAD_EINVAL, "reports the metric '%s', which is none of its .metrics", name);
  RAD_TRY(full_name(c, name, full));
  return metric_set(of(c), full, value);
}

static rad_status lab_vector(rad_ctx *c, const char *name, size_t n, const float *v)
{
  char full[160];
  RAD_TRY(full_name(c, name, full));
  return vectors_set(&of(c)->vectors, full, n, v);
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
  const instance *i = (const instance *)(void *)c;
  *s = data_source(t->data, name, i->section ? i->section->at : (origin){0}, t->env->diag);
  if (!*s)
    return RAD_EINVAL;
  *n = (*s)->n;
  return RAD_OK;
}

static rad_status lab_fetch(rad_ctx *c, rad_source *s, const uint64_t *id, uint64_t first, size_t n,
                            rad_batch **out)
{
  trainer *t = of(c);
  if (n > t->model->batch)
    return rad_fail(c, RAD_EINVAL, "at most %zu samples at once ([run] batch, eval_batch)",
                    t->model->batch);
  if (t->nused == t->npool) {
    batch **grown = realloc(t->pool, (t->npool + 1) * sizeof *grown);
    if (!grown)
      return RAD_ENOMEM;
    t->pool = grown;
    RAD_TRY(batch_new(&t->pool[t->npool], t->data, t->model->batch));
    t->npool++;
  }
  batch *b = t->pool[t->nused];
  RAD_TRY(batch_fill(b, s, id, first, n, &t->when, false));
  b->b.y = b->b.dy = b->b.dx = NULL;
  t->nused++;
  *out = &b->b;
  return RAD_OK;
}

static void lab_drop(rad_ctx *c)
{
  trainer *t = of(c);
  t->nused -= t->nused > 0;
}

static rad_status lab_pause(rad_ctx *c)
{
  return cancelled(of(c)) ? RAD_ECANCEL : RAD_OK;
}

static bool is_measure(rad_ctx *c)
{
  return ((const instance *)(void *)c)->plugin->d.kind == RAD_MEASURE;
}

/* Inserted layers draw from other addresses for samples of another source. */
static void salt(model *m, uint64_t with)
{
  for (uint32_t i = 0; i < m->pub.nnode; i++)
    if (m->node[i].inserted)
      m->node[i].layer->seedkey ^= with;
}

static rad_status no_gradients(rad_ctx *c)
{
  return rad_fail(c, RAD_EINVAL,
                  "wants gradients, but [fit] plugin = %s predicts by itself and has none",
                  of(c)->fit->plugin->d.name);
}

static rad_status pass_by_fit(rad_ctx *c, rad_batch *b, uint32_t flags)
{
  trainer *t = of(c);
  if (flags & (RAD_PASS_DX | RAD_PASS_GRAD))
    return no_gradients(c);
  b->y = t->predicted;
  b->loss = ((batch *)(void *)b)->loss;
  RAD_TRY(fit_predict(t, b, 0, b->n, 0));
  return flags & RAD_PASS_LOSS ? loss_of_rows(t, b, 0, b->n, NULL, 1.0f, 0) : RAD_OK;
}

static rad_status lab_pass(rad_ctx *c, rad_model *of_model, rad_batch *b, uint32_t flags,
                           float scale)
{
  trainer *t = of(c);
  if (t->predicted)
    return pass_by_fit(c, b, flags);
  model *m = of_model->core;
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
  if ((flags & RAD_PASS_GRAD) && is_measure(c))
    return rad_fail(c, RAD_EINVAL, "is a measure: it reads gradients by lab->gradient");
  if (flags & RAD_PASS_DX) {
    RAD_TRY(batch_dx((batch *)(void *)b));
    p.dx = b->dx;
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

/* --- networks beside the arm's --- */
static rad_status for_compressors(rad_ctx *c, const char *what)
{
  return of(c)->round ? RAD_OK : rad_fail(c, RAD_EINVAL, "%s is for rounds of compressors", what);
}

static origin place_of(rad_ctx *c)
{
  const instance *i = (const instance *)(void *)c;
  return i->section ? i->section->at : (origin){0};
}

static rad_status lab_derive(rad_ctx *c, const rad_model *from, const rad_set *set, size_t n,
                             rad_model **out)
{
  trainer *network = NULL;
  RAD_TRY(for_compressors(c, "deriving models"));
  RAD_TRY(network_derive(of(c), from->core, set, n, place_of(c), &network));
  *out = &network->model->pub;
  return RAD_OK;
}

static rad_status lab_train(rad_ctx *c, const rad_training *request)
{
  trainer *t = of(c);
  rad_training r = {0};
  memcpy(&r, request, request->size < sizeof r ? request->size : sizeof r);
  if (t->predicted)
    return rad_fail(c, RAD_EINVAL, "a fit that predicts by itself has no network to train");
  if (r.model == &t->model->pub && r.source == t->train && !r.teacher && r.nset == 0)
    return train_run(t);
  RAD_TRY(for_compressors(c, "training anything but the arm's network on its own data"));
  if (!network_of(t, r.model))
    return rad_fail(c, RAD_EINVAL, "trains a network that this round has not derived");
  return network_train(t, &r, (const instance *)(void *)c);
}

static rad_status lab_values(rad_ctx *c, const rad_param *q, float *out)
{
  const param *p = (const param *)(const void *)q;
  (void)c;
  return param_load(p->model, p, p->pub.value, out);
}

static rad_status lab_used(rad_ctx *c, const rad_param *q, float *out)
{
  const param *p = (const param *)(const void *)q;
  (void)c;
  return param_load(p->model, p, rad_used(q), out);
}

static rad_status lab_assign(rad_ctx *c, const rad_param *q, const float *values,
                             const uint8_t *active)
{
  param *p = (param *)(uintptr_t)q;
  float *mask = active ? c->host->scratch(c, p->decl->count * sizeof *mask) : NULL;
  if (!network_of(of(c), &p->model->pub))
    return rad_fail(c, RAD_EINVAL, "assigns to a network that this round has not derived");
  if (active && !mask)
    return RAD_ENOMEM;
  if (values)
    RAD_TRY(param_store(p->model, p, values, p->pub.value));
  for (size_t i = 0; mask && i < p->decl->count; i++)
    mask[i] = active[i] ? 1.0f : 0.0f;
  if (mask)
    RAD_TRY(param_set_mask(p->model, p, mask));
  for (size_t i = 0; p->pub.mask && i < p->pub.n; i++)
    p->pub.value[i] = p->pub.mask[i] ? p->pub.value[i] : 0.0f;
  return param_renew(p->model, p, 0, param_rows(p), 0);
}

static bool lab_applies(rad_ctx *c, const char *layer)
{
  const instance *i = (const instance *)(void *)c;
  return i->plugin->d.kind != RAD_COMPRESSOR ||
         name_applies(((const compressor_keys *)i->common)->apply, layer);
}

/* --- gradients that are nobody's but the measure's --- */

/* Gradients go to `own`, or, with NULL, where they belong. */
static void lead_gradients(model *m, float *own)
{
  for (uint32_t i = 0; i < m->pub.nparam; i++) {
    param *p = &m->param[i];
    if (p->trained)
      p->pub.grad = (own ? own : m->grad) + p->grad_offset;
    p->pub.keep = own ? 0.0f : 1.0f;
  }
}

static rad_status there_and_back(trainer *t, model *m, rad_batch *b, size_t first, size_t n)
{
  const instance *l = t->loss;
  rad_batch some = batch_part(b, first, first + n);
  const model_pass p = {.when = t->when, .grads = true, .x = some.x, .n = n, .id = some.id};
  RAD_TRY(model_forward(m, &p));
  b->loss = ((batch *)(void *)b)->loss;
  some.y = (float *)(uintptr_t)model_y(m);
  some.dy = model_dy(m);
  some.loss = b->loss + first;
  WORKER_CALL(t, 0, l->plugin->ops.loss.eval(instance_ctx(l, 0), l->self, &some, 1.0f));
  return model_backward(m, &p);
}

static rad_status lab_gradient(rad_ctx *c, rad_model *of_model, rad_batch *b, size_t first,
                               size_t n, float *const *out)
{
  trainer *t = of(c);
  model *m = of_model->core;
  if (t->predicted)
    return no_gradients(c);
  if (m != t->model)
    return rad_fail(c, RAD_EINVAL, "wants the gradient of a network that is not the arm's");
  if (first > b->n || n > b->n - first || n == 0)
    return rad_fail(c, RAD_EINVAL, "samples %zu .. %zu of a batch of %zu", first, first + n, b->n);
  if (!t->own_grad && !(t->own_grad = calloc(m->ngrad + 1, sizeof *t->own_grad)))
    return RAD_ENOMEM;
  lead_gradients(m, t->own_grad);
  rad_status r = there_and_back(t, m, b, first, n);
  lead_gradients(m, NULL);
  b->y = b->dy = NULL; /* of other samples, if any */
  for (uint32_t i = 0; r >= 0 && i < m->pub.nparam; i++) {
    const param *p = &m->param[i];
    float *g = t->own_grad + p->grad_offset;
    if (!p->trained || !out[i])
      continue;
    for (size_t k = 0; p->pub.mask && k < p->pub.n; k++)
      g[k] = p->pub.mask[k] ? g[k] : 0.0f;
    r = param_load(m, p, g, out[i]);
  }
  return r;
}

/* --- values for a while --- */
static rad_status lab_replace(rad_ctx *c, const rad_param *q, const float *in)
{
  trainer *t = of(c);
  model *m = t->model;
  const param *p = (const param *)(const void *)q;
  const uint32_t kind = ((const instance *)(void *)c)->plugin->d.kind;
  const size_t bytes = m->nvalue * sizeof(float);
  if (kind != RAD_MEASURE && kind != RAD_REGULARIZER)
    return rad_fail(c, RAD_EINVAL, "only hooks may replace values for a while");
  if (!t->kept && !(t->kept = malloc(bytes > 0 ? bytes : 1)))
    return RAD_ENOMEM;
  if (!t->replaced)
    memcpy(t->kept, m->value, bytes);
  t->replaced = true;
  RAD_TRY(param_store(m, p, in, p->pub.value));
  for (size_t k = 0; p->pub.mask && k < p->pub.n; k++)
    p->pub.value[k] = p->pub.mask[k] ? p->pub.value[k] : 0.0f;
  return model_shadows(m);
}

rad_status lab_put_back(trainer *t)
{
  t->replaced = false;
  memcpy(t->model->value, t->kept, t->model->nvalue * sizeof *t->kept);
  return model_shadows(t->model);
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
                              .gradient = lab_gradient,
                              .replace = lab_replace,
                              .drop = lab_drop,
                              .pause = lab_pause,
                              .stored = batch_stored,
                              .assign = lab_assign,
                              .used = lab_used,
                              .applies = lab_applies};
