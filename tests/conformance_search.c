/* SPDX-License-Identifier: BSD-3-Clause
 * conformance_search.c - searches: what they propose is a point of the space, a function of space
 * and history alone, and in a finite space each point comes once. */
#include "conformance.h"
#include <math.h>
#include <stdlib.h>

enum { NDIM = 5, NTRIAL = 60, LAG = 3, NSPACE = 3, FINITE = 1 };
static const char *const kinds[] = {"dense", "conv", "pool", NULL};
static const double is_conv[] = {1}, deep[] = {2, 3};
static const rad_dim lr = {
    .name = "lr", .type = RAD_FLOAT, .log = true, .lo = 1e-4, .hi = 1, .parent = -1};
static const rad_dim rate = {
    .name = "rate", .type = RAD_FLOAT, .lo = -0.3, .hi = 0.8, .parent = -1};
static const rad_dim width = {
    .name = "width", .type = RAD_INT, .log = true, .lo = 3, .hi = 900, .parent = -1};
static const rad_dim conditional[4] = {
    {.name = "plugin", .type = RAD_ENUM, .hi = 1, .nchoice = 2, .choice = kinds, .parent = -1},
    {.name = "kernel", .type = RAD_INT, .lo = 1, .hi = 3, .parent = 0, .nwhen = 1, .when = is_conv},
    {.name = "repeat", .type = RAD_INT, .lo = 1, .hi = 3, .parent = -1},
    {.name = "units",
     .type = RAD_INT,
     .log = true,
     .lo = 4,
     .hi = 6,
     .parent = 2,
     .nwhen = 2,
     .when = deep}};

/* Conditional with a range of real numbers; FINITE: 28 points; without conditions or choices. */
static void make_space(size_t which, rad_dim dim[NDIM], const rad_dim *view[NDIM], rad_space *s)
{
  const rad_dim plain[] = {lr, width, rate};
  const rad_dim *from = which == 2 ? plain : conditional;
  s->ndim = which == 2 ? 3 : 4;
  s->dim = view;
  for (size_t d = 0; d < s->ndim; d++)
    dim[d] = from[d];
  if (which == 0)
    dim[s->ndim++] = lr;
  for (size_t d = 0; d < s->ndim; d++)
    view[d] = &dim[d];
}

static void check_point(const char *label, const rad_space *s, const double *point)
{
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_dim *m = s->dim[d];
    const double v = point[d];
    ck_assert_msg(isnan(v) == !rad_dim_exists(s, d, point), "%s: %s is %g", label, m->name, v);
    ck_assert_msg(isnan(v) || (v >= m->lo && v <= m->hi), "%s: %s = %g is out of range", label,
                  m->name, v);
    ck_assert_msg(isnan(v) || m->type == RAD_FLOAT || v == floor(v), "%s: %s = %g", label, m->name,
                  v);
  }
}

/* --- points that the user gives: the last ones of a finite space that have not been there --- */
static bool is_given(size_t t)
{
  return t < 2 || t == 6;
}

static void give(const rad_space *s, size_t t, double (*value)[NDIM])
{
  double point[NDIM];
  bool finite = true;
  for (size_t d = 0; d < s->ndim; d++) {
    const rad_dim *m = s->dim[d];
    finite = finite && m->type != RAD_FLOAT;
    value[t][d] =
        rad_dim_exists(s, d, value[t]) ? rad_dim_value(m, 0.3 + 0.07 * (double)t) : (double)NAN;
  }
  if (!finite)
    return;
  rad_space_low(s, 0, point);
  do {
    size_t k = 0;
    while (k < t && !same_bits(value[k], point, s->ndim * sizeof *point))
      k++;
    for (size_t d = 0; k == t && d < s->ndim; d++)
      value[t][d] = point[d];
  } while (rad_space_next(s, point));
}

/* --- a study with failures, lost trials and violations --- */
typedef struct course {
  rad_trial known[NTRIAL], hidden[NTRIAL];
  double value[NTRIAL][NDIM], score[NTRIAL][2], violation[NTRIAL][1];
  const rad_trial *list[NTRIAL];
} course;

static const double nothing[2] = {NAN, NAN};

static void run_trial(course *c, const rad_space *s, size_t t)
{
  const uint32_t state = t % 9 == 4 ? RAD_FAILED : t % 13 == 6 ? RAD_LOST : RAD_FINISHED;
  double sum = 0.0;
  for (size_t d = 0; d < s->ndim; d++)
    sum += isnan(c->value[t][d]) ? 0.1 : rad_dim_unit(s->dim[d], c->value[t][d]);
  c->score[t][0] = state == RAD_FINISHED ? sin(3 * sum) : (double)NAN;
  c->score[t][1] = state == RAD_FINISHED ? -sum : (double)NAN;
  c->violation[t][0] = state == RAD_FINISHED ? sum - 1.4 : (double)NAN;
  if (t % 7 == 3) { /* ruled out before the training */
    c->score[t][0] = c->score[t][1] = (double)NAN;
    c->violation[t][0] = 0.7;
  }
  c->known[t] = (rad_trial){.index = t,
                            .state = t % 7 == 3 ? RAD_PRUNED : state,
                            .value = c->value[t],
                            .score = c->score[t],
                            .violation = c->violation[t],
                            .given = is_given(t)};
  c->hidden[t] = c->known[t];
  c->hidden[t].state = RAD_RUNNING;
  c->hidden[t].score = c->hidden[t].violation = nothing;
}

static rad_status ask(bench *b, instance *i, course *c, const rad_space *s, size_t t, double *point)
{
  const rad_history h = {t, c->list};
  for (size_t k = 0; k < t; k++)
    c->list[k] = k + LAG < t ? &c->known[k] : &c->hidden[k];
  for (size_t d = 0; d < s->ndim; d++)
    point[d] = (double)NAN;
  const size_t mark = scratch_mark(&b->env);
  const rad_status r = i->plugin->ops.search.ask(&i->ctx, i->self, s, &h, point);
  scratch_release(&b->env, mark);
  return r;
}

/* A planned instance, or NULL: it refuses the space, and has said why. */
static instance *plan(bench *b, const plugin *p, size_t variant, const rad_space *s, uint64_t *n)
{
  instance *i = bench_variant(b, p, variant);
  rad_status r = i && p->ops.search.plan ? p->ops.search.plan(&i->ctx, i->self, s) : RAD_OK;
  if (i && r == RAD_OK)
    r = instance_state(i);
  if (i && r == RAD_OK && p->ops.search.count)
    r = p->ops.search.count(&i->ctx, i->self, s, n);
  ck_assert_msg(!i || r == RAD_OK || (r == RAD_EINVAL && b->diag.messages.n > 0),
                "%s: refuses without a message", label_of(b, p, variant));
  return r == RAD_OK ? i : NULL;
}

/* Asks until the space is exhausted. A second instance is asked for some of the trials only, and
 * for an earlier one in between: what an instance keeps must not matter. */
static size_t run_course(bench *b, const plugin *p, size_t variant, instance *i, const rad_space *s,
                         course *c)
{
  const char *label = label_of(b, p, variant);
  uint64_t n = 0;
  instance *other = plan(b, p, variant, s, &n);
  double point[NDIM];
  ck_assert_ptr_nonnull(other);
  for (size_t t = 0; t < NTRIAL; t++) {
    if (is_given(t)) {
      give(s, t, c->value);
      run_trial(c, s, t);
      continue;
    }
    const rad_status r = ask(b, i, c, s, t, c->value[t]);
    if (t % 5 == 2 || r == RAD_DONE) {
      ck_assert_int_eq(ask(b, other, c, s, t, point), r);
      ck_assert_msg(r == RAD_DONE || same_bits(c->value[t], point, s->ndim * sizeof *point),
                    "%s: trial %zu depends on what was asked before", label, t);
      const size_t before = is_given(t / 2) ? 2 : t / 2;
      ck_assert_int_eq(ask(b, other, c, s, before, point), RAD_OK);
      ck_assert_msg(same_bits(c->value[before], point, s->ndim * sizeof *point),
                    "%s: trial %zu depends on what was asked before", label, before);
    }
    if (r == RAD_DONE)
      return t;
    ck_assert_msg(r == RAD_OK, "%s: %s", label, text_str(&b->diag.messages));
    check_point(label, s, c->value[t]);
    run_trial(c, s, t);
  }
  return NTRIAL;
}

static bool try_space(const plugin *p, size_t variant, size_t which, size_t nscore)
{
  rad_dim dim[NDIM];
  const rad_dim *view[NDIM];
  rad_space s = {.nscore = nscore, .nconstraint = 1};
  uint64_t n = 0;
  bench b;
  course *c = calloc(1, sizeof *c);
  ck_assert_ptr_nonnull(c);
  make_space(which, dim, view, &s);
  bench_open(&b, 8);
  instance *i = plan(&b, p, variant, &s, &n);
  if (i) {
    const size_t asked = run_course(&b, p, variant, i, &s, c);
    ck_assert_msg(asked == (n > 0 && n < NTRIAL ? n : NTRIAL), "%s: %zu trials, not %d",
                  label_of(&b, p, variant), asked, (int)n);
    ck_assert_msg(which != FINITE || n == 28, "%s: counts %d", p->d.name, (int)n);
    for (size_t t = 0; which == FINITE && t < asked; t++)
      for (size_t u = 0; u < t; u++)
        ck_assert_msg(!same_bits(c->value[t], c->value[u], s.ndim * sizeof(double)),
                      "%s: the same point twice", label_of(&b, p, variant));
  }
  bench_close(&b);
  free(c);
  return i != NULL;
}

START_TEST(test_search)
{
  const plugin *p = nth_plugin(RAD_SEARCH, (size_t)_i);
  size_t accepted = 0;
  for (size_t v = 0; v < variants(p); v++)
    for (size_t which = 0; which < NSPACE; which++)
      for (size_t nscore = 0; nscore < 3; nscore++)
        accepted += try_space(p, v, which, nscore);
  ck_assert_msg(accepted >= variants(p), "%s accepts %zu of the spaces", p->d.name, accepted);
}
END_TEST

TCase *search_cases(void)
{
  TCase *t = tcase_create("search");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, test_search, 0, (int)under_test(RAD_SEARCH));
  return t;
}
