/* SPDX-License-Identifier: BSD-3-Clause
 * accuracy.c - the share of a split's samples whose largest output is at the label; where some
 * labels of the split were corrupted, also of the uncorrupted ones (accuracy_clean), and of the
 * corrupted ones against the label given (accuracy_noisy) and against the true one (accuracy_true).
 * Data without classes have no accuracy: then it reports nothing. */
#include "samples.h"

typedef struct accuracy {
  size_t T; /* classes; set by plan */
} accuracy;
enum { ALL, CLEAN, NOISY, TRUE, NGROUP };
typedef struct tally { /* of one group of samples */
  double n, right;
} tally;

static rad_status plan(rad_ctx *c, void *self, const rad_model *m, const rad_facts *f)
{
  accuracy *a = self;
  a->T = f->ntarget;
  if (f->target == RAD_CLASS && m && m->nnode > 0 && rad_count(&m->node[m->nnode - 1]->out) != a->T)
    return rad_fail(c, RAD_EINVAL, "wants an output for each of the %zu classes", a->T);
  return c->host->tensor(c, RAD_NEW(rad_tensor, .name = "tally", .role = RAD_BUFFER,
                                    .type = RAD_F64, .shape = {2, {NGROUP, 2}}));
}

static rad_status report(rad_ctx *c, tally *t)
{
  static const char *const name[] = {"accuracy", "accuracy_clean", "accuracy_noisy",
                                     "accuracy_true"};
  for (size_t g = 0; g < NGROUP; g++)
    if (t[g].n > 0 && (g == ALL || t[NOISY].n > 0))
      RAD_TRY(c->lab->metric(c, name[g], t[g].right / t[g].n));
  for (size_t g = 0; g < NGROUP; g++)
    t[g] = (tally){0, 0};
  return RAD_OK;
}

static void count(tally *t, bool right)
{
  t->n++;
  t->right += right;
}

static rad_status eval(rad_ctx *c, const void *self, const rad_batch *b)
{
  const accuracy *a = self;
  tally *t = c->state[0];
  if (!b)
    return report(c, t);
  for (size_t i = 0; b->label && i < b->n; i++) {
    if (b->label[i] < 0) /* unlabelled */
      continue;
    const int32_t top = top_class(b->y + i * a->T, a->T);
    const bool noisy = b->truth && b->truth[i] != b->label[i];
    count(&t[ALL], top == b->label[i]);
    count(&t[noisy ? NOISY : CLEAN], top == b->label[i]);
    if (noisy)
      count(&t[TRUE], top == b->truth[i]);
  }
  return RAD_OK;
}

static const rad_hooks ops = {.size = sizeof ops, .plan = plan, .eval = eval};
static const rad_plugin accuracy_plugin = {
    RAD_PLUGIN(RAD_MEASURE, "accuracy", accuracy, &ops),
    RAD_METRICS("accuracy", "accuracy_clean", "accuracy_noisy", "accuracy_true"),
    .summary = "share of right answers in each split"};
RAD_EXPORT(&accuracy_plugin)
