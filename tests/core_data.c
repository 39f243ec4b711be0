/* SPDX-License-Identifier: BSD-3-Clause
 * core_data.c - from files to batches: decoding, cache, limit and cut, scales, noise. Expected
 * numbers were computed in Python from the formula of fixture_byte, noise with numpy's float32. */
#include "data_lab.h"
#include "fixtures.h"
#include "source.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static data_lab lab;
static void setup(void)
{
  lab_begin(&lab);
}
static void teardown(void)
{
  lab_end(&lab);
}

#define IDX                                                                                        \
  "[dataset]\nplugin = idx\ntrain_images = FIX/idx/x-08\ntrain_labels = FIX/idx/y-08\n"            \
  "test_images = FIX/idx/xt\ntest_labels = FIX/idx/yt\n"
#define CIFAR          "[dataset]\nplugin = cifar\nfolder = FIX/cifar10\nofficial = false\n"
#define BLOBS          "[dataset]\nplugin = blobs\nfeatures = 3\nclasses = 7\n"
#define near(a, b, by) ck_assert_double_eq_tol((double)(a), (double)(b), by)

/* One batch of the first n rows of a source. */
static batch *fill(data *d, rad_source *s, size_t n)
{
  batch *b;
  ck_assert_int_eq(batch_new(&b, d, n), RAD_OK);
  ck_assert_int_eq(batch_fill(b, s, NULL, 0, n, NULL, true), RAD_OK);
  return b;
}

START_TEST(scales)
{
  data *d = lab_open(&lab, IDX "val = 0\nscale = standardize\n", NULL, NULL);
  near(d->facts.mean[0], 0.4993837535014006, 1e-7);
  near(d->facts.std[0], 0.2904797506055316, 1e-7);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  near(b->b.x[0], -1.2601581328991147, 1e-6);
  near(b->b.x[139], -1.381660983178644, 1e-6);
  batch_free(b);
  data_free(d);
  d = lab_open(&lab, CIFAR "val = 0\nscale = standardize\n", NULL, NULL);
  static const double mean[] = {0.5000181270424837, 0.4997007761437909, 0.5003638174019608};
  static const double std[] = {0.28972831022218387, 0.2898718334033112, 0.28975110687249317};
  b = fill(d, &d->source[RAD_TRAIN], 15);
  for (size_t c = 0; c < 3; c++) {
    near(d->facts.mean[c], mean[c], 1e-7);
    near(d->facts.std[c], std[c], 1e-7);
    near(b->b.x[33 * 3 + c], (fixture_byte(1, c * 1024 + 33) / 255.0 - mean[c]) / std[c], 2e-6);
  }
  batch_free(b);
  data_free(d);
  d = lab_open(&lab, IDX "val = 0\nscale = whiten\n", NULL, NULL);
  b = fill(d, &d->source[RAD_TRAIN], 7);
  near(b->b.x[0], -1.2881405420116743, 1e-6);
  near(b->b.x[19], 0.25681497392026503, 1e-6);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(crop_takes_the_centre)
{
  data *d = lab_open(&lab, IDX "val = 0\nscale = whiten\ncrop = 3\n", NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  ck_assert_uint_eq(rad_count(&d->facts.sample), 9);
  near(b->b.x[27], -0.007843137254901933, 1e-6); /* std 0.303 is below 1/3 */
  near(b->b.x[31], 1.356862745098039, 1e-6);
  near(b->b.x[35], -0.37254901960784315, 1e-6);
  batch_free(b);
  data_free(d);
  d = lab_open(&lab, CIFAR "val = 0\nscale = none\ncrop = 28\n", NULL, NULL);
  b = fill(d, &d->source[RAD_TRAIN], 15);
  for (size_t y = 0; y < 28; y++)
    for (size_t x = 0; x < 28; x++)
      for (size_t c = 0; c < 3; c++)
        near(b->b.x[(y * 28 + x) * 3 + c], fixture_byte(1, c * 1024 + (y + 2) * 32 + x + 2), 1e-9);
  batch_free(b);
  data_free(d);
}
END_TEST

/* Standardized training data have mean 0 and deviation 1 over what is left of train. */
START_TEST(moments_are_of_the_samples_left)
{
  static const char *const ini[] = {CIFAR "val = 0.2\nlimit = 11\nscale = standardize\ncrop = 9\n",
                                    BLOBS "val = 0.3\nscale = standardize\nlimit = 120\n"};
  data *d = lab_open(&lab, ini[_i], NULL, NULL);
  const size_t n = (size_t)d->source[RAD_TRAIN].n, D = rad_count(&d->facts.sample), C = 3;
  batch *b = fill(d, &d->source[RAD_TRAIN], n);
  ck_assert_uint_eq(n, _i ? 84 : 9);
  for (size_t c = 0; c < C; c++) {
    double s = 0.0, q = 0.0;
    for (size_t i = c; i < n * D; i += C) {
      s += (double)b->b.x[i];
      q += (double)b->b.x[i] * (double)b->b.x[i];
    }
    near(s * (double)C / (double)(n * D), 0.0, 1e-5);
    near(q * (double)C / (double)(n * D), 1.0, 1e-5);
  }
  batch_free(b);
  data_free(d);
}
END_TEST

static bool has_id(const rad_source *s, uint64_t id)
{
  for (uint64_t i = 0; i < s->n; i++)
    if (s->id[i] == id)
      return true;
  return false;
}

START_TEST(limit_and_cut_are_stratified)
{
  data *d = lab_open(&lab, BLOBS "train = 1003\nval = 0.2\nlimit = 357\n", NULL, NULL);
  const rad_source *t = &d->source[RAD_TRAIN], *v = &d->source[RAD_VAL];
  size_t count[2][7] = {{0}};
  ck_assert_uint_eq(v->n, 71); /* round(71.4) of 357 */
  ck_assert_uint_eq(t->n, 286);
  ck_assert_uint_eq(d->source[RAD_TEST].n, 1000); /* whole */
  for (int s = 0; s < 2; s++) {
    const rad_source *p = s ? v : t;
    for (uint64_t i = 0; i < p->n; i++) {
      ck_assert(i == 0 || p->id[i] > p->id[i - 1]);
      ck_assert_int_eq(p->label[i], (int)(p->id[i] % 7));
      count[s][p->label[i]]++;
      ck_assert(!s || !has_id(t, p->id[i]));
    }
  }
  for (size_t k = 0; k < 7; k++) {
    ck_assert(count[0][k] + count[1][k] == 51); /* 357 / 7 */
    ck_assert(count[1][k] == 10 || count[1][k] == 11);
  }
  data_free(d);
}
END_TEST

START_TEST(limits_are_nested_and_seeded)
{
  uint64_t id[70];
  data *d = lab_open(&lab, BLOBS "val = 0\nlimit = 70\n", NULL, NULL);
  memcpy(id, d->source[RAD_TRAIN].id, sizeof id);
  data_free(d);
  d = lab_open(&lab, BLOBS "val = 0\nlimit = 70\n", NULL, NULL);
  ck_assert_mem_eq(id, d->source[RAD_TRAIN].id, sizeof id);
  data_free(d);
  d = lab_open(&lab, BLOBS "val = 0\nlimit = 210\n", NULL, NULL);
  for (size_t i = 0; i < 70; i++)
    ck_assert(has_id(&d->source[RAD_TRAIN], id[i]));
  data_free(d);
  d = lab_open(&lab, "[run]\ndata_seed = 3\n" BLOBS "val = 0\nlimit = 70\n", NULL, NULL);
  ck_assert_mem_ne(id, d->source[RAD_TRAIN].id, sizeof id);
  data_free(d);
}
END_TEST

/* The same labels for every seed, others for another data_seed. */
START_TEST(noise_that_is_fixed)
{
  static const char *const ini[] = {BLOBS "[noise l]\nplugin = random_labels\nfixed = true\n",
                                    BLOBS "[noise l]\nplugin = random_labels\n",
                                    "[run]\ndata_seed = 7\n" BLOBS
                                    "[noise l]\nplugin = random_labels\nfixed = true\n"};
  int32_t label[900];
  for (size_t k = 0; k < 4; k++) {
    lab.env.seed = k + 3;
    data *d = lab_open(&lab, ini[k < 2 ? 0 : k - 1], NULL, NULL);
    const size_t bytes = sizeof label;
    ck_assert_uint_eq(d->source[RAD_TRAIN].n, 900);
    ck_assert_uint_eq(lab.env.seed, k + 3);
    if (k == 0)
      memcpy(label, d->source[RAD_TRAIN].label, bytes);
    ck_assert((memcmp(label, d->source[RAD_TRAIN].label, bytes) == 0) == (k < 2));
    data_free(d);
  }
}
END_TEST

/* Each seed trains on a share of its own; val is the same for all. */
START_TEST(subsets_are_drawn_by_the_seed)
{
  static const char ini[] = BLOBS "train = 1003\nval = 0.2\nlimit = 357\nsubset = 0.7\n"
                                  "[noise l]\nplugin = random_labels\nrate = 0.5\n";
  uint64_t id[2][200], val[71];
  int32_t label[1003] = {0};
  for (int k = 0; k < 2; k++) {
    lab.env.seed = (uint64_t)k + 3;
    data *d = lab_open(&lab, ini, NULL, NULL);
    const rad_source *t = &d->source[RAD_TRAIN], *r = &d->source[RAD_REST];
    size_t count[7] = {0};
    ck_assert(t->n == 200 && d->facts.n[RAD_TRAIN] == 200); /* round(0.7 * 286) */
    ck_assert(r->n == 86 && d->facts.n[RAD_REST] == 86);
    for (uint64_t i = 0; i < t->n; i++) {
      id[k][i] = t->id[i];
      count[t->truth[i]]++;
      ck_assert(i == 0 || t->id[i] > t->id[i - 1]);
      ck_assert(!has_id(r, t->id[i]) && !has_id(&d->source[RAD_VAL], t->id[i]));
    }
    for (size_t c = 0; c < 7; c++)
      ck_assert(count[c] >= 27 && count[c] <= 30); /* 0.7 of 40 or 41 */
    ck_assert(r->changed > 20 && r->changed < 65);
    ck_assert(k == 0 || memcmp(val, d->source[RAD_VAL].id, sizeof val) == 0);
    memcpy(val, d->source[RAD_VAL].id, sizeof val);
    data_free(d);
  }
  ck_assert_mem_ne(id[0], id[1], sizeof id[0]);
  lab.env.seed = 3; /* a sample has its label, whether it is trained on or not */
  data *d = lab_open(&lab, ini, NULL, NULL);
  for (int s = 0; s < 2; s++)
    for (uint64_t i = 0; i < d->source[s ? RAD_REST : RAD_TRAIN].n; i++)
      label[d->source[s ? RAD_REST : RAD_TRAIN].id[i]] =
          d->source[s ? RAD_REST : RAD_TRAIN].label[i];
  data_free(d);
  d = lab_open(&lab,
               BLOBS "train = 1003\nval = 0.2\nlimit = 357\n"
                     "[noise l]\nplugin = random_labels\nrate = 0.5\n",
               NULL, NULL);
  ck_assert_uint_eq(d->source[RAD_TRAIN].n, 286);
  ck_assert_uint_eq(d->source[RAD_REST].n, 0);
  for (uint64_t i = 0; i < 286; i++)
    ck_assert_int_eq(d->source[RAD_TRAIN].label[i], label[d->source[RAD_TRAIN].id[i]]);
  data_free(d);
  lab_refuses(&lab, BLOBS "subset = 1e-6\n", RAD_EINVAL, "subset = 1e-06 takes none of 900");
}
END_TEST

/* What a pruner asks for first: nested, of every class, with the same val, rest and labels; other
 * data sets stay whole. */
START_TEST(shares_of_the_training_samples)
{
  static const char ini[] = BLOBS "train = 1003\nval = 0.2\nsubset = 0.7\n"
                                  "[noise l]\nplugin = random_labels\nrate = 0.5\n"
                                  "[dataset other]\nplugin = blobs\nfeatures = 3\ntrain = 90\n";
  static const struct {
    double share;
    size_t n;
  } v[] = {{0, 561}, {0.5, 281}, {0.1, 56}}; /* 561 = round(0.7 * 802) */
  uint64_t id[3][561], val[201], rest[241];
  int32_t label[1003] = {0};
  for (size_t k = 0; k < 3; k++) {
    lab.env.seed = 3;
    lab.env.share = v[k].share;
    data *d = lab_open(&lab, ini, NULL, NULL);
    const rad_source *t = &d->source[RAD_TRAIN];
    ck_assert_uint_eq(t->n, v[k].n);
    size_t count[7] = {0};
    for (uint64_t i = 0, at = 0; i < t->n; i++) {
      id[k][i] = t->id[i];
      count[t->truth[i]]++;
      while (k > 0 && at < v[k - 1].n && id[k - 1][at] < t->id[i])
        at++;
      ck_assert(k == 0 || id[k - 1][at] == t->id[i]);
      ck_assert(k == 0 || label[t->id[i]] == t->label[i]);
      label[t->id[i]] = t->label[i];
    }
    for (size_t c = 0; c < 7; c++)
      ck_assert_msg(count[c] + 1 >= v[k].n / 7 && count[c] <= v[k].n / 7 + 2, "%zu", count[c]);
    ck_assert(d->source[RAD_VAL].n == 201 && d->source[RAD_REST].n == 241);
    ck_assert(k == 0 || memcmp(val, d->source[RAD_VAL].id, sizeof val) == 0);
    ck_assert(k == 0 || memcmp(rest, d->source[RAD_REST].id, sizeof rest) == 0);
    ck_assert_uint_eq(d->extra[RAD_TRAIN]->n, 81); /* val = 0.1 */
    memcpy(val, d->source[RAD_VAL].id, sizeof val);
    memcpy(rest, d->source[RAD_REST].id, sizeof rest);
    data_free(d);
  }
  lab.env.share = 0;
}
END_TEST

/* --- generated data --- */

START_TEST(generated_data_follow_what_they_replace)
{
  static const char *const name[] = {"uniform", "gaussian"};
  char ini[1024];
  snprintf(ini, sizeof ini,
           IDX "val = 0\nscale = unit\n[arm real]\n[arm noise]\n"
               "dataset.plugin = %s\n",
           name[_i]);
  data *d = lab_open(&lab, ini, "noise", NULL);
  ck_assert_uint_eq(rad_count(&d->facts.sample), 20);
  ck_assert_uint_eq(d->facts.sample.dim[1], 4);
  ck_assert_uint_eq(d->facts.ntarget, 3);
  ck_assert_uint_eq(d->source[RAD_TRAIN].n, 7);
  ck_assert_uint_eq(d->source[RAD_TEST].n, 3);
  data_free(d);
}
END_TEST

START_TEST(generated_data_are_distributed_as_said)
{
  static const char *const keys[] = {"uniform\n", "gaussian\nmean = -0.3\nstd = 1.7\n"};
  static const double mean[] = {0.5, -0.3}, var[] = {65535.0 / 12.0 / 65025.0, 1.7 * 1.7};
  char ini[512];
  snprintf(ini, sizeof ini,
           "[dataset]\nheight = 9\nwidth = 7\nchannels = 3\nclasses = 5\n"
           "train = 2000\nscale = unit\nval = 0\nplugin = %s",
           keys[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN], 2000);
  const size_t n = 2000 * 189;
  double s = 0.0, q = 0.0;
  size_t count[5] = {0};
  for (size_t i = 0; i < n; i++) {
    s += (double)b->b.x[i];
    q += ((double)b->b.x[i] - mean[_i]) * ((double)b->b.x[i] - mean[_i]);
  }
  near(s / (double)n, mean[_i], 5 * sqrt(var[_i] / (double)n));
  near(q / (double)n, var[_i], 0.02 * var[_i]);
  for (size_t i = 0; i < 2000; i++)
    count[b->b.label[i]]++;
  for (size_t k = 0; k < 5; k++)
    ck_assert(count[k] > 310 && count[k] < 490); /* 400, 5 deviations */
  batch *t = fill(d, &d->source[RAD_TEST], 1);
  ck_assert_mem_ne(t->b.x, b->b.x, 189 * sizeof(float));
  batch_free(t);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(samples_follow_the_data_seed_alone)
{
  static const char *const ini[] = {BLOBS, "[dataset]\nplugin = uniform\n",
                                    "[dataset]\nplugin = gaussian\n"};
  char other[256];
  snprintf(other, sizeof other, "[run]\ndata_seed = 8\n%s", ini[_i]);
  data *a = lab_open(&lab, ini[_i], NULL, NULL);
  lab.env.seed = 22;
  data *b = lab_open(&lab, ini[_i], NULL, NULL);
  ck_assert_uint_eq(lab.env.seed, 22); /* given back */
  lab.env.seed = 20;
  ck_assert_mem_eq(a->store->x[0], b->store->x[0], 2000);
  data_free(b);
  b = lab_open(&lab, other, NULL, NULL);
  ck_assert_mem_ne(a->store->x[0], b->store->x[0], 2000);
  data_free(b);
  data_free(a);
}
END_TEST

/* --- noise --- */

START_TEST(random_labels_keep_the_truth)
{
  static const char *const convention[] = {"any", "wrong"};
  char ini[512];
  snprintf(ini, sizeof ini,
           BLOBS "train = 3500\nval = 0.1\n[noise labels]\nplugin = random_labels\n"
                 "rate = 0.4\nconvention = %s\n",
           convention[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  const rad_source *t = &d->source[RAD_TRAIN], *v = &d->source[RAD_VAL];
  size_t changed = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    ck_assert_int_eq(t->truth[i], (int)(t->id[i] % 7));
    changed += t->label[i] != t->truth[i];
  }
  ck_assert_uint_eq(t->changed, changed);
  near((double)changed / 3150.0, _i ? 0.4 : 0.4 * 6 / 7, 0.045); /* 5 deviations */
  ck_assert_ptr_eq(v->label, v->truth);
  ck_assert_uint_eq(v->changed, 0);
  batch *b = fill(d, &d->source[RAD_TRAIN], 100);
  ck_assert_ptr_nonnull(b->b.truth);
  for (size_t i = 0; i < 100; i++) {
    near(b->b.target[7 * i + (size_t)b->b.label[i]], 1, 1e-9);
    ck_assert_int_eq(b->b.truth[i], t->truth[i]);
  }
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(lower_rates_change_a_subset)
{
  static int32_t label[1000];
  data *d =
      lab_open(&lab, BLOBS "val = 0\n[noise a]\nplugin = random_labels\nrate = 0.3\n", NULL, NULL);
  memcpy(label, d->source[RAD_TRAIN].label, sizeof label);
  ck_assert_uint_gt(d->source[RAD_TRAIN].changed, 150);
  data_free(d);
  d = lab_open(&lab, BLOBS "val = 0\n[noise a]\nplugin = random_labels\nrate = 0.8\n", NULL, NULL);
  const rad_source *t = &d->source[RAD_TRAIN];
  for (size_t i = 0; i < 1000; i++)
    ck_assert(label[i] == t->truth[i] || label[i] == t->label[i]);
  data_free(d);
  lab.env.seed = 21; /* another job's noise is other noise */
  d = lab_open(&lab, BLOBS "val = 0\n[noise a]\nplugin = random_labels\nrate = 0.3\n", NULL, NULL);
  ck_assert_mem_ne(label, d->source[RAD_TRAIN].label, sizeof label);
  lab.env.seed = 20;
  data_free(d);
}
END_TEST

START_TEST(splits_say_where_noise_acts)
{
  data *d = lab_open(&lab,
                     BLOBS "[noise a]\nplugin = random_labels\nsplits = val, test, more.train\n"
                           "[dataset more]\nplugin = blobs\nfeatures = 3\nclasses = 7\n",
                     NULL, NULL);
  const rad_source *more = data_source(d, "more.train", (origin){0}, &lab.diag);
  ck_assert_ptr_nonnull(more);
  ck_assert_uint_eq(d->source[RAD_TRAIN].changed, 0);
  ck_assert_uint_gt(d->source[RAD_VAL].changed, 50);
  ck_assert_uint_gt(d->source[RAD_TEST].changed, 500);
  ck_assert_uint_gt(more->changed, 500);
  ck_assert_ptr_null(data_source(d, "less.train", (origin){0}, &lab.diag));
  ck_assert_ptr_nonnull(strstr(text_str(&lab.diag.messages), "less.train"));
  data_free(d);
}
END_TEST

/* Noise that adds 0.25 in natural units, or takes bytes from 255, by what it is shown. */
static rad_status shift(rad_ctx *c, const void *self, rad_part *p)
{
  const size_t n = p->n * rad_count(&p->facts->sample);
  (void)c, (void)self;
  ck_assert_ptr_null(p->y);
  for (size_t i = 0; i < n; i++)
    if (p->facts->type == RAD_F32)
      ((float *)p->x)[i] += 0.25f;
    else
      ((uint8_t *)p->x)[i] = (uint8_t)(255 - ((uint8_t *)p->x)[i]);
  return RAD_OK;
}

START_TEST(input_noise_comes_before_scaling)
{
  plugin fake = {.ops.noise = {.flags = RAD_CHANGES_INPUTS, .split = shift}};
  instance noise = {.env = &lab.env, .plugin = &fake}, *list[] = {&noise};
  data *d = lab_open(&lab, IDX "val = 0\ncrop = 4\nscale = standardize\n", NULL, NULL);
  rad_source *s = &d->source[RAD_TRAIN];
  const double mean = (double)d->facts.mean[0], std = (double)d->facts.std[0];
  s->input = list;
  s->ninput = 1;
  if (_i) { /* as source.c does for RAD_WANT_F32 */
    d->pool->noise_facts.type = RAD_F32;
    d->pool->noise_facts.scale = 1.0f;
    ck_assert_int_eq(batch_scales(d->pool, &d->mem), RAD_OK);
  }
  batch *b = fill(d, s, 7);
  for (size_t i = 0; i < 112; i++) { /* the crop leaves out the last line of 5 */
    const double v = fixture_byte(1, i / 16 * 20 + i % 16) / 255.0;
    near(b->b.x[i], ((_i ? v + 0.25 : 1.0 - v) - mean) / std, 2e-6);
  }
  batch_free(b);
  s->ninput = 0;
  data_free(d);
}
END_TEST

static rad_status negate(rad_ctx *c, const void *self, rad_batch *b)
{
  (void)c, (void)self;
  for (size_t i = 0; i < b->n * rad_count(&b->facts->sample); i++)
    b->x[i] = -b->x[i];
  return RAD_OK;
}

START_TEST(batch_noise_acts_in_training_only)
{
  plugin fake = {.ops.noise = {.batch = negate}};
  instance noise = {.env = &lab.env, .plugin = &fake}, *list[] = {&noise};
  data *d = lab_open(&lab, IDX "val = 0\nscale = none\n", NULL, NULL);
  rad_source *s = &d->source[RAD_TRAIN];
  s->batch = list;
  s->nbatch = 1;
  batch *b = fill(d, s, 7);
  near(b->b.x[1], -(double)fixture_byte(1, 1), 1e-9);
  ck_assert_int_eq(batch_fill(b, s, NULL, 0, 7, NULL, false), RAD_OK);
  near(b->b.x[1], fixture_byte(1, 1), 1e-9);
  batch_free(b);
  s->nbatch = 0;
  data_free(d);
}
END_TEST

/* Numbers 0, 4, 5 and 7 of sample i, against numpy's float32. */
static void noisy(const batch *b, size_t i, const float want[4], bool clip)
{
  static const size_t number[] = {0, 4, 5, 7};
  for (size_t k = 0; k < 4; k++) {
    const float got = b->b.x[i * 20 + number[k]], w = want[k];
    ck_assert_msg(got == (clip && w < 0   ? 0.0f
                          : clip && w > 1 ? 1.0f
                                          : w),
                  "sample %zu: %a", i, (double)got);
  }
}

START_TEST(add_gaussian_belongs_to_the_sample)
{
  static const float train5[] = {0x1.07f12ep+0f, -0x1.71a0ep-2f, 0x1.941018p-3f, 0x1.1438b2p+0f};
  static const float test1[] = {0x1.dfb1b2p-1f, 0x1.8278p-9f, 0x1.6833e8p-1f, -0x1.6fd678p-2f};
  static const char *const clip[] = {"false", "true"};
  char ini[512];
  snprintf(ini, sizeof ini,
           IDX "val = 0\n[noise a]\nplugin = add_gaussian\nsigma = 0.3718\nclip = %s\n", clip[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN], 7);
  noisy(b, 5, train5, _i);
  const rad_when later = {.epoch = 2, .step = 9};
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TRAIN], NULL, 3, 4, &later, false), RAD_OK);
  noisy(b, 2, train5, _i);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TEST], NULL, 0, 2, &later, false), RAD_OK);
  noisy(b, 1, test1, _i);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(fresh_gaussian_belongs_to_the_step)
{
  static const float step9[] = {0x1.ebdd76p-1f, 0x1.2beaep-2f, 0x1.3b7244p-1f, 0x1.38195p+0f};
  data *d = lab_open(&lab, IDX "val = 0\n[noise a]\nplugin = fresh_gaussian\nsigma = 0.3718\n",
                     NULL, NULL);
  rad_source *s = &d->source[RAD_TRAIN];
  ck_assert_uint_eq(s->ninput, 0); /* gathered in one pass */
  batch *b = fill(d, s, 7);
  ck_assert(b->b.x[5 * 20] != step9[0]);
  const rad_when later = {.epoch = 2, .step = 9};
  ck_assert_int_eq(batch_fill(b, s, NULL, 3, 4, &later, true), RAD_OK);
  noisy(b, 2, step9, false);
  ck_assert_int_eq(batch_fill(b, s, NULL, 3, 4, &later, false), RAD_OK);
  near(b->b.x[2 * 20 + 7], fixture_byte(1, 5 * 20 + 7) / 255.0, 1e-7);
  batch_free(b);
  data_free(d);
}
END_TEST

START_TEST(batches_take_the_rows_asked_for)
{
  static const uint64_t row[] = {5, 0, 6, 3}, wrong[] = {0, 7};
  const rad_when when = {.epoch = 3, .step = 17, .nepoch = 9, .nstep = 2};
  data *d = lab_open(&lab, IDX "val = 0\nscale = none\n", NULL, NULL);
  batch *b;
  ck_assert_int_eq(batch_new(&b, d, 4), RAD_OK);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TRAIN], row, 0, 4, &when, false), RAD_OK);
  for (size_t i = 0; i < 4; i++) {
    ck_assert_uint_eq(b->b.id[i], row[i]);
    near(b->b.x[20 * i + 7], fixture_byte(1, row[i] * 20 + 7), 1e-9);
    near(b->b.weight[i], 1, 1e-9);
  }
  ck_assert_uint_eq(b->b.when.step, 17);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TRAIN], wrong, 0, 2, NULL, false), RAD_EINVAL);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TRAIN], NULL, 0, 5, NULL, false), RAD_EINVAL);
  batch_free(b);
  data_free(d);
}
END_TEST

/* --- cache --- */

static const char *cached(const char *ini, char out[256])
{
  char hex[65], name[80];
  lab_config(&lab, ini, NULL);
  ck_assert_int_eq(store_key(&lab.env, &lab.arm, "", hex), RAD_OK);
  snprintf(name, sizeof name, "cache/%s.data", hex);
  return lab_path(&lab, name, out);
}

START_TEST(cache_gives_the_same_samples)
{
  static const char *const ini[] = {
      IDX, CIFAR, BLOBS, "[dataset]\nplugin = folder\ntrain = FIX/images/train\nresize = true\n"};
  char path[256];
  data *a = lab_open(&lab, ini[_i], NULL, NULL);
  const rad_facts *f = &a->store->facts;
  ck_assert(!fs_is_file(cached(ini[_i], path)));
  for (int round = 0; round < 2; round++) {
    data *b = lab_open(&lab, ini[_i], NULL, "cache");
    const rad_facts *g = &b->store->facts;
    const size_t n = (size_t)f->n[RAD_TRAIN] * rad_count(&f->sample) * (f->type == RAD_U8 ? 1 : 4);
    ck_assert_ptr_nonnull(b->store->mapping);
    ck_assert(fs_is_file(path));
    ck_assert_mem_eq(a->store->x[0], b->store->x[0], n);
    ck_assert_mem_eq(a->store->y[1], b->store->y[1], f->n[RAD_TEST] * 4);
    ck_assert_mem_eq(f->mean, g->mean, f->sample.dim[f->sample.rank - 1] * sizeof(float));
    ck_assert_mem_eq(f->std, g->std, f->sample.dim[f->sample.rank - 1] * sizeof(float));
    ck_assert(!f->labels == !g->labels);
    if (f->labels)
      ck_assert_str_eq(f->labels[1], g->labels[1]);
    data_free(b);
  }
  data_free(a);
}
END_TEST

START_TEST(damaged_cache_is_written_anew)
{
  char path[256];
  fs_bytes b;
  data_free(lab_open(&lab, CIFAR, NULL, "cache"));
  cached(CIFAR, path);
  ck_assert_int_eq(fs_map(path, 0, 0, &b, &lab.diag), RAD_OK);
  uint8_t *copy = malloc(b.n);
  const size_t n = b.n;
  memcpy(copy, b.p, n);
  fs_unmap(&b);
  for (int i = 0; i < 4; i++) {
    uint8_t *bad = malloc(n);
    size_t m = i == 0 ? n - 64 : i == 1 ? 17 : n;
    memcpy(bad, copy, n);
    if (i == 2)
      bad[24] ^= 1; /* the rank */
    if (i == 3)
      bad[8]++; /* the version */
    ck_assert_int_eq(fs_write(path, bad, m, &lab.diag), RAD_OK);
    free(bad);
    data_free(lab_open(&lab, CIFAR, NULL, "cache"));
    ck_assert_uint_eq(lab.diag.warnings, (unsigned)i + 1);
    ck_assert_int_eq(fs_map(path, 0, 0, &b, &lab.diag), RAD_OK);
    ck_assert_uint_eq(b.n, n);
    ck_assert_mem_eq(b.p, copy, n);
    fs_unmap(&b);
  }
  free(copy);
}
END_TEST

START_TEST(cache_key_follows_what_samples_follow_from)
{
  static const char *const other[] = {"[run]\ndata_seed = 9\n" BLOBS, BLOBS "train = 999\n",
                                      BLOBS "sigma = 0.31\n", "[dataset]\nplugin = uniform\n"};
  static const char *const same[] = {BLOBS "val = 0.3\nscale = whiten\nlimit = 9\n",
                                     "[run]\nepochs = 7\n" BLOBS};
  char a[256], b[256];
  cached(BLOBS, a);
  for (size_t i = 0; i < 4; i++)
    ck_assert_str_ne(a, cached(other[i], b));
  for (size_t i = 0; i < 2; i++)
    ck_assert_str_eq(a, cached(same[i], b));
  cached(IDX, a);
  char file[256];
  ck_assert_int_eq(fs_write(lab_path(&lab, "idx/x-08", file), "another", 7, &lab.diag), RAD_OK);
  ck_assert_str_ne(a, cached(IDX, b));
}
END_TEST

START_TEST(plan_knows_without_reading)
{
  data *d;
  size_t shared, own;
  lab_config(&lab, CIFAR "limit = 10\nval = 0.2\n[noise a]\nplugin = random_labels\n", NULL);
  ck_assert_int_eq(data_plan(&d, &lab.env, &lab.arm), RAD_OK);
  ck_assert_uint_eq(d->facts.n[RAD_TRAIN], 8);
  ck_assert_uint_eq(d->facts.n[RAD_VAL], 2);
  ck_assert_uint_eq(d->facts.n[RAD_TEST], 3);
  ck_assert_ptr_null(d->facts.mean);
  ck_assert_ptr_null(d->store->x[0]);
  data_memory(d, &shared, &own);
  ck_assert_uint_eq(shared, 18 * (3072 + 4));
  ck_assert_uint_eq(own, 13 * (8 + 4) + 8 * (4 + 4));
  data_free(d);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("data");
  TCase *t = tcase_create("data");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, scales);
  tcase_add_test(t, crop_takes_the_centre);
  tcase_add_loop_test(t, moments_are_of_the_samples_left, 0, 2);
  tcase_add_test(t, limit_and_cut_are_stratified);
  tcase_add_test(t, limits_are_nested_and_seeded);
  tcase_add_test(t, noise_that_is_fixed);
  tcase_add_test(t, subsets_are_drawn_by_the_seed);
  tcase_add_test(t, shares_of_the_training_samples);
  tcase_add_loop_test(t, generated_data_follow_what_they_replace, 0, 2);
  tcase_add_loop_test(t, generated_data_are_distributed_as_said, 0, 2);
  tcase_add_loop_test(t, samples_follow_the_data_seed_alone, 0, 3);
  tcase_add_loop_test(t, random_labels_keep_the_truth, 0, 2);
  tcase_add_test(t, lower_rates_change_a_subset);
  tcase_add_test(t, splits_say_where_noise_acts);
  tcase_add_loop_test(t, input_noise_comes_before_scaling, 0, 2);
  tcase_add_test(t, batch_noise_acts_in_training_only);
  tcase_add_loop_test(t, add_gaussian_belongs_to_the_sample, 0, 2);
  tcase_add_test(t, fresh_gaussian_belongs_to_the_step);
  tcase_add_test(t, batches_take_the_rows_asked_for);
#ifdef HAVE_JPEG
  tcase_add_loop_test(t, cache_gives_the_same_samples, 0, 4);
#else
  tcase_add_loop_test(t, cache_gives_the_same_samples, 0, 3);
#endif
  tcase_add_test(t, damaged_cache_is_written_anew);
  tcase_add_test(t, cache_key_follows_what_samples_follow_from);
  tcase_add_test(t, plan_knows_without_reading);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
