/* SPDX-License-Identifier: BSD-3-Clause
 * cut.c - which samples an arm sees: `limit` and the cut of `val`, both stratified by class. Every
 * sample has draws of its own by its index in the official split, and each class gives those with
 * the smallest; so a smaller limit takes a subset of a larger one's samples, but for rounding. */
#include "philox.h"
#include "source.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT, CUT }; /* streams of draws */

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

static int by_id(const void *a, const void *b)
{
  const pick *p = a, *q = b;
  return p->id < q->id ? -1 : p->id > q->id;
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

/* Sorts the picks so that the first `take` are those taken, both halves by id. */
static rad_status choose(pick *v, uint64_t n, uint64_t take, size_t nstrata, uint64_t seedkey,
                         uint32_t stream)
{
  quota *q = calloc(nstrata, sizeof *q);
  pick *sorted = malloc((size_t)n * sizeof *sorted + 1);
  uint64_t head = 0, tail = take;
  if (!q || !sorted) {
    free(q);
    free(sorted);
    return RAD_ENOMEM;
  }
  for (size_t i = 0; i < nstrata; i++)
    q[i].stratum = (uint32_t)i;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t r[2];
    const rad_at at = {.index = v[i].id, .stream = stream};
    philox_bits(seedkey, &at, 0, 2, r);
    v[i].key = (uint64_t)r[0] << 32 | r[1];
    q[v[i].stratum].count++;
  }
  share(q, nstrata, n, take);
  memcpy(sorted, v, (size_t)n * sizeof *v);
  qsort(sorted, (size_t)n, sizeof *sorted, by_stratum);
  uint64_t *want = calloc(nstrata, sizeof *want);
  if (want) {
    for (size_t i = 0; i < nstrata; i++)
      want[q[i].stratum] = q[i].take;
    for (uint64_t i = 0; i < n; i++) {
      uint64_t *w = &want[sorted[i].stratum];
      v[*w > 0 ? head++ : tail++] = sorted[i];
      *w -= *w > 0;
    }
    qsort(v, (size_t)take, sizeof *v, by_id);
    qsort(v + take, (size_t)(n - take), sizeof *v, by_id);
  }
  free(want);
  free(sorted);
  free(q);
  return want ? RAD_OK : RAD_ENOMEM;
}

/* Sizes of the pool's splits, by its keys: `limit` samples, of these the share `val`. */
rad_status cut_sizes(pool *p, env *e)
{
  rad_facts *f = &p->facts;
  const uint64_t all = f->n[RAD_TRAIN], limit = (uint64_t)p->keys.limit;
  const uint64_t n = p->keys.limit > 0 && limit < all ? limit : all;
  char title[160];
  f->n[RAD_VAL] = (uint64_t)floor((double)n * p->keys.val + 0.5);
  if (f->n[RAD_VAL] >= n)
    return diag_error(e->diag, RAD_EINVAL, p->section->at,
                      "%s val = %g leaves none of %llu training samples; make it smaller",
                      section_title(p->section, title), p->keys.val, (unsigned long long)n);
  f->n[RAD_TRAIN] = n - f->n[RAD_VAL];
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

/* Fills in the ids of the pool's three sources. */
rad_status cut_ids(rad_source *const v[3], uint64_t data_seed)
{
  const pool *p = v[0]->pool;
  const rad_facts *f = &p->facts;
  const uint64_t all = p->store->facts.n[RAD_TRAIN], kept = f->n[RAD_TRAIN] + f->n[RAD_VAL];
  const bool classes = f->target == RAD_CLASS;
  const int32_t *y = (const int32_t *)(const void *)p->store->y[0];
  const size_t nstrata = classes ? f->ntarget + 1 : 1; /* the last: unlabelled */
  text salt = {0};
  text_printf(&salt, "cut %s", p->section->name);
  const uint64_t seedkey = philox_seedkey(data_seed, philox_salt(text_str(&salt)));
  text_free(&salt);
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
  if (r >= 0)
    r = take_ids(v[RAD_VAL], pick_, f->n[RAD_VAL]);
  if (r >= 0)
    r = take_ids(v[RAD_TRAIN], pick_ + f->n[RAD_VAL], f->n[RAD_TRAIN]);
  if (r >= 0)
    r = take_ids(v[RAD_TEST], NULL, f->n[RAD_TEST]);
  free(pick_);
  return r;
}
