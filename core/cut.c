/* SPDX-License-Identifier: BSD-3-Clause
 * cut.c - which samples an arm sees: `limit` and the cut of `val`, then by the job's seed `subset`
 * and, of [dataset], the share of it that a pruner has asked for, all stratified by class. Every
 * sample has draws of its own by its index in the official split, and each class gives those with
 * the smallest; so a smaller limit takes a subset of a larger one's samples, but for rounding. */
#include "philox.h"
#include "source.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT, CUT, SUBSET }; /* streams of draws */

typedef struct pick { /* a sample that may be taken */
  uint64_t key, id;
  uint32_t stratum;
} pick;
typedef struct quota {
  uint64_t count, take, rest;
  uint32_t stratum;
} quota;

static int by_stratum(const void *a, const void *b)
{
  const pick *p = a, *q = b;
  if (p->stratum != q->stratum)
    return p->stratum < q->stratum ? -1 : 1;
  if (p->key != q->key)
    return p->key < q->key ? -1 : 1;
  return p->id < q->id ? -1 : p->id > q->id;
}

static int by_rest(const void *a, const void *b)
{
  const quota *p = a, *q = b;
  if (p->rest != q->rest)
    return p->rest > q->rest ? -1 : 1;
  return p->stratum < q->stratum ? -1 : p->stratum > q->stratum;
}

/* Each stratum's share of `take` of n samples; what rounding leaves goes to the largest rests. */
static void share(quota *v, size_t nstrata, uint64_t n, uint64_t take)
{
  uint64_t left = take;
  for (size_t i = 0; i < nstrata; i++) {
    v[i].take = take * v[i].count / n;
    v[i].rest = take * v[i].count % n;
    left -= v[i].take;
  }
  qsort(v, nstrata, sizeof *v, by_rest);
  for (size_t i = 0; i < nstrata && left > 0; i++, left--)
    v[i].take++;
}

/* The draws of all, how many each stratum has, and its share. */
static void draw(pick *v, uint64_t n, uint64_t take, quota *q, size_t nstrata, rad_at at,
                 uint64_t seedkey)
{
  for (size_t i = 0; i < nstrata; i++)
    q[i].stratum = (uint32_t)i;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t r[2];
    at.index = v[i].id;
    philox_bits(seedkey, &at, 0, 2, r);
    v[i].key = (uint64_t)r[0] << 32 | r[1];
    q[v[i].stratum].count++;
  }
  share(q, nstrata, n, take);
}

/* The last one that each stratum gives; its id is UINT64_MAX where it gives none. */
static void find_bounds(pick *sorted, uint64_t n, const quota *q, size_t nstrata, pick *bound)
{
  uint64_t first = 0;
  qsort(sorted, (size_t)n, sizeof *sorted, by_stratum);
  for (size_t i = 0; i < nstrata; i++)
    bound[q[i].stratum] = (pick){.id = q[i].take, .key = q[i].count};
  for (size_t i = 0; i < nstrata; i++) {
    const uint64_t take = bound[i].id, count = bound[i].key;
    bound[i] = take > 0 ? sorted[first + take - 1] : (pick){.id = UINT64_MAX};
    first += count;
  }
}

/* Puts `take` of the n picks first; both parts stay in the order of their ids. */
static rad_status choose(pick *v, uint64_t n, uint64_t take, size_t nstrata, uint64_t seedkey,
                         uint32_t stream)
{
  const size_t size = (size_t)n * sizeof *v;
  quota *q = calloc(nstrata, sizeof *q);
  pick *bound = calloc(nstrata, sizeof *bound), *copy = malloc(size);
  const bool ok = q && bound && copy;
  if (ok) {
    uint64_t head = 0, tail = take;
    draw(v, n, take, q, nstrata, (rad_at){.stream = stream}, seedkey);
    memcpy(copy, v, size);
    find_bounds(copy, n, q, nstrata, bound);
    memcpy(copy, v, size);
    for (uint64_t i = 0; i < n; i++) {
      const pick *last = &bound[copy[i].stratum];
      const bool taken = last->id != UINT64_MAX && by_stratum(&copy[i], last) <= 0;
      v[taken ? head++ : tail++] = copy[i];
    }
  }
  free(copy);
  free(bound);
  free(q);
  return ok ? RAD_OK : RAD_ENOMEM;
}

/* Sizes of the pool's splits, by its keys: `limit` samples, of these the share `val`, of what is
 * left the share `subset` to train on. */
rad_status cut_sizes(pool *p, env *e)
{
  rad_facts *f = &p->facts;
  const uint64_t all = f->n[RAD_TRAIN], limit = (uint64_t)p->keys.limit;
  const uint64_t n = p->keys.limit > 0 && limit < all ? limit : all;
  char title[160];
  memcpy(f->own, f->n, sizeof f->own);
  f->n[RAD_VAL] = (uint64_t)floor((double)n * p->keys.val + 0.5);
  if (f->n[RAD_VAL] >= n)
    return diag_error(e->diag, RAD_EINVAL, p->section->at,
                      "%s val = %g leaves none of %llu training samples; make it smaller",
                      section_title(p->section, title), p->keys.val, (unsigned long long)n);
  const uint64_t left = n - f->n[RAD_VAL];
  const uint64_t subset = (uint64_t)floor((double)left * p->keys.subset + 0.5);
  const double part = e->share > 0.0 && *p->section->name == '\0' ? e->share : 1.0;
  f->n[RAD_TRAIN] = (uint64_t)floor((double)subset * part + 0.5);
  f->n[RAD_REST] = left - subset;
  if (f->n[RAD_TRAIN] == 0)
    return diag_error(e->diag, RAD_EINVAL, p->section->at,
                      "%s subset = %g takes none of %llu training samples; make it larger",
                      section_title(p->section, title), p->keys.subset * part,
                      (unsigned long long)left);
  return RAD_OK;
}

static rad_status take_ids(rad_source *s, const pick *v, uint64_t n)
{
  s->n = n;
  s->id = arena_alloc(&s->data->mem, ((size_t)n + 1) * sizeof *s->id);
  if (!s->id)
    return RAD_ENOMEM;
  for (uint64_t i = 0; i < n; i++)
    s->id[i] = v ? v[i].id : i;
  return RAD_OK;
}

static uint64_t key_of(const pool *p, uint64_t seed)
{
  text salt = {0};
  text_printf(&salt, "cut %s", p->section->name);
  const uint64_t key = philox_seedkey(seed, philox_salt(text_str(&salt)));
  text_free(&salt);
  return key;
}

/* Fills in the ids of the pool's sources. */
rad_status cut_ids(rad_source *const v[RAD_NSPLIT], uint64_t data_seed)
{
  const pool *p = v[0]->pool;
  const rad_facts *f = &p->facts;
  const uint64_t all = p->store->facts.n[RAD_TRAIN], limit = (uint64_t)p->keys.limit;
  const uint64_t kept = limit > 0 && limit < all ? limit : all, left = kept - f->n[RAD_VAL];
  const uint64_t subset = left - f->n[RAD_REST], seedkey = key_of(p, data_seed);
  const bool classes = f->target == RAD_CLASS;
  const int32_t *y = (const int32_t *)(const void *)p->store->y[0];
  const size_t nstrata = classes ? f->ntarget + 1 : 1; /* the last: unlabelled */
  pick *pick_ = calloc((size_t)all, sizeof *pick_);
  if (!pick_)
    return RAD_ENOMEM;
  for (uint64_t i = 0; i < all; i++) {
    pick_[i].id = i;
    pick_[i].stratum = !classes ? 0 : y[i] < 0 ? (uint32_t)f->ntarget : (uint32_t)y[i];
  }
  rad_status r = RAD_OK;
  if (kept < all)
    r = choose(pick_, all, kept, nstrata, seedkey, LIMIT);
  if (r >= 0 && f->n[RAD_VAL] > 0)
    r = choose(pick_, kept, f->n[RAD_VAL], nstrata, seedkey, CUT);
  pick *train = pick_ + f->n[RAD_VAL];
  const uint64_t own = key_of(p, v[0]->data->env->seed);
  if (r >= 0 && subset < left)
    r = choose(train, left, subset, nstrata, own, SUBSET);
  if (r >= 0 && f->n[RAD_TRAIN] < subset)
    r = choose(train, subset, f->n[RAD_TRAIN], nstrata, own, SUBSET);
  if (r >= 0)
    r = take_ids(v[RAD_VAL], pick_, f->n[RAD_VAL]);
  if (r >= 0)
    r = take_ids(v[RAD_TRAIN], train, f->n[RAD_TRAIN]);
  if (r >= 0)
    r = take_ids(v[RAD_REST], train + subset, f->n[RAD_REST]);
  if (r >= 0)
    r = take_ids(v[RAD_TEST], NULL, f->n[RAD_TEST]);
  free(pick_);
  return r;
}
