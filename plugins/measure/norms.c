/* SPDX-License-Identifier: BSD-3-Clause
 * norms.c - how large a network's tensors are:
 *   l2                  sqrt of the sum of squares over all weights, biases and scales
 *   distance            the same of the difference to their initial values
 *   spectral_sum        sum over the weight matrices of their largest singular values
 *   spectral_product    their product, 1 where there is none
 *   path                sqrt of the sum of the network's outputs where every weight, bias and scale
 *                       is replaced by its square and the input by ones: the sum over all paths of
 *                       the products of squares, where layers keep positive numbers as they are
 *                       (dense, convolutions, relu, elu); not of networks with running statistics
 *                       or layers that are neither affine nor convex and increasing
 * Of layers whose products read a map of their tensors (convex_dense) the tensors themselves count,
 * and they have no paths. A matrix is a tensor of role weight as (outputs, everything else):
 * filters as (out, h w in). Neyshabur et al. 2015, arXiv 1506.02617; Jiang et al. 2020, arXiv
 * 1912.02178. */
#include "spectral.h"

typedef struct norms {
  bool distance;
  const rad_model *model; /* set by plan */
  size_t total;           /* elements of all tensors that are no buffers */
} norms;
static const rad_key keys[] = {
    RAD_KEY(norms, distance, "true", 0, 0, RAD_FIXED,
            "keep the initial values, and tell how far the network is from them"),
};
enum { START, KNOWN }; /* state: f32 (total), f64 (1) */

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  norms *s = self;
  (void)f;
  s->model = m;
  s->total = 0;
  for (uint32_t i = 0; i < m->nparam; i++)
    s->total += m->param[i]->role == RAD_BUFFER ? 0 : rad_count(&m->param[i]->shape);
  if (!s->distance || s->total == 0)
    return RAD_OK;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "start", .role = RAD_BUFFER,
                                     .type = RAD_F32, .shape = {1, {s->total}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "known", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {1, {1}}));
}

/* The first evaluation is that of the network before training. */
static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  const norms *s = self;
  (void)b;
  if (!s->distance || s->total == 0 || *(double *)c->state[KNOWN] != 0)
    return RAD_OK;
  float *to = c->state[START];
  for (uint32_t i = 0; i < s->model->nparam; i++) {
    const rad_param *p = s->model->param[i];
    if (p->role == RAD_BUFFER)
      continue;
    RAD_TRY(c->lab->values(c, p, to));
    to += rad_count(&p->shape);
  }
  *(double *)c->state[KNOWN] = 1;
  return RAD_OK;
}

static rad_status report_norms(rad_ctx *c, const norms *s, const rad_model *m, float *W,
                               double *room)
{
  const bool known = s->distance && s->total > 0 && *(double *)c->state[KNOWN] != 0;
  const float *start = known ? c->state[START] : NULL;
  double square = 0, moved = 0, sum = 0, product = 1;
  for (uint32_t i = 0; i < m->nparam; i++) {
    const rad_param *p = m->param[i];
    const size_t n = rad_count(&p->shape);
    if (p->role == RAD_BUFFER)
      continue;
    RAD_TRY(c->lab->values(c, p, W));
    for (size_t k = 0; k < n; k++) {
      const double w = (double)W[k], d = start ? w - (double)*start++ : 0;
      square += w * w;
      moved += d * d;
    }
    if (!is_matrix(p))
      continue;
    const double norm = spectral_norm(c, W, p->shape.dim[0], n / p->shape.dim[0], room);
    sum += norm;
    product *= norm;
  }
  RAD_TRY(c->lab->metric(c, "l2", sqrt(square)));
  RAD_TRY(c->lab->metric(c, "spectral_sum", sum));
  RAD_TRY(c->lab->metric(c, "spectral_product", product));
  return known ? c->lab->metric(c, "distance", sqrt(moved)) : RAD_OK;
}

static bool has_paths(const rad_model *m)
{
  for (uint32_t i = 0; i < m->nparam; i++)
    if (m->param[i]->role == RAD_BUFFER || m->param[i]->mapped)
      return false;
  for (uint32_t i = 0; i < m->nnode; i++) {
    const uint32_t props = m->node[i]->props, both = RAD_CONVEX | RAD_INCREASING;
    if (!(props & RAD_AFFINE) && (props & both) != both)
      return false;
  }
  return true;
}

static rad_status report_path(rad_ctx *c, rad_model *m, float *W)
{
  rad_source *train;
  rad_batch *b;
  uint64_t N;
  double sum = 0;
  for (uint32_t i = 0; i < m->nparam; i++) {
    const size_t n = rad_count(&m->param[i]->shape);
    RAD_TRY(c->lab->values(c, m->param[i], W));
    for (size_t k = 0; k < n; k++)
      W[k] *= W[k];
    RAD_TRY(c->lab->replace(c, m->param[i], W));
  }
  RAD_TRY(c->lab->source(c, "train", &train, &N));
  RAD_TRY(c->lab->fetch(c, train, NULL, 0, 1, &b));
  for (size_t k = 0; k < rad_count(&b->facts->sample); k++)
    b->x[k] = 1.0f;
  RAD_TRY(c->lab->pass(c, m, b, 0, 1.0f));
  for (size_t k = 0; k < rad_count(&m->node[m->nnode - 1]->out); k++)
    sum += (double)b->y[k];
  return c->lab->metric(c, "path", sqrt(sum));
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  float *W;
  double *room;
  if (r->model->nnode == 0) /* the fit predicts by itself */
    return RAD_OK;
  RAD_TRY(spectral_room(c, r->model, &W, &room));
  RAD_TRY(report_norms(c, self, r->model, W, room));
  return has_paths(r->model) ? report_path(c, r->model, W) : RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval, .epoch = epoch};
static const rad_plugin norms_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "norms", norms, &ops),
    RAD_KEYS(keys),
    .needs = 1,
    RAD_METRICS("l2", "spectral_sum", "spectral_product", "distance", "path"),
    .summary = "norms of the weights, distance from the start",
    .reference = "Jiang et al. 2020, arXiv 1912.02178"};
RAD_EXPORT(&norms_plugin)
