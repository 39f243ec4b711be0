/* SPDX-License-Identifier: BSD-3-Clause
 * random_subspace.c - round k trains the arm's network again, from its initial weights, in a random
 * subspace of d = floor(keep^k n) dimensions, n its trained numbers (regularizer subspace). Weights
 * and subspace follow from the seed, so d numbers are its size. The smallest d at which a task is
 * still learned is its intrinsic dimension: Li et al. 2018, arXiv 1804.08838; as a code for
 * networks: Lotfi et al. 2022, arXiv 2211.13609. */
#include <math.h>
#include <rademacher/compressor.h>
#include <stdio.h>

typedef struct random_subspace {
  double keep, lr;
  int32_t epochs;
} random_subspace;

static const rad_key keys[] = {
    RAD_KEY(random_subspace, keep, "0.5", 0.001, 1, 0,
            "share of the dimensions that a round keeps"),
    RAD_KEY(random_subspace, epochs, "10", 1, 1e6, RAD_LOG, "of training in a round"),
    RAD_KEY(random_subspace, lr, "0", 0, 1e3, 0,
            "learning rate of [optimizer]; 0: as the arm has it"),
};

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const random_subspace *s = self;
  double n = 0;
  char epochs[16], dimension[32], lr[32];
  rad_source *train;
  uint64_t samples;
  RAD_TRY(c->lab->derive(c, r->first, NULL, 0, &r->to));
  for (uint32_t k = 0; k < r->to->nparam; k++)
    n += r->to->param[k]->grad ? (double)rad_count(&r->to->param[k]->shape) : 0;
  const double d = floor(n * pow(s->keep, (double)(r->index + 1)) + 1e-9);
  if (d < 1)
    return RAD_DONE;
  snprintf(epochs, sizeof epochs, "%d", (int)s->epochs);
  snprintf(dimension, sizeof dimension, "%.0f", d);
  c->host->number(lr, s->lr);
  const rad_set set[] = {{"run.epochs", epochs},
                         {"regularizer.random_subspace.plugin", "subspace"},
                         {"regularizer.random_subspace.dimension", dimension},
                         {"optimizer.lr", lr}};
  RAD_TRY(c->lab->source(c, "train", &train, &samples));
  r->parameters = d;
  r->bits = 32 * d;
  return c->lab->train(c, RAD_NEW(rad_training, .model = r->to, .source = train, .set = set,
                                  .nset = s->lr > 0 ? 4 : 3, .name = "fit"));
}

static rad_status cost(rad_ctx *c, const void *self, const rad_model *m, rad_round_cost *out)
{
  rad_source *s;
  (void)m;
  out->epochs = ((const random_subspace *)self)->epochs;
  return c->lab->source(c, "train", &s, &out->samples);
}

static const rad_compressor_ops ops = {.size = sizeof ops, .round = round_once, .cost = cost};
static const rad_plugin random_subspace_plugin = {
    RAD_PLUGIN(RAD_COMPRESSOR, "random_subspace", random_subspace, &ops), RAD_KEYS(keys),
    .needs = 1, .summary = "trained in fewer and fewer random directions",
    .reference = "Li et al. 2018, arXiv 1804.08838"};
RAD_EXPORT(&random_subspace_plugin)
