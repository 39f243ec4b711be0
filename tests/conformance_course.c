/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_course.c - the course of a training: optimizers and schedules. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { SIZE = 37, STEPS = 150 };

/* --- optimizers: down a quadratic bowl, f(w) = sum a (w - t)^2 / 2 --- */
typedef struct descent {
  bench *b;
  instance *i;
  rad_opt_plan plan;
  rad_param param;
  float *w, *g, **slot;
  const float *a, *t;
} descent;

static void descent_start(descent *d, bench *b, const plugin *p, size_t variant, bool pure)
{
  *d = (descent){.b = b, .i = bench_variant(b, p, variant), .plan = {.pure = pure}};
  ck_assert_msg(d->i != NULL, "%s: %s", label_of(b, p, variant), text_str(&b->diag.messages));
  bench_math(b, d->i);
  ck_assert_int_eq(p->ops.optimizer.plan(&d->i->ctx, d->i->self, &d->plan), RAD_OK);
  ck_assert_msg(!pure || d->plan.keep == 0.0f, "folds although a hook reads the gradient");
  ck_assert(d->plan.keep >= 0.0f && d->plan.keep < 1.0f);
  ck_assert_uint_le(d->plan.nslot, 8);
  d->w = numbers(b, 1, SIZE, 0.5f);
  d->t = numbers(b, 2, SIZE, 0.0f);
  float *a = numbers(b, 3, SIZE, 0.3f);
  for (size_t i = 0; i < SIZE; i++)
    a[i] = fabsf(a[i]);
  d->a = a;
  d->g = room(b, SIZE, sizeof *d->g);
  d->slot = room(b, 8, sizeof *d->slot);
  for (uint32_t k = 0; k < d->plan.nslot; k++)
    d->slot[k] = room(b, SIZE, sizeof(float));
  d->param = (rad_param){.name = "W",
                         .layer = "it",
                         .role = RAD_WEIGHT,
                         .type = RAD_F32,
                         .shape = {1, {SIZE}},
                         .n = SIZE,
                         .value = d->w,
                         .grad = d->g,
                         .keep = d->plan.keep};
}

static double height(const descent *d)
{
  double sum = 0;
  for (size_t i = 0; i < SIZE; i++) {
    const double e = (double)d->w[i] - (double)d->t[i];
    sum += 0.5 * (double)d->a[i] * e * e;
  }
  return sum;
}

static void step_slice(descent *d, uint64_t t, size_t lo, size_t hi)
{
  float *slot[8];
  for (uint32_t k = 0; k < d->plan.nslot; k++)
    slot[k] = d->slot[k] + lo;
  const rad_update u = {.param = &d->param,
                        .when = {.step = t - 1, .nepoch = 1, .nstep = STEPS},
                        .t = t,
                        .lr = 0.02,
                        .n = hi - lo,
                        .w = d->w + lo,
                        .g = d->g + lo,
                        .slot = slot};
  ck_assert_int_eq(d->i->plugin->ops.optimizer.step(&d->i->ctx, d->i->self, &u), RAD_OK);
}

static void descend(descent *d, bool slices)
{
  for (uint64_t t = 1; t <= STEPS; t++) {
    for (size_t i = 0; i < SIZE; i++)
      d->g[i] = d->plan.keep * d->g[i] + d->a[i] * (d->w[i] - d->t[i]);
    if (slices && !d->plan.whole) {
      step_slice(d, t, 10, SIZE);
      step_slice(d, t, 0, 10);
    } else {
      step_slice(d, t, 0, SIZE);
    }
  }
}

START_TEST(test_optimizer)
{
  const plugin *p = nth_plugin(RAD_OPTIMIZER, (size_t)_i);
  for (size_t v = 0; v < variants(p); v++) {
    descent d[3];
    bench b;
    bench_open(&b, 5);
    for (size_t k = 0; k < 3; k++) { /* whole, in slices, not folded */
      descent_start(&d[k], &b, p, v, k == 2);
      const double from = height(&d[k]);
      descend(&d[k], k == 1);
      ck_assert_msg(height(&d[k]) < 0.5 * from, "%s: from %g to %g", label_of(&b, p, v), from,
                    height(&d[k]));
    }
    ck_assert_msg(same_bits(d[0].w, d[1].w, SIZE * sizeof(float)), "%s: slices differ",
                  label_of(&b, p, v));
    ck_assert_msg(distance(d[0].w, d[2].w, SIZE) < 1e-5, "%s: folded and not differ",
                  label_of(&b, p, v));
    bench_close(&b);
  }
}
END_TEST

/* --- schedules --- */
enum { EPOCHS = 10, PER_EPOCH = 7 };

static double factor_at(instance *i, uint64_t step, uint64_t nepoch, uint64_t nstep)
{
  const rad_when w = {.epoch = step / nstep, .step = step, .nepoch = nepoch, .nstep = nstep};
  double f = (double)NAN;
  ck_assert_int_eq(i->plugin->ops.schedule.factor(&i->ctx, i->self, &w, &f), RAD_OK);
  return f;
}

static instance *plan_schedule(instance *i, lab_stub *lab)
{
  *lab = (lab_stub){0};
  lab_stub_connect(lab, i);
  if (i->plugin->ops.schedule.plan)
    ck_assert_int_eq(i->plugin->ops.schedule.plan(&i->ctx, i->self), RAD_OK);
  ck_assert_int_eq(instance_state(i), RAD_OK);
  return i;
}

/* Finite, not negative, 1 or more never; asked twice the same; without state in any order. */
START_TEST(test_schedule)
{
  const plugin *p = nth_plugin(RAD_SCHEDULE, (size_t)_i);
  for (size_t v = 0; v < variants(p); v++) {
    bench b;
    lab_stub lab;
    double f[EPOCHS * PER_EPOCH];
    bench_open(&b, 5);
    instance *i = bench_variant(&b, p, v);
    if (!i) {
      bench_close(&b);
      continue;
    }
    plan_schedule(i, &lab);
    for (uint64_t s = 0; s < EPOCHS * PER_EPOCH; s++) {
      lab.value = 1.5 - 0.01 * (double)s;
      f[s] = factor_at(i, s, EPOCHS, PER_EPOCH);
      ck_assert_msg(f[s] >= 0 && f[s] <= 1, "%s: step %d: %g", label_of(&b, p, v), (int)s, f[s]);
      ck_assert_msg(factor_at(i, s, EPOCHS, PER_EPOCH) == f[s], "%s: the second call differs",
                    label_of(&b, p, v));
    }
    ck_assert_msg(f[0] > 0, "%s starts at 0", label_of(&b, p, v));
    for (uint64_t s = EPOCHS * PER_EPOCH; i->ntensor == 0 && s-- > 0;)
      ck_assert_msg(factor_at(i, s, EPOCHS, PER_EPOCH) == f[s], "%s has a hidden state",
                    label_of(&b, p, v));
    for (uint64_t s = 0; s < 3; s++) /* one epoch of one step, and beyond what was planned */
      ck_assert(factor_at(i, EPOCHS * PER_EPOCH + s, 1, 1) <= 1);
    bench_close(&b);
  }
}
END_TEST

/* Values computed with Python's math module. */
START_TEST(test_schedule_values)
{
  static const struct {
    const char *name, *keys;
    uint64_t step;
    double factor;
  } v[] = {{"constant", "", 69, 1},
           {"step", "step=3 gamma=0.7", 20, 1},
           {"step", "step=3 gamma=0.7", 21, 0.7},
           {"step", "step=3 gamma=0.7", 69, 0.343},
           {"exponential", "gamma=0.95", 6, 1},
           {"exponential", "gamma=0.95", 69, 0.6302494097246091},
           {"cosine", "", 0, 1},
           {"cosine", "", 33, 0.54481965445171676},
           {"cosine", "", 69, 0.00050346672934270531},
           {"cosine", "warmup=1.5 floor=0.1", 0, 0.095238095238095233},
           {"cosine", "warmup=1.5 floor=0.1", 9, 0.95238095238095233},
           {"cosine", "warmup=1.5 floor=0.1", 10, 1},
           {"cosine", "warmup=1.5 floor=0.1", 11, 0.99984319384098208},
           {"cosine", "warmup=1.5 floor=0.1", 40, 0.55593981361484157},
           {"cosine", "warmup=1.5 floor=0.1", 69, 0.10062711535530987}};
  for (size_t k = 0; k < sizeof v / sizeof *v; k++) {
    bench b;
    lab_stub lab;
    bench_open(&b, 5);
    instance *i = plan_schedule(bench_make(&b, RAD_SCHEDULE, v[k].name, v[k].keys), &lab);
    const double f = factor_at(i, v[k].step, EPOCHS, PER_EPOCH);
    ck_assert_msg(fabs(f - v[k].factor) < 1e-14, "%s %s, step %d: %.17g", v[k].name, v[k].keys,
                  (int)v[k].step, f);
    bench_close(&b);
  }
}
END_TEST

/* Two bad epochs are forgiven, the third divides by two; never below the floor. */
START_TEST(test_plateau)
{
  static const double value[] = {9, 3.0, 2.9, 2.8995, 2.9, 2.95, 2.9, 2.9, 2.9, 2.9, 2.9, 2.9, 1};
  static const double expect[] = {1, 1, 1, 1, 1, .5, .5, .5, .3, .3, .3, .3, .3};
  bench b;
  lab_stub lab;
  bench_open(&b, 5);
  instance *i =
      plan_schedule(bench_make(&b, RAD_SCHEDULE, "plateau",
                               "metric=val.loss patience=2 factor=0.5 threshold=1e-3 floor=0.3"),
                    &lab);
  for (uint64_t e = 0; e < 13; e++) {
    lab.value = value[e]; /* what was measured at the end of epoch e - 1 */
    for (uint64_t s = 0; s < 4; s++)
      ck_assert_msg(fabs(factor_at(i, 4 * e + s, 13, 4) - expect[e]) < 1e-15, "epoch %d", (int)e);
  }
  i = plan_schedule(bench_make(&b, RAD_SCHEDULE, "plateau", "metric=none"), &lab);
  factor_at(i, 0, 9, 4);
  double f;
  const rad_when w = {.epoch = 1, .step = 4, .nepoch = 9, .nstep = 4};
  ck_assert_int_eq(i->plugin->ops.schedule.factor(&i->ctx, i->self, &w, &f), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&b.diag.messages), "'none'") != NULL, "names no metric");
  bench_close(&b);
}
END_TEST

TCase *course_cases(void)
{
  TCase *t = tcase_create("course");
  tcase_add_loop_test(t, test_optimizer, 0, (int)under_test(RAD_OPTIMIZER));
  tcase_add_loop_test(t, test_schedule, 0, (int)under_test(RAD_SCHEDULE));
  tcase_add_test(t, test_schedule_values);
  tcase_add_test(t, test_plateau);
  return t;
}
