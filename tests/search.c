/* SPDX-License-Identifier: BSD-3-Clause
 * search.c - searches on functions whose optimum is known, and their parts against values that were
 * computed elsewhere. What all searches promise is in conformance_search.c. */
#include "search.h"
#include <stdio.h>
#include <stdlib.h>

plugins *registry;

const rad_space *box_of(box *room, size_t n, double lo, double hi)
{
  static const char *const name[] = {"a", "b", "c", "d", "e", "f"};
  for (size_t d = 0; d < n; d++) {
    room->dim[d] =
        (rad_dim){.name = name[d % 6], .type = RAD_FLOAT, .lo = lo, .hi = hi, .parent = -1};
    room->view[d] = &room->dim[d];
  }
  room->space = (rad_space){.ndim = n, .nscore = 1, .dim = room->view};
  return &room->space;
}

void must_search(search_rig *r, const char *name, const char *keys, uint64_t seed)
{
  const rad_status s = search_open(r, registry, name, keys, seed);
  ck_assert_msg(s == RAD_OK, "%s %s: %s", name, keys, text_str(&r->diag.messages));
}

double mean_best(const rad_space *s, search_function *f, void *with, const char *name,
                 const char *keys, size_t trials, size_t seeds)
{
  double sum = 0.0;
  for (size_t k = 0; k < seeds; k++) {
    search_rig r = {.space = s, .f = f, .with = with, .lag = 1, .most = trials};
    must_search(&r, name, keys, 101 + k);
    search_run(&r, trials);
    ck_assert_msg(r.n == trials, "%s: %s", name, text_str(&r.diag.messages));
    sum += search_best(&r, trials) / (double)seeds;
    search_close(&r);
  }
  return sum;
}

int main(void)
{
  Suite *s = suite_create("search");
  diag d = {0};
  if (plugins_new(&registry, NULL, &d) < 0) {
    fputs(text_str(&d.messages), stderr);
    return EXIT_FAILURE;
  }
  suite_add_tcase(s, plain_cases());
  suite_add_tcase(s, model_cases());
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  plugins_free(registry);
  diag_free(&d);
  return failed > 0;
}
