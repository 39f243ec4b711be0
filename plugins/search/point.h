/* SPDX-License-Identifier: BSD-3-Clause
 * point.h - what searches share: draws, points of discrete spaces that are proposed once only, and
 * the order of trials.
 *
 * Draws of trial i are at the index i; the stream is the dimension for uniform points (when 0), and
 * the plugin's own where `when` is not 0. */
#ifndef PLUGINS_SEARCH_POINT_H
#define PLUGINS_SEARCH_POINT_H
#include <rademacher/search.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_SMALL = 100000, SEARCH_TRIES = 200 };

/* Number k at an address, in [0,1) with 53 bits: a float's 24 would leave out values of a wide
 * range of integers. */
static inline double search_uniform(rad_ctx *c, const rad_at *at, uint64_t k)
{
  uint32_t r[2];
  c->host->bits(c, at, 2 * k, 2, r);
  return ((double)(r[0] >> 5) * 67108864.0 + (double)(r[1] >> 6)) / 9007199254740992.0;
}

static inline double search_normal(rad_ctx *c, const rad_at *at, uint64_t k)
{
  float z;
  c->host->normal(c, at, k, 1, &z);
  return (double)z;
}

/* Uniform draw number k of a trial. */
static inline void search_draw(rad_ctx *c, const rad_space *s, uint64_t index, uint64_t k,
                               double *point)
{
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_at at = {.index = index, .stream = (uint32_t)d};
    point[d] = rad_dim_exists(s, d, point) ? rad_dim_value(s->dim[d], search_uniform(c, &at, k))
                                           : (double)NAN;
  }
}

/* --- neighbours --- */
/* Another value of a dimension (that has several) than v: another choice, by u in [0,1), or a step
 * on its scale, reflected at the ends; an integer moves by 1 at least. */
static inline double search_move(const rad_dim *m, double v, double step, double u)
{
  if (m->type == RAD_ENUM)
    return fmod(v + 1.0 + floor(u * m->hi), m->hi + 1.0);
  const double to = fmod(fabs(rad_dim_unit(m, v) + step), 2.0);
  const double out = rad_dim_value(m, to > 1.0 ? 2.0 - to : to);
  if (m->type == RAD_FLOAT || out != v)
    return out;
  return v == m->lo || (step > 0.0 && v < m->hi) ? v + 1.0 : v - 1.0;
}

/* Where a change has brought in dimensions they are drawn, where it has taken some out they go. */
static inline void search_mend(rad_ctx *c, const rad_space *s, const rad_at *at, double *point)
{
  for (size_t d = 0; d < s->ndim; d++)
    if (!rad_dim_exists(s, d, point))
      point[d] = (double)NAN;
    else if (isnan(point[d]))
      point[d] = rad_dim_value(s->dim[d], search_uniform(c, at, d));
}

/* --- points that were there --- */
static inline bool search_discrete(const rad_space *s)
{
  for (size_t d = 0; d < s->ndim; d++)
    if (s->dim[d]->type == RAD_FLOAT)
      return false;
  return true;
}

static inline bool search_seen(const rad_space *s, const rad_history *h, const double *point)
{
  for (size_t i = 0; i < h->n; i++) {
    const double *old = h->trial[i]->value;
    size_t d = 0;
    while (d < s->ndim && (old[d] == point[d] || (isnan(old[d]) && isnan(point[d]))))
      d++;
    if (d == s->ndim)
      return true;
  }
  return false;
}

/* How many of the trials the search has proposed itself. */
static inline uint64_t search_own(const rad_history *h)
{
  uint64_t n = 0;
  for (size_t i = 0; i < h->n; i++)
    n += h->trial[i]->given ? 0 : 1;
  return n;
}

/* Points of a discrete space, counted up to `most`. */
static inline uint64_t search_size(const rad_space *s, uint64_t most, double *point)
{
  uint64_t n = 1;
  rad_space_low(s, 0, point);
  for (; n < most && rad_space_next(s, point); n++)
    ;
  return n;
}

/* Makes a proposal one that has not been there: itself, else a uniform draw, else what follows in
 * the grid. RAD_DONE: the space is exhausted. */
static inline rad_status search_new(rad_ctx *c, const rad_space *s, const rad_history *h,
                                    double *point)
{
  if (!search_discrete(s))
    return RAD_OK;
  double *room = c->host->scratch(c, (s->ndim + 1) * sizeof *room);
  if (!room)
    return RAD_ENOMEM;
  if (search_size(s, h->n + 1, room) <= h->n)
    return RAD_DONE;
  for (uint64_t k = 1; k < SEARCH_TRIES && search_seen(s, h, point); k++)
    search_draw(c, s, h->n, k, point);
  while (search_seen(s, h, point)) /* ends: some point was not there */
    if (!rad_space_next(s, point))
      rad_space_low(s, 0, point);
  return RAD_OK;
}

/* rad_search_ops.count of searches that end with a small discrete space, and go on otherwise. */
static inline rad_status search_count(rad_ctx *c, const void *self, const rad_space *s, uint64_t *n)
{
  (void)self;
  double *point = c->host->scratch(c, (s->ndim + 1) * sizeof *point);
  if (!point)
    return RAD_ENOMEM;
  *n = search_discrete(s) ? search_size(s, SEARCH_SMALL + 1, point) : 0;
  *n = *n > SEARCH_SMALL ? 0 : *n;
  return RAD_OK;
}

/* --- results --- */
/* The order of trials: those that keep the constraints by score, then those that do not by the
 * sum of their violations, then those that failed. */
enum search_class { SEARCH_GOOD, SEARCH_VIOLATES, SEARCH_FAILED, SEARCH_UNKNOWN };
typedef struct search_rank {
  const rad_trial *trial;
  enum search_class class;
  double value; /* greater is better within a class */
} search_rank;

static inline search_rank search_judge(const rad_space *s, const rad_trial *t)
{
  search_rank r = {t, SEARCH_GOOD, 0.0};
  double broken = 0.0;
  if (t->state != RAD_FINISHED && t->state != RAD_PRUNED && t->state != RAD_FAILED)
    r.class = SEARCH_UNKNOWN;
  if (r.class == SEARCH_UNKNOWN)
    return r;
  for (size_t k = 0; k < s->nconstraint; k++)
    broken += t->violation[k] > 0.0 ? t->violation[k] : 0.0; /* NaN: not known */
  const bool scored = s->nscore > 0 && !isnan(t->score[0]);
  r.class = t->state == RAD_FAILED ? SEARCH_FAILED
            : broken > 0.0         ? SEARCH_VIOLATES
            : scored               ? SEARCH_GOOD
                                   : SEARCH_FAILED;
  r.value = r.class == SEARCH_GOOD ? t->score[0] : r.class == SEARCH_VIOLATES ? -broken : 0.0;
  return r;
}

/* < 0: a is better; equal ones by index. For qsort. */
static inline int search_compare(const void *pa, const void *pb)
{
  const search_rank *a = pa, *b = pb;
  if (a->class != b->class)
    return a->class < b->class ? -1 : 1;
  if (a->value != b->value)
    return a->value > b->value ? -1 : 1;
  return a->trial->index < b->trial->index ? -1 : 1;
}

/* Those whose result is known, in order of index; returns how many. */
static inline size_t search_known(const rad_space *s, const rad_history *h, search_rank *out)
{
  size_t n = 0;
  for (size_t i = 0; i < h->n; i++) {
    const search_rank r = search_judge(s, h->trial[i]);
    if (r.class != SEARCH_UNKNOWN)
      out[n++] = r;
  }
  return n;
}

/* A number that tells histories apart: of the first n trials, values and results. What a search
 * keeps as state says of which history it is, so that an answer never depends on what was asked
 * before. */
static inline uint64_t search_digest(const rad_space *s, const rad_history *h, size_t n)
{
  uint64_t out = n + 1;
  for (size_t i = 0; i < n; i++) {
    const rad_trial *t = h->trial[i];
    const double *const part[] = {t->value, t->score, t->violation};
    const size_t size[] = {s->ndim, s->nscore, s->nconstraint};
    out = (out ^ t->state) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t k = 0; k < 3; k++)
      for (size_t j = 0; j < size[k]; j++) {
        uint64_t bits;
        memcpy(&bits, &part[k][j], sizeof bits);
        out = (out ^ (out >> 29) ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
      }
  }
  return out;
}

/* For searches that follow one score. */
static inline rad_status search_one_score(rad_ctx *c, const rad_space *s)
{
  if (s->nscore == 1)
    return RAD_OK;
  return rad_fail(c, RAD_EINVAL,
                  s->nscore == 0 ? "needs to know what is good: write an [objective]"
                                 : "follows one objective, and direction = pareto keeps several "
                                   "apart: take [search] plugin = nsga2, or direction = sum");
}
#endif
