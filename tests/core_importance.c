/* SPDX-License-Identifier: BSD-3-Clause
 * core_importance.c - functional ANOVA on functions whose shares of the variance are known. */
#include "importance.h"
#include "philox.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

enum { D = 4, MOST = 3000 };
static const char *const words[] = {"red", "green", "blue"};
static const double green[] = {1};
static rad_dim dims[D];
static const rad_dim *view[D];
static rad_space space;
static double value[MOST][D], score[MOST];
static const double *point[MOST];
static arena mem;

static double uniform(size_t i, size_t d)
{
  float u[1];
  philox_uniform(philox_seedkey(7, philox_salt("test")),
                 &(rad_at){.when = i, .stream = (uint32_t)d}, 0, 1, u);
  return (double)u[0];
}

/* n points of floats in [lo, hi]. */
static void floats(size_t ndim, size_t n, double lo, double hi)
{
  for (size_t d = 0; d < ndim; d++) {
    dims[d] = (rad_dim){.name = "x", .type = RAD_FLOAT, .lo = lo, .hi = hi, .parent = -1};
    view[d] = &dims[d];
  }
  space = (rad_space){.ndim = ndim, .nscore = 1, .dim = view};
  for (size_t i = 0; i < n; i++) {
    point[i] = value[i];
    for (size_t d = 0; d < ndim; d++)
      value[i][d] = lo + (hi - lo) * uniform(i, d);
  }
}

static void find(importance *v, size_t n)
{
  ck_assert_int_eq(importance_find(v, &space, n, point, score, &mem), RAD_OK);
}

static void near(double got, double want, double off, const char *what)
{
  ck_assert_msg(fabs(got - want) <= off, "%s: %g, wanted %g within %g", what, got, want, off);
}

/* Var 4u = 16/12, Var 2u = 4/12: four fifths and one fifth. */
START_TEST(a_plane)
{
  importance v = {0};
  floats(3, 600, 0, 1);
  for (size_t i = 0; i < 600; i++)
    score[i] = 4 * value[i][0] - 2 * value[i][1];
  find(&v, 600);
  near(v.effect[0].share, 0.8, 0.04, "first");
  near(v.effect[1].share, 0.2, 0.04, "second");
  near(v.effect[2].share, 0.0, 0.01, "third");
  ck_assert_msg(v.explained > 0.95, "explained %g", v.explained);
  const effect *e = &v.effect[0];
  ck_assert_uint_eq(e->nbin, 32);
  size_t n = 0, top = 0;
  for (size_t k = 0; k < e->nbin; k++) { /* the marginal: 4 x - 1 */
    n += e->bin[k].n;
    top += e->bin[k].top;
    ck_assert(k == 0 || e->bin[k].value > e->bin[k - 1].value);
    near(e->bin[k].score, 4 * e->bin[k].value - 1, 0.3, "marginal");
  }
  ck_assert_uint_eq(n, 600);
  ck_assert_uint_eq(top, 60);
  ck_assert_uint_eq(e->bin[0].top, 0);
}
END_TEST

/* Ishigami, a = 7, b = 0.1: shares 0.3139, 0.4424 and 0 alone, 0.2437 of the first with the third.
 * Ishigami, Homma 1990; Sobol', Levitan 1999. */
START_TEST(ishigami)
{
  importance v = {0};
  floats(3, MOST, -3.14159265358979, 3.14159265358979);
  for (size_t i = 0; i < MOST; i++)
    score[i] = sin(value[i][0]) + 7 * pow(sin(value[i][1]), 2) +
               0.1 * pow(value[i][2], 4) * sin(value[i][0]);
  find(&v, MOST);
  near(v.effect[0].share, 0.3139, 0.03, "first");
  near(v.effect[1].share, 0.4424, 0.03, "second");
  near(v.effect[2].share, 0.0, 0.02, "third");
  near(1 - v.effect[0].share - v.effect[1].share - v.effect[2].share, 0.2437, 0.04, "rest");
}
END_TEST

/* A choice of which one is better by 1 (variance 2/9), a whole number that is there with green only
 * and then counts 0 or 1, and a dimension without a part. */
START_TEST(choices_and_conditions)
{
  importance v = {0};
  const size_t n = 900;
  floats(3, n, 0, 1);
  dims[0] = (rad_dim){
      .name = "colour", .type = RAD_ENUM, .hi = 2, .nchoice = 3, .choice = words, .parent = -1};
  dims[1] =
      (rad_dim){.name = "n", .type = RAD_INT, .hi = 1, .parent = 0, .nwhen = 1, .when = green};
  for (size_t i = 0; i < n; i++) {
    value[i][0] = (double)(i % 3);
    value[i][1] = i % 3 == 1 ? floor(2 * value[i][1]) : (double)NAN;
    score[i] = i % 3 == 1 ? 1.0 + value[i][1] : 0.0;
  }
  find(&v, n);
  ck_assert_uint_eq(v.effect[0].nbin, 3);
  ck_assert_uint_eq(v.effect[1].nbin, 3);
  ck_assert(isnan(v.effect[1].bin[0].value) && v.effect[1].bin[0].n == 600);
  ck_assert(v.effect[0].bin[1].value == 1 && v.effect[0].bin[1].top > 90);
  ck_assert(v.effect[0].bin[0].score < v.effect[0].bin[1].score);
  ck_assert(v.effect[2].share < 0.01);
  ck_assert(v.effect[0].share + v.effect[1].share > 0.6);
}
END_TEST

START_TEST(nothing_to_tell)
{
  importance v = {0};
  floats(2, 200, 0, 1);
  for (size_t i = 0; i < 200; i++)
    score[i] = 0.7318;
  ck_assert_int_eq(importance_find(&v, &space, 200, point, score, &mem), RAD_DONE);
  score[0] = 1;
  ck_assert_int_eq(importance_find(&v, &space, 9, point, score, &mem), RAD_DONE);
  for (size_t i = 0; i < 200; i++) /* noise: nobody foretells it */
    score[i] = uniform(i, 99);
  find(&v, 200);
  ck_assert_msg(v.explained < 0.05, "explained %g", v.explained);
}
END_TEST

static void tear_down(void)
{
  arena_free(&mem);
}

int main(void)
{
  Suite *s = suite_create("importance");
  TCase *t = tcase_create("importance");
  tcase_add_checked_fixture(t, NULL, tear_down);
  tcase_add_test(t, a_plane);
  tcase_add_test(t, ishigami);
  tcase_add_test(t, choices_and_conditions);
  tcase_add_test(t, nothing_to_tell);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed > 0;
}
