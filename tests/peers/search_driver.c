/* SPDX-License-Identifier: BSD-3-Clause
 * search_driver.c - runs a search plugin on a table of results that is there already.
 *
 *   search_driver NAME KEY=VALUE...   in:  u64 lag, trials, first seed, seeds, ndim; of each
 *                                          dimension u64 whether it is a choice, number of values;
 *                                          f64 results (values of dimension 0, of 1, ...), greater
 *                                          is better
 *                                     out: f64 result of each trial (seeds,trials), NaN where there
 *                                          are no more; f64 seconds in ask, the longest, all seeds
 *
 * A dimension that is no choice is a range of integers, 0 and on. */
#include "search_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };
typedef struct table {
  rad_dim dim[MOST];
  const rad_dim *view[MOST];
  rad_space space;
  size_t n;
  double *result; /* (n) */
} table;

static uint32_t look_up(const double *value, void *with, double *score, double *violation)
{
  const table *t = with;
  size_t at = 0;
  (void)violation;
  for (size_t d = 0; d < t->space.ndim; d++)
    at = at * (size_t)(t->dim[d].hi + 1) + (size_t)value[d];
  score[0] = t->result[at];
  return isnan(score[0]) ? RAD_FAILED : RAD_FINISHED;
}

static bool get(void *p, size_t n, size_t size)
{
  return fread(p, size, n, stdin) == n;
}

static bool get_table(table *t)
{
  uint64_t ndim, d[2];
  if (!get(&ndim, 1, sizeof ndim) || ndim < 1 || ndim > MOST)
    return false;
  t->n = 1;
  for (size_t i = 0; i < ndim; i++) {
    if (!get(d, 2, sizeof *d) || d[1] < 1 || d[1] > 100000 || t->n > 100000000 / d[1])
      return false;
    t->dim[i] = (rad_dim){.name = "dimension",
                          .type = d[0] ? RAD_ENUM : RAD_INT,
                          .hi = (double)(d[1] - 1),
                          .nchoice = d[0] ? (size_t)d[1] : 0,
                          .parent = -1};
    t->view[i] = &t->dim[i];
    t->n *= (size_t)d[1];
  }
  t->space = (rad_space){.ndim = (size_t)ndim, .nscore = 1, .dim = t->view};
  t->result = calloc(t->n, sizeof *t->result);
  return t->result && get(t->result, t->n, sizeof *t->result);
}

static int run(const table *t, const uint64_t v[4], plugins *registry, const char *name,
               const char *keys)
{
  double spent[2] = {0.0, 0.0};
  for (uint64_t k = 0; k < v[3]; k++) {
    search_rig r = {.space = &t->space,
                    .f = look_up,
                    .with = (void *)(uintptr_t)t,
                    .lag = (size_t)v[0],
                    .most = (size_t)v[1]};
    if (search_open(&r, registry, name, keys, v[2] + k) != RAD_OK) {
      fprintf(stderr, "%s", text_str(&r.diag.messages));
      return EXIT_FAILURE;
    }
    search_run(&r, r.most);
    for (size_t i = r.n; i < r.most; i++)
      r.score[i] = (double)NAN;
    fwrite(r.score, sizeof *r.score, r.most, stdout);
    spent[0] += r.seconds;
    spent[1] = r.slowest > spent[1] ? r.slowest : spent[1];
    search_close(&r);
  }
  fwrite(spent, sizeof *spent, 2, stdout);
  return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
  static table t;
  plugins *registry = NULL;
  diag d = {0};
  text keys = {0};
  uint64_t v[4];
  int status = EXIT_FAILURE;
  for (int i = 2; i < argc; i++)
    text_printf(&keys, "%s%s", i > 2 ? " " : "", argv[i]);
  if (argc < 2 || !get(v, 4, sizeof *v) || !get_table(&t))
    fprintf(stderr, "search_driver NAME KEY=VALUE... < table\n");
  else if (plugins_new(&registry, NULL, &d) < 0)
    fprintf(stderr, "%s", text_str(&d.messages));
  else
    status = run(&t, v, registry, argv[1], text_str(&keys));
  if (registry)
    plugins_free(registry);
  text_free(&keys);
  diag_free(&d);
  free(t.result);
  return status;
}
