/* SPDX-License-Identifier: BSD-3-Clause
 * magnitude.c - each round takes away the `share` of the weights that are left which are smallest
 * by absolute value, of all layers together or of each, and may train the others: from where they
 * are, or from their initial values (`rewind`). Biases and scales stay.
 * Han et al. 2015, arXiv 1506.02626; rewinding: Frankle and Carbin 2019, arXiv 1803.03635. */
#include <math.h>
#include <rademacher/compressor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct magnitude {
  double share;
  int32_t scope, epochs;
  bool rewind;
} magnitude;
enum { GLOBAL, LAYER };
static const char *const scopes[] = {"global", "layer", NULL};
static const rad_key keys[] = {
    RAD_KEY(magnitude, share, "0.2", 0, 0.999, 0, "of the weights left, taken away in a round"),
    RAD_CHOICE(magnitude, scope, "global", scopes, "smallest of all layers together, or of each"),
    RAD_KEY(magnitude, epochs, "0", 0, 1e6, 0, "of training after each round; 0: none"),
    RAD_KEY(magnitude, rewind, "false", 0, 1, 0, "train from the initial weights"),
};
typedef struct weight {
  float size;     /* absolute */
  uint32_t param; /* whose */
  size_t at;      /* in it */
} weight;

static rad_status init(rad_ctx *c, void *self)
{
  const magnitude *m = self;
  if (m->rewind && m->epochs == 0)
    return rad_fail(c, RAD_EINVAL, "rewind = true wants epochs: untrained weights are of no use");
  return RAD_OK;
}

static bool is_weight(rad_ctx *c, const rad_param *p)
{
  return p->role == RAD_WEIGHT && c->lab->applies(c, p->layer);
}

static int by_size(const void *a, const void *b)
{
  const weight *x = a, *y = b;
  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  if (x->param != y->param)
    return x->param < y->param ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* The smallest of v (n) leave `active` of their tensors. */
static void cut(const magnitude *m, weight *v, size_t n, uint8_t *const *active)
{
  const size_t out = (size_t)floor(m->share * (double)n + 0.5);
  qsort(v, n, sizeof *v, by_size);
  for (size_t i = 0; i < out; i++)
    active[v[i].param][v[i].at] = 0;
}

/* Weights that are left of tensor k, into v; values (count of the tensor). */
static size_t list(const float *values, uint32_t k, size_t n, weight *v)
{
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (values[i] != 0.0f)
      v[m++] = (weight){fabsf(values[i]), k, i};
  return m;
}

/* value[k], active[k]: of tensor k of `from`, NULL where it may not be changed. */
static rad_status choose(rad_ctx *c, const magnitude *m, const rad_model *from, float **value,
                         uint8_t **active)
{
  size_t all = 0, n = 0;
  for (uint32_t k = 0; k < from->nparam; k++)
    all += is_weight(c, from->param[k]) ? rad_count(&from->param[k]->shape) : 0;
  weight *v = c->host->scratch(c, (all + 1) * sizeof *v);
  float *used = c->host->scratch(c, (all + 1) * sizeof *used);
  if (!v || !used)
    return RAD_ENOMEM;
  for (uint32_t k = 0; k < from->nparam; k++) {
    const rad_param *p = from->param[k];
    const size_t count = rad_count(&p->shape);
    value[k] = c->host->scratch(c, count * sizeof **value);
    active[k] = is_weight(c, p) ? c->host->scratch(c, count) : NULL;
    if (!value[k] || (is_weight(c, p) && !active[k]))
      return RAD_ENOMEM;
    RAD_TRY(c->lab->values(c, p, value[k]));
    if (!active[k])
      continue;
    RAD_TRY(c->lab->used(c, p, used));
    for (size_t i = 0; i < count; i++)
      active[k][i] = used[i] != 0.0f;
    n += list(used, k, count, v + n);
    if (m->scope == LAYER) {
      cut(m, v, n, active);
      n = 0;
    }
  }
  cut(m, v, n, active);
  return RAD_OK;
}

static rad_status train(rad_ctx *c, const magnitude *m, rad_model *to)
{
  char epochs[16];
  rad_source *s;
  uint64_t n;
  snprintf(epochs, sizeof epochs, "%d", (int)m->epochs);
  const rad_set set = {"run.epochs", epochs};
  RAD_TRY(c->lab->source(c, "train", &s, &n));
  return c->lab->train(
      c, RAD_NEW(rad_training, .model = to, .source = s, .set = &set, .nset = 1, .name = "fit"));
}

static rad_status round_once(rad_ctx *c, const void *self, rad_round *r)
{
  const magnitude *m = self;
  const rad_model *from = r->from;
  float **value = c->host->scratch(c, from->nparam * sizeof *value + 1);
  uint8_t **active = c->host->scratch(c, from->nparam * sizeof *active + 1);
  if (!value || !active)
    return RAD_ENOMEM;
  RAD_TRY(choose(c, m, from, value, active));
  RAD_TRY(c->lab->derive(c, from, NULL, 0, &r->to));
  for (uint32_t k = 0; k < from->nparam; k++) /* a new model has its initial weights */
    RAD_TRY(c->lab->assign(c, r->to->param[k], m->rewind ? NULL : value[k], active[k]));
  return m->epochs > 0 ? train(c, m, r->to) : RAD_OK;
}

/* Masked weights are multiplied like the others. */
static rad_status cost(rad_ctx *c, const void *self, const rad_model *m, rad_round_cost *out)
{
  rad_source *s;
  (void)m;
  out->epochs = ((const magnitude *)self)->epochs;
  return c->lab->source(c, "train", &s, &out->samples);
}

static const rad_compressor_ops ops = {.size = sizeof ops, .round = round_once, .cost = cost};
static const rad_plugin magnitude_plugin = {
    RAD_PLUGIN(RAD_COMPRESSOR, "magnitude", magnitude, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    .init = init,
    .summary = "takes away the smallest weights",
    .reference = "Han et al. 2015, arXiv 1506.02626; Frankle and Carbin 2019, arXiv 1803.03635"};
RAD_EXPORT(&magnitude_plugin)
