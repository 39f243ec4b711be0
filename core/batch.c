/* SPDX-License-Identifier: BSD-3-Clause
 * batch.c - gathers samples of a source: window of each stored sample, input noise, scale.
 *
 *   none         x as stored
 *   unit         natural units (pixels: x / 255)
 *   standardize  (x - mean) / std per channel, on natural units
 *   whiten       (x - mean) / max(std, 1/sqrt(D)) per sample over its D numbers, on natural units
 *
 * Without input noise this is one pass, x * a + b, over bytes whose cache lines were asked for a
 * few samples ahead: samples come in random order, and memory is what gathering waits for. */
#include "source.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined __GNUC__
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void)(p))
#endif
enum { AHEAD = 8, CACHE_LINE = 64 };
enum { TABLE = 256, SUMMED = 65536 }; /* numbers: at least; 65536 * 255^2 < 2^32 */

static bool wants_raw(const data *d) /* input noise on bytes */
{
  bool any = false;
  for (size_t i = 0; i < d->npool * RAD_NSPLIT; i++) {
    const rad_source *s = i < RAD_NSPLIT ? &d->source[i] : d->extra[i - RAD_NSPLIT];
    any |= s->ninput > 0 && s->pool->noise_facts.type == RAD_U8;
  }
  return any;
}

rad_status batch_new(batch **out, const data *d, size_t cap)
{
  batch *b = calloc(1, sizeof *b);
  const size_t D = rad_count(&d->facts.sample), T = d->facts.ntarget;
  size_t nx, nt;
  *out = NULL;
  if (!b)
    return RAD_ENOMEM;
  if (size_mul(cap, D, &nx) && size_mul(cap, T, &nt)) {
    b->b.x = arena_aligned(&b->mem, nx, sizeof *b->b.x);
    b->b.target = arena_aligned(&b->mem, nt, sizeof *b->b.target);
    b->b.weight = arena_aligned(&b->mem, cap, sizeof *b->b.weight);
    b->loss = arena_aligned(&b->mem, cap, sizeof *b->loss);
    b->id = arena_aligned(&b->mem, cap, sizeof *b->id);
    b->row = arena_aligned(&b->mem, cap, sizeof *b->row);
    b->label = arena_aligned(&b->mem, cap, sizeof *b->label);
    b->truth = arena_aligned(&b->mem, cap, sizeof *b->truth);
    b->raw = arena_aligned(&b->mem, wants_raw(d) ? nx : 0, 1);
  }
  if (!b->b.x || !b->b.target || !b->b.weight || !b->loss || !b->id || !b->row || !b->label ||
      !b->truth || !b->raw) {
    batch_free(b);
    return diag_error(d->env->diag, RAD_ENOMEM, (origin){0},
                      "out of memory for batches of %zu samples; make [run] batch smaller", cap);
  }
  b->cap = cap;
  b->b.facts = &d->facts;
  b->b.id = b->id;
  b->b.row = b->row;
  *out = b;
  return RAD_OK;
}

void batch_free(batch *b)
{
  if (!b)
    return;
  arena_free(&b->mem);
  free(b);
}

rad_status batch_dx(batch *b)
{
  const size_t D = rad_count(&b->b.facts->sample);
  size_t n;
  if (!b->dx && size_mul(b->cap, D, &n))
    b->dx = arena_aligned(&b->mem, n, sizeof *b->dx);
  b->b.dx = b->dx;
  return b->dx ? RAD_OK : RAD_ENOMEM;
}

/* --- one pass over numbers --- */

/* x = v * a + b, all alike. */
static void bytes_all(float *restrict x, const uint8_t *restrict v, size_t n, float a, float b)
{
  for (size_t j = 0; j < n; j++)
    x[j] = (float)v[j] * a + b;
}

/* Runs of the table's length, so that channels cost nothing: a plain loop over three arrays. */
static void bytes_by(float *restrict x, const uint8_t *restrict v, size_t n, const affine *f)
{
  const float *restrict a = f->a, *restrict b = f->b;
  if (f->same) {
    bytes_all(x, v, n, a[0], b[0]);
    return;
  }
  for (size_t j = 0, m; j < n; j += m) {
    m = n - j < f->period ? n - j : f->period;
    for (size_t k = 0; k < m; k++)
      x[j + k] = (float)v[j + k] * a[k] + b[k];
  }
}

static void floats_by(float *x, const float *v, size_t n, const affine *f) /* also in place */
{
  const float *restrict a = f->a, *restrict b = f->b;
  for (size_t j = 0, m; j < n; j += m) {
    m = n - j < f->period ? n - j : f->period;
    for (size_t k = 0; k < m; k++)
      x[j + k] = v[j + k] * a[k] + b[k];
  }
}

static void whiten_floats(float *x, size_t D)
{
  double sum = 0.0, sq = 0.0;
  for (size_t j = 0; j < D; j++)
    sum += (double)x[j];
  const double mean = sum / (double)D;
  for (size_t j = 0; j < D; j++)
    sq += ((double)x[j] - mean) * ((double)x[j] - mean);
  const double std = sqrt(sq / (double)D), least = 1.0 / sqrt((double)D);
  const double by = 1.0 / (std > least ? std : least);
  for (size_t j = 0; j < D; j++)
    x[j] = (float)(((double)x[j] - mean) * by);
}

/* Of bytes the sums are exact. */
static void bytes_sums(const uint8_t *v, size_t n, uint64_t *sum, uint64_t *sq)
{
  for (size_t j = 0, m; j < n; j += m) {
    uint32_t s = 0, q = 0;
    m = n - j < SUMMED ? n - j : SUMMED;
    for (size_t k = 0; k < m; k++) {
      const uint32_t u = v[j + k];
      s += u;
      q += u * u;
    }
    *sum += s;
    *sq += q;
  }
}

static void whiten_bytes(float *x, const uint8_t *v, const window *w, double scale)
{
  uint64_t sum = 0, sq = 0;
  const double n = (double)(w->lines * w->line), least = 1.0 / sqrt(n);
  for (size_t j = 0; j < w->lines; j++)
    bytes_sums(v + j * w->pitch, w->line, &sum, &sq);
  const double mean = (double)sum / n, var = (double)sq / n - mean * mean;
  const double std = scale * sqrt(var > 0.0 ? var : 0.0), by = scale / (std > least ? std : least);
  for (size_t j = 0; j < w->lines; j++)
    bytes_all(x + j * w->line, v + j * w->pitch, w->line, (float)by, (float)(-mean * by));
}

/* --- inputs --- */

static bool is_natural(const pool *p) /* what input noise gets */
{
  return p->noise_facts.scale != p->facts.scale || p->noise_facts.type != p->facts.type;
}

static rad_status affine_new(affine *f, const pool *p, bool from_natural, arena *mem)
{
  const size_t C = p->facts.sample.dim[p->facts.sample.rank - 1];
  const float s = from_natural ? 1.0f : p->facts.scale;
  f->period = C * (1 + (TABLE - 1) / C);
  float *a = arena_alloc(mem, 2 * f->period * sizeof *a), *b = a ? a + f->period : NULL;
  f->a = a;
  f->b = b;
  if (!a)
    return RAD_ENOMEM;
  f->same = !p->scale;
  for (size_t k = 0; k < f->period; k++) {
    a[k] = p->keys.scale != SCALE_NONE ? s : from_natural ? 1.0f / p->facts.scale : 1.0f;
    if (p->scale) {
      a[k] = s * p->scale[k % C];
      b[k] = p->shift[k % C];
    }
  }
  return RAD_OK;
}

rad_status batch_scales(pool *p, arena *mem)
{
  RAD_TRY(affine_new(&p->stored, p, false, mem));
  return affine_new(&p->noisy, p, is_natural(p), mem);
}

static const uint8_t *stored(const rad_source *s, size_t bytes, uint64_t id)
{
  return s->store->x[s->split == RAD_TEST] + (size_t)id * bytes;
}

static size_t stored_bytes(const rad_source *s)
{
  return rad_count(&s->store->facts.sample) * (s->pool->facts.type == RAD_U8 ? 1 : sizeof(float));
}

static void prefetch(const uint8_t *p, const window *w, size_t size)
{
  const uint8_t *q = p + w->offset * size;
  const size_t n = ((w->lines - 1) * w->pitch + w->line) * size;
  for (size_t j = 0; j < n; j += CACHE_LINE)
    PREFETCH(q + j);
}

static void gather(batch *b, const rad_source *s, size_t from, size_t to)
{
  const pool *p = s->pool;
  const window *w = &p->window;
  const size_t D = rad_count(&p->facts.sample), bytes = stored_bytes(s);
  const size_t size = p->facts.type == RAD_U8 ? 1 : sizeof(float);
  const bool whiten = p->keys.scale == SCALE_WHITEN;
  for (size_t i = from; i < to; i++) {
    const uint8_t *v = stored(s, bytes, b->id[i]) + w->offset * size;
    float *x = b->b.x + i * D;
    if (i + AHEAD < to)
      prefetch(stored(s, bytes, b->id[i + AHEAD]), w, size);
    if (whiten && size == 1) {
      whiten_bytes(x, v, w, (double)p->facts.scale);
      continue;
    }
    for (size_t j = 0; j < w->lines; j++) {
      const uint8_t *line = v + j * w->pitch * size;
      if (size == 1)
        bytes_by(x + j * w->line, line, w->line, &p->stored);
      else
        floats_by(x + j * w->line, (const float *)(const void *)line, w->line, &p->stored);
    }
    if (whiten)
      whiten_floats(x, D);
  }
}

/* The window of each sample, as input noise wants it: stored numbers, or natural units. */
static void gather_raw(const batch *b, const rad_source *s, size_t from, size_t to, void *out)
{
  const pool *p = s->pool;
  const window *w = &p->window;
  const size_t D = rad_count(&p->facts.sample), bytes = stored_bytes(s);
  const size_t size = p->facts.type == RAD_U8 ? 1 : sizeof(float);
  const bool natural = is_natural(p);
  for (size_t i = from; i < to; i++)
    for (size_t j = 0; j < w->lines; j++) {
      const size_t at = i * D + j * w->line;
      const uint8_t *v = stored(s, bytes, b->id[i]) + (w->offset + j * w->pitch) * size;
      if (!natural)
        memcpy((uint8_t *)out + at * size, v, w->line * size);
      else if (size == 1)
        bytes_all((float *)out + at, v, w->line, p->facts.scale, 0.0f);
      else
        for (size_t k = 0; k < w->line; k++)
          ((float *)out)[at + k] = ((const float *)(const void *)v)[k] * p->facts.scale;
    }
}

static rad_status gather_noisy(batch *b, const rad_source *s, size_t from, size_t to, uint32_t w)
{
  const pool *p = s->pool;
  const size_t D = rad_count(&p->facts.sample), n = to - from;
  const bool bytes = p->noise_facts.type == RAD_U8;
  void *x = bytes ? (void *)b->raw : (void *)b->b.x;
  void *first = bytes ? (void *)(b->raw + from * D) : (void *)(b->b.x + from * D);
  gather_raw(b, s, from, to, x);
  for (size_t k = 0; k < s->ninput; k++) {
    instance *m = s->input[k];
    rad_part part = {
        .facts = &p->noise_facts, .split = s->split, .n = n, .id = b->id + from, .x = first};
    const size_t mark = scratch_mark_of(m->env, w);
    const rad_status r = m->plugin->ops.noise.split(instance_ctx(m, w), m->self, &part);
    scratch_release_of(m->env, w, mark);
    RAD_TRY(r);
  }
  for (size_t i = from; i < to; i++) {
    float *out = b->b.x + i * D;
    if (bytes)
      bytes_by(out, b->raw + i * D, D, &p->noisy);
    else
      floats_by(out, out, D, &p->noisy);
    if (p->keys.scale == SCALE_WHITEN)
      whiten_floats(out, D);
  }
  return RAD_OK;
}

/* --- targets --- */

static void gather_labels(batch *b, const rad_source *s, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++) {
    b->label[i] = s->label[b->row[i]];
    b->truth[i] = s->truth[b->row[i]];
  }
}

static void gather_targets(batch *b, const rad_source *s, size_t from, size_t to)
{
  const rad_facts *f = &s->pool->facts;
  const size_t T = f->ntarget;
  for (size_t i = from; i < to; i++) {
    float *t = b->b.target + i * T;
    if (s->soft)
      memcpy(t, s->soft + b->row[i] * T, T * sizeof *t);
    else
      target_dense(s, b->row[i], s->label ? b->label[i] : -1, t);
    b->b.weight[i] = s->weight ? s->weight[b->row[i]] : 1.0f;
    if (f->target == RAD_CLASS && !s->soft && b->label[i] < 0)
      b->b.weight[i] = 0.0f;
  }
}

rad_batch batch_part(const rad_batch *b, size_t from, size_t to)
{
  const size_t D = rad_count(&b->facts->sample), T = b->facts->ntarget;
  rad_batch p = *b;
  p.first = b->first + from;
  p.n = to - from;
  p.id += from;
  p.row += from;
  p.x += from * D;
  p.target += from * T;
  p.weight += from;
  p.label = b->label ? b->label + from : NULL;
  p.truth = b->truth ? b->truth + from : NULL;
  p.y = b->y ? b->y + from * T : NULL;
  p.dy = b->dy ? b->dy + from * T : NULL;
  p.dx = b->dx ? b->dx + from * D : NULL;
  p.loss = b->loss ? b->loss + from : NULL;
  return p;
}

static rad_status batch_noise(batch *b, const rad_source *s, size_t from, size_t to, uint32_t w)
{
  for (size_t k = 0; k < s->nbatch; k++) {
    instance *m = s->batch[k];
    rad_batch part = batch_part(&b->b, from, to);
    const size_t mark = scratch_mark_of(m->env, w);
    const rad_status r = m->plugin->ops.noise.batch(instance_ctx(m, w), m->self, &part);
    scratch_release_of(m->env, w, mark);
    RAD_TRY(r);
  }
  return RAD_OK;
}

rad_status batch_begin(batch *b, rad_source *s, const uint64_t *row, uint64_t first, size_t n,
                       const rad_when *when)
{
  env *e = s->data->env;
  if (n > b->cap)
    return diag_error(e->diag, RAD_EINVAL, (origin){0}, "a batch of %zu samples is given %zu",
                      b->cap, n);
  for (size_t i = 0; i < n; i++) {
    b->row[i] = row ? row[i] : first + i;
    if (b->row[i] >= s->n)
      return diag_error(e->diag, RAD_EINVAL, (origin){0}, "%s has %llu samples, not one at %llu",
                        s->name, (unsigned long long)s->n, (unsigned long long)b->row[i]);
    b->id[i] = s->id[b->row[i]];
  }
  b->source = s;
  b->b.when = when ? *when : (rad_when){0};
  b->b.facts = &s->data->facts;
  b->b.n = b->b.total = n;
  b->b.first = 0;
  b->b.label = s->label ? b->label : NULL;
  b->b.truth = s->label && s->truth != s->label ? b->truth : NULL;
  b->b.y = b->b.dy = b->b.dx = NULL;
  b->b.loss = NULL;
  return RAD_OK;
}

rad_status batch_rows(batch *b, size_t from, size_t to, bool training, uint32_t worker)
{
  const rad_source *s = b->source;
  if (from >= to)
    return RAD_OK;
  if (s->label)
    gather_labels(b, s, from, to);
  gather_targets(b, s, from, to);
  if (s->ninput > 0)
    RAD_TRY(gather_noisy(b, s, from, to, worker));
  else
    gather(b, s, from, to);
  return training ? batch_noise(b, s, from, to, worker) : RAD_OK;
}

rad_status batch_fill(batch *b, rad_source *s, const uint64_t *row, uint64_t first, size_t n,
                      const rad_when *when, bool training)
{
  RAD_TRY(batch_begin(b, s, row, first, n, when));
  return batch_rows(b, 0, n, training, 0);
}
