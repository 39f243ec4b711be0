/* SPDX-License-Identifier: BSD-3-Clause
 * convex.c - networks that are convex in their input: what ioc makes of weights in every layout,
 * which weights and which layers it is about, and whether trained networks are convex along random
 * segments. */
#include "experiment.h"
#include "philox.h"
#include "train.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static diag g;
static env e;
static config trial, arm;
static trainer *t;

/* "key=value key=value " */
static void set_all(const char *keys)
{
  char word[128], *value;
  for (size_t n; (n = strcspn(keys, " ")) > 0; keys += n + (keys[n] == ' ')) {
    ck_assert_uint_lt(n, sizeof word);
    memcpy(word, keys, n);
    word[n] = '\0';
    value = strchr(word, '=');
    *value++ = '\0';
    ck_assert_msg(config_set(&trial, word, value, (origin){0}, &g) >= 0, "%s",
                  text_str(&g.messages));
  }
}

static void setup(void)
{
  g = (diag){0};
  e = (env){.diag = &g, .seed = 5};
  trial = arm = (config){0};
  t = NULL;
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
  set_all("loss.plugin=cross_entropy optimizer.plugin=sgd optimizer.lr=0.05 optimizer.momentum=0.9 "
          "schedule.plugin=constant fit.plugin=gradient measure.loss.plugin=loss "
          "backend.plugin=native run.epochs=20 run.batch=32 run.eval_batch=500");
}

static void teardown(void)
{
  trainer_free(t);
  config_free(&arm);
  config_free(&trial);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
}

static const char blobs[] = "dataset.plugin=blobs dataset.features=6 dataset.sigma=1.2 "
                            "dataset.classes=3 dataset.train=300 dataset.test=20";
static const char images[] = "dataset.plugin=uniform dataset.height=8 dataset.width=8 "
                             "dataset.channels=2 dataset.classes=3 dataset.train=300 "
                             "dataset.test=20 dataset.scale=standardize";
static const char ioc[] = "regularizer.c.plugin=ioc";

static rad_status begin(bool inspect)
{
  ck_assert_msg(experiment_arm(&e, &trial, "main", &arm) >= 0, "%s", text_str(&g.messages));
  const rad_status s = trainer_new(&t, &e, &arm, NULL, inspect);
  ck_assert_msg(s < 0 || inspect || trainer_alloc(t) >= 0, "%s", text_str(&g.messages));
  return s;
}

/* --- the operator --- */
static param *tensor(const char *layer, const char *name)
{
  for (uint32_t i = 0; i < t->model->pub.nparam; i++) {
    const rad_param *p = &t->model->param[i].pub;
    if (strcmp(p->layer, layer) == 0 && strcmp(p->name, name) == 0)
      return &t->model->param[i];
  }
  ck_abort_msg("no %s of layer %s", name, layer);
}

static void project(param *p)
{
  const hook *h = &t->hook[t->nhook - 1]; /* regularizers come last */
  const rad_slice s = {.param = &p->pub, .n = p->pub.n, .w = p->pub.value};
  ck_assert_str_eq(h->instance->plugin->d.name, "ioc");
  ck_assert_int_eq(h->ops->weights(&h->instance->ctx, h->instance->self, &s), RAD_OK);
}

/* Values by Python's math.exp(w - 5) in double precision. What is stored for padding stays 0. */
START_TEST(operator_is_exact_in_every_layout)
{
  enum { ALL = 21 * 37, NV = 9 };
  static const char *const stored[] = {"backend.plugin=reference", "backend.plugin=native",
                                       "layer.b.density=0.1", "layer.b.density=0.5"};
  static const float w[NV] = {-0.3f, 0.7f, -2.0f, 0.0f, -0.05f, -60.0f, -0.0f, 3.5f, -4.5f};
  static const double v[NV] = {0.004991593906910217,
                               0.7,
                               0.0009118819655545162,
                               0,
                               0.006409333446256383,
                               5.900090541597061e-29,
                               0,
                               3.5,
                               7.48518298877006e-05};
  float plain[ALL], active[ALL], got[ALL];
  set_all(blobs);
  set_all("layer.h.plugin=dense layer.h.units=37 layer.a.plugin=elu layer.b.plugin=dense "
          "layer.b.units=21 layer.out.plugin=dense layer.out.units=3");
  set_all(ioc);
  set_all(stored[_i]);
  ck_assert_msg(begin(false) >= 0, "%s", text_str(&g.messages));
  param *p = tensor("b", "W");
  ck_assert(_i == 0 || (_i == 2 ? p->pub.pattern != NULL : p->pub.layout != 0));
  ck_assert(_i != 3 || p->pub.mask);
  ck_assert_int_eq(param_mask(t->model, p, active), RAD_OK);
  for (size_t i = 0; i < ALL; i++)
    plain[i] = active[i] != 0.0f ? w[i % NV] : 0.0f;
  ck_assert_int_eq(param_store(t->model, p, plain, p->pub.value), RAD_OK);
  project(p);
  ck_assert_int_eq(param_load(t->model, p, p->pub.value, got), RAD_OK);
  for (size_t i = 0; i < ALL; i++) {
    const double expect = active[i] != 0.0f ? v[i % NV] : 0.0;
    ck_assert_msg(fabs((double)got[i] - expect) <= 2e-7 * expect, "%g became %g, not %g",
                  (double)plain[i], (double)got[i], expect);
  }
  float *again = malloc(p->pub.n * sizeof *again);
  ck_assert_ptr_nonnull(again);
  ck_assert_int_eq(param_store(t->model, p, got, again), RAD_OK);
  ck_assert_mem_eq(again, p->pub.value, p->pub.n * sizeof *again);
  free(again);
}
END_TEST

/* --- which tensors --- */

/* Is a tensor of minus ones changed? */
static bool held(const char *layer, const char *name)
{
  param *p = tensor(layer, name);
  for (size_t i = 0; i < p->pub.n; i++)
    p->pub.value[i] = -1.0f;
  project(p);
  return p->pub.value[0] != -1.0f;
}

/* Free: the first weights on each way from the input, skip connections, all biases. Convex weights
 * need no hand on them. */
START_TEST(weights_behind_the_first_are_held)
{
  set_all(blobs);
  set_all("layer.x.plugin=identity layer.h.plugin=dense layer.h.units=8 layer.n.plugin=batch_norm "
          "layer.a.plugin=elu layer.b.plugin=dense layer.b.units=8 layer.skip.plugin=dense "
          "layer.skip.units=8 layer.skip.input=x layer.sum.plugin=add layer.sum.input=b,skip "
          "layer.a2.plugin=relu layer.both.plugin=concat layer.both.input=a2,x "
          "layer.c.plugin=convex_dense layer.c.units=8 layer.out.plugin=dense layer.out.units=3");
  set_all(ioc);
  ck_assert_msg(begin(false) >= 0, "%s", text_str(&g.messages));
  ck_assert(!held("h", "W") && !held("skip", "W") && !held("c", "W"));
  ck_assert(!held("h", "b") && !held("b", "b") && !held("out", "b") && !held("n", "beta"));
  ck_assert(held("n", "gamma") && held("b", "W") && held("out", "W"));
}
END_TEST

/* There are no weights before these, but something that is not affine. */
START_TEST(weights_behind_an_activation_are_held)
{
  set_all(blobs);
  set_all("layer.a.plugin=softplus layer.h.plugin=dense layer.h.units=3");
  set_all(ioc);
  ck_assert_msg(begin(false) >= 0, "%s", text_str(&g.messages));
  ck_assert(held("h", "W"));
}
END_TEST

/* --- which layers --- */
START_TEST(layers_are_refused_by_name)
{
  static const struct {
    const char *keys, *name; /* NULL: is taken */
  } k[] = {{"layer.it.plugin=tanh", "layer it (tanh)"},
           {"layer.it.plugin=sigmoid", "layer it (sigmoid)"},
           {"layer.it.plugin=lrn", "layer it (lrn)"},
           {"layer.it.plugin=elu layer.it.alpha=1.5", "layer it (elu)"},
           {"layer.it.plugin=elu layer.it.alpha=0.4", NULL},
           {"layer.it.plugin=relu", NULL},
           {"layer.it.plugin=leaky_relu", NULL},
           {"layer.it.plugin=softplus", NULL},
           {"layer.it.plugin=max_pool", NULL},
           {"layer.it.plugin=avg_pool", NULL},
           {"layer.it.plugin=global_avg_pool", NULL},
           {"layer.it.plugin=batch_norm", NULL},
           {"layer.it.plugin=convex_conv2d layer.it.filters=4", NULL}};
  set_all(images);
  set_all("layer.c.plugin=conv2d layer.c.filters=4 layer.a.plugin=elu");
  set_all(k[_i].keys);
  set_all("layer.f.plugin=flatten layer.out.plugin=dense layer.out.units=3");
  if (_i == 10)
    set_all("layer.f.plugin=identity");
  set_all(ioc);
  const rad_status s = begin(true);
  ck_assert_msg((s < 0) == (k[_i].name != NULL), "%s: %s", k[_i].keys, text_str(&g.messages));
  ck_assert_msg(!k[_i].name || strstr(text_str(&g.messages), k[_i].name), "%s",
                text_str(&g.messages));
}
END_TEST

START_TEST(frozen_weights_are_noticed)
{
  set_all(blobs);
  set_all("layer.h.plugin=dense layer.h.units=8 layer.a.plugin=elu layer.b.plugin=dense "
          "layer.b.units=8 layer.b.freeze=true layer.out.plugin=dense layer.out.units=3");
  set_all(ioc);
  ck_assert_msg(begin(false) >= 0, "%s", text_str(&g.messages));
  ck_assert_int_eq(train_run(t), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&g.messages), "layer b has negative weights"), "%s",
                text_str(&g.messages));
}
END_TEST

/* --- convexity --- */
enum { ROWS = 500, SEGMENTS = 10000, K = 3 };

static void outputs(const float *x, float *y)
{
  static const uint64_t id[ROWS];
  const model_pass p = {.when = {.nepoch = 1, .nstep = 1}, .x = x, .n = ROWS, .id = id};
  ck_assert_int_eq(model_forward(t->model, &p), RAD_OK);
  memcpy(y, model_y(t->model), ROWS * K * sizeof *y);
}

/* Segments of random points of standard deviation 2 on which some logit is above its chord, in
 * inference mode. */
static size_t violations(void)
{
  static float y[3][ROWS * K];
  const size_t D = rad_count(&t->data->facts.sample), n = ROWS * D;
  float *x = malloc(3 * n * sizeof *x), s[ROWS];
  size_t bad = 0;
  ck_assert_ptr_nonnull(x);
  for (uint64_t round = 0; round < SEGMENTS / ROWS; round++) {
    philox_normal(77, &(rad_at){.when = round}, 0, 2 * n, x);
    philox_uniform(77, &(rad_at){.when = round, .stream = 1}, 0, ROWS, s);
    for (size_t i = 0; i < n; i++) {
      x[i] *= 2.0f, x[n + i] *= 2.0f;
      x[2 * n + i] = s[i / D] * x[i] + (1.0f - s[i / D]) * x[n + i];
    }
    for (size_t k = 0; k < 3; k++)
      outputs(x + k * n, y[k]);
    for (size_t i = 0; i < ROWS; i++) {
      bool above = false;
      for (size_t k = i * K; k < (i + 1) * K; k++) {
        const double a = (double)y[0][k], b = (double)y[1][k], q = (double)s[i];
        above |= !((double)y[2][k] <= q * a + (1 - q) * b + 1e-5 * (1 + fabs(a) + fabs(b)));
      }
      bad += above;
    }
  }
  free(x);
  return bad;
}

#define DENSE                                                                                      \
  "layer.h.plugin=dense layer.h.units=24 layer.n.plugin=batch_norm layer.a.plugin=elu "            \
  "layer.b.plugin=dense layer.b.units=24 layer.n2.plugin=batch_norm layer.a2.plugin=elu "          \
  "layer.out.plugin=dense layer.out.units=3 "
#define CONV                                                                                       \
  "layer.h.plugin=conv2d layer.h.filters=6 layer.n.plugin=batch_norm layer.a.plugin=elu "          \
  "layer.b.plugin=conv2d layer.b.filters=8 layer.a2.plugin=relu layer.pool.plugin=max_pool "       \
  "layer.f.plugin=flatten layer.out.plugin=dense layer.out.units=3 "
#define SKIP                                                                                       \
  "layer.x.plugin=identity layer.h.plugin=dense layer.h.units=16 layer.a.plugin=softplus "         \
  "layer.b.plugin=dense layer.b.units=16 layer.skip.plugin=dense layer.skip.units=16 "             \
  "layer.skip.input=x layer.sum.plugin=add layer.sum.input=b,skip layer.a2.plugin=leaky_relu "     \
  "layer.both.plugin=concat layer.both.input=a2,x layer.out.plugin=dense layer.out.units=3 "
#define CONVEX_DENSE                                                                               \
  "layer.h.plugin=dense layer.h.units=24 layer.n.plugin=batch_norm layer.a.plugin=elu "            \
  "layer.b.plugin=convex_dense layer.b.units=24 layer.b.density=0.6 layer.a2.plugin=elu "          \
  "layer.out.plugin=convex_dense layer.out.units=3 "
#define CONVEX_CONV                                                                                \
  "layer.h.plugin=conv2d layer.h.filters=6 layer.a.plugin=elu layer.b.plugin=convex_conv2d "       \
  "layer.b.filters=8 layer.a2.plugin=elu layer.f.plugin=flatten "                                  \
  "layer.out.plugin=convex_dense layer.out.units=3 "
#define IOC "regularizer.c.plugin=ioc "

static const struct {
  const char *data, *keys;
  bool convex;
} nets[] = {{blobs, DENSE IOC, true},        {images, CONV IOC, true},    {blobs, SKIP IOC, true},
            {blobs, CONVEX_DENSE IOC, true}, {images, CONVEX_CONV, true}, {blobs, DENSE, false},
            {images, CONV, false},           {blobs, SKIP, false}};

/* A network that is kept convex is so on every segment; the same one, trained freely, on many is
 * not. All learn something. */
START_TEST(trained_networks)
{
  set_all(nets[_i].data);
  set_all(nets[_i].keys);
  if (nets[_i].data == images) /* labels without a reason are learnt by heart */
    set_all("run.epochs=40 optimizer.plugin=adam optimizer.lr=0.01");
  ck_assert_msg(begin(false) >= 0 && train_run(t) >= 0, "%s", text_str(&g.messages));
  const double loss = metric_find(t, "train.loss")->last;
  ck_assert_msg(loss < 0.95 * log(K), "a training loss of %g", loss);
  const size_t bad = violations();
  ck_assert_msg(nets[_i].convex ? bad == 0 : bad > SEGMENTS / 50, "above the chord on %zu of %d",
                bad, SEGMENTS);
}
END_TEST

/* The weights of convex layers stay what they were declared: of either sign. */
START_TEST(convex_weights_have_both_signs)
{
  bool negative = false, positive = false;
  set_all(blobs);
  set_all(CONVEX_DENSE IOC);
  ck_assert_msg(begin(false) >= 0 && train_run(t) >= 0, "%s", text_str(&g.messages));
  const rad_param *p = &tensor("b", "W")->pub;
  for (size_t i = 0; i < p->n; i++) {
    negative |= p->value[i] < 0.0f;
    positive |= p->value[i] > 0.0f;
    ck_assert(p->mapped[i] >= 0.0f && (p->value[i] != 0.0f || p->mapped[i] == 0.0f));
  }
  ck_assert(negative && positive);
}
END_TEST

/* A plugin that declares a mapped tensor and forgets the map. */
START_TEST(a_map_must_be_there)
{
  const plugin *p = plugins_find(e.plugins, RAD_LAYER, "convex_dense", (origin){0}, "", &g);
  ck_assert_ptr_nonnull(p);
  ((plugin *)(uintptr_t)p)->ops.layer.map = NULL;
  set_all(blobs);
  set_all(CONVEX_DENSE);
  ck_assert_int_lt(begin(true), 0);
  ck_assert_msg(strstr(text_str(&g.messages), "tensor W has RAD_MAPPED"), "%s",
                text_str(&g.messages));
}
END_TEST

/* Two epochs by the kernels of `native`, packed weights and their shadows, and by the plain loops
 * end with the same outputs to rounding. */
START_TEST(backends_agree_on_convex_layers)
{
  static const char *const keys[] = {CONVEX_DENSE, CONVEX_CONV,
                                     CONVEX_DENSE "layer.b.density=0.15"};
  static float x[ROWS * 128], y[2][ROWS * K];
  philox_normal(78, &(rad_at){0}, 0, ROWS * 128, x);
  for (int k = 0; k < 2; k++) {
    set_all(_i == 1 ? images : blobs);
    set_all(keys[_i]);
    set_all(k ? "backend.plugin=native run.epochs=2" : "backend.plugin=reference run.epochs=2");
    ck_assert_msg(begin(false) >= 0 && train_run(t) >= 0, "%s", text_str(&g.messages));
    ck_assert(_i == 2 ? tensor("b", "W")->pub.pattern != NULL
                      : k == (tensor("b", "W")->pub.layout != 0));
    outputs(x, y[k]);
    trainer_free(t);
    config_free(&arm);
    t = NULL;
    arm = (config){0};
  }
  for (size_t i = 0; i < ROWS * K; i++)
    ck_assert_msg(fabsf(y[0][i] - y[1][i]) <= 2e-4f * (1 + fabsf(y[0][i])), "%g and %g",
                  (double)y[0][i], (double)y[1][i]);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("convex");
  TCase *c = tcase_create("convex");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, operator_is_exact_in_every_layout, 0, 4);
  tcase_add_test(c, weights_behind_the_first_are_held);
  tcase_add_test(c, weights_behind_an_activation_are_held);
  tcase_add_loop_test(c, layers_are_refused_by_name, 0, 13);
  tcase_add_test(c, frozen_weights_are_noticed);
  tcase_add_loop_test(c, trained_networks, 0, sizeof nets / sizeof *nets);
  tcase_add_test(c, convex_weights_have_both_signs);
  tcase_add_test(c, a_map_must_be_there);
  tcase_add_loop_test(c, backends_agree_on_convex_layers, 0, 3);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
