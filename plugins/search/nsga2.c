/* SPDX-License-Identifier: BSD-3-Clause
 * nsga2.c - a genetic algorithm for several scores (direction = pareto). Trials come in generations
 * of `population`. Of the survivors of the generations before and the last one, those survive that
 * fewest others dominate front by front, and within a front those that are alone. A child has two
 * parents, each the better of two survivors; numbers are mixed by simulated binary crossover and
 * moved by polynomial mutation on the scale of their dimension, choices are taken from either
 * parent and replaced. Who keeps the constraints dominates who does not, a smaller violation a
 * greater one, and everybody who failed; trials that run are ignored.
 *
 * Deb, Pratap, Agarwal, Meyarivan 2002, IEEE Trans. Evol. Comput. 6, 182-197. */
#include "point.h"
#include "sobol.h"

enum { WHEN = 2, TOURNAMENT = 0, CROSS, SIDE, BOTH, MIX, MUTATE, MOVE, ADD };

typedef struct nsga2 {
  int32_t population;
  double crossover, eta;
} nsga2;

static const rad_key keys[] = {
    RAD_KEY(nsga2, population, "20", 2, 1e5, RAD_FIXED, "trials of a generation, and survivors"),
    RAD_KEY(nsga2, crossover, "0.9", 0, 1, RAD_FIXED, "share of the children with two parents"),
    RAD_KEY(nsga2, eta, "20", 0.1, 1000, RAD_FIXED,
            "how close children are to their parents (distribution index)"),
};

typedef struct member {
  search_rank r;
  size_t front, dominators;
  double alone; /* crowding distance */
} member;

/* State, a cache: survivors of the generations before GENERATION of the history DIGEST. */
enum { GENERATION, DIGEST, COUNT, INDICES };

static rad_status plan(rad_ctx *c, void *self, const rad_space *s)
{
  const nsga2 *g = self;
  if (s->nscore > 0)
    return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "survivors", .role = RAD_BUFFER,
                                      .type = RAD_I64,
                                      .shape = {1, {INDICES + (size_t)g->population}}));
  return rad_fail(c, RAD_EINVAL,
                  "needs to know what is good: write an [objective] with direction = pareto");
}

/* --- survivors --- */
static bool dominates(const member *a, const member *b, size_t nscore)
{
  if (a->r.class != b->r.class)
    return a->r.class < b->r.class;
  if (a->r.class != SEARCH_GOOD)
    return a->r.value > b->r.value;
  bool better = false;
  for (size_t k = 0; k < nscore; k++) {
    const double x = a->r.trial->score[k], y = b->r.trial->score[k];
    if (x < y)
      return false;
    better = better || x > y;
  }
  return better;
}

static void find_fronts(member *const *m, size_t n, size_t nscore)
{
  size_t left = n;
  for (size_t i = 0; i < n; i++) {
    m[i]->dominators = 0;
    m[i]->front = SIZE_MAX;
    for (size_t k = 0; k < n; k++)
      m[i]->dominators += dominates(m[k], m[i], nscore) ? 1 : 0;
  }
  for (size_t front = 0; left > 0; front++) {
    for (size_t i = 0; i < n; i++)
      if (m[i]->front == SIZE_MAX && m[i]->dominators == 0) {
        m[i]->front = front;
        left--;
      }
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < n && m[i]->front == front; k++)
        m[k]->dominators -= dominates(m[i], m[k], nscore) ? 1 : 0;
  }
}

/* Distance of the neighbours on both sides along each score, in units of the front's range. */
static void find_alone(member *const *m, size_t n, size_t nscore)
{
  for (size_t i = 0; i < n; i++)
    m[i]->alone = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t s = 0; s < nscore && m[i]->r.class == SEARCH_GOOD; s++) {
      const double x = m[i]->r.trial->score[s];
      double lo = x, hi = x, below = -HUGE_VAL, above = HUGE_VAL;
      for (size_t k = 0; k < n; k++) {
        if (k == i || m[k]->front != m[i]->front)
          continue;
        const double y = m[k]->r.trial->score[s];
        lo = fmin(lo, y);
        hi = fmax(hi, y);
        below = y < x || (y == x && k < i) ? fmax(below, y) : below;
        above = y > x || (y == x && k > i) ? fmin(above, y) : above;
      }
      if (hi > lo)
        m[i]->alone += (above - below) / (hi - lo);
    }
}

static int by_rank(const void *pa, const void *pb)
{
  const member *a = *(const member *const *)pa, *b = *(const member *const *)pb;
  if (a->front != b->front)
    return a->front < b->front ? -1 : 1;
  if (a->alone != b->alone)
    return a->alone > b->alone ? -1 : 1;
  return a->r.trial->index < b->r.trial->index ? -1 : 1;
}

static size_t recall(const int64_t *kept, const rad_space *s, const rad_history *h,
                     size_t population, member *all, member **out, size_t *from)
{
  *from = (size_t)kept[GENERATION] * population;
  if (*from > h->n || kept[DIGEST] != (int64_t)search_digest(s, h, *from))
    return *from = 0;
  for (size_t i = 0; i < (size_t)kept[COUNT]; i++) {
    out[i] = &all[kept[INDICES + i]];
    out[i]->r = search_judge(s, h->trial[kept[INDICES + i]]);
  }
  return (size_t)kept[COUNT];
}

static void keep(int64_t *kept, const rad_space *s, const rad_history *h, size_t generation,
                 size_t upto, member *const *m, size_t n)
{
  kept[GENERATION] = (int64_t)generation;
  kept[DIGEST] = (int64_t)search_digest(s, h, upto);
  kept[COUNT] = (int64_t)n;
  for (size_t i = 0; i < n; i++)
    kept[INDICES + i] = (int64_t)m[i]->r.trial->index;
}

/* Survivors of the generations before trial h->n, best first; `all` (h->n) is who they point to.
 * Kept are those of the generation before the last, whose results no longer come in. */
static size_t survivors(int64_t *kept, const rad_space *s, const rad_history *h, size_t population,
                        member *all, member **out)
{
  const size_t generation = h->n / population;
  size_t from, n = recall(kept, s, h, population, all, out, &from);
  for (size_t i = from; i < generation * population; i++) {
    all[i].r = search_judge(s, h->trial[i]);
    if (all[i].r.class != SEARCH_UNKNOWN)
      out[n++] = &all[i];
    if ((i + 1) % population != 0)
      continue;
    find_fronts(out, n, s->nscore);
    find_alone(out, n, s->nscore);
    qsort(out, n, sizeof *out, by_rank);
    n = n < population ? n : population;
    if ((i + 1) / population + 1 == generation)
      keep(kept, s, h, generation - 1, i + 1, out, n);
  }
  return n;
}

/* --- children --- */
static double number(rad_ctx *c, rad_at at, uint32_t stream, uint64_t k)
{
  at.stream = stream;
  return search_uniform(c, &at, k);
}

static double clip(double u)
{
  return u < 0.0 ? 0.0 : u > 1.0 ? 1.0 : u;
}

/* Either parent's value, or one near it on either side; one of them may lack it. */
static double mix(rad_ctx *c, const nsga2 *g, const rad_dim *m, rad_at at, uint64_t d, double a,
                  double b)
{
  if (isnan(a) && isnan(b))
    return rad_dim_value(m, number(c, at, ADD, d));
  if (isnan(a) || isnan(b))
    return isnan(a) ? b : a;
  const double side = number(c, at, SIDE, d), near = side < 0.5 ? a : b, far = side < 0.5 ? b : a;
  if (a == b || m->type == RAD_ENUM || number(c, at, BOTH, d) < 0.5)
    return near;
  const double u = number(c, at, MIX, d), x = rad_dim_unit(m, near), y = rad_dim_unit(m, far);
  const double beta = pow(u <= 0.5 ? 2.0 * u : 0.5 / (1.0 - u), 1.0 / (g->eta + 1.0));
  return rad_dim_value(m, clip(0.5 * ((1.0 + beta) * x + (1.0 - beta) * y)));
}

static double mutate(rad_ctx *c, const nsga2 *g, const rad_dim *m, rad_at at, uint64_t d, double v)
{
  const double u = number(c, at, MOVE, d);
  if (m->type == RAD_ENUM)
    return fmod(v + 1.0 + floor(u * m->hi), m->hi + 1.0);
  const double delta = u < 0.5 ? pow(2.0 * u, 1.0 / (g->eta + 1.0)) - 1.0
                               : 1.0 - pow(2.0 - 2.0 * u, 1.0 / (g->eta + 1.0));
  return rad_dim_value(m, clip(rad_dim_unit(m, v) + delta));
}

/* The better of two: survivors are in order. */
static const rad_trial *parent(rad_ctx *c, rad_at at, uint64_t which, member *const *m, size_t n)
{
  at.stream = TOURNAMENT;
  const uint32_t i = rad_below(c, &at, 2 * which, (uint32_t)n),
                 k = rad_below(c, &at, 2 * which + 1, (uint32_t)n);
  return m[i < k ? i : k]->r.trial;
}

static void child(rad_ctx *c, const nsga2 *g, const rad_space *s, rad_at at, member *const *m,
                  size_t n, double *point)
{
  const rad_trial *a = parent(c, at, 0, m, n), *b = parent(c, at, 1, m, n);
  b = number(c, at, CROSS, 0) < g->crossover ? b : a;
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_dim *dim = s->dim[d];
    if (!rad_dim_exists(s, d, point)) {
      point[d] = (double)NAN;
      continue;
    }
    point[d] = mix(c, g, dim, at, d, a->value[d], b->value[d]);
    if (dim->lo < dim->hi && number(c, at, MUTATE, d) * (double)s->ndim < 1.0)
      point[d] = mutate(c, g, dim, at, d, point[d]);
  }
}

static rad_status ask(rad_ctx *c, const void *self, const rad_space *s, const rad_history *h,
                      double *point)
{
  const nsga2 *g = self;
  member *all = c->host->scratch(c, (h->n + 1) * sizeof *all);
  member **alive = c->host->scratch(c, (h->n + 1) * sizeof *alive);
  if (!all || !alive)
    return RAD_ENOMEM;
  const size_t n = survivors(c->state[0], s, h, (size_t)g->population, all, alive);
  rad_at at = {.when = WHEN, .index = h->n};
  if (n == 0)
    sobol_point(c, s, search_own(h), true, point);
  else
    do /* until nobody was there */
      child(c, g, s, at, alive, n, point);
    while (at.when++ < WHEN + SEARCH_TRIES && search_seen(s, h, point));
  return search_new(c, s, h, point);
}

static const rad_search_ops ops = {
    .size = sizeof ops, .plan = plan, .ask = ask, .count = search_count};
static const rad_plugin nsga2_plugin = {
    RAD_PLUGIN(RAD_SEARCH, "nsga2", nsga2, &ops), RAD_KEYS(keys),
    .summary = "genetic algorithm for several scores: a front of trials that none dominates",
    .reference = "Deb, Pratap, Agarwal, Meyarivan 2002, IEEE Trans. Evol. Comput. 6, 182-197"};
RAD_EXPORT(&nsga2_plugin)
