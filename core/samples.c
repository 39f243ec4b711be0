/* SPDX-License-Identifier: BSD-3-Clause
 * samples.c - samples.safetensors: a few training images as the network gets them, corrupted,
 * cropped and flipped, with the labels that it is told, so that a report shows a wrong setting of
 * noise at once. Bytes x (n,H,W,C), at most 8 of 64 x 64; "label.0" and "truth.0" are names of
 * classes. */
#include "safetensors.h"
#include "train.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8, SIDE = 64 };

typedef struct strip {
  size_t n, h, w, c, step; /* every step-th pixel of what is stored */
  const char *key[2 * MOST], *value[2 * MOST];
  size_t nmeta;
  uint8_t *x;
  arena mem;
} strip;

/* Of each class as many, in the order in which they come. */
static rad_status choose(const rad_source *s, size_t classes, uint64_t row[MOST], size_t *n)
{
  const size_t quota = classes > 0 ? (MOST + classes - 1) / classes : MOST;
  size_t *count = calloc(classes + 1, sizeof *count);
  if (!count)
    return RAD_ENOMEM;
  *n = 0;
  for (uint64_t i = 0; i < s->n && *n < MOST; i++) {
    const size_t k = s->truth && s->truth[i] >= 0 ? (size_t)s->truth[i] : classes;
    if (k >= classes || count[k]++ < quota)
      row[(*n)++] = i;
  }
  free(count);
  return RAD_OK;
}

/* Natural units as they are, whatever was standardized stretched to the whole range. */
static void to_bytes(const strip *s, const float *x, size_t H, size_t W, uint8_t *out)
{
  float lo = x[0], hi = x[0];
  for (size_t i = 1; i < H * W * s->c; i++) {
    lo = x[i] < lo ? x[i] : lo;
    hi = x[i] > hi ? x[i] : hi;
  }
  if (lo >= 0.0f && hi <= 1.0f) {
    lo = 0.0f;
    hi = 1.0f;
  }
  for (size_t i = 0; i < s->h; i++)
    for (size_t j = 0; j < s->w; j++)
      for (size_t k = 0; k < s->c; k++) {
        const float v = x[(i * s->step * W + j * s->step) * s->c + k];
        const float unit = hi > lo ? (v - lo) / (hi - lo) : 0.5f;
        *out++ = isfinite(unit) ? (uint8_t)(255.0f * unit + 0.5f) : 0;
      }
}

static const char *class_name(strip *s, const rad_facts *f, int32_t k)
{
  if (k >= 0 && (size_t)k < f->ntarget && f->labels)
    return arena_strdup(&s->mem, f->labels[k]);
  return arena_printf(&s->mem, "%" PRId32, k);
}

static bool add_name(strip *s, const char *what, size_t i, const char *name)
{
  s->key[s->nmeta] = arena_printf(&s->mem, "%s.%zu", what, i);
  s->value[s->nmeta] = name;
  return s->key[s->nmeta] && s->value[s->nmeta++];
}

static rad_status fill(strip *s, trainer *t, const uint64_t *row)
{
  const rad_facts *f = &t->data->facts;
  const rad_when when = {.nepoch = 1, .nstep = 1};
  const size_t D = rad_count(&f->sample);
  batch *b;
  RAD_TRY(batch_new(&b, t->data, s->n));
  const size_t mark = scratch_mark(t->env);
  rad_status r = batch_fill(b, &t->data->source[RAD_TRAIN], row, 0, s->n, &when, true);
  scratch_release(t->env, mark);
  for (size_t i = 0; r >= 0 && i < s->n; i++) {
    to_bytes(s, b->b.x + i * D, f->sample.dim[0], f->sample.dim[1], s->x + i * s->h * s->w * s->c);
    if (f->target == RAD_CLASS && (!add_name(s, "label", i, class_name(s, f, b->label[i])) ||
                                   !add_name(s, "truth", i, class_name(s, f, b->truth[i]))))
      r = RAD_ENOMEM;
  }
  batch_free(b);
  return r;
}

rad_status samples_write(trainer *t, const char *dir)
{
  const rad_facts *f = &t->data->facts;
  const rad_shape *d = &f->sample;
  uint64_t row[MOST];
  strip s = {.step = 1};
  if (d->rank != 3 || (d->dim[2] != 1 && d->dim[2] != 3))
    return RAD_OK; /* no image */
  RAD_TRY(choose(&t->data->source[RAD_TRAIN], f->target == RAD_CLASS ? f->ntarget : 0, row, &s.n));
  while (d->dim[0] / s.step > SIDE || d->dim[1] / s.step > SIDE)
    s.step++;
  s.h = d->dim[0] / s.step;
  s.w = d->dim[1] / s.step;
  s.c = d->dim[2];
  const size_t bytes = s.n * s.h * s.w * s.c; /* at most 8 * 64 * 64 * 3 */
  if (bytes == 0)
    return RAD_OK;
  const char *path = fs_join(&s.mem, dir, "samples.safetensors");
  s.x = arena_alloc(&s.mem, bytes);
  rad_status r = path && s.x ? fill(&s, t, row) : RAD_ENOMEM;
  const st_tensor x = {.name = "x",
                       .type = RAD_U8,
                       .shape = {.rank = 4, .dim = {s.n, s.h, s.w, s.c}},
                       .data = s.x,
                       .bytes = bytes};
  if (r >= 0)
    r = st_write(path, &x, 1, s.key, s.value, s.nmeta, t->env->diag);
  arena_free(&s.mem);
  return r;
}
