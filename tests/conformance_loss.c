/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_loss.c - losses: gradients against finite differences, scale and weights, samples
 * that do not see each other. */
#include "conformance.h"
#include <math.h>
#include <string.h>

enum { N = 9, K = 5 };
static const float weight[N] = {0.31f, 1.0f, 0.0f, 2.2f, 0.7f, 1.3f, 0.05f, 0.9f, 1.7f};
static const uint32_t targets[] = {RAD_CLASS, RAD_SOFT, RAD_REAL};

typedef struct rig {
  bench *b;
  instance *i;
  rad_batch batch;
  size_t sample; /* whose loss is differentiated */
} rig;

/* One-hot, distributions, or any numbers. */
static void fill_target(float *t, uint32_t kind, const float *from)
{
  for (size_t i = 0; i < N; i++) {
    float sum = 0.0f;
    for (size_t k = 0; k < K; k++) {
      t[i * K + k] = kind == RAD_CLASS  ? (float)(k == (i * 3 + 1) % K)
                     : kind == RAD_SOFT ? fabsf(from[i * K + k])
                                        : from[i * K + k];
      sum += t[i * K + k];
    }
    for (size_t k = 0; kind == RAD_SOFT && i != 4 && k < K; k++) /* one that does not sum to 1 */
      t[i * K + k] /= sum;
  }
}

/* false: this kind of target is refused */
static bool rig_plan(rig *r, const rad_facts *f)
{
  static const rad_shape out = {1, {K}};
  bench *b = r->b;
  const rad_loss_ops *ops = &r->i->plugin->ops.loss;
  instance_replan(r->i);
  bench_math(b, r->i);
  r->i->planning = true;
  if (ops->plan && ops->plan(&r->i->ctx, r->i->self, f, &out) < 0)
    return false;
  ck_assert_int_eq(instance_state(r->i), RAD_OK);
  uint64_t *id = room(b, N, sizeof *id);
  int32_t *label = room(b, N, sizeof *label);
  for (size_t i = 0; i < N; i++) {
    id[i] = i;
    label[i] = (int32_t)((i * 3 + 1) % K);
  }
  r->batch = (rad_batch){.when = {.nepoch = 2, .nstep = 3},
                         .facts = f,
                         .n = N,
                         .total = N,
                         .id = id,
                         .row = id,
                         .target = room(b, N * K, sizeof(float)),
                         .label = f->target == RAD_CLASS ? label : NULL,
                         .weight = room(b, N, sizeof(float)),
                         .y = numbers(b, 3, N * K, 0.0f),
                         .dy = room(b, N * K, sizeof(float)),
                         .loss = room(b, N, sizeof(double))};
  memcpy(r->batch.weight, weight, sizeof weight);
  fill_target(r->batch.target, f->target, numbers(b, 4, N * K, 0.1f));
  return true;
}

static void eval(rig *r, const rad_batch *b, float scale)
{
  const rad_status s = r->i->plugin->ops.loss.eval(&r->i->ctx, r->i->self, b, scale);
  ck_assert_msg(s == RAD_OK, "%s", text_str(&r->b->diag.messages));
}

static double sample_loss(void *with)
{
  rig *r = with;
  rad_batch b = r->batch;
  b.dy = NULL;
  eval(r, &b, 1.0f);
  return r->batch.loss[r->sample];
}

static void check_gradient(rig *r)
{
  const float scale = 0.0931f;
  eval(r, &r->batch, scale);
  float *dy = room(r->b, N * K, sizeof *dy);
  memcpy(dy, r->batch.dy, N * K * sizeof *dy);
  for (size_t i = 0; i < N * K; i++) {
    r->sample = i / K;
    const double slope = derivative(sample_loss, r, &r->batch.y[i]);
    const double expect = (double)scale * (double)weight[r->sample] * slope;
    ck_assert_msg(fabs((double)dy[i] - expect) < 2e-6, "dy[%zu] is %.8g, the slope %.8g", i,
                  (double)dy[i], expect);
  }
}

/* A part of the batch alone gives the same bits; extreme outputs give finite losses. */
static void check_parts(rig *r)
{
  const size_t at = 3, n = 4;
  float dy[4 * K];
  double loss[4];
  eval(r, &r->batch, 0.5f);
  rad_batch part = r->batch;
  part.n = n, part.first = at, part.dy = dy, part.loss = loss;
  part.id += at, part.row += at, part.y += at * K, part.target += at * K, part.weight += at;
  part.label = part.label ? part.label + at : NULL;
  eval(r, &part, 0.5f);
  ck_assert(same_bits(dy, r->batch.dy + at * K, sizeof dy));
  ck_assert(same_bits(loss, r->batch.loss + at, sizeof loss));
  for (size_t k = 0; k < K; k++)
    r->batch.y[k] = k == 2 ? 3e4f : -3e4f;
  eval(r, &r->batch, 0.5f);
  ck_assert_msg(isfinite(r->batch.loss[0]) && isfinite(r->batch.dy[2]), "large outputs overflow");
  r->batch.y[1] = NAN;
  eval(r, &r->batch, 0.5f);
  ck_assert_msg(isnan(r->batch.loss[0]), "a NaN in the outputs must show in the loss");
}

static size_t with_target(const plugin *p, size_t variant, uint32_t target)
{
  bench b;
  const rad_facts f = {.sample = {1, {4}},
                       .type = RAD_F32,
                       .target = target,
                       .ntarget = K,
                       .n = {N, 0, N},
                       .scale = 1.0f};
  size_t done = 0;
  bench_open(&b, 11);
  rig r = {.b = &b, .i = bench_variant(&b, p, variant)};
  if (r.i && rig_plan(&r, &f)) {
    check_gradient(&r);
    check_parts(&r);
    done = 1;
  }
  bench_close(&b);
  return done;
}

START_TEST(test_loss)
{
  const plugin *p = nth_plugin(RAD_LOSS, (size_t)_i);
  size_t done = 0;
  for (size_t v = 0; v < variants(p); v++)
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++)
      done += with_target(p, v, targets[t]);
  ck_assert_msg(done > 0, "%s takes no kind of target", p->d.name);
}
END_TEST

/* Values computed with Python's math module in double precision. */
START_TEST(test_values)
{
  static const float y[] = {0.7318f, -1.25f, 2.125f}, target[] = {0.0f, 0.25f, 0.75f};
  static const rad_shape out = {1, {3}};
  const rad_facts f = {.sample = {1, {1}}, .type = RAD_F32, .target = RAD_SOFT, .ntarget = 3};
  const struct {
    const char *name, *keys;
    double loss;
  } v[] = {{"cross_entropy", "", 1.092559474105},
           {"cross_entropy", "smoothing=0.13", 1.189493973249},
           {"gce", "", 0.500142715568},
           {"gce", "k=0.3 start=0", 0.374649183042},
           {"gce", "k=0.3 start=1", 0.500142715568},
           {"sce", "", 1.144919923569},
           {"sce", "alpha=6 beta=0.1 log_zero=-1", 6.599815384451},
           {"bootstrapping", "", 1.068359890071},
           {"bootstrapping", "beta=0.8 mode=hard", 0.923809474105},
           {"mse", "", 1.558718756298}};
  for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
    bench b;
    float one = 1.0f;
    double loss;
    bench_open(&b, 1);
    rig r = {.b = &b, .i = bench_make(&b, RAD_LOSS, v[i].name, v[i].keys)};
    bench_math(&b, r.i);
    ck_assert_int_eq(r.i->plugin->ops.loss.plan(&r.i->ctx, r.i->self, &f, &out), RAD_OK);
    r.batch = (rad_batch){.facts = &f,
                          .n = 1,
                          .total = 1,
                          .y = numbers(&b, 1, 3, 0.0f),
                          .target = room(&b, 3, sizeof(float)),
                          .weight = &one,
                          .loss = &loss};
    memcpy(r.batch.y, y, sizeof y);
    memcpy(r.batch.target, target, sizeof target);
    eval(&r, &r.batch, 1.0f);
    ck_assert_msg(fabs(loss - v[i].loss) < 2e-7, "%s %s: %.12f", v[i].name, v[i].keys, loss);
    bench_close(&b);
  }
}
END_TEST

/* Keys that say something only together. */
START_TEST(test_keys_together)
{
  static const char *const v[][2] = {{"gce", "q=0.4 k=0.2 start=0"},
                                     {"bootstrapping", "beta=0.35 mode=hard"},
                                     {"sce", "alpha=0.4 beta=0.6 log_zero=-1.5"}};
  rad_facts f = {.sample = {1, {4}}, .type = RAD_F32, .ntarget = K};
  bench b;
  bench_open(&b, 11);
  f.target = targets[_i % 2];
  rig r = {.b = &b, .i = bench_make(&b, RAD_LOSS, v[_i / 2][0], v[_i / 2][1])};
  ck_assert(rig_plan(&r, &f));
  check_gradient(&r);
  check_parts(&r);
  bench_close(&b);
}
END_TEST

/* A network with another number of outputs than there are classes is refused in words. */
START_TEST(test_refusal)
{
  static const rad_shape out = {1, {K + 1}};
  const plugin *p = nth_plugin(RAD_LOSS, (size_t)_i);
  const rad_facts f = {.sample = {1, {4}}, .type = RAD_F32, .target = RAD_CLASS, .ntarget = K};
  bench b;
  bench_open(&b, 1);
  instance *i = bench_variant(&b, p, 0);
  ck_assert(i && p->ops.loss.plan);
  ck_assert_int_lt(p->ops.loss.plan(&i->ctx, i->self, &f, &out), 0);
  ck_assert_msg(strstr(text_str(&b.diag.messages), "6") != NULL, "says not what is wrong");
  bench_close(&b);
}
END_TEST

TCase *loss_cases(void)
{
  TCase *t = tcase_create("losses");
  tcase_add_loop_test(t, test_loss, 0, (int)under_test(RAD_LOSS));
  tcase_add_loop_test(t, test_refusal, 0, (int)under_test(RAD_LOSS));
  tcase_add_loop_test(t, test_keys_together, 0, 6);
  tcase_add_test(t, test_values);
  return t;
}
