/* SPDX-License-Identifier: BSD-3-Clause
 * regularizers.c - three steps of one dense layer from zero weights, in one batch of two samples,
 * with each regularizer, against NumPy in double; and the distribution of mixup's factor against
 * SciPy's. */
#include "data_lab.h"
#include "train.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { K = 3, D = 4, NW = K * D + K };
static data_lab lab;

static void setup(void)
{
  static const uint8_t x[] = {13, 200, 77, 141, 250, 31, 99, 180}, y[] = {2, 0};
  static const uint8_t noise[] = {222, 64, 5, 118}, label[] = {1};
  lab_begin(&lab);
  lab_idx(&lab, "real", 2, x, y);
  lab_idx(&lab, "noise", 1, noise, label);
}
static void teardown(void)
{
  lab_end(&lab);
}

#define IDX(name)                                                                                  \
  "plugin = idx\ntrain_images = FIX/" name "-x\ntrain_labels = FIX/" name "-y\n"                   \
  "classes = 3\nval = 0\n"
#define BASE                                                                                       \
  "[run]\nepochs = 3\nbatch = 2\n[dataset]\n" IDX(                                                 \
      "real") "[layer flat]\nplugin = flatten\n[layer out]\nplugin = dense\nunits = 3\ninit = "    \
              "zero\n"                                                                             \
              "[loss]\nplugin = cross_entropy\n[optimizer]\nplugin = sgd\nlr = 0.5\nmomentum = "   \
              "0.9\n"                                                                              \
              "[schedule]\nplugin = constant\n[fit]\nplugin = gradient\n"                          \
              "[measure loss]\nplugin = loss\n[measure acc]\nplugin = accuracy\n"
#define REGULARIZER "[regularizer r]\nplugin = "
#define NOISE       "[dataset noise]\n" IDX("noise") "[regularizer r]\nplugin = noise_penalty\nlambda = "

static trainer *start(const char *ini)
{
  trainer *t;
  lab_config(&lab, ini, NULL);
  if (trainer_new(&t, &lab.env, &lab.arm, NULL, false) < 0 || trainer_alloc(t) < 0)
    ck_abort_msg("%s", text_str(&lab.diag.messages));
  return t;
}

static void values(trainer *t, uint32_t k, float *out)
{
  ck_assert_int_eq(t->lab.values(&t->loss->ctx, &t->model->param[k].pub, out), RAD_OK);
}

/* W (3,4) and b (3) after three steps; a metric of the last one. */
static const struct {
  const char *ini;
  double w[NW];
  const char *metric;
  double value;
} known[] = {
    {"",
     {0.78199494, -0.285437793, 0.171170813, 0.309292098, -0.371268609, -0.335841805, -0.25198352,
      -0.459612651, -0.410726331, 0.621279598, 0.0808127065, 0.150320552, 0.331666007, -0.731826929,
      0.400160922},
     "train.accuracy",
     1},
    {NOISE "0.7\n",
     {0.318482525, -0.397377347, 0.213006991, 0.107830271, 0.52658392, -0.13315132, -0.324500515,
      -0.0693786127, -0.845066445, 0.530528667, 0.111493524, -0.0384516585, -0.166982814,
      0.219107433, -0.0521246191},
     "r.loss",
     0.751992666},
    {NOISE "-0.4\n",
     {1.1601063, -0.186856698, 0.161907296, 0.493731709, -1.07434511, -0.514615587, -0.236595542,
      -0.801950189, -0.0857611853, 0.701472285, 0.074688246, 0.30821848, 0.750967385, -1.50654615,
      0.755578767},
     "r.loss",
     3.16809972},
    {NOISE "1.3\ntowards = uniform\n",
     {0.605131664, -0.333833327, 0.171895658, 0.219593491, -0.17141434, -0.280390063, -0.250766507,
      -0.356537639, -0.433717323, 0.61422339, 0.0788708493, 0.136944148, 0.132293563, -0.505314505,
      0.373020942},
     "r.accuracy",
     0},
    {REGULARIZER "l1\nlambda = 0.05\n",
     {0.712954328, -0.21337613, 0.0997266123, 0.238707361, -0.301003169, -0.265113904, -0.180909868,
      -0.389713547, -0.339451159, 0.550990033, 0.00868325589, 0.0785061858, 0.334137757,
      -0.735927885, 0.401790128},
     "penalty",
     0.104491568},
    {REGULARIZER "l1\nlambda = 0.12\nmode = proximal\n",
     {0.638867485, -0.117828723, 0.0254833465, 0.154472649, -0.217010372, -0.175109186,
      -0.0904830939, -0.308813524, -0.241857113, 0.458035948, 0, 0.00614157452, 0.36676443,
      -0.777671747, 0.410907317},
     "penalty",
     0},
    {REGULARIZER "max_norm\nc = 0.75\n",
     {0.648487086, -0.23670578, 0.141947289, 0.256487505, -0.371268609, -0.335841805, -0.25198352,
      -0.459612651, -0.403160074, 0.609834602, 0.0793240031, 0.147551399, 0.331666007, -0.731826929,
      0.400160922},
     "train.accuracy",
     1},
};
enum { NKNOWN = sizeof known / sizeof *known };

START_TEST(three_steps)
{
  const int c = _i / 2;
  char ini[2000];
  float w[NW];
  snprintf(ini, sizeof ini, BASE "[backend]\nplugin = %s\n%s", _i % 2 ? "native" : "reference",
           known[c].ini);
  trainer *t = start(ini);
  ck_assert_msg(train_run(t) == RAD_OK, "%s", text_str(&lab.diag.messages));
  values(t, 0, w);
  values(t, 1, w + K * D);
  for (size_t i = 0; i < NW; i++)
    ck_assert_msg(known[c].w[i] == 0 ? w[i] == 0.0f : fabs((double)w[i] - known[c].w[i]) < 2e-6,
                  "%s: number %zu is %.9g, not %.9g", known[c].ini, i, (double)w[i], known[c].w[i]);
  const metric *m = metric_find(t, known[c].metric);
  ck_assert_msg(m && fabs(m->last - known[c].value) < 1e-6, "%s: %s is %.9g", known[c].ini,
                known[c].metric, m ? m->last : (double)NAN);
  trainer_free(t);
}
END_TEST

/* Rows of tensors that are stored sparse, dense in panels, or masked. */
#define BLOBS                                                                                      \
  "[run]\nepochs = 2\nbatch = 30\n[dataset]\nplugin = blobs\nfeatures = 19\ntrain = 90\nval = 0\n" \
  "[layer out]\nplugin = dense\nunits = 10\ndensity = %s\n[loss]\nplugin = cross_entropy\n"        \
  "[optimizer]\nplugin = sgd\nlr = 0.5\n[schedule]\nplugin = constant\n"                           \
  "[fit]\nplugin = gradient\n[backend]\nplugin = native\n"
START_TEST(rows_stay_in_the_ball)
{
  static const char *const density[] = {"0.2", "1", "0.6"};
  float w[190];
  char ini[2000];
  snprintf(ini, sizeof ini, BLOBS REGULARIZER "max_norm\nc = 0.4\n", density[_i]);
  trainer *t = start(ini);
  ck_assert(!t->model->param[0].pub.pattern == (_i > 0));
  ck_assert_msg(train_run(t) == RAD_OK, "%s", text_str(&lab.diag.messages));
  values(t, 0, w);
  size_t full = 0;
  for (size_t r = 0; r < 10; r++) {
    double sum = 0;
    for (size_t i = 0; i < 19; i++)
      sum += (double)w[r * 19 + i] * (double)w[r * 19 + i];
    ck_assert_msg(sqrt(sum) < 0.4 * (1 + 2e-6), "row %zu is %g long", r, sqrt(sum));
    full += sqrt(sum) > 0.4 * (1 - 2e-6);
  }
  ck_assert_uint_gt(full, 4);
  trainer_free(t);
}
END_TEST

START_TEST(noise_penalty_refuses)
{
  trainer *t;
  lab_config(&lab, BASE "[backend]\nplugin = reference\n" REGULARIZER "noise_penalty\n", NULL);
  ck_assert_int_eq(trainer_new(&t, &lab.env, &lab.arm, NULL, false), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&lab.diag.messages), "[dataset NAME]") != NULL, "%s",
                text_str(&lab.diag.messages));
  trainer_free(t);
}
END_TEST

/* --- mixup --- */
enum { N = 12 };
static const rad_facts facts = {.sample = {1, {N}},
                                .type = RAD_F32,
                                .target = RAD_CLASS,
                                .ntarget = 2,
                                .n = {N},
                                .scale = 1.0f};

static instance *mixup(const char *alpha)
{
  static setting v[2];
  static section s = {.kind = "regularizer", .name = "m", .v = v, .n = 2, .cap = 2};
  instance *i;
  v[0] = (setting){.key = "plugin", .value = "mixup"};
  v[1] = (setting){.key = "alpha", .value = alpha};
  ck_assert_int_eq(instance_new(&i, &lab.env, RAD_REGULARIZER, "mixup", &s), RAD_OK);
  return i;
}

static double weight_of(size_t i)
{
  return i == 4 || i == 7 ? 0 : 0.5 + (double)(i % 3);
}
static double target_of(size_t i) /* the first of two; the other is 1 - it */
{
  return i == 2 ? 0.3 : (double)(i % 2);
}

/* Samples are rows of the identity, so that they show what they are mixed of. */
static double mix(const instance *m, uint64_t step, float *x, float *target, float *weight)
{
  rad_batch b = {.when = {.step = step, .nepoch = 1, .nstep = 9},
                 .facts = &facts,
                 .n = N,
                 .total = N,
                 .x = x,
                 .target = target,
                 .weight = weight};
  double own = 1;
  for (size_t i = 0; i < N * N; i++)
    x[i] = i % (N + 1) == 0;
  for (size_t i = 0; i < N; i++) {
    weight[i] = (float)weight_of(i);
    target[2 * i] = (float)target_of(i);
    target[2 * i + 1] = 1.0f - (float)target_of(i);
  }
  ck_assert_int_eq(m->plugin->ops.hooks.batch((rad_ctx *)(uintptr_t)&m->ctx, m->self, &b), RAD_OK);
  scratch_release(&lab.env, 0);
  for (size_t i = 0; i < N; i++)
    own = x[i * N + i] < 1.0f ? (double)x[i * N + i] : own;
  return own; /* 12 samples have other partners than themselves, but for one case of 12! */
}

START_TEST(mixup_mixes_losses)
{
  float x[N * N], target[2 * N], weight[N];
  instance *m = mixup("1");
  for (uint64_t step = 0; step < 40; step++) {
    const double l = mix(m, step, x, target, weight);
    size_t taken[N] = {0};
    for (size_t i = 0; i < N; i++) {
      size_t j = i;
      for (size_t k = 0; k < N; k++)
        j = k != i && x[i * N + k] > 0.0f ? k : j;
      taken[j]++;
      const double p = l * weight_of(i), q = (1 - l) * weight_of(j);
      ck_assert(fabs((double)x[i * N + j] - (j == i ? 1 : 1 - l)) < 1e-6);
      ck_assert(fabs((double)weight[i] - (p + q)) < 1e-6);
      const double t = (p * target_of(i) + q * target_of(j)) / (p + q);
      ck_assert(p + q == 0 || (fabs((double)target[2 * i] - t) < 1e-6 &&
                               fabs((double)target[2 * i + 1] - (1 - t)) < 1e-6));
    }
    for (size_t k = 0; k < N; k++)
      ck_assert_uint_eq(taken[k], 1);
  }
  instance_free(m);
}
END_TEST

/* P(l < 0.01, 0.2, 0.45) and the variance */
static const struct {
  const char *alpha;
  double below[3], variance;
} beta[] = {
    {"0.05", {0.398870916, 0.467786129, 0.495301999}, 0.227272727},
    {"0.2", {0.20977769, 0.392722164, 0.484004839}, 0.178571429},
    {"1", {0.01, 0.2, 0.45}, 0.0833333333},
    {"4", {3.416698e-07, 0.033344, 0.391712203}, 0.0277777778},
    {"50", {3.1130219e-72, 1.32862e-11, 0.158652199}, 0.00247524752},
};

START_TEST(factors_are_beta)
{
  static const double at[] = {0.01, 0.2, 0.45};
  const double n = 20000;
  float x[N * N], target[2 * N], weight[N];
  instance *m = mixup(beta[_i].alpha);
  double below[3] = {0}, sum = 0, square = 0;
  for (uint64_t step = 0; (double)step < n; step++) {
    const double l = mix(m, step, x, target, weight);
    sum += l;
    square += (l - 0.5) * (l - 0.5);
    for (size_t k = 0; k < 3; k++)
      below[k] += l < at[k];
  }
  for (size_t k = 0; k < 3; k++) {
    const double p = beta[_i].below[k], by = 4.5 * sqrt(p * (1 - p) / n) + 1e-4;
    ck_assert_msg(fabs(below[k] / n - p) < by, "%s: %g below %g, not %g", beta[_i].alpha,
                  below[k] / n, at[k], p);
  }
  ck_assert(fabs(sum / n - 0.5) < 4.5 * sqrt(beta[_i].variance / n));
  ck_assert_msg(fabs(square / n / beta[_i].variance - 1) < 0.06, "%s: variance %g", beta[_i].alpha,
                square / n);
  instance_free(m);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("regularizers");
  TCase *t = tcase_create("regularizers");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_loop_test(t, three_steps, 0, 2 * NKNOWN);
  tcase_add_loop_test(t, rows_stay_in_the_ball, 0, 3);
  tcase_add_test(t, noise_penalty_refuses);
  tcase_add_test(t, mixup_mixes_losses);
  tcase_add_loop_test(t, factors_are_beta, 0, sizeof beta / sizeof *beta);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
