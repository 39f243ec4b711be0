/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_image.c - layers of images against numbers of PyTorch 2 in double, what they refuse
 * and how they say so, and noise that moves and mirrors images. */
#include "conformance_rig.h"
#include <math.h>
#include <string.h>

/* --- known numbers --- */
static const rad_shape image = {3, {6, 5, 3}};

/* Irregular numbers that both sides can make: ((i step + 7) mod prime - middle) / scale */
typedef struct line {
  size_t step, prime;
  double middle, scale;
} line;
static const line of_x = {37, 101, 49.7, 31}, of_dy = {53, 89, 43.3, 29}, of_w = {41, 97, 47.9, 67},
                  of_sum = {29, 71, 35.6, 23};

static double at(const line *l, size_t i)
{
  return ((double)((i * l->step + 7) % l->prime) - l->middle) / l->scale;
}

static void fill(const line *l, float *x, size_t n, double more)
{
  for (size_t i = 0; i < n; i++)
    x[i] = (float)((double)(float)at(l, i) + more);
}

static void expect(const float *v, size_t n, double sum, const char *name, const char *what)
{
  double s = 0;
  for (size_t i = 0; i < n; i++)
    s += (double)v[i] * (double)(float)at(&of_sum, i);
  ck_assert_msg(fabs(s - sum) < 2e-5 * fmax(1, fabs(sum)), "%s: %s is %.9g, not %.9g", name, what,
                s, sum);
}

/* Weighted sums of y, of each dx, of the gradients, of the buffers once they are settled. */
static const struct {
  const char *name, *keys;
  size_t nin;
  rad_shape out;
  double sum[6];
} known[] = {{"conv2d",
              "filters=4 kernel=3 stride=2 pad=1",
              1,
              {3, {3, 3, 4}},
              {11.2340303, -3.34196258, 13.3022097, -1.36404831}},
             {"conv2d",
              "filters=5 kernel=5 same=true",
              1,
              {3, {6, 5, 5}},
              {0.48819331, -65.5890878, -147.836356, -32.0839591}},
             {"conv2d",
              "filters=6 kernel=2 kernel_w=4 stride=3 stride_w=1 pad=1 pad_w=0 groups=3",
              1,
              {3, {3, 2, 6}},
              {8.39099259, 15.5062405, 4.55891494, -1.14020997}},
             {"max_pool", "", 1, {3, {3, 2, 3}}, {-4.69697062, -2.12033007}},
             {"max_pool", "kernel=3 stride=2", 1, {3, {2, 2, 3}}, {-3.6371107, -4.09586209}},
             {"max_pool", "kernel=3 stride=2 pad=1", 1, {3, {3, 3, 3}}, {5.2421321, 8.12168006}},
             {"avg_pool", "", 1, {3, {3, 2, 3}}, {-2.30321183, 0.106281852}},
             {"avg_pool", "kernel=3 stride=2 pad=1", 1, {3, {3, 3, 3}}, {0.816886454, 5.14453445}},
             {"global_avg_pool", "", 1, {1, {3}}, {0.239336129, 0.38927535}},
             {"batch_norm",
              "momentum=0.3 eps=0.02",
              1,
              {3, {6, 5, 3}},
              {2.1161277, -11.4865333, -13.8385198, -3.36731667, 0.00304398811, 0.0558713351}},
             {"batch_norm",
              "affine=false",
              1,
              {3, {6, 5, 3}},
              {102.797077, 8.29038557, 0.0010146627, 0.0534063333}},
             {"lrn", "size=2 alpha=0.37 k=1.3", 1, {3, {6, 5, 3}}, {62.6935522, 2.54986683}},
             {"lrn", "size=3 alpha=0.37 beta=0.61", 1, {3, {6, 5, 3}}, {52.4284826, 1.65809087}},
             {"softplus", "sharpness=2.3", 1, {3, {6, 5, 3}}, {44.2926464, 9.32099888}},
             {"leaky_relu", "slope=0.31", 1, {3, {6, 5, 3}}, {67.3708581, 11.7029442}},
             {"concat", "", 2, {3, {6, 5, 6}}, {-4.38347874, 13.2110973, 14.0827624}},
             {"add", "", 2, {3, {6, 5, 3}}, {184.711677, 5.82188862, 5.82188862}}};

static rig *make_rig(rig *r, bench *b, rad_math *math, const char *name, const char *keys)
{
  bench_open(b, 7);
  *r = (rig){.b = b, .i = bench_make(b, RAD_LAYER, name, keys)};
  const instance *backend = bench_backend(b, named_plugin(RAD_BACKEND, "reference"), "", math);
  r->i->ctx.math = math;
  r->i->ctx.backend = backend->self;
  r->ops = &r->i->plugin->ops.layer;
  return r;
}

START_TEST(test_known)
{
  bench b;
  rad_math math;
  rig r;
  const char *name = known[_i].name;
  const double *sum = known[_i].sum;
  make_rig(&r, &b, &math, name, known[_i].keys);
  ck_assert_msg(rig_plan(&r, &image, known[_i].nin), "%s", text_str(&b.diag.messages));
  ck_assert_uint_eq(r.plan.out.rank, known[_i].out.rank);
  for (size_t i = 0; i < r.plan.out.rank; i++)
    ck_assert_uint_eq(r.plan.out.dim[i], known[_i].out.dim[i]);
  for (size_t k = 0; k < r.nin; k++)
    fill(&of_x, r.x[k], N * r.nx, 0.31 * (double)k);
  fill(&of_dy, r.dy, N * r.ny, 0);
  for (size_t k = 0; k < r.nparam; k++)
    if (r.param[k].grad)
      fill(&of_w, r.param[k].value, r.param[k].n, 0);
  rig_forward(&r);
  rig_settle(&r);
  rig_backward(&r);
  rig_gradient(&r, false);
  expect(r.y, N * r.ny, *sum++, name, "y");
  for (size_t k = 0; k < r.nin; k++)
    expect(r.dx[k], N * r.nx, *sum++, name, "dx");
  for (size_t k = 0; k < r.nparam; k++)
    if (r.param[k].grad)
      expect(r.param[k].grad, r.param[k].n, *sum++, name, r.param[k].name);
  for (size_t k = 0; k < r.nparam; k++)
    if (!r.param[k].grad)
      expect(r.param[k].value, r.param[k].n, *sum++, name, r.param[k].name);
  bench_close(&b);
}
END_TEST

/* Three inputs of 2, 1 and 3 channels at two places, one of them not asked for its gradient. */
START_TEST(test_concat_order)
{
  static const float a[] = {0.1f, 0.2f, 0.7f, 0.8f}, one[] = {0.3f, 0.9f},
                     z[] = {0.4f, 0.5f, 0.6f, 1.1f, 1.2f, 1.3f};
  static const float joined[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f,
                                 0.7f, 0.8f, 0.9f, 1.1f, 1.2f, 1.3f};
  const rad_shape in[] = {{2, {2, 2}}, {2, {2, 1}}, {2, {2, 3}}};
  const float *x[] = {a, one, z};
  float y[12], back[3][6], *dx[] = {back[0], NULL, back[2]};
  rad_plan plan = {.nin = 3, .in = in};
  bench b;
  bench_open(&b, 7);
  instance *i = bench_make(&b, RAD_LAYER, "concat", "");
  const rad_layer_ops *ops = &i->plugin->ops.layer;
  instance_replan(i);
  i->planning = true;
  ck_assert_int_eq(ops->plan(&i->ctx, i->self, &plan), RAD_OK);
  ck_assert(plan.out.rank == 2 && plan.out.dim[0] == 2 && plan.out.dim[1] == 6);
  rad_pass p = {.n = 1, .total = 1, .in = in, .out = &plan.out, .x = x, .y = y, .dx = dx};
  ck_assert_int_eq(ops->forward(&i->ctx, i->self, &p), RAD_OK);
  ck_assert(same_bits(y, joined, sizeof joined));
  p.dy = joined;
  ck_assert_int_eq(ops->backward(&i->ctx, i->self, &p), RAD_OK);
  ck_assert(same_bits(back[0], a, sizeof a) && same_bits(back[2], z, sizeof z));
  bench_close(&b);
}
END_TEST

/* A NaN in a window is its largest value; among equals the first place gets the gradient. */
START_TEST(test_max_pool_edges)
{
  bench b;
  rad_math math;
  rig r;
  make_rig(&r, &b, &math, "max_pool", "kernel=3 stride=2 pad=1");
  ck_assert(rig_plan(&r, &(rad_shape){3, {4, 4, 1}}, 1));
  for (size_t i = 0; i < N * r.nx; i++)
    r.x[0][i] = -INFINITY;
  r.x[0][5] = NAN;
  fill(&of_dy, r.dy, N * r.ny, 0);
  rig_forward(&r);
  rig_backward(&r);
  for (size_t i = 0; i < 4; i++)
    ck_assert(isnan(r.y[i]) && r.y[4 + i] == -INFINITY);
  ck_assert_msg(fabsf(r.dx[0][5] - (r.dy[0] + r.dy[1] + r.dy[2] + r.dy[3])) < 1e-6f,
                "the NaN's place gets the gradient");
  const float first[] = {r.dy[4], r.dy[5], r.dy[6], r.dy[7]};
  const float *dx = r.dx[0] + 16;
  ck_assert(dx[0] == first[0] && dx[1] == first[1] && dx[4] == first[2] && dx[5] == first[3]);
  bench_close(&b);
}
END_TEST

/* --- what is refused --- */
static const struct {
  const char *name, *keys;
  rad_shape in[2];
  size_t nin;
  const char *say[2]; /* what the message has in it */
} refused[] = {
    {"conv2d", "filters=4 kernel=5 kernel_w=7 pad=1", {{3, {2, 4, 3}}}, 1, {"5x7", "4x6"}},
    {"conv2d", "filters=4 groups=2", {{3, {6, 5, 3}}}, 1, {"groups = 2", "3 input channels"}},
    {"conv2d", "filters=4 groups=3", {{3, {6, 5, 3}}}, 1, {"groups = 3", "4 filters"}},
    {"conv2d", "filters=4 kernel=4 same=true", {{3, {6, 5, 3}}}, 1, {"odd kernel", "4x4"}},
    {"conv2d", "filters=4 pad=1 same=true", {{3, {6, 5, 3}}}, 1, {"leave out pad", "same"}},
    {"conv2d", "filters=4", {{1, {90}}}, 1, {"height, width, channels", "1 axes"}},
    {"conv2d", "filters=4", {{3, {6, 5, 3}}, {3, {6, 5, 3}}}, 2, {"one input", "not 2"}},
    {"max_pool", "kernel=7", {{3, {6, 9, 3}}}, 1, {"7x7", "6x9"}},
    {"max_pool", "pad=2", {{3, {6, 5, 3}}}, 1, {"pad = 2", "half"}},
    {"avg_pool", "kernel=7", {{3, {8, 6, 3}}}, 1, {"7x7", "8x6"}},
    {"avg_pool", "", {{2, {6, 5}}}, 1, {"height, width, channels", "2 axes"}},
    {"global_avg_pool", "", {{1, {7}}}, 1, {"height, width, channels", "1 axes"}},
    {"add", "", {{3, {6, 5, 3}}, {3, {6, 5, 4}}}, 2, {"6x5x3", "6x5x4"}},
    {"add", "", {{3, {6, 5, 3}}}, 1, {"two or more", "input"}},
    {"concat", "", {{3, {6, 5, 3}}, {3, {3, 5, 4}}}, 2, {"6x5x3", "3x5x4"}},
    {"concat", "", {{3, {6, 5, 3}}, {1, {7}}}, 2, {"6x5x3", "is 7,"}},
};
START_TEST(test_refused)
{
  bench b;
  bench_open(&b, 7);
  instance *i = bench_make(&b, RAD_LAYER, refused[_i].name, refused[_i].keys);
  rad_plan p = {.nin = (uint32_t)refused[_i].nin, .in = refused[_i].in};
  instance_replan(i);
  i->planning = true;
  ck_assert_int_eq(i->plugin->ops.layer.plan(&i->ctx, i->self, &p), RAD_EINVAL);
  for (size_t k = 0; k < 2; k++)
    ck_assert_msg(strstr(text_str(&b.diag.messages), refused[_i].say[k]), "no '%s' in: %s",
                  refused[_i].say[k], text_str(&b.diag.messages));
  bench_close(&b);
}
END_TEST

/* --- noise: 60 images of 5 x 4 places and 2 channels, every number another one, none 0 --- */
enum { IMAGES = 60, H = 5, W = 4, C = 2, SIZE = H * W * C };

static const float *noisy(bench *b, const char *name, const char *keys, uint64_t epoch, float *x)
{
  static const rad_facts facts = {
      .sample = {3, {H, W, C}}, .type = RAD_F32, .target = RAD_CLASS, .ntarget = 7, .scale = 1.0f};
  uint64_t id[IMAGES];
  instance *i = bench_make(b, RAD_NOISE, name, keys);
  const rad_noise_ops *ops = &i->plugin->ops.noise;
  for (size_t k = 0; k < IMAGES; k++)
    id[k] = 3 + 7 * k;
  for (size_t k = 0; k < IMAGES * SIZE; k++)
    x[k] = (float)k + 0.7318f;
  rad_batch batch = {.when = {.epoch = epoch, .step = 8, .nepoch = 3, .nstep = 7},
                     .facts = &facts,
                     .n = IMAGES,
                     .total = IMAGES,
                     .id = id,
                     .row = id,
                     .x = x};
  ck_assert_int_eq(ops->plan(&i->ctx, i->self, &facts), RAD_OK);
  ck_assert_int_eq(ops->batch(&i->ctx, i->self, &batch), RAD_OK);
  return x;
}

/* Number k of the image, at place (h,v), or 0 outside. */
static float original(size_t image_number, int h, int v, size_t k)
{
  const bool in = h >= 0 && h < H && v >= 0 && v < W;
  return in ? (float)(image_number * SIZE + (size_t)(h * W + v) * C + k) + 0.7318f : 0.0f;
}

static bool is_moved(const float *x, size_t image_number, int down, int right)
{
  for (int h = 0; h < H; h++)
    for (int v = 0; v < W; v++)
      for (size_t k = 0; k < C; k++)
        if (x[(size_t)(h * W + v) * C + k] != original(image_number, h - down, v - right, k))
          return false;
  return true;
}

START_TEST(test_random_crop)
{
  float x[IMAGES * SIZE], y[IMAGES * SIZE];
  size_t seen[5][5] = {{0}}, changed = 0, kinds = 0;
  bench b;
  bench_open(&b, 21);
  noisy(&b, "random_crop", "pad=2", 1, x);
  for (size_t i = 0; i < IMAGES; i++) {
    size_t n = 0;
    for (int down = -2; down <= 2; down++)
      for (int right = -2; right <= 2; right++)
        if (is_moved(x + i * SIZE, i, down, right))
          n++, seen[down + 2][right + 2]++;
    ck_assert_msg(n == 1, "image %zu was moved in %zu ways", i, n);
  }
  for (size_t k = 0; k < 25; k++)
    kinds += seen[k / 5][k % 5] > 0;
  ck_assert_msg(kinds >= 18, "%zu of 25 moves", kinds);
  noisy(&b, "random_crop", "pad=2", 2, y);
  for (size_t i = 0; i < IMAGES; i++)
    changed += !same_bits(x + i * SIZE, y + i * SIZE, SIZE * sizeof *x);
  ck_assert_msg(changed > 45, "the next epoch moves %zu images otherwise", changed);
  noisy(&b, "random_crop", "pad=1000", 1, y); /* almost all are gone, nothing is touched outside */
  bench_close(&b);
}
END_TEST

START_TEST(test_random_flip)
{
  float x[2][IMAGES * SIZE];
  size_t flipped[2] = {0}, changed = 0;
  bench b;
  bench_open(&b, 21);
  for (size_t e = 0; e < 2; e++) {
    noisy(&b, "random_flip", "p=0.4", e, x[e]);
    for (size_t i = 0; i < IMAGES; i++) {
      bool mirrored = true;
      for (size_t k = 0; k < SIZE; k++) {
        const int h = (int)(k / (W * C)), v = (int)(k / C % W);
        mirrored &= x[e][i * SIZE + k] == original(i, h, W - 1 - v, k % C);
      }
      flipped[e] += mirrored;
      ck_assert(mirrored || is_moved(x[e] + i * SIZE, i, 0, 0));
    }
    ck_assert_msg(flipped[e] > 12 && flipped[e] < 36, "%zu of 60 at 0.4", flipped[e]);
  }
  for (size_t i = 0; i < IMAGES; i++)
    changed += !same_bits(x[0] + i * SIZE, x[1] + i * SIZE, SIZE * sizeof(float));
  ck_assert_msg(changed > 15, "the next epoch mirrors %zu images otherwise", changed);
  noisy(&b, "random_flip", "p=0", 0, x[0]);
  ck_assert(is_moved(x[0], 0, 0, 0) && is_moved(x[0] + 59 * SIZE, 59, 0, 0));
  bench_close(&b);
}
END_TEST

TCase *image_cases(void)
{
  TCase *t = tcase_create("images");
  tcase_add_loop_test(t, test_known, 0, (int)(sizeof known / sizeof *known));
  tcase_add_loop_test(t, test_refused, 0, (int)(sizeof refused / sizeof *refused));
  tcase_add_test(t, test_concat_order);
  tcase_add_test(t, test_max_pool_edges);
  tcase_add_test(t, test_random_crop);
  tcase_add_test(t, test_random_flip);
  return t;
}
