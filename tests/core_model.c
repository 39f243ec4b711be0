/* SPDX-License-Identifier: BSD-3-Clause
 * core_model.c - the network: gradients of whole graphs against finite differences, arithmetic in
 * one pass or two, shared buffers, counts. */
#include "blocks.h"
#include "model.h"
#include "philox.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5, D = 7 };
static diag g;
static env e;
static config c;
static model *m;

static void setup(void)
{
  g = (diag){0};
  e = (env){.diag = &g, .seed = 11};
  c = (config){0};
  m = NULL;
  ck_assert_int_eq(plugins_new(&e.plugins, NULL, &g), RAD_OK);
}

static void teardown(void)
{
  model_free(m);
  config_free(&c);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&g);
}

static void set(const char *key, const char *value)
{
  ck_assert_msg(config_set(&c, key, value, (origin){0}, &g) >= 0, "%s", text_str(&g.messages));
}

static rad_status build(size_t nhooks, const model_hook *hook)
{
  const rad_shape sample = {1, {D}};
  set("backend.plugin", "reference");
  const rad_status s = model_plan(&m, &e, &c, &sample, hook, nhooks);
  if (s < 0)
    return s;
  ck_assert_int_eq(model_alloc(m, N, 1), RAD_OK);
  return model_init(m);
}

/* a diamond, with one layer read three times and one layer that reads it twice */
static void diamond(void)
{
  static const char *const keys[][2] = {
      {"layer.a.plugin", "dense"},   {"layer.a.units", "6"},
      {"layer.left.plugin", "tanh"}, {"layer.right.plugin", "elu"},
      {"layer.right.input", "a"},    {"layer.b.plugin", "dense"},
      {"layer.b.units", "6"},        {"layer.b.input", "right"},
      {"layer.sum.plugin", "add"},   {"layer.sum.input", "left, a, b, a"},
      {"layer.out.plugin", "dense"}, {"layer.out.units", "3"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
}

static void inputs(float *x)
{
  philox_normal(philox_seedkey(3, 4), &(rad_at){0}, 0, N * D, x);
}

/* loss = sum of w_i y_i^2 / 2 with irregular weights */
static double loss(const float *x, bool training, const model_pass *like)
{
  model_pass p = *like;
  double s = 0;
  p.x = x;
  p.training = training;
  ck_assert_int_eq(model_forward(m, &p), RAD_OK);
  for (size_t i = 0; i < N * 3; i++)
    s += 0.5 * (0.3 + 0.0717 * (double)i) * (double)model_y(m)[i] * (double)model_y(m)[i];
  return s;
}

static void backward(const float *x, float *dx, model_pass *p)
{
  p->x = x;
  p->dx = dx;
  loss(x, p->training, p);
  for (size_t i = 0; i < N * 3; i++)
    model_dy(m)[i] = (float)(0.3 + 0.0717 * (double)i) * model_y(m)[i];
  ck_assert_int_eq(model_backward(m, p), RAD_OK);
}

static const uint64_t ids[N] = {4, 9, 2, 77, 5};

static void check_gradients(bool training)
{
  float x[N * D], dx[N * D];
  model_pass p = {.training = training, .grads = true, .n = N, .id = ids};
  inputs(x);
  backward(x, dx, &p);
  for (size_t i = 0; i < N * D; i++) {
    const float old = x[i];
    x[i] = old + 1e-2f;
    const double up = loss(x, training, &p);
    x[i] = old - 1e-2f;
    const double down = loss(x, training, &p);
    x[i] = old;
    ck_assert_double_eq_tol((double)dx[i], (up - down) / 2e-2, 2e-3 * (1 + fabs((double)dx[i])));
  }
  for (uint32_t k = 0; k < m->pub.nparam; k++)
    for (size_t i = 0; i < m->param[k].pub.n; i++) {
      float *w = &m->param[k].pub.value[i];
      const float old = *w;
      *w = old + 1e-2f;
      const double up = loss(x, training, &p);
      *w = old - 1e-2f;
      const double down = loss(x, training, &p);
      *w = old;
      const double want = (up - down) / 2e-2, got = (double)m->param[k].pub.grad[i];
      ck_assert_double_eq_tol(got, want, 2e-3 * (1 + fabs(want)));
    }
}

START_TEST(gradients_of_a_graph)
{
  diamond();
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  ck_assert_uint_eq(model_parameters(m), (D * 6 + 6) + (6 * 6 + 6) + (6 * 3 + 3));
  ck_assert_uint_eq(model_active_weights(m), D * 6 + 6 * 6 + 6 * 3);
  check_gradients(false);
}
END_TEST

START_TEST(gradients_through_an_inserted_layer)
{
  instance *dropout;
  const plugin *p;
  diamond();
  ck_assert_int_eq(instance_new(&dropout, &e, RAD_REGULARIZER, "dropout", NULL), RAD_OK);
  p = dropout->plugin;
  const model_hook h = {dropout, p->ops.hooks.after, "left, a"};
  ck_assert_msg(build(1, &h) >= 0, "%s", text_str(&g.messages));
  check_gradients(true);
  check_gradients(false); /* as if it were not there */
  model_free(m);
  m = NULL;
  instance_free(dropout);
}
END_TEST

START_TEST(no_gradient_where_none_is_wanted)
{
  float x[N * D], dx[N * D];
  model_pass p = {.grads = false, .n = N, .id = ids};
  diamond();
  set("layer.b.freeze", "true");
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  inputs(x);
  for (size_t i = 0; i < m->ngrad; i++)
    m->grad[i] = 0.7318f;
  backward(x, dx, &p);
  for (size_t i = 0; i < m->ngrad; i++)
    ck_assert(m->grad[i] == 0.7318f);
  ck_assert_uint_eq(model_parameters(m), (D * 6 + 6) + (6 * 3 + 3));
  p.grads = true;
  p.dx = NULL;
  backward(x, NULL, &p);
  for (uint32_t k = 0; k < m->pub.nparam; k++)
    ck_assert(!m->param[k].pub.grad == (strcmp(m->param[k].pub.layer, "b") == 0));
}
END_TEST

START_TEST(absorbed_is_the_same)
{
  float x[N * D], y[N * 3];
  model_pass p = {.n = N, .id = ids};
  set("layer.a.plugin", "dense");
  set("layer.a.units", "6");
  set("layer.act.plugin", "tanh");
  set("layer.out.plugin", "dense");
  set("layer.out.units", "3");
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  ck_assert(m->node[1].absorbed);
  inputs(x);
  loss(x, false, &p);
  memcpy(y, model_y(m), sizeof y);
  model_free(m);
  set("layer.extra.plugin", "add"); /* a second reader of `a`: no absorption */
  set("layer.extra.input", "out, out");
  set("layer.side.plugin", "dense");
  set("layer.side.units", "3");
  set("layer.side.init", "zero");
  set("layer.side.input", "a");
  set("layer.last.plugin", "add");
  set("layer.last.input", "extra, side");
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  ck_assert(!m->node[1].absorbed);
  loss(x, false, &p);
  for (size_t i = 0; i < N * 3; i++)
    ck_assert(model_y(m)[i] == 2.0f * y[i]);
}
END_TEST

START_TEST(flop_by_hand)
{
  double forward, backward_flop;
  diamond();
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  ck_assert_int_eq(model_flop(m, &forward, &backward_flop), RAD_OK);
  ck_assert(forward == 2.0 * (D * 6 + 6 * 6 + 6 * 3));
  ck_assert(backward_flop == 2.0 * (D * 6 + 2 * 6 * 6 + 2 * 6 * 3)); /* no dx of the input */
}
END_TEST

START_TEST(initial_weights)
{
  static const struct {
    const char *init;
    double variance; /* dense 7 -> 6000 */
  } want[] = {{"kaiming_uniform", 2.0 / 7},
              {"kaiming_normal", 2.0 / 7},
              {"xavier_uniform", 2.0 / 6007},
              {"xavier_normal", 2.0 / 6007},
              {"normal", 1}};
  double s = 0, t = 0;
  set("layer.a.plugin", "dense");
  set("layer.a.units", "6000");
  set("layer.a.init", want[_i].init);
  set("layer.a.gain", "1.5");
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
  for (size_t i = 0; i < 42000; i++) {
    s += (double)m->param[0].pub.value[i];
    t += (double)m->param[0].pub.value[i] * (double)m->param[0].pub.value[i];
  }
  const double v = 2.25 * want[_i].variance;
  ck_assert_double_eq_tol(s / 42000, 0, 5 * sqrt(v / 42000));
  ck_assert_double_eq_tol(t / 42000, v, 0.04 * v);
  ck_assert(m->param[1].pub.value[5] == 0.0f);
}
END_TEST

static const struct bad {
  const char *key[3][2];
  const char *says;
} bads[] = {
    {{{"layer.a.plugin", "dense"}, {"layer.a.units", "6"}, {"layer.a.input", "b"}}, "input = b"},
    {{{"layer.a.plugin", "add"}, {"layer.b.plugin", "relu"}, {"layer.b.input", "a"}},
     "two or more"},
    {{{"layer.a.plugin", "relu"}, {"layer.b.plugin", "relu"}, {"layer.b.input", "data"}},
     "no layer reads this one"},
};

START_TEST(bad_graphs_are_explained)
{
  for (size_t i = 0; i < 3; i++)
    set(bads[_i].key[i][0], bads[_i].key[i][1]);
  ck_assert_int_eq(build(0, NULL), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&g.messages), bads[_i].says), "%s", text_str(&g.messages));
}
END_TEST

START_TEST(apply_names_layers)
{
  ck_assert(name_applies("", "x"));
  ck_assert(name_applies("a, hidden", "hidden"));
  ck_assert(name_applies("hidden", "body.2.hidden"));
  ck_assert(name_applies("body", "body.2.hidden"));
  ck_assert(name_applies("body.2", "body.2.hidden"));
  ck_assert(!name_applies("body.2", "body.20.hidden"));
  ck_assert(name_applies("inner", "outer.2.inner.1.hidden"));
  ck_assert(name_applies("inner.1", "outer.2.inner.1.hidden"));
  ck_assert(name_applies("outer.2.hidden", "outer.2.inner.1.hidden"));
  ck_assert(!name_applies("outer.1.hidden", "outer.2.inner.1.hidden"));
  ck_assert(!name_applies("2", "outer.2.inner.1.hidden"));
  ck_assert(!name_applies("inner.hidden", "outer.2.inner.1.hidden"));
  ck_assert(!name_applies("hid", "hidden"));
  ck_assert(!name_applies("den", "hidden"));
  ck_assert(!name_applies("hidden", "hidden2"));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("model");
  TCase *t = tcase_create("model");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, gradients_of_a_graph);
  tcase_add_test(t, gradients_through_an_inserted_layer);
  tcase_add_test(t, no_gradient_where_none_is_wanted);
  tcase_add_test(t, absorbed_is_the_same);
  tcase_add_test(t, flop_by_hand);
  tcase_add_loop_test(t, initial_weights, 0, 5);
  tcase_add_loop_test(t, bad_graphs_are_explained, 0, sizeof bads / sizeof *bads);
  tcase_add_test(t, apply_names_layers);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
