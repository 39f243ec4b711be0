/* SPDX-License-Identifier: BSD-3-Clause
 * coherence.c - how much the gradients g_1 .. g_m of single samples' losses agree: `alpha` =
 * m |mean g|^2 / mean |g|^2, from 0 over 1, where they are orthogonal, to m, where they are equal;
 * about the number of samples that a step on one of them helps. Where labels were corrupted, also
 * of the uncorrupted and of the corrupted samples alone (`alpha_clean`, `alpha_noisy`). Gradients
 * are those of inference mode at the end of the epoch. One pass per sample: `samples` and `every`
 * keep it affordable. Chatterjee and Zielinski 2020, arXiv 2008.01217. */
#include "gradients.h"
#include "samples.h"

typedef struct coherence {
  const char *split;
  int32_t samples;
} coherence;
static const rad_key keys[] = {
    RAD_KEY(coherence, split, "train", 0, 0, RAD_FIXED, "whose samples"),
    RAD_KEY(coherence, samples, "200", 2, 1e9, RAD_FIXED, "how many of it, evenly spread over it"),
};
enum { CLEAN, NOISY, NGROUP };
typedef struct group {
  double m, square; /* samples; sum of |g|^2 */
  double *sum;      /* (P) of g */
} group;

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const coherence *s = self;
  part p;
  (void)m;
  (void)f;
  return part_open(c, &p, s->split, s->samples);
}

static rad_status add_batch(rad_ctx *c, rad_model *m, rad_batch *b, const gradient *g,
                            group t[NGROUP])
{
  for (size_t i = 0; i < b->n; i++) {
    const bool noisy = b->label && b->truth && b->label[i] != b->truth[i];
    group *to = &t[noisy ? NOISY : CLEAN];
    if (b->label && b->label[i] < 0)
      continue;
    RAD_TRY(c->lab->gradient(c, m, b, i, 1, g->at));
    if (!to->sum)
      RAD_TRY(gradient_sum(c, g, &to->sum));
    for (size_t k = 0; k < g->P; k++) {
      to->sum[k] += (double)g->v[k];
      to->square += (double)g->v[k] * (double)g->v[k];
    }
    to->m++;
  }
  return RAD_OK;
}

/* m |sum / m|^2 / (square / m) = |sum|^2 / square */
static rad_status report(rad_ctx *c, const char *name, const group *a, const group *b, size_t P)
{
  const double square = a->square + (b ? b->square : 0);
  double of_sum = 0;
  for (size_t k = 0; k < P; k++) {
    const double v = (a->sum ? a->sum[k] : 0) + (b && b->sum ? b->sum[k] : 0);
    of_sum += v * v;
  }
  return square > 0 ? c->lab->metric(c, name, of_sum / square) : RAD_OK;
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const coherence *s = self;
  group t[NGROUP] = {{0, 0, NULL}, {0, 0, NULL}};
  gradient g = {0, NULL, NULL};
  part p;
  RAD_TRY(part_open(c, &p, s->split, s->samples));
  RAD_TRY(gradient_open(c, r->model, &g));
  for (uint64_t i = 0; i < p.n;) {
    rad_batch *b;
    RAD_TRY(part_next(c, &p, i, &b));
    RAD_TRY(add_batch(c, r->model, b, &g, t));
    i += b->n;
  }
  RAD_TRY(report(c, "alpha", &t[CLEAN], &t[NOISY], g.P));
  if (t[NOISY].m > 0) {
    RAD_TRY(report(c, "alpha_clean", &t[CLEAN], NULL, g.P));
    RAD_TRY(report(c, "alpha_noisy", &t[NOISY], NULL, g.P));
  }
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .epoch = epoch};
static const rad_plugin coherence_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "coherence", coherence, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("alpha", "alpha_clean", "alpha_noisy"),
    .summary = "how much the gradients of single samples agree",
    .reference = "Chatterjee and Zielinski 2020, arXiv 2008.01217"};
RAD_EXPORT(&coherence_plugin)
