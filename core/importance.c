/* SPDX-License-Identifier: BSD-3-Clause
 * importance.c - a random forest on the bins of the values, and its functional ANOVA: each leaf is
 * a box of bins, whose part in all marginals is added when it is made, so that no tree is ever
 * stored. Marginals are exact; the variance of the whole forest is that at ASKED random points. */
#include "importance.h"
#include "philox.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 32, TREES = 64, LEAF = 3, DEPTH = 48, MOST = 2000, LEAST = 10, ASKED = 4000 };

typedef struct forest {
  const rad_space *space;
  size_t D, n;
  const double *const *point; /* [n] (D) */
  double *y;                  /* (n) scores, their mean taken off */
  uint8_t *x;                 /* (n+ASKED,D) bins of the trials, then of the random points */
  size_t *nbin;               /* (D) */
  double *below;              /* (D,BINS+1) share of the trials in bins below */
  double mean, variance;
  double *guess;      /* (n+ASKED) sum of what trees say that have not seen the trial */
  size_t *said;       /* (n+ASKED) how many */
  uint8_t *drawn_now; /* (n) is it in this tree's sample? */
  double *sum;        /* (D,BINS+1) a_d of this tree, as differences from bin to bin */
  double *curve;      /* (D,BINS) sum of a_d over the trees */
  uint64_t key, drawn;
} forest;
typedef struct leaf_box {
  uint8_t *lo, *hi; /* (D) bins, inclusive */
} leaf_box;

static uint32_t draw(forest *f, uint32_t below)
{
  uint32_t r;
  philox_bits(f->key, &(rad_at){.index = f->drawn++}, 0, 1, &r);
  return (uint32_t)((uint64_t)r * below >> 32);
}

/* --- bins --- */
typedef struct entry {
  double key, value; /* what is sorted by */
  size_t trial;
} entry;

static int ascending(const void *pa, const void *pb)
{
  const entry *a = pa, *b = pb;
  if (a->key != b->key)
    return a->key < b->key ? -1 : 1;
  return a->trial < b->trial ? -1 : a->trial > b->trial;
}

/* Choices are put in the order of their mean scores: then one cut parts good ones from bad ones. */
static bool order_choices(const forest *f, size_t d, entry *e)
{
  const size_t n = f->space->dim[d]->nchoice;
  double *sum = calloc(2 * n + 1, sizeof *sum), *count = sum ? sum + n : NULL;
  if (!sum)
    return false;
  for (size_t i = 0; i < f->n; i++)
    if (!isnan(e[i].value)) {
      sum[(size_t)e[i].value] += f->y[i];
      count[(size_t)e[i].value]++;
    }
  for (size_t i = 0; i < f->n; i++)
    if (!isnan(e[i].value)) /* choices that are equally good stay apart */
      e[i].key = sum[(size_t)e[i].value] / count[(size_t)e[i].value] + 1e-9 * e[i].value;
  free(sum);
  return true;
}

/* The bins that got something are numbered, and weighed. */
static void number_bins(forest *f, size_t d)
{
  uint8_t number[BINS] = {0};
  size_t count[BINS] = {0};
  for (size_t i = 0; i < f->n; i++)
    count[f->x[i * f->D + d]]++;
  f->nbin[d] = 0;
  for (size_t b = 0; b < BINS; b++)
    if (count[b] > 0) {
      number[b] = (uint8_t)f->nbin[d];
      f->below[d * (BINS + 1) + f->nbin[d] + 1] =
          f->below[d * (BINS + 1) + f->nbin[d]] + (double)count[b] / (double)f->n;
      f->nbin[d]++;
    }
  for (size_t i = 0; i < f->n; i++)
    f->x[i * f->D + d] = number[f->x[i * f->D + d]];
}

/* Equal values share a bin; where there are too many, neighbours do. Those that are not there come
 * first. */
static bool cut(forest *f, size_t d, entry *e)
{
  size_t distinct = 0, at = 0;
  for (size_t i = 0; i < f->n; i++) {
    const double v = f->point[i][d];
    e[i] = (entry){isnan(v) ? -HUGE_VAL : v, v, i};
  }
  if (f->space->dim[d]->type == RAD_ENUM && !order_choices(f, d, e))
    return false;
  qsort(e, f->n, sizeof *e, ascending);
  for (size_t i = 0; i < f->n; i++)
    distinct += i == 0 || e[i].key != e[i - 1].key;
  for (size_t i = 0; i < f->n; i++) {
    const bool new = i > 0 && e[i].key != e[i - 1].key;
    if (new && (distinct <= BINS || i * BINS / f->n > at))
      at = distinct <= BINS ? at + 1 : i * BINS / f->n;
    f->x[e[i].trial * f->D + d] = (uint8_t)at;
  }
  number_bins(f, d);
  return true;
}

/* --- a tree --- */
static double mass(const forest *f, const leaf_box *b, size_t d)
{
  const double *below = &f->below[d * (BINS + 1)];
  return below[b->hi[d] + 1] - below[b->lo[d]];
}

static void add_leaf(forest *f, const leaf_box *b, double y, const uint32_t *out, size_t nout)
{
  double all = 1.0;
  for (size_t d = 0; d < f->D; d++)
    all *= mass(f, b, d);
  for (size_t d = 0; d < f->D; d++) {
    const double part = y * all / mass(f, b, d);
    f->sum[d * (BINS + 1) + b->lo[d]] += part;
    f->sum[d * (BINS + 1) + b->hi[d] + 1] -= part;
  }
  for (size_t i = 0; i < nout; i++) {
    f->guess[out[i]] += y;
    f->said[out[i]]++;
  }
}

typedef struct split {
  size_t d;
  uint8_t last; /* bin of the lower part */
  double gain;  /* of the sum of squares; 0: none */
} split;

static void try_dim(const forest *f, size_t d, const uint32_t *in, size_t n, split *best)
{
  double sum[BINS] = {0}, total = 0, left = 0;
  size_t count[BINS] = {0}, m = 0;
  for (size_t i = 0; i < n; i++) {
    const uint8_t b = f->x[in[i] * f->D + d];
    sum[b] += f->y[in[i]];
    count[b]++;
    total += f->y[in[i]];
  }
  for (size_t b = 0; b + 1 < f->nbin[d]; b++) {
    left += sum[b];
    m += count[b];
    if (count[b] == 0 || m < LEAF || n - m < LEAF)
      continue;
    const double right = total - left;
    const double gain =
        left * left / (double)m + right * right / (double)(n - m) - total * total / (double)n;
    if (gain > best->gain)
      *best = (split){d, (uint8_t)b, gain};
  }
}

/* Two thirds of the dimensions, drawn. */
static split find_split(forest *f, const uint32_t *in, size_t n)
{
  split best = {0, 0, 1e-12 * f->variance * (double)n};
  const double least = best.gain;
  size_t left = f->D, want = (2 * f->D + 2) / 3;
  for (size_t d = 0; d < f->D; d++, left--)
    if (draw(f, (uint32_t)left) < want) {
      try_dim(f, d, in, n, &best);
      want--;
    }
  if (best.gain <= least)
    best.gain = 0;
  return best;
}

/* The lower part first; returns how many they are. */
static size_t part(const forest *f, const split *s, uint32_t *v, size_t n)
{
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (f->x[v[i] * f->D + s->d] <= s->last) {
      const uint32_t swap = v[i];
      v[i] = v[m];
      v[m++] = swap;
    }
  return m;
}

/* in [n]: trials that it learns from; out [nout]: those that it is asked about. */
static void grow(forest *f, leaf_box *b, uint32_t *in, size_t n, uint32_t *out, size_t nout,
                 int depth)
{
  double y = 0;
  for (size_t i = 0; i < n; i++)
    y += f->y[in[i]] / (double)n;
  split s = {0, 0, 0};
  if (n >= 2 * LEAF && depth < DEPTH)
    s = find_split(f, in, n);
  if (s.gain <= 0) {
    add_leaf(f, b, y, out, nout);
    return;
  }
  const size_t m = part(f, &s, in, n), mout = part(f, &s, out, nout);
  const uint8_t lo = b->lo[s.d], hi = b->hi[s.d];
  b->hi[s.d] = s.last;
  grow(f, b, in, m, out, mout, depth + 1);
  b->hi[s.d] = hi;
  b->lo[s.d] = (uint8_t)(s.last + 1);
  grow(f, b, in + m, n - m, out + mout, nout - mout, depth + 1);
  b->lo[s.d] = lo;
}

static void one_tree(forest *f, leaf_box *b, uint32_t *in, uint32_t *out)
{
  const size_t n = f->n < MOST ? f->n : MOST;
  size_t nout = 0;
  memset(f->sum, 0, f->D * (BINS + 1) * sizeof *f->sum);
  for (size_t d = 0; d < f->D; d++) {
    b->lo[d] = 0;
    b->hi[d] = (uint8_t)(f->nbin[d] - 1);
  }
  for (size_t i = 0; i < n; i++)
    in[i] = draw(f, (uint32_t)f->n);
  memset(f->drawn_now, 0, f->n);
  for (size_t i = 0; i < n; i++)
    f->drawn_now[in[i]] = 1;
  for (size_t i = 0; i < f->n; i++)
    if (!f->drawn_now[i])
      out[nout++] = (uint32_t)i;
  for (size_t i = 0; i < ASKED; i++)
    out[nout++] = (uint32_t)(f->n + i);
  grow(f, b, in, n, out, nout, 0);
}

/* Of the tree that has been grown. */
static void add_tree(forest *f)
{
  for (size_t d = 0; d < f->D; d++) {
    double a = 0;
    for (size_t k = 0; k < f->nbin[d]; k++) {
      a += f->sum[d * (BINS + 1) + k];
      f->curve[d * BINS + k] += a / TREES;
    }
  }
}

/* --- all of it --- */
static bool make_room(forest *f, arena *mem)
{
  size_t cells, bins;
  const size_t all = f->n + ASKED;
  if (!size_mul(all, f->D, &cells) || !size_mul(f->D, (BINS + 1) * sizeof(double), &bins))
    return false;
  f->y = arena_alloc(mem, f->n * sizeof *f->y);
  f->x = arena_alloc(mem, cells);
  f->nbin = arena_alloc(mem, f->D * sizeof *f->nbin);
  f->below = arena_alloc(mem, bins);
  f->guess = arena_alloc(mem, all * sizeof *f->guess);
  f->said = arena_alloc(mem, all * sizeof *f->said);
  f->drawn_now = arena_alloc(mem, f->n);
  f->sum = arena_alloc(mem, bins);
  f->curve = arena_alloc(mem, bins);
  return f->y && f->x && f->nbin && f->below && f->guess && f->said && f->drawn_now && f->sum &&
         f->curve;
}

static rad_status plant(forest *f, const double *score, arena *mem)
{
  entry *e = arena_alloc(mem, f->n * sizeof *e);
  leaf_box b = {arena_alloc(mem, f->D), arena_alloc(mem, f->D)};
  uint32_t *in = arena_alloc(mem, f->n * sizeof *in);
  uint32_t *out = arena_alloc(mem, (f->n + ASKED) * sizeof *out);
  if (!e || !b.lo || !b.hi || !in || !out)
    return RAD_ENOMEM;
  for (size_t i = 0; i < f->n; i++)
    f->mean += score[i] / (double)f->n;
  for (size_t i = 0; i < f->n; i++) {
    f->y[i] = score[i] - f->mean;
    f->variance += f->y[i] * f->y[i] / (double)f->n;
  }
  if (f->variance <= 0)
    return RAD_DONE;
  for (size_t d = 0; d < f->D; d++)
    if (!cut(f, d, e))
      return RAD_ENOMEM;
  for (size_t i = f->n * f->D; i < (f->n + ASKED) * f->D; i++)
    f->x[i] = f->x[draw(f, (uint32_t)f->n) * f->D + i % f->D];
  for (size_t t = 0; t < TREES; t++) {
    one_tree(f, &b, in, out);
    add_tree(f);
  }
  return RAD_OK;
}

/* Of the whole forest. */
static double variance_of(const forest *f)
{
  double mean = 0, square = 0;
  for (size_t i = f->n; i < f->n + ASKED; i++)
    mean += f->guess[i] / TREES / ASKED;
  for (size_t i = f->n; i < f->n + ASKED; i++)
    square += pow(f->guess[i] / TREES - mean, 2) / ASKED;
  return square;
}

/* Of a marginal. */
static double variance_along(const forest *f, size_t d)
{
  const double *below = &f->below[d * (BINS + 1)], *curve = &f->curve[d * BINS];
  double mean = 0, square = 0;
  for (size_t k = 0; k < f->nbin[d]; k++)
    mean += (below[k + 1] - below[k]) * curve[k];
  for (size_t k = 0; k < f->nbin[d]; k++)
    square += (below[k + 1] - below[k]) * (curve[k] - mean) * (curve[k] - mean);
  return square;
}

static double explained(const forest *f)
{
  double square = 0, all = 0;
  for (size_t i = 0; i < f->n; i++)
    if (f->said[i] > 0) {
      const double e = f->guess[i] / (double)f->said[i] - f->y[i];
      square += e * e;
      all += f->y[i] * f->y[i];
    }
  return all > 0 && square < all ? 1.0 - square / all : 0.0;
}

static int by_value(const void *pa, const void *pb)
{
  const bin *a = pa, *b = pb;
  if (isnan(a->value) || isnan(b->value))
    return isnan(b->value) - isnan(a->value);
  return (a->value > b->value) - (a->value < b->value);
}

static rad_status tell(const forest *f, const double *score, double good, size_t d, effect *e,
                       arena *mem)
{
  e->nbin = f->nbin[d];
  e->bin = arena_alloc(mem, e->nbin * sizeof *e->bin);
  if (!e->bin)
    return RAD_ENOMEM;
  for (size_t i = 0; i < f->n; i++) {
    bin *b = &e->bin[f->x[i * f->D + d]];
    b->n++;
    b->value += f->point[i][d];
    b->top += score[i] >= good;
  }
  for (size_t k = 0; k < e->nbin; k++) {
    e->bin[k].value /= (double)e->bin[k].n;
    e->bin[k].score = f->mean + f->curve[d * BINS + k];
  }
  qsort(e->bin, e->nbin, sizeof *e->bin, by_value);
  return RAD_OK;
}

static int descending(const void *pa, const void *pb)
{
  const double a = *(const double *)pa, b = *(const double *)pb;
  return (a < b) - (a > b);
}

rad_status importance_find(importance *out, const rad_space *s, size_t n,
                           const double *const *point, const double *score, arena *mem)
{
  forest f = {.space = s, .D = s->ndim, .n = n, .point = point};
  f.key = philox_seedkey(1, philox_salt("importance"));
  if (n < LEAST || f.D == 0 || n > UINT32_MAX / 2)
    return RAD_DONE;
  double *order = arena_alloc(mem, n * sizeof *order);
  out->effect = arena_alloc(mem, f.D * sizeof *out->effect);
  if (!order || !out->effect || !make_room(&f, mem))
    return RAD_ENOMEM;
  const rad_status status = plant(&f, score, mem);
  if (status != RAD_OK)
    return status;
  memcpy(order, score, n * sizeof *order);
  qsort(order, n, sizeof *order, descending);
  const double variance = variance_of(&f);
  if (variance <= 1e-12 * f.variance) /* the forest sees nothing */
    return RAD_DONE;
  for (size_t d = 0; d < f.D; d++) {
    out->effect[d].share = variance_along(&f, d) / variance;
    RAD_TRY(tell(&f, score, order[(n + 9) / 10 - 1], d, &out->effect[d], mem));
  }
  out->explained = explained(&f);
  return RAD_OK;
}
