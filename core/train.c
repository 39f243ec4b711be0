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
  const uint64_t n = t->train->n;
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

/* --- update --- */
static void mask(const param *p, size_t first, size_t n, float *v)
{
  const uint8_t *restrict m = p->pub.mask ? p->pub.mask + first : NULL;
  for (size_t i = 0; m && i < n; i++)
    v[i] = m[i] ? v[i] : 0.0f;
}

static rad_status update_slice(trainer *t, const param *p, const update *u, rad_slice *s,
                               uint32_t w)
{
  float *slot[MAX_SLOTS];
  const instance *o = u->group->optimizer;
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->grad && name_applies(h->keys->apply, p->pub.layer))
      WORKER_CALL(t, w, h->ops->grad(instance_ctx(h->instance, w), h->instance->self, s));
  }
  mask(p, s->first, s->n, s->g);
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
  WORKER_CALL(t, w, o->plugin->ops.optimizer.step(instance_ctx(o, w), o->self, &step));
  s->g = NULL;
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->weights && name_applies(h->keys->apply, p->pub.layer))
      WORKER_CALL(t, w, h->ops->weights(instance_ctx(h->instance, w), h->instance->self, s));
  }
  mask(p, s->first, s->n, s->w);
  return RAD_OK;
}

/* Rows of one tensor of a portion, and what the backend derives from them. */
static rad_status update_rows(trainer *t, param *p, size_t lo, size_t hi, double *penalty,
                              uint32_t w)
{
  const update *u = &t->update[p->pub.index];
  if (!u->group)
    return RAD_OK;
  const optimizer_keys *k = u->group->optimizer->common;
  const size_t first = param_row(p, lo), end = param_row(p, hi);
  rad_slice s = {.param = &p->pub,
                 .when = t->when,
                 .lr = k->lr * t->factor,
                 .first = first,
                 .n = end - first,
                 .w = p->pub.value + first,
                 .g = p->pub.grad + first,
                 .penalty = penalty};
  RAD_TRY(update_slice(t, p, u, &s, w));
  return param_renew(t->model, p, lo, hi, w);
}

static rad_status update_portion(void *with, size_t k, uint32_t w)
{
  trainer *t = with;
  const portion *q = &t->model->portion[k];
  t->share[k] = 0;
  for (uint32_t i = q->from; i < q->to; i++) {
    param *p = &t->model->param[q->node->param[i]->index];
    size_t lo, hi;
    portion_rows(q, p, &lo, &hi);
    RAD_TRY(update_rows(t, p, lo, hi, &t->share[k], w));
  }
  return RAD_OK;
}

/* --- a step; every member of the team runs it --- */
typedef struct step_task {
  trainer *t;
  model_pass pass;
} step_task;

static rad_status change_batch(trainer *t)
{
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->batch)
      CALLBACK(t, h->ops->batch(&h->instance->ctx, h->instance->self, &t->batch->b));
  }
  return RAD_OK;
}

static rad_status check_loss(trainer *t)
{
  double sum = 0;
  rad_batch *b = &t->batch->b;
  b->loss = t->batch->loss;
  b->dy = model_dy(t->model);
  for (size_t i = 0; i < b->n; i++)
    sum += b->loss[i];
  return isfinite(sum) ? RAD_OK : diverge(t, sum);
}

static rad_status step_hooks(trainer *t)
{
  for (size_t i = 0; i < t->nhook; i++) {
    const hook *h = &t->hook[i];
    if (h->ops->step)
      CALLBACK(t, h->ops->step(&h->instance->ctx, h->instance->self, &t->model->pub, &t->batch->b));
  }
  return RAD_OK;
}

static rad_status schedule(trainer *t)
{
  const instance *s = t->schedule;
  CALLBACK(t, s->plugin->ops.schedule.factor((rad_ctx *)(uintptr_t)&s->ctx, s->self, &t->when,
                                             &t->factor));
  return RAD_OK;
}

/* What one does while the others wait. */
static void serial(trainer *t, uint32_t member, rad_status (*f)(trainer *))
{
  team_wait(t->team);
  if (member == 0 && !team_failed(t->team))
    team_fail(t->team, 0, f(t));
  team_deal(t->team, member);
  team_wait(t->team);
}

static void there_and_back(step_task *s, uint32_t member)
{
  trainer *t = s->t;
  size_t from, to;
  rad_batch *b = &t->batch->b;
  pass_rows(t->model, s->pass.n, t->team, member, &from, &to);
  team_fail(t->team, member, batch_rows(t->batch, from, to, true, member));
  if (t->batches)
    serial(t, member, change_batch);
  teach(t, t->batch, member);
  pass_forward(t->model, &s->pass, t->team, member);
  if (!team_failed(t->team))
    team_fail(t->team, member,
              loss_of_rows(t, b, from, to, model_dy(t->model), 1.0f / (float)b->n, member));
  pass_backward(t->model, &s->pass, t->team, member);
}

static rad_status before_update(trainer *t)
{
  RAD_TRY(check_loss(t));
  return t->steps ? RAD_OK : schedule(t);
}

static rad_status between(trainer *t)
{
  RAD_TRY(step_hooks(t));
  return schedule(t);
}

static void step(void *with, uint32_t member)
{
  step_task *s = with;
  trainer *t = s->t;
  there_and_back(s, member);
  serial(t, member, before_update);
  if (t->steps) {
    pass_portions(t->model, &s->pass, true, t->team, member, NULL, NULL);
    serial(t, member, between);
  }
  pass_portions(t->model, &s->pass, !t->steps, t->team, member, update_portion, t);
}

static rad_status train_step(trainer *t, const uint64_t *row, size_t n)
{
  rad_batch *b = &t->batch->b;
  RAD_TRY(batch_begin(t->batch, t->train, row, 0, n, &t->when));
  step_task s = {t,
                 {.when = t->when,
                  .training = true,
                  .settle = true,
                  .grads = true,
                  .x = b->x,
                  .n = b->n,
                  .id = b->id}};
  for (uint32_t i = 0; i < t->model->pub.nparam; i++)
    t->model->param[i].pub.keep = t->update[i].group ? t->update[i].group->plan.keep : 0.0f;
  t->factor = 1.0;
  pass_begin(t->model, &s.pass);
  teach_begin(t, t->batch);
  b->y = (float *)(uintptr_t)model_y(t->model);
  RAD_TRY(team_run(t->team, step, &s));
  t->penalty = 0;
  for (size_t k = 0; k < t->model->nportion; k++)
    t->penalty += t->share[k];
  return RAD_OK;
}

bool cancelled(const trainer *t)
{
  return t->env->cancelled && *t->env->cancelled;
}

/* From when.step to the end of its epoch. RAD_ECANCEL after a whole batch. */
static rad_status train_epoch(trainer *t)
{
  const uint64_t n = t->train->n, rows = (uint64_t)t->run.batch;
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

rad_status train_end_epoch(trainer *t)
{
  t->epochs = ++t->when.epoch;
  const bool last = t->epochs >= t->when.nepoch;
  if (last || t->epochs % (uint64_t)t->run.evaluate == 0) {
    RAD_TRY(evaluate(t));
    if (t->penalized)
      RAD_TRY(metric_set(t, "penalty", t->penalty));
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
  RAD_TRY(model_shadows(t->model));
  return evaluate(t);
}

rad_status train_run(trainer *t)
{
  rad_status s = RAD_OK;
  if (!t->parent && t->epochs == 0 && t->when.step == 0) {
    RAD_TRY(evaluate(t));
    RAD_TRY(metrics_write(t, 0));
  }
  while (s >= 0 && !t->stopped && t->epochs < t->when.nepoch) {
    t->paused = t->until > 0 && t->epochs >= t->until;
    s = t->paused ? RAD_ECANCEL : train_epoch(t);
    if (s >= 0)
      s = train_end_epoch(t);
  }
  if (s == RAD_ECANCEL)
    RAD_TRY(checkpoint_write(t));
  return s < 0 ? s : give_back_best(t);
}
