/* SPDX-License-Identifier: BSD-3-Clause
 * search_model.c - searches that learn from results, on functions whose optimum is known. */
#include "search.h"

TCase *model_cases(void)
{
  TCase *t = tcase_create("model");
  return t;
}
