/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_layer.c - layers, and the layers that regularizers insert: gradients against finite
 * differences, pieces against the whole, every promise of the plan. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { N = 11, MOST = 8 };                                  /* samples; tensors */
static const size_t whole[] = {N, 0}, cut[] = {4, 4, 3, 0}; /* pieces */
static const rad_shape shapes[] = {{1, {7}}, {3, {3, 2, 2}}, {3, {4, 3, 1}}, {2, {3, 4}}};
enum { NSHAPE = sizeof shapes / sizeof *shapes };

typedef struct rig { /* one layer with all that the core would give it */
  bench *b;
  instance *i;
  const rad_layer_ops *ops;
  rad_plan plan;
  rad_shape in[2];
  rad_param param[MOST], *w[MOST];
  size_t nin, nparam, nx, ny, rows; /* elements per sample; rows of axis 0 to cut at */
  float *x[2], *y, *dy, *dx[2];
  uint64_t id[N];
  uint8_t *cache;
  double *fsum, *bsum, *part;
  const size_t *pieces;
  bool reverse;
  uint32_t act;
  float act_alpha;
} rig;

static void make_param(rig *r, size_t k)
{
  const declared *d = &r->i->tensor[k];
  rad_param *p = &r->param[k];
  *p = (rad_param){.name = d->t.name,
                   .layer = "it",
                   .role = d->t.role,
                   .type = d->t.type,
                   .shape = d->t.shape,
                   .n = d->count,
                   .keep = 0.0f};
  p->value = numbers(r->b, 100 + (uint32_t)k, p->n, 0.1f);
  for (size_t i = 0; d->t.role == RAD_BUFFER && i < p->n; i++)
    p->value[i] = (float)d->t.fill;
  if (d->t.role != RAD_BUFFER) {
    p->grad = room(r->b, p->n, sizeof *p->grad);
    r->rows = r->rows == 0 || d->t.shape.dim[0] < r->rows ? d->t.shape.dim[0] : r->rows;
  }
  r->w[k] = p;
}

/* false: the layer does not take this shape */
static bool rig_plan(rig *r, const rad_shape *shape, size_t nin)
{
  r->in[0] = r->in[1] = *shape;
  r->nin = nin;
  r->plan = (rad_plan){.nin = (uint32_t)nin, .in = r->in};
  instance_replan(r->i);
  r->i->planning = true;
  if (r->ops->plan(&r->i->ctx, r->i->self, &r->plan) < 0)
    return false;
  ck_assert_uint_le(r->i->ntensor, MOST);
  r->nx = rad_count(shape), r->ny = rad_count(&r->plan.out);
  r->nparam = r->i->ntensor;
  r->rows = 0;
  for (size_t k = 0; k < r->nparam; k++)
    make_param(r, k);
  for (size_t k = 0; k < nin; k++) {
    r->x[k] = numbers(r->b, 1 + (uint32_t)k, N * r->nx, 0.1f);
    r->dx[k] = room(r->b, N * r->nx, sizeof(float));
  }
  r->y = room(r->b, N * r->ny, sizeof(float));
  r->dy = numbers(r->b, 9, N * r->ny, 0.0f);
  r->cache = room(r->b, N, r->plan.cache + 1);
  r->fsum = room(r->b, 3 * (r->plan.nsum + 1), sizeof(double));
  r->bsum = r->fsum + r->plan.nsum + 1, r->part = r->bsum + r->plan.nsum + 1;
  for (size_t k = 0; k < N; k++)
    r->id[k] = 5 + 3 * k;
  r->pieces = cut;
  return true;
}

typedef rad_status callback(rad_ctx *, const void *, const rad_pass *);
typedef struct piece_pointers {
  const float *x[2];
  float *dx[2];
} piece_pointers;

static rad_pass pass_of(const rig *r, size_t first, size_t n, bool back, piece_pointers *at)
{
  const bool x = !back || (r->plan.flags & RAD_KEEP_X);
  for (size_t k = 0; k < 2; k++) {
    at->x[k] = x && r->x[k] ? r->x[k] + first * r->nx : NULL;
    at->dx[k] = r->dx[k] ? r->dx[k] + first * r->nx : NULL;
  }
  return (rad_pass){.when = {.epoch = 1, .step = 12, .nepoch = 3, .nstep = 9},
                    .training = true,
                    .n = n,
                    .first = first,
                    .total = N,
                    .id = r->id + first,
                    .in = r->in,
                    .out = &r->plan.out,
                    .x = at->x,
                    .y = !back || (r->plan.flags & RAD_KEEP_Y) ? r->y + first * r->ny : NULL,
                    .dy = back ? r->dy + first * r->ny : NULL,
                    .dx = at->dx,
                    .w = r->w,
                    .cache = r->cache + first * r->plan.cache,
                    .fsum = r->fsum,
                    .bsum = r->bsum,
                    .hi = r->rows,
                    .act = r->act,
                    .act_alpha = r->act_alpha,
                    .type = RAD_F32};
}

static void call(rig *r, callback *f, const rad_pass *p)
{
  const size_t mark = scratch_mark(&r->b->env);
  const rad_status s = f(&r->i->ctx, r->i->self, p);
  scratch_release(&r->b->env, mark);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->b->diag.messages));
}

/* On every piece; with `sum` the pieces' shares are added in piece order. */
static void on_pieces(rig *r, callback *f, bool back, double *sum)
{
  size_t at[N + 1] = {0}, n = 0;
  for (; r->pieces[n] > 0; n++)
    at[n + 1] = at[n] + r->pieces[n];
  for (size_t k = 0; k < n; k++) {
    const size_t q = r->reverse && !sum ? n - 1 - k : k;
    piece_pointers to;
    rad_pass p = pass_of(r, at[q], r->pieces[q], back, &to);
    if (sum) {
      memset(r->part, 0, (r->plan.nsum + 1) * sizeof *r->part);
      p.sum = r->part;
    }
    call(r, f, &p);
    for (size_t s = 0; sum && s < r->plan.nsum; s++)
      sum[s] += r->part[s];
  }
}

static void forward(rig *r)
{
  memset(r->fsum, 0, r->plan.nsum * sizeof *r->fsum);
  if (r->plan.nsum > 0)
    on_pieces(r, r->ops->sum, false, r->fsum);
  on_pieces(r, r->ops->forward, false, NULL);
}

static void backward(rig *r)
{
  memset(r->bsum, 0, r->plan.nsum * sizeof *r->bsum);
  if (r->plan.nsum > 0)
    on_pieces(r, r->ops->sum, true, r->bsum);
  if (r->ops->backward)
    on_pieces(r, r->ops->backward, true, NULL);
}

/* In one call for the whole batch, or in two slices of axis 0. */
static void gradient(rig *r, bool slices)
{
  piece_pointers to;
  rad_pass p = pass_of(r, 0, N, true, &to);
  if (!r->ops->gradient || r->nparam == 0)
    return;
  if (slices && (r->plan.flags & RAD_CUT_OUTPUT) && r->rows > 1) {
    p.lo = 1;
    call(r, r->ops->gradient, &p);
    p.lo = 0, p.hi = 1;
  }
  call(r, r->ops->gradient, &p);
}

static void *copy(bench *b, const void *p, size_t bytes)
{
  void *to = room(b, bytes, 1);
  memcpy(to, p, bytes);
  return to;
}

/* --- what is checked --- */
static double total(void *with)
{
  rig *r = with;
  double sum = 0;
  forward(r);
  for (size_t i = 0; i < N * r->ny; i++)
    sum += (double)r->dy[i] * (double)r->y[i];
  return sum;
}

static void compare_slope(rig *r, float *at, const float *grad, size_t n, const char *what)
{
  for (size_t i = 0; i < n; i++) {
    const double slope = derivative(total, r, &at[i]), g = (double)grad[i];
    ck_assert_msg(fabs(slope - g) <= 3e-4 * fmax(1, fabs(slope)),
                  "gradient of %s[%zu] is %.7g, the slope %.7g", what, i, g, slope);
  }
}

static void check_gradients(rig *r)
{
  forward(r);
  backward(r);
  gradient(r, false);
  for (size_t k = 0; k < r->nin; k++)
    compare_slope(r, r->x[k], copy(r->b, r->dx[k], N * r->nx * sizeof(float)), N * r->nx, "x");
  for (size_t k = 0; k < r->nparam; k++)
    if (r->param[k].grad)
      compare_slope(r, r->param[k].value, r->param[k].grad, r->param[k].n, r->param[k].name);
  forward(r);
}

static void check_pieces(rig *r)
{
  const size_t bytes = N * r->ny * sizeof(float), xbytes = N * r->nx * sizeof(float);
  r->pieces = cut;
  forward(r);
  backward(r);
  const float *y = copy(r->b, r->y, bytes), *dx = copy(r->b, r->dx[0], xbytes);
  memset(r->y, 0xa5, bytes), memset(r->dx[0], 0xa5, xbytes);
  r->reverse = true;
  forward(r);
  backward(r);
  ck_assert_msg(same_bits(y, r->y, bytes) && same_bits(dx, r->dx[0], xbytes),
                "pieces in reverse order give other bits");
  r->reverse = false;
  r->pieces = whole;
  forward(r);
  backward(r);
  ck_assert_msg(distance(r->y, y, N * r->ny) < 1e-6 && distance(r->dx[0], dx, N * r->nx) < 1e-6,
                "pieces and the whole differ");
  ck_assert_msg(r->plan.nsum > 0 || (same_bits(y, r->y, bytes) && same_bits(dx, r->dx[0], xbytes)),
                "pieces and the whole differ in bits");
  r->pieces = cut;
}

/* keep 0 does not read the old gradient, 1 adds, 0.5 halves; slices are the whole; NULL is skipped
 */
static void check_keep(rig *r)
{
  static const float keep[] = {0.0f, 1.0f, 0.5f};
  forward(r);
  backward(r);
  gradient(r, false);
  for (size_t k = 0; k < r->nparam; k++) {
    rad_param *p = &r->param[k];
    if (!p->grad)
      continue;
    const float *g = copy(r->b, p->grad, p->n * sizeof *g), *old = numbers(r->b, 77, p->n, 0.2f);
    float *expect = room(r->b, p->n, sizeof *expect);
    for (size_t q = 0; q < 3; q++) {
      for (size_t i = 0; i < p->n; i++) {
        p->grad[i] = keep[q] == 0.0f ? NAN : old[i];
        expect[i] = keep[q] * old[i] + g[i];
      }
      p->keep = keep[q];
      gradient(r, true);
      ck_assert_msg(distance(p->grad, expect, p->n) < 1e-5, "keep %g of %s", (double)keep[q],
                    p->name);
      ck_assert_msg(keep[q] != 0.0f || same_bits(p->grad, g, p->n * sizeof *g),
                    "slices of %s differ from the whole in bits", p->name);
    }
    p->keep = 0.0f;
    float *kept = p->grad;
    p->grad = NULL;
    gradient(r, false);
    p->grad = kept;
  }
  for (size_t k = 0; k < r->nin; k++) {
    float *kept = r->dx[k];
    r->dx[k] = NULL;
    backward(r);
    r->dx[k] = kept;
  }
}

static void check_in_place(rig *r)
{
  if (!(r->plan.flags & RAD_IN_PLACE))
    return;
  const size_t bytes = N * r->ny * sizeof(float);
  ck_assert_msg(r->nx == r->ny, "RAD_IN_PLACE with another size");
  forward(r);
  backward(r);
  const float *y = copy(r->b, r->y, bytes), *dx = copy(r->b, r->dx[0], bytes);
  rig q = *r;
  q.y = q.x[0] = copy(r->b, r->x[0], bytes);
  q.dy = q.dx[0] = copy(r->b, r->dy, bytes);
  forward(&q);
  backward(&q);
  ck_assert_msg(same_bits(q.y, y, bytes) && same_bits(q.dx[0], dx, bytes),
                "in place gives other numbers");
}

/* An activation that is absorbed is the one that stands alone, and its layer is c->math->act. */
static void check_act(rig *r)
{
  const size_t n = N * r->ny;
  ck_assert_msg(!r->plan.act || !(r->plan.flags & RAD_KEEP_X), "an activation that needs x");
  r->act = RAD_ACT_NONE;
  forward(r);
  const float *plain = copy(r->b, r->y, n * sizeof *plain);
  float *expect = room(r->b, n, sizeof *expect);
  for (uint32_t a = RAD_ACT_RELU; a <= RAD_ACT_SIGMOID; a++) {
    if (!(r->plan.absorbs & 1u << a))
      continue;
    r->act = a, r->act_alpha = 0.37f;
    forward(r);
    ck_assert_int_eq(r->i->ctx.math->act(&r->i->ctx, a, 0.37f, n, plain, expect), RAD_OK);
    ck_assert_msg(same_bits(r->y, expect, n * sizeof *expect), "absorbed activation %u", a);
  }
  r->act = RAD_ACT_NONE;
  forward(r);
  if (r->plan.act) {
    r->i->ctx.math->act(&r->i->ctx, r->plan.act, r->plan.act_alpha, n, r->x[0], expect);
    ck_assert_msg(same_bits(r->y, expect, n * sizeof *expect), "is not the activation it states");
  }
}

/* The facts that constraints rely on, at some points: y at x, at x', and half way. */
static void check_props(rig *r)
{
  const size_t n = N * r->ny, nx = N * r->nx;
  const float *from = copy(r->b, r->x[0], nx * sizeof *from), *step = numbers(r->b, 55, nx, 0.0f);
  float *y[3];
  for (size_t k = 0; k < 3; k++) {
    for (size_t i = 0; i < nx; i++)
      r->x[0][i] = from[i] + 0.5f * (float)k * fabsf(step[i]);
    forward(r);
    y[k] = copy(r->b, r->y, n * sizeof(float));
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

static void check_backends(rig *r)
{
  const size_t n = N * r->ny, nx = N * r->nx;
  const rad_math *math = r->i->ctx.math;
  const void *self = r->i->ctx.backend;
  forward(r);
  backward(r);
  const float *y = copy(r->b, r->y, n * sizeof *y), *dx = copy(r->b, r->dx[0], nx * sizeof *dx);
  for (size_t k = 0; k < under_test(RAD_BACKEND); k++) {
    rad_math other;
    const instance *backend = bench_backend(r->b, nth_plugin(RAD_BACKEND, k), &other);
    r->i->ctx.math = &other;
    r->i->ctx.backend = backend->self;
    forward(r);
    backward(r);
    ck_assert_msg(distance(r->y, y, n) < 1e-5 && distance(r->dx[0], dx, nx) < 1e-5,
                  "backend %s disagrees", backend->plugin->d.name);
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
    const instance *backend = bench_backend(&b, named_plugin(RAD_BACKEND, "reference"), &math);
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

#define LAYER_TEST(name)                                                                           \
  START_TEST(test_##name)                                                                          \
  {                                                                                                \
    on_layer(_i, check_##name);                                                                    \
  }                                                                                                \
  END_TEST
LAYER_TEST(gradients)
LAYER_TEST(pieces)
LAYER_TEST(keep)
LAYER_TEST(in_place)
LAYER_TEST(act)
LAYER_TEST(props)
LAYER_TEST(backends)

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
  forward(&r);
  for (size_t i = 0; i < N; i++)
    ck_assert(same_bits(r.y + i * 12, expect, sizeof expect));
  bench_close(&b);
}
END_TEST

TCase *layer_cases(void)
{
  TCase *t = tcase_create("layers");
  const int n = (int)layers_under_test();
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, test_gradients, 0, n);
  tcase_add_loop_test(t, test_pieces, 0, n);
  tcase_add_loop_test(t, test_keep, 0, n);
  tcase_add_loop_test(t, test_in_place, 0, n);
  tcase_add_loop_test(t, test_act, 0, n);
  tcase_add_loop_test(t, test_props, 0, n);
  tcase_add_loop_test(t, test_backends, 0, n);
  tcase_add_test(t, test_flatten_order);
  return t;
}
