/* SPDX-License-Identifier: BSD-3-Clause
 * train.c - the step loop: gather, forward, loss, backward, regularize, update; after each epoch
 * evaluate, let hooks decide, write a checkpoint. */
#include "train.h"
#include "arm.h"
#include "blocks.h"
#include "philox.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE = 1 << 16 }; /* elements of a tensor that are updated together, in whole rows */

double clock_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void train_order(const trainer *t, uint64_t epoch, uint64_t *order)
{
  enum { CHUNK = 512 };
  uint32_t r[2 * CHUNK];
  const uint64_t n = t->data->facts.n[RAD_TRAIN];
  const uint64_t key = philox_seedkey(t->env->seed, philox_salt("order of samples"));
  const rad_at at = {.when = epoch};
  for (uint64_t i = 0; i < n; i++) { /* Fisher and Yates, inside out */
    if (i % CHUNK == 0)
      philox_bits(key, &at, 2 * i, sizeof r / sizeof *r, r);
    const uint64_t hi = r[2 * (i % CHUNK)] * (i + 1), lo = r[2 * (i % CHUNK) + 1] * (i + 1);
    const uint64_t j = (hi + (lo >> 32)) >> 32; /* 0..i for n < 2^32 */
    order[i] = order[j];
    order[j] = i;
  }
}

static rad_status diverge(trainer *t, double loss)
{
  t->diverged = true;
  snprintf(t->reason, sizeof t->reason, "the loss is %s in epoch %llu, step %llu",
           isnan(loss) ? "not a number" : "infinite", (unsigned long long)t->epochs + 1,
           (unsigned long long)(t->when.step % t->when.nstep) + 1);
  return RAD_EDIVERGED;
}

static rad_status forward_and_back(trainer *t, rad_batch *b)
{
  const model_pass p = {.when = t->when,
                        .training = true,
                        .settle = true,
                        .grads = true,
                        .x = b->x,
                        .n = b->n,
                        .id = b->id};
  double sum = 0;
  for (uint32_t i = 0; i < t->model->pub.nparam; i++)
    t->model->param[i].pub.keep = t->update[i].group ? t->update[i].group->plan.keep : 0.0f;
  RAD_TRY(model_forward(t->model, &p));
  b->y = (float *)(uintptr_t)model_y(t->model);
  b->dy = model_dy(t->model);
  RAD_TRY(loss_of_batch(t, b, b->dy, 1.0f / (float)b->n));
  for (size_t i = 0; i < b->n; i++)
    sum += b->loss[i];
  if (!isfinite(sum))
    return diverge(t, sum);
  return model_backward(t->model, &p);
}

static rad_status update_slice(trainer *t, const param *p, const update *u, rad_slice *s)
{
  float *slot[MAX_SLOTS];
  const instance *o = u->group->optimizer;
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->grad && name_applies(h->keys->apply, p->pub.layer))
      CALLBACK(t, h->ops->grad(&h->instance->ctx, h->instance->self, s));
  }
  for (uint32_t k = 0; k < u->group->plan.nslot; k++)
    slot[k] = u->slot[k] + s->first;
  const rad_update step = {.param = &p->pub,
                           .when = t->when,
                           .t = t->when.step + 1,
                           .lr = s->lr,
                           .n = s->n,
                           .w = s->w,
                           .g = s->g,
                           .slot = slot};
  CALLBACK(t, o->plugin->ops.optimizer.step((rad_ctx *)(uintptr_t)&o->ctx, o->self, &step));
  s->g = NULL;
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->weights && name_applies(h->keys->apply, p->pub.layer))
      CALLBACK(t, h->ops->weights(&h->instance->ctx, h->instance->self, s));
  }
  return RAD_OK;
}

static rad_status update_param(trainer *t, param *p, const update *u, double factor)
{
  const optimizer_keys *k = u->group->optimizer->common;
  const size_t rows = p->pub.shape.rank > 0 ? p->pub.shape.dim[0] : 1, row = p->pub.n / rows;
  const size_t step = u->group->plan.whole ? rows : row < SLICE ? SLICE / row : 1;
  for (size_t r = 0; r < rows; r += step) {
    const size_t n = (rows - r < step ? rows - r : step) * row;
    rad_slice s = {.param = &p->pub,
                   .when = t->when,
                   .lr = k->lr * factor,
                   .first = r * row,
                   .n = n,
                   .w = p->pub.value + r * row,
                   .g = p->pub.grad + r * row,
                   .penalty = &t->penalty};
    RAD_TRY(update_slice(t, p, u, &s));
  }
  return RAD_OK;
}

static rad_status train_step(trainer *t, const uint64_t *row, size_t n)
{
  double factor = 1.0;
  rad_batch *b = &t->batch->b;
  RAD_TRY(batch_fill(t->batch, &t->data->source[RAD_TRAIN], row, 0, n, &t->when, true));
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->batch)
      CALLBACK(t, h->ops->batch(&h->instance->ctx, h->instance->self, b));
  }
  RAD_TRY(forward_and_back(t, b));
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->step)
      CALLBACK(t, h->ops->step(&h->instance->ctx, h->instance->self, &t->model->pub, b));
  }
  CALLBACK(t, t->schedule->plugin->ops.schedule.factor(&t->schedule->ctx, t->schedule->self,
                                                       &t->when, &factor));
  t->penalty = 0;
  for (uint32_t i = 0; i < t->model->pub.nparam; i++)
    if (t->update[i].group)
      RAD_TRY(update_param(t, &t->model->param[i], &t->update[i], factor));
  return RAD_OK;
}

static bool cancelled(const trainer *t)
{
  return t->env->cancelled && *t->env->cancelled;
}

/* From when.step to the end of its epoch. RAD_ECANCEL after a whole batch. */
static rad_status train_epoch(trainer *t)
{
  const uint64_t n = t->data->facts.n[RAD_TRAIN], rows = (uint64_t)t->run.batch;
  train_order(t, t->when.epoch, t->order);
  for (uint64_t k = t->when.step - t->when.epoch * t->when.nstep; k < t->when.nstep; k++) {
    const uint64_t first = k * rows;
    RAD_TRY(train_step(t, t->order + first, (size_t)(n - first < rows ? n - first : rows)));
    t->when.step++;
    if (cancelled(t))
      return RAD_ECANCEL;
  }
  return RAD_OK;
}

static rad_status mark_best(trainer *t)
{
  const size_t bytes = t->model->nvalue * sizeof(float);
  t->best = t->best ? t->best : malloc(bytes > 0 ? bytes : 1);
  if (!t->best)
    return RAD_ENOMEM;
  memcpy(t->best, t->model->value, bytes);
  t->marked = true;
  return RAD_OK;
}

/* Hooks look at a finished epoch; what they ask for is done. */
static rad_status epoch_hooks(trainer *t, bool last)
{
  rad_report r = {.when = t->when, .model = &t->model->pub};
  r.when.epoch = t->epochs - 1;
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->epoch && (last || t->epochs % (uint64_t)h->keys->every == 0))
      CALLBACK(t, h->ops->epoch(&h->instance->ctx, h->instance->self, &r));
  }
  if (r.action & RAD_MARK_BEST)
    RAD_TRY(mark_best(t));
  t->restore |= (r.action & RAD_RESTORE) != 0;
  t->stopped |= (r.action & RAD_STOP) != 0;
  return RAD_OK;
}

static rad_status watch_fit(trainer *t)
{
  const metric *m = metric_find(t, t->run.fit_metric);
  const metric *fit = metric_find(t, "epochs_to_fit");
  if (m && !fit && m->last >= t->run.fit)
    return metric_set(t, "epochs_to_fit", (double)t->epochs);
  return RAD_OK;
}

/* An epoch's last step is done. */
static rad_status end_epoch(trainer *t)
{
  t->epochs = ++t->when.epoch;
  const bool last = t->epochs >= t->when.nepoch;
  if (last || t->epochs % (uint64_t)t->run.evaluate == 0) {
    RAD_TRY(evaluate(t));
    if (t->penalized)
      RAD_TRY(metric_set(t, "penalty", t->penalty));
    RAD_TRY(watch_fit(t));
    RAD_TRY(epoch_hooks(t, last));
    RAD_TRY(metrics_write(t, t->epochs));
  }
  if (clock_seconds() - t->saved >= (double)t->run.checkpoint)
    RAD_TRY(checkpoint_write(t));
  return RAD_OK;
}

static rad_status give_back_best(trainer *t)
{
  if (!t->restore || !t->marked)
    return RAD_OK;
  memcpy(t->model->value, t->best, t->model->nvalue * sizeof(float));
  return evaluate(t);
}

rad_status train_run(trainer *t)
{
  rad_status s = RAD_OK;
  if (t->epochs == 0 && t->when.step == 0) {
    RAD_TRY(evaluate(t));
    RAD_TRY(metrics_write(t, 0));
  }
  while (s >= 0 && !t->stopped && t->epochs < t->when.nepoch) {
    s = train_epoch(t);
    if (s >= 0)
      s = end_epoch(t);
  }
  if (s == RAD_ECANCEL)
    RAD_TRY(checkpoint_write(t));
  return s < 0 ? s : give_back_best(t);
}
