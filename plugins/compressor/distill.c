/* SPDX-License-Identifier: BSD-3-Clause
 * distill.c - a new network with `keep` of the hidden units, rounded down, is trained to give the
 * previous one's outputs on the samples of `inputs`: the arm's own, others, noise. The outputs are
 * those before any softmax. Hinton et al. 2015, arXiv 1503.02531. */
#include "units_keep.h"

typedef struct distill {
  double keep, temperature, lr;
  const char *inputs;
  int32_t loss, epochs, start;
  rad_list stop_at;
} distill;
enum { MSE, KL };
enum { NEW, KEPT };
enum { MOST = 10, WORDS = 48 };

static const char *const losses[] = {"mse", "kl", NULL};
static const char *const starts[] = {"new", "kept", NULL};
static const rad_key keys[] = {
    RAD_KEY(distill, keep, "0.8", 0.01, 1, 0, "share of the hidden units that a round keeps"),
    RAD_KEY(distill, inputs, "train", 0, 0, RAD_FIXED,
            "what it is fitted on: train, val, or NAME.train of a section [dataset NAME]"),
    RAD_CHOICE(distill, loss, "mse", losses, "of the outputs, or of their softmax"),
    RAD_KEY(distill, temperature, "1", 0.01, 1000, RAD_LOG, "outputs are divided by it, for kl"),
    RAD_KEY(distill, epochs, "10", 1, 1e6, RAD_LOG, "at most so many in a round"),
    RAD_KEY(distill, lr, "0", 0, 1e3, 0, "learning rate of [optimizer]; 0: as the arm has it"),
    RAD_CHOICE(
        distill, start, "new", starts,
        "new initial weights, drawn for each round, or those of the units that are kept: the "
        "ones with the largest weights"),
    RAD_KEY(distill, stop_at, "", 0, 1e300, RAD_FIXED,
            "end a round once its loss on the inputs is as small as this; empty: never"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_model *m)
{
  const distill *d = self;
  rad_source *s;
  uint64_t n;
  (void)m;
  if (d->stop_at.n > 1)
    return rad_fail(c, RAD_EINVAL, "stop_at has %zu values, give one", d->stop_at.n);
  RAD_TRY(c->lab->source(c, d->inputs, &s, &n));
  return n > 0 ? RAD_OK : rad_fail(c, RAD_EINVAL, "inputs = %s: has no samples", d->inputs);
}

/* How many units are left of each group; false: none would go although some should. */
static bool shrink(const distill *d, const units *u, size_t *left)
{
  bool any = d->keep == 1.0;
  for (uint32_t g = 0; g < u->n; g++) {
    const size_t n = u->size[g], less = (size_t)floor((double)n * d->keep);
    left[g] = u->fixed[g] ? n : less > 0 ? less : 1;
    any |= left[g] < n && units_root(u, g) == g;
  }
  return any;
}

/* A smaller network, untrained. RAD_DONE: it cannot be smaller. */
static rad_status make(rad_ctx *c, const distill *d, rad_round *r)
{
  units u;
  rad_set *set;
  size_t n;
  uint32_t bits;
  char seed[24];
  RAD_TRY(units_find(c, r->from, &u));
  size_t *left = c->host->scratch(c, u.n * sizeof *left);
  if (!left)
    return RAD_ENOMEM;
  if (!shrink(d, &u, left))
    return RAD_DONE;
  RAD_TRY(units_sets(c, &u, left, &set, &n));
  c->host->bits(c, &(rad_at){.when = r->index}, 0, 1, &bits);
  snprintf(seed, sizeof seed, "%lu", (unsigned long)bits);
  if (d->start == NEW) /* units_sets leaves room for one more */
    set[n++] = (rad_set){"run.seeds", seed};
  RAD_TRY(c->lab->derive(c, r->from, set, n, &r->to));
  if (d->start == NEW)
    return RAD_OK;
  uint32_t **kept;
  RAD_TRY(units_choose(c, &u, left, false, r->index, &kept));
  return units_keep(c, &u, r->to, left, kept);
}

typedef struct request { /* what is changed for the training */
  rad_set set[MOST];
  size_t n;
  char text[MOST][WORDS];
} request;

static void ask(rad_ctx *c, request *q, const char *key, double value)
{
  q->set[q->n] = (rad_set){key, c->host->number(q->text[q->n], value)};
  q->n++;
}

static rad_status train(rad_ctx *c, const distill *d, const rad_round *r)
{
  rad_source *s;
  uint64_t n;
  request q = {.set = {{"loss.plugin", d->loss == KL ? "kl" : "mse"}}, .n = 1};
  RAD_TRY(c->lab->source(c, d->inputs, &s, &n));
  ask(c, &q, "run.epochs", d->epochs);
  if (d->loss == KL)
    ask(c, &q, "loss.temperature", d->temperature);
  if (d->lr > 0)
    ask(c, &q, "optimizer.lr", d->lr);
  if (d->stop_at.n > 0) {
    q.set[q.n++] = (rad_set){"regularizer.distill_stop.plugin", "early_stopping"};
    q.set[q.n++] = (rad_set){"regularizer.distill_stop.metric", "train.loss"};
    ask(c, &q, "regularizer.distill_stop.stop_at", d->stop_at.v[0]);
  }
  return c->lab->train(c, RAD_NEW(rad_training, .model = r->to, .source = s, .teacher = r->from,
                                  .set = q.set, .nset = q.n, .name = "fit"));
}

/* Every layer that has weights is narrower by `keep` at least on one side. */
static rad_status cost(rad_ctx *c, const void *self, const rad_model *m, rad_round_cost *out)
{
  const distill *d = self;
  rad_source *s;
  out->epochs = d->epochs;
  out->teacher = true;
  out->left = d->keep;
  for (uint32_t k = 0; k < m->nnode; k++)
    if (m->node[k]->nparam > 0 && !c->lab->applies(c, m->node[k]->name))
      out->left = 1;
  return c->lab->source(c, d->inputs, &s, &out->samples);
}

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const rad_status s = make(c, self, r);
  return s == RAD_OK ? train(c, self, r) : s;
}

static const rad_compressor_ops ops = {
    .size = sizeof ops, .round = round_once, .plan = plan, .cost = cost};
static const rad_plugin distill_plugin = {RAD_PLUGIN(RAD_COMPRESSOR, "distill", distill, &ops),
                                          RAD_KEYS(keys), .needs = 1,
                                          .summary = "smaller networks with the same outputs",
                                          .reference = "Hinton et al. 2015, arXiv 1503.02531"};
RAD_EXPORT(&distill_plugin)
