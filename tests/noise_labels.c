/* SPDX-License-Identifier: BSD-3-Clause
 * noise_labels.c - noise on labels: how many it changes, to what, and that what a low rate changes a
 * higher one changes alike. Counts are held to 4.5 deviations of the binomial. */
#include "data_lab.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
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

/* Sample i has class i mod K. */
enum { K = 5, N = 4000 };
#define BLOBS "[dataset]\nplugin = blobs\nfeatures = 2\nclasses = 5\ntrain = 4000\nval = 0\n"
typedef struct labels {
  int32_t train[N], test[1000];
} labels;

/* under a section [noise a] with these keys, "plugin = ...\n..." */
static void labels_of(labels *l, const char *keys)
{
  char ini[500];
  snprintf(ini, sizeof ini, BLOBS "[noise a]\nsplits = train, test\n%s", keys);
  data *d = lab_open(&lab, ini, NULL, NULL);
  const rad_source *t = &d->source[RAD_TRAIN], *e = &d->source[RAD_TEST];
  ck_assert(t->n == N && e->n == 1000);
  memcpy(l->train, t->label, sizeof l->train);
  memcpy(l->test, e->label, sizeof l->test);
  for (size_t i = 0; i < N; i++)
    ck_assert_int_eq(t->truth[i], (int)(i % K));
  data_free(d);
}

static void binomial(size_t got, size_t n, double p)
{
  const double mean = (double)n * p, by = 4.5 * sqrt((double)n * p * (1 - p));
  ck_assert_msg(fabs((double)got - mean) <= by, "%zu of %zu, expected %g +- %g", got, n, mean, by);
}

/* count[y * K + z]: samples of class y with label z */
static void confusion(const int32_t *label, size_t n, size_t count[K * K])
{
  memset(count, 0, K * K * sizeof *count);
  for (size_t i = 0; i < n; i++)
    count[i % K * K + (size_t)label[i]]++;
}

START_TEST(pair_flip_gives_the_next_class)
{
  labels l;
  size_t count[K * K];
  labels_of(&l, "plugin = pair_flip\nrate = 0.37\n");
  for (size_t split = 0; split < 2; split++) {
    const size_t n = split ? 1000 : N;
    confusion(split ? l.test : l.train, n, count);
    for (size_t y = 0; y < K; y++) {
      binomial(count[y * K + (y + 1) % K], n / K, 0.37);
      ck_assert_uint_eq(count[y * K + (y + 1) % K] + count[y * K + y], n / K);
    }
  }
  size_t alike = 0; /* test samples have draws of their own */
  for (size_t i = 0; i < 1000; i++)
    alike += (l.train[i] == (int)(i % K)) == (l.test[i] == (int)(i % K));
  binomial(alike, 1000, 0.37 * 0.37 + 0.63 * 0.63);
  labels_of(&l, "plugin = pair_flip\nrate = 1\n");
  confusion(l.train, N, count);
  for (size_t y = 0; y < K; y++)
    ck_assert_uint_eq(count[y * K + (y + 1) % K], N / K);
}
END_TEST

/* At rates 0.2 and 0.6 of each noise; and all noises of one name change the same samples. */
static const char *const rated[] = {"plugin = pair_flip\nrate = %s\n",
                                    "plugin = random_labels\nconvention = wrong\nrate = %s\n"};
START_TEST(lower_rates_change_a_subset)
{
  static labels l[3];
  static const char *const rate[] = {"0.2", "0.6"};
  char keys[200];
  size_t n[2] = {0};
  for (size_t k = 0; k < 2; k++) {
    snprintf(keys, sizeof keys, rated[_i], rate[k]);
    labels_of(&l[k], keys);
  }
  labels_of(&l[2], "plugin = pair_flip\nrate = 0.2\n");
  for (size_t i = 0; i < N; i++) {
    const int32_t truth = (int32_t)(i % K);
    n[0] += l[0].train[i] != truth;
    n[1] += l[1].train[i] != truth;
    ck_assert(l[0].train[i] == truth || l[0].train[i] == l[1].train[i]);
    ck_assert_int_eq(l[0].train[i] != truth, l[2].train[i] != truth);
  }
  binomial(n[0], N, 0.2);
  binomial(n[1], N, 0.6);
}
END_TEST

/* A second noise changes what the first has left; it has draws of its own. */
START_TEST(two_in_a_chain_are_one_after_the_other)
{
  static labels a, both;
  size_t left = 0, next = 0, after = 0;
  labels_of(&a, "plugin = pair_flip\nrate = 0.5\n");
  labels_of(&both, "plugin = pair_flip\nrate = 0.5\n[noise b]\nplugin = pair_flip\nrate = 0.3\n");
  for (size_t i = 0; i < N; i++) {
    const int32_t step = (both.train[i] - a.train[i] + K) % K;
    ck_assert_int_le(step, 1);
    left += a.train[i] == (int32_t)(i % K);
    next += step == 1;
    after += step == 1 && a.train[i] != (int32_t)(i % K);
  }
  binomial(next, N, 0.3);
  binomial(after, N - left, 0.3);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("noise_labels");
  TCase *t = tcase_create("noise_labels");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, pair_flip_gives_the_next_class);
  tcase_add_loop_test(t, lower_rates_change_a_subset, 0, sizeof rated / sizeof *rated);
  tcase_add_test(t, two_in_a_chain_are_one_after_the_other);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
