/* SPDX-License-Identifier: BSD-3-Clause
 * fits.c - fits that predict by themselves: theorem1 by the formula of the paper, kernel against
 * NumPy; evaluated, checkpointed, resumed and used by the laboratory without a network. */
#include "arm.h"
#include "data_lab.h"
#include "train.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static data_lab lab;
static volatile int stop;

static const uint8_t pixels[] = {13,  200, 77, 141, 250, 31,  99,  180, 5,  66,
                                 240, 129, 90, 90,  14,  201, 171, 8,   52, 33};
static const uint8_t labels[] = {2, 0, 1, 1, 2};
static const uint8_t queries[] = {100, 130, 40, 222, 249, 30, 101, 178, 3, 250, 6, 247};
static const uint8_t answers[] = {1, 0, 2};

static void setup(void)
{
  stop = 0;
  lab_begin(&lab);
  lab.env.cancelled = &stop;
  lab_idx(&lab, "few", 5, pixels, labels);
  lab_idx(&lab, "query", 3, queries, answers);
}
static void teardown(void)
{
  lab_end(&lab);
}

#define REST                                                                                       \
  "[loss]\nplugin = cross_entropy\n[schedule]\nplugin = constant\n"                                \
  "[measure acc]\nplugin = accuracy\n[measure loss]\nplugin = loss\n"                              \
  "[measure epochs_to_fit]\nplugin = epochs_to_fit\n"
#define FEW                                                                                        \
  "[dataset]\nplugin = idx\ntrain_images = FIX/few-x\ntrain_labels = FIX/few-y\nclasses = 3\n"     \
  "test_images = FIX/query-x\ntest_labels = FIX/query-y\nval = 0\n" REST
#define NOISE                                                                                      \
  "[run]\nbatch = 16\neval_batch = 100\nthreads = %s\n[dataset]\nplugin = uniform\nheight = 5\n"   \
  "width = 5\nval = 0\nscale = standardize\ntrain = %s\ntest = 3000\n" REST

static trainer *start(const char *ini)
{
  trainer *t;
  lab_config(&lab, ini, NULL);
  if (trainer_new(&t, &lab.env, &lab.arm, NULL, false) < 0 || trainer_alloc(t) < 0)
    ck_abort_msg("%s", text_str(&lab.diag.messages));
  t->started = clock_seconds();
  return t;
}

static trainer *fitted(const char *ini)
{
  trainer *t = start(ini);
  ck_assert_msg(fit_run(t) == RAD_OK, "%s", text_str(&lab.diag.messages));
  return t;
}

static double last(trainer *t, const char *name)
{
  const metric *m = metric_find(t, name);
  ck_assert_msg(m != NULL, "no %s", name);
  return m->last;
}

static void refuses(const char *ini, const char *what)
{
  arm_plan p;
  lab_config(&lab, ini, NULL);
  ck_assert_int_eq(arm_inspect(&lab.env, &lab.base, "main", &p, NULL), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&lab.diag.messages), what) != NULL, "%s",
                text_str(&lab.diag.messages));
}

/* Outputs at all samples of a source, through the laboratory. */
static const float *outputs(trainer *t, const char *source, const rad_batch **out)
{
  rad_source *s;
  rad_batch *b;
  uint64_t n;
  rad_ctx *c = &t->hook[0].instance->ctx;
  t->nused = 0;
  ck_assert_int_eq(c->lab->source(c, source, &s, &n), RAD_OK);
  ck_assert_int_eq(c->lab->fetch(c, s, NULL, 0, (size_t)n, &b), RAD_OK);
  ck_assert_msg(c->lab->pass(c, &t->model->pub, b, RAD_PASS_LOSS, 1.0f) == RAD_OK, "%s",
                text_str(&lab.diag.messages));
  *out = b;
  return b->y;
}

/* --- theorem1 --- */

/* c(x) = sum_j w_j max(<a,x> - b_j, 0), as it stands in the paper */
static double formula(const trainer *t, const float *x, size_t n, size_t D)
{
  const double *a = t->fit->state[0], *b = t->fit->state[1], *w = t->fit->state[2];
  double z = 0, sum = 0;
  for (size_t k = 0; k < D; k++)
    z += a[k] * (double)x[k];
  for (size_t j = 0; j < n; j++)
    sum += w[j] * fmax(z - b[j], 0);
  return sum;
}

START_TEST(theorem1_is_the_formula)
{
  static const char *const source[] = {"train", "test"};
  const rad_batch *b;
  trainer *t = fitted("[fit]\nplugin = theorem1\n[backend]\nplugin = reference\n" FEW);
  for (int s = 0; s < 2; s++) {
    const float *y = outputs(t, source[s], &b);
    for (size_t i = 0; i < b->n; i++) {
      const double v = formula(t, b->x + 4 * i, 5, 4);
      if (s == 0)
        ck_assert_msg(fabs(v - labels[i]) < 1e-9, "%g, not %d", v, labels[i]);
      for (int k = 0; k < 3; k++)
        ck_assert(fabs((double)y[3 * i + (size_t)k] + pow(fmin(fmax(v, 0), 2) - k, 2)) < 1e-6);
    }
  }
  ck_assert(last(t, "theorem1.conflicts") == 0 && last(t, "train.accuracy") == 1);
  ck_assert_uint_eq(trainer_parameters(t), 2 * 5 + 4);
  ck_assert_uint_eq(trainer_active_weights(t), 5 + 4);
  trainer_free(t);
}
END_TEST

START_TEST(theorem1_reproduces_any_labels)
{
  static const char *const n[] = {"2", "3", "17", "500", "6000", "50000"};
  char ini[1000];
  snprintf(ini, sizeof ini, "[fit]\nplugin = theorem1\n[backend]\nplugin = native\n" NOISE, "1",
           n[_i]);
  trainer *t = fitted(ini);
  ck_assert_msg(last(t, "train.accuracy") == 1, "%s: %g", n[_i], last(t, "train.accuracy"));
  ck_assert(fabs(last(t, "test.accuracy") - 0.1) < 4.5 * sqrt(0.09 / 3000));
  ck_assert(t->epochs == 1 && last(t, "epochs_to_fit") == 1);
  trainer_free(t);
}
END_TEST

/* Images 0, 2 and 5 are equal, with labels 2, 1, 1; 1 and 4 with one label. */
START_TEST(equal_samples_are_reported)
{
  static const uint8_t x[] = {9,   8, 7, 6, 1, 2, 3, 4, 9, 8, 7, 6,
                              200, 1, 0, 7, 1, 2, 3, 4, 9, 8, 7, 6};
  static const uint8_t y[] = {2, 0, 1, 1, 0, 1};
  lab_idx(&lab, "few", 6, x, y);
  trainer *t = fitted("[fit]\nplugin = theorem1\n[backend]\nplugin = reference\n" FEW);
  ck_assert(last(t, "theorem1.conflicts") == 2);
  ck_assert(fabs(last(t, "train.accuracy") - 4.0 / 6) < 1e-12);
  trainer_free(t);
}
END_TEST

/* --- kernel --- */
static const struct {
  const char *keys;
  double alpha[15], y[9], norm;
} known[] = {{"",
              {0.84609699, -3.5147864, 3.16191035, 2.71131308, -1.84962648, -0.377605753,
               -0.30605097, 2.07344582, -1.35504877, -1.54357551, 4.33859346, -2.89876783,
               -1.22370274, -0.739030199, 2.2747469},
              {0.16307878, 0.813527956, 0.0250586831, 0.995762405, -0.00264297012, 0.0109845904,
               -0.0247554304, 0.114343578, 0.581962333},
              3.81575806588},
             {"ridge = 0.3\n",
              {0.0867624263, -1.02192308, 1.25469923, 1.26887978, -0.535840805, -0.400898239,
               -0.104637294, 0.996804522, -0.526845526, -0.431203511, 1.44836821, -0.886456383,
               -0.487660666, -0.391378827, 1.16576426},
              {0.17704375, 0.524961079, 0.24819765, 0.617202143, 0.160896308, 0.125482848,
               -0.0321685862, 0.25075709, 0.409133208},
              1.7025908295}};
static const char *const backends[] = {"reference", "native", "openblas"};

START_TEST(kernel_is_numpys)
{
  const int c = _i % 2;
  char ini[1000];
  const rad_batch *b;
  snprintf(ini, sizeof ini, "[fit]\nplugin = kernel\ngamma = 0.7\n%s[backend]\nplugin = %s\n" FEW,
           known[c].keys, backends[_i / 2]);
  trainer *t = fitted(ini);
  const double *alpha = t->fit->state[2];
  const float *y = outputs(t, "test", &b);
  for (size_t i = 0; i < 15; i++) /* pixels are floats */
    ck_assert_msg(fabs(alpha[i] - known[c].alpha[i]) < 2e-6, "%zu: %.9g", i, alpha[i]);
  for (size_t i = 0; i < 9; i++)
    ck_assert_msg(fabs((double)y[i] - known[c].y[i]) < 1e-6, "%zu: %.9g", i, (double)y[i]);
  ck_assert(fabs(last(t, "kernel.norm") - known[c].norm) < 1e-6);
  ck_assert(last(t, "kernel.residual") < 1e-13);
  ck_assert_uint_eq(trainer_parameters(t), 15);
  trainer_free(t);
}
END_TEST

/* Across blocks and their edges, each row against the whole: f is what it should be at all samples
 * of the training split, and the same for any number of threads. */
START_TEST(kernel_interpolates)
{
  static const char *const n[] = {"1", "64", "255", "256", "257", "321", "700"};
  char ini[1000];
  double test[2];
  for (int threads = 1; threads <= 2; threads++) {
    snprintf(ini, sizeof ini,
             "[fit]\nplugin = kernel\ngamma = 0.01\n[backend]\nplugin = native\n" NOISE,
             threads == 1 ? "1" : "3", n[_i]);
    trainer *t = fitted(ini);
    ck_assert(last(t, "train.accuracy") == 1 && last(t, "kernel.residual") < 1e-9);
    test[threads - 1] = last(t, "test.loss");
    if (t->model->batch >= t->data->facts.n[RAD_TRAIN]) {
      const rad_batch *b;
      const float *y = outputs(t, "train", &b);
      for (size_t i = 0; i < b->n * 10; i++)
        ck_assert(fabsf(y[i] - b->target[i]) < 1e-6f);
    }
    trainer_free(t);
  }
  ck_assert(test[0] == test[1]);
}
END_TEST

START_TEST(kernel_refuses)
{
  static const uint8_t x[] = {9, 8, 7, 6, 1, 2, 3, 4, 9, 8, 7, 6}, y[] = {2, 0, 2};
  char ini[1000];
  snprintf(ini, sizeof ini, "[fit]\nplugin = kernel\n[backend]\nplugin = native\n" NOISE, "1",
           "20000000"); /* 1.5 PB */
  if (memory_free() > 0)
    refuses(ini, "20000000 training samples take 1490140.2 GiB of memory, and ");
  lab_idx(&lab, "few", 3, x, y);
  trainer *t = start("[fit]\nplugin = kernel\n[backend]\nplugin = reference\n" FEW);
  ck_assert_int_eq(fit_run(t), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&lab.diag.messages), "sample 2 is equal") != NULL, "%s",
                text_str(&lab.diag.messages));
  trainer_free(t);
}
END_TEST

/* --- what the core does without a network --- */
static void checkpoint_at(trainer *t)
{
  t->dir = lab.folder;
  t->fingerprint = "the same";
}

/* Killed after the fit: the result is there and not looked for again. */
START_TEST(result_survives)
{
  static const char *const name[] = {"theorem1", "kernel"};
  static const char *const reported[] = {"theorem1.conflicts", "kernel.norm"};
  char ini[1000], path[256];
  snprintf(ini, sizeof ini, "[fit]\nplugin = %s\n[backend]\nplugin = native\n" NOISE, name[_i], "2",
           "300");
  trainer *t = start(ini);
  checkpoint_at(t);
  stop = 1;
  ck_assert_int_eq(fit_run(t), RAD_ECANCEL);
  ck_assert(!fs_is_file(lab_path(&lab, "last.safetensors", path)));
  stop = 0;
  ck_assert_int_eq(fit_run(t), RAD_OK);
  const double loss = last(t, "test.loss");
  t->epochs = t->when.epoch = 0; /* as if killed before the evaluation */
  ck_assert_int_eq(checkpoint_write(t), RAD_OK);
  const size_t bytes = t->fit->tensor[2].bytes;
  trainer *u = start(ini);
  checkpoint_at(u);
  ck_assert_int_eq(checkpoint_read(u, false), RAD_OK);
  ck_assert(u->when.step == 1 && memcmp(u->fit->state[2], t->fit->state[2], bytes) == 0);
  stop = 1;
  ck_assert_int_eq(fit_run(u), RAD_ECANCEL); /* in the evaluation */
  stop = 0;
  u->data->source[RAD_TRAIN].n = 0; /* a fit would now fail */
  u->data->facts.n[RAD_TRAIN] = 0;
  ck_assert_msg(fit_run(u) == RAD_OK, "%s", text_str(&lab.diag.messages));
  ck_assert(last(u, "test.loss") == loss && u->epochs == 1);
  ck_assert(metric_find(u, reported[_i])->fresh); /* it goes to metrics.jsonl, for the first time */
  trainer_free(t);
  trainer_free(u);
}
END_TEST

/* Layers, regularizers and what measures say of layers have no part in it. */
START_TEST(layers_are_not_looked_at)
{
  static const char extra[] = "[layer out]\nplugin = dense\nunits = 77\n"
                              "[measure norms]\nplugin = norms\n"
                              "[measure margin]\nplugin = margin\n"
                              "[measure each]\nplugin = per_example_loss\n"
                              "[measure forgetting]\nplugin = forgetting\n"
                              "[regularizer stop]\nplugin = early_stopping\npatience = 1\n"
                              "[optimizer]\nplugin = sgd\n";
  char ini[2000];
  rad_source *s;
  rad_batch *b;
  uint64_t n;
  text table = {0};
  arm_plan p;
  snprintf(ini, sizeof ini, "[fit]\nplugin = theorem1\n[backend]\nplugin = reference\n" FEW "%s",
           extra);
  trainer *t = fitted(ini);
  rad_ctx *c = &t->hook[0].instance->ctx;
  ck_assert(t->model->pub.nnode == 0 && t->nhook == 7);
  ck_assert_int_eq(c->lab->source(c, "train", &s, &n), RAD_OK);
  ck_assert_int_eq(c->lab->fetch(c, s, NULL, 0, 2, &b), RAD_OK);
  ck_assert_int_eq(c->lab->pass(c, &t->model->pub, b, RAD_PASS_DX, 1.0f), RAD_EINVAL);
  ck_assert(strstr(text_str(&lab.diag.messages), "predicts by itself") != NULL);
  trainer_free(t);
  ck_assert_msg(arm_inspect(&lab.env, &lab.base, "main", &p, &table) == RAD_OK, "%s",
                text_str(&lab.diag.messages));
  ck_assert(p.parameters == 14 && p.active_weights == 9 && p.flop_forward == 8);
  ck_assert(strstr(text_str(&table), "theorem1 predicts by itself") != NULL);
  text_free(&table);
}
END_TEST

/* --- memory --- */
static void put(const char *name, const char *content)
{
  char path[256];
  ck_assert_int_eq(fs_write(lab_path(&lab, name, path), content, strlen(content), &lab.diag),
                   RAD_OK);
}

START_TEST(memory_is_what_is_left)
{
  ck_assert_uint_eq(memory_left(lab.folder, lab.folder), 0);
  put("meminfo",
      "MemTotal:       24567890 kB\nMemFree:  1 kB\nMemAvailable:   12345678 kB\nBuffers: 5 kB\n");
  ck_assert_uint_eq(memory_left(lab.folder, lab.folder), 12641974272);
  put("memory.max", "max\n");
  put("memory.current", "900000000\n");
  put("memory.stat", "anon 100\nactive_file 7\ninactive_file 400000000\n");
  ck_assert_uint_eq(memory_left(lab.folder, lab.folder), 12641974272);
  put("memory.max", "2000000000\n");
  ck_assert_uint_eq(memory_left(lab.folder, lab.folder), 1500000000);
  put("memory.max", "100\n");
  ck_assert_uint_eq(memory_left(lab.folder, lab.folder), 0);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("fits");
  TCase *t = tcase_create("fits");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, theorem1_is_the_formula);
  tcase_add_loop_test(t, theorem1_reproduces_any_labels, 0, 6);
  tcase_add_test(t, equal_samples_are_reported);
  tcase_add_loop_test(t, kernel_is_numpys, 0, 6);
  tcase_add_loop_test(t, kernel_interpolates, 0, 7);
  tcase_add_test(t, kernel_refuses);
  tcase_add_loop_test(t, result_survives, 0, 2);
  tcase_add_test(t, layers_are_not_looked_at);
  tcase_add_test(t, memory_is_what_is_left);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
