/* SPDX-License-Identifier: BSD-3-Clause
 * search_parts.c - densities and processes that searches are made of, against values that
 * tests/peers/search_values.py prints. */
#include "../plugins/search/gp.h"
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
  static const double expect[2] = {-6.338804271593347, -5.543533161751809};
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

/* --- processes of bayes: two numbers and a choice of three --- */
enum { POINTS = 12, QUERIES = 16 };
typedef struct example {
  search_rig rig;
  gp g;
  double x[POINTS + QUERIES][3];
} example;
static const double theta[] = {0.41, 0.83, 1.27, 0.013};

static void example_open(example *e)
{
  static const bool choice[3] = {false, false, true};
  double mean = 0.0;
  e->rig = (search_rig){.space = &space, .f = no_result, .most = 1};
  must_search(&e->rig, "bayes", "", 5);
  ck_assert_int_eq(gp_new(&e->rig.i->ctx, &e->g, POINTS, 3), RAD_OK);
  e->g.x = &e->x[0][0];
  e->g.choice = choice;
  e->g.known = POINTS;
  for (size_t k = 0; k < POINTS + QUERIES; k++) {
    const double i = (double)k, *x = e->x[k];
    e->x[k][0] = fmod(0.37 * i + 0.11, 1.0);
    e->x[k][1] = fmod(0.73 * i + 0.29, 1.0);
    e->x[k][2] = (double)(k % 3);
    const double y = sin(5 * x[0]) + x[1] * x[1] - (x[2] == 1 ? 0.4 : 0.0) + 0.05 * cos(40 * i);
    mean += y / (POINTS + QUERIES);
    if (k < POINTS)
      e->g.y[k] = y;
  }
  for (size_t k = 0; k < POINTS; k++)
    e->g.y[k] -= mean;
  for (size_t d = 0; d < 4; d++)
    e->g.theta[d] = log(theta[d]);
}

static void predict(const gp *g, const double x[][3], double *mean, double *variance)
{
  double turned[3 * GP_LANES];
  for (size_t k = 0; k < GP_LANES; k++)
    for (size_t d = 0; d < 3; d++)
      turned[d * GP_LANES + k] = x[k][d];
  gp_predict(g, turned, mean, variance);
}

START_TEST(posterior_is_scikit_learns)
{
  static const double means[QUERIES] = {
      0.154377086152,  -1.0457369112,   0.814685098916,  -0.0409005740095,
      0.474626055904,  0.719679118561,  -0.272997191165, 0.21165629756,
      0.440891798477,  -0.395535076748, 0.39469021133,   -0.229233370694,
      -0.353877005738, 0.363225312062,  -0.567175406144, 0.0483089311193};
  static const double variances[QUERIES] = {
      0.265189924109, 0.0610985007036, 0.0563637422168, 0.258340975024,
      0.421519228297, 0.145117126005,  0.253036675681,  0.207949720181,
      0.191637793187, 0.260885230042,  0.18329834044,   0.2342303614,
      0.286358812937, 0.182956241699,  0.164066912745,  0.0796939932204};
  double mean[GP_LANES], variance[GP_LANES];
  example e;
  example_open(&e);
  gp_factor(&e.g);
  gp_results(&e.g);
  predict(&e.g, (const double(*)[3])e.x + POINTS, mean, variance);
  for (size_t k = 0; k < QUERIES; k++) {
    ck_assert_double_eq_tol(mean[k], means[k], 1e-10);
    ck_assert_double_eq_tol(variance[k], variances[k], 1e-10);
  }
  search_close(&e.rig);
}
END_TEST

/* NumPy's value and central differences of it; SciPy's best of 20 climbs is 12.3206. */
START_TEST(parameters_maximise_the_likelihood)
{
  static const double expect[] = {-1.448030709, 0.769981385, 0.176949737, -1.285870604};
  double gradient[4], room[2 * POINTS * POINTS];
  example e;
  example_open(&e);
  ck_assert_double_eq_tol(gp_likelihood(&e.g), 10.299286600564, 1e-10);
  gp_gradient(&e.g, gradient, room);
  for (size_t d = 0; d < 4; d++)
    ck_assert_double_eq_tol(gradient[d], expect[d], 1e-7);
  ck_assert_int_eq(gp_fit(&e.rig.i->ctx, &e.g), RAD_OK);
  ck_assert_double_eq_tol(gp_likelihood(&e.g), 12.320639177122967, 0.01);
  search_close(&e.rig);
}
END_TEST

/* A point without a result leaves the mean as it is and takes the uncertainty away. */
START_TEST(running_trials_are_believed)
{
  double mean[2][GP_LANES], variance[2][GP_LANES];
  example e;
  gp more;
  example_open(&e);
  gp_factor(&e.g);
  gp_results(&e.g);
  ck_assert_int_eq(gp_new(&e.rig.i->ctx, &more, POINTS + 2, 3), RAD_OK);
  more.x = e.g.x;
  more.choice = e.g.choice;
  more.known = POINTS;
  memcpy(more.y, e.g.y, POINTS * sizeof *more.y);
  memcpy(more.theta, e.g.theta, 4 * sizeof *more.theta);
  gp_factor(&more);
  gp_results(&more);
  predict(&e.g, (const double(*)[3])e.x + POINTS, mean[0], variance[0]);
  predict(&more, (const double(*)[3])e.x + POINTS, mean[1], variance[1]);
  for (size_t k = 0; k < QUERIES; k++) {
    ck_assert_double_eq_tol(mean[1][k], mean[0][k], 1e-12);
    ck_assert(variance[1][k] < variance[0][k]);
  }
  ck_assert_double_lt(variance[1][1], 0.1 * variance[0][0]);
  search_close(&e.rig);
}
END_TEST

TCase *part_cases(void)
{
  TCase *t = tcase_create("part");
  tcase_add_test(t, densities_are_the_formulas);
  tcase_add_test(t, draws_have_the_density);
  tcase_add_test(t, posterior_is_scikit_learns);
  tcase_add_test(t, parameters_maximise_the_likelihood);
  tcase_add_test(t, running_trials_are_believed);
  return t;
}
