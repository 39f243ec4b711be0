/* SPDX-License-Identifier: BSD-3-Clause
 * make_fixtures.c - `make_fixtures FOLDER`: the test data sets for the shell tests. */
#include "fixtures.h"
#include <stdio.h>

int main(int argc, char **argv)
{
  if (argc != 2 || fixtures_write(argv[1]) != 0) {
    fprintf(stderr, "usage: make_fixtures FOLDER (empty, existing)\n");
    return 1;
  }
  return 0;
}
