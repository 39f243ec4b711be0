/* SPDX-License-Identifier: BSD-3-Clause
 * store.c - one [dataset] section's samples, decoded once: into memory, or into the cache file that
 * all workers share. */
#include "store.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PART_BYTES = 4 << 20 };

/* --- what is known before the samples are read --- */

size_t store_target(const rad_facts *f) /* bytes of one sample's target; 0: too many */
{
  size_t n;
  if (f->target == RAD_CLASS)
    return sizeof(int32_t);
  return f->target == RAD_MULTI ? f->ntarget : size_mul(f->ntarget, sizeof(float), &n) ? n : 0;
}

size_t store_sample(const rad_facts *f) /* bytes of one sample; 0: none, or too many */
{
  size_t n = f->type == RAD_U8 ? 1 : sizeof(float);
  for (size_t i = 0; i < f->sample.rank; i++)
    if (!size_mul(n, f->sample.dim[i], &n))
      return 0;
  return n;
}

/* Numbers of one line: the last two axes, as moments and windows go through a sample. */
static size_t store_line(const rad_shape *s)
{
  return s->rank > 1 ? s->dim[s->rank - 1] * s->dim[s->rank - 2] : s->dim[0];
}

size_t store_bytes(const rad_facts *f)
{
  size_t one, all;
  return size_add(store_sample(f), store_target(f), &one) &&
                 size_mul(one, (size_t)(f->n[RAD_TRAIN] + f->n[RAD_TEST]), &all)
             ? all
             : SIZE_MAX;
}

const char *store_fault(const rad_facts *f)
{
  if (f->sample.rank < 1 || f->sample.rank > 5)
    return "samples must have 1 to 5 axes";
  if (f->type != RAD_U8 && f->type != RAD_F32)
    return "samples must be bytes or 32-bit floats";
  if (f->target < RAD_CLASS || f->target > RAD_REAL)
    return "unknown type of targets";
  if (f->ntarget < 1 || f->ntarget > INT32_MAX || !store_target(f))
    return "impossible number of classes or targets";
  if (!store_sample(f))
    return "a sample has no numbers, or too many";
  if (!isfinite(f->scale) || !(f->scale > 0.0f))
    return "the scale of its numbers must be above 0";
  if (f->n[RAD_TRAIN] < 1)
    return "there is no training sample";
  if (f->n[RAD_TRAIN] > UINT32_MAX || f->n[RAD_TEST] > UINT32_MAX)
    return "more than 4294967295 samples";
  return NULL;
}

rad_status store_seed(env *e, const config *arm, uint64_t *seed)
{
  const section empty = {.kind = "run", .name = ""};
  const section *s = config_find(arm, "run", "");
  const kind_info *k = kind_by_name("run");
  run_keys keys = {0};
  arena mem = {0};
  const rad_status r = keys_fill(k->common, k->ncommon, s ? s : &empty, &keys, &mem, e->diag);
  arena_free(&mem);
  *seed = (uint64_t)keys.data_seed;
  return r;
}

rad_status store_section(env *e, const config *arm, const char *name, const section **out)
{
  *out = config_find(arm, "dataset", name);
  if (!*out)
    return diag_error(e->diag, RAD_EINVAL, (origin){0},
                      "there is no section [dataset%s%s]; add one, as in configs/data/mnist.ini",
                      *name ? " " : "", name);
  return RAD_OK;
}

rad_status store_plugin(env *e, const section *s, const char **out)
{
  char title[160];
  *out = section_value(s, "plugin", NULL);
  if (!*out)
    return diag_error(e->diag, RAD_EINVAL, s->at, "%s needs plugin = ..., for example idx",
                      section_title(s, title));
  return RAD_OK;
}

/* Opens what the section replaces first: generated data are made in its likeness. */
static rad_status open_section(env *e, const section *s, rad_facts *f, instance **out)
{
  const char *name, *fault;
  instance *d = NULL, *old = NULL;
  rad_status r = RAD_OK;
  RAD_TRY(store_plugin(e, s, &name));
  memset(f, 0, sizeof *f);
  if (s->before)
    RAD_TRY(open_section(e, s->before, f, &old));
  f->labels = NULL; /* they belong to `old` */
  instance_free(old);
  RAD_TRY(instance_new(&d, e, RAD_DATASET, name, s));
  const size_t mark = scratch_mark(e);
  r = d->plugin->ops.dataset.open(&d->ctx, d->self, f);
  scratch_release(e, mark);
  if (r >= 0 && (fault = store_fault(f)))
    r = rad_fail(&d->ctx, RAD_EINVAL, "%s", fault);
  if (r < 0) {
    instance_free(d);
    return r;
  }
  f->n[RAD_VAL] = f->n[RAD_REST] = 0;
  f->mean = f->std = NULL;
  *out = d;
  return RAD_OK;
}

rad_status store_facts(env *e, const config *arm, const char *name, rad_facts *f, instance **out)
{
  const section *s;
  const uint64_t seed = e->seed;
  RAD_TRY(store_section(e, arm, name, &s));
  RAD_TRY(store_seed(e, arm, &e->seed));
  const rad_status r = open_section(e, s, f, out);
  e->seed = seed;
  return r;
}

/* --- decoding --- */

static rad_status check_part(instance *d, const rad_part *p)
{
  const rad_facts *f = p->facts;
  const float *v = f->type == RAD_F32 ? p->x : NULL;
  const size_t n = v ? p->n * rad_count(&f->sample) : 0;
  for (size_t i = 0; i < n; i++)
    if (!isfinite(v[i]))
      return rad_fail(&d->ctx, RAD_EINVAL, "sample %llu has a number that is not finite",
                      (unsigned long long)p->id[i / rad_count(&f->sample)]);
  const int32_t *y = f->target == RAD_CLASS ? p->y : NULL;
  for (size_t i = 0; y && i < p->n; i++)
    if (y[i] < -1 || (y[i] >= 0 && (size_t)y[i] >= f->ntarget))
      return rad_fail(&d->ctx, RAD_EINVAL, "label %ld of sample %llu is not one of %zu classes",
                      (long)y[i], (unsigned long long)p->id[i], f->ntarget);
  return RAD_OK;
}

static rad_status read_part(instance *d, const rad_facts *f, uint32_t split, uint64_t first,
                            size_t n, void *x, void *y)
{
  uint64_t id[PART_SAMPLES];
  float weight[PART_SAMPLES];
  for (size_t i = 0; i < n; i++) {
    id[i] = first + i;
    weight[i] = 1.0f;
  }
  rad_part p = {.facts = f, .split = split, .n = n, .id = id, .x = x, .y = y, .weight = weight};
  const size_t mark = scratch_mark(d->env);
  rad_status r = d->plugin->ops.dataset.read(&d->ctx, d->self, &p);
  scratch_release(d->env, mark);
  return r < 0 ? r : check_part(d, &p);
}

rad_status decoder_split(decoder *c, int s)
{
  env *e = c->dataset->env;
  const rad_facts *f = c->facts;
  const uint32_t split = s == 0 ? RAD_TRAIN : RAD_TEST;
  const size_t lines = rad_count(&f->sample) / c->moments.line;
  for (uint64_t i = 0; i < f->n[split]; i += c->part) {
    const size_t n = f->n[split] - i < c->part ? (size_t)(f->n[split] - i) : c->part;
    uint8_t *x = c->file ? c->buffer : c->x[s] + i * c->xb;
    if (e->cancelled && *e->cancelled)
      return RAD_ECANCEL;
    RAD_TRY(read_part(c->dataset, f, split, i, n, x, c->y[s] + i * c->yb));
    if (s == 0)
      moments_add(&c->moments, f->type, x, n * lines);
    if (c->file)
      RAD_TRY(fs_new_put(c->file, x, n * c->xb, e->diag));
  }
  return RAD_OK;
}

rad_status decoder_new(decoder *c, instance *d, const rad_facts *f, arena *mem)
{
  c->dataset = d;
  c->facts = f;
  c->xb = store_sample(f);
  c->yb = store_target(f);
  c->part = PART_BYTES / c->xb;
  c->part = c->part < 1 ? 1 : c->part > PART_SAMPLES ? PART_SAMPLES : c->part;
  return moments_new(&c->moments, mem, store_line(&f->sample), f->sample.dim[f->sample.rank - 1]);
}

static rad_status cache_path(env *e, const config *arm, const char *name, const char *cache,
                             text *path)
{
  char hex[65];
  RAD_TRY(store_key(e, arm, name, hex));
  text_printf(path, "%s/%s.data", cache, hex);
  return path->failed ? RAD_ENOMEM : RAD_OK;
}

rad_status store_names_text(const rad_facts *f, text *t)
{
  for (size_t i = 0; f->labels && i < f->ntarget; i++)
    text_add(t, f->labels[i], strlen(f->labels[i]) + 1);
  return t->failed ? RAD_ENOMEM : RAD_OK;
}

rad_status store_names_read(store *st, const char *p, size_t n)
{
  const size_t T = st->facts.ntarget;
  if (n == 0)
    return RAD_OK;
  if (n < T || p[n - 1] != '\0')
    return RAD_EINVAL;
  const char **v = arena_alloc(&st->mem, T * sizeof *v);
  char *copy = arena_alloc(&st->mem, n);
  if (!v || !copy)
    return RAD_ENOMEM;
  memcpy(copy, p, n);
  for (size_t i = 0, at = 0; i < T; at += strlen(copy + at) + 1, i++) {
    if (at >= n)
      return RAD_EINVAL;
    v[i] = copy + at;
  }
  st->facts.labels = v;
  return RAD_OK;
}

static rad_status decode_to(env *e, const config *arm, const char *name, const char *path)
{
  rad_facts f;
  instance *d;
  RAD_TRY(store_facts(e, arm, name, &f, &d));
  const rad_status r = cache_write(d, &f, path);
  instance_free(d);
  return r;
}

rad_status store_prepare(env *e, const config *arm, const char *name, const char *cache)
{
  store *st = NULL;
  const rad_status r = store_open(&st, e, arm, name, cache);
  store_free(st);
  return r;
}

static rad_status open_cached(store *st, env *e, const config *arm, const char *name,
                              const char *cache)
{
  text path = {0};
  rad_status r = fs_mkdirs(cache, e->diag);
  if (r >= 0)
    r = cache_path(e, arm, name, cache, &path);
  if (r >= 0)
    r = cache_map(st, text_str(&path), e);
  if (r == RAD_DONE) {
    r = decode_to(e, arm, name, text_str(&path));
    if (r >= 0)
      r = cache_map(st, text_str(&path), e);
    if (r == RAD_DONE)
      r = diag_error(e->diag, RAD_EIO, (origin){0},
                     "%s: gone or damaged right after it was written", text_str(&path));
  }
  text_free(&path);
  return r;
}

static rad_status decode_here(store *st, env *e, const config *arm, const char *name)
{
  rad_facts *f = &st->facts;
  decoder c = {0};
  text names = {0};
  instance *d;
  RAD_TRY(store_facts(e, arm, name, f, &d));
  const size_t C = f->sample.dim[f->sample.rank - 1];
  rad_status r = decoder_new(&c, d, f, &st->mem);
  float *meanstd = arena_alloc(&st->mem, 2 * C * sizeof *meanstd);
  for (int s = 0; r >= 0 && s < 2; s++) {
    size_t xn = 0, yn = 0;
    const size_t n = (size_t)f->n[s == 0 ? RAD_TRAIN : RAD_TEST];
    if (size_mul(n, c.xb, &xn) && size_mul(n, c.yb, &yn)) {
      st->x[s] = c.x[s] = arena_alloc(&st->mem, xn + 1);
      st->y[s] = c.y[s] = arena_alloc(&st->mem, yn + 1);
    }
    r = c.x[s] && c.y[s] && meanstd ? decoder_split(&c, s) : RAD_ENOMEM;
  }
  if (r >= 0)
    r = store_names_text(f, &names);
  f->labels = NULL;
  if (r >= 0)
    r = store_names_read(st, text_str(&names), names.n);
  if (r >= 0) {
    moments_end(&c.moments, f->scale, meanstd, meanstd + C);
    f->mean = meanstd;
    f->std = meanstd + C;
  }
  text_free(&names);
  instance_free(d);
  return r;
}

rad_status store_open(store **out, env *e, const config *arm, const char *name, const char *cache)
{
  store *st = calloc(1, sizeof *st);
  *out = NULL;
  if (!st)
    return RAD_ENOMEM;
  const rad_status r = cache ? open_cached(st, e, arm, name, cache) : decode_here(st, e, arm, name);
  if (r < 0) {
    store_free(st);
    return r == RAD_ENOMEM ? diag_error(e->diag, r, (origin){0}, "out of memory for the data set")
                           : r;
  }
  *out = st;
  return RAD_OK;
}

void store_free(store *st)
{
  if (!st)
    return;
  instance_free(st->dataset);
  if (st->mapping)
    fs_unmap(st->mapping);
  arena_free(&st->mem);
  free(st);
}
