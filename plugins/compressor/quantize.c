/* SPDX-License-Identifier: BSD-3-Clause
 * quantize.c - round k stores each weight of the first network in bits_k bits: as the nearest of
 * 2^bits values from the least to the greatest of its tensor, (max - min) / (2^bits - 1) apart.
 * Masked weights stay 0; biases and scales stay as they are. Nothing is trained. The size counts
 * two numbers for each tensor, min and the step. Jacob et al. 2018, arXiv 1712.05877. */
#include <math.h>
#include <rademacher/compressor.h>

typedef struct quantize {
  rad_list bits;
} quantize;

static const rad_key keys[] = {
    RAD_KEY(quantize, bits, "8, 7, 6, 5, 4, 3, 2, 1", 1, 16, RAD_FIXED,
            "per weight, one number for each round"),
};

static rad_status init(rad_ctx *c, void *self)
{
  const quantize *q = self;
  if (q->bits.n == 0)
    return rad_fail(c, RAD_EINVAL, "bits: needs at least one number");
  for (size_t i = 0; i < q->bits.n; i++)
    if (q->bits.v[i] != floor(q->bits.v[i]))
      return rad_fail(c, RAD_EINVAL, "bits: must be whole numbers");
  return RAD_OK;
}

/* v (n) but for masked elements, which are 0; how many there were. */
static size_t round_all(float *v, size_t n, bool masked, double bits)
{
  double lo = INFINITY, hi = -INFINITY;
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (!masked || v[i] != 0.0f) {
      lo = fmin(lo, (double)v[i]);
      hi = fmax(hi, (double)v[i]);
      m++;
    }
  const double step = (hi - lo) / (exp2(bits) - 1);
  for (size_t i = 0; i < n && step > 0; i++)
    if (!masked || v[i] != 0.0f)
      v[i] = (float)(lo + step * floor(((double)v[i] - lo) / step + 0.5));
  return m;
}

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const quantize *q = self;
  const rad_model *first = r->first;
  double total = 0;
  if (r->index >= q->bits.n)
    return RAD_DONE;
  const double bits = q->bits.v[r->index];
  RAD_TRY(c->lab->derive(c, first, NULL, 0, &r->to));
  for (uint32_t k = 0; k < first->nparam; k++) {
    const rad_param *p = first->param[k];
    const size_t n = rad_count(&p->shape);
    const bool masked = p->mask != NULL, weight = p->role == RAD_WEIGHT;
    float *v = c->host->scratch(c, n * sizeof *v);
    size_t m = n;
    if (!v)
      return RAD_ENOMEM;
    RAD_TRY(c->lab->values(c, p, v));
    if (weight && c->lab->applies(c, p->layer)) {
      m = round_all(v, n, masked, bits);
      total += bits * (double)m + 64;
    } else {
      for (size_t i = 0; masked && i < n; i++)
        m -= v[i] == 0.0f;
      total += 32.0 * (double)m;
    }
    RAD_TRY(c->lab->assign(c, r->to->param[k], v, NULL));
  }
  r->bits = total;
  return RAD_OK;
}

static const rad_compressor_ops ops = {.size = sizeof ops, .round = round_once};
static const rad_plugin quantize_plugin = {RAD_PLUGIN(RAD_COMPRESSOR, "quantize", quantize, &ops),
                                           RAD_KEYS(keys),
                                           .needs = 1,
                                           .init = init,
                                           .summary = "weights in few bits, evenly spaced",
                                           .reference = "Jacob et al. 2018, arXiv 1712.05877"};
RAD_EXPORT(&quantize_plugin)
