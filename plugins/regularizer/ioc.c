/* SPDX-License-Identifier: BSD-3-Clause
 * ioc.c - keeps every output (logit) convex in the network's input: after each step a negative
 * weight or batch-norm scale w behind the first layer becomes exp(w - shift). Biases are free, and
 * so are the weights of a layer that is the first on all ways from the input to it, as those of a
 * skip connection are (Amos et al. 2017, arXiv 1609.07152): sums and nonnegative multiples of
 * convex functions are convex, and so are convex increasing functions of them. Layers must be
 * affine, or convex and increasing. Sivaprasad et al. 2021, arXiv 2006.05103. */
#include <rademacher/regularizer.h>

typedef struct ioc {
  double shift;
  bool *held; /* (nparam) kept from being negative; set by plan */
} ioc;

static const rad_key keys[] = {
    RAD_KEY(ioc, shift, "5", 0, 50, 0, "a negative w becomes exp(w - shift)"),
};

typedef struct fact { /* of a layer's outputs */
  bool affine;        /* in the network's input, whatever the weights are */
  bool behind;        /* weights come before, on some way from the input */
} fact;

static fact inputs_of(const rad_node *n, const fact *f)
{
  fact in = {.affine = true};
  for (uint32_t k = 0; k < n->nin; k++)
    if (n->from[k] != UINT32_MAX) {
      in.affine &= f[n->from[k]].affine;
      in.behind |= f[n->from[k]].behind;
    }
  return in;
}

static rad_status check_layer(rad_ctx *c, ioc *o, const rad_node *n, fact *f)
{
  const fact in = inputs_of(n, f);
  const bool affine = n->props & RAD_AFFINE, convex = n->props & RAD_CONVEX;
  const bool increasing = n->props & RAD_INCREASING; /* whatever its weights are */
  bool weights = false;
  if (!affine && !(convex && (increasing || in.affine)))
    return rad_fail(c, RAD_EINVAL,
                    "layer %s (%s) is neither affine nor convex and increasing, so the network "
                    "would not be convex in its input: take relu, leaky_relu, softplus, elu with "
                    "alpha <= 1, pooling or batch_norm",
                    n->name, n->plugin);
  for (uint32_t k = 0; k < n->nparam; k++) {
    const rad_param *p = n->param[k];
    const bool factor = p->role == RAD_WEIGHT || p->role == RAD_SCALE;
    o->held[p->index] = factor && affine && !increasing && (in.behind || !in.affine);
    weights |= p->role == RAD_WEIGHT;
  }
  f[n->index] = (fact){.affine = in.affine && affine, .behind = in.behind || weights};
  return RAD_OK;
}

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *facts)
{
  ioc *o = self;
  fact *f = c->host->alloc(c, m->nnode, sizeof *f);
  (void)facts;
  o->held = c->host->alloc(c, m->nparam + 1u, sizeof *o->held);
  if (!f || !o->held)
    return RAD_ENOMEM;
  for (uint32_t i = 0; i < m->nnode; i++)
    RAD_TRY(check_layer(c, o, m->node[i], f));
  return RAD_OK;
}

static rad_status weights(rad_ctx *c, const void *self, const rad_slice *s)
{
  const ioc *o = self;
  for (size_t i = 0; o->held[s->param->index] && i < s->n; i++)
    if (s->w[i] < 0.0f)
      s->w[i] = (float)c->host->exp((double)s->w[i] - o->shift);
  return RAD_OK;
}

/* Nothing has kept or made a weight negative. */
static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  const ioc *o = self;
  for (uint32_t k = 0; k < r->model->nparam; k++) {
    const rad_param *p = r->model->param[k];
    for (size_t i = 0; o->held[k] && i < p->n; i++)
      if (p->value[i] < 0.0f)
        return rad_fail(c, RAD_EINVAL,
                        "layer %s has negative weights, so the network is not convex: it is "
                        "frozen, not named in apply, or changed by a regularizer after this one",
                        p->layer);
  }
  return RAD_OK;
}

static const rad_hooks ops = {
    .size = sizeof ops, .flags = RAD_ELEMENTWISE, .plan = plan, .weights = weights, .epoch = epoch};
static const rad_plugin ioc_plugin = {RAD_PLUGIN(RAD_REGULARIZER, "ioc", ioc, &ops), RAD_KEYS(keys),
                                      .summary = "keeps the outputs convex in the input",
                                      .reference = "Sivaprasad et al. 2021, arXiv 2006.05103"};
RAD_EXPORT(&ioc_plugin)
