/* SPDX-License-Identifier: BSD-3-Clause
 * measures_loss.c - measures that look at the loss near a sample or near the weights, on networks
 * simple enough to know the answer. */
#include "measure_rig.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static measure_rig rig;

static void setup(void)
{
  rig_begin(&rig, "blobs");
}

static void teardown(void)
{
  rig_end(&rig);
}

static void set_all(const char *const (*keys)[2], size_t n)
{
  for (size_t i = 0; i < n; i++)
    rig_set(&rig, keys[i][0], keys[i][1]);
}
#define SET(keys) set_all(keys, sizeof(keys) / sizeof *(keys))

/* y = W x + b, without anything between */
static const char *const linear[][2] = {{"layer.h.plugin", "identity"},
                                        {"layer.act.plugin", "identity"}};

static rad_batch *fetch(const char *measure, uint64_t first, size_t n)
{
  rad_ctx *c = &rig_hook(&rig, measure)->instance->ctx;
  rad_source *train;
  rad_batch *b;
  uint64_t N;
  rig.t->nused = 0;
  ck_assert_int_eq(c->lab->source(c, "train", &train, &N), RAD_OK);
  ck_assert_int_eq(c->lab->fetch(c, train, NULL, first, n, &b), RAD_OK);
  return b;
}

/* --- sensitivity to the input --- */
static double loss_at(rad_batch *b, size_t i, size_t k, double step)
{
  rad_ctx *c = &rig_hook(&rig, "s")->instance->ctx;
  const float old = b->x[i * 4 + k];
  b->x[i * 4 + k] = old + (float)step;
  ck_assert_int_eq(c->lab->pass(c, &rig.t->model->pub, b, RAD_PASS_LOSS, 1.0f), RAD_OK);
  b->x[i * 4 + k] = old;
  return b->loss[i];
}

/* The norm of dl/dx of sample i, by finite differences of fourth order. */
static double norm_of(rad_batch *b, size_t i, bool l1)
{
  const double h = 1.0 / 32;
  double sum = 0;
  for (size_t k = 0; k < 4; k++) {
    const double g = (8 * (loss_at(b, i, k, h) - loss_at(b, i, k, -h)) - loss_at(b, i, k, 2 * h) +
                      loss_at(b, i, k, -2 * h)) /
                     (12 * h);
    sum += l1 ? fabs(g) : g * g;
  }
  return l1 ? sum : sqrt(sum);
}

/* As the mean difference of all pairs: the definition, not the formula by ranks. */
static double gini(const float *v, size_t n)
{
  double pairs = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += (double)v[i];
    for (size_t k = 0; k < n; k++)
      pairs += fabs((double)v[i] - (double)v[k]);
  }
  return pairs / (2 * (double)n * sum);
}

START_TEST(sensitivity)
{
  static const char *const keys[][2] = {{"layer.act.plugin", "tanh"},
                                        {"measure.s.plugin", "loss_sensitivity"},
                                        {"measure.s.samples", "20"}};
  SET(keys);
  rig_set(&rig, "measure.s.norm", _i ? "l2" : "l1");
  rig_open(&rig);
  rig_epoch(&rig, "s", 1);
  const vector *v = rig_vector(&rig, "s.sensitivity");
  double g[40], mean = 0;
  ck_assert_uint_eq(v->n, 20);
  for (size_t i = 0; i < 20; i++) { /* every other one */
    g[i] = norm_of(fetch("s", 2 * i, 1), 0, _i == 0);
    ck_assert_msg(fabs(g[i] - (double)v->v[i]) < 2e-4, "%zu: %g, not %g", i, (double)v->v[i], g[i]);
    mean += g[i] / 20;
  }
  rig_expect(&rig, "s.mean", mean, 1e-3);
  rig_expect(&rig, "s.gini", gini(v->v, 20), 1e-6);
  ck_assert(rig_metric(&rig, "s.gini") > 0.05);
  for (size_t k = 0; k < rig.t->model->nvalue; k++)
    rig.t->model->value[k] *= 2.0f;
  rig_epoch(&rig, "s", 2);
  const double now = norm_of(fetch("s", 6, 1), 0, _i == 0);
  v = rig_vector(&rig, "s.sensitivity");
  ck_assert_msg(fabs(v->v[3] - (float)(0.5 * (g[3] + now))) < 5e-4f, "%g of %g and %g",
                (double)v->v[3], g[3], now);
}
END_TEST

/* Against its own class a sample's loss is its loss. */
START_TEST(sensitivity_by_class)
{
  static const char *const keys[][2] = {{"measure.s.plugin", "loss_sensitivity"},
                                        {"measure.s.classes", "true"}};
  double diagonal = 0, off = 0, on = 0;
  SET(keys);
  rig_open(&rig);
  rig_epoch(&rig, "s", 1);
  const vector *m = rig_vector(&rig, "s.classes");
  static const double count[] = {14, 13, 13}; /* sample i is of class i mod 3 */
  ck_assert_uint_eq(m->n, 9);
  for (size_t i = 0; i < 9; i++) {
    diagonal += i % 4 == 0 ? (double)m->v[i] * count[i / 4] / 40 : 0;
    on += i % 4 == 0 ? (double)m->v[i] / 3 : 0;
    off += i % 4 == 0 ? 0 : (double)m->v[i] / 6;
  }
  rig_expect(&rig, "s.mean", diagonal, 1e-6);
  rig_expect(&rig, "s.off_diagonal", off / on, 1e-6);
}
END_TEST

/* --- the box around a sample --- */

/* Between two classes of a linear network the way to the other one is |y_0 - y_1| / |w_0 - w_1|_1
 * long: found where the box and `iterations` steps of length a reach so far. */
START_TEST(critical_samples)
{
  static const char *const keys[][2] = {
      {"dataset.classes@blobs", "2"}, {"layer.out.units", "2"},
      {"dataset.sigma@blobs", "2.5"}, {"measure.c.plugin", "critical_sample_ratio"},
      {"measure.c.samples", "1000"},  {"measure.c.b", "0"},
      {"measure.c.iterations", "7"}};
  static const char *const size[][2] = {{"0.12", "1"}, {"0.2", "0.7"}};
  const double reach = _i ? 0.7 : 0.84;
  double near = 0, norm = 0;
  SET(linear);
  SET(keys);
  rig_set(&rig, "measure.c.a", size[_i][0]);
  rig_set(&rig, "measure.c.r", size[_i][1]);
  rig_open(&rig);
  for (size_t k = 0; k < 4; k++)
    norm += fabs((double)rig_weight(k) - (double)rig_weight(4 + k));
  for (size_t i = 0; i < 40; i++) {
    const rad_batch *b = fetch("c", i, 1);
    double y = (double)rig_weight(8) - (double)rig_weight(9);
    for (size_t k = 0; k < 4; k++)
      y += ((double)rig_weight(k) - (double)rig_weight(4 + k)) * (double)b->x[k];
    ck_assert_msg(fabs(fabs(y) / norm - reach) > 1e-4, "sample %zu is on the edge", i);
    near += fabs(y) / norm < reach;
  }
  ck_assert_msg(near > 4 && near < 36, "%g of 40 say nothing", near);
  rig_epoch(&rig, "c", 1);
  rig_expect(&rig, "c.ratio", near / 40, 1e-12);
}
END_TEST

/* With noise the search stays in the box and is the same each time. */
START_TEST(noise_of_the_search)
{
  static const char *const keys[][2] = {{"measure.c.plugin", "critical_sample_ratio"},
                                        {"measure.c.a", "0"},
                                        {"measure.c.b", "3"},
                                        {"measure.c.r", "0.4"},
                                        {"dataset.sigma@blobs", "2.5"}};
  SET(keys);
  rig_open(&rig);
  rig_epoch(&rig, "c", 1);
  const double first = rig_metric(&rig, "c.ratio");
  ck_assert(first > 0.1 && first < 0.9);
  rig_epoch(&rig, "c", 2);
  rig_expect(&rig, "c.ratio", first, 0);
}
END_TEST

/* --- gradients of samples --- */
static void coherence_of(const char *classes, const char *samples, double sigma, double alpha)
{
  char number[32];
  snprintf(number, sizeof number, "%g", sigma);
  const char *const keys[][2] = {{"dataset.classes@blobs", classes},
                                 {"dataset.sigma@blobs", number},
                                 {"layer.out.units", classes},
                                 {"layer.out.init", "zero"},
                                 {"loss.plugin", "mse"},
                                 {"measure.c.plugin", "coherence"},
                                 {"measure.c.samples", samples}};
  SET(linear);
  SET(keys);
  rig_open(&rig);
  memset(rig.t->model->value, 0, rig.t->model->nvalue * sizeof(float)); /* y = 0, dy ~ -target */
  rig_epoch(&rig, "c", 1);
  rig_expect(&rig, "c.alpha", alpha, 1e-6);
}

START_TEST(equal_gradients)
{
  coherence_of("2", "20", 0, 20); /* every other one of 40: all of class 0, all alike */
}
END_TEST

START_TEST(orthogonal_gradients)
{
  coherence_of("3", "2", 1, 1); /* samples 0 and 20, of classes 0 and 2 */
}
END_TEST

/* Two groups of equal gradients, orthogonal to each other: |20 (g, h)|^2 / 20 (|g|^2 + |h|^2). */
START_TEST(two_groups_of_gradients)
{
  coherence_of("2", "40", 0, 20);
}
END_TEST

/* Clean and noisy samples apart: the sums of both make up the whole. */
START_TEST(coherence_of_noisy_samples)
{
  static const char *const keys[][2] = {{"noise.l.plugin", "random_labels"},
                                        {"noise.l.rate", "0.6"},
                                        {"measure.c.plugin", "coherence"}};
  SET(keys);
  rig_open(&rig);
  rig_epoch(&rig, "c", 1);
  const double all = rig_metric(&rig, "c.alpha"), clean = rig_metric(&rig, "c.alpha_clean"),
               noisy = rig_metric(&rig, "c.alpha_noisy");
  ck_assert_msg(all > 0 && all < 40 && clean > 0 && noisy > 0 && clean != noisy, "%g: %g, %g", all,
                clean, noisy);
  ck_assert(all < clean + noisy + 1e-9); /* |a + b|^2 / (A + B) <= |a|^2 / A + |b|^2 / B */
}
END_TEST

/* --- the ball around the weights --- */
static double rise(double rho, int steps)
{
  char number[2][32];
  snprintf(number[0], sizeof number[0], "%g", rho);
  snprintf(number[1], sizeof number[1], "%d", steps);
  const char *const keys[][2] = {{"loss.plugin", "mse"},
                                 {"measure.s.plugin", "sharpness"},
                                 {"measure.s.rho", number[0]},
                                 {"measure.s.steps", number[1]}};
  teardown();
  setup();
  SET(linear);
  SET(keys);
  rig_open(&rig);
  const size_t bytes = rig.t->model->nvalue * sizeof(float);
  float *before = malloc(bytes);
  ck_assert_ptr_nonnull(before);
  memcpy(before, rig.t->model->value, bytes);
  rig_epoch(&rig, "s", 1);
  ck_assert_mem_eq(before, rig.t->model->value, bytes);
  free(before);
  rig_expect(&rig, "s.rise", rig_metric(&rig, "s.worst") - rig_metric(&rig, "s.loss"), 1e-12);
  return rig_metric(&rig, "s.rise");
}

/* |g| of the mean loss. */
static double slope(void)
{
  rad_ctx *c = &rig_hook(&rig, "s")->instance->ctx;
  float W[12], b[3], *g[] = {W, b};
  double sum[15] = {0}, square = 0;
  for (size_t first = 0; first < 40; first += 10) {
    rad_batch *batch_ = fetch("s", first, 10);
    ck_assert_int_eq(c->lab->gradient(c, &rig.t->model->pub, batch_, 0, 10, g), RAD_OK);
    for (size_t k = 0; k < 15; k++)
      sum[k] += (double)(k < 12 ? W[k] : b[k - 12]) / 40;
  }
  for (size_t k = 0; k < 15; k++)
    square += sum[k] * sum[k];
  return sqrt(square);
}

/* The squared error of a linear network is quadratic: one step of length r rises by |g| r + c r^2.
 * More steps in the same ball find more. */
START_TEST(rise_of_the_loss)
{
  const double one = rise(0.4, 1), g = slope(), c = (one - 0.4 * g) / 0.16, two = rise(1.1, 1);
  ck_assert_msg(c > 0.01, "no curvature: %g", c);
  ck_assert_msg(fabs(two - (1.1 * g + 1.21 * c)) < 1e-5 * two, "%.9g, not %.9g", two,
                1.1 * g + 1.21 * c);
  const double more = rise(1.1, 5);
  ck_assert_msg(more > two && more < 1.5 * two, "%g after %g", more, two);
}
END_TEST

TCase *loss_measure_cases(void)
{
  TCase *t = tcase_create("loss");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, sensitivity, 0, 2);
  tcase_add_test(t, sensitivity_by_class);
  tcase_add_loop_test(t, critical_samples, 0, 2);
  tcase_add_test(t, noise_of_the_search);
  tcase_add_test(t, equal_gradients);
  tcase_add_test(t, orthogonal_gradients);
  tcase_add_test(t, two_groups_of_gradients);
  tcase_add_test(t, coherence_of_noisy_samples);
  tcase_add_test(t, rise_of_the_loss);
  return t;
}
