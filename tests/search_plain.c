/* SPDX-License-Identifier: BSD-3-Clause
 * search_plain.c - quasi_random: the sequence, its projections and its discrepancy. */
#include "search.h"

static uint32_t no_result(const double *value, void *with, double *score, double *violation)
{
  (void)value, (void)with, (void)violation;
  score[0] = 0.5;
  return RAD_FINISHED;
}

/* --- quasi_random --- */
/* Point 77 of scipy.stats.qmc.Sobol(37, scramble=False), times 128. SciPy counts in Gray code: it
 * is its point k with k ^ k >> 1 = 77. */
START_TEST(sobol_is_scipys)
{
  static const double expect[37] = {89, 61,  127, 41, 53, 67,  103, 49, 13,  45,  87, 3,   73,
                                    25, 101, 27,  83, 51, 111, 15,  29, 39,  109, 83, 103, 117,
                                    77, 89,  35,  17, 79, 57,  13,  53, 115, 73,  121};
  box room;
  double x[38];
  search_rig r = {.space = box_of(&room, 37, 0, 128), .f = no_result, .most = 100};
  must_search(&r, "quasi_random", "scramble=false", 5);
  search_run(&r, 77);
  ck_assert_int_eq(search_ask(&r, x), RAD_OK);
  for (size_t d = 0; d < 37; d++)
    ck_assert_msg(x[d] == expect[d], "dimension %zu: %g, not %g", d, x[d], expect[d]);
  search_close(&r);
}
END_TEST

/* The first 2^k points have one value in each 2^k-th of every dimension, also of those beyond the
 * table; seeds differ. */
START_TEST(projections_are_stratified)
{
  box room;
  search_rig a = {.space = box_of(&room, 40, 0, 1), .f = no_result, .most = 64}, b = a;
  must_search(&a, "quasi_random", "", 5);
  must_search(&b, "quasi_random", "", 6);
  search_run(&a, 64);
  search_run(&b, 64);
  for (size_t n = 1; n <= 64; n *= 2)
    for (size_t d = 0; d < 40; d++) {
      bool there[64] = {false};
      for (size_t i = 0; i < n; i++)
        there[(size_t)(a.value[i * 40 + d] * (double)n)] = true;
      for (size_t i = 0; i < n; i++)
        ck_assert_msg(there[i], "%zu points, dimension %zu: none in part %zu", n, d, i);
    }
  for (size_t k = 0; k < 64 * 40; k++)
    ck_assert(a.value[k] != b.value[k]);
  search_close(&a);
  search_close(&b);
}
END_TEST

/* Square of the centred L2 discrepancy: Hickernell 1998, Math. Comput. 67, 299-322, eq. 1.4. */
static double discrepancy(const double *x, size_t n, size_t D)
{
  double one = 0.0, two = 0.0;
  for (size_t i = 0; i < n; i++) {
    double p = 1.0;
    for (size_t d = 0; d < D; d++) {
      const double a = fabs(x[i * D + d] - 0.5);
      p *= 1.0 + 0.5 * a - 0.5 * a * a;
    }
    one += p;
    for (size_t k = 0; k < n; k++) {
      double q = 1.0;
      for (size_t d = 0; d < D; d++) {
        const double u = x[i * D + d], v = x[k * D + d];
        q *= 1.0 + 0.5 * fabs(u - 0.5) + 0.5 * fabs(v - 0.5) - 0.5 * fabs(u - v);
      }
      two += q;
    }
  }
  return pow(13.0 / 12.0, (double)D) - 2.0 * one / (double)n + two / (double)(n * n);
}

static double discrepancy_of(const char *name, const char *keys, uint64_t seed, size_t n)
{
  box room;
  search_rig r = {.space = box_of(&room, 5, 0, 1), .f = no_result, .most = n};
  must_search(&r, name, keys, seed);
  search_run(&r, n);
  const double d = discrepancy(r.value, n, 5);
  search_close(&r);
  return d;
}

/* Measured over 20 seeds: 40 points 0.0113 (0.0095 .. 0.0144) against 0.058 (0.040 .. 0.097). */
START_TEST(quasi_random_is_more_even_than_random)
{
  /* scipy.stats.qmc.discrepancy(Sobol(5, scramble=False).random(64)) */
  ck_assert_double_eq_tol(discrepancy_of("quasi_random", "scramble=false", 1, 64),
                          0.0031211288638202106, 1e-15);
  for (uint64_t seed = 1; seed <= 20; seed++) {
    const double even = discrepancy_of("quasi_random", "", seed, 40),
                 random = discrepancy_of("random", "", seed, 40);
    ck_assert_msg(even < 0.5 * random, "seed %d: %g against %g", (int)seed, even, random);
  }
}
END_TEST

TCase *plain_cases(void)
{
  TCase *t = tcase_create("plain");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, sobol_is_scipys);
  tcase_add_test(t, projections_are_stratified);
  tcase_add_test(t, quasi_random_is_more_even_than_random);
  return t;
}
