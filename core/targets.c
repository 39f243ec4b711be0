/* SPDX-License-Identifier: BSD-3-Clause
 * targets.c - targets of one split as an arm's training gets them: as stored, then changed by each
 * label noise in file order. The truth is kept beside them. */
#include "source.h"
#include <math.h>
#include <string.h>

void target_dense(const rad_source *s, uint64_t row, int32_t label, float *out)
{
  const rad_facts *f = &s->pool->facts;
  const size_t T = f->ntarget, at = (size_t)s->id[row] * T;
  const uint8_t *y = s->store->y[s->split == RAD_TEST];
  if (f->target == RAD_CLASS) {
    memset(out, 0, T * sizeof *out);
    if (label >= 0)
      out[label] = 1.0f;
  } else if (f->target == RAD_MULTI) {
    for (size_t k = 0; k < T; k++)
      out[k] = y[at + k];
  } else {
    memcpy(out, y + at * sizeof *out, T * sizeof *out);
  }
}

/* The class of the largest number; the present one, where it is among them. */
static int32_t largest(const float *v, size_t T, int32_t present)
{
  size_t best = present >= 0 ? (size_t)present : 0;
  for (size_t k = 0; k < T; k++)
    if (v[k] > v[best])
      best = k;
  return (int32_t)best;
}

rad_status targets_read(rad_source *s)
{
  const int32_t *y = (const int32_t *)(const void *)s->store->y[s->split == RAD_TEST];
  s->label = s->truth = NULL;
  if (s->pool->facts.target != RAD_CLASS)
    return RAD_OK;
  s->label = s->truth = arena_alloc(&s->data->mem, ((size_t)s->n + 1) * sizeof *s->label);
  if (!s->label)
    return RAD_ENOMEM;
  for (uint64_t i = 0; i < s->n; i++)
    s->label[i] = y[s->id[i]];
  return RAD_OK;
}

/* Targets as dense floats of their own, for noise to change. */
static rad_status own_targets(rad_source *s)
{
  const size_t T = s->pool->facts.ntarget;
  size_t n;
  if (s->soft)
    return RAD_OK;
  if (!size_mul((size_t)s->n, T, &n) || !size_mul(n, sizeof *s->soft, &n))
    return RAD_ENOMEM;
  s->soft = arena_alloc(&s->data->mem, n + 1);
  if (!s->soft)
    return RAD_ENOMEM;
  for (uint64_t i = 0; i < s->n; i++)
    target_dense(s, i, s->label ? s->label[i] : -1, s->soft + i * T);
  return RAD_OK;
}

static rad_status own_labels(rad_source *s) /* so that the truth stays */
{
  if (s->label != s->truth || !s->label)
    return RAD_OK;
  s->label = arena_alloc(&s->data->mem, ((size_t)s->n + 1) * sizeof *s->label);
  if (!s->label)
    return RAD_ENOMEM;
  memcpy(s->label, s->truth, (size_t)s->n * sizeof *s->label);
  return RAD_OK;
}

static rad_status own_weights(rad_source *s)
{
  if (s->weight)
    return RAD_OK;
  s->weight = arena_alloc(&s->data->mem, ((size_t)s->n + 1) * sizeof *s->weight);
  for (uint64_t i = 0; s->weight && i < s->n; i++)
    s->weight[i] = 1.0f;
  return s->weight ? RAD_OK : RAD_ENOMEM;
}

static rad_status check_targets(rad_source *s, instance *noise)
{
  const rad_facts *f = &s->pool->facts;
  for (uint64_t i = 0; i < s->n; i++) {
    const unsigned long long id = s->id[i];
    if (!isfinite(s->weight[i]) || s->weight[i] < 0.0f)
      return rad_fail(&noise->ctx, RAD_EINVAL, "gave sample %llu an impossible weight", id);
    if (!s->soft && (s->label[i] < -1 || s->label[i] >= (int32_t)f->ntarget))
      return rad_fail(&noise->ctx, RAD_EINVAL, "gave sample %llu the label %ld of %zu classes", id,
                      (long)s->label[i], f->ntarget);
    for (size_t k = 0; s->soft && k < f->ntarget; k++)
      if (!isfinite(s->soft[i * f->ntarget + k]))
        return rad_fail(&noise->ctx, RAD_EINVAL, "gave sample %llu a target that is not finite",
                        id);
    if (s->soft && f->target == RAD_CLASS)
      s->label[i] = largest(s->soft + i * f->ntarget, f->ntarget, s->label[i]);
  }
  return RAD_OK;
}

/* One step of the chain. Once a noise has asked for distributions, they stay distributions. */
rad_status targets_change(rad_source *s, instance *noise)
{
  const rad_noise_ops *ops = &noise->plugin->ops.noise;
  rad_facts f = s->pool->facts;
  const bool labels = f.target == RAD_CLASS && !(ops->flags & RAD_WANT_SOFT);
  if (labels && s->soft)
    return rad_fail(&noise->ctx, RAD_EINVAL,
                    "changes labels, but a noise before it has made distributions of them; put its "
                    "section first");
  if (f.target == RAD_MULTI && !(ops->flags & RAD_WANT_SOFT))
    return rad_fail(&noise->ctx, RAD_EINVAL, "cannot change several classes per sample");
  RAD_TRY(own_labels(s));
  RAD_TRY(own_weights(s));
  if (!labels) {
    RAD_TRY(own_targets(s));
    f.target = f.target == RAD_REAL ? RAD_REAL : RAD_SOFT;
  }
  rad_part p = {.facts = &f,
                .split = s->split,
                .n = (size_t)s->n,
                .id = s->id,
                .y = labels ? (void *)s->label : (void *)s->soft,
                .weight = s->weight};
  const size_t mark = scratch_mark(noise->env);
  const rad_status r = ops->split(&noise->ctx, noise->self, &p);
  scratch_release(noise->env, mark);
  return r < 0 ? r : check_targets(s, noise);
}

void targets_count(rad_source *s)
{
  s->changed = 0;
  for (uint64_t i = 0; s->label && i < s->n; i++)
    s->changed += s->label[i] != s->truth[i];
}
