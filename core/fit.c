/* SPDX-License-Identifier: BSD-3-Clause
 * fit.c - runs an arm's fit. One that trains the network is run again from the checkpoint on; one
 * that predicts by itself is run once, and its result is evaluated as after an epoch. */
#include "train.h"

bool fit_predicts(const trainer *t)
{
  return t->fit->plugin->ops.fit.predict != NULL;
}

rad_status fit_cost(trainer *t, rad_cost *cost)
{
  const rad_fit_ops *f = &t->fit->plugin->ops.fit;
  *cost = (rad_cost){0};
  if (f->predict && f->cost)
    CALLBACK(t, f->cost(&t->fit->ctx, t->fit->self, cost));
  return RAD_OK;
}

rad_status fit_memory(trainer *t)
{
  const double there = (double)memory_free();
  rad_cost cost;
  RAD_TRY(fit_cost(t, &cost));
  double bytes = cost.bytes;
  for (size_t k = 0; !t->fit->state && k < t->fit->ntensor; k++)
    bytes += (double)t->fit->tensor[k].bytes;
  if (cost.bytes == 0 || there == 0 || bytes <= there)
    return RAD_OK;
  return rad_fail(
      &t->fit->ctx, RAD_EINVAL,
      "%llu training samples take %.1f GiB of memory, and %.1f GiB are free: take fewer "
      "by [dataset] limit",
      (unsigned long long)t->data->facts.n[RAD_TRAIN], bytes / 0x1p30, there / 0x1p30);
}

static rad_status find(trainer *t)
{
  const rad_fit_ops *f = &t->fit->plugin->ops.fit;
  CALLBACK(t, f->fit(&t->fit->ctx, t->fit->self, &t->model->pub, &t->data->source[RAD_TRAIN]));
  return RAD_OK;
}

/* when.step counts: 1 once it has been found. */
static rad_status find_once(trainer *t)
{
  if (t->when.step == 0) {
    RAD_TRY(fit_memory(t));
    RAD_TRY(find(t));
    scratch_free(t->env); /* its areas may be much larger than any later ones */
    t->when.step = 1;
    RAD_TRY(checkpoint_write(t));
  }
  if (t->epochs > 0)
    return RAD_OK;
  for (size_t i = 0; i < t->nmetric; i++)
    t->metric[i].fresh = true; /* also those that the checkpoint has given back */
  return train_end_epoch(t);
}

rad_status fit_run(trainer *t)
{
  const rad_status s = fit_predicts(t) ? find_once(t) : find(t);
  t->seconds += clock_seconds() - t->started;
  t->started = clock_seconds();
  return s;
}

rad_status fit_predict(trainer *t, const rad_batch *b, size_t from, size_t to, uint32_t worker)
{
  const rad_fit_ops *f = &t->fit->plugin->ops.fit;
  for (size_t i = from; i < to; i += CALL) {
    const rad_batch part = batch_part(b, i, to - i < CALL ? to : i + CALL);
    WORKER_CALL(t, worker, f->predict(instance_ctx(t->fit, worker), t->fit->self, &part));
  }
  return RAD_OK;
}
