/* SPDX-License-Identifier: BSD-3-Clause
 * search_model.c - searches that learn from results, on functions whose optimum is known. Bounds
 * lie between what was measured and what random search reaches; both stand there. */
#include "sanitized.h"
#include "search.h"

/* All are to be maximised: minus the function. */
static double sphere(const double *x, size_t n)
{
  double sum = 0.0;
  for (size_t d = 0; d < n; d++)
    sum += (x[d] - 0.3) * (x[d] - 0.3);
  return -sum;
}

static double rosenbrock(const double *x, size_t n)
{
  double sum = 0.0;
  for (size_t d = 0; d + 1 < n; d++) {
    const double a = x[d + 1] - x[d] * x[d], b = 1.0 - x[d];
    sum += 100.0 * a * a + b * b;
  }
  return -sum;
}

/* Minimum 0.397887 at three points of [-5,10] x [0,15]; here on [0,1]^2. */
static double branin(const double *u)
{
  const double pi = 3.14159265358979323846, x = 15.0 * u[0] - 5.0, y = 15.0 * u[1];
  const double a = y - 5.1 / (4.0 * pi * pi) * x * x + 5.0 / pi * x - 6.0;
  return -(a * a + 10.0 * (1.0 - 1.0 / (8.0 * pi)) * cos(x) + 10.0);
}

/* On the integers from 0 to 20: 0 at (17, 16, 15, 14, 13, 12). */
static double lattice(const double *x)
{
  double sum = 0.0;
  for (size_t d = 0; d < 6; d++)
    sum += (x[d] + (double)d - 17.0) * (x[d] + (double)d - 17.0);
  return -sum;
}

/* Gardner et al. 2014, first example, with the opposite constraint, which a third of the square
 * keeps: minimum -1.8887. */
static double limited(const double *x, double *violation)
{
  violation[0] = 0.5 - cos(x[0] + x[1]);
  return -(cos(2.0 * x[0]) * cos(x[1]) + sin(x[0]));
}

/* Minimum -3.32237 on [0,1]^6. */
static double hartmann(const double *x)
{
  static const double alpha[] = {1.0, 1.2, 3.0, 3.2};
  static const double A[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                 {0.05, 10, 17, 0.1, 8, 14},
                                 {3, 3.5, 1.7, 10, 17, 8},
                                 {17, 8, 0.05, 10, 0.1, 14}};
  static const double P[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                 {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                 {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                 {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double sum = 0.0;
  for (size_t i = 0; i < 4; i++) {
    double z = 0.0;
    for (size_t d = 0; d < 6; d++)
      z += A[i][d] * (x[d] - P[i][d]) * (x[d] - P[i][d]);
    sum += alpha[i] * exp(-z);
  }
  return sum;
}

enum function { SPHERE, ROSENBROCK, BRANIN, HARTMANN, LATTICE, LIMITED };
static uint32_t evaluate(const double *x, void *with, double *score, double *violation)
{
  const int f = *(const int *)with;
  score[0] = f == SPHERE       ? sphere(x, 10)
             : f == ROSENBROCK ? rosenbrock(x, 5)
             : f == BRANIN     ? branin(x)
             : f == HARTMANN   ? hartmann(x)
             : f == LATTICE    ? lattice(x)
                               : limited(x, violation);
  return RAD_FINISHED;
}

enum { SEEDS = SANITIZED ? 1 : 10 };

/* Mean over seeds of the distance to the optimum. */
static double regret(int f, const char *name, const char *keys, size_t trials)
{
  static const double optimum[] = {0, 0, -0.39788735772973816, 3.322368011415515, 0, 1.8887462};
  static const size_t n[] = {10, 5, 2, 6, 6, 2};
  static const double lo[] = {0, -2, 0, 0, 0, 0}, hi[] = {1, 2, 1, 1, 20, 6};
  box room;
  const rad_space *s = box_of(&room, n[f], lo[f], hi[f]);
  for (size_t d = 0; f == LATTICE && d < n[f]; d++)
    room.dim[d].type = RAD_INT;
  room.space.nconstraint = f == LIMITED;
  return optimum[f] - mean_best(s, evaluate, &f, name, keys, trials, SEEDS);
}

/* The bound is what a search must reach and random search fails to: its mean is beside it. */
static const struct {
  const char *name;
  int f;
  size_t trials;
  double bound, measured, random;
} goals[] = {
    {"bayes", SPHERE, 60, 0.03, 0.003, 0.33},   {"bayes", ROSENBROCK, 60, 20, 6.4, 101},
    {"bayes", BRANIN, 40, 0.02, 8e-4, 1.4},     {"bayes", HARTMANN, 60, 0.2, 0.04, 1.44},
    {"bayes", LIMITED, 40, 0.05, 0.005, 0.55},  {"cma_es", SPHERE, 300, 0.02, 0.0032, 0.26},
    {"cma_es", ROSENBROCK, 300, 12, 3.8, 46},   {"cma_es", BRANIN, 300, 0.02, 3e-7, 0.19},
    {"cma_es", HARTMANN, 300, 0.3, 0.04, 1.01}, {"cma_es", LATTICE, 300, 0.5, 0, 60},
    {"tpe", SPHERE, 100, 0.05, 0.025, 0.31},    {"tpe", ROSENBROCK, 100, 10, 4.4, 78},
    {"tpe", BRANIN, 100, 0.02, 0.0054, 0.40},   {"tpe", HARTMANN, 100, 0.4, 0.135, 1.37},
};

START_TEST(reaches_the_optimum)
{
  const double r = regret(goals[_i].f, goals[_i].name, "", goals[_i].trials),
               random = regret(goals[_i].f, "random", "", goals[_i].trials);
  if (SANITIZED) /* the bound is one of the mean */
    return;
  ck_assert_msg(r < goals[_i].bound, "%s: %g", goals[_i].name, r);
  ck_assert_msg(random > goals[_i].bound, "the bound is no bound: random reaches %g", random);
}
END_TEST

TCase *model_cases(void)
{
  TCase *t = tcase_create("model");
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, reaches_the_optimum, 0, (int)(sizeof goals / sizeof *goals));
  return t;
}
