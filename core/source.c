/* SPDX-License-Identifier: BSD-3-Clause
 * source.c - the data of one arm: its [dataset] sections, cropped and cut, each with the sources
 * train, val, test and rest; its [noise] sections, each for the sources that its `splits` names. */
#include "source.h"
#include <rademacher/lab.h>
#include <stdlib.h>
#include <string.h>

enum { NSPLIT = RAD_NSPLIT };
static const char *const split_name[NSPLIT] = {"train", "val", "test", "rest"};

/* --- data sets --- */

static rad_status crop(pool *p, env *e)
{
  rad_shape *s = &p->facts.sample;
  const size_t n = (size_t)p->keys.crop, all = rad_count(s);
  char title[160];
  p->window = (window){.line = all, .pitch = all, .lines = 1};
  if (n == 0)
    return RAD_OK;
  section_title(p->section, title);
  if (s->rank != 3)
    return diag_error(e->diag, RAD_EINVAL, p->section->at,
                      "%s crop needs images (height, width, channels)", title);
  const size_t H = s->dim[0], W = s->dim[1], C = s->dim[2];
  if (n > H || n > W)
    return diag_error(e->diag, RAD_EINVAL, p->section->at,
                      "%s crop = %zu is larger than the images, %zu x %zu", title, n, H, W);
  if (n < H || n < W)
    p->window = (window){
        .offset = ((H - n) / 2 * W + (W - n) / 2) * C, .pitch = W * C, .lines = n, .line = n * C};
  s->dim[0] = s->dim[1] = n;
  return RAD_OK;
}

/* Mean and deviation over the training samples that are left, in natural units. */
static rad_status measure(pool *p, const rad_source *s, arena *mem)
{
  const window *w = &p->window;
  const size_t C = p->facts.sample.dim[p->facts.sample.rank - 1];
  const size_t size = p->facts.type == RAD_U8 ? 1 : sizeof(float);
  const size_t sample = rad_count(&p->store->facts.sample) * size;
  moments m;
  arena own = {0};
  float *v = arena_alloc(mem, 4 * C * sizeof *v);
  rad_status r = v ? moments_new(&m, &own, w->line, C) : RAD_ENOMEM;
  if (r < 0) {
    arena_free(&own);
    return r;
  }
  for (uint64_t i = 0; i < s->n; i++) {
    const uint8_t *x = p->store->x[0] + s->id[i] * sample + w->offset * size;
    for (size_t j = 0; j < w->lines; j++)
      moments_add(&m, p->facts.type, x + j * w->pitch * size, 1);
  }
  moments_end(&m, (double)p->facts.scale, v, v + C);
  arena_free(&own);
  p->facts.mean = v;
  p->facts.std = v + C;
  if (p->keys.scale != SCALE_STANDARDIZE)
    return RAD_OK;
  p->scale = v + 2 * C;
  p->shift = v + 3 * C;
  for (size_t c = 0; c < C; c++) { /* a channel that never changes is only centred */
    p->scale[c] = v[C + c] > 0.0f ? 1.0f / v[C + c] : 1.0f;
    p->shift[c] = -v[c] * p->scale[c];
  }
  return RAD_OK;
}

static rad_status fill_keys(pool *p, env *e, arena *mem)
{
  const kind_info *k = kind_by_id(RAD_DATASET);
  return keys_fill(k->common, k->ncommon, p->section, &p->keys, mem, e->diag);
}

/* The store, or with `samples` false only what is known of it. */
static rad_status open_pool(data *d, pool *p, const section *s, const char *cache, bool samples)
{
  p->section = s;
  RAD_TRY(fill_keys(p, d->env, &d->mem));
  if (samples) {
    RAD_TRY(store_open(&p->store, d->env, d->config, s->name, cache));
  } else {
    p->store = calloc(1, sizeof *p->store);
    if (!p->store)
      return RAD_ENOMEM;
    RAD_TRY(store_facts(d->env, d->config, s->name, &p->store->facts, &p->store->dataset));
  }
  p->facts = p->store->facts;
  RAD_TRY(crop(p, d->env));
  return cut_sizes(p, d->env);
}

static void put_shape(text *t, const rad_shape *s)
{
  for (size_t i = 0; i < s->rank; i++)
    text_printf(t, "%s%zu", i ? " x " : "", s->dim[i]);
}

/* Samples of extra data sets go through the same network. */
static rad_status check_shape(const data *d, const pool *p)
{
  const rad_shape *s = &p->facts.sample, *t = &d->pool->facts.sample;
  char title[160];
  bool same = s->rank == t->rank;
  for (size_t i = 0; same && i < s->rank; i++)
    same = s->dim[i] == t->dim[i];
  if (same)
    return RAD_OK;
  text m = {0};
  text_printf(&m,
              "%s has samples of another shape than [dataset]: ", section_title(p->section, title));
  put_shape(&m, s);
  text_puts(&m, ", not ");
  put_shape(&m, t);
  const rad_status r = diag_error(d->env->diag, RAD_EINVAL, p->section->at, "%s", text_str(&m));
  text_free(&m);
  return r;
}

static bool same_targets(const rad_source *s)
{
  const rad_facts *f = &s->pool->facts, *g = &s->data->pool->facts;
  return f->ntarget == g->ntarget && (f->target == RAD_CLASS) == (g->target == RAD_CLASS);
}

static rad_source *source_of(data *d, size_t pool_, uint32_t split)
{
  return pool_ == 0 ? &d->source[split] : d->extra[(pool_ - 1) * NSPLIT + split];
}

static rad_source *find_source(data *d, const char *name)
{
  for (size_t i = 0; i < d->npool * NSPLIT; i++) {
    rad_source *s = source_of(d, i / NSPLIT, (uint32_t)(i % NSPLIT));
    if (strcmp(s->name, name) == 0)
      return s;
  }
  return NULL;
}

static rad_status new_sources(data *d, size_t pool_)
{
  const pool *p = &d->pool[pool_];
  for (uint32_t k = 0; k < NSPLIT; k++) {
    rad_source *s = pool_ == 0 ? &d->source[k] : arena_alloc(&d->mem, sizeof *s);
    if (!s)
      return RAD_ENOMEM;
    s->data = d;
    s->pool = p;
    s->store = p->store;
    s->split = k == RAD_REST ? RAD_TRAIN : k;
    s->n = p->facts.n[k];
    s->name = pool_ == 0 ? split_name[k]
                         : arena_printf(&d->mem, "%s.%s", p->section->name, split_name[k]);
    if (!s->name)
      return RAD_ENOMEM;
    if (pool_ > 0)
      d->extra[d->nextra++] = s;
  }
  return RAD_OK;
}

static rad_status add_pool(data *d, const section *s, const char *cache, bool samples)
{
  pool *p = &d->pool[d->npool++];
  RAD_TRY(open_pool(d, p, s, cache, samples));
  RAD_TRY(check_shape(d, p));
  return new_sources(d, d->npool - 1);
}

static rad_status open_pools(data *d, const char *cache, bool samples)
{
  const section *s = config_find(d->config, "dataset", "");
  const size_t n = config_count(d->config, "dataset") + 1;
  if (!s)
    return diag_error(d->env->diag, RAD_EINVAL, (origin){0},
                      "there is no section [dataset]; add one, as in configs/data/mnist.ini");
  d->pool = arena_alloc(&d->mem, n * sizeof *d->pool);
  d->extra = arena_alloc(&d->mem, n * NSPLIT * sizeof *d->extra);
  if (!d->pool || !d->extra)
    return RAD_ENOMEM;
  RAD_TRY(add_pool(d, s, cache, samples));
  for (const section *x = NULL; (x = config_next(d->config, "dataset", x));)
    if (*x->name)
      RAD_TRY(add_pool(d, x, cache, samples));
  return RAD_OK;
}

/* --- noise --- */

static bool is_word(const char *name, const char *const *words, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(name, words[i]) == 0)
      return true;
  return false;
}

static rad_status check_words(data *d, const instance *noise, const char *const *words, size_t n)
{
  char title[160];
  for (size_t i = 0; i < n; i++) {
    if (find_source(d, words[i])) {
      if (!data_source(d, words[i], noise->section->at, d->env->diag))
        return RAD_EINVAL;
      continue;
    }
    return diag_error(d->env->diag, RAD_EINVAL, noise->section->at,
                      "%s splits names '%s'; there are train, val, test and NAME.train of each "
                      "[dataset NAME]",
                      section_title(noise->section, title), words[i]);
  }
  return RAD_OK;
}

static rad_status add(data *d, instance ***list, size_t *n, instance *noise)
{
  if (!*list)
    *list = arena_alloc(&d->mem, d->nnoise * sizeof **list);
  if (!*list)
    return RAD_ENOMEM;
  (*list)[(*n)++] = noise;
  return RAD_OK;
}

/* Gives a noise to the sources that its `splits` names, or by its flags; to the rest as to train,
 * so that a sample is the same whether it is trained on or not. */
static rad_status assign(data *d, instance *noise)
{
  const rad_noise_ops *ops = &noise->plugin->ops.noise;
  const noise_keys *k = noise->common;
  const bool inputs = ops->split && (ops->flags & RAD_CHANGES_INPUTS);
  const bool targets = ops->split && (ops->flags & RAD_CHANGES_TARGETS);
  const char *const *words = NULL;
  size_t n = 0;
  if (k->splits && *k->splits)
    RAD_TRY(config_words(&d->mem, k->splits, &words, &n));
  RAD_TRY(check_words(d, noise, words, n));
  for (size_t i = 0; i < d->npool * NSPLIT; i++) {
    rad_source *s = source_of(d, i / NSPLIT, (uint32_t)(i % NSPLIT));
    const rad_source *as = i % NSPLIT == RAD_REST ? source_of(d, i / NSPLIT, RAD_TRAIN) : s;
    const bool named = is_word(as->name, words, n), train = n == 0 && as == &d->source[RAD_TRAIN];
    if (inputs && (named || (n == 0 && i < NSPLIT)))
      RAD_TRY(add(d, &s->input, &s->ninput, noise));
    if (targets && (named || train))
      RAD_TRY(add(d, &s->target, &s->ntarget, noise));
    if (ops->batch && (named || train))
      RAD_TRY(add(d, &s->batch, &s->nbatch, noise));
  }
  return RAD_OK;
}

static rad_status noise_source(rad_ctx *c, const char *name, rad_source **s, uint64_t *n)
{
  *s = find_source(((instance *)c->core)->owner, name);
  if (!*s)
    return rad_fail(c, RAD_EINVAL,
                    "there are no samples '%s'; there are train, val, test, rest, and NAME.train "
                    "and so on of a section [dataset NAME]",
                    name);
  *n = (*s)->n;
  return RAD_OK;
}
static const rad_lab noise_lab = {.source = noise_source, .stored = batch_stored};

/* By the job's seed, or where it is fixed by data_seed. */
static rad_status new_noise(data *d, const section *x, const char *name, instance **out)
{
  env *e = d->env;
  const uint64_t seed = e->seed;
  const kind_info *k = kind_by_id(RAD_NOISE);
  noise_keys keys;
  RAD_TRY(keys_fill(k->common, k->ncommon, x, &keys, &d->mem, e->diag));
  if (keys.fixed)
    RAD_TRY(store_seed(e, d->config, &e->seed));
  const rad_status r = instance_new(out, e, RAD_NOISE, name, x);
  e->seed = seed;
  return r;
}

static rad_status open_noise(data *d)
{
  env *e = d->env;
  const size_t n = config_count(d->config, "noise");
  d->noise = arena_alloc(&d->mem, (n + 1) * sizeof *d->noise);
  if (!d->noise)
    return RAD_ENOMEM;
  for (const section *x = NULL; (x = config_next(d->config, "noise", x));) {
    char title[160];
    const char *name = section_value(x, "plugin", NULL);
    if (!name)
      return diag_error(e->diag, RAD_EINVAL, x->at,
                        "%s needs plugin = ..., for example "
                        "random_labels",
                        section_title(x, title));
    instance **noise = &d->noise[d->nnoise];
    RAD_TRY(new_noise(d, x, name, noise));
    (*noise)->owner = d;
    (*noise)->ctx.lab = &noise_lab;
    d->nnoise++;
  }
  return RAD_OK;
}

/* What noise is shown: natural units where any that changes inputs wants them. */
static void noise_facts(data *d)
{
  bool natural = false;
  for (size_t i = 0; i < d->nnoise; i++) {
    const rad_noise_ops *ops = &d->noise[i]->plugin->ops.noise;
    natural |= (ops->flags & RAD_CHANGES_INPUTS) && (ops->flags & RAD_WANT_F32);
  }
  for (size_t i = 0; i < d->npool; i++) {
    pool *p = &d->pool[i];
    p->noise_facts = p->facts;
    if (natural) {
      p->noise_facts.type = RAD_F32;
      p->noise_facts.scale = 1.0f;
    }
  }
}

static rad_status plan_noise(data *d)
{
  RAD_TRY(open_noise(d));
  noise_facts(d);
  for (size_t i = 0; i < d->nnoise; i++) {
    instance *m = d->noise[i];
    const rad_noise_ops *ops = &m->plugin->ops.noise;
    const rad_facts *f = ops->flags & RAD_CHANGES_INPUTS ? &d->pool->noise_facts : &d->pool->facts;
    const size_t mark = scratch_mark(m->env);
    const rad_status r = ops->plan ? ops->plan(&m->ctx, m->self, f) : RAD_OK;
    scratch_release(m->env, mark);
    RAD_TRY(r);
    RAD_TRY(assign(d, m));
  }
  return RAD_OK;
}

/* --- the whole --- */

/* As the network sees it. */
static void network_facts(data *d)
{
  d->keys = d->pool->keys;
  d->store = d->pool->store;
  d->facts = d->pool->facts;
  d->facts.type = RAD_F32;
  if (d->keys.scale != SCALE_NONE)
    d->facts.scale = 1.0f;
  d->scale = d->pool->scale;
  d->shift = d->pool->shift;
}

static rad_status fill_pool(data *d, size_t i, uint64_t data_seed)
{
  rad_source *const v[] = {source_of(d, i, RAD_TRAIN), source_of(d, i, RAD_VAL),
                           source_of(d, i, RAD_TEST), source_of(d, i, RAD_REST)};
  RAD_TRY(cut_ids(v, data_seed));
  for (size_t k = 0; k < NSPLIT; k++)
    RAD_TRY(targets_read(v[k]));
  return measure(&d->pool[i], v[RAD_TRAIN], &d->mem);
}

static rad_status fill(data *d)
{
  uint64_t seed;
  RAD_TRY(store_seed(d->env, d->config, &seed));
  for (size_t i = 0; i < d->npool; i++)
    RAD_TRY(fill_pool(d, i, seed));
  RAD_TRY(plan_noise(d));
  for (size_t i = 0; i < d->npool; i++)
    RAD_TRY(batch_scales(&d->pool[i], &d->mem));
  for (size_t i = 0; i < d->nnoise; i++)
    RAD_TRY(instance_state(d->noise[i]));
  for (size_t i = 0; i < d->npool * NSPLIT; i++) {
    rad_source *s = source_of(d, i / NSPLIT, (uint32_t)(i % NSPLIT));
    for (size_t k = 0; k < s->ntarget; k++)
      RAD_TRY(targets_change(s, s->target[k]));
    targets_count(s);
  }
  return RAD_OK;
}

static rad_status data_new(data **out, env *e, const config *arm, const char *cache, bool samples)
{
  data *d = calloc(1, sizeof *d);
  *out = NULL;
  if (!d)
    return RAD_ENOMEM;
  d->env = e;
  d->config = arm;
  rad_status r = open_pools(d, cache, samples);
  if (r >= 0)
    r = samples ? fill(d) : plan_noise(d);
  if (r < 0) {
    data_free(d);
    return r == RAD_ENOMEM ? diag_error(e->diag, r, (origin){0}, "out of memory for the data") : r;
  }
  network_facts(d);
  *out = d;
  return RAD_OK;
}

rad_status data_plan(data **out, env *e, const config *arm)
{
  return data_new(out, e, arm, NULL, false);
}

rad_status data_open(data **out, env *e, const config *arm, const char *cache)
{
  return data_new(out, e, arm, cache, true);
}

void data_free(data *d)
{
  if (!d)
    return;
  for (size_t i = 0; i < d->nnoise; i++)
    instance_free(d->noise[i]);
  for (size_t i = 0; i < d->npool; i++)
    store_free(d->pool[i].store);
  arena_free(&d->mem);
  free(d);
}

void data_memory(const data *d, size_t *shared, size_t *own)
{
  *shared = *own = 0;
  for (size_t i = 0; i < d->npool; i++)
    *shared += store_bytes(&d->pool[i].store->facts);
  for (size_t i = 0; i < d->npool * NSPLIT; i++) {
    const rad_source *s = i < NSPLIT ? &d->source[i] : d->extra[i - NSPLIT];
    const size_t soft = s->pool->facts.ntarget * sizeof *s->soft;
    size_t one = sizeof *s->id + (s->pool->facts.target == RAD_CLASS ? sizeof *s->label : 0);
    if (s->ntarget > 0)
      one += sizeof *s->label + sizeof *s->weight;
    for (size_t k = 0; k < s->ntarget; k++)
      if (s->target[k]->plugin->ops.noise.flags & RAD_WANT_SOFT) {
        one += soft;
        break;
      }
    *own += (size_t)s->n * one;
  }
}

rad_source *data_source(data *d, const char *name, origin at, diag *messages)
{
  rad_source *s = find_source(d, name);
  char title[160];
  if (s && same_targets(s))
    return s;
  if (s) {
    diag_error(messages, RAD_EINVAL, s->pool->section->at, "%s has other targets than [dataset]",
               section_title(s->pool->section, title));
    return NULL;
  }
  diag_error(
      messages, RAD_EINVAL, at,
      "there are no samples '%s'; there are train, val, test, rest, and NAME.train, NAME.val, "
      "NAME.test of a section [dataset NAME]",
      name);
  return NULL;
}
