/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_hooks.c - regularizers, measures and fits: penalties against finite differences,
 * slices against the whole, and what the measures report, in a fake laboratory. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { SIZE = 24, ROW = 4 };

static const rad_facts facts = {.sample = {1, {4}},
                                .type = RAD_F32,
                                .target = RAD_CLASS,
                                .ntarget = 3,
                                .n = {40, 10, 20, 7},
                                .scale = 1.0f};
static const rad_shape out_shape = {1, {3}};

/* A network of one dense layer: W (6,4), b (6). */
typedef struct tiny {
  rad_param W, b, *param[2];
  rad_node node;
  const rad_node *list[1];
  rad_model model;
} tiny;

static void tiny_make(tiny *t, bench *b)
{
  *t = (tiny){.W = {.name = "W",
                    .layer = "h",
                    .role = RAD_WEIGHT,
                    .type = RAD_F32,
                    .n = SIZE,
                    .shape = {2, {SIZE / ROW, ROW}}},
              .b = {.name = "b",
                    .layer = "h",
                    .role = RAD_BIAS,
                    .type = RAD_F32,
                    .index = 1,
                    .n = SIZE / ROW,
                    .shape = {1, {SIZE / ROW}}}};
  t->W.value = numbers(b, 1, SIZE, 0.1f);
  t->W.grad = numbers(b, 2, SIZE, 0.0f);
  t->b.value = numbers(b, 3, SIZE / ROW, 0.1f);
  t->b.grad = numbers(b, 4, SIZE / ROW, 0.0f);
  t->param[0] = &t->W, t->param[1] = &t->b;
  t->node = (rad_node){.name = "h",
                       .plugin = "dense",
                       .props = RAD_AFFINE,
                       .nparam = 2,
                       .out = out_shape,
                       .param = t->param};
  t->list[0] = &t->node;
  t->model = (rad_model){.nnode = 1, .nparam = 2, .node = t->list, .param = t->param};
}

static bool plan(instance *i, lab_stub *lab, const tiny *t)
{
  const rad_hooks *h = &i->plugin->ops.hooks;
  *lab = (lab_stub){.value = 1};
  lab_stub_connect(lab, i);
  if (h->plan && h->plan(&i->ctx, i->self, &t->model, &facts) < 0)
    return false;
  return instance_state(i) == RAD_OK;
}

/* --- penalties and projections --- */
typedef rad_status slice_hook(rad_ctx *, const void *, const rad_slice *);

static double on_slice(instance *i, slice_hook *f, rad_param *p, size_t lo, size_t hi, bool grad)
{
  double penalty = 0;
  const rad_slice s = {.param = p,
                       .when = {.step = 3, .nepoch = 2, .nstep = 9},
                       .lr = 0.05,
                       .first = lo,
                       .n = hi - lo,
                       .w = p->value + lo,
                       .g = grad ? p->grad + lo : NULL,
                       .penalty = grad ? &penalty : NULL};
  ck_assert_int_eq(f(&i->ctx, i->self, &s), RAD_OK);
  return penalty;
}

typedef struct penalty_of {
  instance *i;
  rad_param *p;
  const float *w;
} penalty_of;

static double penalty(void *with)
{
  const penalty_of *q = with;
  float w[SIZE], g[SIZE] = {0};
  rad_param p = *q->p;
  memcpy(w, q->w, p.n * sizeof *w); /* the hook may change it */
  p.value = w, p.grad = g;
  return on_slice(q->i, q->i->plugin->ops.hooks.grad, &p, 0, p.n, true);
}

/* What is added to the gradient is the penalty's; slices add up to the whole. */
static void check_penalty(instance *i, rad_param *p)
{
  float w[2][SIZE], g[2][SIZE];
  double sum[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    rad_param q = *p;
    memcpy(w[k], p->value, p->n * sizeof(float));
    memcpy(g[k], p->grad, p->n * sizeof(float));
    q.value = w[k], q.grad = g[k];
    if (k == 1)
      sum[k] += on_slice(i, i->plugin->ops.hooks.grad, &q, ROW, q.n, true);
    sum[k] += on_slice(i, i->plugin->ops.hooks.grad, &q, 0, k == 1 ? ROW : q.n, true);
  }
  ck_assert_msg(same_bits(w[0], w[1], p->n * sizeof(float)) &&
                    same_bits(g[0], g[1], p->n * sizeof(float)) &&
                    fabs(sum[0] - sum[1]) <= 1e-12 * fabs(sum[0]),
                "slices and the whole differ");
  float at[SIZE];
  memcpy(at, p->value, p->n * sizeof *at);
  for (size_t k = 0; k < p->n; k++) {
    const double slope = derivative(penalty, &(penalty_of){i, p, at}, &at[k]);
    const double added = (double)g[0][k] - (double)p->grad[k];
    ck_assert_msg(fabs(slope - added) < 1e-5, "adds %g to %s, the slope is %g", added, p->name,
                  slope);
  }
}

/* A projection done twice is done once; a decay does nothing at rate 0. */
static void check_projection(instance *i, rad_param *p)
{
  float once[SIZE];
  const rad_slice s = {.param = p, .when = {.nepoch = 2, .nstep = 9}, .n = p->n, .w = p->value};
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq(i->plugin->ops.hooks.weights(&i->ctx, i->self, &s), RAD_OK);
    ck_assert_msg(k == 0 || same_bits(once, p->value, p->n * sizeof *once), "is no projection");
    memcpy(once, p->value, p->n * sizeof *once);
  }
}

START_TEST(test_regularizer)
{
  const plugin *p = nth_plugin(RAD_REGULARIZER, (size_t)_i);
  for (size_t v = 0; v < variants(p); v++) {
    bench b;
    tiny t;
    lab_stub lab;
    bench_open(&b, 3);
    tiny_make(&t, &b);
    instance *i = bench_variant(&b, p, v);
    if (i && plan(i, &lab, &t))
      for (size_t k = 0; k < 2; k++) {
        if (p->ops.hooks.grad)
          check_penalty(i, t.param[k]);
        if (p->ops.hooks.weights)
          check_projection(i, t.param[k]);
      }
    bench_close(&b);
  }
}
END_TEST

/* l2 adds lambda w, to biases only where asked; decoupled shrinks by lr lambda and adds nothing. */
START_TEST(test_weight_decay)
{
  static const char *const keys[] = {"lambda=0.37", "lambda=0.37 bias=true",
                                     "lambda=0.37 mode=decoupled"};
  for (size_t k = 0; k < 3; k++) {
    bench b;
    tiny t;
    bench_open(&b, 3);
    tiny_make(&t, &b);
    instance *i = bench_make(&b, RAD_REGULARIZER, "weight_decay", keys[k]);
    const float w = t.W.value[5], g = t.W.grad[5], bias = t.b.grad[2], shift = t.b.value[2];
    for (size_t q = 0; q < 2; q++)
      on_slice(i, i->plugin->ops.hooks.grad, t.param[q], 0, t.param[q]->n, true);
    const float add = k < 2 ? 0.37f * w : 0.0f, keep = k < 2 ? 1.0f : 1.0f - 0.05f * 0.37f;
    ck_assert(fabsf(t.W.grad[5] - (g + add)) < 1e-6f && fabsf(t.W.value[5] - keep * w) < 1e-6f);
    ck_assert(fabsf(t.b.grad[2] - (bias + (k == 1 ? 0.37f * shift : 0.0f))) < 1e-6f);
    ck_assert(t.b.value[2] == shift);
    bench_close(&b);
  }
}
END_TEST

/* About `rate` of the units are silenced, other ones in each step and at each site. */
START_TEST(test_dropout)
{
  enum { WIDE = 4000 };
  static const rad_shape shape = {1, {WIDE}};
  static float x[WIDE], y[3][WIDE];
  bench b;
  instance *site;
  bench_open(&b, 3);
  instance *i = bench_make(&b, RAD_REGULARIZER, "dropout", "rate=0.3");
  ck_assert_int_eq(instance_site(&site, i, "second"), RAD_OK);
  for (size_t k = 0; k < WIDE; k++)
    x[k] = 1.0f;
  for (size_t k = 0; k < 3; k++) {
    const float *px = x;
    rad_ctx *c = k == 2 ? &site->ctx : &i->ctx;
    const rad_pass p = {.when = {.step = k == 1, .nepoch = 1, .nstep = 2},
                        .training = true,
                        .n = 1,
                        .total = 1,
                        .id = &(uint64_t){4},
                        .in = &shape,
                        .out = &shape,
                        .x = &px,
                        .y = y[k]};
    ck_assert_int_eq(i->plugin->ops.hooks.after->forward(c, i->self, &p), RAD_OK);
  }
  size_t silent = 0, step = 0, place = 0;
  for (size_t k = 0; k < WIDE; k++) {
    silent += y[0][k] == 0.0f;
    step += y[0][k] != y[1][k];
    place += y[0][k] != y[2][k];
    ck_assert(y[0][k] == 0.0f || fabsf(y[0][k] - 1.0f / 0.7f) < 1e-6f);
  }
  ck_assert_msg(silent > 1080 && silent < 1320, "%zu of %d silent", silent, WIDE); /* 4 sigma */
  ck_assert_msg(step > 1500 && place > 1500, "the same units: %zu, %zu differ", step, place);
  instance_free(site);
  bench_close(&b);
}
END_TEST

/* --- early stopping: actions per epoch, as letters: s stop, b best, r restore --- */
START_TEST(test_early_stopping)
{
  static const double v[] = {0.9, 0.7, 0.71, 0.695, 0.6, 0.8, 0.61};
  static const struct {
    const char *keys, *action[7];
  } k[] = {{"patience=2", {"", "", "", "", "", "", "s"}},
           {"patience=2 min_delta=0.01", {"", "", "", "s", "", "", "s"}},
           {"patience=3 restore=true", {"br", "br", "r", "br", "br", "r", "r"}},
           {"stop_at=0.65", {"", "", "", "", "s", "", "s"}},
           {"stop_at=0.65 restore=true min_delta=0.25", {"br", "r", "r", "r", "sbr", "r", "sbr"}},
           {"goal=max stop_at=0.8", {"s", "", "", "", "", "s", ""}},
           {"goal=max patience=4", {"", "", "", "", "s", "s", "s"}}};
  for (size_t c = 0; c < sizeof k / sizeof *k; c++) {
    bench b;
    tiny t;
    lab_stub lab;
    bench_open(&b, 3);
    tiny_make(&t, &b);
    instance *i = bench_make(&b, RAD_REGULARIZER, "early_stopping", k[c].keys);
    ck_assert(plan(i, &lab, &t));
    for (uint64_t e = 0; e < 7; e++) {
      rad_report r = {.when = {.epoch = e, .nepoch = 7}, .model = &t.model};
      const char *a = k[c].action[e];
      const uint32_t expect = (strchr(a, 's') ? RAD_STOP : 0u) |
                              (strchr(a, 'b') ? RAD_MARK_BEST : 0u) |
                              (strchr(a, 'r') ? RAD_RESTORE : 0u);
      lab.value = v[e];
      ck_assert_int_eq(i->plugin->ops.hooks.epoch(&i->ctx, i->self, &r), RAD_OK);
      ck_assert_msg(r.action == expect, "%s, epoch %d: %u", k[c].keys, (int)e, r.action);
    }
    bench_close(&b);
  }
}
END_TEST

START_TEST(test_early_stopping_refuses)
{
  bench b;
  tiny t;
  lab_stub lab;
  bench_open(&b, 3);
  tiny_make(&t, &b);
  ck_assert_ptr_null(bench_variant(&b, named_plugin(RAD_REGULARIZER, "early_stopping"), 0));
  ck_assert_msg(strstr(text_str(&b.diag.messages), "stop_at") != NULL, "does not say what to do");
  instance *i = bench_make(&b, RAD_REGULARIZER, "early_stopping", "patience=1 metric=none");
  ck_assert(plan(i, &lab, &t));
  rad_report r = {.when = {.nepoch = 7}, .model = &t.model};
  ck_assert_int_eq(i->plugin->ops.hooks.epoch(&i->ctx, i->self, &r), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&b.diag.messages), "'none'") != NULL, "names no metric");
  bench_close(&b);
}
END_TEST

/* --- measures --- */
static const float outputs[] = {2.5f,  0.1f, -1.0f, 0.3f, 0.2f, 0.9f, -0.5f, -0.2f,
                                -0.1f, 1.0f, 1.5f,  0.5f, 3.0f, 0.0f, 1.0f}; /* 0 2 2 1 0 */
static const double losses[] = {0.25, 0.5, 2.0, 0.125, 9.0};
static const int32_t given[] = {0, 2, 1, 1, -1}, truth[] = {0, 1, 1, 1, 0};

/* Two batches of a split, then its end; noisy: sample 1 is of class 1 but labelled 2. */
static void measure_split(instance *i, lab_stub *lab, const int32_t *label, bool noisy)
{
  static const uint64_t id[] = {0, 1, 2, 3, 4};
  rad_batch b = {.facts = &facts,
                 .n = 2,
                 .total = 2,
                 .id = id,
                 .row = id,
                 .y = (float[15]){0},
                 .loss = (double[5]){0}};
  lab->nmetric = lab->nvector = 0;
  memcpy(b.y, outputs, sizeof outputs);
  memcpy(b.loss, losses, sizeof losses);
  b.label = label;
  b.truth = noisy ? truth : NULL;
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq(i->plugin->ops.hooks.eval(&i->ctx, i->self, &b), RAD_OK);
    b.n = 3, b.id += 2, b.row += 2, b.y += 6, b.loss += 2, b.label += 2;
    b.truth = noisy ? b.truth + 2 : NULL;
  }
  ck_assert_int_eq(i->plugin->ops.hooks.eval(&i->ctx, i->self, NULL), RAD_OK);
}

/* A split of another outcome before, of which nothing may be left. */
static void measure(instance *i, lab_stub *lab, bool noisy)
{
  static const int32_t other[] = {1, 1, -1, -1, 2};
  measure_split(i, lab, other, true);
  measure_split(i, lab, given, noisy);
}

static void expect(const lab_stub *lab, const char *name, double value)
{
  const double got = lab_stub_metric(lab, name);
  ck_assert_msg(isnan(value) ? isnan(got) : fabs(got - value) < 1e-12, "%s is %.15g, not %.15g",
                name, got, value);
}

START_TEST(test_measures)
{
  static const float counts[] = {1, 0, 0, 0, 1, 1, 0, 0, 1};
  for (int k = 0; k < 2; k++) {
    bench b;
    tiny t;
    lab_stub lab;
    const bool noisy = k > 0;
    const double none = (double)NAN;
    bench_open(&b, 3);
    tiny_make(&t, &b);
    instance *a = bench_make(&b, RAD_MEASURE, "accuracy", ""),
             *l = bench_make(&b, RAD_MEASURE, "loss", ""),
             *c = bench_make(&b, RAD_MEASURE, "confusion", "");
    ck_assert(plan(a, &lab, &t));
    measure(a, &lab, noisy);
    expect(&lab, "accuracy", 0.75);
    expect(&lab, "accuracy_clean", noisy ? 2.0 / 3 : none);
    expect(&lab, "accuracy_noisy", noisy ? 1.0 : none);
    expect(&lab, "accuracy_true", noisy ? 0.0 : none);
    ck_assert(plan(l, &lab, &t));
    measure(l, &lab, noisy);
    expect(&lab, "loss", 2.875 / 4);
    expect(&lab, "loss_clean", noisy ? 2.375 / 3 : none);
    expect(&lab, "loss_noisy", noisy ? 0.5 : none);
    ck_assert(plan(c, &lab, &t));
    measure(c, &lab, noisy);
    expect(&lab, "balanced_accuracy", (1 + 0.5 + 1) / 3);
    ck_assert(lab.nvector == 9 && same_bits(lab.vector, counts, sizeof counts));
    bench_close(&b);
  }
}
END_TEST

/* Measures may not change a training, and may not be upset by an empty split or NaN outputs. */
START_TEST(test_measure)
{
  const plugin *p = nth_plugin(RAD_MEASURE, (size_t)_i);
  const rad_hooks *h = &p->ops.hooks;
  bench b;
  tiny t;
  lab_stub lab;
  ck_assert_msg(!h->after && !h->batch && !h->grad && !h->weights, "changes the training");
  bench_open(&b, 3);
  tiny_make(&t, &b);
  instance *i = bench_variant(&b, p, 0);
  if (i && h->eval) {
    float y[] = {NAN, 1.0f, NAN};
    const rad_batch one = {.facts = &facts,
                           .n = 1,
                           .total = 1,
                           .id = &(uint64_t){0},
                           .row = &(uint64_t){0},
                           .y = y,
                           .label = &(int32_t){0},
                           .loss = &(double){1}};
    ck_assert(plan(i, &lab, &t));
    ck_assert_int_eq(h->eval(&i->ctx, i->self, NULL), RAD_OK);
    ck_assert_int_eq(h->eval(&i->ctx, i->self, &one), RAD_OK);
    ck_assert_int_eq(h->eval(&i->ctx, i->self, NULL), RAD_OK);
    ck_assert_msg(!(lab_stub_metric(&lab, "accuracy") > 0), "NaN outputs are right answers");
  }
  bench_close(&b);
}
END_TEST

START_TEST(test_fit_gradient)
{
  bench b;
  tiny t;
  lab_stub lab = {0};
  bench_open(&b, 3);
  tiny_make(&t, &b);
  instance *i = bench_make(&b, RAD_FIT, "gradient", "");
  lab_stub_connect(&lab, i);
  ck_assert_int_eq(i->plugin->ops.fit.fit(&i->ctx, i->self, &t.model, NULL), RAD_OK);
  ck_assert(lab.ntrained == 1 && lab.trained == &t.model);
  bench_close(&b);
}
END_TEST

TCase *hook_cases(void)
{
  TCase *t = tcase_create("hooks");
  tcase_add_loop_test(t, test_regularizer, 0, (int)under_test(RAD_REGULARIZER));
  tcase_add_loop_test(t, test_measure, 0, (int)under_test(RAD_MEASURE));
  tcase_add_test(t, test_weight_decay);
  tcase_add_test(t, test_dropout);
  tcase_add_test(t, test_early_stopping);
  tcase_add_test(t, test_early_stopping_refuses);
  tcase_add_test(t, test_measures);
  tcase_add_test(t, test_fit_gradient);
  return t;
}
