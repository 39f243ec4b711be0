/* SPDX-License-Identifier: BSD-3-Clause
 * sparse_conv.c - convolutions of which only the nonzeros of W (o,kh,kw,c/groups) are stored. In
 * the planes of planes.h a nonzero is a distance `off` and a plane of X:
 *   y[o][t] = b + sum of w x[plane][t + off],  dx[plane][t] = sum of w dy[o][t - off],
 *   dw = sum over places t of dy[o][t] x[plane][t + off],
 * one multiply-add per vector of places, across rows and images; what lands on places that are no
 * output is left behind. The bits of y and dx depend on their own sums alone, those of dw on the
 * images of the call too. */
#include "planes.h"
#include "side.h"

enum { ROWS = 64 }; /* sums of a chunk of places that stay in the first cache */

/* --- the nonzeros --- */

/* How far behind a place the input under column `col` of W is, and in which plane of X, for the
 * first group. Planes: phase by phase, of each all channels. */
static size_t distance(const rad_conv *g, const planes *d, size_t col, size_t *plane)
{
  const size_t cg = g->c / g->groups, a = col / cg / g->kw * g->dh, b = col / cg % g->kw * g->dw;
  *plane = (a % g->sh * g->sw + b % g->sw) * g->c + col % cg;
  return a / g->sh * d->width + b / g->sw;
}

static uint32_t *counters(rad_ctx *c, size_t n)
{
  return (uint32_t *)(void *)floats(c, 1, n + 1);
}

/* W by rows, for places of X */
static rad_status outputs_side(rad_ctx *c, const rad_conv *g, const planes *d, side *s)
{
  const rad_pattern *p = g->pattern;
  const size_t cg = g->c / g->groups, og = g->o / g->groups;
  uint32_t *at = counters(c, p->cols), *index = counters(c, p->nnz);
  if (!at || !index)
    return RAD_ENOMEM;
  for (size_t col = 0, plane; col < p->cols; col++) {
    const size_t off = distance(g, d, col, &plane);
    at[col] = (uint32_t)(plane * d->plane + off);
  }
  for (size_t o = 0; o < g->o; o++) {
    const uint32_t group = (uint32_t)(o / og * cg * d->plane);
    for (uint64_t k = p->row[o]; k < p->row[o + 1]; k++)
      index[k] = at[p->col[k]] + group;
  }
  *s = (side){.start = p->row,
              .index = index,
              .stride = 1,
              .anywhere = g->kh * g->kw > 1,
              .value = g->weight,
              .bias = g->bias};
  return RAD_OK;
}

/* W by planes of X, as it grows. */
typedef struct turned {
  uint64_t *start, *next; /* next: of each column of W, up to where it has been taken */
  uint32_t *index;
  float *value;
  uint64_t n;
} turned;

/* The nonzeros of a column that belong to outputs below `end`. */
static void turn_column(const rad_conv *g, const planes *d, size_t col, size_t end, turned *w)
{
  const rad_pattern *p = g->pattern;
  size_t plane;
  const size_t back = d->before - distance(g, d, col, &plane);
  uint64_t q = w->next[col];
  for (; q < p->start[col + 1] && p->by[q] < end; q++, w->n++) {
    w->index[w->n] = (uint32_t)(p->by[q] * d->plane + back);
    w->value[w->n] = ((const float *)g->weight)[p->order[q]];
  }
  w->next[col] = q;
}

/* all channels of X in one phase; a column serves one channel of each group, in their order */
static void turn_phase(const rad_conv *g, const planes *d, size_t phase, turned *w)
{
  const size_t cg = g->c / g->groups, og = g->o / g->groups, taps = g->kh * g->kw;
  for (size_t channel = 0; channel < g->c; channel++) {
    w->start[phase * g->c + channel] = w->n;
    for (size_t t = 0; t < taps; t++) {
      const size_t a = t / g->kw * g->dh % g->sh, b = t % g->kw * g->dw % g->sw;
      if (a * g->sw + b == phase)
        turn_column(g, d, t * cg + channel % cg, (channel / cg + 1) * og, w);
    }
  }
}

/* W by planes of X, for places of dY */
static rad_status inputs_side(rad_ctx *c, const rad_conv *g, const planes *d, side *s)
{
  const rad_pattern *p = g->pattern;
  turned w = {.start = c->host->scratch(c, (d->phases * g->c + 1) * sizeof *w.start),
              .next = c->host->scratch(c, (p->cols + 1) * sizeof *w.next),
              .index = counters(c, p->nnz),
              .value = floats(c, 1, p->nnz + 1)};
  if (!w.start || !w.next || !w.index || !w.value)
    return RAD_ENOMEM;
  memcpy(w.next, p->start, p->cols * sizeof *w.next);
  for (size_t f = 0; f < d->phases; f++)
    turn_phase(g, d, f, &w);
  w.start[d->phases * g->c] = w.n;
  *s = (side){.start = w.start,
              .index = w.index,
              .stride = 1,
              .anywhere = g->kh * g->kw > 1,
              .value = w.value};
  return RAD_OK;
}

/* --- blocks of images --- */
static bool is_empty(const rad_conv *g)
{
  return g->n == 0 || g->oh == 0 || g->ow == 0;
}

/* the images of a block that begins with image i */
static rad_conv block(const rad_conv *g, const planes *d, size_t i)
{
  const size_t x = i * g->h * g->w * g->c, y = i * g->oh * g->ow * g->o;
  rad_conv b = *g;
  b.n = least(d->images, g->n - i);
  b.x = g->x ? (const float *)g->x + x : NULL;
  b.dx = g->dx ? (float *)g->dx + x : NULL;
  b.y = g->y ? (float *)g->y + y : NULL;
  b.dy = g->dy ? (const float *)g->dy + y : NULL;
  return b;
}

static void fill_inputs(const planes *d, const rad_conv *b, const uint32_t *place, float *x)
{
  for (size_t f = 0; f < d->phases; f++)
    NAME(planes_fill)
  (d, NAME(planes_places)(d, b->n), place + f * d->n, b->n * b->h * b->w, b->c, b->x,
   x + f * b->c * d->plane + d->before);
}

static void fill_outputs(const planes *d, const rad_conv *b, const uint32_t *place, float *dy)
{
  NAME(planes_fill)
  (d, NAME(planes_places)(d, b->n), place, b->n * b->oh * b->ow, b->o, b->dy, dy + d->before);
}

/* Sums over places of the planes at `in`, and where they go: of `parts` parts with R rows each,
 * whose places stand in a table of their own. */
typedef struct sweep {
  const planes *d;
  const side *s;
  const float *in;
  float *sums; /* (ROWS,CHUNK) room */
  size_t parts, R, pixels;
  const uint32_t *place;
  float *out; /* (pixels,R) */
  uint32_t act;
  float alpha;
} sweep;

/* channels r .. r+rows-1 of the pixels at places first .. end-1 will be written */
static void expect(const sweep *w, const uint32_t *place, size_t first, size_t end, size_t r,
                   size_t rows)
{
  for (size_t j = first; j < end; j++)
    for (size_t q = 0; place[j] < w->pixels && q < rows; q += 16)
      PREFETCH_WRITE(w->out + place[j] * w->R + r + q);
}

/* rows r .. r+rows-1 of part f, at m places from t on */
static rad_status sum_rows(rad_ctx *c, const sweep *w, size_t f, size_t r, size_t rows, size_t t,
                           size_t m)
{
  const uint32_t *place = w->place + f * w->d->n + t;
  for (size_t k = 0; k < rows; k++) {
    expect(w, place, k * m / rows, (k + 1) * m / rows, r, rows);
    NAME(side_sums)(m / VL, w->s, f * w->R + r + k, 1, w->in + t, w->sums + k * m);
  }
  if (w->act != RAD_ACT_NONE)
    RAD_TRY(NAME(math).act(c, w->act, w->alpha, rows * m, w->sums, w->sums));
  NAME(planes_scatter)(rows, m, w->sums, w->d->rest, place, w->pixels, w->R, w->out + r);
  return RAD_OK;
}

/* all rows, at n places */
static rad_status sum_block(rad_ctx *c, const sweep *w, size_t n)
{
  for (size_t t = 0; t < n; t += CHUNK)
    for (size_t f = 0; f < w->parts; f++)
      for (size_t r = 0; r < w->R; r += ROWS)
        RAD_TRY(sum_rows(c, w, f, r, least(w->R - r, ROWS), t, least(n - t, CHUNK)));
  return RAD_OK;
}

/* --- the three products --- */
rad_status NAME(sparse_conv)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  if (is_empty(g))
    return RAD_OK;
  planes d;
  side s;
  RAD_TRY(NAME(planes_of)(c, g, g->sh * g->sw * g->c, &d));
  const uint32_t *from = NAME(planes_inputs)(c, g, &d), *to = NAME(planes_outputs)(c, g, &d);
  float *x = NAME(planes_new)(c, &d, d.phases * g->c), *sums = floats(c, ROWS, CHUNK);
  if (!from || !to || !x || !sums)
    return RAD_ENOMEM;
  RAD_TRY(outputs_side(c, g, &d, &s));
  for (size_t i = 0; i < g->n; i += d.images) {
    const rad_conv b = block(g, &d, i);
    const sweep w = {.d = &d,
                     .s = &s,
                     .in = x + d.before,
                     .sums = sums,
                     .parts = 1,
                     .R = g->o,
                     .pixels = b.n * g->oh * g->ow,
                     .place = to,
                     .out = b.y,
                     .act = g->act,
                     .alpha = g->act_alpha};
    fill_inputs(&d, &b, from, x);
    RAD_TRY(sum_block(c, &w, NAME(planes_places)(&d, b.n)));
  }
  return RAD_OK;
}

rad_status NAME(sparse_conv_input)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  if (is_empty(g)) {
    memset(g->dx, 0, g->n * g->h * g->w * g->c * sizeof(float));
    return RAD_OK;
  }
  planes d;
  side s;
  RAD_TRY(NAME(planes_of)(c, g, g->o, &d));
  const uint32_t *from = NAME(planes_outputs)(c, g, &d), *to = NAME(planes_inputs)(c, g, &d);
  float *dy = NAME(planes_new)(c, &d, g->o), *sums = floats(c, ROWS, CHUNK);
  if (!from || !to || !dy || !sums)
    return RAD_ENOMEM;
  RAD_TRY(inputs_side(c, g, &d, &s));
  for (size_t i = 0; i < g->n; i += d.images) {
    const rad_conv b = block(g, &d, i);
    const sweep w = {.d = &d,
                     .s = &s,
                     .in = dy,
                     .sums = sums,
                     .parts = d.phases,
                     .R = g->c,
                     .pixels = b.n * g->h * g->w,
                     .place = to,
                     .out = b.dx};
    fill_outputs(&d, &b, from, dy);
    RAD_TRY(sum_block(c, &w, NAME(planes_places)(&d, b.n)));
  }
  return RAD_OK;
}

/* no image: grad = keep grad */
static void scale(const rad_conv *g)
{
  for (uint64_t k = g->pattern->row[g->lo]; k < g->pattern->row[g->hi]; k++)
    g->grad[k] = g->keep == 0.0f ? 0.0f : g->keep * g->grad[k];
}

rad_status NAME(sparse_conv_weight)(rad_ctx *c, const rad_conv *g)
{
  RAD_TRY(NAME(conv_check)(c, g));
  if (is_empty(g)) {
    scale(g);
    return RAD_OK;
  }
  planes d;
  side s;
  RAD_TRY(NAME(planes_of)(c, g, g->sh * g->sw * g->c + g->o, &d));
  const uint32_t *inputs = NAME(planes_inputs)(c, g, &d), *outputs = NAME(planes_outputs)(c, g, &d);
  float *x = NAME(planes_new)(c, &d, d.phases * g->c), *dy = NAME(planes_new)(c, &d, g->o);
  if (!inputs || !outputs || !x || !dy)
    return RAD_ENOMEM;
  RAD_TRY(outputs_side(c, g, &d, &s));
  for (size_t i = 0; i < g->n; i += d.images) {
    const rad_conv b = block(g, &d, i);
    const size_t n = NAME(planes_places)(&d, b.n), step = even(n / VL, MOST) * VL;
    fill_inputs(&d, &b, inputs, x);
    fill_outputs(&d, &b, outputs, dy);
    for (size_t t = 0; t < n; t += step)
      NAME(side_dots)
    (least(n - t, step) / VL, &s, g->lo, g->hi, i + t == 0 ? g->keep : 1.0f, x + d.before + t,
     dy + g->lo * d.plane + d.before + t, d.plane, g->grad);
  }
  return RAD_OK;
}
