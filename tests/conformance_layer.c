/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_layer.c - layers, and the layers that regularizers insert: gradients against finite
 * differences, pieces against the whole, every promise of the plan. */
#include "conformance_rig.h"
#include <math.h>
#include <string.h>

static const rad_shape shapes[] = {
    {1, {7}}, {3, {3, 2, 2}}, {3, {4, 3, 1}}, {2, {3, 4}}, {3, {6, 5, 3}}};
enum { NSHAPE = sizeof shapes / sizeof *shapes };

/* --- what is checked --- */
static double total(void *with)
{
  rig *r = with;
  double sum = 0;
  rig_forward(r);
  for (size_t i = 0; i < N * r->ny; i++)
    sum += (double)r->dy[i] * (double)r->y[i];
  return sum;
}

/* All of up to 96, else as many, spread over them by the golden ratio. */
static void compare_slope(rig *r, float *at, const float *grad, size_t n, const char *what)
{
  enum { SLOPES = 96 };
  for (size_t k = 0; k < n && k < SLOPES; k++) {
    const double place = 0.6180339887498949 * (double)k;
    const size_t i = n <= SLOPES ? k : (size_t)((place - floor(place)) * (double)n);
    const double slope = derivative(total, r, &at[i]), g = (double)grad[i];
    ck_assert_msg(fabs(slope - g) <= 3e-4 * fmax(1, fabs(slope)),
                  "gradient of %s[%zu] is %.7g, the slope %.7g", what, i, g, slope);
  }
}

static void check_gradients(rig *r)
{
  rig_forward(r);
  rig_backward(r);
  rig_gradient(r, false);
  for (size_t k = 0; k < r->nin; k++)
    compare_slope(r, r->x[k], rig_copy(r, r->dx[k], N * r->nx * sizeof(float)), N * r->nx, "x");
  for (size_t k = 0; k < r->nparam; k++)
    if (r->param[k].grad)
      compare_slope(r, r->param[k].value, r->param[k].grad, r->param[k].n, r->param[k].name);
  rig_forward(r);
}

/* With running statistics a layer is another function, with gradients of its own. */
static void check_evaluation(rig *r)
{
  r->evaluate = true;
  check_gradients(r);
}

static void check_pieces(rig *r)
{
  const size_t bytes = N * r->ny * sizeof(float), xbytes = N * r->nx * sizeof(float);
  r->pieces = rig_cut;
  rig_forward(r);
  rig_backward(r);
  const float *y = rig_copy(r, r->y, bytes), *dx = rig_copy(r, r->dx[0], xbytes);
  memset(r->y, 0xa5, bytes), memset(r->dx[0], 0xa5, xbytes);
  r->reverse = true;
  rig_forward(r);
  rig_backward(r);
  ck_assert_msg(same_bits(y, r->y, bytes) && same_bits(dx, r->dx[0], xbytes),
                "pieces in reverse order give other bits");
  r->reverse = false;
  r->pieces = rig_whole;
  rig_forward(r);
  rig_backward(r);
  ck_assert_msg(distance(r->y, y, N * r->ny) < 1e-6 && distance(r->dx[0], dx, N * r->nx) < 1e-6,
                "pieces and the whole differ");
  ck_assert_msg(r->plan.nsum > 0 || (same_bits(y, r->y, bytes) && same_bits(dx, r->dx[0], xbytes)),
                "pieces and the whole differ in bits");
  r->pieces = rig_cut;
}

/* A layer that does not cut its output is asked for some samples' gradient at a time. */
static void check_shards(rig *r)
{
  if (!r->ops->gradient || (r->plan.flags & RAD_CUT_OUTPUT) || r->plan.nsum > 0)
    return;
  rig_forward(r);
  rig_backward(r);
  rig_gradient(r, false);
  for (size_t k = 0; k < r->nparam; k++) {
    rad_param *p = &r->param[k];
    const float *whole = rig_copy(r, p->grad, p->n * sizeof *whole);
    p->grad[0] = NAN;
    rig_shards(r);
    ck_assert_msg(distance(p->grad, whole, p->n) < 1e-5, "shards of %s are not the whole", p->name);
  }
}

/* keep 0 does not read the old gradient, 1 adds, 0.5 halves; slices are the whole; NULL is skipped
 */
static void check_keep(rig *r)
{
  static const float keep[] = {0.0f, 1.0f, 0.5f};
  rig_forward(r);
  rig_backward(r);
  rig_gradient(r, false);
  for (size_t k = 0; k < r->nparam; k++) {
    rad_param *p = &r->param[k];
    if (!p->grad)
      continue;
    const float *g = rig_copy(r, p->grad, p->n * sizeof *g), *old = numbers(r->b, 77, p->n, 0.2f);
    float *expect = room(r->b, p->n, sizeof *expect);
    for (size_t q = 0; q < 3; q++) {
      for (size_t i = 0; i < p->n; i++) {
        p->grad[i] = keep[q] == 0.0f ? NAN : old[i];
        expect[i] = keep[q] * old[i] + g[i];
      }
      p->keep = keep[q];
      rig_gradient(r, true);
      ck_assert_msg(distance(p->grad, expect, p->n) < 1e-5, "keep %g of %s", (double)keep[q],
                    p->name);
      ck_assert_msg(keep[q] != 0.0f || same_bits(p->grad, g, p->n * sizeof *g),
                    "slices of %s differ from the whole in bits", p->name);
    }
    p->keep = 0.0f;
    float *kept = p->grad;
    p->grad = NULL;
    rig_gradient(r, false);
    p->grad = kept;
  }
  for (size_t k = 0; k < r->nin; k++) {
    float *kept = r->dx[k];
    r->dx[k] = NULL;
    rig_backward(r);
    r->dx[k] = kept;
  }
}

static void check_in_place(rig *r)
{
  if (!(r->plan.flags & RAD_IN_PLACE))
    return;
  const size_t bytes = N * r->ny * sizeof(float);
  ck_assert_msg(r->nx == r->ny, "RAD_IN_PLACE with another size");
  rig_forward(r);
  rig_backward(r);
  const float *y = rig_copy(r, r->y, bytes), *dx = rig_copy(r, r->dx[0], bytes);
  rig q = *r;
  q.y = q.x[0] = rig_copy(r, r->x[0], bytes);
  q.dy = q.dx[0] = rig_copy(r, r->dy, bytes);
  rig_forward(&q);
  rig_backward(&q);
  ck_assert_msg(same_bits(q.y, y, bytes) && same_bits(q.dx[0], dx, bytes),
                "in place gives other numbers");
}

/* An activation that is absorbed is the one that stands alone, and its layer is c->math->act. */
static void check_act(rig *r)
{
  const size_t n = N * r->ny;
  ck_assert_msg(!r->plan.act || !(r->plan.flags & RAD_KEEP_X), "an activation that needs x");
  r->act = RAD_ACT_NONE;
  rig_forward(r);
  const float *plain = rig_copy(r, r->y, n * sizeof *plain);
  float *expect = room(r->b, n, sizeof *expect);
  for (uint32_t a = RAD_ACT_RELU; a <= RAD_ACT_SIGMOID; a++) {
    if (!(r->plan.absorbs & 1u << a))
      continue;
    r->act = a, r->act_alpha = 0.37f;
    rig_forward(r);
    ck_assert_int_eq(r->i->ctx.math->act(&r->i->ctx, a, 0.37f, n, plain, expect), RAD_OK);
    ck_assert_msg(same_bits(r->y, expect, n * sizeof *expect), "absorbed activation %u", a);
  }
  r->act = RAD_ACT_NONE;
  rig_forward(r);
  if (r->plan.act) {
    r->i->ctx.math->act(&r->i->ctx, r->plan.act, r->plan.act_alpha, n, r->x[0], expect);
    ck_assert_msg(same_bits(r->y, expect, n * sizeof *expect), "is not the activation it states");
  }
}

/* The facts that constraints rely on, of the network that was trained, at some points: y at x, at
 * x', and half way. */
static void check_props(rig *r)
{
  r->evaluate = true;
  const size_t n = N * r->ny, nx = N * r->nx;
  const float *from = rig_copy(r, r->x[0], nx * sizeof *from), *step = numbers(r->b, 55, nx, 0.0f);
  float *y[3];
  for (size_t k = 0; k < 3; k++) {
    for (size_t i = 0; i < nx; i++)
      r->x[0][i] = from[i] + 0.5f * (float)k * fabsf(step[i]);
    rig_forward(r);
    y[k] = rig_copy(r, r->y, n * sizeof(float));
  }
  memcpy(r->x[0], from, nx * sizeof *from);
  for (size_t i = 0; i < n; i++) {
    const double a = (double)y[0][i], b = (double)y[1][i], c = (double)y[2][i];
    const double bend = 0.5 * (a + c) - b, eps = 1e-5 * fmax(1, fabs(a) + fabs(c));
    ck_assert_msg(!(r->plan.props & RAD_INCREASING) || c >= a - eps, "decreases");
    ck_assert_msg(!(r->plan.props & RAD_CONVEX) || bend >= -eps, "is not convex");
    ck_assert_msg(!(r->plan.props & RAD_AFFINE) || fabs(bend) <= eps, "is not affine");
  }
}

/* dx and the gradients by one call have the same bits, whatever is kept of the old ones. */
static void check_joint(rig *r, float keep)
{
  float *grad[2][MOST], *dx[2];
  if (!r->ops->joint)
    return;
  ck_assert(r->plan.flags & RAD_CUT_OUTPUT);
  for (int i = 0; i < 2; i++) {
    memset(r->dx[0], 0xff, N * r->nx * sizeof(float)); /* is not read */
    for (size_t k = 0; k < r->nparam; k++) {
      r->param[k].keep = keep;
      for (size_t j = 0; j < r->param[k].n; j++)
        r->param[k].grad[j] = keep == 0.0f ? NAN : 0.1f * (float)j;
    }
    if (i == 0) {
      rig_backward(r);
      rig_gradient(r, false);
    } else
      rig_joint(r);
    dx[i] = rig_copy(r, r->dx[0], N * r->nx * sizeof(float));
    for (size_t k = 0; k < r->nparam; k++)
      grad[i][k] = rig_copy(r, r->param[k].grad, r->param[k].n * sizeof(float));
  }
  ck_assert(same_bits(dx[0], dx[1], N * r->nx * sizeof(float)));
  for (size_t k = 0; k < r->nparam; k++)
    ck_assert(same_bits(grad[0][k], grad[1][k], r->param[k].n * sizeof(float)));
}

/* A tensor that may be stored sparse: the same numbers as with its zeros stored. */
static void check_sparse(rig *r)
{
  rad_param *p = &r->param[0];
  if (r->nparam == 0 || !(r->i->tensor[0].t.flags & RAD_SPARSE))
    return;
  for (size_t i = 0; i < p->n; i += 1 + i % 3)
    p->value[i] = 0.0f;
  r->act = r->plan.absorbs & 1u << RAD_ACT_TANH ? RAD_ACT_TANH : RAD_ACT_NONE;
  rig_forward(r);
  rig_backward(r);
  rig_gradient(r, false);
  const float *y = rig_copy(r, r->y, N * r->ny * sizeof *y),
              *dx = rig_copy(r, r->dx[0], N * r->nx * sizeof *dx);
  const rad_param dense = *p;
  p->pattern = pattern_of(r->b, p->value, p->shape.dim[0], p->n / p->shape.dim[0]);
  p->n = p->pattern->nnz;
  p->value = room(r->b, p->n + 1, sizeof(float));
  p->grad = room(r->b, p->n + 1, sizeof(float));
  for (size_t i = 0, k = 0; i < dense.n; i++)
    if (dense.value[i] != 0.0f)
      p->value[k++] = dense.value[i];
  rig_forward(r);
  rig_backward(r);
  rig_gradient(r, true);
  ck_assert_msg(distance(r->y, y, N * r->ny) < 1e-5 && distance(r->dx[0], dx, N * r->nx) < 1e-5,
                "stored sparse it gives other numbers");
  for (size_t i = 0, k = 0; i < dense.n; i++)
    if (dense.value[i] != 0.0f)
      ck_assert(fabsf(p->grad[k++] - dense.grad[i]) < 1e-5f);
  check_joint(r, 0.0f);
  check_joint(r, 0.7f);
}

/* What products read is made element by element, and 0 of 0. */
static void check_map(rig *r)
{
  for (size_t k = 0; k < r->nparam; k++) {
    rad_param *p = &r->param[k];
    float *v = p->mapped ? room(r->b, p->n, sizeof *v) : NULL;
    if (!v)
      continue;
    p->value[0] = 0.0f;
    rig_forward(r);
    r->ops->map(&r->i->ctx, r->i->self, p, p->n - 3, p->value + 3, v + 3);
    r->ops->map(&r->i->ctx, r->i->self, p, 3, p->value, v);
    ck_assert(v[0] == 0.0f && same_bits(v, p->mapped, p->n * sizeof *v));
  }
}

/* The convolutions that `backend` lacks are the reference's, with its activations. */
static bool is_mixed(const rig *r, const instance *backend)
{
  return r->nparam > 0 && r->i->tensor[0].t.axes && !backend->plugin->ops.math.conv;
}

static void check_backends(rig *r)
{
  const size_t n = N * r->ny, nx = N * r->nx;
  const rad_math *math = r->i->ctx.math;
  const void *self = r->i->ctx.backend;
  rig_forward(r);
  rig_backward(r);
  const float *y = rig_copy(r, r->y, n * sizeof *y), *dx = rig_copy(r, r->dx[0], nx * sizeof *dx);
  for (size_t k = 0; k < under_test(RAD_BACKEND); k++) {
    rad_math other;
    const instance *backend = bench_backend(r->b, nth_plugin(RAD_BACKEND, k), "", &other);
    r->i->ctx.math = &other;
    r->i->ctx.backend = backend->self;
    rig_forward(r);
    rig_backward(r);
    ck_assert_msg(distance(r->y, y, n) < 1e-5 && distance(r->dx[0], dx, nx) < 1e-5,
                  "backend %s disagrees", backend->plugin->d.name);
    if (!is_mixed(r, backend))
      check_act(r);
  }
  r->i->ctx.math = math;
  r->i->ctx.backend = self;
}

/* --- every layer, every variant, every shape --- */
typedef void check(rig *);
static size_t layers_under_test(void)
{
  size_t n = under_test(RAD_LAYER);
  for (size_t i = 0; i < under_test(RAD_REGULARIZER); i++)
    n += nth_plugin(RAD_REGULARIZER, i)->ops.hooks.after != NULL;
  return n;
}
static const plugin *nth_layer(size_t i)
{
  if (i < under_test(RAD_LAYER))
    return nth_plugin(RAD_LAYER, i);
  i -= under_test(RAD_LAYER);
  for (size_t k = 0;; k++)
    if (nth_plugin(RAD_REGULARIZER, k)->ops.hooks.after && i-- == 0)
      return nth_plugin(RAD_REGULARIZER, k);
}

static size_t one_shape(const plugin *p, size_t variant, size_t shape, check *f)
{
  bench b;
  rad_math math;
  size_t done = 0;
  bench_open(&b, 7);
  rig r = {.b = &b, .i = bench_variant(&b, p, variant)};
  r.ops = p->d.kind == RAD_LAYER ? &p->ops.layer : p->ops.hooks.after;
  if (r.i) {
    const instance *backend = bench_backend(&b, named_plugin(RAD_BACKEND, "reference"), "", &math);
    r.i->ctx.math = &math;
    r.i->ctx.backend = backend->self;
    if (rig_plan(&r, &shapes[shape], 1) || rig_plan(&r, &shapes[shape], 2)) {
      done = 1;
      if (r.plan.flags & RAD_VIEW)
        ck_assert_uint_eq(r.nx, r.ny);
      else
        f(&r);
    }
  }
  bench_close(&b);
  return done;
}

static void on_layer(int i, check *f)
{
  const plugin *p = nth_layer((size_t)i);
  size_t done = 0;
  for (size_t v = 0; v < variants(p); v++)
    for (size_t s = 0; s < NSHAPE; s++)
      done += one_shape(p, v, s, f);
  ck_assert_msg(done > 0, "%s: no shape was accepted", p->d.name);
}

/* Keys that say something only together. */
static const struct {
  const char *name, *keys;
} together[] = {{"max_pool", "kernel=3 stride=2"},
                {"max_pool", "kernel=3 stride=2 pad=1"},
                {"max_pool", "kernel=3 stride=1 pad=1"},
                {"avg_pool", "kernel=3 stride=2 pad=1"},
                {"conv2d", "filters=4 kernel=3 stride=2 pad=1"},
                {"conv2d", "filters=2 kernel=3 kernel_w=5 stride=1 stride_w=2 same=true"},
                {"conv2d", "filters=6 kernel=2 kernel_w=4 pad=1 pad_w=0 stride=3 groups=3"},
                {"convex_conv2d", "filters=6 kernel=2 pad=1 stride=3 groups=3 shift=1"},
                {"lrn", "size=4 alpha=0.37 beta=0.61 k=1.3"},
                {"lrn", "size=3 alpha=0.37"},
                {"batch_norm", "momentum=0.3 eps=0.1"},
                {"leaky_relu", "slope=0.31"}};
START_TEST(test_together)
{
  check *const f[] = {check_gradients, check_evaluation, check_shards,  check_pieces,
                      check_keep,      check_act,        check_backends};
  for (size_t k = 0; k < sizeof f / sizeof *f; k++) {
    bench b;
    rad_math math;
    bench_open(&b, 7);
    rig r = {.b = &b, .i = bench_make(&b, RAD_LAYER, together[_i].name, together[_i].keys)};
    const instance *backend = bench_backend(&b, named_plugin(RAD_BACKEND, "reference"), "", &math);
    r.ops = &r.i->plugin->ops.layer;
    r.i->ctx.math = &math;
    r.i->ctx.backend = backend->self;
    ck_assert_msg(rig_plan(&r, &shapes[NSHAPE - 1], 1), "%s", text_str(&b.diag.messages));
    f[k](&r);
    bench_close(&b);
  }
}
END_TEST

#define LAYER_TEST(name)                                                                           \
  START_TEST(test_##name)                                                                          \
  {                                                                                                \
    on_layer(_i, check_##name);                                                                    \
  }                                                                                                \
  END_TEST
LAYER_TEST(gradients)
LAYER_TEST(evaluation)
LAYER_TEST(shards)
LAYER_TEST(pieces)
LAYER_TEST(keep)
LAYER_TEST(in_place)
LAYER_TEST(act)
LAYER_TEST(props)
LAYER_TEST(backends)
LAYER_TEST(sparse)
LAYER_TEST(map)

/* An image of 2 x 3 places and 2 channels: all of channel 0 comes first. */
START_TEST(test_flatten_order)
{
  static const float expect[] = {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11};
  bench b;
  bench_open(&b, 1);
  rig r = {.b = &b, .i = bench_make(&b, RAD_LAYER, "flatten", "")};
  r.ops = &r.i->plugin->ops.layer;
  ck_assert(rig_plan(&r, &(rad_shape){3, {2, 3, 2}}, 1) && !(r.plan.flags & RAD_VIEW));
  for (size_t i = 0; i < N * r.nx; i++)
    r.x[0][i] = (float)(i % 12);
  rig_forward(&r);
  for (size_t i = 0; i < N; i++)
    ck_assert(same_bits(r.y + i * 12, expect, sizeof expect));
  bench_close(&b);
}
END_TEST

/* alpha > 1 bends the other way at 0: it may not call itself convex. */
START_TEST(test_steep_elu)
{
  bench b;
  rad_math math;
  bench_open(&b, 1);
  rig r = {.b = &b, .i = bench_make(&b, RAD_LAYER, "elu", "alpha=1.7")};
  const instance *backend = bench_backend(&b, named_plugin(RAD_BACKEND, "reference"), "", &math);
  r.i->ctx.math = &math;
  r.i->ctx.backend = backend->self;
  r.ops = &r.i->plugin->ops.layer;
  ck_assert(rig_plan(&r, &shapes[0], 1));
  check_gradients(&r);
  check_act(&r);
  check_props(&r);
  ck_assert(!(r.plan.props & RAD_CONVEX) && (r.plan.props & RAD_INCREASING));
  bench_close(&b);
}
END_TEST

/* The bias of a convolution gets the same bits, however its images are cut into calls. */
START_TEST(test_bias_bits)
{
  bench b;
  rad_math math;
  bench_open(&b, 7);
  rig r = {.b = &b, .i = bench_make(&b, RAD_LAYER, "conv2d", "filters=13 kernel=2")};
  const instance *backend = bench_backend(&b, named_plugin(RAD_BACKEND, "reference"), "", &math);
  r.i->ctx.math = &math;
  r.i->ctx.backend = backend->self;
  r.ops = &r.i->plugin->ops.layer;
  ck_assert(rig_plan(&r, &(rad_shape){3, {7, 6, 3}}, 1));
  rig_forward(&r);
  rig_backward(&r);
  rig_gradient(&r, false);
  const rad_param *p = &r.param[1];
  const float *whole = rig_copy(&r, p->grad, p->n * sizeof *whole);
  ck_assert_uint_eq(p->n, 13);
  p->grad[0] = NAN;
  rig_shards(&r);
  ck_assert(same_bits(p->grad, whole, p->n * sizeof *whole));
  bench_close(&b);
}
END_TEST

TCase *layer_cases(void)
{
  TCase *t = tcase_create("layers");
  const int n = (int)layers_under_test();
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, test_gradients, 0, n);
  tcase_add_loop_test(t, test_evaluation, 0, n);
  tcase_add_loop_test(t, test_shards, 0, n);
  tcase_add_loop_test(t, test_pieces, 0, n);
  tcase_add_loop_test(t, test_keep, 0, n);
  tcase_add_loop_test(t, test_in_place, 0, n);
  tcase_add_loop_test(t, test_act, 0, n);
  tcase_add_loop_test(t, test_props, 0, n);
  tcase_add_loop_test(t, test_backends, 0, n);
  tcase_add_loop_test(t, test_sparse, 0, n);
  tcase_add_loop_test(t, test_map, 0, n);
  tcase_add_loop_test(t, test_together, 0, (int)(sizeof together / sizeof *together));
  tcase_add_test(t, test_steep_elu);
  tcase_add_test(t, test_flatten_order);
  tcase_add_test(t, test_bias_bits);
  return t;
}
