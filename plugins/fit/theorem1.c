/* SPDX-License-Identifier: BSD-3-Clause
 * theorem1.c - a network of two layers with 2n + d weights that passes through any n targets:
 * c(x) = sum_j w_j max(<a,x> - b_j, 0), a (d) drawn at random, z_i = <a,x_i> sorted, one threshold
 * b_i below each z_i, w (n) by forward substitution. With S = sum w and T = sum w b over the
 * thresholds below z, c(x) = z S - T: the solution takes O(n), a prediction O(d + log n).
 *
 * Targets are the classes' numbers. Output k is -(v - k)^2, v = c(x) held to [0, K-1], so that the
 * largest output is at the nearest class; losses of them mean little. All in double: float cannot
 * tell the z of 50,000 samples apart. Samples with equal z and different labels cannot be told
 * apart by any function of z: they get the first one's label and are reported as `conflicts`.
 * Zhang et al. 2017, arXiv 1611.03530, theorem 1. */
#include <rademacher/fit.h>
#include <stdlib.h>

typedef struct theorem1 {
  size_t n, D, K;
} theorem1;
enum { A, B, W, SUM_W, SUM_WB }; /* state: a (D), the others (n), in the order of z */
typedef struct point {
  double z;
  uint64_t row;
  int32_t label;
} point;

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f)
{
  static const struct {
    const char *name;
    uint32_t role;
  } state[] = {[A] = {"a", RAD_WEIGHT},
               [B] = {"b", RAD_BIAS},
               [W] = {"w", RAD_WEIGHT},
               [SUM_W] = {"sum_w", RAD_BUFFER},
               [SUM_WB] = {"sum_wb", RAD_BUFFER}};
  theorem1 *t = self;
  if (f->target != RAD_CLASS)
    return rad_fail(c, RAD_EINVAL, "needs one class per sample");
  t->n = (size_t)f->n[RAD_TRAIN];
  t->D = rad_count(&f->sample);
  t->K = f->ntarget;
  for (size_t i = 0; i < sizeof state / sizeof *state; i++)
    RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = state[i].name, .role = state[i].role,
                                       .type = RAD_F64, .shape = {1, {i == A ? t->D : t->n}})));
  return RAD_OK;
}

static int by_z(const void *p, const void *q)
{
  const point *a = p, *b = q;
  if (a->z == b->z)
    return (a->row > b->row) - (a->row < b->row);
  return a->z > b->z ? 1 : -1;
}

static double project(const double *a, const float *x, size_t D)
{
  double z = 0;
  for (size_t k = 0; k < D; k++)
    z += a[k] * (double)x[k];
  return z;
}

static rad_status draw(rad_ctx *c, const theorem1 *t, double *a)
{
  float *r = c->host->scratch(c, t->D * sizeof *r);
  if (!r)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu numbers", t->D);
  c->host->normal(c, &(rad_at){0}, 0, t->D, r);
  for (size_t k = 0; k < t->D; k++)
    a[k] = (double)r[k];
  return RAD_OK;
}

static rad_status project_all(rad_ctx *c, const theorem1 *t, rad_source *train, point *p)
{
  const size_t most = c->lab->most;
  for (size_t i = 0; i < t->n; i += most) {
    rad_batch *q;
    RAD_TRY(c->lab->pause(c));
    RAD_TRY(c->lab->fetch(c, train, NULL, i, t->n - i < most ? t->n - i : most, &q));
    for (size_t k = 0; k < q->n; k++) {
      const double z = project(c->state[A], q->x + k * t->D, t->D);
      if (q->label[k] < 0)
        return rad_fail(c, RAD_EINVAL, "sample %zu has no label", i + k);
      if (!(z - z == 0))
        return rad_fail(c, RAD_EINVAL, "sample %zu is not finite", i + k);
      p[i + k] = (point){z, q->row[k], q->label[k]};
    }
    c->lab->drop(c);
  }
  return RAD_OK;
}

/* Fills in b, w and their sums; how many samples get another one's label. A sample that is equal
 * to the one before has no weight of its own. */
static size_t solve(rad_ctx *c, const theorem1 *t, const point *p)
{
  double *b = c->state[B], *w = c->state[W], *S = c->state[SUM_W], *T = c->state[SUM_WB];
  double s = 0, u = 0, before = 0;
  size_t first = 0, conflicts = 0; /* of those with this z */
  for (size_t i = 0; i < t->n; i++) {
    const bool equal = i > 0 && p[i].z == p[i - 1].z;
    first = equal ? first : i;
    conflicts += p[i].label != p[first].label;
    if (!equal)
      before = i > 0 ? p[i - 1].z : p[i].z - 2;
    b[i] = before + (p[i].z - before) / 2;
    b[i] = b[i] < p[i].z ? b[i] : before; /* neighbours: nothing is between them */
    w[i] = equal ? 0 : ((double)p[i].label - (p[i].z * s - u)) / (p[i].z - b[i]);
    S[i] = s += w[i];
    T[i] = u += w[i] * b[i];
  }
  return conflicts;
}

static rad_status fit(rad_ctx *c, const void *self, rad_model *m, rad_source *train)
{
  const theorem1 *t = self;
  point *p = t->n <= SIZE_MAX / sizeof *p ? c->host->scratch(c, t->n * sizeof *p) : NULL;
  (void)m;
  if (!p)
    return rad_fail(c, RAD_ENOMEM, "no memory for %zu samples", t->n);
  RAD_TRY(draw(c, t, c->state[A]));
  RAD_TRY(project_all(c, t, train, p));
  qsort(p, t->n, sizeof *p, by_z);
  const size_t conflicts = solve(c, t, p);
  if (conflicts > 0)
    c->host->log(c, 2, "%zu of %zu samples are equal to others with another label, whose they get",
                 conflicts, t->n);
  return c->lab->metric(c, "conflicts", (double)conflicts);
}

static double value(rad_ctx *c, const theorem1 *t, double z)
{
  const double *b = c->state[B];
  size_t lo = 0, hi = t->n; /* the number of thresholds below z */
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (b[mid] < z)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == 0)
    return 0;
  return z * ((const double *)c->state[SUM_W])[lo - 1] - ((const double *)c->state[SUM_WB])[lo - 1];
}

static rad_status predict(rad_ctx *c, const void *self, const rad_batch *q)
{
  const theorem1 *t = self;
  const double most = (double)(t->K - 1);
  for (size_t i = 0; i < q->n; i++) {
    const double v = value(c, t, project(c->state[A], q->x + i * t->D, t->D));
    const double held = v < 0 ? 0 : v > most ? most : v;
    for (size_t k = 0; k < t->K; k++)
      q->y[i * t->K + k] = (float)(-(held - (double)k) * (held - (double)k));
  }
  return RAD_OK;
}

/* All but the projections is nothing. */
static rad_status cost(rad_ctx *c, const void *self, rad_cost *out)
{
  const theorem1 *t = self;
  (void)c;
  out->predict = 2 * (double)t->D;
  out->flop = (double)t->n * out->predict;
  out->bytes = (double)t->n * sizeof(point);
  return RAD_OK;
}

static const rad_fit_ops ops = {
    .size = sizeof ops, .plan = plan, .fit = fit, .predict = predict, .cost = cost};
static const rad_plugin theorem1_plugin = {
    RAD_PLUGIN(RAD_FIT, "theorem1", theorem1, &ops), .needs = 1, RAD_METRICS("conflicts"),
    .summary = "two layers of 2n + d weights that reproduce any labels",
    .reference = "Zhang et al. 2017, arXiv 1611.03530"};
RAD_EXPORT(&theorem1_plugin)
