/* SPDX-License-Identifier: BSD-3-Clause
 * kl.c - divergence of the softmax of the outputs from that of the targets, which are outputs too
 * (a teacher's): l = T^2 sum_k p_k (ln p_k - ln q_k), p = softmax(target / T), q = softmax(y / T);
 * dl/dy_k = T (q_k - p_k). y, target (n,K). Hinton et al. 2015, arXiv 1503.02531. */
#include <rademacher/loss.h>

typedef struct kl {
  double temperature;
  size_t K; /* set by plan */
} kl;

static const rad_key keys[] = {
    RAD_KEY(kl, temperature, "1", 0.01, 1000, RAD_LOG, "T: outputs and targets are divided by it"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  kl *l = self;
  l->K = rad_count(out);
  if (l->K != f->ntarget)
    return rad_fail(c, RAD_EINVAL,
                    "the network has %zu outputs, the data have %zu targets per sample: give the "
                    "last layer units = %zu",
                    l->K, f->ntarget, f->ntarget);
  return RAD_OK;
}

/* p (K) = exp(v / T - top); the logarithm of its sum, with top. */
static double exponentials(rad_ctx *c, const kl *l, const float *v, double *p, double *sum)
{
  double top = (double)v[0];
  for (size_t k = 1; k < l->K; k++)
    top = (double)v[k] > top || v[k] != v[k] ? (double)v[k] : top;
  *sum = 0;
  for (size_t k = 0; k < l->K; k++)
    *sum += p[k] = c->host->exp(((double)v[k] - top) / l->temperature);
  return top / l->temperature + c->host->ln(*sum);
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  const kl *l = self;
  const double T = l->temperature;
  double *p = c->host->scratch(c, 2 * l->K * sizeof *p), *q = p ? p + l->K : NULL;
  if (!p)
    return RAD_ENOMEM;
  for (size_t i = 0; i < b->n; i++) {
    const float *y = b->y + i * l->K, *t = b->target + i * l->K;
    double sum, mass, loss = 0;
    const double lse = exponentials(c, l, y, q, &mass), own = exponentials(c, l, t, p, &sum);
    const double factor = T * (double)scale * (double)b->weight[i];
    for (size_t k = 0; k < l->K; k++) {
      loss += p[k] / sum * (((double)t[k] - (double)y[k]) / T - own + lse);
      if (b->dy)
        b->dy[i * l->K + k] = (float)(factor * (q[k] / mass - p[k] / sum));
    }
    b->loss[i] = T * T * loss;
  }
  return RAD_OK;
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin kl_plugin = {RAD_PLUGIN(RAD_LOSS, "kl", kl, &ops), RAD_KEYS(keys),
                                     .summary = "divergence from a teacher's softmax",
                                     .reference = "Hinton et al. 2015, arXiv 1503.02531"};
RAD_EXPORT(&kl_plugin)
