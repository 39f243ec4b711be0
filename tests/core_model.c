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
  ck_assert_int_eq(model_layout(m, 1), RAD_OK);
  ck_assert_int_eq(model_alloc(m, N), RAD_OK);
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

static param *named(const char *layer);
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

/* Filters' gradients come by shard: 37 samples are three. loss = sum y^2 / 2. */
START_TEST(gradients_by_shard)
{
  enum { MANY = 37 };
  static const char *const keys[][2] = {
      {"backend.plugin", "reference"}, {"layer.a.plugin", "conv2d"},  {"layer.a.filters", "2"},
      {"layer.a.kernel", "2"},         {"layer.f.plugin", "flatten"}, {"layer.b.plugin", "dense"},
      {"layer.b.units", "3"}};
  static float x[MANY * 9];
  static uint64_t id[MANY];
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
  ck_assert_int_eq(model_plan(&m, &e, &c, &(rad_shape){3, {3, 3, 1}}, NULL, 0), RAD_OK);
  ck_assert(model_layout(m, 1) >= 0 && model_alloc(m, MANY) >= 0 && model_init(m) >= 0);
  ck_assert_uint_eq(shard_count(m, MANY), 3);
  philox_normal(philox_seedkey(3, 4), &(rad_at){0}, 0, MANY * 9, x);
  const model_pass p = {.training = true, .grads = true, .x = x, .n = MANY, .id = id};
  ck_assert_int_eq(model_forward(m, &p), RAD_OK);
  memcpy(model_dy(m), model_y(m), MANY * 3 * sizeof(float));
  ck_assert_int_eq(model_backward(m, &p), RAD_OK);
  param *w = named("a");
  for (size_t k = 0; k < w->pub.n; k++) {
    double half[2] = {0, 0};
    const float old = w->pub.value[k];
    for (int side = 0; side < 2; side++) {
      w->pub.value[k] = side ? old + 1e-2f : old - 1e-2f;
      ck_assert_int_eq(model_forward(m, &p), RAD_OK);
      for (size_t i = 0; i < MANY * 3; i++)
        half[side] += 0.5 * (double)model_y(m)[i] * (double)model_y(m)[i];
    }
    w->pub.value[k] = old;
    const double want = (half[1] - half[0]) / 2e-2;
    ck_assert_double_eq_tol((double)w->pub.grad[k], want, 2e-3 * (1 + fabs(want)));
  }
}
END_TEST

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
  ck_assert_int_eq(model_flop(m, &forward, &backward_flop, NULL), RAD_OK);
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

/* --- densities --- */

static void wide(const char *density, const char *mask)
{
  static const char *const keys[][2] = {{"layer.a.plugin", "dense"},   {"layer.a.units", "31"},
                                        {"layer.b.plugin", "dense"},   {"layer.b.units", "53"},
                                        {"layer.out.plugin", "dense"}, {"layer.out.units", "3"}};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
  if (strcmp(mask, "erdos_renyi") == 0) {
    set("layer.a.density", density);
    set("layer.a.mask", mask);
  }
  set("layer.b.density", density);
  set("layer.b.mask", mask);
}

static param *named(const char *layer)
{
  for (uint32_t i = 0; i < m->pub.nparam; i++)
    if (strcmp(m->param[i].pub.layer, layer) == 0 && m->param[i].pub.role == RAD_WEIGHT)
      return &m->param[i];
  ck_abort_msg("no layer %s", layer);
}

static size_t active(const char *layer, uint8_t *mask)
{
  const param *p = named(layer);
  size_t n = 0;
  float v[53 * 31];
  ck_assert_int_eq(param_mask(m, p, v), RAD_OK);
  for (size_t i = 0; i < p->decl->count; i++)
    n += mask[i] = v[i] != 0.0f;
  ck_assert_uint_eq(n, p->count);
  return n;
}

static void again(const char *density, const char *mask)
{
  model_free(m);
  m = NULL;
  config_free(&c);
  c = (config){0};
  wide(density, mask);
  ck_assert_msg(build(0, NULL) >= 0, "%s", text_str(&g.messages));
}

/* round(density 53 x 31): stored sparse, masked, masked */
static void exact_and_nobody_alone(const char *kind, uint8_t mask[3][53 * 31])
{
  static const char *const density[] = {"0.0731", "0.31", "0.77"};
  static const size_t expect[] = {120, 509, 1265};
  for (int k = 0; k < 3; k++) {
    again(density[k], kind);
    ck_assert_uint_eq(active("b", mask[k]), expect[k]);
    const param *p = named("b");
    ck_assert((k == 0) == (p->pub.pattern != NULL) && (k > 0) == (p->pub.mask != NULL));
    ck_assert_uint_eq(p->pub.n, k == 0 ? expect[0] : 53 * 31);
    for (size_t u = 0; u < 53; u++)
      ck_assert_ptr_nonnull(memchr(mask[k] + u * 31, 1, 31));
    for (size_t d = 0; d < 31; d++) {
      size_t n = 0;
      for (size_t u = 0; u < 53; u++)
        n += mask[k][u * 31 + d];
      ck_assert_uint_gt(n, 0);
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < 53 * 31; i++)
    kept += mask[1][i] && mask[2][i];
  ck_assert_uint_eq(kept, 509); /* a lower density takes of a higher one's */
}

START_TEST(density_is_exact_and_leaves_nobody_alone)
{
  static uint8_t mask[3][53 * 31];
  exact_and_nobody_alone("uniform", mask);
}
END_TEST

static int more_first(const void *a, const void *b)
{
  return *(const int *)b - *(const int *)a;
}

/* How many outputs have all their inputs; *ten: the weights of the ten that have most. */
static size_t hubs(const uint8_t *mask, int *ten)
{
  int count[53] = {0};
  size_t full = 0;
  for (size_t i = 0; i < 53 * 31; i++)
    count[i / 31] += mask[i];
  qsort(count, 53, sizeof *count, more_first);
  *ten = 0;
  for (size_t u = 0; u < 53; u++) {
    full += count[u] == 31;
    *ten += u < 10 ? count[u] : 0;
  }
  return full;
}

/* 31 sum_r min(1, t / r^2) = 509 has t = 85.797, so nine outputs are full, and with the tenth they
 * have 31 (9 + 0.858) = 305.6 weights, standard deviation 1.9. Uniform ones: 96 and some. Of 120, t
 * = 4.973: two, less what keeps the others alive; of 1265, 27. */
START_TEST(concentrated_masks_have_hubs)
{
  static uint8_t mask[3][53 * 31], other[53 * 31];
  int ten;
  exact_and_nobody_alone("concentrated", mask);
  ck_assert_uint_ge(hubs(mask[0], &ten), 1);
  ck_assert_int_ge(ten, 75);
  ck_assert_uint_le(hubs(mask[1], &ten) - 8, 2);
  ck_assert_int_le(abs(ten - 306), 9);
  ck_assert_uint_le(hubs(mask[2], &ten) - 26, 4);
  again("0.31", "uniform");
  active("b", other);
  ck_assert_uint_eq(hubs(other, &ten), 0);
  ck_assert_int_lt(ten, 160);
}
END_TEST

/* The hubs are others with another seed. */
START_TEST(hubs_follow_the_seed)
{
  static uint8_t mask[2][53 * 31];
  size_t both = 0;
  for (uint64_t k = 0; k < 2; k++) {
    e.seed += k;
    again("0.31", "concentrated");
    active("b", mask[k]);
  }
  for (size_t u = 0; u < 53; u++)
    both += !memchr(mask[0] + u * 31, 0, 31) && !memchr(mask[1] + u * 31, 0, 31);
  ck_assert_uint_le(both, 6);
}
END_TEST

/* Kaiming's variance with the inputs that are left: 2 / (0.31 x 31), of 509 numbers. */
START_TEST(initial_scale_counts_active_inputs)
{
  again("0.31", "uniform");
  const param *p = named("b");
  double sum = 0;
  for (size_t i = 0; i < p->pub.n; i++) {
    sum += (double)p->pub.value[i] * (double)p->pub.value[i];
    ck_assert(p->pub.mask[i] || p->pub.value[i] == 0.0f);
  }
  ck_assert_double_eq_tol(sum / 509, 2 / (509.0 / 53), 0.03);
}
END_TEST

/* a (31,7), b (53,31): e = 0.4 (217 + 1643) / (38 + 84) = 6.0984; 231.7 of 217 are all, so
 * e = (744 - 217) / 84 = 6.27381 and b gets 527. */
START_TEST(erdos_renyi_shares_out)
{
  static uint8_t mask[53 * 31];
  again("0.4", "erdos_renyi");
  ck_assert_uint_eq(active("a", mask), 217);
  ck_assert_uint_eq(active("b", mask), 527);
  again("0.2", "erdos_renyi"); /* e = 0.2 1860 / 122 = 3.04918 */
  ck_assert_uint_eq(active("a", mask), 116);
  ck_assert_uint_eq(active("b", mask), 256);
}
END_TEST

/* (7,3,3,4) on 6 x 5 places: round(0.19 x 252) = 48 weights, each forward, in the gradient of the
 * input and in its own once at every place */
START_TEST(convolutions_are_stored_sparse)
{
  static const char *const keys[][2] = {
      {"layer.first.plugin", "identity"}, {"layer.a.plugin", "conv2d"},
      {"layer.a.filters", "7"},           {"layer.a.same", "true"},
      {"layer.a.density", "0.19"},        {"backend.plugin", "reference"}};
  double forward, backward;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    set(keys[i][0], keys[i][1]);
  ck_assert_int_eq(model_plan(&m, &e, &c, &(rad_shape){3, {6, 5, 4}}, NULL, 0), RAD_OK);
  ck_assert_int_eq(model_layout(m, 1), RAD_OK);
  ck_assert_int_eq(model_alloc(m, N), RAD_OK);
  const rad_param *p = &named("a")->pub;
  ck_assert(p->pattern && !p->mask);
  ck_assert_uint_eq(p->n, 48);
  ck_assert_uint_eq(p->pattern->rows, 7);
  ck_assert_uint_eq(p->pattern->cols, 36);
  ck_assert_uint_eq(p->pattern->nnz, 48);
  ck_assert_int_eq(model_flop(m, &forward, &backward, NULL), RAD_OK);
  ck_assert_double_eq(forward, 2 * 48 * 30);
  ck_assert_double_eq(backward, 2 * 48 * 30);
}
END_TEST

static void refused(const char *why)
{
  set("backend.plugin", "reference");
  ck_assert_int_eq(model_plan(&m, &e, &c, &(rad_shape){1, {D}}, NULL, 0), RAD_OK);
  ck_assert_int_eq(model_layout(m, 1), RAD_EINVAL);
  ck_assert_msg(strstr(text_str(&g.messages), why) != NULL, "%s", text_str(&g.messages));
}

START_TEST(too_thin)
{
  wide("0.01", "uniform");
  refused("density leaves 16 of 1643 weights in W, too few for its 53 outputs and 31 inputs");
}
END_TEST

START_TEST(nothing_to_mask)
{
  wide("1", "uniform");
  set("layer.f.plugin", "relu");
  set("layer.f.density", "0.5");
  refused("has no weights: density and mask are for layers that have some");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("model");
  TCase *t = tcase_create("model");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, density_is_exact_and_leaves_nobody_alone);
  tcase_add_test(t, concentrated_masks_have_hubs);
  tcase_add_test(t, hubs_follow_the_seed);
  tcase_add_test(t, initial_scale_counts_active_inputs);
  tcase_add_test(t, erdos_renyi_shares_out);
  tcase_add_test(t, convolutions_are_stored_sparse);
  tcase_add_test(t, too_thin);
  tcase_add_test(t, nothing_to_mask);
  tcase_add_test(t, gradients_by_shard);
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
