/* SPDX-License-Identifier: BSD-3-Clause
 * measures.c - what measures can do with a network, and what they report of one whose weights are
 * known. Expected values were computed with NumPy. */
#include "folder.h"
#include "measure_rig.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static measure_rig rig;

static void setup(void)
{
  rig_begin(&rig, "blobs");
}

static void teardown(void)
{
  rig_end(&rig);
}

/* --- the laboratory --- */
static const char *const networks[][4][2] = {
    {{"backend.plugin", "reference"}},
    {{"backend.plugin", "native"}, {"layer.h.units", "24"}},
    {{"backend.plugin", "native"}, {"layer.h.units", "24"}, {"layer.h.density", "0.5"}},
    {{"backend.plugin", "native"}, {"dataset.features@blobs", "16"}, {"layer.h.density", "0.2"}},
    {{"backend.plugin", "openblas"}, {"layer.h.plugin", "batch_norm"}},
};
typedef struct at {
  rad_ctx *c;
  rad_batch *b;
  const rad_param *p;
  float *v;
} at;

/* Sum of the losses of samples 2 .. 4 of the batch with the tensor p at v. */
static double losses(const at *a)
{
  ck_assert_int_eq(a->c->lab->replace(a->c, a->p, a->v), RAD_OK);
  ck_assert_int_eq(a->c->lab->pass(a->c, &rig.t->model->pub, a->b, RAD_PASS_LOSS, 1.0f), RAD_OK);
  return a->b->loss[2] + a->b->loss[3] + 0.5 * a->b->loss[4];
}

/* By central differences of fourth order. */
static double slope(const at *a, float *v)
{
  const float h = 1.0f / 32, old = *v;
  double sum = 0;
  for (int i = -2; i <= 2; i++) {
    static const double factor[] = {1, -8, 0, 8, -1};
    *v = old + h * (float)i;
    sum += factor[i + 2] * losses(a);
  }
  *v = old;
  return sum / (12 * (double)h);
}

static void check_gradient(at *a, const float *g, size_t n)
{
  a->v = malloc(n * sizeof *a->v);
  ck_assert_ptr_nonnull(a->v);
  ck_assert_int_eq(a->c->lab->values(a->c, a->p, a->v), RAD_OK);
  for (size_t k = 0; k < n; k += n < 30 ? 1 : 5) {
    const double expect = slope(a, &a->v[k]);
    ck_assert_msg(fabs(expect - (double)g[k]) < 2e-4, "%s[%zu]: %g, the slope is %g", a->p->name, k,
                  (double)g[k], expect);
  }
  losses(a);
  free(a->v);
}

START_TEST(gradients_and_other_values)
{
  rig_set(&rig, "measure.m.plugin", "loss");
  rig_set(&rig, "layer.act.plugin", "tanh");
  for (size_t k = 0; k < 4 && networks[_i][k][0]; k++)
    rig_set(&rig, networks[_i][k][0], networks[_i][k][1]);
  rig_open(&rig);
  trainer *t = rig.t;
  rad_model *m = &t->model->pub;
  at a = {.c = &rig_hook(&rig, "m")->instance->ctx};
  rad_source *train;
  uint64_t N;
  float *g[8];
  const size_t bytes = t->model->nvalue * sizeof(float), grads = t->model->ngrad * sizeof(float);
  float *before = malloc(bytes), *momentum = malloc(grads + 1);
  ck_assert(before && momentum);
  for (size_t k = 0; k < t->model->ngrad; k++)
    t->model->grad[k] = 0.25f * (float)k;
  memcpy(before, t->model->value, bytes);
  memcpy(momentum, t->model->grad, grads);
  ck_assert_int_eq(a.c->lab->source(a.c, "train", &train, &N), RAD_OK);
  ck_assert_int_eq(a.c->lab->fetch(a.c, train, NULL, 10, 6, &a.b), RAD_OK);
  a.b->weight[4] = 0.5f;
  for (uint32_t i = 0; i < m->nparam; i++) {
    g[i] = malloc(rad_count(&m->param[i]->shape) * sizeof(float));
    ck_assert_ptr_nonnull(g[i]);
  }
  ck_assert_int_eq(a.c->lab->gradient(a.c, m, a.b, 2, 3, g), RAD_OK);
  ck_assert_mem_eq(momentum, t->model->grad, grads);
  for (uint32_t i = 0; i < m->nparam; i++) {
    a.p = m->param[i];
    if (a.p->grad)
      check_gradient(&a, g[i], rad_count(&a.p->shape));
    free(g[i]);
  }
  ck_assert_int_eq(a.c->lab->replace(a.c, m->param[1], momentum), RAD_OK);
  ck_assert_mem_ne(before, t->model->value, bytes);
  ck_assert_int_eq(lab_put_back(t), RAD_OK);
  ck_assert_mem_eq(before, t->model->value, bytes);
  ck_assert_int_eq(a.c->lab->gradient(a.c, m, a.b, 5, 2, g), RAD_EINVAL);
  ck_assert_int_eq(a.c->lab->pass(a.c, m, a.b, RAD_PASS_GRAD, 1.0f), RAD_EINVAL);
  free(before);
  free(momentum);
}
END_TEST

/* --- norms --- */
START_TEST(norms_of_known_weights)
{
  rig_set(&rig, "measure.norms.plugin", "norms");
  if (_i)
    rig_set(&rig, "backend.plugin", "native");
  rig_open(&rig);
  ck_assert_int_eq(evaluate(rig.t), RAD_OK);
  rig_epoch(&rig, "norms", 1);
  rig_expect(&rig, "norms.l2", 1.8739873693948592, 1e-12);
  rig_expect(&rig, "norms.spectral_sum", 1.8922677273400526, 1e-9);
  rig_expect(&rig, "norms.spectral_product", 0.8798900609781283, 1e-9);
  rig_expect(&rig, "norms.path", 0.8713332889288609, 1e-6);
  ck_assert(rig_metric(&rig, "norms.distance") == 0);
  for (size_t k = 0; k < rig.t->model->nvalue; k++)
    rig.t->model->value[k] *= 0.5f;
  rig_epoch(&rig, "norms", 2);
  rig_expect(&rig, "norms.distance", 0.9369936846974296, 1e-12);
}
END_TEST

/* Filters count as (out, h w in); running statistics have no paths. */
START_TEST(norms_of_filters)
{
  static const char *const keys[][2] = {
      {"dataset.height", "4"},      {"dataset.width", "3"},
      {"dataset.channels", "2"},    {"layer.h.plugin", "conv2d"},
      {"layer.h.filters", "2"},     {"layer.act.plugin", "flatten"},
      {"backend.plugin", "native"}, {"measure.norms.plugin", "norms"}};
  rig_end(&rig);
  rig_begin(&rig, "uniform");
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    rig_set(&rig, keys[i][0], keys[i][1]);
  rig_open(&rig);
  rig.t->model->pub.param[2]->role = RAD_BUFFER; /* leaves out.W aside */
  rig_epoch(&rig, "norms", 1);
  rig_expect(&rig, "norms.spectral_sum", 1.5847844113350151, 1e-9);
  rig_expect(&rig, "norms.path", (double)NAN, 0);
}
END_TEST

/* --- of each sample --- */
static const float outputs[] = {2.5f,  0.1f, -1.0f, 0.3f, 0.2f, 0.9f, -0.5f, -0.2f,
                                -0.1f, 1.0f, 1.5f,  0.5f, 3.0f, 0.0f, 1.0f,  0.7f,
                                -1.3f, 0.4f, 0.2f,  0.2f, 0.1f, 1.1f, 0.4f,  2.2f};
static const int32_t given[] = {0, 2, 1, 1, -1, 2, 0, 0}, truth[] = {0, 1, 1, 0, 0, 2, 1, 0};
static const double losses_[] = {0.25, 0.5, 2.0, 0.125, 9.0, 0.5, 0.25, 1.75};

START_TEST(margins)
{
  static const float expect[] = {2.4f, 0.6f, -0.1f, 0.5f, NAN, -0.3f, 0.0f, -1.1f};
  rig_set(&rig, "measure.a.plugin", "margin");
  rig_set(&rig, "measure.b.plugin", "margin");
  rig_set(&rig, "measure.b.normalize", "spectral");
  rig_set(&rig, "measure.b.percentiles", "2.5, 90");
  rig_open(&rig);
  rig_eval(&rig, "a", "val", 8, outputs, truth, NULL, losses_); /* leaves nothing behind */
  rig_eval(&rig, "a", "train", 8, outputs, given, truth, losses_);
  rig_expect(&rig, "train.margin", 0.2857142925262451, 1e-7);
  rig_expect(&rig, "train.margin_p10", -0.6200000286102295, 1e-7);
  ck_assert(rig_metric(&rig, "train.margin_p50") == 0);
  const vector *v = rig_vector(&rig, "train.margin");
  ck_assert_uint_eq(v->n, 8);
  for (size_t i = 0; i < 8; i++)
    ck_assert(isnan(expect[i]) ? isnan(v->v[i]) : fabsf(v->v[i] - expect[i]) < 1e-6f);
  rig_eval(&rig, "b", "train", 8, outputs, given, truth, losses_);
  rig_expect(&rig, "train.margin", 0.2857142925262451 / 0.8798900609781283, 1e-6);
  rig_expect(&rig, "train.margin_p2.5", -0.98000003 / 0.8798900609781283, 1e-6);
}
END_TEST

START_TEST(losses_of_samples)
{
  rig_set(&rig, "measure.m.plugin", "per_example_loss");
  rig_open(&rig);
  rig_eval(&rig, "m", "test", 8, outputs, given, NULL, losses_);
  ck_assert(isnan(rig_metric(&rig, "test.loss_auc")));
  rig_eval(&rig, "m", "train", 8, outputs, given, truth, losses_);
  rig_expect(&rig, "train.loss_auc", 2.0 / 12, 1e-15);
  const vector *v = rig_vector(&rig, "train.loss");
  ck_assert_uint_eq(v->n, 8);
  for (size_t i = 0; i < 8; i++)
    ck_assert((double)v->v[i] == losses_[i]);
}
END_TEST

/* --- time to fit --- */
START_TEST(first_epochs)
{
  static const double loss[] = {0.5, 0.1, 0.2, 0.005, 0.3};
  const double never = (double)NAN;
  rig_set(&rig, "measure.a.plugin", "epochs_to_fit");
  rig_set(&rig, "measure.a.metric", "train.loss");
  rig_set(&rig, "measure.a.goal", "min");
  rig_set(&rig, "measure.a.at", "0.01, 0.1, 1e-9");
  rig_set(&rig, "measure.b.plugin", "epochs_to_fit");
  rig_set(&rig, "measure.b.metric", "train.loss");
  rig_set(&rig, "measure.b.at", "0.3");
  rig_set(&rig, "measure.c.plugin", "epochs_to_fit");
  rig_set(&rig, "measure.c.metric", "train.loss");
  rig_set(&rig, "measure.c.goal", "min");
  rig_set(&rig, "measure.c.at", "0.01, 0.1");
  rig_open(&rig);
  for (uint64_t e = 1; e <= 5; e++) {
    rig.t->epochs = e;
    ck_assert_int_eq(metric_set(rig.t, "train.loss", loss[e - 1]), RAD_OK);
    rig_epoch(&rig, "a", e);
    rig_epoch(&rig, "b", e);
    rig_expect(&rig, "a.0.1", e < 2 ? never : 2, 0);
    rig_expect(&rig, "a.0.01", e < 4 ? never : 4, 0);
    rig_expect(&rig, "a", never, 0);
    rig_expect(&rig, "b", 1, 0);
    rig_epoch(&rig, "c", e);
    rig_expect(&rig, "c", e < 4 ? never : 4, 0);
  }
  ck_assert(metric_find(rig.t, "a.1e-9") != NULL);
}
END_TEST

/* --- forgetting --- */
static rad_status present(trainer *t, const hook *h, uint64_t row, bool right)
{
  const float y[2][3] = {{0.7f, -0.2f, 0.1f}, {0.3f, 1.2f, 0.9f}}; /* 0 is right, 1 is not */
  const rad_batch b = {.facts = &t->data->facts,
                       .n = 1,
                       .total = 1,
                       .row = &row,
                       .label = &(int32_t){row == 7 ? -1
                                           : right  ? 0
                                                    : 2},
                       .y = (float *)(uintptr_t)y[!right]};
  CALLBACK(t, h->ops->step(&h->instance->ctx, h->instance->self, &t->model->pub, &b));
  return RAD_OK;
}

static rad_status finish(trainer *t, const hook *h)
{
  rad_report r = {.model = &t->model->pub};
  CALLBACK(t, h->ops->end(&h->instance->ctx, h->instance->self, &r));
  return RAD_OK;
}

START_TEST(forgotten_samples)
{
  /* r right, w wrong; the samples, what happens to them, how often they are forgotten */
  static const struct {
    uint64_t row;
    const char *course;
    float events;
  } v[] = {{3, "rwrwr", 2},  {4, "wwwww", -1}, {0, "rrrrr", 0},
           {39, "wrrww", 1}, {7, "rrwrw", -1}, {11, "wwwwr", 0}};
  rig_set(&rig, "measure.f.plugin", "forgetting");
  rig_open(&rig);
  const hook *h = rig_hook(&rig, "f");
  for (size_t e = 0; e < 5; e++)
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
      ck_assert_int_eq(present(rig.t, h, v[i].row, v[i].course[e] == 'r'), RAD_OK);
  ck_assert_int_eq(finish(rig.t, h), RAD_OK);
  const vector *events = rig_vector(&rig, "f.events");
  ck_assert_uint_eq(events->n, 40);
  for (size_t i = 0; i < sizeof v / sizeof *v; i++)
    ck_assert_msg(events->v[v[i].row] == v[i].events, "%s: %g", v[i].course,
                  (double)events->v[v[i].row]);
  rig_expect(&rig, "f.events", 3.0 / 4, 1e-15);
  rig_expect(&rig, "f.unforgettable", 2.0 / 40, 1e-15);
  rig_expect(&rig, "f.never_right", 36.0 / 40, 1e-15);
}
END_TEST

int main(void)
{
  char room[] = "measures.XXXXXX";
  if (!mkdtemp(room) || chdir(room) != 0)
    return EXIT_FAILURE;
  Suite *s = suite_create("measures");
  TCase *t = tcase_create("measures");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, gradients_and_other_values, 0, sizeof networks / sizeof *networks);
  tcase_add_loop_test(t, norms_of_known_weights, 0, 2);
  tcase_add_test(t, norms_of_filters);
  tcase_add_test(t, margins);
  tcase_add_test(t, losses_of_samples);
  tcase_add_test(t, first_epochs);
  tcase_add_test(t, forgotten_samples);
  suite_add_tcase(s, t);
  suite_add_tcase(s, loss_measure_cases());
  suite_add_tcase(s, run_measure_cases());
  suite_add_tcase(s, study_measure_cases());
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  if (chdir("..") == 0)
    folder_remove(room);
  return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
