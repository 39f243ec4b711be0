/* SPDX-License-Identifier: BSD-3-Clause
 * data_lab.h - what the tests of data share: fixtures in a folder of their own, and experiments
 * written as text. */
#ifndef TESTS_DATA_LAB_H
#define TESTS_DATA_LAB_H
#include "data.h"

typedef struct data_lab {
  char folder[64]; /* fixtures, experiments, "cache" */
  diag diag;
  plugins *plugins;
  env env;
  config base, arm;
} data_lab;

void lab_begin(data_lab *); /* makes the folder and the fixtures */
void lab_end(data_lab *);   /* removes it */
/* Reads an experiment and takes one of its arms (NULL: the only one). FIX/ in the text becomes the
 * fixtures' folder. Forgets the one before. */
void lab_config(data_lab *, const char *ini, const char *arm);
/* lab_config and data_open, which must succeed. cache: below the folder, or NULL. */
data *lab_open(data_lab *, const char *ini, const char *arm, const char *cache);
/* data_open must fail with this status and a message that contains `text`. Returns how many files
 * there are in the folder of decoded data sets. */
size_t lab_refuses(data_lab *, const char *ini, rad_status, const char *text);
/* IDX files NAME-x and NAME-y in the folder: n images of 2 x 2 bytes, their labels. */
void lab_idx(const data_lab *, const char *name, size_t n, const uint8_t *x, const uint8_t *y);
const char *lab_path(const data_lab *, const char *name, char out[256]);
#endif
