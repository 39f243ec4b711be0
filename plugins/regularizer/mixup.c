/* SPDX-License-Identifier: BSD-3-Clause
 * mixup.c - trains on mixtures: x_i = l x_i + (1-l) x_j, the target likewise, j the partner of i in
 * a random permutation of the batch, one l ~ Beta(alpha, alpha) for the whole batch, as the
 * authors' code does it. With weights v_i of samples the losses are mixed: the weight becomes
 * l v_i + (1-l) v_j, and targets mix in that proportion. x (n,D), target (n,T), weight (n).
 * Zhang et al. 2018, arXiv 1710.09412. Gamma: Marsaglia and Tsang 2000, TOMS 26. */
#include <math.h>
#include <rademacher/regularizer.h>
#include <string.h>

typedef struct mixup {
  double alpha;
} mixup;
enum { PAIRS, NORMAL, UNIFORM }; /* streams */

static const rad_key keys[] = {
    RAD_KEY(mixup, alpha, "1", 1e-3, 1e3, RAD_LOG,
            "both parameters of the Beta distribution; small: nearly no mixing"),
};

static double unit(rad_ctx *c, rad_at at, uint64_t i) /* in (0,1] */
{
  float u;
  at.stream = UNIFORM;
  c->host->uniform(c, &at, i, 1, &u);
  return 1.0 - (double)u;
}

/* ln of a draw from Gamma(a, 1): of Gamma(a + 1) times u^(1/a), so that a may be small. Round i of
 * the rejection takes number i of the normal and of the uniform ones. */
static double ln_gamma_draw(rad_ctx *c, rad_at at, double a)
{
  const double d = a + 2.0 / 3, k = 1 / sqrt(9 * d), small = c->host->ln(unit(c, at, 0)) / a;
  at.stream = NORMAL;
  for (uint64_t i = 1;; i++) {
    float x;
    c->host->normal(c, &at, i, 1, &x);
    const double t = 1 + k * (double)x, v = t * t * t, u = c->host->ln(unit(c, at, i));
    if (v > 0 && u < 0.5 * (double)x * (double)x + d - d * v + d * c->host->ln(v))
      return c->host->ln(d * v) + small;
  }
}

/* Beta(a, a) = X / (X + Y) of two Gamma(a) */
static double draw_beta(rad_ctx *c, uint64_t step, double a)
{
  const double x = ln_gamma_draw(c, (rad_at){.when = step, .index = 0}, a);
  const double y = ln_gamma_draw(c, (rad_at){.when = step, .index = 1}, a);
  return 1 / (1 + c->host->exp(y - x));
}

/* v (n,w): row i = p_i0 old_i + p_i1 old_(pair i); p (n,2) */
static void blend(float *restrict v, const float *restrict old, const uint32_t *pair, size_t n,
                  size_t w, const float *p)
{
  for (size_t i = 0; i < n; i++) {
    const float a = p[2 * i], b = p[2 * i + 1];
    const float *restrict mine = old + i * w, *restrict other = old + pair[i] * w;
    for (size_t k = 0; k < w; k++)
      v[i * w + k] = a * mine[k] + b * other[k];
  }
}

/* Fisher and Yates, inside out */
static void permute(rad_ctx *c, uint64_t step, size_t n, uint32_t *pair)
{
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t j = rad_below(c, &(rad_at){.when = step, .stream = PAIRS}, i, i + 1);
    pair[i] = pair[j];
    pair[j] = i;
  }
}

static rad_status batch(rad_ctx *c, const void *self, rad_batch *b)
{
  const size_t n = b->n, D = rad_count(&b->facts->sample), T = b->facts->ntarget;
  uint32_t *pair = c->host->scratch(c, n * sizeof *pair);
  float *old = c->host->scratch(c, n * (D > T ? D : T) * sizeof *old);
  float *part = c->host->scratch(c, 4 * n * sizeof *part); /* of inputs, then of targets */
  if (!pair || !old || !part)
    return rad_fail(c, RAD_ENOMEM, "no memory for a second batch of %zu samples", n);
  permute(c, b->when.step, n, pair);
  const float l = (float)draw_beta(c, b->when.step, ((const mixup *)self)->alpha), r = 1.0f - l;
  memcpy(old, b->weight, n * sizeof *old);
  for (size_t i = 0; i < n; i++) {
    const float mine = l * old[i], other = r * old[pair[i]], sum = mine + other;
    part[2 * i] = l;
    part[2 * i + 1] = r;
    part[2 * (n + i)] = sum > 0.0f ? mine / sum : l;
    part[2 * (n + i) + 1] = sum > 0.0f ? other / sum : r;
    b->weight[i] = sum;
  }
  memcpy(old, b->x, n * D * sizeof *old);
  blend(b->x, old, pair, n, D, part);
  memcpy(old, b->target, n * T * sizeof *old);
  blend(b->target, old, pair, n, T, part + 2 * n);
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .batch = batch};
static const rad_plugin mixup_plugin = {RAD_PLUGIN(RAD_REGULARIZER, "mixup", mixup, &ops),
                                        RAD_KEYS(keys), .summary = "trains on mixtures of samples",
                                        .reference = "Zhang et al. 2018, arXiv 1710.09412"};
RAD_EXPORT(&mixup_plugin)
