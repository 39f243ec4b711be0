/* SPDX-License-Identifier: BSD-3-Clause
 * core_philox.c - Philox against the published vectors, draws by address against an independent
 * implementation (Python's integers, numpy's float32), elementary functions against the system's
 * libm. */
#include "philox.h"
#include "philox_lanes.h"
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Philox --- */
static const struct vector { /* Random123 1.14, kat_vectors, philox4x32 10 */
  uint32_t counter[4], key[2], out[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(published_vectors)
{
  uint32_t out[4];
  philox4x32(vectors[_i].counter, vectors[_i].key, out);
  ck_assert_mem_eq(out, vectors[_i].out, sizeof out);
}
END_TEST

static const rad_at at = {0x300000007, 0xfedcba9876543210, 5};
enum { N = 1001 };

static uint64_t seedkey(void)
{
  return philox_seedkey(0x1234567890abcdef, philox_salt("layer h1"));
}

START_TEST(keys_are_as_defined)
{
  ck_assert_uint_eq(philox_salt("layer h1"), 0xfc3b9b0de9334c5d);
  ck_assert_uint_eq(seedkey(), 0xdf6270a0a880fdf3);
}
END_TEST

static const struct run {
  uint64_t first;
  uint32_t word[8];
} runs[] = {
    {0,
     {0x422e6941, 0x1fe5b302, 0x0390f4c6, 0xc9a32aa0, 0x3182fd65, 0xd38fad4a, 0xfdd6496d,
      0xeda0b31c}},
    {61,
     {0xd7e43041, 0xd4e3f984, 0xfb0d5809, 0xe09be067, 0xaddbce8c, 0x549f0f92, 0x64521df2,
      0xef03d0a9}},
    {17179869187, /* 2^34 + 3: the block's number needs more than 32 bits */
     {0x53baa8d5, 0xdf8e7c18, 0x19ee558e, 0xc16c4b93, 0x50775468, 0x21b31c45, 0x528ceb8b,
      0x5e8923c2}},
};

START_TEST(words_are_as_defined)
{
  uint32_t out[8], one;
  philox_bits(seedkey(), &at, runs[_i].first, 8, out);
  ck_assert_mem_eq(out, runs[_i].word, sizeof out);
  for (size_t i = 0; i < 8; i++) {
    philox_bits(seedkey(), &at, runs[_i].first + i, 1, &one);
    ck_assert_uint_eq(one, runs[_i].word[i]);
  }
}
END_TEST

/* The carry between blocks that are made together. */
START_TEST(bulk_crosses_32_bits)
{
  uint32_t all[256], one;
  const uint64_t first = 17179869184 - 77; /* 2^34 - 77 words: block 2^32 is inside */
  philox_bits(seedkey(), &at, first, 256, all);
  for (size_t i = 0; i < 256; i++) {
    philox_bits(seedkey(), &at, first + i, 1, &one);
    ck_assert_uint_eq(one, all[i]);
  }
}
END_TEST

/* Any cut of the sequence gives the same numbers, and nothing outside is written. */
START_TEST(parts_equal_the_whole)
{
  const uint64_t key = seedkey();
  uint32_t bits[N], b[N + 2];
  float uniform[N], normal[N], u[N + 2], z[N + 2];
  philox_bits(key, &at, 0, N, bits);
  philox_uniform(key, &at, 0, N, uniform);
  philox_normal(key, &at, 0, N, normal);
  static const size_t sizes[] = {0, 1, 2, 3, 5, 63, 64, 65, 127, 200};
  for (size_t first = 0; first < 140; first++)
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      const size_t n = sizes[k];
      memset(b, 0x5a, sizeof b);
      memset(u, 0x5a, sizeof u);
      memset(z, 0x5a, sizeof z);
      philox_bits(key, &at, first, n, b + 1);
      philox_uniform(key, &at, first, n, u + 1);
      philox_normal(key, &at, first, n, z + 1);
      ck_assert_int_eq(memcmp(b + 1, bits + first, n * sizeof *b), 0);
      ck_assert_int_eq(memcmp(u + 1, uniform + first, n * sizeof *u), 0);
      ck_assert_int_eq(memcmp(z + 1, normal + first, n * sizeof *z), 0);
      static const unsigned char canary[4] = {0x5a, 0x5a, 0x5a, 0x5a};
      const void *edge[] = {&b[0], &b[n + 1], &u[0], &u[n + 1], &z[0], &z[n + 1]};
      for (size_t e = 0; e < 6; e++)
        ck_assert_int_eq(memcmp(edge[e], canary, 4), 0);
    }
}
END_TEST

START_TEST(uniform_is_24_bits_of_a_word)
{
  static const uint32_t want[] = {14148656, 13951993, 16452952, 14719968};
  float u[4];
  philox_uniform(seedkey(), &at, 61, 4, u);
  for (size_t i = 0; i < 4; i++)
    ck_assert(u[i] == (float)want[i] / 16777216.0f);
}
END_TEST

START_TEST(normal_is_box_muller)
{
  static const float want[] = {-0x1.d00bep-2f,  0x1.34a43ap-1f,  -0x1.2d55p-4f,
                               -0x1.c32bb4p-3f, -0x1.d8b592p-2f, -0x1.28580ap+0f};
  float z[6];
  philox_normal(seedkey(), &at, 61, 6, z);
  for (size_t i = 0; i < 6; i++)
    ck_assert_msg(z[i] == want[i], "number %zu: %a, not %a", i, (double)z[i], (double)want[i]);
}
END_TEST

/* --- sets of lanes: each gives the bits of Python's integers and of numpy's floats --- */
enum { STEPS = 32 * PHILOX_STEP };

static uint64_t hash_of(const void *words, size_t n)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < n; i++) {
    uint32_t w;
    memcpy(&w, (const char *)words + 4 * i, 4);
    hash = (hash ^ w) * 0x100000001b3u;
  }
  return hash;
}

static const philox_lanes *set_of(int i) /* or NULL: this machine has fewer */
{
  const philox_lanes *set[PHILOX_SETS];
  return (size_t)i < philox_lanes_here(set) ? set[i] : NULL;
}

START_TEST(sets_give_the_same_bits)
{
  const philox_lanes *set = set_of(_i);
  static uint32_t w[STEPS];
  static float v[STEPS];
  if (!set)
    return;
  set->words(0x9f9a97fa762e09a5, at.index, 0, STEPS, w);
  ck_assert_msg(hash_of(w, STEPS) == 0x233df441fe0fcdc9, "%s: %llx", set->name,
                (unsigned long long)hash_of(w, STEPS));
  set->uniform(w, STEPS, v);
  for (size_t i = 0; i < STEPS; i++)
    if (v[i] != (float)(w[i] >> 8) / 16777216.0f)
      ck_abort_msg("%s: uniform number %zu is %a", set->name, i, (double)v[i]);
  set->normal(w, STEPS, v);
  ck_assert_msg(hash_of(v, STEPS) == 0xded58d62700cedac, "%s: %llx", set->name,
                (unsigned long long)hash_of(v, STEPS));
}
END_TEST

START_TEST(sets_carry_into_the_upper_counter)
{
  const philox_lanes *set = set_of(_i);
  uint32_t w[PHILOX_STEP], one[4];
  if (!set)
    return;
  set->words(0x123456789abcdef0, at.index, 0xfffffff3, PHILOX_STEP, w);
  for (uint64_t b = 0; b < PHILOX_STEP / 4; b++) {
    const uint64_t block = 0xfffffff3 + b;
    philox4x32((uint32_t[]){(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)at.index,
                            (uint32_t)(at.index >> 32)},
               (uint32_t[]){0x9abcdef0, 0x12345678}, one);
    ck_assert_mem_eq(one, w + 4 * b, sizeof one);
  }
}
END_TEST

/* Both ends of u, where its mantissa wraps, and where the quarters of a turn meet. */
static const struct edge {
  uint32_t word[2];
  float want[2];
} edges[] = {
    {{0x00000000, 0x00000000}, {0x1.b0e08ep+2f, 0.0f}},
    {{0x00000001, 0x1fffffff}, {0x1.2aa636p+2f, 0x1.2aa638p+2f}},
    {{0x00000002, 0x20000000}, {0x1.27202p+2f, 0x1.27201ep+2f}},
    {{0xffffffff, 0x40000000}, {0.0f, 0.0f}},
    {{0xfffffffe, 0x5fffffff}, {0.0f, 0.0f}},
    {{0xffffff00, 0x60000000}, {-0x1.fffffcp-13f, 0x1.fffffep-13f}},
    {{0x80000000, 0x80000000}, {-0x1.2d6abep+0f, 0.0f}},
    {{0x7fffffff, 0x9fffffff}, {-0x1.aa4496p-1f, -0x1.aa4498p-1f}},
    {{0xb504f333, 0xa0000000}, {-0x1.2d6abep-1f, -0x1.2d6abcp-1f}},
    {{0xb504f334, 0xc0000000}, {0.0f, -0x1.aa449ap-1f}},
    {{0x5a82799a, 0xe0000000}, {0x1.0508e4p+0f, -0x1.0508e4p+0f}},
    {{0x00003039, 0xffffffff}, {0x1.434e7ep+2f, -0x1.fbd94ep-28f}},
};

START_TEST(sets_agree_at_the_edges)
{
  const philox_lanes *set = set_of(_i);
  uint32_t w[PHILOX_STEP] = {0};
  float v[PHILOX_STEP];
  if (!set)
    return;
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    memcpy(w + 2 * i, edges[i].word, sizeof edges[i].word);
  set->normal(w, PHILOX_STEP, v);
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    ck_assert_msg(v[2 * i] == edges[i].want[0] && v[2 * i + 1] == edges[i].want[1],
                  "%s, pair %zu: %a %a", set->name, i, (double)v[2 * i], (double)v[2 * i + 1]);
}
END_TEST

static int ascending(const void *a, const void *b)
{
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Tails, pairs, and the largest distance from the normal distribution function. */
START_TEST(normal_numbers_are_normal)
{
  enum { M = 1 << 20 };
  float *v = malloc(M * sizeof *v);
  double pairs = 0, squares = 0, far = 0, third = 0, fourth = 0;
  ck_assert_ptr_nonnull(v);
  philox_normal(37, &at, 0, M, v);
  for (size_t i = 0; i < M; i += 2) {
    const double a = (double)v[i], b = (double)v[i + 1];
    pairs += a * b;
    squares += (a * a - 1) * (b * b - 1);
  }
  qsort(v, M, sizeof *v, ascending);
  for (size_t i = 0; i < M; i++) {
    const double f = 0.5 * erfc(-(double)v[i] * 0.70710678118654752);
    third += fabs((double)v[i]) > 3;
    fourth += fabs((double)v[i]) > 4;
    far = fmax(far, fmax(fabs(f - (double)i / M), fabs(f - (double)(i + 1) / M)));
  }
  const double lo = (double)v[0], hi = (double)v[M - 1];
  free(v);
  ck_assert_double_eq_tol(pairs / (M / 2), 0.0, 5.0 / 724);
  ck_assert_double_eq_tol(squares / (M / 2), 0.0, 5 * 2.0 / 724);
  ck_assert_msg(far * 1024 < 1.95, "Kolmogorov-Smirnov: %g", far * 1024); /* p = 0.001 */
  ck_assert_msg(lo < -4.4 && lo > -6.2 && hi > 4.4 && hi < 6.2, "from %g to %g", lo, hi);
  ck_assert_double_eq_tol(third, 2830.94, 5 * 53.1); /* 2^20 erfc(3 / sqrt 2), five deviations */
  ck_assert_double_eq_tol(fourth, 66.42, 5 * 8.15);
}
END_TEST

START_TEST(moments_are_right)
{
  enum { M = 1 << 20 };
  float *v = malloc(M * sizeof *v);
  size_t outside = 0;
  double u1 = 0, u2 = 0, z1 = 0, z2 = 0, z4 = 0;
  ck_assert_ptr_nonnull(v);
  philox_uniform(71, &at, 0, M, v);
  for (size_t i = 0; i < M; i++) {
    outside += !(v[i] >= 0.0f && v[i] < 1.0f);
    u1 += (double)v[i];
    u2 += (double)v[i] * (double)v[i];
  }
  philox_normal(71, &at, 0, M, v);
  for (size_t i = 0; i < M; i++) {
    const double z = (double)v[i];
    z1 += z;
    z2 += z * z;
    z4 += z * z * z * z;
  }
  free(v);
  ck_assert_uint_eq(outside, 0);
  /* five standard errors of each mean */
  ck_assert_double_eq_tol(u1 / M, 0.5, 5 * 0.2887 / 1024);
  ck_assert_double_eq_tol(u2 / M, 1.0 / 3, 5 * 0.2981 / 1024);
  ck_assert_double_eq_tol(z1 / M, 0.0, 5 * 1.0 / 1024);
  ck_assert_double_eq_tol(z2 / M, 1.0, 5 * 1.4142 / 1024);
  ck_assert_double_eq_tol(z4 / M, 3.0, 5 * 9.798 / 1024);
}
END_TEST

START_TEST(every_part_of_an_address_counts)
{
  const rad_at other[] = {{at.when + 1, at.index, at.stream},
                          {at.when ^ 1ull << 40, at.index, at.stream},
                          {at.when, at.index + 1, at.stream},
                          {at.when, at.index ^ 1ull << 40, at.stream},
                          {at.when, at.index, at.stream + 1}};
  uint32_t a[4], b[4];
  philox_bits(seedkey(), &at, 0, 4, a);
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    philox_bits(seedkey(), &other[i], 0, 4, b);
    for (size_t j = 0; j < 4; j++)
      ck_assert_uint_ne(a[j], b[j]);
  }
  ck_assert_uint_ne(philox_seedkey(1, 2), philox_seedkey(2, 1));
  ck_assert_uint_ne(philox_seedkey(1, 2), philox_seedkey(1, 2 | 1ull << 33));
  ck_assert_uint_ne(philox_seedkey(1, 2), philox_seedkey(1 | 1ull << 33, 2));
}
END_TEST

/* --- elementary functions --- */
static double from_bits(uint64_t b)
{
  double v;
  memcpy(&v, &b, sizeof v);
  return v;
}

/* |got - want| in units of the last place of a double near want. libm's own doubles may be 2 ulp
 * off, so that the truth is asked for in long double. */
static long double ulps(double got, long double want)
{
  if (isnan(got) || isnan(want))
    return isnan(got) && isnan(want) ? 0 : HUGE_VALL;
  if (isinf(got) || isinf(want) || fabsl(want) > DBL_MAX)
    return (double)want == got ? 0 : HUGE_VALL;
  int e;
  frexpl(want, &e);
  return fabsl(got - want) / ldexpl(1, (e < -1021 ? -1021 : e) - 53);
}

static uint64_t word64(uint64_t i)
{
  uint32_t w[2];
  philox_bits(123456789, &(rad_at){0}, 2 * i, 2, w);
  return (uint64_t)w[1] << 32 | w[0];
}

static void compare(const char *name, double (*f)(double), long double (*libm)(long double),
                    double x)
{
  const double got = f(x);
  const long double want = libm(x);
  if (!(ulps(got, want) <= 2)) /* an assertion for each of a million would take minutes */
    ck_abort_msg("%s(%a) = %a, libm says %La: %Lg ulp", name, x, got, want, ulps(got, want));
}

enum { SAMPLES = 200000 };

static double between(double lo, double hi, uint64_t i)
{
  return lo + (hi - lo) * (double)(word64(i) >> 11) * 0x1p-53;
}

START_TEST(exp_is_within_2_ulp)
{
  for (uint64_t i = 0; i < SAMPLES; i++) {
    compare("exp", portable_exp, expl, between(-750, 712, i));
    compare("exp", portable_exp, expl, between(-1, 1, i));
    compare("exp", portable_exp, expl, from_bits(word64(i)));
  }
}
END_TEST

START_TEST(log_is_within_2_ulp)
{
  for (uint64_t i = 0; i < SAMPLES; i++) {
    compare("log", portable_log, logl, from_bits(word64(i)));
    compare("log", portable_log, logl, between(0.5, 2, i));
    compare("log", portable_log, logl, between(1 - 1e-6, 1 + 1e-6, i));
    compare("log", portable_log, logl, from_bits(word64(i) >> 12)); /* denormal */
  }
}
END_TEST

START_TEST(tanh_is_within_2_ulp)
{
  for (uint64_t i = 0; i < SAMPLES; i++) {
    compare("tanh", portable_tanh, tanhl, between(-1, 1, i));
    compare("tanh", portable_tanh, tanhl, between(-24, 24, i));
    compare("tanh", portable_tanh, tanhl, from_bits(word64(i)));
  }
}
END_TEST

START_TEST(special_values)
{
  static const double x[] = {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0x1p-1074,
                             -0x1p-1074,
                             0x1p-1022,
                             0x1.fffffffffffffp+1023,
                             -0x1.fffffffffffffp+1023,
                             HUGE_VAL,
                             -HUGE_VAL,
                             709.782712893384,
                             709.7827128933841,
                             -708.3964185322641,
                             -745.1332191019411,
                             -745.1332191019412,
                             0.625,
                             0x1.4000000000001p-1,
                             20.0,
                             20.000000000000004};
  for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
    compare("exp", portable_exp, expl, x[i]);
    compare("log", portable_log, logl, x[i]);
    compare("tanh", portable_tanh, tanhl, x[i]);
  }
  const double nan = from_bits(0x7ff8000000000123);
  ck_assert(isnan(portable_exp(nan)) && isnan(portable_log(nan)) && isnan(portable_tanh(nan)));
  ck_assert(isnan(portable_log(-1.0)) && isnan(portable_log(-HUGE_VAL)));
  ck_assert(portable_exp(HUGE_VAL) == HUGE_VAL && portable_exp(-HUGE_VAL) == 0.0);
  ck_assert(portable_log(0.0) == -HUGE_VAL && portable_log(HUGE_VAL) == HUGE_VAL);
  ck_assert(portable_exp(0.0) == 1.0 && portable_log(1.0) == 0.0 && !signbit(portable_log(1.0)));
  ck_assert(signbit(portable_tanh(-0.0)) && portable_tanh(HUGE_VAL) == 1.0);
}
END_TEST

/* Bits that every machine must give: a compiler that fuses a * b + c, or computes with more digits
 * than a double has, changes them. */
START_TEST(bits_are_those_of_every_machine)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint64_t i = 0; i < 20000; i++) {
    const double v[] = {portable_exp(between(-700, 700, i)),
                        portable_log(from_bits(word64(i) >> 1)), portable_log(between(0.7, 1.5, i)),
                        portable_tanh(between(-3, 3, i))};
    for (size_t k = 0; k < sizeof v / sizeof *v; k++) {
      uint64_t b = 0;
      if (!isnan(v[k]))
        memcpy(&b, &v[k], sizeof b);
      hash = (hash ^ b) * 0x100000001b3u;
    }
  }
  ck_assert_msg(hash == 0x1b5b3a1c4e126ad4, "hash is 0x%llx", (unsigned long long)hash);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("philox");
  TCase *t = tcase_create("draws");
  tcase_add_loop_test(t, published_vectors, 0, sizeof vectors / sizeof *vectors);
  tcase_add_test(t, keys_are_as_defined);
  tcase_add_loop_test(t, words_are_as_defined, 0, sizeof runs / sizeof *runs);
  tcase_add_test(t, bulk_crosses_32_bits);
  tcase_add_test(t, parts_equal_the_whole);
  tcase_add_test(t, uniform_is_24_bits_of_a_word);
  tcase_add_test(t, normal_is_box_muller);
  tcase_add_loop_test(t, sets_give_the_same_bits, 0, PHILOX_SETS);
  tcase_add_loop_test(t, sets_carry_into_the_upper_counter, 0, PHILOX_SETS);
  tcase_add_loop_test(t, sets_agree_at_the_edges, 0, PHILOX_SETS);
  tcase_add_test(t, moments_are_right);
  tcase_add_test(t, normal_numbers_are_normal);
  tcase_add_test(t, every_part_of_an_address_counts);
  suite_add_tcase(s, t);
  TCase *f = tcase_create("functions");
  tcase_set_timeout(f, 60);
  tcase_add_test(f, exp_is_within_2_ulp);
  tcase_add_test(f, log_is_within_2_ulp);
  tcase_add_test(f, tanh_is_within_2_ulp);
  tcase_add_test(f, special_values);
  tcase_add_test(f, bits_are_those_of_every_machine);
  suite_add_tcase(s, f);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
