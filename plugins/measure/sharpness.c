/* SPDX-License-Identifier: BSD-3-Clause
 * sharpness.c - how much the mean loss L of some samples rises near the weights w: from w_0 = w,
 * `steps` times
 *   w_k+1 = w_k + (rho / steps) g / |g|,  g = dL/dw at w_k, all trained tensors together,
 * so that no w_k leaves the ball of radius rho. Metrics: `loss` = L(w), `worst` = max_k L(w_k),
 * `rise`, their difference, at least 0. One step is that of SAM. In inference mode; afterwards the
 * weights are what they were, to the bit. Foret et al. 2021, arXiv 2010.01412. */
#include "gradients.h"
#include "samples.h"

typedef struct sharpness {
  const char *split;
  int32_t samples, steps;
  double rho;
} sharpness;
static const rad_key keys[] = {
    RAD_KEY(sharpness, split, "train", 0, 0, RAD_FIXED, "whose samples"),
    RAD_KEY(sharpness, samples, "1000", 1, 1e9, RAD_FIXED, "how many of it, evenly spread over it"),
    RAD_KEY(sharpness, steps, "1", 1, 1e4, RAD_FIXED, "steps of the ascent"),
    RAD_KEY(sharpness, rho, "0.05", 0, 1e6, RAD_FIXED, "radius of the ball"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const sharpness *s = self;
  part p;
  (void)m;
  (void)f;
  return part_open(c, &p, s->split, s->samples);
}

/* Mean loss at the present weights; in sum (P) the gradient of n times it, unless NULL. */
static rad_status look(rad_ctx *c, rad_model *m, const part *p, const gradient *g, double *sum,
                       double *loss)
{
  *loss = 0;
  for (size_t k = 0; sum && k < g->P; k++)
    sum[k] = 0;
  for (uint64_t i = 0; i < p->n;) {
    rad_batch *b;
    RAD_TRY(part_next(c, p, i, &b));
    if (sum)
      RAD_TRY(c->lab->gradient(c, m, b, 0, b->n, g->at));
    else
      RAD_TRY(c->lab->pass(c, m, b, RAD_PASS_LOSS, 1.0f));
    for (size_t k = 0; sum && k < g->P; k++)
      sum[k] += (double)g->v[k];
    for (size_t k = 0; k < b->n; k++)
      *loss += b->loss[k] / (double)p->n;
    i += b->n;
  }
  c->lab->drop(c);
  return RAD_OK;
}

/* Moves all trained tensors by `length` along the gradient. */
static rad_status climb(rad_ctx *c, const rad_model *m, const gradient *g, const double *sum,
                        double length)
{
  double square = 0;
  for (size_t k = 0; k < g->P; k++)
    square += sum[k] * sum[k];
  for (uint32_t i = 0; i < m->nparam && square > 0; i++) {
    const rad_param *p = m->param[i];
    if (!g->at[i])
      continue;
    RAD_TRY(c->lab->values(c, p, g->at[i]));
    const double *along = sum + (g->at[i] - g->v);
    for (size_t k = 0; k < rad_count(&p->shape); k++)
      g->at[i][k] = (float)((double)g->at[i][k] + length * along[k] / sqrt(square));
    RAD_TRY(c->lab->replace(c, p, g->at[i]));
  }
  return RAD_OK;
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const sharpness *s = self;
  double *sum, loss = 0, worst = 0;
  gradient g = {0, NULL, NULL};
  part p;
  RAD_TRY(part_open(c, &p, s->split, s->samples));
  RAD_TRY(gradient_open(c, r->model, &g));
  RAD_TRY(gradient_sum(c, &g, &sum));
  for (int32_t k = 0; k <= s->steps; k++) {
    double now;
    RAD_TRY(look(c, r->model, &p, &g, k < s->steps ? sum : NULL, &now));
    loss = k == 0 ? now : loss;
    worst = k == 0 || now > worst ? now : worst;
    if (k < s->steps)
      RAD_TRY(climb(c, r->model, &g, sum, s->rho / s->steps));
  }
  RAD_TRY(c->lab->metric(c, "loss", loss));
  RAD_TRY(c->lab->metric(c, "worst", worst));
  return c->lab->metric(c, "rise", worst - loss);
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin sharpness_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "sharpness", sharpness, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("loss", "worst", "rise"),
    .summary = "how much the loss rises in a ball around the weights",
    .reference = "Foret et al. 2021, arXiv 2010.01412"};
RAD_EXPORT(&sharpness_plugin)
