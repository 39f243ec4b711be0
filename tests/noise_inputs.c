/* SPDX-License-Identifier: BSD-3-Clause
 * noise_inputs.c - noise on inputs in an arm's data: what it keeps, what it makes, and that two in
 * a chain are one after the other. Expected permutations were computed in Python from Philox4x32-10
 * and Fisher-Yates. */
#include "data_lab.h"
#include "fixtures.h"
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
  "test_images = FIX/idx/xt\ntest_labels = FIX/idx/yt\nval = 0\nscale = none\n"
/* No two numbers are the same but by chance; 8 x 5 places, 3 channels. */
#define IMAGES                                                                                     \
  "[dataset]\nplugin = gaussian\nheight = 8\nwidth = 5\nchannels = 3\ntrain = 60\ntest = 20\n"     \
  "val = 0.2\nscale = none\n"
enum { P = 40, C = 3, D = P * C };
static const char *const splits[] = {"train", "val", "test"};

static batch *fill(data *d, rad_source *s)
{
  batch *b;
  ck_assert_int_eq(batch_new(&b, d, (size_t)s->n), RAD_OK);
  ck_assert_int_eq(batch_fill(b, s, NULL, 0, (size_t)s->n, NULL, true), RAD_OK);
  return b;
}

/* All samples of train, val, test under some noise, one after the other. */
static float *images(const char *ini, size_t *n)
{
  data *d = lab_open(&lab, ini, NULL, NULL);
  const size_t sample = rad_count(&d->facts.sample);
  float *x = NULL;
  *n = 0;
  for (size_t k = 0; k < 3; k++) {
    batch *b = fill(d, &d->source[k]);
    x = realloc(x, (*n + b->b.n) * sample * sizeof *x);
    ck_assert_ptr_nonnull(x);
    memcpy(x + *n * sample, b->b.x, b->b.n * sample * sizeof *x);
    *n += b->b.n;
    batch_free(b);
  }
  data_free(d);
  return x;
}

/* p (P): which pixel of x each pixel of y is; it must be a permutation. */
static void pixels_of(const float *x, const float *y, size_t p[P])
{
  bool used[P] = {false};
  for (size_t i = 0; i < P; i++) {
    size_t k = 0;
    while (k < P && memcmp(y + i * C, x + k * C, C * sizeof *x) != 0)
      k++;
    ck_assert_msg(k < P && !used[k], "pixel %zu is no pixel of the image, or one that was", i);
    used[k] = true;
    p[i] = k;
  }
}

START_TEST(shuffled_pixels_are_one_permutation)
{
  size_t n, m, first[P], p[P], moved = 0;
  float *x = images(IMAGES, &n);
  float *y = images(IMAGES "[noise a]\nplugin = shuffled_pixels\n", &m);
  ck_assert(n == 80 && m == n);
  pixels_of(x, y, first);
  for (size_t i = 1; i < n; i++) {
    pixels_of(x + i * D, y + i * D, p);
    ck_assert(memcmp(p, first, sizeof p) == 0);
  }
  for (size_t i = 0; i < P; i++)
    moved += first[i] != i;
  ck_assert_uint_gt(moved, P / 2);
  free(x);
  free(y);
}
END_TEST

START_TEST(random_pixels_have_a_permutation_each)
{
  size_t n, m, *p;
  float *x = images(IMAGES, &n);
  float *y = images(IMAGES "[noise a]\nplugin = random_pixels\n", &m);
  p = calloc(n * P, sizeof *p);
  ck_assert(p && n == 80 && m == n);
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    pixels_of(x + i * D, y + i * D, p + i * P);
    for (size_t k = 0; k < P; k++)
      kept += p[i * P + k] == k;
    for (size_t k = 0; k < i; k++)
      ck_assert(memcmp(p + i * P, p + k * P, P * sizeof *p) != 0);
  }
  ck_assert(kept > 80 - 4 * 9 && kept < 80 + 4 * 9); /* one per image is expected, variance 1 */
  free(p);
  free(x);
  free(y);
}
END_TEST

/* Bytes and floats, train and test, against Python. */
static const uint8_t python[3][20] = {
    {8, 13, 12, 3, 16, 19, 6, 4, 14, 0, 17, 9, 18, 2, 10, 5, 1, 15, 7, 11},  /* one for all */
    {1, 9, 8, 3, 18, 6, 7, 2, 15, 5, 10, 16, 13, 14, 12, 19, 11, 0, 4, 17},  /* train 5 */
    {10, 19, 6, 2, 9, 1, 12, 8, 0, 14, 15, 17, 3, 11, 4, 5, 13, 18, 7, 16}}; /* test 1 */
START_TEST(permutations_are_those_of_python)
{
  static const char *const ini[] = {IDX "[noise a]\nplugin = shuffled_pixels\n",
                                    IDX "[noise a]\nplugin = random_pixels\n",
                                    IDX "[noise a]\nplugin = random_pixels\n[noise b]\n"
                                        "plugin = add_gaussian\nsigma = 0\n"};
  data *d = lab_open(&lab, ini[_i], NULL, NULL);
  batch *b = fill(d, &d->source[RAD_TRAIN]), *t = fill(d, &d->source[RAD_TEST]);
  for (size_t k = 0; k < 20; k++) {
    const uint8_t *p = python[_i > 0], *q = python[_i > 0 ? 2 : 0];
    ck_assert_double_eq_tol((double)b->b.x[5 * 20 + k], fixture_byte(1, 5 * 20 + p[k]), 1e-4);
    ck_assert_double_eq_tol((double)t->b.x[1 * 20 + k], fixture_byte(2, 1 * 20 + q[k]), 1e-4);
  }
  batch_free(b);
  batch_free(t);
  data_free(d);
}
END_TEST

/* A flat sample has pixels of one number. */
START_TEST(features_are_pixels_of_one_number)
{
  static const char flat[] = "[dataset]\nplugin = blobs\nfeatures = 40\nscale = none\n";
  char ini[200];
  size_t n;
  snprintf(ini, sizeof ini, "%s[noise a]\nplugin = random_pixels\n", flat);
  float *x = images(flat, &n), *y = images(ini, &n);
  size_t other = 0;
  for (size_t k = 0; k < 40; k++) {
    size_t same = 0;
    for (size_t j = 0; j < 40; j++)
      same += memcmp(x + j, y + k, sizeof *x) == 0;
    ck_assert_uint_eq(same, 1);
    other += x[k] != y[k];
  }
  ck_assert_uint_gt(other, 20);
  free(x);
  free(y);
}
END_TEST

/* Mean and variance of train in natural units, and of each sample of every split nothing else: the
 * draws are those of add_gaussian in the same section. */
START_TEST(gaussian_pixels_have_the_moments_of_the_data)
{
  static const char set[] = "[dataset]\nplugin = cifar\nfolder = FIX/cifar10\nofficial = false\n"
                            "val = 0.2\n";
  static const char *const noise[] = {"[noise a]\nplugin = gaussian_pixels\n",
                                      "[noise a]\nplugin = add_gaussian\nsigma = 1\n", ""};
  float *x[3], mean[3], std[3];
  size_t n;
  for (size_t k = 0; k < 3; k++) {
    char ini[300];
    snprintf(ini, sizeof ini, "%s%s", set, noise[k]);
    x[k] = images(ini, &n);
  }
  data *d = lab_open(&lab, set, NULL, NULL);
  memcpy(mean, d->facts.mean, sizeof mean);
  memcpy(std, d->facts.std, sizeof std);
  data_free(d);
  ck_assert_uint_eq(n, 18);
  for (size_t c = 0; c < 3; c++) {
    const size_t count = n * 1024;
    double s = 0, q = 0;
    for (size_t i = c; i < n * 3072; i += 3) {
      const double z = (double)x[1][i] - (double)x[2][i];
      ck_assert_double_eq_tol((double)x[0][i], (double)mean[c] + (double)std[c] * z, 1e-6);
      s += (double)x[0][i];
      q += (double)x[0][i] * (double)x[0][i];
    }
    const double m = s / (double)count, v = q / (double)count - m * m;
    const double sd = (double)std[c] / sqrt((double)count);
    ck_assert_double_eq_tol(m, (double)mean[c], 4 * sd);
    ck_assert_double_eq_tol(sqrt(v), (double)std[c], 4 * sd / sqrt(2));
  }
  for (size_t k = 0; k < 3; k++)
    free(x[k]);
}
END_TEST

/* 0: pepper, 1: salt, 2: as it was; rate 0.6, train 5 and test 1 */
static const uint8_t speckled[2][20] = {
    {0, 1, 0, 2, 0, 1, 2, 1, 2, 2, 1, 1, 2, 0, 2, 2, 1, 1, 0, 1},
    {2, 1, 1, 2, 2, 1, 2, 2, 2, 0, 1, 1, 1, 1, 1, 0, 2, 2, 0, 1}};
START_TEST(salt_and_pepper_are_those_of_python)
{
  data *d = lab_open(&lab, IDX "[noise a]\nplugin = salt_pepper\nrate = 0.6\n", NULL, NULL);
  for (size_t split = 0; split < 2; split++) {
    const size_t id = split ? 1 : 5;
    batch *b = fill(d, &d->source[split ? RAD_TEST : RAD_TRAIN]);
    for (size_t k = 0; k < 20; k++) {
      const uint8_t way = speckled[split][k], was = fixture_byte(split ? 2 : 1, id * 20 + k);
      ck_assert_double_eq_tol((double)b->b.x[id * 20 + k], way == 2 ? was : way * 255, 1e-4);
    }
    batch_free(b);
  }
  data_free(d);
}
END_TEST

static void binomial(size_t got, size_t n, double p)
{
  const double mean = (double)n * p, by = 4.5 * sqrt((double)n * p * (1 - p));
  ck_assert_msg(fabs((double)got - mean) <= by, "%zu of %zu, expected %g +- %g", got, n, mean, by);
}

START_TEST(salt_and_pepper_are_equally_many)
{
  size_t n, count[2][3] = {{0}}, pixels = 0;
  float *x = images(IMAGES, &n);
  float *low = images(IMAGES "[noise a]\nplugin = salt_pepper\nrate = 0.2\n", &n);
  float *high = images(IMAGES "[noise a]\nplugin = salt_pepper\nrate = 0.7\n", &n);
  for (size_t i = 0; i < n * D; i++) { /* no number of x is 0 or 1 */
    const size_t l = low[i] == 0.0f ? 0 : low[i] == 1.0f ? 1 : 2;
    const size_t h = high[i] == 0.0f ? 0 : high[i] == 1.0f ? 1 : 2;
    ck_assert((l < 2 || low[i] == x[i]) && (h < 2 || high[i] == x[i]));
    ck_assert(l == 2 || l == h); /* a subset, alike */
    count[0][l]++;
    count[1][h]++;
    pixels += i % C == 0 && low[i] != x[i] && low[i + 1] != x[i + 1];
  }
  for (size_t k = 0; k < 2; k++) {
    binomial(count[0][k], n * D, 0.1);
    binomial(count[1][k], n * D, 0.35);
  }
  binomial(pixels, n * P, 0.04); /* channels are independent */
  free(x);
  free(low);
  free(high);
}
END_TEST

/* a, then b: pixel i is a's pixel p_b[i], and the draws follow the sections' names. */
START_TEST(two_in_a_chain_are_one_after_the_other)
{
  size_t n, pa[P], pb[P], pc[P];
  float *x = images(IMAGES, &n);
  float *a = images(IMAGES "[noise a]\nplugin = shuffled_pixels\n", &n);
  float *b = images(IMAGES "[noise b]\nplugin = random_pixels\n", &n);
  float *c = images(IMAGES "[noise a]\nplugin = shuffled_pixels\n[noise b]\n"
                           "plugin = random_pixels\n",
                    &n);
  for (size_t i = 0; i < n; i++) {
    pixels_of(x + i * D, a + i * D, pa);
    pixels_of(x + i * D, b + i * D, pb);
    pixels_of(x + i * D, c + i * D, pc);
    for (size_t k = 0; k < P; k++)
      ck_assert_uint_eq(pc[k], pa[pb[k]]);
  }
  free(x);
  free(a);
  free(b);
  free(c);
}
END_TEST

/* --- other images --- */

#define SMALL "height = 5\nwidth = 4\nchannels = 1\n"
#define SWAP  "[noise a]\nplugin = swap_dataset\nfrom = more\n"

/* Bytes under the labels of floats; of 7 images whatever is cut off; other classes. */
START_TEST(swapped_bytes_are_those_of_the_other_set)
{
  data *d = lab_open(&lab,
                     "[dataset]\nplugin = gaussian\n" SMALL "train = 60\ntest = 20\nclasses = 4\n"
                     "scale = none\nval = 0.2\n[dataset more]\nplugin = idx\nlimit = 3\n"
                     "train_images = FIX/idx/x-08\ntrain_labels = FIX/idx/y-08\n"
                     "test_images = FIX/idx/xt\ntest_labels = FIX/idx/yt\n" SWAP,
                     NULL, NULL);
  for (size_t split = 0; split < 3; split++) {
    const rad_source *s = &d->source[split];
    const bool test = split == RAD_TEST;
    batch *b = fill(d, &d->source[split]);
    ck_assert_uint_eq(b->b.n, test ? 20 : split ? 12 : 48);
    for (size_t i = 0; i < b->b.n; i++)
      for (size_t k = 0; k < 20; k++) {
        const uint64_t image = s->id[i] % (test ? 3 : 7);
        const double want = fixture_byte(test ? 2 : 1, (size_t)image * 20 + k) / 255.0;
        ck_assert_double_eq_tol((double)b->b.x[i * 20 + k], want, 1e-6);
      }
    ck_assert_uint_eq(s->changed, 0);
    batch_free(b);
  }
  ck_assert_ptr_null(
      data_source(d, "more.train", (origin){0}, &lab.diag)); /* its labels are no use here */
  ck_assert_ptr_nonnull(strstr(text_str(&lab.diag.messages), "[dataset more] has other targets"));
  data_free(d);
}
END_TEST

/* Floats under the labels of bytes, scaled as the bytes are, and noise after them. */
START_TEST(swapped_floats_are_scaled_and_go_on_in_the_chain)
{
  char ini[900];
  static const char set[] =
      IDX "classes = 10\n[dataset more]\nplugin = gaussian\n" SMALL "train = 9\nval = 0\n"
          "scale = none\n" SWAP "[noise b]\nplugin = add_gaussian\nsigma = 2\n%s";
  for (size_t k = 0; k < 2; k++) {
    snprintf(ini, sizeof ini, set, k ? "" : "enabled = false\n");
    data *d = lab_open(&lab, ini, NULL, NULL);
    batch *b = fill(d, &d->source[RAD_TRAIN]),
          *more = fill(d, data_source(d, "more.train", (origin){0}, NULL));
    double q = 0;
    for (size_t i = 0; i < 7 * 20; i++) { /* scale = none: as bytes are stored */
      const double by = (double)b->b.x[i] / 255 - (double)more->b.x[i];
      ck_assert(k || fabs(by) < 1e-6);
      q += by * by / (7 * 20);
    }
    ck_assert(!k || fabs(q - 4) < 4 * 4 * sqrt(2 / 140.0));
    batch_free(b);
    batch_free(more);
    data_free(d);
  }
}
END_TEST

static const struct {
  const char *ini, *says;
} wrong_swap[] = {
    {IMAGES "[noise a]\nplugin = swap_dataset\nfrom = less\n",
     "exp.ini:10: [noise a] swap_dataset: there are no samples 'less.train'"},
    {IMAGES "[dataset more]\nplugin = gaussian\n" SMALL SWAP,
     "[dataset more] has samples of another shape than [dataset]: 5 x 4 x 1, not 8 x 5 x 3"},
    {IMAGES "[dataset more]\nplugin = blobs\nfeatures = 120\n" SWAP, ": 120, not 8 x 5 x 3"},
    {IMAGES "[dataset more]\nplugin = gaussian\nheight = 8\nwidth = 5\nchannels = 3\nclasses = 3\n"
            "[noise a]\nplugin = pair_flip\nsplits = more.train\n",
     "[dataset more] has other targets than [dataset]"}};
START_TEST(swap_refuses_what_does_not_fit)
{
  lab_refuses(&lab, wrong_swap[_i].ini, RAD_EINVAL, wrong_swap[_i].says);
}
END_TEST

START_TEST(swap_refuses_a_split_without_images)
{
  data *d = lab_open(&lab,
                     IMAGES "[dataset more]\nplugin = gaussian\nheight = 8\nwidth = 5\n"
                            "channels = 3\ntrain = 80\ntest = 0\n" SWAP,
                     NULL, NULL);
  batch *b;
  ck_assert_int_eq(batch_new(&b, d, 4), RAD_OK);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TRAIN], NULL, 0, 4, NULL, true), RAD_OK);
  ck_assert_int_eq(batch_fill(b, &d->source[RAD_TEST], NULL, 0, 4, NULL, true), RAD_EINVAL);
  ck_assert_ptr_nonnull(strstr(text_str(&lab.diag.messages), "[dataset more] has no test images"));
  batch_free(b);
  data_free(d);
}
END_TEST

/* Neither the order of gathering, nor what is gathered beside a sample, nor `limit` matters. */
START_TEST(noise_belongs_to_the_sample)
{
  static const char *const name[] = {"shuffled_pixels", "random_pixels", "gaussian_pixels",
                                     "salt_pepper"};
  char ini[400];
  snprintf(ini, sizeof ini, IMAGES "[noise a]\nplugin = %s\n", name[_i]);
  data *d = lab_open(&lab, ini, NULL, NULL);
  for (size_t k = 0; k < 3; k++) {
    rad_source *s = &d->source[k];
    batch *all = fill(d, s), *one;
    ck_assert_int_eq(batch_new(&one, d, 1), RAD_OK);
    for (uint64_t i = s->n; i-- > 0;) {
      const rad_when late = {.epoch = 3, .step = 1 + i};
      ck_assert_int_eq(batch_fill(one, s, NULL, i, 1, &late, i % 2), RAD_OK);
      ck_assert_msg(memcmp(one->b.x, all->b.x + i * D, D * sizeof(float)) == 0, "%s: sample %llu",
                    splits[k], (unsigned long long)i);
    }
    batch_free(one);
    batch_free(all);
  }
  data_free(d);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("noise_inputs");
  TCase *t = tcase_create("noise_inputs");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, shuffled_pixels_are_one_permutation);
  tcase_add_test(t, random_pixels_have_a_permutation_each);
  tcase_add_loop_test(t, permutations_are_those_of_python, 0, 3);
  tcase_add_test(t, features_are_pixels_of_one_number);
  tcase_add_test(t, gaussian_pixels_have_the_moments_of_the_data);
  tcase_add_test(t, salt_and_pepper_are_those_of_python);
  tcase_add_test(t, salt_and_pepper_are_equally_many);
  tcase_add_test(t, swapped_bytes_are_those_of_the_other_set);
  tcase_add_test(t, swapped_floats_are_scaled_and_go_on_in_the_chain);
  tcase_add_loop_test(t, swap_refuses_what_does_not_fit, 0, 4);
  tcase_add_test(t, swap_refuses_a_split_without_images);
  tcase_add_test(t, two_in_a_chain_are_one_after_the_other);
  tcase_add_loop_test(t, noise_belongs_to_the_sample, 0, 4);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
