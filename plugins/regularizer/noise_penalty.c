/* SPDX-License-Identifier: BSD-3-Clause
 * noise_penalty.c - adds lambda times the mean loss on a batch of other samples, usually noise, at
 * every step. towards = labels: against the samples' own targets; lambda < 0 then rewards a network
 * that does not fit them, without bound. towards = uniform: against 1/K for each of K classes, so
 * that lambda > 0 teaches the network to say nothing about noise. The samples are drawn with
 * replacement, as many as the training batch has. Reports the mean loss and, of classes, accuracy
 * over an epoch's steps: they tell how well the noise is being fitted. */
#include <rademacher/regularizer.h>

enum { LABELS, UNIFORM };
typedef struct noise_penalty {
  const char *source;
  double lambda;
  int32_t towards;
  bool classes; /* set by plan */
} noise_penalty;
enum { LOSS, RIGHT, COUNT, NSUM }; /* state, over the samples since the last report */

static const char *const targets[] = {"labels", "uniform", NULL};
static const rad_key keys[] = {
    RAD_KEY(noise_penalty, source, "noise.train", 0, 0, RAD_FIXED,
            "samples: NAME.train of a section [dataset NAME]"),
    RAD_KEY(noise_penalty, lambda, "0.1", -100, 100, 0, "weight of the loss on them, any sign"),
    RAD_CHOICE(noise_penalty, towards, "labels", targets, "what their outputs are compared with"),
};

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  noise_penalty *p = self;
  rad_source *s;
  uint64_t n;
  (void)m;
  p->classes = f->target == RAD_CLASS;
  if (p->towards == UNIFORM && !p->classes && f->target != RAD_SOFT)
    return rad_fail(c, RAD_EINVAL,
                    "towards = uniform needs one class or a distribution per sample");
  RAD_TRY(c->lab->source(c, p->source, &s, &n));
  if (n == 0 || n > UINT32_MAX)
    return rad_fail(c, RAD_EINVAL, "source = %s has %llu samples", p->source,
                    (unsigned long long)n);
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "sums", .role = RAD_BUFFER, .type = RAD_F64,
                                    .shape = {1, {NSUM}}));
}

static bool is_right(const float *y, int32_t label, size_t K)
{
  size_t top = 0;
  for (size_t k = 1; k < K; k++)
    top = y[k] > y[top] ? k : top;
  return (int32_t)top == label;
}

static void add_up(const rad_batch *z, double *sum)
{
  const size_t T = z->facts->ntarget;
  for (size_t i = 0; i < z->n; i++) {
    sum[LOSS] += z->loss[i];
    sum[RIGHT] += z->label && is_right(z->y + i * T, z->label[i], T);
  }
  sum[COUNT] += (double)z->n;
}

static rad_status step(rad_ctx *c, const void *self, rad_model *m, const rad_batch *b)
{
  const noise_penalty *p = self;
  const rad_at at = {.when = b->when.step};
  rad_source *s;
  rad_batch *z;
  uint64_t n, *id = c->host->scratch(c, b->n * sizeof *id);
  if (!id)
    return rad_fail(c, RAD_ENOMEM, "no memory for a batch of %zu samples", b->n);
  RAD_TRY(c->lab->source(c, p->source, &s, &n));
  for (size_t i = 0; i < b->n; i++)
    id[i] = rad_below(c, &at, i, (uint32_t)n);
  RAD_TRY(c->lab->fetch(c, s, id, 0, b->n, &z));
  const size_t T = z->facts->ntarget;
  for (size_t i = 0; p->towards == UNIFORM && i < z->n * T; i++)
    z->target[i] = 1.0f / (float)T;
  RAD_TRY(c->lab->pass(c, m, z, RAD_PASS_TRAINING | RAD_PASS_LOSS | RAD_PASS_GRAD,
                       (float)(p->lambda / (double)z->n)));
  add_up(z, c->state[0]);
  return RAD_OK;
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  double *sum = c->state[0];
  (void)r;
  if (sum[COUNT] == 0)
    return RAD_OK;
  RAD_TRY(c->lab->metric(c, "loss", sum[LOSS] / sum[COUNT]));
  if (((const noise_penalty *)self)->classes)
    RAD_TRY(c->lab->metric(c, "accuracy", sum[RIGHT] / sum[COUNT]));
  for (size_t i = 0; i < NSUM; i++)
    sum[i] = 0;
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .step = step, .epoch = epoch};
static const rad_plugin noise_penalty_plugin = {
    RAD_PLUGIN(RAD_REGULARIZER, "noise_penalty", noise_penalty, &ops), RAD_KEYS(keys),
    RAD_METRICS("loss", "accuracy"), .summary = "adds the loss on a batch of noise"};
RAD_EXPORT(&noise_penalty_plugin)
