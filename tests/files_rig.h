/* SPDX-License-Identifier: BSD-3-Clause
 * files_rig.h - loggers and exporters on made-up events and arrays, whose files are compared with
 * those in tests/golden, byte by byte. What is there was read by the programs that it is for
 * (tests/peers/files.py). GOLDEN=write in the environment writes them anew. */
#ifndef TESTS_FILES_RIG_H
#define TESTS_FILES_RIG_H
#include "host.h"
#include <check.h>

typedef struct files_rig {
  diag diag;
  env env;
  rad_host host; /* host->append with NULL goes to the file "exported" */
  instance *i;
  bool images; /* jobs have left files_image */
} files_rig;
extern const char files_dir[]; /* where they write: removed by files_end */
/* A plugin with some keys: (nset) pairs of key and value. */
void files_begin(files_rig *, uint32_t kind, const char *name, const char *const *set, size_t nset);
void files_end(files_rig *);
void files_same(const char *made, const char *golden); /* in files_dir; in tests/golden */

/* A study of two arms, seeds 4 and 9, and two trials, with hard names and numbers: every event of
 * it, in order. */
void files_study(files_rig *);
/* Arrays with irregular numbers: "act.W" (2,3), "act.b" (2) with NaN and infinity, "n" int64 (). */
const rad_array *const *files_arrays(size_t *n);
extern const uint8_t files_image[2][3]; /* two, 3 high, 1 wide */
/* What an exporter gets: those arrays as weights, a vector "a.confusion" of 4 numbers, and a
 * network of two operators, Gemm by act.W and a LeakyRelu. Writes "exported". */
void files_export(files_rig *);
#endif
