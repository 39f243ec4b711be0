/* SPDX-License-Identifier: BSD-3-Clause
 * subspace.c - trains in a random subspace of `dimension` d, through the initial weights: w = w0 +
 * P z. P has one number in each row, in a column of its own choice, s / sqrt(m) with s = 1 or -1
 * and m the numbers in that column, so that its columns are orthonormal: the gradient of the
 * weights becomes P P' g, and momentum or Adam's scales stay in the subspace. How small may d be:
 * Li et al. 2018, arXiv 1804.08838; one number in a row: Weinberger et al. 2009, arXiv 0902.2206.
 */
#include <rademacher/regularizer.h>
#include <string.h>

enum { CHUNK = 256, SUM = 0, COUNT = 1 }; /* the last two are state tensors of d numbers */
typedef struct subspace {
  int64_t dimension;
} subspace;

static const rad_key keys[] = {
    RAD_KEY(subspace, dimension, NULL, 1, 4e9, RAD_LOG, "of the subspace"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  const size_t d = (size_t)((const subspace *)self)->dimension;
  (void)m, (void)f;
  RAD_TRY(c->host->tensor(c, RAD_NEW(rad_tensor, .name = "sums", .role = RAD_BUFFER,
                                     .type = RAD_F64, .shape = {1, {d}})));
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "counts", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {1, {d}}));
}

/* Columns, and signs in the lowest bit, of n <= CHUNK elements of a tensor, from `first` on. */
static void draw(rad_ctx *c, const rad_param *p, size_t first, size_t n, uint32_t *r)
{
  c->host->bits(c, &(rad_at){.index = p->index}, first, n, r);
}

static size_t column(const subspace *s, uint32_t r)
{
  return (size_t)(((uint64_t)(r >> 1) * (uint64_t)s->dimension) >> 31);
}

static double sign(uint32_t r) /* not a branch: no processor would foresee it */
{
  return (double)((int32_t)(r & 1) * 2 - 1);
}

/* P' g without its scale; or, with `counts`, how many numbers there are in each column. */
static void add(rad_ctx *c, const subspace *s, const rad_param *p, bool counts, double *sums)
{
  uint32_t r[CHUNK];
  for (size_t i = 0; i < p->n; i += CHUNK) {
    const size_t n = p->n - i < CHUNK ? p->n - i : CHUNK;
    draw(c, p, i, n, r);
    for (size_t k = 0; k < n; k++) {
      if (!p->mask || p->mask[i + k])
        sums[column(s, r[k])] += counts ? 1 : sign(r[k]) * (double)p->grad[i + k];
    }
  }
}

/* g = P P' g */
static void spread(rad_ctx *c, const subspace *s, const rad_param *p, const double *mean)
{
  uint32_t r[CHUNK];
  for (size_t i = 0; i < p->n; i += CHUNK) {
    const size_t n = p->n - i < CHUNK ? p->n - i : CHUNK;
    draw(c, p, i, n, r);
    for (size_t k = 0; k < n; k++)
      p->grad[i + k] = (float)(sign(r[k]) * mean[column(s, r[k])]);
  }
}

static bool is_meant(rad_ctx *c, const rad_param *p)
{
  return p->grad && c->lab->applies(c, p->layer);
}

static void add_all(rad_ctx *c, const subspace *s, const rad_model *m, bool counts, double *sums)
{
  memset(sums, 0, (size_t)s->dimension * sizeof *sums);
  for (uint32_t i = 0; i < m->nparam; i++)
    if (is_meant(c, m->param[i]))
      add(c, s, m->param[i], counts, sums);
}

static bool counted(const subspace *s, const double *count)
{
  for (size_t k = 0; k < (size_t)s->dimension; k++)
    if (count[k] > 0)
      return true;
  return false;
}

static rad_status step(rad_ctx *c, const void *self, rad_model *m, const rad_batch *b)
{
  const subspace *s = self;
  double *sums = c->state[SUM], *count = c->state[COUNT];
  if (!counted(s, count)) /* the columns of every step are the first one's */
    add_all(c, s, m, true, count);
  add_all(c, s, m, false, sums);
  for (size_t k = 0; k < (size_t)s->dimension; k++)
    sums[k] = count[k] > 0 ? sums[k] / count[k] : 0;
  for (uint32_t i = 0; i < m->nparam; i++)
    if (is_meant(c, m->param[i]))
      spread(c, s, m->param[i], sums);
  (void)b;
  return RAD_OK;
}

static const rad_hooks ops = {
    .size = sizeof ops, .flags = RAD_PURE_GRAD, .plan = plan, .step = step};
static const rad_plugin subspace_plugin = {
    RAD_PLUGIN(RAD_REGULARIZER, "subspace", subspace, &ops), RAD_KEYS(keys), .needs = 1,
    .summary = "trains in a random subspace", .reference = "Li et al. 2018, arXiv 1804.08838"};
RAD_EXPORT(&subspace_plugin)
