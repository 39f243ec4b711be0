/* SPDX-License-Identifier: BSD-3-Clause
 * search_parts.c - densities and processes that searches are made of, against values that
 * tests/peers/search_values.py prints. */
#include "../plugins/search/parzen.h"
#include "search.h"

static const char *const words[] = {"a", "b", "c", NULL};
static const double is_b[] = {1};
static const rad_dim dims[] = {
    {.name = "rate", .type = RAD_FLOAT, .log = true, .lo = 1e-4, .hi = 1, .parent = -1},
    {.name = "kind", .type = RAD_ENUM, .hi = 2, .nchoice = 3, .choice = words, .parent = -1},
    {.name = "kernel", .type = RAD_INT, .lo = 1, .hi = 5, .parent = 1, .nwhen = 1, .when = is_b},
    {.name = "width", .type = RAD_INT, .log = true, .lo = 3, .hi = 900, .parent = -1}};
static const rad_dim *const view[] = {&dims[0], &dims[1], &dims[2], &dims[3]};
static const rad_space space = {.ndim = 4, .nscore = 1, .dim = view};

static uint32_t no_result(const double *value, void *with, double *score, double *violation)
{
  (void)value, (void)with, (void)violation;
  score[0] = 0.5;
  return RAD_FINISHED;
}

/* --- densities of tpe --- */
static const double point[3][4] = {{0.0031, 1, 4, 17}, {0.27, 0, NAN, 640}, {0.00052, 1, 1, 55}};
static const double *const points[] = {point[0], point[1], point[2]};
static const double weight[] = {0.31, 0.17, 0.29, 0.23};

START_TEST(densities_are_the_formulas)
{
  static const double query[2][4] = {{0.0092, 1, 3, 28}, {0.44, 2, NAN, 3}};
  static const double expect[2] = {-6.509025162646816, -5.5188539749871515};
  double term[4];
  parzen p;
  search_rig r = {.space = &space, .f = no_result, .most = 1};
  must_search(&r, "tpe", "", 5);
  ck_assert_int_eq(parzen_fit(&r.i->ctx, &p, &space, 3, points, weight), RAD_OK);
  for (size_t k = 0; k < 2; k++)
    ck_assert_double_eq_tol(parzen_log(&p, query[k], term), expect[k], 1e-12);
  search_close(&r);
}
END_TEST

/* What is drawn has the density: shares of 20,000 draws, 4.4 standard deviations. */
START_TEST(draws_have_the_density)
{
  enum { N = 20000 };
  double x[4], term[4];
  size_t kinds[3] = {0}, low = 0;
  parzen p;
  search_rig r = {.space = &space, .f = no_result, .most = 1};
  must_search(&r, "tpe", "", 5);
  ck_assert_int_eq(parzen_fit(&r.i->ctx, &p, &space, 3, points, weight), RAD_OK);
  for (uint64_t k = 0; k < N; k++) {
    parzen_draw(&r.i->ctx, &p, (rad_at){.when = 9, .index = k}, x);
    kinds[(size_t)x[1]]++;
    ck_assert(isnan(x[2]) == (x[1] != 1));
    low += x[3] <= 100;
  }
  double share = 0.0;
  for (double width = 3; width <= 100; width++) /* all else left out: the marginal density */
    share += exp(parzen_log(&p, (double[4]){NAN, NAN, NAN, width}, term));
  ck_assert_double_eq_tol((double)low / N, share, 4.4 * sqrt(share * (1 - share) / N));
  for (size_t k = 0; k < 3; k++) {
    share = exp(parzen_log(&p, (double[4]){NAN, (double)k, NAN, NAN}, term));
    ck_assert_double_eq_tol((double)kinds[k] / N, share, 4.4 * sqrt(share * (1 - share) / N));
  }
  search_close(&r);
}
END_TEST

TCase *part_cases(void)
{
  TCase *t = tcase_create("part");
  tcase_add_test(t, densities_are_the_formulas);
  tcase_add_test(t, draws_have_the_density);
  return t;
}
