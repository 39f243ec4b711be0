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

/* --- asymmetric --- */

static const double chances[K * K] = {0.5,  0.1, 0.25, 0, 0.15, 0, 1,   0,   0,   0, 0.3, 0.05, 0.6,
                                      0.05, 0,   0,    0.2, 0.6, 0, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2};

/* FIX/NAME of these bytes; into keys, what reads it. */
static void matrix_file(const char *name, const void *bytes, size_t n, char keys[300])
{
  char path[256];
  ck_assert_int_eq(fs_write(lab_path(&lab, name, path), bytes, n, &lab.diag), RAD_OK);
  snprintf(keys, 300, "plugin = asymmetric\nmatrix = %s\n", path);
}

/* T + (1 - by) (I - T): mistakes with `by` times the probability */
static void matrix_text(double by, char keys[300])
{
  text t = {0};
  text_printf(&t, "# a comment, and a blank line\n\n");
  for (size_t y = 0; y < K; y++)
    for (size_t z = 0; z < K; z++) {
      const double p = by * chances[y * K + z] + (y == z ? 1 - by : 0);
      text_printf(&t, "%.17g%s", p, z + 1 == K ? " # a row\r\n" : z % 2 ? "\t" : " , ");
    }
  t.n -= 2; /* the last line need not end */
  matrix_file("matrix.csv", t.s, t.n, keys);
  text_free(&t);
}

START_TEST(asymmetric_follows_the_matrix)
{
  static labels half, l;
  char keys[300];
  size_t count[K * K], changed = 0;
  matrix_text(0.5, keys);
  labels_of(&half, keys);
  matrix_text(1, keys);
  labels_of(&l, keys);
  confusion(l.train, N, count);
  for (size_t k = 0; k < K * K; k++)
    binomial(count[k], N / K, chances[k]);
  for (size_t i = 0; i < N; i++) {
    changed += half.train[i] != (int32_t)(i % K);
    ck_assert(half.train[i] == (int32_t)(i % K) || half.train[i] == l.train[i]);
  }
  binomial(changed, N, 0.5 * (0.5 + 0 + 0.4 + 1 + 0.8) / K);
}
END_TEST

/* The same file as NumPy writes it, in double, in float, as integers; and a pair's matrix changes
 * what pair_flip changes. */
static size_t npy(char *out, const char *type, const void *v, size_t bytes)
{
  char header[119];
  snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (5, 5), }",
           type);
  memset(out, ' ', 128);
  memcpy(out, "\x93NUMPY\1\0\x76\0", 10);
  memcpy(out + 10, header, strlen(header));
  out[127] = '\n';
  memcpy(out + 128, v, bytes);
  return 128 + bytes;
}

START_TEST(asymmetric_reads_arrays)
{
  static labels want, got;
  char keys[300], bytes[128 + K * K * 8];
  float f[K * K], pair[K * K] = {0};
  int64_t whole[K * K] = {0};
  matrix_text(1, keys);
  labels_of(&want, keys);
  matrix_file("t.npy", bytes, npy(bytes, "<f8", chances, sizeof chances), keys);
  labels_of(&got, keys);
  ck_assert_mem_eq(&got, &want, sizeof got);
  for (size_t k = 0; k < K * K; k++) {
    f[k] = (float)chances[k];
    pair[k] = k / K == k % K ? 0.63f : (k / K + 1) % K == k % K ? 0.37f : 0;
    whole[k] = (k / K + 1) % K == k % K;
  }
  matrix_file("t.npy", bytes, npy(bytes, "<f4", f, sizeof f), keys);
  labels_of(&got, keys);
  ck_assert_mem_eq(&got, &want, sizeof got);
  matrix_file("t.npy", bytes, npy(bytes, "<f4", pair, sizeof pair), keys);
  labels_of(&got, keys);
  labels_of(&want, "plugin = pair_flip\nrate = 0.37\n");
  ck_assert_mem_eq(&got, &want, sizeof got);
  matrix_file("t.npy", bytes, npy(bytes, "<i8", whole, sizeof whole), keys);
  labels_of(&got, keys);
  labels_of(&want, "plugin = pair_flip\nrate = 1\n");
  ck_assert_mem_eq(&got, &want, sizeof got);
}
END_TEST

static const struct {
  const char *file, *says;
} wrong_matrix[] = {
    {"1 0 0 0 0\n0 1 0 0 0\n", "m.txt: is 2 x 5; the data have 5 classes"},
    {"1 0\n0 1 0\n", "m.txt:2: has 3 numbers, the lines before it 2"},
    {"# none\n", "m.txt: holds no numbers"},
    {"1 0 0 0 0\n\n0 1 0 0 O\n", "m.txt:3: 'O' is not a number"},
    {"1 0 0 0 0\n# b\n0 1 0 0 0.1\n0 0 1 0 0\n0 0 0 1 0\n0 0 0 0 1\n",
     "m.txt:3: the probabilities of class 1 sum to 1.1, not to 1"},
    {"1 0 0 0 0\n0 1.5 -0.5 0 0\n0 0 1 0 0\n0 0 0 1 0\n0 0 0 0 1\n",
     "m.txt:2: 1.5 is not a probability"},
    {"1 0 0 0 0\n0 1 0 0 nan\n0 0 1 0 0\n0 0 0 1 0\n0 0 0 0 1\n",
     "m.txt:2: nan is not a probability"}};
START_TEST(asymmetric_refuses_what_is_no_matrix)
{
  char keys[300], ini[600];
  matrix_file("m.txt", wrong_matrix[_i].file, strlen(wrong_matrix[_i].file), keys);
  snprintf(ini, sizeof ini, BLOBS "[noise a]\n%s", keys);
  lab_refuses(&lab, ini, RAD_EINVAL, wrong_matrix[_i].says);
  lab_refuses(&lab, ini, RAD_EINVAL, "exp.ini:7: [noise a] asymmetric: ");
}
END_TEST

/* --- label_file --- */

/* Label (i * 3 + 1) mod 5 of sample i, as a text. */
static void label_text(text *t, size_t n)
{
  for (size_t i = 0; i < n; i++)
    text_printf(t, "%zu\n", (i * 3 + 1) % K);
}

START_TEST(label_file_gives_each_sample_its_label)
{
  char path[256], ini[600];
  text t = {0};
  label_text(&t, N);
  ck_assert_int_eq(fs_write(lab_path(&lab, "y.txt", path), t.s, t.n, &lab.diag), RAD_OK);
  text_free(&t);
  snprintf(ini, sizeof ini, BLOBS "limit = 900\n[noise a]\nplugin = label_file\nfile = y.txt\n");
  data *d = lab_open(&lab, ini, NULL, NULL);
  const rad_source *s = &d->source[RAD_TRAIN];
  ck_assert_uint_eq(s->n, 900);
  for (uint64_t i = 0; i < s->n; i++)
    ck_assert_int_eq(s->label[i], (int)((s->id[i] * 3 + 1) % K));
  data_free(d);
}
END_TEST

START_TEST(label_file_reads_every_whole_type)
{
  static const char *const type[] = {"|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"};
  char path[256], header[128], ini[600], bytes[128 + N * 8] = "\x93NUMPY\1\0\x76\0";
  const size_t size = (size_t)1 << _i / 2;
  snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (4000,), }",
           type[_i]);
  memset(bytes + 10, ' ', 118);
  memcpy(bytes + 10, header, strlen(header));
  for (size_t i = 0; i < N; i++)
    bytes[128 + i * size] = (char)((i * 3 + 1) % K);
  ck_assert_int_eq(
      fs_write(lab_path(&lab, "y.npy", path), bytes, 128 + N * size, &lab.diag), RAD_OK);
  snprintf(ini, sizeof ini, BLOBS "[noise a]\nplugin = label_file\nfile = y.npy\n");
  data *d = lab_open(&lab, ini, NULL, NULL);
  for (uint64_t i = 0; i < N; i++)
    ck_assert_int_eq(d->source[RAD_TRAIN].label[i], (int)((i * 3 + 1) % K));
  data_free(d);
  bytes[128 + 17 * size + size - 1] = (char)0x80; /* -128, 128, ... */
  ck_assert_int_eq(fs_write(path, bytes, 128 + N * size, &lab.diag), RAD_OK);
  lab_refuses(&lab, ini, RAD_EINVAL,
              _i % 2 ? "y.npy, row 17: " : "y.npy, row 17: -"); /* no such class */
}
END_TEST

/* A header of 118 bytes, then 8 zeros, wrong in one way each. */
#define OBJECT "{'descr': '|O', 'fortran_order': False, 'shape': (), }"
static const struct {
  const char *header, *says;
} wrong_array[] = {
    {OBJECT, "y.npy: holds pickled Python objects (as CIFAR-10N does), which are not read; export"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", "8 bytes for (3,1) numbers of 4"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387905, 2), }", "8 bytes"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 2), }", "needs one or two axes"},
    {"{'descr': '<i4', 'fortran_order': True, 'shape': (2, 1), }", "and the order of C"},
    {"{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }", "little-endian"},
    {"{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }", "is not of integers"},
    {"{'descr': [('y', '<i4')], 'fortran_order': False, 'shape': (2,), }", "is not of integers"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }", "row 0: has 2 numbers where"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", "y.npy: has 2 labels; the data"}};
START_TEST(label_file_refuses_other_arrays)
{
  char path[256], bytes[136] = "\x93NUMPY\1\0\x76\0";
  memset(bytes + 10, ' ', 118);
  memcpy(bytes + 10, wrong_array[_i].header, strlen(wrong_array[_i].header));
  memset(bytes + 128, 0, 8);
  ck_assert_int_eq(fs_write(lab_path(&lab, "y.npy", path), bytes, 136, &lab.diag), RAD_OK);
  lab_refuses(&lab, BLOBS "[noise a]\nplugin = label_file\nfile = y.npy\n", RAD_EINVAL,
              wrong_array[_i].says);
  bytes[9] = 1; /* the header is longer than the file */
  ck_assert_int_eq(fs_write(path, bytes, 136, &lab.diag), RAD_OK);
  lab_refuses(&lab, BLOBS "[noise a]\nplugin = label_file\nfile = y.npy\n", RAD_EINVAL,
              "y.npy: the header of the .npy file is damaged");
}
END_TEST

static const struct {
  size_t n;
  const char *more, *splits, *says;
} wrong_labels[] = {
    {N - 1, "", "train", "y.txt: has 3999 labels; the data set's own training split has 4000 "},
    {N, "0\n", "train", "y.txt: has 4001 labels; the data set's own training split has 4000 "},
    {N - 1, "5\n", "train", "y.txt:4000: 5 is not a label; there are the classes 0 to 4"},
    {N - 1, "-1\n", "train", "y.txt:4000: -1 is not a label"},
    {N - 1, "2.5\n", "train", "y.txt:4000: 2.5 is not a label"},
    {N - 1, "cat\n", "train", "y.txt:4000: 'cat' is not a number"},
    {N - 1, "1, 2\n", "train", "y.txt:4000: has 2 numbers, the lines before it 1"},
    {N, "", "test", "has labels of the training split: take test out of splits"},
    {N, "", "more.train", "y.txt: has 4000 labels; the data set's own training split has 7 "}};
START_TEST(label_file_refuses_wrong_labels)
{
  char path[256], ini[600];
  text t = {0};
  label_text(&t, wrong_labels[_i].n);
  text_puts(&t, wrong_labels[_i].more);
  ck_assert_int_eq(fs_write(lab_path(&lab, "y.txt", path), t.s, t.n, &lab.diag), RAD_OK);
  text_free(&t);
  snprintf(ini, sizeof ini,
           BLOBS "[noise a]\nplugin = label_file\nfile = y.txt\nsplits = %s\n[dataset more]\n"
                 "plugin = blobs\nfeatures = 2\nclasses = 5\ntrain = 7\n",
           wrong_labels[_i].splits);
  lab_refuses(&lab, ini, RAD_EINVAL, wrong_labels[_i].says);
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
  tcase_add_test(t, asymmetric_follows_the_matrix);
  tcase_add_test(t, asymmetric_reads_arrays);
  tcase_add_loop_test(t, asymmetric_refuses_what_is_no_matrix, 0,
                      sizeof wrong_matrix / sizeof *wrong_matrix);
  tcase_add_test(t, label_file_gives_each_sample_its_label);
  tcase_add_loop_test(t, label_file_reads_every_whole_type, 0, 8);
  tcase_add_loop_test(t, label_file_refuses_other_arrays, 0,
                      sizeof wrong_array / sizeof *wrong_array);
  tcase_add_loop_test(t, label_file_refuses_wrong_labels, 0,
                      sizeof wrong_labels / sizeof *wrong_labels);
  tcase_add_test(t, two_in_a_chain_are_one_after_the_other);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}
