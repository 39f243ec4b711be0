/* SPDX-License-Identifier: BSD-3-Clause
 * bootstrapping.c - cross-entropy for noisy labels with targets that are in part the network's own
 * opinion, p = softmax(y):
 *   soft  l = -sum_k (beta t_k + (1 - beta) p_k) log p_k: beta times the cross-entropy plus
 *         (1 - beta) times the entropy H of p; dl/dy_k = beta (p_k sum_j t_j - t_k)
 *         - (1 - beta) p_k (log p_k + H)
 *   hard  l = -sum_k u_k log p_k, u = beta t + (1 - beta) z, z one-hot at the largest p, the first
 *         among equals; dl/dy_k = p_k sum_j u_j - u_k
 * y, target t (n,K), soft targets too. Reed et al. 2014, arXiv 1412.6596. */
#include "softmax.h"

enum { SOFT, HARD };
typedef struct bootstrapping {
  double beta;
  int32_t mode;
} bootstrapping;

static const char *const modes[] = {"soft", "hard", NULL};
static const rad_key keys[] = {
    RAD_KEY(bootstrapping, beta, "0.95", 0, 1, 0,
            "share of the given target; in the paper 0.95 for soft, 0.8 for hard"),
    RAD_CHOICE(bootstrapping, mode, "soft", modes, "the network's probabilities, or its class"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_facts *f, const rad_shape *out)
{
  (void)self;
  return softmax_plan(c, f, out);
}

static size_t largest(const softmax *p)
{
  size_t at = 0;
  for (size_t k = 1; k < p->K; k++)
    at = p->y[k] > p->y[at] ? k : at;
  return at;
}

static double sample(rad_ctx *c, const void *self, const rad_batch *b, const softmax *p,
                     double scale, float *dy)
{
  const bootstrapping *l = self;
  const double rest = 1 - l->beta, own = l->mode == SOFT ? rest : 0;
  const size_t top = l->mode == HARD ? largest(p) : p->K;
  double ce = 0, mass = 0, entropy = 0;
  (void)c;
  (void)b;
  for (size_t k = 0; k < p->K; k++) {
    const double u = l->beta * (double)p->t[k] + (k == top ? rest : 0);
    const double minus = p->lse - (double)p->y[k]; /* -log p */
    ce += u != 0 ? u * minus : 0;
    mass += u;
    entropy += (double)p->e[k] / p->sum * minus;
  }
  for (size_t k = 0; dy && k < p->K; k++) {
    const double u = l->beta * (double)p->t[k] + (k == top ? rest : 0);
    const double q = (double)p->e[k] / p->sum, minus = p->lse - (double)p->y[k];
    dy[k] = (float)(scale * (q * mass - u + own * q * (minus - entropy)));
  }
  return ce + own * entropy;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b, float scale)
{
  return softmax_eval(c, self, sample, b, scale);
}

static const rad_loss_ops ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin bootstrapping_plugin = {
    RAD_PLUGIN(RAD_LOSS, "bootstrapping", bootstrapping, &ops), RAD_KEYS(keys),
    .summary = "cross-entropy with targets that are in part the network's own, for noisy labels",
    .reference = "Reed et al. 2014, arXiv 1412.6596"};
RAD_EXPORT(&bootstrapping_plugin)
