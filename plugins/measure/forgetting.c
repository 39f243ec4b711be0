/* SPDX-License-Identifier: BSD-3-Clause
 * forgetting.c - how often each training sample goes from right to wrong from one of its
 * presentations to the next, by the outputs that the training itself sees (its dropout, its batch
 * noise). Metrics: `events`, the mean number of such events over the samples that were right at
 * least once; `unforgettable`, the share of all samples that were right once and never forgotten;
 * `never_right`, the share of the others without events. The vector `events` (N) holds the numbers,
 * -1 for a sample that was never right. Toneva et al. 2019, arXiv 1812.05159. */
#include "samples.h"

typedef struct forgetting {
  size_t N, T; /* training samples, classes; set by plan */
} forgetting;
enum { RIGHT, EVER, EVENTS }; /* state (N): u8 at the last presentation, u8 ever, f32 */

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  static const char *const name[] = {"right", "ever", "events"};
  forgetting *s = self;
  RAD_TRY(classes_check(c, m, f));
  s->N = (size_t)f->n[RAD_TRAIN];
  s->T = f->ntarget;
  for (uint32_t i = 0; i < 3; i++)
    RAD_TRY(
        c->host->tensor(c, RAD_NEW(rad_tensor, .name = name[i], .role = RAD_BUFFER,
                                   .type = i == EVENTS ? RAD_F32 : RAD_U8, .shape = {1, {s->N}})));
  return RAD_OK;
}

static rad_status step(rad_ctx *c, const void *self, rad_model *m, const rad_batch *b)
{
  const forgetting *s = self;
  uint8_t *right = c->state[RIGHT], *ever = c->state[EVER];
  float *events = c->state[EVENTS];
  (void)m;
  for (size_t i = 0; i < b->n; i++) {
    const uint64_t k = b->row[i];
    if (b->label[i] < 0)
      continue;
    const bool now = top_class(b->y + i * s->T, s->T) == b->label[i];
    events[k] += right[k] && !now ? 1.0f : 0.0f;
    ever[k] |= now;
    right[k] = now;
  }
  return RAD_OK;
}

static rad_status report(rad_ctx *c, const forgetting *s)
{
  const uint8_t *ever = c->state[EVER];
  const float *events = c->state[EVENTS];
  double learned = 0, sum = 0, kept = 0;
  const double N = (double)s->N;
  for (size_t i = 0; i < s->N; i++) {
    learned += ever[i];
    sum += (double)events[i];
    kept += ever[i] && !(events[i] > 0);
  }
  if (learned > 0)
    RAD_TRY(c->lab->metric(c, "events", sum / learned));
  RAD_TRY(c->lab->metric(c, "unforgettable", kept / N));
  return c->lab->metric(c, "never_right", (N - learned) / N);
}

static rad_status epoch(rad_ctx *c, const void *self, rad_report *r)
{
  (void)r;
  return report(c, self);
}

static rad_status end(rad_ctx *c, const void *self, rad_report *r)
{
  const forgetting *s = self;
  const uint8_t *ever = c->state[EVER];
  const float *events = c->state[EVENTS];
  float *out = c->host->scratch(c, (s->N + 1) * sizeof *out);
  (void)r;
  if (!out)
    return RAD_ENOMEM;
  for (size_t i = 0; i < s->N; i++)
    out[i] = ever[i] ? events[i] : -1.0f;
  RAD_TRY(report(c, s));
  return c->lab->vector(c, "events", s->N, out);
}

static const rad_hooks ops = {
    .size = sizeof ops, .plan = plan, .step = step, .epoch = epoch, .end = end};
static const rad_plugin forgetting_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "forgetting", forgetting, &ops),
    RAD_METRICS("events", "unforgettable", "never_right"),
    .summary = "how often each sample goes from right to wrong",
    .reference = "Toneva et al. 2019, arXiv 1812.05159"};
RAD_EXPORT(&forgetting_plugin)
