/* SPDX-License-Identifier: BSD-3-Clause
 * measures_study.c - measures over a whole study, from vectors made by hand. */
#include "measure_rig.h"
#include <math.h>
#include <string.h>

/* --- a laboratory that knows four jobs, of which the last one has failed --- */
enum { NSEED = 4, MOST = 16 };
#define NONE NAN, NAN
static const float train_id[] = {0, 2, 0, 5, 2, 7, NONE}, train[] = {1, 1, 1, 3, 1, 0, NONE};
static const float rest_id[] = {5, 7, 2, 7, 0, 5, NONE}, rest[] = {2, 0, 1, 0, 0, 2, NONE};
static const float test_id[] = {0, 1, 0, 1, 0, 1, NONE}, test[] = {1, 0, 1, 1, 0, 1, NONE};
static const struct {
  const char *name;
  const float *v;
} kept[] = {{"train.id", train_id}, {"train.correct", train}, {"rest.id", rest_id},
            {"rest.correct", rest}, {"test.id", test_id},     {"test.correct", test}};
static struct {
  char name[32];
  double value;
} told[MOST];
static size_t ntold;
static vectors vectors_;

static rad_status recall(rad_ctx *c, uint64_t trial, const char *arm, const char *name, size_t *n,
                         const float **v)
{
  (void)c;
  *n = 0;
  *v = NULL;
  for (size_t i = 0; i < 6; i++)
    if (trial == 3 && strcmp(arm, "real") == 0 && strcmp(name, kept[i].name) == 0) {
      *n = 2;
      *v = kept[i].v;
    }
  return *v ? RAD_OK : RAD_DONE;
}

static rad_status metric_(rad_ctx *c, const char *name, double value)
{
  (void)c;
  ck_assert(ntold < MOST && strlen(name) < sizeof told[0].name);
  memcpy(told[ntold].name, name, strlen(name) + 1);
  told[ntold++].value = value;
  return RAD_OK;
}

static rad_status vector_(rad_ctx *c, const char *name, size_t n, const float *v)
{
  (void)c;
  return vectors_set(&vectors_, name, n, v);
}

static const rad_lab lab = {.recall = recall, .metric = metric_, .vector = vector_};

static void expect(const char *name, double value)
{
  for (size_t i = 0; i < ntold; i++)
    if (strcmp(told[i].name, name) == 0) {
      ck_assert_msg(fabs(told[i].value - value) < 1e-7, "%s is %g, not %g", name, told[i].value,
                    value);
      return;
    }
  ck_abort_msg("no %s", name);
}

static void expect_vector(const char *name, const float *v, size_t n)
{
  for (size_t i = 0; i < vectors_.n; i++)
    if (strcmp(vectors_.v[i].name, name) == 0) {
      ck_assert_uint_eq(vectors_.v[i].n, n);
      for (size_t k = 0; k < n; k++)
        ck_assert(isnan(v[k]) ? isnan(vectors_.v[i].v[k]) : vectors_.v[i].v[k] == v[k]);
      return;
    }
  ck_abort_msg("no %s", name);
}

/* Sample 0: right with two seeds that had it, wrong with one that had not: 1. Sample 2: right
 * either way: 0. Sample 5, with a wrong label: 1 of 1, 0 of 2: 1. Sample 7: never: 0. Test sample 0
 * was right with both seeds that had sample 0, not with the third: 1; and so on. */
START_TEST(memorization)
{
  static const float mem[] = {1, NAN, 0, NAN, NAN, 1, NAN, 0}, infl[] = {1, -0.5f, 0.5f, 0.5f};
  static const float ids[] = {0, 5};
  const rad_trial t = {.index = 3}, *const trials[] = {&t};
  const char *const arms[] = {"other", "real"};
  const uint64_t seeds[] = {1, 2, 3, 4};
  const rad_study s = {
      .ntrial = 1, .trial = trials, .narm = 2, .arm = arms, .nseed = NSEED, .seed = seeds};
  measure_rig r;
  rig_begin(&r, "blobs");
  rig_set(&r, "dataset.subset", "0.5");
  rig_set(&r, "measure.m.plugin", "memorization");
  rig_set(&r, "measure.m.influence", "2");
  rig_open(&r);
  instance *m = rig_hook(&r, "m")->instance;
  m->ctx.lab = &lab;
  const size_t mark = scratch_mark(&r.env);
  ck_assert_msg(m->plugin->ops.hooks.study(&m->ctx, m->self, &s) == RAD_OK, "%s",
                text_str(&r.diag.messages));
  scratch_release(&r.env, mark);
  expect("3.real.mean", 0.5);
  expect("3.real.above", 0.5);
  expect("3.real.samples", 4);
  expect("3.real.mean_clean", 1.0 / 3);
  expect("3.real.mean_noisy", 1);
  expect("3.real.influence", 0.75);
  expect("3.real.pairs", 3);
  ck_assert_uint_eq(ntold, 7);
  expect_vector("3.real", mem, 8);
  expect_vector("3.real.influence", infl, 4);
  expect_vector("3.real.influence_id", ids, 2);
  vectors_free(&vectors_);
  rig_end(&r);
}
END_TEST

TCase *study_measure_cases(void)
{
  TCase *t = tcase_create("study");
  tcase_add_test(t, memorization);
  return t;
}
